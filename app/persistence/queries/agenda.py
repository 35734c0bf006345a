"""The agenda: one row per borrower, which is that borrower's lock, version and alarm clock."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.persistence.column_types import Instant
from app.persistence.models.reminders import AgendaRow, RulesStateRow
from app.persistence.queries.chunks import chunks

_EPOCH = select(RulesStateRow.rules_epoch).limit(1).scalar_subquery()
_FIRSTS = (
    select(AgendaRow.borrower_id).where(AgendaRow.wake_at <= bindparam("b_now")).order_by(AgendaRow.wake_at).limit(1),
    select(AgendaRow.borrower_id).where(AgendaRow.rules_epoch < _EPOCH).order_by(AgendaRow.rules_epoch).limit(1),
)
"""In the order of an index: asked whether there is any, PostgreSQL may read the whole table to see."""
_WAKE = (
    update(AgendaRow.__table__)  # type: ignore[arg-type]
    .where(AgendaRow.borrower_id == bindparam("b_id"))
    .values(wake_at=bindparam("b_wake"), case_version=bindparam("b_version"))
)

_NOW = bindparam("b_now", type_=Instant())
_TOUCH = _WAKE.values(
    duties_at=case((AgendaRow.duties_at <= _NOW, AgendaRow.duties_at), else_=_NOW),
    escalations_at=case((AgendaRow.escalations_at <= _NOW, AgendaRow.escalations_at), else_=_NOW),
)
_DUTIES = (
    update(AgendaRow.__table__)  # type: ignore[arg-type]
    .where(AgendaRow.borrower_id == bindparam("b_id"))
    .values(duties_at=bindparam("b_at"))
)

_ESCALATIONS = (
    update(AgendaRow.__table__)  # type: ignore[arg-type]
    .where(AgendaRow.borrower_id == bindparam("b_id"))
    .values(escalations_at=bindparam("b_at"))
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
    for part in chunks(ids):
        statement = (
            select(AgendaRow.borrower_id, AgendaRow.wake_at, AgendaRow.case_version)
            .where(AgendaRow.borrower_id.in_(part))
            .order_by(AgendaRow.borrower_id)
            .with_for_update()
        )
        found |= {row.borrower_id: (row.wake_at, row.case_version) for row in session.execute(statement)}
    return found


def find_decided_until(session: Session, borrower_ids: Iterable[str]) -> dict[str, datetime]:
    """Return up to when every step of these borrowers has its decision; those never looked at are absent."""
    found: dict[str, datetime] = {}
    for part in chunks(set(borrower_ids)):
        statement = select(AgendaRow.borrower_id, AgendaRow.decided_until).where(AgendaRow.borrower_id.in_(part))
        found |= {row.borrower_id: row.decided_until for row in session.execute(statement) if row.decided_until is not None}
    return found


def claim_due(session: Session, *, now: datetime, limit: int) -> list[str]:
    """Lock up to `limit` borrowers to be looked at, skipping ones another worker holds, and return their ids.

    First those whose wake time has come, earliest first; then those last decided under older rules.
    """
    claimed = _claim(session, AgendaRow.wake_at <= now, limit=limit, order=AgendaRow.wake_at)
    if len(claimed) < limit:
        outdated = _claim(session, AgendaRow.rules_epoch < _EPOCH, limit=limit - len(claimed), order=AgendaRow.rules_epoch)
        claimed = list(dict.fromkeys(claimed + outdated))
    return claimed


def _claim(session: Session, condition: ColumnElement[bool], *, limit: int, order: Any) -> list[str]:
    statement = select(AgendaRow.borrower_id).where(condition).order_by(order).limit(limit)
    return list(session.scalars(statement.with_for_update(skip_locked=True)))


def exists_due(session: Session, *, now: datetime) -> bool:
    """Return whether a claim would find anyone; a plain read of two indexes."""
    return any(session.scalar(first, {"b_now": now}) is not None for first in _FIRSTS)


def claim_one(session: Session, borrower_id: str, *, now: datetime) -> bool:
    """Lock one borrower if it is still to be looked at; return whether it was."""
    due = or_(AgendaRow.wake_at <= now, AgendaRow.rules_epoch < _EPOCH)
    return bool(_claim(session, and_(AgendaRow.borrower_id == borrower_id, due), limit=1, order=AgendaRow.borrower_id))


def put_off(session: Session, borrower_id: str, *, until: datetime) -> None:
    """Look at this borrower again only then, also when the rules have changed."""
    changes = {"wake_at": until, "rules_epoch": func.coalesce(_EPOCH, 0)}
    session.execute(update(AgendaRow).where(AgendaRow.borrower_id == borrower_id).values(changes))


def set_wakes(
    session: Session, wakes: Mapping[str, tuple[datetime | None, int]], *, changed_at: datetime | None = None
) -> None:
    """Write (wake_at, case_version) of locked borrowers; with `changed_at` duties and escalations are looked at then."""
    if not wakes:
        return
    rows = [{"b_id": key, "b_wake": wake, "b_version": version} for key, (wake, version) in wakes.items()]
    if changed_at is None:
        session.connection().execute(_WAKE, rows)
    else:
        session.connection().execute(_TOUCH, [{**row, "b_now": changed_at} for row in rows])


def claim_duties(session: Session, *, now: datetime, limit: int) -> list[str]:
    """Lock up to `limit` borrowers whose duties are to be looked at, longest due first, skipping ones another holds."""
    return _claim(session, AgendaRow.duties_at <= now, limit=limit, order=AgendaRow.duties_at)


def exists_duties_due(session: Session, *, now: datetime) -> bool:
    """Return whether `claim_duties` would find anyone."""
    statement = select(AgendaRow.borrower_id).where(AgendaRow.duties_at <= now).order_by(AgendaRow.duties_at).limit(1)
    return session.scalar(statement) is not None


def set_duties_at(session: Session, looks: Mapping[str, datetime | None]) -> None:
    """Write when the duties of locked borrowers are looked at next; None: not before something changes."""
    if looks:
        session.connection().execute(_DUTIES, [{"b_id": key, "b_at": at} for key, at in looks.items()])


def claim_escalations(session: Session, *, now: datetime, limit: int) -> list[str]:
    """Lock up to `limit` borrowers whose escalations are to be looked at, longest due first, skipping ones another holds."""
    return _claim(session, AgendaRow.escalations_at <= now, limit=limit, order=AgendaRow.escalations_at)


def exists_escalations_due(session: Session, *, now: datetime) -> bool:
    """Return whether `claim_escalations` would find anyone."""
    statement = select(AgendaRow.borrower_id).where(AgendaRow.escalations_at <= now).order_by(AgendaRow.escalations_at)
    return session.scalar(statement.limit(1)) is not None


def set_escalations_at(session: Session, looks: Mapping[str, datetime | None]) -> None:
    """Write when the escalations of locked borrowers are looked at next; None: not before something changes."""
    if looks:
        session.connection().execute(_ESCALATIONS, [{"b_id": key, "b_at": at} for key, at in looks.items()])
