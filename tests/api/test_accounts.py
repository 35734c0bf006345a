"""What a borrower sees of their loans."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from app import clock
from app.domain.book import LoanValues, PlanValues
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.persistence.db import db
from app.persistence.unit_of_work import unit_of_work
from app.services.loans import put_loan, put_plan
from tests.builders.access import an_ingest_key, signed_in
from tests.builders.book import build_lender, build_loan, pay
from tests.conftest import START

TODAY = START.date()
DUE = [TODAY - timedelta(days=10), TODAY, TODAY + timedelta(days=20), TODAY + timedelta(days=50)]


def money(minor: int) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": "USD"}


def at(**delta: float) -> None:
    instant = START + timedelta(**delta)
    clock.use(lambda: instant)


def test_a_balance_says_what_is_owed_by_component(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    pay(loan, 4_000, now=START)

    body = client.get(f"/v1/me/loans/{loan.loan_id}/balance", headers=signed_in(loan.borrower_id)).json

    assert body["as_of"] == TODAY.isoformat()
    assert body["outstanding"] == money(36_000)
    assert body["overdue"]["total"] == money(6_000)
    assert body["due"]["principal"] == money(16_000)
    assert (body["days_past_due"], body["bucket"]) == (10, "1-29")
    assert (body["next_due_on"], body["next_due"]) == (TODAY.isoformat(), money(10_000))


def test_a_balance_of_an_earlier_day_and_of_earlier_knowledge_replays_the_ledger(client: FlaskClient) -> None:
    loan = build_loan(now=START - timedelta(days=30), due=DUE)
    pay(loan, 10_000, now=START - timedelta(days=5))
    headers = signed_in(loan.borrower_id)
    url = f"/v1/me/loans/{loan.loan_id}/balance"

    today = client.get(url, headers=headers).json
    before = client.get(f"{url}?as_of={TODAY - timedelta(days=6)}", headers=headers).json
    unknown = client.get(f"{url}?known_at=2026-02-20T00:00:00Z", headers=headers).json

    assert today["outstanding"] == money(30_000)
    assert (before["outstanding"], before["days_past_due"]) == (money(40_000), 4)
    assert (unknown["outstanding"], unknown["known_at"]) == (money(40_000), "2026-02-20T00:00:00Z")


def test_a_future_day_is_answered_from_the_snapshot(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)

    later = TODAY + timedelta(days=21)
    body = client.get(f"/v1/me/loans/{loan.loan_id}/balance?as_of={later}", headers=signed_in(loan.borrower_id)).json

    assert body["overdue"]["total"] == money(30_000)
    assert body["days_past_due"] == 31


def test_a_balance_takes_two_statements(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    headers = signed_in(loan.borrower_id)
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        answer = client.get(f"/v1/me/loans/{loan.loan_id}/balance", headers=headers)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

    assert answer.status_code == 200
    assert len(seen) == 2, seen


def test_an_unchanged_balance_is_a_304_until_money_midnight_or_language_changes_it(client: FlaskClient) -> None:
    lender_id = build_lender(now=START, code="east", zone="Asia/Shanghai")
    loan = build_loan(now=START, due=DUE, lender_id=lender_id)
    headers = signed_in(loan.borrower_id)
    url = f"/v1/me/loans/{loan.loan_id}/balance"
    first = client.get(url, headers=headers)
    known = {**headers, "If-None-Match": first.headers["ETag"]}

    assert client.get(url, headers=known).status_code == 304
    assert client.get(url, headers={**known, "Accept-Language": "zh-CN"}).status_code == 200
    pay(loan, 100, now=START)
    assert client.get(url, headers=known).status_code == 200

    known["If-None-Match"] = client.get(url, headers=headers).headers["ETag"]
    shanghai_midnight = START.replace(hour=16)
    clock.use(lambda: shanghai_midnight - timedelta(seconds=1))
    known |= signed_in(loan.borrower_id, now=shanghai_midnight)
    assert client.get(url, headers=known).status_code == 304
    clock.use(lambda: shanghai_midnight)
    after = client.get(url, headers=known)
    assert (after.status_code, after.json["days_past_due"]) == (200, 11)


def test_cacheable_answers_are_private_and_vary_by_credential_and_language(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)

    answer = client.get("/v1/me/due", headers=signed_in(loan.borrower_id))

    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Vary"] == "Authorization, Accept-Language"
    assert answer.headers["ETag"].startswith('"')
    assert answer.headers["Content-Language"] == "en"


def test_loans_come_newest_first_in_pages_that_never_repeat(client: FlaskClient) -> None:
    made = [build_loan(now=START + timedelta(minutes=n), due=DUE, borrower_no="many") for n in range(5)]
    headers = signed_in(made[0].borrower_id)

    seen: list[str] = []
    url: str | None = "/v1/me/loans?limit=2"
    while url:
        page = client.get(url, headers=headers)
        seen += [item["loan_no"] for item in page.json["items"]]
        build_loan(now=START + timedelta(hours=1), due=DUE, borrower_no="many")
        link = page.headers.get("Link")
        assert (link is None) == (page.json["next_cursor"] is None)
        url = link and link[1:].partition(">")[0]

    assert seen == [loan.loan_no for loan in reversed(made)]


def test_a_cursor_is_good_for_its_list_and_its_owner_only(client: FlaskClient) -> None:
    loans = [build_loan(now=START + timedelta(minutes=n), due=DUE, borrower_no="one") for n in range(2)]
    other = build_loan(now=START, due=DUE, borrower_no="two")
    headers = signed_in(loans[0].borrower_id)
    cursor = client.get("/v1/me/loans?limit=1", headers=headers).json["next_cursor"]

    mine = client.get(f"/v1/me/loans?cursor={cursor}", headers=headers)
    theirs = client.get(f"/v1/me/loans?cursor={cursor}", headers=signed_in(other.borrower_id))
    elsewhere = client.get(f"/v1/me/inbox?cursor={cursor}", headers=headers)
    forged = client.get(f"/v1/me/loans?cursor={cursor[:-2]}xx", headers=headers)

    assert mine.status_code == 200
    for refused in (theirs, elsewhere, forged):
        assert refused.status_code == 422
        assert refused.json["errors"][0]["pointer"] == "/query/cursor"


def test_a_schedule_shows_what_is_open_and_when_it_was_paid(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    pay(loan, 13_000, now=START)

    body = client.get(f"/v1/me/loans/{loan.loan_id}/schedule", headers=signed_in(loan.borrower_id)).json

    rows = [(row["row_no"], row["state"], row["open"]["total"]["amount_minor"], row["paid_on"]) for row in body["items"]]
    assert rows == [
        (1, "paid", 0, TODAY.isoformat()),
        (2, "due_today", 7_000, None),
        (3, "upcoming", 10_000, None),
        (4, "upcoming", 10_000, None),
    ]
    assert body["plan_version"] == 1


def test_payments_show_their_split_as_posted(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    pay(loan, 13_000, now=START, reference="first")
    pay(loan, 50_000, now=START + timedelta(minutes=1), reference="second")

    body = client.get(f"/v1/me/loans/{loan.loan_id}/payments", headers=signed_in(loan.borrower_id)).json

    second, first = body["items"]
    assert (first["reference"], first["split"]["principal"]) == ("first", money(13_000))
    assert [(a["row_no"], a["split"]["total"]["amount_minor"]) for a in first["allocations"]] == [(1, 10_000), (2, 3_000)]
    assert second["unapplied"] == money(23_000)


def test_due_shows_all_loans_with_totals_per_currency(client: FlaskClient) -> None:
    one = build_loan(now=START, due=DUE, borrower_no="due")
    build_loan(now=START, due=[TODAY + timedelta(days=30), TODAY + timedelta(days=31)], borrower_no="due")

    body = client.get("/v1/me/due", headers=signed_in(one.borrower_id)).json

    assert [(item["due_on"], item["state"], item["days_past_due"]) for item in body["items"]] == [
        (DUE[0].isoformat(), "overdue", 10),
        (DUE[1].isoformat(), "due_today", 0),
        (DUE[2].isoformat(), "upcoming", 0),
        ((TODAY + timedelta(days=30)).isoformat(), "upcoming", 0),
    ]
    assert body["totals"] == [{"currency": "USD", "overdue": money(10_000), "upcoming": money(30_000)}]


def test_until_a_new_plan_begins_every_answer_keeps_to_the_old_one(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    begins = TODAY + timedelta(days=5)
    rows = (PlanRow(1, TODAY + timedelta(days=60), Split(principal=40_000)),)
    with unit_of_work() as work:
        put_plan(work, loan.lender_id, PlanValues(loan.loan_no, rows, effective_on=begins), now=START, origin="test")

    def seen(now: datetime) -> tuple[Any, ...]:
        clock.use(lambda: now)
        headers = signed_in(loan.borrower_id, now=now)
        of_loan = f"/v1/me/loans/{loan.loan_id}"
        schedule = client.get(f"{of_loan}/schedule", headers=headers).json
        return (
            client.get(f"{of_loan}/balance", headers=headers).json["overdue"]["total"]["amount_minor"],
            client.get(of_loan, headers=headers).json["overdue"]["amount_minor"],
            sum(total["overdue"]["amount_minor"] for total in client.get("/v1/me/due", headers=headers).json["totals"]),
            (schedule["plan_version"], [row["state"] for row in schedule["items"]]),
        )

    assert seen(START) == (10_000, 10_000, 10_000, (1, ["overdue", "due_today", "upcoming", "upcoming"]))
    assert seen(START + timedelta(days=5)) == (0, 0, 0, (2, ["upcoming"]))


def test_a_loan_without_a_plan_owes_what_was_lent(client: FlaskClient) -> None:
    built = build_loan(now=START, due=[date(2026, 4, 1)])
    with unit_of_work() as work:
        bare = put_loan(work, built.lender_id, LoanValues("bare", built.borrower_no, "USD", 5_000), now=START, origin="test")

    body = client.get(f"/v1/me/loans/{bare.id}/balance", headers=signed_in(built.borrower_id)).json

    assert (body["outstanding"], body["next_due"]) == (money(5_000), None)


def test_the_profile_masks_phone_and_email(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE, name="Ann Lee", phone="+8613812345678", email="ann@example.com")

    body = client.get("/v1/me", headers=signed_in(loan.borrower_id)).json

    assert (body["name"], body["phone_masked"], body["email_masked"]) == ("Ann Lee", "•••• 5678", "a••••@example.com")


def test_as_of_and_known_at_are_independent_even_before_the_loan(client: FlaskClient) -> None:
    recorded = START - timedelta(days=20)
    loan = build_loan(now=recorded, due=DUE)
    pay(loan, 10_000, now=START - timedelta(days=5))
    headers = signed_in(loan.borrower_id)
    url = f"/v1/me/loans/{loan.loan_id}/balance"

    future_as_known_then = client.get(f"{url}?as_of=2026-03-23&known_at=2026-02-20T00:00:00Z", headers=headers).json
    before_anything = client.get(f"{url}?as_of=2020-01-01&known_at=2019-01-01T00:00:00Z", headers=headers).json
    knowledge_to_come = client.get(f"{url}?known_at=9999-12-31T23:59:59Z", headers=headers).json
    now_known = client.get(url, headers=headers).json

    assert future_as_known_then["overdue"]["total"] == money(30_000)
    assert (before_anything["overdue"]["total"], before_anything["next_due_on"]) == (money(0), None)
    assert {**knowledge_to_come, "known_at": None} == now_known


@pytest.mark.parametrize("query", ["as_of=2026-02-29", "as_of=2200-01-01", "as_of=2026-1-1", "known_at=2026-03-01T10:00:00"])
def test_a_day_or_an_instant_that_is_none_is_named(client: FlaskClient, query: str) -> None:
    loan = build_loan(now=START, due=DUE)

    answer = client.get(f"/v1/me/loans/{loan.loan_id}/balance?{query}", headers=signed_in(loan.borrower_id))

    assert [error["pointer"] for error in answer.json["errors"]] == [f"/query/{query.partition('=')[0]}"]


@pytest.mark.parametrize(
    ("zone", "today"),
    [("Pacific/Kiritimati", "2026-03-29"), ("Europe/Berlin", "2026-03-29"), ("Pacific/Pago_Pago", "2026-03-28")],
)
def test_today_is_the_day_of_the_loans_zone_on_both_sides_of_the_date_line_and_of_a_clock_change(
    client: FlaskClient, zone: str, today: str
) -> None:
    berlin_jumps = START.replace(month=3, day=29, hour=1, minute=0)  # 02:00 there becomes 03:00
    loan = build_loan(now=START, due=[berlin_jumps.date()], lender_id=build_lender(now=START, code="z", zone=zone))
    headers = signed_in(loan.borrower_id, now=berlin_jumps)
    clock.use(lambda: berlin_jumps)

    balance = client.get(f"/v1/me/loans/{loan.loan_id}/balance", headers=headers).json
    (due,) = client.get("/v1/me/due", headers=headers).json["items"]

    assert (balance["as_of"], balance["timezone"], balance["days_past_due"]) == (today, zone, 0)
    assert (due["as_of"], due["state"]) == (today, "due_today" if today == "2026-03-29" else "upcoming")


def test_amounts_are_minor_units_of_each_currency_and_never_summed_across(client: FlaskClient) -> None:
    key = an_ingest_key(build_lender(now=START))
    for currency in ("JPY", "KWD", "USD"):
        amount = {"amount_minor": 1_001, "currency": currency}
        rows = [{"row_no": 1, "due_on": TODAY.isoformat(), "principal": amount}]
        body = {"borrower_no": "B-many", "currency": currency, "principal": amount, "plan": {"rows": rows}}
        assert client.put(f"/v1/ingest/loans/{currency}", json=body, headers=key).status_code == 201
    borrower_id = client.put("/v1/ingest/borrowers/B-many", json={"name": "Ann"}, headers=key).json["id"]

    totals = client.get("/v1/me/due", headers=signed_in(borrower_id)).json["totals"]

    assert [(total["currency"], total["upcoming"]["amount_minor"]) for total in totals] == [
        ("JPY", 1_001),
        ("KWD", 1_001),
        ("USD", 1_001),
    ]


def test_every_read_has_a_strong_etag_that_a_payment_changes(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    headers = signed_in(loan.borrower_id)
    paths = [f"/v1/me/loans/{loan.loan_id}{rest}" for rest in ("", "/balance", "/schedule", "/payments")]
    paths += ["/v1/me/loans", "/v1/me/due"]
    known = {path: client.get(path, headers=headers).headers["ETag"] for path in paths}
    unchanged = [client.get(path, headers={**headers, "If-None-Match": f'"other", {etag}'}) for path, etag in known.items()]

    pay(loan, 100, now=START)

    assert {answer.status_code for answer in unchanged} == {304}
    assert {answer.data for answer in unchanged} == {b""}
    for path, etag in known.items():
        assert client.get(path, headers={**headers, "If-None-Match": etag}).status_code == 200, path


def test_a_head_says_what_a_get_would(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    url, headers = f"/v1/me/loans/{loan.loan_id}/balance", signed_in(loan.borrower_id)

    get, head = client.get(url, headers=headers), client.head(url, headers=headers)

    assert (head.status_code, head.data) == (200, b"")
    assert {name: head.headers[name] for name in ("ETag", "Content-Length", "Content-Type", "Vary")} == {
        name: get.headers[name] for name in ("ETag", "Content-Length", "Content-Type", "Vary")
    }


@pytest.mark.parametrize("path", ["abc", "%00", "%ff", "x" * 36, "01981E6A-7C1E-7000-8000-3F1C2A5B9D10", "..%2Fme"])
def test_a_path_that_names_no_id_is_not_found(client: FlaskClient, path: str) -> None:
    headers = signed_in(build_loan(now=START, due=DUE).borrower_id)

    for url in (f"/v1/me/loans/{path}", f"/v1/me/loans/{path}/balance"):
        assert client.get(url, headers=headers).json["code"] == "not-found"
