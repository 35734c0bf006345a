"""The core reads contact data that were changed at the desk, called by `contact_change.done.v1`, to keep the same."""

from typing import Any

from marshmallow import Schema, fields

from app.api.ingest.borrowers import door
from app.domain.contact_changes import KINDS
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.contact_changes import find_kept
from app.persistence.unit_of_work import unit_of_work
from app.services.contact_changes import shown
from app.web.auth import ingest
from app.web.doors import answers
from app.web.fields import IdField, InstantField
from app.web.reads import end_reads
from app.web.request_context import now


class KeptChangeSchema(Schema):
    """One change in force that you have not sent yourself."""

    id = IdField(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    value = fields.String(required=True, metadata={"description": "E.164, an e-mail, or the lines of an address."})
    took_effect_at = InstantField(required=True)
    keeps_until = InstantField(
        required=True, metadata={"description": "Until when it stands against what you go on sending from before."}
    )


class KeptChangesSchema(Schema):
    """All of them."""

    items = fields.List(fields.Nested(KeptChangeSchema), required=True)


_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "kind": "phone",
    "value": "+447700900002",
    "took_effect_at": "2026-11-26T09:03:00Z",
    "keeps_until": "2027-02-24T09:03:00Z",
}


@door.get("/borrowers/<number:borrower_no>/contact-changes")
@answers(200, KeptChangesSchema, example={"items": [_EXAMPLE]})
def list_kept_contact_changes(borrower_no: str) -> dict[str, Any]:
    """List contact data that were changed with proof at the desk and that you have not sent. Each reading is noted."""
    who = ingest()
    end_reads()
    with unit_of_work() as work:
        borrower_id = get_borrower_of_lender(work.session, who.lender_id, borrower_no)
        rows = find_kept(work.session, borrower_id)
        items = [{**row._mapping, "value": shown(work.vault, row, whole=True).value} for row in rows]
        facts = {"count": len(items)}
        add_audit(
            work.session, at=now(), actor=who.name, action="contact_changes.read", borrower_id=borrower_id, facts=facts
        )
    return {"items": items}
