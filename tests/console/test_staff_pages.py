"""The staff pages of the console: an admin invites, changes, disables and resets; nobody else gets there."""

import re
from dataclasses import replace

import pytest
from flask import Flask

from app.persistence.db import db, vault
from app.services import staff
from tests.builders.book import build_lender
from tests.builders.desk import Seat, a_seat
from tests.conftest import START


@pytest.fixture
def lender_id(sqlite_book: Flask) -> str:
    return build_lender(now=START)


@pytest.fixture
def boss(sqlite_book: Flask, lender_id: str) -> Seat:
    return a_seat(sqlite_book, lender_id, name="Boss", role="admin")


def member(lender_id: str, name: str) -> staff.Member:
    found = {each.name: each for each in staff.list_members(db.session(), vault(), lender_id)}
    db.session.remove()
    return found[name]


def test_an_admin_invites_and_gets_the_link_once(boss: Seat, lender_id: str) -> None:
    fields = {"name": "Li Na", "email": "li.na@example.test", "role": "agent", "teams": "disputes，calls", "languages": "en"}

    made = boss.send("/staff", **fields)

    assert made.status_code == 200
    assert re.search(r'value="http://localhost/desk/invitations#dci_[A-Za-z0-9_-]{43}"', made.text)
    assert (member(lender_id, "Li Na").state, member(lender_id, "Li Na").teams) == ("invited", ["disputes", "calls"])
    twice = boss.send("/staff", **fields)
    assert (twice.status_code, "dci_" in twice.text) == (422, False)


def test_the_link_leads_to_the_address_of_the_installation_and_not_to_where_the_request_says_it_went(
    sqlite_book: Flask, boss: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(sqlite_book.config["SETTINGS"], public_url="https://desk.lender.example")
    monkeypatch.setitem(sqlite_book.config, "SETTINGS", settings)

    made = boss.send("/staff", name="Li Na", email="li.na@example.test", role="agent")

    assert 'value="https://desk.lender.example/desk/invitations#dci_' in made.text


def test_an_admin_changes_disables_enables_and_resets(sqlite_book: Flask, boss: Seat, lender_id: str) -> None:
    other = a_seat(sqlite_book, lender_id, name="Ann")
    page = f"/staff/{other.staff_id}"

    assert boss.send(page, role="supervisor", languages="en, zh-CN").status_code == 303
    assert (member(lender_id, "Ann").role, member(lender_id, "Ann").languages) == ("supervisor", ["en", "zh-CN"])
    assert other.page("/profile").status_code == 303
    assert boss.send(f"{page}/disable", on=page).status_code == 303
    assert member(lender_id, "Ann").state == "disabled"
    assert boss.send(f"{page}/enable", on=page).status_code == 303
    assert member(lender_id, "Ann").state == "active"
    assert boss.send(f"{page}/end-sessions", on=page).status_code == 303
    assert "#dci_" in boss.send(f"{page}/reset", on=page).text
    assert member(lender_id, "Ann").state == "invited"
    assert "#dci_" in boss.send(f"{page}/invite", on=page).text


def test_an_admin_s_own_page_has_no_forms_that_change_it(boss: Seat) -> None:
    page = boss.page(f"/staff/{boss.staff_id}").text

    assert f'action="/desk/staff/{boss.staff_id}' not in page


def test_what_is_refused_is_said_on_the_form(boss: Seat) -> None:
    answer = boss.send("/staff", name="Li Na", email="no address", role="agent")

    assert (answer.status_code, "no e-mail address" in answer.text) == (422, True)
    assert 'value="Li Na"' in answer.text


@pytest.mark.parametrize("role", ["agent", "supervisor", "compliance"])
def test_nobody_else_sees_the_staff(sqlite_book: Flask, lender_id: str, role: str) -> None:
    seat = a_seat(sqlite_book, lender_id, role=role)

    assert seat.page("/staff").status_code == 403
    assert "/desk/staff" not in seat.page("/profile").text


def test_the_roles_page_says_what_each_may(boss: Seat) -> None:
    page = boss.page("/staff/roles").text

    assert page.count("<h1>") == 1
    assert "<code>staff.manage</code>" in page
