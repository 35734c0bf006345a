"""Loans that are late, and plans asked for and agreed to through the services."""

from datetime import date, datetime
from typing import Any

from app.persistence.db import db
from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.queries.plan_requests import get_request
from app.persistence.unit_of_work import unit_of_work
from app.services.arrangements import accept
from app.services.plan_requests import Wanted, request_own
from app.services.sessions import open_session
from tests.builders.book import Built, build_loan
from tests.conftest import START

DUE = [date(2026, 2, 10), date(2026, 3, 10), date(2026, 4, 10), date(2026, 5, 10), date(2026, 6, 10)]
CATCH_UP = Wanted("catch_up", {"rows": 2})


def a_late_loan(**changes: Any) -> Built:
    """10,000 a month, the first of them 20 days late at START."""
    return build_loan(**{"now": START, "due": DUE, **changes})


def asked(loan: Built, wanted: Wanted = CATCH_UP, *, now: datetime = START) -> PlanRequestRow:
    """Ask for a plan; return the request as it then stands."""
    with unit_of_work() as work:
        request_id = request_own(work, loan.borrower_id, loan.loan_id, wanted, now=now)
    return as_it_stands(request_id)


def as_it_stands(request_id: str) -> PlanRequestRow:
    """Return a request, read anew."""
    db.session().rollback()
    return get_request(db.session(), request_id)


def a_session(loan: Built, *, now: datetime = START) -> str:
    """Open a session of the loan's borrower; return its id."""
    with unit_of_work() as work:
        return open_session(work, loan.borrower_id, "phone-1", "test", now=now).session_id


def accepted(loan: Built, request: PlanRequestRow, *, now: datetime = START) -> ArrangementRow:
    """Accept what is offered."""
    request_id, sha256 = request.id, request.document_sha256
    with unit_of_work() as work:
        session_id = open_session(work, loan.borrower_id, "phone-1", "test", now=now).session_id
        return accept(work, loan.borrower_id, request_id, sha256, session_id=session_id, now=now)
