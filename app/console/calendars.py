"""Which days are business days of the lender: its country's calendar with the lender's own days on top."""

from flask import Response, request

from app.console.frame import page, pages
from app.domain.times import business_date
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import reading
from app.services.calendars import YEARS, year_of
from app.web.auth import desk, permits
from app.web.reads import end_reads
from app.web.request_context import now

_AHEAD = 2


@pages.get("/calendars")
@permits("law.ask")
def calendars() -> Response:
    """Show a year: its named days with their layer, and whether all of it is stated; and which years ahead are not."""
    end_reads()
    with reading() as session:
        lender = get_lender(session, desk().lender_id)
        this = business_date(now(), lender.zone).year
        given = request.args.get("year", "")
        year = int(given) if given.isascii() and given.isdigit() and int(given) in YEARS else this
        shown = year_of(session, lender, year)
        missing = [each for each in range(this, this + _AHEAD) if not year_of(session, lender, each).is_known]
        return page("calendars.html", lender=lender, shown=shown, year=year, this=this, missing=missing)
