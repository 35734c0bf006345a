"""Telling the lenders' own systems what became of escalations, a whole batch at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.persistence.queries.borrowers import find_borrower_nos
from app.persistence.unit_of_work import Work
from app.services.webhook_events import NewEvent, announce_many


@dataclass(frozen=True, slots=True)
class Told:
    """One event about a loan. `loan`: with loan_no, borrower_id, lender_id."""

    loan: Any
    type: str
    data: Mapping[str, Any]


def tell_lenders(work: Work, told: Sequence[Told], *, now: datetime) -> None:
    """Keep the events with their deliveries; a fixed number of statements for each lender."""
    if not told:
        return
    numbers = find_borrower_nos(work.session, {each.loan.borrower_id for each in told})
    by_lender: dict[str, list[NewEvent]] = defaultdict(list)
    for each in told:
        borrower_id = each.loan.borrower_id
        data = {"loan_no": each.loan.loan_no, "borrower_no": numbers[borrower_id], **each.data}
        by_lender[each.loan.lender_id].append(NewEvent(each.type, data, borrower_id))
    for lender_id, events in by_lender.items():
        announce_many(work, lender_id, events, now=now)
