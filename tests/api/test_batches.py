"""Many at once: one result an item, in order, and one that is wrong spoils no other."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.persistence.db import db, session
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow, PlanVersionRow
from app.services.book import differences
from tests.builders.access import an_ingest_key, signed_in
from tests.builders.book import build_lender, build_loan
from tests.conftest import START

TODAY = START.date()


def money(minor: int, currency: str = "USD") -> dict[str, Any]:
    return {"amount_minor": minor, "currency": currency}


def payment(loan_no: str, reference: str = "R1", minor: int = 4_000, **changes: Any) -> dict[str, Any]:
    return {"reference": reference, "loan_no": loan_no, "amount": money(minor), "effective_on": TODAY.isoformat(), **changes}


def plan(*principals: int, currency: str = "USD") -> list[dict[str, Any]]:
    return [
        {"row_no": n, "due_on": (TODAY + timedelta(days=n)).isoformat(), "principal": money(minor, currency)}
        for n, minor in enumerate(principals, start=1)
    ]


@pytest.fixture
def key(app: Flask) -> dict[str, str]:
    return an_ingest_key(build_lender(now=START))


def post(client: FlaskClient, key: dict[str, str], kind: str, *items: Any, **more: Any) -> Any:
    answer = client.post("/v1/ingest/batches", json={"kind": kind, "items": list(items), **more}, headers=key)
    db.session().rollback()
    return answer


def told(answer: Any) -> list[tuple[str, str | None]]:
    assert answer.status_code == 200, answer.json
    assert [each["index"] for each in answer.json["results"]] == list(range(len(answer.json["results"])))
    return [(each["status"], each["code"]) for each in answer.json["results"]]


def count(row: type[Any]) -> int:
    return session().scalar(select(func.count()).select_from(row)) or 0


def test_borrowers_come_in_together_and_a_wrong_one_is_told_where(client: FlaskClient, key: dict[str, str]) -> None:
    answer = post(
        client,
        key,
        "borrowers",
        {"borrower_no": "B-1", "name": "Ann", "source_version": 3},
        {"borrower_no": "B-2", "consents": {"fax": True}},
        "nothing",
        {"borrower_no": "B-3", "phone": "+44"},
        {"borrower_no": "B-1", "name": "Anna", "source_version": 4},
        {"borrower_no": "B-1", "name": "Ann", "source_version": 3},
        {"borrower_no": "B-4"},
    )

    assert told(answer) == [
        ("created", None),
        ("refused", "validation-failed"),
        ("refused", "validation-failed"),
        ("refused", "validation-failed"),
        ("changed", None),
        ("refused", "stale-version"),
        ("created", None),
    ]
    assert answer.json["results"][1]["pointer"] == "/items/1/consents/fax"
    assert answer.json["results"][2]["pointer"] == "/items/2"
    assert answer.json["counts"] == {"created": 2, "changed": 1, "refused": 4}
    assert count(BorrowerRow) == 2


def test_loans_come_with_their_plans_and_of_a_wrong_plan_nothing_is_put(client: FlaskClient, key: dict[str, str]) -> None:
    loan = {"borrower_no": "B-1", "currency": "USD", "principal": money(300)}
    twice = [*plan(100), *plan(200)]

    answer = post(
        client,
        key,
        "loans",
        {"loan_no": "L-1", **loan, "plan": {"rows": plan(100, 200)}},
        {"loan_no": "L-2", **loan, "plan": {"rows": twice}},
        {"loan_no": "L-1", **loan, "plan": {"rows": plan(300)}},
        {"loan_no": "L-3", **loan, "contract": {"instalment": money(5, "EUR")}},
        {"loan_no": "L-4", **loan, "contract": {"instalment": money(5), "first_due_on": "2026-04-01", "unit": "weeks"}},
        {"loan_no": "L-1", **loan, "plan": {"rows": plan(300)}},
    )

    assert [status for status, _ in told(answer)] == ["created", "refused", "changed", "refused", "created", "unchanged"]
    assert answer.json["results"][3]["pointer"] == "/items/3/contract/instalment"
    assert sorted(session().scalars(select(LoanRow.loan_no))) == ["L-1", "L-4"]
    assert count(PlanVersionRow) == 2
    contract = session().scalar(select(LoanRow.contract).where(LoanRow.loan_no == "L-4"))
    assert contract == {"instalment_minor": 5, "first_due_on": "2026-04-01", "unit": "weeks"}
    assert list(differences(session())) == []


def test_plans_are_of_loans_that_exist_and_in_their_currency(client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=[TODAY])

    answer = post(
        client,
        key,
        "plans",
        {"loan_no": "nobody", "rows": plan(100)},
        {"loan_no": loan.loan_no, "rows": plan(100, currency="EUR")},
        {"loan_no": loan.loan_no, "rows": plan(100, 200)},
        {"loan_no": loan.loan_no, "rows": plan(100, 200)},
    )

    assert told(answer) == [
        ("refused", "not-found"),
        ("refused", "currency-mismatch"),
        ("changed", None),
        ("unchanged", None),
    ]


def test_payments_are_recorded_in_order_and_seen_at_once(client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=[TODAY])
    taken_back = payment(loan.loan_no, "R3", kind="reversal", reverses_reference="R1")

    answer = post(
        client,
        key,
        "payments",
        payment(loan.loan_no),
        payment(loan.loan_no, "R2", 1_000),
        payment(loan.loan_no),
        payment(loan.loan_no, minor=1),
        payment("nobody", "R4"),
        payment(loan.loan_no, "R5", currency="x"),
        taken_back,
    )

    assert told(answer) == [
        ("recorded", None),
        ("recorded", None),
        ("duplicate", None),
        ("refused", "conflict"),
        ("unmatched", None),
        ("refused", "validation-failed"),
        ("recorded", None),
    ]
    balance = client.get(f"/v1/me/loans/{loan.loan_id}/balance", headers=signed_in(loan.borrower_id)).json
    assert balance["outstanding"] == money(9_000)
    assert list(differences(session())) == []


def test_a_tape_is_kept_for_its_day_and_what_it_says_is_shown(client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=[TODAY - timedelta(days=3)])
    row = {"loan_no": loan.loan_no, "days_past_due": 1, "amount_past_due": money(9_000), "extra": {"desk": "north"}}

    first = post(client, key, "tape", row, {"loan_no": "nobody"}, as_of=TODAY.isoformat())
    again = post(client, key, "tape", row, {**row, "amount_past_due": money(1, "EUR")}, as_of=TODAY.isoformat())

    assert told(first) == [("created", None), ("refused", "not-found")]
    assert told(again) == [("unchanged", None), ("refused", "currency-mismatch")]
    balance = client.get(f"/v1/me/loans/{loan.loan_id}/balance", headers=signed_in(loan.borrower_id)).json
    assert (balance["source"], balance["days_past_due"], balance["overdue"]["total"]) == ("core", 1, money(9_000))
    assert (balance["ours"]["days_past_due"], balance["ours"]["overdue"]) == (3, money(10_000))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "tape", "items": [{}]}, "/as_of"),
        ({"kind": "loans", "as_of": "2026-01-01", "items": [{}]}, "/as_of"),
        ({"kind": "plan", "items": [{}]}, "/kind"),
        ({"kind": "loans", "items": []}, "/items"),
        ({"kind": "loans", "items": [{}] * 1001}, "/items"),
    ],
)
def test_a_batch_that_is_none_is_refused_whole(
    client: FlaskClient, key: dict[str, str], body: dict[str, Any], pointer: str
) -> None:
    answer = client.post("/v1/ingest/batches", json=body, headers=key)

    assert (answer.status_code, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])


def test_a_tape_of_tomorrow_is_refused_whole(client: FlaskClient, key: dict[str, str]) -> None:
    answer = post(client, key, "tape", {"loan_no": "L"}, as_of=(TODAY + timedelta(days=1)).isoformat())

    assert (answer.status_code, answer.json["code"]) == (422, "validation-failed")


def test_the_same_idempotency_key_gets_the_same_results_and_one_effect(client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=[TODAY])
    once = {**key, "Idempotency-Key": "k-1"}
    first = post(client, once, "payments", payment(loan.loan_no), payment("nobody", "R2", -1))

    again = post(client, once, "payments", payment(loan.loan_no), payment("nobody", "R2", -1))
    other = post(client, once, "payments", payment(loan.loan_no))

    assert told(first) == [("recorded", None), ("unmatched", None)]
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")
    assert other.json["code"] == "idempotency-mismatch"
    assert count(LedgerEntryRow) == 1


def test_a_batch_reaches_the_loans_of_its_own_lender_only(client: FlaskClient, key: dict[str, str]) -> None:
    theirs = build_loan(now=START, due=[TODAY], lender_id=build_lender(now=START, code="other"))

    tape = post(client, key, "tape", {"loan_no": theirs.loan_no, "days_past_due": 9}, as_of=TODAY.isoformat())
    plans = post(client, key, "plans", {"loan_no": theirs.loan_no, "rows": plan(1)})
    paid = post(client, key, "payments", payment(theirs.loan_no))

    assert [told(each)[0][0] for each in (tape, plans, paid)] == ["refused", "refused", "unmatched"]


def test_a_thousand_payments_are_one_request(client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=[TODAY], amount_minor=100_000)

    answer = post(client, key, "payments", *(payment(loan.loan_no, f"R{n}", 1) for n in range(1000)))

    assert answer.json["counts"] == {"recorded": 1000}
