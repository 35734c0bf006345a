"""The timeline of a borrower: everything that happened, of every kind, in one order, page by page."""

from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.asked import asked, older, place, with_query
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.frame import pages
from app.services.notes import Writer
from app.services.profiles import get_profile
from app.services.timeline_entries import KINDS
from app.services.timelines import page_timeline
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.languages import request_locale
from app.web.reads import end_reads, reads
from app.web.request_context import now


class TimelineQuerySchema(Schema):
    """Which kind, and where the page begins."""

    kind = fields.String(load_default=None, validate=validate.OneOf(KINDS))
    cursor = TextField(512)


@pages.get("/borrowers/<number:borrower_no>/timeline")
@permits("borrowers.open")
@opened
def borrower_timeline(borrower: Opened) -> BaseResponse:
    """Show a page of the timeline, newest first."""
    query, who = asked(TimelineQuerySchema), desk()
    begin = place(query)
    before = None if begin is None else (begin[0], *_parts(begin[1]))
    end_reads()
    found = page_timeline(
        borrower.no, reader=Writer(who.name, who.role, who.lender_id), kinds=[query["kind"]] if query["kind"] else (),
        before=before, now=now(), locale=request_locale(),
    )  # fmt: skip
    resume = None if found.resume is None else (found.resume[0], f"{found.resume[1]}~{found.resume[2]}")
    profile = get_profile(reads(), borrower.id)
    return borrower_page(
        "timeline.html", borrower, profile, found=found, kinds=KINDS, kind=query["kind"], zone=profile.zone,
        older=older(resume, query), newest=with_query(cursor=None), is_first="cursor" not in query,
    )  # fmt: skip


def _parts(row_id: str) -> tuple[str, str]:
    stream, _, found = row_id.partition("~")
    return stream, found
