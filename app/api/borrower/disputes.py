"""What the borrower disputes, objects to or complains of."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.borrower.loans import door
from app.api.dispute_forms import DISPUTE_EXAMPLE, DisputeSchema, dispute_view
from app.domain.disputes import ESCALATED_TO, GROUNDS, KINDS, MOST_ATTACHMENTS, DisputeValues
from app.persistence.unit_of_work import Work
from app.services import disputes
from app.services.disputes import LONGEST_TEXT
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import IdField, MoneyField, PageQuerySchema, TextField
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class NewDisputeSchema(Schema):
    """What is disputed, and why."""

    kind = fields.String(
        load_default="dispute",
        validate=validate.OneOf(KINDS),
        metadata={"description": "dispute: of what is owed; objection: against a credit report; complaint: of conduct."},
    )
    ground = fields.String(required=True, validate=validate.OneOf(tuple(GROUNDS)))
    amount = MoneyField(
        load_default=None, allow_none=True, metadata={"description": "The part that is disputed; null: all that is owed."}
    )
    words = TextField(LONGEST_TEXT, required=True, metadata={"description": "In your words. Card numbers are taken out."})
    attachments = fields.List(IdField(), load_default=list, validate=validate.Length(max=MOST_ATTACHMENTS))


class EscalationSchema(Schema):
    """Why it should be looked at again, and whom you asked."""

    to = fields.String(load_default="supervisor", validate=validate.OneOf(ESCALATED_TO))
    reason = TextField(LONGEST_TEXT, required=True)


class DisputesSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(DisputeSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_NEW = {"ground": "already_paid", "amount": DISPUTE_EXAMPLE["amount"], "words": DISPUTE_EXAMPLE["words"]}
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = DisputeSchema()


@door.post("/loans/<id:loan_id>/disputes")
@door.takes(NewDisputeSchema, example=_NEW)
@answers(201, DisputeSchema, example=DISPUTE_EXAMPLE, problems=_ONCE)
def post_dispute(body: dict[str, Any], loan_id: str) -> Answer:
    """Say that something is wrong. From this second on no reminder about the loan leaves, and a person must answer in time.

    The same again soon after it was rejected or taken back is answered too and stops none by itself (`reminders_stopped`).
    An objection to a credit report and a complaint of conduct leave reminders as they are.
    """
    at, borrower_id = now(), borrower().borrower_id
    amount = body["amount"]
    values = DisputeValues(
        body["kind"],
        body["ground"],
        body["words"],
        None if amount is None else amount.minor,
        None if amount is None else amount.currency,
        tuple(dict.fromkeys(body["attachments"])),
    )

    def act(work: Work) -> Answer:
        dispute_id = disputes.open_dispute(work, borrower_id, loan_id, values, now=at)
        return _answer(work, dispute_id, 201)

    return answer_once(act)


@door.get("/loans/<id:loan_id>/disputes")
@door.asks(PageQuerySchema)
@answers(200, DisputesSchema, example={"items": [DISPUTE_EXAMPLE], "next_cursor": None})
def list_disputes(query: dict[str, Any], loan_id: str) -> Answer:
    """List what you disputed about a loan, newest first, with what became of it."""
    found = disputes.page_own(
        reads(),
        borrower().borrower_id,
        loan_id,
        before=requested_key(query),
        limit=query["limit"] + 1,
        locale=request_locale(),
    )
    keys = [Key(each.row.received_at, each.row.id) for each in found]
    return page_answer([dispute_view(each) for each in found], keys, query)


@door.get("/disputes/<id:dispute_id>")
@answers(200, DisputeSchema, example=DISPUTE_EXAMPLE)
def get_dispute(dispute_id: str) -> dict[str, Any]:
    """Show one of your disputes: by when it is answered, the answer, and where else you can go."""
    return dispute_view(disputes.get_own(reads(), borrower().borrower_id, dispute_id, locale=request_locale()))


@door.post("/disputes/<id:dispute_id>/escalate")
@door.takes(EscalationSchema, example={"to": "supervisor", "reason": "The receipt I sent was not looked at."})
@answers(200, DisputeSchema, example=DISPUTE_EXAMPLE, problems=_ONCE)
def escalate_dispute(body: dict[str, Any], dispute_id: str) -> Answer:
    """Have seniors look at it, once. What was answered is open again, and reminders stop again until they have answered."""
    at, borrower_id = now(), borrower().borrower_id

    def act(work: Work) -> Answer:
        disputes.escalate(work, borrower_id, dispute_id, **body, now=at)
        return _answer(work, dispute_id, 200)

    return answer_once(act)


@door.post("/disputes/<id:dispute_id>/withdraw")
@answers(200, DisputeSchema, example=DISPUTE_EXAMPLE, problems=_ONCE)
def withdraw_dispute(dispute_id: str) -> Answer:
    """Take it back; reminders go on. Taking it back twice changes nothing."""
    at, borrower_id = now(), borrower().borrower_id

    def act(work: Work) -> Answer:
        disputes.withdraw(work, borrower_id, dispute_id, now=at)
        return _answer(work, dispute_id, 200)

    return answer_once(act)


def _answer(work: Work, dispute_id: str, status: int) -> Answer:
    connection = work.session.connection()
    found = disputes.get_own(connection, borrower().borrower_id, dispute_id, locale=request_locale())
    return Answer(_DUMP.dump(dispute_view(found)), status, dumped=True)
