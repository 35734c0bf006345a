"""The operations doors: who may look, who may turn a channel, and nobody sees another lender's messages."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.services.delivery_figures import count_hours
from tests.builders.access import a_desk_key
from tests.builders.book import build_lender, build_loan
from tests.builders.desk import a_seat
from tests.builders.sent import a_sent, message
from tests.conftest import START

READS = (
    "/operations", "/operations/providers", "/operations/spend", "/operations/channels", "/uncertain-messages",
    "/mismatches",
)  # fmt: skip


def post(client: FlaskClient, path: str, headers: dict[str, str], body: dict[str, Any], key: str = "k1") -> Any:
    return client.post(f"/v1/desk{path}", json=body, headers={**headers, "Idempotency-Key": key})


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(("role", "status"), [("agent", 403), ("supervisor", 200), ("compliance", 200), ("admin", 200)])
def test_seniors_look(client: FlaskClient, path: str, role: str, status: int) -> None:
    headers = a_desk_key(build_lender(now=START), role=role)

    assert client.get(f"/v1/desk{path}", headers=headers).status_code == status


def test_what_was_sent_and_what_is_uncertain_is_of_one_s_own_lender(client: FlaskClient) -> None:
    built = build_loan(now=START, due=[START.date()])
    message_id = a_sent(built.borrower_id, now=START, state="uncertain", provider="twilio")
    count_hours(now=START, turn=0)
    own = a_desk_key(built.lender_id, role="supervisor")
    other = a_desk_key(build_lender(now=START, code="other"), role="admin")

    listed = client.get("/v1/desk/uncertain-messages", headers=own).json["items"]
    spent = client.get("/v1/desk/operations/spend", headers=own).json["items"]

    assert [(each["id"], each["provider"], each["borrower_no"]) for each in listed] == [
        (message_id, "twilio", built.borrower_no)
    ]
    assert [(each["channel"], each["uncertain"], each["cost"]) for each in spent] == [("sms", 1, "0.0083")]
    assert client.get("/v1/desk/uncertain-messages", headers=other).json["items"] == []
    assert client.get("/v1/desk/operations/spend", headers=other).json["items"] == []
    assert client.get(f"/v1/desk/uncertain-messages/{message_id}", headers=other).status_code == 404
    body = {"outcome": "delivered", "reason": "seen"}
    assert post(client, f"/uncertain-messages/{message_id}/settle", other, body).status_code == 404


def test_a_message_is_settled_once_however_often_it_is_asked(client: FlaskClient) -> None:
    built = build_loan(now=START, due=[START.date()])
    message_id = a_sent(built.borrower_id, now=START, state="uncertain")
    headers = a_desk_key(built.lender_id, role="supervisor")
    path = f"/uncertain-messages/{message_id}/settle"

    first = post(client, path, headers, {"outcome": "not_delivered", "reason": "The provider has no record."})
    again = post(client, path, headers, {"outcome": "not_delivered", "reason": "The provider has no record."})
    contrary = post(client, path, headers, {"outcome": "delivered", "reason": "No."}, key="k2")

    assert (first.status_code, first.json["state"]) == (200, "failed")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert contrary.status_code == 409
    assert message(message_id).state == "failed"


def test_stopping_is_at_once_and_resuming_and_limiting_ask_for_a_fresh_proof(
    client: FlaskClient, app: Flask, set_clock: Callable[[datetime], None]
) -> None:
    lender_id = build_lender(now=START)
    seat = a_seat(app, lender_id, role="admin")
    key = a_desk_key(lender_id, role="admin")
    base = "/operations/channels/sms"

    stopped = post(client, f"{base}/stop", key, {"reason": "doubles"})
    by_key = post(client, f"{base}/resume", key, {"reason": "mended"}, key="k2")
    by_session = post(client, f"{base}/resume", seat.headers, {"reason": "mended"}, key="k3")
    set_clock(START + timedelta(minutes=20))
    too_late = post(client, f"{base}/limit", seat.headers, {"reason": "budget", "daily_messages": 5}, key="k4")

    assert (stopped.status_code, stopped.json["is_on"]) == (200, False)
    assert (by_key.status_code, by_key.json["code"]) == (401, "step-up-required")
    assert (by_session.status_code, by_session.json["is_on"]) == (200, True)
    assert too_late.json["code"] == "step-up-required"
    assert post(client, "/operations/channels/pigeon/stop", key, {"reason": "no"}, key="k5").status_code == 404
    supervisor = a_desk_key(lender_id, role="supervisor")
    assert post(client, f"{base}/stop", supervisor, {"reason": "no"}, key="k6").status_code == 403


def test_a_span_that_is_too_long_is_refused(client: FlaskClient) -> None:
    headers = a_desk_key(build_lender(now=START), role="admin")

    assert client.get("/v1/desk/operations/spend?from=2025-01-01&to=2026-01-01", headers=headers).status_code == 422
