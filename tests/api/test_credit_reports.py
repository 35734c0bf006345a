"""The doors of credit reporting: the desk's way to a file, and the borrower's own view of what was told of them."""

import hashlib
import io
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.domain.errors import ConflictError
from app.persistence.models.audit import AuditRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.credit_chores import go_on_freezing
from app.services.credit_correction_files import make_correction_file
from app.services.credit_files import make_file, make_file_to_keep
from app.services.credit_reporting import start_reporting
from tests.builders.access import a_desk_key, signed_in
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.credit import consent, delivered
from tests.builders.desk import a_seat
from tests.conftest import START

DAY = timedelta(days=1)
NEW_BUREAU = {
    "bureau": "PBOC", "format": "pboc", "furnisher_code": "91310000123456", "furnisher_name": "Acme",
    "furnisher_address": "310000",
}  # fmt: skip


class Desk:
    """Two people of a lender's staff."""

    def __init__(self, client: FlaskClient, code: str = "acme") -> None:
        self.client = client
        self.lender_id = build_lender(
            now=START, code=code, jurisdiction="CN", currency="CNY", licence_kind="consumer_finance", role="first_party",
            role_reason="own",
        )  # fmt: skip
        self.ann = a_desk_key(self.lender_id, staff=f"Ann {code}")
        self.key = a_desk_key(self.lender_id, staff=f"Cid {code}")
        self.ben = a_seat(client.application, self.lender_id, role="compliance").headers
        self._times = 0

    def post(self, path: str, who: dict[str, str], body: Any = None, status: int = 200) -> Any:
        self._times += 1
        headers = {**who, "Idempotency-Key": f"k{self._times}-{self.lender_id}"}
        answer = self.client.post(f"/v1/desk{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(f"/v1/desk{path}", headers=self.ann)
        assert answer.status_code == status, answer.text
        return answer.json

    def enabled(self) -> None:
        asked = self.post("/credit-bureaus", self.ann, NEW_BUREAU, 201)
        self.post(f"/credit-bureaus/{asked['id']}/approve", self.ann, status=409)
        assert self.post(f"/credit-bureaus/{asked['id']}/approve", self.ben)["state"] == "enabled"

    def late_loan(self) -> Built:
        loan = build_loan(
            now=START - 90 * DAY, due=[date(2026, 1, 1), date(2026, 6, 1)], lender_id=self.lender_id, currency="CNY",
            name="张伟", national_id="11010519491231002X", country="CN", address_lines=("1 号", "上海"),
        )  # fmt: skip
        consent(loan, now=START - 80 * DAY)
        delivered(loan, START - 20 * DAY)
        return loan

    def handed_in(self, loan: Built) -> str:
        with unit_of_work() as work:
            assert set(start_reporting(work, [loan.loan_id], by="policy:x", now=START).values()) == {None}
        begun = self.post("/credit-reports", self.ann, {"bureau": "PBOC", "as_of": "2026-02-28"}, 201)
        assert begun["state"] == "making"
        go_on_freezing(now=START)
        snapshot_id: str = begun["id"]
        refused = self.post(f"/credit-reports/{snapshot_id}/approve", self.key, status=401)
        assert refused["code"] == "step-up-required"
        self.post(f"/credit-reports/{snapshot_id}/approve", self.ben)
        make_file(self.lender_id, snapshot_id, io.BytesIO(), by="staff:Ann", clock=lambda: START)
        self.post(f"/credit-reports/{snapshot_id}/submit", self.ann, {"reference": "S-1"})
        return snapshot_id


def test_from_a_bureau_that_is_asked_for_to_what_it_answered(app: Flask, client: FlaskClient) -> None:
    desk = Desk(client)
    desk.enabled()
    loan, other = desk.late_loan(), desk.late_loan()
    snapshot_id = desk.handed_in(loan)

    shown = desk.get(f"/credit-reports/{snapshot_id}")
    rows = desk.get(f"/credit-reports/{snapshot_id}/rows")["items"]
    withheld = desk.get(f"/credit-reports/{snapshot_id}/rows?reason=NOT_ENROLLED")["items"]
    answered = desk.post(
        f"/credit-reports/{snapshot_id}/answer", desk.ann,
        {"taken": True, "rejected": [{"loan_no": loan.loan_no, "code": "E42"}]},
    )  # fmt: skip

    assert (shown["state"], shown["counts"]["furnished"], shown["counts"]["by_reason"]) == (
        "submitted", 1, {"NOT_ENROLLED": 1},
    )  # fmt: skip
    assert {row["loan_no"] for row in rows} == {loan.loan_no, other.loan_no}
    assert [row["loan_no"] for row in withheld] == [other.loan_no]
    assert answered["state"] == "acknowledged"
    assert desk.get(f"/borrowers/{loan.borrower_no}/loans/{loan.loan_no}/credit-reports")["items"][0]["rejected"] == "E42"


def test_another_lenders_snapshot_is_not_there(app: Flask, client: FlaskClient) -> None:
    desk = Desk(client)
    desk.enabled()
    snapshot_id = desk.handed_in(desk.late_loan())
    other = Desk(client, "other")

    for path in (f"/credit-reports/{snapshot_id}", f"/credit-reports/{snapshot_id}/rows"):
        other.get(path, 404)
    assert other.get("/credit-reports")["items"] == []
    other.post(f"/credit-reports/{snapshot_id}/approve", other.ben, status=404)


def test_a_borrower_sees_what_was_told_of_them_to_whom_why_and_how_to_object(app: Flask, client: FlaskClient) -> None:
    desk = Desk(client)
    desk.enabled()
    loan = desk.late_loan()
    mine = signed_in(loan.borrower_id)
    before = client.get("/v1/me/credit-reports", headers=mine).json["items"]
    desk.handed_in(loan)

    (told,) = client.get("/v1/me/credit-reports", headers=mine).json["items"]

    assert before == []
    assert (told["bureau"], told["as_of"], told["kind"], told["loan_no"]) == ("PBOC", "2026-02-28", "negative", loan.loan_no)
    assert told["overdue"] == {"amount_minor": 10_000, "currency": "CNY"}
    assert "20" in told["objection"]
    objected = client.post(
        told["objection_path"], json={"kind": "objection", "ground": "credit_report_wrong", "words": "No."},
        headers={**mine, "Idempotency-Key": "o"},
    )  # fmt: skip
    assert objected.status_code == 201


def test_a_borrower_adds_their_own_words_and_takes_them_back(app: Flask, client: FlaskClient) -> None:
    loan = Desk(client).late_loan()
    mine = {**signed_in(loan.borrower_id), "Idempotency-Key": "w"}
    path = f"/v1/me/loans/{loan.loan_id}/credit-statement"
    put = client.put(path, json={"words": "I was in hospital."}, headers=mine)
    stands = client.get("/v1/me/credit-statements", headers=mine).json["items"]
    gone = client.delete(path, headers=mine)

    assert put.status_code == 200, put.text
    assert [each["words"] for each in stands] == ["I was in hospital."]
    assert gone.status_code == 204
    assert client.get("/v1/me/credit-statements", headers=mine).json["items"] == []


def test_a_deletion_is_proposed_by_one_and_approved_by_another(app: Flask, client: FlaskClient) -> None:
    desk = Desk(client)
    desk.enabled()
    loan = desk.late_loan()
    desk.handed_in(loan)
    body = {"loan_no": loan.loan_no, "bureau": "PBOC", "reason": "told_wrong", "note": "Another person."}
    asked = desk.post("/credit-corrections", desk.ann, body, 201)
    desk.post(f"/credit-corrections/{asked['id']}/approve", desk.ann, status=409)
    approved = desk.post(f"/credit-corrections/{asked['id']}/approve", desk.ben)
    (own,) = client.get("/v1/me/credit-corrections", headers=signed_in(loan.borrower_id)).json["items"]

    assert (approved["state"], approved["code"]) == ("approved", "214")
    assert (own["kind"], own["state"]) == ("deletion", "approved")


def audited(action: str) -> list[str]:
    with reading() as session:
        return list(session.scalars(select(AuditRow.actor).where(AuditRow.action == action)))


def test_the_file_is_made_at_the_desk_after_a_fresh_code_only(app: Flask, client: FlaskClient) -> None:
    desk = Desk(client)
    desk.enabled()
    loan = desk.late_loan()
    with unit_of_work() as work:
        assert set(start_reporting(work, [loan.loan_id], by="policy:x", now=START).values()) == {None}
    snapshot_id = desk.post("/credit-reports", desk.ann, {"bureau": "PBOC", "as_of": "2026-02-28"}, 201)["id"]
    go_on_freezing(now=START)
    path = f"/credit-reports/{snapshot_id}/file"
    seat, agent = (
        a_seat(app, desk.lender_id, name=name, role=role) for name, role in (("Cy", "supervisor"), ("Di", "agent"))
    )
    unapproved = client.post(f"/v1/desk{path}", headers=seat.headers)
    desk.post(f"/credit-reports/{snapshot_id}/approve", desk.ben)

    by_key = client.post(f"/v1/desk{path}", headers=a_desk_key(desk.lender_id, role="admin"))
    by_agent = client.post(f"/v1/desk{path}", headers=agent.headers)
    given = client.post(f"/v1/desk{path}", headers=seat.headers)

    assert (unapproved.status_code, by_key.status_code, by_agent.status_code) == (409, 401, 403)
    assert given.status_code == 200
    assert "张伟".encode() in given.data
    assert given.headers["Cache-Control"] == "no-store"
    shown = desk.get(f"/credit-reports/{snapshot_id}")
    assert shown["file_sha256"] == hashlib.sha256(given.data).hexdigest()
    assert audited("credit.file_taken_out") == ["staff:Cy"]
    assert audited("credit.snapshot_filed") == ["staff:Cy"]


def test_a_month_too_large_for_a_door_is_left_to_the_command(app: Flask, client: FlaskClient) -> None:
    desk = Desk(client)
    desk.enabled()
    loan = desk.late_loan()
    with unit_of_work() as work:
        start_reporting(work, [loan.loan_id], by="policy:x", now=START)
    snapshot_id = desk.post("/credit-reports", desk.ann, {"bureau": "PBOC", "as_of": "2026-02-28"}, 201)["id"]
    go_on_freezing(now=START)
    desk.post(f"/credit-reports/{snapshot_id}/approve", desk.ben)

    with pytest.raises(ConflictError, match="flask credit file"):
        make_file_to_keep(desk.lender_id, snapshot_id, by="staff:Ann", clock=lambda: START, most=0)


def test_staff_read_what_the_borrower_adds_and_that_is_noted(app: Flask, client: FlaskClient) -> None:
    desk = Desk(client)
    loan = desk.late_loan()
    path = f"/borrowers/{loan.borrower_no}/loans/{loan.loan_no}/credit-statement"
    desk.get(path, 404)
    mine = {**signed_in(loan.borrower_id), "Idempotency-Key": "w"}
    client.put(f"/v1/me/loans/{loan.loan_id}/credit-statement", json={"words": "I was in hospital."}, headers=mine)

    said = desk.get(path)

    assert said["words"] == "I was in hospital."
    assert audited("credit.statement_read") == ["staff:Ann"]
    Desk(client, "other").get(path, 404)


def test_what_is_told_stands_on_the_timeline_and_lenders_systems_hear_of_it(app: Flask, client: FlaskClient) -> None:
    desk = Desk(client)
    desk.enabled()
    loan, other = desk.late_loan(), desk.late_loan()
    snapshot_id = desk.handed_in(loan)
    body = {"loan_no": loan.loan_no, "bureau": "PBOC", "reason": "told_wrong", "note": "Another person."}
    asked = desk.post("/credit-corrections", desk.ann, body, 201)
    desk.post(f"/credit-corrections/{asked['id']}/approve", desk.ben)
    make_correction_file(desk.lender_id, "PBOC", io.BytesIO(), by="staff:Ann", clock=lambda: START, kind="deletion")

    told = desk.get(f"/borrowers/{loan.borrower_no}/timeline?kinds=credit")["items"]
    nothing = desk.get(f"/borrowers/{other.borrower_no}/timeline?kinds=credit")["items"]

    assert {(each["code"], each["loan_no"]) for each in told} == {
        ("started", loan.loan_no), ("furnished", None), ("deleted", loan.loan_no),
    }  # fmt: skip
    assert nothing == []
    with reading() as session:
        events = {row.type: row.data for row in session.scalars(select(WebhookEventRow))}
    assert events["credit_report.furnished.v1"]["snapshot_id"] == snapshot_id
    assert events["credit_report.furnished.v1"]["records"] == 1
    deleted = events["credit_report.deleted.v1"]
    assert (deleted["loan_no"], deleted["borrower_no"], deleted["code"]) == (loan.loan_no, loan.borrower_no, "214")
