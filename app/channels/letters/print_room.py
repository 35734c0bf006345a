"""Letters for a print room that takes files: `<message id>.pdf` and its manifest `<message id>.json`, by folder or SFTP.

The manifest comes last and is the order to print: a PDF without one is none. Names are our message ids, so that a letter
dropped twice is the same two files; and what is there already counts as dropped. What the print room tells comes back as
files in `returns` (see print_room_files.py), or as posts (print_room_callbacks.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from app.channels.base import NOT_TAKEN, Asked, Channel, DeliveryResult, Outcome, Outgoing
from app.channels.letters.drops import PART, Drop, DropError, FolderDrop
from app.channels.letters.print_room_files import callback_of
from app.channels.letters.sftp_drop import SftpDrop
from app.channels.provider_settings import LATE
from app.domain.deliveries import Callback, DeliveryReport, Told
from app.domain.times import rfc3339

_NO_DOCUMENT = DeliveryResult(Outcome.REFUSED, error_code="bad_message")
_TOO_LATE = DeliveryResult(Outcome.REFUSED, error_code="too_late", another_may=True)
"""It was fetched, or another printer has it."""
SURELY_OVER = timedelta(minutes=10)
"""So long after a connection broke no server carries out a rename that it was asked for."""
_PAUSE_SECONDS = 300.0
_LOST = (Outcome.RETRY, Outcome.UNCERTAIN)
_DONE = "done/"
_UNREAD = "unread/"


class PrintRoom:
    """The letter channel by files."""

    name = "letter"
    provider = "print_room"

    def __init__(self, entry: Mapping[str, Any], outbox: Drop, returns: Drop | None) -> None:
        """`entry`: `options`: what the manifest says of all letters (duplex, colour, service). Raises KeyError."""
        self._outbox, self._returns = outbox, returns
        self._options = dict(entry.get("options", {}))

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Drop each letter once, or take one back that was not fetched yet; one result per message, in order."""
        try:
            there = self._outbox.names()
        except DropError as error:
            return [_lost(error)] * len(batch)
        results: list[DeliveryResult] = []
        for outgoing in batch:
            broken = results[-1] if results and results[-1].outcome in _LOST else None
            # One place for all: the others would only wait as long, past what holds for them now.
            results.append(self._send(outgoing, there, now) if broken is None else replace(broken, outcome=Outcome.RETRY))
        return results

    def find(self, asked: Sequence[Asked], *, now: datetime) -> list[DeliveryReport | None]:
        """Return that a letter was dropped, where its manifest lies there; that it was not, where that was left half-done.

        None: it may have been fetched.
        """
        try:
            there = self._outbox.names()
        except DropError:
            return [None] * len(asked)
        return [_found(one, there, now) for one in asked]

    def returns(self) -> list[tuple[str, Callback | None, bytes]]:
        """Return what the print room has told in files: their names, what each says (None: it cannot be read), their bytes.

        Call `settle` for each once it is stored. Raises DropError.
        """
        if self._returns is None:
            return []
        found = []
        for name in sorted(each for each in self._returns.names() if each.endswith((".csv", ".json"))):
            content = self._returns.read(name)
            found.append((name, callback_of(name, content), content))
        return found

    def settle(self, name: str, *, was_read: bool) -> None:
        """Lay a file of `returns` aside. Raises DropError."""
        if self._returns is not None:
            self._returns.move(name, (_DONE if was_read else _UNREAD) + name)

    def close(self) -> None:
        """Close the connections."""
        self._outbox.close()
        if self._returns is not None:
            self._returns.close()

    def _send(self, outgoing: Outgoing, there: set[str], now: datetime) -> DeliveryResult:
        if outgoing.purpose == "withdraw":
            return self._withdraw(str(outgoing.withdraws), there)
        if outgoing.expires_at <= now:
            return LATE
        document = outgoing.document
        if document is None:
            return _NO_DOCUMENT
        message_id = outgoing.message_id
        accepted = DeliveryResult(Outcome.ACCEPTED, provider_reference=message_id, units=document.pages)
        if _manifest_name(message_id) in there:
            return accepted  # dropped before: asking for the same letter twice prints it once
        manifest = {
            "message_id": message_id,
            "file": f"{message_id}.pdf",
            "sha256": document.sha256,
            "bytes": len(document.pdf),
            "pages": document.pages,
            "country": document.country,
            "inserts": list(document.inserts),
            "kind": outgoing.kind,
            "locale": outgoing.locale,
            "dropped_at": rfc3339(now),
            "print_before": rfc3339(outgoing.expires_at),
            "options": self._options,
        }
        try:
            self._outbox.put(f"{message_id}.pdf", document.pdf)
        except DropError as error:
            return _lost(error)
        try:
            self._outbox.put(_manifest_name(message_id), orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        except DropError as error:
            return accepted if error.is_ambiguous and self._is_there(message_id) else _lost(error, may_be_there=True)
        return accepted

    def _withdraw(self, message_id: str, there: set[str]) -> DeliveryResult:
        """Take the order away first: a PDF that is left over is not printed."""
        if _manifest_name(message_id) not in there:
            return _TOO_LATE
        try:
            self._outbox.remove([_manifest_name(message_id), f"{message_id}.pdf"])
        except DropError as error:
            return _lost(error)
        return DeliveryResult(Outcome.ACCEPTED, provider_reference=message_id)

    def _is_there(self, message_id: str) -> bool:
        try:
            return _manifest_name(message_id) in self._outbox.names()
        except DropError:
            return False


def _found(one: Asked, there: set[str], now: datetime) -> DeliveryReport | None:
    name, message_id = _manifest_name(one.message_id), one.message_id
    if name in there:
        return DeliveryReport(f"{message_id}:dropped", Told.ACCEPTED, message_id=message_id, reference=message_id)
    if name + PART in there and now - one.sent_at >= SURELY_OVER:
        return DeliveryReport(f"{message_id}:not_taken", Told.FAILED, message_id=message_id, error_code=NOT_TAKEN)
    return None


def _manifest_name(message_id: str) -> str:
    return f"{message_id}.json"


def _lost(error: DropError, *, may_be_there: bool = False) -> DeliveryResult:
    """Return what a failed drop means. Only of a manifest it matters whether it may be there."""
    if may_be_there and error.is_ambiguous:
        return DeliveryResult(Outcome.UNCERTAIN, error_code="connection_lost", raw_code=error.raw)
    pause = _PAUSE_SECONDS if error.code == "credential_refused" else None
    return DeliveryResult(
        Outcome.RETRY,
        error_code=error.code,
        raw_code=error.raw,
        retry_after_seconds=pause or timedelta(minutes=1).total_seconds(),
        pause_provider_seconds=pause,
    )


def build(entry: Mapping[str, Any], *, threads: int) -> Channel:
    """Return the channel of an entry of the providers file: `folder` or `url` (SFTP); `returns`, a folder or an SFTP URL.

    Raises KeyError for a setting that is missing, ValueError for one that is wrong.
    """
    return PrintRoom(
        entry, _drop(entry, "folder", "url"), _drop(entry, "returns", "returns") if entry.get("returns") else None
    )


def _drop(entry: Mapping[str, Any], folder_key: str, url_key: str) -> Drop:
    given = str(entry.get(folder_key) or entry[url_key])
    if given.startswith("sftp://"):
        return SftpDrop({**entry, "url": given})
    folder = Path(given)
    if not folder.is_dir():
        raise ValueError(f"{given} is not a folder.")
    return FolderDrop(folder)
