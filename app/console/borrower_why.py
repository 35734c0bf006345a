"""Why somebody was contacted or not around a day, and what is to come."""

from datetime import timedelta

from marshmallow import Schema
from werkzeug.wrappers import Response as BaseResponse

from app.console.asked import asked, with_query
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.frame import fragment, pages
from app.domain.times import business_date
from app.persistence.queries.loans import find_loan_ids
from app.persistence.unit_of_work import reading, reading_one_state
from app.services.explanations import explain
from app.services.profiles import get_profile
from app.services.upcoming import HORIZON, UpcomingStep, upcoming_of
from app.web.auth import desk, permits
from app.web.fields import DateField
from app.web.languages import request_locale
from app.web.reads import end_reads, reads
from app.web.request_context import now


class DaySchema(Schema):
    """Which day, where the borrower is."""

    on = DateField(load_default=None)


@pages.get("/borrowers/<number:borrower_no>/why")
@permits("borrowers.open")
@opened
def borrower_why(borrower: Opened) -> BaseResponse:
    """Tell every step of the policy near a day: what was decided by which rule, or why there was nothing to decide."""
    profile, at = get_profile(reads(), borrower.id), now()
    today = business_date(at, profile.zone)
    on = asked(DaySchema)["on"] or today
    end_reads()
    with reading_one_state() as session:
        found = explain(session, borrower.id, on, now=at, locale=request_locale(), lender_id=desk().lender_id)
    return borrower_page(
        "why.html",
        borrower,
        profile,
        found=found,
        on=on,
        today=today,
        earlier=with_query(on=on - timedelta(days=1)),
        later=with_query(on=on + timedelta(days=1)),
        yesterday=with_query(on=today - timedelta(days=1)),
    )


@pages.get("/borrowers/<number:borrower_no>/upcoming")
@permits("borrowers.open")
@opened
def borrower_upcoming(borrower: Opened) -> BaseResponse:
    """Show what will be sent next, as the same code would decide it today."""
    return borrower_page("upcoming.html", borrower, steps=_steps_of(borrower), horizon=HORIZON.days)


@pages.get("/borrowers/<number:borrower_no>/upcoming/part")
@permits("borrowers.open")
@opened
def borrower_upcoming_part(borrower: Opened) -> BaseResponse:
    """Show the same by itself: what the page asks for again and again."""
    return fragment("borrowers/upcoming_part.html", steps=_steps_of(borrower), horizon=HORIZON.days)


def _steps_of(borrower: Opened) -> list[UpcomingStep]:
    end_reads()
    steps = upcoming_of(borrower.id, now=now(), locale=request_locale())
    with reading() as session:
        ours = set(find_loan_ids(session, borrower.id, desk().lender_id))
    return [step for step in steps if step.loan_id in ours]
