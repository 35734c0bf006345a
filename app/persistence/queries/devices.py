"""Devices of borrowers and the push targets on them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update
from sqlalchemy.orm import Session

from app.persistence.models.devices import DeviceRow, EndpointRow

_PUSH = "push"
_TARGET_LOCK = 7_020
"""Which advisory locks are those of push targets."""


def find_device(session: Session, borrower_id: str, installation_id: str) -> DeviceRow | None:
    """Return the borrower's device of this installation."""
    return session.scalar(
        select(DeviceRow).where(DeviceRow.borrower_id == borrower_id, DeviceRow.installation_id == installation_id)
    )


def lock_targets(session: Session, digests: Collection[str]) -> None:
    """Let one transaction at a time give these targets to somebody; taken before any agenda row.

    Two borrowers may register one phone at the same instant, and neither would see the other. SQLite has one writer.
    """
    if session.connection().dialect.name == "postgresql":
        for digest in sorted(digests):
            session.execute(select(func.pg_advisory_xact_lock(_TARGET_LOCK, func.hashtext(digest))))


def find_target_holders(session: Session, digests: Collection[str]) -> list[str]:
    """Return the borrowers who have an endpoint in use for one of these targets."""
    statement = select(EndpointRow.borrower_id).where(
        EndpointRow.address_digest.in_(digests), EndpointRow.channel == _PUSH, EndpointRow.state == "active"
    )
    return list(session.scalars(statement.distinct()))


def find_endpoint(session: Session, device_id: str, digests: Collection[str]) -> EndpointRow | None:
    """Return the device's endpoint for a target, whatever became of it."""
    return session.scalar(
        select(EndpointRow)
        .where(EndpointRow.device_id == device_id, EndpointRow.address_digest.in_(digests), EndpointRow.channel == _PUSH)
        .limit(1)
    )


def mark_endpoints_retired(
    session: Session, *, device_id: str | None, digests: Collection[str], reason: str, now: datetime
) -> None:
    """Retire endpoints in use: those of a device that are none of these targets, or with no device, those that are."""
    if device_id is not None:
        which = and_(EndpointRow.device_id == device_id, EndpointRow.address_digest.not_in(digests))
    else:
        which = EndpointRow.address_digest.in_(digests)
    session.execute(
        update(EndpointRow)
        .where(which, EndpointRow.channel == _PUSH, or_(EndpointRow.state == "active", EndpointRow.state == "suspect"))
        .values(state="invalid", reason=reason, changed_at=now)
    )


def mark_devices_seen(session: Session, at: datetime, *, since: datetime) -> None:
    """Let every device seen since (inclusive) have been seen at an instant: in a sandbox people open their apps."""
    session.execute(
        update(DeviceRow).where(DeviceRow.last_seen_at >= since, DeviceRow.last_seen_at < at).values(last_seen_at=at)
    )


def delete_device(session: Session, device: DeviceRow, *, now: datetime) -> None:
    """Forget a device. Its endpoints stay, retired: they are part of the answer to "why not"."""
    mark_endpoints_retired(session, device_id=device.id, digests=(), reason="DEVICE_REMOVED", now=now)
    session.execute(update(EndpointRow).where(EndpointRow.device_id == device.id).values(device_id=None))
    session.delete(device)


def find_devices(reads: Connection, borrower_id: str) -> Sequence[Any]:
    """Return the borrower's devices with the state of their newest push target, newest first."""
    return reads.execute(
        select(
            DeviceRow.id,
            DeviceRow.installation_id,
            DeviceRow.platform,
            DeviceRow.app_version,
            DeviceRow.zone,
            DeviceRow.locale,
            DeviceRow.push_permission,
            DeviceRow.last_seen_at,
            DeviceRow.created_at,
            EndpointRow.state.label("push_state"),
        )
        .outerjoin(EndpointRow, and_(EndpointRow.device_id == DeviceRow.id, EndpointRow.channel == _PUSH))
        .where(DeviceRow.borrower_id == borrower_id)
        .order_by(DeviceRow.id.desc(), EndpointRow.changed_at, EndpointRow.id)
    ).all()
