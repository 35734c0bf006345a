"""Policies, and the epoch of the rules."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, and_, cast, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.persistence.models.lenders import LenderRow
from app.persistence.models.reminders import PolicyRow, RulesStateRow

_STATE_ID = 1


_EPOCH = select(RulesStateRow.rules_epoch).where(RulesStateRow.id == _STATE_ID).scalar_subquery()
_LENDERS = select(func.count(LenderRow.id)).scalar_subquery()
_CALENDARS = select(func.coalesce(func.max(cast(LenderRow.calendar_version, String)), "")).scalar_subquery()
_ACTIVE = select(PolicyRow.id, PolicyRow.lender_id, func.coalesce(_EPOCH, 0), _LENDERS, _CALENDARS).where(
    PolicyRow.status == "active"
)


@dataclass(frozen=True, slots=True)
class ActiveRules:
    """Which policies are in force, and under which epoch. `by_lender`: (lender id, policy id), in that order."""

    id: str
    """Of the policy of every lender that has none of its own."""
    by_lender: tuple[tuple[str, str], ...]
    rules_epoch: int
    lenders: tuple[int, str] = (0, "")
    """How many there are, and the newest version of a calendar of theirs: what else rules are made from."""


def find_active_rules(session: Session) -> ActiveRules | None:
    """Return the policies in force and the epoch, or None when none is for everyone.

    One statement, so that they belong together.
    """
    rows = session.execute(_ACTIVE).all()
    general = [row for row in rows if row[1] is None]
    if not general:
        return None
    own = sorted((row[1], row[0]) for row in rows if row[1] is not None)
    policy_id, _, epoch, lenders, calendars = general[0]
    return ActiveRules(policy_id, tuple(own), epoch, (lenders, calendars))


def get_policy(session: Session, policy_id: str) -> PolicyRow:
    """Return a version by its id. Raises NoResultFound."""
    return session.scalars(select(PolicyRow).where(PolicyRow.id == policy_id)).one()


def find_policy(session: Session, key: str, version_no: int) -> PolicyRow | None:
    """Return a version of a policy, or None."""
    statement = select(PolicyRow).where(PolicyRow.key == key, PolicyRow.version_no == version_no)
    return session.scalars(statement).first()


def find_active_for(session: Session, lender_id: str | None) -> PolicyRow | None:
    """Return the active policy of a lender's own, or with None that of everyone else; None when there is none."""
    statement = select(PolicyRow).where(PolicyRow.status == "active", PolicyRow.lender_id.is_not_distinct_from(lender_id))
    return session.scalars(statement).first()


def find_lenders_without_policy(session: Session) -> list[LenderRow]:
    """Return every lender that has no policy of its own in force."""
    own = select(PolicyRow.lender_id).where(PolicyRow.status == "active", PolicyRow.lender_id.is_not(None))
    return list(session.scalars(select(LenderRow).where(LenderRow.id.not_in(own)).order_by(LenderRow.code)))


def find_policies_in_force(session: Session) -> list[PolicyRow]:
    """Return every version that is in force or was once, the newest first."""
    statement = select(PolicyRow).where(or_(PolicyRow.activated_at.is_not(None), PolicyRow.status == "active"))
    return list(session.scalars(statement.order_by(PolicyRow.activated_at.desc(), PolicyRow.version_no.desc())))


def page_policies(
    session: Session,
    *,
    key: str | None = None,
    status: str | None = None,
    for_lender: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int,
) -> list[PolicyRow]:
    """Return at most `limit` versions, newest first, those after the one of that instant and id.

    `for_lender`: id; only its own and those of everyone.
    """
    statement = select(PolicyRow).order_by(PolicyRow.created_at.desc(), PolicyRow.id.desc()).limit(limit)
    if for_lender is not None:
        statement = statement.where(or_(PolicyRow.lender_id.is_(None), PolicyRow.lender_id == for_lender))
    if key is not None:
        statement = statement.where(PolicyRow.key == key)
    if status is not None:
        statement = statement.where(PolicyRow.status == status)
    if after is not None:
        at, row_id = after
        older = and_(PolicyRow.created_at == at, PolicyRow.id < row_id)
        statement = statement.where(or_(PolicyRow.created_at < at, older))
    return list(session.scalars(statement))


def exists_policy(session: Session, key: str, version_no: int) -> bool:
    """Return whether there is this version of the policy."""
    statement = select(PolicyRow.id).where(PolicyRow.key == key, PolicyRow.version_no == version_no)
    return session.scalar(statement) is not None


def add_policy(session: Session, row: PolicyRow) -> None:
    """Add a version."""
    session.add(row)
    session.flush()


def make_active(session: Session, row: PolicyRow, *, by: str, now: datetime) -> None:
    """Put a version in force and raise the epoch; the one before it for the same lenders retires. Lock the rules."""
    before = find_active_for(session, row.lender_id)
    if before is not None:
        before.status, before.retired_at = "retired", now
        session.flush()
    row.status, row.activated_by, row.activated_at, row.retired_at = "active", by, now, None
    session.flush()
    raise_rules_epoch(session)


def find_rules_since(session: Session) -> datetime | None:
    """Return since when the policy of everyone is in force, or None when none was before: then it holds for all that was."""
    general = PolicyRow.lender_id.is_(None)
    earlier = select(PolicyRow.id).where(general, PolicyRow.status == "retired", PolicyRow.activated_at.is_not(None))
    if session.scalar(earlier.limit(1)) is None:
        return None
    return session.scalar(select(PolicyRow.activated_at).where(general, PolicyRow.status == "active").limit(1))


def lock_rules(session: Session) -> None:
    """Have one activation at a time: whoever locks the state waits for the one before, and then sees what it did."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    first = dialect.insert(RulesStateRow).values(id=_STATE_ID, rules_epoch=0)
    session.execute(first.on_conflict_do_nothing(index_elements=["id"]))
    session.execute(select(RulesStateRow.id).where(RulesStateRow.id == _STATE_ID).with_for_update())


def note_content(session: Session, version: str) -> bool:
    """Note under which content is decided; return whether it is other content than before. Call it under `lock_rules`."""
    before = session.scalar(select(RulesStateRow.content_version))
    if before == version:
        return False
    session.execute(update(RulesStateRow).values(content_version=version))
    return before is not None


def find_content_version(session: Session) -> str | None:
    """Return under which content is decided; None: nobody has said."""
    return session.scalar(select(RulesStateRow.content_version))


def raise_rules_epoch(session: Session) -> None:
    """Raise the epoch by one: everyone is looked at again, and what was decided under an older one is before it leaves."""
    session.execute(update(RulesStateRow).values(rules_epoch=RulesStateRow.rules_epoch + 1))
