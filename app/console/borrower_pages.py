"""The page of a borrower: everything the lender knows at once, what stands in the way of a contact now, who looked."""

from datetime import datetime
from typing import Any

from marshmallow import Schema
from werkzeug.wrappers import Response as BaseResponse

from app.console.asked import asked, older, place
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.frame import fragment, pages
from app.domain.contact_gates import ContactAsked
from app.domain.permissions import may
from app.persistence.unit_of_work import reading
from app.services.audit_trail import page_audit
from app.services.borrower_pages import read_page
from app.services.contact_gates import ask_contact
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.languages import request_locale
from app.web.reads import end_reads
from app.web.request_context import now

_ROWS = 50
ACTS = (
    ("borrowers.act_message", "/messages/new", "contacts.send"),
    ("borrowers.act_letter", "/letters/new", "letters.draft"),
    ("borrowers.act_call", "/calls/new", "calls.record"),
    ("visits.plan", "/visits/new", "visits.plan"),
    ("borrowers.act_promise", "/promises/new", "promises.take"),
    ("borrowers.act_payment", "/payments/new", "payments.record"),
    ("borrowers.act_plan", "/plans/new", "plans.offer"),
    ("borrowers.act_hold", "/holds/new", "holds.put"),
    ("borrowers.act_waiver", "/waivers/new", "waivers.grant"),
    ("borrowers.act_contact_change", "/contact-changes/new", "contacts.change"),
    ("borrowers.act_sessions", "/sessions/new", "sessions.end"),
    ("borrowers.act_disputes", "/disputes", "disputes.read"),
    ("acts.hardship", "/hardship", "hardship.read"),
)
"""What can be done from the page: words, path behind the borrower's, permission."""


@pages.get("/borrowers/<number:borrower_no>")
@permits("borrowers.open")
@opened
def borrower_overview(borrower: Opened) -> BaseResponse:
    """Show the page of a borrower who was opened."""
    role = desk().role
    acts = [(words, borrower.path + path) for words, path, permission in ACTS if may(role, permission)]
    return borrower_page("overview.html", borrower, acts=acts, **_seen(borrower))


@pages.get("/borrowers/<number:borrower_no>/overview")
@permits("borrowers.open")
@opened
def borrower_overview_part(borrower: Opened) -> BaseResponse:
    """Show the part of the page that is asked for again and again."""
    return fragment("borrowers/overview_part.html", borrower=borrower, **_seen(borrower))


class CursorSchema(Schema):
    """A page of a list."""

    cursor = TextField(512)


@pages.get("/borrowers/<number:borrower_no>/contact-now")
@permits("borrowers.open")
@opened
def borrower_contact_now(borrower: Opened) -> BaseResponse:
    """Show whether a call is lawful now, and what stands in its way: asked apart, since it takes the whole case to say."""
    who = desk()
    end_reads()
    with reading() as session:
        asked_for = ContactAsked("voice", "collection")
        contact = ask_contact(session, borrower.id, asked_for, lender_id=who.lender_id, now=now(), locale=request_locale())
    return fragment("borrowers/now.html", contact=contact)


@pages.get("/borrowers/<number:borrower_no>/openings")
@permits("borrowers.open")
@opened
def borrower_openings(borrower: Opened) -> BaseResponse:
    """Show who looked at this borrower or did something about them, newest first."""
    query = asked(CursorSchema)
    with reading() as session:
        entries = page_audit(
            session, lender_id=desk().lender_id, borrower_id=borrower.id, before=place(query), limit=_ROWS + 1
        )
    shown = entries[:_ROWS]
    resume: tuple[datetime, str] | None = (shown[-1].at, shown[-1].id) if len(entries) > _ROWS else None
    return borrower_page(
        "openings.html", borrower, entries=shown, older=older(resume, query), is_first="cursor" not in query
    )


def _seen(borrower: Opened) -> dict[str, Any]:
    end_reads()
    return {"seen": read_page(desk().lender_id, borrower.no, now=now(), locale=request_locale())}
