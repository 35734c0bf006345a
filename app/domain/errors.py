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


def refused_at(pointer: str, detail: str) -> ValidationError:
    """Return the refusal of one field, which the pointer names; its detail is the whole refusal's."""
    return ValidationError(detail, errors=(FieldError(pointer, "invalid", detail),))


class ConflictError(DomainError):
    """The act collides with what is already recorded."""

    code = "conflict"


class PlanNotEligibleError(DomainError):
    """A plan option that cannot be chosen now. `facts`: kind, reason (a code of `plan_options.CODES`), rule, and more."""

    code = "plan-not-eligible"


class StateTooOldError(DomainError):
    """What changed since a state a device has cannot be told; it loads everything anew."""

    code = "state-too-old"


class LinkExpiredError(DomainError):
    """A signed link whose time is over."""

    code = "link-expired"


class MalformedCallbackError(DomainError):
    """A post of a provider that cannot be read."""

    code = "bad-request"


class WindingDownError(DomainError):
    """The lender winds down: it takes no new loans."""

    code = "winding-down"


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


class ProviderUnavailableError(DomainError):
    """A provider does not answer now; `facts["retry_after_seconds"]` says when to try again."""

    code = "provider-unavailable"


class RefusedError(DomainError):
    """A command was refused whole and nothing was written; for operators, never a borrower."""

    code = "refused"


class TokenExpiredError(DomainError):
    """The credential was good and has run out: refresh, or sign in again."""

    code = "token-expired"


class SessionRevokedError(DomainError):
    """The session was ended: signed out, ended from another device, or a spent refresh token was used again."""

    code = "session-revoked"


class StepUpRequiredError(DomainError):
    """A valid session whose last code is too long ago for this act; `facts["max_age_seconds"]`: how long ago it may be."""

    code = "step-up-required"


class CredentialsInvalidError(DomainError):
    """E-mail and password do not fit. Says nothing about whether there is such an account, or what became of it."""

    code = "credentials-invalid"


class OtpInvalidError(DomainError):
    """The code does not fit this challenge on this device. Says nothing about whether the number is known."""

    code = "otp-invalid"


class OtpExpiredError(DomainError):
    """The challenge ran out or was used."""

    code = "otp-expired"


class OtpLockedError(DomainError):
    """Too many wrong codes for this challenge; `facts["retry_after_seconds"]` says when to ask for a new one."""

    code = "otp-locked"


class StaleVersionError(DomainError):
    """The sender works from an older version than the one recorded."""

    code = "stale-version"


class IdempotencyMismatchError(DomainError):
    """The idempotency key was used before with another body."""

    code = "idempotency-mismatch"


class IdempotencyInFlightError(DomainError):
    """The same request is being worked on right now."""

    code = "idempotency-in-flight"


class PreconditionRequiredError(DomainError):
    """The change does not say from which state it was made."""

    code = "precondition-required"


class QuietHoursError(DomainError):
    """It would widen the hours of contact, or contact somebody outside them."""

    code = "quiet-hours"


class ContactCapReachedError(DomainError):
    """A cap on contacts is full; `facts["until"]`: when there is room again, where that is known."""

    code = "contact-cap-reached"


class ConsentMissingError(DomainError):
    """The borrower has not agreed to be contacted so, or has refused it."""

    code = "consent-missing"


class ContactRefusedError(DomainError):
    """Something else stands in the way of a contact; `errors` says what."""

    code = "contact-refused"


class PreferenceLockedError(DomainError):
    """What a borrower cannot switch off: a law or their own safety demands it."""

    code = "preference-locked"


class LawRefusedError(DomainError):
    """A rule of law stands in the way of the act. `facts`: rule, paragraph, evidence, missing, allowed_on, act, verdict."""

    code = "law-refused"
