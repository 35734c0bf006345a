"""Where the core's figures differ from the book."""

from flask import Response

from app.console.frame import page, pages
from app.console.lists import SIZE, begin, listed, one_of
from app.domain.mismatches import KINDS
from app.domain.times import EPOCH
from app.services.mismatches import page_mismatches
from app.web.auth import desk, permits
from app.web.pagination import Key
from app.web.reads import reads


@pages.get("/mismatches")
@permits("mismatches.read")
def mismatches() -> Response:
    """List them, newest loan first; a page may end early and go on with the next."""
    kind = one_of("kind", KINDS)
    key = begin(kind=kind)
    found = page_mismatches(
        reads(), desk().lender_id, kinds=(kind,) if kind else KINDS, after=key.row_id if key else None, limit=SIZE + 1
    )
    keys = [Key(EPOCH, each.place) for each in found.items]
    resume = Key(EPOCH, found.resume) if found.resume else None
    return page("mismatches.html", found=listed(found.items, keys, resume=resume, kind=kind), kind=kind, kinds=KINDS)
