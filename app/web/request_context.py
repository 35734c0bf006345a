"""What every request carries: an id, the trace it belongs to, one `now`, and one access-log line at its end."""

import re
from datetime import datetime

from flask import Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from app import clock, logs
from app.metrics import REQUEST_SECONDS, REQUESTS
from app.persistence.ids import new_id
from app.persistence.queries.audit import acting_for

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_log = logs.logger()
_counted: dict[tuple[str, int], object] = {}
_timed: dict[str, object] = {}


def begin() -> None:
    """Give the request its id. One from the caller is kept when it is well formed and holds nothing personal."""
    context = g._get_current_object()
    context.started = clock.monotonic_seconds()
    # An outer app context (a command, a test) would keep what the last request left.
    acting_for.set(None)
    context.now = context.machine_now = context.locale = context.principal = context.problem = None
    environ = request.environ
    given = environ.get("HTTP_X_REQUEST_ID")
    if given and _REQUEST_ID.fullmatch(given) and logs.redact_text(given) == given:
        context.request_id = given
    else:
        context.request_id = new_id()
    trace = environ.get("HTTP_TRACEPARENT")
    match = _TRACEPARENT.fullmatch(trace) if trace else None
    if match:
        bind_contextvars(request_id=context.request_id, trace_id=match.group(1))
    else:
        bind_contextvars(request_id=context.request_id)


def end(_error: object = None) -> None:
    """Leave nothing to what this thread logs next."""
    clear_contextvars()


def now() -> datetime:
    """Return the one instant this request happens at."""
    at: datetime | None = g.get("now")
    if at is None:
        at = g.now = clock.now()
    return at


def machine_now() -> datetime:
    """Return the one instant of the machine's clock this request happens at; see app/clock.py."""
    at: datetime | None = g.get("machine_now")
    if at is None:
        at = g.machine_now = clock.machine_now()
    return at


def finish(response: Response) -> None:
    """Echo the id, write the access-log line, count. Routes are named by their template, never by the raw path."""
    context, asked = g._get_current_object(), request._get_current_object()  # type: ignore[attr-defined]
    request_id = context.get("request_id")
    if request_id is None:
        return
    rule = asked.url_rule
    route = rule.rule if rule is not None else "(no route)"
    status = response.status_code
    seconds = clock.monotonic_seconds() - context.started
    response.headers["X-Request-Id"] = request_id
    refused = {"problem": context.problem} if context.problem else {}
    _log.info("request", method=asked.method, route=route, status=status, duration_us=int(seconds * 1_000_000), **refused)
    count(route, status, seconds)


def count(route: str, status: int, seconds: float) -> None:
    """Add to the metrics. The labelled children are kept, since looking them up costs more than counting."""
    counter = _counted.get((route, status))
    if counter is None:
        counter = _counted[route, status] = REQUESTS.labels(route, str(status))
    counter.inc()  # type: ignore[attr-defined]
    timer = _timed.get(route)
    if timer is None:
        timer = _timed[route] = REQUEST_SECONDS.labels(route)
    timer.observe(seconds)  # type: ignore[attr-defined]
