"""Invitations: links by which one person sets their password and second factor, once, until they run out.

The token is stored as its hash alone and travels in the fragment of the link, which no server and no log gets to see.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.errors import DomainError, LinkExpiredError, OtpInvalidError, RateLimitedError
from app.persistence.models.staff import StaffAccountRow, StaffInvitationRow
from app.persistence.queries.staff import mark_sessions_ended
from app.persistence.queries.staff_accounts import (
    find_memberships,
    lock_account,
    lock_invitation,
    mark_invitation_used,
    mark_invitations_void,
)
from app.persistence.unit_of_work import Work, unit_of_work
from app.persistence.vault import token_hash
from app.services import passwords, staff_factors
from app.services.limits import Limit, count_all, give_back
from app.services.staff_audit import tell
from app.services.staff_sign_in import count_code, forget_failures, give_code_back

LIVES = {"invitation": timedelta(hours=72), "reset": timedelta(hours=24)}
PREFIX = "dci_"
_NETWORK = Limit("staff-invitation-network", 60, timedelta(minutes=15))
_GONE = "The invitation is not known, has run out or was used; ask an admin for a new one."


@dataclass(frozen=True, slots=True)
class Invitation:
    """A token to hand to one person; told once."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedInvitation:
    """What the invited person sees: for whom it is, and the secret for their authenticator app."""

    name: str
    email: str
    lenders: tuple[str, ...]
    purpose: str
    expires_at: datetime
    secret: str = field(repr=False)
    uri: str = field(repr=False)
    """otpauth://, what the QR code holds."""


def make_invitation(work: Work, staff_id: str, *, purpose: str, by: str, now: datetime) -> Invitation:
    """Make an invitation; those of the account that are open are good for nothing from here on."""
    mark_invitations_void(work.session, staff_id, now=now)
    made = Invitation(PREFIX + secrets.token_urlsafe(32), now + LIVES[purpose])
    work.session.add(
        StaffInvitationRow(
            token_hash=token_hash(made.token), staff_id=staff_id, purpose=purpose, created_at=now, created_by=by,
            expires_at=made.expires_at,
        )
    )  # fmt: skip
    return made


def open_invitation(token: str, network: str, *, now: datetime) -> OpenedInvitation:
    """Return what an invitation is for, with the same secret however often it is opened.

    Raises LinkExpiredError, alike for one that was used, has run out, or never was; RateLimitedError.
    """
    with unit_of_work() as work:
        opened = _opened(work, token, network, now)
        if not isinstance(opened, DomainError):
            give_back(work, _NETWORK, network, now=now)
    if isinstance(opened, DomainError):
        raise opened
    return opened


def accept_invitation(
    token: str, password: str, code: str, network: str, *, locale: str | None = None, now: datetime
) -> list[str]:
    """Set password and second factor and make the account active; return its recovery codes, which are told once.

    `code` is the one that the authenticator app shows: who cannot show one has not taken the secret in. Raises
    LinkExpiredError, OtpInvalidError, ValidationError for the password, RateLimitedError.
    """
    with unit_of_work() as work:
        tried = _tried(work, token, code, network, now)
    if isinstance(tried, DomainError):
        raise tried
    secret, step, names = tried
    hashed = passwords.hash_new(password, names=names)
    with unit_of_work() as work:
        return _accepted(work, token, hashed, secret, step, locale, now)


def _opened(work: Work, token: str, network: str, now: datetime) -> OpenedInvitation | DomainError:
    try:
        count_all(work, ((_NETWORK, network),), now=now)
    except RateLimitedError as error:
        return error
    found = _alive(work, token, now)
    if found is None:
        return LinkExpiredError(_GONE)
    row, account = found
    email = work.vault.open(account.email_sealed, place=f"staff_accounts.email:{account.id}") or ""
    secret = work.vault.open(row.totp_sealed, place=_place(row))
    if secret is None:
        secret = staff_factors.new_secret()
        row.totp_sealed = work.vault.seal(secret, place=_place(row))
    lenders = [each.name for each in find_memberships(work.session, account.id)]
    uri = staff_factors.enrolment_uri(secret, email, ", ".join(lenders[:2]))
    return OpenedInvitation(account.name, email, tuple(lenders), row.purpose, row.expires_at, secret, uri)


def _tried(work: Work, token: str, code: str, network: str, now: datetime) -> tuple[str, int, tuple[str, str]] | DomainError:
    """Return the secret, the code's step, and what the password may not hold; errors are values, so that tries count."""
    found = _alive(work, token, now)
    if found is None:
        return LinkExpiredError(_GONE)
    row, account = found
    try:
        counted = count_code(work, account.id, network, now=now)
    except RateLimitedError as error:
        return error
    secret = work.vault.open(row.totp_sealed, place=_place(row))
    step = None if secret is None else staff_factors.fitting_step(secret, "".join(code.split()), now=now)
    if secret is None or step is None:
        return OtpInvalidError("The code does not fit; take the secret into your authenticator app and send what it shows.")
    give_code_back(work, counted, now=now)
    email = work.vault.open(account.email_sealed, place=f"staff_accounts.email:{account.id}") or ""
    return secret, step, (account.name, email)


def _accepted(work: Work, token: str, hashed: str, secret: str, step: int, locale: str | None, now: datetime) -> list[str]:
    found = _alive(work, token, now)
    if found is None or not mark_invitation_used(work.session, token_hash(token), now=now):
        raise LinkExpiredError(_GONE)
    row, account = found
    account.password_hash = hashed
    account.totp_sealed = work.vault.seal(secret, place=f"staff_accounts.totp:{account.id}")
    account.totp_last_step = step
    account.state, account.version = "active", account.version + 1
    account.locale = locale or account.locale
    row.totp_sealed = None
    mark_invitations_void(work.session, account.id, now=now)
    mark_sessions_ended(work.session, account.id, now=now, reason="reset")
    email = work.vault.open(account.email_sealed, place=f"staff_accounts.email:{account.id}") or ""
    forget_failures(work, email, account.id, now=now)
    codes = staff_factors.replace_recovery_codes(work, account.id)
    places = find_memberships(work.session, account.id)
    tell(
        work, f"staff:{account.name}", "staff_invitation.accepted", now, staff_id=account.id, purpose=row.purpose,
        lender_id=places[0].lender_id if places else None,
    )  # fmt: skip
    return codes


def _alive(work: Work, token: str, now: datetime) -> tuple[StaffInvitationRow, StaffAccountRow] | None:
    row = lock_invitation(work.session, token_hash(token))
    if row is None or row.used_at is not None or now >= row.expires_at:
        return None
    account = lock_account(work.session, row.staff_id)
    return None if account is None or account.state != "invited" else (row, account)


def _place(row: StaffInvitationRow) -> str:
    return f"staff_invitations.totp:{row.token_hash}"
