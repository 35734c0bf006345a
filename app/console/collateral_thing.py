"""The page of one pledged thing in a browser, which every form about it comes back to."""

from collections.abc import Callable
from typing import Any

from flask import Response
from marshmallow import Schema
from werkzeug.wrappers import Response as BaseResponse

from app.console.call_forms import money_in
from app.console.collateral import HOME
from app.console.forms import Form, submit
from app.console.frame import page
from app.domain.collateral_events import COST_KINDS, EventKind
from app.domain.collateral_sales import METHODS
from app.domain.desk_payments import METHODS as WAYS
from app.domain.money import Money
from app.persistence.queries import collateral as queries
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import collateral_desk, collateral_values
from app.services.collateral_pages import open_thing
from app.services.collateral_sale_previews import OTHERS, US, ShownPreview
from app.web.auth import desk
from app.web.reads import end_reads
from app.web.request_context import now

PATH = "/collateral/<id:thing_id>"

TOLD = tuple(kind.value for kind in collateral_desk.EVENTS_AT_DESK if kind not in (EventKind.REVERSAL, EventKind.PLEDGED))
"""Kinds that the form of events offers; a reversal has a button beside the event."""


def submit_about(
    thing_id: str, name: str, schema: type[Schema], act: Callable[[Work, dict[str, Any]], None]
) -> BaseResponse:
    """Do what a form of the page asks for and show the page; what is refused comes back with the form as it was sent."""

    def done(work: Work, values: dict[str, Any]) -> str:
        act(work, values)
        return f"{HOME}/{thing_id}"

    return submit(schema, done, lambda form: thing_page(thing_id, name=name, form=form, status=422))


def thing_page(
    thing_id: str, *, name: str = "", form: Form | None = None, preview: ShownPreview | None = None, status: int = 200
) -> Response:
    """Show all of a thing; that it was opened is written down. `name`: which of its forms is `form`."""
    who, at = desk(), now()
    end_reads()
    with unit_of_work() as work:
        shown = open_thing(work, thing_id, lender_id=who.lender_id, by=who.name, now=at)
    forms = {each: Form() for each in _FORMS} | ({name: form} if form is not None else {})
    return page(
        "collateral/thing.html", status=status, shown=shown, forms=forms, preview=preview, kinds=TOLD,
        cost_kinds=COST_KINDS, sources=collateral_values.SOURCES, covers=collateral_values.COVERS, ways=list(WAYS),
        methods=METHODS, sellers=(US, OTHERS),
    )  # fmt: skip


_FORMS = ("event", "reversal", "appraisal", "insurance", "quote", "redemption", "sale", "decision")


def money_of(work: Work, thing_id: str, text: str | None, name: str) -> Money | None:
    """Return an amount of a form, in the thing's currency. Raises ValidationError at the field."""
    currency = queries.get_thing(work.session, thing_id, lender_id=desk().lender_id).currency
    return None if text is None else money_in(text, currency, name)
