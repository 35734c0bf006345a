"""Overpaid money through the doors: the borrower asks, staff decide, the core confirms."""

from flask.testing import FlaskClient

from tests.api.test_inbox import DUE
from tests.builders.access import a_desk_key, an_ingest_key, signed_in
from tests.builders.book import build_lender, build_loan, pay
from tests.builders.refunds import an_overpaid_loan
from tests.conftest import START

ONCE = {"Idempotency-Key": "k1"}


def test_a_borrower_sees_what_was_paid_over_and_gets_it_back(client: FlaskClient) -> None:
    loan = an_overpaid_loan(700)
    me, path = signed_in(loan.borrower_id), f"/v1/me/loans/{loan.loan_id}/refunds"
    before = client.get(path, headers=me).json
    assert (before["overpaid"]["amount_minor"], before["refundable"]["amount_minor"], before["items"]) == (700, 700, [])

    asked = [client.post(path, headers=me | ONCE, json={}) for _ in range(2)]

    assert [answer.status_code for answer in asked] == [201, 201]
    assert (asked[0].json, asked[1].headers["Idempotency-Replayed"]) == (asked[1].json, "true")
    entry = {
        "reference": f"refund-{asked[0].json['id']}", "loan_no": loan.loan_no, "kind": "refund",
        "amount": {"amount_minor": 700, "currency": "USD"}, "effective_on": START.date().isoformat(),
    }  # fmt: skip
    assert client.post("/v1/ingest/payments", headers=an_ingest_key(loan.lender_id), json=entry).status_code == 201
    after = client.get(path, headers=me).json
    assert (after["overpaid"]["amount_minor"], [each["state"] for each in after["items"]]) == (0, ["done"])


def test_a_loan_that_owes_has_nothing_to_give_back(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    pay(loan, 500, now=START)
    me, path = signed_in(loan.borrower_id), f"/v1/me/loans/{loan.loan_id}/refunds"

    assert client.get(path, headers=me).json["overpaid"]["amount_minor"] == 0
    answer = client.post(path, headers=me, json={"amount": {"amount_minor": 1, "currency": "USD"}})
    assert (answer.status_code, answer.json["code"]) == (409, "conflict")


def test_staff_ask_another_approves_and_a_third_may_cancel(client: FlaskClient) -> None:
    loan = an_overpaid_loan(150_000)
    ann = a_desk_key(loan.lender_id, staff="Ann", role="supervisor")
    bob = a_desk_key(loan.lender_id, staff="Bob", role="supervisor")
    eve = a_desk_key(loan.lender_id, staff="Eve", role="agent")

    asked = client.post(f"/v1/desk/loans/{loan.loan_no}/refunds", headers=ann, json={"reason": "by letter"})
    path = f"/v1/desk/refunds/{asked.json['id']}"
    refused = [client.post(f"{path}/approve", headers=who, json={}).status_code for who in (ann, eve)]
    approved = client.post(f"{path}/approve", headers=bob, json={"method": "bank"})

    assert (asked.status_code, refused, approved.json["state"]) == (201, [403, 403], "approved")
    assert (approved.json["method"], approved.json["approved_by"]) == ("bank", "staff:Bob")
    listed = client.get("/v1/desk/refunds?state=approved", headers=eve).json["items"]
    assert [each["reference"] for each in listed] == [approved.json["reference"]]
    cancelled = client.post(f"{path}/cancel", headers=eve, json={"reason": "pays another loan"})
    assert (cancelled.status_code, cancelled.json["state"]) == (200, "cancelled")


def test_another_lenders_refunds_are_not_there(client: FlaskClient) -> None:
    loan = an_overpaid_loan(150_000)
    ann = a_desk_key(loan.lender_id, staff="Ann", role="supervisor")
    refund_id = client.post(f"/v1/desk/loans/{loan.loan_no}/refunds", headers=ann, json={"reason": "x"}).json["id"]
    theirs = a_desk_key(build_lender(now=START, code="other"), staff="Zoe", role="admin")

    assert client.get("/v1/desk/refunds", headers=theirs).json["items"] == []
    assert client.post(f"/v1/desk/refunds/{refund_id}/approve", headers=theirs, json={}).status_code == 404
    assert client.post(f"/v1/desk/refunds/{refund_id}/cancel", headers=theirs, json={"reason": "x"}).status_code == 404
    answer = client.post(f"/v1/desk/loans/{loan.loan_no}/refunds", headers=theirs, json={"reason": "x"})
    assert answer.status_code == 404
