"""What follows when money has moved on a loan, whichever door it came through."""

from collections.abc import Collection
from datetime import datetime

from app.persistence.unit_of_work import Work
from app.services.positions import rebuild_positions
from app.services.promises import follow_money


def follow_ledger(work: Work, loan_ids: Collection[str], *, now: datetime) -> None:
    """Bring these loans' positions, and the promises given about them, to what their ledger says.

    Call it in the unit of work that wrote to the ledger, after the last write; decide about the borrowers afterwards.
    """
    rebuild_positions(work, loan_ids)
    follow_money(work, loan_ids, now=now)
