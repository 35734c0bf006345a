"""The doors of letter drafts: drafted by one, looked at, approved by another, withdrawn; another lender's are not there."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.letters import LetterRow
from app.persistence.unit_of_work import unit_of_work
from app.services.policies import activate_document
from app.services.rule_parts import use_channels
from app.wording.letter_texts import use_letterheads
from tests.builders.access import a_desk_key
from tests.builders.book import build_lender, build_loan
from tests.builders.cases import default_document
from tests.builders.letters import write_letterhead

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 24, 12, 0, tzinfo=UTC)
PATH = "/v1/desk/borrowers/B1/letters"
DRAFT = {"template": "letter_arrears", "loan_no": "L1"}


class Desk:
    def __init__(self, client: FlaskClient, set_clock: Any) -> None:
        with unit_of_work() as work:
            activate_document(work, default_document() | {"version": 2}, author="test", now=START)
        self.client = client
        lender = build_lender(now=START, jurisdiction="GB", zone="Europe/London", role="first_party", role_reason="test")
        build_loan(now=START, due=[date(2026, 3, 10)], borrower_no="B1", loan_no="L1", lender_id=lender, country="GB",
                   zone="Europe/London", name="Jane Roe", address_lines=("2 Low Road", "Leeds", "LS1 4AP"))  # fmt: skip
        self.agent = a_desk_key(lender, staff="Ann", role="agent")
        self.senior = a_desk_key(lender, staff="Bo", role="supervisor")
        set_clock(NOON)

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str], key: str = "one") -> Any:
        return self.client.post(path, json=body, headers={**headers, "Idempotency-Key": key})


@pytest.fixture
def desk(app: Flask, client: FlaskClient, set_clock: Any, tmp_path: Path) -> Iterator[Desk]:
    write_letterhead(tmp_path)
    use_letterheads(tmp_path)
    use_channels(["letter"])
    yield Desk(client, set_clock)
    use_channels([])
    use_letterheads(None)


def test_a_letter_is_drafted_looked_at_approved_by_another_and_listed(desk: Desk) -> None:
    made, twin = desk.post(PATH, DRAFT, desk.agent), desk.post(PATH, DRAFT, desk.agent)
    path = f"/v1/desk/letters/{made.json['id']}"

    seen = desk.client.get(f"{path}/preview", headers=desk.agent)
    alone = desk.post(f"{path}/approve", {}, desk.agent, "two")
    approved = desk.post(f"{path}/approve", {}, desk.senior, "three")

    assert (made.status_code, twin.json["id"]) == (201, made.json["id"])
    assert (seen.status_code, seen.data[:5], seen.headers["Cache-Control"]) == (200, b"%PDF-", "no-store")
    assert (alone.status_code, approved.status_code) == (403, 200)
    items = desk.client.get(PATH, headers=desk.agent).json["items"]
    assert [(each["state"], each["drafted_by"], each["closed_by"]) for each in items] == [
        ("approved", "staff:Ann", "staff:Bo")
    ]
    db.session().rollback()
    actions = set(db.session().scalars(select(AuditRow.action)))
    assert {"letter.drafted", "letter.looked_at", "letter.approved"} <= actions


def test_whoever_drafted_it_does_not_approve_it(desk: Desk) -> None:
    made = desk.post(PATH, DRAFT, desk.senior)

    refused = desk.post(f"/v1/desk/letters/{made.json['id']}/approve", {}, desk.senior, "two")

    assert (refused.status_code, "somebody else" in refused.json["detail"]) == (403, True)


def test_a_draft_is_withdrawn_and_another_lender_has_none(desk: Desk) -> None:
    made = desk.post(PATH, DRAFT, desk.agent)
    path = f"/v1/desk/letters/{made.json['id']}"
    other = a_desk_key(build_lender(now=START, code="other"), staff="Cy", role="admin")

    for each in (
        desk.client.get(f"{path}/preview", headers=other), desk.client.get(PATH, headers=other),
        desk.post(f"{path}/approve", {}, other, "x"), desk.post(f"{path}/withdraw", {"reason": "no"}, other, "y"),
    ):  # fmt: skip
        assert each.status_code == 404
    taken = desk.post(f"{path}/withdraw", {"reason": "agreed by phone"}, desk.agent, "two")

    assert (taken.status_code, taken.json["state"]) == (200, "withdrawn")
    assert desk.post(f"{path}/approve", {}, desk.senior, "three").status_code == 409


def test_asking_says_what_would_stand_in_the_way(desk: Desk, set_clock: Any) -> None:
    set_clock(NOON + timedelta(hours=11))

    asked = desk.client.post(f"{PATH}/check", json=DRAFT, headers=desk.agent)

    assert (asked.status_code, asked.json["may_happen"]) == (200, False)
    assert asked.json["blocks"][0]["reason"] == "LEGAL_QUIET_HOURS"
    assert asked.json["opens_at"] is not None


def test_two_letters_of_one_kind_are_not_sent_one_after_the_other(desk: Desk, set_clock: Any) -> None:
    first = desk.post(PATH, DRAFT, desk.agent, "1").json["id"]
    assert desk.post(f"/v1/desk/letters/{first}/approve", {}, desk.senior, "2").status_code == 200

    again = desk.post(PATH, DRAFT, desk.agent, "3")
    set_clock(NOON + timedelta(days=14))
    on_its_last_day = desk.post(PATH, DRAFT, desk.agent, "4")
    set_clock(NOON + timedelta(days=15))

    assert (again.status_code, again.json["code"]) == (409, "conflict")
    assert "2026-04-07" in again.json["detail"]
    assert on_its_last_day.status_code == 409
    assert desk.post(PATH, DRAFT, desk.agent, "5").status_code == 201


def test_one_that_came_back_is_written_again(desk: Desk) -> None:
    first = desk.post(PATH, DRAFT, desk.agent, "1").json["id"]
    made = desk.post(f"/v1/desk/letters/{first}/approve", {}, desk.senior, "2").json
    with unit_of_work() as work:
        work.session.get_one(LetterRow, made["letter_id"]).state = "returned"

    assert desk.post(PATH, DRAFT, desk.agent, "3").status_code == 201
