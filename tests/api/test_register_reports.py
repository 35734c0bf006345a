"""Reports to registers at the doors: asked for, decided by another with a fresh factor, handed over, seen by borrowers."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from app.persistence.db import db
from app.services.approvals import list_waiting
from tests.builders.access import a_desk_key, signed_in
from tests.builders.book import build_lender
from tests.builders.desk import Seat, a_seat
from tests.builders.registers import a_standing_report, late_loan, reportable
from tests.conftest import START

ASKED = {"register": "cn-nifa", "basis": "separate-consent"}


def send(client: FlaskClient, who: Seat | dict[str, str], path: str, body: Any = None, method: str = "post") -> Any:
    headers = who.headers if isinstance(who, Seat) else who
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
