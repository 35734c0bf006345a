"""What is known of a borrower besides loans at an instant of a rehearsal: devices, consents, holds, wishes."""

from bisect import bisect_right
from datetime import datetime
from typing import Any

from app.domain.case_records import CaseRecord
from app.domain.devices import KnownDevice
from app.persistence.queries.case_people import device_of, hold_of, take_consents, wish_of
from app.persistence.queries.gathered import Gathered
from app.persistence.queries.rehearsed_books import BorrowerBook

_SYNTHETIC = KnownDevice(zone=None, push_permission=True, state="active")


class KnownPerson:
    """Gives a case what was known of its person; made anew only where something became known since the last look."""

    def __init__(self, book: BorrowerBook, *, starts_at: datetime, has_synthetic_device: bool) -> None:
        """Devices stay as they are at `starts_at`: whether their apps will be opened nobody knows."""
        self._book = book
        self._devices = [device_of(row, starts_at) for row in book.devices]
        if has_synthetic_device:
            self._devices.insert(0, _SYNTHETIC)
        self._endpoints: dict[str, list[str]] = {}
        for endpoint in book.endpoints:
            self._endpoints.setdefault(endpoint.channel, []).append(endpoint.state)
        changes = {row.recorded_at for row in (*book.consents, *book.holds, *book.wishes, *book.records)}
        changes |= {row.replaced_at for row in book.records if row.replaced_at is not None}
        changes |= {wish.ended_at for wish in book.wishes if wish.ended_at is not None}
        self._changes = sorted(changes)
        self._stage = -1
        self._found: Any = None

    def add_to(self, parts: Gathered, now: datetime) -> None:
        """Add what is known at `now`."""
        stage = bisect_right(self._changes, now)
        if stage != self._stage:
            self._stage, self._found = stage, self._known(parts.head, now)
        found = self._found
        parts.devices, parts.endpoints = self._devices, self._endpoints
        parts.consents, parts.opt_outs = found.consents, found.opt_outs
        parts.holds, parts.wishes, parts.records = found.holds, found.wishes, found.records

    def _known(self, head: Any, now: datetime) -> Gathered:
        book, found = self._book, Gathered(head)
        said = [row for row in book.consents if row.recorded_at <= now]
        if said:
            take_consents(found, said)
        found.holds = [hold_of(row) for row in book.holds if row.recorded_at <= now]
        found.wishes = [
            wish_of(row) for row in book.wishes if row.recorded_at <= now and (row.ended_at is None or row.ended_at > now)
        ]
        found.records = tuple(
            CaseRecord(row.list_name, row.facts, row.loan_id)
            for row in book.records
            if row.recorded_at <= now and (row.replaced_at is None or row.replaced_at > now)
        )
        return found
