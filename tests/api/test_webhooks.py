"""A core puts, tries, rotates, replays and deletes its own webhook endpoints, and nobody else's."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock
from app.channels.webhooks import WebhookWire
from app.domain.webhook_urls import UrlRules
from app.engine.webhooks import WebhookDispatch
from app.persistence.models.access import IdempotencyKeyRow
from app.persistence.models.audit import AuditRow
from app.persistence.models.webhooks import WebhookEndpointRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.webhook_events import announce
from tests.builders.access import an_ingest_key, fresh_client
from tests.builders.book import build_lender
from tests.conftest import START
from tests.fakes.webhook_receiver import WebhookReceiver, verify

pytestmark = pytest.mark.both
AT = "/v1/ingest/webhook-endpoints"
URL = "https://hooks.lender.example/duecourse"


@pytest.fixture
def core(app: Flask) -> tuple[FlaskClient, str, dict[str, str]]:
    lender_id = build_lender(now=START)
    return fresh_client(app), lender_id, an_ingest_key(lender_id)


def keyed(headers: dict[str, str], key: str) -> dict[str, str]:
    return {**headers, "Idempotency-Key": key}


def test_a_secret_is_shown_once_and_kept_nowhere_in_the_clear(core: Any) -> None:
    client, _, headers = core
    made = client.put(f"{AT}/core", json={"url": URL, "types": ["promise.*"]}, headers=headers)
    again = client.put(f"{AT}/core", json={"url": URL, "types": []}, headers=headers)
    rotated = client.post(f"{AT}/core/rotate-secret", json={}, headers=keyed(headers, "r1"))
    replayed = client.post(f"{AT}/core/rotate-secret", json={}, headers=keyed(headers, "r1"))
    assert client.post(f"{AT}/core/rotate-secret", json={"old_lives_hours": 1}, headers=headers).status_code == 200

    assert (made.status_code, again.status_code, rotated.status_code, replayed.status_code) == (201, 200, 200, 200)
    first, second = made.json["secret"], rotated.json["secret"]
    assert first.startswith("whsec_")
    assert second.startswith("whsec_")
    assert first != second
    assert (again.json["secret"], replayed.json["secret"]) == (None, None)
    assert "secret" not in client.get(f"{AT}/core", headers=headers).json
    assert made.headers["Cache-Control"] == "no-store"
    with reading() as session:
        kept = [str(row.body) for row in session.scalars(select(IdempotencyKeyRow))]
        kept += [str(row.facts) for row in session.scalars(select(AuditRow))]
        sealed = session.scalars(select(WebhookEndpointRow.secrets_sealed)).one()
    assert not [each for each in kept if "whsec_" in each]
    assert b"whsec_" not in sealed


@pytest.mark.parametrize(
    "url", ["http://hooks.lender.example/", "https://169.254.169.254/", "https://10.0.0.1/", "https://db/"]
)
def test_a_url_of_our_own_network_is_refused_when_it_is_put(core: Any, url: str) -> None:
    client, _, headers = core
    answer = client.put(f"{AT}/core", json={"url": url}, headers=headers)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/url")
    assert client.get(AT, headers=headers).json == {"items": []}


@pytest.mark.parametrize("types", [["promise"], ["promise.made"], ["*"], ["Promise.*"], ["promise.made.v0"],
                                   ["promises.*"], ["promise.*", "promise.mended.v1"]])  # fmt: skip
def test_what_is_no_event_type_is_refused(core: Any, types: list[str]) -> None:
    client, _, headers = core
    assert client.put(f"{AT}/core", json={"url": URL, "types": types}, headers=headers).status_code == 422


def test_another_lenders_endpoints_and_events_are_not_there(core: Any) -> None:
    client, lender_id, headers = core
    client.put(f"{AT}/core", json={"url": URL}, headers=headers)
    with unit_of_work() as work:
        event_id = announce(work, lender_id, "promise.made.v1", {}, now=START)
    other = an_ingest_key(build_lender(now=START, code="other"))

    tries = [
        client.get(f"{AT}/core", headers=other),
        client.get(f"{AT}/core/deliveries", headers=other),
        client.delete(f"{AT}/core", headers=other),
        client.post(f"{AT}/core/test", json={}, headers=keyed(other, "a")),
        client.post(f"{AT}/core/rotate-secret", json={}, headers=keyed(other, "b")),
        client.post(f"{AT}/core/replay", json={"since": "2026-03-01T00:00:00Z"}, headers=keyed(other, "c")),
        client.post(f"/v1/ingest/webhook-events/{event_id}/replay", json={}, headers=keyed(other, "d")),
    ]
    assert [each.status_code for each in tries] == [404] * 7
    assert client.get("/v1/ingest/webhook-events", headers=other).json["items"] == []
    assert client.get(AT, headers=other).json["items"] == []
    assert client.get(f"{AT}/core", headers=headers).json["pending"] == 1


def test_events_and_deliveries_are_listed_and_told_again_once_for_each_key(core: Any) -> None:
    client, lender_id, headers = core
    client.put(f"{AT}/core", json={"url": URL}, headers=headers)
    with unit_of_work() as work:
        ids = [announce(work, lender_id, "promise.made.v1", {"n": n}, now=START + timedelta(seconds=n)) for n in range(3)]
        announce(work, lender_id, "promise.kept.v1", {}, now=START + timedelta(seconds=9))
    page = client.get("/v1/ingest/webhook-events?type=promise.made.v1&limit=2", headers=headers).json
    rest = client.get(
        f"/v1/ingest/webhook-events?type=promise.made.v1&limit=2&cursor={page['next_cursor']}", headers=headers
    ).json
    assert [each["id"] for each in (*page["items"], *rest["items"])] == ids[::-1]
    since = client.get("/v1/ingest/webhook-events?since=2026-03-02T09:00:02Z", headers=headers).json["items"]
    assert len(since) == 2

    client.put(f"{AT}/core", json={"url": URL, "enabled": False}, headers=headers)  # what waits is given up
    refused = client.post(f"{AT}/core/replay", json={"since": "2026-03-02T00:00:00Z"}, headers=keyed(headers, "x"))
    assert refused.status_code == 409
    failed = client.get(f"{AT}/core/deliveries?state=failed", headers=headers).json["items"]
    assert {each["last_error"] for each in failed} == {"endpoint_disabled"}
    assert len(failed) == 4
    client.put(f"{AT}/core", json={"url": URL}, headers=headers)

    clock.use(lambda: START + timedelta(minutes=1))
    body = {"since": "2026-03-02T00:00:00Z", "types": ["promise.made.v1"]}
    answers = [client.post(f"{AT}/core/replay", json=body, headers=keyed(headers, "again")) for _ in range(2)]
    assert [(each.status_code, each.json) for each in answers] == [(202, {"deliveries": 3})] * 2
    one = client.post(f"/v1/ingest/webhook-events/{ids[0]}/replay", json={}, headers=keyed(headers, "one"))
    assert (one.status_code, one.json) == (202, {"deliveries": 0})  # it waits already
    shown = client.get(f"{AT}/core", headers=headers).json
    assert (shown["pending"], shown["failed"]) == (3, 4)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, "/until"),
        ({"since": "2025-03-02T00:00:00Z"}, "/since"),
    ],
)
def test_a_stretch_of_time_that_cannot_be_is_refused(core: Any, body: dict[str, Any], pointer: str) -> None:
    client, _, headers = core
    client.put(f"{AT}/core", json={"url": URL}, headers=headers)
    answer = client.post(f"{AT}/core/replay", json=body, headers=keyed(headers, "k"))

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


def test_there_are_ten_endpoints_at_most_and_a_deleted_one_makes_room(core: Any) -> None:
    client, _, headers = core
    codes = [client.put(f"{AT}/e{n}", json={"url": URL}, headers=headers).status_code for n in range(11)]
    assert codes == [201] * 10 + [409]
    assert [client.delete(f"{AT}/e0", headers=headers).status_code for _ in range(2)] == [204, 204]
    assert client.delete(f"{AT}/never", headers=headers).status_code == 404
    assert client.put(f"{AT}/e10", json={"url": URL}, headers=headers).status_code == 201
    assert client.get(f"{AT}/e0", headers=headers).status_code == 404


def test_in_the_sandbox_a_test_reaches_a_receiver_on_this_machine(app: Flask, core: Any) -> None:
    client, _, headers = core
    strict = app.extensions["duecourse.webhook_rules"]
    app.extensions["duecourse.webhook_rules"] = UrlRules(local=True)
    try:
        with WebhookReceiver() as receiver:
            secret = client.put(f"{AT}/core", json={"url": receiver.url}, headers=headers).json["secret"]
            sent = client.post(f"{AT}/core/test", json={}, headers=keyed(headers, "t"))
            dispatch = WebhookDispatch(WebhookWire(UrlRules(local=True)), app.app_context, owner="here")
            dispatch.drain()
            dispatch.close()
            (got,) = receiver.received
    finally:
        app.extensions["duecourse.webhook_rules"] = strict

    said = verify(secret, got.headers, got.body)
    assert (said["type"], said["data"]) == ("webhook.test.v1", {"endpoint": "core"})
    assert sent.json == {"event_id": got.id}
    (shown,) = client.get(f"{AT}/core/deliveries", headers=headers).json["items"]
    assert (shown["state"], shown["last_status"], shown["next_attempt_at"]) == ("delivered", 204, None)


def test_the_command_lists_and_replays(app: Flask, core: Any) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = app.test_cli_runner().invoke(args=list(arguments))
        return result.exit_code, result.output

    client, lender_id, headers = core
    assert run("webhook", "list") == (0, "There are no webhook endpoints.\n")
    client.put(f"{AT}/core", json={"url": URL}, headers=headers)
    with unit_of_work() as work:
        announce(work, lender_id, "promise.made.v1", {}, now=START)
        work.session.execute(WebhookEndpointRow.__table__.update().values(state="failing", state_reason="timeout"))

    code, output = run("webhook", "list")
    assert (code, output) == (1, f"acme core failing (timeout): {URL}; all events; waiting 1, failed 0\n")
    code, output = run("webhook", "replay", "acme", "core", "--since", "2026-03-02T00:00:00Z", "--by", "Ann")
    assert (code, output) == (0, "0 deliveries to core are on their way.\n")
