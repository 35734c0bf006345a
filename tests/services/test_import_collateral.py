"""The standard file `collateral`: things, events, appraisals, insurance; told twice changes nothing, rejects are named."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.persistence.db import Base, session
from app.persistence.models.collateral import (
    CollateralAppraisalRow,
    CollateralEventRow,
    CollateralInsuranceRow,
    CollateralPledgeRow,
    CollateralSaleRow,
    CollateralThingRow,
)
from app.services.imports.reports import ImportReport
from app.services.imports.runs import import_file
from tests.builders.book import Built, build_lender, build_loan
from tests.conftest import START

TODAY = START.date()
PLEDGES = "thing_no,loan_no,thing_kind,pledged_on,rank,plate,vin"
EVENTS = "event_ref,thing_no,event,happened_on,cost_kind,amount,reason,place,reverses_ref"
APPRAISALS = "appraisal_ref,thing_no,value,valued_on,source,haircut,appraiser"
INSURANCE = "policy_ref,thing_no,cover,valid_until,policy_no,insured"

TakeIn = Callable[..., ImportReport]


@pytest.fixture
def loan(app: Flask) -> Built:
    lender = build_lender(now=START, code="cn", jurisdiction="CN", zone="UTC")
    return build_loan(now=START, due=[TODAY - timedelta(days=40)], loan_no="L1", lender_id=lender)


@pytest.fixture
def take_in(tmp_path: Path) -> TakeIn:
    def run(*lines: str) -> ImportReport:
        path = tmp_path / "collateral.csv"
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return import_file(path, "collateral", now=START)

    return run


def count(model: type[Base]) -> int:
    return session().scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.both
def test_all_four_files_are_taken_in_and_taken_in_again_change_nothing(loan: Built, take_in: TakeIn) -> None:
    files = [
        (PLEDGES, "V1,L1,vehicle,2026-01-05,1,粤B12345,1M8GDM9AXKP042788", "V2,L1,jewellery,2026-01-05,2,,"),
        (EVENTS, f"E2,V1,taken,{TODAY},,5.00,court_order,Yard 7,", f"E3,V1,cost,{TODAY},recovery,800.00,,,",
         f"E1,V1,notice_served,{TODAY - timedelta(days=9)},,,,,"),
        (APPRAISALS, f"A1,V1,50000.00,{TODAY},appraiser,0.2,Li Wei"),
        (INSURANCE, f"P1,V1,comprehensive,{TODAY + timedelta(days=90)},PICC-1,50000.00"),
    ]  # fmt: skip
    models = (CollateralThingRow, CollateralPledgeRow, CollateralEventRow, CollateralAppraisalRow, CollateralInsuranceRow)

    first = [take_in(*lines) for lines in files]
    made = [count(model) for model in models]
    again = [take_in(*lines) for lines in files]

    assert [report.rejections for report in [*first, *again]] == [[]] * 8
    assert made == [2, 2, 5, 1, 1]
    assert [count(model) for model in models] == made
    assert [dict(report.done) for report in first] == [
        {"pledges_created": 2}, {"collateral_events_created": 3}, {"appraisals_created": 1}, {"insurances_created": 1},
    ]  # fmt: skip
    thing = session().scalars(select(CollateralThingRow).where(CollateralThingRow.reference == "V1")).one()
    assert (thing.state, thing.in_custody_on) == ("in_custody", TODAY)


def test_a_sale_that_is_told_of_keeps_its_proceeds_to_be_divided(loan: Built, take_in: TakeIn) -> None:
    take_in(PLEDGES, "V1,L1,vehicle,2026-01-05,1,,")
    for _ in range(2):
        report = take_in(EVENTS, f"E1,V1,taken,{TODAY},,,,,", f"E2,V1,sold,{TODAY},,60.00,,,")
        assert report.rejections == []

    (sale,) = session().scalars(select(CollateralSaleRow)).all()
    assert (sale.state, sale.proceeds_minor, sale.sold_by) == ("waiting", 6_000, "other")


def test_what_cannot_be_is_rejected_by_name_and_the_rest_is_taken(loan: Built, take_in: TakeIn) -> None:
    pledges = take_in(
        PLEDGES, "V1,L1,vehicle,2026-01-05,1,,", "V2,NONE,vehicle,2026-01-05,1,,",
        "V3,L1,vehicle,2026-01-05,1,,1M8GDM9A1KP042788", "V4,L1,boat,2026-01-05,1,,",
    )  # fmt: skip
    events = take_in(EVENTS, f"E1,V9,taken,{TODAY},,,,,", f"E2,V1,sold,{TODAY},,60.00,,,", f"E3,V1,cost,{TODAY},,1.00,,,")

    reasons = {rejection.row: rejection.reason for rejection in pledges.rejections}
    assert sorted(reasons) == [3, 4, 5]
    assert "no loan NONE" in reasons[3]
    assert "check digit" in reasons[4]
    assert not any("1M8GDM9A1KP042788" in reason for reason in reasons.values())
    assert count(CollateralThingRow) == 1
    told = [rejection.reason for rejection in events.rejections]
    assert ["no pledged thing V9" in told[0], "cannot be sold from there" in told[1], "of which kind" in told[2]] == [
        True
    ] * 3
