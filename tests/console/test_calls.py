"""Calls and visits in a browser: from the list to the outcome, without a line of script."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.persistence.models.calls import CallRow
from app.persistence.models.promises import PromiseRow
from app.persistence.models.visits import VisitRow
from app.persistence.unit_of_work import reading
from tests.builders.calls import a_call_task, a_late_loan, a_lender, dial, tell
from tests.builders.desk import Seat, a_seat

NOON = datetime(2026, 3, 17, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""


@pytest.fixture
def at_noon(sqlite_book: Flask, set_clock: Callable[[datetime], None]) -> Flask:
    set_clock(NOON)
    return sqlite_book


def opened(seat: Seat, borrower_no: str) -> None:
    """Open the borrower for a reason, as every page about them asks."""
    text = seat.page(f"/borrowers/{borrower_no}").get_data(as_text=True)
    reason = re.findall(r'name="reason".*?value="([a-z_]+)"', text, re.S)[0]
    seat.send(f"/borrowers/{borrower_no}/opening", f"/borrowers/{borrower_no}", reason=reason)


def test_a_call_is_taken_dialled_and_told_in_the_browser(at_noon: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    task_id = a_call_task(built, now=NOON)
    seat = a_seat(at_noon, lender, name="Eve", now=NOON)

    listed = seat.page("/calls")
    next_call = seat.send("/calls/next", "/calls")
    before = seat.page(f"/calls/{task_id}")
    seat.send(f"/calls/{task_id}/dial", f"/calls/{task_id}")
    after = seat.page(f"/calls/{task_id}")
    told = seat.send(
        f"/calls/{task_id}/outcome", f"/calls/{task_id}", outcome="promise", promise_amount="100.00",
        promised_on="2026-03-20", minutes="2",
    )  # fmt: skip

    assert built.borrower_no in listed.text
    assert "+86" not in listed.text + before.text
    assert next_call.headers["Location"] == f"/desk/calls/{task_id}"
    assert 'href="tel:+86139' in after.text
    assert told.headers["Location"] == "/desk/calls"
    with reading() as session:
        assert session.scalars(select(CallRow.result)).one() == "promise"
        assert session.scalars(select(PromiseRow.amount_minor)).one() == 10_000


def test_what_is_wrong_with_an_outcome_is_said_at_its_field_and_nothing_is_lost(at_noon: Flask) -> None:
    lender = a_lender(now=NOON)
    task_id = a_call_task(a_late_loan(lender, now=NOON), now=NOON)
    seat = a_seat(at_noon, lender, now=NOON)
    seat.send(f"/calls/{task_id}/dial", f"/calls/{task_id}")

    answer = seat.send(
        f"/calls/{task_id}/outcome", f"/calls/{task_id}", outcome="promise", promise_amount="a lot",
        promised_on="2026-03-20", note="Keep me",
    )  # fmt: skip

    assert answer.status_code == 422
    assert 'id="promise_amount-wrong"' in answer.text
    assert "Keep me" in answer.text


def test_at_night_the_card_says_why_not_and_the_dial_is_refused(
    at_noon: Flask, set_clock: Callable[[datetime], None]
) -> None:
    lender = a_lender(now=NOON)
    task_id = a_call_task(a_late_loan(lender, now=NOON), now=NOON, not_after=None)
    night = datetime(2026, 3, 17, 15, 0, tzinfo=UTC)
    set_clock(night)
    seat = a_seat(at_noon, lender, now=night, locale="zh-CN")

    card = seat.page(f"/calls/{task_id}")
    refused = seat.send(f"/calls/{task_id}/dial", f"/calls/{task_id}")

    assert "现在不可致电" in card.text
    assert refused.status_code == 422
    with reading() as session:
        assert session.scalars(select(CallRow)).all() == []


def test_the_list_that_asks_for_itself_is_a_304_while_nothing_changes(at_noon: Flask) -> None:
    lender = a_lender(now=NOON)
    a_call_task(a_late_loan(lender, now=NOON), now=NOON)
    seat = a_seat(at_noon, lender, now=NOON)

    first = seat.page("/calls/list")
    second = seat.browser.get("/desk/calls/list", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, second.status_code) == (200, 304)


def test_a_call_made_outside_is_told_at_the_borrower_s_page(at_noon: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    seat = a_seat(at_noon, lender, now=NOON)
    opened(seat, built.borrower_no)
    path = f"/borrowers/{built.borrower_no}/calls/new"

    answer = seat.send(path, outcome="no_answer", at="2026-03-17T11:50")

    assert answer.headers["Location"] == f"/desk/borrowers/{built.borrower_no}"
    with reading() as session:
        (call,) = session.scalars(select(CallRow))
        assert (call.outcome, call.called_at) == ("no_answer", NOON - timedelta(minutes=10))


def test_a_visit_is_planned_begun_and_ended_in_the_browser(at_noon: Flask, set_clock: Callable[[datetime], None]) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    seat = a_seat(at_noon, lender, role="supervisor", now=NOON)
    opened(seat, built.borrower_no)
    path = f"/borrowers/{built.borrower_no}/visits/new"

    planned = seat.send(path, place="home", begins="2026-03-17T12:10", hours="1", name_1="Zhao Lei", identity_no_1="HF-1")
    where = planned.headers["Location"].removeprefix("/desk")
    set_clock(NOON + timedelta(minutes=11))
    seat.send(f"{where}/start", where)
    ended = seat.send(f"{where}/end", where, outcome="met", identity_shown="true", notes="Spoke at the door.")

    assert ended.status_code == 303
    assert "8 Long Street" in seat.page(where).text
    assert "8 Long Street" not in seat.page("/visits").text
    with reading() as session:
        (row,) = session.scalars(select(VisitRow))
        assert (row.state, row.outcome, row.identity_shown) == ("ended", "met", True)


def test_only_who_may_says_what_is_allowed_of_visits(at_noon: Flask) -> None:
    lender = a_lender(now=NOON)
    agent, officer = a_seat(at_noon, lender, now=NOON), a_seat(at_noon, lender, role="compliance", now=NOON)

    assert agent.send("/visits/rules", "/visits", most_people="2").status_code == 403
    assert officer.send("/visits/rules", "/visits", allowed="true", most_people="2").status_code == 303
    assert "checked" in officer.page("/visits").text


def test_a_borrower_is_dialled_without_a_task_and_its_outcome_is_told_on_the_same_page(at_noon: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    seat, other = a_seat(at_noon, lender, name="Eve", now=NOON), a_seat(at_noon, lender, now=NOON)
    opened(seat, built.borrower_no)
    opened(other, built.borrower_no)
    path = f"/borrowers/{built.borrower_no}/calls"

    before = seat.page(f"{path}/new").text
    dialled = seat.send(f"{path}/dial", f"{path}/new")
    after, of_other = seat.page(f"{path}/new").text, other.page(f"{path}/new").text
    twice = other.send(f"{path}/dial", f"{path}/new")
    told = seat.send(f"{path}/new", outcome="no_answer")

    assert "+86" not in before
    assert dialled.headers["Location"] == f"/desk{path}/new"
    assert 'href="tel:+86139' in after
    assert "tel:+86" not in of_other
    assert twice.status_code == 422
    assert told.status_code == 303
    with reading() as session:
        (call,) = session.scalars(select(CallRow))
        assert (call.outcome, call.called_at, call.task_id) == ("no_answer", NOON, None)


def test_at_night_there_is_no_dialling_and_the_page_says_why_and_from_when(
    at_noon: Flask, set_clock: Callable[[datetime], None]
) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    night = datetime(2026, 3, 17, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai
    set_clock(night)
    seat = a_seat(at_noon, lender, now=night)
    opened(seat, built.borrower_no)
    path = f"/borrowers/{built.borrower_no}/calls"

    shown = seat.page(f"{path}/new").text
    refused = seat.send(f"{path}/dial", f"{path}/new")

    assert f'action="/desk{path}/dial"' not in shown
    assert "There is no dialling now" in shown
    assert "It may be dialled from" in shown
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    with reading() as session:
        assert session.scalars(select(CallRow)).all() == []


def test_why_tells_of_a_dial_on_the_page_in_the_api_and_on_the_command_line(at_noon: Flask) -> None:
    lender, why = a_lender(now=NOON), "asked for by the borrower"
    built = a_late_loan(lender, now=NOON)
    first, again = a_call_task(built, now=NOON), a_call_task(built, now=NOON)
    dial(first, lender, now=NOON - timedelta(minutes=30))
    tell(built, "no_answer", now=NOON - timedelta(minutes=30))
    seat = a_seat(at_noon, lender, name="Sue", role="supervisor", now=NOON)
    seat.send(f"/calls/{again}/dial", f"/calls/{again}", override_reason=why)

    opened(seat, built.borrower_no)
    page = seat.page(f"/borrowers/{built.borrower_no}/why?on=2026-03-17").text
    api = at_noon.test_client().get(
        f"/v1/desk/borrowers/{built.borrower_no}/explain?date=2026-03-17", headers=seat.headers
    ).get_json()  # fmt: skip
    said = at_noon.test_cli_runner().invoke(
        args=["why", built.borrower_no, "--on", "2026-03-17", "--lender", "acme"]
    ).output  # fmt: skip

    [_, manual] = api["manual"]
    assert (manual["came_to"], manual["overridden_by"], manual["override_reason"]) == ("dialled", "staff:Sue", why)
    for told in (page, said):
        assert "Called by hand by Eve: No answer" in told
        assert "Called by hand by Sue: Dialled; Sue set the policy aside: " in told
        assert why in told
