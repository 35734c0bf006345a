"""A lender that winds down: by each door no new loan, all that is known goes on; its terms are corrected by two people."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.persistence.db import session
from app.persistence.models.audit import AuditRow
from app.persistence.models.funding import WindDownRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.notices import NoticeRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.wind_downs import refusal_of_new_loans, tell_borrowers
from tests.builders.access import an_ingest_key, signed_in
from tests.builders.book import Built, build_loan
from tests.builders.desk import Seat, a_seat
from tests.conftest import START

REASON = "Zhang San of the board told us to close."


@pytest.fixture
def loan(app: Flask) -> Built:
    return build_loan(now=START, due=[START.date() + timedelta(days=20)], amount_minor=50_000)


@pytest.fixture
def ann(app: Flask, loan: Built) -> Seat:
    return a_seat(app, loan.lender_id, role="admin", name="Ann")


@pytest.fixture
def ben(app: Flask, loan: Built) -> Seat:
    return a_seat(app, loan.lender_id, role="admin", name="Ben")


def ask(client: FlaskClient, seat: Seat, **more: Any) -> Any:
    body = {"reason": REASON, "contact": "400-000", **more}
    return client.post("/v1/desk/wind-downs", json=body, headers=seat.headers)


def decide(client: FlaskClient, seat: Seat, wind_down_id: str, verb: str = "approve") -> Any:
    body = {"reason": "Li Si says no."} if verb == "decline" else None
    return client.post(f"/v1/desk/wind-downs/{wind_down_id}/{verb}", json=body, headers=seat.headers)


def in_force(client: FlaskClient, ann: Seat, ben: Seat, **more: Any) -> str:
    wind_down_id = str(ask(client, ann, **more).json["id"])
    assert decide(client, ben, wind_down_id).json["state"] == "active"
    return wind_down_id


def loans() -> int:
    return session().scalar(select(func.count()).select_from(LoanRow)) or 0


def test_no_door_of_the_core_takes_a_new_loan_and_each_says_why(
    client: FlaskClient, loan: Built, ann: Seat, ben: Seat
) -> None:
    key = an_ingest_key(loan.lender_id)
    in_force(client, ann, ben)
    values = {"borrower_no": loan.borrower_no, "currency": "USD", "principal": {"amount_minor": 50_000, "currency": "USD"}}

    put = client.put("/v1/ingest/loans/NEW-1", json=values, headers=key)
    items = [{"loan_no": "NEW-2", **values}, {"loan_no": loan.loan_no, **values, "product": "still told"}]
    batch = client.post("/v1/ingest/batches", json={"kind": "loans", "items": items}, headers=key).json["results"]

    assert (put.status_code, put.json["code"]) == (409, "winding-down")
    assert [(each["status"], each["code"]) for each in batch] == [("refused", "winding-down"), ("changed", None)]
    assert client.put("/v1/ingest/loans/NEW-3", json=values, headers={**key, "Accept-Language": "zh-CN"}).status_code == 409
    assert loans() == 1


def test_a_file_of_loans_is_refused_row_by_row_and_its_known_loans_are_taken(
    app: Flask, client: FlaskClient, tmp_path: Path, loan: Built, ann: Seat, ben: Seat
) -> None:
    in_force(client, ann, ben)
    path = tmp_path / "loans.csv"
    head = "as_of,loan_no,borrower_no,currency,status,principal,disbursed_on,principal_balance"
    rest = f"{loan.borrower_no},USD,active,500.00,2026-01-05,500.00"
    path.write_text(f"{head}\n2026-02-01,NEW-1,{rest}\n2026-02-01,{loan.loan_no},{rest}\n")

    told = app.test_cli_runner().invoke(args=["book", "import", str(path), "--map", "loans", "--lender", "acme"]).output

    assert "winds down and takes no new loans" in told
    assert "1 accepted, 0 duplicates ignored, 1 rejected" in told
    assert loans() == 1


def test_once_it_is_ended_new_loans_are_taken_again(
    app: Flask, client: FlaskClient, loan: Built, ann: Seat, ben: Seat
) -> None:
    wind_down_id = in_force(client, ann, ben)

    assert decide(client, ben, wind_down_id, "end").status_code == 403  # who switched it on
    assert decide(client, a_seat(app, loan.lender_id, role="admin"), wind_down_id, "end").json["since_at"] is None
    with reading() as reads:
        assert refusal_of_new_loans(reads, loan.lender_id) is None


def test_a_wind_down_in_force_is_corrected_by_two_people_and_nobody_is_told_twice(
    client: FlaskClient, loan: Built, ann: Seat, ben: Seat
) -> None:
    first = in_force(client, ann, ben)
    since = client.get("/v1/me/banners", headers=signed_in(loan.borrower_id)).json["items"][0]["since"]
    assert tell_borrowers(now=START) == 1
    second = ask(client, ben, contact="400-111", longer_plans=True).json["id"]
    assert ask(client, ann).status_code == 409  # one waits already
    assert decide(client, ben, second).status_code == 403

    assert decide(client, ann, second).json["since_at"] == since
    listed = client.get("/v1/desk/wind-downs", headers=ann.headers).json["items"]
    assert {each["id"]: each["state"] for each in listed} == {first: "ended", second: "active"}
    (banner,) = client.get("/v1/me/banners", headers=signed_in(loan.borrower_id)).json["items"]
    assert (banner["contact"], banner["longer_plans"], banner["since"]) == ("400-111", True, since)
    assert tell_borrowers(now=START) == 0
    assert session().scalar(select(func.count()).select_from(NoticeRow)) == 1


def test_a_wind_down_is_not_ended_while_other_terms_of_it_wait(
    app: Flask, client: FlaskClient, loan: Built, ann: Seat, ben: Seat
) -> None:
    first, eve = in_force(client, ann, ben), a_seat(app, loan.lender_id, role="admin")
    second = ask(client, ann, contact="400-111").json["id"]

    refused = decide(client, eve, first, "end")

    assert (refused.status_code, "have them decided first" in refused.json["detail"]) == (409, True)
    assert decide(client, ben, second, "decline").status_code == 200
    assert decide(client, eve, first, "end").status_code == 200


def test_a_correction_that_is_declined_changes_nothing(client: FlaskClient, ann: Seat, ben: Seat, loan: Built) -> None:
    first = in_force(client, ann, ben)
    second = ask(client, ann, contact="1").json["id"]

    assert decide(client, ben, second, "decline").json["declined_reason"] == "Li Si says no."
    (active,) = [
        each for each in client.get("/v1/desk/wind-downs", headers=ann.headers).json["items"] if each["state"] == "active"
    ]
    assert (active["id"], active["contact"]) == (first, "400-000")


def test_why_it_winds_down_is_sealed_and_stands_in_no_audit_trail(
    client: FlaskClient, ann: Seat, ben: Seat, loan: Built
) -> None:
    declined = ask(client, ann).json["id"]
    decide(client, ben, declined, "decline")
    shown = client.get("/v1/desk/wind-downs", headers=ann.headers).json["items"][0]

    row = session().scalars(select(WindDownRow)).one()
    assert (shown["reason"], shown["declined_reason"]) == (REASON, "Li Si says no.")
    assert (row.reason, row.declined_reason) == ("", None)
    assert b"Zhang" not in (row.reason_sealed or b"")
    trail = [f"{each.facts}" for each in session().scalars(select(AuditRow))]
    assert not any("Zhang" in each or "Li Si" in each for each in trail)
    assert REASON in ann.page("/funding/wind-down").text


def test_words_from_before_they_were_sealed_are_still_read(client: FlaskClient, ann: Seat, loan: Built) -> None:
    ask(client, ann)
    with unit_of_work() as work:
        row = work.session.scalars(select(WindDownRow)).one()
        row.reason, row.reason_sealed = "as it was", None

    assert client.get("/v1/desk/wind-downs", headers=ann.headers).json["items"][0]["reason"] == "as it was"


def test_the_console_corrects_it_in_the_same_way(client: FlaskClient, ann: Seat, ben: Seat, loan: Built) -> None:
    in_force(client, ann, ben)
    page = "/funding/wind-down"
    assert "Ask for other terms" in ben.page(page).text
    assert 'value="400-000"' in ben.page(page).text

    assert ben.send(page, page, reason="Another number.", contact="400-222", longer_plans="yes").status_code == 303
    second = client.get("/v1/desk/wind-downs", headers=ann.headers).json["items"][0]["id"]
    text = ann.page(page).text
    assert ("takes the place" in text, "400-000" in text, "400-222" in text) == (True, True, True)
    assert ann.send(f"{page}/{second}/approve", page).status_code == 303
    assert "takes the place" not in ann.page(page).text
    assert "400-222" in ann.page(page).text
