"""The pages of duties and of a loan's terms show what stands, with its paragraph and how well it was read."""

import re
from datetime import date

import pytest
from flask import Flask

from app.domain.book import BorrowerValues, LoanValues, PlanValues
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.engine.follow_ups import follow_up_due
from app.persistence.queries.loans import get_loan
from app.persistence.queries.tasks import mark_breaches
from app.persistence.unit_of_work import unit_of_work
from app.services import duties
from app.services.borrowers import put_borrower
from app.services.interest_stops import put_stop
from app.services.loans import put_loan, put_plan
from app.services.tasks import NewTask, add_task
from tests.builders.book import Built, build_lender
from tests.builders.desk import a_seat
from tests.conftest import START

DUE = [date(2026, month, 10) for month in range(2, 8)]


@pytest.fixture
def loan(sqlite_book: Flask) -> Built:
    """A loan over its cap, with a missed duty and a stop of interest; another whose cap is not known."""
    lender = build_lender(
        now=START, jurisdiction="CN", currency="CNY", zone="Asia/Shanghai", licence_kind="private_lender",
        role="first_party", role_reason="own book", legal_name="Harbour Credit Co., Ltd.",
    )  # fmt: skip
    rows = tuple(PlanRow(n, on, Split(100_00, 20_00)) for n, on in enumerate(DUE, start=1))
    ids: dict[str, str] = {}
    with unit_of_work() as work:
        borrower = put_borrower(work, BorrowerValues("B1"), now=START, origin="test").id
        for number, signed_on in (("L1", "2026-01-10"), ("L2", "2031-01-02")):
            contract = {"annual_rate": "0.36", "signed_on": signed_on}
            values = LoanValues(number, "B1", "CNY", 600_00, disbursed_on=date(2026, 1, 10), contract=contract)
            put_loan(work, lender, values, now=START, origin="test")
            ids[number] = put_plan(work, lender, PlanValues(number, rows), now=START, origin="test").id
    loan_id = ids["L1"]
    follow_up_due(now=START)
    with unit_of_work() as work:
        put_stop(
            work, get_loan(work.session, loan_id), from_on=date(2026, 2, 20), until_on=None, scope="interest",
            rule="UK-BREATHING", reason="for the test", by="staff:Ann", now=START,
        )  # fmt: skip
        for key, due_on in (("k1", date(2026, 2, 25)), ("k2", date(2026, 3, 4)), ("k3", date(2026, 5, 1))):
            facts = {"missing": ["objection_answer"], "breach": key == "k1"}
            task = NewTask(
                key, borrower, "duty", duties.QUEUE, loan_id=loan_id, rule="CN-OBJECTION", due_on=due_on, facts=facts
            )
            add_task(work, task, now=START)
        mark_breaches(work.session, ["k1"])
    return Built(lender, borrower, "B1", loan_id, "L1")


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_duties_are_listed_missed_first_by_rule_and_by_what_is_near(sqlite_book: Flask, loan: Built) -> None:
    seat = a_seat(sqlite_book, loan.lender_id)

    everything = seat.page("/duties").text
    assert everything.count("/loans/L1/terms") >= 3
    missed, near = seat.page("/duties?when=missed").text, seat.page("/duties?when=due_soon").text
    by_rule = seat.page("/duties?rule=CN-OBJECTION").text
    assert [each.count(">B1</a></td>") for each in (everything, missed, near, by_rule)] == [3, 1, 1, 3]
    shown = text_of(everything)
    for words in ("Interest stopped by law", "Over the cap", "Cap not known", "The newest rate on record is too old"):
        assert words in shown


def test_another_lenders_duties_are_not_there(sqlite_book: Flask, loan: Built) -> None:
    other = a_seat(sqlite_book, build_lender(now=START, code="other"))

    assert "L1" not in other.page("/duties").text


def test_a_loans_terms_show_licence_cost_cap_and_stops(sqlite_book: Flask, loan: Built) -> None:
    seat = a_seat(sqlite_book, loan.lender_id, locale="en")
    seat.send("/borrowers/B1/opening", on="/borrowers/B1", reason="caller")

    answer = seat.page("/borrowers/B1/loans/L1/terms")

    assert answer.status_code == 200
    shown = text_of(answer.text)
    for words in (
        "Harbour Credit Co., Ltd.", "Annualised rate (compound)", "Annualised rate (simple)", "Nominal rate", "36.00 %",
        "Four times the one-year LPR", "12.00 %", "Not collected", "UK-BREATHING", "Where to complain is not recorded.",
        "The loan asks more than its cap allows",
    ):  # fmt: skip
        assert words in shown, words
    assert shown.index("(compound)") < shown.index("Nominal rate")
    chinese = a_seat(sqlite_book, loan.lender_id, locale="zh-CN")
    chinese.send("/borrowers/B1/opening", on="/borrowers/B1", reason="caller")
    assert "年化利率(复利)" in chinese.page("/borrowers/B1/loans/L1/terms").text
    assert seat.page("/borrowers/B1/loans/NOPE/terms").status_code == 404
