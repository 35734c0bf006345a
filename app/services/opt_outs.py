"""Texts that borrowers send: STOP counts at once, START takes it back, and what sounds like a STOP goes to a person."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.consents import CONTACT, ConsentValues, revoked_by_stop, said
from app.domain.errors import refused_at
from app.domain.opt_outs import OTHER, START, STOP, UNCLEAR, folded_text, meaning_of
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.borrowers import find_borrowers_by_term
from app.persistence.queries.law_cases import find_jurisdictions
from app.persistence.unit_of_work import Work
from app.services.consents import consents_of, record_consents
from app.services.law_gates import ask_law, note
from app.services.tasks import NewTask, add_task

TEXT_CHANNELS = ("sms", "wechat", "email", "voice", "push", "letter")
REVIEW_QUEUE = "opt_outs"


@dataclass(frozen=True, slots=True)
class ReceivedText:
    """What became of a text: its meaning (stop, start, unclear, other), whose it may be, for whom it changed something."""

    meaning: str
    borrower_ids: tuple[str, ...]
    changed: tuple[str, ...] = ()


def receive_text(
    work: Work, *, channel: str, text: str, now: datetime, borrower_id: str | None = None, phone: str | None = None
) -> ReceivedText:
    """Read a text on a channel from a borrower, or from a phone in E.164.

    A phone may be several borrowers' (a family's): a STOP from it is the STOP of each. The text itself is not kept. Raises
    ValidationError.
    """
    if channel not in TEXT_CHANNELS:
        raise refused_at("/channel", f"channel is not one of {', '.join(TEXT_CHANNELS)}.")
    meaning = meaning_of(text)
    borrower_ids = _whose(work, borrower_id, phone)
    lock_agenda(work.session, borrower_ids)
    evidence = {"word": folded_text(text)} if meaning in (STOP, START) else {}
    if meaning == OTHER and any([_is_revoked_by_law(work, each, channel, text, now) for each in borrower_ids]):
        meaning = STOP  # a law takes the words for an opt-out: it counts at once, whatever a person makes of them later
    if meaning == OTHER:
        return ReceivedText(meaning, borrower_ids)
    changed = [each for each in borrower_ids if _act(work, each, meaning, channel, evidence, now)]
    return ReceivedText(meaning, borrower_ids, tuple(changed))


def opt_out(work: Work, borrower_id: str, channel: str, *, by: str, now: datetime, evidence: str | None = None) -> bool:
    """Stop contact with a borrower on a channel at once; return whether that was new. Raises ValidationError."""
    lock_agenda(work.session, [borrower_id])
    told = revoked_by_stop(consents_of(work.session, borrower_id), channel, None) or [ConsentValues(CONTACT, channel, False)]
    return bool(record_consents(work, borrower_id, told, by=by, now=now, evidence={"where": evidence} if evidence else None))


def _whose(work: Work, borrower_id: str | None, phone: str | None) -> tuple[str, ...]:
    if borrower_id is not None:
        return (borrower_id,)
    if phone is None:
        raise refused_at("/phone", "Say whose text it is: the borrower or the phone.")
    digests = [each.digest for each in work.vault.search_hashes("phone", phone)]
    return tuple(find_borrowers_by_term(work.session, "phone", digests))


def _is_revoked_by_law(work: Work, borrower_id: str, channel: str, text: str, now: datetime) -> bool:
    """Ask the law of the lenders' or the borrower's country about a text; the work it names for a person is made."""
    revoked = False
    for jurisdiction in find_jurisdictions(work.session, borrower_id):
        answer = ask_law(
            work.session,
            act="receive_message",
            borrower_id=borrower_id,
            jurisdiction=jurisdiction,
            facts={"channel": channel, "inbound_text": text},
            now=now,
        )
        revoked = revoked or any(result.values.get("revoked") for _, result in answer.judgement.findings)
        occasion = f"{borrower_id}/{channel}/{now.date().isoformat()}"
        if answer.judgement.tasks:
            note(work, answer, occasion=occasion, borrower_id=borrower_id, loan_id=None, now=now)
    return revoked


def _act(work: Work, borrower_id: str, meaning: str, channel: str, evidence: dict[str, str], now: datetime) -> bool:
    stands = consents_of(work.session, borrower_id)
    if meaning == STOP:
        told = revoked_by_stop(stands, channel)
    elif meaning == START and said(stands, CONTACT, channel) is False:
        told = [ConsentValues(CONTACT, channel, True, "electronic")]
    elif meaning == UNCLEAR:
        key = f"opt-out-review/{borrower_id}/{channel}/{now.date().isoformat()}"
        task = NewTask(key, borrower_id, "review_by_person", REVIEW_QUEUE, due_at=now, facts={"channel": channel})
        return add_task(work, task, now=now).created
    else:
        told = []
    return bool(told) and bool(record_consents(work, borrower_id, told, by="text", now=now, evidence=evidence))
