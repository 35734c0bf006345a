"""Staff see how the installation is doing: queues, engines, providers, what was sent and at what price."""

from datetime import timedelta
from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.money import example_money
from app.api.desk.staff import door
from app.domain.errors import refused_at
from app.domain.money import Money
from app.domain.times import business_date
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.operations import page_unmatched_payments
from app.persistence.unit_of_work import reading
from app.services.delivery_figures import MOST_DAYS, recent_providers, spend_of
from app.services.operations import look
from app.services.rehearsals.channel_figures import load_figures
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, MoneyField, PageQuerySchema
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads, reads
from app.web.request_context import machine_now, now

_DEFAULT_DAYS = 7


class LaneSchema(Schema):
    """One queue of the outbox. Counts stop at `most_counted`."""

    lane = fields.String(required=True)
    waiting = fields.Integer(required=True)
    due = fields.Integer(required=True, metadata={"description": "Whose time has come."})
    sending = fields.Integer(required=True, metadata={"description": "In flight, under a lease."})
    lapsed = fields.Integer(required=True, metadata={"description": "In flight, and whoever had them is gone."})
    stale = fields.Integer(required=True, metadata={"description": "To be decided again before they leave."})
    first_at = InstantField(required=True, allow_none=True, metadata={"description": "Of the one whose turn is first."})


class DueCountSchema(Schema):
    """What is due of one kind."""

    kind = fields.String(required=True)
    due = fields.Integer(required=True)
    first_at = InstantField(required=True, allow_none=True)


class PausedSchema(Schema):
    """A provider that an engine leaves alone for a while."""

    channel = fields.String(required=True)
    provider = fields.String(required=True)
    until = InstantField(required=True)


class BreakerSchema(Schema):
    """A platform whose credential a provider refused."""

    way = fields.String(required=True, metadata={"description": "CHANNEL/PROVIDER"})
    platform = fields.String(required=True)
    seconds = fields.Integer(required=True, metadata={"description": "Until it is tried again, when this was said."})


class EngineSchema(Schema):
    """One engine. What only its memory knows is as it last said, at `reported_at`, by the machine's clock."""

    owner = fields.String(required=True)
    is_alive = fields.Boolean(required=True)
    expires_at = InstantField(required=True)
    reported_at = InstantField(required=True, allow_none=True)
    ticks = fields.Dict(keys=fields.String(), values=InstantField(), required=True)
    paused = fields.List(fields.Nested(PausedSchema), required=True)
    breakers = fields.List(fields.Nested(BreakerSchema), required=True)
    weights = fields.Dict(
        keys=fields.String(), values=fields.Dict(keys=fields.String(), values=fields.Integer()), required=True,
        metadata={"description": "Channel -> provider -> points of a hundred."},
    )  # fmt: skip


class InvariantSchema(Schema):
    """What must never be, as last counted; every count is to be 0."""

    name = fields.String(required=True)
    count = fields.Integer(required=True)
    checked_at = InstantField(required=True)


class OperationsSchema(Schema):
    """How it stands. Queues, engines and invariants are of the whole installation, `waiting` of your lender."""

    as_of = InstantField(required=True)
    is_well = fields.Boolean(required=True)
    late = fields.List(fields.String(), required=True, metadata={"description": "Queues that do not keep up."})
    most_counted = fields.Integer(required=True)
    most_waiting = fields.Integer(required=True)
    lanes = fields.List(fields.Nested(LaneSchema), required=True)
    due = fields.List(fields.Nested(DueCountSchema), required=True)
    engines = fields.List(fields.Nested(EngineSchema), required=True)
    invariants = fields.List(fields.Nested(InvariantSchema), required=True)
    waiting = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class ProviderSchema(Schema):
    """How one provider of one channel did within the last hour."""

    channel = fields.String(required=True)
    provider = fields.String(required=True)
    attempts = fields.Integer(required=True)
    accepted = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    uncertain = fields.Integer(required=True)
    failure_percent = fields.Integer(required=True)
    errors = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    late_receipts = fields.Integer(required=True)


class ProvidersSchema(Schema):
    """Every provider that was asked or owes receipts."""

    items = fields.List(fields.Nested(ProviderSchema), required=True)


class SpendQuerySchema(Schema):
    """Which days, both inclusive, in the lender's zone."""

    first_on = DateField(data_key="from")
    last_on = DateField(data_key="to")


class SpendLineSchema(Schema):
    """One day, channel and provider."""

    day = DateField(required=True)
    channel = fields.String(required=True)
    provider = fields.String(required=True)
    attempts = fields.Integer(required=True)
    accepted = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    retried = fields.Integer(required=True)
    uncertain = fields.Integer(required=True)
    units = fields.Integer(required=True, metadata={"description": "Segments and pages that may have to be paid for."})
    currency = fields.String(required=True, allow_none=True)
    price = fields.String(required=True, allow_none=True, metadata={"description": "Of one unit, in units of the currency."})
    cost = fields.String(required=True, allow_none=True)


class SpendSchema(Schema):
    """What was sent, newest day first."""

    items = fields.List(fields.Nested(SpendLineSchema), required=True)


class WaitingPaymentSchema(Schema):
    """A payment the core told of that is not booked yet."""

    id = IdField(required=True)
    reference = fields.String(required=True)
    loan_no = fields.String(required=True)
    kind = fields.String(required=True)
    amount = MoneyField(required=True)
    effective_on = fields.String(required=True)
    reason = fields.String(required=True, metadata={"description": "Why it waits: unknown-loan, refund-over-received, ..."})
    received_at = InstantField(required=True)


class WaitingPaymentsSchema(Schema):
    """A page, oldest first."""

    items = fields.List(fields.Nested(WaitingPaymentSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_AT = "2026-11-24T01:00:00Z"
_ENGINE = {
    "owner": "host-1:7",
    "is_alive": True,
    "expires_at": _AT,
    "reported_at": _AT,
    "ticks": {"sweep": _AT},
    "paused": [{"channel": "sms", "provider": "twilio", "until": _AT}],
    "breakers": [{"way": "push/fcm", "platform": "ios", "seconds": 240}],
    "weights": {"sms": {"aliyun": 90, "tencent": 10}},
}
_LANE = {"lane": "sms", "waiting": 12, "due": 3, "sending": 2, "lapsed": 0, "stale": 0, "first_at": _AT}
_OPERATIONS = {
    "as_of": _AT,
    "is_well": True,
    "late": [],
    "most_counted": 2000,
    "most_waiting": 100,
    "lanes": [_LANE],
    "due": [{"kind": "agenda", "due": 4, "first_at": _AT}],
    "engines": [_ENGINE],
    "invariants": [{"name": "candidates_without_decision", "count": 0, "checked_at": _AT}],
    "waiting": {"uncertain_messages": 1},
}
_PROVIDER = {
    "channel": "sms",
    "provider": "twilio",
    "attempts": 200,
    "accepted": 190,
    "refused": 4,
    "failed": 6,
    "uncertain": 0,
    "failure_percent": 3,
    "errors": {"quota": 6},
    "late_receipts": 2,
}
_SPEND = {
    "day": "2026-11-24",
    "channel": "sms",
    "provider": "aliyun",
    "attempts": 1200,
    "accepted": 1188,
    "refused": 8,
    "retried": 4,
    "uncertain": 0,
    "units": 2310,
    "currency": "CNY",
    "price": "0.045",
    "cost": "103.95",
}
_WAITS = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "reference": "P-100",
    "loan_no": "CN-9",
    "kind": "repayment",
    "amount": example_money(104500),
    "effective_on": "2026-11-23",
    "reason": "unknown-loan",
    "received_at": _AT,
}


@door.get("/operations")
@permits("operations.read")
@answers(200, OperationsSchema, example=_OPERATIONS)
def get_operations() -> Any:
    """Show how queues, engines and invariants stand, and what of your lender waits for a person."""
    return look(reads(), desk().lender_id, now=now(), machine_now=machine_now())


@door.get("/operations/providers")
@permits("operations.read")
@answers(200, ProvidersSchema, example={"items": [_PROVIDER]})
def list_providers() -> dict[str, Any]:
    """List how each provider did within the last hour, for every lender of the installation, by its newest attempts."""
    return {"items": recent_providers(reads(), now=now())}


@door.get("/operations/spend")
@permits("operations.read")
@door.asks(SpendQuerySchema)
@answers(200, SpendSchema, example={"items": [_SPEND]})
def list_spend(query: dict[str, Any]) -> dict[str, Any]:
    """List what was sent to your borrowers by day, channel and provider, with what it cost by the table of prices.

    Seven days where nothing else is asked for; 92 at most. Counted every minute, beside the sending.
    """
    lender_id = desk().lender_id
    end_reads()
    with reading() as session:
        zone = get_lender(session, lender_id).zone
    last_on = query.get("last_on") or business_date(now(), zone)
    first_on = query.get("first_on") or last_on - timedelta(days=_DEFAULT_DAYS - 1)
    if not 0 <= (last_on - first_on).days < MOST_DAYS:
        raise refused_at("/query/from", f"from is not within {MOST_DAYS} days before to.")
    lines = spend_of(reads(), lender_id, first_on=first_on, last_on=last_on, zone=zone, figures=load_figures())
    return {"items": lines}


@door.get("/unmatched-payments")
@permits("payment_events.read")
@door.asks(PageQuerySchema)
@answers(200, WaitingPaymentsSchema, example={"items": [_WAITS], "next_cursor": None})
def list_unmatched_payments(query: dict[str, Any]) -> Answer:
    """List payments the core told of that wait: for their loan, for the payment they reverse, for money that covers them."""
    begin = requested_key(query)
    rows = page_unmatched_payments(
        reads(), desk().lender_id, after=(begin.at, begin.row_id) if begin else None, limit=query["limit"] + 1
    )
    return page_answer([_waiting(row) for row in rows], [Key(row.received_at, row.id) for row in rows], query)


def _waiting(row: Any) -> dict[str, Any]:
    told = row.payload
    return {
        **row._mapping,
        "kind": told["kind"],
        "amount": Money(told["amount_minor"], told["currency"]),
        "effective_on": told["effective_on"],
    }
