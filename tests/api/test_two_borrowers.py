"""No one sees what is not theirs: every route that names an object is walked with another borrower's id."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.domain.contact_requests import ContactRequestValues
from app.domain.disputes import DisputeValues
from app.domain.hardship import HardshipValues
from app.domain.mandates import MandateState, MandateValues
from app.domain.money import Money
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.unit_of_work import unit_of_work
from app.services.contact_changes import propose_change
from app.services.contact_requests import record
from app.services.conversations import Word, add_word
from app.services.desk_payments import DeskStaff
from app.services.disputes import open_dispute
from app.services.hardship import open_request
from app.services.links import link_token
from app.services.mandates import put_mandate
from app.services.promises import Giver, make_promises
from app.services.sessions import open_session
from tests.api.test_inbox import DUE, tell
from tests.builders.access import fresh_client, signed_in
from tests.builders.arrangements import a_late_loan, asked
from tests.builders.book import Built, build_loan, pay
from tests.builders.collateral import a_pledge
from tests.builders.collateral import tell as tell_of
from tests.builders.files import PDF, announced
from tests.builders.letters import a_posted_letter
from tests.builders.payments import an_intent
from tests.builders.registers import a_standing_report
from tests.conftest import START
from tests.fakes.payments import FakePayments


def a_pledged_thing(loan: Built) -> str:
    """Pledge a vehicle to a loan and have it taken; return its id."""
    reference = a_pledge(loan, now=START)
    return tell_of(loan, reference, "taken", START.date(), now=START).thing_id


def owned_by(client: FlaskClient, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Make a borrower who has one of everything; return their headers and the ids in their paths."""
    loan = build_loan(now=START, due=DUE, borrower_no=name)
    headers = signed_in(loan.borrower_id)
    with unit_of_work() as work:
        intent_id = new_id()
        work.session.add(an_intent(loan, intent_id, now=START))
        word = add_word(work, loan.borrower_id, Word(f"test:{name}", "sms", "Hello", at=START), now=START)
        dispute_id = open_dispute(
            work, loan.borrower_id, loan.loan_id, DisputeValues("complaint", "other", "Rude."), now=START
        )
        hardship_request_id = open_request(work, loan.borrower_id, HardshipValues("other"), now=START)
        contact_request_id, _ = record(
            work, loan.borrower_id, ContactRequestValues("avoid_place", place="workplace"), now=START
        )
        session_id = open_session(work, loan.borrower_id, "another", None, now=START).session_id
        (promise,) = make_promises(
            work, loan.borrower_id, loan.loan_id, [(Money(500, "USD"), START.date())], giver=Giver("borrower"), now=START
        )
        promise_id = promise.id
    client.put(f"/v1/me/devices/{name}-phone", json={"platform": "ios"}, headers=headers)
    message_id = tell(loan)
    with unit_of_work() as work:
        values = MandateValues(MandateState.ACTIVE, "M1")
        put_mandate(work, loan.lender_id, loan.loan_no, values, by="test", now=START)
    with unit_of_work() as work:
        staff = DeskStaff("staff:Ann", "agent", loan.lender_id)
        change_id = propose_change(work, loan.borrower_id, "email", f"{name}@example.test", staff=staff, now=START)
    ids = {
        "loan_id": loan.loan_id,
        "thing_id": a_pledged_thing(loan),
        "entry_id": pay(loan, 100, now=START).entry_id or "",
        "message_id": message_id,
        "token": link_token(vault(), message_id, expires_at=START + timedelta(days=1)),
        "session_id": session_id,
        "dispute_id": dispute_id,
        "hardship_request_id": hardship_request_id,
        "contact_request_id": contact_request_id,
        "conversation_id": word.conversation_id,
        "word_id": word.word_id,
        "installation_id": f"{name}-phone",
        "intent_id": intent_id,
        "attachment_id": client.post("/v1/me/attachments", json=announced(PDF), headers=headers).json["id"],
        "request_id": asked(a_late_loan(lender_id=loan.lender_id, borrower_no=name)).id,
        "promise_id": promise_id,
        "contact_change_id": change_id,
        "letter_id": a_posted_letter(loan, now=START),
        "report_id": a_standing_report(loan, now=START),
    }
    return headers, ids


ASKED = {"amount_minor": "amount_minor=100"}
"""A value for each query parameter that a route insists on."""
SAID = {
    "/v1/me/inbox/{message_id}/snooze": {"until": "2026-03-03T09:00:00Z"},
    "/v1/me/loans/{loan_id}/payment-intents": {"amount": {"amount_minor": 100, "currency": "USD"}},
    "/v1/me/loans/{loan_id}/plan-requests": {"kind": "change_due_day", "terms": {"day": 25}},
    "/v1/me/plan-requests/{request_id}/accept": {"document_sha256": "0" * 64},
    "/v1/me/loans/{loan_id}/refunds": {},
    "/v1/me/collateral/{thing_id}/redemption-quotes": {},
    "/v1/me/loans/{loan_id}/disputes": {"ground": "other", "words": "It is wrong."},
    "/v1/me/loans/{loan_id}/credit-statement": {"words": "I was in hospital."},
    "/v1/me/disputes/{dispute_id}/escalate": {"reason": "Nobody answers."},
    "/v1/me/conversations/{conversation_id}/messages": {"message_id": new_id(), "text": "Hello again"},
    "/v1/me/conversations/{conversation_id}/read": {"word_id": "{word_id}"},
    "/v1/me/loans/{loan_id}/promises": {
        "parts": [{"amount": {"amount_minor": 500, "currency": "USD"}, "promised_on": "2026-03-04"}]
    },
}
"""A body for each route that insists on one."""
FILES = {"/v1/me/attachments/{attachment_id}/content": {"data": PDF, "content_type": "application/pdf"}}
"""A file for each route that takes one."""
COLLIDES = {
    ("get", "/v1/me/attachments/{attachment_id}/content"),
    ("post", "/v1/me/plan-requests/{request_id}/accept"),
    ("post", "/v1/me/loans/{loan_id}/plan-requests"),
    ("post", "/v1/me/loans/{loan_id}/refunds"),
}
"""Routes that find one's own object, and refuse that body, or have nothing to give for it."""
NAMES = {"key": "pay"}
"""What else is in a path, and the same for everyone."""


def owned_routes(app: Flask) -> list[tuple[str, str]]:
    paths: dict[str, Any] = app.extensions["duecourse.api"].document()["paths"]
    return [
        (method, "?".join([path, *(ASKED[each] for each in _required(operation))]))
        for path, item in paths.items()
        if path.startswith("/v1/me/") and "{" in path
        for method, operation in item.items()
        if (method, path) != ("put", "/v1/me/devices/{installation_id}")  # makes one's own device of that name
    ]


def _body(method: str, path: str, ids: dict[str, str]) -> dict[str, Any]:
    if method == "get":
        return {}
    said = SAID.get(path)
    if said is not None:
        said = {name: ids.get(str(value).strip("{}"), value) for name, value in said.items()}
    return FILES.get(path) or {"json": said}


def _required(operation: dict[str, Any]) -> list[str]:
    parameters = [each for each in operation["parameters"] if isinstance(each, dict)]
    return [each["name"] for each in parameters if each.get("in") == "query" and each.get("required")]


def test_another_borrowers_objects_are_not_found_on_any_route(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, my_ids = owned_by(client, "me")
    _, their_ids = owned_by(client, "them")
    mine["Idempotency-Key"] = "walk"
    monkeypatch.setitem(app.extensions, "duecourse.payments", {"stripe": FakePayments("stripe")})
    routes = owned_routes(app)
    assert len(routes) >= 10

    for method, path in routes:
        theirs = fresh_client(app).open(
            path.format(**their_ids, **NAMES), method=method.upper(), headers=mine, **_body(method, path, their_ids)
        )
        assert (theirs.status_code, theirs.json["code"]) == (404, "not-found"), (method, path)
    for method, path in routes:
        own = fresh_client(app).open(
            path.format(**my_ids, **NAMES), method=method.upper(), headers=mine, **_body(method, path, my_ids)
        )
        assert own.status_code in ((409,) if (method, path) in COLLIDES else (200, 201, 204)), (method, path, own.text)


def test_without_a_token_nothing_is_found_out(app: Flask, client: FlaskClient) -> None:
    _, ids = owned_by(client, "me")

    for method, path in owned_routes(app):
        answer = fresh_client(app).open(path.format(**ids, **NAMES), method=method.upper())
        assert answer.status_code == 401, path


def test_lists_hold_only_ones_own(client: FlaskClient) -> None:
    mine, my_ids = owned_by(client, "me")
    _, their_ids = owned_by(client, "them")

    for path in (
        "loans",
        "due",
        "devices",
        "inbox",
        "sessions",
        "contact-history",
        "conversations",
        "hardship-requests",
        "contact-requests",
    ):
        text = client.get(f"/v1/me/{path}", headers=mine).text
        assert any(value in text for value in my_ids.values()), path
        assert not any(value in text for value in their_ids.values()), path


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer " + "x" * 300, "bearer nothing"])
def test_a_credential_that_is_none_is_refused(client: FlaskClient, header: str) -> None:
    answer = client.get("/v1/me", headers={"Authorization": header} if header else {})

    assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="duecourse"'
