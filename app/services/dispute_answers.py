"""What staff do about disputes: take one, and answer it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from app.domain.disputes import check_answer, check_may_answer, check_move, mark_of
from app.domain.errors import refused_at
from app.domain.free_text import without_card_numbers
from app.domain.times import business_date
from app.persistence.db import vault
from app.persistence.models.disputes import DisputeRow
from app.persistence.queries import disputes as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.fact_revisions import DISPUTE_ANSWERED, add_revision
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import Work
from app.services import dispute_cases
from app.services.disputes import ShownDispute, shown
from app.services.holds import Teller
from app.services.notices import tell_borrower
from app.services.subject_threads import settle_thread


@dataclass(frozen=True, slots=True)
class AnswerValues:
    """An answer. `upheld_minor`: how much of a case that is partly upheld; `correction_reference`: the core's own number of
    the waiver or reversal that puts it right."""

    outcome: str
    words: str
    upheld_minor: int | None = None
    currency: str | None = None
    correction_reference: str | None = None


def take(work: Work, lender_id: str, dispute_id: str, *, staff: str, now: datetime) -> None:
    """Say that it is being looked at, and by whom. Raises NotFoundError, ConflictError."""
    row = _load(work, lender_id, dispute_id)
    if row.state == "under_review" and row.taken_by == staff:
        return
    if row.state == "received":
        check_move(row.state, "under_review")
        row.state = "under_review"
    elif row.state != "under_review":
        check_move(row.state, "withdrawn")  # over: says what can be done instead
    row.taken_by = staff
    row.version += 1
    work.session.flush()
    dispute_cases.audit(work, row, "dispute.taken", actor=staff, now=now)


def answer(
    work: Work, lender_id: str, dispute_id: str, values: AnswerValues, *, staff: str, role: str, now: datetime
) -> None:
    """Answer a case: its hold ends, and reminders go on from where the loan stands. A late answer is recorded as a breach.

    Raises NotFoundError, ConflictError, ValidationError, ForbiddenError for an escalated case and who is not senior.
    """
    row = _load(work, lender_id, dispute_id)
    check_answer(values.outcome, upheld_minor=values.upheld_minor, amount_minor=row.amount_minor)
    if values.upheld_minor is not None and values.currency != row.currency:
        raise refused_at("/upheld", f"The loan is in {row.currency}.")
    check_move(row.state, values.outcome)
    check_may_answer(role, is_escalated=row.escalated_at is not None)
    if business_date(now, get_loan(work.session, row.loan_id).zone) > row.answer_due_on:
        dispute_cases.note_breach(work, row, now=now)
    row.state, row.credit_mark = values.outcome, mark_of(row.kind, values.outcome)
    if row.answered_at is not None:
        add_revision(work.session, DISPUTE_ANSWERED, row.id, row.answered_at, now=now)
    row.answered_at, row.answered_by = now, staff
    row.answer_sealed = work.vault.seal(without_card_numbers(values.words), place=f"disputes.answer:{row.id}")
    row.upheld_minor, row.correction_reference = values.upheld_minor, values.correction_reference
    row.version += 1
    work.session.flush()
    dispute_cases.end(work, row, teller=Teller(staff, lender_id, role), now=now)
    said = f"dispute/{row.id}/answer/{row.version}"
    settle_thread(work, row.borrower_id, row.id, by=staff, now=now, words=without_card_numbers(values.words), key=said)
    told = {"correction_reference": values.correction_reference, "is_late": row.breached_at is not None}
    dispute_cases.audit(work, row, "dispute.answered", actor=staff, now=now, **told)
    dispute_cases.tell_lender(work, row, "dispute.answered.v1", now=now)
    tell_borrower(
        work, row.borrower_id, f"dispute_{row.state}", {"reference": row.reference}, now=now, loan_id=row.loan_id,
        subject_id=row.id,
    )  # fmt: skip


def get_of_lender(reads: Connection, lender_id: str, dispute_id: str, *, locale: str) -> ShownDispute:
    """Return a case of this lender. Raises NotFoundError."""
    return shown(queries.get_shown(reads, dispute_id, lender_id=lender_id), vault(), locale)


def page_of_lender(
    reads: Connection,
    lender_id: str,
    *,
    states: Sequence[str],
    due_until: date | None,
    overdue: bool,
    escalated: bool,
    after: tuple[datetime, str] | None,
    limit: int,
    locale: str,
) -> list[ShownDispute]:
    """Return a lender's cases in these states, oldest first."""
    rows = queries.page_of_lender(
        reads, lender_id, states=states, due_until=due_until, overdue=overdue, escalated=escalated, after=after, limit=limit
    )
    return [shown(row, vault(), locale) for row in rows]


def _load(work: Work, lender_id: str, dispute_id: str) -> DisputeRow:
    borrower_id = queries.get_owner(work.session, lender_id, dispute_id)
    lock_agenda(work.session, [borrower_id])
    return queries.load_own(work.session, borrower_id, dispute_id)
