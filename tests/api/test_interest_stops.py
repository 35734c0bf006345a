"""Stops of interest over HTTP: asked for and decided at the desk, told to the borrower in one sentence and on paper."""

from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader

from app.domain.book import BorrowerValues, LoanValues, PlanValues
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.persistence.ids import new_id
from app.persistence.models.loans import LoanRow
from app.persistence.unit_of_work import unit_of_work
from app.services.borrowers import put_borrower
from app.services.interest_stops import put_stop
from app.services.loans import put_loan, put_plan
from tests.builders.access import a_desk_key, signed_in
from tests.builders.book import Built, build_lender
from tests.conftest import START

TODAY = START.date()
SINCE = TODAY - timedelta(days=20)


def a_loan() -> Built:
    lender = build_lender(now=START, zone="UTC")
    known = START - timedelta(days=90)
    rows = tuple(PlanRow(n, TODAY + timedelta(days=30 * n - 40), Split(100_00, 30_00)) for n in (1, 2))
    with unit_of_work() as work:
        borrower = put_borrower(work, BorrowerValues("B1"), now=START, origin="test").id
        values = LoanValues("L1", "B1", "USD", 200_00, disbursed_on=TODAY - timedelta(days=40), recorded_at=known)
        put_loan(work, lender, values, now=START, origin="test")
        loan = put_plan(work, lender, PlanValues("L1", rows, recorded_at=known), now=START, origin="test")
    return Built(lender, borrower, "B1", loan.id, "L1")


def stop(loan: Built, rule: str = "UK-NOSIA-FAIL", until_on: date | None = None, scope: str = "interest") -> None:
    with unit_of_work() as work:
        row = work.session.get_one(LoanRow, loan.loan_id)
        put_stop(work, row, from_on=SINCE, until_on=until_on, scope=scope, rule=rule, reason="r", by="staff:Ann", now=START)


def told(client: FlaskClient, loan: Built, locale: str = "en") -> Any:
    headers = {**signed_in(loan.borrower_id, installation_id=new_id()), "Accept-Language": locale}
    return client.get(f"/v1/me/loans/{loan.loan_id}", headers=headers).json["interest_stopped"]


BREATHING, ELSE = "you are in a breathing space", "a rule of law asks for it"
UNSENT = "a notice about arrears that had to be sent to you was not sent in time"
BOTH = "interest_and_charges"


@pytest.mark.parametrize(
    ("locale", "rule", "scope", "sentence"),
    [
        ("en", "UK-NOSIA-FAIL", BOTH,
         f"Interest and charges for lateness are stopped on this loan from {{first}} on, because {UNSENT}."),
        ("en", "UK-BREATHING", "interest", f"Interest is stopped on this loan from {{first}} on, because {BREATHING}."),
        ("en", "UK-MHC", "interest", f"Interest is stopped on this loan from {{first}} on, because {BREATHING}."),
        ("en", "CN-QUIET", "interest", f"Interest is stopped on this loan from {{first}} on, because {ELSE}."),
        ("zh-CN", "UK-NOSIA-FAIL", "interest",
         "本笔贷款自{first}起停止计收利息，原因：应向您发出的欠款通知未按时发出。"),
        ("zh-CN", "UK-BREATHING", BOTH,
         "本笔贷款自{first}起停止计收利息和逾期费用，原因：您正处于债务喘息期。"),
    ],
)  # fmt: skip
def test_the_loan_says_in_one_sentence_that_interest_is_stopped_and_why(
    client: FlaskClient, locale: str, rule: str, scope: str, sentence: str
) -> None:
    loan = a_loan()
    assert told(client, loan, locale) is None
    stop(loan, rule, scope=scope)

    said = told(client, loan, locale)

    first = f"{SINCE:%b} {SINCE.day}, {SINCE.year}" if locale == "en" else f"{SINCE.year}年{SINCE.month}月{SINCE.day}日"
    assert (said["from"], said["until"], said["scope"]) == (SINCE.isoformat(), None, scope)
    assert said["sentence"] == sentence.format(first=first)


def test_a_stop_that_is_over_is_no_more_told_of_the_loan_but_of_its_statement(client: FlaskClient) -> None:
    loan = a_loan()
    stop(loan, until_on=TODAY)

    assert told(client, loan) is None
    query = f"from={SINCE + timedelta(days=5)}&to={TODAY}"
    body = client.get(f"/v1/me/loans/{loan.loan_id}/statement?{query}", headers=signed_in(loan.borrower_id)).json
    first, due = body["lines"]
    assert (first["on"], first["kind"]) == ((SINCE + timedelta(days=5)).isoformat(), "interest_stopped")
    assert (first["stop"]["from"], first["stop"]["until"]) == (SINCE.isoformat(), TODAY.isoformat())
    assert "not sent in time" in first["stop"]["why"]
    # The row of 30 days falls due ten days ago: ten of its days are stopped.
    assert (due["kind"], due["amount"]["amount_minor"], due["stopped"]["amount_minor"]) == ("instalment_due", 120_00, 10_00)
    balance = client.get(f"/v1/me/loans/{loan.loan_id}/balance", headers=signed_in(loan.borrower_id)).json
    assert balance["outstanding"] == body["closing"]["outstanding"]


@pytest.mark.parametrize(("locale", "words"), [("en", "Interest stopped by law from"), ("zh-CN", "依法停止计收利息")])
def test_the_document_names_the_stop(client: FlaskClient, locale: str, words: str) -> None:
    loan = a_loan()
    stop(loan)
    headers = {**signed_in(loan.borrower_id), "Accept": "application/pdf", "Accept-Language": locale}

    pdf = client.get(f"/v1/me/loans/{loan.loan_id}/statement?from={SINCE}&to={TODAY}", headers=headers).data

    text = "".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
    assert words in text.replace("\n", " " if locale == "en" else "")


def test_a_stop_is_asked_for_and_approved_by_two_people(client: FlaskClient) -> None:
    loan = a_loan()
    ann, ben = (a_desk_key(loan.lender_id, staff=name, role="compliance") for name in ("Ann", "Ben"))
    body = {"loan_no": "L1", "act": "put", "from_on": SINCE.isoformat(), "scope": "interest", "rule": "UK-BREATHING",
            "reason": "told by telephone"}  # fmt: skip
    path = f"/v1/desk/borrowers/{loan.borrower_no}/interest-stop-requests"

    agent = client.post(path, json=body, headers={**a_desk_key(loan.lender_id, staff="Cid", role="agent"), **once()})
    asked = client.post(path, json=body, headers={**ann, **once()})
    of_request = f"/v1/desk/interest-stop-requests/{asked.json['id']}"
    alone = client.post(f"{of_request}/approve", headers={**ann, **once()})
    done = client.post(f"{of_request}/approve", headers={**ben, **once()})

    assert (agent.status_code, asked.status_code, alone.status_code, done.status_code) == (403, 201, 403, 200)
    assert (done.json["state"], done.json["asked_by"], done.json["decided_by"]) == ("done", "staff:Ann", "staff:Ben")
    assert told(client, loan)["from"] == SINCE.isoformat()
    items = client.get("/v1/desk/borrowers/B1/loans/L1/interest-stop-requests", headers=ann).json["items"]
    assert [each["id"] for each in items] == [asked.json["id"]]


def once() -> dict[str, str]:
    return {"Idempotency-Key": new_id()}
