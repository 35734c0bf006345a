"""Appraisals beside what is owed, and policies that are spoken of before they run out."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.domain.errors import ConflictError, CurrencyMismatchError, DomainError, NotFoundError
from app.engine.follow_ups import follow_up_due
from app.persistence.db import session, vault
from app.persistence.models.collateral import CollateralAppraisalRow, CollateralInsuranceRow, CollateralThingRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import unit_of_work
from app.services.collateral_values import (
    AppraisalValues,
    InsuranceValues,
    appraiser_of,
    is_insured,
    policy_no_of,
    put_appraisals,
    put_insurance,
    withdraw_appraisal,
    worth_of,
)
from tests.builders.book import Built, build_loan
from tests.builders.collateral import a_pledge
from tests.conftest import START

TODAY = START.date()


def a_loan() -> tuple[Built, str]:
    loan = build_loan(now=START, due=[TODAY + timedelta(days=20)], amount_minor=100_000)
    return loan, a_pledge(loan, now=START)


def appraise(loan: Built, thing: str, minor: int, **more: Any) -> Any:
    given = {"reference": "A1", "currency": "USD", "valued_on": TODAY, "source": "appraiser", **more}
    with unit_of_work() as work:
        (result,) = put_appraisals(
            work, loan.lender_id, [AppraisalValues(thing, value_minor=minor, **given)], by="x", now=START
        )
    return result


def insure(loan: Built, thing: str, days: int, reference: str = "P1") -> Any:
    values = InsuranceValues(thing, reference, "comprehensive", TODAY + timedelta(days=days), policy_no="PICC-778899")
    with unit_of_work() as work:
        (result,) = put_insurance(work, loan.lender_id, [values], by="x", now=START)
    return result


def thing_of(reference: str) -> CollateralThingRow:
    session().expire_all()
    return session().scalars(select(CollateralThingRow).where(CollateralThingRow.reference == reference)).one()


@pytest.mark.both
def test_a_thing_is_worth_its_newest_appraisal_less_the_haircut(app: Flask) -> None:
    loan, thing = a_loan()
    assert worth_of(session(), thing_of(thing), now=START) is None
    appraise(loan, thing, 300_000, valued_on=TODAY - timedelta(days=90), appraiser="Li Wei")
    appraise(loan, thing, 120_000, reference="A2", haircut="0.2")

    worth = worth_of(session(), thing_of(thing), now=START)
    assert worth is not None
    assert (worth.value_minor, worth.counted_minor, worth.shortfall_minor) == (120_000, 96_000, 4_000)
    assert worth.loan_to_value == Decimal("83.33")

    with unit_of_work() as work:
        withdraw_appraisal(work, loan.lender_id, "A2", by="x", now=START)
    worth = worth_of(session(), thing_of(thing), now=START)
    assert worth is not None
    assert worth.value_minor == 300_000
    first = session().scalars(select(CollateralAppraisalRow).where(CollateralAppraisalRow.reference == "A1")).one()
    assert appraiser_of(vault(), first) == "Li Wei"
    assert b"Li Wei" not in (first.appraiser_sealed or b"")


def test_the_same_appraisal_twice_changes_nothing_and_another_under_its_reference_is_refused(app: Flask) -> None:
    loan, thing = a_loan()

    assert appraise(loan, thing, 5).created
    assert not appraise(loan, thing, 5).changed
    assert isinstance(appraise(loan, thing, 6), ConflictError)
    assert isinstance(appraise(loan, thing, 6, currency="EUR"), CurrencyMismatchError)
    assert isinstance(appraise(loan, "NONE", 6), NotFoundError)
    assert isinstance(appraise(loan, thing, 6, haircut="2", reference="A3"), DomainError)


@pytest.mark.both
def test_thirty_days_before_a_policy_runs_out_people_and_the_borrower_are_told_once(app: Flask) -> None:
    loan, thing = a_loan()
    insure(loan, thing, 40)
    assert not insure(loan, thing, 40).changed

    for days, told in ((0, 0), (9, 0), (11, 1), (12, 1)):
        follow_up_due(now=START + timedelta(days=days))
        assert session().scalar(select(func.count()).select_from(NoticeRow)) == told
        session().rollback()
    task = session().scalars(select(TaskRow).where(TaskRow.kind == "insurance_ending")).one()
    assert task.due_on == TODAY + timedelta(days=40)
    assert is_insured(session(), thing_of(thing).id, TODAY + timedelta(days=40))
    assert not is_insured(session(), thing_of(thing).id, TODAY + timedelta(days=41))
    row = session().scalars(select(CollateralInsuranceRow)).one()
    assert policy_no_of(vault(), row) == "PICC-778899"
    assert b"778899" not in (row.policy_no_sealed or b"")


def test_of_a_policy_that_another_outlasts_nothing_is_said(app: Flask) -> None:
    loan, thing = a_loan()
    insure(loan, thing, 20)
    insure(loan, thing, 300, "P2")

    follow_up_due(now=START + timedelta(days=1))

    assert session().scalar(select(func.count()).select_from(NoticeRow)) == 0
