"""The core system tells facts of a case by the law packs' words."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.ingest.borrowers import PUT_EXAMPLE, PutSchema, door
from app.domain.case_records import RECORDED
from app.domain.errors import NotFoundError
from app.persistence.queries.borrowers import find_borrowers_of_lender
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work, in_unit_of_work
from app.services.case_records import put_record
from app.web.answers import Answer
from app.web.auth import ingest
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, PatternField
from app.web.request_context import now


class CaseRecordSchema(Schema):
    """One fact."""

    list = fields.String(
        required=True,
        validate=validate.OneOf(sorted(RECORDED)),
        metadata={"description": "What it is: an event, a request, a notice sent elsewhere, ..."},
    )
    loan_no = PatternField(
        NUMBER_PATTERN, load_default=None, allow_none=True, metadata={"description": "Left out: about all loans."}
    )
    facts = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "Its fields by the law packs' vocabulary."}
    )


_EXAMPLE = {"list": "requests", "facts": {"kind": "access", "received_at": "2026-11-23T09:00:00Z"}}


@door.put("/borrowers/<number:borrower_no>/records/<number:reference>")
@door.takes(CaseRecordSchema, example=_EXAMPLE)
@answers(200, PutSchema, example=PUT_EXAMPLE, also=(201,), problems=("conflict",))
def put_case_record(body: dict[str, Any], borrower_no: str, reference: str) -> Answer:
    """Tell a fact, or tell it anew: a request that was answered is told again with its answer.

    The same again changes nothing. The borrower needs a loan of yours.
    """
    at = now()

    def act(work: Work) -> Answer:
        lender = get_lender(work.session, ingest().lender_id)
        borrower_id = find_borrowers_of_lender(work.session, lender.id, {borrower_no}).get(borrower_no)
        if borrower_id is None:
            raise NotFoundError(f"There is no borrower {borrower_no} with a loan of yours; send borrower and loan first.")
        result = put_record(
            work, borrower_id, body["list"], body["facts"], by=f"core:{lender.code}", now=at, reference=reference,
            lender_id=lender.id, loan_no=body["loan_no"],
        )  # fmt: skip
        return Answer(result, 201 if result.created else 200)

    return in_unit_of_work(act)
