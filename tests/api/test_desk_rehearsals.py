"""Staff have policies rehearsed over their lender's book."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.persistence.models.rehearsals import RehearsalRow
from app.persistence.unit_of_work import close_session, reading, unit_of_work
from app.services.policies import ensure_default_policy
from app.services.rehearsals.stored import run_stored
from tests.api.test_inbox import DUE
from tests.builders.access import a_desk_key
from tests.builders.book import build_lender, build_loan
from tests.builders.cases import default_document
from tests.conftest import START

ASKED = {"version": "active", "from": "2026-03-03", "days": 30}


@pytest.fixture
def lender_id(app: Flask) -> str:
    ensure_default_policy(now=START)
    loan = build_loan(now=START, due=DUE, borrower_no="B1", loan_no="L1")
    other = build_lender(now=START, code="other")
    build_loan(now=START, due=DUE, borrower_no="B2", loan_no="L2", lender_id=other)
    return loan.lender_id


def run(app: Flask, rehearsal_id: str) -> None:
    close_session()
    run_stored(app.config["SETTINGS"].database_url, rehearsal_id)
    close_session()


def test_a_rehearsal_is_asked_for_run_and_read(app: Flask, client: FlaskClient, lender_id: str) -> None:
    key = a_desk_key(lender_id)
    asked = client.post("/v1/desk/rehearsals", json={**ASKED, "against": "active"}, headers=key)
    path = f"/v1/desk/rehearsals/{asked.json['id']}"
    early = client.get(f"{path}/page", headers=key)

    run(app, asked.json["id"])

    assert (asked.status_code, asked.json["state"], asked.json["zone"]) == (201, "waiting", "UTC")
    assert (early.status_code, early.json["code"]) == (409, "conflict")
    shown = client.get(path, headers=key).json
    assert (shown["state"], shown["borrowers_done"], len(shown["digest"])) == ("done", 1, 64)
    assert [item["id"] for item in client.get("/v1/desk/rehearsals", headers=key).json["items"]] == [asked.json["id"]]
    lines = client.get(f"{path}/lines?limit=2", headers=key).json
    rest = client.get(f"{path}/lines?limit=100&cursor={lines['next_cursor']}", headers=key).json["items"]
    steps = [line["step"] for line in lines["items"] + rest]
    assert (len(lines["items"]), steps) == (2, sorted(steps))
    assert all(line["decisions"] == line["decisions_against"] for line in rest)
    table = client.get(f"{path}/csv?table=delta", headers=key)
    assert table.text.splitlines() == ["kind,contacts", "added,0", "removed,0", "moved,0", "changed,0"]
    assert table.headers["Content-Type"].startswith("text/csv")
    page = client.get(f"{path}/page", headers={**key, "Accept": "text/html"})
    assert "Rehearsal of active" in page.text
    assert "style-src 'sha256-" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_another_lenders_rehearsal_does_not_exist(app: Flask, client: FlaskClient, lender_id: str) -> None:
    asked = client.post("/v1/desk/rehearsals", json=ASKED, headers=a_desk_key(lender_id)).json
    stranger = a_desk_key(build_lender(now=START, code="third"))

    for tail in ("", "/lines", "/csv", "/page"):
        assert client.get(f"/v1/desk/rehearsals/{asked['id']}{tail}", headers=stranger).status_code == 404
    assert client.get("/v1/desk/rehearsals", headers=stranger).json["items"] == []


def test_agents_read_and_do_not_ask(client: FlaskClient, lender_id: str) -> None:
    key = a_desk_key(lender_id, role="agent")

    assert client.post("/v1/desk/rehearsals", json=ASKED, headers=key).status_code == 403
    assert client.get("/v1/desk/rehearsals", headers=key).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"version": None}, 422),
        ({"document": {}}, 422),
        ({"days": 0}, 422),
        ({"days": 401}, 422),
        ({"payments": "all"}, 422),
        ({"version": "nobody@1"}, 404),
        ({"against": "nobody@1"}, 404),
        ({"version": None, "document": {**default_document(), "lender": "other"}}, 403),
        ({"version": None, "document": {"policy": "x"}}, 422),
        ({"version": None, "document": default_document()}, 201),
    ],
)
def test_what_cannot_be_rehearsed_is_refused(
    client: FlaskClient, lender_id: str, changes: dict[str, Any], status: int
) -> None:
    body = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}

    assert client.post("/v1/desk/rehearsals", json=body, headers=a_desk_key(lender_id)).status_code == status


def test_only_a_few_wait_at_once(client: FlaskClient, lender_id: str) -> None:
    key = a_desk_key(lender_id)

    codes = [client.post("/v1/desk/rehearsals", json=ASKED, headers=key).status_code for _ in range(4)]

    assert codes == [201, 201, 201, 409]


def test_one_that_cannot_be_done_says_why(app: Flask, client: FlaskClient, lender_id: str) -> None:
    asked = client.post("/v1/desk/rehearsals", json=ASKED, headers=a_desk_key(lender_id)).json
    with reading() as session:
        row = session.get(RehearsalRow, asked["id"])
        assert row is not None
        settings = {**row.settings, "policy": "gone@1"}
    _set_settings(asked["id"], settings)

    run(app, asked["id"])

    shown = client.get(f"/v1/desk/rehearsals/{asked['id']}", headers=a_desk_key(lender_id)).json
    assert shown["state"] == "failed"
    assert "gone@1" in shown["failure"]


def _set_settings(rehearsal_id: str, settings: dict[str, Any]) -> None:
    with unit_of_work() as work:
        row = work.session.get(RehearsalRow, rehearsal_id)
        assert row is not None
        row.settings = settings
