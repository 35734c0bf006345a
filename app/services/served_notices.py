"""Notices served on a borrower about a loan: written once, posted as every message is, and delivered only by proof.

A notice is written as what waits to be decided: the engine looks at its borrower next and asks the gate about it (the law,
holds, the borrower's wishes, whether the money has come in), and it stands or is taken back with the reason. From then on a
payment or a hold keeps it back like any other message. So whoever serves thousands at once asks nothing of each.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.contact_gates import LoanNow
from app.domain.errors import NotFoundError, refused_at
from app.domain.lanes import lane_of
from app.domain.manual_contacts import NOTICE
from app.domain.reasons import Outcome, Reason
from app.domain.served_notices import CHANNELS, LETTER, NoticeWanted, Proof, ServedNotice, delivery_of, proofs_told
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.queries import served_notices as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import find_locales
from app.persistence.queries.chunks import chunks
from app.persistence.queries.contact_loans import find_loans_of
from app.persistence.queries.decisions import mark_cancelled
from app.persistence.unit_of_work import Work
from app.services import agenda
from app.services.app_openings import Opening, counting
from app.services.letter_withdrawals import withdraw_unposted
from app.services.manual_contacts import CAP_CLASS, MANUAL
from app.services.message_texts import WrittenMessage, written_message
from app.wording.catalogue import match_locale
from app.wording.template_texts import purpose_of
from app.wording.variables import Value, write_variables

__all__ = ["NoticeWanted", "ServedNotice", "find_served", "serve_notices", "served_of", "take_back_notices"]

ROLE = "engine"
_LIVES = {LETTER: timedelta(days=7)}
_LIVES_ELSE = timedelta(days=1)
"""A notice that has not left by then is not what was decided; whoever wants it says so again, under another key."""


def serve_notices(work: Work, wanted: Sequence[NoticeWanted], *, by: str, now: datetime) -> list[str]:
    """Write notices into the outbox, each once by its key; return their messages, one for each wanted, in that order.

    A fixed number of statements, however many. `by`: who or what decided it (a policy's key, staff). Takes the borrowers'
    agenda rows. Raises NotFoundError for a loan that is not the borrower's or has no plan, ValidationError for a channel
    that nothing is served on and for a template that cannot be written (all or nothing is written).
    """
    for each in wanted:
        if each.channel not in CHANNELS:
            raise refused_at("/channel", f"Nothing is served on {each.channel}.")
    known = queries.find_keys(work.session, [each.key for each in wanted])
    fresh = {each.key: each for each in wanted if each.key not in known}
    if fresh:
        known |= _write(work, list(fresh.values()), by=by, now=now)
    return [known[each.key] for each in wanted]


def find_served(
    session: Session, loan_ids: Collection[str], kinds: Collection[str] | None = None
) -> Mapping[str, Sequence[ServedNotice]]:
    """Return loan -> the notices about it, oldest first; a loan without any is absent. A fixed number of statements."""
    rows = queries.find_served(session, loan_ids, kinds=kinds)
    found: dict[str, list[ServedNotice]] = defaultdict(list)
    for notice in served_of(session, rows):
        found[notice.loan_id].append(notice)
    return found


def find_served_to(session: Session, borrower_ids: Collection[str]) -> list[ServedNotice]:
    """Return the notices that were written to these borrowers and are not known to have reached nobody, oldest first.

    One that failed, was cancelled or ran out was not served; a letter that came back was, and says so.
    """
    return served_of(session, queries.find_served_on(session, borrower_ids))


def served_of(session: Session, rows: Sequence[Any]) -> list[ServedNotice]:
    """Return notices as they are told, of the rows that the queries give."""
    recorded = queries.find_proofs(session, [row.message_id for row in rows])
    told = told_of(session, [(row, row.kind) for row in rows])
    return [
        _served(row, [*proofs, *((each.kind, each.delivered_at) for each in recorded.get(row.message_id, ()))])
        for row, proofs in zip(rows, told, strict=True)
    ]


def _served(row: Any, proofs: Sequence[Proof]) -> ServedNotice:
    delivered = delivery_of(proofs, row.returned_at)
    return ServedNotice(
        row.message_id, row.borrower_id, row.loan_id, row.kind, row.channel, row.sent_at,
        None if delivered is None else delivered[0], row.returned_at, None if delivered is None else delivered[1],
        row.sha256 if row.channel == LETTER else row.said_sha256, row.answer_by,
    )  # fmt: skip


def told_of(reads: Connection | Session, rows: Sequence[tuple[Any, str | None]]) -> list[list[Proof]]:
    """Return what the ways themselves tell of queries' rows, each with the kind of notice that it is, in that order.

    That it was opened is told where the law of that notice takes it for delivery. A read mark tells nothing: whoever marks a
    whole list as read has opened none of it.
    """
    openings = [
        None if row.clicked_at is None else Opening(row.borrower_id, row.loan_id, kind, row.clicked_at) for row, kind in rows
    ]
    counts = counting(reads, [each for each in openings if each is not None])
    return [
        proofs_told(
            row.channel, post_at=row.post_delivered_at, receipt_at=row.receipt_at,
            opened_at=row.clicked_at if opening in counts else None,
        )
        for (row, _), opening in zip(rows, openings, strict=True)
    ]  # fmt: skip


def take_back_notices(work: Work, message_ids: Collection[str], *, reason: str, now: datetime) -> int:
    """Take back those of these notices that have not left; return of how many anything was left to take back.

    One that its printer has and has not posted is asked back. `reason`: a code of docs/reasons.md, which the message and the
    record of its contact then carry. Takes the borrowers' agenda rows.
    """
    waiting = queries.find_waiting(work.session, message_ids)
    if not waiting:
        return 0
    agenda.touch(work, {row.borrower_id for row in waiting}, now=now)
    for part in chunks([row.contact_id for row in waiting]):
        mark_cancelled(work.session, part, reason=reason)
        queries.mark_records_ended(work.session, part, reason=reason, now=now)
        withdraw_unposted(work, part, now=now)
    for row in waiting:
        facts = {"message_id": row.message_id, "reason": reason}
        add_audit(work.session, at=now, actor="engine", action="notice.taken_back", borrower_id=row.borrower_id, facts=facts)
    return len(waiting)


# -- writing -----------------------------------------------------------------------------------------------------------


def _write(work: Work, wanted: Sequence[NoticeWanted], *, by: str, now: datetime) -> dict[str, str]:
    borrower_ids = sorted({each.borrower_id for each in wanted})
    agenda.touch(work, borrower_ids, now=now)
    found = find_loans_of(work.session, borrower_ids, now, horizon=now.date())
    loans = {loan.loan_id: (borrower_id, loan) for borrower_id, some in found.items() for loan in some}
    locales = find_locales(work.session, borrower_ids)
    contacts, records, messages, notices = [], [], [], []
    ids: dict[str, str] = {}
    for each in wanted:
        borrower_id, loan = loans.get(each.loan_id, (None, None))
        if loan is None or borrower_id != each.borrower_id:
            raise NotFoundError("There is no such loan of this borrower, or it has no plan.")
        said, variables = _said(each, loan, locales.get(each.borrower_id), now)
        message_id, contact_id = new_id(), new_id()
        ids[each.key] = message_id
        message_class = class_of(each)
        contacts.append(_contact(contact_id, each, loan, message_class, now))
        records.append(_record(contact_id, each, loan, message_class, by, now))
        text: dict[str, Any] = {"title": said.title, "body": said.body, "variables": variables}
        sealed = work.vault.seal(orjson.dumps(text).decode(), place=f"messages.text:{message_id}")
        messages.append(_message(message_id, contact_id, each, said, sealed, message_class, now))
        notices.append(
            {
                "id": new_id(), "borrower_id": each.borrower_id, "loan_id": each.loan_id, "kind": each.kind,
                "key": each.key, "channel": each.channel, "message_id": message_id,
                "said_sha256": hashlib.sha256(f"{said.title}\n{said.body}".encode()).hexdigest(), "by": by,
                "created_at": now,
            }
        )  # fmt: skip
    queries.add_served(work.session, contacts=contacts, records=records, messages=messages, notices=notices)
    facts = {"count": len(notices), "kinds": sorted({each.kind for each in wanted})}
    add_audit(work.session, at=now, actor=by, action="notices.served", borrower_id=None, facts=facts)
    return ids


def class_of(wanted: NoticeWanted) -> str:
    """Return the class of a notice: what its template is for; statutory, where it is for several."""
    purpose = purpose_of(wanted.template)
    classes = () if purpose is None else tuple(purpose.classes)
    return "statutory" if "statutory" in classes or not classes else classes[0]


def _said(
    wanted: NoticeWanted, loan: LoanNow, locale: str | None, now: datetime
) -> tuple[WrittenMessage, Mapping[str, str | int]]:
    values: dict[str, Value] = {**standard_values(loan, now), **wanted.values}  # type: ignore[dict-item]
    variables = write_variables(values, match_locale(locale))
    said = written_message(wanted.template, wanted.channel, locale, variables)
    if said.fault is not None:
        raise refused_at("/template", f"{wanted.template} cannot be written on {wanted.channel}: {said.fault}.")
    return said, variables


def standard_values(loan: LoanNow, now: datetime) -> dict[str, Value]:
    """Return what every notice about a loan may say: what is past due, else what falls due next."""
    today = business_date(now, loan.lender_zone)
    late = [row for row in loan.rows if row.due_on < today] or list(loan.rows[:1])
    return {
        "count": len(late) or 1, "amount": {loan.currency: sum(row.open_minor for row in late)},
        "due_on": min((row.due_on for row in late), default=today), "loan": loan.loan_no, "lender": loan.facts.lender_name,
    }  # fmt: skip


def _contact(contact_id: str, wanted: NoticeWanted, loan: LoanNow, message_class: str, now: datetime) -> dict[str, Any]:
    return {
        "id": contact_id, "borrower_id": wanted.borrower_id, "message_class": message_class,
        "local_date": business_date(now, loan.lender_zone), "zones": [loan.lender_zone], "cap_class": CAP_CLASS,
        "slot_no": None, "stage": MANUAL, "step_key": MANUAL, "origin": MANUAL, "rungs_done": 0, "state": "open",
        "created_at": now,
    }  # fmt: skip


def _record(
    contact_id: str, wanted: NoticeWanted, loan: LoanNow, message_class: str, by: str, now: datetime
) -> dict[str, Any]:
    return {
        "id": new_id(), "borrower_id": wanted.borrower_id, "lender_id": loan.lender_id, "contact_id": contact_id,
        "kind": NOTICE, "channel": wanted.channel, "message_class": message_class, "loan_ids": [wanted.loan_id],
        "template": wanted.template, "markers": None, "made_at": now, "by": by, "role": ROLE, "overridden": [],
        "override_reason_sealed": None, "outcome": Outcome.SENT.value, "reason": Reason.ON_SCHEDULE.value, "rule": None,
        "changed_at": now,
    }  # fmt: skip


def _message(
    message_id: str, contact_id: str, wanted: NoticeWanted, said: WrittenMessage, sealed: bytes | None, message_class: str,
    now: datetime,
) -> dict[str, Any]:  # fmt: skip
    return {
        "id": message_id, "borrower_id": wanted.borrower_id, "contact_id": contact_id, "challenge_id": None,
        "channel": wanted.channel, "message_class": message_class, "template": wanted.template,
        "template_version": said.version, "locale": said.locale, "text_sealed": sealed, "state": "stale",
        "lane": lane_of("stale", message_class=message_class, channel=wanted.channel), "not_before": now,
        "not_after": now + _LIVES.get(wanted.channel, _LIVES_ELSE), "case_version": 0, "rules_epoch": 0, "attempts": 0,
        "next_attempt_at": now, "created_at": now, "sent_at": None, "rung_no": 0, "about": [f"{wanted.loan_id}/0"],
        "version": 1,
    }  # fmt: skip
