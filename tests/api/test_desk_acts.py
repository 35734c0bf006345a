"""What staff do about money, contact data and sessions, at the doors: roles, limits, once, and other lenders' people."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.domain.book import PaymentValues
from app.domain.ledger import EntryKind
from app.domain.splits import Split
from app.persistence.db import vault
from app.persistence.models.contact_changes import ContactChangeRow
from app.persistence.unit_of_work import unit_of_work
from app.services.contact_change_codes import PURPOSE
from app.services.payments import record_payment
from app.services.sign_in import otp_code
from tests.builders.access import a_desk_key, an_ingest_key, signed_in
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.desk import a_seat
from tests.conftest import START

TODAY = START.date()


def money(minor: int, currency: str = "USD") -> dict[str, Any]:
    return {"amount_minor": minor, "currency": currency}


def a_loan(**changes: Any) -> Built:
    given = {"phone": "+447700900001", "name": "Li Wei", **changes}
    loan = build_loan(now=START, due=[TODAY - timedelta(days=10), TODAY + timedelta(days=20)], amount_minor=500_000, **given)
    charge = PaymentValues(
        f"C-{loan.loan_no}", loan.loan_no, 30_000, "USD", TODAY - timedelta(days=5), EntryKind.CHARGE,
        split=Split(fees=30_000), due_on=TODAY - timedelta(days=10),
    )  # fmt: skip
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, charge, now=START, origin="ingest")
    return loan


def payment(loan: Built, minor: int = 50_000, **changes: Any) -> dict[str, Any]:
    return {
        "loan_no": loan.loan_no, "amount": money(minor), "effective_on": TODAY.isoformat(), "method": "cash",
        "receipt": "R-1", **changes,
    }  # fmt: skip


def waiver(loan: Built, minor: int = 2_000, **changes: Any) -> dict[str, Any]:
    return {"loan_no": loan.loan_no, "parts": {"fees": money(minor)}, "reason": "goodwill", **changes}


class Desk:
    """A member of staff with a key, who posts and reads."""

    def __init__(self, client: FlaskClient, loan: Built, *, staff: str = "Ann", role: str = "agent") -> None:
        self.client, self.headers = client, a_desk_key(loan.lender_id, staff=staff, role=role)

    def get(self, path: str) -> Any:
        return self.client.get(f"/v1/desk{path}", headers=self.headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(f"/v1/desk{path}", json=body, headers={**self.headers, **headers})


def test_a_payment_is_recorded_listed_and_reversed(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    ann, bob = Desk(client, loan), Desk(client, loan, staff="Bob", role="supervisor")
    path = f"/borrowers/{loan.borrower_no}/payments"

    made = ann.post(path, payment(loan))
    listed = ann.get(path).json["items"]
    refused = ann.post(f"/payments/{made.json['id']}/reverse", {"reason": "typo"})
    taken_back = bob.post(f"/payments/{made.json['id']}/reverse", {"reason": "typo"})

    assert (made.status_code, made.json["state"], made.json["decided_by"]) == (201, "booked", "staff:Ann")
    assert listed == [made.json]
    assert (refused.status_code, taken_back.status_code, taken_back.json["state"]) == (403, 200, "reversed")


def test_above_a_limit_somebody_else_approves(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    ann, bob = Desk(client, loan), Desk(client, loan, staff="Bob", role="supervisor")
    made = ann.post(f"/borrowers/{loan.borrower_no}/payments", payment(loan, 200_000))
    other = a_loan(borrower_no=loan.borrower_no)
    given_up = ann.post(f"/borrowers/{loan.borrower_no}/waivers", waiver(other, 9_000))

    for what, each in (("payments", made), ("waivers", given_up)):
        assert each.json["state"] == "waiting"
        assert ann.post(f"/{what}/{each.json['id']}/approve").status_code == 403
        assert bob.post(f"/{what}/{each.json['id']}/approve").status_code == 200
        assert bob.post(f"/{what}/{each.json['id']}/approve").status_code == 200
        assert bob.post(f"/{what}/{each.json['id']}/decline", {"reason": "late"}).status_code == 409


def test_the_same_key_records_once(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    ann, path = Desk(client, loan), f"/borrowers/{loan.borrower_no}/payments"

    first = ann.post(path, payment(loan), **{"Idempotency-Key": "k1"})
    again = ann.post(path, payment(loan), **{"Idempotency-Key": "k1"})
    other = ann.post(path, payment(loan, 60_000), **{"Idempotency-Key": "k1"})

    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422
    assert len(ann.get(path).json["items"]) == 1


def test_a_payment_that_may_be_known_asks_whether_it_is_another(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    core = {**payment(loan), "reference": "CORE-1"}
    del core["method"], core["receipt"]
    client.post("/v1/ingest/payments", json=core, headers=an_ingest_key(loan.lender_id))
    ann, path = Desk(client, loan), f"/borrowers/{loan.borrower_no}/payments"

    refused = ann.post(path, payment(loan))

    assert (refused.status_code, refused.json["code"]) == (409, "conflict")
    assert ann.post(path, payment(loan, is_another=True)).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"method": "card"},
        {"amount": money(0)},
        {"effective_on": (TODAY + timedelta(days=1)).isoformat()},
        {"receipt": "4111 1111 1111 1111"},
        {"card_number": "1"},
        {"receipt": ""},
    ],
)
def test_a_payment_that_cannot_be_is_refused(app: Flask, client: FlaskClient, body: dict[str, Any]) -> None:
    loan = a_loan()

    assert Desk(client, loan).post(f"/borrowers/{loan.borrower_no}/payments", payment(loan, **body)).status_code == 422


def test_a_waiver_is_given_and_its_core_told(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    ann = Desk(client, loan)
    path = f"/borrowers/{loan.borrower_no}/waivers"

    made = ann.post(path, waiver(loan, note="as agreed on the phone"))

    assert (made.status_code, made.json["state"], made.json["note"]) == (201, "granted", "as agreed on the phone")
    assert made.json["amount"] == money(2_000)
    assert ann.get(path).json["items"] == [made.json]
    principal = ann.post(path, {**waiver(loan), "parts": {"principal": money(5)}})
    mixed = ann.post(path, {**waiver(loan), "parts": {"fees": money(5), "penalties": money(5, "CNY")}})
    nothing = ann.post(path, {**waiver(loan), "parts": {}})
    assert [each.status_code for each in (principal, mixed, nothing)] == [422, 422, 422]


def test_contact_data_are_changed_by_a_code_told_back(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    ann = Desk(client, loan)
    made = ann.post(f"/borrowers/{loan.borrower_no}/contact-changes", {"kind": "phone", "value": "+447700900002"})
    path = f"/contact-changes/{made.json['id']}"

    sent = ann.post(f"{path}/code")
    with unit_of_work() as work:
        challenge_id = work.session.get_one(ContactChangeRow, made.json["id"]).challenge_id or ""
    code = otp_code(vault(), challenge_id, 0, purpose=PURPOSE)
    wrong = ann.post(f"{path}/prove", {"code": f"{(int(code) + 1) % 10**6:06d}"})
    right = ann.post(f"{path}/prove", {"code": code})

    assert (made.status_code, made.json["state"], made.json["value"]) == (201, "proposed", "•••• 0002")
    assert (sent.status_code, wrong.status_code, wrong.json["code"]) == (202, 400, "otp-invalid")
    assert (right.status_code, right.json["state"], right.json["proof"]) == (200, "cooling_off", "code")
    assert "+447700900002" not in right.get_data(as_text=True)


def test_the_borrower_confirms_or_stops_a_change_in_the_app(app: Flask, client: FlaskClient) -> None:
    loan, other = a_loan(), a_loan(phone="+447700900009")
    ann, headers, stranger = Desk(client, loan), signed_in(loan.borrower_id), signed_in(other.borrower_id)
    made = ann.post(f"/borrowers/{loan.borrower_no}/contact-changes", {"kind": "email", "value": "new@example.test"}).json
    path = f"/v1/me/contact-changes/{made['id']}"

    assert client.get("/v1/me/contact-changes", headers=stranger).json["items"] == []
    assert client.post(f"{path}/confirm", headers=stranger).status_code == 404
    assert client.post(f"{path}/object", headers=stranger).status_code == 404
    assert [each["id"] for each in client.get("/v1/me/contact-changes", headers=headers).json["items"]] == [made["id"]]
    assert client.post(f"{path}/confirm", headers=headers).json["state"] == "cooling_off"
    assert client.post(f"{path}/object", headers=headers).json["state"] == "objected"
    assert client.post(f"{path}/object", headers=headers).json["state"] == "objected"
    assert client.post(f"{path}/confirm", headers=headers).status_code == 409


def test_a_supervisor_confirms_with_a_second_factor_that_a_key_has_not(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    made = Desk(client, loan).post(
        f"/borrowers/{loan.borrower_no}/contact-changes", {"kind": "address", "value": "2 New Street\nYork"}
    )
    path, body = f"/v1/desk/contact-changes/{made.json['id']}/confirm", {"grounds": "passport seen"}

    by_key = Desk(client, loan, staff="Bob", role="supervisor").post(path.removeprefix("/v1/desk"), body)
    seat = a_seat(app, loan.lender_id, name="Cid", role="supervisor")
    agent = a_seat(app, loan.lender_id, name="Dee")

    assert (by_key.status_code, by_key.json["code"]) == (401, "step-up-required")
    assert client.post(path, json=body, headers=agent.headers).status_code == 403
    assert client.post(path, json=body, headers=seat.headers).json["state"] == "cooling_off"


def test_whole_values_are_for_seniors_and_for_the_core_once_in_force(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    Desk(client, loan).post(f"/borrowers/{loan.borrower_no}/contact-changes", {"kind": "email", "value": "new@example.test"})
    path = f"/borrowers/{loan.borrower_no}/contact-changes"

    assert Desk(client, loan).get(path).json["items"][0]["value"] == "n••••@example.test"
    assert Desk(client, loan, role="compliance").get(path).json["items"][0]["value"] == "new@example.test"
    assert client.get(f"/v1/ingest{path}", headers=an_ingest_key(loan.lender_id)).json == {"items": []}


def test_another_lender_of_the_borrower_sees_a_change_and_not_who_does_it_or_why(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    other = build_lender(now=START, code="other")
    a_loan(borrower_no=loan.borrower_no, loan_no="THEIRS", lender_id=other)
    path = f"/borrowers/{loan.borrower_no}/contact-changes"
    change_id = Desk(client, loan).post(path, {"kind": "email", "value": "new@example.test"}).json["id"]
    boss = a_seat(app, loan.lender_id, name="Cid", role="supervisor")
    body = {"grounds": "Her passport, X123"}
    assert client.post(f"/v1/desk/contact-changes/{change_id}/confirm", json=body, headers=boss.headers).status_code == 200

    def told(headers: dict[str, str]) -> Any:
        return client.get(f"/v1/desk{path}", headers=headers).json["items"][0]

    theirs = told(a_desk_key(other, role="compliance", staff="Eve"))
    stranger = a_seat(app, other, name="Mallory", role="compliance")
    stranger.send(f"/borrowers/{loan.borrower_no}/opening", path, reason="review")
    pages = [stranger.page(each).get_data(as_text=True) for each in (path, f"{path}/{change_id}")]

    ours = told(boss.headers)
    assert (ours["grounds"], ours["proposed_by"], ours["proved_by"]) == (body["grounds"], "staff:Ann", "staff:Cid")
    assert (theirs["state"], theirs["grounds"], theirs["proved_by"]) == ("cooling_off", None, None)
    for text in (str(theirs), *pages):
        assert "n••••@example.test" in text
        assert not any(word in text for word in ("new@example.test", "staff:Ann", "Cid", "passport"))


def test_sessions_are_seen_and_ended(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    ann = Desk(client, loan)
    first, second = signed_in(loan.borrower_id, installation_id="a"), signed_in(loan.borrower_id, installation_id="b")
    path = f"/borrowers/{loan.borrower_no}/sessions"
    listed = ann.get(path).json["items"]

    one = ann.post(f"{path}/end", {"session_ids": [listed[0]["id"]], "reason": "lost"})
    again = ann.post(f"{path}/end", {"session_ids": [listed[0]["id"]], "reason": "lost"})
    rest = ann.post(f"{path}/end", {"reason": "stolen"})

    assert [each.json.get("ended") for each in (one, rest)] == [1, 1]
    assert again.status_code == 404
    assert [client.get("/v1/me", headers=each).status_code for each in (first, second)] == [401, 401]
    assert ann.post(f"{path}/end", {"reason": "x"}).json == {"ended": 0}


def test_a_plan_is_offered_and_only_the_borrower_accepts(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    ann = Desk(client, loan)
    options = ann.get(f"/borrowers/{loan.borrower_no}/loans/{loan.loan_no}/plan-options")
    own = client.get(f"/v1/me/loans/{loan.loan_id}/plan-options", headers=signed_in(loan.borrower_id))

    assert (options.status_code, options.json) == (200, own.json)
    wanted = next(each for each in options.json["offered"] if each["kind"] in ("catch_up", "extend", "lengthen"))
    body = {"loan_no": loan.loan_no, "kind": wanted["kind"], "terms": wanted["terms"]}
    made = ann.post(f"/borrowers/{loan.borrower_no}/plan-offers", body)
    assert (made.status_code, made.json["asked_by"]) == (201, "staff:Ann")
    assert made.json["state"] == ("offered" if wanted["approvals"] == 0 else "requested")
    assert ann.post(f"/plan-requests/{made.json['id']}/accept", {}).status_code == 404


def test_another_lender_s_people_do_not_exist(app: Flask, client: FlaskClient) -> None:
    loan = a_loan()
    ann = Desk(client, loan)
    made = ann.post(f"/borrowers/{loan.borrower_no}/payments", payment(loan, 200_000)).json["id"]
    given_up = ann.post(f"/borrowers/{loan.borrower_no}/waivers", waiver(loan, 9_000)).json["id"]
    change = ann.post(f"/borrowers/{loan.borrower_no}/contact-changes", {"kind": "email", "value": "a@b.test"}).json["id"]
    key = a_desk_key(build_lender(now=START, code="other"), role="admin")
    supervisor = a_desk_key(build_lender(now=START, code="other"), role="supervisor", staff="Eve")
    base = f"/borrowers/{loan.borrower_no}"
    posts: list[tuple[str, Any]] = [
        (f"{base}/payments", payment(loan)),
        (f"{base}/waivers", waiver(loan)),
        (f"{base}/contact-changes", {"kind": "email", "value": "c@d.test"}),
        (f"{base}/sessions/end", {"reason": "x"}),
        (f"{base}/plan-offers", {"loan_no": loan.loan_no, "kind": "catch_up"}),
        (f"/payments/{made}/approve", None),
        (f"/payments/{made}/decline", {"reason": "x"}),
        (f"/payments/{made}/reverse", {"reason": "x"}),
        (f"/waivers/{given_up}/approve", None),
        (f"/waivers/{given_up}/decline", {"reason": "x"}),
        (f"/contact-changes/{change}/code", None),
        (f"/contact-changes/{change}/prove", {"code": "123456"}),
        (f"/contact-changes/{change}/cancel", {"reason": "x"}),
    ]
    for path, body in posts:
        for headers in (key, supervisor):
            assert client.post(f"/v1/desk{path}", json=body, headers=headers).status_code == 404, path
    for path in ("payments", "waivers", "contact-changes", "sessions", f"loans/{loan.loan_no}/plan-options"):
        assert client.get(f"/v1/desk{base}/{path}", headers=key).status_code == 404, path
