"""The lender's systems send lines of its bank statements, and are told what each was matched to."""

from collections import Counter
from typing import Any

from marshmallow import Schema, fields, validate

from app import logs
from app.api.ingest.borrowers import door
from app.domain.errors import DomainError
from app.domain.money import Money
from app.domain.statement_matching import How, State
from app.persistence.unit_of_work import Work
from app.services.statement_evidence import LineTexts
from app.services.statement_lines import LONGEST, LineResult, LineValues, take_lines
from app.web.answers import Answer
from app.web.auth import ingest
from app.web.doors import answers
from app.web.fields import DateField, IdField, MoneyField, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.request_context import now

MOST_LINES = 1000
_REFERENCE = "[!-{}-~]([ -{}-~]{0,88}[!-{}-~])?"
"""ASCII without the vertical bar, and no blank at either end."""
_STATUSES = (*(state.value for state in State), "duplicate", "refused")


class BankLineSchema(Schema):
    """One movement on the lender's account."""

    reference = PatternField(
        _REFERENCE, required=True, metadata={"description": "The bank's own, unique per lender: the same again is the same."}
    )
    booked_on = DateField(required=True, metadata={"description": "The value date; not in the future."})
    amount = MoneyField(required=True, metadata={"description": "Positive: money in. Negative: money out."})
    returns_reference = PatternField(
        _REFERENCE,
        load_default=None,
        allow_none=True,
        metadata={"description": "Of money that goes back: the reference of the line that brought it."},
    )
    our_account = TextField(
        LONGEST["account"], load_default=None, allow_none=True, metadata={"description": "The account it came in on."}
    )
    counter_account = TextField(LONGEST["account"], load_default=None, allow_none=True)
    payer = TextField(LONGEST["payer"], load_default=None, allow_none=True)
    payment_reference = TextField(
        LONGEST["payment_reference"],
        load_default=None,
        allow_none=True,
        metadata={"description": "The field for it: creditor reference, variable symbol, end-to-end id."},
    )
    words = TextField(LONGEST["words"], load_default=None, allow_none=True, metadata={"description": "Remittance words."})


class BankLinesSchema(Schema):
    """Up to 1000 lines."""

    lines = fields.List(fields.Nested(BankLineSchema), required=True, validate=validate.Length(min=1, max=MOST_LINES))


class PaidPartSchema(Schema):
    """What of a line went to a loan."""

    loan_no = fields.String(required=True)
    amount = MoneyField(required=True)
    payment_reference = fields.String(required=True, metadata={"description": "Of its entry in the ledger."})


class LineResultSchema(Schema):
    """What became of one line."""

    index = fields.Integer(required=True)
    status = fields.String(required=True, metadata={"enum": list(_STATUSES)})
    id = IdField(required=True, allow_none=True)
    how = fields.String(required=True, allow_none=True, metadata={"enum": [*(how.value for how in How), None]})
    why = fields.List(fields.String(), required=True, metadata={"description": "Stable words for what spoke for it."})
    parts = fields.List(fields.Nested(PaidPartSchema), required=True)
    code = fields.String(required=True, allow_none=True, metadata={"description": "Why it was refused: a problem code."})
    detail = fields.String(required=True, allow_none=True)


class LineResultsSchema(Schema):
    """One result a line, in the order sent, and how many came to what."""

    results = fields.List(fields.Nested(LineResultSchema), required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_LINE = {
    "reference": "2026-11-23/000417",
    "booked_on": "2026-11-23",
    "amount": {"amount_minor": 104463, "currency": "EUR"},
    "counter_account": "DE89370400440532013000",
    "payer": "Li Wei",
    "payment_reference": "RF744390493638",
    "words": "November",
}
_RESULT = {
    "index": 0,
    "status": "matched",
    "id": _ID,
    "how": "exact_reference",
    "why": ["reference", "amount_due", "within_tolerance"],
    "parts": [
        {
            "loan_no": "CN-1001",
            "amount": {"amount_minor": 104463, "currency": "EUR"},
            "payment_reference": "stmt:2026-11-23/000417",
        }
    ],
    "code": None,
    "detail": None,
}
_NOTHING: dict[str, Any] = {"id": None, "how": None, "why": [], "parts": [], "code": None, "detail": None}
_DUMP = LineResultsSchema()


@door.post("/statement-lines")
@door.takes(BankLinesSchema, example={"lines": [_LINE]})
@answers(
    200,
    LineResultsSchema,
    example={"results": [_RESULT], "counts": {"matched": 1}},
    problems=("conflict", "idempotency-mismatch", "idempotency-in-flight"),
)
def post_statement_lines(body: dict[str, Any]) -> Answer:
    """Take in up to 1000 lines of the lender's bank statements and book what is beyond doubt.

    Each line has its own result. A line counts once, however often it comes (duplicate). What fits several loans equally
    well (ambiguous) or none (unmatched) is never guessed: it waits for a loan that comes later, or for a person. An
    Idempotency-Key is honoured.
    """
    at, batch = now(), [_values(line) for line in body["lines"]]

    def act(work: Work) -> Answer:
        found = [_shown(index, each) for index, each in enumerate(take_lines(work, ingest().lender_id, batch, now=at))]
        counts = Counter(each["status"] for each in found)
        return Answer(_DUMP.dump({"results": found, "counts": counts}), 200, dumped=True)

    return answer_once(act)


def _values(body: dict[str, Any]) -> LineValues:
    amount: Money = body["amount"]
    texts = LineTexts(body["our_account"], body["counter_account"], body["payer"], body["payment_reference"], body["words"])
    return LineValues(body["reference"], body["booked_on"], amount.minor, amount.currency, body["returns_reference"], texts)


def _shown(index: int, result: LineResult | DomainError) -> dict[str, Any]:
    if isinstance(result, DomainError):
        refusal = {"code": result.code, "detail": logs.redact_text(result.detail)}
        return {"index": index, "status": "refused", **_NOTHING, **refusal}
    parts = [
        {
            "loan_no": part.loan_no,
            "amount": Money(part.amount_minor, part.currency),
            "payment_reference": part.payment_reference,
        }
        for part in result.parts
    ]
    status = result.state.value if result.is_new else "duplicate"
    told = {"id": result.id, "how": result.how, "why": list(result.why), "parts": parts}
    return {"index": index, "status": status, **_NOTHING, **told}
