"""Pledged things in a browser: found by plate, recorded, quoted, given back, sold by two people, without any script."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.domain.money import Money
from app.persistence.db import session
from app.persistence.models.audit import AuditRow
from app.persistence.models.collateral import CollateralSaleRow, CollateralThingRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.collateral_sale_previews import SaleWished
from app.services.collateral_sales import tell_sale
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.collateral import a_pledge, tell
from tests.builders.desk import Seat, a_seat
from tests.conftest import START

TODAY = START.date()


@pytest.fixture
def loan(app: Flask) -> Built:
    lender = build_lender(now=START, code="cn", jurisdiction="CN", zone="UTC")
    return build_loan(now=START, due=[TODAY - timedelta(days=40), TODAY + timedelta(days=20)], lender_id=lender)


def send(seat: Seat, path: str, act: str, **values: str) -> TestResponse:
    """Send one of the forms of a page: only its own hidden fields, as a browser does."""
    text = seat.page(path).get_data(as_text=True)
    hidden = {name: re.search(rf'name="{name}" value="([^"]*)"', text) for name in ("csrf", "once")}
    shared = {name: found[1] for name, found in hidden.items() if found}
    return seat.browser.post(f"/desk{path}/{act}", data={**shared, **values})


def state_of(reference: str) -> str:
    with reading() as reads:
        return str(reads.scalar(select(CollateralThingRow.state).where(CollateralThingRow.reference == reference)))


def path_of(reference: str) -> str:
    with reading() as reads:
        return f"/collateral/{reads.scalar(select(CollateralThingRow.id).where(CollateralThingRow.reference == reference))}"


def test_a_pledge_is_written_down_found_by_its_plate_and_masked_in_the_list(app: Flask, loan: Built) -> None:
    seat = a_seat(app, loan.lender_id)

    made = seat.send("/collateral/new", reference="V-9", loan_no=loan.loan_no, kind="vehicle", pledged_on="2026-01-05",
                     plate="粤B·54321", vin="1M8GDM9AXKP042788")  # fmt: skip
    again = seat.send("/collateral/new", reference="V-8", loan_no=loan.loan_no, kind="vehicle", pledged_on="2026-01-05",
                      vin="1M8GDM9A1KP042788")  # fmt: skip
    found = seat.send("/collateral/search", "/collateral", text="粤b54321")
    none = seat.send("/collateral/search", "/collateral", text="粤b5432")

    assert made.status_code == 303
    assert (again.status_code, "check digit" in again.text) == (422, True)
    assert (found.status_code, "V-9" in found.text, "粤B54321" in found.text) == (200, True, False)
    assert "V-9" not in none.text
    assert "粤••••21" in seat.page("/collateral").text
    assert session().scalars(select(AuditRow).where(AuditRow.action == "collateral.searched")).all()


def test_custody_costs_and_a_reversal_are_recorded_and_an_agent_may_not_take_back(app: Flask, loan: Built) -> None:
    agent, lead = a_seat(app, loan.lender_id), a_seat(app, loan.lender_id, role="supervisor")
    thing = a_pledge(loan, now=START)
    path = path_of(thing)

    taken = agent.send(f"{path}/events", path, kind="taken", effective_on=TODAY.isoformat(), place="Yard 7", cost="5.00")
    assert taken.status_code == 303
    page = agent.page(path).text
    assert "Yard 7" in page
    assert "Take back" not in page
    reverses = re.search(r'name="reverses" value="(desk:[^"]+)"', lead.page(path).text)
    assert reverses is not None
    assert agent.send(f"{path}/reversals", path, reverses=reverses[1]).status_code == 403
    assert lead.send(f"{path}/reversals", path, reverses=reverses[1]).status_code == 303
    assert state_of(thing) == "pledged"
    refused = agent.send(f"{path}/events", path, kind="moved", effective_on=TODAY.isoformat())
    assert (refused.status_code, "only from in_custody" in refused.text) == (422, True)


def a_held_thing(loan: Built) -> tuple[str, str]:
    thing = a_pledge(loan, now=START)
    tell(loan, thing, "notice_served", TODAY - timedelta(days=20), now=START)
    tell(loan, thing, "taken", TODAY, now=START, amount_minor=500)
    return thing, path_of(thing)


def test_a_thing_is_quoted_for_and_given_back_for_exactly_that(app: Flask, loan: Built) -> None:
    seat = a_seat(app, loan.lender_id)
    thing, path = a_held_thing(loan)

    assert seat.send(f"{path}/quotes", path).status_code == 303
    assert "$105.00" in seat.page(path).text
    less = seat.send(f"{path}/redemption", path, amount="104.99", method="cash", receipt="R-1")
    assert (less.status_code, state_of(thing)) == (422, "in_custody")
    assert seat.send(f"{path}/redemption", path, amount="105.00", method="cash", receipt="R-1").status_code == 303
    assert state_of(thing) == "redeemed"


def test_a_sale_is_previewed_asked_for_and_booked_by_somebody_else(app: Flask, loan: Built) -> None:
    lead, other = (a_seat(app, loan.lender_id, role="supervisor") for _ in range(2))
    thing, path = a_held_thing(loan)
    sale = {"sold_on": TODAY.isoformat(), "proceeds": "150.00", "sale_method": "auction", "sold_by": "us"}

    preview = send(lead, path, "sales", **sale, preview="true")
    assert (preview.status_code, "$145.00" in preview.text, "$55.00" in preview.text) == (200, True, True)
    with reading() as reads:
        assert reads.scalars(select(CollateralSaleRow)).all() == []
    assert send(lead, path, "sales", **sale).status_code == 303
    assert "Sale of collateral" in other.page("/approvals").text
    (row,) = session().scalars(select(CollateralSaleRow)).all()
    assert book(lead, path, row.id) == 403
    assert book(other, path, row.id) == 303
    assert state_of(thing) == "sold"


def test_the_second_person_sees_what_the_core_tells_and_a_reversal_takes_two(app: Flask, loan: Built) -> None:
    lead, other = (a_seat(app, loan.lender_id, role="supervisor") for _ in range(2))
    thing, path = a_held_thing(loan)
    sale = {"sold_on": TODAY.isoformat(), "proceeds": "150.00", "sale_method": "auction", "sold_by": "us"}
    assert send(lead, path, "sales", **sale).status_code == 303
    with unit_of_work() as work:
        told = SaleWished(TODAY, Money(16_000, "USD"), "other", "other")
        row = work.session.scalars(select(CollateralThingRow).where(CollateralThingRow.reference == thing)).one()
        sale_id, _ = tell_sale(work, row, told, reference="S1", by="core", origin="import:x", now=START)

    page = other.page(path).text
    assert ("Book what the core tells" in page, "$160.00" in page, "$150.00" in page) == (True, True, True)
    assert send(other, path, "sales/approve", sale_id=sale_id).status_code == 422
    assert send(other, path, "sales/approve", sale_id=sale_id, figures="told").status_code == 303
    assert send(other, path, "sales/reverse", sale_id=sale_id, end_reason="another car").status_code == 303
    assert "Taking a sale back" in lead.page("/approvals").text
    assert send(other, path, "sales/reversal/approve", sale_id=sale_id).status_code == 403
    assert send(lead, path, "sales/reversal/decline", sale_id=sale_id, end_reason="this one").status_code == 303
    assert send(other, path, "sales/reverse", sale_id=sale_id, end_reason="another car").status_code == 303
    assert send(lead, path, "sales/reversal/approve", sale_id=sale_id).status_code == 303
    with reading() as reads:
        assert reads.scalar(select(CollateralSaleRow.state).where(CollateralSaleRow.id == sale_id)) == "reversed"


def book(seat: Seat, path: str, sale_id: str) -> int:
    return send(seat, path, "sales/approve", sale_id=sale_id).status_code


def test_another_lenders_things_are_not_found(app: Flask, loan: Built) -> None:
    _, path = a_held_thing(loan)
    stranger = a_seat(app, build_lender(now=START, code="other"))

    assert stranger.page(path).status_code == 404
    assert stranger.send(f"{path}/quotes", "/collateral").status_code == 404
