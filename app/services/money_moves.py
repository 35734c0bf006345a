"""What follows when money has moved on a loan, whichever door it came through."""

from collections.abc import Collection
from datetime import datetime

from app.persistence.unit_of_work import Work
from app.services import promises, visits
from app.services.positions import rebuild_positions


def follow_ledger(work: Work, loan_ids: Collection[str], *, now: datetime) -> None:
    """Bring these loans' positions, the promises given and the visits planned about them, to what their ledger says.

    Call it in the unit of work that wrote to the ledger, after the last write; decide about the borrowers afterwards.
    """
    rebuild_positions(work, loan_ids)
    promises.follow_money(work, loan_ids, now=now)
    visits.follow_money(work, loan_ids, now=now)
