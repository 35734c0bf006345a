"""Accounts of staff over the API: sign-in, sessions, a fresh factor, and the admin's acts."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.staff import StaffAccountRow, StaffMembershipRow
from app.persistence.unit_of_work import unit_of_work
from app.services.staff_factors import STEP, code_at
from tests.builders.access import a_desk_key
from tests.builders.book import build_lender
from tests.builders.desk import a_seat
from tests.builders.staff import Colleague, a_colleague
from tests.conftest import START

NEW = {"name": "Li Na", "email": "li.na@example.test", "role": "agent", "teams": ["calls"], "languages": ["zh-CN"]}


def sign_in(client: FlaskClient, who: Colleague, *, steps: int = 0, **more: str) -> Any:
    begun = client.post("/v1/auth/staff", json={"email": who.email, "password": who.password})
    body = {"challenge": begun.json["challenge"], "code": who.code(START + steps * STEP), **more}
    return client.post("/v1/auth/staff/token", json=body)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_two_steps_give_a_token_for_the_desk_and_for_nothing_else(client: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START), role="supervisor")

    made = sign_in(client, who, label="test suite")

    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    assert (made.json["lender"], made.json["lenders"], made.json["expires_at"]) == ("acme", ["acme"], "2026-03-02T21:00:00Z")
    headers = bearer(made.json["token"])
    me = client.get("/v1/desk/me", headers=headers).json
    assert (me["staff"], me["role"], me["staff_id"]) == ("Wang Fang", "supervisor", who.staff_id)
    assert me["session_id"] == made.json["session_id"] == me["key_id"]
    assert me["proved_at"] == "2026-03-02T09:00:00Z"
    assert "plans.decide" in me["permissions"]
    assert "staff.manage" not in me["permissions"]
    (session,) = client.get("/v1/desk/sessions", headers=headers).json["items"]
    assert (session["label"], session["current"]) == ("test suite", True)
    assert client.get("/v1/me", headers=headers).status_code == 401
    assert client.put("/v1/ingest/borrowers/B1", json={"name": "x"}, headers=headers).status_code == 401


def test_what_does_not_fit_is_one_answer(client: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))

    answers = [
        client.post("/v1/auth/staff", json={"email": email, "password": password})
        for email, password in ((who.email, "wrong one"), ("nobody@example.test", who.password))
    ]

    assert {answer.status_code for answer in answers} == {400}
    first, second = ({**answer.json, "instance": ""} for answer in answers)
    assert first == second
    assert first["code"] == "credentials-invalid"


def test_a_challenge_is_no_token_and_a_wrong_code_opens_nothing(client: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))
    challenge = client.post("/v1/auth/staff", json={"email": who.email, "password": who.password}).json["challenge"]

    assert client.get("/v1/desk/me", headers=bearer(challenge)).status_code == 401
    wrong = client.post("/v1/auth/staff/token", json={"challenge": challenge, "code": "000000"})
    assert (wrong.status_code, wrong.json["code"]) == (400, "otp-invalid")
    other = client.post("/v1/auth/staff/token", json={"challenge": challenge, "code": who.code(START), "lender": "harbour"})
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (422, "/lender")


def test_too_many_wrong_passwords_are_told_when_to_come_again(client: FlaskClient) -> None:
    for _ in range(10):
        client.post("/v1/auth/staff", json={"email": "nobody@example.test", "password": "wrong one"})

    answer = client.post("/v1/auth/staff", json={"email": "nobody@example.test", "password": "wrong one"})

    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (429, "rate-limited", "900")


@pytest.mark.parametrize("gone", ["disabled", "left", "no role here"])
def test_who_is_taken_away_is_out_with_the_next_request(client: FlaskClient, gone: str) -> None:
    who = a_colleague(build_lender(now=START))
    headers = bearer(sign_in(client, who).json["token"])
    assert client.get("/v1/desk/me", headers=headers).status_code == 200

    with unit_of_work() as work:
        membership = work.session.scalars(select(StaffMembershipRow)).one()
        if gone == "disabled":
            work.session.scalars(select(StaffAccountRow)).one().state = "disabled"
        elif gone == "left":
            work.session.delete(membership)
        else:
            membership.disabled_at = START

    assert client.get("/v1/desk/me", headers=headers).status_code == 401


def test_signing_out_and_ending_sessions_work_at_once(client: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))
    one, other = (sign_in(client, who, steps=steps).json for steps in (0, 1))

    ended = client.delete(f"/v1/desk/sessions/{other['session_id']}", headers=bearer(one["token"]))
    assert ended.status_code == 204
    revoked = client.get("/v1/desk/me", headers=bearer(other["token"]))
    assert (revoked.status_code, revoked.json["code"]) == (401, "session-revoked")
    assert client.post("/v1/desk/sign-out", headers=bearer(one["token"])).status_code == 204
    assert client.get("/v1/desk/me", headers=bearer(one["token"])).status_code == 401


def test_nobody_ends_another_s_session(app: Flask, client: FlaskClient) -> None:
    lender_id = build_lender(now=START)
    theirs = sign_in(client, a_colleague(lender_id)).json["session_id"]

    answer = client.delete(f"/v1/desk/sessions/{theirs}", headers=a_seat(app, lender_id, role="admin").headers)

    assert answer.status_code == 404


def test_a_fresh_factor_is_proved_in_the_session_under_a_new_token(client: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))
    old = sign_in(client, who).json["token"]
    at = START + timedelta(minutes=10)
    clock.use(lambda: at)

    stale = client.post("/v1/desk/me/recovery-codes", headers=bearer(old))
    assert (stale.status_code, stale.json["code"]) == (401, "step-up-required")
    assert 'max_age="600"' in stale.headers["WWW-Authenticate"]
    proved = client.post("/v1/desk/proofs", json={"code": who.code(at)}, headers=bearer(old))

    assert proved.status_code == 200
    assert client.get("/v1/desk/me", headers=bearer(old)).status_code == 401
    fresh = client.post("/v1/desk/me/recovery-codes", headers=bearer(proved.json["token"]))
    assert (fresh.status_code, len(fresh.json["recovery_codes"])) == (200, 10)
    twice = client.post("/v1/desk/proofs", json={"code": who.code(at)}, headers=bearer(proved.json["token"]))
    assert (twice.status_code, twice.json["code"]) == (400, "otp-invalid")


def test_a_key_proves_no_factor_and_is_told_to_sign_in(client: FlaskClient) -> None:
    key = a_desk_key(build_lender(now=START), role="admin")

    answer = client.post("/v1/desk/staff", json={**NEW, "role": "admin"}, headers=key)

    assert (answer.status_code, answer.json["code"]) == (401, "step-up-required")
    assert "POST /v1/auth/staff" in answer.json["detail"]
    assert client.get("/v1/desk/sessions", headers=key).status_code == 403


def test_an_invited_colleague_accepts_and_signs_in(app: Flask, client: FlaskClient) -> None:
    boss = a_seat(app, build_lender(now=START), role="admin").headers

    invited = client.post("/v1/desk/staff", json=NEW, headers={**boss, "Idempotency-Key": "k1"})
    again = client.post("/v1/desk/staff", json=NEW, headers={**boss, "Idempotency-Key": "k1"})
    assert (invited.status_code, again.status_code) == (201, 201)
    assert (again.json["id"], again.json["token"]) == (invited.json["id"], None)
    token = invited.json["token"]
    opened = client.post("/v1/auth/staff/invitations/open", json={"token": token}).json
    assert (opened["name"], opened["email"], opened["lenders"]) == ("Li Na", "li.na@example.test", ["Acme"])
    accepted = client.post(
        "/v1/auth/staff/invitations/accept",
        json={"token": token, "password": "seven quiet herons", "code": code_at(opened["secret"], START)},
    )
    assert (accepted.status_code, accepted.headers["Cache-Control"]) == (200, "no-store")
    who = Colleague(invited.json["id"], "Li Na", opened["email"], opened["secret"], accepted.json["recovery_codes"])
    assert sign_in(client, who, steps=1).status_code == 200
    gone = client.post("/v1/auth/staff/invitations/open", json={"token": token})
    assert (gone.status_code, gone.json["code"]) == (410, "link-expired")


def test_an_admin_lists_changes_disables_and_resets(app: Flask, client: FlaskClient) -> None:
    lender_id = build_lender(now=START)
    boss, who = a_seat(app, lender_id, name="Boss", role="admin"), a_colleague(lender_id)
    theirs = bearer(sign_in(client, who).json["token"])
    path = f"/v1/desk/staff/{who.staff_id}"

    listed = client.get("/v1/desk/staff", headers=boss.headers).json["items"]
    assert [(each["name"], each["role"], each["state"]) for each in listed] == [
        ("Boss", "admin", "active"),
        ("Wang Fang", "agent", "active"),
    ]
    terms = {"role": "supervisor", "teams": ["disputes"], "languages": ["en"]}
    changed = client.put(f"{path}/membership", json=terms, headers=boss.headers)
    assert (changed.status_code, changed.json["role"], changed.json["teams"]) == (200, "supervisor", ["disputes"])
    assert client.get("/v1/desk/me", headers=theirs).status_code == 401
    assert client.post(f"{path}/disable", headers=boss.headers).json["state"] == "disabled"
    assert client.post(f"{path}/enable", headers=boss.headers).json["state"] == "active"
    assert client.post(f"{path}/end-sessions", headers=boss.headers).status_code == 204
    reset = client.post(f"{path}/reset", headers=boss.headers)
    assert reset.json["token"].startswith("dci_")
    assert client.get(path, headers=boss.headers).json["state"] == "invited"
    mine = client.post(f"/v1/desk/staff/{boss.staff_id}/disable", headers=boss.headers)
    assert (mine.status_code, mine.json["code"]) == (403, "forbidden")
    lines = db.session().execute(select(AuditRow.action, AuditRow.actor, AuditRow.lender_id)).all()
    acts = {line.action for line in lines if line.actor == "staff:Boss"}
    assert acts >= {"staff.changed", "staff.disabled", "staff.enabled", "staff.reset", "staff_session.ended"}
    assert {line.lender_id for line in lines if line.action != "staff.invited"} == {lender_id}


def test_staff_of_another_lender_are_not_there(app: Flask, client: FlaskClient) -> None:
    stranger = a_colleague(build_lender(code="harbour", now=START))
    boss = a_seat(app, build_lender(now=START), role="admin").headers

    for method, path, body in (
        ("GET", "", None),
        ("PUT", "/membership", {"role": "agent"}),
        ("POST", "/disable", None),
        ("POST", "/enable", None),
        ("POST", "/reset", None),
        ("POST", "/invite", None),
        ("POST", "/end-sessions", None),
    ):
        answer = client.open(f"/v1/desk/staff/{stranger.staff_id}{path}", method=method, json=body, headers=boss)
        assert answer.status_code == 404, path


def test_passwords_codes_and_tokens_are_in_no_log(client: FlaskClient, capfd: pytest.CaptureFixture[str]) -> None:
    who = a_colleague(build_lender(now=START))
    made = sign_in(client, who)
    client.post("/v1/auth/staff", json={"email": who.email, "password": "a wrong guess of it"})
    client.get("/v1/desk/me", headers=bearer(made.json["token"]))

    said = "".join(capfd.readouterr())
    for secret in (who.password, who.email, who.secret, who.code(START), made.json["token"], "a wrong guess of it"):
        assert secret not in said
