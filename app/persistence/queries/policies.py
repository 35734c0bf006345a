"""Policies, and the epoch of the rules."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.persistence.models.reminders import PolicyRow, RulesStateRow

_STATE_ID = 1


_EPOCH = select(RulesStateRow.rules_epoch).where(RulesStateRow.id == _STATE_ID).scalar_subquery()
_ACTIVE = select(PolicyRow.id, func.coalesce(_EPOCH, 0).label("rules_epoch")).where(PolicyRow.status == "active").limit(1)


def find_active_rules(session: Session) -> Any:
    """Return the `id` of the policy in force and the `rules_epoch`, or None. One statement, so that they belong together."""
    return session.execute(_ACTIVE).first()


def get_document(session: Session, policy_id: str) -> dict[str, Any]:
    """Return the document of a policy."""
    document: dict[str, Any] = session.scalars(select(PolicyRow.document).where(PolicyRow.id == policy_id)).one()
    return document


def exists_policy(session: Session, key: str, version_no: int) -> bool:
    """Return whether there is this version of the policy."""
    statement = select(PolicyRow.id).where(PolicyRow.key == key, PolicyRow.version_no == version_no)
    return session.scalar(statement) is not None


def add_policy(session: Session, row: PolicyRow) -> None:
    """Add a version; when it is active, the one before it retires."""
    if row.status == "active":
        session.execute(update(PolicyRow).where(PolicyRow.status == "active").values(status="retired"))
    session.add(row)
    session.flush()


def find_rules_since(session: Session) -> datetime | None:
    """Return since when the policy in force is, or None when there was none before it: then it holds for all that was."""
    if session.scalar(select(PolicyRow.id).where(PolicyRow.status == "retired").limit(1)) is None:
        return None
    return session.scalar(select(PolicyRow.activated_at).where(PolicyRow.status == "active").limit(1))


def lock_rules(session: Session) -> None:
    """Have one activation at a time: whoever locks the state waits for the one before, and then sees what it did."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    first = dialect.insert(RulesStateRow).values(id=_STATE_ID, rules_epoch=0)
    session.execute(first.on_conflict_do_nothing(index_elements=["id"]))
    session.execute(select(RulesStateRow.id).where(RulesStateRow.id == _STATE_ID).with_for_update())


def raise_rules_epoch(session: Session) -> None:
    """Raise the epoch by one: everyone is looked at again, and what was decided under an older one is before it leaves."""
    session.execute(update(RulesStateRow).values(rules_epoch=RulesStateRow.rules_epoch + 1))
