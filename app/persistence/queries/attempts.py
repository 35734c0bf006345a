"""Delivery attempts: where a message can go, and what each try came to.

Like those of the outbox, the statements are made once and run on the driver's own cursor.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, bindparam, or_, select
from sqlalchemy.orm import Session

from app.persistence.among import among, ids_named
from app.persistence.bulk import add_rows, change_rows
from app.persistence.column_types import Instant
from app.persistence.models.access import OtpChallengeRow
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
    "provider": "b_provider",
    "units": "b_units",
}
_DONE = PreparedSelect.of(
    select(DeliveryAttemptRow.message_id, DeliveryAttemptRow.endpoint_id, DeliveryAttemptRow.outcome).where(
        among(DeliveryAttemptRow.message_id, ids_named("b_ids")),
        or_(
            DeliveryAttemptRow.outcome == "accepted",
            DeliveryAttemptRow.outcome == "refused",
            DeliveryAttemptRow.outcome == "uncertain",
        ),
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


def find_push_targets(session: Session, borrower_ids: Iterable[str], *, seen_since: datetime) -> dict[str, list[Any]]:
    """Return per borrower the active push endpoints of devices that allow notifications and were seen since (inclusive)."""
    targets: dict[str, list[Any]] = {}
    for row in _PUSH_TARGETS.all(session.connection(), {"b_ids": set(borrower_ids), "b_seen_since": seen_since}):
        targets.setdefault(row.borrower_id, []).append(row)
    return targets


def find_challenges(session: Session, challenge_ids: Iterable[str]) -> dict[str, Any]:
    """Return what a one-time code is computed and sent from, by challenge id."""
    wanted = set(challenge_ids)
    if not wanted:
        return {}
    statement = select(
        OtpChallengeRow.id,
        OtpChallengeRow.phone_sealed,
        OtpChallengeRow.resend_no,
        OtpChallengeRow.used_at,
        OtpChallengeRow.purpose,
        OtpChallengeRow.address_kind,
    ).where(OtpChallengeRow.id.in_(wanted))
    return {row.id: row for row in session.execute(statement)}


class Earlier(NamedTuple):
    """What earlier tries of a message came to, by endpoint."""

    done: frozenset[str | None]
    """Endpoints that need no further try: taken, refused for good, or too often without an answer."""
    was_accepted: bool
    is_uncertain: bool
    """Some endpoint gave no answer, and may have shown it."""


NEVER_TRIED = Earlier(frozenset(), False, False)


def find_earlier(session: Session, message_ids: Sequence[str], *, most_uncertain: int) -> dict[str, Earlier]:
    """Return what became of earlier tries of these messages; one without any is absent.

    An endpoint that gave no answer `most_uncertain` times is not tried again.
    """
    if not message_ids:
        return {}
    outcomes: dict[str, list[tuple[str | None, str]]] = {}
    for message_id, endpoint_id, outcome in _DONE.all(session.connection(), {"b_ids": message_ids}):
        outcomes.setdefault(message_id, []).append((endpoint_id, outcome))
    return {message_id: _earlier(tries, most_uncertain) for message_id, tries in outcomes.items()}


def _earlier(tries: Sequence[tuple[str | None, str]], most_uncertain: int) -> Earlier:
    unanswered = Counter(endpoint_id for endpoint_id, outcome in tries if outcome == "uncertain")
    done = {endpoint_id for endpoint_id, outcome in tries if outcome != "uncertain"}
    done |= {endpoint_id for endpoint_id, count in unanswered.items() if count >= most_uncertain}
    return Earlier(frozenset(done), any(outcome == "accepted" for _, outcome in tries), bool(unanswered))


def add_attempts(session: Session, attempts: Sequence[Mapping[str, Any]]) -> None:
    """Record tries before the wire is touched."""
    add_rows(session, _ATTEMPTS, attempts)


def finish_attempts(session: Session, attempts: Sequence[Mapping[str, Any]]) -> None:
    """Record what tries came to."""
    change_rows(session, _ATTEMPTS, attempts, columns=_FINISHED, key="id")
