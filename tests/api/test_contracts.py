"""A loan by its contract alone: the plan is made of it, lateness costs what it says, and a quote closes the loan."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.persistence.db import db
from app.persistence.models.loans import LoanNumberRow, PlanVersionRow
from app.services.book import differences
from tests.builders.access import an_ingest_key, signed_in
from tests.builders.book import build_lender
from tests.conftest import START

CONTRACT = {"method": "equal_instalment", "annual_rate": "0.12", "instalments": 6}
ACTUAL = {**CONTRACT, "day_count": "actual/365", "on_actual_balance": True}


def yuan(minor: int) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": "CNY"}


DOLLARS = {"amount_minor": 1, "currency": "USD"}
FEE = {"name": "y", "amount": yuan(1)}


def split_of(answer: dict[str, Any]) -> list[int]:
    return [answer[name]["amount_minor"] for name in ("principal", "interest", "fees", "penalties")]


class Core:
    """A core system with one borrower, who is signed in."""

    def __init__(self, client: FlaskClient, **lender: Any) -> None:
        given = {"jurisdiction": "CN", "zone": "Asia/Shanghai", "currency": "CNY", "licence_kind": "bank", **lender}
        self.client = client
        self.key = an_ingest_key(build_lender(now=START, code="harbour", **given))
        self.number = 0
        assert client.put("/v1/ingest/borrowers/B-1", json={"phone": "+8613800138000"}, headers=self.key).status_code == 201

    def put(self, contract: dict[str, Any], on: str = "2026-01-02", **more: Any) -> Any:
        body = {"borrower_no": "B-1", "currency": "CNY", "principal": yuan(600_000), "disbursed_on": on}
        return self.client.put("/v1/ingest/loans/L-1", json={**body, "contract": contract, **more}, headers=self.key)

    def put_in_a_batch(self, contract: dict[str, Any]) -> Any:
        loan = {"loan_no": "L-1", "borrower_no": "B-1", "currency": "CNY", "principal": yuan(600_000)}
        items = [{**loan, "disbursed_on": "2026-01-02", "contract": contract}]
        answer = self.client.post("/v1/ingest/batches", json={"kind": "loans", "items": items}, headers=self.key)
        return answer.json["results"]

    def post(self, minor: int, on: str, **more: Any) -> Any:
        self.number += 1
        body = {"reference": f"R{self.number}", "loan_no": "L-1", "amount": yuan(minor), "effective_on": on, **more}
        return self.client.post("/v1/ingest/payments", json=body, headers=self.key)

    def get(self, path: str, **query: Any) -> Any:
        loan_id, borrower_id = db.session().execute(select(LoanNumberRow.loan_id, LoanNumberRow.borrower_id)).one()
        db.session().rollback()
        return self.client.get(f"/v1/me/loans/{loan_id}/{path}", query_string=query, headers=signed_in(borrower_id))


@pytest.fixture
def core(app: Flask, client: FlaskClient) -> Core:
    return Core(client)


def test_a_contract_without_a_plan_gets_the_plan_that_follows(core: Core) -> None:
    assert core.put(CONTRACT).status_code == 201

    rows = core.get("schedule").json["items"]
    assert [row["due_on"] for row in rows] == [f"2026-{month:02}-02" for month in range(2, 8)]
    assert {row["due"]["total"]["amount_minor"] for row in rows[:5]} == {103_529}
    assert sum(row["due"]["principal"]["amount_minor"] for row in rows) == 600_000
    assert core.put(CONTRACT).json["changed"] is False


def test_other_terms_make_another_plan_and_the_cores_own_plan_replaces_it(core: Core) -> None:
    core.put(CONTRACT)
    core.put({**CONTRACT, "instalments": 3})
    assert len(core.get("schedule").json["items"]) == 3

    given = {"rows": [{"row_no": 1, "due_on": "2026-04-02", "principal": yuan(600_000)}]}
    core.put({**CONTRACT, "instalments": 3}, plan=given)
    core.put({**CONTRACT, "instalments": 4})

    assert len(core.get("schedule").json["items"]) == 1
    assert db.session().scalars(select(PlanVersionRow.origin).order_by(PlanVersionRow.anchor_no)).all() == [
        "contract",
        "contract",
        "ingest",
    ]


@pytest.mark.parametrize(
    ("contract", "pointer"),
    [
        ({**CONTRACT, "annual_rate": "150"}, "/contract/annual_rate"),
        ({**CONTRACT, "methode": "flat"}, "/contract/methode"),
        ({**CONTRACT, "late": {"grace_days": -1}}, "/contract/late/grace_days"),
        ({**CONTRACT, "instalment": DOLLARS}, "/contract/instalment"),
        ({**CONTRACT, "fees": [{"name": "x", "amount": DOLLARS}, FEE]}, "/contract/fees/0/amount"),
    ],
)
def test_a_term_that_cannot_be_true_is_refused_by_name(core: Core, contract: dict[str, Any], pointer: str) -> None:
    answer = core.put(contract)

    assert (answer.status_code, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])
    assert db.session().scalar(select(LoanNumberRow.loan_id)) is None


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"pauses": [{"start": "2026-03-10", "end": "2026-03-01"}]}, "/contract/pauses/0/end"),
        ({"rate_changes": [{"on": "2026-03-10", "annual_rate": rate} for rate in ("0.1", "0.2")]}, "/contract/rate_changes"),
        ({"fees": [{"name": "x"}]}, "/contract/fees/0"),
        ({"first_due_on": "2025-12-31"}, "/contract/first_due_on"),
        ({"due_dates": ["2026-02-01"]}, "/contract/due_dates"),
        ({"principal_grace": 6}, "/contract/principal_grace"),
        ({"on_actual_balance": True, "remainder": "first"}, "/contract/remainder"),
        ({"method": "fixed_instalment"}, "/contract/instalment"),
        ({"every": 366, "instalments": 1200}, "/contract/instalments"),
        ({"on_actual_balance": True, "remainder": "first", "interest_grace": 0}, "/contract/remainder"),
        ({"rate_changes": [{"on": "2027-03-10", "annual_rate": "0.1"}]}, "/contract/rate_changes"),
        ({"disbursements": [{"on": "2027-03-10", "amount": yuan(1)}]}, "/contract/disbursements"),
        ({"method": "flat", "disbursements": [{"on": "2026-03-10", "amount": yuan(1)}]}, "/contract/disbursements"),
        ({"method": "flat", "on_actual_balance": True}, "/contract/on_actual_balance"),
        ({"method": "fixed_instalment", "instalment": yuan(1)}, "/contract/instalment"),
    ],
)
def test_terms_that_cannot_hold_together_are_refused_where_they_stand(
    core: Core, terms: dict[str, Any], pointer: str
) -> None:
    answer = core.put({**CONTRACT, **terms})

    assert (answer.status_code, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"instalment_multiple": yuan(0)}, "/contract/instalment_multiple"),
        ({"late": {"fee": yuan(-1)}}, "/contract/late/fee"),
        ({"fees": [FEE, {"name": "x", "amount": yuan(-1)}]}, "/contract/fees/1/amount"),
        ({"disbursements": [{"on": "2026-03-01", "amount": yuan(0)}]}, "/contract/disbursements/0/amount"),
        ({"delinquency_terms": {"tolerance": yuan(-1)}}, "/contract/delinquency_terms/tolerance"),
        ({"allocation_order": {"order": ["past_due_penalty"] * 12}}, "/contract/allocation_order"),
        ({"method": "fixed_instalment"}, "/contract/instalment"),
    ],
)
def test_what_the_kernel_refuses_has_the_name_under_which_it_was_sent(
    core: Core, terms: dict[str, Any], pointer: str
) -> None:
    answer = core.put({**CONTRACT, **terms})
    (item,) = core.put_in_a_batch({**CONTRACT, **terms})

    assert (answer.status_code, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])
    assert [error["pointer"] for error in item["errors"]] == [f"/items/0{pointer}"]
    assert item["pointer"] == f"/items/0{pointer}"
    assert "_minor" not in answer.text + str(item["detail"])


@pytest.mark.parametrize(
    ("payment", "pointer"),
    [
        ({"minor": -5}, "/amount"),
        ({"minor": 5, "on": "2027-01-01"}, "/effective_on"),
        ({"minor": 5, "split": {}}, "/split"),
        ({"minor": 5, "kind": "charge"}, "/split"),
        ({"minor": 5, "kind": "reversal"}, "/reverses_reference"),
        ({"minor": 5, "reverses_reference": "R0"}, "/reverses_reference"),
    ],
)
def test_a_payment_that_cannot_be_is_refused_where_it_is_wrong(core: Core, payment: dict[str, Any], pointer: str) -> None:
    core.put(CONTRACT)

    answer = core.post(**{"on": "2026-02-01", **payment})

    assert (answer.status_code, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])


@pytest.mark.parametrize(
    ("terms", "pointer"), [({"maturity_on": "2025-12-31"}, "/maturity_on"), ({"principal": yuan(-1)}, "/principal")]
)
def test_what_cannot_be_true_of_a_loan_is_refused_where_it_stands(core: Core, terms: dict[str, Any], pointer: str) -> None:
    assert [error["pointer"] for error in core.put(CONTRACT, **terms).json["errors"]] == [pointer]


def test_a_named_rule_is_offered_by_its_name(core: Core) -> None:
    assert "30-60-90" in core.put({**CONTRACT, "delinquency": "none"}).text


def test_more_principal_than_is_owed_is_the_borrowers(core: Core) -> None:
    core.put(CONTRACT)
    core.post(900_000, "2026-02-02", split={"principal": yuan(900_000)})

    owed = core.get("balance").json
    assert (owed["principal_outstanding"], owed["unapplied"]) == (yuan(0), yuan(300_000))
    assert core.get("statement", **{"from": "2026-02-01", "to": "2026-02-28"}).status_code == 200


def test_terms_no_plan_can_be_made_of_refuse_the_loan_whole(core: Core) -> None:
    answer = core.put({"method": "fixed_instalment", "annual_rate": "0.12", "instalment": yuan(1_000)})

    assert (answer.status_code, "must be higher" in answer.json["detail"]) == (422, True)
    assert db.session().scalar(select(LoanNumberRow.loan_id)) is None


@pytest.mark.parametrize("unit", ["months", "half_months"])
def test_rows_that_would_fall_after_the_last_year_refuse_the_loan(core: Core, unit: str) -> None:
    answer = core.put({**CONTRACT, "every": 366, "unit": unit, "instalments": 1200})

    assert (answer.status_code, "after the year 9999" in answer.json["detail"]) == (422, True)
    assert db.session().scalar(select(LoanNumberRow.loan_id)) is None


def test_a_pause_that_still_runs_is_taken(core: Core) -> None:
    core.put({**CONTRACT, "pauses": [{"start": "2026-02-10", "end": None}]})

    assert core.get("balance", as_of="2026-02-28").json["days_in_arrears"] == 8


def test_what_is_paid_out_later_is_owed_from_its_day(core: Core) -> None:
    core.put({**CONTRACT, "disbursements": [{"on": "2026-02-15", "amount": yuan(100_000)}]}, on="2026-01-02")

    owed = [core.get("balance", as_of=day).json["principal_outstanding"] for day in ("2026-02-14", "2026-02-15")]
    assert owed == [yuan(600_000), yuan(700_000)]
    statement = core.get("statement", **{"from": "2026-02-01", "to": "2026-02-28"}).json
    assert [line["kind"] for line in statement["lines"]] == ["instalment_due", "paid_out"]
    assert core.post(103_529, "2026-02-02").status_code == 201
    quote = core.get("payoff-quote").json
    assert core.post(quote["total"]["amount_minor"], quote["on"]).status_code == 201
    after = core.get("balance").json
    assert (after["outstanding"], after["unapplied"]) == (yuan(0), yuan(0))
    assert list(differences(db.session())) == []


def test_nothing_is_quoted_before_all_is_paid_out(core: Core) -> None:
    core.put({**CONTRACT, "disbursements": [{"on": "2026-04-15", "amount": yuan(100_000)}]})

    for path in ("payoff-quote", "prepayment-quote"):
        answer = core.get(path, **({} if path == "payoff-quote" else {"amount_minor": 1}))
        assert (answer.status_code, "still to be paid out" in answer.json["detail"]) == (409, True)


def test_lateness_costs_what_the_contract_says_on_any_day_without_a_job(core: Core) -> None:
    core.put({**CONTRACT, "late": {"annual_rate": "0.18", "grace_days": 3}})

    within, after = core.get("balance", as_of="2026-02-05").json, core.get("balance", as_of="2026-02-12").json

    assert within["overdue"]["penalties"] == yuan(0)
    # 975.29 of principal at 18 % over ten days, counted from the due date once the grace has passed.
    assert after["overdue"]["penalties"] == yuan(481)
    assert (after["days_past_due"], after["days_in_arrears"]) == (10, 10)
    core.post(103_529 + 481, "2026-02-12")
    assert core.get("balance", as_of="2026-03-01").json["overdue"]["total"] == yuan(0)
    assert list(differences(db.session())) == []


@pytest.mark.parametrize(
    ("licence_kind", "signed_on", "penalties"), [("private_lender", "2026-01-02", 320), ("private_lender", "2031-01-02", 0)]
)
def test_what_lateness_costs_stays_within_the_cap_and_is_nothing_while_that_is_unknown(
    client: FlaskClient, licence_kind: str, signed_on: str, penalties: int
) -> None:
    core = Core(client, licence_kind=licence_kind)
    core.put({**CONTRACT, "signed_on": signed_on, "late": {"annual_rate": "0.18"}})

    # 975.29 at 12 %, four times the rate of January, over ten days: 3.2064, rounded down.
    assert core.get("balance", as_of="2026-02-12").json["overdue"]["penalties"] == yuan(penalties)


def test_a_charge_is_due_by_its_own_day_and_stands_in_the_row_it_falls_in(core: Core) -> None:
    core.put(CONTRACT)
    charge = core.post(2_000, "2026-02-20", kind="charge", split={"fees": yuan(2_000)}, due_on="2026-02-25")
    assert charge.status_code == 201

    before, after = core.get("balance", as_of="2026-02-24").json, core.get("balance", as_of="2026-02-25").json
    assert (split_of(before["due"])[2], split_of(after["due"])[2]) == (0, 2_000)
    assert core.get("schedule").json["items"][1]["due"]["fees"] == yuan(2_000)
    refused = core.post(2_000, "2026-02-20", kind="charge")
    assert (refused.status_code, "says in its split" in refused.json["detail"]) == (422, True)


@pytest.mark.parametrize("contract", [CONTRACT, ACTUAL, {**CONTRACT, "late": {"annual_rate": "0.18"}}])
def test_paying_the_quote_on_its_day_closes_the_loan_to_zero(core: Core, contract: dict[str, Any]) -> None:
    core.put(contract)
    core.post(103_529, "2026-02-02")

    quote = core.get("payoff-quote").json
    core.post(quote["total"]["amount_minor"], quote["on"])

    balance = core.get("balance").json
    assert (balance["outstanding"], balance["unapplied"], balance["next_due_on"]) == (yuan(0), yuan(0), None)
    assert quote["saved_interest"]["amount_minor"] > 0
    assert core.get("statement", **{"from": "2026-01-01"}).json["closing"]["outstanding"] == yuan(0)
    assert list(differences(db.session())) == []


def test_paying_everything_back_in_the_first_month_costs_the_days_there_were(core: Core) -> None:
    """By PRC Civil Code art. 677, which holds for a lender in mainland China where the contract says nothing else."""
    core.put({**CONTRACT, "allocation": "standard"}, on="2026-02-20")
    first = core.get("schedule").json["items"][0]

    quote = core.get("payoff-quote", on="2026-03-10").json

    assert (first["due_on"], first["due"]["interest"]) == ("2026-03-20", yuan(6_000))
    assert quote["owed"]["interest"] == yuan(3_858)  # 18 of 28 days, rounded up
    assert quote["per_diem"]["interest"] == yuan(214)


def test_a_quote_says_what_each_further_day_costs(core: Core) -> None:
    core.put(ACTUAL)

    today, tomorrow = core.get("payoff-quote", on="2026-03-10").json, core.get("payoff-quote", on="2026-03-11").json

    added = tomorrow["total"]["amount_minor"] - today["total"]["amount_minor"]
    assert (today["per_diem"]["total"]["amount_minor"], today["expires_on"]) == (added, "2026-03-10")


def test_a_quote_for_a_day_that_is_past_or_of_a_loan_without_a_plan_is_refused(core: Core) -> None:
    core.put({"annual_rate": "0.12"})

    assert core.get("payoff-quote").status_code == 409
    past = core.get("payoff-quote", on="2026-03-01")
    assert (past.status_code, past.json["errors"][0]["pointer"]) == (422, "/query/on")


def test_who_pays_more_than_is_due_chooses_what_it_does(core: Core) -> None:
    core.put(ACTUAL)
    core.post(103_500, "2026-02-02")

    choices = {each["surplus"]: each for each in core.get("prepayment-quote", amount_minor=300_000).json["choices"]}
    assert choices["last"]["last_due_on"] < choices["evenly"]["last_due_on"] == "2026-07-02"
    assert choices["evenly"]["next_due"]["amount_minor"] < choices["last"]["next_due"]["amount_minor"]
    assert choices["last"]["saved_interest"]["amount_minor"] > choices["evenly"]["saved_interest"]["amount_minor"]

    core.post(300_000, "2026-03-02", surplus="last")
    still_open = [row for row in core.get("schedule").json["items"] if row["state"] != "paid"]
    assert still_open[-1]["due_on"] == choices["last"]["last_due_on"]
    assert core.get("prepayment-quote").status_code == 422


def test_a_reversal_valued_before_what_it_takes_back_leaves_a_statement_that_adds_up(core: Core) -> None:
    core.put(CONTRACT)
    core.post(50_000, "2026-02-20")
    core.post(50_000, "2026-02-10", kind="reversal", reverses_reference="R1")

    statement, balance = core.get("statement", **{"from": "2026-01-01"}), core.get("balance")

    assert statement.status_code == 200
    assert statement.json["closing"]["outstanding"] == balance.json["outstanding"]
    assert balance.json["principal_outstanding"] == yuan(600_000)


@pytest.mark.parametrize(
    ("kind", "split"),
    [
        ("repayment", {"principal": yuan(-100), "interest": yuan(200)}),
        ("charge", {"fees": yuan(200), "penalties": yuan(-100)}),
    ],
)
def test_a_split_with_a_part_below_nothing_is_refused(core: Core, kind: str, split: dict[str, Any]) -> None:
    core.put(CONTRACT)

    refused = core.post(100, "2026-03-02", kind=kind, split=split)

    assert (refused.status_code, "is negative" in refused.json.get("detail", "")) == (422, True)
    assert core.get("balance").json["principal_outstanding"] == yuan(600_000)
