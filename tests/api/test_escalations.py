"""Escalations at the desk's API: seen, explained, approved by who may, and nobody else's."""

from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from tests.builders.access import a_desk_key
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.escalations import a_document, look_at, put_in_force
from tests.conftest import START

DESK = "/v1/desk"


def a_waiting_loan() -> Built:
    """A late loan, of which a notice waits for a person."""
    lender_id = build_lender(now=START)
    steps = a_document()["steps"]
    steps[0]["approval"] = {"people": 1}
    put_in_force(lender_id, now=START, steps=steps)
    loan = build_loan(now=START, due=[START.date() - timedelta(days=30)], lender_id=lender_id)
    look_at(loan.borrower_id, now=START)
    return loan


def one(client: FlaskClient, path: str, headers: dict[str, str]) -> Any:
    return client.get(f"{DESK}{path}", headers=headers).json


def test_what_waits_is_listed_explained_and_approved(app: Flask, client: FlaskClient) -> None:
    loan = a_waiting_loan()
    key = a_desk_key(loan.lender_id, staff="Ann", role="supervisor")

    (listed,) = one(client, "/escalations?outcome=needs_approval", key)["items"]
    (waiting,) = one(client, "/escalations/waiting?step=notice", key)["items"]
    why = one(client, f"/loans/{loan.loan_no}/escalation", key)
    answer = client.post(f"{DESK}/escalations/approve", json={"step": "notice"}, headers={**key, "Idempotency-Key": "1"})
    whole = one(client, f"/escalations/{listed['id']}", key)

    assert (listed["loan_no"], listed["state"], listed["stage"]) == (loan.loan_no, "open", None)
    assert [(each["step"], each["reason"]) for each in why["steps"]] == [
        ("notice", "NEEDS_APPROVAL"),
        ("letter", "EARLIER_STEP_OUTSTANDING"),
    ]
    assert answer.json == {"ready": [waiting["id"]], "waiting": [], "left": {}}
    assert [each["reason"] for each in whole["events"]] == ["BEGUN", "NEEDS_APPROVAL", "APPROVED"]
    assert whole["steps"][0]["approved_by"] == "staff:Ann"


def test_another_lenders_escalations_are_not_found_and_agents_decide_nothing(app: Flask, client: FlaskClient) -> None:
    loan = a_waiting_loan()
    key = a_desk_key(loan.lender_id, staff="Ann", role="supervisor")
    agent = a_desk_key(loan.lender_id, staff="Bo", role="agent")
    theirs = a_desk_key(build_lender(now=START, code="other"), staff="Eve", role="admin")
    (listed,) = one(client, "/escalations", key)["items"]
    (waiting,) = one(client, "/escalations/waiting", key)["items"]
    path = f"{DESK}/escalations/{listed['id']}"

    def sent(where: str, body: Any, headers: dict[str, str]) -> int:
        return client.post(where, json=body, headers={**headers, "Idempotency-Key": where[-20:]}).status_code

    assert one(client, "/escalations", theirs)["items"] == []
    assert client.get(path, headers=theirs).status_code == 404
    assert client.get(f"{DESK}/loans/{loan.loan_no}/escalation", headers=theirs).status_code == 404
    assert sent(f"{path}/stop", {"reason": "business_decision"}, theirs) == 404
    assert sent(f"{DESK}/escalations/steps/{waiting['id']}/decline", {"reason": "business_decision"}, theirs) == 404
    assert sent(f"{DESK}/escalations/approve", {"step_ids": [waiting["id"]]}, theirs) == 422
    assert sent(f"{DESK}/escalations/approve", {"step": "notice"}, agent) == 403
    assert sent(f"{path}/stop", {"reason": "business_decision"}, agent) == 403


def test_a_refusal_is_said_in_chinese_too(app: Flask, client: FlaskClient) -> None:
    loan = a_waiting_loan()
    key = a_desk_key(loan.lender_id, staff="Ann", role="supervisor") | {"Accept-Language": "zh-CN", "Idempotency-Key": "1"}

    answer = client.post(
        f"{DESK}/escalations/approve", json={"step_ids": ["0190b6c0-0000-7000-8000-000000000000"]}, headers=key
    )

    assert answer.json["errors"][0]["detail"].endswith("请刷新列表后重新选择。")


def test_a_policy_goes_its_way_by_two_people(app: Flask, client: FlaskClient) -> None:
    lender_id = build_lender(now=START)
    ann = a_desk_key(lender_id, staff="Ann", role="compliance")
    bob = a_desk_key(lender_id, staff="Bob", role="compliance")
    path = f"{DESK}/escalation-policies"
    version = f"{path}/test/versions/1"

    wrong = client.post(path, json={"document": a_document(sleep=1)}, headers=ann)
    drafted = client.post(path, json={"document": a_document()}, headers=ann)
    early = client.post(f"{version}/approve", headers=bob)
    rehearsed = client.post(f"{version}/rehearsals", json={"days": 5}, headers=ann)
    own = client.post(f"{version}/approve", headers=ann)
    approved = client.post(f"{version}/approve", headers=bob)
    active = client.post(f"{version}/activate", headers=bob)

    assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "/document/sleep")
    assert (drafted.status_code, drafted.json["status"]) == (201, "draft")
    assert (early.status_code, own.status_code) == (409, 403)
    assert rehearsed.json["result"]["loans"] == 0
    assert (approved.json["status"], active.json["status"]) == ("approved", "active")
    assert [each["status"] for each in client.get(path, headers=ann).json["items"]] == ["active"]
