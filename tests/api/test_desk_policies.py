"""Reminder policies at the desk: who sees, submits, approves and activates which."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.persistence.unit_of_work import unit_of_work
from app.services.policies import ensure_default_policy
from app.services.policy_versions import save_draft
from tests.builders.access import a_desk_key
from tests.builders.book import build_lender
from tests.builders.policies import a_document, with_step
from tests.conftest import START

VERSION = "/v1/desk/policies/acme/versions/1"


def own(**changes: Any) -> dict[str, Any]:
    return {"document": a_document(lender="acme", **changes)}


def test_one_submits_another_approves_and_activates(client: FlaskClient) -> None:
    lender = build_lender(now=START)
    ensure_default_policy(now=START)
    author, other = a_desk_key(lender, staff="Ann", role="supervisor"), a_desk_key(lender, staff="Ben")

    submitted = client.post("/v1/desk/policies", json=own(), headers=author)
    answers = [client.post(f"{VERSION}/{act}", headers=other) for act in ("approve", "activate")]
    listed = client.get("/v1/desk/policies", headers=a_desk_key(lender, staff="Cay", role="agent")).json["items"]
    shown = client.get(VERSION, headers=author)

    assert (submitted.status_code, submitted.json["status"], submitted.json["author"]) == (201, "in_review", "staff:Ann")
    assert [(each.status_code, each.json["status"]) for each in answers] == [(200, "approved"), (200, "active")]
    assert {(each["policy"], each["status"], each["lender"]) for each in listed} == {
        ("acme", "active", "acme"),
        ("default", "active", None),
    }
    assert shown.json["document"] == own()["document"]
    assert (shown.json["approved_by"], shown.json["activated_by"]) == ("staff:Ben", "staff:Ben")
    assert client.post(f"{VERSION}/retire", headers=other).json["status"] == "retired"


@pytest.mark.parametrize(
    ("role", "act", "status"),
    [("agent", "", 403), ("supervisor", "", 201), ("compliance", "", 201), ("admin", "", 201),
     *[(role, act, 403) for role in ("agent", "supervisor") for act in ("approve", "return", "activate", "retire")]],
)  # fmt: skip
def test_roles_may_do_what_is_theirs_and_no_more(client: FlaskClient, role: str, act: str, status: int) -> None:
    headers = a_desk_key(build_lender(now=START), role=role)

    answer = client.post(f"{VERSION}/{act}", headers=headers) if act else client.post(
        "/v1/desk/policies", json=own(), headers=headers
    )  # fmt: skip

    assert answer.status_code == status


def test_an_author_in_another_role_still_does_not_approve(client: FlaskClient) -> None:
    headers = a_desk_key(build_lender(now=START), staff="Ann", role="admin")
    client.post("/v1/desk/policies", json=own(), headers=headers)

    answer = client.post(f"{VERSION}/approve", headers=headers)

    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert client.post(f"{VERSION}/activate", headers=headers).status_code == 409


def test_everything_wrong_is_said_at_once_and_nothing_is_kept(client: FlaskClient) -> None:
    lender = build_lender(now=START, jurisdiction="CN")
    headers = a_desk_key(lender)
    action = {"task": "call", "queue": "early", "sla": "PT8H"}
    late = {"document": with_step(ladder=None, at="23:00", action=action) | {"lender": "acme"}}

    refused = client.post("/v1/desk/policies", json=late, headers=headers)
    checked = client.post("/v1/desk/policies/check", json=late, headers=headers)
    form = client.post("/v1/desk/policies", json=own(quite_hours={}, lender_code=1), headers=headers)

    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/document/steps/0/at")
    assert "CN-QUIET" in refused.json["errors"][0]["detail"]  # long numbers are masked in every problem, paragraphs too
    assert (checked.json["is_in_order"], checked.json["law"]) == (False, ["CN"])
    assert "CN-QUIET; GB/T 45251-2025 cl. 5.3" in checked.json["problems"][0]["detail"]
    assert [(each["pointer"], each["code"]) for each in checked.json["problems"]] == [("/steps/0/at", "law")]
    assert {each["pointer"] for each in form.json["errors"]} == {"/document/quite_hours", "/document/lender_code"}
    assert client.get("/v1/desk/policies", headers=headers).json["items"] == []


def test_a_check_takes_the_callers_lender_and_no_other(client: FlaskClient) -> None:
    headers = a_desk_key(build_lender(now=START, jurisdiction="DE"))

    fine = client.post("/v1/desk/policies/check", json={"document": a_document()}, headers=headers)
    foreign = client.post("/v1/desk/policies/check", json={"document": a_document(lender="other")}, headers=headers)

    assert (fine.json["is_in_order"], fine.json["law"]) == (True, ["EU"])
    assert foreign.status_code == 403


def test_another_lenders_policy_does_not_exist_and_that_of_everyone_is_only_read(client: FlaskClient) -> None:
    ours, theirs = build_lender(now=START), build_lender(now=START, code="other")
    with unit_of_work() as work:
        save_draft(work, a_document(lender="other"), by="x", now=START)
        save_draft(work, a_document(policy="all"), by="x", now=START)
    headers = a_desk_key(ours)
    everyone = "/v1/desk/policies/all/versions/1"

    assert client.get(VERSION, headers=headers).status_code == 404
    assert client.get(VERSION, headers=a_desk_key(theirs)).status_code == 200
    assert client.get(everyone, headers=headers).status_code == 200
    assert client.post(f"{everyone}/retire", headers=headers).status_code == 403
    assert client.post("/v1/desk/policies", json={"document": a_document()}, headers=headers).status_code == 403
    assert [each["policy"] for each in client.get("/v1/desk/policies", headers=headers).json["items"]] == ["all"]


def test_versions_are_compared_in_words(client: FlaskClient) -> None:
    headers = a_desk_key(build_lender(now=START))
    client.post("/v1/desk/policies", json=own(), headers=headers)
    client.post("/v1/desk/policies", json=own(version=2, not_after_margin="PT20M"), headers=headers)

    answer = client.get("/v1/desk/policies/acme/versions/2/diff?against=acme@1", headers=headers)

    assert answer.json == {
        "changes": [
            {
                "kind": "changed",
                "subject": "margin before a window closes",
                "words": "Margin before a window closes: 5 min -> 20 min.",
            }
        ]
    }
    assert client.get("/v1/desk/policies/acme/versions/2/diff", headers=headers).status_code == 422


def test_pages_lead_on_to_the_next(client: FlaskClient) -> None:
    headers = a_desk_key(build_lender(now=START))
    for version in (1, 2, 3):
        client.post("/v1/desk/policies", json=own(version=version), headers=headers)

    first = client.get("/v1/desk/policies?limit=2&key=acme", headers=headers).json
    second = client.get(f"/v1/desk/policies?limit=2&key=acme&cursor={first['next_cursor']}", headers=headers).json

    assert [each["version"] for each in first["items"] + second["items"]] == [3, 2, 1]
    assert second["next_cursor"] is None
    assert client.get("/v1/desk/policies?status=draft", headers=headers).json["items"] == []
