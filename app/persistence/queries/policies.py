"""Policies, and the epoch of the rules."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.persistence.models.reminders import PolicyRow, RulesStateRow

_STATE_ID = 1


_ACTIVE = select(PolicyRow).where(PolicyRow.status == "active").limit(1)


def find_active_policy(session: Session) -> PolicyRow | None:
    """Return the policy in force, or None."""
    return session.scalars(_ACTIVE).first()


def add_policy(session: Session, row: PolicyRow) -> None:
    """Add a version; when it is active, the one before it retires."""
    if row.status == "active":
        session.execute(update(PolicyRow).where(PolicyRow.status == "active").values(status="retired"))
    session.add(row)
    session.flush()


def get_rules_epoch(session: Session) -> int:
    """Return the epoch; 0 before the first activation."""
    return session.scalar(select(RulesStateRow.rules_epoch).where(RulesStateRow.id == _STATE_ID)) or 0


def raise_rules_epoch(session: Session) -> int:
    """Raise the epoch by one and return it: what was decided under an older one is decided again before it leaves."""
    row = session.get(RulesStateRow, _STATE_ID, with_for_update=True)
    if row is None:
        row = RulesStateRow(id=_STATE_ID, rules_epoch=0)
        session.add(row)
    row.rules_epoch += 1
    session.flush()
    return row.rules_epoch
