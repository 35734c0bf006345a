"""The core system tells of autopay mandates and of what came of drawing on them."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.ingest.borrowers import ORIGIN, PUT_EXAMPLE, PutSchema, door, source_version_field
from app.domain.mandates import CORE, OUTCOMES, DrawValues, MandateState, MandateValues
from app.persistence.unit_of_work import Work, in_unit_of_work
from app.services import mandates
from app.web.answers import Answer
from app.web.auth import ingest
from app.web.doors import answers
from app.web.fields import DateField, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.request_context import now

_CODE_PATTERN = "[A-Za-z0-9][A-Za-z0-9_.-]{0,39}"


class MandateValuesSchema(Schema):
    """A mandate as the core knows it."""

    reference = TextField(
        120, required=True, metadata={"description": "Of who draws. Another one is another mandate and ends the one before."}
    )
    state = fields.String(
        required=True,
        validate=validate.OneOf([state.value for state in MandateState]),
        metadata={"description": "active: the next instalment is expected to be drawn, and no reminder goes before it."},
    )
    provider = PatternField(
        "[a-z][a-z0-9_-]{0,39}", load_default=CORE, metadata={"description": "Who draws, where it is not the core."}
    )
    source_version = source_version_field()


class DrawValuesSchema(Schema):
    """One drawing and what came of it."""

    reference = TextField(120, required=True, metadata={"description": "Of this drawing: the same again is the same one."})
    drawn_on = DateField(required=True, metadata={"description": "In the loan's zone; not in the future."})
    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    code = PatternField(
        _CODE_PATTERN,
        "Not a code: letters, digits, _ . and -, at most 40.",
        load_default=None,
        allow_none=True,
        metadata={"description": "Of a failure, as it was told: insufficient_funds, AM04, ..."},
    )
    retry_on = DateField(
        load_default=None, allow_none=True, metadata={"description": "Of a failure: when it is drawn again; null: not."}
    )


@door.put("/loans/<number:loan_no>/mandate")
@door.takes(MandateValuesSchema, example={"reference": "SEPA-77120", "state": "active", "source_version": 1})
@answers(200, PutSchema, example=PUT_EXAMPLE, also=(201,), problems=("conflict", "stale-version"))
def put_mandate(body: dict[str, Any], loan_no: str) -> Answer:
    """Say what the loan's autopay mandate is. The same again changes nothing.

    While it is active, reminders before and on the due day are silent by the policy; in any other state they go. It and the
    loan's own `autopay` speak of the same: the newest word holds, and a loan put with the `autopay` it had says nothing new.
    """
    at, lender_id = now(), ingest().lender_id
    values = MandateValues(MandateState(body["state"]), body["reference"], body["provider"])
    result = in_unit_of_work(
        lambda work: mandates.put_mandate(
            work, lender_id, loan_no, values, by=ORIGIN, now=at, source_version=body["source_version"]
        )
    )
    return Answer(result, 201 if result.created else 200)


_DRAW = {
    "reference": "DD-2026-11-20",
    "drawn_on": "2026-11-20",
    "outcome": "failed",
    "code": "insufficient_funds",
    "retry_on": "2026-11-24",
}


@door.post("/loans/<number:loan_no>/mandate/draws")
@door.takes(DrawValuesSchema, example=_DRAW)
@answers(
    201,
    PutSchema,
    example=PUT_EXAMPLE,
    also=(200,),
    problems=("conflict", "idempotency-mismatch", "idempotency-in-flight"),
)
def post_draw(body: dict[str, Any], loan_no: str) -> Answer:
    """Tell what came of a drawing; the money itself is posted as a payment. 200: told before, nothing changed.

    After a failure reminders go again from their present stage before this answer is out, and the borrower is told. We never
    draw: `retry_on` is kept and shown as it was told.
    """
    values, at, lender_id = DrawValues(**body), now(), ingest().lender_id

    def act(work: Work) -> Answer:
        result = mandates.record_draw(work, lender_id, loan_no, values, by=ORIGIN, now=at)
        return Answer(PutSchema().dump(result), 201 if result.created else 200, dumped=True)

    return answer_once(act)
