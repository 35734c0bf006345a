"""What goes on by itself in credit reporting: months that are being frozen, arrears that are over, what to put right."""

from datetime import datetime

from app.persistence.queries.credit_bureaus import find_all_enabled
from app.persistence.queries.credit_snapshots import find_making, find_unnoted
from app.persistence.unit_of_work import looking, unit_of_work
from app.services.credit_corrections import propose_late_bookings, propose_retention, propose_upheld
from app.services.credit_dispute_marks import propose_marks
from app.services.credit_forgetting import Place, forget_page
from app.services.credit_reporting import end_cured
from app.services.credit_snapshots import freeze_page
from app.services.credit_submissions import note_page
from app.services.credit_words import seal_plain_words

_PAGES = 20


def go_on_freezing(*, now: datetime, pages: int = _PAGES) -> int:
    """Freeze some pages of what is being frozen; return how many."""
    with looking() as session:
        waiting = list(find_making(session))
    done = 0
    for snapshot_id in waiting:
        while done < pages:
            with unit_of_work() as work:
                more = freeze_page(work, snapshot_id, now=now)
            done += 1
            if not more:
                break
    return done


def go_on_noting(*, now: datetime, pages: int = _PAGES) -> int:
    """Note some pages of what follows from files that were handed in, where that broke off; return how many."""
    with looking() as session:
        waiting = list(find_unnoted(session))
    done = 0
    for snapshot_id in waiting:
        while done < pages:
            done += 1
            if not note_page(snapshot_id, now=now):
                break
    return done


def forget_people(*, now: datetime) -> None:
    """Forget whom frozen reports name whose time is over, page by page."""
    after: Place | None = None
    while True:
        with unit_of_work() as work:
            after = forget_page(work, now=now, after=after)
        if after is None:
            return


def look_after_reports(*, now: datetime) -> None:
    """End enrolments whose arrears are over, and propose what is to be put right, page by page."""
    after: str | None = ""
    while after is not None:
        with unit_of_work() as work:
            after = end_cured(work, now=now, after=after or None)
    with unit_of_work() as work:
        seal_plain_words(work)
    with looking() as session:
        enabled = list(find_all_enabled(session))
    for lender_id, bureau in enabled:
        with unit_of_work() as work:
            propose_upheld(work, lender_id, bureau, now=now)
        for propose in (propose_late_bookings, propose_retention, propose_marks):
            after = ""
            while after is not None:
                with unit_of_work() as work:
                    after = propose(work, lender_id, bureau, now=now, after=after or None)
