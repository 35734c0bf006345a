"""Autopay through the doors: the core puts it and tells of drawings, the borrower sees it and takes it back."""

from flask.testing import FlaskClient

from tests.api.test_inbox import DUE
from tests.builders.access import an_ingest_key, signed_in
from tests.builders.book import Built, build_loan
from tests.conftest import START

FAILED = {
    "reference": "D1", "drawn_on": "2026-03-02", "outcome": "failed", "code": "insufficient_funds", "retry_on": "2026-03-05",
}  # fmt: skip


def a_drawn_loan(client: FlaskClient) -> tuple[Built, dict[str, str], dict[str, str]]:
    loan = build_loan(now=START, due=DUE)
    core, me = an_ingest_key(loan.lender_id), signed_in(loan.borrower_id)
    path, body = f"/v1/ingest/loans/{loan.loan_no}/mandate", {"reference": "M1", "state": "active"}
    assert [client.put(path, headers=core, json=body).status_code for _ in range(2)] == [201, 200]
    return loan, core, me


def test_a_borrower_sees_what_is_drawn_and_what_came_of_it(client: FlaskClient) -> None:
    loan, core, me = a_drawn_loan(client)
    path = f"/v1/me/loans/{loan.loan_id}/mandate"
    assert client.get(path, headers=me).json["autopay"] is True

    told = [client.post(f"/v1/ingest/loans/{loan.loan_no}/mandate/draws", headers=core, json=FAILED) for _ in range(2)]

    assert [answer.status_code for answer in told] == [201, 200]
    shown = client.get(path, headers=me).json
    assert (shown["autopay"], shown["mandate"]["state"], shown["mandate"]["retry_on"]) == (False, "failing", "2026-03-05")
    drawn = {"drawn_on": "2026-03-02", "outcome": "failed", "code": "insufficient_funds", "retry_on": "2026-03-05"}
    assert (shown["mandate"]["draws"], shown["mandate"]["can_revoke"]) == ([drawn], True)


def test_a_code_of_the_bank_is_kept_as_it_was_told(client: FlaskClient) -> None:
    loan, core, me = a_drawn_loan(client)
    path = f"/v1/ingest/loans/{loan.loan_no}/mandate/draws"

    assert client.post(path, headers=core, json={**FAILED, "code": "AM04"}).status_code == 201
    wrong = client.post(path, headers=core, json={**FAILED, "reference": "D2", "code": "Not A Code"}).json["errors"]

    shown = client.get(f"/v1/me/loans/{loan.loan_id}/mandate", headers=me).json
    assert shown["mandate"]["draws"][0]["code"] == "AM04"
    assert wrong[0]["detail"] == "Not a code: letters, digits, _ . and -, at most 40."


def test_a_borrower_takes_it_back_at_once(client: FlaskClient) -> None:
    loan, core, me = a_drawn_loan(client)

    answers = [client.post(f"/v1/me/loans/{loan.loan_id}/mandate/revoke", headers=me) for _ in range(2)]

    assert [(answer.status_code, answer.json["mandate"]["state"]) for answer in answers] == [(200, "revoked")] * 2
    assert (answers[0].json["autopay"], answers[0].json["mandate"]["can_revoke"]) == (False, False)
    draw = client.post(f"/v1/ingest/loans/{loan.loan_no}/mandate/draws", headers=core, json=FAILED)
    assert (draw.status_code, draw.json["code"]) == (409, "conflict")


def test_a_loan_without_a_mandate_says_so(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    me, path = signed_in(loan.borrower_id), f"/v1/me/loans/{loan.loan_id}/mandate"

    assert client.get(path, headers=me).json == {"autopay": False, "mandate": None}
    assert client.post(f"{path}/revoke", headers=me).status_code == 404


def test_what_cannot_be_is_refused_at_its_field(client: FlaskClient) -> None:
    loan, core, _ = a_drawn_loan(client)
    path = f"/v1/ingest/loans/{loan.loan_no}/mandate"

    for body in ({**FAILED, "drawn_on": "2026-03-03"}, {**FAILED, "code": "Not A Code"}, {**FAILED, "outcome": "maybe"}):
        assert client.post(f"{path}/draws", headers=core, json=body).status_code == 422
    assert client.put(path, headers=core, json={"reference": "M1", "state": "sleeping"}).status_code == 422
    unknown = client.put("/v1/ingest/loans/NOBODY/mandate", headers=core, json={"reference": "M1", "state": "active"})
    assert unknown.status_code == 404
