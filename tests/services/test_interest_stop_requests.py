"""A stop of interest by hand: one with the permission asks, another decides, and only then is less owed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from app.domain.interest_stop_requests import StopAct, WishedStop
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.interest_stop_requests import InterestStopRequestRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import interest_stop_requests as requests
from app.services.approvals import list_waiting
from app.services.desk_payments import DeskStaff
from tests.builders.book import Built, build_lender
from tests.services.test_interest_stops import a_british_loan, interest_due, stops

pytestmark = pytest.mark.both

NOW = datetime(2026, 3, 3, tzinfo=UTC)
PUT: dict[str, Any] = {
    "act": StopAct.PUT, "from_on": date(2026, 2, 25), "scope": "interest", "rule": "UK-BREATHING",
    "reason": "told by telephone",
}  # fmt: skip
ON = date(2026, 4, 25)


def staff(loan: Built, name: str = "Ann", role: str = "compliance") -> DeskStaff:
    return DeskStaff(f"staff:{name}", role, loan.lender_id)


def asked(loan: Built, who: DeskStaff | None = None, now: datetime = NOW, **changes: Any) -> str:
    with unit_of_work() as work:
        wished = WishedStop(loan.loan_no, **{**PUT, **changes})
        return requests.ask(work, loan.borrower_id, wished, staff=who or staff(loan), now=now)


def approved(loan: Built, request_id: str, who: DeskStaff | None = None, now: datetime = NOW) -> None:
    with unit_of_work() as work:
        requests.approve(work, request_id, staff=who or staff(loan, "Ben"), now=now)


def row(request_id: str) -> InterestStopRequestRow:
    db.session().rollback()
    return db.session().get_one(InterestStopRequestRow, request_id)


def test_nothing_is_stopped_before_a_second_person_says_yes(app: Flask) -> None:
    loan = a_british_loan()
    before = interest_due(loan, ON)
    request_id = asked(loan)

    assert interest_due(loan, ON) == before
    with reading() as session:
        waiting = list_waiting(session.connection(), loan.lender_id, kind="interest_stop")
    assert [(each.id, each.asked_by, each.loan_no, each.about) for each in waiting] == [
        (request_id, "staff:Ann", "L1", "put")
    ]
    approved(loan, request_id)
    approved(loan, request_id)

    assert interest_due(loan, ON) == 31_00 * 2
    (stop,) = stops()
    done = row(request_id)
    assert (done.state, done.decided_by, done.stop_id, stop.recorded_by) == ("done", "staff:Ben", stop.stop_id, "staff:Ann")
    with reading() as session:
        assert list_waiting(session.connection(), loan.lender_id, kind="interest_stop") == []
        actions = session.scalars(select(AuditRow.action).where(AuditRow.action.startswith("interest_stop")))
        assert sorted(actions) == ["interest_stop.began", "interest_stop_request.approved", "interest_stop_request.asked"]


def test_a_stop_is_ended_or_taken_back_by_two_people_as_well(app: Flask) -> None:
    loan = a_british_loan()
    before = interest_due(loan, ON)
    approved(loan, asked(loan))
    (stop,) = stops()

    end = asked(loan, act=StopAct.END, stop_id=stop.stop_id, until_on=date(2026, 3, 11), **NOTHING)
    assert interest_due(loan, ON) == 31_00 * 2
    approved(loan, end, now=NOW + timedelta(hours=1))
    assert interest_due(loan, ON) == before - 14_00
    back = asked(loan, act=StopAct.WITHDRAW, stop_id=stop.stop_id, now=NOW + timedelta(hours=2), **NOTHING)
    approved(loan, back, now=NOW + timedelta(hours=3))

    assert interest_due(loan, ON) == before
    assert stops() == []


NOTHING: dict[str, Any] = {"from_on": None, "scope": None, "rule": None}


def test_who_asked_does_not_approve_and_may_let_it_be(app: Flask) -> None:
    loan = a_british_loan()
    request_id = asked(loan)

    for name in ("Ann", "ann"):
        with pytest.raises(ForbiddenError):
            approved(loan, request_id, staff(loan, name))
    with unit_of_work() as work:
        requests.decline(work, request_id, staff=staff(loan), now=NOW, reason="a mistake")

    assert (row(request_id).state, row(request_id).declined_reason) == ("declined", "a mistake")
    with pytest.raises(ConflictError):
        approved(loan, request_id)
    assert stops() == []


@pytest.mark.parametrize("role", ["agent", "supervisor"])
def test_only_compliance_and_admins_ask_and_decide(app: Flask, role: str) -> None:
    loan = a_british_loan()
    with pytest.raises(ForbiddenError):
        asked(loan, staff(loan, role=role))
    request_id = asked(loan)
    with pytest.raises(ForbiddenError):
        approved(loan, request_id, staff(loan, "Ben", role))


def test_another_lender_neither_asks_nor_decides(app: Flask) -> None:
    loan = a_british_loan()
    other = DeskStaff("staff:Eve", "compliance", build_lender(now=NOW, code="other"))
    with pytest.raises(NotFoundError):
        asked(loan, other)
    request_id = asked(loan)
    with pytest.raises(NotFoundError):
        approved(loan, request_id, other)


@pytest.mark.parametrize(
    "changes",
    [
        {"from_on": None}, {"scope": "principal"}, {"rule": "NO-SUCH"}, {"until_on": date(2026, 2, 25)},
        {"reason": "x" * 401},
        {"act": StopAct.END, "until_on": date(2026, 3, 1)},
    ],
)  # fmt: skip
def test_what_cannot_be_a_stop_is_refused_when_it_is_asked(app: Flask, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked(a_british_loan(), **changes)


def test_a_second_request_waits_until_the_first_is_decided(app: Flask) -> None:
    loan = a_british_loan()
    asked(loan)

    with pytest.raises(ConflictError):
        asked(loan, from_on=date(2026, 3, 1))
    with pytest.raises(NotFoundError):
        asked(loan, act=StopAct.WITHDRAW, stop_id="01981e6a-7c1e-7000-8000-3f1c2a5b9d10", **NOTHING)
