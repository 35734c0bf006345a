"""Staff ask why; they see their lender's loans alone."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.services.policies import ensure_default_policy
from app.services.reminders import sweep
from tests.builders.access import a_desk_key, an_ingest_key
from tests.builders.book import Built, build_lender, build_loan
from tests.conftest import START

DUE = [START.date() + timedelta(days=3)]
STEP = START + timedelta(hours=1)


@pytest.fixture
def loan(app: Flask) -> Built:
    ensure_default_policy(now=START)
    built = build_loan(now=START, due=DUE, lender_id=build_lender(now=START, code="acme"))
    sweep(now=STEP)
    return built


def test_staff_are_told_every_step_with_its_rule_and_owner(client: FlaskClient, loan: Built) -> None:
    answer = client.get(
        f"/v1/desk/borrowers/{loan.borrower_no}/explain?date={START.date()}", headers=a_desk_key(loan.lender_id)
    )

    assert answer.status_code == 200
    assert (answer.json["borrower_no"], answer.json["was_contacted"]) == (loan.borrower_no, True)
    (told,) = answer.json["loans"]
    steps = {step["step"]: step for step in told["subjects"][0]["steps"]}
    assert steps["d-3"]["events"][0]["reason"] == "ON_SCHEDULE"
    assert steps["d-3"]["messages"][0]["state"] == "delivered"
    assert steps["d-1"]["status"] == "to_come"


def test_staff_are_told_in_their_language(client: FlaskClient, loan: Built) -> None:
    headers = {**a_desk_key(loan.lender_id), "Accept-Language": "zh-CN"}

    answer = client.get(f"/v1/desk/borrowers/{loan.borrower_no}/explain?date={START.date()}", headers=headers)

    assert "已发送" in answer.text


def test_the_borrower_of_another_lender_does_not_exist_here(client: FlaskClient, loan: Built) -> None:
    other = build_lender(now=START, code="other")

    answer = client.get(f"/v1/desk/borrowers/{loan.borrower_no}/explain?date={START.date()}", headers=a_desk_key(other))

    assert (answer.status_code, answer.json["code"]) == (404, "not-found")


def test_another_lenders_loans_of_the_same_borrower_are_not_told(client: FlaskClient, loan: Built) -> None:
    other = build_lender(now=START, code="other")
    second = build_loan(now=START, due=DUE, lender_id=other, borrower_no=loan.borrower_no, loan_no="SECRET-1")

    answer = client.get(f"/v1/desk/borrowers/{second.borrower_no}/explain?date={START.date()}", headers=a_desk_key(other))

    assert [each["loan_no"] for each in answer.json["loans"]] == ["SECRET-1"]
    assert not answer.json["was_contacted"]
    mine = client.get(
        f"/v1/desk/borrowers/{loan.borrower_no}/explain?date={START.date()}", headers=a_desk_key(loan.lender_id)
    )
    assert "SECRET-1" not in mine.text


def test_whom_a_reason_touched_comes_in_pages_of_one_lender(client: FlaskClient, loan: Built) -> None:
    build_loan(now=START, due=DUE, lender_id=loan.lender_id)
    build_loan(now=START, due=DUE, lender_id=build_lender(now=START, code="other"))
    sweep(now=STEP)
    headers = a_desk_key(loan.lender_id)
    path = f"/v1/desk/decisions?reason=ON_SCHEDULE&since={quote('2026-03-02T00:00:00Z')}&limit=1"

    first = client.get(path, headers=headers).json
    second = client.get(f"{path}&cursor={first['next_cursor']}", headers=headers).json

    assert len({item["borrower_no"] for item in first["items"] + second["items"]}) == 2
    assert second["next_cursor"] is None


@pytest.mark.parametrize("query", ["reason=NO_SUCH&since=2026-03-02T00:00:00Z", "reason=PAID", "since=2026-03-02T00:00:00Z"])
def test_a_question_that_is_none_is_refused(client: FlaskClient, loan: Built, query: str) -> None:
    assert client.get(f"/v1/desk/decisions?{query}", headers=a_desk_key(loan.lender_id)).status_code == 422


def test_no_other_credential_asks_why(client: FlaskClient, loan: Built) -> None:
    path = f"/v1/desk/borrowers/{loan.borrower_no}/explain?date={START.date()}"

    assert client.get(path).status_code == 401
    assert client.get(path, headers=an_ingest_key(loan.lender_id)).status_code == 403
