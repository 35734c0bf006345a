"""What must be shown of a loan: the lender's licence, its annualised rate, what it costs in all, and its cap."""

from decimal import Decimal
from typing import Any

from app.api.borrower.disclosure_forms import ANNUALISED_SOURCE, APR_SOURCE, EXAMPLE, DisclosuresSchema
from app.api.borrower.loans import door
from app.api.licences import licence_answer
from app.domain import all_in
from app.domain.all_in import Item
from app.domain.caps import OUTSIDE
from app.domain.money import Money
from app.domain.rates import rounded
from app.domain.stops import Stop
from app.services import base_rates, disclosures
from app.services.disclosures import Disclosures, Figures, Missing
from app.services.law_packs import find_rule
from app.web.auth import borrower
from app.web.doors import answers
from app.web.languages import request_locale
from app.web.reads import reads
from app.web.request_context import now
from app.wording.disclosure_words import (
    cap_reason,
    flag_words,
    item_name,
    missing_detail,
    paragraph,
    standard_words,
)


@door.get("/loans/<id:loan_id>/disclosures")
@answers(200, DisclosuresSchema, example=EXAMPLE)
def get_disclosures(loan_id: str) -> dict[str, Any]:
    """Show the lender's licence, the annualised rate, what the loan costs in all, and the cap of law it is under.

    The figures are those of the plan when it is paid on time. Where they cannot be made, they are null and `figures_missing`
    says why. A cap that is not known is said to be unknown. What is for people to read is in the language of the answer.
    """
    found = disclosures.disclosures(reads(), borrower().borrower_id, loan_id, base_rates.fixings(), now=now())
    return disclosures_view(found, request_locale())


def disclosures_view(found: Disclosures, locale: str) -> dict[str, Any]:
    """Return disclosures as they are shown, in a language."""
    return {
        "loan_id": found.loan.id,
        "timezone": found.loan.zone,
        "as_of": found.as_of,
        "plan_version": found.plan_version,
        "licence": licence_answer(found.licence, found.as_of, locale),
        "nominal_rate": None if found.nominal_rate is None else _rate(found.nominal_rate),
        **_figures(found.figures, found.loan.currency),
        "figures_missing": _missing(found.missing, locale),
        "all_in": _all_in(found, locale),
        "cap": _cap(found, locale),
        "interest_stops": [_stop(each) for each in found.stops],
        "flags": [{"code": code, "detail": flag_words(code, locale)} for code in found.flags],
    }


def _all_in(found: Disclosures, locale: str) -> dict[str, Any] | None:
    statement, currency = found.statement, found.loan.currency
    if statement is None:
        return None

    def shown(item: Item) -> dict[str, Any]:
        return {
            "name": item.name,
            "label": item_name(item.name, locale),
            "amount": None if item.amount_minor is None else Money(item.amount_minor, currency),
            "way": item.way,
            "standard": standard_words(item, locale),
            "collector": item.collector or found.licence.legal_name,
        }

    return {
        "items": [shown(item) for item in statement.items],
        "total": Money(statement.total_minor, currency),
        "annualised_rate": None if statement.annualised is None else _rate(statement.annualised.compound),
        "when_late": [shown(item) for item in statement.contingent],
        "source": all_in.SOURCE,
        "evidence": all_in.EVIDENCE,
    }


def _stop(stop: Stop) -> dict[str, Any]:
    rule = find_rule(stop.rule)
    return {
        "from_on": stop.from_on,
        "until_on": stop.until_on,
        "scope": stop.scope,
        "rule": stop.rule,
        "source": None if rule is None else rule.source,
        "evidence": None if rule is None else rule.evidence,
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
            "source": ANNUALISED_SOURCE,
        },
        "apr": apr
        and {"rate": _rate(apr.rate), "unit": apr.unit.kind, "unit_count": apr.unit.multiple, "source": APR_SOURCE},
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
    charged = found.to_date
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
        "to_date": {
            "charged": Money(charged.charged_minor, currency),
            "paid": Money(charged.paid_minor, currency),
            "most": None if charged.check.most_minor is None else Money(charged.check.most_minor, currency),
            "kept": kept[charged.check.is_kept],
            "above": Money(charged.over_minor, currency),
            "not_collected": Money(charged.not_collected_minor, currency),
            "paid_above": Money(charged.paid_above_minor, currency),
            "kept_from": charged.kept_from,
        },
    }


def _rate(rate: Decimal) -> str:
    return f"{rounded(rate, 6):f}"
