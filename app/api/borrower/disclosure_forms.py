"""What disclosures of a loan look like: rates, cost item by item, cap, stops of interest, and what is wrong."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.money import example_money
from app.api.licences import LICENCE_EXAMPLE, LicenceSchema
from app.domain.all_in import WAYS
from app.domain.caps import APPLIES, CODES, OUTSIDE, UNKNOWN
from app.domain.stops import SCOPES
from app.web.fields import DateField, IdField, MoneyField

RATE = {"description": 'A fraction per year as a decimal string: "0.128038" is 12.8038 %.'}
MISSING_CODES = [
    "disbursement-date-missing",
    "principal-missing",
    "plan-missing",
    "plan-incomplete",
    "plan-differs",
    "fees-unreadable",
    "no-rate",
]


class AnnualisedRateSchema(Schema):
    """By the internal rate of return, over all that the borrower pays as planned. A simple rate must be called simple."""

    simple = fields.String(required=True, metadata=RATE)
    compound = fields.String(required=True, metadata=RATE)
    period_rate = fields.String(required=True, metadata={"description": "Per month, or per day."})
    exponents = fields.String(
        required=True,
        metadata={"enum": ["months", "days/365"], "description": "days/365: the dates are irregular; say so."},
    )
    source = fields.String(required=True)


class ItemSchema(Schema):
    """One item of what the loan costs."""

    name = fields.String(required=True, metadata={"description": "interest, fees_upfront, fees, ...; or the lender's name."})
    label = fields.String(required=True)
    amount = MoneyField(required=True, allow_none=True, metadata={"description": "Null: it depends on how late."})
    way = fields.String(required=True, metadata={"enum": list(WAYS)})
    standard = fields.String(required=True, metadata={"description": "By what it is worked out."})
    collector = fields.String(required=True, metadata={"description": "Who takes it."})


class AllInSchema(Schema):
    """The statement of all that the loan costs, by item. Its annualised rate has what partners take in it too."""

    items = fields.List(fields.Nested(ItemSchema), required=True)
    total = MoneyField(required=True, metadata={"description": "Of the items: all that is paid beside the principal."})
    annualised_rate = fields.String(required=True, allow_none=True, metadata=RATE)
    when_late = fields.List(fields.Nested(ItemSchema), required=True, metadata={"description": "What only lateness brings."})
    source = fields.String(required=True)
    evidence = fields.String(required=True, metadata={"description": "How well the source was read."})


class ToDateSchema(Schema):
    """What was charged until `as_of`, against the cap: the principal counts for the days on which it was outstanding."""

    charged = MoneyField(required=True)
    paid = MoneyField(required=True)
    most = MoneyField(required=True, allow_none=True)
    kept = fields.String(required=True, metadata={"enum": ["yes", "no", "unknown", "not_applicable"]})
    above = MoneyField(required=True, metadata={"description": "What the plan and its charges ask above the cap, in all."})
    not_collected = MoneyField(required=True, metadata={"description": "What of it is not asked for any more."})
    paid_above = MoneyField(
        required=True,
        metadata={"description": "What of it was paid before: to be set against principal, or returned."},
    )
    kept_from = DateField(required=True, allow_none=True)


class StopSchema(Schema):
    """Days for which a law stops interest, and charges for lateness where `scope` says so."""

    from_on = DateField(required=True)
    until_on = DateField(required=True, allow_none=True, metadata={"description": "First day that bears interest again."})
    scope = fields.String(required=True, metadata={"enum": list(SCOPES)})
    rule = fields.String(required=True)
    source = fields.String(required=True, allow_none=True, metadata={"description": "The paragraph."})
    evidence = fields.String(required=True, allow_none=True)


class LoanFlagSchema(Schema):
    """Something that is wrong or not known, or that a law stopped."""

    code = fields.String(required=True)
    detail = fields.String(required=True)


class AprSchema(Schema):
    """The annual percentage rate of US Regulation Z, actuarial method."""

    rate = fields.String(required=True, metadata=RATE)
    unit = fields.String(required=True, metadata={"enum": ["day", "week", "semimonth", "month"]})
    unit_count = fields.Integer(required=True, metadata={"description": "12 months are a year."})
    source = fields.String(required=True)


class CostSchema(Schema):
    """What the loan costs in all when it is paid as planned."""

    principal = MoneyField(required=True, metadata={"description": "The amount lent."})
    interest = MoneyField(required=True)
    fees = MoneyField(required=True, metadata={"description": "In the instalments."})
    fees_upfront = MoneyField(required=True, metadata={"description": "At the start."})
    finance_charge = MoneyField(required=True, metadata={"description": "Interest and all fees."})
    total = MoneyField(required=True, metadata={"description": "Principal and finance charge."})
    share_of_principal = fields.String(
        required=True, metadata={"description": "Finance charge over principal, for the whole life of the loan."}
    )


class FiguresMissingSchema(Schema):
    """Why no figures are given."""

    code = fields.String(required=True, metadata={"enum": MISSING_CODES})
    detail = fields.String(required=True)


class CapSchema(Schema):
    """The most the law lets the sum of interest, overdue interest and fees be."""

    status = fields.String(required=True, metadata={"enum": [APPLIES, OUTSIDE, UNKNOWN]})
    annual_rate = fields.String(required=True, allow_none=True, metadata=RATE)
    source = fields.String(required=True, allow_none=True, metadata={"description": "The paragraph."})
    code = fields.String(required=True, metadata={"enum": list(CODES)})
    reason = fields.String(required=True)
    signed_on = DateField(required=True, allow_none=True)
    signed_on_basis = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "enum": ["contract", "disbursement", None],
            "description": "disbursement: that day stands for the day of signing, which is not recorded.",
        },
    )
    fixed_on = DateField(required=True, allow_none=True, metadata={"description": "Of the base rate it is made from."})
    kept = fields.String(
        required=True,
        metadata={
            "enum": ["yes", "no", "unknown", "not_applicable"],
            "description": "Whether the plan keeps it; not_applicable: the lender is outside the rule.",
        },
    )
    charged = MoneyField(required=True, allow_none=True, metadata={"description": "What the plan charges that counts."})
    most = MoneyField(required=True, allow_none=True, metadata={"description": "The most it may charge."})
    to_date = fields.Nested(ToDateSchema, required=True)


class DisclosuresSchema(Schema):
    """What is disclosed under the plan that holds at `as_of`, today in the loan's zone."""

    loan_id = IdField(required=True)
    timezone = fields.String(required=True)
    as_of = DateField(required=True)
    plan_version = fields.Integer(required=True, metadata={"description": "Counts from 1; 0 while there is no plan."})
    licence = fields.Nested(LicenceSchema, required=True)
    nominal_rate = fields.String(required=True, allow_none=True, metadata={"description": "Per year, as in the contract."})
    annualised_rate = fields.Nested(AnnualisedRateSchema, required=True, allow_none=True)
    apr = fields.Nested(AprSchema, required=True, allow_none=True, metadata={"description": "Of lenders in the US."})
    cost = fields.Nested(CostSchema, required=True, allow_none=True)
    figures_missing = fields.Nested(FiguresMissingSchema, required=True, allow_none=True)
    all_in = fields.Nested(AllInSchema, required=True, allow_none=True)
    cap = fields.Nested(CapSchema, required=True)
    interest_stops = fields.List(fields.Nested(StopSchema), required=True)
    flags = fields.List(fields.Nested(LoanFlagSchema), required=True)


ANNUALISED_SOURCE = "PBOC announcement 2021 No. 3"
APR_SOURCE = "12 CFR part 1026 (Regulation Z), appendix J"
EXAMPLE: dict[str, Any] = {
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "timezone": "Asia/Shanghai",
    "as_of": "2026-11-23",
    "plan_version": 1,
    "licence": LICENCE_EXAMPLE,
    "nominal_rate": "0.109000",
    "annualised_rate": {
        "simple": "0.128038",
        "compound": "0.135826",
        "period_rate": "0.010670",
        "exponents": "months",
        "source": ANNUALISED_SOURCE,
    },
    "apr": None,
    "cost": {
        "principal": example_money(10000000),
        "interest": example_money(599960),
        "fees": example_money(0),
        "fees_upfront": example_money(100000),
        "finance_charge": example_money(699960),
        "total": example_money(10699960),
        "share_of_principal": "0.069996",
    },
    "figures_missing": None,
    "cap": {
        "status": "applies",
        "annual_rate": "0.120000",
        "source": "SPC provisions on private lending (2nd amendment of 2020), art. 25, 28, 29",
        "code": "four-times-lpr",
        "reason": "Four times the one-year LPR of 2026-04-20, which held on the day of signing.",
        "signed_on": "2026-05-18",
        "signed_on_basis": "contract",
        "fixed_on": "2026-04-20",
        "kept": "no",
        "charged": example_money(699960),
        "most": example_money(640876),
        "to_date": {
            "charged": example_money(416647),
            "paid": example_money(416647),
            "most": example_money(437512),
            "kept": "yes",
            "above": example_money(59084),
            "not_collected": example_money(59084),
            "paid_above": example_money(0),
            "kept_from": "2026-05-18",
        },
    },
    "all_in": {
        "items": [
            {
                "name": "interest",
                "label": "Interest",
                "amount": example_money(599960),
                "way": "instalments",
                "standard": "10.9 % a year of the outstanding principal",
                "collector": "Harbour Credit",
            },
            {
                "name": "fees_upfront",
                "label": "Fees at the start",
                "amount": example_money(100000),
                "way": "upfront",
                "standard": "kept back from what is paid out",
                "collector": "Harbour Credit",
            },
        ],
        "total": example_money(699960),
        "annualised_rate": "0.135826",
        "when_late": [],
        "source": "NFRA and PBOC, Jin Gui [2026] No. 2",
        "evidence": "rendering",
    },
    "interest_stops": [],
    "flags": [{"code": "over-cap", "detail": "The loan asks more than its cap allows; what is above it is not collected."}],
}
