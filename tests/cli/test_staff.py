"""flask staff: the first admin, and what an operator does when no admin can."""

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from app.persistence.db import db
from app.persistence.models.access import ApiKeyRow
from app.persistence.models.audit import AuditRow
from app.persistence.models.staff import StaffAccountRow
from app.services.staff_factors import code_at
from app.services.staff_invitations import accept_invitation, open_invitation
from app.services.staff_sign_in import begin
from tests.builders.book import build_lender
from tests.builders.staff import NETWORK, PASSWORD, a_colleague
from tests.conftest import START

BOSS = ("--lender", "acme", "--name", "Li Na", "--email", "li.na@example.test")


@pytest.fixture
def book(sqlite_book: Flask) -> Flask:
    build_lender(now=START)
    return sqlite_book


def run(app: Flask, *args: str) -> Result:
    return app.test_cli_runner().invoke(args=["staff", *args])


def accept(made: Result) -> None:
    token = made.output.split("#")[-1].strip()
    secret = open_invitation(token, NETWORK, now=START).secret
    accept_invitation(token, PASSWORD, code_at(secret, START), NETWORK, now=START)


def test_a_new_installation_has_no_account_at_all(book: Flask) -> None:
    assert db.session().scalar(select(func.count()).select_from(StaffAccountRow)) == 0
    assert db.session().scalar(select(func.count()).select_from(ApiKeyRow)) == 0


def test_the_first_admin_is_made_once(book: Flask) -> None:
    made = run(book, "create-admin", *BOSS)
    assert (made.exit_code, "/desk/invitations#dci_" in made.output) == (0, True)
    assert run(book, "create-admin", *BOSS).exit_code == 0, "who let the link run out gets another"
    accept(run(book, "create-admin", *BOSS))

    refused = run(book, "create-admin", "--lender", "acme", "--name", "Eve", "--email", "eve@example.test")

    assert (refused.exit_code, "has an admin" in refused.output) == (1, True)
    assert "Li Na\tli.na@example.test\tadmin\tactive" in run(book, "list", "--lender", "acme").output
    actors = set(db.session().scalars(select(AuditRow.actor)))
    assert actors == {"operator:command line", "staff:Li Na"}


def test_an_operator_lets_an_account_in_at_a_second_lender(book: Flask) -> None:
    build_lender(code="harbour", now=START)
    accept(run(book, "create-admin", *BOSS))

    made = run(book, "invite", "--lender", "harbour", *BOSS[2:], "--role", "compliance")

    assert "needs no invitation" in made.output
    assert "compliance" in run(book, "list", "--lender", "harbour").output


def test_an_operator_resets_disables_and_enables(book: Flask) -> None:
    build_lender(code="harbour", now=START)
    accept(run(book, "create-admin", *BOSS))
    run(book, "invite", "--lender", "harbour", *BOSS[2:], "--role", "compliance")

    assert run(book, "disable", "--email", "li.na@example.test").exit_code == 0
    assert "disabled" in run(book, "list", "--lender", "acme").output
    assert run(book, "enable", "--email", "LI.NA@example.test").exit_code == 0
    accept(run(book, "reset", "--lender", "acme", "--email", "li.na@example.test"))
    assert begin("li.na@example.test", PASSWORD, NETWORK, now=START)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("create-admin", "--lender", "nowhere", *BOSS[2:]), "nowhere"),
        (("create-admin", "--lender", "acme", "--name", "a\nb", "--email", "x@example.test"), "name:"),
        (("invite", *BOSS[:4], "--email", "wang.fang@example.test", "--role", "agent"), "already"),
        (("disable", "--email", "nobody@example.test"), "no account"),
        (("disable", "--email", "wang.fang@example.test", "--by", "a\nb"), "--by"),
    ],
)
def test_what_is_refused_says_why_on_one_line(book: Flask, args: tuple[str, ...], said: str) -> None:
    lender_id = run(book, "list", "--lender", "acme").exit_code == 0 and build_lender(now=START)
    a_colleague(str(lender_id))

    refused = run(book, *args)

    assert (refused.exit_code, said in refused.output) == (1, True), refused.output
    assert "Traceback" not in refused.output
