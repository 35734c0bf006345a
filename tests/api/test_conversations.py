"""What a borrower writes in the app, and calls that staff tell: over HTTP."""

from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.persistence.ids import new_id
from app.persistence.models.calls import CallRow
from app.persistence.models.conversations import ConversationMessageRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.conversations import Word, add_word
from tests.builders.access import a_borrower, a_desk_key, signed_in
from tests.builders.book import build_lender, build_loan
from tests.conftest import START

pytestmark = pytest.mark.both


def write(client: FlaskClient, headers: dict[str, str], text: str, message_id: str | None = None) -> Any:
    body = {"message_id": message_id or new_id(), "text": text}
    return client.post("/v1/me/conversations", json=body, headers=headers)


def test_what_is_written_is_there_once_and_waits_for_support(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    headers, message_id = signed_in(borrower_id), new_id()

    first = write(client, headers, "Can I pay on Friday?", message_id)
    again = write(client, headers, "Can I pay on Friday?", message_id)
    other = write(client, headers, "Something else", message_id)

    assert [(each.status_code) for each in (first, again, other)] == [201, 200, 409]
    assert first.json == again.json
    (shown,) = client.get("/v1/me/conversations", headers=headers).json["items"]
    assert (shown["id"], shown["status"], shown["channel"]) == (first.json["conversation_id"], "open", "in_app")
    path = f"/v1/me/conversations/{shown['id']}/messages"
    (word,) = client.get(path, headers=headers).json["items"]
    assert (word["text"], word["direction"]) == ("Can I pay on Friday?", "inbound")
    with reading() as session:
        assert [task.kind for task in session.scalars(select(TaskRow))] == ["answer_conversation"]
        assert b"Friday" not in session.scalars(select(ConversationMessageRow.text_sealed)).one()


def test_two_borrowers_may_make_the_same_message_id(client: FlaskClient) -> None:
    message_id = new_id()

    answers = [write(client, signed_in(a_borrower()[0]), f"Hello {n}", message_id).status_code for n in range(2)]

    assert answers == [201, 201]


def test_words_come_in_pages_newest_first(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    headers = signed_in(borrower_id)
    for n in range(5):
        conversation_id = write(client, headers, f"word {n}").json["conversation_id"]

    path, texts, cursor = f"/v1/me/conversations/{conversation_id}/messages?limit=2", [], ""
    while True:
        page = client.get(path + cursor, headers=headers).json
        texts += [each["text"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert texts == [f"word {n}" for n in (4, 3, 2, 1, 0)]


def test_another_borrowers_conversation_is_not_found(client: FlaskClient) -> None:
    mine, theirs = a_borrower()[0], a_borrower()[0]
    conversation_id = write(client, signed_in(theirs), "Hello").json["conversation_id"]

    answer = client.get(f"/v1/me/conversations/{conversation_id}/messages", headers=signed_in(mine))

    assert (answer.status_code, answer.json["code"]) == (404, "not-found")
    assert client.get("/v1/me/conversations", headers=signed_in(mine)).json["items"] == []


def test_words_from_any_channel_are_in_one_conversation(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    headers = signed_in(borrower_id)
    with unit_of_work() as work:
        add_word(work, borrower_id, Word("twilio:x", "sms", "By text", at=START), now=START)

    write(client, headers, "In the app")

    assert [each["channel"] for each in client.get("/v1/me/conversations", headers=headers).json["items"]] == ["in_app"]


def test_staff_tell_of_a_call(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=[date(2026, 3, 10)], borrower_no="B-7")
    desk = a_desk_key(loan.lender_id, role="agent")
    body = {"borrower_no": "B-7", "loan_no": loan.loan_no, "outcome": "answered", "at": "2026-03-02T08:00:00Z", "seconds": 9}

    first, again = (client.post("/v1/desk/calls", json=body, headers=desk) for _ in range(2))
    other = client.post("/v1/desk/calls", json={**body, "outcome": "busy", "seconds": 0}, headers=desk)

    assert [each.status_code for each in (first, again, other)] == [201, 200, 409]
    assert first.json == again.json
    with reading() as session:
        row = session.scalars(select(CallRow)).one()
        assert (row.by, row.origin, row.outcome) == ("staff:Wang Fang", "staff", "answered")


def test_a_borrower_of_another_lender_cannot_be_told_of(client: FlaskClient) -> None:
    build_loan(now=START, due=[date(2026, 3, 10)], borrower_no="B-7")
    other = build_loan(
        now=START, due=[date(2026, 3, 10)], borrower_no="B-8", lender_id=build_lender(now=START, code="other")
    )
    body = {"borrower_no": "B-7", "outcome": "busy", "at": "2026-03-02T08:00:00Z"}

    answer = client.post("/v1/desk/calls", json=body, headers=a_desk_key(other.lender_id))

    assert (answer.status_code, [each["pointer"] for each in answer.json["errors"]]) == (422, ["/borrower_no"])
