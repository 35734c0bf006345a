"""Versions of escalation policies, and what was rehearsed of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.escalations import EscalationPolicyRow, EscalationRehearsalRow, EscalationRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.reminders import AgendaRow

_ACTIVE = select(
    EscalationPolicyRow.id, EscalationPolicyRow.lender_id, EscalationPolicyRow.key, EscalationPolicyRow.version_no,
    EscalationPolicyRow.document, EscalationPolicyRow.content_hash, EscalationPolicyRow.activated_at,
).where(EscalationPolicyRow.status == "active")  # fmt: skip


def find_active(session: Session) -> Sequence[Any]:
    """Return the versions in force, at most one of each lender."""
    return session.execute(_ACTIVE).all()


def exists_active(session: Session) -> bool:
    """Return whether any policy is in force."""
    return session.scalar(select(EscalationPolicyRow.id).where(EscalationPolicyRow.status == "active").limit(1)) is not None


def exists_open(session: Session) -> bool:
    """Return whether any arrears escalate still, by whatever policy."""
    return session.scalar(select(EscalationRow.id).where(EscalationRow.ended_at.is_(None)).limit(1)) is not None


def find_active_of(session: Session, lender_id: str) -> EscalationPolicyRow | None:
    """Return the version in force at a lender, or None."""
    statement = select(EscalationPolicyRow).where(
        EscalationPolicyRow.lender_id == lender_id, EscalationPolicyRow.status == "active"
    )
    return session.scalar(statement)


def find_version(session: Session, lender_id: str, key: str, version_no: int) -> EscalationPolicyRow | None:
    """Return one version of a lender's, as it stands now, or None."""
    statement = select(EscalationPolicyRow).where(
        EscalationPolicyRow.lender_id == lender_id,
        EscalationPolicyRow.key == key,
        EscalationPolicyRow.version_no == version_no,
    )
    return session.scalar(statement, execution_options={"populate_existing": True})


def find_documents(session: Session, lender_id: str) -> Sequence[Any]:
    """Return (key, version, document) of a lender's versions that were in force, or may come into force as they are."""
    statement = select(EscalationPolicyRow.key, EscalationPolicyRow.version_no, EscalationPolicyRow.document).where(
        EscalationPolicyRow.lender_id == lender_id, EscalationPolicyRow.approved_at.is_not(None)
    )
    return session.execute(statement.order_by(EscalationPolicyRow.created_at, EscalationPolicyRow.id)).all()


def get_policy(session: Session, policy_id: str) -> EscalationPolicyRow:
    """Return a version by its id. Raises NotFoundError."""
    row = session.get(EscalationPolicyRow, policy_id)
    if row is None:
        raise NotFoundError("There is no such escalation policy.")
    return row


MOST_SHOWN = 200


def list_versions(reads: Connection | Session, lender_id: str) -> Sequence[Any]:
    """Return a lender's versions, those in force first, then the newest; at most 200."""
    statement = (
        select(EscalationPolicyRow.__table__)
        .where(EscalationPolicyRow.lender_id == lender_id)
        .order_by(EscalationPolicyRow.status != "active", EscalationPolicyRow.created_at.desc())
        .limit(MOST_SHOWN)
    )
    return reads.execute(statement).all()


def lock_lender(session: Session, lender_id: str) -> None:
    """Hold the lender's row, so that of two who activate one comes first."""
    session.execute(select(LenderRow.id).where(LenderRow.id == lender_id).with_for_update())


def look_again(session: Session, lender_id: str, *, now: datetime) -> None:
    """Have every borrower of a lender looked at again no later than now."""
    of_lender = select(LoanRow.borrower_id).where(LoanRow.lender_id == lender_id)
    statement = update(AgendaRow).where(
        AgendaRow.borrower_id.in_(of_lender), or_(AgendaRow.escalations_at.is_(None), AgendaRow.escalations_at > now)
    )
    session.execute(statement.values(escalations_at=now), execution_options={"synchronize_session": False})


def add_rehearsal(session: Session, row: EscalationRehearsalRow) -> None:
    """Keep what was rehearsed."""
    session.add(row)
    session.flush()


def exists_rehearsal(session: Session, policy_id: str, content_hash: str) -> bool:
    """Return whether a version was rehearsed with this very document."""
    statement = select(EscalationRehearsalRow.id).where(
        EscalationRehearsalRow.policy_id == policy_id, EscalationRehearsalRow.content_hash == content_hash
    )
    return session.scalar(statement.limit(1)) is not None


def list_rehearsals(reads: Connection | Session, policy_id: str) -> Sequence[Any]:
    """Return what was rehearsed of a version, the newest first; at most 20."""
    statement = (
        select(EscalationRehearsalRow.__table__)
        .where(EscalationRehearsalRow.policy_id == policy_id)
        .order_by(EscalationRehearsalRow.made_at.desc(), EscalationRehearsalRow.id.desc())
        .limit(20)
    )
    return reads.execute(statement).all()
