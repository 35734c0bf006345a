"""Silent pushes that take a reminder off the screen: for which messages one is due, and what they are about."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Select, Table, and_, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.persistence.among import among, ids_named
from app.persistence.bulk import Rows, add_rows
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.prepared import PreparedSelect

_IDS = ids_named("b_ids")
_LEFT = or_(
    DeliveryAttemptRow.outcome == "accepted",
    DeliveryAttemptRow.outcome == "uncertain",
    DeliveryAttemptRow.outcome == "sending",
)
"""Tries that may have put something on a screen: taken, unanswered, or on their way (of a worker that died, for ever)."""
_SIBLING, _WITHDRAWAL = aliased(MessageRow), aliased(MessageRow)
_SHOWN = PreparedSelect.of(
    select(MessageRow.id, MessageRow.borrower_id, MessageRow.locale)
    .where(
        among(MessageRow.id, _IDS),
        MessageRow.seen_at.is_(None),
        MessageRow.read_at.is_(None),
        select(DeliveryAttemptRow.id).where(DeliveryAttemptRow.message_id == MessageRow.id, _LEFT).exists(),
        ~select(_WITHDRAWAL.id).where(_WITHDRAWAL.withdraws_id == MessageRow.id).exists(),
        ~select(_SIBLING.id)
        .where(
            _SIBLING.contact_id == MessageRow.contact_id,
            _SIBLING.channel == "in_app",
            or_(_SIBLING.seen_at.is_not(None), _SIBLING.read_at.is_not(None)),
        )
        .exists(),
    )
    .order_by(MessageRow.id)
)
_WITHDRAWN = PreparedSelect.of(
    select(MessageRow.id, MessageRow.state, DeliveryAttemptRow.endpoint_id)
    .outerjoin(DeliveryAttemptRow, and_(DeliveryAttemptRow.message_id == MessageRow.id, _LEFT))
    .where(among(MessageRow.id, _IDS))
)


class Shown(NamedTuple):
    """A push that may be on the borrower's screen."""

    id: str
    borrower_id: str
    locale: str


def lock_shown(session: Session, contact_ids: Collection[str], *, since: datetime) -> list[Shown]:
    """Lock the pushes of these contacts made since then, and return those that may be on a screen, unseen.

    The lock makes the order certain: what is being claimed just now is waited for and seen here, and what waits is not
    claimed until the caller has committed. None is returned for which there is a withdrawal already.
    """
    pushes = select(MessageRow.id).where(
        MessageRow.contact_id.in_(contact_ids), MessageRow.channel == "push", MessageRow.created_at > since
    )
    return _lock_shown(session, pushes)


def lock_shown_push(session: Session, push_id: str, *, since: datetime) -> list[Shown]:
    """Do as `lock_shown` for one push."""
    return _lock_shown(
        session,
        select(MessageRow.id).where(MessageRow.id == push_id, MessageRow.channel == "push", MessageRow.created_at > since),
    )


def _lock_shown(session: Session, pushes: Select[Any]) -> list[Shown]:
    ids = list(session.scalars(pushes.order_by(MessageRow.id).with_for_update()))
    rows = _SHOWN.all(session.connection(), {"b_ids": ids}) if ids else ()
    return [Shown(*row) for row in rows]


def add_withdrawals(session: Session, messages: Rows) -> None:
    """Put withdrawals into the outbox. Raises IntegrityError for a message that is withdrawn already."""
    add_rows(session, cast(Table, MessageRow.__table__), messages)


class Withdrawn(NamedTuple):
    """What a withdrawal is about: whether it is still on its way, and the endpoints that may show it."""

    is_sending: bool
    endpoint_ids: frozenset[str]


def find_withdrawn(session: Session, message_ids: Iterable[str]) -> dict[str, Withdrawn]:
    """Return the messages that are withdrawn."""
    found: dict[str, Withdrawn] = {}
    wanted = set(message_ids)
    for row in _WITHDRAWN.all(session.connection(), {"b_ids": wanted}) if wanted else ():
        known = found.get(row.id, Withdrawn(row.state == "sending", frozenset()))
        found[row.id] = known._replace(endpoint_ids=known.endpoint_ids | {row.endpoint_id} - {None})
    return found


def find_queued_at(session: Session, withdrawal_ids: Sequence[str]) -> list[datetime]:
    """Return when these withdrawals were queued: in the commit that settled what they are about."""
    if not withdrawal_ids:
        return []
    return list(session.scalars(select(MessageRow.created_at).where(MessageRow.id.in_(withdrawal_ids))))


def mark_withdrawn(session: Session, message_ids: Sequence[str], *, now: datetime) -> None:
    """Note that these messages were asked off the screen."""
    if message_ids:
        session.execute(
            update(MessageRow)
            .where(MessageRow.id.in_(message_ids), MessageRow.withdrawn_at.is_(None))
            .values(withdrawn_at=now, version=MessageRow.version + 1)
        )
