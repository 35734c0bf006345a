"""Holds through every door: put, told twice, changed, released; each leaves its trace and is decided at once."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import clock
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.reminders import AgendaRow
from app.services.policies import ensure_default_policy
from tests.api.test_inbox import DUE
from tests.builders.access import a_borrower, a_desk_key, an_ingest_key, signed_in
from tests.builders.book import Built, build_lender, build_loan
from tests.conftest import START

ZULU = "%Y-%m-%dT%H:%M:%SZ"


class Desk:
    """A loan, and the keys that may speak of its borrower."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.loan: Built = build_loan(now=START, due=DUE, borrower_no="B1", loan_no="L1", zone="Europe/London")
        self.agent = a_desk_key(self.loan.lender_id, staff="Ann", role="agent")
        self.senior = a_desk_key(self.loan.lender_id, staff="Bo", role="compliance")
        self.core = an_ingest_key(self.loan.lender_id)
        self.path = "/v1/desk/borrowers/B1/holds"

    def put(self, kind: str = "dispute", *, key: dict[str, str] | None = None, **told: Any) -> Any:
        return self.client.post(self.path, json={"kind": kind, **told}, headers=key or self.agent)

    def tell(self, reference: str, kind: str = "dispute", **told: Any) -> Any:
        return self.client.put(f"/v1/ingest/borrowers/B1/holds/{reference}", json={"kind": kind, **told}, headers=self.core)

    def listed(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.client.get(self.path, headers=self.agent).json["items"]
        return items


@pytest.fixture
def desk(client: FlaskClient) -> Desk:
    return Desk(client)


def agenda(borrower_id: str) -> AgendaRow:
    db.session().rollback()
    db.session().expire_all()
    return db.session().scalars(select(AgendaRow).where(AgendaRow.borrower_id == borrower_id)).one()


def trail() -> list[tuple[str, str]]:
    db.session().rollback()
    statement = select(AuditRow.actor, AuditRow.action).where(AuditRow.action.like("hold.%")).order_by(AuditRow.id)
    return [tuple(row) for row in db.session().execute(statement)]


def test_a_hold_is_put_listed_and_in_the_trail(desk: Desk) -> None:
    made = desk.put(loan_no="L1", form="oral", evidence="call 17", reference="T-1")

    assert made.status_code == 201
    assert desk.listed() == [made.json]
    assert made.json | {"id": ""} == {
        "id": "",
        "kind": "dispute",
        "loan_no": "L1",
        "from": START.strftime(ZULU),
        "until": None,
        "stands": True,
        "form": "oral",
        "by": "staff:Ann",
        "evidence": "call 17",
        "reference": "T-1",
        "recorded_at": START.strftime(ZULU),
        "released_at": None,
        "released_by": None,
        "version": 1,
    }
    assert trail() == [("staff:Ann", "hold.put")]


def test_what_changed_is_decided_before_the_answer_is_out(desk: Desk) -> None:
    db.session().rollback()
    ensure_default_policy(now=START)
    db.session().rollback()
    before = agenda(desk.loan.borrower_id).case_version

    hold_id = desk.put().json["id"]
    put = agenda(desk.loan.borrower_id)
    assert (put.case_version > before, put.decided_until) == (True, START)

    clock.use(lambda: START + timedelta(hours=1))
    desk.client.post(f"{desk.path}/{hold_id}/release", json={"reason": "settled"}, headers=desk.agent)
    assert agenda(desk.loan.borrower_id).decided_until == START + timedelta(hours=1)


def test_before_any_policy_is_active_the_borrower_is_woken_all_the_same(desk: Desk) -> None:
    before = agenda(desk.loan.borrower_id).case_version

    desk.put()

    assert agenda(desk.loan.borrower_id).case_version == before + 1


def test_telling_twice_makes_one_hold_and_wakes_nobody(desk: Desk) -> None:
    first = desk.tell("R1")
    version = agenda(desk.loan.borrower_id).case_version
    again = desk.tell("R1")
    at_the_desk = desk.put(reference="R1")

    assert (first.status_code, first.json["created"]) == (201, True)
    assert (again.status_code, again.json["id"], again.json["changed"]) == (200, first.json["id"], False)
    assert (at_the_desk.status_code, at_the_desk.json["id"]) == (200, first.json["id"])
    assert agenda(desk.loan.borrower_id).case_version == version
    assert [item["by"] for item in desk.listed()] == ["core:acme"]


def test_two_cores_may_number_their_holds_alike(desk: Desk) -> None:
    other = build_lender(now=START, code="other")
    build_loan(now=START, due=DUE, borrower_no="B1", loan_no="L9", lender_id=other, zone="Europe/London")
    desk.tell("R1", loan_no="L1")

    theirs = desk.client.put(
        "/v1/ingest/borrowers/B1/holds/R1", json={"kind": "hardship", "loan_no": "L9"}, headers=an_ingest_key(other)
    )

    assert theirs.status_code == 201
    assert [item["kind"] for item in desk.listed()] == ["dispute"], "a hold on another lender's loan is not shown"
    hold_id = theirs.json["id"]
    assert desk.client.post(f"{desk.path}/{hold_id}/release", json={"reason": "x"}, headers=desk.senior).status_code == 404


def test_a_reference_is_one_hold_for_ever(desk: Desk) -> None:
    desk.tell("R1")

    other_kind = desk.tell("R1", "hardship")
    other_loan = desk.tell("R1", loan_no="L1")

    assert [(answer.status_code, answer.json["code"]) for answer in (other_kind, other_loan)] == [(409, "conflict")] * 2
    assert "another reference" in other_kind.json["detail"]


def test_until_is_brought_up_to_date_by_the_core_and_at_the_desk(desk: Desk) -> None:
    end = START + timedelta(days=30)
    first = desk.tell("R1", until=end.strftime(ZULU))
    moved = desk.tell("R1", until=(end + timedelta(days=5)).strftime(ZULU))
    assert (moved.json["changed"], desk.listed()[0]["version"]) == (True, 2)

    opened = desk.client.post(f"{desk.path}/{first.json['id']}/until", json={"until": None}, headers=desk.agent)

    assert (opened.json["until"], opened.json["version"]) == (None, 3)
    assert [action for _, action in trail()] == ["hold.put", "hold.until", "hold.until"]


def test_a_breathing_space_gets_its_sixty_days_and_keeps_them_when_told_again(desk: Desk) -> None:
    desk.tell("BS", "breathing_space", **{"from": "2026-03-01T00:00:00Z"})
    desk.client.put("/v1/ingest/borrowers/B1", json={"zone": "Asia/Tokyo"}, headers=desk.core)
    again = desk.tell("BS", "breathing_space", **{"from": "2026-03-01T00:00:00Z"})

    assert not again.json["changed"]
    assert desk.listed()[0]["until"] == "2026-04-29T23:00:00Z", "midnight in London after 60 days, in summer time"


def test_only_seniors_release_or_shorten_what_protects_by_law(desk: Desk) -> None:
    hold_id = desk.put("breathing_space").json["id"]
    later = (START + timedelta(days=90)).strftime(ZULU)
    sooner = (START + timedelta(days=1)).strftime(ZULU)

    def post(act: str, body: dict[str, Any], key: dict[str, str]) -> Any:
        return desk.client.post(f"{desk.path}/{hold_id}/{act}", json=body, headers=key)

    assert post("until", {"until": later}, desk.agent).status_code == 200
    assert post("until", {"until": sooner}, desk.agent).json["code"] == "forbidden"
    refused = post("release", {"reason": "mistake"}, desk.agent)
    assert (refused.status_code, "supervisor, compliance or admin" in refused.json["detail"]) == (403, True)
    released = post("release", {"reason": "mistake"}, desk.senior)
    assert (released.json["released_by"], released.json["stands"]) == ("staff:Bo", False)


def test_releasing_twice_changes_nothing_and_a_released_hold_stays_so(desk: Desk) -> None:
    hold_id = desk.tell("R1").json["id"]
    path = f"{desk.path}/{hold_id}"
    first = desk.client.post(f"{path}/release", json={"reason": "settled"}, headers=desk.agent).json
    clock.use(lambda: START + timedelta(days=1))

    assert desk.client.post(f"{path}/release", json={"reason": "again"}, headers=desk.senior).json == first
    assert desk.tell("R1").json["changed"] is False
    assert desk.listed()[0]["stands"] is False
    longer = (START + timedelta(days=9)).strftime(ZULU)
    assert desk.client.post(f"{path}/until", json={"until": longer}, headers=desk.agent).status_code == 409
    assert [action for _, action in trail()] == ["hold.put", "hold.release"]


def test_the_core_says_that_a_hold_is_over(desk: Desk) -> None:
    desk.tell("R1", "deceased")

    over = desk.tell("R1", "deceased", released=True)

    assert (over.status_code, over.json["changed"]) == (200, True)
    assert (desk.listed()[0]["released_by"], desk.listed()[0]["stands"]) == ("core:acme", False)
    assert desk.tell("R1", "deceased", released=True).json["changed"] is False


def test_a_backdated_hold_is_known_since_it_was_told(desk: Desk) -> None:
    told = desk.put("deceased", **{"from": "2026-01-05T00:00:00Z"}).json

    assert (told["from"], told["recorded_at"]) == ("2026-01-05T00:00:00Z", START.strftime(ZULU))


@pytest.mark.parametrize(
    ("told", "pointer"),
    [
        ({"kind": "promise_to_pay"}, "/until"),
        ({"kind": "deceased", "until": "2027-01-01T00:00:00Z"}, "/until"),
        ({"kind": "dispute", "until": "2026-03-01T00:00:00Z"}, "/until"),
        ({"kind": "on_holiday"}, "/kind"),
        ({"kind": "dispute", "from": "yesterday"}, "/from"),
        ({"kind": "dispute", "from": "2036-03-01T00:00:00Z"}, "/from"),
        ({"kind": "dispute", "why": "x"}, "/why"),
        ({}, "/kind"),
    ],
)
def test_a_hold_that_cannot_be_is_refused_where_it_is_wrong(sqlite_book: Flask, told: dict[str, Any], pointer: str) -> None:
    desk = Desk(sqlite_book.test_client())

    answer = desk.client.post(desk.path, json=told, headers=desk.agent)

    assert (answer.status_code, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])
    assert desk.listed() == []


def test_whoever_has_no_loan_of_the_lender_is_not_found(desk: Desk) -> None:
    other = build_lender(now=START, code="other")
    stranger = a_borrower(borrower_no="B7")[0]
    build_loan(now=START, due=DUE, borrower_no="B8", loan_no="L8", lender_id=other)

    for number in ("B7", "B8", "B0"):
        path = f"/v1/desk/borrowers/{number}/holds"
        assert desk.client.get(path, headers=desk.agent).status_code == 404
        assert desk.client.post(path, json={"kind": "dispute"}, headers=desk.agent).status_code == 404
        told = desk.client.put(f"/v1/ingest/borrowers/{number}/holds/R", json={"kind": "dispute"}, headers=desk.core)
        assert told.status_code == 404
    assert desk.put(loan_no="L8").status_code == 404
    assert desk.client.get(desk.path, headers=signed_in(stranger)).status_code == 401
    assert desk.client.get(desk.path, headers=desk.core).status_code == 403


def test_an_idempotency_key_puts_one_hold(desk: Desk) -> None:
    headers = {**desk.agent, "Idempotency-Key": "k1"}

    first = desk.client.post(desk.path, json={"kind": "dispute"}, headers=headers)
    replay = desk.client.post(desk.path, json={"kind": "dispute"}, headers=headers)

    assert (replay.json, replay.headers["Idempotency-Replayed"]) == (first.json, "true")
    assert len(desk.listed()) == 1


def test_a_batch_of_holds_has_a_result_each(desk: Desk) -> None:
    items = [
        {"borrower_no": "B1", "reference": "R1", "kind": "dispute", "loan_no": "L1"},
        {"borrower_no": "B1", "reference": "R1", "kind": "dispute", "loan_no": "L1"},
        {"borrower_no": "B1", "reference": "R1", "kind": "hardship"},
        {"borrower_no": "B9", "reference": "R1", "kind": "dispute"},
        {"borrower_no": "B1", "reference": "R2", "kind": "promise_to_pay"},
        {"borrower_no": "B1", "reference": "R1", "kind": "dispute", "loan_no": "L1", "released": True},
        {"borrower_no": "B1", "reference": "R3", "kind": "nothing"},
    ]

    answer = desk.client.post("/v1/ingest/batches", json={"kind": "holds", "items": items}, headers=desk.core)

    assert [(each["status"], each["code"]) for each in answer.json["results"]] == [
        ("created", None),
        ("unchanged", None),
        ("refused", "conflict"),
        ("refused", "not-found"),
        ("refused", "validation-failed"),
        ("changed", None),
        ("refused", "validation-failed"),
    ]
    assert [each["pointer"] for each in answer.json["results"]][4] == "/items/4/until"
    assert len(desk.listed()) == 1


def test_the_command_puts_lists_and_releases(sqlite_book: Flask) -> None:
    Desk(sqlite_book.test_client())
    run = sqlite_book.test_cli_runner().invoke

    put = run(
        args=["hold", "put", "B1", "litigation", "--loan", "L1", "--lender", "acme", "--by", "Eve", "--evidence", "file 7"]
    )
    assert put.exit_code == 0, put.output
    hold_id = put.output.split()[1]
    start = START.strftime(ZULU)
    listed = ["litigation", "stands", start, "open", "L1", "operator:Eve", start, "file 7"]
    assert run(args=["hold", "list", "B1"]).output.strip().split("\t") == [hold_id, *listed]
    released = run(args=["hold", "release", "B1", hold_id, "--reason", "withdrawn", "--by", "Eve"])
    assert (released.exit_code, "released since 2026-03-02T09:00:00Z by operator:Eve" in released.output) == (0, True)
    for args, said in (
        (["hold", "put", "B0", "dispute", "--by", "Eve"], "no borrower B0"),
        (["hold", "put", "B1", "dispute", "--loan", "L1", "--by", "Eve"], "name the lender"),
        (["hold", "put", "B1", "dispute", "--by", "Eve\nAdam"], "--by needs your name"),
        (["hold", "put", "B1", "dispute", "--until", "soon", "--by", "Eve"], "2026-11-23T09:00:00Z"),
        (["hold", "release", "B1", hold_id, "--reason", " ", "--by", "Eve"], "say why"),
    ):
        refused = run(args=args)
        assert (refused.exit_code, said in refused.output) == (1, True), refused.output
    assert db.session().scalar(select(func.count()).select_from(HoldRow)) == 1
