"""Stops of interest: what was ever known of them, by loan, and the holds that make some."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.persistence.models.holds import HoldRow
from app.persistence.models.interest_stops import InterestStopRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.chunks import chunks


def find_stops(reads: Connection | Session, loan_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return loan id -> all that was ever known of its stops, the oldest first; a statement for each 500 loans."""
    found: dict[str, list[Any]] = defaultdict(list)
    columns = InterestStopRow.__table__.columns
    for part in chunks(loan_ids):
        statement = (
            select(*columns)
            .where(InterestStopRow.loan_id.in_(part))
            .order_by(InterestStopRow.recorded_at, InterestStopRow.id)
        )
        for row in reads.execute(statement):
            found[row.loan_id].append(row)
    return found


def find_stop_rows(session: Session, loan_ids: Collection[str]) -> list[InterestStopRow]:
    """Return the stops of these loans that stand, to be changed."""
    return [
        row
        for part in chunks(loan_ids)
        for row in session.scalars(
            select(InterestStopRow)
            .where(InterestStopRow.loan_id.in_(part), InterestStopRow.replaced_at.is_(None))
            .order_by(InterestStopRow.id)
        )
    ]


def find_holds_of_kinds(session: Session, borrower_ids: Collection[str], kinds: Collection[str]) -> Sequence[Any]:
    """Return (id, borrower_id, loan_id, kind, from_at, until_at, released_at) of such holds, over or not."""
    return [
        row
        for part in chunks(borrower_ids)
        for row in session.execute(
            select(
                HoldRow.id, HoldRow.borrower_id, HoldRow.loan_id, HoldRow.kind, HoldRow.from_at, HoldRow.until_at,
                HoldRow.released_at,
            )
            .where(HoldRow.borrower_id.in_(part), HoldRow.kind.in_(kinds))
            .order_by(HoldRow.recorded_at, HoldRow.id)
        )
    ]  # fmt: skip


def count_standing(reads: Connection | Session, lender_id: str) -> int:
    """Return on how many loans of a lender a stop stands open."""
    of_lender = select(LoanRow.id).where(LoanRow.lender_id == lender_id)
    open_now = InterestStopRow.replaced_at.is_(None) & InterestStopRow.until_on.is_(None)
    return len(reads.execute(select(InterestStopRow.loan_id).where(open_now, InterestStopRow.loan_id.in_(of_lender))).all())
