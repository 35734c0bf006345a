"""Signing in at the desk: e-mail and password, then a code of the authenticator app or a recovery code.

Only failures use up the limits: each try is counted before it is known for one, and given back when it was good, so that
no number of tries at once gets past. What is answered, and how long it takes, is the same for an address that nobody has.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app import logs
from app.domain.errors import (
    CredentialsInvalidError,
    DomainError,
    OtpExpiredError,
    OtpInvalidError,
    OtpLockedError,
    RateLimitedError,
    refused_at,
)
from app.domain.staff import folded_email
from app.persistence.models.staff import StaffAccountRow, StaffChallengeRow
from app.persistence.queries.staff import lock_challenge
from app.persistence.queries.staff_accounts import (
    count_recovery_codes,
    find_account_by_email,
    find_memberships,
    lock_account,
)
from app.persistence.unit_of_work import Work, unit_of_work
from app.persistence.vault import token_hash
from app.services import passwords, staff_factors
from app.services.limits import Limit, clear, count_all, give_back
from app.services.staff_audit import tell
from app.services.staff_sessions import StaffSession, open_session, renew_token

_QUARTER, _DAY = timedelta(minutes=15), timedelta(days=1)
TRIES = 5
"""Wrong codes a challenge survives."""
LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class StaffLimits:
    """How many failures are borne. Source: OWASP ASVS 5.0 §6.3.1; NIST SP 800-63B-4 §3.2.2."""

    passwords: Limit
    passwords_day: Limit
    codes: Limit
    codes_day: Limit
    network: Limit


LIMITS = StaffLimits(
    passwords=Limit("staff-password", 10, _QUARTER),
    passwords_day=Limit("staff-password-day", 50, _DAY),
    codes=Limit("staff-code", 10, _QUARTER),
    codes_day=Limit("staff-code-day", 50, _DAY),
    network=Limit("staff-network", 60, _QUARTER),
)
Counted = tuple[tuple[Limit, str], ...]


@dataclass(frozen=True, slots=True)
class StaffChallenge:
    """What the caller sends back with the code; told once."""

    challenge: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StaffSignIn:
    """A session just opened, where it is, and where else this account works."""

    session: StaffSession
    lender: str
    lenders: tuple[str, ...]
    recovery_codes_left: int


def begin(email: str, password: str, network: str, *, now: datetime) -> StaffChallenge:
    """Check the first factor and return a challenge for the second.

    Raises CredentialsInvalidError, alike for what does not fit and for an account that may not be used; RateLimitedError.
    """
    folded = folded_email(email)
    counted = ((LIMITS.network, network), (LIMITS.passwords, folded), (LIMITS.passwords_day, folded))
    with unit_of_work() as work:
        totals = count_all(work, counted, now=now)
        account = find_account_by_email(work.session, work.vault.search_hashes("staff_email", folded))
        staff_id = account.id if account else None
        usable = account is not None and account.state == "active" and bool(find_memberships(work.session, account.id))
        hashed = account.password_hash if account is not None and usable else None
    if not passwords.fits(hashed, password):
        _tell_failure(staff_id, "password", totals[1], now=now)
        raise CredentialsInvalidError("E-mail and password do not fit, or the account may not be used; an admin can tell.")
    fresh_hash = passwords.hash_again(password) if hashed and passwords.is_outdated(hashed) else None
    challenge = StaffChallenge(secrets.token_urlsafe(32), now + LIFETIME)
    with unit_of_work() as work:
        _give_all_back(work, counted, now)
        assert staff_id is not None
        if fresh_hash and (row := lock_account(work.session, staff_id)) and row.password_hash == hashed:
            row.password_hash = fresh_hash
        work.session.add(
            StaffChallengeRow(
                token_hash=token_hash(challenge.challenge), staff_id=staff_id, tries=0, created_at=now,
                expires_at=challenge.expires_at,
            )
        )  # fmt: skip
    return challenge


def finish(
    challenge: str, code: str, network: str, *, lender: str | None = None, label: str | None = None, now: datetime
) -> StaffSignIn:
    """Open a session for the second factor of a challenge: a code of the app, or a recovery code.

    `lender`: code of the one to work for, where there are several; None: the first. Raises OtpInvalidError,
    OtpExpiredError, OtpLockedError, RateLimitedError, ValidationError for a lender that is not theirs.
    """
    with unit_of_work() as work:
        outcome = _finished(work, challenge, code, network, lender, label, now)
    if isinstance(outcome, DomainError):
        logs.logger().warning("staff sign-in refused", reason=outcome.code)
        raise outcome
    logs.logger().info("staff signed in", session_id=outcome.session.id)
    return outcome


def prove(staff_id: str, session_id: str, code: str, network: str, *, now: datetime) -> StaffSession:
    """Prove the second factor anew in a session that lives; it gets a new token.

    Raises OtpInvalidError, RateLimitedError.
    """
    with unit_of_work() as work:
        outcome = _proved(work, staff_id, session_id, code, network, now)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def check_own_password(staff_id: str, password: str, *, now: datetime) -> None:
    """Check the password of somebody signed in, before they change it. Raises CredentialsInvalidError, RateLimitedError."""
    counted = ((LIMITS.passwords, staff_id), (LIMITS.passwords_day, staff_id))
    with unit_of_work() as work:
        totals = count_all(work, counted, now=now)
        account = lock_account(work.session, staff_id)
        hashed = account.password_hash if account else None
    if not passwords.fits(hashed, password):
        _tell_failure(staff_id, "password", totals[0], now=now)
        raise CredentialsInvalidError("The password is not the present one.")
    with unit_of_work() as work:
        _give_all_back(work, counted, now)


def count_code(work: Work, staff_id: str, network: str, *, now: datetime) -> Counted:
    """Count a try of a code; give it back with `give_code_back` when it was good. Raises RateLimitedError."""
    counted = ((LIMITS.network, network), (LIMITS.codes, staff_id), (LIMITS.codes_day, staff_id))
    count_all(work, counted, now=now)
    return counted


def give_code_back(work: Work, counted: Counted, *, now: datetime) -> None:
    """Take back what `count_code` counted."""
    _give_all_back(work, counted, now)


def forget_failures(work: Work, email: str, staff_id: str, *, now: datetime) -> None:
    """Give an account all its tries back, which somebody else may have used up: its owner has just set it up anew."""
    for limit in (LIMITS.passwords, LIMITS.passwords_day):
        clear(work, limit, folded_email(email), now=now)
    for limit in (LIMITS.codes, LIMITS.codes_day):
        clear(work, limit, staff_id, now=now)


# Errors are values below, so that the try and the counters are committed.


def _finished(
    work: Work, challenge: str, code: str, network: str, lender: str | None, label: str | None, now: datetime
) -> StaffSignIn | DomainError:
    row = lock_challenge(work.session, token_hash(challenge))
    if row is None or row.used_at is not None or now >= row.expires_at:
        return _unknown_challenge(work, network, now)
    if row.tries >= TRIES:
        return OtpLockedError("Too many wrong codes; sign in anew.", {"retry_after_seconds": 1})
    try:
        counted = count_code(work, row.staff_id, network, now=now)
    except RateLimitedError as error:
        return error
    row.tries += 1
    account = lock_account(work.session, row.staff_id)
    places = find_memberships(work.session, row.staff_id)
    place = next((each for each in places if lender in (None, each.code)), None)
    if lender and place is None:
        return refused_at("/lender", "You do not work at that lender.")
    if account is None or account.state != "active" or place is None or not _takes(work, account, code, now):
        _add_failure(work, row.staff_id, "code", row.tries, now)
        return OtpInvalidError("The code does not fit, or was used before; wait for the next one of your app.")
    give_code_back(work, counted, now=now)
    row.used_at = now
    opened = open_session(work, account.id, place.lender_id, label=label, now=now)
    left = count_recovery_codes(work.session, account.id)
    tell(
        work, f"staff:{account.name}", "staff_session.opened", now, lender_id=place.lender_id, staff_id=account.id,
        session_id=opened.id, recovery_codes_left=left,
    )  # fmt: skip
    return StaffSignIn(opened, place.code, tuple(each.code for each in places), left)


def _unknown_challenge(work: Work, network: str, now: datetime) -> DomainError:
    try:
        count_all(work, ((LIMITS.network, network),), now=now)
    except RateLimitedError as error:
        return error
    return OtpExpiredError("The sign-in has run out or was finished; begin anew with e-mail and password.")


def _proved(
    work: Work, staff_id: str, session_id: str, code: str, network: str, now: datetime
) -> StaffSession | DomainError:
    try:
        counted = count_code(work, staff_id, network, now=now)
    except RateLimitedError as error:
        return error
    account = lock_account(work.session, staff_id)
    if account is None or not staff_factors.take_code(work, account, code, now=now):
        _add_failure(work, staff_id, "proof", None, now)
        return OtpInvalidError("The code does not fit, or was used before; wait for the next one of your app.")
    give_code_back(work, counted, now=now)
    renewed = renew_token(work, session_id, now=now)
    tell(work, f"staff:{account.name}", "staff_session.proved", now, staff_id=staff_id, session_id=session_id)
    return renewed


def _takes(work: Work, account: StaffAccountRow, code: str, now: datetime) -> bool:
    plain = "".join(code.split())
    if plain.isdecimal() and len(plain) == 6:
        return staff_factors.take_code(work, account, plain, now=now)
    return staff_factors.take_recovery_code(work, account.id, plain, now=now)


def _give_all_back(work: Work, counted: Counted, now: datetime) -> None:
    for limit, subject in counted:
        give_back(work, limit, subject, now=now)


def _tell_failure(staff_id: str | None, what: str, failures: int, *, now: datetime) -> None:
    logs.logger().warning("staff sign-in refused", reason=what)
    with unit_of_work() as work:
        _add_failure(work, staff_id, what, failures, now)


def _add_failure(work: Work, staff_id: str | None, what: str, failures: int | None, now: datetime) -> None:
    places = find_memberships(work.session, staff_id) if staff_id else ()
    lender_id = places[0].lender_id if places else None
    tell(work, "nobody", "staff_sign_in.refused", now, lender_id=lender_id, staff_id=staff_id, what=what, failures=failures)
