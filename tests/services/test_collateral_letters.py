"""The letter about pledged things names each: which, where, what it takes to have it back, what of it is in no message."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.letters import LetterRefusedError
from app.persistence.db import session
from app.persistence.models.collateral import CollateralThingRow
from app.persistence.unit_of_work import unit_of_work
from app.services.collateral_letters import pledges_of_letter
from app.services.collateral_notices import serve_collateral_notice
from app.services.collateral_redemptions import redemption_on
from app.services.desk_payments import DeskStaff
from app.services.letter_kind_setting import _pledges
from app.services.letter_parts import LetterParts, load_parts
from app.wording.letter_pledges import pledge_section
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.collateral import a_pledge, tell
from tests.conftest import START

TODAY = START.date()
CAR = {"plate": "粤B12345", "vin": "1M8GDM9AXKP042788", "about": "Wuling Hongguang, white"}


@pytest.fixture
def loan(app: Flask) -> Built:
    lender = build_lender(now=START, code="us", jurisdiction="US", zone="UTC")
    return build_loan(now=START, due=[TODAY - timedelta(days=40), TODAY + timedelta(days=20)], lender_id=lender)


def thing_of(reference: str) -> Any:
    return session().scalars(select(CollateralThingRow).where(CollateralThingRow.reference == reference)).one()


def a_letter(loan: Built, thing: str) -> LetterParts:
    staff = DeskStaff("staff:Ann", "supervisor", loan.lender_id)
    with unit_of_work() as work:
        message_ids = serve_collateral_notice(work, thing_of(thing).id, staff=staff, now=START)
    with unit_of_work() as work:
        (parts,) = load_parts(work, message_ids)
    return parts


@pytest.mark.both
def test_the_letter_names_the_vehicle_whole_and_its_message_does_not(loan: Built) -> None:
    parts = a_letter(loan, a_pledge(loan, now=START, **CAR))

    (section,) = _pledges(parts, parts.kind)  # type: ignore[arg-type]
    said = "\n".join(section.paragraphs)
    assert all(each in said for each in CAR.values())
    assert "It is with you" in said
    assert not any(each in parts.title + parts.body for each in CAR.values())
    assert not any(each in repr(parts) + repr(parts.pledges) for each in CAR.values())


def test_a_thing_in_custody_is_told_with_its_place_its_price_of_the_day_and_what_a_day_costs(loan: Built) -> None:
    home, held = a_pledge(loan, now=START, **CAR), a_pledge(loan, now=START, rank=2, plate="粤B99999")
    tell(loan, held, "notice_served", TODAY - timedelta(days=9), now=START)
    tell(loan, held, "taken", TODAY - timedelta(days=2), now=START, amount_minor=500, place="Yard 7")
    total = redemption_on(session(), thing_of(held), None, now=START).total_minor

    first, second = a_letter(loan, home).pledges

    assert (first.plate, first.total_minor) == (CAR["plate"], None)
    assert (second.plate, second.place, second.total_minor, second.costs_minor, second.daily_minor) == (
        "粤B99999", "Yard 7", total, 1_500, 500,
    )  # fmt: skip
    said = "\n".join(pledge_section([second], "en").paragraphs)
    for wanted in ("Yard 7", "$215.00", "$15.00", "$5.00", "Reinstatement was not looked at", "is yours"):
        assert wanted in said, wanted
    assert "$215.00" in "\n".join(pledge_section([second], "zh-CN").paragraphs).replace("US$", "$")


def test_a_letter_about_what_is_pledged_no_more_is_refused_by_name(loan: Built) -> None:
    thing = a_pledge(loan, now=START)
    parts = a_letter(loan, thing)
    a_pledge(loan, now=START, reference=thing, plate=None, ended_on=TODAY)
    with unit_of_work() as work:
        (parts,) = load_parts(work, [parts.message_id])

    assert parts.pledges == ()
    with pytest.raises(LetterRefusedError, match="Nothing is pledged"):
        list(_pledges(parts, parts.kind))  # type: ignore[arg-type]


def test_what_was_sold_is_named_in_no_letter_though_its_pledge_was_not_ended(loan: Built) -> None:
    kept, sold = a_pledge(loan, now=START, **CAR), a_pledge(loan, now=START, rank=2, plate="粤B99999")
    for kind, ago in (("notice_served", 9), ("taken", 2), ("sold", 0)):
        tell(loan, sold, kind, TODAY - timedelta(days=ago), now=START)

    with unit_of_work() as work:
        (only,) = pledges_of_letter(work, [loan.loan_id], as_of=START)
    assert only.plate == CAR["plate"]
    assert thing_of(kept).state == "pledged"


def test_a_thing_that_secures_several_loans_of_a_letter_is_named_once(loan: Built) -> None:
    other = build_loan(now=START, due=[TODAY - timedelta(days=9)], lender_id=loan.lender_id, borrower_no=loan.borrower_no)
    thing = a_pledge(loan, now=START)
    a_pledge(other, now=START, reference=thing, rank=2)

    with unit_of_work() as work:
        assert len(pledges_of_letter(work, [loan.loan_id, other.loan_id], as_of=START)) == 1
