"""The access token for FCM, from a service-account file, refreshed by one thread at a time."""

import json
import threading
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import google.auth.exceptions
import google.auth.transport.requests
import requests
from firebase_admin import credentials

from app import clock

_TOKEN_SECONDS = 10.0
_ASK_AGAIN_SECONDS = 20.0


class TokenUnavailableError(Exception):
    """There is no token now. `refused` when the token endpoint said no to the credential itself."""

    def __init__(self, *, refused: bool) -> None:
        super().__init__("The FCM credential was refused." if refused else "The token endpoint does not answer.")
        self.refused = refused


class Credential(Protocol):
    """Where the bearer token comes from."""

    project_id: str

    def token(self) -> str:
        """Return a token that is valid now. Raises TokenUnavailableError."""
        ...

    def renewed(self, spent: str) -> str:
        """Return a token other than `spent`, which was refused. Raises TokenUnavailableError."""
        ...


class ServiceAccount:
    """A service-account JSON file. Threads that find the token stale wait for one refresh, not one each."""

    def __init__(self, file: Path) -> None:
        """Raises ValueError when the file is not a service account's."""
        certificate = credentials.Certificate(str(file))
        self.project_id: str = certificate.project_id
        self._credential: Any = certificate.get_credential()
        self._request = _OneAttempt(json.loads(file.read_text(encoding="utf-8")).get("token_uri", ""))
        self._lock = threading.Lock()
        self._ask_again_at = 0.0

    def token(self) -> str:
        """Return the current token, refreshed when it has expired or will within minutes.

        While the token endpoint fails, one that has minutes left is used on, and the endpoint asked once in a while.
        """
        if not self._credential.valid:
            with self._lock:
                if not self._credential.valid and not (self._lives() and clock.monotonic_seconds() < self._ask_again_at):
                    self._renew_early_or_late()
        token: str = self._credential.token
        return token

    def _renew_early_or_late(self) -> None:
        try:
            self._refresh()
        except TokenUnavailableError:
            if not self._lives():
                raise
            self._ask_again_at = clock.monotonic_seconds() + _ASK_AGAIN_SECONDS

    def _lives(self) -> bool:
        """Whether the token can still be used, however soon it expires."""
        expiry = self._credential.expiry  # without a zone, in UTC
        return bool(self._credential.token and expiry and clock.system_now().replace(tzinfo=None) < expiry)

    def renewed(self, spent: str) -> str:
        """Refresh unless another thread has replaced the spent token already."""
        with self._lock:
            if self._credential.token == spent:
                self._refresh()
        token: str = self._credential.token
        return token

    def _refresh(self) -> None:
        try:
            self._credential.refresh(self._request)
        except google.auth.exceptions.TransportError:
            raise TokenUnavailableError(refused=False) from None
        except google.auth.exceptions.GoogleAuthError as error:
            raise TokenUnavailableError(refused=not error.retryable) from None


class _OneAttempt(google.auth.transport.requests.Request):
    """google-auth's transport without its sleeping retries, and with a time-out shorter than its 120 s."""

    def __init__(self, token_uri: str) -> None:
        session = requests.Session()
        session.trust_env = urlsplit(token_uri).hostname not in ("127.0.0.1", "localhost", "::1")  # no proxy to ourselves
        super().__init__(session)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        response = super().__call__(*args, **{**kwargs, "timeout": _TOKEN_SECONDS})  # type: ignore[no-untyped-call]
        if response.status == 429 or response.status >= 500:
            message = "The token endpoint is not available."
            raise google.auth.exceptions.TransportError(message)  # type: ignore[no-untyped-call]
        return response
