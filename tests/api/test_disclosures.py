"""What is disclosed of a loan: licence, rates, cost, cap; and what is not known, said so."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from app.domain.book import BorrowerValues, LoanValues, PlanValues
from app.domain.plans import PlanRow
from app.domain.rates import percent
from app.domain.splits import Split
from app.domain.unit_periods import UNITS, dates_every
from app.persistence.models.loans import LoanRow
from app.persistence.unit_of_work import unit_of_work
from app.services.borrowers import put_borrower
from app.services.loans import put_loan, put_plan
from tests.builders.access import signed_in
from tests.builders.book import build_lender, build_loan
from tests.conftest import START

CHINA = {"jurisdiction": "CN", "zone": "Asia/Shanghai", "currency": "CNY", "licence_kind": "private_lender"}
DISBURSED = date(2025, 6, 15)


def official_rows() -> tuple[PlanRow, ...]:
    """Twelve payments of 8,833.30 for 100,000: as in the official example."""
    dates = dates_every(UNITS["month"], date(2025, 7, 15), 12)
    parts = [833_333] * 11 + [10_000_000 - 11 * 833_333]
    return tuple(
        PlanRow(no, on, Split(part, 883_330 - part)) for no, (on, part) in enumerate(zip(dates, parts, strict=True), 1)
    )


def shown(
    client: FlaskClient,
    *,
    lender: dict[str, Any] | None = None,
    rows: tuple[PlanRow, ...] | None = None,
    stored: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    **loan: Any,
) -> dict[str, Any]:
    """Put a lender, a loan and perhaps a plan; return the disclosures as its borrower sees them.

    `stored`: a contract as it may stand from before terms were checked.
    """
    lender = CHINA | (lender or {})
    lender_id = build_lender(now=START, code="harbour", **lender)
    given: dict[str, Any] = {"principal_minor": 10_000_000, "disbursed_on": DISBURSED} | loan
    rows = official_rows() if rows is None else rows
    with unit_of_work() as work:
        borrower_id = put_borrower(work, BorrowerValues("B-1"), now=START, origin="test").id
        values = LoanValues("L-1", "B-1", lender["currency"], **given)
        loan_id = put_loan(work, lender_id, values, now=START, origin="test").id
        if rows:
            put_plan(work, lender_id, PlanValues("L-1", rows), now=START, origin="test")
        if stored is not None:
            work.session.execute(update(LoanRow).where(LoanRow.id == loan_id).values(contract=stored))
    answer = client.get(f"/v1/me/loans/{loan_id}/disclosures", headers={**signed_in(borrower_id), **(headers or {})})
    assert answer.status_code == 200, answer.text
    return answer.json


def yuan(minor: int) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": "CNY"}


def test_the_licence_is_the_lenders(client: FlaskClient) -> None:
    body = shown(
        client,
        lender={
            "name": "Harbour Credit",
            "licence_kind": "consumer_finance",
            "licence_no": "L0001",
            "regulator": "NFRA",
            "complaints_contact": "400-000-0000",
        },
    )

    licence = body["licence"]
    rule, wrong = licence.pop("rate_rule"), [each["code"] for each in licence.pop("flags")]
    assert licence == {
        "legal_name": "Harbour Credit",
        "kind": "consumer_finance",
        "number": "L0001",
        "regulator": "NFRA",
        "complaints_contact": "400-000-0000",
        "jurisdiction": "CN",
        "role": None,
        "valid_from": None,
        "valid_until": None,
    }
    assert (rule["code"], rule["evidence"]) == ("licensed-lender", "primary")
    assert wrong == ["role-missing", "validity-missing"]
    assert [each["code"] for each in body["flags"]] == ["licence-role-missing", "licence-validity-missing"]
    assert (body["timezone"], body["as_of"], body["plan_version"]) == ("Asia/Shanghai", "2026-03-02", 1)


def test_the_official_example_is_disclosed_with_its_official_rates(client: FlaskClient) -> None:
    contract = {"annual_rate": "0.1090", "fees_upfront_minor": 100_000, "signed_on": "2025-06-10"}

    body = shown(client, contract=contract)

    assert body["nominal_rate"] == "0.109000"
    assert body["annualised_rate"] == {
        "simple": "0.128038",
        "compound": "0.135826",
        "period_rate": "0.010670",
        "exponents": "months",
        "source": "PBOC announcement 2021 No. 3",
    }
    assert body["cost"] == {
        "principal": yuan(10_000_000),
        "interest": yuan(599_960),
        "fees": yuan(0),
        "fees_upfront": yuan(100_000),
        "finance_charge": yuan(699_960),
        "total": yuan(10_699_960),
        "share_of_principal": "0.069996",
    }
    assert (body["apr"], body["figures_missing"]) == (None, None)


def test_a_private_loan_that_costs_more_than_four_times_the_base_rate_does_not_keep_its_cap(client: FlaskClient) -> None:
    cap = shown(client, contract={"fees_upfront_minor": 100_000, "signed_on": "2025-06-10"})["cap"]

    assert (cap["status"], cap["annual_rate"], cap["code"]) == ("applies", "0.120000", "four-times-lpr")
    assert (cap["signed_on"], cap["signed_on_basis"], cap["fixed_on"]) == ("2025-06-10", "contract", "2025-05-20")
    assert "art. 25" in cap["source"]
    assert (cap["kept"], cap["charged"]) == ("no", yuan(699_960))
    # 12 % of the balance over its days, where what was kept back was never lent.
    assert cap["most"] == yuan(638_959)


def test_without_the_fee_the_same_loan_keeps_it(client: FlaskClient) -> None:
    cap = shown(client)["cap"]

    assert (cap["kept"], cap["charged"]) == ("yes", yuan(599_960))
    assert (cap["signed_on"], cap["signed_on_basis"]) == ("2025-06-15", "disbursement")


def test_fees_and_penalties_in_the_plan_count_towards_the_cap(client: FlaskClient) -> None:
    rows = tuple(row._replace(due=row.due._replace(fees=2_000, penalties=7_000)) for row in official_rows())

    body = shown(client, rows=rows)

    assert body["cap"]["charged"] == yuan(599_960 + 12 * 9_000)
    assert body["cap"]["kept"] == "no"
    assert body["cost"]["fees"] == yuan(24_000)
    assert body["cost"]["finance_charge"] == yuan(623_960)


def test_a_licensed_lender_is_outside_and_an_unstated_one_unknown(client: FlaskClient) -> None:
    outside = shown(client, lender={"licence_kind": "micro_loan"})["cap"]
    unknown = shown(client, lender={"licence_kind": "unstated"})["cap"]

    assert (outside["status"], outside["kept"], outside["most"]) == ("outside", "not_applicable", None)
    assert (unknown["status"], unknown["kept"], unknown["code"]) == ("unknown", "unknown", "licence-kind-unclear")


def test_a_signing_date_beyond_the_table_is_a_cap_unknown_and_the_figures_stand(client: FlaskClient) -> None:
    body = shown(client, contract={"signed_on": "2199-01-01"})

    assert (body["cap"]["status"], body["cap"]["code"], body["cap"]["annual_rate"]) == ("unknown", "fixing-stale", None)
    assert body["annualised_rate"] is not None


def test_a_lender_in_the_united_states_shows_the_apr_of_regulation_z(client: FlaskClient) -> None:
    dates = dates_every(UNITS["month"], date(2026, 2, 10), 24)
    parts = [20_833] * 23 + [500_000 - 23 * 20_833]
    rows = tuple(
        PlanRow(no, on, Split(part, 23_000 - part)) for no, (on, part) in enumerate(zip(dates, parts, strict=True), 1)
    )

    body = shown(
        client,
        lender={"jurisdiction": "US", "zone": "America/New_York", "currency": "USD", "licence_kind": "bank"},
        rows=rows,
        principal_minor=500_000,
        disbursed_on=date(2026, 1, 10),
    )

    assert percent(Decimal(body["apr"]["rate"])) == Decimal("9.69")
    assert (body["apr"]["unit"], body["apr"]["unit_count"]) == ("month", 1)
    assert (body["cap"]["status"], body["cap"]["source"], body["cap"]["kept"]) == ("unknown", None, "unknown")


def test_irregular_dates_say_that_days_were_counted(client: FlaskClient) -> None:
    body = shown(client, disbursed_on=date(2025, 6, 20))

    assert body["annualised_rate"]["exponents"] == "days/365"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"disbursed_on": None}, "disbursement-date-missing"),
        ({"principal_minor": None}, "principal-missing"),
        ({"rows": ()}, "plan-missing"),
        ({"marks": ("first_instalment_only",)}, "plan-incomplete"),
        ({"principal_minor": 9_000_000}, "plan-differs"),
        ({"contract": {"fees_upfront_minor": "100"}}, "fees-unreadable"),
        ({"contract": {"fees_upfront_minor": 10_000_001}}, "no-rate"),
        ({"disbursed_on": date(2025, 12, 1)}, "no-rate"),
    ],
)
def test_where_figures_cannot_be_made_they_are_null_with_a_reason(
    client: FlaskClient, changes: dict[str, Any], code: str
) -> None:
    body = shown(client, **changes)

    assert (body["annualised_rate"], body["apr"], body["cost"]) == (None, None, None)
    assert body["figures_missing"]["code"] == code
    assert body["figures_missing"]["detail"]
    assert (body["cap"]["kept"], body["cap"]["most"], body["cap"]["charged"]) == ("unknown", None, None)
    assert body["licence"]["legal_name"]


def test_a_borrower_reads_why_in_their_own_language(client: FlaskClient) -> None:
    chinese = {"Accept-Language": "zh-CN"}

    capped = shown(client, headers=chinese)["cap"]
    missing = shown(client, headers=chinese, disbursed_on=None)

    assert capped["reason"].startswith("为合同签订时有效的一年期贷款市场报价利率（LPR")
    assert capped["source"].startswith("《最高人民法院关于审理民间借贷案件适用法律若干问题的规定》")
    assert missing["figures_missing"]["detail"] == "放款日期未记录。"


@pytest.mark.parametrize("annual_rate", ["much", "NaN", "1e400", None, ["0.1"]])
def test_a_contract_rate_that_is_none_is_not_shown(client: FlaskClient, annual_rate: Any) -> None:
    assert shown(client, stored={"annual_rate": annual_rate})["nominal_rate"] is None


@pytest.mark.parametrize("signed_on", ["soon", 20250610, ""])
def test_a_signing_date_that_is_none_is_not_replaced_by_another(client: FlaskClient, signed_on: Any) -> None:
    cap = shown(client, stored={"signed_on": signed_on})["cap"]

    assert (cap["signed_on"], cap["code"]) == (None, "signing-date-missing")


def test_another_borrowers_disclosures_are_not_found(client: FlaskClient) -> None:
    mine, theirs = (build_loan(now=START, due=[START.date()]) for _ in range(2))

    answer = client.get(f"/v1/me/loans/{theirs.loan_id}/disclosures", headers=signed_in(mine.borrower_id))

    assert (answer.status_code, answer.json["code"]) == (404, "not-found")


def test_what_a_loan_costs_is_told_item_by_item_with_partners_and_what_only_lateness_brings(client: FlaskClient) -> None:
    partner = {"name": "担保费", "amount_minor": 50_000, "collector": "示例担保", "on": "2025-06-15"}
    contract = {
        "annual_rate": "0.1090",
        "fees_upfront_minor": 100_000,
        "signed_on": "2025-06-10",
        "partner_fees": [partner, {"name": "bad"}],
        "late": {"annual_rate": "0.18", "grace_days": 3, "fee_minor": 2_000, "fee_after_days": 5},
    }

    all_in = shown(client, contract=contract)["all_in"]

    lender = all_in["items"][0]["collector"]
    assert [(item["name"], item["amount"], item["way"], item["collector"]) for item in all_in["items"]] == [
        ("interest", yuan(599_960), "instalments", lender),
        ("fees_upfront", yuan(100_000), "upfront", lender),
        ("担保费", yuan(50_000), "at_partner", "示例担保"),
    ]
    assert all_in["items"][0]["standard"] == "10.9 % a year of the outstanding principal"
    assert all_in["total"] == yuan(749_960)
    assert Decimal(all_in["annualised_rate"]) > Decimal("0.135826")
    late = {item["name"]: (item["amount"], item["standard"]) for item in all_in["when_late"]}
    assert late["overdue_interest"] == (
        None,
        "18 % a year of the overdue principal, after 3 days; "
        "all late charges together at most 12 % a year of the overdue principal",
    )
    assert late["late_fee"][0] == yuan(2_000)
    assert late["late_fee"][1].startswith("once for each instalment that is more than 5 days late")
    assert (all_in["source"], all_in["evidence"]) == ("NFRA and PBOC, Jin Gui [2026] No. 2", "rendering")


def test_what_is_above_the_cap_is_not_asked_and_the_borrower_sees_how_much(client: FlaskClient) -> None:
    body = shown(client, contract={"fees_upfront_minor": 100_000, "signed_on": "2025-06-10"})

    to_date = body["cap"]["to_date"]
    above = 699_960 - body["cap"]["most"]["amount_minor"]
    assert to_date["above"] == yuan(above)
    assert to_date["not_collected"]["amount_minor"] + to_date["paid_above"]["amount_minor"] == above
    assert to_date["kept_from"] == START.date().isoformat()
    assert "over-cap" in [each["code"] for each in body["flags"]]


def test_a_contract_signed_on_a_day_the_table_does_not_cover_is_flagged(client: FlaskClient) -> None:
    body = shown(client, contract={"signed_on": "2031-01-02"})

    assert (body["cap"]["status"], body["cap"]["kept"], body["cap"]["to_date"]["kept"]) == ("unknown", "unknown", "unknown")
    assert "cap-unknown" in [each["code"] for each in body["flags"]]


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ({"licensed_from": date(2020, 1, 1), "licensed_until": date(2026, 3, 1)}, ["expired"]),
        ({"licensed_from": date(2020, 1, 1), "licensed_until": date(2026, 3, 2)}, []),
        ({"licensed_from": date(2026, 3, 3)}, ["not-yet-valid"]),
        ({"licence_no": None}, ["number-missing", "validity-missing"]),
    ],
)
def test_anyone_may_see_a_licence_and_what_is_wrong_with_it(
    client: FlaskClient, values: dict[str, Any], flags: list[str]
) -> None:
    given = {
        "licence_kind": "consumer_finance", "licence_no": "L0001", "regulator": "NFRA", "licence_role": "lender",
        "complaints_contact": "400-000-0000", "legal_name": "Harbour Credit Co., Ltd.",
    }  # fmt: skip
    build_lender(now=START, code="harbour", **(CHINA | given | values))

    answer = client.get("/v1/lenders/harbour/licence")

    assert answer.status_code == 200, answer.text
    assert answer.json["legal_name"] == "Harbour Credit Co., Ltd."
    assert [each["code"] for each in answer.json["flags"]] == flags
    assert all(each["detail"] for each in answer.json["flags"])
    assert client.get("/v1/lenders/nobody/licence").status_code == 404
