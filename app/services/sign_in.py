"""Signing in by a code sent to the phone.

What is answered, and the statements run, are the same whether or not the number is known. The code is computed from a key
and the challenge, when it is sent and when it is checked; it is stored nowhere.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app import logs
from app.domain.errors import DomainError, OtpExpiredError, OtpInvalidError, OtpLockedError, RateLimitedError
from app.domain.lanes import SECURITY
from app.persistence.ids import new_id
from app.persistence.models.access import OtpChallengeRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import find_borrower_by_phone
from app.persistence.queries.challenges import (
    add_challenge,
    add_code_message,
    find_last_challenge_at,
    lock_challenge,
    mark_challenge_tried,
)
from app.persistence.queries.sessions import get_installation, mark_proved
from app.persistence.unit_of_work import Work, unit_of_work
from app.persistence.vault import Vault
from app.services.limits import Limit, count, count_all
from app.services.phones import check_phone
from app.services.sessions import Tokens, open_session

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
CODE_DIGITS = 6
SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class SignInPolicy:
    """The numbers of sign-in. Source: OWASP ASVS 5.0 §6.5, §6.6; API_STYLE 13."""

    codes_per_phone: Limit
    codes_per_phone_day: Limit
    codes_per_device: Limit
    codes_per_network: Limit
    codes_sent: Limit
    """What may be spent on codes in a day, all borrowers together."""
    sign_ins_per_device: Limit
    sign_ins_per_network: Limit
    code_lifetime: timedelta = timedelta(minutes=5)
    tries: int = 5
    """Wrong codes a challenge survives."""
    first_cool_down: timedelta = timedelta(seconds=30)
    longest_cool_down: timedelta = timedelta(minutes=10)
    """The wait between two codes doubles within the hour up to this."""

    def cool_down(self, codes: int) -> timedelta:
        """Return how long after the `codes`-th code of this hour the next one may be asked for."""
        return min(self.first_cool_down * (1 << (codes - 1)), self.longest_cool_down)


POLICY = SignInPolicy(
    codes_per_phone=Limit("otp-phone-hour", 6, _HOUR),
    codes_per_phone_day=Limit("otp-phone-day", 12, _DAY),
    codes_per_device=Limit("otp-device-hour", 10, _HOUR),
    codes_per_network=Limit("otp-network-hour", 60, _HOUR),
    codes_sent=Limit("otp-sent-day", 20_000, _DAY),
    sign_ins_per_device=Limit("sign-in-device-hour", 30, _HOUR),
    sign_ins_per_network=Limit("sign-in-network-hour", 300, _HOUR),
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the caller is told after asking for a code."""

    challenge_id: str
    expires_at: datetime
    resend_after_seconds: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as far as it is known before signing in."""

    installation_id: str
    network: str
    """Prefix of the IP address."""
    locale: str = "en"


def otp_code(vault: Vault, challenge_id: str, resend_no: int, *, purpose: str = SIGN_IN) -> str:
    """Return the six digits of a challenge; those of one purpose are not those of another."""
    key = "otp" if purpose == SIGN_IN else f"otp/{purpose}"
    number = int(vault.mac(key, f"{challenge_id}:{resend_no}")[:15], 16) % 10**CODE_DIGITS
    return f"{number:0{CODE_DIGITS}d}"


def request_code(phone: str, caller: Caller, *, now: datetime, policy: SignInPolicy = POLICY) -> Challenge:
    """Make a challenge for a phone (E.164) and queue its code if the phone is known.

    Raises ValidationError for a phone that cannot exist; RateLimitedError, alike for known and unknown phones, and then
    nothing is counted.
    """
    check_phone(phone)
    with unit_of_work() as work:
        codes = _count_codes(work, phone, caller, now, policy)
        hashes = work.vault.search_hashes("phone", phone)
        borrower_id = find_borrower_by_phone(work.session, hashes)
        challenge_id = new_id()
        expires_at = now + policy.code_lifetime
        add_challenge(
            work.session,
            OtpChallengeRow(
                id=challenge_id,
                borrower_id=borrower_id,
                phone_digest=hashes[0].digest,
                phone_sealed=work.vault.seal(phone, place=f"otp_challenges.phone:{challenge_id}"),
                installation_id=caller.installation_id,
                locale=caller.locale,
                created_at=now,
                expires_at=expires_at,
            ),
        )
        add_code_message(work.session, borrower_id or challenge_id, _message(challenge_id, caller.locale, now, expires_at))
        # Last, because every request locks this row: it is held for the shortest time.
        count(work, policy.codes_sent, "all", now=now, by=1 if borrower_id else 0)
    logs.logger().info("code requested", challenge_id=challenge_id)
    return Challenge(challenge_id, expires_at, int(policy.cool_down(codes).total_seconds()))


def sign_in(
    challenge_id: str,
    code: str,
    caller: Caller,
    *,
    device_label: str | None = None,
    now: datetime,
    policy: SignInPolicy = POLICY,
) -> Tokens:
    """Open a session for the code of a challenge. A try counts also when it fails.

    Raises OtpInvalidError, OtpExpiredError, OtpLockedError, RateLimitedError.
    """
    with unit_of_work() as work:
        outcome = _try_code(work, challenge_id, code, caller, device_label, now, policy)
    if isinstance(outcome, DomainError):
        logs.logger().warning("sign-in refused", challenge_id=challenge_id, reason=outcome.code)
        raise outcome
    logs.logger().info("signed in", challenge_id=challenge_id, session_id=outcome.session_id)
    return outcome


def prove(
    session_id: str, borrower_id: str, challenge_id: str, code: str, network: str, *, now: datetime,
    policy: SignInPolicy = POLICY,
) -> None:  # fmt: skip
    """Prove anew, in a session that lives, whose it is, by a code asked for on its own device. A try counts as in `sign_in`.

    Raises as `sign_in` does.
    """
    with unit_of_work() as work:
        caller = Caller(get_installation(work.session, session_id), network)
        outcome = _checked(work, challenge_id, code, caller, now, policy, owner=borrower_id)
        if not isinstance(outcome, DomainError):
            mark_proved(work.session, session_id, at=now)
            facts = {"session_id": session_id, "challenge_id": challenge_id}
            actor = f"borrower:{borrower_id}"
            add_audit(work.session, at=now, actor=actor, action="session.proved", borrower_id=borrower_id, facts=facts)
    if isinstance(outcome, DomainError):
        logs.logger().warning("proof refused", challenge_id=challenge_id, reason=outcome.code)
        raise outcome


def _count_codes(work: Work, phone: str, caller: Caller, now: datetime, policy: SignInPolicy) -> int:
    """Return which code of this hour it is for the phone. Raises RateLimitedError."""
    codes, *_ = count_all(
        work,
        (
            (policy.codes_per_phone, phone),
            (policy.codes_per_phone_day, phone),
            (policy.codes_per_device, caller.installation_id),
            (policy.codes_per_network, caller.network),
        ),
        now=now,
    )
    digests = [each.digest for each in work.vault.search_hashes("phone", phone)]
    last = find_last_challenge_at(work.session, digests)
    if last is not None:
        wait = (last + policy.cool_down(max(codes - 1, 1)) - now).total_seconds()
        if wait > 0:
            raise RateLimitedError("A code was sent just now; wait before asking again.", {"retry_after_seconds": wait})
    return codes


def _message(challenge_id: str, locale: str, now: datetime, expires_at: datetime) -> dict[str, object]:
    return {
        "id": new_id(),
        "challenge_id": challenge_id,
        "channel": "sms",
        "message_class": "security",
        "template": "otp",
        "template_version": 1,
        "locale": locale,
        "state": "queued",
        "lane": SECURITY,
        "not_before": now,
        "not_after": expires_at,
        "case_version": 0,
        "rules_epoch": 0,
        "attempts": 0,
        "next_attempt_at": now,
        "created_at": now,
        "version": 1,
    }


def _try_code(
    work: Work,
    challenge_id: str,
    code: str,
    caller: Caller,
    device_label: str | None,
    now: datetime,
    policy: SignInPolicy,
) -> Tokens | DomainError:
    """Return what came of it; errors are values here, so that the try and the counters are committed."""
    challenge = _checked(work, challenge_id, code, caller, now, policy)
    if isinstance(challenge, DomainError):
        return challenge
    tokens = open_session(work, challenge.borrower_id, caller.installation_id, device_label, now=now)
    facts = {"session_id": tokens.session_id, "challenge_id": challenge_id}
    actor = f"borrower:{challenge.borrower_id}"
    add_audit(work.session, at=now, actor=actor, action="session.opened", borrower_id=challenge.borrower_id, facts=facts)
    return tokens


def _checked(
    work: Work, challenge_id: str, code: str, caller: Caller, now: datetime, policy: SignInPolicy, owner: str | None = None
) -> Any:
    """Spend and return the challenge that the code fits, or return what is wrong. `owner`: whose it is; None: anybody's."""
    limits = ((policy.sign_ins_per_device, caller.installation_id), (policy.sign_ins_per_network, caller.network))
    try:
        count_all(work, limits, now=now)
    except RateLimitedError as error:
        return error
    challenge = lock_challenge(work.session, challenge_id)
    fits = hmac.compare_digest(otp_code(work.vault, challenge_id, challenge.resend_no if challenge else 0), code)
    if challenge is None:
        return OtpInvalidError("The code does not fit; check it or ask for a new one.")
    if challenge.used_at is not None or now >= challenge.expires_at:
        return OtpExpiredError("The code has run out or was used; ask for a new one.")
    if challenge.tries >= policy.tries:
        wait = policy.first_cool_down.total_seconds()
        return OtpLockedError("Too many wrong codes; ask for a new one.", {"retry_after_seconds": wait})
    is_theirs = challenge.borrower_id is not None and owner in (None, challenge.borrower_id)
    if not fits or challenge.installation_id != caller.installation_id or not is_theirs:
        mark_challenge_tried(work.session, challenge_id)
        return OtpInvalidError("The code does not fit; check it or ask for a new one.")
    mark_challenge_tried(work.session, challenge_id, used_at=now)
    return challenge
