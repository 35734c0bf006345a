"""What the gates of credit reporting look at, for many loans with a fixed number of statements."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.credit_gates import POSITIVE, BureauRules
from app.domain.hardship import OPEN as HARDSHIP_OPEN
from app.domain.plan_requests import WAITING
from app.persistence.models.credit_reports import CreditBureauRow, CreditEnrolmentRow
from app.persistence.models.hardship import HardshipRequestRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow, PositionSnapshotRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.queries.chunks import chunks

_ENABLED = "enabled"


def find_gated_loans(session: Session, loan_ids: Collection[str]) -> Sequence[Any]:
    """Return of each loan what its gates need of itself and of its lender; loans that do not exist are absent."""
    found: list[Any] = []
    for part in chunks(loan_ids):
        statement = (
            select(
                LoanRow.id, LoanRow.borrower_id, LoanRow.lender_id, LoanRow.zone, LoanRow.status,
                LoanRow.product_kind, LoanRow.currency, LoanRow.principal_minor, LoanRow.disbursed_on, LoanRow.contract,
                LoanRow.cap, LoanRow.stops, LenderRow.role, LenderRow.licence_kind,
                LenderRow.jurisdiction, LenderRow.zone.label("lender_zone"),
            )
            .join(LenderRow, LenderRow.id == LoanRow.lender_id)
            .where(LoanRow.id.in_(part))
            .order_by(LoanRow.id)
        )  # fmt: skip
        found += session.execute(statement).all()
    return found


def find_rules(session: Session, lender_ids: Collection[str]) -> dict[str, list[BureauRules]]:
    """Return lender -> the rules of the bureaus at which it is enabled."""
    found: dict[str, list[BureauRules]] = defaultdict(list)
    for part in chunks(lender_ids):
        statement = select(CreditBureauRow.lender_id, CreditBureauRow.while_disputed, CreditBureauRow.lead_days).where(
            CreditBureauRow.lender_id.in_(part), CreditBureauRow.state == _ENABLED
        )
        for lender_id, while_disputed, lead_days in session.execute(statement):
            found[lender_id].append(BureauRules(while_disputed, lead_days))
    return found


def find_late_since(session: Session, loan_ids: Collection[str]) -> dict[str, date]:
    """Return loan -> the oldest due date with something unpaid, by the position that is kept; absent: nothing is."""
    found: dict[str, date] = {}
    for part in chunks(loan_ids):
        statement = select(PositionSnapshotRow.loan_id, PositionSnapshotRow.open_rows).where(
            PositionSnapshotRow.loan_id.in_(part)
        )
        found |= {
            row.loan_id: date.fromisoformat(row.open_rows[0][1]) for row in session.execute(statement) if row.open_rows
        }
    return found


def find_reported_late(session: Session, loan_ids: Collection[str]) -> dict[str, Any]:
    """Return loan -> (started_at, notice_message_id) of its report as late, of loans that are reported so."""
    found: dict[str, Any] = {}
    for part in chunks(loan_ids):
        statement = select(
            CreditEnrolmentRow.loan_id, CreditEnrolmentRow.started_at, CreditEnrolmentRow.notice_message_id
        ).where(
            CreditEnrolmentRow.loan_id.in_(part),
            CreditEnrolmentRow.ended_at.is_(None),
            CreditEnrolmentRow.kind != POSITIVE,
        )
        found |= {row.loan_id: row for row in session.execute(statement)}
    return found


def find_waiting_for_help(session: Session, borrower_ids: Collection[str]) -> set[tuple[str, str | None]]:
    """Return (borrower, loan) of requests for another plan or for help that nobody answered; loan None: of all loans."""
    found: set[tuple[str, str | None]] = set()
    for part in chunks(borrower_ids):
        plans = select(PlanRequestRow.borrower_id, PlanRequestRow.loan_id).where(
            PlanRequestRow.borrower_id.in_(part), PlanRequestRow.state.in_([state.value for state in WAITING])
        )
        help_ = select(HardshipRequestRow.borrower_id, HardshipRequestRow.loan_id).where(
            HardshipRequestRow.borrower_id.in_(part), HardshipRequestRow.state.in_(HARDSHIP_OPEN)
        )
        found |= {(row[0], row[1]) for statement in (plans, help_) for row in session.execute(statement)}
    return found
