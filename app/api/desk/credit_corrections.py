"""Corrections and deletions of what was furnished: proposed by the book or by hand, decided by a second person."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.credit_report_forms import CORRECTION_EXAMPLE, CreditCorrectionSchema, CreditCorrectionsSchema
from app.api.desk.staff import door
from app.domain.credit_corrections import DELETION_REASONS, MOVES, RETENTION_OVER
from app.domain.errors import refused_at
from app.persistence.queries import credit_corrections as queries
from app.persistence.queries.loans import find_loan_owners
from app.persistence.unit_of_work import Work
from app.services import credit_corrections
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now


class CreditCorrectionQuerySchema(Schema):
    """Which corrections."""

    state = fields.String(validate=validate.OneOf(tuple(MOVES)))


class NewCreditDeletionSchema(Schema):
    """What is to be taken out, and why."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    bureau = PatternField(r"[A-Z][A-Z0-9_]{1,23}", required=True)
    reason = fields.String(required=True, validate=validate.OneOf(sorted(DELETION_REASONS - {RETENTION_OVER})))
    note = TextField(400, required=True, metadata={"description": "Why; kept sealed."})


_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = CreditCorrectionSchema()
_NEW = {"loan_no": "CN-1001", "bureau": "PBOC", "reason": "told_wrong", "note": "Another person of that name."}


@door.get("/credit-corrections")
@permits("credit.read")
@door.asks(CreditCorrectionQuerySchema)
@answers(200, CreditCorrectionsSchema, example={"items": [CORRECTION_EXAMPLE]})
def list_credit_corrections(query: dict[str, Any]) -> dict[str, Any]:
    """List corrections and deletions with old and new values and what they rest on, newest first."""
    states = (query["state"],) if "state" in query else ()
    return {"items": queries.find_corrections(reads(), lender_id=desk().lender_id, states=states)}


@door.post("/credit-corrections")
@permits("credit.correct")
@door.takes(NewCreditDeletionSchema, example=_NEW)
@answers(201, CreditCorrectionSchema, example=CORRECTION_EXAMPLE, problems=_ONCE)
def post_credit_deletion(body: dict[str, Any]) -> Answer:
    """Propose that what was furnished of a loan is taken out. Somebody else approves it."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        owner = find_loan_owners(work.session, who.lender_id, [body["loan_no"]]).get(body["loan_no"])
        if owner is None:
            raise refused_at("/loan_no", "The lender has no loan of that number.")
        correction_id = credit_corrections.propose_deletion(
            work, who.lender_id, owner[0], body["bureau"], reason=body["reason"], note=body["note"], by=who.name, now=at
        )
        return _answer(work, correction_id, 201)

    return answer_once(act)


@door.post("/credit-corrections/<id:correction_id>/approve")
@permits("credit.approve")
@answers(200, CreditCorrectionSchema, example={**CORRECTION_EXAMPLE, "state": "approved"}, problems=_ONCE)
def approve_credit_correction(correction_id: str) -> Answer:
    """Approve it: it is told with the next file of corrections. Not for who proposed it (409)."""
    return _decide(correction_id, approve=True)


@door.post("/credit-corrections/<id:correction_id>/decline")
@permits("credit.approve")
@answers(200, CreditCorrectionSchema, example={**CORRECTION_EXAMPLE, "state": "declined"}, problems=_ONCE)
def decline_credit_correction(correction_id: str) -> Answer:
    """Let what was furnished stand."""
    return _decide(correction_id, approve=False)


def _decide(correction_id: str, *, approve: bool) -> Answer:
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        credit_corrections.decide_correction(work, who.lender_id, correction_id, approve=approve, by=who.name, now=at)
        return _answer(work, correction_id, 200)

    return answer_once(act)


def _answer(work: Work, correction_id: str, status: int) -> Answer:
    row = queries.get_correction(work.session, desk().lender_id, correction_id)
    return Answer(_DUMP.dump(row), status, dumped=True)
