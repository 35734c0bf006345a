"""Rows of a bulletin's figures about money: what fell due, what came in, what was passed on. Each in its own currency."""

from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql import Select

from app.domain.bulletins import AsKnown
from app.domain.ledger import EntryKind
from app.persistence.models.funding import PassThroughEntryRow, PayoutBatchRow, PayoutRow
from app.persistence.models.loans import InstalmentRow, LedgerEntryRow, LoanRow, PlanVersionRow
from app.persistence.queries.bulletin_cases import within
from app.persistence.queries.bulletin_columns import Registry, figure_rows
from app.persistence.queries.fact_revisions import LOAN_ENDED, as_known

_IN = (EntryKind.REPAYMENT.value, EntryKind.PREPAYMENT.value)


def _due(known: AsKnown) -> Any:
    row, plan = InstalmentRow, PlanVersionRow
    newest = (
        select(func.max(plan.anchor_no))
        .where(plan.loan_id == row.loan_id, plan.imported_at <= known.known_at)
        .correlate(row)
        .scalar_subquery()
    )
    amount = row.principal_minor + row.interest_minor + row.fees_minor + row.penalties_minor

    def due(ended_at: Any, status: Any) -> Any:
        return (
            figure_rows(
                row.id, row.borrower_id, lender_id=LoanRow.lender_id, loan_id=row.loan_id, on=row.due_on,
                currency=LoanRow.currency, amount=amount,
            )
            .select_from(row)
            .join(LoanRow, LoanRow.id == row.loan_id)
            .where(
                row.due_on >= known.first_on, row.due_on <= known.last_on, row.anchor_no == newest,
                or_(ended_at.is_(None), ended_at > known.end_at, status == "closed"),
            )
        )  # fmt: skip

    return as_known(LOAN_ENDED, LoanRow.id, LoanRow.ended_at, due, known_at=known.known_at, word=LoanRow.status)


def _entries(kinds: tuple[str, ...]) -> Any:
    """Return the query of entries of these kinds by their value date, those taken back by a reversal negative."""

    def rows(known: AsKnown) -> Select[Any]:
        row, undone = LedgerEntryRow, aliased(LedgerEntryRow)
        is_reversal = row.kind == EntryKind.REVERSAL.value
        return (
            figure_rows(
                row.id, row.borrower_id, row.kind, lender_id=LoanRow.lender_id, loan_id=row.loan_id, on=row.effective_on,
                currency=row.currency, amount=case((is_reversal, -row.amount_minor), else_=row.amount_minor),
            )
            .select_from(row)
            .join(LoanRow, LoanRow.id == row.loan_id)
            .outerjoin(undone, and_(is_reversal, undone.id == row.reverses_id))
            .where(
                row.effective_on >= known.first_on, row.effective_on <= known.last_on, row.imported_at <= known.known_at,
                or_(row.kind.in_(kinds), and_(is_reversal, undone.kind.in_(kinds))),
            )
        )  # fmt: skip

    return rows


def _passed_on(known: AsKnown) -> Select[Any]:
    row = PassThroughEntryRow
    amount = row.principal_minor + row.interest_minor + row.fees_minor + row.penalties_minor - row.service_fee_minor
    return (
        figure_rows(
            row.id, LoanRow.borrower_id, lender_id=row.lender_id, loan_id=row.loan_id, at=row.booked_at,
            currency=row.currency, amount=amount, person=row.funder_id,
        )
        .select_from(row)
        .join(LoanRow, LoanRow.id == row.loan_id)
        .where(within(row.booked_at, known), row.is_money.is_(True), row.funder_id.is_not(None))
    )  # fmt: skip


def _principal_passed_on(known: AsKnown) -> Select[Any]:
    row = PassThroughEntryRow
    return (
        figure_rows(
            row.id, LoanRow.borrower_id, lender_id=row.lender_id, loan_id=row.loan_id, at=row.booked_at,
            currency=row.currency, amount=row.principal_minor, person=row.funder_id,
        )
        .select_from(row)
        .join(LoanRow, LoanRow.id == row.loan_id)
        .where(within(row.booked_at, known), row.is_money.is_(True), row.funder_id.is_not(None))
    )  # fmt: skip


def _paid_out(known: AsKnown) -> Select[Any]:
    row, batch = PayoutRow, PayoutBatchRow
    return (
        figure_rows(
            row.id, row.funder_id, lender_id=batch.lender_id, at=batch.decided_at, currency=batch.currency,
            amount=row.amount_minor,
        )
        .select_from(row)
        .join(batch, batch.id == row.batch_id)
        .where(within(batch.decided_at, known), batch.state == "approved")
    )  # fmt: skip


MONEY_ROWS: Registry = {
    "amount_due": _due,
    "amount_collected": _entries(_IN),
    "amount_given_up": _entries((EntryKind.WAIVER.value,)),
    "amount_refunded": _entries((EntryKind.REFUND.value,)),
    "amount_passed_on": _passed_on,
    "principal_passed_on": _principal_passed_on,
    "amount_paid_out": _paid_out,
}
