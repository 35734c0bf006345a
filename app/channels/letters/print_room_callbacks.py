"""What a print room posts about letters: the same lines as its files, as JSON or CSV.

With `callback_key` in its settings a post must be signed: `Duecourse-Signature`, HMAC-SHA256 in hex over
"<Duecourse-Timestamp>.<body>", believed for 300 seconds around the timestamp. Without, the address of the callback holds the
installation's word, and what is told is trusted for the state of delivery alone.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from app.channels.callbacks import CallbackParser, CallbackRequest, ForgedError, MalformedError
from app.channels.letters.print_room_files import PROVIDER, UnreadableError, answer, reports_of
from app.domain.deliveries import Callback

_WINDOW_SECONDS = 300


class PrintRoomCallbacks:
    """Reads them."""

    provider = PROVIDER

    def __init__(self, entry: Mapping[str, Any]) -> None:
        """`callback_key` of the entry; else `callback_secret`, the installation's word. Raises KeyError for neither."""
        self._key = str(entry.get("callback_key") or "").encode()
        self._secret = "" if self._key else str(entry["callback_secret"])

    def read(self, request: CallbackRequest) -> Callback:
        """Return what it says. Raises ForgedError, MalformedError."""
        self._check(request)
        is_json = "json" in request.headers.get("content-type", "json")
        try:
            reports = reports_of(request.body, is_json=is_json)
        except UnreadableError as error:
            raise MalformedError(str(error)) from None
        return Callback(PROVIDER, reports=reports, answer=answer(), is_signed=bool(self._key))

    def _check(self, request: CallbackRequest) -> None:
        if not self._key:
            if not self._secret or not hmac.compare_digest(request.path_secret.encode(), self._secret.encode()):
                raise ForgedError("The address has not the installation's word.")
            return
        timestamp, given = request.headers.get("duecourse-timestamp", ""), request.headers.get("duecourse-signature", "")
        expected = hmac.new(self._key, timestamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise ForgedError("Duecourse-Signature is missing or wrong.")
        if not timestamp.isdigit() or abs(request.now_seconds - int(timestamp)) > _WINDOW_SECONDS:
            raise ForgedError("The post is too old, or of the future.")


def parser(entry: Mapping[str, Any]) -> CallbackParser:
    """Return the parser of an entry of the providers file. Raises KeyError for a setting that is missing."""
    return PrintRoomCallbacks(entry)
