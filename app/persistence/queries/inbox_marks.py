"""Changing the inbox: every change raises the borrower's state and stamps the messages it touches with it.

The agenda row is locked first, by every writer: so no two changes share a state, and a state is visible exactly when all
its changes are, since they are committed together.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from app.domain.inbox import Mark
from app.persistence.among import among, ids_named
from app.persistence.column_types import Instant
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.agenda import add_agenda
from app.persistence.queries.chunks import chunks
from app.persistence.queries.inbox import COLUMNS, is_due, is_gone, is_listed

_TO_LEAVE = ("queued", "stale", "sending")
_COME = and_(MessageRow.channel == "in_app", ~is_gone)

_OTHER = aliased(MessageRow)
_BESIDE_INBOX = PreparedSelect(
    select(MessageRow.id).where(
        among(MessageRow.id, ids_named("b_ids")),
        exists().where(
            _OTHER.contact_id == MessageRow.contact_id,
            _OTHER.channel == "in_app",
            _OTHER.withdrawn_at.is_(None),
            _OTHER.state != "cancelled",
        ),
    ),
    itemgetter(0),
)
_RAISE = (
    update(AgendaRow.__table__)  # type: ignore[arg-type]
    .where(AgendaRow.borrower_id == bindparam("b_id"), AgendaRow.inbox_state < bindparam("b_state"))
    .values(inbox_state=bindparam("b_state"))
)


def lock_states(session: Session, borrower_ids: Iterable[str]) -> dict[str, int]:
    """Lock these borrowers' agenda rows, in id order so that two lockers cannot deadlock; return their inbox states."""
    ids = sorted(set(borrower_ids))
    found: dict[str, int] = {}
    for part in chunks(ids):
        statement = (
            select(AgendaRow.borrower_id, AgendaRow.inbox_state)
            .where(AgendaRow.borrower_id.in_(part))
            .order_by(AgendaRow.borrower_id)
            .with_for_update()
        )
        found |= {row.borrower_id: row.inbox_state for row in session.execute(statement)}
    missing = [borrower_id for borrower_id in ids if borrower_id not in found]
    if missing:
        add_agenda(session, missing, wake_at=None)
        found |= lock_states(session, missing)
    return found


def set_states(session: Session, states: Mapping[str, int]) -> None:
    """Write the inbox states of locked borrowers. A state never falls, whoever wrote it in the same transaction."""
    if states:
        rows = [{"b_id": borrower_id, "b_state": state} for borrower_id, state in states.items()]
        session.connection().execute(_RAISE, rows)


def catch_up(session: Session, borrower_id: str, *, state: int, now: datetime) -> int:
    """Write down what the clock has brought: messages whose time has come, and those whose snooze is over.

    These come anew, unread unless what they are about is settled. Returns how many messages that were.
    """
    came = session.execute(
        update(MessageRow)
        .where(MessageRow.borrower_id == borrower_id, _COME, is_due(_now(now)))
        .values(
            inbox_created=state,
            inbox_state=state,
            read_at=case(
                (and_(MessageRow.snoozed_until <= _now(now), MessageRow.settled_at.is_(None)), null()),
                else_=MessageRow.read_at,
            ),
            snoozed_until=case((MessageRow.snoozed_until > _now(now), MessageRow.snoozed_until), else_=null()),
            version=MessageRow.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
    return int(came.rowcount)  # type: ignore[attr-defined]


def find_message(session: Session, borrower_id: str, message_id: str, *, now: datetime) -> Any:
    """Return a message of this borrower's inbox with `is_due`, or None."""
    due = is_due(_now(now))
    statement = select(*COLUMNS, case((due, 1), else_=0).label("is_due")).where(
        MessageRow.id == message_id, MessageRow.borrower_id == borrower_id, _COME, or_(MessageRow.inbox_created > 0, due)
    )
    return session.execute(statement).first()


def mark_message(session: Session, message_id: str, *, state: int, **marks: datetime | None) -> Any:
    """Set marks of a message, stamp it with the state, and return it as it is then."""
    return session.execute(
        update(MessageRow)
        .where(MessageRow.id == message_id)
        .values(inbox_state=state, version=MessageRow.version + 1, **marks)
        .returning(*COLUMNS)
        .execution_options(synchronize_session=False)
    ).one()


def mark_messages(
    session: Session,
    borrower_id: str,
    mark: Mark,
    *,
    ids: Sequence[str] | None,
    come_by: int | None,
    state: int,
    now: datetime,
) -> list[str]:
    """Mark what is not marked so yet, of these ids or of all in the list that had come by a state, that state included.

    `mark`: seen, read or archive. Returns the ids of the messages changed.
    """
    first = _now(now)
    values: dict[str, Any] = {"inbox_state": state, "version": MessageRow.version + 1}
    if mark == "archive":
        values |= {"archived_at": first, "snoozed_until": null()}
    else:
        values["seen_at"] = func.coalesce(MessageRow.seen_at, first)
    if mark == "read":
        values["read_at"] = first
    statement = (
        update(MessageRow)
        .where(_asked(borrower_id, ids, come_by), _lacks(mark))
        .values(**values)
        .returning(MessageRow.id)
        .execution_options(synchronize_session=False)
    )
    return list(session.scalars(statement))


def find_ids(session: Session, borrower_id: str, ids: Sequence[str]) -> set[str]:
    """Return which of these are in the borrower's inbox."""
    statement = select(MessageRow.id).where(_asked(borrower_id, ids, None))
    return set(session.scalars(statement))


def exists_waiting_beside(
    session: Session, borrower_id: str, mark: Mark, *, ids: Sequence[str] | None, come_by: int | None
) -> bool:
    """Return whether marking these would show that a contact was seen of which another message still waits to leave."""
    seen = select(MessageRow.contact_id).where(
        _asked(borrower_id, ids, come_by), _lacks(mark), MessageRow.seen_at.is_(None), MessageRow.read_at.is_(None)
    )
    waiting = exists().where(MessageRow.contact_id.in_(seen), MessageRow.state.in_(_TO_LEAVE))
    return bool(session.scalar(select(waiting)))


def withdraw_messages(session: Session, borrower_id: str, ids: Collection[str], *, state: int, now: datetime) -> list[str]:
    """Take messages out of the inbox for good; what remains tells devices that they are gone. Returns their ids."""
    statement = (
        update(MessageRow)
        .where(MessageRow.borrower_id == borrower_id, MessageRow.id.in_(ids), _COME)
        .values(withdrawn_at=now, inbox_state=state, version=MessageRow.version + 1)
        .returning(MessageRow.id)
        .execution_options(synchronize_session=False)
    )
    return list(session.scalars(statement))


def find_owners(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return message id -> borrower id of those of these that are in an inbox."""
    found: dict[str, str] = {}
    for part in chunks(set(ids)):
        statement = select(MessageRow.id, MessageRow.borrower_id).where(MessageRow.id.in_(part), _COME)
        found |= {row.id: row.borrower_id for row in session.execute(statement)}
    return found


def find_any_message(session: Session, borrower_id: str, message_id: str) -> Any:
    """Return a message of this borrower on any channel, or None."""
    statement = select(MessageRow.id, MessageRow.channel, MessageRow.contact_id, MessageRow.clicked_at)
    return session.execute(statement.where(MessageRow.id == message_id, MessageRow.borrower_id == borrower_id)).first()


def find_inbox_id(session: Session, message_id: str, contact_id: str | None) -> str | None:
    """Return the id of the message itself, if it is in the inbox, else of its contact's that is."""
    of_contact = MessageRow.id == message_id if contact_id is None else MessageRow.contact_id == contact_id
    own_first = case((MessageRow.id == message_id, 0), else_=1)
    return session.scalar(select(MessageRow.id).where(of_contact, _COME).order_by(own_first, MessageRow.id).limit(1))


def find_beside_inbox(session: Session, message_ids: Collection[str]) -> set[str]:
    """Return those of these messages whose contact has a message in the inbox, or will have once its time has come."""
    return set(_BESIDE_INBOX.all(session.connection(), {"b_ids": message_ids})) if message_ids else set()


def mark_clicked(session: Session, message_id: str, *, now: datetime) -> None:
    """Record the first click on a message of another channel; who opens it has seen it."""
    first = _now(now)
    session.execute(
        update(MessageRow)
        .where(MessageRow.id == message_id)
        .values(
            clicked_at=func.coalesce(MessageRow.clicked_at, first),
            seen_at=func.coalesce(MessageRow.seen_at, first),
            version=MessageRow.version + 1,
        )
    )


def begin_lines(session: Session, *, at_least: int) -> int:
    """Begin a new line of states in every inbox, each the next of its own but no earlier than `at_least`."""
    width = 1 << 32
    following = (AgendaRow.inbox_state // width + 1) * width
    changed = session.execute(
        update(AgendaRow).values(inbox_state=case((following > at_least, following), else_=cast(at_least, BigInteger)))
    )
    return int(changed.rowcount)  # type: ignore[attr-defined]


def _asked(borrower_id: str, ids: Sequence[str] | None, come_by: int | None) -> ColumnElement[bool]:
    mine = and_(MessageRow.borrower_id == borrower_id, _COME, MessageRow.inbox_created > 0)
    if ids is not None:
        return and_(mine, MessageRow.id.in_(ids))
    return and_(mine, is_listed, MessageRow.inbox_created <= come_by)


def _lacks(mark: Mark) -> ColumnElement[bool]:
    if mark == "archive":
        return MessageRow.archived_at.is_(None)
    if mark == "read":
        return MessageRow.read_at.is_(None)
    return and_(MessageRow.seen_at.is_(None), MessageRow.read_at.is_(None))


def _now(now: datetime) -> Any:
    return literal(now, Instant())
