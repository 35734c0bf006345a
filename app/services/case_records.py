"""Recording facts of a case: told by the core or by staff, checked by the law packs' vocabulary."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain.book import PutResult, check_text
from app.domain.case_records import check_record
from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.persistence.ids import new_id
from app.persistence.models.case_records import CaseRecordRow
from app.persistence.queries import case_records as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loan_owners
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.law_packs import vocabulary

_LONGEST_REFERENCE = 80


def put_record(
    work: Work,
    borrower_id: str,
    list_name: str,
    facts: Mapping[str, Any],
    *,
    by: str,
    now: datetime,
    reference: str | None = None,
    lender_id: str | None = None,
    loan_no: str | None = None,
    decide: bool = True,
) -> PutResult:
    """Record a fact, or tell one again under its reference: then it stands as told from now on. The same changes nothing.

    `lender_id`: whose references and loan numbers these are. `decide` False: the caller decides about the borrower, in the
    same unit of work, once all is written. Raises ValidationError that points at what the vocabulary does
    not allow, NotFoundError, ConflictError when the reference stands for a fact of another list or loan.
    """
    check_record(list_name, facts, vocabulary())
    lock_agenda(work.session, [borrower_id])
    loan_id = _loan_id(work, borrower_id, loan_no, lender_id)
    record_id = new_id()
    stored = _stored_reference(work, reference or record_id, lender_id)
    before = queries.find_standing(work.session, borrower_id, stored) if reference else None
    if before is not None:
        if (before.list_name, before.loan_id) != (list_name, loan_id):
            raise ConflictError(f"Reference {reference} stands for another record ({before.list_name}); give each its own.")
        if before.facts == facts:
            return PutResult(before.id)
        queries.mark_replaced(work.session, before.id, at=now)
    row = CaseRecordRow(
        id=record_id,
        borrower_id=borrower_id,
        loan_id=loan_id,
        list_name=list_name,
        facts=dict(facts),
        by=by,
        reference=stored,
        recorded_at=now,
    )
    queries.add_record(work.session, row)
    told = {"record_id": row.id, "list": list_name, "loan_id": loan_id, "kind": facts.get("kind")}
    add_audit(work.session, at=now, actor=by, action="case.recorded", borrower_id=borrower_id, facts=told)
    if decide:
        agenda.touch(work, [borrower_id], now=now)
        reminders.review(work, [borrower_id], now=now)
    return PutResult(row.id, created=before is None, changed=True)


def _stored_reference(work: Work, reference: str, lender_id: str | None) -> str:
    """Return LENDER/REFERENCE: two cores may number alike."""
    check_text("reference", reference, _LONGEST_REFERENCE)
    code = "" if lender_id is None else get_lender(work.session, lender_id).code
    return f"{code}/{reference}"


def _loan_id(work: Work, borrower_id: str, loan_no: str | None, lender_id: str | None) -> str | None:
    if loan_no is None:
        return None
    if lender_id is None:
        raise refused_at("/loan_no", "Say whose loan it is: name the lender too.")
    owner = find_loan_owners(work.session, lender_id, [loan_no]).get(loan_no)
    if owner is None or owner[1] != borrower_id:
        raise NotFoundError(f"This borrower has no loan {loan_no} with this lender; leave loan_no out for all loans.")
    return owner[0]
