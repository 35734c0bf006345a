"""The statement of account over HTTP: JSON that adds up, a PDF for who asks for it, problems that point at what is wrong."""

import base64
import hashlib
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader

from app import clock
from app.domain.book import LenderValues, LoanValues, PaymentValues, PlanValues
from app.domain.ledger import EntryKind
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.persistence.unit_of_work import unit_of_work
from app.services.lenders import put_lender
from app.services.loans import put_loan, put_plan
from app.services.payments import record_payment
from app.services.statements import DOCUMENTS, count_document
from tests.builders.access import a_borrower, signed_in
from tests.builders.book import Built, build_loan, pay
from tests.conftest import START

TODAY = START.date()
LENDER = LenderValues(
    "xinyuan", "信远消费金融", "CN", "Asia/Shanghai", "CNY", "zh-CN", "consumer_finance", "XK-001", "示例监管局"
)


def a_loan() -> Built:
    """A loan of 林晓雨 with three rows, the first of them paid on the day, the payment then taken back."""
    borrower_id, _ = a_borrower(borrower_no="B-CN", name="林晓雨䶮")
    rows = tuple(PlanRow(n, date(2026, n, 10), Split(100_00, 5_00, 2_00)) for n in (1, 2, 3))
    known = START - timedelta(days=100)
    with unit_of_work() as work:
        lender_id = put_lender(work, LENDER, now=START).id
        values = LoanValues("CN-1001", "B-CN", "CNY", principal_minor=300_00, recorded_at=known)
        put_loan(work, lender_id, values, now=START, origin="test")
        loan_id = put_plan(work, lender_id, PlanValues("CN-1001", rows, recorded_at=known), now=START, origin="test").id
    loan = Built(lender_id, borrower_id, "B-CN", loan_id, "CN-1001")
    post(loan, "PAY-1", 107_00, date(2026, 1, 10))
    post(loan, "BACK-1", 107_00, date(2026, 2, 3), kind=EntryKind.REVERSAL, reverses_reference="PAY-1")
    return loan


def post(loan: Built, reference: str, amount_minor: int, on: date, **more: Any) -> None:
    values = PaymentValues(reference, loan.loan_no, amount_minor, "CNY", on, **more)
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, values, now=START, origin="test")


def url(loan: Built, query: str = "from=2026-01-01&to=2026-02-28") -> str:
    return f"/v1/me/loans/{loan.loan_id}/statement?{query}"


def minor(balances: dict[str, Any]) -> dict[str, int]:
    return {name: money["amount_minor"] for name, money in balances.items() if money["amount_minor"]}


def test_a_statement_tells_what_stood_what_happened_and_what_then_stood(client: FlaskClient) -> None:
    loan = a_loan()

    body = client.get(url(loan), headers=signed_in(loan.borrower_id)).json

    assert (body["from"], body["to"], body["timezone"]) == ("2026-01-01", "2026-02-28", "Asia/Shanghai")
    assert minor(body["opening"]) == {"principal": 300_00, "outstanding": 300_00}
    told = [(line["on"], line["kind"], line["reference"], minor(line["moved"])) for line in body["lines"]]
    owed = {"interest": 5_00, "fees": 2_00, "outstanding": 7_00}
    paid = {"principal": 100_00, "interest": 5_00, "fees": 2_00, "outstanding": 107_00}
    assert told == [
        ("2026-01-10", "instalment_due", None, owed),
        ("2026-01-10", "repayment", "PAY-1", {name: -amount for name, amount in paid.items()}),
        ("2026-02-03", "reversal", "BACK-1", paid),
        ("2026-02-10", "instalment_due", None, owed),
    ]
    assert body["lines"][1]["reversed_on"] == "2026-02-03"
    assert body["lines"][2]["reverses_id"] == body["lines"][1]["entry_id"]
    assert minor(body["closing"]) == {"principal": 300_00, "interest": 10_00, "fees": 4_00, "outstanding": 314_00}
    assert body["lender"]["licence_no"] == "XK-001"


def test_its_ends_are_the_balances_of_those_days(client: FlaskClient) -> None:
    loan = a_loan()
    headers = signed_in(loan.borrower_id)

    body = client.get(url(loan), headers=headers).json

    for day, stood in (("2025-12-31", body["opening"]), ("2026-02-28", body["closing"])):
        balance = client.get(f"/v1/me/loans/{loan.loan_id}/balance?as_of={day}", headers=headers).json
        assert balance["outstanding"] == stood["outstanding"]
        assert balance["due"]["interest"] == stood["interest"]


def test_it_can_be_told_as_it_was_known_at_an_instant(client: FlaskClient) -> None:
    loan = a_loan()
    headers = signed_in(loan.borrower_id)

    body = client.get(url(loan) + "&known_at=2026-03-01T00:00:00Z", headers=headers).json

    assert [line["kind"] for line in body["lines"]] == ["instalment_due", "instalment_due"]
    assert body["known_at"] == "2026-03-01T00:00:00Z"


def test_without_days_it_is_of_this_month_until_today(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=[TODAY])
    pay(loan, 4_000, now=START)

    body = client.get(f"/v1/me/loans/{loan.loan_id}/statement", headers=signed_in(loan.borrower_id)).json

    assert (body["from"], body["to"]) == (TODAY.replace(day=1).isoformat(), TODAY.isoformat())
    assert [line["kind"] for line in body["lines"]] == ["instalment_due", "repayment"]


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("from=2026-02-02&to=2026-02-01", "/query/from", "after-to"),
        ("from=2026-02-02&to=2026-03-03", "/query/to", "future"),
        ("from=2021-03-01&to=2026-03-01", "/query/from", "too-long"),
        ("from=2026-02-30", "/query/from", "invalid"),
        ("until=2026-02-01", "/query/until", "unknown-field"),
    ],
)
def test_a_period_that_cannot_be_told_is_refused_where_it_is_wrong(
    client: FlaskClient, query: str, pointer: str, code: str
) -> None:
    loan = a_loan()

    answer = client.get(url(loan, query), headers=signed_in(loan.borrower_id))

    assert (answer.status_code, answer.json["code"]) == (422, "validation-failed")
    assert [(error["pointer"], error["code"]) for error in answer.json["errors"]] == [(pointer, code)]


def test_who_asks_for_a_pdf_gets_one_whose_hash_is_told(client: FlaskClient) -> None:
    loan = a_loan()
    headers = {**signed_in(loan.borrower_id), "Accept": "application/pdf", "Accept-Language": "zh-CN"}

    answer = client.get(url(loan), headers=headers)

    digest = hashlib.sha256(answer.data)
    assert (answer.status_code, answer.content_type) == (200, "application/pdf")
    assert answer.headers["ETag"] == f'"{digest.hexdigest()}"'
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Vary"] == "Authorization, Accept-Language, Accept"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="statement-2026-01-01-2026-02-28.pdf"'
    text = PdfReader(BytesIO(answer.data)).pages[0].extract_text()
    for told in ("林晓雨䶮", "信远消费金融", "XK-001", "CN-1001", "贷款对账单", "PAY-1", "314.00", "1 / 1"):
        assert told in text
    unchanged = client.get(url(loan), headers={**headers, "If-None-Match": answer.headers["ETag"]})
    assert (unchanged.status_code, unchanged.data) == (304, b"")


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/pdf, application/json;q=0.5", "application/pdf"),
        ("application/json, application/pdf;q=0.5", "application/json"),
        ("application/pdf;q=0.9, */*;q=0.1", "application/pdf"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
    ],
)
def test_the_accept_header_chooses_the_form(client: FlaskClient, accept: str, content_type: str) -> None:
    loan = a_loan()

    answer = client.get(url(loan), headers={**signed_in(loan.borrower_id), "Accept": accept})

    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert answer.headers["Vary"] == "Authorization, Accept-Language, Accept"


@pytest.mark.parametrize("accept", ["text/csv", "application/pdf;q=0"])
def test_another_form_is_not_acceptable(client: FlaskClient, accept: str) -> None:
    loan = a_loan()

    answer = client.get(url(loan), headers={**signed_in(loan.borrower_id), "Accept": accept})

    assert (answer.status_code, answer.json["code"]) == (406, "not-acceptable")


def test_only_a_statement_can_be_a_pdf(client: FlaskClient) -> None:
    answer = client.get("/v1/me/loans", headers={**signed_in(a_loan().borrower_id), "Accept": "application/pdf"})

    assert (answer.status_code, answer.json["code"]) == (406, "not-acceptable")


def test_a_wrong_request_for_a_pdf_is_answered_with_a_problem(client: FlaskClient) -> None:
    headers = {**signed_in(a_loan().borrower_id), "Accept": "application/pdf"}

    answer = client.get("/v1/me/loans/01981e6a-7c1e-7000-8000-3f1c2a5b9d10/statement", headers=headers)

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_documents_are_limited_per_hour_and_json_is_not(client: FlaskClient) -> None:
    loan = a_loan()
    headers = signed_in(loan.borrower_id)
    as_pdf = {**headers, "Accept": "application/pdf"}
    for _ in range(DOCUMENTS.most - 1):
        count_document(loan.borrower_id, now=START)

    statuses = [client.get(url(loan), headers=each).status_code for each in (as_pdf, as_pdf, headers)]
    clock.use(lambda: START + timedelta(hours=1))
    later = signed_in(loan.borrower_id, now=START + timedelta(hours=1))

    assert statuses == [200, 429, 200]
    assert client.get(url(loan), headers={**later, "Accept": "application/pdf"}).status_code == 200
