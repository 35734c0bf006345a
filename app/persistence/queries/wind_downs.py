"""Lenders that wind down, and whom to tell of it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.wind_downs import WindDownState
from app.persistence.models.funding import WindDownRow
from app.persistence.models.loans import LoanRow

_ACTIVE = WindDownState.ACTIVE.value
_WAITING = WindDownState.WAITING.value


def find_active(reads: Connection | Session, lender_id: str) -> Any:
    """Return the columns of a lender's wind-down that is in force, or None."""
    return _find(reads, lender_id, _ACTIVE)


def find_waiting(reads: Connection | Session, lender_id: str) -> Any:
    """Return the columns of the one that waits for approval, or None."""
    return _find(reads, lender_id, _WAITING)


def _find(reads: Connection | Session, lender_id: str, state: str) -> Any:
    statement = select(WindDownRow.__table__).where(WindDownRow.lender_id == lender_id, WindDownRow.state == state)
    return reads.execute(statement).one_or_none()


def list_wind_downs(reads: Connection | Session, lender_id: str) -> Sequence[Any]:
    """Return all of a lender's, newest first, at most 100."""
    statement = select(WindDownRow.__table__).where(WindDownRow.lender_id == lender_id)
    return reads.execute(statement.order_by(WindDownRow.requested_at.desc(), WindDownRow.id.desc()).limit(100)).all()


def get_wind_down(reads: Connection | Session, lender_id: str, wind_down_id: str) -> Any:
    """Return one's columns. Raises NotFoundError."""
    statement = select(WindDownRow.__table__).where(WindDownRow.id == wind_down_id, WindDownRow.lender_id == lender_id)
    row = reads.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such wind-down.")
    return row


def load_wind_down(session: Session, lender_id: str, wind_down_id: str) -> WindDownRow:
    """Return one to change, locked. Raises NotFoundError."""
    statement = select(WindDownRow).where(WindDownRow.id == wind_down_id, WindDownRow.lender_id == lender_id)
    row = session.scalar(statement.with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise NotFoundError("There is no such wind-down.")
    return row


def load_active(session: Session, lender_id: str) -> WindDownRow | None:
    """Return the one in force to change, locked, or None."""
    statement = select(WindDownRow).where(WindDownRow.lender_id == lender_id, WindDownRow.state == _ACTIVE)
    return session.scalar(statement.with_for_update().execution_options(populate_existing=True))


def find_untold(session: Session) -> Sequence[Any]:
    """Return (id, lender) of those in force of which not every borrower was told."""
    statement = select(WindDownRow.id, WindDownRow.lender_id).where(
        WindDownRow.state == _ACTIVE, WindDownRow.told_at.is_(None)
    )
    return session.execute(statement.order_by(WindDownRow.id)).all()


def page_borrowers(session: Session, lender_id: str, *, after: str | None, limit: int) -> Sequence[str]:
    """Return borrowers with a loan of this lender that is not over, by id, following `after`."""
    statement = (
        select(LoanRow.borrower_id)
        .where(LoanRow.lender_id == lender_id, LoanRow.status.in_(("active", "written_off")))
        .distinct()
        .order_by(LoanRow.borrower_id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(LoanRow.borrower_id > after)
    return session.scalars(statement).all()


def find_for_borrower(reads: Connection | Session, borrower_id: str) -> Sequence[Any]:
    """Return the wind-downs in force of a borrower's lenders."""
    mine = select(LoanRow.lender_id).where(LoanRow.borrower_id == borrower_id)
    statement = select(WindDownRow.__table__).where(WindDownRow.lender_id.in_(mine), WindDownRow.state == _ACTIVE)
    return reads.execute(statement.order_by(WindDownRow.id)).all()
