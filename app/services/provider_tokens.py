"""Access tokens of providers, shared by all processes: one of them asks, the others wait or use the old one meanwhile.

Machine time judges, for the provider lives by it. Call it outside a unit of work: it opens its own, short ones, and none is
open while the provider is asked.
"""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app import clock
from app.domain.provider_tokens import EARLY_SECONDS, Fetch, IssuedToken, TokenUnavailableError
from app.logs import logger
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.queries.provider_tokens import find_token, lock_token, put_failure, put_token
from app.persistence.unit_of_work import Work, in_unit_of_work, looking, unit_of_work

TURN = timedelta(seconds=40)
"""Longer than two requests to a provider that hardly answers; after that another process takes its turn."""
REST = timedelta(seconds=5)
"""After a failure nobody asks for so long: a provider that is down is not helped by more requests."""
WAIT_SECONDS = 15.0
LOOK_SECONDS = 0.05
_SPARE = timedelta(seconds=EARLY_SECONDS / 2)
"""An old token still works for so long after it should be replaced."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A token and until when to use it without asking."""

    token: str = field(repr=False)
    until: datetime

    def is_fresh(self, refused: str | None, now: datetime) -> bool:
        return self.token != refused and now < self.until

    def is_spare(self, refused: str | None, now: datetime) -> bool:
        return self.token != refused and now < self.until + _SPARE


@dataclass
class SharedTokens:
    """A TokenStore on the table provider_tokens, with a copy in this process."""

    owner: str = field(default_factory=new_id)
    wait_seconds: float = WAIT_SECONDS
    _copies: dict[tuple[str, str], _Known] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def token(self, provider: str, account: str, fetch: Fetch) -> str:
        """Return the account's token. Raises TokenUnavailableError."""
        return self._good((provider, account), None, fetch)

    def renew(self, provider: str, account: str, refused: str, fetch: Fetch) -> str:
        """Return a token other than `refused`: another process's newer one, or a new one. Raises TokenUnavailableError."""
        return self._good((provider, account), refused, fetch)

    def _good(self, key: tuple[str, str], refused: str | None, fetch: Fetch) -> str:
        now, copy = clock.system_now(), self._copies.get(key)
        if copy is not None and copy.is_fresh(refused, now):
            return copy.token
        spare = copy.token if copy is not None and copy.is_spare(refused, now) else None
        if not self._lock.acquire(blocking=spare is None):
            return spare or ""  # another thread of ours is renewing it
        try:
            copy = self._copies.get(key)
            if copy is None or not copy.is_fresh(refused, clock.system_now()):
                copy = self._shared(key, refused, fetch)
                if copy.is_fresh(refused, clock.system_now()):
                    self._copies[key] = copy
            return copy.token
        finally:
            self._lock.release()

    def _shared(self, key: tuple[str, str], refused: str | None, fetch: Fetch) -> _Known:
        """Return the table's token, or bring it there when it is our turn."""
        give_up_at = clock.monotonic_seconds() + self.wait_seconds
        while True:
            now = clock.system_now()
            with looking() as session:
                row = find_token(session, *key)
            known = _opened(key, row)
            if known is not None and known.is_fresh(refused, now):
                return known
            is_renewed = row is not None and row.renewing_until is not None and row.renewing_until > now
            if not is_renewed and in_unit_of_work(lambda work: self._take_turn(work, key, refused)):
                try:
                    return self._fetched(key, refused, fetch)
                except TokenUnavailableError:
                    if known is None or not known.is_spare(refused, now):
                        raise
                    return known
            if known is not None and known.is_spare(refused, now):
                return known
            has_failed = is_renewed and row is not None and row.renewing_by is None
            if has_failed or clock.monotonic_seconds() >= give_up_at:
                raise TokenUnavailableError(refused=False)
            time.sleep(LOOK_SECONDS)

    def _take_turn(self, work: Work, key: tuple[str, str], refused: str | None) -> bool:
        """Take the turn unless another has it, or has brought a good token since we looked."""
        now = clock.system_now()
        row = lock_token(work.session, *key)
        known = _opened(key, row)
        if (row.renewing_until is not None and row.renewing_until > now) or (known and known.is_fresh(refused, now)):
            return False
        row.renewing_by, row.renewing_until = self.owner, now + TURN
        return True

    def _fetched(self, key: tuple[str, str], refused: str | None, fetch: Fetch) -> _Known:
        try:
            issued = fetch(refused)
        except Exception as error:
            with unit_of_work() as work:
                put_failure(work.session, *key, owner=self.owner, rests_until=clock.system_now() + REST)
            raw = getattr(error, "raw_code", None)
            logger().warning("no token from the provider", provider=key[0], error=type(error).__name__, raw_code=raw)
            raise
        known = _Known(issued.token, clock.system_now() + timedelta(seconds=issued.useful_seconds))
        self._keep(key, issued, known)
        return known

    def _keep(self, key: tuple[str, str], issued: IssuedToken, known: _Known) -> None:
        with unit_of_work() as work:
            sealed = work.vault.seal(issued.token, place=_place(key)) or b""
            if not put_token(work.session, *key, owner=self.owner, sealed=sealed, expires_at=known.until):
                logger().warning("a token came after its turn had run out", provider=key[0])


def _opened(key: tuple[str, str], row: Any) -> _Known | None:
    if row is None or row.token_sealed is None or row.expires_at is None:
        return None
    try:
        token = vault().open(row.token_sealed, place=_place(key))
    except ValueError:  # sealed with a key that is gone: a new token costs one request
        return None
    return _Known(token or "", row.expires_at)


def _place(key: tuple[str, str]) -> str:
    return f"provider_tokens.token:{key[0]}:{key[1]}"
