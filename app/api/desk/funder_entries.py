"""What was booked for a funder, entry by entry: what the lines of a statement add up."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.money import SplitSchema, example_money, example_split, split_money
from app.api.desk.staff import door
from app.domain.money import Money
from app.domain.splits import Split
from app.services import funding_desk
from app.web.acting import acting
from app.web.answers import Answer
from app.web.auth import permits
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, MoneyField, PageQuerySchema
from app.web.pagination import Key, page_answer, requested_key
from app.web.request_context import now


class FunderEntriesQuerySchema(PageQuerySchema):
    """Which days, both included, as booked; at most 366."""

    first = DateField(required=True, data_key="from")
    last = DateField(required=True, data_key="to")


class FunderEntrySchema(Schema):
    """What was passed on to a funder of one entry of a loan's ledger; negative: what was taken back."""

    id = IdField(required=True)
    loan_no = fields.String(required=True)
    entry_id = IdField(required=True, metadata={"description": "Of the loan's ledger."})
    revision = fields.Integer(
        required=True, metadata={"description": "From 2 on it is the difference to what was passed on."}
    )
    effective_on = DateField(required=True, metadata={"description": "The value date, by whose shares it was divided."})
    booked_on = DateField(required=True)
    booked_at = InstantField(required=True)
    is_money = fields.Boolean(required=True, metadata={"description": "False: principal given up; nobody is paid for it."})
    passed = fields.Nested(SplitSchema, required=True)
    service_fee = MoneyField(required=True, metadata={"description": "Kept of it by the platform."})


class FunderEntriesSchema(Schema):
    """A page, oldest first."""

    items = fields.List(fields.Nested(FunderEntrySchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_ENTRY = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8057", "loan_no": "CN-1001", "entry_id": "01890a5d-ac96-774b-bcce-b302099a8058",
    "revision": 1, "effective_on": "2026-06-15", "booked_on": "2026-06-15", "booked_at": "2026-06-15T02:00:10Z",
    "is_money": True, "passed": example_split(20_000, 1_000), "service_fee": example_money(100),
}  # fmt: skip


@door.get("/funding/funders/<number:funder_no>/entries")
@permits("funding.read")
@door.asks(FunderEntriesQuerySchema)
@answers(200, FunderEntriesSchema, example={"items": [_ENTRY], "next_cursor": None})
def list_funder_entries(query: dict[str, Any], funder_no: str) -> Answer:
    """List what was booked for a funder in a period, oldest first; the reading is written down."""
    key = requested_key(query)
    rows = funding_desk.page_entries(
        acting(), funder_no, query["first"], query["last"], after=None if key is None else (key.at, key.row_id),
        limit=query["limit"] + 1, now=now(),
    )  # fmt: skip
    return page_answer([_view(row) for row in rows], [Key(row.booked_at, row.id) for row in rows], query)


def _view(row: Any) -> dict[str, Any]:
    split = Split(row.principal_minor, row.interest_minor, row.fees_minor, row.penalties_minor)
    fee = Money(row.service_fee_minor, row.currency)
    return {**row._mapping, "passed": split_money(split, row.currency), "service_fee": fee}
