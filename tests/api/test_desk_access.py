"""Who gets in at the desk: keys of scope desk, each for one person in one role at one lender."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from app.domain.errors import ConflictError, ForbiddenError, ValidationError
from app.persistence.db import db
from app.persistence.models.access import ApiKeyRow
from app.persistence.unit_of_work import unit_of_work
from app.services.api_keys import create_key, revoke_key
from app.services.staff import Manager, NewMember, invite
from app.web import auth
from app.web.auth import DeskPrincipal, permits
from tests.builders.access import a_borrower, a_desk_key, an_ingest_key, signed_in
from tests.builders.book import build_lender
from tests.builders.desk import a_seat
from tests.conftest import START


def test_a_desk_key_says_whom_it_stands_for(client: FlaskClient) -> None:
    answer = client.get("/v1/desk/me", headers=a_desk_key(build_lender(now=START), staff="王芳", role="supervisor"))

    assert answer.status_code == 200
    assert {name: answer.json[name] for name in ("staff", "role", "lender")} == {
        "staff": "王芳",
        "role": "supervisor",
        "lender": "acme",
    }


def test_no_other_credential_opens_the_desk_and_a_desk_key_opens_nothing_else(client: FlaskClient) -> None:
    lender = build_lender(now=START)
    staff = a_desk_key(lender)

    of_feed = client.get("/v1/desk/me", headers=an_ingest_key(lender))
    assert (of_feed.status_code, of_feed.json["code"]) == (403, "forbidden")
    assert "`desk`" in of_feed.json["detail"]
    assert client.get("/v1/desk/me", headers=signed_in(a_borrower()[0])).status_code == 401
    assert client.get("/v1/desk/me").status_code == 401
    assert client.put("/v1/ingest/borrowers/B1", json={"name": "Li Wei"}, headers=staff).status_code == 403
    assert client.get("/v1/me", headers=staff).status_code == 401


def test_a_desk_key_that_names_nobody_is_refused(client: FlaskClient) -> None:
    headers = a_desk_key(build_lender(now=START))
    with unit_of_work() as work:
        work.session.execute(update(ApiKeyRow).values(staff=None))

    answer = client.get("/v1/desk/me", headers=headers)

    assert (answer.status_code, answer.json["detail"]) == (
        403,
        "The key names nobody; have one made with --staff and --role.",
    )


def test_a_revoked_desk_key_ends_at_once(client: FlaskClient) -> None:
    headers = a_desk_key(build_lender(now=START))
    key_id = client.get("/v1/desk/me", headers=headers).json["key_id"]
    with unit_of_work() as work:
        revoke_key(work, key_id, now=START)

    assert client.get("/v1/desk/me", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("scopes", "staff", "role", "said"),
    [
        (["desk"], None, "agent", "--staff"),
        (["desk"], "  ", "agent", "--staff"),
        (["desk"], "Eve\nstaff:Adam", "agent", "--staff"),
        (["desk"], "x" * 65, "agent", "--staff"),
        (["desk"], "Eve", None, "agent, supervisor, compliance, admin"),
        (["desk"], "Eve", "boss", "agent, supervisor, compliance, admin"),
        (["desk", "ingest"], "Eve", "agent", "second key"),
        (["ingest"], "Eve", None, "leave staff and role out"),
        (["webhooks"], None, None, "ingest, desk"),
    ],
)
def test_a_key_that_would_not_name_one_person_is_not_made(
    sqlite_book: Flask, scopes: list[str], staff: str | None, role: str | None, said: str
) -> None:
    build_lender(now=START)

    with pytest.raises(ValidationError) as refused, unit_of_work() as work:
        create_key(work, "acme", scopes, label=None, now=START, staff=staff, role=role)

    assert said in refused.value.detail


def test_the_command_makes_a_key_that_works_and_lists_its_person(sqlite_book: Flask) -> None:
    build_lender(now=START)
    run = sqlite_book.test_cli_runner().invoke

    made = run(args=["keys", "create", "--lender", "acme", "--scope", "desk", "--staff", "O'Neil, Ann", "--role", "agent"])
    headers = {"Authorization": f"Bearer {made.output.split()[-1]}"}

    assert sqlite_book.test_client().get("/v1/desk/me", headers=headers).json["staff"] == "O'Neil, Ann"
    assert "O'Neil, Ann (agent)" in run(args=["keys", "list"]).output
    refused = run(args=["keys", "create", "--lender", "acme", "--scope", "desk", "--role", "agent"])
    assert (refused.exit_code, "--staff" in refused.output) == (1, True)


def test_a_role_that_may_not_is_told_who_may(sqlite_book: Flask) -> None:
    view = permits("policies.submit")(lambda: "done")

    with sqlite_book.test_request_context():
        auth.g.principal = DeskPrincipal("k", "l", "Ann", "agent")
        with pytest.raises(ForbiddenError, match="Your role is agent; this is for supervisor, compliance or admin"):
            view()
        auth.g.principal = DeskPrincipal("k", "l", "Ann", "admin")
        assert view() == "done"


def test_two_lenders_staff_of_one_name_share_no_idempotency_keys_yet_one_name_in_the_audit() -> None:
    one, other = DeskPrincipal("k1", "l1", "Ann", "agent"), DeskPrincipal("k2", "l2", "Ann", "agent")

    assert one.name == other.name == "staff:Ann"
    assert one.keyspace != other.keyspace


def test_keys_hold_the_role_beside_the_person(sqlite_book: Flask) -> None:
    build_lender(now=START)
    with unit_of_work() as work:
        made = create_key(work, "acme", ["desk"], label=None, now=START, staff="Ann", role="admin")

    row = db.session().get(ApiKeyRow, made.id)
    assert row is not None
    assert (row.scopes, row.staff, row.role) == (["desk"], "Ann", "admin")


def test_a_key_and_an_account_of_one_person_are_one_name(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    a_seat(sqlite_book, lender_id, name="Wang Fang")

    for spelt in ("wang fang", " Wang  Fang", "ＷANG FANG"):
        with unit_of_work() as work:
            made = create_key(work, "acme", ["desk"], label=None, now=START, staff=spelt, role="supervisor")
        headers = {"Authorization": f"Bearer {made.secret}"}
        assert sqlite_book.test_client().get("/v1/desk/me", headers=headers).json["staff"] == "Wang Fang"

    with unit_of_work() as work:
        create_key(work, "acme", ["desk"], label=None, now=START, staff="Li Na", role="supervisor")
    new = NewMember("LI NA", "li.na@example.test", "agent")
    with pytest.raises(ConflictError, match="spelling"), unit_of_work() as work:
        invite(work, lender_id, new, manager=Manager("operator:test"), now=START)
