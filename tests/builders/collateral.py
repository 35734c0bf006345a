"""Pledged things: a vehicle on a loan, and what happens to it."""

from datetime import date, datetime
from itertools import count
from typing import Any

from app.domain.book import PutResult
from app.domain.errors import DomainError
from app.persistence.unit_of_work import unit_of_work
from app.services.collateral import PledgeValues, put_pledges
from app.services.collateral_event_values import EventResult, EventValues
from app.services.collateral_events import record_event
from tests.builders.book import Built

_numbers = count(1)


def a_pledge(loan: Built, *, now: datetime, reference: str | None = None, **changes: Any) -> str:
    """Pledge a vehicle to a loan; return the lender's number of it."""
    reference = reference or f"V{next(_numbers)}"
    given: dict[str, Any] = {"kind": "vehicle", "pledged_on": date(2026, 1, 5), "plate": f"粤B{next(_numbers):05}"}
    with unit_of_work() as work:
        values = PledgeValues(reference, loan.loan_no, **{**given, **changes})
        (result,) = put_pledges(work, loan.lender_id, [values], by="test", origin="test", now=now)
    if isinstance(result, DomainError):
        raise result
    assert isinstance(result, PutResult)
    return reference


def tell(loan: Built, thing: str, kind: str, on: date, *, now: datetime, **more: Any) -> EventResult:
    """Have something happen to a thing."""
    reference = more.pop("reference", None) or f"E{next(_numbers)}"
    with unit_of_work() as work:
        values = EventValues(thing, kind, on, reference, **more)
        return record_event(work, loan.lender_id, values, by="staff:Ann", origin="desk:staff:Ann", now=now)
