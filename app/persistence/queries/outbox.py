"""The outbox: messages that wait to leave. Claimed in batches, each claim under a lease."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from app.persistence.models.access import OtpChallengeRow
from app.persistence.models.devices import DeviceRow, EndpointRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.reminders import AgendaRow, RulesStateRow


def _word(value: str) -> Any:
    """A literal in the statement's text: with a parameter in its place SQLite would not use a partial index."""
    return bindparam(None, value, literal_execute=True)


_WAITS = MessageRow.state.in_([_word("queued"), _word("sending"), _word("stale")])
SECURITY_LANE = and_(_WAITS, MessageRow.message_class == _word("security"))
ORDINARY_LANE = and_(_WAITS, MessageRow.message_class != _word("security"))
"""Messages that have not come to an end: one-time codes, and all others. Each lane has its own index."""

_SETTLE = (
    update(MessageRow.__table__)  # type: ignore[arg-type]
    .where(MessageRow.id == bindparam("b_id"), MessageRow.state == "sending", MessageRow.attempts == bindparam("b_attempts"))
    .values(
        state=bindparam("b_state"),
        state_reason=bindparam("b_reason"),
        next_attempt_at=bindparam("b_next"),
        sent_at=bindparam("b_sent"),
        leased_by=None,
        leased_until=None,
        version=MessageRow.version + 1,
    )
)
_PUT_BACK = (
    update(MessageRow.__table__)  # type: ignore[arg-type]
    .where(
        MessageRow.id == bindparam("b_id"),
        MessageRow.attempts == bindparam("b_attempts"),
        MessageRow.case_version == bindparam("b_version"),
        or_(MessageRow.state == "queued", MessageRow.state == "sending"),  # IN cannot be executed for many
    )
    .values(state="stale", state_reason="STALE_FACTS", leased_by=None, leased_until=None)
)
_FINISH_ATTEMPT = (
    update(DeliveryAttemptRow.__table__)  # type: ignore[arg-type]
    .where(DeliveryAttemptRow.id == bindparam("b_id"))
    .values(
        finished_at=bindparam("b_at"),
        outcome=bindparam("b_outcome"),
        provider_reference=bindparam("b_reference"),
        error_code=bindparam("b_error"),
        raw_code=bindparam("b_raw"),
    )
)


@dataclass(frozen=True, slots=True)
class Claimable:
    """A message whose time has come, with what its claim is judged by."""

    id: str
    borrower_id: str
    channel: str
    message_class: str
    template: str
    locale: str
    text_sealed: bytes | None
    challenge_id: str | None
    not_after: datetime
    attempts: int
    """Made so far, this claim not counted. Each claim raises it, so that it tells our claim from a later one."""
    case_version: int
    was_sending: bool
    """Its lease ran out while sending: it may have been delivered."""
    is_current: bool
    """It was decided under the present facts and rules."""


def exists_claimable(session: Session, *, now: datetime, machine_now: datetime, security: bool) -> bool:
    """Return whether a claim would find anything; a plain read, so that idling costs no write lock."""
    return bool(session.scalar(select(exists().where(_claimable(now, machine_now, security)))))


def _claimable(now: datetime, machine_now: datetime, security: bool) -> Any:
    return and_(
        SECURITY_LANE if security else ORDINARY_LANE,
        MessageRow.next_attempt_at <= now,
        or_(
            MessageRow.state == "queued",
            and_(MessageRow.state == "sending", MessageRow.leased_until < machine_now),
            and_(MessageRow.state == "stale", MessageRow.not_after <= now),  # nobody looked again in time
        ),
    )


def claim_batch(session: Session, *, now: datetime, machine_now: datetime, limit: int, security: bool) -> list[Claimable]:
    """Lock up to `limit` waiting messages, earliest first, and return them; the caller marks each before it commits."""
    epoch = select(RulesStateRow.rules_epoch).limit(1).scalar_subquery()
    statement = (
        select(
            MessageRow.id,
            MessageRow.borrower_id,
            MessageRow.channel,
            MessageRow.message_class,
            MessageRow.template,
            MessageRow.locale,
            MessageRow.text_sealed,
            MessageRow.challenge_id,
            MessageRow.not_after,
            MessageRow.attempts,
            MessageRow.case_version,
            (MessageRow.state == "sending").label("was_sending"),
            _is_current(epoch).label("is_current"),
        )
        .outerjoin(AgendaRow, AgendaRow.borrower_id == MessageRow.borrower_id)
        .where(_claimable(now, machine_now, security))
        .order_by(MessageRow.next_attempt_at, MessageRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=MessageRow)
    )
    rows: list[Any] = list(session.execute(statement))
    return [
        Claimable(**{**row._mapping, "was_sending": bool(row.was_sending), "is_current": bool(row.is_current)})
        for row in rows
    ]


def _is_current(epoch: Any) -> Any:
    """Security messages stand outside the case; all others must match the case and the rules they were decided under."""
    return or_(
        MessageRow.message_class == "security",
        and_(MessageRow.case_version == AgendaRow.case_version, MessageRow.rules_epoch == func.coalesce(epoch, 0)),
    )


def mark_sending(session: Session, message_ids: Sequence[str], *, owner: str, leased_until: datetime) -> None:
    """Take the lease of locked messages and count the attempt."""
    if message_ids:
        session.execute(
            update(MessageRow)
            .where(MessageRow.id.in_(message_ids))
            .values(state="sending", leased_by=owner, leased_until=leased_until, attempts=MessageRow.attempts + 1)
        )


def mark_ended(session: Session, ended: Mapping[str, tuple[str, str]]) -> None:
    """End locked messages without sending. `ended`: message id -> (state, reason)."""
    for state, reason in set(ended.values()):
        ids = [message_id for message_id, end in ended.items() if end == (state, reason)]
        session.execute(
            update(MessageRow)
            .where(MessageRow.id.in_(ids))
            .values(state=state, state_reason=reason, leased_by=None, leased_until=None, version=MessageRow.version + 1)
        )


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
        session.connection().execute(_PUT_BACK, list(messages))


def find_current(session: Session, claims: Mapping[str, int]) -> set[str]:
    """Return those of our claimed messages that are still ours, and decided under what still holds.

    `claims`: message id -> attempts, this one counted: a later claim has a higher number.
    """
    epoch = select(RulesStateRow.rules_epoch).limit(1).scalar_subquery()
    statement = (
        select(MessageRow.id, MessageRow.attempts)
        .outerjoin(AgendaRow, AgendaRow.borrower_id == MessageRow.borrower_id)
        .where(MessageRow.id.in_(list(claims)), MessageRow.state == "sending", _is_current(epoch))
    )
    return {row.id for row in session.execute(statement) if row.attempts == claims[row.id]}


def find_push_targets(session: Session, borrower_ids: Iterable[str]) -> dict[str, list[Any]]:
    """Return per borrower the active push endpoints of devices that allow notifications."""
    statement = (
        select(
            EndpointRow.id, EndpointRow.borrower_id, EndpointRow.address_kind, EndpointRow.address_sealed,
            EndpointRow.address_digest, DeviceRow.platform,
        )
        .join(DeviceRow, DeviceRow.id == EndpointRow.device_id)
        .where(
            EndpointRow.borrower_id.in_(set(borrower_ids)),
            EndpointRow.channel == "push",
            EndpointRow.state == "active",
            DeviceRow.push_permission.is_(True),
        )
        .order_by(EndpointRow.id)
    )  # fmt: skip
    targets: dict[str, list[Any]] = {}
    for row in session.execute(statement):
        targets.setdefault(row.borrower_id, []).append(row)
    return targets


def find_challenges(session: Session, challenge_ids: Iterable[str]) -> dict[str, Any]:
    """Return what a one-time code is computed and sent from, by challenge id."""
    statement = select(
        OtpChallengeRow.id, OtpChallengeRow.phone_sealed, OtpChallengeRow.resend_no, OtpChallengeRow.used_at
    ).where(OtpChallengeRow.id.in_(set(challenge_ids)))
    return {row.id: row for row in session.execute(statement)}


def find_done_endpoints(session: Session, message_ids: Sequence[str]) -> set[tuple[str, str | None]]:
    """Return (message, endpoint) pairs that need no further attempt: accepted, or refused for good."""
    if not message_ids:
        return set()
    statement = select(DeliveryAttemptRow.message_id, DeliveryAttemptRow.endpoint_id).where(
        DeliveryAttemptRow.message_id.in_(message_ids), DeliveryAttemptRow.outcome.in_(("accepted", "refused"))
    )
    return {(row.message_id, row.endpoint_id) for row in session.execute(statement)}


def find_accepted(session: Session, message_ids: Sequence[str]) -> set[str]:
    """Return the messages that some endpoint has accepted."""
    statement = select(DeliveryAttemptRow.message_id).where(
        DeliveryAttemptRow.message_id.in_(message_ids), DeliveryAttemptRow.outcome == "accepted"
    )
    return set(session.scalars(statement))


def add_attempts(session: Session, attempts: Sequence[Mapping[str, Any]]) -> None:
    """Record tries before the wire is touched."""
    if attempts:
        session.execute(insert(DeliveryAttemptRow.__table__), list(attempts))  # type: ignore[arg-type]


def finish_attempts(session: Session, attempts: Sequence[Mapping[str, Any]]) -> None:
    """Record what tries came to."""
    if attempts:
        session.connection().execute(_FINISH_ATTEMPT, list(attempts))


def finish_messages(session: Session, messages: Sequence[Mapping[str, Any]]) -> None:
    """Record what became of messages we hold the lease of; one that was taken from us meanwhile is left alone."""
    if messages:
        session.connection().execute(_SETTLE, list(messages))


def mark_endpoint(session: Session, endpoint_id: str, *, digest: str, state: str, reason: str, now: datetime) -> bool:
    """Retire an endpoint, only if the stored target is still the one that was sent. Returns whether it was."""
    result = session.execute(
        update(EndpointRow)
        .where(EndpointRow.id == endpoint_id, EndpointRow.address_digest == digest, EndpointRow.state == "active")
        .values(state=state, reason=reason, changed_at=now)
        .returning(EndpointRow.id)
    )
    return result.first() is not None


def release_leases(session: Session, owner: str | None = None) -> int:
    """Let claims of a worker that is known to be dead (None: all) be taken over at once. Returns how many."""
    condition = MessageRow.state == "sending"
    if owner is not None:
        condition = and_(condition, MessageRow.leased_by == owner)
    ids = list(session.scalars(select(MessageRow.id).where(condition)))
    if ids:
        session.execute(update(MessageRow).where(MessageRow.id.in_(ids)).values(leased_until=MessageRow.created_at))
    return len(ids)
