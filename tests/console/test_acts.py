"""Acting on a borrower in the browser: every form does its act once, and when it is refused keeps what was typed."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import PaymentValues
from app.domain.disputes import DisputeValues
from app.domain.hardship import HardshipValues
from app.domain.ledger import EntryKind
from app.domain.splits import Split
from app.persistence.db import session, vault
from app.persistence.models.contact_changes import ContactChangeRow
from app.persistence.models.desk_acts import DeskPaymentRow, WaiverRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.hardship import HardshipRequestRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.interest_stop_requests import InterestStopRequestRow
from app.persistence.models.interest_stops import InterestStopRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.models.promises import PromiseRow
from app.persistence.unit_of_work import unit_of_work
from app.services.contact_change_codes import PURPOSE
from app.services.disputes import open_dispute
from app.services.hardship import open_request
from app.services.payments import record_payment
from app.services.sessions import open_session
from app.services.sign_in import otp_code
from tests.builders.book import Built, build_loan
from tests.builders.desk import Seat, a_seat
from tests.conftest import START

TODAY = START.date()
PAGES = (
    "payments", "payments/new", "waivers", "waivers/new", "contact-changes", "contact-changes/new", "sessions",
    "sessions/new", "holds", "holds/new", "promises", "promises/new", "plans", "plans/new", "disputes", "hardship",
)  # fmt: skip


@pytest.fixture
def loan(sqlite_book: Flask) -> Built:
    due = [TODAY - timedelta(days=10), TODAY + timedelta(days=20)]
    built = build_loan(
        now=START, due=due, amount_minor=500_000, name="Li Wei", phone="+447700900001", email="li@example.test"
    )
    charge = PaymentValues(
        "C-1", built.loan_no, 30_000, "USD", TODAY - timedelta(days=5), EntryKind.CHARGE, split=Split(fees=30_000),
        due_on=TODAY - timedelta(days=10),
    )  # fmt: skip
    with unit_of_work() as work:
        record_payment(work, built.lender_id, charge, now=START, origin="ingest")
    return built


def seat_of(app: Flask, loan: Built, role: str = "agent", name: str = "Ann", **changes: Any) -> Seat:
    """Somebody who has opened the borrower."""
    seat = a_seat(app, loan.lender_id, name=name, role=role, **changes)
    seat.send(f"/borrowers/{loan.borrower_no}/opening", on=f"/borrowers/{loan.borrower_no}", reason="caller")
    return seat


def rows(model: type) -> list[Any]:
    session().rollback()
    return list(session().scalars(select(model)))


def typed(text: str, name: str) -> str | None:
    """What stands in a field of a page."""
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', text)
    area = re.search(rf'<textarea[^>]*name="{name}"[^>]*>([^<]*)<', text)
    return found.group(1) if found else area.group(1) if area else None


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
@pytest.mark.parametrize("role", ["agent", "supervisor"])
def test_every_page_is_shown_to_who_has_opened_the_borrower(sqlite_book: Flask, loan: Built, role: str, locale: str) -> None:
    seat = seat_of(sqlite_book, loan, role, locale=locale)

    for path in PAGES:
        answer = seat.page(f"/borrowers/{loan.borrower_no}/{path}")
        assert answer.status_code == 200, path
        assert len(re.findall("<h1", answer.text)) == 1, path
        ids = re.findall(r'\bid="([^"]+)"', answer.text)
        assert len(ids) == len(set(ids)), path
        assert not re.search(r" style=| on\w+=", answer.text), path


def test_who_has_not_opened_the_borrower_is_asked_why(sqlite_book: Flask, loan: Built) -> None:
    seat = a_seat(sqlite_book, loan.lender_id)

    assert 'name="reason"' in seat.page(f"/borrowers/{loan.borrower_no}/payments/new").text
    assert seat.send(f"/borrowers/{loan.borrower_no}/payments/new", amount="1").status_code == 200
    assert rows(DeskPaymentRow) == []


# -- payments


PAYMENT = {"amount": "500.00", "effective_on": TODAY.isoformat(), "method": "cash", "receipt": "R-1"}


def test_a_payment_is_recorded_once_however_often_the_form_is_sent(sqlite_book: Flask, loan: Built) -> None:
    seat, path = seat_of(sqlite_book, loan), f"/borrowers/{loan.borrower_no}/payments/new"
    hidden = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', seat.page(path).text))
    body = {**hidden, **PAYMENT, "loan_no": loan.loan_no}

    answers = [seat.browser.post(f"/desk{path}", data=body) for _ in range(2)]

    assert [(each.status_code, each.headers["Location"][-9:]) for each in answers] == [(303, "/payments")] * 2
    assert [(row.state, row.amount_minor) for row in rows(DeskPaymentRow)] == [("booked", 50_000)]
    assert "R-1" in seat.page(f"/borrowers/{loan.borrower_no}/payments").text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"amount": "five"}, "amount"), ({"amount": "1.234"}, "amount"), ({"effective_on": "2026-03-09"}, "")],
)
def test_what_is_refused_keeps_what_was_typed(sqlite_book: Flask, loan: Built, wrong: dict[str, str], field: str) -> None:
    seat, path = seat_of(sqlite_book, loan), f"/borrowers/{loan.borrower_no}/payments/new"

    answer = seat.send(path, **{**PAYMENT, **wrong, "loan_no": loan.loan_no, "note": "her son paid"})

    assert answer.status_code == 422
    assert typed(answer.text, "receipt") == "R-1"
    assert typed(answer.text, "note") == "her son paid"
    assert typed(answer.text, "amount") == {**PAYMENT, **wrong}["amount"]
    assert 'role="alert"' in answer.text
    if field:
        assert f'id="{field}-wrong"' in answer.text
    assert rows(DeskPaymentRow) == []


def test_above_the_limit_it_waits_in_the_list_of_approvals_for_somebody_else(sqlite_book: Flask, loan: Built) -> None:
    ann = seat_of(sqlite_book, loan, "supervisor")
    agent = seat_of(sqlite_book, loan, name="Cid")
    bob = seat_of(sqlite_book, loan, "supervisor", name="Bob")
    for who, receipt, minor in ((agent, "R-1", "2000.00"), (ann, "R-2", "20000.00")):
        sent = {**PAYMENT, "loan_no": loan.loan_no, "amount": minor, "receipt": receipt}
        assert who.send(f"/borrowers/{loan.borrower_no}/payments/new", **sent).status_code == 303
    first, second = sorted(rows(DeskPaymentRow), key=lambda row: row.receipt)

    assert [row.state for row in (first, second)] == ["waiting", "waiting"]
    assert first.id in bob.page("/approvals").text
    assert second.id in bob.page("/approvals?kind=payment").text
    assert second.id not in bob.page("/approvals?kind=waiver").text
    assert agent.page("/approvals").status_code == 403
    page = f"/approvals/payments/{second.id}"
    assert ann.send(f"{page}/approve", on=page).status_code == 403
    assert bob.send(f"{page}/approve", on=page).status_code == 303
    page = f"/approvals/payments/{first.id}"
    refused = bob.send(f"{page}/decline", on=page)
    assert (refused.status_code, 'id="reason-wrong"' in refused.text) == (422, True)
    assert bob.send(f"{page}/decline", on=page, reason="no such receipt").status_code == 303
    assert {row.receipt: row.state for row in rows(DeskPaymentRow)} == {"R-1": "declined", "R-2": "booked"}


def test_a_supervisor_takes_a_mistake_back(sqlite_book: Flask, loan: Built) -> None:
    seat, path = seat_of(sqlite_book, loan, "supervisor"), f"/borrowers/{loan.borrower_no}/payments"
    seat.send(f"{path}/new", **PAYMENT, loan_no=loan.loan_no)
    (row,) = rows(DeskPaymentRow)

    assert seat.send(f"{path}/{row.id}/reverse", on=path, reason="typo").status_code == 303
    assert rows(DeskPaymentRow)[0].state == "reversed"


# -- waivers


def test_a_waiver_is_given_up_or_waits_and_what_is_wrong_stands_at_its_field(sqlite_book: Flask, loan: Built) -> None:
    seat, path = seat_of(sqlite_book, loan), f"/borrowers/{loan.borrower_no}/waivers/new"
    bob = seat_of(sqlite_book, loan, "supervisor", name="Bob")

    wrong = seat.send(path, loan_no=loan.loan_no, fees="400", reason="goodwill", note="she asked")
    right = seat.send(path, loan_no=loan.loan_no, fees="20", reason="goodwill")
    more = seat.send(path, loan_no=loan.loan_no, fees="90", reason="hardship")

    assert (wrong.status_code, 'id="fees-wrong"' in wrong.text, typed(wrong.text, "note")) == (422, True, "she asked")
    assert (right.status_code, more.status_code) == (303, 303)
    granted, waiting = sorted(rows(WaiverRow), key=lambda row: row.fees_minor)
    assert (granted.state, waiting.state) == ("granted", "waiting")
    page = f"/approvals/waivers/{waiting.id}"
    assert bob.send(f"{page}/approve", on=page).status_code == 303
    assert {row.state for row in rows(WaiverRow)} == {"granted"}


# -- stops of interest


def test_a_stop_of_interest_is_asked_for_by_one_and_approved_by_another(sqlite_book: Flask, loan: Built) -> None:
    ann = seat_of(sqlite_book, loan, "compliance")
    ben = seat_of(sqlite_book, loan, "compliance", name="Ben")
    agent = seat_of(sqlite_book, loan, name="Cid")
    path = f"/borrowers/{loan.borrower_no}/loans/{loan.loan_no}/interest-stops"
    values = {"from_on": TODAY.isoformat(), "scope": "interest", "rule": "UK-BREATHING", "reason": "told by telephone"}

    assert 'id="from_on"' not in agent.page(path).text
    assert agent.send(path, **values).status_code == 403
    wrong = ann.send(path, **{**values, "rule": "NO-SUCH"})
    assert (wrong.status_code, 'id="rule-wrong"' in wrong.text, typed(wrong.text, "reason")) == (422, True, values["reason"])
    assert ann.send(path, **values).status_code == 303
    (asked,) = rows(InterestStopRequestRow)
    page = f"/approvals/interest_stops/{asked.id}"
    assert page in ben.page("/approvals?kind=interest_stop").text
    assert ann.send(f"{page}/approve", on=page).status_code == 403
    assert rows(InterestStopRow) == []
    assert ben.send(f"{page}/approve", on=page).status_code == 303
    (stop,) = rows(InterestStopRow)
    one = f"{path}/{stop.stop_id}"
    assert one in ann.page(path).text
    assert ann.send(one, reason="It was another person.").status_code == 303
    (back,) = [row for row in rows(InterestStopRequestRow) if row.act == "withdraw"]
    declined = f"/approvals/interest_stops/{back.id}"
    assert ben.send(f"{declined}/decline", on=declined, reason="It was not.").status_code == 303
    assert [row.replaced_at for row in rows(InterestStopRow)] == [None]


# -- contact data


def test_a_phone_is_changed_by_a_code_and_wrong_ones_stay_counted(sqlite_book: Flask, loan: Built) -> None:
    seat, path = seat_of(sqlite_book, loan), f"/borrowers/{loan.borrower_no}/contact-changes"
    refused = seat.send(f"{path}/new", kind="phone", value="07700")
    sent = seat.send(f"{path}/new", kind="phone", value="+447700900002")
    one = sent.headers["Location"].removeprefix("/desk")

    assert (refused.status_code, typed(refused.text, "value"), 'id="value-wrong"' in refused.text) == (422, "07700", True)
    assert "+447700900002" not in seat.page(one).text
    assert seat.send(f"{one}/code", on=one).status_code == 303
    (row,) = rows(ContactChangeRow)
    code = otp_code(vault(), row.challenge_id, 0, purpose=PURPOSE)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(5):
        assert seat.send(f"{one}/prove", on=one, code=wrong).headers["Location"].endswith("?wrong=otp-invalid")
    assert seat.send(f"{one}/prove", on=one, code=code).headers["Location"].endswith("?wrong=otp-locked")
    assert 'role="alert"' in seat.page(f"{one}?wrong=otp-locked").text
    assert rows(ContactChangeRow)[0].state == "proposed"
    assert seat.send(f"{one}/cancel", on=one, reason="mistyped").status_code == 303
    assert rows(ContactChangeRow)[0].state == "cancelled"


def test_a_supervisor_confirms_and_an_agent_is_not_offered_it(sqlite_book: Flask, loan: Built) -> None:
    ann, bob = seat_of(sqlite_book, loan), seat_of(sqlite_book, loan, "supervisor", name="Bob")
    sent = ann.send(f"/borrowers/{loan.borrower_no}/contact-changes/new", kind="address", value="2 New Street\nYork")
    one = sent.headers["Location"].removeprefix("/desk")

    assert "/confirm" not in ann.page(one).text
    assert ann.send(f"{one}/confirm", on=one, grounds="seen").status_code == 403
    assert bob.send(f"{one}/confirm", on=one).status_code == 422
    assert bob.send(f"{one}/confirm", on=one, grounds="passport seen").status_code == 303
    assert rows(ContactChangeRow)[0].state == "cooling_off"


# -- the rest


def test_sessions_are_ended_with_a_reason(sqlite_book: Flask, loan: Built) -> None:
    with unit_of_work() as work:
        open_session(work, loan.borrower_id, "phone-1", "Pixel 9", now=START)
    seat, path = seat_of(sqlite_book, loan), f"/borrowers/{loan.borrower_no}/sessions"

    assert "Pixel 9" in seat.page(path).text
    assert seat.send(f"{path}/new", session_id="").status_code == 422
    assert seat.send(f"{path}/new", session_id="", reason="stolen").status_code == 303
    assert "Pixel 9" not in seat.page(path).text


def test_a_hold_is_put_and_lifted(sqlite_book: Flask, loan: Built) -> None:
    seat, path = seat_of(sqlite_book, loan), f"/borrowers/{loan.borrower_no}/holds"

    wrong = seat.send(f"{path}/new", kind="payment_in_flight", evidence="told on the phone")
    right = seat.send(f"{path}/new", kind="hardship", last_day=(TODAY + timedelta(days=30)).isoformat())
    (row,) = rows(HoldRow)
    lifted = seat.send(f"{path}/release", on=path, hold_id=row.id, reason="agreed otherwise")

    assert (wrong.status_code, typed(wrong.text, "evidence")) == (422, "told on the phone")
    assert (right.status_code, lifted.status_code) == (303, 303)
    assert rows(HoldRow)[0].released_by == "staff:Ann"


def test_what_protects_by_law_an_agent_is_not_offered_to_lift(sqlite_book: Flask, loan: Built) -> None:
    ann, bob = seat_of(sqlite_book, loan), seat_of(sqlite_book, loan, "compliance", name="Bob")
    path = f"/borrowers/{loan.borrower_no}/holds"
    ann.send(f"{path}/new", kind="represented")
    (row,) = rows(HoldRow)

    assert f'value="{row.id}"' not in ann.page(path).text
    assert f'value="{row.id}"' in bob.page(path).text


def test_a_promise_is_taken_in_parts_and_taken_back(sqlite_book: Flask, loan: Built) -> None:
    seat, path = seat_of(sqlite_book, loan), f"/borrowers/{loan.borrower_no}/promises"
    friday, later = (TODAY + timedelta(days=4)).isoformat(), (TODAY + timedelta(days=8)).isoformat()

    wrong = seat.send(f"{path}/new", loan_no=loan.loan_no, amount="100", promised_on="2025-01-01")
    right = seat.send(
        f"{path}/new", loan_no=loan.loan_no, amount="100", promised_on=friday, amount_2="50", promised_on_2=later
    )
    promised = rows(PromiseRow)
    back = seat.send(f"{path}/cancel", on=path, promise_id=promised[0].id)

    assert (wrong.status_code, typed(wrong.text, "amount")) == (422, "100")
    assert (right.status_code, len(promised), back.status_code) == (303, 2, 303)
    assert "cancelled" in {row.state for row in rows(PromiseRow)}


def test_a_plan_is_offered_and_waits_for_the_borrower_or_for_a_second_person(sqlite_book: Flask, loan: Built) -> None:
    seat, path = seat_of(sqlite_book, loan), f"/borrowers/{loan.borrower_no}/plans/new"
    bob = seat_of(sqlite_book, loan, "supervisor", name="Bob")
    page = seat.page(path).text
    option = re.search(r'<article id="option-1">.*?</article>', page, re.S)
    assert option is not None
    hidden = {
        name: value.replace("&#34;", '"') for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', option.group())
    }

    answer = seat.browser.post(f"/desk{path}", data=hidden)

    assert answer.status_code == 303
    (row,) = rows(PlanRequestRow)
    assert row.asked_by == "staff:Ann"
    if row.state == "requested":
        one = f"/approvals/plans/{row.id}"
        assert bob.page(one).status_code == 200
        assert bob.send(f"{one}/approve", on=one).status_code == 303
    assert seat.send(path, **{**hidden, "csrf": hidden["csrf"]}).status_code in (303, 422)


def test_a_dispute_is_taken_and_answered(sqlite_book: Flask, loan: Built) -> None:
    with unit_of_work() as work:
        values = DisputeValues("dispute", "already_paid", "I have paid this twice.")
        dispute_id = open_dispute(work, loan.borrower_id, loan.loan_id, values, now=START)
    seat, path = seat_of(sqlite_book, loan), f"/borrowers/{loan.borrower_no}/disputes"

    assert dispute_id in seat.page(path).text
    assert "I have paid this twice." in seat.page(f"{path}/{dispute_id}").text
    assert seat.send(f"{path}/{dispute_id}/take", on=f"{path}/{dispute_id}").status_code == 303
    wrong = seat.send(f"{path}/{dispute_id}", outcome="partly_upheld", words="We looked at it.", upheld="half")
    right = seat.send(f"{path}/{dispute_id}", outcome="rejected", words="We looked at it.")

    assert (wrong.status_code, typed(wrong.text, "words")) == (422, "We looked at it.")
    assert (right.status_code, rows(DisputeRow)[0].state) == (303, "rejected")


def test_a_request_for_help_is_taken_and_decided(sqlite_book: Flask, loan: Built) -> None:
    with unit_of_work() as work:
        request_id = open_request(work, loan.borrower_id, HardshipValues("income_lost", words="I lost my job."), now=START)
    seat, path = seat_of(sqlite_book, loan), f"/borrowers/{loan.borrower_no}/hardship"

    assert request_id in seat.page(path).text
    assert "I lost my job." in seat.page(f"{path}/{request_id}").text
    assert seat.send(f"{path}/{request_id}/take", on=f"{path}/{request_id}").status_code == 303
    assert seat.send(f"{path}/{request_id}", outcome="declined").status_code == 422
    assert seat.send(f"{path}/{request_id}", outcome="declined", words="We cannot now.").status_code == 303
    assert rows(HardshipRequestRow)[0].state == "declined"


def test_another_borrower_s_cases_are_not_on_this_one_s_pages(sqlite_book: Flask, loan: Built) -> None:
    other = build_loan(now=START, due=[TODAY], lender_id=loan.lender_id)
    with unit_of_work() as work:
        values = DisputeValues("dispute", "already_paid", "Not mine.")
        dispute_id = open_dispute(work, other.borrower_id, other.loan_id, values, now=START)
    seat = seat_of(sqlite_book, loan)

    assert seat.page(f"/borrowers/{loan.borrower_no}/disputes/{dispute_id}").status_code == 404
