"""Enabling a lender at a bureau: one person asks, another approves; what stood before is ended by it."""

from datetime import datetime

from app.domain.actors import same_person
from app.domain.credit_bureaus import BureauValues, check_bureau
from app.domain.errors import ConflictError
from app.persistence.ids import new_id
from app.persistence.models.credit_reports import CreditBureauRow
from app.persistence.queries import credit_bureaus as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work


def ask_bureau(work: Work, lender_id: str, values: BureauValues, *, by: str, now: datetime) -> str:
    """Ask that a lender reports to a bureau like this; return its id. Nothing changes before somebody else approves it.

    Raises ValidationError.
    """
    check_bureau(values)
    row = CreditBureauRow(
        id=new_id(), lender_id=lender_id, bureau=values.bureau, format=values.format, furnisher_code=values.furnisher_code,
        furnisher_name=values.furnisher_name, furnisher_address=values.furnisher_address, reports=values.reports,
        while_disputed=values.while_disputed, lead_days=values.lead_days, state="waiting",
        requested_by=by, requested_at=now, version=1,
    )  # fmt: skip
    queries.add_bureau(work.session, row)
    _audit(work, row, "credit.bureau_asked", by, now)
    return row.id


def decide_bureau(work: Work, lender_id: str, bureau_id: str, *, approve: bool, by: str, now: datetime) -> None:
    """Approve or decline it. Raises NotFoundError, ConflictError: who asked cannot, nor is it decided twice."""
    row = queries.load_bureau(work.session, lender_id, bureau_id)
    if row.state != "waiting":
        raise ConflictError(f"It is {row.state} already.")
    if approve and same_person(row.requested_by, by):
        raise ConflictError("Somebody else approves what you asked for.")
    if approve:
        before = queries.find_enabled(work.session, lender_id, row.bureau)
        if before is not None:
            before.state, before.ended_at = "ended", now
            before.version += 1
            work.session.flush()  # one may be enabled at a time
    row.state = "enabled" if approve else "declined"
    row.decided_by, row.decided_at = by, now
    row.version += 1
    work.session.flush()
    _audit(work, row, f"credit.bureau_{row.state}", by, now)


def end_bureau(work: Work, lender_id: str, bureau_id: str, *, by: str, now: datetime) -> None:
    """Stop reporting to a bureau at once; one person may. Raises NotFoundError, ConflictError."""
    row = queries.load_bureau(work.session, lender_id, bureau_id)
    if row.state != "enabled":
        raise ConflictError(f"It is {row.state}, not enabled.")
    row.state, row.ended_at = "ended", now
    row.version += 1
    work.session.flush()
    _audit(work, row, "credit.bureau_ended", by, now)


def _audit(work: Work, row: CreditBureauRow, action: str, by: str, now: datetime) -> None:
    facts = {
        "bureau_id": row.id, "lender_id": row.lender_id, "bureau": row.bureau, "format": row.format, "reports": row.reports,
        "while_disputed": row.while_disputed, "lead_days": row.lead_days, "requested_by": row.requested_by,
    }  # fmt: skip
    add_audit(work.session, at=now, actor=by, action=action, borrower_id=None, facts=facts)
