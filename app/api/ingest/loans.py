"""The core system puts loans, with their plans."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.api.ingest.borrowers import ORIGIN, PUT_EXAMPLE, PutSchema, door, source_version_field
from app.api.ingest.contracts import CURRENCIES, ContractSchema, named_as_sent
from app.domain.book import LOAN_STATUSES, PRODUCT_KINDS, LoanValues, PlanValues
from app.domain.errors import DomainError
from app.domain.money import Money
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.persistence.unit_of_work import Work, in_unit_of_work
from app.services import contracts, loans
from app.web.answers import Answer
from app.web.auth import ingest
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, InstantField, MoneyField, PatternField, TextField
from app.web.request_context import now

MOST_ROWS = 1200
"""A hundred years of months; more in one plan is a mistake."""


class PlanRowSchema(Schema):
    """One instalment as agreed."""

    row_no = fields.Integer(strict=True, required=True, validate=validate.Range(1, 100_000))
    due_on = DateField(required=True)
    principal = MoneyField(required=True)
    interest = MoneyField(load_default=None)
    fees = MoneyField(load_default=None)
    penalties = MoneyField(load_default=None)


class PlanSchema(Schema):
    """A whole plan. Other rows than those recorded make a new plan version."""

    rows = fields.List(fields.Nested(PlanRowSchema), required=True, validate=validate.Length(1, MOST_ROWS))
    effective_on = DateField(load_default=None, allow_none=True, metadata={"description": "First day it holds for."})
    recorded_at = InstantField(load_default=None, allow_none=True, metadata={"description": "When it was agreed."})


class LoanValuesSchema(Schema):
    """A loan as the core knows it; a field left out is emptied, except the plan, which then stays."""

    borrower_no = PatternField(NUMBER_PATTERN, required=True)
    currency = PatternField("[A-Z]{3}", required=True, metadata={"description": "ISO 4217."})
    principal = MoneyField(
        load_default=None,
        allow_none=True,
        metadata={"description": "Amount first lent; parts paid out later are in contract.disbursements."},
    )
    zone = TextField(64, load_default=None, allow_none=True, metadata={"description": "IANA zone; else the lender's."})
    product = TextField(80, load_default=None, allow_none=True)
    product_kind = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(PRODUCT_KINDS),
        metadata={"description": "Kind of credit by the law's words; null: not said."},
    )
    autopay = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "A payment is expected to be drawn by itself when an instalment is due."},
    )
    status = fields.String(load_default="active", validate=validate.OneOf(LOAN_STATUSES))
    disbursed_on = DateField(load_default=None, allow_none=True)
    maturity_on = DateField(load_default=None, allow_none=True)
    contract = fields.Nested(ContractSchema, load_default=dict)
    recorded_at = InstantField(load_default=None, allow_none=True)
    plan = fields.Nested(PlanSchema, load_default=None, allow_none=True)
    source_version = source_version_field()

    @validates_schema
    def _one_currency(self, data: dict[str, Any], **_kwargs: Any) -> None:
        wrong: dict[str, Any] = {}
        if foreign := _other_than(data["currency"], data["contract"].pop(CURRENCIES, {})):
            wrong["contract"] = foreign
        if data["principal"] is not None and data["principal"].currency != data["currency"]:
            wrong["principal"] = ["Not in the currency of the loan."]
        for index, row in enumerate((data["plan"] or {}).get("rows", ())):
            for name in Split._fields:
                amount = row[name]
                if amount is not None and (amount.currency != data["currency"] or amount.minor < 0):
                    wrong.setdefault("plan", {}).setdefault("rows", {})[index] = {
                        name: ["Negative, or not in the currency of the loan."]
                    }
        if wrong:
            raise ValidationError(wrong)


def _other_than(currency: str, found: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return what is wrong with a tree of currencies, in its own form; empty: all are this one."""
    wrong: dict[Any, Any] = {}
    for name, below in found.items():
        if isinstance(below, Mapping):
            if deeper := _other_than(currency, below):
                wrong[name] = deeper
        elif below != currency:
            wrong[name] = ["Not in the currency of the loan."]
    return wrong


def _cny(minor: int) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": "CNY"}


_EXAMPLE = {
    "borrower_no": "B-1001",
    "currency": "CNY",
    "principal": _cny(1200000),
    "zone": "Asia/Shanghai",
    "disbursed_on": "2026-05-20",
    "plan": {
        "rows": [
            {"row_no": 1, "due_on": "2026-06-20", "principal": _cny(100000), "interest": _cny(4500)},
            {"row_no": 2, "due_on": "2026-07-20", "principal": _cny(100000), "interest": _cny(4125)},
        ]
    },
    "source_version": 3,
}


@door.put("/loans/<number:loan_no>")
@door.takes(LoanValuesSchema, example=_EXAMPLE)
@answers(
    200,
    PutSchema,
    example=PUT_EXAMPLE,
    also=(201,),
    problems=("conflict", "stale-version", "currency-mismatch", "winding-down"),
)
def put_loan(body: dict[str, Any], loan_no: str) -> Answer:
    """Make a loan, or bring it up to these values, with its plan where one is given.

    A borrower number not known yet becomes a borrower without contacts. Payments that waited for the loan are booked. With
    no plan given, and none before, the plan is made of the contract where that says enough.
    """
    at, lender_id = now(), ingest().lender_id
    values, plan, source_version = loan_values(body, loan_no)

    def act(work: Work) -> Answer:
        result = loans.put_loan(work, lender_id, values, now=at, origin=ORIGIN, source_version=source_version)
        changed = result.changed
        if plan is not None:
            changed |= loans.put_plan(work, lender_id, plan, now=at, origin=ORIGIN).changed
        elif (made := contracts.put_contract_plan(work, lender_id, loan_no, now=at)) is not None:
            changed |= made.changed
        value = {"id": result.id, "created": result.created, "changed": changed, "conflicts": result.conflicts}
        return Answer(value, 201 if result.created else 200)

    try:
        return in_unit_of_work(act)
    except DomainError as error:
        raise named_as_sent(error, values.contract) from None


def loan_values(body: dict[str, Any], loan_no: str) -> tuple[LoanValues, PlanValues | None, int | None]:
    """Return the loan, its plan where one is given, and the core's counter."""
    principal, plan, source_version = body.pop("principal"), body.pop("plan"), body.pop("source_version")
    values = LoanValues(loan_no, principal_minor=None if principal is None else principal.minor, **body)
    return values, None if plan is None else plan_values(plan, loan_no), source_version


def plan_values(plan: dict[str, Any], loan_no: str) -> PlanValues:
    """Return the plan of a `PlanSchema`."""
    rows = tuple(PlanRow(row["row_no"], row["due_on"], _split(row)) for row in plan["rows"])
    return PlanValues(loan_no, rows, plan["recorded_at"], plan["effective_on"])


def _split(row: dict[str, Money | None]) -> Split:
    amounts = (row[name] for name in Split._fields)
    return Split(*(0 if amount is None else amount.minor for amount in amounts))
