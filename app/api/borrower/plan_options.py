"""What a borrower may choose now about a loan, each with its full consequence, and why the rest is not offered."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.borrower.money import SplitSchema, example_money, example_split, split_money
from app.domain.money import Money
from app.domain.option_rules import CREDIT_EFFECTS
from app.domain.plan_options import CODES, NotOffered, OptionKind, PlanOption
from app.services import plan_options
from app.services.plan_options import LoanOptions
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField, IdField, MoneyField
from app.web.languages import request_locale
from app.web.reads import reads
from app.web.request_context import now
from app.wording.option_words import credit_effect_words, kind_words, not_offered_words

KIND = {"enum": list(OptionKind)}


class OptionTermsSchema(Schema):
    """The choice itself. Each kind takes one of them, or none; sent back as they are, they mean this very option."""

    amount_minor = fields.Integer(metadata={"description": "pay_part: in the loan's currency."})
    day = fields.Integer(metadata={"description": "change_due_day: of the month."})
    instalments = fields.Integer(metadata={"description": "extend: how many are skipped."})
    rows = fields.Integer(metadata={"description": "lengthen: more rows; interest_only, catch_up: over how many."})


class OptionRowSchema(Schema):
    """One instalment as it would be, with what of it is still to be paid."""

    row_no = fields.Integer(required=True)
    due_on = DateField(required=True)
    open = fields.Nested(SplitSchema, required=True)


class CreditEffectSchema(Schema):
    """How it shows in credit reports."""

    code = fields.String(required=True, metadata={"enum": list(CREDIT_EFFECTS)})
    detail = fields.String(required=True)


class PlanOptionSchema(Schema):
    """One option, with all that follows from it."""

    kind = fields.String(required=True, metadata=KIND)
    title = fields.String(required=True)
    terms = fields.Nested(OptionTermsSchema, required=True)
    pay = MoneyField(required=True, allow_none=True, metadata={"description": "What it takes now; null: nothing."})
    rows = fields.List(
        fields.Nested(OptionRowSchema),
        required=True,
        metadata={"description": "What is still to be paid, by due date, once it is agreed; empty where no plan changes."},
    )
    total = MoneyField(required=True, metadata={"description": "All that is still to be paid from now on."})
    extra = MoneyField(required=True, metadata={"description": "More than by the plan as it stands; below 0: less."})
    extra_annual_rate = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The extra cost per year as a fraction of the principal that is owed longer; "
            "null: nothing is added, or nothing is owed longer."
        },
    )
    last_due_on = DateField(required=True, allow_none=True)
    still_due = MoneyField(required=True, metadata={"description": "What is due by today all the same."})
    credit_effect = fields.Nested(CreditEffectSchema, required=True)
    approvals = fields.Integer(
        required=True, metadata={"description": "People who must agree: 0 (agreed by itself), 1, or 2 (four eyes)."}
    )
    valid_until = DateField(required=True, allow_none=True, metadata={"description": "Last day of these figures."})


class NotOfferedSchema(Schema):
    """An option that cannot be chosen now."""

    kind = fields.String(required=True, metadata=KIND)
    title = fields.String(required=True)
    code = fields.String(required=True, metadata={"enum": list(CODES)})
    detail = fields.String(required=True)
    rule = fields.String(required=True, allow_none=True, metadata={"description": "Paragraph of law, or line of our rules."})


class PlanOptionsSchema(Schema):
    """All that can be chosen about a loan at `as_of`, today in the loan's zone."""

    loan_id = IdField(required=True)
    timezone = fields.String(required=True)
    as_of = DateField(required=True)
    offered = fields.List(fields.Nested(PlanOptionSchema), required=True)
    not_offered = fields.List(fields.Nested(NotOfferedSchema), required=True)


OPTIONS_EXAMPLE = {
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "timezone": "Asia/Shanghai",
    "as_of": "2026-11-23",
    "offered": [
        {
            "kind": "catch_up",
            "title": "Spread what is past due over the next instalments",
            "terms": {"rows": 2},
            "pay": None,
            "rows": [
                {"row_no": 7, "due_on": "2026-12-20", "open": example_split(150000, 6300)},
                {"row_no": 8, "due_on": "2027-01-20", "open": example_split(150000, 5850)},
            ],
            "total": example_money(312150),
            "extra": example_money(0),
            "extra_annual_rate": None,
            "last_due_on": "2027-01-20",
            "still_due": example_money(0),
            "credit_effect": {
                "code": "arrears_stay",
                "detail": credit_effect_words("arrears_stay", "en"),
            },
            "approvals": 0,
            "valid_until": "2026-11-30",
        }
    ],
    "not_offered": [
        {
            "kind": "extend",
            "title": "Skip instalments and pay them at the end",
            "code": "too_few_paid",
            "detail": "It is offered once 3 instalments are paid.",
            "rule": "PRC Civil Code art. 678",
        }
    ],
}


@door.get("/loans/<id:loan_id>/plan-options")
@answers(200, PlanOptionsSchema, example=OPTIONS_EXAMPLE, problems=("conflict",))
def get_plan_options(loan_id: str) -> dict[str, Any]:
    """Show what can be chosen now about a loan, with every consequence, and why the rest is not offered.

    The figures are what the ledger would make of the choice: what is shown is what happens. 409 for a loan without a plan.
    """
    found = plan_options.own_options(reads(), borrower().borrower_id, loan_id, now=now())
    return options_view(found, loan_id)


def options_view(found: LoanOptions, loan_id: str) -> dict[str, Any]:
    """Return the values of `PlanOptionsSchema`."""
    locale, currency = request_locale(), found.loan.currency
    return {
        "loan_id": loan_id,
        "timezone": found.loan.zone,
        "as_of": found.today,
        "offered": [option_values(option, currency, locale) for option in found.options.offered],
        "not_offered": [_refused(each, locale) for each in found.options.not_offered],
    }


def option_values(option: PlanOption, currency: str, locale: str) -> dict[str, Any]:
    """Return an option as `PlanOptionSchema` dumps it."""
    rate = option.extra_annual_rate
    return {
        "kind": option.kind,
        "title": kind_words(option.kind, locale),
        "terms": option.terms,
        "pay": None if option.pay_minor is None else Money(option.pay_minor, currency),
        "rows": [
            {"row_no": row.row_no, "due_on": row.due_on, "open": split_money(row.due, currency)} for row in option.to_pay
        ],
        "total": Money(option.total_minor, currency),
        "extra": Money(option.extra_minor, currency),
        "extra_annual_rate": None if rate is None else str(rate),
        "last_due_on": option.last_due_on,
        "still_due": Money(option.still_due_minor, currency),
        "credit_effect": {"code": option.credit_effect, "detail": credit_effect_words(option.credit_effect, locale)},
        "approvals": option.approvals,
        "valid_until": option.valid_until,
    }


def _refused(refused: NotOffered, locale: str) -> dict[str, Any]:
    return {
        "kind": refused.kind,
        "title": kind_words(refused.kind, locale),
        "code": refused.code,
        "detail": not_offered_words(refused, locale),
        "rule": refused.rule,
    }
