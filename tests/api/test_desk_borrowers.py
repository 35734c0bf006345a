"""Staff find borrowers of their lender and open them: nobody else's, nothing in full, and never without a trace."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from sqlalchemy import event, select

from app import clock
from app.domain.book import PaymentValues
from app.domain.hold_terms import HoldValues
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.borrower_people import UNMASKS
from app.services.borrower_search import SEARCHES
from app.services.holds import Teller, put_hold
from app.services.payments import record_payment
from tests.api.test_document import COMMITTED
from tests.builders.access import a_desk_key
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.desk import a_seat
from tests.conftest import START

PHONE, EMAIL = "+8613800001234", "li.wei@example.com"
PERSON: dict[str, Any] = {
    "name": "Li Wei", "phone": PHONE, "email": EMAIL, "national_id": "110101199003074512",
    "address_lines": ("88 Century Avenue", "Shanghai"), "zone": "Asia/Shanghai", "country": "CN", "locale": "zh-CN",
}  # fmt: skip
DUE = [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]


@pytest.fixture
def loan(app: Flask) -> Built:
    lender_id = build_lender(now=START, jurisdiction="CN")
    return build_loan(now=START, due=DUE, borrower_no="B1", loan_no="L1", lender_id=lender_id, **PERSON)


@pytest.fixture
def staff(loan: Built) -> dict[str, str]:
    return a_desk_key(loan.lender_id, role="supervisor")


def find(client: FlaskClient, staff: dict[str, str], text: str, **more: Any) -> Any:
    answer = client.post("/v1/desk/borrowers/search", json={"text": text, **more}, headers=staff)
    assert answer.status_code == 200, answer.json
    return answer.json


def audited(action: str) -> list[dict[str, Any]]:
    with reading() as session:
        return list(session.scalars(select(AuditRow.facts).where(AuditRow.action == action).order_by(AuditRow.id)))


@contextmanager
def counted() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_a_search_shows_enough_to_choose_and_no_more(client: FlaskClient, loan: Built, staff: dict[str, str]) -> None:
    with unit_of_work() as work:
        put_hold(
            work, loan.borrower_id, HoldValues("dispute", loan_no="L1"), teller=Teller("core", loan.lender_id), now=START
        )

    found = find(client, staff, "138 0000 1234")

    assert found["hits"] == [
        {
            "borrower_id": loan.borrower_id, "borrower_no": "B1", "matched_by": ["phone"], "name_shown": "Li Wei",
            "phone_masked": "+86 ••• ••34", "email_masked": "l•••@e•••.com", "locale": "zh-CN", "flags": [], "loans": 1,
            "active_loans": 1, "loan_nos": ["L1"], "worst_days_past_due": 29, "holds": ["dispute"], "open_disputes": 0,
        }
    ]  # fmt: skip
    assert not found["has_more"]


def test_what_was_typed_is_kept_nowhere(client: FlaskClient, loan: Built, staff: dict[str, str]) -> None:
    find(client, staff, EMAIL)

    (facts,) = audited("borrower.searched")
    assert facts == {"kinds": ["email"], "hits": 1, "has_more": False}


def test_searches_are_counted_exactly_for_each_person(client: FlaskClient, loan: Built, staff: dict[str, str]) -> None:
    for _ in range(SEARCHES.most):
        find(client, staff, "nobody")

    refused = client.post("/v1/desk/borrowers/search", json={"text": "nobody"}, headers=staff)
    other = client.post(
        "/v1/desk/borrowers/search", json={"text": "nobody"}, headers=a_desk_key(loan.lender_id, staff="Ann")
    )

    assert (refused.status_code, refused.json["code"]) == (429, "rate-limited")
    assert int(refused.headers["Retry-After"]) <= 3600
    assert other.status_code == 200


def test_a_page_is_opened_for_a_reason_that_is_kept(client: FlaskClient, loan: Built, staff: dict[str, str]) -> None:
    without = client.get("/v1/desk/borrowers/B1", headers=staff)
    opened = client.get("/v1/desk/borrowers/B1?reason=caller", headers=staff)

    assert without.status_code == 422
    assert without.json["errors"][0]["pointer"] == "/query/reason"
    assert "caller, reply" in without.get_data(as_text=True)
    assert opened.status_code == 200
    assert audited("borrower.opened") == [{"reason": "caller"}]


def test_the_page_masks_the_person_and_shows_the_loans(client: FlaskClient, loan: Built, staff: dict[str, str]) -> None:
    pay(loan, 4_000, now=START)

    page = client.get("/v1/desk/borrowers/B1?reason=payment", headers=staff).json

    text = client.get("/v1/desk/borrowers/B1?reason=payment", headers=staff).get_data(as_text=True)
    assert not [each for each in (PHONE, EMAIL, "110101199003074512", "88 Century") if each in text]
    assert page["identity"]["name"] == "Li Wei"
    assert page["identity"]["national_id_masked"] == "•••• 4512"
    assert page["identity"]["address_masked"] == "•••, Shanghai"
    assert page["places"][0]["local_time"] == "17:00"
    assert (page["loans"][0]["loan_no"], page["loans"][0]["overdue"]["total"]["amount_minor"]) == ("L1", 16_000)
    assert page["payments"][0]["splits"][0]["split"]["principal"] == {"amount_minor": 4_000, "currency": "USD"}


def test_another_lenders_borrower_does_not_exist_and_their_loans_are_never_seen(
    client: FlaskClient, loan: Built, staff: dict[str, str]
) -> None:
    other = build_lender(now=START, code="other")
    shared = build_loan(now=START, due=DUE, borrower_no="B1", loan_no="SECRET-1", lender_id=other, **PERSON)
    theirs = build_loan(now=START, due=DUE, borrower_no="B2", loan_no="SECRET-2", lender_id=other, name="Ann Ray")
    pay(shared, 4_000, now=START)
    with unit_of_work() as work:
        teller = Teller("staff:Eve", other)
        put_hold(work, shared.borrower_id, HoldValues("dispute", loan_no="SECRET-1"), teller=teller, now=START)

    assert find(client, staff, "SECRET-2")["hits"] == []
    assert find(client, staff, "SECRET-1")["hits"] == []
    assert find(client, staff, "Ann Ray")["hits"] == []
    (hit,) = find(client, staff, PHONE)["hits"]
    assert (hit["loans"], hit["holds"]) == (1, [])
    for path in ("?reason=caller", "/timeline", "/loans/SECRET-2", "/notes", "/upcoming"):
        assert client.get(f"/v1/desk/borrowers/{theirs.borrower_no}{path}", headers=staff).status_code == 404, path
    assert client.get("/v1/desk/borrowers/B1/loans/SECRET-1", headers=staff).status_code == 404
    for path in ("?reason=caller", "/timeline", "/loans/L1", "/notes", "/upcoming"):
        answer = client.get(f"/v1/desk/borrowers/B1{path}", headers=staff)
        assert answer.status_code == 200, path
        assert "SECRET" not in answer.get_data(as_text=True), path
        assert shared.loan_id not in answer.get_data(as_text=True), path
        assert "dispute" not in [each.get("kind") for each in answer.json.get("holds", [])], path
    timeline = client.get("/v1/desk/borrowers/B1/timeline", headers=staff).json["items"]
    assert not [each for each in timeline if each["kind"] in ("payment", "hold")]


def test_one_field_is_unmasked_by_who_may_and_written_down(client: FlaskClient, loan: Built, staff: dict[str, str]) -> None:
    asked = {"field": "phone", "reason": "Ticket 8123"}
    agent = a_desk_key(loan.lender_id, staff="Ann", role="agent")

    refused = client.post("/v1/desk/borrowers/B1/unmask", json=asked, headers=agent)
    shown = client.post("/v1/desk/borrowers/B1/unmask", json=asked, headers=staff)
    lines = client.post("/v1/desk/borrowers/B1/unmask", json={**asked, "field": "address"}, headers=staff)

    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert shown.json == {"field": "phone", "value": PHONE, "lines": []}
    assert lines.json == {"field": "address", "value": None, "lines": ["88 Century Avenue", "Shanghai"]}
    assert audited("borrower.unmasked")[0] == {"field": "phone", "reason": "Ticket 8123"}


def test_no_card_number_stands_in_the_trail_as_a_reason(client: FlaskClient, loan: Built, staff: dict[str, str]) -> None:
    asked = {"field": "phone", "reason": "Paid by 4111 1111 1111 1111"}

    assert client.post("/v1/desk/borrowers/B1/unmask", json=asked, headers=staff).status_code == 200

    assert "4111 1111 1111 1111" not in audited("borrower.unmasked")[0]["reason"]


def test_unmasking_has_an_exact_limit(client: FlaskClient, loan: Built, staff: dict[str, str]) -> None:
    asked = {"field": "email", "reason": "Ticket 8123"}
    for _ in range(UNMASKS.most):
        assert client.post("/v1/desk/borrowers/B1/unmask", json=asked, headers=staff).status_code == 200

    assert client.post("/v1/desk/borrowers/B1/unmask", json=asked, headers=staff).status_code == 429
    assert len(audited("borrower.unmasked")) == UNMASKS.most


def test_signing_in_searching_and_opening_take_at_most_ten_statements(client: FlaskClient, loan: Built) -> None:
    seat = a_seat(client.application, loan.lender_id)

    for text in (PHONE, "138 0000 1234", "1234", "Li Wei", "L1", EMAIL):
        with counted() as seen:
            (hit,) = find(client, seat.headers, text)["hits"]
            page = client.get(f"/v1/desk/borrowers/{hit['borrower_no']}?reason=caller", headers=seat.headers)
        assert page.status_code == 200
        assert len(seen) <= 10, (text, len(seen), seen)


def test_a_past_day_is_shown_as_known_then_and_as_known_now(client: FlaskClient, loan: Built, staff: dict[str, str]) -> None:
    day = START.date()
    late = PaymentValues("P-late", "L1", 10_000, "USD", day)
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, late, now=START + timedelta(days=3), origin="test")
    clock.use(lambda: START + timedelta(days=4))
    staff = a_desk_key(loan.lender_id, staff="Ann", now=START + timedelta(days=4))

    found = client.get(f"/v1/desk/borrowers/B1/loans/L1?as_of={day}", headers=staff).json

    past = found["past"]
    assert (past["then"]["days_past_due"], past["now"]["days_past_due"]) == (29, 1)
    assert {"what": "days_past_due", "then": "29", "now": "1"} in past["differences"]
    assert [each["amount"]["amount_minor"] for each in past["learnt"]] == [10_000]
    assert (found["rows_then"][0]["state"], found["rows"][0]["state"]) == ("overdue", "paid")
    to_come = client.get("/v1/desk/borrowers/B1/loans/L1?as_of=2026-12-01", headers=staff)
    assert to_come.status_code == 422


def test_notes_are_corrected_by_a_new_version_and_stay(client: FlaskClient, loan: Built, staff: dict[str, str]) -> None:
    written = client.post(
        "/v1/desk/borrowers/B1/notes", json={"text": "Card 4111 1111 1111 1111, call after six"}, headers=staff
    ).json
    path = f"/v1/desk/borrowers/B1/notes/{written['id']}"
    agent = a_desk_key(loan.lender_id, staff="Ann", role="agent")

    assert client.post(f"{path}/correct", json={"text": "x"}, headers=agent).status_code == 403
    corrected = client.post(f"{path}/correct", json={"text": "Call after seven"}, headers=staff).json
    pinned = client.post(f"{path}/pin", json={"pinned": True}, headers=agent).json

    assert written["text"] == "Card [card number], call after six"
    assert (corrected["version_no"], pinned["pinned"]) == (2, True)
    versions = client.get(f"{path}/versions", headers=staff).json["items"]
    assert [each["text"] for each in versions] == ["Card [card number], call after six", "Call after seven"]
    listed = client.get("/v1/desk/borrowers/B1/notes", headers=staff).json["items"]
    assert [each["text"] for each in listed] == ["Call after seven"]
    page = client.get("/v1/desk/borrowers/B1?reason=review", headers=staff).json
    assert page["notes"][0]["text"] == "Call after seven"
    assert len(audited("notes.read")) == 2


def test_answers_fit_the_document(client: FlaskClient, loan: Built, staff: dict[str, str]) -> None:
    pay(loan, 4_000, now=START)
    client.post("/v1/desk/borrowers/B1/notes", json={"text": "Call after six"}, headers=staff)
    document = json.loads(COMMITTED.read_text())
    paths = {
        "/v1/desk/borrowers/{borrower_no}": "?reason=caller",
        "/v1/desk/borrowers/{borrower_no}/timeline": "/timeline",
        "/v1/desk/borrowers/{borrower_no}/loans/{loan_no}": "/loans/L1?as_of=2026-03-01",
        "/v1/desk/borrowers/{borrower_no}/upcoming": "/upcoming",
        "/v1/desk/borrowers/{borrower_no}/notes": "/notes",
    }
    for template, path in paths.items():
        form = document["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        answer = client.get(f"/v1/desk/borrowers/B1{path}", headers=staff).json
        errors = list(Draft202012Validator({**form, "components": document["components"]}).iter_errors(answer))
        assert not errors, (path, errors[0].message if errors else "")
