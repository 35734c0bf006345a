"""Borrowers see every contact about their debt, and what is planned; nothing is promised that a hold forbids."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from app.persistence.ids import new_id
from app.persistence.models.holds import HoldRow
from app.persistence.models.reminders import ContactRow
from app.persistence.unit_of_work import unit_of_work
from app.services.policies import ensure_default_policy
from tests.api.test_inbox import DUE, tell
from tests.builders.access import signed_in
from tests.builders.book import Built, build_loan, give_phone, pay
from tests.conftest import START


@pytest.fixture
def rules(app: Flask) -> None:
    ensure_default_policy(now=START)


def history(client: FlaskClient, loan: Built, query: str = "", **headers: str) -> Any:
    return client.get(f"/v1/me/contact-history{query}", headers={**signed_in(loan.borrower_id), **headers}).json


def upcoming(client: FlaskClient, loan: Built, **headers: str) -> list[Any]:
    items: list[Any] = client.get("/v1/me/upcoming", headers={**signed_in(loan.borrower_id), **headers}).json["items"]
    return items


def hold(loan: Built, kind: str, until: datetime | None = None) -> None:
    with unit_of_work() as work:
        work.session.add(
            HoldRow(id=new_id(), borrower_id=loan.borrower_id, kind=kind, from_at=START, until_at=until, by="borrower",
                    recorded_at=START)
        )  # fmt: skip


def test_a_contact_says_how_and_what_for_and_where_its_text_is(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    message_id = tell(loan, read_at=START, sent_at=START)

    (item,) = history(client, loan)["items"]

    assert (item["purpose"], item["purpose_text"], item["made_by"]) == (
        "reminder", "A reminder before or on a due date", "automatic",
    )  # fmt: skip
    assert item["channels"] == [
        {"channel": "in_app", "at": "2026-03-02T09:00:00Z", "delivery": "seen", "delivery_text": "Seen by you",
         "inbox_id": message_id}
    ]  # fmt: skip
    assert item["about"] == [{"loan_id": loan.loan_id, "row_no": 1}]
    assert "Body" not in str(item)


def test_what_never_left_is_no_contact(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    tell(loan, "a", channel="push", state="cancelled")
    tell(loan, "b", channel="push", state="queued")
    tell(loan, "c", not_before=START + timedelta(minutes=1))

    assert history(client, loan)["items"] == []


def test_what_a_person_did_is_there_too(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    with unit_of_work() as work:
        work.session.add(
            ContactRow(id=new_id(), borrower_id=loan.borrower_id, message_class="collection", local_date=START.date(),
                       stage="early", step_key="call", origin="manual", created_at=START)
        )  # fmt: skip

    (item,) = history(client, loan)["items"]

    assert (item["made_by"], item["channels"], item["category"]) == ("person", [], None)


def test_contacts_come_newest_first_in_pages(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    for n in range(5):
        tell(loan, str(n), created_at=START - timedelta(minutes=n // 2), channel="push", state="sent")

    seen: list[str] = []
    cursor = ""
    while True:
        page = history(client, loan, f"?limit=2{cursor}")
        seen += [item["at"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5


def test_contacts_are_told_in_chinese(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    tell(loan)

    (item,) = history(client, loan, **{"Accept-Language": "zh-Hans-CN"})["items"]

    assert (item["purpose_text"], item["channels"][0]["delivery_text"]) == ("到期前或到期日提醒", "已送达")


def test_what_is_planned_is_what_would_be_sent(client: FlaskClient, rules: None) -> None:
    loan = build_loan(now=START, due=DUE)
    give_phone(loan, now=START)

    items = upcoming(client, loan)

    assert [(item["local_date"], item["status"], item["channels"]) for item in items] == [
        ("2026-03-02", "planned", ["in_app", "push"]),
        ("2026-03-04", "planned", ["in_app", "push"]),
        ("2026-03-05", "planned", ["in_app", "push"]),
    ]
    assert items[0]["text"] == (
        "We plan to write to you on Mar 2, 2026 10:00, in the app and as a notification, unless you have paid by then."
    )


def test_a_closed_channel_is_not_promised(client: FlaskClient, rules: None) -> None:
    loan = build_loan(now=START, due=DUE)

    assert {tuple(item["channels"]) for item in upcoming(client, loan)} == {("in_app",)}


def test_a_hold_pauses_what_is_planned_in_kind_words(client: FlaskClient, rules: None) -> None:
    loan = build_loan(now=START, due=DUE)
    hold(loan, "hardship")

    items = upcoming(client, loan)

    assert {(item["status"], item["reason"], tuple(item["channels"])) for item in items} == {("paused", "HOLD_HARDSHIP", ())}
    assert items[0]["text"] == (
        "As things stand we will not write: you told us that it is difficult just now, and we are looking at it together."
    )
    (first, *_) = upcoming(client, loan, **{"Accept-Language": "zh-CN"})
    assert first["text"] == "目前不会提醒您：您告诉我们眼下有困难，我们正在一起想办法。"


def test_a_hold_that_ends_before_a_step_does_not_pause_it(client: FlaskClient, rules: None) -> None:
    loan = build_loan(now=START, due=DUE)
    hold(loan, "dispute", until=START + timedelta(days=2))

    assert [item["status"] for item in upcoming(client, loan)] == ["paused", "planned", "planned"]


def test_nothing_is_planned_about_what_is_paid(client: FlaskClient, rules: None) -> None:
    loan = build_loan(now=START, due=DUE)
    pay(loan, 10_000, now=START)

    assert upcoming(client, loan) == []


def test_without_a_policy_nothing_is_planned(client: FlaskClient) -> None:
    assert upcoming(client, build_loan(now=START, due=DUE)) == []


def test_neither_list_shows_anothers(client: FlaskClient, rules: None) -> None:
    mine, theirs = build_loan(now=START, due=DUE), build_loan(now=START, due=DUE)
    tell(mine)
    tell(theirs)

    for path in ("contact-history", "upcoming"):
        text = client.get(f"/v1/me/{path}", headers=signed_in(mine.borrower_id)).text
        assert mine.loan_id in text
        assert theirs.loan_id not in text
        assert client.get(f"/v1/me/{path}").status_code == 401


def test_a_contact_of_another_is_no_item_of_mine(client: FlaskClient) -> None:
    mine, theirs = build_loan(now=START, due=DUE), build_loan(now=START, due=DUE)
    tell(theirs)

    assert history(client, mine)["items"] == []


def test_a_settled_contact_says_so(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    tell(loan)
    with unit_of_work() as work:
        work.session.execute(update(ContactRow).values(state="settled", settled_at=START))

    assert history(client, loan)["items"][0]["settled"] is True
