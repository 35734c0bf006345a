"""Accounts of staff: who may change whom, the last admin, and how far a lender's admin reaches."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.domain.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    NotFoundError,
    SessionRevokedError,
    StepUpRequiredError,
    ValidationError,
)
from app.persistence.db import db, vault
from app.persistence.models.staff import StaffAccountRow, StaffMembershipRow
from app.persistence.unit_of_work import unit_of_work
from app.services import staff
from app.services.staff_profiles import change_password
from app.services.staff_sessions import end_sessions, live_sessions, switch_lender
from app.services.staff_sign_in import begin
from tests.builders.book import build_lender
from tests.builders.parallel import meet
from tests.builders.staff import NETWORK, Colleague, a_colleague, sign_in
from tests.conftest import START

OPERATOR = staff.Manager("operator:test")


@dataclass
class Asking:
    """A session whose second factor is this old."""

    session_id: str | None = "s"
    proof_age: timedelta | None = timedelta(0)


def manager(of: Colleague, *, proof_age: timedelta | None = timedelta(0)) -> staff.Manager:
    return staff.Manager(f"staff:{of.name}", of.staff_id, Asking(proof_age=proof_age))


def change(lender_id: str, who: Colleague, role: str, by: staff.Manager) -> None:
    with unit_of_work() as work:
        staff.change_membership(
            work, lender_id, who.staff_id, role=role, teams=["disputes"], languages=["en"], manager=by, now=START
        )


def test_an_admin_changes_what_others_are_and_their_sessions_end(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    boss, who = a_colleague(lender_id, name="Boss", role="admin"), a_colleague(lender_id)
    sign_in(who)

    change(lender_id, who, "supervisor", manager(boss))

    member = staff.get_member(db.session(), vault(), lender_id, who.staff_id)
    assert (member.role, member.teams, member.languages) == ("supervisor", ["disputes"], ["en"])
    assert live_sessions(db.session(), who.staff_id, now=START) == []


def test_a_new_role_asks_for_a_fresh_proof_and_new_teams_do_not(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    boss, who = a_colleague(lender_id, name="Boss", role="admin"), a_colleague(lender_id)
    stale = manager(boss, proof_age=timedelta(minutes=10))

    change(lender_id, who, "agent", stale)
    with pytest.raises(StepUpRequiredError, match="/v1/desk/proofs"):
        change(lender_id, who, "supervisor", stale)
    with pytest.raises(StepUpRequiredError, match="sign in with an account"):
        change(lender_id, who, "supervisor", manager(boss, proof_age=None))


def test_nobody_changes_their_own_account(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    boss = a_colleague(lender_id, name="Boss", role="admin")
    a_colleague(lender_id, name="Deputy", role="admin")
    mine = manager(boss)

    with pytest.raises(ForbiddenError):
        change(lender_id, boss, "agent", mine)
    for act in (staff.disable, staff.enable, staff.reset):
        with pytest.raises(ForbiddenError), unit_of_work() as work:
            act(work, lender_id, boss.staff_id, manager=mine, now=START)
    key = staff.Manager("staff:Boss", None, Asking())
    with pytest.raises(ForbiddenError), unit_of_work() as work:
        staff.disable(work, lender_id, boss.staff_id, manager=key, now=START)


def test_the_last_admin_stays(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    boss = a_colleague(lender_id, name="Boss", role="admin")
    by = staff.Manager("staff:Key", None, Asking())

    with pytest.raises(ConflictError, match="last admin"):
        change(lender_id, boss, "agent", by)
    with pytest.raises(ConflictError, match="last admin"), unit_of_work() as work:
        staff.disable(work, lender_id, boss.staff_id, manager=by, now=START)


def test_two_admins_who_disable_each_other_at_once_leave_one(app: Flask) -> None:
    lender_id = build_lender(now=START)
    pair = [a_colleague(lender_id, name=name, role="admin") for name in ("Boss", "Deputy")]
    db.session.remove()

    def disable(number: int) -> str:
        try:
            with unit_of_work() as work:
                staff.disable(work, lender_id, pair[1 - number].staff_id, manager=manager(pair[number]), now=START)
        except DomainError as error:
            return error.code
        return "done"

    assert sorted(meet(app, 2, disable)) == ["conflict", "done"]
    left = db.session().scalars(select(StaffMembershipRow).where(StaffMembershipRow.disabled_at.is_(None))).all()
    assert len(left) == 1


def test_who_is_disabled_here_is_out_here_alone_and_comes_back_by_being_enabled(sqlite_book: Flask) -> None:
    lender_id, other = build_lender(now=START), build_lender(code="harbour", now=START)
    boss, who = a_colleague(lender_id, name="Boss", role="admin"), a_colleague(lender_id)
    with unit_of_work() as work:
        new = staff.NewMember(who.name, who.email, "compliance")
        assert staff.invite(work, other, new, manager=OPERATOR, now=START) == (who.staff_id, None)
    with unit_of_work() as work:
        staff.disable(work, lender_id, who.staff_id, manager=manager(boss), now=START)

    assert sign_in(who).lenders == ("harbour",)
    assert staff.get_member(db.session(), vault(), lender_id, who.staff_id).state == "disabled"
    with unit_of_work() as work:
        staff.enable(work, lender_id, who.staff_id, manager=manager(boss), now=START)
    assert sign_in(who, now=START + timedelta(seconds=30)).lenders == ("acme", "harbour")


def test_an_admin_of_one_lender_gets_no_hold_of_an_account_of_two(sqlite_book: Flask) -> None:
    lender_id, other = build_lender(now=START), build_lender(code="harbour", now=START)
    boss, who = a_colleague(lender_id, name="Boss", role="admin"), a_colleague(lender_id)
    stranger = a_colleague(other, name="Stranger")
    with unit_of_work() as work:
        staff.invite(work, other, staff.NewMember(who.name, who.email, "agent"), manager=OPERATOR, now=START)

    with pytest.raises(ConflictError, match="other lenders"), unit_of_work() as work:
        staff.reset(work, lender_id, who.staff_id, manager=manager(boss), now=START)
    with pytest.raises(NotFoundError), unit_of_work() as work:
        staff.reset(work, lender_id, stranger.staff_id, manager=manager(boss), now=START)
    new = staff.NewMember(stranger.name, stranger.email, "agent")
    with pytest.raises(ConflictError, match="operator"), unit_of_work() as work:
        staff.invite(work, lender_id, new, manager=manager(boss), now=START)
    assert [each.name for each in staff.list_members(db.session(), vault(), lender_id)] == ["Boss", "Wang Fang"]


def test_two_people_have_two_names_however_they_are_written(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    a_colleague(lender_id)

    with pytest.raises(ConflictError, match="name is taken"), unit_of_work() as work:
        staff.invite(work, lender_id, staff.NewMember("WANG FANG", "x@example.test", "agent"), manager=OPERATOR, now=START)


@pytest.mark.parametrize(
    "new",
    [
        staff.NewMember("Eve\nstaff:Adam", "eve@example.test", "agent"),
        staff.NewMember("Eve", "no address", "agent"),
        staff.NewMember("Eve", "eve@example.test", "boss"),
        staff.NewMember("Eve", "eve@example.test", "agent", teams=["x" * 40]),
        staff.NewMember("Eve", "eve@example.test", "agent", languages=["english, please"]),
    ],
)
def test_an_account_that_would_not_name_one_person_is_not_made(sqlite_book: Flask, new: staff.NewMember) -> None:
    lender_id = build_lender(now=START)

    with pytest.raises(ValidationError), unit_of_work() as work:
        staff.invite(work, lender_id, new, manager=OPERATOR, now=START)


@pytest.mark.parametrize("role", ["supervisor", "compliance", "admin"])
def test_making_somebody_senior_asks_for_a_fresh_proof(sqlite_book: Flask, role: str) -> None:
    lender_id = build_lender(now=START)
    boss = a_colleague(lender_id, name="Boss", role="admin")
    stale = manager(boss, proof_age=timedelta(minutes=11))

    with pytest.raises(StepUpRequiredError), unit_of_work() as work:
        staff.invite(work, lender_id, staff.NewMember("Eve", "eve@example.test", role), manager=stale, now=START)
    with unit_of_work() as work:
        staff.invite(work, lender_id, staff.NewMember("Eve", "eve@example.test", "agent"), manager=stale, now=START)


def test_an_account_the_operator_disabled_is_out_everywhere(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START))
    sign_in(who)
    with unit_of_work() as work:
        staff.disable_account(work, who.staff_id, by="operator:test", now=START)

    assert live_sessions(db.session(), who.staff_id, now=START) == []
    with unit_of_work() as work:
        staff.enable_account(work, who.staff_id, by="operator:test", now=START)
    assert begin(who.email, who.password, NETWORK, now=START)


def test_a_new_password_ends_the_other_sessions(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START))
    kept, other = sign_in(who), sign_in(who, now=START + timedelta(seconds=30))
    now = START + timedelta(minutes=1)

    change_password(who.staff_id, who.password, "eight loud magpies", session_id=kept.session.id, now=now)

    assert [row.id for row in live_sessions(db.session(), who.staff_id, now=now)] == [kept.session.id]
    assert other.session.id != kept.session.id
    assert begin(who.email, "eight loud magpies", NETWORK, now=now)


@pytest.mark.parametrize(("present", "new", "code"), [
    ("wrong one", "eight loud magpies", "credentials-invalid"),
    ("seven quiet herons", "seven quiet herons", "validation-failed"),
    ("seven quiet herons", "wang.fang@example", "validation-failed"),
])  # fmt: skip
def test_a_password_is_not_changed_for_a_wrong_or_a_bad_one(sqlite_book: Flask, present: str, new: str, code: str) -> None:
    who = a_colleague(build_lender(now=START))

    with pytest.raises(DomainError) as refused:
        change_password(who.staff_id, present, new, session_id="s", now=START)

    assert refused.value.code == code


def test_a_switched_session_is_a_new_one_that_lasts_no_longer(app: Flask) -> None:
    lender_id, other = build_lender(now=START), build_lender(code="harbour", now=START)
    who = a_colleague(lender_id)
    with unit_of_work() as work:
        staff.invite(work, other, staff.NewMember(who.name, who.email, "compliance"), manager=OPERATOR, now=START)
    opened, later = sign_in(who), START + timedelta(minutes=5)

    with unit_of_work() as work:
        made = switch_lender(work, opened.session.id, "harbour", by="staff:Wang Fang", now=later)

    (row,) = live_sessions(db.session(), who.staff_id, now=later)
    assert (row.id, row.lender, row.expires_at) == (made.id, "harbour", opened.session.expires_at)
    assert made.token != opened.session.token
    with pytest.raises(ValidationError), unit_of_work() as work:
        switch_lender(work, made.id, "elsewhere", by="staff:Wang Fang", now=later)


def test_a_session_that_was_ended_meanwhile_does_not_go_on_elsewhere(app: Flask) -> None:
    lender_id, other = build_lender(now=START), build_lender(code="harbour", now=START)
    who = a_colleague(lender_id)
    with unit_of_work() as work:
        staff.invite(work, other, staff.NewMember(who.name, who.email, "agent"), manager=OPERATOR, now=START)
    opened = sign_in(who)
    with unit_of_work() as work:
        end_sessions(work, who.staff_id, by="staff:Wang Fang", reason="password", now=START)

    with pytest.raises(SessionRevokedError), unit_of_work() as work:
        switch_lender(work, opened.session.id, "harbour", by="staff:Wang Fang", now=START)

    assert live_sessions(db.session(), who.staff_id, now=START) == []


def test_who_was_invited_and_cannot_act_does_not_count_as_an_admin(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    with unit_of_work() as work:
        staff.create_admin(work, lender_id, "Boss", "boss@example.test", by="operator:test", now=START)
    with unit_of_work() as work:
        staff.create_admin(work, lender_id, "Boss", "boss@example.test", by="operator:test", now=START)
    with unit_of_work() as work:
        work.session.execute(update(StaffAccountRow).values(state="active"))

    with pytest.raises(ConflictError, match="has an admin"), unit_of_work() as work:
        staff.create_admin(work, lender_id, "Eve", "eve@example.test", by="operator:test", now=START)
