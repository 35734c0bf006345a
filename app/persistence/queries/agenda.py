"""The agenda: one row per borrower, which is that borrower's lock, version and alarm clock."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.persistence.models.reminders import AgendaRow

_WAKE = (
    update(AgendaRow.__table__)  # type: ignore[arg-type]
    .where(AgendaRow.borrower_id == bindparam("b_id"))
    .values(wake_at=bindparam("b_wake"), case_version=bindparam("b_version"))
)


def add_agenda(session: Session, borrower_ids: Iterable[str], *, wake_at: datetime | None) -> None:
    """Add rows for new borrowers; existing ones stay as they are."""
    rows = [{"borrower_id": borrower_id, "wake_at": wake_at, "case_version": 0} for borrower_id in borrower_ids]
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    session.execute(dialect.insert(AgendaRow).on_conflict_do_nothing(index_elements=["borrower_id"]), rows)


def lock_agenda(session: Session, borrower_ids: Iterable[str]) -> dict[str, tuple[datetime | None, int]]:
    """Lock these borrowers, in id order so that two lockers cannot deadlock; return their (wake_at, case_version)."""
    ids = sorted(set(borrower_ids))
    found: dict[str, tuple[datetime | None, int]] = {}
    for start in range(0, len(ids), 500):
        statement = (
            select(AgendaRow.borrower_id, AgendaRow.wake_at, AgendaRow.case_version)
            .where(AgendaRow.borrower_id.in_(ids[start : start + 500]))
            .order_by(AgendaRow.borrower_id)
            .with_for_update()
        )
        found |= {row.borrower_id: (row.wake_at, row.case_version) for row in session.execute(statement)}
    return found


def claim_due(session: Session, *, now: datetime, limit: int) -> dict[str, int]:
    """Lock up to `limit` borrowers whose wake time has come, earliest first, skipping ones another worker holds.

    Returns borrower id -> case_version as found.
    """
    statement = (
        select(AgendaRow.borrower_id, AgendaRow.case_version)
        .where(AgendaRow.wake_at <= now)
        .order_by(AgendaRow.wake_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return {row.borrower_id: row.case_version for row in session.execute(statement)}


def exists_due(session: Session, *, now: datetime) -> bool:
    """Return whether any borrower's wake time has come; a plain read of the index."""
    return session.scalar(select(AgendaRow.borrower_id).where(AgendaRow.wake_at <= now).limit(1)) is not None


def wake_all(session: Session, *, now: datetime) -> None:
    """Have every borrower looked at no later than now: the rules changed, and with them every next instant."""
    later = (AgendaRow.wake_at.is_(None)) | (AgendaRow.wake_at > now)
    session.execute(update(AgendaRow).where(later).values(wake_at=now))


def claim_one(session: Session, borrower_id: str, *, now: datetime) -> bool:
    """Lock one borrower if its wake time has come; return whether it had."""
    row = session.execute(
        select(AgendaRow.borrower_id)
        .where(AgendaRow.borrower_id == borrower_id, AgendaRow.wake_at <= now)
        .with_for_update(skip_locked=True)
    ).first()
    return row is not None


def put_off(session: Session, borrower_id: str, *, until: datetime) -> None:
    """Look at this borrower again only then."""
    session.execute(update(AgendaRow).where(AgendaRow.borrower_id == borrower_id).values(wake_at=until))


def set_wakes(session: Session, wakes: Mapping[str, tuple[datetime | None, int]]) -> None:
    """Write (wake_at, case_version) of locked borrowers."""
    if wakes:
        session.connection().execute(
            _WAKE, [{"b_id": key, "b_wake": wake, "b_version": version} for key, (wake, version) in wakes.items()]
        )
