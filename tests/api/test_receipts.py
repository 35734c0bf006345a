"""Receipts: each entry as posted, as now known, and what replaced what was posted."""

from datetime import datetime, timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import event

from app.domain.book import PaymentResult, PaymentValues
from app.domain.ledger import EntryKind
from app.domain.splits import Split
from app.persistence.db import db, session
from app.persistence.unit_of_work import unit_of_work
from app.services.book import differences
from app.services.payments import record_payment
from tests.builders.access import signed_in
from tests.builders.book import Built, build_loan, pay, replan
from tests.conftest import START

TODAY = START.date()
DUE = [TODAY - timedelta(days=10), TODAY, TODAY + timedelta(days=20), TODAY + timedelta(days=50)]
LATER = START + timedelta(hours=1)
EVENING = START + timedelta(hours=6)


def post(
    loan: Built, reference: str, amount_minor: int, kind: EntryKind = EntryKind.REPAYMENT, *, now: datetime, **more: Any
) -> PaymentResult:
    values = PaymentValues(reference, loan.loan_no, amount_minor, "USD", more.pop("on", TODAY), kind, **more)
    with unit_of_work() as work:
        return record_payment(work, loan.lender_id, values, now=now, origin="test")


def take_back(loan: Built, reference: str, amount_minor: int, *, now: datetime) -> PaymentResult:
    return post(loan, f"{reference}-back", amount_minor, EntryKind.REVERSAL, now=now, reverses_reference=reference)


def rows_of(spread: dict[str, Any]) -> list[tuple[int | None, int]]:
    return [(each["row_no"], each["split"]["total"]["amount_minor"]) for each in spread["allocations"]]


def by_entry(entry_id: str | None) -> dict[str, Any]:
    return {"kind": "entry", "id": entry_id, "plan_version": None}


def listed(client: FlaskClient, loan: Built, headers: dict[str, str]) -> dict[str, dict[str, Any]]:
    page = client.get(f"/v1/me/loans/{loan.loan_id}/payments", headers=headers).json
    return {item["reference"]: item for item in page["items"]}


def test_a_back_dated_payment_leaves_what_was_posted_on_the_receipt_and_is_linked(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    headers = signed_in(loan.borrower_id)
    first = post(loan, "first", 10_000, now=START)
    before = listed(client, loan, headers)["first"]
    earlier = post(loan, "earlier", 6_000, now=LATER, on=TODAY - timedelta(days=3))

    now = listed(client, loan, headers)["first"]
    receipt = client.get(f"/v1/me/loans/{loan.loan_id}/payments/{first.entry_id}", headers=headers).json

    assert rows_of(before) == rows_of(before["as_posted"]) == [(1, 10_000)]
    assert (before["replaced_at"], before["replaced_by"]) == (None, None)
    assert (rows_of(now), rows_of(now["as_posted"])) == ([(1, 4_000), (2, 6_000)], [(1, 10_000)])
    assert (now["replaced_at"], now["replaced_by"]) == ("2026-03-02T10:00:00Z", by_entry(earlier.entry_id))
    assert {**now, "standings": receipt["standings"]} == receipt
    assert [(each["from"], each["until"], rows_of(each), each["because"]) for each in receipt["standings"]] == [
        ("2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z", [(1, 10_000)], by_entry(first.entry_id)),
        ("2026-03-02T10:00:00Z", None, [(1, 4_000), (2, 6_000)], by_entry(earlier.entry_id)),
    ]


def test_a_reversal_is_linked_from_what_it_took_back_and_from_what_it_moved(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    post(loan, "first", 10_000, now=START)
    post(loan, "second", 10_000, now=LATER)
    back = take_back(loan, "first", 10_000, now=EVENING)

    items = listed(client, loan, signed_in(loan.borrower_id))

    first, second, reversal = (items[reference] for reference in ("first", "second", "first-back"))
    assert (first["reversed"], rows_of(first), rows_of(first["as_posted"])) == (True, [], [(1, 10_000)])
    assert (second["reversed"], rows_of(second), rows_of(second["as_posted"])) == (False, [(1, 10_000)], [(2, 10_000)])
    assert first["replaced_by"] == second["replaced_by"] == by_entry(back.entry_id)
    assert (reversal["reverses_id"], reversal["replaced_by"], rows_of(reversal)) == (first["id"], None, [])


def test_a_reversal_counts_where_the_payment_it_takes_back_did(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    for reference, days in (("first", 5), ("second", 3)):
        post(loan, reference, 10_000, now=START, on=TODAY - timedelta(days=days))
    post(loan, "third", 10_000, now=LATER)
    back = take_back(loan, "first", 10_000, now=LATER)

    second = listed(client, loan, signed_in(loan.borrower_id))["second"]

    assert second["replaced_by"] == by_entry(back.entry_id)


def test_another_plan_is_linked_by_its_version_and_each_later_standing_by_its_own_cause(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    paid = post(loan, "first", 10_000, now=START)
    replan(loan, DUE, now=LATER, amount_minor=8_000)
    back = take_back(loan, "first", 10_000, now=EVENING)

    receipt = client.get(f"/v1/me/loans/{loan.loan_id}/payments/{paid.entry_id}", headers=signed_in(loan.borrower_id)).json

    by_plan = {"kind": "plan", "id": None, "plan_version": 2}
    assert receipt["replaced_by"] == by_plan
    assert [(rows_of(each), each["because"]) for each in receipt["standings"]] == [
        ([(1, 10_000)], by_entry(paid.entry_id)),
        ([(1, 8_000), (2, 2_000)], by_plan),
        ([], by_entry(back.entry_id)),
    ]


def test_money_known_before_the_plan_was_unapplied_as_posted(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    post(loan, "early", 10_000, now=START, recorded_at=START - timedelta(days=1), on=TODAY - timedelta(days=1))

    early = listed(client, loan, signed_in(loan.borrower_id))["early"]

    assert (early["unapplied"]["amount_minor"], early["as_posted"]["unapplied"]["amount_minor"]) == (0, 10_000)
    assert early["replaced_by"] == {"kind": "plan", "id": None, "plan_version": 1}


def test_a_charge_shows_what_it_asks_for_and_when_until_it_is_taken_back(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    due_on = TODAY + timedelta(days=5)
    post(loan, "letter", 700, EntryKind.CHARGE, now=START, split=Split(fees=500, penalties=200), due_on=due_on)
    post(loan, "call", 300, EntryKind.CHARGE, now=START, split=Split(penalties=300))
    take_back(loan, "call", 300, now=LATER)

    items = listed(client, loan, signed_in(loan.borrower_id))

    letter, call = items["letter"], items["call"]
    assert (letter["due_on"], call["due_on"], items["call-back"]["due_on"]) == (due_on.isoformat(), TODAY.isoformat(), None)
    assert [letter["split"][name]["amount_minor"] for name in ("principal", "interest", "fees", "penalties")] == [
        0,
        0,
        500,
        200,
    ]
    assert (letter["allocations"], letter["replaced_by"], letter["as_posted"]["split"]) == ([], None, letter["split"])
    assert (call["split"]["total"]["amount_minor"], call["as_posted"]["split"]["total"]["amount_minor"]) == (0, 300)
    assert call["replaced_by"] == by_entry(items["call-back"]["id"])


def test_a_list_takes_as_many_statements_for_a_hundred_entries_as_for_one(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    headers = signed_in(loan.borrower_id)

    def statements(*, replaced: bool = True) -> int:
        seen: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            answer = client.get(f"/v1/me/loans/{loan.loan_id}/payments?limit=100", headers=headers)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        assert (answer.json["items"][-1]["replaced_by"] is not None) == replaced
        return len(seen)

    pay(loan, 100, now=START)
    assert statements(replaced=False) == 5
    replan(loan, DUE, now=LATER, amount_minor=50)
    few = statements()
    for day in range(1, 40):
        post(loan, f"day-{day}", 20, now=LATER + timedelta(minutes=day), on=TODAY - timedelta(days=day))

    assert statements() == few == 6


def test_a_receipt_is_cached_until_it_changes(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    paid = post(loan, "first", 10_000, now=START)
    headers, url = signed_in(loan.borrower_id), f"/v1/me/loans/{loan.loan_id}/payments/{paid.entry_id}"
    answer = client.get(url, headers=headers)
    known = {**headers, "If-None-Match": answer.headers["ETag"]}

    unchanged = client.get(url, headers=known)
    take_back(loan, "first", 10_000, now=LATER)

    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == (
        "private, no-cache",
        "Authorization, Accept-Language",
    )
    assert (unchanged.status_code, client.get(url, headers=known).status_code) == (304, 200)


def test_a_receipt_is_found_only_under_its_own_loan_and_by_its_own_borrower(client: FlaskClient) -> None:
    mine, other, theirs = (build_loan(now=START, due=DUE, borrower_no=name) for name in ("me", "me", "them"))
    own, their = post(mine, "mine", 100, now=START), post(theirs, "theirs", 100, now=START)
    headers = signed_in(mine.borrower_id)

    found = [
        client.get(f"/v1/me/loans/{loan.loan_id}/payments/{paid.entry_id}", headers=headers)
        for loan, paid in ((mine, own), (other, own), (theirs, their), (mine, their))
    ]

    assert [answer.status_code for answer in found] == [200, 404, 404, 404]
    assert found[2].json["code"] == "not-found"
    nowhere = client.get(f"/v1/me/loans/{theirs.loan_id}/payments", headers=headers)
    assert nowhere.status_code == 404


def test_a_reversal_that_came_before_its_payment_of_the_same_day_leaves_nothing_standing(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    take_back(loan, "late", 10_000, now=START)
    post(loan, "late", 10_000, now=LATER)

    late = listed(client, loan, signed_in(loan.borrower_id))["late"]

    assert (late["reversed"], late["allocations"], late["as_posted"]["allocations"]) == (True, [], [])
    assert list(differences(session())) == []
