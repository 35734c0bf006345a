"""The doors of messages by hand: who may, once, another lender's borrower is not there, and what a refusal says."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.unit_of_work import unit_of_work
from app.services.policies import activate_document
from tests.builders.access import a_desk_key
from tests.builders.book import build_lender, build_loan, give_phone
from tests.builders.cases import default_document

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)
PATH = "/v1/desk/borrowers/B1/messages"
PUSH = {"channel": "push", "template": "overdue_help"}


class Desk:
    def __init__(self, client: FlaskClient, set_clock: Any) -> None:
        with unit_of_work() as work:
            activate_document(work, default_document() | {"version": 2}, author="test", now=START)
        self.client = client
        self.lender_id = build_lender(now=START, jurisdiction="GB", zone="Europe/London")
        self.loan = build_loan(now=START, due=[date(2026, 3, 10)], borrower_no="B1", lender_id=self.lender_id, country="GB",
                               zone="Europe/London")  # fmt: skip
        give_phone(self.loan, now=START, zone="Europe/London")
        self.agent = a_desk_key(self.lender_id, staff="Ann", role="agent")
        self.senior = a_desk_key(self.lender_id, staff="Bo", role="supervisor")
        self.set_clock = set_clock
        set_clock(NOON)

    def send(self, body: dict[str, Any], key: str = "one", headers: dict[str, str] | None = None, path: str = PATH) -> Any:
        return self.client.post(path, json=body, headers={**(headers or self.agent), "Idempotency-Key": key})


@pytest.fixture
def desk(client: FlaskClient, set_clock: Any) -> Desk:
    return Desk(client, set_clock)


def test_a_message_is_sent_once_and_listed(desk: Desk) -> None:
    first, twin = desk.send(PUSH), desk.send(PUSH)

    listed = desk.client.get(PATH, headers=desk.agent).json["items"]

    assert (first.status_code, twin.status_code) == (201, 201)
    assert first.json["id"] == twin.json["id"] == listed[0]["id"]
    assert (listed[0]["by"], listed[0]["outcome"], len(listed)) == ("staff:Ann", "SENT", 1)
    assert db.session().scalar(select(func.count()).select_from(ManualContactRow)) == 1
    db.session().rollback()


def test_without_a_key_it_is_not_sent(desk: Desk) -> None:
    assert desk.client.post(PATH, json=PUSH, headers=desk.agent).status_code == 422


def test_asking_changes_nothing_and_says_what_is_left(desk: Desk) -> None:
    asked = desk.client.post(f"{PATH}/check", json=PUSH, headers=desk.agent)

    assert asked.status_code == 200
    assert (asked.json["answer"]["may_happen"], asked.json["answer"]["message_class"]) == (True, "collection")
    assert asked.json["answer"]["room"][-1]["left"] == 1
    assert asked.json["body"]
    assert desk.client.get(PATH, headers=desk.agent).json["items"] == []


def test_a_refusal_names_what_stands_in_the_way_in_the_reader_s_language(desk: Desk) -> None:
    desk.set_clock(NOON.replace(hour=23))

    said = desk.send(PUSH, headers={**desk.agent, "Accept-Language": "zh-CN"})

    assert (said.status_code, said.json["code"]) == (409, "law-refused")
    assert said.json["detail"] == "法律目前不允许此次联系。"
    assert "UK-CONTACT-TIMES" in said.json["errors"][0]["detail"]


def test_a_cap_of_the_policy_is_set_aside_by_a_supervisor_and_written_down(desk: Desk) -> None:
    desk.send(PUSH)
    why = {**PUSH, "override_reason": "They asked to be told at once"}

    full, agent, senior = desk.send(PUSH, "two"), desk.send(why, "three"), desk.send(why, "four", desk.senior)

    assert (full.status_code, full.json["code"]) == (409, "contact-cap-reached")
    assert (agent.status_code, senior.status_code) == (403, 201)
    assert senior.json["override_reason"] == why["override_reason"]
    with unit_of_work() as work:
        actions = list(work.session.scalars(select(AuditRow.action).where(AuditRow.actor == "staff:Bo")))
    assert {"message.sent_by_hand", "contact.policy_overridden"} <= set(actions)


def test_another_lender_s_borrower_is_not_there(desk: Desk) -> None:
    other = a_desk_key(build_lender(now=START, code="other"), staff="Cy", role="admin")

    assert desk.send(PUSH, headers=other).status_code == 404
    assert desk.client.post(f"{PATH}/check", json=PUSH, headers=other).status_code == 404
    assert desk.client.get(PATH, headers=other).status_code == 404


def test_templates_by_hand_are_listed_with_their_channels(desk: Desk, app: Flask) -> None:
    items = desk.client.get("/v1/desk/message-templates", headers=desk.agent).json["items"]

    assert {"template": "overdue_help", "channel": "push"} in items
    assert "promise_made" not in {each["template"] for each in items}
