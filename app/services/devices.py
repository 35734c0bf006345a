"""Devices: which installations a borrower uses, and where a push can reach them.

A target (token or installation id of the push service) belongs to the borrower who registered it last: on a phone that
changed hands the former owner's endpoint is retired in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.domain.errors import NotFoundError
from app.domain.times import zone_named
from app.persistence.ids import new_id
from app.persistence.models.devices import DeviceRow, EndpointRow
from app.persistence.queries import devices as queries
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import agenda, reminders
from app.services.locales import check_locale

PLATFORMS = ("android", "ios", "web")
TARGET_KINDS = ("fid", "token")


@dataclass(frozen=True, slots=True)
class DeviceValues:
    """What an app says of itself. `target` is a secret of the push service; None: none yet, or no permission."""

    installation_id: str
    platform: str
    target_kind: str | None = None
    target: str | None = field(default=None, repr=False)
    zone: str | None = None
    locale: str | None = None
    app_version: str | None = None
    push_permission: bool = True


def put_device(borrower_id: str, values: DeviceValues, *, now: datetime) -> bool:
    """Register a device or bring it up to date; return whether it is new. Raises ValidationError."""
    if values.zone is not None:
        zone_named(values.zone)
    if values.locale is not None:
        check_locale(values.locale)
    with unit_of_work() as work:
        digests = _digests(work, values.target)
        queries.lock_targets(work.session, digests)
        others = [holder for holder in queries.find_target_holders(work.session, digests) if holder != borrower_id]
        agenda.touch(work, [borrower_id, *others], now=now)
        device = queries.find_device(work.session, borrower_id, values.installation_id)
        is_new = device is None
        device = _write_device(work, device, borrower_id, values, now)
        queries.mark_endpoints_retired(work.session, device_id=device.id, digests=digests, reason="TARGET_REPLACED", now=now)
        if values.target is not None:
            _write_endpoint(work, device, values, digests, now)
        reminders.review(work, [borrower_id, *others], now=now)
    return is_new


def delete_device(borrower_id: str, installation_id: str, *, now: datetime) -> None:
    """Forget a device: nothing is pushed to it any more. Raises NotFoundError."""
    with unit_of_work() as work:
        agenda.touch(work, [borrower_id], now=now)
        device = queries.find_device(work.session, borrower_id, installation_id)
        if device is None:
            raise NotFoundError("There is no such device.")
        queries.delete_device(work.session, device, now=now)
        work.session.flush()
        reminders.review(work, [borrower_id], now=now)


def list_devices(reads: Connection, borrower_id: str) -> Sequence[Any]:
    """Return the borrower's devices, newest first, each once."""
    newest: dict[str, Any] = {}
    for row in queries.find_devices(reads, borrower_id):
        newest[row.id] = row  # endpoints come oldest first: the last one is what counts
    return list(newest.values())


def _digests(work: Work, target: str | None) -> list[str]:
    return [each.digest for each in work.vault.search_hashes("endpoint", target)] if target else []


def _write_device(work: Work, device: DeviceRow | None, borrower_id: str, values: DeviceValues, now: datetime) -> DeviceRow:
    if device is None:
        device = DeviceRow(
            id=new_id(), borrower_id=borrower_id, installation_id=values.installation_id, created_at=now, version=0
        )
        work.session.add(device)
    device.platform = values.platform
    device.app_version = values.app_version
    device.zone = values.zone
    device.locale = values.locale
    device.push_permission = values.push_permission
    device.last_seen_at = now
    device.version += 1
    work.session.flush()
    return device


def _write_endpoint(work: Work, device: DeviceRow, values: DeviceValues, digests: list[str], now: datetime) -> None:
    """Make this device the one that has the target. Registering it again also clears a doubt about it."""
    endpoint = queries.find_endpoint(work.session, device.id, digests)
    if endpoint is not None and endpoint.state == "active":
        return
    queries.mark_endpoints_retired(work.session, device_id=None, digests=digests, reason="TARGET_MOVED", now=now)
    if endpoint is None:
        endpoint = EndpointRow(id=new_id(), borrower_id=device.borrower_id, device_id=device.id, channel="push")
        work.session.add(endpoint)
    place = f"endpoints.address:{endpoint.id}"
    endpoint.address_kind = values.target_kind or "token"
    endpoint.address_sealed = work.vault.seal(values.target, place=place) or b""
    endpoint.address_digest = digests[0]
    endpoint.state, endpoint.reason, endpoint.changed_at = "active", None, now
    work.session.flush()
