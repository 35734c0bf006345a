"""One's own account: password, language, recovery codes."""

from datetime import datetime
from typing import Any

from app.domain.errors import CredentialsInvalidError, NotFoundError, refused_at
from app.domain.passwords import normal_password
from app.persistence.models.staff import StaffAccountRow
from app.persistence.queries.staff_accounts import lock_account
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import passwords, staff_factors
from app.services.staff_audit import tell
from app.services.staff_proofs import Proven, require_fresh_proof
from app.services.staff_sessions import end_sessions
from app.services.staff_sign_in import check_own_password

LOCALES = ("en", "zh-CN")


def change_password(staff_id: str, present: str, new: str, *, session_id: str, now: datetime) -> None:
    """Change one's password; every other session of the account ends.

    Raises CredentialsInvalidError for a wrong present one, ValidationError for a new one that is refused, RateLimitedError.
    """
    check_own_password(staff_id, present, now=now)
    with unit_of_work() as work:
        account = _get(work, staff_id)
        names = (account.name, work.vault.open(account.email_sealed, place=f"staff_accounts.email:{staff_id}") or "")
        before = account.password_hash
    if normal_password(present) == normal_password(new):
        raise refused_at("/new_password", "The new password is the present one.")
    hashed = passwords.hash_new(new, names=names, pointer="/new_password")
    with unit_of_work() as work:
        account = _get(work, staff_id)
        if account.password_hash != before:
            raise CredentialsInvalidError("The password is not the present one.")
        account.password_hash, account.version = hashed, account.version + 1
        ended = end_sessions(work, staff_id, by=f"staff:{account.name}", reason="password", but=session_id, now=now)
        _tell(work, account, "staff.password_changed", now, sessions=ended)


def change_locale(work: Work, staff_id: str, locale: str, *, now: datetime) -> None:
    """Choose the language of the console. Raises ValidationError."""
    if locale not in LOCALES:
        raise refused_at("/locale", f"locale is one of {', '.join(LOCALES)}.")
    account = _get(work, staff_id)
    account.locale, account.version = locale, account.version + 1
    _tell(work, account, "staff.locale_changed", now)


def renew_recovery_codes(work: Work, staff_id: str, *, asks: Proven, now: datetime) -> list[str]:
    """Return new recovery codes in place of the old, told once. Raises StepUpRequiredError."""
    require_fresh_proof(asks)
    account = _get(work, staff_id)
    codes = staff_factors.replace_recovery_codes(work, staff_id)
    _tell(work, account, "staff.recovery_codes_renewed", now)
    return codes


def _get(work: Work, staff_id: str) -> StaffAccountRow:
    account = lock_account(work.session, staff_id)
    if account is None:
        raise NotFoundError("There is no such account.")
    return account


def _tell(work: Work, account: StaffAccountRow, action: str, now: datetime, **facts: Any) -> None:
    tell(work, f"staff:{account.name}", action, now, staff_id=account.id, **facts)
