"""/livez and /readyz, which say only ok or not; /metrics, for the operator's own network."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIServer

from flask import Blueprint, Flask, Response
from marshmallow import Schema, fields
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest, make_wsgi_app, start_http_server
from sqlalchemy.exc import SQLAlchemyError

from app import clock, logs
from app.persistence import schema
from app.persistence.queries.running import find_newest_lease_end
from app.web.auth import PUBLIC, bind
from app.web.doors import Door, answers
from app.web.errors import problem_response
from app.web.openapi import Api
from app.web.reads import reads
from config import Settings

LEASE_SLACK = timedelta(seconds=60)
"""How long after its lease ran out the engine may be silent before this installation is not ready."""

_RETRY_SECONDS = 5

door = Door("health", "Whether this process answers, and whether it can do its work.", any_query=True)


class HealthSchema(Schema):
    """Ok, and nothing else; what is not ok is a problem of status 503."""

    status = fields.String(required=True, metadata={"enum": ["ok"]})


@door.get("/livez")
@answers(200, HealthSchema, example={"status": "ok"})
def live() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@door.get("/readyz")
@answers(200, HealthSchema, example={"status": "ok"}, problems=("maintenance",))
def ready() -> dict[str, str] | Response:
    """Say whether the database answers, the schema is the newest and the engine is alive."""
    if reason := _not_ready():
        logs.logger().warning("not ready", reason=reason)
        return problem_response("maintenance", headers={"Retry-After": str(_RETRY_SECONDS)})
    return {"status": "ok"}


def _not_ready() -> str | None:
    try:
        if not schema.is_current(reads()):
            return "schema"
        lease_ends_at = find_newest_lease_end(reads())
    except SQLAlchemyError:
        return "database"
    if lease_ends_at is not None and lease_ends_at + LEASE_SLACK < clock.system_now():
        return "engine"
    return None


def metrics_app() -> Callable[..., Any]:
    """Return the WSGI app that answers this process's metrics."""
    return make_wsgi_app()


def serve_metrics(port: int, host: str = "127.0.0.1") -> tuple[WSGIServer, Thread]:
    """Serve this process's metrics on a thread of its own, loopback unless said otherwise; port 0 takes a free one.

    For the web server's hook after a worker has started, for the engine, and for `flask ops serve`.
    """
    server, thread = start_http_server(port, addr=host)
    return server, thread


def init_health(app: Flask, api: Api, settings: Settings) -> None:
    """Add the routes. Metrics share the web port in the sandbox only."""
    api.register_blueprint(door, auth=PUBLIC)
    if settings.is_sandbox:
        metrics = Blueprint("metrics", __name__)
        metrics.add_url_rule("/metrics", "metrics", _metrics)
        bind(app, metrics.name, PUBLIC)
        app.register_blueprint(metrics)


def _metrics() -> Response:
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
