"""Deliveries to the lender's own systems: which endpoints fail, what was given up, and telling it again."""

from typing import Any

from flask import Response, current_app
from marshmallow import Schema
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import SIZE, after, listed, one_of
from app.domain.webhooks import DELIVERY_STATES
from app.persistence.queries.webhook_deliveries import page_deliveries
from app.persistence.queries.webhooks import find_endpoint_states
from app.persistence.unit_of_work import Work
from app.services.webhooks import Owner, endpoint_id_of, replay_event
from app.web.auth import desk, permits
from app.web.fields import IdField
from app.web.pagination import Key
from app.web.reads import reads
from app.web.request_context import now

_PATH = "/operations/webhooks"


class ReplaySchema(Schema):
    """Which event to tell again."""

    event_id = IdField(required=True)


@pages.get(_PATH)
@permits("webhooks.read")
def webhooks() -> Response:
    """List the endpoints, each with how it fares."""
    return page("operations/webhooks.html", endpoints=find_endpoint_states(reads(), desk().lender_id))


@pages.get(f"{_PATH}/<number:name>")
@permits("webhooks.read")
def webhook(name: str) -> Response:
    """List deliveries to one endpoint: at first those that failed."""
    return _shown(name, Form())


@pages.post(f"{_PATH}/<number:name>/replay")
@permits("webhooks.replay")
def replay_webhook(name: str) -> BaseResponse:
    """Have an event told again, to every endpoint that wants it."""
    at, who = now(), desk()
    owner = Owner(who.lender_id, who.name, current_app.extensions["duecourse.webhook_rules"])

    def act(work: Work, values: dict[str, Any]) -> str:
        replay_event(work, owner, values["event_id"], now=at)
        return f"{PREFIX}{_PATH}/{name}?state=pending"

    return submit(ReplaySchema, act, lambda form: _shown(name, form, status=422))


def _shown(name: str, form: Form, *, status: int = 200) -> Response:
    state = one_of("state", DELIVERY_STATES, "failed")
    endpoint_id = endpoint_id_of(reads(), desk().lender_id, name)
    rows = page_deliveries(reads(), endpoint_id, state=state, before=after(state=state), limit=SIZE + 1)
    found = listed(rows, [Key(row.created_at, row.id) for row in rows], state=state)
    return page(
        "operations/webhook.html", status=status, name=name, found=found, state=state, states=DELIVERY_STATES, form=form
    )
