"""Accounts of staff: by e-mail, by lender, their invitations and recovery codes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.orm import Session

from app.domain.permissions import ADMIN
from app.persistence.models.lenders import LenderRow
from app.persistence.models.staff import (
    StaffAccountRow,
    StaffInvitationRow,
    StaffMembershipRow,
    StaffRecoveryCodeRow,
    StaffSessionRow,
)
from app.persistence.vault import SearchHash


def find_account_by_email(session: Session, hashes: Iterable[SearchHash]) -> StaffAccountRow | None:
    """Return the account of an e-mail address by its keyed hashes, or None."""
    digests = [each.digest for each in hashes]
    return session.scalar(select(StaffAccountRow).where(StaffAccountRow.email_digest.in_(digests)))


def find_account_by_name(session: Session, name: str) -> StaffAccountRow | None:
    """Return the account of a name, however it is written, or None."""
    return session.scalar(select(StaffAccountRow).where(StaffAccountRow.name_folded == name.casefold()))


def lock_account(session: Session, staff_id: str) -> StaffAccountRow | None:
    """Return an account, locked and as it is now, or None."""
    return session.get(StaffAccountRow, staff_id, with_for_update=True, populate_existing=True)


def find_memberships(session: Session | Connection, staff_id: str) -> Sequence[Any]:
    """Return where an account may work: (lender_id, code, name, role), by code."""
    columns = (LenderRow.id.label("lender_id"), LenderRow.code, LenderRow.name, StaffMembershipRow.role)
    statement = select(*columns).join(StaffMembershipRow, StaffMembershipRow.lender_id == LenderRow.id)
    works = (StaffMembershipRow.staff_id == staff_id, StaffMembershipRow.disabled_at.is_(None))
    return session.execute(statement.where(*works).order_by(LenderRow.code)).all()


def count_lenders_of(session: Session, staff_id: str) -> int:
    """Return at how many lenders an account was ever let in."""
    statement = select(func.count()).select_from(StaffMembershipRow).where(StaffMembershipRow.staff_id == staff_id)
    return session.scalar(statement) or 0


def lock_membership(session: Session, staff_id: str, lender_id: str) -> StaffMembershipRow | None:
    """Return a membership, locked, or None."""
    return session.get(StaffMembershipRow, (staff_id, lender_id), with_for_update=True, populate_existing=True)


def lock_admins(session: Session, lender_id: str) -> Sequence[str]:
    """Return the accounts that can act as admin of a lender now, their memberships locked in one order."""
    statement = (
        select(StaffMembershipRow.staff_id, StaffAccountRow.state)
        .join(StaffAccountRow, StaffAccountRow.id == StaffMembershipRow.staff_id)
        .where(
            StaffMembershipRow.lender_id == lender_id, StaffMembershipRow.role == ADMIN,
            StaffMembershipRow.disabled_at.is_(None),
        )
        .order_by(StaffMembershipRow.staff_id)
        .with_for_update(of=StaffMembershipRow)
    )  # fmt: skip
    return [row.staff_id for row in session.execute(statement) if row.state == "active"]


def find_staff_of_lender(session: Session | Connection, lender_id: str, *, staff_id: str | None = None) -> Sequence[Any]:
    """Return the staff of a lender by name, or one of them, each with when they were last here."""
    last_used = (
        select(func.max(StaffSessionRow.last_used_at))
        .where(StaffSessionRow.staff_id == StaffAccountRow.id, StaffSessionRow.lender_id == lender_id)
        .scalar_subquery()
    )
    statement = (
        select(
            StaffAccountRow.id, StaffAccountRow.name, StaffAccountRow.email_sealed, StaffAccountRow.state,
            StaffAccountRow.languages, StaffMembershipRow.role, StaffMembershipRow.teams, StaffMembershipRow.since_at,
            StaffMembershipRow.disabled_at, last_used.label("last_used_at"),
        )
        .join(StaffMembershipRow, StaffMembershipRow.staff_id == StaffAccountRow.id)
        .where(StaffMembershipRow.lender_id == lender_id)
        .order_by(StaffAccountRow.name_folded)
    )  # fmt: skip
    if staff_id is not None:
        statement = statement.where(StaffAccountRow.id == staff_id)
    return session.execute(statement).all()


# -- second factors ----------------------------------------------------------------------------------------------------


def mark_totp_step(session: Session, staff_id: str, step: int) -> bool:
    """Keep the step of a code that is being taken; False: this one, or a later one, was taken before."""
    later = StaffAccountRow.totp_last_step.is_(None) | (StaffAccountRow.totp_last_step < step)
    statement = update(StaffAccountRow).where(StaffAccountRow.id == staff_id, later).values(totp_last_step=step)
    return session.execute(statement, execution_options={"synchronize_session": False}).rowcount == 1  # type: ignore[attr-defined,no-any-return]


def mark_recovery_code_used(session: Session, staff_id: str, hashes: Sequence[str], *, now: datetime) -> bool:
    """Spend a recovery code; False: there is none such, or it was spent."""
    fits = (
        StaffRecoveryCodeRow.staff_id == staff_id, StaffRecoveryCodeRow.code_hash.in_(hashes),
        StaffRecoveryCodeRow.used_at.is_(None),
    )  # fmt: skip
    return session.execute(update(StaffRecoveryCodeRow).where(*fits).values(used_at=now)).rowcount == 1  # type: ignore[attr-defined,no-any-return]


def count_recovery_codes(session: Session | Connection, staff_id: str) -> int:
    """Return how many recovery codes an account has left."""
    left = (StaffRecoveryCodeRow.staff_id == staff_id, StaffRecoveryCodeRow.used_at.is_(None))
    return session.execute(select(func.count()).select_from(StaffRecoveryCodeRow).where(*left)).scalar_one()


def delete_recovery_codes(session: Session, staff_id: str) -> None:
    """Forget the recovery codes of an account."""
    session.execute(delete(StaffRecoveryCodeRow).where(StaffRecoveryCodeRow.staff_id == staff_id))


# -- invitations -------------------------------------------------------------------------------------------------------


def lock_invitation(session: Session, token_hash: str) -> StaffInvitationRow | None:
    """Return an invitation, locked, or None."""
    return session.get(StaffInvitationRow, token_hash, with_for_update=True, populate_existing=True)


def mark_invitation_used(session: Session, token_hash: str, *, now: datetime) -> bool:
    """Spend an invitation; False: it was spent or has run out. One of many at a time gets True."""
    alive = (
        StaffInvitationRow.token_hash == token_hash, StaffInvitationRow.used_at.is_(None),
        StaffInvitationRow.expires_at > now,
    )  # fmt: skip
    return session.execute(update(StaffInvitationRow).where(*alive).values(used_at=now)).rowcount == 1  # type: ignore[attr-defined,no-any-return]


def mark_invitations_void(session: Session, staff_id: str, *, now: datetime) -> None:
    """Make the open invitations of an account good for nothing."""
    open_ones = (StaffInvitationRow.staff_id == staff_id, StaffInvitationRow.used_at.is_(None))
    session.execute(update(StaffInvitationRow).where(*open_ones).values(used_at=now))
