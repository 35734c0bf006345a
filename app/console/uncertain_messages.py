"""Messages of which nobody knows whether they left: looked into, and settled by a person."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import SIZE, after, listed
from app.persistence.queries.uncertain_messages import find_tries, page_uncertain
from app.persistence.unit_of_work import Work
from app.services.uncertain_messages import LONGEST_REASON, OUTCOMES, look_at, settle_by_hand
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.pagination import Key
from app.web.reads import reads
from app.web.request_context import now

_PATH = "/operations/uncertain"


class SettleSchema(Schema):
    """What became of a message, and how that is known."""

    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    reason = TextField(LONGEST_REASON, required=True)


@pages.get(_PATH)
@permits("operations.read")
def uncertain_messages() -> Response:
    """List them, first those that no provider is asked about any more."""
    rows = page_uncertain(reads(), desk().lender_id, after=after(), limit=SIZE + 1)
    tries = find_tries(reads(), [row.id for row in rows])
    found = listed(
        [(row, tries.get(row.id, [])) for row in rows], [Key(row.next_attempt_at, row.id) for row in rows], size=SIZE
    )
    return page("operations/uncertain.html", found=found)


@pages.get(f"{_PATH}/<id:message_id>")
@permits("operations.read")
def uncertain_message(message_id: str) -> Response:
    """Show one with all that was tried and told, and the form that settles it."""
    return _shown(message_id, Form())


@pages.post(f"{_PATH}/<id:message_id>")
@permits("messages.settle")
def settle_uncertain_message(message_id: str) -> BaseResponse:
    """Say whether it arrived."""
    at, who = now(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        settle_by_hand(work, who.lender_id, message_id, **values, by=who.name, now=at)
        return f"{PREFIX}{_PATH}/{message_id}"

    return submit(SettleSchema, act, lambda form: _shown(message_id, form, status=422))


def _shown(message_id: str, form: Form, *, status: int = 200) -> Response:
    message, tries, receipts = look_at(reads(), desk().lender_id, message_id)
    return page(
        "operations/uncertain_message.html", status=status, message=message, tries=tries, receipts=receipts, form=form
    )
