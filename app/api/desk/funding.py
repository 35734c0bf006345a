"""Staff look after funders: who they are, their shares, and their statements."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from app.api.borrower.money import SplitSchema, example_money, example_split, split_money
from app.api.desk.staff import door
from app.domain.errors import NotFoundError
from app.domain.funder_statements import CurrencyTotal, FunderLine
from app.domain.funding import FUNDER_KINDS, LONGEST_EMAIL, LONGEST_NAME, LONGEST_REFERENCE, FunderValues, ShareValues
from app.domain.money import Money
from app.domain.times import business_date
from app.persistence.db import vault
from app.persistence.queries import funding as queries
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loan_owners
from app.persistence.unit_of_work import Work, reading
from app.services import funders, funding_checks, funding_desk, funding_shares
from app.services.funder_statements import outstanding_by_holder
from app.services.staff_proofs import require_fresh_proof
from app.web.acting import acting
from app.web.answers import Answer, personal_file
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, InstantField, MoneyField, PageQuerySchema, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.media import prefers
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads
from app.web.request_context import now

PDF = "application/pdf"
_ACCOUNT = "[A-Za-z0-9][A-Za-z0-9 .-]{0,63}"
_FRACTION = "(0|1|0\\.[0-9]{1,6})"
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


class FunderSchema(Schema):
    """A funder. The account is masked; the payouts file has it whole."""

    funder_no = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": list(FUNDER_KINDS)})
    name = fields.String(required=True)
    account = fields.String(required=True, allow_none=True)
    locale = fields.String(required=True)
    recorded_at = InstantField(required=True)


class FundersSchema(Schema):
    """A page."""

    items = fields.List(fields.Nested(FunderSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class FunderValuesSchema(Schema):
    """A funder as you know them. A field left out is emptied."""

    kind = fields.String(required=True, validate=validate.OneOf(FUNDER_KINDS))
    name = TextField(LONGEST_NAME, required=True)
    email = TextField(LONGEST_EMAIL, load_default=None, allow_none=True)
    account = PatternField(_ACCOUNT, load_default=None, allow_none=True)
    locale = PatternField("[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", load_default="en")


class NewShareSchema(Schema):
    """A share that goes from one to another. Without `from_funder_no` it is funded, without `to_funder_no` taken back."""

    reference = PatternField(NUMBER_PATTERN, required=True, metadata={"maxLength": LONGEST_REFERENCE})
    loan_no = PatternField(NUMBER_PATTERN, required=True)
    amount = MoneyField(required=True, metadata={"description": "Principal funded."})
    effective_on = DateField(required=True, metadata={"description": "From the beginning of this day; not in the future."})
    to_funder_no = PatternField(NUMBER_PATTERN, load_default=None, allow_none=True)
    from_funder_no = PatternField(NUMBER_PATTERN, load_default=None, allow_none=True)
    service_fee = fields.Dict(
        keys=fields.String(validate=validate.OneOf(("interest", "fees", "penalties"))),
        values=PatternField(_FRACTION), load_default=None, allow_none=True,
        metadata={"description": "What the platform keeps, as fractions by component; null: as the loan has it."},
    )  # fmt: skip


class ShareSchema(Schema):
    """Who holds what of a loan. `funder_no` null: the lender's own part."""

    funder_no = fields.String(required=True, allow_none=True)
    share = MoneyField(required=True)
    outstanding = MoneyField(required=True, metadata={"description": "Of the principal; all together the loan's."})


class SharesSchema(Schema):
    """The shares of a loan today."""

    loan_no = fields.String(required=True)
    principal = MoneyField(required=True)
    service_fee = fields.Dict(required=True)
    items = fields.List(fields.Nested(ShareSchema), required=True)


class FunderStatementQuerySchema(Schema):
    """Which days, both included, as booked; at most 366."""

    first = DateField(required=True, data_key="from")
    last = DateField(required=True, data_key="to")


class FunderLineSchema(Schema):
    """One loan: closing = opening + moved - passed principal - given up."""

    loan_no = fields.String(required=True)
    opening = MoneyField(required=True, metadata={"description": "Principal outstanding before the first day."})
    moved = MoneyField(required=True, metadata={"description": "Funded, bought or sold."})
    passed = fields.Nested(SplitSchema, required=True)
    service_fee = MoneyField(required=True, metadata={"description": "Kept by the platform."})
    given_up = MoneyField(required=True)
    closing = MoneyField(required=True)


class FunderTotalSchema(Schema):
    """All loans in one currency."""

    currency = fields.String(required=True)
    opening = MoneyField(required=True)
    moved = MoneyField(required=True)
    passed = fields.Nested(SplitSchema, required=True)
    service_fee = MoneyField(required=True)
    given_up = MoneyField(required=True)
    closing = MoneyField(required=True)
    payable_before = MoneyField(required=True, metadata={"description": "Before the first day; negative: owed back."})
    paid_out = MoneyField(required=True, metadata={"description": "In the period."})
    payable = MoneyField(
        required=True,
        metadata={"description": "At its end: payable before + passed - service fee - paid out; negative: owed back."},
    )


class FunderStatementSchema(Schema):
    """A funder's statement."""

    funder_no = fields.String(required=True)
    first = DateField(required=True, data_key="from")
    last = DateField(required=True, data_key="to")
    lines = fields.List(fields.Nested(FunderLineSchema), required=True)
    totals = fields.List(fields.Nested(FunderTotalSchema), required=True)


class FundingCheckSchema(Schema):
    """What was passed on, held against the ledger."""

    loans = fields.Integer(required=True)
    entries = fields.Integer(required=True)
    differences = fields.Integer(required=True)


_FUNDER = {"funder_no": "F-1", "kind": "person", "name": "Zhang San", "account": "…0001", "locale": "zh-CN",
           "recorded_at": "2026-06-01T09:00:00Z"}  # fmt: skip
_NEW_FUNDER = {"kind": "person", "name": "Zhang San", "account": "6222000000000001", "locale": "zh-CN"}
_NEW_SHARE = {"reference": "S-1", "loan_no": "CN-1001", "amount": example_money(500_000), "effective_on": "2026-05-20",
              "to_funder_no": "F-1", "service_fee": {"interest": "0.1"}}  # fmt: skip
_SHARES = {"loan_no": "CN-1001", "principal": example_money(1_200_000), "service_fee": {"interest": "0.1"},
           "items": [{"funder_no": "F-1", "share": example_money(500_000), "outstanding": example_money(480_000)}],
           }  # fmt: skip
_LINE = {"opening": example_money(500_000), "moved": example_money(0), "passed": example_split(20_000, 0),
         "service_fee": example_money(0), "given_up": example_money(0), "closing": example_money(480_000)}  # fmt: skip
_TOTAL = {
    **_LINE,
    "currency": "CNY",
    "payable_before": example_money(0),
    "paid_out": example_money(20_000),
    "payable": example_money(0),
}
_STATEMENT = {"funder_no": "F-1", "from": "2026-06-01", "to": "2026-06-30", "lines": [{"loan_no": "CN-1001", **_LINE}],
              "totals": [_TOTAL]}  # fmt: skip
_DUMP = FunderSchema()


@door.get("/funding/funders")
@permits("funding.read")
@door.asks(PageQuerySchema)
@answers(200, FundersSchema, example={"items": [_FUNDER], "next_cursor": None})
def list_funders(query: dict[str, Any]) -> Answer:
    """List your funders, in the order in which they came."""
    key = requested_key(query)
    rows = funding_desk.page_funders(acting(), after="" if key is None else key.row_id, limit=query["limit"] + 1, now=now())
    return page_answer([_view(row) for row in rows], [Key(row.recorded_at, row.id) for row in rows], query)


@door.put("/funding/funders/<number:funder_no>")
@permits("funding.write")
@door.takes(FunderValuesSchema, example=_NEW_FUNDER)
@answers(200, FunderSchema, example=_FUNDER, problems=_ONCE)
def put_funder(body: dict[str, Any], funder_no: str) -> Answer:
    """Make a funder, or bring one up to these values; the same again changes nothing."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        lender = get_lender(work.session, staff.lender_id)
        (result,) = funders.put_funders(work, lender, [FunderValues(funder_no, **body)], by=staff.by, now=at)
        if isinstance(result, Exception):
            raise result
        return Answer(_DUMP.dump(_view(queries.get_funder(work.session, lender.id, funder_no))), 200, dumped=True)

    return answer_once(act)


@door.get("/funding/funders/<number:funder_no>")
@permits("funding.read")
@answers(200, FunderSchema, example=_FUNDER)
def get_funder(funder_no: str) -> dict[str, Any]:
    """Show one of your funders; the reading is written down."""
    return _view(funding_desk.read_funder(acting(), funder_no, now=now()))


@door.get("/funding/funders/<number:funder_no>/statement")
@permits("funding.read")
@door.asks(FunderStatementQuerySchema)
@answers(200, FunderStatementSchema, example=_STATEMENT, files=(PDF,), problems=("step-up-required",))
def get_funder_statement(query: dict[str, Any], funder_no: str) -> dict[str, Any] | Response:
    """Show what stood, what was passed on and what stands, loan by loan; as PDF where `Accept` asks for it.

    The PDF names the funder and leaves the desk: it needs a fresh second factor.
    """
    as_pdf = prefers(PDF)
    if as_pdf:
        require_fresh_proof(desk())
    made = funding_desk.make_statement(
        acting(), funder_no, query["first"], query["last"], locale=request_locale(), now=now(), as_pdf=as_pdf
    )
    if made.pdf is not None:
        return personal_file(made.pdf, PDF, name=f"funder-{funder_no}-{query['last'].isoformat()}.pdf")
    statement = made.statement
    return {
        "funder_no": funder_no, "first": statement.first, "last": statement.last,
        "lines": [{"loan_no": line.loan_no, **_amounts(line)} for line in statement.lines],
        "totals": [_total(total) for total in statement.totals],
    }  # fmt: skip


@door.post("/funding/shares")
@permits("funding.write")
@door.takes(NewShareSchema, example=_NEW_SHARE)
@answers(201, SharesSchema, example=_SHARES, also=(200,), problems=(*_ONCE, "currency-mismatch"))
def post_share(body: dict[str, Any]) -> Answer:
    """Record a share that goes from one to another, once by its reference. What came in since that day is passed on anew."""
    at, staff = now(), acting()
    amount: Money = body.pop("amount")
    values = ShareValues(**body, units_minor=amount.minor, currency=amount.currency)

    def act(work: Work) -> Answer:
        lender = get_lender(work.session, staff.lender_id)
        (result,) = funding_shares.put_shares(work, lender, [values], by=staff.by, now=at)
        if isinstance(result, Exception):
            raise result
        shown = SharesSchema().dump(_shares(work.session, lender.id, values.loan_no, business_date(at, lender.zone)))
        return Answer(shown, 201 if result.created else 200, dumped=True)

    return answer_once(act)


@door.get("/funding/loans/<number:loan_no>/shares")
@permits("funding.read")
@answers(200, SharesSchema, example=_SHARES)
def get_shares(loan_no: str) -> dict[str, Any]:
    """Show who holds what of a loan today, and what is outstanding of it."""
    at, lender_id = now(), desk().lender_id
    end_reads()
    with reading() as session:
        zone = get_lender(session, lender_id).zone
        return _shares(session, lender_id, loan_no, business_date(at, zone))


@door.get("/funding/check")
@permits("funding.read")
@answers(200, FundingCheckSchema, example={"loans": 12, "entries": 340, "differences": 0})
def get_funding_check() -> dict[str, Any]:
    """Hold what was passed on against the ledger; `flask funding check` lists what differs."""
    lender_id = desk().lender_id
    end_reads()
    with reading() as session:
        found = funding_checks.check_funding(session, lender_id)
    return {"loans": found.loans, "entries": found.entries, "differences": len(found.differences)}


def _shares(session: Any, lender_id: str, loan_no: str, on: Any) -> dict[str, Any]:
    owner = find_loan_owners(session, lender_id, [loan_no]).get(loan_no)
    loan = None if owner is None else queries.find_funded(session, [owner[0]]).get(owner[0])
    if loan is None:
        raise NotFoundError(f"Nobody funded a loan {loan_no}.")
    held = funding_shares.shares_of(loan, queries.find_transfers(session, [loan.loan_id])[loan.loan_id]).on(on).units
    left = outstanding_by_holder(session, loan, until=on)
    numbers = queries.find_funder_numbers(session, [holder for holder in {*held, *left} if holder])
    holders = [holder for holder in sorted({*held, *left}, key=lambda each: numbers.get(each, ""))
               if held.get(holder) or left.get(holder)]  # fmt: skip
    return {
        "loan_no": loan_no, "principal": Money(loan.units_minor, loan.currency), "service_fee": loan.service_fee,
        "items": [
            {"funder_no": numbers.get(holder), "share": Money(held.get(holder, 0), loan.currency),
             "outstanding": Money(left.get(holder, 0), loan.currency)}
            for holder in holders
        ],
    }  # fmt: skip


def _view(row: Any) -> dict[str, Any]:
    known = funders.open_funder(vault(), row)
    return {"funder_no": row.funder_no, "kind": row.kind, "name": known.name, "locale": row.locale,
            "account": funders.masked_account(known.account), "recorded_at": row.recorded_at}  # fmt: skip


def _amounts(each: FunderLine | CurrencyTotal) -> dict[str, Any]:
    named = ("opening", "moved", "service_fee", "given_up", "closing")
    found: dict[str, Any] = {name: Money(getattr(each, f"{name}_minor"), each.currency) for name in named}
    return {**found, "passed": split_money(each.passed, each.currency)}


def _total(total: CurrencyTotal) -> dict[str, Any]:
    paid = {
        name: Money(getattr(total, f"{name}_minor"), total.currency) for name in ("payable_before", "paid_out", "payable")
    }
    return {"currency": total.currency, **_amounts(total), **paid}
