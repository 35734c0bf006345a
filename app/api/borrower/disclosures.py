"""What must be shown of a loan: the lender's licence, its annualised rate, what it costs in all, and its cap."""

from decimal import Decimal
from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.borrower.money import example_money
from app.domain.caps import APPLIES, CODES, OUTSIDE, UNKNOWN
from app.domain.money import Money
from app.domain.rates import rounded
from app.services import base_rates, disclosures
from app.services.disclosures import Disclosures, Figures, Missing
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField, IdField, MoneyField
from app.web.languages import request_locale
from app.web.reads import reads
from app.web.request_context import now
from app.wording.disclosure_words import cap_reason, missing_detail, paragraph

_RATE = {"description": 'A fraction per year as a decimal string: "0.128038" is 12.8038 %.'}
MISSING_CODES = [
    "disbursement-date-missing",
    "principal-missing",
    "plan-missing",
    "plan-incomplete",
    "plan-differs",
    "fees-unreadable",
    "no-rate",
]


class LicenceSchema(Schema):
    """Who lends, and by what right."""

    legal_name = fields.String(required=True)
    kind = fields.String(
        required=True, metadata={"description": "bank, consumer_finance, private_lender, ...; or unstated."}
    )
    number = fields.String(required=True, allow_none=True)
    regulator = fields.String(required=True, allow_none=True)
    complaints_contact = fields.String(required=True, allow_none=True)
    jurisdiction = fields.String(required=True, metadata={"description": "ISO 3166 country, or EU."})


class AnnualisedRateSchema(Schema):
    """By the internal rate of return, over all that the borrower pays as planned. A simple rate must be called simple."""

    simple = fields.String(required=True, metadata=_RATE)
    compound = fields.String(required=True, metadata=_RATE)
    period_rate = fields.String(required=True, metadata={"description": "Per month, or per day."})
    exponents = fields.String(
        required=True,
        metadata={"enum": ["months", "days/365"], "description": "days/365: the dates are irregular; say so."},
    )
    source = fields.String(required=True)


class AprSchema(Schema):
    """The annual percentage rate of US Regulation Z, actuarial method."""

    rate = fields.String(required=True, metadata=_RATE)
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
    annual_rate = fields.String(required=True, allow_none=True, metadata=_RATE)
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
    cap = fields.Nested(CapSchema, required=True)


_ANNUALISED_SOURCE = "PBOC announcement 2021 No. 3"
_APR_SOURCE = "12 CFR part 1026 (Regulation Z), appendix J"
_EXAMPLE = {
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "timezone": "Asia/Shanghai",
    "as_of": "2026-11-23",
    "plan_version": 1,
    "licence": {
        "legal_name": "Harbour Credit",
        "kind": "private_lender",
        "number": None,
        "regulator": None,
        "complaints_contact": "400-000-0000",
        "jurisdiction": "CN",
    },
    "nominal_rate": "0.109000",
    "annualised_rate": {
        "simple": "0.128038",
        "compound": "0.135826",
        "period_rate": "0.010670",
        "exponents": "months",
        "source": _ANNUALISED_SOURCE,
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
    },
}


@door.get("/loans/<id:loan_id>/disclosures")
@answers(200, DisclosuresSchema, example=_EXAMPLE)
def get_disclosures(loan_id: str) -> dict[str, Any]:
    """Show the lender's licence, the annualised rate, what the loan costs in all, and the cap of law it is under.

    The figures are those of the plan when it is paid on time. Where they cannot be made, they are null and `figures_missing`
    says why. A cap that is not known is said to be unknown. What is for people to read is in the language of the answer.
    """
    locale = request_locale()
    found = disclosures.disclosures(reads(), borrower().borrower_id, loan_id, base_rates.fixings(), now=now())
    return {
        "loan_id": loan_id,
        "timezone": found.loan.zone,
        "as_of": found.as_of,
        "plan_version": found.plan_version,
        "licence": _licence(found.loan),
        "nominal_rate": None if found.nominal_rate is None else _rate(found.nominal_rate),
        **_figures(found.figures, found.loan.currency),
        "figures_missing": _missing(found.missing, locale),
        "cap": _cap(found, locale),
    }


def _licence(loan: Any) -> dict[str, Any]:
    return {
        "legal_name": loan.lender_name,
        "kind": loan.licence_kind,
        "number": loan.licence_no,
        "regulator": loan.regulator,
        "complaints_contact": loan.complaints_contact,
        "jurisdiction": loan.jurisdiction,
    }


def _figures(figures: Figures | None, currency: str) -> dict[str, Any]:
    if figures is None:
        return {"annualised_rate": None, "apr": None, "cost": None}
    annualised, apr, cost = figures.annualised, figures.apr, figures.cost
    return {
        "annualised_rate": {
            "simple": _rate(annualised.simple),
            "compound": _rate(annualised.compound),
            "period_rate": _rate(annualised.period_rate),
            "exponents": "months" if annualised.unit == "month" else "days/365",
            "source": _ANNUALISED_SOURCE,
        },
        "apr": apr
        and {"rate": _rate(apr.rate), "unit": apr.unit.kind, "unit_count": apr.unit.multiple, "source": _APR_SOURCE},
        "cost": {
            "principal": Money(cost.principal_minor, currency),
            **{item.name: Money(item.amount_minor, currency) for item in cost.items},
            "finance_charge": Money(cost.charge_minor, currency),
            "total": Money(cost.total_minor, currency),
            "share_of_principal": _rate(cost.share_of_principal),
        },
    }


def _missing(missing: Missing | None, locale: str) -> dict[str, str] | None:
    if missing is None:
        return None
    return {"code": missing.code, "detail": missing_detail(missing.code, missing.detail, locale)}


def _cap(found: Disclosures, locale: str) -> dict[str, Any]:
    cap, figures, most_minor, currency = found.cap, found.figures, found.check.most_minor, found.loan.currency
    kept = {True: "yes", False: "no", None: "not_applicable" if cap.status == OUTSIDE else "unknown"}
    return {
        "status": cap.status,
        "annual_rate": None if cap.annual_rate is None else _rate(cap.annual_rate),
        "source": paragraph(cap.source, locale),
        "code": cap.code,
        "reason": cap_reason(cap, locale),
        "signed_on": found.signed_on,
        "signed_on_basis": found.signed_on_basis,
        "fixed_on": cap.fixed_on,
        "kept": kept[found.check.is_kept],
        "charged": None if figures is None else Money(figures.charged_minor, currency),
        "most": None if most_minor is None else Money(most_minor, currency),
    }


def _rate(rate: Decimal) -> str:
    return f"{rounded(rate, 6):f}"
