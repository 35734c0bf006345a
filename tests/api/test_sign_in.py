"""Signing in by phone: the same for everyone, once per code, limited, and bound to the device."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from app import clock
from app.domain.errors import RateLimitedError
from app.factory import create_app
from app.persistence.db import db, vault
from app.persistence.models.access import OtpChallengeRow, RateCounterRow, SessionRow
from app.persistence.models.audit import AuditRow
from app.persistence.models.messages import MessageRow
from app.services.limits import Limit
from app.services.sign_in import POLICY, Caller, otp_code, request_code
from app.web.rate_limit import address_prefix
from tests.builders.access import a_borrower, fresh_client, signed_in
from tests.conftest import START, make_settings

DEVICE = "phone-1"


def ask_code(client: FlaskClient, phone: str, device: str = DEVICE) -> Any:
    return client.post("/v1/auth/otp", json={"phone": phone, "installation_id": device})


def send_code(client: FlaskClient, challenge_id: str, code: str, device: str = DEVICE) -> Any:
    body = {"grant_type": "otp", "challenge_id": challenge_id, "code": code, "installation_id": device}
    return client.post("/v1/auth/token", json=body)


def refresh(client: FlaskClient, token: str) -> Any:
    return client.post("/v1/auth/token", json={"grant_type": "refresh_token", "refresh_token": token})


def challenge_for(client: FlaskClient, phone: str) -> tuple[str, str]:
    challenge_id = ask_code(client, phone).json["challenge_id"]
    return challenge_id, otp_code(vault(), challenge_id, 0)


def sign_in(client: FlaskClient, phone: str) -> dict[str, Any]:
    return send_code(client, *challenge_for(client, phone)).json


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def later(**delta: float) -> None:
    at = START + timedelta(**delta)
    clock.use(lambda: at)


def test_a_code_opens_a_session(client: FlaskClient) -> None:
    _, phone = a_borrower()

    answer = send_code(client, *challenge_for(client, phone))

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["expires_in"] == 600
    listed = client.get("/v1/me/sessions", headers=bearer(answer.json)).json["items"]
    assert [(row["id"], row["current"]) for row in listed] == [(answer.json["session_id"], True)]


def test_known_and_unknown_numbers_get_the_same_answer_by_the_same_statements(client: FlaskClient) -> None:
    _, phone = a_borrower()
    seen: list[list[str]] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen[-1].append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        answers = []
        for number in (phone, "+8613899999999"):
            seen.append([])
            answers.append(ask_code(client, number, device=f"d-{len(seen)}"))
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json.keys() == answers[1].json.keys()
    assert answers[0].json["resend_after_seconds"] == answers[1].json["resend_after_seconds"] == 30
    assert seen[0] == seen[1]


def test_only_a_known_number_gets_a_message_and_no_row_holds_the_code(client: FlaskClient) -> None:
    borrower_id, phone = a_borrower()

    challenge_id = ask_code(client, phone).json["challenge_id"]
    ask_code(client, "+8613899999999", device="other")

    rows = db.session().execute(select(MessageRow.borrower_id, MessageRow.challenge_id, MessageRow.text_sealed)).all()
    assert rows == [(borrower_id, challenge_id, None)]


def test_a_wrong_code_counts_and_the_sixth_try_is_locked_out(client: FlaskClient) -> None:
    _, phone = a_borrower()
    challenge_id, code = challenge_for(client, phone)
    wrong = "000000" if code != "000000" else "111111"

    codes = [send_code(client, challenge_id, wrong).json["code"] for _ in range(POLICY.tries)]
    locked = send_code(client, challenge_id, code)

    assert codes == ["otp-invalid"] * POLICY.tries
    assert (locked.status_code, locked.json["code"]) == (429, "otp-locked")
    assert locked.headers["Retry-After"] == "30"


def test_a_code_is_bound_to_its_device(client: FlaskClient) -> None:
    _, phone = a_borrower()
    challenge_id, code = challenge_for(client, phone)

    assert send_code(client, challenge_id, code, device="stolen").json["code"] == "otp-invalid"


def test_a_code_runs_out_after_five_minutes(client: FlaskClient) -> None:
    _, phone = a_borrower()
    challenge_id, code = challenge_for(client, phone)

    later(minutes=5)

    assert send_code(client, challenge_id, code).json["code"] == "otp-expired"


def test_a_number_nobody_has_never_signs_in_even_with_the_right_digits(client: FlaskClient) -> None:
    challenge_id, code = challenge_for(client, "+8613899999999")

    assert send_code(client, challenge_id, code).json["code"] == "otp-invalid"


def test_of_a_hundred_parallel_submits_exactly_one_succeeds(app: Flask, client: FlaskClient) -> None:
    _, phone = a_borrower()
    challenge_id, code = challenge_for(client, phone)

    with ThreadPoolExecutor(8) as pool:
        submits = [pool.submit(send_code, fresh_client(app), challenge_id, code, DEVICE) for _ in range(100)]
        statuses = [submit.result().status_code for submit in submits]

    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 400, 429}
    assert len(db.session().scalars(select(SessionRow.id)).all()) == 1


def test_the_wait_between_two_codes_grows(client: FlaskClient) -> None:
    _, phone = a_borrower()
    waits, at = [], 0.0
    for _ in range(4):
        later(seconds=at)
        waits.append(ask_code(client, phone).json["resend_after_seconds"])
        later(seconds=at + waits[-1] - 1)
        early = ask_code(client, phone)
        assert (early.status_code, early.headers["Retry-After"]) == (429, "1")
        at += waits[-1]

    assert waits == [30, 60, 120, 240]


def test_a_new_hour_does_not_end_the_wait(client: FlaskClient) -> None:
    _, phone = a_borrower()
    later(minutes=59, seconds=50)
    ask_code(client, phone)

    later(minutes=60)
    early = ask_code(client, phone)

    assert (early.status_code, early.headers["Retry-After"]) == (429, "20")


@pytest.mark.parametrize("phone", ["+4407400123456", "+999999999999999"])
def test_a_phone_that_cannot_exist_is_refused_in_clear_words(client: FlaskClient, phone: str) -> None:
    answer = ask_code(client, phone)

    assert (answer.status_code, answer.json["code"]) == (422, "validation-failed")
    assert "country code" in answer.json["detail"]
    assert phone not in answer.text


@pytest.mark.parametrize(
    "phone", ["+44 7400 123456", "+44-7400-123456", "+８６13800138000", "+0123456789", "tel:+447400123456"]
)
def test_a_phone_in_another_form_than_e164_is_named(client: FlaskClient, phone: str) -> None:
    assert [error["pointer"] for error in ask_code(client, phone).json["errors"]] == ["/phone"]


def test_codes_per_phone_are_limited_by_the_hour(client: FlaskClient) -> None:
    _, phone = a_borrower()
    for number in range(POLICY.codes_per_phone.most):
        later(minutes=9 * number)
        assert ask_code(client, phone, device=f"d{number}").status_code == 202

    later(minutes=58)
    refused = ask_code(client, phone, device="another")
    later(minutes=61)

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "120")
    assert ask_code(client, phone, device="another").status_code == 202


def test_codes_per_device_and_per_network_are_limited(client: FlaskClient) -> None:
    for number in range(POLICY.codes_per_device.most):
        assert ask_code(client, f"+86139000000{number:02d}").status_code == 202

    by_device = ask_code(client, "+8613911111111")
    statuses = [
        ask_code(client, f"+86137{number:08d}", device=f"n{number}").status_code
        for number in range(POLICY.codes_per_network.most - POLICY.codes_per_device.most + 1)
    ]

    assert by_device.status_code == 429
    assert statuses.count(202) == POLICY.codes_per_network.most - POLICY.codes_per_device.most
    assert statuses[-1] == 429


def test_a_refresh_token_rotates_and_the_grace_returns_the_same_successor(client: FlaskClient) -> None:
    _, phone = a_borrower()
    first = sign_in(client, phone)

    second = refresh(client, first["refresh_token"]).json
    later(seconds=15)
    again = refresh(client, first["refresh_token"]).json

    assert second["refresh_token"] != first["refresh_token"]
    assert again["refresh_token"] == second["refresh_token"]
    assert again["access_token"] != second["access_token"]
    assert refresh(client, second["refresh_token"]).status_code == 200


def test_a_spent_token_after_the_grace_ends_the_whole_family(client: FlaskClient) -> None:
    _, phone = a_borrower()
    first = sign_in(client, phone)
    second = refresh(client, first["refresh_token"]).json

    later(seconds=16)
    reused = refresh(client, first["refresh_token"])

    assert (reused.status_code, reused.json["code"]) == (401, "session-revoked")
    assert refresh(client, second["refresh_token"]).json["code"] == "session-revoked"
    assert client.get("/v1/me/sessions", headers=bearer(second)).json["code"] == "session-revoked"
    assert db.session().scalar(select(AuditRow.facts).where(AuditRow.action == "session.ended"))["reason"] == "refresh_reuse"


def test_fifty_parallel_refreshes_leave_one_family_alive(app: Flask, client: FlaskClient) -> None:
    _, phone = a_borrower()
    first = sign_in(client, phone)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refresh(fresh_client(app), first["refresh_token"]), range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    assert refresh(client, answers[0].json["refresh_token"]).status_code == 200


def test_a_session_ends_after_thirty_idle_days_and_after_180_days(client: FlaskClient) -> None:
    _, phone = a_borrower()
    tokens = sign_in(client, phone)
    later(days=30)
    assert refresh(client, tokens["refresh_token"]).json["code"] == "token-expired"

    later(days=0, minutes=2)
    tokens = sign_in(client, phone)
    for day in range(25, 180, 25):
        later(days=day)
        tokens = refresh(client, tokens["refresh_token"]).json
    later(days=180, minutes=2)
    assert refresh(client, tokens["refresh_token"]).json["code"] == "token-expired"


def test_an_access_token_lives_ten_minutes(client: FlaskClient) -> None:
    _, phone = a_borrower()
    tokens = sign_in(client, phone)

    later(minutes=10)
    answer = client.get("/v1/me/sessions", headers=bearer(tokens))

    assert (answer.status_code, answer.json["code"]) == (401, "token-expired")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="duecourse", error="invalid_token"'


def test_a_refresh_token_is_no_access_token(client: FlaskClient) -> None:
    _, phone = a_borrower()
    tokens = sign_in(client, phone)

    answer = client.get("/v1/me/sessions", headers={"Authorization": f"Bearer {tokens['refresh_token']}"})

    assert answer.json["code"] == "unauthenticated"


def test_an_unknown_refresh_token_is_refused(client: FlaskClient) -> None:
    assert refresh(client, secrets.token_hex(32)).json["code"] == "unauthenticated"


def test_signing_out_here_leaves_the_other_device_signed_in(client: FlaskClient) -> None:
    _, phone = a_borrower()
    first = sign_in(client, phone)
    later(minutes=1)
    second = sign_in(client, phone)

    answer = client.post("/v1/auth/logout", json={}, headers=bearer(first))

    assert answer.status_code == 204
    assert client.get("/v1/me/sessions", headers=bearer(first)).json["code"] == "session-revoked"
    assert len(client.get("/v1/me/sessions", headers=bearer(second)).json["items"]) == 1


def test_signing_out_everywhere_and_ending_another_session(client: FlaskClient) -> None:
    _, phone = a_borrower()
    first = sign_in(client, phone)
    later(minutes=1)
    second = sign_in(client, phone)

    ended = client.delete(f"/v1/me/sessions/{first['session_id']}", headers=bearer(second))
    assert ended.status_code == 204
    assert client.delete(f"/v1/me/sessions/{first['session_id']}", headers=bearer(second)).status_code == 404

    client.post("/v1/auth/logout", json={"scope": "all"}, headers=bearer(second))
    assert refresh(client, second["refresh_token"]).json["code"] == "session-revoked"


def test_signing_out_everywhere_ends_every_session_however_many(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    other = signed_in(a_borrower()[0])
    first = signed_in(borrower_id)
    for number in range(100):
        signed_in(borrower_id, installation_id=f"d{number}")
    last = signed_in(borrower_id)

    client.post("/v1/auth/logout", json={"scope": "all"}, headers=last)

    assert client.get("/v1/me", headers=first).json["code"] == "session-revoked"
    assert client.get("/v1/me", headers=other).status_code == 200


def test_an_access_token_refreshes_nothing(client: FlaskClient) -> None:
    _, phone = a_borrower()
    tokens = sign_in(client, phone)

    assert refresh(client, tokens["access_token"]).json["code"] == "unauthenticated"


def test_another_borrowers_session_is_neither_listed_nor_ended(client: FlaskClient) -> None:
    mine, theirs = (sign_in(client, a_borrower()[1]) for _ in range(2))

    ended = client.delete(f"/v1/me/sessions/{theirs['session_id']}", headers=bearer(mine))

    assert ended.status_code == 404
    assert [row["id"] for row in client.get("/v1/me/sessions", headers=bearer(mine)).json["items"]] == [mine["session_id"]]
    assert client.get("/v1/me", headers=bearer(theirs)).status_code == 200


def test_a_code_lives_to_the_last_second_and_no_longer(client: FlaskClient) -> None:
    _, phone = a_borrower()
    challenge_id, code = challenge_for(client, phone)

    later(minutes=4, seconds=59.999)
    assert send_code(client, challenge_id, code).status_code == 200
    assert send_code(client, challenge_id, code).json["code"] == "otp-expired"


def test_wrong_codes_answer_alike_for_known_and_unknown_numbers(client: FlaskClient) -> None:
    answers = []
    for phone in (a_borrower()[1], "+8613899999999"):
        challenge_id, code = challenge_for(client, phone)
        wrong = "000000" if code != "000000" else "111111"
        tries = [send_code(client, challenge_id, wrong).json for _ in range(POLICY.tries + 1)]
        answers.append([{**body, "instance": ""} for body in tries])

    assert answers[0] == answers[1]


def test_limits_are_counted_under_keyed_hashes(client: FlaskClient) -> None:
    _, phone = a_borrower()

    ask_code(client, phone)

    buckets = db.session().scalars(select(RateCounterRow.bucket)).all()
    assert len(buckets) == 5
    assert not any(secret in bucket for bucket in buckets for secret in (phone[1:], DEVICE, "127.0.0"))


def test_a_challenge_is_stored_without_the_number_in_clear(client: FlaskClient) -> None:
    _, phone = a_borrower()

    ask_code(client, phone)

    row = db.session().scalars(select(OtpChallengeRow)).one()
    assert phone.encode() not in row.phone_sealed
    assert phone not in row.phone_digest


def test_once_the_days_codes_are_spent_known_and_unknown_numbers_are_refused_alike(app: Flask) -> None:
    policy = replace(POLICY, codes_sent=Limit("otp-sent-day", 1, timedelta(days=1)))
    phones = [a_borrower()[1] for _ in range(2)]
    request_code(phones[0], Caller("a", "n"), now=START, policy=policy)

    for number in (phones[1], "+8613899999999"):
        with pytest.raises(RateLimitedError):
            request_code(number, Caller("b", "n"), now=START, policy=policy)


@pytest.mark.parametrize(("trusted", "seen"), [(0, "127.0.0.0/24"), (1, "2001:db8:1:2::/64")])
def test_forwarded_addresses_count_only_behind_a_trusted_proxy(tmp_path: Path, trusted: int, seen: str) -> None:
    app = create_app(make_settings(f"sqlite:///{tmp_path / 'x.db'}", tmp_path, trusted_proxies=trusted))
    found: list[str] = []
    app.view_functions["health.live"] = lambda: found.append(address_prefix()) or {}

    fresh_client(app).get("/livez", headers={"X-Forwarded-For": "2001:db8:1:2::7"})

    assert found == [seen]
