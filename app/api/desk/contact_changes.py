"""Staff change a borrower's phone, e-mail or address: proposed, proved anew, in force after a cool-off."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.api.desk_act_forms import DESK_CHANGE_EXAMPLE, DeskContactChangeSchema, change_view
from app.domain.contact_changes import KINDS
from app.domain.permissions import may
from app.persistence.db import vault
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.contact_changes import get_change
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import contact_change_codes, contact_changes
from app.services.contact_changes import LONGEST_GROUNDS, LONGEST_REASON
from app.web.acting import acting
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import InstantField, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.reads import end_reads
from app.web.request_context import now


class DeskContactChangesSchema(Schema):
    """A borrower's changes, newest first, at most 50."""

    items = fields.List(fields.Nested(DeskContactChangeSchema), required=True)


class NewContactChangeSchema(Schema):
    """What is to be changed."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    value = TextField(
        1200, required=True, metadata={"description": "A phone in E.164, an e-mail, or an address of up to 6 lines."}
    )


class SentCodeSchema(Schema):
    """How long the code that was sent is good."""

    expires_at = InstantField(required=True)


class ProofCodeSchema(Schema):
    """The code as the borrower tells it."""

    code = PatternField("[0-9]{6}", required=True)


class GroundsSchema(Schema):
    """Why, and which documents were seen."""

    grounds = TextField(LONGEST_GROUNDS, required=True, metadata={"description": "Kept sealed."})


class CancelChangeSchema(Schema):
    """Why it is cancelled."""

    reason = TextField(LONGEST_REASON, required=True, metadata={"description": "In a few words, without names."})


_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_CODES = ("conflict", "otp-invalid", "otp-expired", "otp-locked")
_DUMP = DeskContactChangeSchema()


@door.get("/borrowers/<number:borrower_no>/contact-changes")
@permits("contacts.read_changes")
@answers(200, DeskContactChangesSchema, example={"items": [DESK_CHANGE_EXAMPLE]})
def list_desk_contact_changes(borrower_no: str) -> dict[str, Any]:
    """List changes of a borrower's contact data; whole values for who may see them, and that is written down."""
    who = desk()
    whole = may(who.role, "borrowers.unmask")
    end_reads()
    with unit_of_work() as work:
        borrower_id = get_borrower_of_lender(work.session, who.lender_id, borrower_no)
        found = contact_changes.list_changes(work.session, work.vault, borrower_id, lender_id=who.lender_id, whole=whole)
        facts = {"count": len(found), "whole": whole}
        add_audit(
            work.session, at=now(), actor=who.name, action="contact_changes.read", borrower_id=borrower_id, facts=facts
        )
    return {"items": [change_view(each) for each in found]}


@door.post("/borrowers/<number:borrower_no>/contact-changes")
@permits("contacts.change")
@door.takes(NewContactChangeSchema, example={"kind": "phone", "value": "+447700900002"})
@answers(201, DeskContactChangeSchema, example={**DESK_CHANGE_EXAMPLE, "state": "proposed"}, problems=_ONCE)
def post_contact_change(body: dict[str, Any], borrower_no: str) -> Answer:
    """Propose a change. It is proved by a code to the new phone or e-mail, by the borrower in the app, or by a supervisor.

    Whatever proves it, the old one is told and may object until the cool-off is over.
    """
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, staff.lender_id, borrower_no)
        change_id = contact_changes.propose_change(work, borrower_id, body["kind"], body["value"], staff=staff, now=at)
        return _answer(work, borrower_id, change_id, 201)

    return answer_once(act)


@door.post("/contact-changes/<id:contact_change_id>/code")
@permits("contacts.change")
@answers(202, SentCodeSchema, example={"expires_at": "2026-11-23T09:13:00Z"}, problems=(*_ONCE, "rate-limited"))
def send_contact_change_code(contact_change_id: str) -> Answer:
    """Send a code to the new phone or e-mail. The borrower tells it to you; you never see it."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        until = contact_change_codes.send_code(work, contact_change_id, staff=staff, now=at)
        return Answer(SentCodeSchema().dump({"expires_at": until}), 202, dumped=True)

    return answer_once(act)


@door.post("/contact-changes/<id:contact_change_id>/prove")
@permits("contacts.change")
@door.takes(ProofCodeSchema, example={"code": "123456"})
@answers(200, DeskContactChangeSchema, example=DESK_CHANGE_EXAMPLE, problems=_CODES)
def prove_contact_change(body: dict[str, Any], contact_change_id: str) -> Answer:
    """Prove a change by the code that the borrower tells you. Five wrong ones, and a new code is needed."""
    at, staff = now(), acting()
    contact_change_codes.prove_by_code(contact_change_id, body["code"], staff=staff, now=at)
    with unit_of_work() as work:
        row = contact_changes.lock_of_lender(work, contact_change_id, staff)
        return _answer(work, row.borrower_id, row.id, 200)


@door.post("/contact-changes/<id:contact_change_id>/confirm")
@permits("contacts.confirm")
@door.takes(GroundsSchema, example={"grounds": "Passport and the bill of the new number seen at the desk."})
@answers(200, DeskContactChangeSchema, example=DESK_CHANGE_EXAMPLE, problems=(*_ONCE, "step-up-required"))
def confirm_contact_change(body: dict[str, Any], contact_change_id: str) -> Answer:
    """Prove a change by your word, with a fresh second factor. Not for who proposed it."""
    at, staff, who = now(), acting(), desk()

    def act(work: Work) -> Answer:
        contact_changes.confirm_by_supervisor(
            work, contact_change_id, grounds=body["grounds"], staff=staff, proven=who, now=at
        )
        row = contact_changes.lock_of_lender(work, contact_change_id, staff)
        return _answer(work, row.borrower_id, row.id, 200)

    return answer_once(act)


@door.post("/contact-changes/<id:contact_change_id>/cancel")
@permits("contacts.change")
@door.takes(CancelChangeSchema, example={"reason": "mistyped"})
@answers(200, DeskContactChangeSchema, example={**DESK_CHANGE_EXAMPLE, "state": "cancelled"}, problems=_ONCE)
def cancel_contact_change(body: dict[str, Any], contact_change_id: str) -> Answer:
    """Let a change be before it takes effect. The borrower is told where it was proved already."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        contact_changes.cancel_change(work, contact_change_id, staff=staff, reason=body["reason"], now=at)
        row = contact_changes.lock_of_lender(work, contact_change_id, staff)
        return _answer(work, row.borrower_id, row.id, 200)

    return answer_once(act)


def _answer(work: Work, borrower_id: str, change_id: str, status: int) -> Answer:
    row = get_change(work.session, borrower_id, change_id)
    shown = contact_changes.shown(vault(), row, lender_id=desk().lender_id)
    return Answer(_DUMP.dump(change_view(shown)), status, dumped=True)
