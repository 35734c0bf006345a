"""What the audit trail says of accounts of staff, under the lender it concerns, also before anybody is signed in."""

from datetime import datetime
from typing import Any

from app.persistence.queries.audit import acting_for, add_audit
from app.persistence.unit_of_work import Work


def tell(work: Work, by: str, action: str, now: datetime, *, lender_id: str | None = None, **facts: Any) -> None:
    """Append who did what; `lender_id` None: the lender of the request, if it has one. `facts` are ids and counts."""
    before = acting_for.set(lender_id or acting_for.get())
    try:
        add_audit(work.session, at=now, actor=by, action=action, borrower_id=None, facts=facts)
    finally:
        acting_for.reset(before)
