"""Staff see where the core's figures differ from the book."""

from typing import Any

from app.api.desk.staff import door
from app.api.ingest.mismatches import EXAMPLE, MismatchesSchema, MismatchQuerySchema, shown
from app.domain.mismatches import KINDS, MismatchPolicy
from app.domain.times import EPOCH
from app.services.mismatches import page_mismatches
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads


@door.get("/mismatches")
@permits("mismatches.read")
@door.asks(MismatchQuerySchema)
@answers(200, MismatchesSchema, example={"items": [EXAMPLE], "next_cursor": None})
def list_desk_mismatches(query: dict[str, Any]) -> Answer:
    """List where the newest tape of a loan differs from the book, as the core itself is told."""
    begin = requested_key(query)
    page = page_mismatches(
        reads(),
        desk().lender_id,
        kinds=(query["kind"],) if "kind" in query else KINDS,
        after=begin.row_id if begin else None,
        limit=query["limit"] + 1,
        policy=MismatchPolicy(query["tolerance_minor"]),
    )
    keys = [Key(EPOCH, each.place) for each in page.items]
    resume = Key(EPOCH, page.resume) if page.resume else None
    return page_answer([shown(each) for each in page.items], keys, query, resume=resume)
