"""The core system says where it wants to be told of what happens, and has its webhook endpoints tried and told again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import current_app

from app.api.ingest.borrowers import door
from app.api.ingest.webhook_forms import (
    DELIVERY_EXAMPLE,
    ENDPOINT_EXAMPLE,
    EVENT_EXAMPLE,
    EXAMPLE_ID,
    SECRET_SHOWN_EXAMPLE,
    VALUES_EXAMPLE,
    DeliveriesQuerySchema,
    DeliveriesSchema,
    EndpointsSchema,
    EndpointValuesSchema,
    EndpointWithSecretSchema,
    EventsQuerySchema,
    ListedEndpointSchema,
    RangeReplaySchema,
    ReplayedSchema,
    ReplaySchema,
    RotationSchema,
    TestedSchema,
    TestSchema,
    WebhookEventsSchema,
)
from app.persistence.queries.webhook_deliveries import page_deliveries
from app.persistence.queries.webhooks import page_events
from app.persistence.unit_of_work import Work, in_unit_of_work, unit_of_work
from app.services import webhooks
from app.services.webhooks import EndpointValues, Owner, Shown
from app.web.answers import Answer
from app.web.auth import ingest
from app.web.doors import answers
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now

_KEYED = ("idempotency-mismatch", "idempotency-in-flight")


@door.put("/webhook-endpoints/<number:name>")
@door.takes(EndpointValuesSchema, example=VALUES_EXAMPLE)
@answers(200, EndpointWithSecretSchema, example=SECRET_SHOWN_EXAMPLE, also=(201,), problems=("conflict",))
def put_webhook_endpoint(body: dict[str, Any], name: str) -> Answer:
    """Have an address of yours told what happens, or change how.

    201: it is new, and `secret` signs what it is sent; it is shown this once. `enabled` true brings back an endpoint that
    was disabled because it answered 410; what was given up meanwhile is told again by a replay.
    """
    values = EndpointValues(body["url"], body["description"], tuple(body["types"]), body["enabled"])
    at = now()

    def act(work: Work) -> Answer:
        shown = webhooks.put_endpoint(work, _owner(), name, values, now=at)
        return Answer(_with_secret(shown), 201 if shown.created else 200)

    return in_unit_of_work(act)


@door.get("/webhook-endpoints")
@answers(200, EndpointsSchema, example={"items": [{**ENDPOINT_EXAMPLE, "pending": 0, "failed": 0}]})
def list_webhook_endpoints() -> dict[str, Any]:
    """List your webhook endpoints, at most ten."""
    return {"items": webhooks.list_endpoints(reads(), ingest().lender_id)}


@door.get("/webhook-endpoints/<number:name>")
@answers(200, ListedEndpointSchema, example={**ENDPOINT_EXAMPLE, "pending": 0, "failed": 0})
def get_webhook_endpoint(name: str) -> Any:
    """Show one of them."""
    return webhooks.shown_endpoint(reads(), ingest().lender_id, name)


@door.delete("/webhook-endpoints/<number:name>")
@answers(204)
def delete_webhook_endpoint(name: str) -> Answer:
    """Tell an endpoint nothing more, and forget its secrets. What waits for it is given up."""
    with unit_of_work() as work:
        webhooks.delete_endpoint(work, _owner(), name, now=now())
    return Answer(None)


@door.post("/webhook-endpoints/<number:name>/rotate-secret")
@door.takes(RotationSchema, example={"old_lives_hours": 24})
@answers(200, EndpointWithSecretSchema, example=SECRET_SHOWN_EXAMPLE, problems=_KEYED)
def rotate_webhook_secret(body: dict[str, Any], name: str) -> Answer:
    """Give an endpoint a new secret; those before sign beside it for a while.

    The secret is shown this once and never kept with the answer: the same Idempotency-Key again is answered without it.
    Then rotate again, which ends nothing sooner.
    """
    fresh: list[str | None] = []
    at = now()

    def act(work: Work) -> Answer:
        lives = timedelta(hours=body["old_lives_hours"])
        shown = webhooks.rotate_secret(work, _owner(), name, old_lives=lives, now=at)
        fresh[:] = [shown.secret]
        return Answer(EndpointWithSecretSchema().dump(_with_secret(shown._replace(secret=None))), 200, dumped=True)

    answer = answer_once(act)
    return replace(answer, value={**answer.value, "secret": fresh[0]}) if fresh else answer


@door.post("/webhook-endpoints/<number:name>/test")
@door.takes(TestSchema, example={})
@answers(202, TestedSchema, example={"event_id": EXAMPLE_ID}, problems=("conflict", *_KEYED))
def test_webhook_endpoint(body: dict[str, Any], name: str) -> Answer:
    """Send `webhook.test.v1` to one endpoint, whatever types it wants; see its deliveries for what came of it."""
    at = now()
    return answer_once(lambda work: Answer({"event_id": webhooks.send_test(work, _owner(), name, now=at)}, 202, dumped=True))


@door.get("/webhook-endpoints/<number:name>/deliveries")
@door.asks(DeliveriesQuerySchema)
@answers(200, DeliveriesSchema, example={"items": [DELIVERY_EXAMPLE], "next_cursor": None})
def list_webhook_deliveries(query: dict[str, Any], name: str) -> Answer:
    """List the deliveries to an endpoint, newest first; a deleted one's too."""
    begin = requested_key(query)
    rows = page_deliveries(
        reads(), webhooks.endpoint_id_of(reads(), ingest().lender_id, name), state=query.get("state"),
        before=(begin.at, begin.row_id) if begin else None, limit=query["limit"] + 1,
    )  # fmt: skip
    shown = [{**row._mapping, **({} if row.state == "pending" else {"next_attempt_at": None})} for row in rows]
    return page_answer(shown, [Key(row.created_at, row.id) for row in rows], query)


@door.post("/webhook-endpoints/<number:name>/replay")
@door.takes(RangeReplaySchema, example={"since": "2026-12-16T00:00:00Z"})
@answers(202, ReplayedSchema, example={"deliveries": 12}, problems=("conflict", *_KEYED))
def replay_webhook_endpoint(body: dict[str, Any], name: str) -> Answer:
    """Tell one endpoint again of everything in a stretch of time, at most 2,000 events.

    Each has the `webhook-id` it had: what you have already is known by that. What still waits is not told twice.
    """
    at = now()

    def act(work: Work) -> Answer:
        until = body["until"] or at + timedelta(microseconds=1)
        count = webhooks.replay_between(work, _owner(), name, since=body["since"], until=until, types=body["types"], now=at)
        return Answer({"deliveries": count}, 202, dumped=True)

    return answer_once(act)


@door.get("/webhook-events")
@door.asks(EventsQuerySchema)
@answers(200, WebhookEventsSchema, example={"items": [EVENT_EXAMPLE], "next_cursor": None})
def list_webhook_events(query: dict[str, Any]) -> Answer:
    """List what happened in the last 125 days, newest first, whether an endpoint was told of it or not."""
    begin = requested_key(query)
    rows = page_events(
        reads(), ingest().lender_id, event_type=query.get("type"), since=query.get("since"),
        before=(begin.at, begin.row_id) if begin else None, limit=query["limit"] + 1,
    )  # fmt: skip
    return page_answer(rows, [Key(row.created_at, row.id) for row in rows], query)


@door.post("/webhook-events/<id:event_id>/replay")
@door.takes(ReplaySchema, example={})
@answers(202, ReplayedSchema, example={"deliveries": 1}, problems=("conflict", *_KEYED))
def replay_webhook_event(body: dict[str, Any], event_id: str) -> Answer:
    """Tell every endpoint that wants it of an event again, under the same `webhook-id`."""
    at = now()
    return answer_once(
        lambda work: Answer({"deliveries": webhooks.replay_event(work, _owner(), event_id, now=at)}, 202, dumped=True)
    )


def _owner() -> Owner:
    return Owner(ingest().lender_id, ingest().name, current_app.extensions["duecourse.webhook_rules"])


def _with_secret(shown: Shown) -> dict[str, Any]:
    names = ("name", "url", "description", "types", "state", "state_reason", "changed_at", "created_at")
    return {each: getattr(shown.row, each) for each in names} | {"secret": shown.secret}
