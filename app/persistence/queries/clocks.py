"""The book's clock where it is moved (sandbox, replay)."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.clock import Source, system_now
from app.persistence.models.running import ClockRow

_CLOCK_ID = 1
_READ = select(ClockRow.frozen_at, ClockRow.offset_micros).where(ClockRow.id == _CLOCK_ID)


def stored_source(engine: Engine) -> Source:
    """Return a clock source that reads the clock row each time it is asked; machine time while there is no row."""

    def read() -> datetime:
        with engine.connect() as connection:
            row = connection.execute(_READ).first()
        if row is None:
            return system_now()
        frozen_at: datetime | None = row.frozen_at
        return frozen_at or system_now() + timedelta(microseconds=row.offset_micros)

    return read


def find_clock(session: Session) -> ClockRow | None:
    """Return the clock row, if the clock is one that is moved."""
    return session.get(ClockRow, _CLOCK_ID)


def get_clock(session: Session) -> ClockRow:
    """Return the clock row, made on first use."""
    row = session.get(ClockRow, _CLOCK_ID)
    if row is None:
        row = ClockRow(id=_CLOCK_ID, offset_micros=0)
        session.add(row)
        session.flush()
    return row


def freeze(session: Session, at: datetime) -> None:
    """Make the book's clock stand still at `at`."""
    get_clock(session).frozen_at = at


def run_from(session: Session, at: datetime) -> None:
    """Let the book's clock run on from `at` at the machine's pace."""
    row = get_clock(session)
    row.frozen_at = None
    row.offset_micros = round((at - system_now()) / timedelta(microseconds=1))
