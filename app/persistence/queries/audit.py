"""The audit trail: append-only."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.persistence.ids import new_id
from app.persistence.models.access import AuditRow


def add_audit(
    session: Session, *, at: datetime, actor: str, action: str, borrower_id: str | None, facts: dict[str, Any] | None = None
) -> None:
    """Append who did what; `facts` hold ids and counts, never personal data."""
    session.add(AuditRow(id=new_id(), at=at, actor=actor, action=action, borrower_id=borrower_id, facts=facts or {}))
