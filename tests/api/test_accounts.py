"""What a borrower sees of their loans."""

from datetime import date, timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import event

from app import clock
from app.persistence.db import db
from tests.builders.access import signed_in
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


def test_a_loan_without_a_plan_owes_what_was_lent(client: FlaskClient) -> None:
    from app.domain.book import LoanValues
    from app.persistence.unit_of_work import unit_of_work
    from app.services.loans import put_loan

    built = build_loan(now=START, due=[date(2026, 4, 1)])
    with unit_of_work() as work:
        bare = put_loan(work, built.lender_id, LoanValues("bare", built.borrower_no, "USD", 5_000), now=START, origin="test")

    body = client.get(f"/v1/me/loans/{bare.id}/balance", headers=signed_in(built.borrower_id)).json

    assert (body["outstanding"], body["next_due"]) == (money(5_000), None)


def test_the_profile_masks_phone_and_email(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE, name="Ann Lee", phone="+8613812345678", email="ann@example.com")

    body = client.get("/v1/me", headers=signed_in(loan.borrower_id)).json

    assert (body["name"], body["phone_masked"], body["email_masked"]) == ("Ann Lee", "•••• 5678", "a••••@example.com")
