"""What has changed since a state: pages, filters, counts and states, each of one instant."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from app.persistence.db import db
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import unit_of_work
from app.services.inbox_marks import mark_replied, withdraw_messages
from tests.api.test_inbox import DUE, tell
from tests.builders.access import signed_in
from tests.builders.book import Built, build_loan
from tests.conftest import START


@pytest.fixture
def loan(app: Flask) -> Built:
    return build_loan(now=START, due=DUE)


@pytest.fixture
def headers(loan: Built) -> dict[str, str]:
    return signed_in(loan.borrower_id)


def changes(client: FlaskClient, headers: dict[str, str], since: int, **query: Any) -> Any:
    return client.get("/v1/me/inbox/changes", query_string={"since": since, **query}, headers=headers).json


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def test_changes_tell_created_updated_and_destroyed_apart(client: FlaskClient, loan: Built, headers: dict[str, str]) -> None:
    old, taken = tell(loan, "old"), tell(loan, "taken")
    state = client.get("/v1/me/inbox", headers=headers).json["state"]
    new = tell(loan, "new")
    client.post(f"/v1/me/inbox/{old}/read", headers=headers)
    with unit_of_work() as work:
        assert withdraw_messages(work, [taken], now=START) == [taken]

    found = changes(client, headers, state)

    assert (ids(found["created"]), ids(found["updated"]), found["destroyed"]) == ([new], [old], [taken])
    assert (found["state"], found["counts"]["total"], found["counts"]["unread"]) == (state + 3, 2, 1)
    nothing = changes(client, headers, found["state"])
    assert (nothing["created"], nothing["updated"], nothing["destroyed"]) == ([], [], [])
    assert (nothing["state"], nothing["counts"]) == (found["state"], found["counts"])


def test_what_is_taken_back_twice_changes_nothing(app: Flask, loan: Built) -> None:
    message_id = tell(loan)
    with unit_of_work() as work:
        withdraw_messages(work, [message_id], now=START)

    with unit_of_work() as work:
        assert withdraw_messages(work, [message_id, loan.loan_id], now=START) == []


def test_changes_come_in_pages_oldest_change_first(client: FlaskClient, loan: Built, headers: dict[str, str]) -> None:
    told = [tell(loan, str(n)) for n in range(5)]
    client.post(f"/v1/me/inbox/{told[0]}/read", headers=headers)

    seen, query = [], {"limit": 2}
    while True:
        page = changes(client, headers, 0, **query)
        seen += ids(page["created"])
        if not page["has_more"]:
            break
        query = {"limit": 2, "cursor": page["next_cursor"]}

    assert seen == [*told[1:], told[0]]


def test_a_cursor_of_changes_is_good_for_its_own_state_alone(
    client: FlaskClient, loan: Built, headers: dict[str, str]
) -> None:
    for n in range(3):
        tell(loan, str(n))
    cursor = changes(client, headers, 0, limit=1)["next_cursor"]

    assert changes(client, headers, 1, limit=1, cursor=cursor)["code"] == "validation-failed"
    assert len(changes(client, headers, 0, limit=1, cursor=cursor, wait=1)["created"]) == 1


@pytest.mark.parametrize("since", ["", "-1", "1.0", "x", "９", str(2**53), "1" * 20])
def test_a_state_that_is_none_is_refused(client: FlaskClient, headers: dict[str, str], since: str) -> None:
    answer = client.get(f"/v1/me/inbox/changes?since={since}", headers=headers)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/query/since")


def test_lists_can_be_narrowed(client: FlaskClient, loan: Built, headers: dict[str, str]) -> None:
    soon, help_, paid, own = (
        tell(loan, "soon"),
        tell(loan, "help", template="overdue_help"),
        tell(loan, "paid", settled_at=START),
        tell(loan, "own", template="a-lenders-own", message_class="servicing"),
    )
    client.post(f"/v1/me/inbox/{soon}/read", headers=headers)
    client.post(f"/v1/me/inbox/{own}/archive", headers=headers)

    def listed(query: str) -> set[str]:
        return set(ids(client.get(f"/v1/me/inbox?{query}", headers=headers).json["items"]))

    assert listed("") == {soon, help_, paid}
    assert listed("unread=true") == {help_, paid}
    assert listed("settled=true") == {paid}
    assert listed("settled=false&unread=true") == {help_}
    assert listed("category=help") == {help_}
    assert listed("category=account&archived=true") == {own}
    assert listed("category=account") == set()
    assert client.get("/v1/me/inbox?category=nonsense", headers=headers).status_code == 422


def test_a_page_says_its_state_and_counts_and_whether_there_is_more(
    client: FlaskClient, loan: Built, headers: dict[str, str]
) -> None:
    tell(loan, "a")
    tell(loan, "b", template="overdue_help")

    page = client.get("/v1/me/inbox?limit=1", headers=headers).json
    rest = client.get(f"/v1/me/inbox?limit=1&cursor={page['next_cursor']}", headers=headers).json

    assert (page["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)
    assert page["state"] == rest["state"] == 2
    assert page["counts"] == client.get("/v1/me/inbox/counts", headers=headers).json["counts"]
    assert (page["counts"]["action_required"], page["counts"]["open"]) == (1, 2)


def test_an_unchanged_page_is_answered_304_without_opening_a_text(
    client: FlaskClient, loan: Built, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = tell(loan)
    etag = client.get("/v1/me/inbox", headers=headers).headers["ETag"]
    client.post(f"/v1/me/inbox/{message_id}/unread", headers=headers)  # changes nothing
    from app.persistence.vault import Vault

    monkeypatch.setattr(Vault, "open", lambda *_args, **_kwargs: pytest.fail("a text was opened"))

    assert client.get("/v1/me/inbox", headers={**headers, "If-None-Match": etag}).status_code == 304
    monkeypatch.undo()
    for changed in ("?limit=5", "?unread=true"):
        assert client.get(f"/v1/me/inbox{changed}", headers={**headers, "If-None-Match": etag}).status_code == 200
    chinese = {**headers, "If-None-Match": etag, "Accept-Language": "zh-CN"}
    assert client.get("/v1/me/inbox", headers=chinese).json["items"][0]["actions"][0]["label"] == "去还款"


def test_a_message_whose_time_comes_by_the_clock_comes_as_created(
    client: FlaskClient, loan: Built, set_clock: Any, headers: dict[str, str]
) -> None:
    later = tell(loan, "later", not_before=START + timedelta(minutes=5))
    state = client.get("/v1/me/inbox/counts", headers=headers).json["state"]
    assert changes(client, headers, state)["created"] == []

    set_clock(START + timedelta(minutes=5))
    found = changes(client, headers, state)

    assert ids(found["created"]) == [later]
    assert found["state"] == state + 1


def test_what_an_older_release_wrote_without_a_state_is_told_too(
    client: FlaskClient, loan: Built, headers: dict[str, str]
) -> None:
    message_id = tell(loan, "unstamped", inbox_created=0)

    assert ids(changes(client, headers, 0)["created"]) == [message_id]


def test_a_reply_is_recorded_once(client: FlaskClient, loan: Built, headers: dict[str, str]) -> None:
    message_id = tell(loan)
    for minutes in (0, 5):
        with unit_of_work() as work:
            at = START + timedelta(minutes=minutes)
            mark_replied(work, loan.borrower_id, message_id, at=at, now=at)

    found = changes(client, headers, 1)

    assert [item["replied_at"] for item in found["updated"]] == ["2026-03-02T09:00:00Z"]
    assert found["state"] == 2


@pytest.mark.parametrize("path", ["/v1/me/inbox", "/v1/me/inbox/changes?since=0", "/v1/me/inbox/counts"])
def test_an_answer_is_one_statement_after_the_session(
    client: FlaskClient, loan: Built, headers: dict[str, str], path: str
) -> None:
    """One statement sees one state: the answer's state, counts and messages cannot be of two."""
    from app.persistence.db import vault

    message_id = tell(loan)
    with unit_of_work() as work:
        row = work.session.get(MessageRow, message_id)
        assert row is not None
        text = '{"title": "t", "body": "b", "about": []}'
        row.text_sealed = vault().seal(text, place=f"messages.text:{message_id}")
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert client.get(path, headers=headers).status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

    assert len(seen) == 2
