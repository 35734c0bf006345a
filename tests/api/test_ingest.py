"""The core system's feed: idempotent, ordered, bound to one lender."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.domain.book import BorrowerValues, LoanValues
from app.persistence.db import db
from app.persistence.models.access import ApiKeyRow
from app.persistence.models.borrowers import ConsentRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow, UnmatchedPaymentRow
from app.persistence.unit_of_work import unit_of_work
from app.services.api_keys import revoke_key
from app.services.borrowers import put_borrower
from app.services.loans import put_loan
from tests.builders.access import a_borrower, an_ingest_key, fresh_client, signed_in
from tests.builders.book import build_lender, build_loan
from tests.builders.locks import wait_until_blocked
from tests.conftest import START

TODAY = START.date()


def money(minor: int, currency: str = "USD") -> dict[str, Any]:
    return {"amount_minor": minor, "currency": currency}


def payment(loan_no: str, **changes: Any) -> dict[str, Any]:
    given = {"reference": "R1", "loan_no": loan_no, "amount": money(4_000), "effective_on": TODAY.isoformat()}
    return {**given, **changes}


@pytest.fixture
def key(app: Flask) -> dict[str, str]:
    return an_ingest_key(build_lender(now=START))


def count_entries() -> int:
    db.session().rollback()
    return db.session().scalar(select(func.count()).select_from(LedgerEntryRow)) or 0


def test_a_borrower_and_a_loan_come_in_and_the_borrower_sees_them(client: FlaskClient, key: dict[str, str]) -> None:
    person = client.put(
        "/v1/ingest/borrowers/B-9", json={"name": "Ann", "phone": "+442079460000", "country": "GB"}, headers=key
    )
    rows = [{"row_no": 1, "due_on": TODAY.isoformat(), "principal": money(10_000), "interest": money(500)}]
    loan = client.put(
        "/v1/ingest/loans/L-9",
        json={"borrower_no": "B-9", "currency": "USD", "principal": money(10_000), "plan": {"rows": rows}},
        headers=key,
    )

    assert (person.status_code, person.json["created"]) == (201, True)
    assert (loan.status_code, loan.json["changed"]) == (201, True)
    due = client.get("/v1/me/due", headers=signed_in(person.json["id"])).json
    assert due["items"][0]["open"]["total"] == money(10_500)


def test_the_same_again_changes_nothing(client: FlaskClient, key: dict[str, str]) -> None:
    body = {"name": "Ann", "source_version": 3}
    client.put("/v1/ingest/borrowers/B-9", json=body, headers=key)

    again = client.put("/v1/ingest/borrowers/B-9", json=body, headers=key)

    assert (again.status_code, again.json["created"], again.json["changed"]) == (200, False, False)


def test_an_older_source_version_is_refused(client: FlaskClient, key: dict[str, str]) -> None:
    client.put("/v1/ingest/borrowers/B-9", json={"name": "Ann", "source_version": 3}, headers=key)

    older = client.put("/v1/ingest/borrowers/B-9", json={"name": "Anna", "source_version": 2}, headers=key)

    assert (older.status_code, older.json["code"]) == (412, "stale-version")


def test_a_put_without_a_version_keeps_the_order_of_those_with_one(client: FlaskClient, key: dict[str, str]) -> None:
    loan = {"borrower_no": "B-9", "currency": "USD"}
    for path, first, later in (
        ("borrowers/B-9", {"name": "Ann"}, {"name": "Anna"}),
        ("loans/L-9", loan, {**loan, "product": "car"}),
    ):
        client.put(f"/v1/ingest/{path}", json={**first, "source_version": 3}, headers=key)
        assert client.put(f"/v1/ingest/{path}", json=later, headers=key).json["changed"]

        older = client.put(f"/v1/ingest/{path}", json={**first, "source_version": 2}, headers=key)

        assert (older.status_code, older.json["code"]) == (412, "stale-version"), path


def test_a_version_recorded_with_other_values_is_a_conflict(client: FlaskClient, key: dict[str, str]) -> None:
    loan = {"borrower_no": "B-9", "currency": "USD", "source_version": 3}
    client.put("/v1/ingest/loans/L-9", json=loan, headers=key)

    other = client.put("/v1/ingest/loans/L-9", json={**loan, "product": "car"}, headers=key)
    same = client.put("/v1/ingest/loans/L-9", json=loan, headers=key)

    assert (other.status_code, other.json["code"]) == (409, "conflict")
    assert (same.status_code, same.json["changed"]) == (200, False)


def test_another_lenders_loan_of_the_same_number_is_another_loan(client: FlaskClient, key: dict[str, str]) -> None:
    theirs = build_loan(now=START, due=[TODAY], lender_id=build_lender(now=START, code="other"))

    mine = client.put(f"/v1/ingest/loans/{theirs.loan_no}", json={"borrower_no": "B-9", "currency": "USD"}, headers=key)

    assert mine.json["created"]
    assert mine.json["id"] != theirs.loan_id
    assert len(client.get("/v1/me/loans", headers=signed_in(theirs.borrower_id)).json["items"]) == 1


def test_a_revoked_key_is_nothing_at_once(client: FlaskClient, key: dict[str, str]) -> None:
    key_id = db.session().scalars(select(ApiKeyRow.id)).one()
    with unit_of_work() as work:
        revoke_key(work, key_id, now=START)

    assert client.post("/v1/ingest/payments", json=payment("x"), headers=key).json["code"] == "unauthenticated"


@pytest.mark.parametrize("given", ["", "a b", "é", "k" * 256])
def test_an_idempotency_key_that_is_none_is_refused(client: FlaskClient, key: dict[str, str], given: str) -> None:
    answer = client.post("/v1/ingest/payments", json=payment("x"), headers={**key, "Idempotency-Key": given})

    assert [error["pointer"] for error in answer.json["errors"]] == ["/headers/Idempotency-Key"]


def test_the_same_idempotency_key_of_another_lender_is_another_key(client: FlaskClient, key: dict[str, str]) -> None:
    longest = {"Idempotency-Key": "k" * 255}
    other = an_ingest_key(build_lender(now=START, code="other"))

    first = client.post("/v1/ingest/payments", json=payment("x"), headers={**key, **longest})
    second = client.post("/v1/ingest/payments", json=payment("y"), headers={**other, **longest})

    assert [first.status_code, second.status_code] == [202, 202]
    assert "Idempotency-Replayed" not in second.headers


@pytest.mark.parametrize(("consents", "pointer"), [({"fax": True}, "/consents/fax"), ({"sms": "yes"}, "/consents/sms")])
def test_a_wrong_consent_is_named_where_it_stands(
    client: FlaskClient, key: dict[str, str], consents: dict[str, Any], pointer: str
) -> None:
    answer = client.put("/v1/ingest/borrowers/B-9", json={"consents": consents}, headers=key)

    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_a_payment_is_recorded_with_its_split_and_seen_at_once(client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=[TODAY - timedelta(days=1)])

    posted = client.post("/v1/ingest/payments", json=payment(loan.loan_no), headers=key)

    assert (posted.status_code, posted.json["status"]) == (201, "recorded")
    assert posted.json["allocations"][0]["split"]["principal"] == money(4_000)
    balance = client.get(f"/v1/me/loans/{loan.loan_id}/balance", headers=signed_in(loan.borrower_id)).json
    assert balance["outstanding"] == money(6_000)


def test_a_reference_makes_a_payment_idempotent(client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=[TODAY])
    client.post("/v1/ingest/payments", json=payment(loan.loan_no), headers=key)

    again = client.post("/v1/ingest/payments", json=payment(loan.loan_no), headers=key)
    other = client.post("/v1/ingest/payments", json=payment(loan.loan_no, amount=money(1)), headers=key)

    assert (again.status_code, again.json["status"]) == (200, "duplicate")
    assert (other.status_code, other.json["code"]) == (409, "conflict")
    assert count_entries() == 1


def test_a_payment_for_an_unknown_loan_is_kept(client: FlaskClient, key: dict[str, str]) -> None:
    posted = client.post("/v1/ingest/payments", json=payment("nobody"), headers=key)

    assert (posted.status_code, posted.json["status"], posted.json["entry_id"]) == (202, "unmatched", None)
    assert db.session().scalar(select(func.count()).select_from(UnmatchedPaymentRow)) == 1


def test_a_replayed_key_gets_the_stored_answer_and_another_body_is_refused(client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=[TODAY])
    headers = {**key, "Idempotency-Key": "k-1"}
    first = client.post("/v1/ingest/payments", json=payment(loan.loan_no), headers=headers)

    again = client.post("/v1/ingest/payments", json=payment(loan.loan_no), headers=headers)
    other = client.post("/v1/ingest/payments", json=payment(loan.loan_no, reference="R2"), headers=headers)

    assert (again.status_code, again.json) == (first.status_code, first.json)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json["code"]) == (422, "idempotency-mismatch")
    assert count_entries() == 1


def test_a_refused_request_takes_its_key_back(client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=[TODAY])
    headers = {**key, "Idempotency-Key": "k-1"}
    wrong = payment(loan.loan_no, amount=money(4_000, "EUR"))

    assert client.post("/v1/ingest/payments", json=wrong, headers=headers).status_code == 422
    assert client.post("/v1/ingest/payments", json=payment(loan.loan_no), headers=headers).status_code == 201


def test_a_hundred_parallel_posts_of_one_key_have_one_effect(app: Flask, client: FlaskClient, key: dict[str, str]) -> None:
    loan = build_loan(now=START, due=[TODAY])
    headers = {**key, "Idempotency-Key": "k-1"}

    def post(_: int) -> Any:
        return fresh_client(app).post("/v1/ingest/payments", json=payment(loan.loan_no), headers=headers)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, range(100)))

    effects = [a for a in answers if a.status_code == 201 and "Idempotency-Replayed" not in a.headers]
    replays = [a for a in answers if a.headers.get("Idempotency-Replayed") == "true"]
    in_flight = [a for a in answers if a.status_code == 409]
    assert len(effects) == 1
    assert len(effects) + len(replays) + len(in_flight) == 100
    assert {a.json["code"] for a in in_flight} <= {"idempotency-in-flight"}
    assert count_entries() == 1


def test_a_key_reaches_its_own_lender_only(client: FlaskClient, key: dict[str, str]) -> None:
    other = build_lender(now=START, code="other")
    loan = build_loan(now=START, due=[TODAY], lender_id=other)

    posted = client.post("/v1/ingest/payments", json=payment(loan.loan_no), headers=key)

    assert posted.json["status"] == "unmatched"


def test_credentials_of_one_audience_are_nothing_at_another(client: FlaskClient, key: dict[str, str]) -> None:
    borrower_id, _ = a_borrower()

    assert client.get("/v1/me", headers=key).json["code"] == "unauthenticated"
    refused = client.post("/v1/ingest/payments", json=payment("x"), headers=signed_in(borrower_id))
    assert refused.json["code"] == "unauthenticated"


def test_a_key_without_the_scope_is_forbidden(client: FlaskClient) -> None:
    powerless = an_ingest_key(build_lender(now=START), scopes=("webhooks",))

    assert client.post("/v1/ingest/payments", json=payment("x"), headers=powerless).json["code"] == "forbidden"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"amount": {"amount_minor": 1.5, "currency": "USD"}}, "/amount/amount_minor"),
        ({"amount": {"amount_minor": True, "currency": "USD"}}, "/amount/amount_minor"),
        ({"amount": {"amount_minor": 1, "currency": "XXX"}}, "/amount/currency"),
        ({"amount": {"amount_minor": 1, "currency": "USD", "display": "1"}}, "/amount/display"),
        ({"effective_on": "2026-02-30"}, "/effective_on"),
        ({"recorded_at": "2026-02-20T10:00:00"}, "/recorded_at"),
        ({"split": {"principal": {"amount_minor": 4000, "currency": "EUR"}}}, "/split/principal"),
        ({"note": "nul\u0000"}, "/note"),
        ({"payer/name": "x"}, "/payer~1name"),
    ],
)
def test_a_wrong_field_is_named(client: FlaskClient, key: dict[str, str], change: dict[str, Any], pointer: str) -> None:
    answer = client.post("/v1/ingest/payments", json=payment("L", **change), headers=key)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_what_only_the_import_of_a_tape_can_find_is_refused_with_the_kinds_to_send_instead(
    client: FlaskClient, key: dict[str, str]
) -> None:
    loan = build_loan(now=START, due=[TODAY])
    adjustment = payment(loan.loan_no, kind="source_adjustment")

    (error,) = client.post("/v1/ingest/payments", json=adjustment, headers=key).json["errors"]
    batch = client.post("/v1/ingest/batches", json={"kind": "payments", "items": [adjustment]}, headers=key).json["results"]
    (unknown,) = client.post("/v1/ingest/payments", json=payment(loan.loan_no, kind="gift"), headers=key).json["errors"]

    assert (error["pointer"], batch[0]["pointer"]) == ("/kind", "/items/0/kind")
    assert "send money received as repayment or prepayment" in error["detail"]
    assert "source_adjustment" not in unknown["detail"]
    assert count_entries() == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("borrowers/B-9", {"name": "Ann", "phone": "+442079460000"}),
        ("borrowers/B-8", {"name": "Bob", "phone": "+442079460000"}),
        ("loans/L-9", {"borrower_no": "B-9", "currency": "USD"}),
        ("loans/L-8", {"borrower_no": "B-9", "currency": "USD"}),
    ],
)
def test_what_another_put_makes_at_the_same_time_is_found_not_failed_on(
    app: Flask, key: dict[str, str], path: str, body: dict[str, Any]
) -> None:
    def put() -> int:
        with app.app_context():
            return fresh_client(app).put(f"/v1/ingest/{path}", json=body, headers=key).status_code

    lender_id = db.session().scalar(select(LenderRow.id)) or ""
    with ThreadPoolExecutor(1) as pool:
        with unit_of_work() as work:
            put_borrower(work, BorrowerValues("B-9", "Ann", "+442079460000"), now=START, origin="test")
            put_loan(work, lender_id, LoanValues("L-9", "B-9", "USD"), now=START, origin="test")
            answer = pool.submit(put)
            wait_until_blocked(answer)
        status = answer.result(timeout=30)

    assert status in (200, 201)


def test_the_same_payment_without_a_loan_posted_twice_at_once_is_kept_once(app: Flask, key: dict[str, str]) -> None:
    def post(_: int) -> int:
        with app.app_context():
            return fresh_client(app).post("/v1/ingest/payments", json=payment("L-9"), headers=key).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(post, range(16)))

    assert statuses == {202}
    assert db.session().scalar(select(func.count()).select_from(UnmatchedPaymentRow)) == 1


def test_a_loan_says_what_kind_of_credit_it_is_and_whether_it_pays_itself(client: FlaskClient, key: dict[str, str]) -> None:
    def put(**said: Any) -> Any:
        return client.put("/v1/ingest/loans/L-9", json={"borrower_no": "B-9", "currency": "CNY", **said}, headers=key)

    def stored() -> tuple[str | None, bool]:
        db.session().rollback()
        row = db.session().execute(select(LoanRow.product_kind, LoanRow.autopay).where(LoanRow.loan_no == "L-9")).one()
        return row.product_kind, row.autopay

    assert put(product_kind="hcstc", autopay=True).status_code == 201
    assert stored() == ("hcstc", True)
    assert put(product_kind="hcstc", autopay=True).json["changed"] is False
    assert put().json["changed"] is True
    assert stored() == (None, False)
    assert [error["pointer"] for error in put(product_kind="pawn").json["errors"]] == ["/product_kind"]
    assert [error["pointer"] for error in put(autopay="yes").json["errors"]] == ["/autopay"]


def test_a_borrower_brings_consents_for_more_than_being_contacted(client: FlaskClient, key: dict[str, str]) -> None:
    said = [{"purpose": "automated_call", "channel": "voice", "given": True, "form": "written"}]

    answer = client.put("/v1/ingest/borrowers/B-9", json={"consents": {"sms": True}, "purpose_consents": said}, headers=key)

    rows = db.session().execute(select(ConsentRow.purpose, ConsentRow.channel, ConsentRow.given, ConsentRow.form))
    assert sorted(map(tuple, rows)) == [("automated_call", "voice", True, "written"), ("contact", "sms", True, None)]
    assert answer.json["conflicts"] == []
    wrong = client.put(
        "/v1/ingest/borrowers/B-9", json={"purpose_consents": [{"purpose": "fun", "given": True}]}, headers=key
    )
    assert [error["pointer"] for error in wrong.json["errors"]] == ["/purpose_consents/0/purpose"]
