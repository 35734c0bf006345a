"""Positions of many loans at once, as the desk shows them: what a borrower sees, made of rows that are loaded already."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.positions import replay
from app.domain.times import business_date
from app.persistence.queries.positions import load_ledgers
from app.services.accounts import own_snapshot
from app.services.mismatches import Shown, shown_to_borrower
from app.services.positions import answers, position_by
from app.services.terms import kernel_terms


def positions_today(reads: Connection, loans: Sequence[Any], *, now: datetime) -> dict[str, Shown]:
    """Return loan id -> what is shown of it today, in each loan's zone. `loans` have the columns of a balance.

    No statement where the stored snapshots answer; for all that do not, a handful together.
    """
    days = {loan.id: business_date(now, loan.zone) for loan in loans}
    snapshots = {
        loan.id: own_snapshot(loan, days[loan.id])
        for loan in loans
        if loan.open_rows is not None and answers(loan, days[loan.id])
    }
    missing = [loan for loan in loans if loan.id not in snapshots]
    if missing:
        with Session(bind=reads, join_transaction_mode="rollback_only") as session:
            ledgers = load_ledgers(session, [loan.id for loan in missing])
        for loan in missing:
            terms = kernel_terms(loan).terms
            snapshots[loan.id] = replay(loan.principal_minor, *ledgers[loan.id], days[loan.id], terms=terms)
    return {
        loan.id: shown_to_borrower(loan, snapshots[loan.id], position_by(snapshots[loan.id], loan, days[loan.id]), None)
        for loan in loans
    }
