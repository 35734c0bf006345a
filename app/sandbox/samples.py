"""One message now, on a channel of one's choice: a ladder may take days to come there.

A sample is a contact about the instalment that presses most, written as the engine writes one, in the words of the
catalogue, and everything after that is the usual way: outbox, provider, receipts, withdrawal when it is paid. It passes by
quiet hours, caps and the policy's steps, which is why only the sandbox can make one; an address that is gone and a STOP hold
it back.
"""

import secrets
import time
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from app import clock
from app.domain.cases import Case, DecisionKey, Subject
from app.domain.decided import Candidate, Decided, Made, NewContact, Standing, Verdict
from app.domain.decisions import decide
from app.domain.errors import ConflictError
from app.domain.policies import OUTWARD_CHANNELS, Rules, Rung, Step
from app.domain.reasons import Outcome, Reason
from app.domain.times import business_date
from app.persistence.models.messages import MessageRow
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.cases import load_cases
from app.persistence.unit_of_work import looking, unit_of_work
from app.sandbox.virtual_phone import get_borrower_id
from app.services.decision_writing import DecisionWriting
from app.services.policies import load_rules
from app.services.rule_parts import outward_channels

KEY = "sample-"
"""How the step of a sample begins."""
_LASTS = timedelta(hours=2)
_LEAVES_WITHIN_SECONDS = 5.0
_OVERDUE = {"voice": "overdue_help", "letter": "letter_arrears"}


def send_sample(borrower_no: str, channel: str, *, now: datetime) -> None:
    """Put a message on a channel into the outbox. Raises NotFoundError, ConflictError that says why there is none.

    Waits a few seconds for what is on its way to this borrower. A sample changes the case, and what was claimed before is
    then decided anew: of an earlier sample, whose step no policy has, nothing would be left.
    """
    if channel not in OUTWARD_CHANNELS or channel not in outward_channels():
        raise ConflictError("This channel is not set up here.")
    _await_departure(borrower_no, now)
    with unit_of_work() as work:
        borrower_id = get_borrower_id(work.session, borrower_no)
        lock_agenda(work.session, [borrower_id])
        rules = load_rules(work.session)
        if rules is None:
            raise ConflictError("The engine has not started yet; try again in a moment.")
        loaded = load_cases(work.session, [borrower_id], now=now, rules=rules)[borrower_id]
        block = loaded.case.blocks.get(channel)
        if block is not None:
            raise ConflictError(f"Nothing may go there: {block.value}.")
        candidate = _candidate(loaded.case, rules, channel, now)
        writing = DecisionWriting(work.vault, rules, now)
        writing.take(borrower_id, loaded, _with(decide(loaded.case, rules, now), loaded.case, candidate, channel, now))
        writing.write(work)


def _await_departure(borrower_no: str, now: datetime) -> None:
    give_up_at = clock.monotonic_seconds() + _LEAVES_WITHIN_SECONDS
    while _is_leaving(borrower_no, now) and clock.monotonic_seconds() < give_up_at:
        _pause()


def _pause() -> None:
    time.sleep(0.05)


def _is_leaving(borrower_no: str, now: datetime) -> bool:
    """Whether a message to this borrower is about to leave. One-time codes are of no case."""
    with looking() as session:
        statement = select(MessageRow.id).where(
            MessageRow.borrower_id == get_borrower_id(session, borrower_no),
            MessageRow.lane.in_(OUTWARD_CHANNELS),
            or_(MessageRow.state != "queued", MessageRow.next_attempt_at <= now),
        )
        return session.scalar(statement.limit(1)) is not None


def _candidate(case: Case, rules: Rules, channel: str, now: datetime) -> Candidate:
    """Return what the sample is about: the oldest instalment that is open. Raises ConflictError."""
    spoken_of = sorted((s for s in case.subjects if s.speaks), key=lambda s: (s.due_on, s.loan_no, s.row_no))
    if not spoken_of:
        raise ConflictError("Nothing is open, so there is nothing to say.")
    subject = spoken_of[0]
    step = Step(
        key=f"{KEY}{channel}-{secrets.token_hex(4)}",
        offset_days=0,
        at=now.time(),
        expires_after=_LASTS,
        stage="due",
        template=_template(subject, channel, case, now),
        ladder=(Rung(channel),),
        given_class="servicing",
    )
    return Candidate(subject, step, now, rules.policy_of(subject.loan.lender_id))


def _template(subject: Subject, channel: str, case: Case, now: datetime) -> str:
    today = business_date(now, case.zone or subject.lender_zone)
    if subject.due_on < today:
        return _OVERDUE.get(channel, "overdue_early")
    if channel in _OVERDUE:
        raise ConflictError("Calls and letters are about what is overdue: move the clock past the due date first.")
    return "due_today" if subject.due_on == today else "due_soon"


def _with(decided: Decided, case: Case, candidate: Candidate, channel: str, now: datetime) -> Decided:
    """Return what was decided with the sample added; samples that wait to leave are let be."""
    zone = case.zone or candidate.subject.lender_zone
    until = now + _LASTS
    rungs = (Made("in_app", 0, until), Made(channel, 0, until))
    contact = NewContact(
        business_date(now, zone), (zone,), None, candidate, (), rungs, candidate.step.template, 1, now, until
    )
    verdict = Verdict(
        candidate.key, candidate.subject.loan_id, candidate.subject.row_no, now, contact.local_date, Outcome.SENT,
        Reason.ON_SCHEDULE, channels=(channel,), contact_no=len(decided.contacts), policy_id=candidate.policy.policy_id,
    )  # fmt: skip
    waiting = {
        each.contact_id
        for each in case.contacts
        if each.subject_keys and all(key.step_key.startswith(KEY) for key in each.subject_keys) and each.waiting
    }
    return replace(
        decided,
        contacts=(*decided.contacts, contact),
        verdicts=(*(said for said in decided.verdicts if not _is_about(said.key, case, waiting)), verdict),
        cancelled=tuple(each for each in decided.cancelled if each.contact_id not in waiting),
        standing=(*decided.standing, *(Standing(contact_id, until) for contact_id in waiting)),
    )


def _is_about(key: DecisionKey, case: Case, contact_ids: set[str]) -> bool:
    past = case.decisions.get(key)
    return past is not None and past.contact_id in contact_ids
