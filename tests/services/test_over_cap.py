"""A loan that asks more than its cap allows is flagged, told, and collects nothing above it."""

from datetime import date, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from app.domain.book import BorrowerValues, LoanValues, PlanValues
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.engine.follow_ups import follow_up_due
from app.persistence.db import db, session
from app.persistence.models.loans import AllocationRow, LoanRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.tasks import TaskRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import base_rates
from app.services.book import differences
from app.services.borrowers import put_borrower
from app.services.caps import cap_states, look_up_caps
from app.services.loans import put_loan, put_plan
from app.services.over_cap import above_cap
from app.services.positions import position_of
from config import LPR_FILE
from tests.builders.book import Built, build_lender, pay
from tests.conftest import START

DUE = [date(2026, 1 + month, 10) for month in range(1, 7)]
LENT_ON = date(2026, 1, 10)


def a_loan(
    interest: int = 20_00,
    *,
    signed_on: str = "2026-01-10",
    lender: str | None = None,
    no: str = "L1",
    first_due: date | None = None,
) -> Built:
    lender = lender or build_lender(
        now=START, code="acme", jurisdiction="CN", currency="USD", licence_kind="private_lender", zone="Asia/Shanghai"
    )
    due = DUE if first_due is None else [first_due + timedelta(days=30 * n) for n in range(6)]
    rows = tuple(PlanRow(n, on, Split(100_00, interest)) for n, on in enumerate(due, start=1))
    with unit_of_work() as work:
        borrower = put_borrower(work, BorrowerValues(f"B-{no}"), now=START, origin="test").id
        contract = {"signed_on": signed_on}
        put_loan(
            work, lender, LoanValues(no, f"B-{no}", "USD", 600_00, disbursed_on=LENT_ON, contract=contract),
            now=START, origin="test",
        )  # fmt: skip
        loan = put_plan(work, lender, PlanValues(no, rows), now=START, origin="test")
    return Built(lender, borrower, f"B-{no}", loan.id, no)


def owed(loan: Built, on: date = date(2026, 7, 11)) -> int:
    db.session().rollback()
    row = db.session().get(LoanRow, loan.loan_id)
    assert row is not None
    return position_of(db.session(), row, on).outstanding_minor


def flags(kind: str = "over_cap") -> list[TaskRow]:
    db.session().rollback()
    return list(db.session().scalars(select(TaskRow).where(TaskRow.kind == kind)))


def test_what_is_above_the_cap_is_not_owed_and_the_loan_is_flagged_and_told_once(app: Flask) -> None:
    loan = a_loan()
    follow_up_due(now=START)
    follow_up_due(now=START + timedelta(days=1))

    (task,) = flags()
    assert (task.queue, task.state, task.loan_id) == ("compliance", "open", loan.loan_id)
    over = task.facts["over_minor"]
    assert over > 90_00
    assert owed(loan) == 720_00 - over
    with reading() as reads:
        state = cap_states(reads, [loan.loan_id])[loan.loan_id]
    assert (state.status, state.is_kept, state.over_cap_minor, state.is_unknown) == ("applies", False, over, False)
    assert [row.template for row in session().scalars(select(NoticeRow))] == ["charges_over_cap"]
    assert [row.type for row in session().scalars(select(WebhookEventRow))] == ["charges.over_cap.v1"]
    assert list(differences(session())) == []


def test_a_loan_that_keeps_its_cap_is_left_alone(app: Flask) -> None:
    loan = a_loan(interest=1_00)
    follow_up_due(now=START)

    assert flags() == []
    assert owed(loan) == 606_00
    with reading() as reads:
        assert cap_states(reads, [loan.loan_id])[loan.loan_id].is_kept is True


def test_what_was_paid_above_the_cap_before_it_was_known_stays_booked_and_is_reckoned(app: Flask, tmp_path: Path) -> None:
    loan = a_loan(signed_on="2031-01-02")  # a day that the table does not cover
    with reading() as reads:
        state = cap_states(reads, [loan.loan_id])[loan.loan_id]
    assert (state.status, state.is_unknown, state.is_kept) == ("unknown", True, None)
    db.session().rollback()
    assert db.session().scalar(select(LoanRow.cap_unknown)) is True
    pay(loan, 120_00, now=START, reference="P-1")
    before = sorted(map(tuple, db.session().execute(select(AllocationRow.row_no, AllocationRow.interest_minor))))

    newer = tmp_path / "lpr.csv"
    newer.write_text("date,one_year,five_year\n2030-12-20,3.00,3.50\n")
    base_rates.use_table(newer)
    try:
        with unit_of_work() as work:
            look_up_caps(work, get_lender(work.session, loan.lender_id), now=START + timedelta(days=1))
    finally:
        base_rates.use_table(LPR_FILE)
    follow_up_due(now=START + timedelta(days=1))
    assert flags() == []  # the row that was due is paid
    follow_up_due(now=START + timedelta(days=10))

    db.session().rollback()
    assert sorted(map(tuple, db.session().execute(select(AllocationRow.row_no, AllocationRow.interest_minor)))) == before
    row = db.session().get(LoanRow, loan.loan_id)
    assert row is not None
    assert row.cap_unknown is False
    found = above_cap(db.session(), row, date(2026, 7, 11))
    assert found.paid_minor > 0
    assert found.over_minor == found.paid_minor + found.not_collected_minor
    assert found.from_on == START.date() + timedelta(days=1)
    assert owed(loan) == 600_00 - found.not_collected_minor
    assert [task.facts["paid_minor"] for task in flags()] == [found.paid_minor]
    assert list(differences(session())) == []


def test_a_loan_put_again_keeps_the_day_from_which_its_cap_is_kept(app: Flask) -> None:
    loan = a_loan()
    with unit_of_work() as work:
        values = LoanValues(
            "L1", "B-L1", "USD", 600_00, disbursed_on=LENT_ON, product="car", contract={"signed_on": "2026-01-10"}
        )
        put_loan(work, loan.lender_id, values, now=START + timedelta(days=9), origin="test")
    db.session().rollback()
    cap = db.session().scalar(select(LoanRow.cap))

    assert cap is not None
    assert cap["kept_from"] == START.date().isoformat()
    assert list(differences(session())) == []


def test_the_task_waits_until_money_of_the_loan_is_due_and_the_flag_does_not(app: Flask) -> None:
    loan = a_loan(first_due=START.date() + timedelta(days=20))
    follow_up_due(now=START)
    early = flags(), [row.template for row in session().scalars(select(NoticeRow))]
    with reading() as reads:
        assert cap_states(reads, [loan.loan_id])[loan.loan_id].over_cap_minor > 0

    follow_up_due(now=START + timedelta(days=19))
    assert flags() == []
    follow_up_due(now=START + timedelta(days=21))

    assert early == ([], ["charges_over_cap"])
    assert [task.state for task in flags()] == ["open"]
    assert [row.type for row in session().scalars(select(WebhookEventRow))] == ["charges.over_cap.v1"]


def test_a_cap_that_is_not_known_is_one_task_while_money_is_due_and_done_once_it_is_known(app: Flask) -> None:
    loan = a_loan(signed_on="2031-01-02")
    follow_up_due(now=START)
    pay(loan, 1_00, now=START, reference="P-1")
    follow_up_due(now=START + timedelta(days=1))
    before = [(task.state, task.loan_id) for task in flags("cap_unknown")]
    contract = {"signed_on": "2026-01-10"}
    values = LoanValues("L1", "B-L1", "USD", 600_00, disbursed_on=LENT_ON, contract=contract)
    later = START + timedelta(days=2)
    with unit_of_work() as work:
        put_loan(work, loan.lender_id, values, now=later, origin="test")
    follow_up_due(now=later)

    assert before == [("open", loan.loan_id)]
    assert [task.state for task in flags("cap_unknown")] == ["done"]
    assert [task.state for task in flags()] == ["open"]


def test_a_cap_that_is_not_known_is_no_task_before_money_is_due(app: Flask) -> None:
    a_loan(signed_on="2031-01-02", first_due=START.date() + timedelta(days=20))
    follow_up_due(now=START)
    db.session().rollback()
    assert flags("cap_unknown") == []
    assert db.session().scalar(select(LoanRow.cap_unknown)) is True

    follow_up_due(now=START + timedelta(days=20, hours=12))

    assert len(flags("cap_unknown")) == 1


def test_a_plan_that_comes_to_keep_the_cap_takes_the_flag_back(app: Flask) -> None:
    loan = a_loan()
    follow_up_due(now=START)
    rows = tuple(PlanRow(n, on, Split(100_00, 1_00)) for n, on in enumerate(DUE, start=1))
    later = START + timedelta(days=2)
    with unit_of_work() as work:
        put_plan(work, loan.lender_id, PlanValues("L1", rows), now=later, origin="test")
    follow_up_due(now=later)

    assert [task.state for task in flags()] == ["done"]
    assert owed(loan) == 606_00
