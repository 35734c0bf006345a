"""Acts that bind ask for a fresh code: which sessions are fresh, how one proves a code, and what the refusal says."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.persistence.db import vault
from app.services.sign_in import otp_code
from tests.builders.access import a_borrower, signed_in
from tests.builders.arrangements import a_late_loan, asked
from tests.conftest import START

PHONE = "+8613800000001"


@pytest.fixture
def client(sqlite_book: Flask) -> FlaskClient:
    return sqlite_book.test_client(use_cookies=False)


def accept(client: FlaskClient, headers: dict[str, str], request_id: str, sha256: str) -> tuple[int, dict[str, object]]:
    answer = client.post(f"/v1/me/plan-requests/{request_id}/accept", json={"document_sha256": sha256}, headers=headers)
    return answer.status_code, {**answer.json, "challenge": answer.headers.get("WWW-Authenticate")}


def a_code(client: FlaskClient, phone: str = PHONE, installation_id: str = "phone-1") -> dict[str, str]:
    """Ask for a code as the app does; return what proves it."""
    asked_for = client.post("/v1/auth/otp", json={"phone": phone, "installation_id": installation_id})
    challenge_id = asked_for.json["challenge_id"]
    return {"challenge_id": challenge_id, "code": otp_code(vault(), challenge_id, 0)}


def test_a_session_whose_code_is_ten_minutes_old_proves_one_anew(client: FlaskClient) -> None:
    loan = a_late_loan(phone=PHONE)
    request = asked(loan)
    request_id, sha256 = request.id, request.document_sha256
    tokens = client.post("/v1/auth/token", json={"grant_type": "otp", "installation_id": "phone-1", **a_code(client)}).json
    later = START + timedelta(minutes=10)
    clock.use(lambda: later)
    again = client.post("/v1/auth/token", json={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    headers = {"Authorization": f"Bearer {again.json['access_token']}"}

    status, refused = accept(client, headers, request_id, sha256)
    assert (status, refused["code"]) == (401, "step-up-required")
    assert refused["challenge"] == (
        'Bearer realm="duecourse", error="insufficient_user_authentication", '
        'error_description="A fresh one-time code is needed.", max_age="600"'
    )
    assert "/v1/me/proofs" in str(refused["detail"])

    proved = client.post("/v1/me/proofs", json=a_code(client), headers=headers)
    assert (proved.status_code, proved.json["fresh_until"]) == (200, "2026-03-02T09:20:00Z")
    status, made = accept(client, headers, request_id, sha256)
    assert (status, made["state"]) == (200, "active")


def test_a_session_opened_by_a_code_just_now_is_fresh(client: FlaskClient) -> None:
    loan = a_late_loan(phone=PHONE)
    request = asked(loan)

    status, made = accept(client, signed_in(loan.borrower_id), request.id, request.document_sha256)

    assert (status, made["state"]) == (200, "active")


@pytest.mark.parametrize("spoilt", ["code", "device", "borrower", "used"])
def test_a_code_that_is_not_this_sessions_proves_nothing(client: FlaskClient, spoilt: str) -> None:
    borrower_id, phone = a_borrower(phone=PHONE)
    _, others_phone = a_borrower()
    headers = signed_in(borrower_id)
    given = a_code(client, others_phone if spoilt == "borrower" else phone, "x" if spoilt == "device" else "phone-1")
    if spoilt == "code":
        given["code"] = f"{(int(given['code']) + 1) % 10**6:06d}"
    if spoilt == "used":
        assert client.post("/v1/me/proofs", json=given, headers=headers).status_code == 200

    answer = client.post("/v1/me/proofs", json=given, headers=headers)

    assert (answer.status_code, answer.json["code"]) == (400, "otp-expired" if spoilt == "used" else "otp-invalid")
