"""Errors with a stable code. `web/errors.py` holds the one table that turns codes into HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: `pointer` is an RFC 6901 JSON pointer."""

    pointer: str
    code: str
    detail: str


@dataclass
class DomainError(Exception):
    """Something was refused. `detail` says what and what to do, without personal data."""

    detail: str
    facts: Mapping[str, object] = field(default_factory=dict)
    errors: Sequence[FieldError] = ()
    code: ClassVar[str] = "conflict"

    def __str__(self) -> str:
        return self.detail


class NotFoundError(DomainError):
    """It does not exist, or it is another person's: the two are not told apart."""

    code = "not-found"


class ValidationError(DomainError):
    """A value has the right form but cannot be true."""

    code = "validation-failed"


class ConflictError(DomainError):
    """The act collides with what is already recorded."""

    code = "conflict"


class CurrencyMismatchError(DomainError):
    """Two currencies met where only one can be."""

    code = "currency-mismatch"


class UnauthenticatedError(DomainError):
    """No valid credential."""

    code = "unauthenticated"


class ForbiddenError(DomainError):
    """A valid credential without the right."""

    code = "forbidden"


class RateLimitedError(DomainError):
    """Too many; `facts["retry_after_seconds"]` says when to try again."""

    code = "rate-limited"


class UnavailableError(DomainError):
    """A part we need does not answer now."""

    code = "maintenance"


class RefusedError(DomainError):
    """A command was refused whole and nothing was written; for operators, never a borrower."""

    code = "refused"
