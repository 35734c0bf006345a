"""What a borrower's page at the desk is made of, in two statements: who it is with the loans, then all about them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, select

from app.persistence.bundles import Bundle
from app.persistence.models.borrowers import BorrowerNumberRow, BorrowerRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow, PositionSnapshotRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.queries.accounts import POSITION_COLUMNS, WITH_SNAPSHOT
from app.persistence.queries.borrower_page_lists import LENDER, LISTS

MOST_LOANS = 101
"""One more than a page shows."""
_NUMBER: Any = bindparam("b_no")
_WHO = (
    select(
        BorrowerRow.id, BorrowerRow.borrower_no, BorrowerRow.name_sealed, BorrowerRow.phone_sealed,
        BorrowerRow.email_sealed, BorrowerRow.national_id_sealed, BorrowerRow.address_sealed, BorrowerRow.country,
        BorrowerRow.locale, BorrowerRow.zone, BorrowerRow.phone_zones, BorrowerRow.officer, BorrowerRow.flags,
        BorrowerRow.recorded_at, AgendaRow.wake_at,
    )
    .join(BorrowerNumberRow, BorrowerNumberRow.borrower_id == BorrowerRow.id)
    .outerjoin(AgendaRow, AgendaRow.borrower_id == BorrowerRow.id)
    .where(BorrowerNumberRow.borrower_no == _NUMBER)
)  # fmt: skip
_LOANS = (
    select(
        *POSITION_COLUMNS, LoanRow.loan_no, LoanRow.product, LoanRow.status, LoanRow.autopay, LoanRow.maturity_on,
        LoanRow.marks, LenderRow.zone.label("lender_zone"),
    )
    .join(BorrowerNumberRow, BorrowerNumberRow.borrower_id == LoanRow.borrower_id)
    .join(LenderRow, LenderRow.id == LoanRow.lender_id)
    .outerjoin(PositionSnapshotRow, WITH_SNAPSHOT)
    .where(BorrowerNumberRow.borrower_no == _NUMBER, LoanRow.lender_id == LENDER)
    .order_by(case((LoanRow.status == "active", 0), else_=1), LoanRow.loan_no)
    .limit(MOST_LOANS)
)  # fmt: skip
_HEAD = Bundle({"who": _WHO, "loans": _LOANS})
_LISTS = Bundle(LISTS)


def find_head(reads: Connection, lender_id: str, borrower_no: str) -> tuple[Any, list[Any]] | None:
    """Return the borrower and their loans of this lender, the active ones first; None: none of either.

    `who` has what is sealed, and when the engine looks at them next; loans have the columns of a balance.
    """
    found = _HEAD.run(reads, {"b_no": borrower_no, "b_lender": lender_id})
    return (found["who"][0], found["loans"]) if found["who"] and found["loans"] else None


def find_lists(
    reads: Connection, lender_id: str, borrower_id: str, *, now: datetime, idle_since: datetime
) -> dict[str, list[Any]]:
    """Return every list of the page, newest first, each with at most one row more than is shown."""
    return _LISTS.run(reads, {"b_id": borrower_id, "b_lender": lender_id, "b_now": now, "b_idle": idle_since})
