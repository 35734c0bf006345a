"""The outbox: messages that wait to leave, in lanes. Claimed in batches, each claim under a lease.

Statements are made once and run on the driver's own cursor: they are what every message pays for.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    Connection,
    Integer,
    String,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from app.domain.lanes import (
    ASKABLE_CHANNELS,
    LANES,
    SECURITY,
    UNCERTAIN,
    UNTOLD,
    WAITING_STATES,
    WITHDRAWAL,
)
from app.persistence.among import among, ids_named
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, RulesStateRow
from app.persistence.prepared import PreparedChange, PreparedSelect

SUPPORT, SERVICING = "support", "servicing"
"""Of no contact, they are an answer to what the borrower wrote, and a notice of what became of their affairs."""


def _word(value: str) -> Any:
    """A literal in the statement's text."""
    return literal_column(f"'{value}'")


_IS_SECURITY = MessageRow.message_class == _word(SECURITY)
_IS_WITHDRAWAL = MessageRow.message_class == _word(WITHDRAWAL)
_IS_CLAIMABLE = and_(
    MessageRow.next_attempt_at <= bindparam("b_now"),
    or_(
        MessageRow.state == "queued",
        and_(MessageRow.state == "sending", MessageRow.leased_until < bindparam("b_machine_now")),
        and_(MessageRow.state == "stale", MessageRow.not_after <= bindparam("b_now")),  # nobody looked again in time
    ),
)
_EPOCH = select(RulesStateRow.rules_epoch).limit(1).scalar_subquery()
_IS_TOLD = and_(
    or_(MessageRow.message_class == _word(SUPPORT), MessageRow.message_class == _word(SERVICING)),
    MessageRow.contact_id.is_(None),
)
_IS_OF_NO_CASE = or_(_IS_SECURITY, _IS_WITHDRAWAL, _IS_TOLD)
_IS_CURRENT = or_(
    _IS_OF_NO_CASE,
    and_(MessageRow.case_version == AgendaRow.case_version, MessageRow.rules_epoch == func.coalesce(_EPOCH, 0)),
)
"""Codes, withdrawals, answers and notices stand outside the case; all others must match what they were decided by."""
_FIRST = select(MessageRow.id).where(_IS_CLAIMABLE).order_by(MessageRow.next_attempt_at, MessageRow.id).limit(1)
"""In the order of the index: asked whether there is any, PostgreSQL may read the whole table to see."""
_IN_LANE = MessageRow.lane == bindparam("b_lane")
_FIRST_OF_LANE = PreparedSelect.of(_FIRST.where(_IN_LANE))


def _has_first(lane: str) -> Any:
    first = _FIRST.with_only_columns(_word(lane).label("lane")).where(MessageRow.lane == _word(lane)).subquery()
    return select(first.c.lane)


_DUE_LANES = PreparedSelect(union_all(*map(_has_first, LANES)), itemgetter(0))


class Claimable(NamedTuple):
    """A message whose time has come, with what its claim is judged by."""

    id: str
    borrower_id: str
    channel: str
    message_class: str
    template: str
    template_version: int
    locale: str
    text_sealed: bytes | None
    challenge_id: str | None
    withdraws_id: str | None
    """Of a silent withdrawal: the message it takes off the screen."""
    is_of_no_case: bool
    """Nothing was decided for it, and nothing is decided anew when it is lost."""
    not_after: datetime
    attempts: int
    """Made so far, this claim not counted. Each claim raises it, so that it tells our claim from a later one."""
    case_version: int
    was_sending: bool
    """Its lease ran out while sending: it may have been delivered."""
    is_current: bool
    """It was decided under the present facts and rules."""


_LOOK = (
    select(
        MessageRow.id,
        MessageRow.borrower_id,
        MessageRow.channel,
        MessageRow.message_class,
        MessageRow.template,
        MessageRow.template_version,
        MessageRow.locale,
        MessageRow.text_sealed,
        MessageRow.challenge_id,
        MessageRow.withdraws_id,
        _IS_OF_NO_CASE.label("is_of_no_case"),
        MessageRow.not_after,
        MessageRow.attempts,
        MessageRow.case_version,
        # As they come, true or false: turning each into a bool costs more than reading the row.
        type_coerce(MessageRow.state == "sending", Integer).label("was_sending"),
        type_coerce(func.coalesce(_IS_CURRENT, False), Integer).label("is_current"),
    )
    .outerjoin(AgendaRow, AgendaRow.borrower_id == MessageRow.borrower_id)
    .where(_IN_LANE, _IS_CLAIMABLE)
    .order_by(MessageRow.next_attempt_at, MessageRow.id)
    .limit(bindparam("b_limit"))
)
_LOCKED = _LOOK.with_for_update(skip_locked=True, of=MessageRow)
_AMONG = among(MessageRow.id, ids_named("b_ids"))
_FIND = PreparedSelect(_LOOK, Claimable._make)
_CLAIM = PreparedSelect(_LOCKED, Claimable._make)
_CLAIM_AMONG = PreparedSelect(_LOCKED.where(_AMONG), Claimable._make)
_CURRENT = PreparedSelect.of(
    select(MessageRow.id, MessageRow.attempts)
    .outerjoin(AgendaRow, AgendaRow.borrower_id == MessageRow.borrower_id)
    .where(_AMONG, MessageRow.state == "sending", _IS_CURRENT)
)
_OUTDATED = PreparedSelect.of(
    select(MessageRow.id, MessageRow.attempts)
    .outerjoin(AgendaRow, AgendaRow.borrower_id == MessageRow.borrower_id)
    .where(_AMONG, MessageRow.state == "sending", ~func.coalesce(_IS_CURRENT, False))
)
_CHANGE = update(cast(Table, MessageRow.__table__))
_STATE = bindparam("b_state", type_=String())
_TOLD_LATER = case((MessageRow.channel.in_([_word(each) for each in ASKABLE_CHANNELS]), _word(UNTOLD)), else_=None)
_LANES: Mapping[str, Any] = {
    **dict.fromkeys(WAITING_STATES, MessageRow.lane),
    "sent": _TOLD_LATER,
    UNCERTAIN: _word(UNCERTAIN),
}
"""State that a message comes to -> its lane then, as `lane_of` says; of any other state none."""
_SEND = PreparedChange(
    _CHANGE.where(_AMONG).values(
        state="sending",
        leased_by=bindparam("b_owner"),
        leased_until=bindparam("b_leased_until"),
        attempts=MessageRow.attempts + 1,
    )
)


def _end(lane: Any) -> PreparedChange:
    return PreparedChange(
        _CHANGE.where(_AMONG).values(
            state=_STATE,
            lane=lane,
            state_reason=bindparam("b_reason"),
            leased_by=None,
            leased_until=None,
            version=MessageRow.version + 1,
        )
    )


def _settle(lane: Any) -> PreparedChange:
    return PreparedChange(
        _CHANGE.where(_AMONG, MessageRow.state == "sending", MessageRow.attempts == bindparam("b_claim")).values(
            state=_STATE,
            lane=lane,
            state_reason=bindparam("b_reason"),
            next_attempt_at=bindparam("b_next"),
            sent_at=bindparam("b_sent"),
            leased_by=None,
            leased_until=None,
            version=MessageRow.version + 1,
        )
    )


_END = {state: _end(lane) for state, lane in _LANES.items()}
_END_ELSE = _end(None)
_SETTLE = {state: _settle(lane) for state, lane in _LANES.items()}
_SETTLE_ELSE = _settle(None)
_PUT_BACK = PreparedChange(
    _CHANGE.where(
        MessageRow.id == bindparam("b_id"),
        MessageRow.attempts == bindparam("b_attempts"),
        MessageRow.case_version == bindparam("b_version"),
        or_(MessageRow.state == "queued", MessageRow.state == "sending"),  # IN cannot be executed for many
    ).values(state="stale", state_reason="STALE_FACTS", leased_by=None, leased_until=None)
)


class Settlement(NamedTuple):
    """What became of a message that was claimed. `claim`: its attempts, that claim counted."""

    message_id: str
    claim: int
    state: str
    reason: str | None
    next_attempt_at: datetime
    sent_at: datetime | None


def exists_claimable(session: Session, lane: str, *, now: datetime, machine_now: datetime) -> bool:
    """Return whether a claim of a lane would find anything; a plain read, so that idling costs no write lock."""
    values = {"b_lane": lane, "b_now": now, "b_machine_now": machine_now}
    return _FIRST_OF_LANE.first(session.connection(), values) is not None


def find_due_lanes(session: Session, *, now: datetime, machine_now: datetime) -> set[str]:
    """Return the lanes in which a claim would find something, in one plain read."""
    return set(_DUE_LANES.all(session.connection(), {"b_now": now, "b_machine_now": machine_now}))


def find_claimable(session: Session, lane: str, *, now: datetime, machine_now: datetime, limit: int) -> list[Claimable]:
    """Return what a claim of a lane would find, by a plain read."""
    values = {"b_lane": lane, "b_now": now, "b_machine_now": machine_now, "b_limit": limit}
    found: list[Claimable] = _FIND.all(session.connection(), values)
    return found


def claim_batch(
    session: Session, lane: str, *, now: datetime, machine_now: datetime, limit: int, only: Sequence[str] | None = None
) -> list[Claimable]:
    """Lock up to `limit` waiting messages of a lane, earliest first; the caller marks each before it commits.

    `only`: no others than these.
    """
    values: dict[str, Any] = {"b_lane": lane, "b_now": now, "b_machine_now": machine_now, "b_limit": limit}
    statement = _CLAIM
    if only is not None:
        statement, values["b_ids"] = _CLAIM_AMONG, list(only)
    claimed: list[Claimable] = statement.all(session.connection(), values)
    return claimed


def mark_sending(session: Session, message_ids: Sequence[str], *, owner: str, leased_until: datetime) -> None:
    """Take the lease of locked messages and count the attempt."""
    if message_ids:
        values = {"b_ids": list(message_ids), "b_owner": owner, "b_leased_until": leased_until}
        _SEND.run(session.connection(), values)


def mark_ended(session: Session, ended: Mapping[str, tuple[str, str]]) -> None:
    """End locked messages without sending. `ended`: message id -> (state, reason)."""
    for state, reason in set(ended.values()):
        ids = [message_id for message_id, end in ended.items() if end == (state, reason)]
        _END.get(state, _END_ELSE).run(session.connection(), {"b_ids": ids, "b_state": state, "b_reason": reason or None})


def mark_waiting(session: Session, message_ids: Sequence[str], *, until: datetime) -> None:
    """Leave locked messages queued until their provider may be used again."""
    if message_ids:
        session.execute(
            update(MessageRow)
            .where(MessageRow.id.in_(message_ids))
            .values(state="queued", next_attempt_at=until, leased_by=None, leased_until=None)
        )


def mark_stale(session: Session, messages: Sequence[Mapping[str, Any]]) -> None:
    """Put back messages decided under older facts or rules; the next decision stamps or cancels them.

    `messages`: b_id with the b_attempts and b_version it had; one that was stamped anew or claimed by another worker since
    is left alone.
    """
    if messages:
        _PUT_BACK.run_many(session.connection(), messages)


def find_current(connection: Connection, claims: Mapping[str, int]) -> set[str]:
    """Return those of our claimed messages that are still ours, and decided under what still holds.

    `claims`: message id -> attempts, this one counted: a later claim has a higher number.
    """
    rows = _CURRENT.all(connection, {"b_ids": list(claims)})
    return {message_id for message_id, attempts in rows if attempts == claims[message_id]}


def find_outdated(session: Session, claims: Mapping[str, int]) -> set[str]:
    """Return those of our claimed messages that are still ours and decided under what no longer holds.

    One of which a receipt has told already is none: it is not ours any more.
    """
    rows = _OUTDATED.all(session.connection(), {"b_ids": list(claims)})
    return {message_id for message_id, attempts in rows if attempts == claims[message_id]}


def mark_outcomes(session: Session, settlements: Sequence[Settlement]) -> None:
    """Record what became of claimed messages; one that was taken from us meanwhile is left alone."""
    alike: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for message_id, *values in settlements:
        alike[tuple(values)].append(message_id)
    names = ("b_claim", "b_state", "b_reason", "b_next", "b_sent")
    for outcome, ids in alike.items():
        given: dict[str, Any] = dict(zip(names, outcome, strict=True)) | {"b_ids": ids}
        _SETTLE.get(given["b_state"], _SETTLE_ELSE).run(session.connection(), given)


def renew_leases(session: Session, claims: Mapping[str, int], *, owner: str, leased_until: datetime) -> set[str]:
    """Renew the leases of claims that are still this owner's; return them. `claims`: message id -> attempts, as ever.

    One that is locked is just being recorded, and needs no lease.
    """
    held = select(MessageRow.id, MessageRow.attempts).where(
        MessageRow.id.in_(list(claims)), MessageRow.state == "sending", MessageRow.leased_by == owner
    )
    rows = session.execute(held.order_by(MessageRow.id).with_for_update(skip_locked=True))
    ours = {message_id for message_id, attempts in rows if attempts == claims[message_id]}
    if ours:
        session.execute(update(MessageRow).where(MessageRow.id.in_(ours)).values(leased_until=leased_until))
    return ours


def release_leases(session: Session, owner: str | None = None) -> int:
    """Let claims of a worker that is known to be dead (None: all) be taken over at once. Returns how many."""
    condition = MessageRow.state == "sending"
    if owner is not None:
        condition = and_(condition, MessageRow.leased_by == owner)
    ids = list(session.scalars(select(MessageRow.id).where(condition)))
    if ids:
        session.execute(update(MessageRow).where(MessageRow.id.in_(ids)).values(leased_until=MessageRow.created_at))
    return len(ids)
