"""Lists of duties and of stops of interest count days where the loan is, not by the clock of Greenwich."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.persistence.models.loans import LoanRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import duty_lists, interest_stops
from app.services.duties import QUEUE
from app.services.tasks import NewTask, add_task
from tests.builders.book import Built, build_lender, build_loan

pytestmark = pytest.mark.both

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
"""At Kiritimati (UTC+14) it is the 11th already, in Pago Pago (UTC-11) the 10th; two hours earlier there the 9th."""
DAYS = duty_lists.alarm_rules().days_for("")


def loans(*zones: str) -> list[Built]:
    lender = build_lender(now=NOW, zone="UTC")
    made = [build_loan(now=NOW, due=[date(2026, 5, 1)], lender_id=lender) for _ in zones]
    with unit_of_work() as work:
        for loan, zone in zip(made, zones, strict=True):
            work.session.get_one(LoanRow, loan.loan_id).zone = zone
    return made


def duty(loan: Built, due_on: date, key: str, **more: Any) -> None:
    given = {"loan_id": loan.loan_id, "facts": {"breach": False}, **more}
    with unit_of_work() as work:
        add_task(work, NewTask(key, loan.borrower_id, "duty", QUEUE, rule="X", due_on=due_on, **given), now=NOW)


def soon(lender_id: str | None, now: datetime = NOW) -> list[str]:
    with reading() as session:
        rows = duty_lists.page_of(session, lender_id=lender_id, now=now, when="due_soon", limit=50)
        return sorted(row.natural_key for row in rows)


def test_what_is_due_soon_counts_from_today_where_the_loan_is(app: Flask) -> None:
    east, west = loans("Pacific/Kiritimati", "Pacific/Pago_Pago")
    border = date(2026, 3, 10) + timedelta(days=DAYS)
    for name, loan in (("east", east), ("west", west)):
        for after in (-1, 0, 1, 2):
            duty(loan, border + timedelta(days=after), f"{name}{after}")

    assert soon(east.lender_id) == ["east-1", "east0", "east1", "west-1", "west0"]
    assert soon(None) == soon(east.lender_id)
    early = NOW.replace(hour=10)  # the 9th in Pago Pago, the 11th at Kiritimati
    assert soon(east.lender_id, early) == ["east-1", "east0", "east1", "west-1"]


def test_a_duty_about_no_single_loan_counts_from_today_where_the_lender_is(app: Flask) -> None:
    [loan] = loans("UTC")
    duty(loan, date(2026, 3, 10) + timedelta(days=DAYS), "person", loan_id=None)
    duty(loan, date(2026, 3, 11) + timedelta(days=DAYS), "later", loan_id=None)

    assert soon(loan.lender_id) == ["person"]


def test_a_stop_is_listed_until_its_last_day_is_over_where_the_loan_is(app: Flask) -> None:
    east, west, open_end = loans("Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC")
    put(east, date(2026, 3, 11))
    put(west, date(2026, 3, 11))
    put(open_end, None)

    assert set(stopped(east.lender_id, NOW)) == {west.loan_no, open_end.loan_no}
    assert set(stopped(east.lender_id, NOW - timedelta(hours=3))) == {east.loan_no, west.loan_no, open_end.loan_no}
    assert set(stopped(east.lender_id, NOW + timedelta(hours=22, minutes=29))) == {west.loan_no, open_end.loan_no}
    assert set(stopped(east.lender_id, NOW + timedelta(hours=22, minutes=31))) == {open_end.loan_no}


def put(loan: Built, until_on: date | None) -> None:
    with unit_of_work() as work:
        row = work.session.get_one(LoanRow, loan.loan_id)
        interest_stops.put_stop(
            work, row, from_on=date(2026, 3, 1), until_on=until_on, scope="interest", rule="UK-BREATHING", reason="told",
            by="staff:Ann", now=NOW,
        )  # fmt: skip


def stopped(lender_id: str, now: datetime) -> list[str]:
    with reading() as session:
        return [row.loan_no for row in duty_lists.lawful_loans(session, lender_id, now=now).stopped]
