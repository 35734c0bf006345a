"""Canaries: a phone, a code and tokens go through every kind of request and are found in no log, metric or problem."""

import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import generate_latest
from sqlalchemy import insert

from app import logs
from app.persistence.db import db, vault
from app.persistence.ids import new_id
from app.persistence.models.lenders import LenderRow
from app.services.sign_in import otp_code
from app.web import request_context
from tests.builders.access import a_borrower

PHONE = "+8613987654321"
TARGET = "canary-push-target-" + "a1" * 20
EMAIL = "canary.person@example.com"
NAME = "Canary Person"


def test_personal_data_and_secrets_are_in_no_log_metric_or_problem(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    logs.configure("DEBUG", written)
    monkeypatch.setattr(request_context, "_log", logs.logger())  # the old one keeps the stream it first wrote to
    try:
        said, secrets = _use_everything(client)
    finally:
        logs.configure("INFO")
    text = written.getvalue() + generate_latest().decode() + said

    assert '"event":"signed in"' in text
    assert '"route":"/v1/auth/token"' in text
    for secret in secrets:
        assert secret not in text


def _use_everything(client: FlaskClient) -> tuple[str, list[str]]:
    """Return the problem bodies and what must not be found."""
    borrower_id, _ = a_borrower(phone=PHONE, email=EMAIL, name=NAME)
    problems: list[str] = []

    def call(method: str, path: str, **given: Any) -> Any:
        answer = client.open(path, method=method, **given)
        if answer.status_code >= 400:
            problems.append(answer.text)
        return answer

    ask = {"phone": PHONE, "installation_id": "d1"}
    challenge_id = call("POST", "/v1/auth/otp", json=ask).json["challenge_id"]
    code = otp_code(vault(), challenge_id, 0)
    proof = {"grant_type": "otp", "challenge_id": challenge_id, "code": code, "installation_id": "d1"}
    call("POST", "/v1/auth/otp", json=ask)
    call("POST", "/v1/auth/token", json={**proof, "installation_id": "d2"})
    tokens = call("POST", "/v1/auth/token", json=proof).json
    call("POST", "/v1/auth/token", json=proof)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    device = {"platform": "ios", "target_kind": "token", "target": TARGET}
    call("PUT", "/v1/me/devices/d1", json=device, headers=headers)
    call("GET", "/v1/me", headers=headers)
    for bad in (PHONE, EMAIL, tokens["access_token"]):
        call("POST", "/v1/auth/otp", json={"phone": bad, bad: bad, "installation_id": bad})
        call("GET", f"/v1/me/loans?cursor={bad}", headers=headers)
        call("GET", f"/v1/me/{bad}", headers={**headers, "X-Request-Id": bad})
        call("PUT", "/v1/me/devices/d1", json={**device, "zone": bad, "locale": bad}, headers=headers)
    call("POST", "/v1/auth/token", json={"grant_type": "refresh_token", "refresh_token": "not " + tokens["refresh_token"]})
    assert len(problems) > 12
    assert borrower_id
    return "".join(problems), [PHONE, PHONE[1:], EMAIL, TARGET, f'"{code}"', *_secret(tokens), NAME]


def _secret(tokens: dict[str, Any]) -> list[str]:
    return [tokens["access_token"], tokens["refresh_token"]]


def test_an_unexpected_error_of_the_database_logs_no_values(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a statement fails, its values are in the error: names too, which no pattern can find."""
    values = {"id": new_id(), "code": "x", "name": NAME, "jurisdiction": "US", "zone": "UTC", "currency": "USD"}
    written = io.StringIO()

    def broken() -> None:
        db.session().execute(insert(LenderRow), values)  # refused: it says not when it was recorded

    monkeypatch.setitem(app.view_functions, "health.live", broken)
    logs.configure("INFO", written)
    try:
        answer = client.get("/livez")
    finally:
        logs.configure("INFO")

    assert answer.json["code"] == "internal"
    assert "unhandled error" in written.getvalue()
    assert NAME not in written.getvalue() + answer.text


@pytest.mark.parametrize("token", ["-" + "a" * 42, "a" * 42 + "-", "-_" + "a" * 39 + "_-", "-" * 43, "_" * 43])
@pytest.mark.parametrize("around", ["{}", "not {} here", "({})", "é{}é", "?cursor={}&limit=5"])
def test_a_token_is_masked_whatever_it_begins_or_ends_with(token: str, around: str) -> None:
    """URL-safe tokens hold "-" and "_": one in sixty-four begins with a "-", where no word boundary is."""
    assert logs.redact_text(around.format(token)) == around.format("[token]")


@pytest.mark.parametrize("filler", ["a", "a.", "-a", "a@", "1 ", "bearer "])
def test_a_text_as_long_as_a_body_is_redacted_in_one_pass(filler: str) -> None:
    """A pattern that looks again from every character would take an hour for one request: this test would not end."""
    text = filler * (1024 * 1024 // len(filler)) + " me@example.com"

    assert "me@example.com" not in logs.redact_text(text)
