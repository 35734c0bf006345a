"""Staff open the page of a borrower: everything their lender knows at once, and that it was opened, by whom and why.

Two statements read it, one writes the audit row. The answer is not given without that row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.domain.errors import NotFoundError, refused_at
from app.persistence.db import vault
from app.persistence.queries import borrower_pages as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import peeking, unit_of_work
from app.services.borrower_page_lists import listed
from app.services.borrower_page_parts import BorrowerPage, LoanOnPage
from app.services.borrower_people import identity_of, places_of
from app.services.desk_loans import loan_on_page
from app.services.desk_positions import positions_today
from app.services.sessions import IDLE

REASONS: Final = ("caller", "reply", "complaint", "dispute", "task", "payment", "review", "other")
"""Why a page may be opened. One must be named, and it stands in the audit trail."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Who opens whose page, and why."""

    by: str
    """As the audit trail names them."""
    lender_id: str
    borrower_no: str
    reason: str | None
    """One of REASONS; None is refused."""
    task_id: str | None = None
    conversation_id: str | None = None


def open_borrower(opening: Opening, *, now: datetime, locale: str) -> BorrowerPage:
    """Return the page, and write down that it was opened. The request holds no connection while this runs.

    Raises ValidationError without a reason; NotFoundError, also for a borrower of other lenders alone.
    """
    check_reason(opening.reason)
    page = read_page(opening.lender_id, opening.borrower_no, now=now, locale=locale)
    facts = {"reason": opening.reason, "task_id": opening.task_id, "conversation_id": opening.conversation_id}
    with unit_of_work() as work:
        told = {name: value for name, value in facts.items() if value is not None}
        add_audit(work.session, at=now, actor=opening.by, action="borrower.opened", borrower_id=page.borrower_id, facts=told)
    return page


def read_page(lender_id: str, borrower_no: str, *, now: datetime, locale: str) -> BorrowerPage:
    """Return the page of a borrower who was opened before (services/borrower_openings.py); it writes nothing down.

    Raises NotFoundError, also for a borrower of other lenders alone.
    """
    with peeking() as reads:
        head = queries.find_head(reads, lender_id, borrower_no)
        if head is None:
            raise NotFoundError(f"There is no borrower {borrower_no} with a loan of this lender.")
        who, loans = head
        lists = queries.find_lists(reads, lender_id, who.id, now=now, idle_since=now - IDLE)
        shown = positions_today(reads, loans, now=now)
    on_page: list[LoanOnPage] = [loan_on_page(loan, shown[loan.id]) for loan in loans[: queries.MOST_LOANS - 1]]
    more = ["loans"] if len(loans) == queries.MOST_LOANS else []
    return _page(who, loans, on_page, lists, more, now=now, locale=locale)


def check_reason(reason: str | None) -> None:
    """Refuse to open anything without a reason. Raises ValidationError."""
    if reason not in REASONS:
        raise refused_at("/query/reason", f"Say why the page is opened: reason is one of {', '.join(REASONS)}.")


def _page(
    who: Any,
    loans: Sequence[Any],
    on_page: list[LoanOnPage],
    lists: dict[str, list[Any]],
    more: list[str],
    *,
    now: datetime,
    locale: str,
) -> BorrowerPage:
    ring = vault()
    places = places_of(who, [device.zone for device in lists["devices"]], loans[0].lender_zone, now)
    return BorrowerPage(
        borrower_id=who.id,
        borrower_no=who.borrower_no,
        as_of=now,
        identity=identity_of(ring, who),
        places=places,
        loans=on_page,
        **listed(ring, who, lists, more, now=now, locale=locale, zone=places[0].zone),
        more=more,
    )
