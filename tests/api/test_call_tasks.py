"""The worklist of calls over HTTP: who may, what is shown of whom, one answer however often it is sent."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask

from tests.builders.access import a_desk_key, fresh_client
from tests.builders.book import build_lender
from tests.builders.calls import a_call_task, a_late_loan, a_lender
from tests.builders.desk import a_seat

NOON = datetime(2026, 3, 17, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""


@pytest.fixture
def at_noon(sqlite_book: Flask, set_clock: Callable[[datetime], None]) -> Flask:
    set_clock(NOON)
    return sqlite_book


def test_a_call_from_the_list_to_its_promise(at_noon: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    task_id = a_call_task(built, now=NOON)
    client, headers = fresh_client(at_noon), a_seat(at_noon, lender, name="Eve", now=NOON).headers

    listed = client.get("/v1/desk/call-tasks", headers=headers).json
    card = client.get(f"/v1/desk/call-tasks/{task_id}", headers=headers)
    taken = client.post("/v1/desk/call-tasks/next", headers=headers, json={}).json
    dialled = client.post(f"/v1/desk/call-tasks/{task_id}/dial", headers=headers | {"Idempotency-Key": "d"}, json={})
    again = client.post(f"/v1/desk/call-tasks/{task_id}/dial", headers=headers | {"Idempotency-Key": "d"}, json={})
    promise = {"amount": {"amount_minor": 10_000, "currency": "USD"}, "promised_on": "2026-03-20"}
    told = client.post(
        f"/v1/desk/call-tasks/{task_id}/outcome", headers=headers, json={"outcome": "promise", "promise": promise}
    )

    assert [(item["id"], item["may_be_dialled"], item["urgency"]) for item in listed["items"]] == [
        (task_id, True, "by_gain")
    ]
    assert "+86" not in card.text
    assert card.json["number_masked"].startswith("••••")
    assert card.json["local_times"] == [{"zone": "Asia/Shanghai", "local": "2026-03-17T12:00"}]
    assert taken["task"]["claimed_by"] == "staff:Eve"
    assert dialled.status_code == 201
    assert dialled.json["tel"].startswith("tel:+86139")
    assert again.json == dialled.json
    assert (told.status_code, told.json["id"]) == (201, dialled.json["id"])
    assert told.json["promise_id"]
    assert client.get("/v1/desk/call-tasks", headers=headers).json["dials"] == []


def test_a_dial_at_night_is_refused_with_until_when_and_gives_no_number(
    at_noon: Flask, set_clock: Callable[[datetime], None]
) -> None:
    lender = a_lender(now=NOON)
    task_id = a_call_task(a_late_loan(lender, now=NOON), now=NOON, not_after=None)
    set_clock(datetime(2026, 3, 17, 15, 0, tzinfo=UTC))  # 23:00 in Shanghai
    headers = a_desk_key(lender)

    answer = fresh_client(at_noon).post(f"/v1/desk/call-tasks/{task_id}/dial", headers=headers, json={})

    assert (answer.status_code, answer.json["code"]) == (409, "law-refused")
    assert "+86" not in answer.text


def test_nobody_reaches_another_lender_s_tasks(at_noon: Flask) -> None:
    task_id = a_call_task(a_late_loan(a_lender(now=NOON), now=NOON), now=NOON)
    headers = a_desk_key(a_lender(now=NOON, code="rival"))
    client = fresh_client(at_noon)

    for method, path, body in (
        ("get", "", None),
        ("post", "/claim", {}),
        ("post", "/release", {}),
        ("post", "/dial", {}),
        ("post", "/outcome", {"outcome": "busy", "at": "2026-03-17T03:00:00Z"}),
    ):
        answer = getattr(client, method)(f"/v1/desk/call-tasks/{task_id}{path}", headers=headers, json=body)
        assert answer.status_code == 404, path


def test_a_call_made_outside_is_told_with_what_it_came_to(at_noon: Flask) -> None:
    built = a_late_loan(a_lender(now=NOON), now=NOON)
    headers = a_desk_key(built.lender_id)
    body = {
        "borrower_no": built.borrower_no, "outcome": "callback", "at": "2026-03-17T03:00:00Z",
        "call_back_at": "2026-03-18T03:00:00Z",
    }  # fmt: skip
    client = fresh_client(at_noon)

    first = client.post("/v1/desk/calls", headers=headers, json=body)
    second = client.post("/v1/desk/calls", headers=headers, json=body)

    assert (first.status_code, second.status_code) == (201, 200)
    assert (first.json["id"], bool(first.json["task_id"])) == (second.json["id"], True)


def test_a_borrower_is_dialled_without_a_task_once_however_often_it_is_sent(at_noon: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    client, headers = fresh_client(at_noon), a_seat(at_noon, lender, name="Eve", now=NOON).headers
    path = f"/v1/desk/borrowers/{built.borrower_no}/dials"

    wrong = client.post(path, headers=headers, json={"loan_no": "NONE-1"})
    dialled, again = (
        client.post(path, headers=headers | {"Idempotency-Key": "d"}, json={"loan_no": built.loan_no}) for _ in range(2)
    )
    another = client.post(path, headers=headers, json={})
    told = client.post("/v1/desk/calls", headers=headers, json={"borrower_no": built.borrower_no, "outcome": "busy"})

    assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "/loan_no")
    assert dialled.status_code == 201
    assert dialled.json["tel"].startswith("tel:+86139")
    assert again.json == dialled.json
    assert (another.status_code, another.json["code"]) == (409, "conflict")
    assert told.json["id"] == dialled.json["id"]


def test_a_dial_without_a_task_is_asked_of_the_law_and_of_no_other_lenders_borrower(
    at_noon: Flask, set_clock: Callable[[datetime], None]
) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    path = f"/v1/desk/borrowers/{built.borrower_no}/dials"
    client, other = fresh_client(at_noon), a_desk_key(build_lender(now=NOON, code="other"))
    set_clock(datetime(2026, 3, 17, 15, 0, tzinfo=UTC))  # 23:00 in Shanghai

    refused = client.post(path, headers=a_desk_key(lender), json={})

    assert (refused.status_code, refused.json["code"]) == (409, "law-refused")
    assert "+86" not in refused.text
    assert client.post(path, headers=other, json={}).status_code == 404
