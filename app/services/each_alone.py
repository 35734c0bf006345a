"""Looking at a batch of borrowers at once; where that fails one by one, so that one does not hold up the others."""

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from app.logs import logger
from app.persistence.queries import agenda as clocks
from app.persistence.unit_of_work import Work, unit_of_work


def look_in_batch(
    claim: Callable[[Session], list[str]],
    look: Callable[[Work, Sequence[str]], object],
    put_off: Callable[[Session, str], None],
    *,
    what: str,
) -> list[str]:
    """Return whom `claim` found; one commit for all. `what`: the plural word of what is looked at, for the log.

    Where the look fails each borrower is looked at in a unit of work of their own, their agenda row locked, and one for whom
    it fails again is put off. Raises what `claim` raises.
    """
    claimed: list[str] = []
    try:
        with unit_of_work() as work:
            claimed = claim(work.session)
            look(work, claimed)
    except Exception:
        if not claimed:
            raise
        logger().exception("a look failed; looking one by one", at=what, borrowers=len(claimed))
        for borrower_id in claimed:
            _look_at_one(borrower_id, look, put_off, what)
    return claimed


def _look_at_one(
    borrower_id: str, look: Callable[[Work, Sequence[str]], object], put_off: Callable[[Session, str], None], what: str
) -> None:
    try:
        with unit_of_work() as work:
            clocks.lock_agenda(work.session, [borrower_id])
            look(work, [borrower_id])
    except Exception:
        logger().exception("a borrower cannot be looked at; put off", at=what, borrower_id=borrower_id)
        with unit_of_work() as work:
            put_off(work.session, borrower_id)
