"""Dialling by hand: the gate is asked at that moment, the attempt counts from that moment, and its outcome is asked for.

The desk does not ring anybody itself. It hands out the number once, as an address that a softphone opens (RFC 3966), and
tells the lender's own telephony by a webhook, which may connect the two.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.calls import DIALLED
from app.domain.contact_gates import ContactAsked
from app.domain.errors import ConflictError, QuietHoursError, refused_at
from app.domain.times import rfc3339
from app.persistence.ids import new_id
from app.persistence.models.calls import CallRow
from app.persistence.queries import call_tasks as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.loans import find_loans_with, get_loan
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.calls import tell_dial
from app.services.contact_gates import answer_of, open_check, require_contact
from app.services.follow_ups import follow_up_at, forget_follow_up
from app.services.manual_contacts import Maker, record
from app.services.told_contacts import ToldContact, add_contact
from app.services.webhook_events import announce

FOLLOW_UP = "dial"
"""The kind of look at a dial whose outcome nobody told."""
TOLD_WITHIN = timedelta(minutes=10)
"""How long after dialling the desk begins to ask how it went."""
FORGOTTEN_AFTER = timedelta(hours=24)
"""After which a dial counts as not answered."""
_ENGINE = "engine:dials"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who dials."""

    by: str
    role: str
    staff_id: str | None = None


@dataclass(frozen=True, slots=True)
class Dialled:
    """A call that may now be made. `tel`: opened by a softphone; shown to the caller and nowhere else."""

    call_id: str
    tel: str = field(repr=False)
    number: str = field(repr=False)
    dialled_at: datetime
    outcome_asked_at: datetime
    overridden: bool


def dial(
    work: Work,
    borrower_id: str,
    asked: ContactAsked,
    *,
    lender_id: str,
    caller: Caller,
    now: datetime,
    task_id: str | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    override_reason: str | None = None,
    locale: str = "en",
) -> Dialled:
    """Let a call be made now, or refuse it; it counts from here on.

    Raises what `require_contact` does (by law, by the person, by the policy), QuietHoursError outside the task's own times,
    ConflictError where a dial to this borrower waits for its outcome, or there is no number.
    """
    lock_agenda(work.session, [borrower_id])
    _require_told(work, borrower_id)
    _require_times(not_before, not_after, now)
    check = open_check(work.session, borrower_id, asked, lender_id=lender_id, now=now)
    answer = answer_of(check, locale=locale)
    overridden = require_contact(answer, role=caller.role, override_reason=override_reason)
    number = number_of(work, borrower_id)
    if number is None:
        raise ConflictError("No phone number is known of this borrower; ask for one by another channel.")
    told = ToldContact("voice", "call", answer.message_class, now)
    contact, message_id = add_contact(work, borrower_id, told, lender_id=lender_id, now=now)
    maker = Maker(caller.by, caller.role, lender_id, override_reason if overridden else None)
    record(work, contact, "call", check, answer, maker=maker, now=now)
    call_id = new_id()
    loan_id = asked.loan_ids[0] if len(asked.loan_ids) == 1 else None
    row = CallRow(
        id=call_id, borrower_id=borrower_id, loan_id=loan_id, message_id=message_id, task_id=task_id,
        direction="outbound", origin="staff", outcome=DIALLED, seconds=0, called_at=now, recorded_at=now, by=caller.by,
        note_key=f"dial/{call_id}",
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    agenda.touch(work, [borrower_id], now=now)
    follow_up_at(work, FOLLOW_UP, row.id, borrower_id, at=now + FORGOTTEN_AFTER)
    facts = {
        "call_id": row.id, "task_id": task_id, "loan_ids": list(asked.loan_ids), "overridden": overridden,
        "blocks": [each.reason for each in answer.blocks],
    }  # fmt: skip
    add_audit(work.session, at=now, actor=caller.by, action="call.dialled", borrower_id=borrower_id, facts=facts)
    _announce(work, row, lender_id=lender_id, caller=caller, now=now)
    reminders.review(work, [borrower_id], now=now)
    return Dialled(row.id, f"tel:{number}", number, now, now + TOLD_WITHIN, overridden)


def dial_borrower(
    work: Work,
    borrower_id: str,
    loan_no: str | None,
    *,
    lender_id: str,
    caller: Caller,
    now: datetime,
    override_reason: str | None = None,
    locale: str = "en",
) -> Dialled:
    """Dial a borrower for no task, about one loan or all of them with the lender.

    Raises as `dial` does, and ValidationError where the borrower has no such loan here.
    """
    loan_ids: tuple[str, ...] = ()
    if loan_no is not None:
        loan_ids = tuple(
            each.id for each in find_loans_with(work.session, borrower_id, lender_id) if each.loan_no == loan_no
        )
        if not loan_ids:
            raise refused_at("/loan_no", f"This borrower has no loan {loan_no} with this lender.")
    asked = ContactAsked("voice", loan_ids=loan_ids)
    return dial(
        work, borrower_id, asked, lender_id=lender_id, caller=caller, now=now, override_reason=override_reason,
        locale=locale,
    )  # fmt: skip


def number_of(work: Work, borrower_id: str) -> str | None:
    """Return the number to dial, in E.164."""
    borrower = get_borrower(work.session, borrower_id)
    return work.vault.open(borrower.phone_sealed, place=f"borrowers.phone:{borrower_id}") or None


def end_dial(work: Work, row: CallRow, *, outcome: str, seconds: int, note: str | None, by: str, now: datetime) -> None:
    """Take the outcome of a dial. The caller holds the borrower's agenda row."""
    tell_dial(work, row, outcome=outcome, seconds=seconds, note=note, by=by, now=now)
    forget_follow_up(work, FOLLOW_UP, row.id)


def forget_dial(work: Work, call_id: str, *, now: datetime) -> None:
    """Take a dial as not answered of which nobody told within a day. The follow-up's look."""
    row = queries.get_call(work.session, call_id)
    if row is None or row.outcome != DIALLED:
        return
    tell_dial(work, row, outcome="no_answer", seconds=0, note=None, by=_ENGINE, now=now)
    if row.task_id is not None:
        queries.release(work.session, row.task_id, by=None)
        queries.set_rank_at(work.session, {row.task_id: now})


def _require_told(work: Work, borrower_id: str) -> None:
    """One call after the other: what the last one came to decides whether there may be another."""
    waiting = queries.find_dial(work.session, borrower_id)
    if waiting is not None:
        raise ConflictError(
            f"A call to this borrower was dialled at {rfc3339(waiting.called_at)}; say first how it went.",
            {"call_id": waiting.id},
        )


def _require_times(not_before: datetime | None, not_after: datetime | None, now: datetime) -> None:
    if not_before is not None and now < not_before:
        raise QuietHoursError(f"This call is for {rfc3339(not_before)} or later.", {"until": rfc3339(not_before)})
    if not_after is not None and now >= not_after:
        raise ConflictError(f"The time for this call was over at {rfc3339(not_after)}.")


def _announce(work: Work, row: CallRow, *, lender_id: str, caller: Caller, now: datetime) -> None:
    data = {
        "call_id": row.id,
        "task_id": row.task_id,
        "borrower_no": get_borrower(work.session, row.borrower_id).borrower_no,
        "loan_no": None if row.loan_id is None else get_loan(work.session, row.loan_id).loan_no,
        "staff": caller.by.removeprefix("staff:"),
        "staff_id": caller.staff_id,
    }
    announce(work, lender_id, "call.dial_requested.v1", data, now=now, borrower_id=row.borrower_id)
