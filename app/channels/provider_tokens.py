"""Access tokens kept in this process alone: for tests, and for a single process without a database."""

import threading
from dataclasses import dataclass, field

from app import clock
from app.domain.provider_tokens import Fetch


@dataclass
class MemoryTokens:
    """A TokenStore in memory. Threads that find no token wait for one request, not one each."""

    _kept: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def token(self, provider: str, account: str, fetch: Fetch) -> str:
        """Return the account's token, fetched when there is none that is good."""
        return self._good(provider, account, None, fetch)

    def renew(self, provider: str, account: str, refused: str, fetch: Fetch) -> str:
        """Return a token other than `refused`; who comes second gets what the first has fetched."""
        return self._good(provider, account, refused, fetch)

    def _good(self, provider: str, account: str, refused: str | None, fetch: Fetch) -> str:
        with self._lock:
            kept, until = self._kept.get((provider, account), ("", 0.0))
            if kept and kept != refused and clock.monotonic_seconds() < until:
                return kept
            issued = fetch(refused)
            self._kept[provider, account] = issued.token, clock.monotonic_seconds() + issued.useful_seconds
            return issued.token
