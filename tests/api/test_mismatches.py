"""The core's figures beside ours: listed for the lender, shown to the borrower."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from app import clock
from app.domain.money import Money
from app.domain.tapes import TapeValues
from app.persistence.db import db
from app.persistence.unit_of_work import unit_of_work
from app.services import mismatches as service
from app.services.desk_payments import DeskStaff, TakenPayment, take_payment
from app.services.tapes import put_tapes
from tests.builders.access import an_ingest_key, signed_in
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.conftest import START

TODAY = START.date()
DUE = [TODAY - timedelta(days=10), TODAY + timedelta(days=20)]


def money(minor: int) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": "USD"}


def tape(loan: Built, as_of: date = TODAY, **facts: Any) -> None:
    with unit_of_work() as work:
        put_tapes(work, loan.lender_id, as_of, [TapeValues(loan.loan_no, facts)], now=START)


def balance(client: FlaskClient, loan: Built, query: str = "") -> dict[str, Any]:
    found = client.get(f"/v1/me/loans/{loan.loan_id}/balance{query}", headers=signed_in(loan.borrower_id))
    assert found.status_code == 200, found.json
    return dict(found.json)


@pytest.fixture
def key(app: Flask) -> dict[str, str]:
    return an_ingest_key(build_lender(now=START))


def listed(client: FlaskClient, key: dict[str, str], query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    url: str | None = f"/v1/ingest/mismatches{query}"
    while url:
        answer = client.get(url, headers=key)
        assert answer.status_code == 200, answer.json
        items += answer.json["items"]
        link = answer.headers.get("Link")
        assert (link is None) == (answer.json["next_cursor"] is None)
        url = link.split(";")[0].strip("<>") if link else None
    return items


def test_what_differs_is_listed_with_both_figures_and_their_difference(client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=DUE)
    tape(loan, principal_balance=15_000, days_past_due_from=16, days_past_due_to=30)

    days = {"amount": None, "days_to": None}
    no_days = {"days": None, "days_to": None}
    assert listed(client, key) == [
        {
            "loan_no": loan.loan_no,
            "as_of": TODAY.isoformat(),
            "kind": "principal_balance",
            "core": {"amount": money(15_000), **no_days},
            "ours": {"amount": money(20_000), **no_days},
            "difference": {"amount": money(-5_000), **no_days},
            "waits_for_core": False,
        },
        {
            "loan_no": loan.loan_no,
            "as_of": TODAY.isoformat(),
            "kind": "days_past_due",
            "core": {**days, "days": 16, "days_to": 30},
            "ours": {**days, "days": 10, "days_to": 10},
            "difference": {**days, "days": 6, "days_to": 6},
            "waits_for_core": False,
        },
    ]
    assert [each["kind"] for each in listed(client, key, "?kind=days_past_due")] == ["days_past_due"]
    assert [each["kind"] for each in listed(client, key, "?tolerance_minor=5000")] == ["days_past_due"]


def test_a_tape_that_agrees_or_a_newer_one_that_does_is_no_mismatch(client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=DUE)
    tape(loan, TODAY - timedelta(days=2), days_past_due=1)
    tape(loan, TODAY, days_past_due=10, principal_balance=20_000)
    tape(loan, TODAY - timedelta(days=1), days_past_due=1)

    assert listed(client, key) == []


def test_pages_hold_every_mismatch_once_also_where_a_loan_has_several(client: FlaskClient, key: dict[str, str]) -> None:
    for n in range(7):
        tape(build_loan(now=START, due=DUE), principal_balance=n, days_past_due=n, amount_past_due=n)

    every = listed(client, key)

    assert len(every) == 21
    assert [listed(client, key, f"?limit={limit}") for limit in (1, 2, 3, 20)] == [every] * 4


def test_a_search_that_stops_early_goes_on_from_there(
    client: FlaskClient, key: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_MOST_LOOKED_AT", 2)
    monkeypatch.setattr(service, "_SMALLEST_PAGE", 1)
    for n in range(7):
        tape(build_loan(now=START, due=DUE), principal_balance=20_000 if n else 1)

    first = client.get("/v1/ingest/mismatches?limit=1", headers=key).json

    assert (first["items"], first["next_cursor"] is None) == ([], False)
    assert len(listed(client, key, "?limit=1")) == 1


def test_a_lender_is_told_of_its_own_loans_only(client: FlaskClient, key: dict[str, str]) -> None:
    other = build_lender(now=START, code="other")
    tape(build_loan(now=START, due=DUE, lender_id=other), days_past_due=1)

    assert listed(client, key) == []
    assert len(listed(client, an_ingest_key(other))) == 1


def test_a_cursor_is_good_for_its_own_filter_only(client: FlaskClient, key: dict[str, str]) -> None:
    for _ in range(3):
        tape(build_loan(now=START, due=DUE), days_past_due=1)
    cursor = client.get("/v1/ingest/mismatches?limit=1", headers=key).json["next_cursor"]

    answer = client.get(f"/v1/ingest/mismatches?limit=1&kind=overdue&cursor={cursor}", headers=key)

    assert answer.status_code == 422


def test_a_borrower_is_shown_the_cores_figure_with_ours_beside_it(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    before = balance(client, loan)
    tape(loan, principal_balance=15_000, amount_past_due=5_000, days_past_due=4)

    shown = balance(client, loan)

    assert (before["source"], before["core"], before["ours"]) == ("ledger", None, None)
    assert shown["source"] == "core"
    assert (shown["principal_outstanding"], shown["outstanding"]) == (money(15_000), money(15_000))
    assert (shown["overdue"]["total"], shown["days_past_due"]) == (money(5_000), 4)
    assert shown["core"]["as_of"] == TODAY.isoformat()
    assert (shown["ours"]["days_past_due"], shown["ours"]["overdue"]) == (10, money(10_000))
    (account,) = client.get("/v1/me/loans", headers=signed_in(loan.borrower_id)).json["items"]
    assert (account["outstanding"], account["days_past_due"]) == (money(15_000), 4)


@pytest.mark.parametrize(
    ("facts", "overdue", "days", "rows"),
    [
        ({"amount_past_due": 0, "days_past_due": 0}, 0, 0, []),
        ({"amount_past_due": 5_000}, 5_000, 40, [(1, 5_000, 40)]),
        ({"amount_past_due": 10_000, "days_past_due": 10}, 10_000, 10, [(2, 10_000, 10)]),
        ({"days_past_due": 4}, 20_000, 4, [(1, 10_000, 4), (2, 10_000, 4)]),
        ({"amount_past_due": 26_000, "days_past_due": 45}, 26_000, 45, [(1, 16_000, 45), (2, 10_000, 10)]),
        ({"principal_balance": 12_000}, 20_000, 40, [(1, 10_000, 40), (2, 10_000, 10)]),
    ],
)
def test_a_borrower_is_told_the_same_of_a_loan_wherever_they_look(
    client: FlaskClient, facts: dict[str, Any], overdue: int, days: int, rows: list[tuple[int, int, int]]
) -> None:
    loan = build_loan(now=START, due=[TODAY - timedelta(days=40), TODAY - timedelta(days=10), TODAY + timedelta(days=20)])
    tape(loan, TODAY, **facts)
    headers, of_loan = signed_in(loan.borrower_id), f"/v1/me/loans/{loan.loan_id}"

    shown = balance(client, loan)
    due = client.get("/v1/me/due", headers=headers).json
    schedule = client.get(f"{of_loan}/schedule", headers=headers).json
    account = client.get(of_loan, headers=headers).json

    assert (shown["overdue"]["total"], account["overdue"]) == (money(overdue), money(overdue))
    assert (shown["days_past_due"], account["days_past_due"]) == (days, days)
    assert due["totals"] == [{"currency": "USD", "overdue": money(overdue), "upcoming": money(10_000)}]
    late = [each for each in due["items"] if each["state"] == "overdue"]
    assert [(each["row_no"], each["open"]["total"]["amount_minor"], each["days_past_due"]) for each in late] == rows
    late = [each for each in schedule["items"] if each["state"] == "overdue"]
    assert [(each["row_no"], each["open"]["total"]["amount_minor"], each["days_past_due"]) for each in late] == rows
    assert {shown["source"], schedule["source"], *(each["source"] for each in due["items"])} == {"core"}


def test_a_row_that_is_as_late_as_before_keeps_its_class(client: FlaskClient) -> None:
    """Two days late within a tolerance of three, and the core only has another amount: current, wherever one looks."""
    loan = build_loan(now=START, due=[TODAY - timedelta(days=2)], contract={"delinquency": {"tolerance_days": 3}})
    tape(loan, TODAY, amount_past_due=9_000)

    shown = balance(client, loan)
    schedule = client.get(f"/v1/me/loans/{loan.loan_id}/schedule", headers=signed_in(loan.borrower_id)).json

    assert (shown["source"], shown["bucket"]) == ("core", "current")
    assert schedule["items"][0]["bucket"] == "current"


def test_what_the_core_has_overdue_and_no_instalment_of_ours_is_due_without_one(client: FlaskClient) -> None:
    paid = build_loan(now=START - timedelta(days=10), due=[TODAY - timedelta(days=10)])
    pay(paid, 10_000, now=START - timedelta(days=10))
    ahead = build_loan(now=START, due=[TODAY + timedelta(days=40)])
    for loan in (paid, ahead):
        tape(loan, TODAY, amount_past_due=700, days_past_due=3)

    (row,) = client.get("/v1/me/due", headers=signed_in(paid.borrower_id)).json["items"]
    (loose,) = client.get("/v1/me/due", headers=signed_in(ahead.borrower_id)).json["items"]

    assert balance(client, paid)["overdue"] == row["open"]
    assert (row["row_no"], row["state"], row["days_past_due"]) == (1, "overdue", 3)
    assert balance(client, ahead)["overdue"] == loose["open"]
    assert (loose["row_no"], loose["due_on"], loose["state"], loose["days_past_due"]) == (None, None, "overdue", 3)


def test_where_the_books_agree_the_figures_are_ours(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    tape(loan, principal_balance=20_000, days_past_due=10)

    shown = balance(client, loan)

    assert (shown["source"], shown["ours"], shown["core"]["days_past_due"]) == ("ledger", None, 10)


def test_the_cores_figure_is_brought_forward_until_money_is_booked(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    tape(loan, TODAY - timedelta(days=1), days_past_due=4)
    assert (balance(client, loan)["days_past_due"], balance(client, loan)["source"]) == (5, "core")

    pay(loan, 1_000, now=START)

    assert (balance(client, loan)["days_past_due"], balance(client, loan)["source"]) == (10, "ledger")


def test_an_earlier_day_or_what_was_known_then_is_ours(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    tape(loan, days_past_due=4)

    earlier = balance(client, loan, f"?as_of={TODAY - timedelta(days=1)}")
    known = balance(client, loan, "?known_at=2026-03-02T09:00:00Z")

    assert (earlier["source"], earlier["core"], earlier["days_past_due"]) == ("ledger", None, 9)
    assert (known["source"], known["core"]) == ("ledger", None)


def test_a_balance_with_the_cores_figures_takes_two_statements_and_a_new_tape_a_new_tag(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    tape(loan, TODAY - timedelta(days=1), days_past_due=4)
    headers, url = signed_in(loan.borrower_id), f"/v1/me/loans/{loan.loan_id}/balance"
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        answer = client.get(url, headers=headers)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    known = {**headers, "If-None-Match": answer.headers["ETag"]}
    unchanged = client.get(url, headers=known).status_code
    tape(loan, days_past_due=5)
    same_figure = client.get(url, headers=known)

    assert len(seen) == 2, seen
    assert unchanged == 304
    assert (same_figure.status_code, same_figure.json["core"]["as_of"]) == (200, TODAY.isoformat())


def test_the_zone_of_the_loan_says_which_day_it_is(client: FlaskClient) -> None:
    lender = build_lender(now=START, code="east", zone="Asia/Shanghai")
    loan = build_loan(now=START, due=DUE, lender_id=lender)
    tape(loan, TODAY, days_past_due=4)
    shanghai_midnight = START.replace(hour=16)

    clock.use(lambda: shanghai_midnight)
    headers = signed_in(loan.borrower_id, now=shanghai_midnight)
    shown = client.get(f"/v1/me/loans/{loan.loan_id}/balance", headers=headers).json

    assert (shown["as_of"], shown["days_past_due"]) == ((TODAY + timedelta(days=1)).isoformat(), 5)


def test_what_the_desk_did_and_the_core_has_not_booked_yet_is_shown_as_told_to_the_borrower(
    client: FlaskClient, key: dict[str, str]
) -> None:
    loan = build_loan(now=START, due=DUE)
    with unit_of_work() as work:
        taken = TakenPayment(loan.loan_no, Money(4_000, "USD"), TODAY - timedelta(days=2), "cash", "R-1")
        take_payment(work, loan.borrower_id, taken, staff=DeskStaff("staff:Ann", "agent", loan.lender_id), now=START)
    tape(loan, principal_balance=20_000, amount_past_due=10_000)

    assert {each["waits_for_core"] for each in listed(client, key)} == {True}
    assert balance(client, loan)["overdue"]["total"] == money(6_000)

    tape(loan, principal_balance=21_000, amount_past_due=10_000)

    assert {each["waits_for_core"] for each in listed(client, key)} == {False}
    assert balance(client, loan)["overdue"]["total"] == money(10_000)
