"""Who opened a borrower's page, found in the audit trail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.persistence.models.audit import AuditRow

OPENED = "borrower.opened"
_MOST = 20


def find_openings(
    reads: Connection | Session, borrower_id: str, lender_id: str, actor: str, *, since: datetime
) -> Sequence[Any]:
    """Return the columns of what somebody wrote into the trail by opening a borrower since then, newest first."""
    return reads.execute(
        select(AuditRow.id, AuditRow.at, AuditRow.facts)
        .where(
            AuditRow.borrower_id == borrower_id,
            AuditRow.at > since,
            AuditRow.actor == actor,
            AuditRow.action == OPENED,
            AuditRow.lender_id == lender_id,
        )
        .order_by(AuditRow.at.desc(), AuditRow.id.desc())
        .limit(_MOST)
    ).all()
