"""Staff see which bank transfers wait for a loan, and say where each belongs."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session

from app.api.desk.staff import door
from app.domain.money import Money
from app.domain.statement_matching import How, State
from app.persistence.db import vault
from app.persistence.queries import statement_lines as queries
from app.persistence.unit_of_work import Work
from app.services import statement_desk
from app.services.statement_desk import LONGEST_REASON, WantedPart
from app.services.statement_lines import texts_of
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import (
    NUMBER_PATTERN,
    DateField,
    IdField,
    InstantField,
    MoneyField,
    PageQuerySchema,
    PatternField,
    TextField,
)
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now

_MOST_PARTS = 50


class DeskLineQuerySchema(PageQuerySchema):
    """Which lines."""

    state = fields.String(load_default=State.UNMATCHED.value, validate=validate.OneOf([each.value for each in State]))


class LinePartSchema(Schema):
    """What of a line is for a loan."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    amount = MoneyField(required=True)


class BookedPartSchema(LinePartSchema):
    """What of a line went to a loan."""

    payment_reference = fields.String(required=True, metadata={"description": "Of its entry in the ledger."})


class DeskLineSchema(Schema):
    """One line with what its payer wrote."""

    id = IdField(required=True)
    reference = fields.String(required=True)
    booked_on = DateField(required=True)
    amount = MoneyField(required=True, metadata={"description": "Negative: money that went out."})
    returns_reference = fields.String(required=True, allow_none=True)
    our_account = fields.String(required=True, allow_none=True)
    counter_account = fields.String(
        required=True, allow_none=True, metadata={"description": "The payer's, its last four characters."}
    )
    payer = fields.String(required=True, allow_none=True)
    payment_reference = fields.String(required=True, allow_none=True)
    words = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": [each.value for each in State]})
    how = fields.String(required=True, allow_none=True, metadata={"enum": [*(each.value for each in How), None]})
    why = fields.List(fields.String(), required=True, metadata={"description": "Stable words for what spoke for it."})
    candidates = fields.List(
        fields.String(), required=True, metadata={"description": "Numbers of loans that what the line says points to."}
    )
    parts = fields.List(fields.Nested(BookedPartSchema), required=True)
    ignored_because = fields.String(required=True, allow_none=True)
    received_at = InstantField(required=True)
    matched_at = InstantField(required=True, allow_none=True)
    matched_by = fields.String(required=True, allow_none=True)


class DeskLinesSchema(Schema):
    """A page, oldest first."""

    items = fields.List(fields.Nested(DeskLineSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class LineWithHintsSchema(DeskLineSchema):
    """One line, with loans of about its amount."""

    loans_of_about = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Numbers of loans with an instalment of about this amount around its day; no proof."},
    )


class LineMatchSchema(Schema):
    """Where a line belongs."""

    parts = fields.List(
        fields.Nested(LinePartSchema),
        required=True,
        validate=validate.Length(min=1, max=_MOST_PARTS),
        metadata={"description": "They add up to the line."},
    )


class LineIgnoreSchema(Schema):
    """Why a line is for no loan."""

    reason = TextField(LONGEST_REASON, required=True)


_PART = {"loan_no": "CN-1001", "amount": {"amount_minor": 104463, "currency": "EUR"}}
_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "reference": "2026-11-23/000417",
    "booked_on": "2026-11-23",
    "amount": {"amount_minor": 104463, "currency": "EUR"},
    "returns_reference": None,
    "our_account": None,
    "counter_account": "…3000",
    "payer": "Li Wei",
    "payment_reference": None,
    "words": "loan",
    "state": "ambiguous",
    "how": None,
    "why": ["payer_account", "several_fit"],
    "candidates": ["CN-1001", "CN-1002"],
    "parts": [],
    "ignored_because": None,
    "received_at": "2026-11-23T09:00:00Z",
    "matched_at": None,
    "matched_by": None,
}
_BOOKED = {
    **_EXAMPLE,
    "state": "matched",
    "how": "manual",
    "why": [],
    "candidates": [],
    "parts": [{**_PART, "payment_reference": "stmt:2026-11-23/000417"}],
    "matched_at": "2026-11-23T10:00:00Z",
    "matched_by": "staff:Wang Fang",
}
_IGNORED = {**_EXAMPLE, "state": "ignored", "ignored_because": "Rent of the ground floor."}
_DUMP = DeskLineSchema()
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


@door.get("/statement-lines")
@permits("statement_lines.read")
@door.asks(DeskLineQuerySchema)
@answers(200, DeskLinesSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_statement_lines(query: dict[str, Any]) -> Answer:
    """List lines of the lender's bank statements in one state, oldest first: by default those no loan was found for."""
    begin = requested_key(query)
    rows = queries.page_lines(
        reads(),
        desk().lender_id,
        state=query["state"],
        after=(begin.at, begin.row_id) if begin else None,
        limit=query["limit"] + 1,
    )
    return page_answer(_shown(rows), [Key(row.received_at, row.id) for row in rows], query)


@door.get("/statement-lines/<id:line_id>")
@permits("statement_lines.read")
@answers(200, LineWithHintsSchema, example={**_EXAMPLE, "loans_of_about": ["CN-1001", "CN-1002", "CN-1417"]})
def get_statement_line(line_id: str) -> dict[str, Any]:
    """Show one line, with loans whose instalment is about its amount."""
    with Session(bind=reads(), join_transaction_mode="rollback_only") as session:
        row = queries.get_line(session, desk().lender_id, line_id)
        hints = statement_desk.loans_of_about(session, desk().lender_id, row) if row.state in queries.WAITING else []
        return {**_shown([row])[0], "loans_of_about": hints}


@door.post("/statement-lines/<id:line_id>/match")
@permits("statement_lines.match")
@door.takes(LineMatchSchema, example={"parts": [_PART]})
@answers(200, DeskLineSchema, example=_BOOKED, problems=_ONCE)
def match_statement_line(body: dict[str, Any], line_id: str) -> Answer:
    """Book a line on the loans you name, the whole of it. It counts at once: no reminder of what it paid leaves after.

    A line that is matched is in the ledger and is not moved here (409).
    """
    at, who = now(), desk()
    wanted = [WantedPart(part["loan_no"], part["amount"]) for part in body["parts"]]

    def act(work: Work) -> Answer:
        row = statement_desk.match_by_hand(work, who.lender_id, line_id, wanted, by=who.name, now=at)
        return Answer(_DUMP.dump(_shown([row], work.session)[0]), 200, dumped=True)

    return answer_once(act)


@door.post("/statement-lines/<id:line_id>/ignore")
@permits("statement_lines.ignore")
@door.takes(LineIgnoreSchema, example={"reason": "Rent of the ground floor."})
@answers(200, DeskLineSchema, example=_IGNORED, problems=_ONCE)
def ignore_statement_line(body: dict[str, Any], line_id: str) -> Answer:
    """Set a line aside that is for no loan. It can still be matched later; doing so twice changes nothing."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        row = statement_desk.ignore_line(work, who.lender_id, line_id, reason=body["reason"], by=who.name, now=at)
        return Answer(_DUMP.dump(_shown([row], work.session)[0]), 200, dumped=True)

    return answer_once(act)


def _shown(rows: Sequence[Any], session: Session | None = None) -> list[dict[str, Any]]:
    if session is None:
        with Session(bind=reads(), join_transaction_mode="rollback_only") as opened:
            return _shown(rows, opened)
    numbers = statement_desk.candidate_numbers(session, desk().lender_id, rows)
    parts = queries.find_parts(session, [row.id for row in rows])
    return [_view(row, numbers, parts.get(row.id, ())) for row in rows]


def _view(row: Any, numbers: Mapping[str, str], parts: Sequence[Any]) -> dict[str, Any]:
    texts = texts_of(vault(), row)
    return {
        "id": row.id,
        "reference": row.reference,
        "booked_on": row.booked_on,
        "amount": Money(row.amount_minor, row.currency),
        "returns_reference": row.returns_reference,
        "our_account": row.our_account,
        "counter_account": f"…{texts.counter_account[-4:]}" if texts.counter_account else None,
        "payer": texts.payer,
        "payment_reference": texts.payment_reference,
        "words": texts.words,
        "state": row.state,
        "how": row.how,
        "why": row.why,
        "candidates": sorted(numbers[loan_id] for loan_id in row.candidates if loan_id in numbers),
        "parts": [
            {
                "loan_no": part.loan_no,
                "amount": Money(part.amount_minor, row.currency),
                "payment_reference": part.payment_reference,
            }
            for part in parts
        ],
        "ignored_because": row.ignored_because,
        "received_at": row.received_at,
        "matched_at": row.matched_at,
        "matched_by": row.matched_by,
    }
