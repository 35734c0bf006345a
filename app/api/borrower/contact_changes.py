"""The borrower sees changes of their contact data, confirms one, or stops it with one tap."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.sessions import door
from app.api.desk_act_forms import CHANGE_EXAMPLE, ContactChangeSchema, change_view
from app.persistence.db import vault
from app.persistence.queries.contact_changes import get_change
from app.persistence.unit_of_work import Work
from app.services import contact_changes
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now


class ContactChangesSchema(Schema):
    """Your changes, newest first, at most 50."""

    items = fields.List(fields.Nested(ContactChangeSchema), required=True)


_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = ContactChangeSchema()


@door.get("/me/contact-changes")
@answers(200, ContactChangesSchema, example={"items": [CHANGE_EXAMPLE]})
def list_contact_changes() -> dict[str, Any]:
    """List changes of your phone, e-mail or address that were asked for at the desk."""
    return {"items": [change_view(each) for each in contact_changes.list_changes(reads(), vault(), borrower().borrower_id)]}


@door.post("/me/contact-changes/<id:contact_change_id>/confirm")
@answers(200, ContactChangeSchema, example=CHANGE_EXAMPLE, problems=(*_ONCE, "step-up-required"))
def confirm_own_contact_change(contact_change_id: str) -> Answer:
    """Confirm a change with a fresh code of the phone you sign in with. It takes effect when its cool-off is over."""
    at, who = now(), borrower()

    def act(work: Work) -> Answer:
        contact_changes.confirm_own(work, who.borrower_id, contact_change_id, session_id=who.session_id, now=at)
        return _answer(work, contact_change_id)

    return answer_once(act)


@door.post("/me/contact-changes/<id:contact_change_id>/object")
@answers(200, ContactChangeSchema, example={**CHANGE_EXAMPLE, "state": "objected"}, problems=_ONCE)
def object_to_contact_change(contact_change_id: str) -> Answer:
    """Stop a change that you did not ask for. Nothing changes, and somebody looks into it."""
    at, who = now(), borrower()

    def act(work: Work) -> Answer:
        contact_changes.object_to(work, who.borrower_id, contact_change_id, by=who.name, now=at)
        return _answer(work, contact_change_id)

    return answer_once(act)


def _answer(work: Work, change_id: str) -> Answer:
    shown = contact_changes.shown(work.vault, get_change(work.session, borrower().borrower_id, change_id))
    return Answer(_DUMP.dump(change_view(shown)), 200, dumped=True)
