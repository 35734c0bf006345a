"""Answers that are kept under an idempotency key: what a borrower wrote is in none of them."""

import hashlib
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.persistence.models.access import IdempotencyKeyRow
from app.persistence.unit_of_work import reading, unit_of_work
from tests.builders.journey import Journey

CANARY = "canary-what-only-a-person-may-read"


def begun(app: Flask) -> tuple[Journey, str]:
    journey = Journey(app)
    journey.put_borrower()
    return journey, journey.put_loan("L1", [date(2026, 3, 5)])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/loans/{}/disputes", {"ground": "already_paid", "words": CANARY}),
        ("/hardship-requests", {"change": "income_lower", "words": CANARY}),
        ("/contact-requests", {"kind": "representative", "representative": {"name": CANARY, "contact": "law@example.com"}}),
    ],
)
def test_an_answer_is_kept_sealed_and_given_again_as_it_was(app: Flask, path: str, body: dict[str, Any]) -> None:
    journey, loan_id = begun(app)

    first = journey.me("POST", path.format(loan_id), body, key="once")
    again = journey.me("POST", path.format(loan_id), body, key="once")

    assert CANARY in str(first)
    assert (again, journey.answer.headers["Idempotency-Replayed"]) == (first, "true")
    with reading() as session:
        assert CANARY not in str(session.scalar(select(IdempotencyKeyRow.body).where(IdempotencyKeyRow.key == "once")))


def test_an_answer_that_was_kept_before_they_were_sealed_is_given_again_too(app: Flask) -> None:
    journey, loan_id = begun(app)
    body = {"ground": "already_paid", "words": "paid"}
    journey.me("POST", f"/loans/{loan_id}/disputes", body, key="once")
    with unit_of_work() as work:
        work.session.execute(update(IdempotencyKeyRow).where(IdempotencyKeyRow.key == "once").values(body={"id": "x"}))

    assert journey.me("POST", f"/loans/{loan_id}/disputes", body, key="once") == {"id": "x"}


def test_what_was_asked_is_kept_as_a_hash_that_takes_a_key(app: Flask) -> None:
    journey, loan_id = begun(app)
    journey.me("POST", f"/loans/{loan_id}/disputes", {"ground": "already_paid", "words": "paid"}, key="once")

    with reading() as session:
        kept = session.scalar(select(IdempotencyKeyRow.fingerprint).where(IdempotencyKeyRow.key == "once"))
    bodies = (b'{"ground": "already_paid", "words": "paid"}', b'{"ground":"already_paid","words":"paid"}')
    assert kept not in {hashlib.sha256(each).hexdigest() for each in bodies}


def test_a_key_that_was_used_for_one_person_is_none_for_another(app: Flask) -> None:
    journey, _ = begun(app)
    told: dict[str, Any] = {"body": {"text": "Calls after six"}, "role": "agent", "headers": {"Idempotency-Key": "once"}}
    first, journey.borrower_no = journey.borrower_no, "B-other"
    journey.put_borrower()
    journey.put_loan("L2", [date(2026, 3, 5)])

    made = journey.desk("POST", f"/borrowers/{first}/notes", **told)
    other = journey.desk("POST", "/borrowers/B-other/notes", **told, good=False)

    assert other["code"] == "idempotency-mismatch"
    assert journey.desk("POST", f"/borrowers/{first}/notes", **told) == made
