"""Staff pay funders out: one makes a batch, another approves it."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from app.api.borrower.money import example_money
from app.api.desk.staff import door
from app.domain.money import Money
from app.persistence.db import vault
from app.persistence.queries import payouts as queries
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import payout_reviews, payouts
from app.services.payout_reviews import CHANGES
from app.services.staff_proofs import require_fresh_proof
from app.web.acting import acting
from app.web.answers import Answer, personal_file
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, MoneyField, PageQuerySchema, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads, reads
from app.web.request_context import now

CSV = "text/csv"
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


class NewPayoutBatchSchema(Schema):
    """All that is payable in a currency, booked until the end of a day."""

    currency = PatternField("[A-Z]{3}", required=True)
    until_on = DateField(required=True)


class PayoutBatchSchema(Schema):
    """A batch of payouts."""

    id = IdField(required=True)
    state = fields.String(required=True, metadata={"enum": ["waiting", "approved", "declined"]})
    until_on = DateField(required=True)
    payouts = fields.Integer(required=True)
    total = MoneyField(required=True)
    sha256 = fields.String(required=True, metadata={"description": "Of the payouts file."})
    requested_by = fields.String(required=True)
    requested_at = InstantField(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = InstantField(required=True, allow_none=True)
    declined_reason = fields.String(required=True, allow_none=True)


class PayoutBatchesSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(PayoutBatchSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class PayeeSchema(Schema):
    """A payout of a batch, as whoever approves it sees it. The account is masked; the payouts file has it whole."""

    id = IdField(required=True)
    funder_no = fields.String(required=True)
    name = fields.String(required=True)
    account = fields.String(required=True, allow_none=True)
    amount = MoneyField(required=True)
    payable = MoneyField(
        required=True, allow_none=True,
        metadata={"description": "What is payable now, this payout not counted; null: the batch was decided."},
    )  # fmt: skip
    changed = fields.List(
        fields.String(metadata={"enum": list(CHANGES)}), required=True,
        metadata={"description": "Since the batch was made: it is refused for it, and made again."},
    )  # fmt: skip


class PayeesSchema(Schema):
    """A page, in the order of the payouts' ids."""

    items = fields.List(fields.Nested(PayeeSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class DeclinePayoutsSchema(Schema):
    """Why nothing is paid by it."""

    reason = TextField(200, required=True)


_BATCH = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8057", "state": "waiting", "until_on": "2026-06-30", "payouts": 412,
    "total": example_money(8_812_040), "sha256": "0" * 64, "requested_by": "staff:Ann",
    "requested_at": "2026-07-01T01:00:00Z", "decided_by": None, "decided_at": None, "declined_reason": None,
}  # fmt: skip
_PAYEE = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8058", "funder_no": "F-1", "name": "Zhang San", "account": "…0001",
    "amount": example_money(20_000), "payable": example_money(20_000), "changed": [],
}  # fmt: skip
_DUMP = PayoutBatchSchema()


@door.get("/funding/payout-batches")
@permits("funding.read")
@door.asks(PageQuerySchema)
@answers(200, PayoutBatchesSchema, example={"items": [_BATCH], "next_cursor": None})
def list_payout_batches(query: dict[str, Any]) -> Answer:
    """List batches of payouts, newest first."""
    key = requested_key(query)
    rows = queries.page_batches(
        reads(), desk().lender_id, before="" if key is None else key.row_id, limit=query["limit"] + 1
    )
    return page_answer([view(row) for row in rows], [Key(row.requested_at, row.id) for row in rows], query)


@door.post("/funding/payout-batches")
@permits("payouts.make")
@door.takes(NewPayoutBatchSchema, example={"currency": "CNY", "until_on": "2026-06-30"})
@answers(201, PayoutBatchSchema, example=_BATCH, problems=_ONCE)
def post_payout_batch(body: dict[str, Any]) -> Answer:
    """Make a batch of all that is payable; somebody else approves it. Funders whose account is not known wait."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        batch = payouts.make_batch(work, body["currency"], body["until_on"], staff=staff, now=at)
        work.session.flush()
        return _answer(work, batch.id, 201)

    return answer_once(act)


@door.get("/funding/payout-batches/<id:batch_id>")
@permits("funding.read")
@answers(200, PayoutBatchSchema, example=_BATCH)
def get_payout_batch(batch_id: str) -> dict[str, Any]:
    """Show a batch of payouts."""
    return view(queries.get_batch(reads(), desk().lender_id, batch_id))


@door.get("/funding/payout-batches/<id:batch_id>/payees")
@permits("funding.read")
@door.asks(PageQuerySchema)
@answers(200, PayeesSchema, example={"items": [_PAYEE], "next_cursor": None})
def list_payees(query: dict[str, Any], batch_id: str) -> Answer:
    """List who is paid by a batch, what, and what changed since it was made; the reading is written down."""
    at, key = now(), requested_key(query)
    end_reads()
    with unit_of_work() as work:
        seen = payout_reviews.read_payees(
            work, batch_id, after="" if key is None else key.row_id, limit=query["limit"] + 1, staff=acting(), now=at
        )
    keys = [Key(seen.batch.requested_at, each.id) for each in seen.payouts]
    return page_answer([_payee(each, seen.batch.currency) for each in seen.payouts], keys, query)


@door.post("/funding/payout-batches/<id:batch_id>/approve")
@permits("payouts.approve")
@answers(200, PayoutBatchSchema, example={**_BATCH, "state": "approved"}, problems=(*_ONCE, "step-up-required"))
def approve_payout_batch(batch_id: str) -> Answer:
    """Approve a batch that somebody else made. Needs a fresh second factor.

    Refused (409) once something of it was taken back, or a payee's account is another, since it was made: make it again.
    """
    require_fresh_proof(desk())
    return _decide(batch_id, approve=True)


@door.post("/funding/payout-batches/<id:batch_id>/decline")
@permits("payouts.approve")
@door.takes(DeclinePayoutsSchema, example={"reason": "wrong day"})
@answers(200, PayoutBatchSchema, example={**_BATCH, "state": "declined"}, problems=_ONCE)
def decline_payout_batch(body: dict[str, Any], batch_id: str) -> Answer:
    """Pay nothing by a batch: all of it is payable again."""
    return _decide(batch_id, approve=False, reason=body["reason"])


@door.get("/funding/payout-batches/<id:batch_id>/file")
@permits("payouts.approve")
@answers(200, files=(CSV,), problems=("conflict", "step-up-required"))
def get_payouts_file(batch_id: str) -> Response:
    """Download the file of an approved batch, for your bank: names and accounts. Needs a fresh second factor."""
    require_fresh_proof(desk())
    end_reads()
    with unit_of_work() as work:
        file = payouts.read_payouts_file(work, batch_id, staff=acting(), now=now())
    return personal_file(file.content, CSV, name=file.name)


def view(row: Any) -> dict[str, Any]:
    """Return a batch as the schema says it."""
    declined_reason = payouts.why_declined(vault(), row)
    return {**row._mapping, "total": Money(row.total_minor, row.currency), "declined_reason": declined_reason}


def _decide(batch_id: str, *, approve: bool, reason: str | None = None) -> Answer:
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        payouts.decide_batch(work, batch_id, approve=approve, staff=staff, now=at, reason=reason)
        return _answer(work, batch_id, 200)

    return answer_once(act)


def _payee(each: payout_reviews.SeenPayout, currency: str) -> dict[str, Any]:
    return {
        "id": each.id, "funder_no": each.funder_no, "name": each.name, "account": each.account,
        "amount": Money(each.amount_minor, currency), "changed": list(each.changed),
        "payable": None if each.payable_minor is None else Money(each.payable_minor, currency),
    }  # fmt: skip


def _answer(work: Work, batch_id: str, status: int) -> Answer:
    row = queries.get_batch(work.session, desk().lender_id, batch_id)
    return Answer(_DUMP.dump(view(row)), status, dumped=True)
