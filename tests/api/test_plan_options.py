"""The door of plan options: what it shows, in which language, when it has changed, and what stands in the way of one."""

from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from flask import Flask

from app.domain.errors import PlanNotEligibleError, ValidationError
from app.domain.plan_options import OptionKind, PlanOption
from app.persistence.db import db
from app.persistence.models.loans import LoanRow
from app.services import plan_options
from tests.builders.journey import Journey

CONTRACT = {"method": "equal_instalment", "annual_rate": "0.12", "instalments": 12}


def _days(journey: Journey, *offsets: int) -> list[date]:
    return [journey.now.date() + timedelta(days=offset) for offset in offsets]


def _late_loan(journey: Journey, **values: Any) -> str:
    journey.put_borrower()
    return journey.put_loan("L1", _days(journey, -40, -10, 20, 51, 81), interest_minor=100, **values)


def _shown(journey: Journey, loan_id: str, **headers: str) -> dict[str, Any]:
    found: dict[str, Any] = journey.me("GET", f"/loans/{loan_id}/plan-options", headers=headers)
    return found


def _refused(shown: dict[str, Any]) -> dict[str, str]:
    return {each["kind"]: each["code"] for each in shown["not_offered"]}


def _offered(shown: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each for each in shown["offered"] if each["kind"] == kind]


def _option_of(journey: Journey, loan_id: str, kind: str, **terms: Any) -> PlanOption:
    db.session().rollback()
    loan = db.session().get_one(LoanRow, loan_id)
    return plan_options.option_of(db.session(), loan, OptionKind(kind), terms, now=journey.now)


def test_a_late_borrower_is_shown_how_to_catch_up(app: Flask):
    journey = Journey(app)
    loan_id = _late_loan(journey)

    shown = _shown(journey, loan_id)

    over_three = next(each for each in _offered(shown, "catch_up") if each["terms"] == {"rows": 3})
    assert [row["open"]["total"]["amount_minor"] for row in over_three["rows"]] == [16_832, 16_832, 16_836]
    assert [row["due_on"] for row in over_three["rows"]] == [day.isoformat() for day in _days(journey, 20, 51, 81)]
    assert over_three["total"] == journey.money(50_500)
    assert (over_three["extra"], over_three["still_due"]) == (journey.money(0), journey.money(0))
    assert over_three["extra_annual_rate"] is None
    assert over_three["credit_effect"]["code"] == "arrears_stay"
    assert (over_three["approvals"], over_three["valid_until"]) == (0, _days(journey, 7)[0].isoformat())
    assert _offered(shown, "pay_now")[0]["pay"] == journey.money(20_200)
    assert _refused(shown) == {
        "extend": "too_few_paid",
        "lengthen": "too_few_paid",
        "interest_only": "too_few_paid",
        "change_due_day": "too_late",
    }


def test_it_is_said_in_the_language_of_the_borrower(app: Flask):
    journey = Journey(app)
    shown = _shown(journey, _late_loan(journey), **{"Accept-Language": "zh-CN"})

    assert journey.answer.headers["Content-Language"] == "zh-CN"
    assert _offered(shown, "catch_up")[0]["title"] == "将逾期款项分摊至后续各期"
    assert {each["detail"] for each in shown["not_offered"] if each["code"] == "too_few_paid"} == {"还清 3 期后方可选择。"}


def test_what_was_read_is_unchanged_until_a_payment_or_the_next_day(app: Flask):
    journey = Journey(app)
    loan_id = _late_loan(journey)
    _shown(journey, loan_id)
    etag = journey.answer.headers["ETag"]

    journey.me("GET", f"/loans/{loan_id}/plan-options", headers={"If-None-Match": etag})
    assert journey.answer.status_code == 304
    journey.now += timedelta(days=1)
    _shown(journey, loan_id, **{"If-None-Match": etag})
    assert journey.answer.status_code == 200


def test_a_contract_gives_the_kinds_that_compute_interest(app: Flask):
    journey = Journey(app)
    journey.put_borrower()
    body = {"borrower_no": "B1", "currency": "USD", "principal": journey.money(1_200_000),
            "disbursed_on": _days(journey, -100)[0].isoformat(), "contract": CONTRACT}  # fmt: skip
    journey.core("PUT", "/loans/L1", body)
    loan_id = journey.me("GET", "/loans")["items"][0]["id"]
    for _ in range(3):
        journey.pay("L1", 106_619)

    shown = _shown(journey, loan_id)

    assert [each["terms"]["rows"] for each in _offered(shown, "lengthen")] == [3, 6, 12]
    assert [each["approvals"] for each in _offered(shown, "lengthen")] == [1, 1, 1]
    assert all(each["extra"]["amount_minor"] > 0 for each in _offered(shown, "extend"))
    assert all(abs(float(each["extra_annual_rate"]) - 0.12) < 0.01 for each in _offered(shown, "interest_only"))
    assert _refused(shown) == {"catch_up": "not_past_due", "pay_part": "nothing_due"}


def test_a_loan_whose_contract_nobody_told_offers_what_rows_alone_can_say(app: Flask):
    journey = Journey(app)
    loan_id = _late_loan(journey)
    for _ in range(3):
        journey.pay("L1", 10_100)

    shown = _shown(journey, loan_id)
    refused = _refused(shown)

    assert (refused["lengthen"], refused["interest_only"]) == ("contract_unknown", "contract_unknown")
    assert [each["extra"]["amount_minor"] for each in _offered(shown, "extend")] == [0, 0]


def test_a_dispute_closes_new_plans_and_leaves_paying_open(app: Flask):
    journey = Journey(app)
    loan_id = _late_loan(journey)
    journey.desk("POST", f"/borrowers/{journey.borrower_no}/holds", {"kind": "dispute", "loan_no": "L1"})

    shown = _shown(journey, loan_id)

    assert _refused(shown)["catch_up"] == "hold_stands"
    assert {each["kind"] for each in shown["offered"]} == {"pay_now", "pay_part", "settle"}


def test_nothing_is_offered_that_would_cost_more_than_the_cap(app: Flask):
    journey = Journey(app, currency="CNY", jurisdiction="CN", zone="Asia/Shanghai", licence_kind="private_lender")
    journey.put_borrower()
    flat = {"method": "flat", "annual_rate": "0.064", "instalments": 12, "signed_on": "2025-05-20"}
    body = {"borrower_no": "B1", "currency": "CNY", "principal": journey.money(1_200_000),
            "disbursed_on": "2025-05-20", "contract": flat}  # fmt: skip
    journey.core("PUT", "/loans/L1", body)
    for month in (6, 7, 8, 9, 10, 11, 12, 13, 14):
        on = date(2025 + (month > 12), (month - 1) % 12 + 1, 20)
        journey.pay("L1", 106_400, effective_on=on.isoformat())
    loan_id = journey.me("GET", "/loans")["items"][0]["id"]
    cap = journey.me("GET", f"/loans/{loan_id}/disclosures")["cap"]
    assert (cap["annual_rate"], cap["kept"]) == ("0.120000", "yes")

    shown = _shown(journey, loan_id)

    # Flat interest runs on the first balance, which three more rows of a quarter of it make dear.
    longer = next(each for each in shown["not_offered"] if each["kind"] == "lengthen")
    assert longer["code"] == "above_cap"
    assert "art. 25" in longer["rule"]
    with pytest.raises(PlanNotEligibleError) as refusal:
        _option_of(journey, loan_id, "lengthen", rows=12)
    assert refusal.value.facts["charged_minor"] > refusal.value.facts["most_minor"]


def test_a_payoff_for_the_full_term_is_not_offered_where_the_law_forbids_it(app: Flask):
    journey = Journey(app, currency="CNY", jurisdiction="CN", zone="Asia/Shanghai", licence_kind="bank")
    journey.put_borrower()
    loan_id = journey.put_loan("L1", _days(journey, 10, 40), interest_minor=500, contract={"early_settlement": "as_planned"})

    shown = _shown(journey, loan_id)

    assert [(each["code"], "677" in each["rule"]) for each in shown["not_offered"] if each["kind"] == "settle"] == [
        ("not_by_law", True)
    ]


def test_asked_for_by_its_terms_an_option_is_the_same_to_the_byte(app: Flask):
    journey = Journey(app)
    loan_id = _late_loan(journey)
    shown = _shown(journey, loan_id)
    loan = db.session().get_one(LoanRow, loan_id)

    for each in shown["offered"]:
        first, second = (_option_of(journey, loan_id, each["kind"], **each["terms"]) for _ in range(2))
        documents = {
            plan_options.document_of(option, loan, as_of=journey.now.date(), locale="en") for option in (first, second)
        }
        assert len(documents) == 1
        written = orjson.loads(documents.pop())
        assert written["total_minor"] == each["total"]["amount_minor"]
        assert [row[:2] for row in written["to_pay"]] == [[row["row_no"], row["due_on"]] for row in each["rows"]]
        assert written["credit_effect"]["detail"] == each["credit_effect"]["detail"]


def test_terms_out_of_the_list_are_worked_out_too_and_those_beyond_the_rules_refused(app: Flask):
    journey = Journey(app)
    loan_id = _late_loan(journey)

    assert len(_option_of(journey, loan_id, "catch_up", rows=5).to_pay) == 5
    with pytest.raises(PlanNotEligibleError, match="too_many_rows"):
        _option_of(journey, loan_id, "catch_up", rows=25)
    with pytest.raises(ValidationError):
        _option_of(journey, loan_id, "catch_up", instalments=2)


def test_a_loan_without_a_plan_has_nothing_to_choose(app: Flask):
    journey = Journey(app)
    journey.put_borrower()
    journey.core("PUT", "/loans/L1", {"borrower_no": "B1", "currency": "USD"})
    loan_id = journey.me("GET", "/loans")["items"][0]["id"]

    answer = journey.me("GET", f"/loans/{loan_id}/plan-options", good=False)
    assert (journey.answer.status_code, answer["code"]) == (409, "conflict")


def test_where_the_core_has_other_figures_no_plan_is_made_of_ours(app: Flask):
    journey = Journey(app)
    loan_id = _late_loan(journey)
    row = {"loan_no": "L1", "days_past_due": 39, "amount_past_due": journey.money(19_000)}
    journey.core("POST", "/batches", {"kind": "tape", "as_of": journey.now.date().isoformat(), "items": [row]})

    shown = _shown(journey, loan_id)

    assert _refused(shown)["catch_up"] == "figures_differ"
    assert _offered(shown, "pay_now")[0]["pay"] == journey.me("GET", f"/loans/{loan_id}/balance")["overdue"]["total"]
