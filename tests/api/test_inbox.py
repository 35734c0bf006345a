"""The inbox shows what was told, when its time has come, to the one it was told to."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
from flask.testing import FlaskClient

from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow, DecisionRow
from app.persistence.unit_of_work import unit_of_work
from app.services.inbox_marks import next_states
from tests.builders.access import signed_in
from tests.builders.book import Built, build_loan
from tests.conftest import START

DUE = [START.date() + timedelta(days=3)]


def tell(built: Built, title: str = "Due soon", *, created_at: datetime = START, **changes: Any) -> str:
    """Put a message about the loan's first instalment into the inbox."""
    message_id, contact_id = new_id(), new_id()
    given: dict[str, Any] = {
        "id": message_id,
        "borrower_id": built.borrower_id,
        "contact_id": contact_id,
        "channel": "in_app",
        "message_class": "reminder",
        "template": "due_soon",
        "template_version": 1,
        "locale": "en",
        "text_sealed": vault().seal(
            orjson.dumps({"title": title, "body": "Body"}).decode(), place=f"messages.text:{message_id}"
        ),
        "state": "delivered",
        "not_before": created_at,
        "not_after": created_at + timedelta(days=90),
        "next_attempt_at": created_at,
        "created_at": created_at,
    }
    with unit_of_work() as work:
        work.session.add(
            ContactRow(
                id=contact_id,
                borrower_id=built.borrower_id,
                message_class="reminder",
                local_date=created_at.date(),
                stage="before",
                step_key=title,
                created_at=created_at,
            )
        )
        work.session.flush()
        work.session.add(
            DecisionRow(
                id=new_id(),
                borrower_id=built.borrower_id,
                loan_id=built.loan_id,
                subject_kind="instalment",
                subject_id=new_id(),
                row_no=1,
                anchor_no=1,
                step_key="d-3",
                policy_id=new_id(),
                occurs_at=created_at,
                local_date=created_at.date(),
                outcome="SENT",
                reason="ON_SCHEDULE",
                contact_id=contact_id,
                decided_at=created_at,
            )
        )
        if given["channel"] == "in_app" and not changes.keys() & {"channel", "not_before", "inbox_created"}:
            state = next_states(work, [built.borrower_id])[built.borrower_id]
            given |= {"inbox_created": state, "inbox_state": state}
        work.session.add(MessageRow(**{**given, **changes}))
    return message_id


def test_a_message_says_what_it_is_about_and_where_to_go(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    message_id = tell(loan)

    (item,) = client.get("/v1/me/inbox", headers=signed_in(loan.borrower_id)).json["items"]

    assert (item["id"], item["category"], item["title"], item["body"]) == (message_id, "due_soon", "Due soon", "Body")
    assert item["about"] == [{"loan_id": loan.loan_id, "row_no": 1}]
    assert item["deep_link"] == f"duecourse://loans/{loan.loan_id}/instalments/1"
    assert (item["settled"], item["read_at"]) == (False, None)


def test_only_in_app_messages_whose_time_has_come_are_shown(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    tell(loan, "later", not_before=START + timedelta(seconds=1))
    tell(loan, "push", channel="push")
    tell(loan, "gone", state="cancelled")
    tell(loan, "now", not_before=START)

    items = client.get("/v1/me/inbox", headers=signed_in(loan.borrower_id)).json["items"]

    assert [item["title"] for item in items] == ["now"]


def test_messages_come_newest_first_in_pages(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    titles = [str(n) for n in range(5)]
    for n, title in enumerate(titles):
        tell(loan, title, created_at=START - timedelta(minutes=n // 2))
    headers = signed_in(loan.borrower_id)

    seen, cursor = [], ""
    while True:
        page = client.get(f"/v1/me/inbox?limit=2{cursor}", headers=headers).json
        seen += [item["title"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert sorted(seen) == titles
    assert seen == ["1", "0", "3", "2", "4"]


def test_marks_change_the_counts_and_are_idempotent(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    first, second = tell(loan, "a"), tell(loan, "b", settled_at=START)
    headers = signed_in(loan.borrower_id)

    def mark(message_id: str, how: str) -> Any:
        return client.post(f"/v1/me/inbox/{message_id}/{how}", headers=headers).json

    assert client.get("/v1/me/inbox/counts", headers=headers).json["counts"] == {
        "total": 2,
        "unread": 2,
        "unseen": 2,
        "open": 1,
        "action_required": 0,
        "categories": [{"category": "due_soon", "total": 2, "unread": 2}],
    }
    read = mark(first, "read")
    assert (read["item"]["read_at"], read["counts"]["unread"]) == ("2026-03-02T09:00:00Z", 1)
    assert mark(first, "read") == read
    assert mark(first, "unread")["counts"]["unread"] == 2
    assert mark(second, "archive")["counts"].items() >= {"total": 1, "unread": 1, "open": 1}.items()
    assert [i["id"] for i in client.get("/v1/me/inbox?archived=true", headers=headers).json["items"]] == [second]
    assert mark(second, "unarchive")["counts"]["total"] == 2
    assert client.get("/v1/me/inbox", headers=headers).json["items"][0]["settled"] in (True, False)


def test_a_mark_changes_the_etag(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    message_id = tell(loan)
    headers = signed_in(loan.borrower_id)
    etag = client.get("/v1/me/inbox", headers=headers).headers["ETag"]

    client.post(f"/v1/me/inbox/{message_id}/read", headers=headers)

    assert client.get("/v1/me/inbox", headers={**headers, "If-None-Match": etag}).status_code == 200


def test_what_was_read_once_stays_seen_when_it_is_unread_again(
    client: FlaskClient, set_clock: Callable[[datetime], None]
) -> None:
    """The next rung of a ladder goes by whether a message was seen; a borrower's own mark must not bring an SMS about."""
    built = build_loan(now=START, due=DUE)
    headers = signed_in(built.borrower_id)
    message_id = tell(built)

    client.post(f"/v1/me/inbox/{message_id}/read", headers=headers)
    set_clock(START + timedelta(minutes=5))
    client.post(f"/v1/me/inbox/{message_id}/unread", headers=headers)
    client.post(f"/v1/me/inbox/{message_id}/read", headers=headers)

    with unit_of_work() as work:
        row = work.session.get(MessageRow, message_id)
        assert row is not None
        assert (row.seen_at, row.read_at) == (START, START + timedelta(minutes=5))
