"""Staff see pledged things of their lender, find one by plate or VIN, and write down what happened to it."""

from dataclasses import replace
from typing import Any

from marshmallow import Schema, fields, validate

from app.api.collateral_forms import THING, THING_PAGE
from app.api.desk.staff import door
from app.api.value_forms import form_of, plain
from app.domain.collateral_events import COST_KINDS, ThingState
from app.domain.collateral_things import KINDS
from app.domain.times import EPOCH
from app.persistence.db import vault
from app.persistence.queries import collateral as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import collateral, collateral_desk, collateral_event_values, collateral_values
from app.services.collateral_notices import serve_collateral_notice
from app.services.collateral_page_values import CollateralPage, ListedThing
from app.services.collateral_pages import listed_things, open_thing, thing_page
from app.web.acting import acting
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, MoneyField, PageQuerySchema, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads
from app.web.request_context import now

_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


class CollateralQuerySchema(PageQuerySchema):
    """Which things."""

    state = fields.String(validate=validate.OneOf([state.value for state in ThingState]))


class CollateralListSchema(Schema):
    """Pledged things, in the order they were made known."""

    items = fields.List(fields.Nested(form_of(ListedThing)), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class CollateralHitsSchema(Schema):
    """Things with this plate or VIN, at most 20."""

    items = fields.List(fields.Nested(form_of(ListedThing)), required=True)


class CollateralSearchSchema(Schema):
    """A whole plate, or a VIN of 17 characters."""

    text = TextField(40, required=True)


class NewPledgeSchema(Schema):
    """A thing and one loan that it secures."""

    reference = PatternField(NUMBER_PATTERN, required=True)
    loan_no = PatternField(NUMBER_PATTERN, required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    pledged_on = DateField(required=True)
    ended_on = DateField(load_default=None, allow_none=True)
    rank = fields.Integer(load_default=1, validate=validate.Range(1, 99))
    limit = MoneyField(load_default=None, allow_none=True)
    about = TextField(collateral.LONGEST_ABOUT, load_default=None, allow_none=True)
    plate = TextField(20, load_default=None, allow_none=True)
    vin = TextField(24, load_default=None, allow_none=True)


class NewCollateralEventSchema(Schema):
    """What happened. A cost says its kind and amount; custody may say what each day costs."""

    kind = fields.String(required=True, validate=validate.OneOf([kind.value for kind in collateral_desk.EVENTS_AT_DESK]))
    effective_on = DateField(required=True)
    reference = PatternField(NUMBER_PATTERN, required=True)
    cost_kind = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(COST_KINDS))
    amount = MoneyField(load_default=None, allow_none=True)
    is_charged = fields.Boolean(load_default=False)
    reason = TextField(collateral_event_values.LONGEST_REASON, load_default=None, allow_none=True)
    reverses = TextField(collateral_event_values.LONGEST_REFERENCE, load_default=None, allow_none=True)
    place = TextField(collateral_event_values.LONGEST_TEXT, load_default=None, allow_none=True)
    note = TextField(collateral_event_values.LONGEST_TEXT, load_default=None, allow_none=True)


class NewAppraisalSchema(Schema):
    """What somebody says that it is worth."""

    reference = PatternField(NUMBER_PATTERN, required=True)
    value = MoneyField(required=True)
    valued_on = DateField(required=True)
    source = fields.String(required=True, validate=validate.OneOf(collateral_values.SOURCES))
    haircut = PatternField(r"(0(\.[0-9]{1,6})?|1)", load_default="0")
    appraiser = TextField(collateral_values.LONGEST_NAME, load_default=None, allow_none=True)


class NewInsuranceSchema(Schema):
    """A policy on it."""

    reference = PatternField(NUMBER_PATTERN, required=True)
    cover = fields.String(required=True, validate=validate.OneOf(collateral_values.COVERS))
    valid_from = DateField(load_default=None, allow_none=True)
    valid_until = DateField(required=True)
    insured = MoneyField(load_default=None, allow_none=True)
    policy_no = TextField(collateral_values.LONGEST_NAME, load_default=None, allow_none=True)


@door.get("/collateral")
@permits("collateral.read")
@door.asks(CollateralQuerySchema)
@answers(200, CollateralListSchema, example={"items": [THING], "next_cursor": None})
def list_collateral(query: dict[str, Any]) -> Answer:
    """List pledged things. Plates and VINs are masked; `POST /desk/collateral/search` finds one by them."""
    begin = requested_key(query)
    end_reads()
    with reading() as session:
        after, most = begin.row_id if begin else "", query["limit"] + 1
        rows = queries.page_things(session, desk().lender_id, state=query.get("state"), after=after, limit=most)
        shown = [plain(each) for each in listed_things(session, vault(), rows, now=now())]
    return replace(page_answer(shown, [Key(EPOCH, row.id) for row in rows], query), dumped=True)


@door.post("/collateral/search")
@permits("collateral.read")
@door.takes(CollateralSearchSchema, example={"text": "粤B12345"})
@answers(200, CollateralHitsSchema, example={"items": [THING]})
def search_collateral(body: dict[str, Any]) -> Answer:
    """Find a thing by its whole plate or VIN, however it is written. That it was looked for stands in the audit trail."""
    who, at = desk(), now()
    end_reads()
    with unit_of_work() as work:
        rows = collateral.find_by_identity(work.session, work.vault, who.lender_id, body["text"])
        facts = {"hits": len(rows)}
        add_audit(work.session, at=at, actor=who.name, action="collateral.searched", borrower_id=None, facts=facts)
        shown = [plain(each) for each in listed_things(work.session, work.vault, rows, now=at)]
    return Answer({"items": shown}, 200, dumped=True)


@door.get("/collateral/<id:thing_id>")
@permits("collateral.read")
@answers(200, form_of(CollateralPage), example=THING_PAGE)
def get_collateral(thing_id: str) -> Answer:
    """Show a thing: what it secures, its events, costs, value, insurance, quotes, sales. Each opening is written down."""
    who, at = desk(), now()
    end_reads()
    with unit_of_work() as work:
        return Answer(plain(open_thing(work, thing_id, lender_id=who.lender_id, by=who.name, now=at)), 200, dumped=True)


@door.post("/collateral")
@permits("collateral.record")
@door.takes(
    NewPledgeSchema,
    example={"reference": "V-1", "loan_no": "CN-1001", "kind": "vehicle", "pledged_on": "2026-01-05", "plate": "粤B12345"},
)
@answers(201, form_of(CollateralPage), example=THING_PAGE, problems=_ONCE)
def put_pledge(body: dict[str, Any]) -> Answer:
    """Write down a thing with a loan that it secures; the same thing with another loan of its borrower secures both."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        limit = body["limit"]
        values = collateral.PledgeValues(
            **{name: value for name, value in body.items() if name != "limit"},
            limit_minor=None if limit is None else limit.minor,
            currency=None if limit is None else limit.currency,
        )
        thing_id = collateral_desk.pledge_at_desk(work, values, staff=staff, now=at)
        return page_of(work, thing_id, 201)

    return answer_once(act)


@door.post("/collateral/<id:thing_id>/events")
@permits("collateral.record")
@door.takes(
    NewCollateralEventSchema,
    example={"kind": "taken", "effective_on": "2026-03-02", "reference": "T-1", "place": "Yard 7", "reason": "court_order"},
)
@answers(201, form_of(CollateralPage), example=THING_PAGE, problems=_ONCE)
def post_collateral_event(body: dict[str, Any], thing_id: str) -> Answer:
    """Write down what happened. What the law says against a recovery becomes a task; it is written down all the same.

    A reversal takes the newest move back, or a cost; it needs its own permission. Sales and redemptions have other doors.
    """
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        collateral_desk.record_at_desk(work, thing_id, collateral_desk.DeskEvent(**body), staff=staff, now=at)
        return page_of(work, thing_id, 201)

    return answer_once(act)


@door.post("/collateral/<id:thing_id>/notices")
@permits("letters.approve")
@answers(202, form_of(CollateralPage), example=THING_PAGE, problems=_ONCE)
def post_collateral_notice(thing_id: str) -> Answer:
    """Have a letter served about each loan that it secures. `notice_served` is told when a proof of delivery is there."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        serve_collateral_notice(work, thing_id, staff=staff, now=at)
        return page_of(work, thing_id, 202)

    return answer_once(act)


@door.post("/collateral/<id:thing_id>/appraisals")
@permits("collateral.record")
@door.takes(
    NewAppraisalSchema,
    example={
        "reference": "A-1", "value": {"amount_minor": 5000000, "currency": "CNY"}, "valued_on": "2026-03-02",
        "source": "appraiser", "haircut": "0.2",
    },
)  # fmt: skip
@answers(201, form_of(CollateralPage), example=THING_PAGE, problems=_ONCE)
def post_appraisal(body: dict[str, Any], thing_id: str) -> Answer:
    """Write down what somebody says that it is worth. The newest counts, after its haircut."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        collateral_desk.appraise_at_desk(work, thing_id, **body, staff=staff, now=at)
        return page_of(work, thing_id, 201)

    return answer_once(act)


@door.post("/collateral/<id:thing_id>/insurance")
@permits("collateral.record")
@door.takes(NewInsuranceSchema, example={"reference": "P-1", "cover": "comprehensive", "valid_until": "2027-03-01"})
@answers(201, form_of(CollateralPage), example=THING_PAGE, problems=_ONCE)
def post_insurance(body: dict[str, Any], thing_id: str) -> Answer:
    """Write down a policy. Thirty days before it runs out, people and the borrower are told, unless another outlasts it."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        collateral_desk.insure_at_desk(work, thing_id, **body, staff=staff, now=at)
        return page_of(work, thing_id, 201)

    return answer_once(act)


def page_of(work: Work, thing_id: str, status: int) -> Answer:
    """Return a thing's page as the answer to what was done to it. Raises NotFoundError."""
    shown = thing_page(work.session, work.vault, thing_id, lender_id=desk().lender_id, now=now())
    return Answer(plain(shown), status, dumped=True)
