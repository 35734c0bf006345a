"""Staff to sit at the sandbox's desk as: one in each role, at every sample lender, with a password made on this machine.

They sign up as anybody does. The password is kept beside the sandbox's database, and the code of the authenticator app is
told by a command: both are good for nothing outside.
"""

import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.domain.errors import NotFoundError, ValidationError
from app.domain.passwords import check_password
from app.domain.permissions import ROLES
from app.persistence.models.staff import StaffAccountRow
from app.persistence.queries.lenders import find_lenders
from app.persistence.queries.staff_accounts import find_account_by_email, lock_membership
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import passwords, staff, staff_invitations
from app.services.staff_factors import STEP, code_at

NAMES = {"agent": "Mei Chen", "supervisor": "Omar Haddad", "compliance": "Ines Duarte", "admin": "Ada Novak"}
FILE = "desk-password.json"
_NETWORK = "sandbox"
_LETTERS = "bcdfghjkmnpqrstvwxz"
"""No digits (mostly digits are guessed, says the desk) and no vowels (so nobody's name): 67 bits in sixteen letters."""
_OPERATOR = staff.Manager("operator:sandbox")


@dataclass(frozen=True, slots=True)
class Shown:
    """The code of somebody's authenticator app now, and for how many seconds it is the present one."""

    code: str
    seconds: int


def email_of(role: str) -> str:
    """Return the address with which the sandbox's member of that role signs in."""
    return f"{role}@desk.example"


def open_desk(var_dir: Path, *, now: datetime) -> str:
    """Make the accounts that are missing and return the password of all of them. `now` is of the machine's clock."""
    password = _password(var_dir / FILE)
    for role in ROLES:
        _make(role, password, now=now)
    return password


def shown_code(role: str, *, now: datetime) -> Shown:
    """Return what the authenticator app of the sandbox's member of a role shows. Raises NotFoundError."""
    with unit_of_work() as work:
        account = _account(work, role)
        secret = account and work.vault.open(account.totp_sealed, place=f"staff_accounts.totp:{account.id}")
    if not secret:
        raise NotFoundError(f"There is no such account; name one of {', '.join(ROLES)}, after `flask sandbox run`.")
    step = int(STEP.total_seconds())
    return Shown(code_at(secret, now), step - int(now.timestamp()) % step)


def _make(role: str, password: str, *, now: datetime) -> None:
    with unit_of_work() as work:
        account, lenders = _account(work, role), [lender.id for lender in find_lenders(work.session)]
        hashed = account.password_hash if account is not None else None
    if not lenders:
        return
    if account is None or not hashed or not passwords.fits(hashed, password):
        with unit_of_work() as work:
            token = _invited(work, role, lenders[0], now)
        secret = staff_invitations.open_invitation(token, _NETWORK, now=now).secret
        staff_invitations.accept_invitation(token, password, code_at(secret, now - STEP), _NETWORK, now=now)
    with unit_of_work() as work:
        for lender_id in lenders:
            _let_in(work, role, lender_id, now)


def _invited(work: Work, role: str, lender_id: str, now: datetime) -> str:
    account = _account(work, role)
    if account is not None:
        return staff.reset(work, lender_id, account.id, manager=_OPERATOR, now=now).token
    made = staff.invite(work, lender_id, _member(role), manager=_OPERATOR, now=now)[1]
    assert made is not None
    return made.token


def _let_in(work: Work, role: str, lender_id: str, now: datetime) -> None:
    account = _account(work, role)
    if account is not None and lock_membership(work.session, account.id, lender_id) is None:
        staff.invite(work, lender_id, _member(role), manager=_OPERATOR, now=now)


def _member(role: str) -> staff.NewMember:
    return staff.NewMember(NAMES[role], email_of(role), role, languages=("en", "zh-CN"))


def _account(work: Work, role: str) -> StaffAccountRow | None:
    return find_account_by_email(work.session, work.vault.search_hashes("staff_email", email_of(role)))


def _password(path: Path) -> str:
    """Return the password that this sandbox keeps; made anew where there is none, or one that the desk would refuse."""
    password = _kept(path)
    if password is None:
        password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump({"password": password}, out)
    return password


def _kept(path: Path) -> str | None:
    try:
        return check_password(json.loads(path.read_text())["password"], common=passwords.common_passwords(), names=())
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None
