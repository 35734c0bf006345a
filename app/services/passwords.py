"""Passwords of staff: hashed by argon2id, few at a time, checked against the known ones.

Source: OWASP Password Storage Cheat Sheet (argon2id, at least 19 MiB and 2 passes); OWASP ASVS 5.0 §6.2, §11.4.2.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.domain import passwords
from app.domain.errors import RateLimitedError

COMMON_FILE = Path(__file__).resolve().parents[1] / "content" / "passwords" / "common.txt"
"""Known passwords, the most used first; from zxcvbn's list (MIT, see the licence beside it)."""
AT_ONCE = 2
"""Hashes computed at a time in one process: each takes 64 MiB and a core for a moment."""
_WAIT_SECONDS = 20.0

_hasher = PasswordHasher(time_cost=2, memory_cost=64 * 1024, parallelism=1)
_slots = BoundedSemaphore(AT_ONCE)


def hash_new(password: str, *, names: Sequence[str], pointer: str = "/password") -> str:
    """Return the hash of a new password. Raises ValidationError for one that is refused, RateLimitedError when busy."""
    normal = passwords.check_password(password, common=common_passwords(), names=names, pointer=pointer)
    with _slot():
        return _hasher.hash(normal)


def fits(hashed: str | None, password: str) -> bool:
    """Return whether a password is the one; None, of nobody, takes as long and is never. Raises RateLimitedError (busy)."""
    normal = passwords.normal_password(password)
    with _slot():
        try:
            _hasher.verify(hashed or _nobody(), normal)
        except (VerificationError, InvalidHashError):
            return False
    return hashed is not None


def is_outdated(hashed: str) -> bool:
    """Return whether a hash was made with weaker parameters than ours now."""
    return _hasher.check_needs_rehash(hashed)


def hash_again(password: str) -> str:
    """Return a password's hash by the parameters of now."""
    with _slot():
        return _hasher.hash(passwords.normal_password(password))


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """Return the known passwords, folded."""
    return frozenset(COMMON_FILE.read_text(encoding="utf-8").casefold().split())


@lru_cache(maxsize=1)
def _nobody() -> str:
    return _hasher.hash("the password of nobody")


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(timeout=_WAIT_SECONDS):
        raise RateLimitedError("Too many sign-ins at once; try again shortly.", {"retry_after_seconds": 5})
    try:
        yield
    finally:
        _slots.release()
