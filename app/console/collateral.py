"""Pledged things in a browser: the list, finding one by plate or VIN, writing one down with what it secures."""

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import REFUSED_ELSEWHERE, Form, refused, submit
from app.console.frame import PREFIX, go, page, pages
from app.console.lists import SIZE, begin, listed, one_of
from app.domain.collateral_events import ThingState
from app.domain.collateral_things import KINDS
from app.domain.errors import DomainError
from app.domain.times import EPOCH
from app.persistence.db import vault
from app.persistence.queries import collateral as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import collateral
from app.services.collateral_desk import pledge_at_desk
from app.services.collateral_page_values import ListedThing
from app.services.collateral_pages import listed_things
from app.web.acting import acting
from app.web.auth import desk, permits
from app.web.fields import NUMBER_PATTERN, DateField, PatternField, TextField
from app.web.pagination import Key
from app.web.reads import end_reads
from app.web.request_context import now

HOME = f"{PREFIX}/collateral"


class PledgeFormSchema(Schema):
    """A thing and one loan that it secures."""

    reference = PatternField(NUMBER_PATTERN, required=True)
    loan_no = PatternField(NUMBER_PATTERN, required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    pledged_on = DateField(required=True)
    rank = fields.Integer(load_default=1, validate=validate.Range(1, 99))
    about = TextField(collateral.LONGEST_ABOUT, load_default=None)
    plate = TextField(20, load_default=None)
    vin = TextField(24, load_default=None)


@pages.get("/collateral")
@permits("collateral.read")
def collateral_list() -> Response:
    """List pledged things, masked."""
    who, state = desk(), one_of("state", list(ThingState))
    key = begin(state=state)
    end_reads()
    with reading() as session:
        after = key.row_id if key else ""
        rows = queries.page_things(session, who.lender_id, state=state, after=after, limit=SIZE + 1)
        shown = listed_things(session, vault(), rows, now=now())
    return _shown(listed(shown, [Key(EPOCH, each.id) for each in shown], state=state), state=state)


@pages.get("/collateral/search")
@permits("collateral.read")
def search_collateral_again() -> BaseResponse:
    """Somebody loads the address of an answer anew: what was typed is not in it."""
    return go(HOME)


@pages.post("/collateral/search")
@permits("collateral.read")
def search_collateral_page() -> BaseResponse:
    """Show the things with this plate or VIN. That somebody looked stands in the audit trail."""
    typed, who = request.form.get("text", "").strip()[:40], desk()
    if not typed:
        return go(HOME)
    end_reads()
    try:
        with unit_of_work() as work:
            rows = collateral.find_by_identity(work.session, work.vault, who.lender_id, typed)
            facts = {"hits": len(rows)}
            add_audit(work.session, at=now(), actor=who.name, action="collateral.searched", borrower_id=None, facts=facts)
            shown = listed_things(work.session, work.vault, rows, now=now())
    except REFUSED_ELSEWHERE:
        raise
    except DomainError as error:
        return _shown(listed([], []), search=refused(error), status=422)
    return _shown(listed(shown, [Key(EPOCH, each.id) for each in shown]), is_search=True)


@pages.get("/collateral/new")
@permits("collateral.record")
def new_collateral() -> Response:
    """Show the form."""
    return _new(Form())


@pages.post("/collateral/new")
@permits("collateral.record")
def add_collateral() -> BaseResponse:
    """Write down a thing with a loan that it secures."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        return f"{HOME}/{pledge_at_desk(work, collateral.PledgeValues(**values), staff=staff, now=at)}"

    return submit(PledgeFormSchema, act, lambda form: _new(form, status=422))


def _new(form: Form, *, status: int = 200) -> Response:
    return page("collateral/new.html", status=status, form=form, kinds=KINDS)


def _shown(
    found: Any, *, state: str | None = None, search: Form | None = None, is_search: bool = False, status: int = 200
) -> Response:
    things: list[ListedThing] = list(found.items)
    return page(
        "collateral/list.html", status=status, found=found, things=things, state=state, states=list(ThingState),
        search=search or Form(), is_search=is_search,
    )  # fmt: skip
