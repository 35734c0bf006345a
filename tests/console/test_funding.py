"""Funders and shares written down in a browser, and the banner of a lender that winds down."""

from datetime import timedelta

import pytest
from flask import Flask

from app.domain.wind_downs import WindDownTerms
from app.persistence.db import vault
from app.persistence.queries import funding as queries
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.desk_payments import DeskStaff
from app.services.funders import open_funder
from app.services.wind_downs import ask_wind_down, decide_wind_down
from tests.builders.book import Built, build_loan
from tests.builders.desk import Seat, a_seat
from tests.conftest import START

DUE = [START.date() - timedelta(days=10), START.date() + timedelta(days=20)]


@pytest.fixture
def loan(app: Flask) -> Built:
    return build_loan(now=START, due=DUE, amount_minor=50_000)


@pytest.fixture
def seat(app: Flask, loan: Built) -> Seat:
    return a_seat(app, loan.lender_id, role="admin", now=START)


def account(loan: Built, number: str = "F-1") -> str | None:
    with reading() as session:
        return open_funder(vault(), queries.get_funder(session, loan.lender_id, number)).account


def test_a_funder_is_added_and_changed_and_an_account_left_empty_stays(seat: Seat, loan: Built) -> None:
    new = "/funding/funders/new"
    added = seat.send(new, new, funder_no="F-1", kind="person", name="Zhang San", account="6222 0001")
    assert added.headers["Location"] == "/desk/funding/funders/F-1"

    change = "/funding/funders/F-1/change"
    assert "6222 0001" not in seat.page(change).text
    assert seat.send(change, change, kind="firm", name="Zhang & Sons").status_code == 303

    assert account(loan) == "6222 0001"
    shown = seat.page("/funding/funders/F-1").text
    assert [word in shown for word in ("Zhang &amp; Sons", "…0001", "6222 0001")] == [True, True, False]


def test_a_share_is_recorded_in_the_loans_currency_and_what_is_wrong_stands_at_its_field(seat: Seat, loan: Built) -> None:
    new, share = "/funding/funders/new", "/funding/shares/new"
    seat.send(new, new, funder_no="F-1", kind="person", name="Zhang San")
    given = {"reference": "S-1", "loan_no": loan.loan_no, "effective_on": START.date().isoformat(), "to_funder_no": "F-1"}

    assert seat.send(share, share, **given, amount="600.00", interest="0.1").headers["Location"].endswith(loan.loan_no)
    too_much = seat.send(share, share, **{**given, "reference": "S-2"}, amount="600.00")
    unknown = seat.send(share, share, **{**given, "reference": "S-3", "loan_no": "NONE"}, amount="1.00")

    assert "$600.00" in seat.page(f"/funding/loans/{loan.loan_no}").text
    assert (too_much.status_code, unknown.status_code) == (422, 422)
    assert 'id="loan_no-wrong"' in unknown.text


def test_who_may_only_read_sees_no_form(app: Flask, loan: Built) -> None:
    reader = a_seat(app, loan.lender_id, role="compliance", name="Cy", now=START)

    assert reader.page("/funding/funders/new").status_code == 403
    assert "/funding/shares/new" not in reader.page("/funding").text


def test_every_page_of_a_lender_that_winds_down_says_so(app: Flask, seat: Seat, loan: Built) -> None:
    assert "No new loans are taken" not in seat.page("/profile").text
    with unit_of_work() as work:
        wind_down_id = ask_wind_down(work, "We stop.", WindDownTerms(), staff=_admin(loan, "Ann"), now=START)
    assert "No new loans are taken" not in seat.page("/profile").text
    with unit_of_work() as work:
        decide_wind_down(work, wind_down_id, approve=True, staff=_admin(loan, "Ben"), now=START)

    agent = a_seat(app, loan.lender_id, role="agent", name="Al", now=START)
    assert "No new loans are taken" in seat.page("/profile").text
    assert "/desk/funding/wind-down" in seat.page("/profile").text
    assert "No new loans are taken" in agent.page("/profile").text
    assert "/desk/funding/wind-down" not in agent.page("/profile").text


def _admin(loan: Built, name: str) -> DeskStaff:
    return DeskStaff(f"staff:{name}", "admin", loan.lender_id)
