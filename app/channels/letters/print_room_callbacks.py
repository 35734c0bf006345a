"""What a print room posts about letters: the same lines as its files, as JSON or CSV.

With `callback_key` in its settings a post must be signed with it, see signed_posts.py. Without, the address of the callback
holds our word for it, and what is told is trusted for the state of delivery alone.
"""

from collections.abc import Mapping
from typing import Any

from app.channels.callbacks import CallbackParser, CallbackRequest, MalformedError
from app.channels.letters.print_room_files import PROVIDER, UnreadableError, answer, reports_of
from app.channels.path_secrets import check_path_secret
from app.channels.signed_posts import check_signature
from app.domain.deliveries import Callback


class PrintRoomCallbacks:
    """Reads them."""

    provider = PROVIDER

    def __init__(self, entry: Mapping[str, Any]) -> None:
        """`callback_key` of the entry; else `callback_secret`, our word for print rooms. Raises KeyError for neither."""
        self._key = str(entry.get("callback_key") or "").encode()
        self._entry = {} if self._key else {"callback_secret": entry["callback_secret"]}

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
        if self._key:
            check_signature(request, self._key)
        else:
            check_path_secret(request, self._entry)


def parser(entry: Mapping[str, Any]) -> CallbackParser:
    """Return the parser of an entry of the providers file. Raises KeyError for a setting that is missing."""
    return PrintRoomCallbacks(entry)
