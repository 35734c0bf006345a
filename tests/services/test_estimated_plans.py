"""A plan made of a tape's terms is marked for as long as the core has sent none of its own."""

from datetime import date
from typing import Any

from flask import Flask
from sqlalchemy import select

from app.persistence.db import session
from app.persistence.models.loans import LoanRow
from app.persistence.queries.positions import find_plan_versions
from app.persistence.unit_of_work import unit_of_work
from app.services.contracts import estimate_plans
from app.services.loans import put_loan, put_plan
from tests.builders.book_values import loan_values, plan_values
from tests.builders.stored_book import stored_lender
from tests.conftest import START

TERMS = {"method": "equal_instalment", "annual_rate": "0.12", "instalments": 3}


def told(lender_id: str, **changes: Any) -> None:
    given: dict[str, Any] = {"contract": TERMS, "disbursed_on": date(2026, 1, 5), "marks": ("reduced",)}
    with unit_of_work() as work:
        put_loan(work, lender_id, loan_values("L1", **given | changes), now=START, origin="import:tape")


def estimated() -> str:
    lender_id = stored_lender()
    told(lender_id)
    assert [page.made for page in estimate_plans("acme", now=START)] == [1]
    return lender_id


def marks() -> list[str]:
    session().rollback()
    return session().scalars(select(LoanRow)).one().marks


def test_the_mark_stays_when_the_tape_says_something_new_of_the_loan(app: Flask) -> None:
    lender_id = estimated()

    told(lender_id, product="personal", marks=("extended",))

    assert marks() == ["estimated_plan", "extended"]


def test_the_mark_goes_when_the_core_sends_a_plan(app: Flask) -> None:
    lender_id = estimated()

    with unit_of_work() as work:
        put_plan(work, lender_id, plan_values("L1"), now=START, origin="ingest")
    with_the_plan = marks()
    told(lender_id, product="personal")

    assert with_the_plan == marks() == ["reduced"]


def test_the_mark_goes_when_the_core_sends_what_was_estimated(app: Flask) -> None:
    lender_id = estimated()
    loan = session().scalars(select(LoanRow)).one()
    rows = find_plan_versions(session(), [loan.id])[loan.id][-1].rows

    with unit_of_work() as work:
        result = put_plan(work, lender_id, plan_values("L1", rows=rows), now=START, origin="ingest")

    assert (result.changed, marks()) == (False, ["reduced"])
