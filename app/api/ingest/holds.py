"""The core system puts holds."""

from typing import Any

from marshmallow import fields

from app.api.hold_forms import HoldValuesSchema
from app.api.ingest.borrowers import ORIGIN, PUT_EXAMPLE, PutSchema, door
from app.domain.book import PutResult
from app.domain.errors import DomainError
from app.domain.hold_terms import HoldValues
from app.persistence.unit_of_work import Work, in_unit_of_work
from app.services.batches import Feed, HoldItem
from app.web.answers import Answer
from app.web.auth import ingest
from app.web.doors import answers
from app.web.request_context import now


class CoreHoldSchema(HoldValuesSchema):
    """A hold as the core knows it."""

    released = fields.Boolean(
        load_default=False, truthy={True}, falsy={False}, metadata={"description": "It is over: it ends now at the latest."}
    )


@door.put("/borrowers/<number:borrower_no>/holds/<number:reference>")
@door.takes(CoreHoldSchema, example={"kind": "dispute", "loan_no": "CN-1001", "form": "written", "evidence": "ticket 8123"})
@answers(200, PutSchema, example=PUT_EXAMPLE, also=(201,), problems=("conflict",))
def put_hold(body: dict[str, Any], borrower_no: str, reference: str) -> Answer:
    """Put a hold, bring its until up to date, or say that it is over.

    The same again changes nothing; a hold that staff released stays released. The borrower needs a loan of yours. What is
    queued and the hold stops is cancelled before the answer is out.
    """
    item = hold_item(body, borrower_no, reference)

    def act(work: Work) -> Answer:
        feed = Feed.of(work, ingest().lender_id, now=now(), origin=ORIGIN)
        (result,) = feed.put_holds([item], decide=True)
        if isinstance(result, DomainError):
            raise result
        return Answer(result, 201 if isinstance(result, PutResult) and result.created else 200)

    return in_unit_of_work(act)


def hold_item(body: dict[str, Any], borrower_no: str, reference: str) -> HoldItem:
    """Return the hold of a `CoreHoldSchema`."""
    is_over = body.pop("released")
    return HoldItem(borrower_no, HoldValues(**body, reference=reference), is_over)
