"""What a core gives back or gives up beyond what our book knows waits until it is known."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.persistence.db import session
from app.persistence.queries.ledger import page_unmatched
from app.services.book import differences
from tests.builders.access import an_ingest_key, signed_in
from tests.builders.book import Built, build_lender, build_loan, replan
from tests.conftest import START

TODAY = START.date()


def money(minor: int) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": "USD"}


class Core:
    """A core system with one loan of two instalments of 10,000, one of them due."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.key = an_ingest_key(build_lender(now=START))
        self.loan: Built = build_loan(now=START, due=[TODAY - timedelta(days=10), TODAY + timedelta(days=20)])
        self.number = 0

    def entry(self, kind: str, minor: int, ago: int = 0, **more: Any) -> dict[str, Any]:
        self.number += 1
        on = (TODAY - timedelta(days=ago)).isoformat()
        given = {"reference": f"R{self.number}", "loan_no": self.loan.loan_no, "amount": money(minor), "effective_on": on}
        return {**given, "kind": kind, **more}

    def post(self, kind: str, minor: int, ago: int = 0, **more: Any) -> str:
        answer = self.client.post("/v1/ingest/payments", json=self.entry(kind, minor, ago, **more), headers=self.key)
        return str(answer.json["status"])

    def balance(self) -> tuple[int, int]:
        """What is owed of principal, and what is unapplied."""
        url = f"/v1/me/loans/{self.loan.loan_id}/balance"
        shown = self.client.get(url, headers=signed_in(self.loan.borrower_id)).json
        return shown["principal_outstanding"]["amount_minor"], shown["unapplied"]["amount_minor"]

    def waiting(self) -> list[tuple[str, str]]:
        session().rollback()
        return [(row.reference, row.reason) for row in page_unmatched(session()) if row.matched_at is None]


@pytest.fixture
def core(app: Flask, client: FlaskClient) -> Core:
    return Core(client)


def test_a_refund_of_what_was_received_is_booked(core: Core) -> None:
    assert [core.post("repayment", 25_000), core.post("refund", 5_000), core.post("refund", 20_000)] == ["recorded"] * 3
    assert (core.balance(), core.waiting()) == ((20_000, 0), [])


def test_a_refund_of_more_than_was_ever_received_waits_for_the_money(core: Core) -> None:
    core.post("repayment", 3_000)

    assert core.post("refund", 3_001) == "unmatched"
    assert (core.balance(), core.waiting()) == ((17_000, 0), [("R2", "refund-over-received")])
    assert core.client.post("/v1/ingest/payments", json=core.entry("refund", 3_000), headers=core.key).status_code == 201
    assert core.post("repayment", 5_000) == "recorded"
    assert (core.balance(), core.waiting()) == ((20_000 - 8_000 + 6_001, 0), [])
    assert list(differences(session())) == []


def test_a_refund_valued_before_the_money_or_beside_another_waits_too(core: Core) -> None:
    core.post("repayment", 3_000, ago=2)

    assert core.post("refund", 3_000, ago=3) == "unmatched"
    assert core.post("refund", 3_000, ago=1) == "recorded"
    assert core.post("refund", 1, ago=2) == "unmatched"
    assert core.balance() == (20_000, 0)


def test_what_was_given_up_is_no_money_to_give_back(core: Core) -> None:
    assert core.post("waiver", 5_000) == "recorded"
    assert core.post("refund", 1_000) == "unmatched"


def test_in_a_batch_the_order_of_refund_and_money_does_not_matter(core: Core) -> None:
    items = [
        core.entry("refund", 2_000),
        core.entry("repayment", 5_000),
        core.entry("refund", 2_000),
        core.entry("refund", 2_000),
    ]

    answer = core.client.post("/v1/ingest/batches", json={"kind": "payments", "items": items}, headers=core.key)

    assert [each["status"] for each in answer.json["results"]] == ["unmatched", "recorded", "recorded", "recorded"]
    assert (core.balance(), core.waiting()) == ((19_000, 0), [("R1", "refund-over-received")])


def test_a_refund_that_came_before_its_loan_and_its_money_is_booked_with_them(core: Core) -> None:
    core.post("refund", 500, loan_no="L-new")
    core.post("repayment", 2_000, loan_no="L-new")
    assert core.waiting() == [("R1", "unknown-loan"), ("R2", "unknown-loan")]

    build_loan(now=START, due=[TODAY], lender_id=core.loan.lender_id, loan_no="L-new")

    assert core.waiting() == []


def test_a_waiver_that_finds_nothing_owed_waits_for_the_claim(core: Core) -> None:
    core.post("repayment", 20_000)

    assert core.post("waiver", 300) == "unmatched"
    assert (core.balance(), core.waiting()) == ((0, 0), [("R2", "waiver-over-owed")])
    assert core.post("charge", 300, split={"fees": money(300)}) == "recorded"
    assert (core.balance(), core.waiting()) == ((0, 0), [])


def test_a_plan_that_makes_more_owed_books_the_waiver_that_waited(core: Core) -> None:
    core.post("repayment", 20_000)
    core.post("waiver", 300)

    replan(core.loan, [TODAY, TODAY + timedelta(days=20), TODAY + timedelta(days=40)], now=START + timedelta(hours=1))

    assert core.waiting() == []


def test_a_waiver_of_more_than_is_owed_gives_up_at_once_what_is(core: Core) -> None:
    core.post("repayment", 19_500)

    assert core.post("waiver", 800) == "recorded"
    assert core.balance()[0] == 0


def test_a_refund_whose_payment_bounces_is_owed(core: Core) -> None:
    core.post("repayment", 25_000)
    core.post("refund", 5_000)

    assert core.post("reversal", 25_000, reverses_reference="R1") == "recorded"

    assert (core.balance(), core.waiting()) == ((25_000, 0), [])
    assert list(differences(session())) == []
