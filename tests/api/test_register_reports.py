"""Reports to registers at the doors: asked for, decided by another with a fresh factor, handed over, seen by borrowers."""

from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.domain.deliveries import DeliveryReport, Told
from app.domain.hold_terms import HoldValues
from app.persistence.db import db
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import unit_of_work
from app.services.approvals import list_waiting
from app.services.holds import Teller, put_hold
from app.services.letters import apply_event
from app.services.register_removals import look_at_reports
from tests.builders.access import a_desk_key, signed_in
from tests.builders.book import build_lender, pay
from tests.builders.desk import Seat, a_seat
from tests.builders.registers import a_standing_report, agree, late_loan, reportable
from tests.builders.served import a_notice, letter_that_leaves, serve
from tests.conftest import START

ASKED = {"register": "cn-nifa", "basis": "separate-consent"}


def send(
    client: FlaskClient,
    who: Seat | dict[str, str],
    path: str,
    body: Any = None,
    method: str = "post",
    key: str | None = None,
) -> Any:
    headers = who.headers if isinstance(who, Seat) else who
    headers = headers if key is None else {**headers, "Idempotency-Key": key}
    return client.open(f"/v1/desk{path}", method=method, json=body, headers=headers)


def test_a_report_goes_all_the_way_to_a_file_and_to_the_borrower(app: Flask, client: FlaskClient) -> None:
    loan, late = reportable(START), late_loan(START)
    ann = a_seat(app, loan.lender_id, role="supervisor", name="Ann")
    ben = a_seat(app, loan.lender_id, role="compliance", name="Ben")

    asked = send(client, ann, "/register-reports", {"loan_nos": [loan.loan_no, late.loan_no, "NONE"], **ASKED}).json["items"]
    assert [each["gate"] for each in asked] == [None, "NO_NOTICE_DELIVERED", "LEFT_OUT"]
    report_id = asked[0]["report_id"]
    listed = send(client, ben, "/register-reports", method="get").json["items"]
    assert [(each["id"], each["state"], each["gate"]) for each in listed] == [(report_id, "waiting", None)]
    headers = signed_in(loan.borrower_id)
    assert client.get("/v1/me/register-reports", headers=headers).json["items"] == []

    decided = send(client, ben, "/register-reports/decisions", {"report_ids": [report_id], "approve": True})
    assert decided.json["items"][0]["gate"] is None
    made = send(client, ben, "/register-files", {"register": "cn-nifa"}).json
    file = send(client, ben, f"/register-files/{made['id']}/file", method="get")
    assert loan.loan_no in file.data.decode()
    (mine,) = client.get("/v1/me/register-reports", headers=headers).json["items"]
    assert mine["content"]["loan_no"] == loan.loan_no
    assert mine["basis"] == {"source": "PIPL art. 23", "words": mine["basis"]["words"], "verified": True}
    assert client.get(f"/v1/me/register-reports/{report_id}", headers=headers).json == mine

    off = send(client, ann, f"/register-reports/{report_id}/remove", {"reason": "our_error"}).json
    assert (off["state"], [each["kind"] for each in off["events"]]) == ("removed", ["reported", "removed"])


def test_amounts_are_the_files_and_the_borrower_sees_when_it_was_handed_over(
    app: Flask, client: FlaskClient, set_clock: Any
) -> None:
    loan, held = reportable(START, days=61), reportable(START)
    ann = a_seat(app, loan.lender_id, role="supervisor", name="Ann")
    ben = a_seat(app, loan.lender_id, role="compliance", name="Ben")
    numbers = [loan.loan_no, held.loan_no]
    asked = send(client, ann, "/register-reports", {"loan_nos": numbers, **ASKED}).json["items"]
    ids = [each["report_id"] for each in asked]
    send(client, ben, "/register-reports/decisions", {"report_ids": ids, "approve": True})
    me = signed_in(loan.borrower_id)
    (before,) = client.get("/v1/me/register-reports", headers=me).json["items"]
    assert (before["handed_over_at"], before["content"]["overdue"]) == (None, "100.00")
    with unit_of_work() as work:
        put_hold(work, held.borrower_id, HoldValues("hardship"), teller=Teller("operator:test"), now=START)

    set_clock(START + timedelta(minutes=5))
    pay(loan, 2_500, now=START + timedelta(minutes=1))
    made = send(client, ben, "/register-files", {"register": "cn-nifa"}).json

    assert made["held_back"] == [{"report_id": ids[1], "gate": "HOLD"}]
    listed = send(client, ben, "/register-files", method="get").json["items"]
    assert [each["held_back"] for each in listed] == [made["held_back"]]
    (mine,) = client.get("/v1/me/register-reports", headers=me).json["items"]
    assert (mine["content"]["overdue"], mine["content"]["amounts_on"]) == ("75.00", "2026-03-02")
    assert mine["handed_over_at"] == "2026-03-02T09:05:00Z"
    assert mine["how_to_object"]
    page = ben.page("/register-reports/files").text
    assert ids[1] in page

    corrected = send(client, ann, f"/register-reports/{ids[0]}/correct").json
    assert [each["kind"] for each in corrected["events"]] == ["reported"], "the same again is no correction"
    pay(loan, 500, now=START + timedelta(minutes=6))
    corrected = send(client, ann, f"/register-reports/{ids[0]}/correct", key="again").json
    assert [each["kind"] for each in corrected["events"]] == ["reported", "corrected"]


def test_why_a_report_was_declined_is_read_at_the_desk_alone(app: Flask, client: FlaskClient) -> None:
    loan = reportable(START)
    ann = a_seat(app, loan.lender_id, role="supervisor", name="Ann")
    ben = a_seat(app, loan.lender_id, role="compliance", name="Ben")
    (asked,) = send(client, ann, "/register-reports", {"loan_nos": [loan.loan_no], **ASKED}).json["items"]
    decision = {"report_ids": [asked["report_id"]], "approve": False, "reason": "She is in hospital."}

    assert send(client, ben, "/register-reports/decisions", decision).status_code == 200

    one = send(client, ann, f"/register-reports/{asked['report_id']}", method="get").json
    (listed,) = send(client, ann, "/register-reports?state=declined", method="get").json["items"]
    assert (one["declined_reason"], listed["declined_reason"]) == ("She is in hospital.", "She is in hospital.")
    assert "She is in hospital." in ann.page(f"/register-reports/{asked['report_id']}").text


def test_a_notice_that_comes_back_takes_the_report_off_and_shuts_the_gate_again(
    app: Flask, client: FlaskClient, set_clock: Any
) -> None:
    loan = late_loan(START)
    agree(loan, now=START - timedelta(days=90))
    sent = START - timedelta(days=30)
    [message_id] = serve(a_notice(loan, kind="register_notice", template="letter_register"), now=sent)
    letter_that_leaves(message_id, answer_by=(sent + timedelta(days=20)).date(), now=sent)
    with unit_of_work() as work:
        message = work.session.get_one(MessageRow, message_id)
        message.state, message.lane, message.sent_at = "sent", None, sent
        post(work, message_id, "delivered", sent + timedelta(days=2))
    ann = a_seat(app, loan.lender_id, role="supervisor", name="Ann")
    ben = a_seat(app, loan.lender_id, role="compliance", name="Ben")
    (asked,) = send(client, ann, "/register-reports", {"loan_nos": [loan.loan_no], **ASKED}).json["items"]
    assert asked["gate"] is None
    send(client, ben, "/register-reports/decisions", {"report_ids": [asked["report_id"]], "approve": True})
    send(client, ben, "/register-files", {"register": "cn-nifa"})

    with unit_of_work() as work:
        post(work, message_id, "returned", START)
    assert look_at_reports(now=START) == 1

    (mine,) = client.get("/v1/me/register-reports", headers=signed_in(loan.borrower_id)).json["items"]
    assert (mine["state"], mine["removal_reason"], mine["removal_due_on"]) == ("removed", "notice_returned", "2026-03-07")
    again = send(client, ann, "/register-reports", {"loan_nos": [loan.loan_no], **ASKED}, key="b").json["items"]
    assert [each["gate"] for each in again] == ["NO_NOTICE_DELIVERED"]
    made = send(client, ben, "/register-files", {"register": "cn-nifa"}, key="b").json
    file = send(client, ben, f"/register-files/{made['id']}/file", method="get").data.decode()
    assert ",notice_returned," in file.splitlines()[1]


def post(work: Any, message_id: str, raw: str, at: datetime) -> None:
    """What the post tells of a letter, signed."""
    letter = work.session.scalars(select(LetterRow).where(LetterRow.message_id == message_id)).one()
    told = Told.DELIVERED if raw == "delivered" else Told.FAILED
    apply_event(
        work, DeliveryReport(f"{message_id}/{raw}", told, at=at, raw_code=raw, message_id=letter.message_id), now=START
    )


def test_who_may_what(app: Flask, client: FlaskClient) -> None:
    loan = reportable(START)
    report_id = a_standing_report(late_loan(START), now=START)
    agent = a_seat(app, loan.lender_id)
    senior = a_seat(app, loan.lender_id, role="supervisor")
    key = a_desk_key(loan.lender_id, staff="Cid", role="compliance")
    other = a_seat(app, build_lender(now=START, code="other"), role="admin")
    decision = {"report_ids": [report_id], "approve": True}

    assert send(client, agent, "/register-reports", method="get").status_code == 403
    assert send(client, senior, "/register-reports/decisions", decision).status_code == 403
    assert send(client, key, "/register-reports/decisions", decision).json["code"] == "step-up-required"
    assert send(client, other, f"/register-reports/{report_id}", method="get").status_code == 404
    assert (
        send(client, senior, "/register-reports", {"loan_nos": [loan.loan_no], **ASKED, "register": "x"}).status_code == 422
    )
    assert send(client, senior, "/register-figures", method="get").json["items"] == [{"register": "cn-nifa", "people": None}]
    names = [each["key"] for each in send(client, senior, "/registers", method="get").json["items"]]
    assert names == ["cn-rectification-office", "cn-nifa"]


def test_what_waits_for_a_second_person_is_on_the_one_list(app: Flask, client: FlaskClient) -> None:
    loan = reportable(START)
    ann = a_seat(app, loan.lender_id, role="admin", name="Ann")
    send(client, ann, "/register-reports", {"loan_nos": [loan.loan_no], **ASKED})
    send(client, ann, "/wind-downs", {"reason": "The platform closes."})

    with db.engine.connect() as connection:
        found = {(each.kind, each.asked_by) for each in list_waiting(connection, loan.lender_id)}

    assert found == {("register_report", "staff:Ann"), ("wind_down", "staff:Ann")}
