"""Delivery attempts: where a message can go, and what each try came to.

Like those of the outbox, the statements are made once and run on the driver's own cursor.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, insert, or_, select, update
from sqlalchemy.orm import Session

from app.persistence.among import among, ids_named
from app.persistence.bulk import add_rows, change_rows
from app.persistence.column_types import Instant
from app.persistence.models.access import OtpChallengeRow
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.devices import DeviceRow, EndpointRow
from app.persistence.models.messages import DeliveryAttemptRow
from app.persistence.prepared import PreparedSelect

_ATTEMPTS = cast(Table, DeliveryAttemptRow.__table__)
_FINISHED = {
    "id": "b_id",
    "finished_at": "b_at",
    "outcome": "b_outcome",
    "provider_reference": "b_reference",
    "error_code": "b_error",
    "raw_code": "b_raw",
}
_DONE = PreparedSelect.of(
    select(DeliveryAttemptRow.message_id, DeliveryAttemptRow.endpoint_id, DeliveryAttemptRow.outcome).where(
        among(DeliveryAttemptRow.message_id, ids_named("b_ids")),
        or_(DeliveryAttemptRow.outcome == "accepted", DeliveryAttemptRow.outcome == "refused"),
    )
)
_PUSH_TARGETS = PreparedSelect.of(
    select(
        EndpointRow.id,
        EndpointRow.borrower_id,
        EndpointRow.address_kind,
        EndpointRow.address_sealed,
        EndpointRow.address_digest,
        DeviceRow.platform,
    )
    .join(DeviceRow, DeviceRow.id == EndpointRow.device_id)
    .where(
        among(EndpointRow.borrower_id, ids_named("b_ids")),
        EndpointRow.channel == "push",
        EndpointRow.state == "active",
        DeviceRow.push_permission.is_(True),
        DeviceRow.last_seen_at >= bindparam("b_seen_since", type_=Instant()),
    )
    .order_by(EndpointRow.id)
)

_PHONES = PreparedSelect.of(
    select(BorrowerRow.id, BorrowerRow.phone_sealed).where(
        among(BorrowerRow.id, ids_named("b_ids")), BorrowerRow.phone_sealed.is_not(None)
    )
)


def find_push_targets(session: Session, borrower_ids: Iterable[str], *, seen_since: datetime) -> dict[str, list[Any]]:
    """Return per borrower the active push endpoints of devices that allow notifications and were seen since (inclusive)."""
    targets: dict[str, list[Any]] = {}
    for row in _PUSH_TARGETS.all(session.connection(), {"b_ids": set(borrower_ids), "b_seen_since": seen_since}):
        targets.setdefault(row.borrower_id, []).append(row)
    return targets


def find_phones(session: Session, borrower_ids: Iterable[str]) -> dict[str, bytes]:
    """Return the sealed phone of those of these borrowers who have one."""
    ids = set(borrower_ids)
    return dict(_PHONES.all(session.connection(), {"b_ids": ids})) if ids else {}


def find_challenges(session: Session, challenge_ids: Iterable[str]) -> dict[str, Any]:
    """Return what a one-time code is computed and sent from, by challenge id."""
    wanted = set(challenge_ids)
    if not wanted:
        return {}
    statement = select(
        OtpChallengeRow.id, OtpChallengeRow.phone_sealed, OtpChallengeRow.resend_no, OtpChallengeRow.used_at
    ).where(OtpChallengeRow.id.in_(wanted))
    return {row.id: row for row in session.execute(statement)}


def find_done(session: Session, message_ids: Sequence[str]) -> dict[tuple[str, str | None], str]:
    """Return (message, endpoint) -> outcome of what needs no further attempt: accepted, or refused for good."""
    if not message_ids:
        return {}
    rows = _DONE.all(session.connection(), {"b_ids": message_ids})
    return {(message_id, endpoint_id): outcome for message_id, endpoint_id, outcome in rows}


def add_attempts(session: Session, attempts: Sequence[Mapping[str, Any]]) -> None:
    """Record tries before the wire is touched."""
    add_rows(session, _ATTEMPTS, attempts)


def finish_attempts(session: Session, attempts: Sequence[Mapping[str, Any]]) -> None:
    """Record what tries came to."""
    change_rows(session, _ATTEMPTS, attempts, columns=_FINISHED, key="id")


def put_dead_phone(
    session: Session, borrower_id: str, *, endpoint_id: str, sealed: bytes, digest: str, changes: Mapping[str, Any]
) -> None:
    """Keep that a borrower's phone takes no texts. `endpoint_id` is for a new row; `changes`: state, reason, changed_at."""
    known = update(EndpointRow).where(
        EndpointRow.borrower_id == borrower_id, EndpointRow.channel == "sms", EndpointRow.address_digest == digest
    )
    if session.execute(known.values(**changes)).rowcount == 0:  # type: ignore[attr-defined]
        row = {
            "id": endpoint_id,
            "borrower_id": borrower_id,
            "channel": "sms",
            "address_kind": "phone",
            "address_sealed": sealed,
        }
        session.execute(insert(EndpointRow).values(**row, address_digest=digest, **changes))


def mark_endpoint(session: Session, endpoint_id: str, *, digest: str, state: str, reason: str, now: datetime) -> None:
    """Retire an endpoint, only if the stored target is still the one that was sent."""
    session.execute(
        update(EndpointRow)
        .where(EndpointRow.id == endpoint_id, EndpointRow.address_digest == digest, EndpointRow.state == "active")
        .values(state=state, reason=reason, changed_at=now)
    )
