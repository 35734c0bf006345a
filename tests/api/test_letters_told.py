"""The doors of letters that left: the borrower's own, the desk's list, what proves that one arrived, its document."""

from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.domain.book import BorrowerValues
from app.domain.deliveries import DeliveryReport, Told
from app.persistence.ids import new_id
from app.persistence.models.audit import AuditRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.letters import LetterBatchRow, LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.borrowers import put_borrower
from app.services.letters import apply_event
from tests.builders.access import a_desk_key, signed_in
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.desk import a_seat
from tests.builders.letters import a_posted_letter
from tests.conftest import START

pytestmark = pytest.mark.both
PDF = b"%PDF-1.7 a letter"
SENT = START - timedelta(days=3)
PROOF = {"kind": "registered_post", "delivered_on": "2026-03-01", "reference": "XA123456789CN"}


@pytest.fixture
def loan(app: Flask) -> Built:
    return build_loan(now=START - timedelta(days=30), due=[date(2026, 2, 1)])


def audited(action: str) -> list[str]:
    with reading() as session:
        return list(session.scalars(select(AuditRow.actor).where(AuditRow.action == action)))


def case_version(loan: Built) -> int:
    with reading() as session:
        return session.get_one(AgendaRow, loan.borrower_id).case_version


def test_a_borrower_sees_what_left_and_opening_it_is_kept_once(client: FlaskClient, loan: Built) -> None:
    letter_id = a_posted_letter(loan, now=SENT)
    me = signed_in(loan.borrower_id)
    before = case_version(loan)

    listed = client.get("/v1/me/letters", headers=me)
    first, again = (client.get(f"/v1/me/letters/{letter_id}/document", headers=me) for _ in range(2))
    shown = client.get(f"/v1/me/letters/{letter_id}", headers=me)

    assert [(each["id"], each["stage"], each["loan_no"]) for each in listed.json["items"]] == [
        (letter_id, "sent", loan.loan_no)
    ]
    assert (first.data, again.data) == (PDF, PDF)
    assert {each.headers["Cache-Control"] for each in (listed, first, shown)} == {"no-store"}
    assert (shown.json["stage"], shown.json["proof"], shown.json["opened_at"]) == (
        "delivered", "opened_in_app", "2026-03-02T09:00:00Z",
    )  # fmt: skip
    assert audited("letter.opened") == ["borrower"]
    assert case_version(loan) == before + 1


def test_a_letter_that_waits_or_was_withdrawn_is_not_shown_to_the_borrower(client: FlaskClient, loan: Built) -> None:
    letter_id = a_posted_letter(loan, now=SENT, state="made")
    with unit_of_work() as work:
        message_id = work.session.get_one(LetterRow, letter_id).message_id
        work.session.get_one(MessageRow, message_id).state = "queued"
    me = signed_in(loan.borrower_id)

    assert client.get("/v1/me/letters", headers=me).json["items"] == []
    assert client.get(f"/v1/me/letters/{letter_id}/document", headers=me).status_code == 404


def test_the_desk_lists_by_stage_and_another_lender_finds_nothing(client: FlaskClient, loan: Built) -> None:
    on_its_way, back = a_posted_letter(loan, now=SENT), a_posted_letter(loan, now=SENT, state="returned")
    agent = a_desk_key(loan.lender_id, role="agent")
    stranger = a_desk_key(build_lender(now=START, code="other"), role="admin")

    def listed(stage: str, headers: dict[str, str] = agent) -> list[str]:
        return [each["id"] for each in client.get(f"/v1/desk/letters?stage={stage}", headers=headers).json["items"]]

    assert (listed("sent"), listed("returned"), listed("delivered")) == ([on_its_way], [back], [])
    assert len(client.get("/v1/desk/letters?limit=1", headers=agent).json["items"]) == 1
    assert listed("sent", stranger) == []
    assert client.get(f"/v1/desk/letters/{on_its_way}", headers=stranger).status_code == 404


def test_a_proof_is_recorded_once_by_a_senior_and_makes_the_letter_delivered(client: FlaskClient, loan: Built) -> None:
    letter_id = a_posted_letter(loan, now=SENT)
    path = f"/v1/desk/letters/{letter_id}"
    agent, senior = a_desk_key(loan.lender_id, role="agent"), a_desk_key(loan.lender_id, staff="Bo", role="supervisor")

    def prove(headers: dict[str, str], key: str, **changes: Any) -> Any:
        return client.post(f"{path}/proofs", json={**PROOF, **changes}, headers={**headers, "Idempotency-Key": key})

    refused = [
        prove(agent, "a").status_code,
        prove(senior, "b", reference=None).status_code,
        prove(senior, "c", delivered_on="2026-02-26").status_code,
        prove(senior, "d", delivered_on="2026-03-03").status_code,
    ]
    made, same, twice = prove(senior, "one"), prove(senior, "one"), prove(senior, "two")

    assert refused == [403, 422, 422, 422]
    assert (made.status_code, same.status_code, twice.status_code) == (201, 201, 409)
    assert (made.json["stage"], made.json["proof"], made.json["delivered_at"]) == (
        "delivered", "registered_post", "2026-03-01T00:00:00Z",
    )  # fmt: skip
    assert [(each["by"], each["reference"]) for each in made.json["proofs"]] == [("staff:Bo", "XA123456789CN")]
    assert audited("letter.proof_recorded") == ["staff:Bo"]


def test_what_has_not_left_cannot_have_arrived(client: FlaskClient, loan: Built) -> None:
    letter_id = a_posted_letter(loan, now=SENT, state="failed")
    senior = a_desk_key(loan.lender_id, role="supervisor")

    answer = client.post(f"/v1/desk/letters/{letter_id}/proofs", json=PROOF, headers={**senior, "Idempotency-Key": "one"})

    assert answer.status_code == 409


def test_a_copy_is_given_out_after_a_fresh_code_only(app: Flask, client: FlaskClient, loan: Built) -> None:
    letter_id = a_posted_letter(loan, now=SENT)
    path = f"/v1/desk/letters/{letter_id}/document"
    key, seat = a_desk_key(loan.lender_id, role="admin"), a_seat(app, loan.lender_id, name="Bo", role="supervisor")

    assert client.get(path, headers=key).status_code == 401
    assert audited("letter.exported") == []
    given = client.get(path, headers=seat.headers)

    assert (given.status_code, given.data, given.headers["Cache-Control"]) == (200, PDF, "no-store")
    assert audited("letter.exported") == ["staff:Bo"]


def test_pages_of_letters_show_them_prove_them_and_note_who_looks(app: Flask, loan: Built) -> None:
    letter_id = a_posted_letter(loan, now=SENT)
    agent, senior = (a_seat(app, loan.lender_id, role=role) for role in ("agent", "supervisor"))
    page = f"/letters/{letter_id}"

    assert letter_id in agent.page("/letters?stage=sent").text
    assert "Record a proof" not in agent.page(page).text
    assert agent.page(f"{page}/document").data == PDF
    assert senior.send(f"{page}/proofs", page, kind="signed_receipt", delivered_on="2026-03-01").status_code == 422
    scan = (BytesIO(b"%PDF-1.7 a receipt"), "receipt.pdf")
    wrong = senior.send(f"{page}/proofs", page, kind="hearsay", delivered_on="yesterday", content=scan)
    assert wrong.status_code == 422  # with a file in it too
    done = senior.send(f"{page}/proofs", page, kind="signed_receipt", delivered_on="2026-03-01", reference="Jane Roe")

    assert done.status_code == 303
    assert "Jane Roe" in senior.page(page).text
    assert len(audited("letter.looked_at")) == 1


def test_batches_are_listed_with_the_letters_of_this_lender_alone_by_stage(client: FlaskClient, loan: Built) -> None:
    with unit_of_work() as work:
        batch = LetterBatchRow(
            id=new_id(), name="March", total=4, made=4, failed=0, state="ready", by="operator:Ann", created_at=SENT,
            changed_at=SENT,
        )  # fmt: skip
        work.session.add(batch)
        batch_id = batch.id
    other = build_loan(now=START, due=[date(2026, 2, 1)], lender_id=build_lender(now=START, code="other"))
    states = ("handed_over", "in_transit", "returned")
    ids = [a_posted_letter(loan, now=SENT, state=state, batch_id=batch_id) for state in states]
    a_posted_letter(other, now=SENT, batch_id=batch_id)
    agent = a_desk_key(loan.lender_id, role="agent")

    (mine,) = client.get("/v1/desk/letter-batches", headers=agent).json["items"]
    listed = client.get("/v1/desk/letters", headers=agent).json["items"]

    assert (mine["id"], mine["name"], mine["state"]) == (batch_id, "March", "ready")
    assert mine["stages"] == {"printed": 1, "sent": 1, "returned": 1}
    assert {each["id"] for each in listed} == set(ids)
    assert {each["batch_id"] for each in listed} == {batch_id}


def test_what_comes_back_takes_the_address_out_of_use_and_shows_as_returned(client: FlaskClient, loan: Built) -> None:
    with unit_of_work() as work:
        values = BorrowerValues(loan.borrower_no, name="Jane Roe", address_lines=("2 Low Road", "Leeds"), country="GB")
        put_borrower(work, values, now=SENT - timedelta(days=9), origin="test")
    letter_id = a_posted_letter(loan, now=SENT)
    with unit_of_work() as work:
        message_id = work.session.get_one(LetterRow, letter_id).message_id
        told = DeliveryReport("post/1", Told.FAILED, at=START, raw_code="returned_to_sender", message_id=message_id)
        assert apply_event(work, told, now=START)
    agent = a_desk_key(loan.lender_id, role="agent")

    shown = client.get(f"/v1/desk/letters/{letter_id}", headers=agent).json

    assert (shown["stage"], shown["returned_at"], shown["proof"]) == ("returned", "2026-03-02T09:00:00Z", None)
    with reading() as session:
        states = session.scalars(
            select(EndpointRow.reason).where(EndpointRow.borrower_id == loan.borrower_id, EndpointRow.channel == "letter")
        ).all()
    assert states == ["letter_returned"]
