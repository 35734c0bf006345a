"""What the borrower asks about contact: to be left alone, through somebody else, not at a place, on one channel only."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.borrower.preferences import door
from app.domain.contact_requests import CHANNELS, KINDS, PLACES, ContactRequestValues
from app.persistence.unit_of_work import Work
from app.services import contact_requests
from app.services.contact_requests import ShownContactRequest
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import IdField, InstantField, TextField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now


class RepresentativeSchema(Schema):
    """Who speaks for you."""

    name = TextField(120, required=True)
    organisation = TextField(120, load_default=None, allow_none=True)
    contact = TextField(200, required=True, metadata={"description": "A phone, an e-mail or an address."})


class NewContactRequestSchema(Schema):
    """What is asked. Hours are at /v1/me/quiet-hours, channels by topic at /v1/me/preferences."""

    kind = fields.String(
        required=True,
        validate=validate.OneOf(KINDS),
        metadata={
            "description": "cease: no contact but what a law demands; representative: ask them instead; avoid_place: not "
            "there; only_channel: on no other."
        },
    )
    representative = fields.Nested(RepresentativeSchema, load_default=None, allow_none=True)
    place = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(PLACES))
    channel = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(CHANNELS))


class ContactRequestSchema(Schema):
    """One request."""

    id = IdField(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    representative = fields.Nested(RepresentativeSchema, required=True, allow_none=True)
    place = fields.String(required=True, allow_none=True)
    channel = fields.String(required=True, allow_none=True)
    recorded_at = InstantField(required=True, metadata={"description": "Since when it counts."})
    ended_at = InstantField(required=True, allow_none=True)


class ContactRequestsSchema(Schema):
    """All, newest first."""

    items = fields.List(fields.Nested(ContactRequestSchema), required=True)


EXAMPLE: dict[str, Any] = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "kind": "representative",
    "representative": {"name": "Chen Jing", "organisation": "Jing Law", "contact": "chen@jinglaw.example"},
    "place": None,
    "channel": None,
    "recorded_at": "2026-11-23T09:00:00Z",
    "ended_at": None,
}
_NEW = {"kind": "representative", "representative": EXAMPLE["representative"]}
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = ContactRequestSchema()


@door.post("/contact-requests")
@door.takes(NewContactRequestSchema, example=_NEW)
@answers(201, ContactRequestSchema, example=EXAMPLE, also=(200,), problems=_ONCE)
def post_contact_request(body: dict[str, Any]) -> Answer:
    """Ask to be left alone, or how to be contacted. It counts from this second, for all your loans.

    After `cease` only notices that a law demands are sent. A representative counts at once, and we ask them for their
    authority. Another request of a kind takes the place of the one before; to ask twice to be left alone is one (200).
    """
    at, borrower_id = now(), borrower().borrower_id
    who = body["representative"] or {}
    values = ContactRequestValues(body["kind"], **who, place=body["place"], channel=body["channel"])

    def act(work: Work) -> Answer:
        request_id, is_new = contact_requests.record(work, borrower_id, values, now=at)
        return _answer(work, request_id, 201 if is_new else 200)

    return answer_once(act)


@door.get("/contact-requests")
@answers(200, ContactRequestsSchema, example={"items": [EXAMPLE]})
def list_contact_requests() -> dict[str, Any]:
    """List what you asked about contact, also what has ended."""
    return {
        "items": [contact_request_view(each) for each in contact_requests.list_requests(reads(), borrower().borrower_id)]
    }


@door.post("/contact-requests/<id:contact_request_id>/withdraw")
@answers(200, ContactRequestSchema, example=EXAMPLE, problems=_ONCE)
def withdraw_contact_request(contact_request_id: str) -> Answer:
    """Take a request back; it counts no more from this second. Taking it back twice changes nothing."""
    at, borrower_id = now(), borrower().borrower_id

    def act(work: Work) -> Answer:
        contact_requests.withdraw(work, borrower_id, contact_request_id, now=at)
        return _answer(work, contact_request_id, 200)

    return answer_once(act)


def contact_request_view(found: ShownContactRequest) -> dict[str, Any]:
    """Return the values of `ContactRequestSchema`."""
    who = found.details
    return {
        **found.row._mapping,
        "representative": {**who, "organisation": who.get("organisation")} if who else None,
    }


def _answer(work: Work, request_id: str, status: int) -> Answer:
    found = contact_requests.list_requests(work.session.connection(), borrower().borrower_id)
    view = next(contact_request_view(each) for each in found if each.row.id == request_id)
    return Answer(_DUMP.dump(view), status, dumped=True)
