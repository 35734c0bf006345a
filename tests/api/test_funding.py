"""Funders, payouts and winding down at the doors of the desk: roles, two people, a fresh factor, other lenders' things."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.domain.book import LoanValues
from app.domain.errors import PlanNotEligibleError, WindingDownError
from app.domain.plan_options import OptionKind
from app.persistence.models.audit import AuditRow
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.loans import put_loan
from app.services.pass_through import pass_on_due
from app.services.plan_options import option_of
from app.services.wind_downs import tell_borrowers
from tests.builders.access import a_desk_key, signed_in
from tests.builders.book import Built, build_lender, pay
from tests.builders.desk import Seat, a_seat
from tests.builders.funding import funded_loan, transfer
from tests.conftest import START

TODAY = START.date().isoformat()
FUNDER = {"kind": "person", "name": "Zhang San", "account": "6222 0000 0001", "email": "z@example.com", "locale": "zh-CN"}


def send(client: FlaskClient, seat: Seat | dict[str, str], path: str, body: Any = None, method: str = "post") -> Any:
    headers = seat.headers if isinstance(seat, Seat) else seat
    return client.open(f"/v1/desk{path}", method=method, json=body, headers=headers)


@pytest.fixture
def loan(app: Flask) -> Built:
    built = funded_loan({"A": 3_333, "B": 6_667}, now=START)
    pay(built, 1_001, now=START)
    pass_on_due(now=START)
    return built


def test_a_funder_is_put_listed_and_read_with_a_masked_account(app: Flask, client: FlaskClient, loan: Built) -> None:
    ann = a_seat(app, loan.lender_id, role="supervisor")

    put = send(client, ann, "/funding/funders/F-9", FUNDER, "put")
    listed = send(client, ann, "/funding/funders?limit=2", method="get").json

    assert (put.status_code, put.json["account"]) == (200, "…0001")
    assert [each["funder_no"] for each in listed["items"]] == ["A", "B"]
    rest = send(client, ann, f"/funding/funders?limit=2&cursor={listed['next_cursor']}", method="get").json
    assert [each["funder_no"] for each in rest["items"]] == ["F-9"]
    assert send(client, a_seat(app, loan.lender_id), "/funding/funders", method="get").status_code == 403


def test_another_lenders_funders_and_loans_are_not_found(app: Flask, client: FlaskClient, loan: Built) -> None:
    other = a_seat(app, build_lender(now=START, code="other"), role="admin")

    for path in ("/funding/funders/A", f"/funding/funders/A/statement?from={TODAY}&to={TODAY}",
                 f"/funding/loans/{loan.loan_no}/shares"):  # fmt: skip
        assert send(client, other, path, method="get").status_code == 404, path


def test_a_statement_is_json_or_a_document(app: Flask, client: FlaskClient, loan: Built) -> None:
    ann = a_seat(app, loan.lender_id, role="supervisor")
    path = f"/v1/desk/funding/funders/A/statement?from={TODAY}&to={TODAY}"

    told = client.get(path, headers=ann.headers).json
    document = client.get(path, headers={**ann.headers, "Accept": "application/pdf"})

    assert told["totals"][0]["payable"] == {"amount_minor": 334, "currency": "USD"}
    assert document.data.startswith(b"%PDF")
    assert document.headers["Cache-Control"] == "no-store"
    key = a_desk_key(loan.lender_id, staff="Cid", role="compliance")
    refused = client.get(path, headers={**key, "Accept": "application/pdf"})
    assert refused.json["code"] == "step-up-required"  # it names a person and leaves the desk
    assert client.get(path, headers=key).status_code == 200


def test_a_share_is_transferred_once_and_shows_at_the_loan(app: Flask, client: FlaskClient, loan: Built) -> None:
    ann = a_seat(app, loan.lender_id, role="supervisor")
    body = {"reference": "T-1", "loan_no": loan.loan_no, "amount": {"amount_minor": 1_000, "currency": "USD"},
            "effective_on": TODAY, "from_funder_no": "A", "to_funder_no": "B"}  # fmt: skip

    first, again = (send(client, ann, "/funding/shares", body).status_code for _ in range(2))
    shares = send(client, ann, f"/funding/loans/{loan.loan_no}/shares", method="get").json["items"]
    more = {**body, "reference": "T-2", "amount": {"amount_minor": 9_999, "currency": "USD"}}
    too_much = send(client, ann, "/funding/shares", more)

    assert (first, again) == (201, 200)
    assert [each["share"]["amount_minor"] for each in shares] == [2_333, 7_667]
    assert sum(each["outstanding"]["amount_minor"] for each in shares) == 8_999
    assert (too_much.status_code, too_much.json["errors"][0]["pointer"]) == (422, "/units")
    pass_on_due(now=START)
    assert send(client, ann, "/funding/check", method="get").json == {"loans": 1, "entries": 1, "differences": 0}


def test_a_funders_entries_come_page_by_page_and_add_up_to_the_statement(
    app: Flask, client: FlaskClient, loan: Built
) -> None:
    pay(loan, 500, now=START)
    pass_on_due(now=START)
    ann = a_seat(app, loan.lender_id, role="supervisor")
    path = f"/funding/funders/A/entries?from={TODAY}&to={TODAY}"

    first = send(client, ann, f"{path}&limit=1", method="get").json
    rest = send(client, ann, f"{path}&limit=1&cursor={first['next_cursor']}", method="get").json
    found = [*first["items"], *rest["items"]]
    told = send(client, ann, f"/funding/funders/A/statement?from={TODAY}&to={TODAY}", method="get").json

    assert [each["passed"]["total"]["amount_minor"] for each in found] == [334, 166]
    with reading() as session:
        looks = session.scalars(select(AuditRow.actor).where(AuditRow.action == "funding.entries_read")).all()
    assert (len(looks), {each.partition(":")[0] for each in looks}) == (2, {"staff"})
    assert {each["loan_no"] for each in found} == {loan.loan_no}
    assert rest["next_cursor"] is None
    (total,) = told["totals"]
    assert [total[name]["amount_minor"] for name in ("payable_before", "paid_out", "payable")] == [0, 0, 500]
    assert send(client, ann, "/funding/funders/A/entries?from=2026-02-02&to=2026-02-01", method="get").status_code == 422
    other = a_seat(app, build_lender(now=START, code="other"), role="admin")
    assert send(client, other, path, method="get").status_code == 404
    assert send(client, a_seat(app, loan.lender_id), path, method="get").status_code == 403


def test_payouts_need_two_people_and_a_fresh_factor(app: Flask, client: FlaskClient, loan: Built) -> None:
    ann = a_seat(app, loan.lender_id, role="admin", name="Ann")
    ben = a_seat(app, loan.lender_id, role="compliance", name="Ben")
    made = send(client, ann, "/funding/payout-batches", {"currency": "USD", "until_on": TODAY}).json
    path = f"/funding/payout-batches/{made['id']}"

    key = a_desk_key(loan.lender_id, staff="Cid", role="compliance")
    assert send(client, key, f"{path}/approve").json["code"] == "step-up-required"
    assert send(client, ann, f"{path}/approve").status_code == 403
    assert send(client, ben, f"{path}/file", method="get").status_code == 409
    assert send(client, ben, f"{path}/approve").json["state"] == "approved"
    file = send(client, ben, f"{path}/file", method="get")
    assert (file.status_code, file.data.count(b"\r\n")) == (200, 3)
    assert file.headers["Cache-Control"] == "no-store"
    assert send(client, ann, "/funding/payout-batches", method="get").json["items"][0]["total"]["amount_minor"] == 1_001


def test_whoever_approves_a_batch_is_shown_who_is_paid_what(app: Flask, client: FlaskClient, loan: Built) -> None:
    ann = a_seat(app, loan.lender_id, role="admin", name="Ann")
    ben = a_seat(app, loan.lender_id, role="compliance", name="Ben")
    made = send(client, ann, "/funding/payout-batches", {"currency": "USD", "until_on": TODAY}).json
    path = f"/funding/payout-batches/{made['id']}"

    assert send(client, ben, path, method="get").json == made
    first = send(client, ben, f"{path}/payees?limit=1", method="get").json
    rest = send(client, ben, f"{path}/payees?limit=1&cursor={first['next_cursor']}", method="get").json
    assert [{key: each[key] for key in ("funder_no", "name", "account", "changed")} for each in first["items"]] == [
        {"funder_no": "A", "name": "Funder A", "account": "…89 A", "changed": []}
    ]
    assert [(each["amount"]["amount_minor"], each["payable"]["amount_minor"]) for each in rest["items"]] == [(667, 667)]
    assert rest["next_cursor"] is None
    page = ben.page(f"/funding/payouts/{made['id']}").text
    assert [word in page for word in ("Funder A", "…89 A", "$3.34", "Funder B", "$6.67", "Taken back")] == [
        *[True] * 5,
        False,
    ]

    other = a_seat(app, build_lender(now=START, code="other"), role="admin")
    agent = a_seat(app, loan.lender_id)
    for wanted in (path, f"{path}/payees"):
        assert send(client, other, wanted, method="get").status_code == 404
        assert send(client, agent, wanted, method="get").status_code == 403


def test_what_was_taken_back_since_a_batch_was_made_is_shown_and_keeps_it_from_being_approved(
    app: Flask, client: FlaskClient, loan: Built
) -> None:
    ann = a_seat(app, loan.lender_id, role="admin", name="Ann")
    ben = a_seat(app, loan.lender_id, role="compliance", name="Ben", locale="zh-CN")
    made = send(client, ann, "/funding/payout-batches", {"currency": "USD", "until_on": TODAY}).json
    path = f"/funding/payout-batches/{made['id']}"
    transfer(loan, "A", "B", 3_333, now=START, on=START.date())
    pass_on_due(now=START)

    refused = send(client, ben, f"{path}/approve")
    shown = send(client, ben, f"{path}/payees", method="get").json["items"]
    page = ben.page(f"/funding/payouts/{made['id']}").text

    assert (refused.status_code, refused.json["code"]) == (409, "conflict")
    assert [each["changed"] for each in shown] == [["taken_back"], []]
    assert "部分款项已被收回（出资人 A）" in page
    assert "已收回" in page
    assert send(client, ben, path, method="get").json["state"] == "waiting"
    assert send(client, ben, f"{path}/decline", {"reason": "again"}).json["state"] == "declined"


def wind_down(app: Flask, client: FlaskClient, loan: Built, **more: Any) -> str:
    ann, ben = (a_seat(app, loan.lender_id, role="admin", name=name) for name in ("Ann", "Ben"))
    body = {"reason": "The platform closes.", "contact": "400-000", **more}
    asked = send(client, ann, "/wind-downs", body).json
    assert send(client, ann, f"/wind-downs/{asked['id']}/approve").status_code == 403
    assert send(client, ben, f"/wind-downs/{asked['id']}/approve").json["state"] == "active"
    return str(asked["id"])


def test_a_lender_that_winds_down_takes_no_new_loans_and_what_it_has_goes_on(
    app: Flask, client: FlaskClient, loan: Built
) -> None:
    wind_down(app, client, loan)
    new = LoanValues("NEW-1", loan.borrower_no, "USD", principal_minor=100)

    with pytest.raises(WindingDownError), unit_of_work() as work:
        put_loan(work, loan.lender_id, new, now=START, origin="test")
    with unit_of_work() as work:
        told = LoanValues(loan.loan_no, loan.borrower_no, "USD", principal_minor=10_000, product="still told")
        assert put_loan(work, loan.lender_id, told, now=START, origin="test").changed
    assert pay(loan, 10, now=START).status == "recorded"


def test_borrowers_are_told_once_and_their_app_shows_it(app: Flask, client: FlaskClient, loan: Built) -> None:
    wind_down(app, client, loan)

    assert (tell_borrowers(now=START), tell_borrowers(now=START)) == (1, 0)
    headers = signed_in(loan.borrower_id)
    banner = client.get("/v1/me/banners", headers=headers).json["items"][0]
    assert (banner["kind"], banner["contact"], banner["longer_plans"]) == ("winding_down", "400-000", False)
    inbox = client.get("/v1/me/inbox", headers=headers).json["items"]
    assert [each["title"] for each in inbox] == ["Your lender makes no new loans any more"]


@pytest.mark.parametrize("longer_plans", [False, True])
def test_plans_that_lengthen_are_offered_only_where_that_was_said(
    app: Flask, client: FlaskClient, loan: Built, longer_plans: bool
) -> None:
    wind_down(app, client, loan, longer_plans=longer_plans)

    with reading() as session:
        own = get_loan(session, loan.loan_id)
        with pytest.raises(PlanNotEligibleError) as refused:
            option_of(session, own, OptionKind.LENGTHEN, {"rows": 6}, now=START)
    assert (refused.value.facts["reason"] == "not_by_lender") == (not longer_plans)


def test_it_is_ended_by_an_admin_who_did_not_switch_it_on(app: Flask, client: FlaskClient, loan: Built) -> None:
    wind_down_id = wind_down(app, client, loan)
    cid = a_seat(app, loan.lender_id, role="admin", name="Cid")

    assert send(client, cid, f"/wind-downs/{wind_down_id}/end").json["state"] == "ended"
    with unit_of_work() as work:
        put_loan(work, loan.lender_id, LoanValues("NEW-2", loan.borrower_no, "USD"), now=START, origin="test")
