"""What the sandbox page shows: who can be looked at, what their phone received, what the engine decided about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.times import local_instant, rfc3339
from app.persistence.models.loans import LoanRow, PositionSnapshotRow
from app.persistence.models.reminders import DecisionRow
from app.persistence.queries.borrowers import find_borrower_ids
from app.sandbox.phone_apps import shown_items
from app.sandbox.sample_addresses import addresses_of, targets_of
from app.sandbox.sample_lenders import DEMO_BORROWERS, DemoBorrower, demo_phone
from app.sandbox.sample_people import PLACES
from app.sandbox.stand_in.client import StandInClient

DECISIONS_SHOWN = 40
NOON = time(12, 0)
"""Local time the clock goes to on a due date: after the reminders of that morning."""


@dataclass(frozen=True, slots=True)
class DueDay:
    """The next due date of a borrower, and the instant to look at it."""

    due_on: date
    at: datetime


def people() -> list[dict[str, str]]:
    """Return the demo borrowers, each with the phone they sign in with and the address of their virtual phone."""
    return [
        {
            "borrower_no": demo.borrower_no,
            "name": demo.name,
            "country": demo.country,
            "phone": demo_phone(demo),
            "locale": "zh-CN" if PLACES[demo.country].locale.startswith("zh") else "en",
            "zone": PLACES[demo.country].zones[0],
            "push_address": addresses_of(demo).push_token,
        }
        for demo in DEMO_BORROWERS
    ]


def get_demo(borrower_no: str) -> DemoBorrower:
    """Return the demo borrower. Raises NotFoundError: other borrowers have no virtual phone."""
    for demo in DEMO_BORROWERS:
        if demo.borrower_no == borrower_no:
            return demo
    raise NotFoundError("There is no demo borrower of that number.")


def get_borrower_id(session: Session, borrower_no: str) -> str:
    """Return the id of a demo borrower. Raises NotFoundError, also when the book was filled from elsewhere."""
    get_demo(borrower_no)
    found = find_borrower_ids(session, [borrower_no])
    if borrower_no not in found:
        raise NotFoundError("The book in this database is not the sample book, so it has no demo borrowers.")
    return found[borrower_no]


def demo_ids(session: Session) -> set[str]:
    """Return the ids of the demo borrowers."""
    return set(find_borrower_ids(session, [demo.borrower_no for demo in DEMO_BORROWERS]).values())


def received(session: Session, stand_in: StandInClient, borrower_no: str, *, since: int) -> dict[str, Any]:
    """Return what arrived on the virtual phone after number `since`, on all channels."""
    page = stand_in.page(since=since, targets=targets_of(get_demo(borrower_no)))
    return {"items": shown_items(session, page["items"]), "next": page["next"]}


def decisions(session: Session, borrower_id: str) -> list[dict[str, Any]]:
    """Return the newest decisions about a borrower, newest first."""
    statement = (
        select(
            DecisionRow.id,
            DecisionRow.step_key,
            DecisionRow.row_no,
            DecisionRow.occurs_at,
            DecisionRow.outcome,
            DecisionRow.reason,
            LoanRow.loan_no,
        )
        .join(LoanRow, LoanRow.id == DecisionRow.loan_id)
        .where(DecisionRow.borrower_id == borrower_id)
        .order_by(DecisionRow.occurs_at.desc(), DecisionRow.id.desc())
        .limit(DECISIONS_SHOWN)
    )
    return [{**row._asdict(), "occurs_at": rfc3339(row.occurs_at)} for row in session.execute(statement)]


def next_due_day(session: Session, borrower_id: str, *, now: datetime) -> DueDay | None:
    """Return the borrower's next due date whose noon is still to come, or None when nothing more falls due."""
    statement = (
        select(LoanRow.zone, PositionSnapshotRow.open_rows)
        .join(PositionSnapshotRow, PositionSnapshotRow.loan_id == LoanRow.id)
        .where(LoanRow.borrower_id == borrower_id, LoanRow.status == "active")
    )
    days = [
        DueDay(due_on, local_instant(due_on, NOON, loan.zone))
        for loan in session.execute(statement)
        for due_on in _due_dates(loan.open_rows)
    ]
    return min((day for day in days if day.at > now), key=lambda day: day.at, default=None)


def _due_dates(open_rows: Sequence[Sequence[Any]]) -> list[date]:
    return [date.fromisoformat(due_on) for _row_no, due_on, *_split in open_rows]
