"""/sandbox: a virtual phone and a movable clock, in sandbox mode only.

The phone's app talks to the real API. What only a sandbox can do, show one-time codes, move the clock, let money arrive, is
here, without a credential: the page listens on this machine alone, and its acts take JSON, which another site's page cannot
send here unasked.
"""

import re
from typing import Any
from urllib.error import HTTPError
from uuid import UUID

import orjson
from flask import Blueprint, Flask, Response, abort, current_app, render_template, request

from app.domain.errors import ConflictError, NotFoundError, ValidationError
from app.domain.times import rfc3339
from app.persistence.models.letters import LetterRow
from app.persistence.queries.clocks import find_clock
from app.persistence.unit_of_work import reading, unit_of_work
from app.sandbox import acts, magic_addresses, samples, virtual_phone
from app.sandbox.deliveries import deliveries, stopped_channels
from app.sandbox.magic_addresses import current_addresses, current_outcomes
from app.sandbox.sample_addresses import targets_of
from app.sandbox.stand_in.client import StandInClient
from app.sandbox.stand_in.magic import ON_CHANNEL
from app.services.letters import pdf_of
from app.web.auth import PUBLIC, bind
from app.web.fields import MOST_MINOR
from app.web.request_context import now
from config import Settings

NAME = "sandbox"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_PDF_POLICY = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'"
"""The browser's own viewer shows it; it runs nothing."""

pages = Blueprint(NAME, __name__, url_prefix="/sandbox", template_folder="templates", static_folder="static")


def open_sandbox(app: Flask, settings: Settings) -> None:
    """Add the pages."""
    app.extensions["duecourse.stand_in"] = StandInClient(settings.stand_in_url) if settings.stand_in_url else None
    bind(app, NAME, PUBLIC)
    app.register_blueprint(pages)


@pages.get("")
def page() -> Response:
    """Show the page."""
    response = Response(render_template("sandbox.html"), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@pages.get("/people")
def people() -> Response:
    """List the demo borrowers."""
    return _json({"people": virtual_phone.people(), "outcomes": ON_CHANNEL})


@pages.get("/phones/<borrower_no>")
def phone(borrower_no: str) -> Response:
    """Return the clock, what the phone received after `since`, the newest decisions and the next due date."""
    since = request.args.get("since", "0")
    if not re.fullmatch("[0-9]{1,15}", since):
        raise ValidationError("`since` is a number.")
    stand_in: StandInClient | None = current_app.extensions["duecourse.stand_in"]
    with reading() as session:
        borrower_id = virtual_phone.get_borrower_id(session, borrower_no)
        clock_row = find_clock(session)
        travel_to = clock_row.travel_to if clock_row is not None else None
        due_day = virtual_phone.next_due_day(session, borrower_id, now=now())
        answer = {
            "now": rfc3339(now()),
            "travel_to": rfc3339(travel_to) if travel_to else None,
            "next_due_on": due_day.due_on.isoformat() if due_day else None,
            "decisions": virtual_phone.decisions(session, borrower_id),
            "deliveries": deliveries(session, borrower_id),
            "endpoints": stopped_channels(session, borrower_id),
            "addresses": current_outcomes(session, borrower_no),
            "phone": current_addresses(session, virtual_phone.get_demo(borrower_no), borrower_id).phone,
            "received": {"items": [], "next": int(since)},
            "has_provider": stand_in is not None,
        }
        if stand_in is not None:
            try:
                answer["received"] = virtual_phone.received(session, stand_in, borrower_no, since=int(since))
            except OSError:  # it is being started again; what it keeps is there on the next look
                answer["has_provider"] = False
    return _json(answer)


@pages.post("/clock")
def move_clock() -> Response:
    """Ask for the clock to be moved."""
    body = _body(to=str, borrower_no=str)
    until = acts.ask_to_travel(body["to"], borrower_no=body["borrower_no"], now=now())
    return _json({"travel_to": rfc3339(until)}, 202)


@pages.post("/payments")
def let_pay() -> Response:
    """Let a payment arrive."""
    body = _body(borrower_no=str, loan_no=str, amount_minor=int)
    if not 0 < body["amount_minor"] <= MOST_MINOR:
        raise ValidationError(f"`amount_minor` is from 1 to {MOST_MINOR}.")
    result = acts.pay(body["borrower_no"], body["loan_no"], body["amount_minor"], now=now())
    return _json({"status": result.status}, 201)


@pages.post("/messages")
def send_sample() -> Response:
    """Send a sample on a channel."""
    body = _body(borrower_no=str, channel=str)
    samples.send_sample(body["borrower_no"], body["channel"], now=now())
    return _json({"status": "queued"}, 202)


@pages.post("/addresses")
def give_address() -> Response:
    """Give a demo borrower a magic address on a channel, or their own again."""
    body = _body(borrower_no=str, channel=str, outcome=str)
    magic_addresses.give_address(body["borrower_no"], body["channel"], body["outcome"], now=now())
    return _json({"status": "changed"})


@pages.post("/gestures")
def touch() -> Response:
    """Do with a message what its owner may: answer it, take the call, press a key, leave the account."""
    body = _body(borrower_no=str, n=int, act=str, text=str)
    stand_in: StandInClient | None = current_app.extensions["duecourse.stand_in"]
    targets = targets_of(virtual_phone.get_demo(body["borrower_no"]))
    found = stand_in.page(since=body["n"] - 1, limit=1, targets=targets)["items"] if stand_in is not None else []
    if stand_in is None or [item["n"] for item in found] != [body["n"]]:
        raise NotFoundError("There is no such message on this phone.")
    try:
        stand_in.touch(body["n"], body["act"], body["text"])
    except HTTPError as refusal:
        raise ConflictError(str(orjson.loads(refusal.read()).get("error", ""))) from None
    return _json({"status": "done"})


@pages.get("/letters/<uuid:letter_id>.pdf")
def letter(letter_id: UUID) -> Response:
    """Show a letter of a demo borrower as it was printed."""
    with unit_of_work() as work:
        row = work.session.get(LetterRow, str(letter_id))
        if row is None or row.borrower_id not in virtual_phone.demo_ids(work.session):
            raise NotFoundError("There is no such letter.")
        response = Response(pdf_of(work, row), content_type="application/pdf")
    response.headers["Content-Security-Policy"] = _PDF_POLICY
    response.headers["Content-Disposition"] = 'inline; filename="letter.pdf"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _body(**fields: type) -> dict[str, Any]:
    if not request.is_json:
        abort(415)
    try:
        body = orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        abort(400)
    if not isinstance(body, dict) or any(type(body.get(name)) is not kind for name, kind in fields.items()):
        raise ValidationError(f"Send a JSON object with {', '.join(fields)}.")
    return body


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, content_type="application/json")
