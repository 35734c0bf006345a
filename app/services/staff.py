"""Accounts of staff and where they work: made by invitation, changed and ended by an admin of the lender or an operator.

Nobody changes their own account here, and a lender always keeps an admin who can act. What an admin does reaches as far as
their lender: an account that works elsewhere too is neither reset nor taken over by one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import ConflictError, ForbiddenError, NotFoundError, refused_at
from app.domain.permissions import ADMIN, SENIOR
from app.domain.staff import check_email, check_languages, check_name, check_role, check_teams
from app.persistence.ids import new_id
from app.persistence.models.staff import StaffAccountRow, StaffMembershipRow
from app.persistence.queries.api_keys import find_desk_name
from app.persistence.queries.staff_accounts import (
    count_lenders_of,
    delete_recovery_codes,
    find_account_by_email,
    find_account_by_name,
    find_staff_of_lender,
    lock_account,
    lock_admins,
    lock_membership,
)
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.staff_audit import tell
from app.services.staff_invitations import Invitation, make_invitation
from app.services.staff_proofs import Proven, require_fresh_proof
from app.services.staff_sessions import end_sessions


@dataclass(frozen=True, slots=True)
class NewMember:
    """Who is let in at a lender, and as what."""

    name: str
    email: str
    role: str
    teams: Sequence[str] = ()
    languages: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Manager:
    """Who acts: an admin of a lender, who has `asks`, or an operator of the installation, who has none."""

    by: str
    """As the audit trail names them."""
    staff_id: str | None = None
    asks: Proven | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a lender's staff as its admins see them. `state`: invited, active, disabled."""

    id: str
    name: str
    email: str
    role: str
    teams: Sequence[str]
    languages: Sequence[str]
    state: str
    since_at: datetime
    last_used_at: datetime | None


def list_members(session: Session | Connection, vault: Vault, lender_id: str) -> list[Member]:
    """Return the staff of a lender by name."""
    return [_member(row, vault) for row in find_staff_of_lender(session, lender_id)]


def get_member(session: Session | Connection, vault: Vault, lender_id: str, staff_id: str) -> Member:
    """Return one of them. Raises NotFoundError, also for who works elsewhere."""
    for row in find_staff_of_lender(session, lender_id, staff_id=staff_id):
        return _member(row, vault)
    raise NotFoundError("Nobody of that id works here.")


def invite(work: Work, lender_id: str, new: NewMember, *, manager: Manager, now: datetime) -> tuple[str, Invitation | None]:
    """Let somebody in at a lender; return the account and the invitation to hand to them.

    An operator may let an account of another lender in here too, which needs no invitation (None). Raises ValidationError,
    ConflictError for a name or an address that is taken, StepUpRequiredError for a role above agent: a second pair of eyes.
    """
    name, email, role = check_name(new.name), check_email(new.email), check_role(new.role)
    _prove_for(role, manager)
    teams, languages = check_teams(new.teams), check_languages(new.languages)
    account = find_account_by_email(work.session, work.vault.search_hashes("staff_email", email))
    named = find_account_by_name(work.session, name)
    if named is not None and named is not account:
        raise ConflictError("That name is taken: the audit trail must tell two people apart. Add an initial, for example.")
    if account is None:
        if (find_desk_name(work.session, name) or name) != name:
            raise ConflictError("A key has that name in another spelling: spell it the same, or take the key back.")
        account = _add_account(work, name, email, languages, manager.by, now)
    elif lock_membership(work.session, account.id, lender_id) is not None:
        raise ConflictError("That address works here already; change the role, enable the account, or reset it.")
    elif manager.asks is not None:
        raise ConflictError("That address has an account already; the operator of the installation lets it in here.")
    work.session.add(
        StaffMembershipRow(staff_id=account.id, lender_id=lender_id, role=role, teams=teams, since_at=now, disabled_at=None)
    )
    work.session.flush()
    tell(work, manager.by, "staff.invited", now, staff_id=account.id, lender_id=lender_id, role=role)
    if account.state != "invited":
        return account.id, None
    return account.id, make_invitation(work, account.id, purpose="invitation", by=manager.by, now=now)


def invite_again(work: Work, lender_id: str, staff_id: str, *, manager: Manager, now: datetime) -> Invitation:
    """Make a new invitation for somebody who has not accepted theirs. Raises NotFoundError, ConflictError."""
    account, membership = _get(work, lender_id, staff_id)
    if account.state != "invited" or membership.disabled_at is not None:
        raise ConflictError("Only who has not set up their account is invited again; reset it instead.")
    _prove_for(membership.role, manager)
    _only_here(work, account, manager)
    tell(work, manager.by, "staff.invited", now, staff_id=staff_id, lender_id=lender_id, role=membership.role)
    return make_invitation(work, staff_id, purpose="invitation", by=manager.by, now=now)


def change_membership(
    work: Work, lender_id: str, staff_id: str, *, role: str, teams: Sequence[str], languages: Sequence[str],
    manager: Manager, now: datetime,
) -> None:  # fmt: skip
    """Say as what somebody works here, for which teams, and in which languages they answer.

    A new role ends their sessions here. Raises NotFoundError, ForbiddenError for oneself, ConflictError for the last admin,
    StepUpRequiredError for a new role, ValidationError.
    """
    role, teams, languages = check_role(role), check_teams(teams), check_languages(languages)
    account, membership = _get(work, lender_id, staff_id, manager=manager, loses_admin=role != ADMIN)
    before = membership.role
    if role != before:
        if manager.asks is not None:
            require_fresh_proof(manager.asks)
        end_sessions(work, staff_id, by=manager.by, reason="role", lender_id=lender_id, now=now)
    membership.role, membership.teams, account.languages = role, teams, languages
    account.version += 1
    tell(work, manager.by, "staff.changed", now, staff_id=staff_id, lender_id=lender_id, role=role, before=before)


def disable(work: Work, lender_id: str, staff_id: str, *, manager: Manager, now: datetime) -> None:
    """Let somebody in here no more; their sessions here end at once. Raises NotFoundError, ForbiddenError, ConflictError."""
    _, membership = _get(work, lender_id, staff_id, manager=manager, loses_admin=True)
    if membership.disabled_at is None:
        membership.disabled_at = now
        end_sessions(work, staff_id, by=manager.by, reason="disabled", lender_id=lender_id, now=now)
        tell(work, manager.by, "staff.disabled", now, staff_id=staff_id, lender_id=lender_id)


def enable(work: Work, lender_id: str, staff_id: str, *, manager: Manager, now: datetime) -> None:
    """Let somebody in again who was disabled here.

    Raises NotFoundError, ForbiddenError for oneself, StepUpRequiredError for a role above agent.
    """
    _, membership = _get(work, lender_id, staff_id, manager=manager)
    if membership.disabled_at is not None:
        _prove_for(membership.role, manager)
        membership.disabled_at = None
        tell(work, manager.by, "staff.enabled", now, staff_id=staff_id, lender_id=lender_id)


def reset(work: Work, lender_id: str, staff_id: str, *, manager: Manager, now: datetime) -> Invitation:
    """Take password, second factor, recovery codes and sessions away and return a link by which new ones are set.

    Raises NotFoundError, ForbiddenError for oneself, ConflictError, StepUpRequiredError.
    """
    if manager.asks is not None:
        require_fresh_proof(manager.asks)
    account, _ = _get(work, lender_id, staff_id, manager=manager)
    if account.state == "disabled":
        raise ConflictError("The account is disabled by the operator of the installation.")
    _only_here(work, account, manager)
    account.state, account.password_hash, account.totp_sealed, account.totp_last_step = "invited", None, None, None
    account.version += 1
    delete_recovery_codes(work.session, staff_id)
    end_sessions(work, staff_id, by=manager.by, reason="reset", now=now)
    tell(work, manager.by, "staff.reset", now, staff_id=staff_id, lender_id=lender_id)
    return make_invitation(work, staff_id, purpose="reset", by=manager.by, now=now)


def end_sessions_here(work: Work, lender_id: str, staff_id: str, *, manager: Manager, now: datetime) -> int:
    """End somebody's sessions at a lender. Return how many lived. Raises NotFoundError."""
    _get(work, lender_id, staff_id)
    return end_sessions(work, staff_id, by=manager.by, reason="ended_by_admin", lender_id=lender_id, now=now)


def create_admin(work: Work, lender_id: str, name: str, email: str, *, by: str, now: datetime) -> Invitation:
    """Make the first admin of a lender, or a new invitation for one who let theirs run out. Raises ConflictError."""
    if lock_admins(work.session, lender_id):
        raise ConflictError("The lender has an admin: they invite others at /desk/staff, or use `flask staff invite`.")
    manager = Manager(by)
    account = find_account_by_email(work.session, work.vault.search_hashes("staff_email", check_email(email)))
    if account is not None and account.state == "invited":
        membership = lock_membership(work.session, account.id, lender_id)
        if membership is not None and membership.role == ADMIN:
            return invite_again(work, lender_id, account.id, manager=manager, now=now)
    _, invitation = invite(work, lender_id, NewMember(name, email, ADMIN), manager=manager, now=now)
    if invitation is None:
        raise ConflictError("That address has an account already: `flask staff invite` lets it in here as admin.")
    return invitation


def disable_account(work: Work, staff_id: str, *, by: str, now: datetime) -> None:
    """Let an account in nowhere any more. For operators. Raises NotFoundError."""
    account = lock_account(work.session, staff_id)
    if account is None:
        raise NotFoundError("There is no such account.")
    account.state, account.disabled_at, account.version = "disabled", now, account.version + 1
    end_sessions(work, staff_id, by=by, reason="disabled", now=now)
    tell(work, by, "staff.disabled", now, staff_id=staff_id)


def enable_account(work: Work, staff_id: str, *, by: str, now: datetime) -> None:
    """Let an account in again that an operator disabled. Raises NotFoundError."""
    account = lock_account(work.session, staff_id)
    if account is None:
        raise NotFoundError("There is no such account.")
    if account.state == "disabled":
        account.state, account.disabled_at = ("active" if account.password_hash else "invited"), None
        account.version += 1
        tell(work, by, "staff.enabled", now, staff_id=staff_id)


def _get(
    work: Work, lender_id: str, staff_id: str, *, manager: Manager | None = None, loses_admin: bool = False
) -> tuple[StaffAccountRow, StaffMembershipRow]:
    """Return an account and its membership, locked; given the `manager`, refuse what they may not do to it."""
    admins = lock_admins(work.session, lender_id) if loses_admin else ()
    membership = lock_membership(work.session, staff_id, lender_id)
    account = lock_account(work.session, staff_id)
    if account is None or membership is None:
        raise NotFoundError("Nobody of that id works here.")
    if manager is not None and manager.asks is not None and (staff_id == manager.staff_id or _is_named(account, manager)):
        raise ForbiddenError("This is your own account; another admin does that.")
    if loses_admin and manager is not None and manager.asks is not None and list(admins) == [staff_id]:
        raise ConflictError("This is the lender's last admin who can act; make another one first.")
    return account, membership


def _prove_for(role: str, manager: Manager) -> None:
    """Ask for a fresh second factor before somebody may approve what others do. Raises StepUpRequiredError."""
    if role in SENIOR and manager.asks is not None:
        require_fresh_proof(manager.asks)


def _is_named(account: StaffAccountRow, manager: Manager) -> bool:
    """Return whether a manager who has no account, but a key, is the same person by their name."""
    return manager.by.casefold() == f"staff:{account.name_folded}"


def _only_here(work: Work, account: StaffAccountRow, manager: Manager) -> None:
    """Refuse an admin of one lender who would get hold of what opens another. Raises ConflictError."""
    if manager.asks is not None and count_lenders_of(work.session, account.id) > 1:
        raise ConflictError("The account works for other lenders too; the operator resets it by `flask staff reset`.")


def _add_account(work: Work, name: str, email: str, languages: list[str], by: str, now: datetime) -> StaffAccountRow:
    staff_id = new_id()
    digest = work.vault.search_hash("staff_email", email)
    sealed = work.vault.seal(email, place=f"staff_accounts.email:{staff_id}")
    if sealed is None:
        raise refused_at("/email", "This is no e-mail address.")
    account = StaffAccountRow(
        id=staff_id, name=name, name_folded=name.casefold(), email_digest=digest.digest, email_key_id=digest.key_id,
        email_sealed=sealed, state="invited", languages=languages, created_at=now, created_by=by, version=1,
    )  # fmt: skip
    work.session.add(account)
    work.session.flush()
    return account


def _member(row: Any, vault: Vault) -> Member:
    email = vault.open(row.email_sealed, place=f"staff_accounts.email:{row.id}") or ""
    state = "disabled" if row.disabled_at is not None else row.state
    return Member(row.id, row.name, email, row.role, row.teams, row.languages, state, row.since_at, row.last_used_at)
