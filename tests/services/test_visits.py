"""Visits: where nobody has said how, they are refused; at the door the gate is asked again; they count; money ends them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.errors import ConflictError, ContactRefusedError, LawRefusedError, QuietHoursError, ValidationError
from app.domain.hold_terms import HoldValues
from app.domain.law.packs import LawPack
from app.domain.money import Money
from app.domain.visits import Recording, Visitor, VisitPlan, VisitRules
from app.engine.follow_ups import follow_up_due
from app.persistence.db import vault
from app.persistence.models.audit import AuditRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.promises import PromiseRow
from app.persistence.models.tasks import TaskRow
from app.persistence.models.visits import VisitRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.calls import ToldCall, log_call
from app.services.contact_history import page_contact_history
from app.services.explained import ManualShown
from app.services.explanations import explain
from app.services.holds import Teller, put_hold
from app.services.law_packs import get_pack
from app.services.visit_views import list_visits, open_visit, put_rules
from app.services.visits import (
    Actor,
    VisitEnd,
    cancel_visit,
    end_visit,
    override_reason_of,
    plan_visit,
    speaks_of_visits,
    start_visit,
)
from tests.builders.book import Built, pay
from tests.builders.calls import a_late_loan, a_lender

NOON = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
"""12:00 in Kolkata, 14:30 in Shanghai."""
TOMORROW = NOON + timedelta(days=1)
GOES = Visitor("Zhao Lei", "HF-0117")
pytestmark = pytest.mark.both


def actor(built: Built, role: str = "supervisor") -> Actor:
    return Actor("staff:Sue", role, built.lender_id)


def plan(built: Built, *, now: datetime = NOON, from_at: datetime = TOMORROW, hours: float = 2, **changes: Any) -> str:
    override = changes.pop("override_reason", None)
    role = changes.pop("role", "supervisor")
    given = {"place": "home", "people": [GOES], **changes}
    with unit_of_work() as work:
        told = VisitPlan(from_at=from_at, until_at=from_at + timedelta(hours=hours), **given)
        return plan_visit(
            work, built.borrower_id, told, [built.loan_no], actor=actor(built, role), now=now, override_reason=override
        ).id


def start(built: Built, visit_id: str, *, now: datetime = TOMORROW) -> None:
    with unit_of_work() as work:
        start_visit(work, visit_id, actor=actor(built), now=now)


def end(built: Built, visit_id: str, outcome: str = "met", *, now: datetime = TOMORROW, **changes: Any) -> None:
    with unit_of_work() as work:
        end_visit(work, visit_id, VisitEnd(outcome, True, **changes), actor=actor(built), now=now)


def visit(visit_id: str) -> VisitRow:
    with reading() as session:
        row = session.get_one(VisitRow, visit_id)
        session.expunge(row)
        return row


def tasks() -> list[str]:
    with reading() as session:
        return sorted(session.scalars(select(TaskRow.kind).where(TaskRow.queue == "visits")))


# -- whether there may be any ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("jurisdiction", "role", "speaks"),
    [
        ("CN", "first_party", True), ("IN", "first_party", True), ("UK", "first_party", True),
        ("US", "third_party_collector", True), ("US", "first_party", False), ("EU", "first_party", False),
        ("DEFAULT", "first_party", False),
    ],
)  # fmt: skip
def test_which_law_packs_say_when_somebody_may_be_visited(jurisdiction: str, role: str, speaks: bool) -> None:
    pack: LawPack = get_pack(jurisdiction)

    assert speaks_of_visits(pack, role) or not speaks


def test_where_no_rule_speaks_of_visits_the_lender_has_to_allow_them(app: Flask) -> None:
    built = a_late_loan(a_lender("US", now=NOON), "US", now=NOON)
    at = datetime(2026, 3, 18, 16, 0, tzinfo=UTC)  # 12:00 in New York

    with pytest.raises(ConflictError) as refused:
        plan(built, from_at=at)
    assert refused.value.facts == {"rule": "visits.allowed"}

    with unit_of_work() as work:
        put_rules(work, VisitRules(allowed=True), actor=actor(built), now=NOON)
    assert visit(plan(built, from_at=at)).state == "planned"


def test_in_india_nobody_is_visited_after_seven_in_the_evening(app: Flask) -> None:
    built = a_late_loan(a_lender("IN", now=NOON), "IN", now=NOON)
    evening = datetime(2026, 3, 18, 12, 30, tzinfo=UTC)  # 18:00 in Kolkata

    with pytest.raises((LawRefusedError, QuietHoursError)):
        plan(built, from_at=evening, hours=2)

    assert visit(plan(built, from_at=evening, hours=0.5)).state == "planned"


def test_a_place_of_work_needs_the_lender_s_word_and_more_people_than_allowed_do_not_go(app: Flask) -> None:
    built = a_late_loan(a_lender(now=NOON), now=NOON)

    with pytest.raises(ConflictError) as refused:
        plan(built, place="workplace", address="1 Factory Road")
    assert refused.value.facts == {"rule": "visits.workplace"}
    with pytest.raises(ValidationError):
        plan(built, people=[GOES] * 3)
    with pytest.raises(ValidationError):
        plan(built, people=[Visitor("Qian Wu", "A-1", agency="Agency")])


# -- from plan to end ------------------------------------------------------------------------------------------------------


def test_a_visit_from_its_plan_to_its_promise(app: Flask) -> None:
    built = a_late_loan(a_lender(now=NOON), now=NOON)
    visit_id = plan(built)

    start(built, visit_id)
    end(
        built, visit_id, "promise", promise=(Money(10_000, "USD"), TOMORROW.date() + timedelta(days=2), None),
        notes="Spoke at the door. 4111 1111 1111 1111", recording=Recording("a" * 64, 300, "agency archive"),
    )  # fmt: skip

    row = visit(visit_id)
    assert (row.state, row.outcome, row.identity_shown) == ("ended", "promise", True)
    assert row.evidence == [{"kind": "recording", "sha256": "a" * 64, "seconds": 300, "kept_at": "agency archive"}]
    with reading() as session:
        assert session.scalars(select(PromiseRow.channel)).one() == "in_person"
    with unit_of_work() as work:
        shown = open_visit(work, visit_id, actor=actor(built), now=NOON)
    assert shown.people == [GOES]
    assert shown.notes is not None
    assert "4111" not in shown.notes


def test_a_visit_stands_in_the_borrower_s_history_and_counts_for_caps(app: Flask) -> None:
    built = a_late_loan(a_lender(now=NOON), now=NOON)
    visit_id = plan(built)
    second = plan(built)

    start(built, visit_id)

    with reading() as session:
        (shown,) = page_contact_history(
            session.connection(), built.borrower_id, before=None, limit=5, now=TOMORROW, locale="en"
        )
        assert session.scalars(select(MessageRow.channel)).one() == "visit"
    assert ([each.channel for each in shown.channels], shown.made_by) == (["visit"], "person")
    with pytest.raises(Exception, match="contacted often enough"):
        start(built, second)


def test_what_is_put_on_hold_after_the_plan_is_not_visited(app: Flask) -> None:
    built = a_late_loan(a_lender(now=NOON), now=NOON)
    visit_id = plan(built)
    with unit_of_work() as work:
        put_hold(
            work, built.borrower_id, HoldValues("hardship"), teller=Teller("staff:Eve", built.lender_id, "agent"), now=NOON
        )

    with pytest.raises((ContactRefusedError, LawRefusedError)):
        start(built, visit_id)

    assert visit(visit_id).state == "planned"


def test_a_visit_is_begun_at_its_time_only_and_ended_once(app: Flask) -> None:
    built = a_late_loan(a_lender(now=NOON), now=NOON)
    visit_id = plan(built)

    with pytest.raises(QuietHoursError):
        start(built, visit_id, now=TOMORROW - timedelta(minutes=1))
    with pytest.raises(ConflictError):
        end(built, visit_id)
    start(built, visit_id)
    start(built, visit_id)
    end(built, visit_id, "not_met")
    with pytest.raises(ConflictError):
        end(built, visit_id, "met")


@pytest.mark.parametrize(
    ("outcome", "made"),
    [("address_wrong", ["find_address"]), ("unsafe", ["visit_unsafe"]), ("third_party_met", ["visit_third_party"])],
)
def test_what_went_wrong_becomes_work_for_a_person(app: Flask, outcome: str, made: list[str]) -> None:
    built = a_late_loan(a_lender(now=NOON), now=NOON)
    visit_id = plan(built)
    start(built, visit_id)

    end(built, visit_id, outcome)

    assert tasks() == made


# -- not taking place ------------------------------------------------------------------------------------------------------


def test_a_visit_is_cancelled_in_the_unit_of_work_in_which_the_money_comes(app: Flask) -> None:
    built = a_late_loan(a_lender(now=NOON), now=NOON)
    visit_id = plan(built)

    pay(built, 4_000, now=NOON)
    assert visit(visit_id).state == "planned"
    pay(built, 6_000, now=NOON)

    assert (visit(visit_id).state, visit(visit_id).state_reason) == ("cancelled", "paid")


def test_a_visit_nobody_began_is_over_with_its_time_and_one_nobody_ended_is_asked_about(app: Flask) -> None:
    built, other = (a_late_loan(a_lender(now=NOON), now=NOON) for _ in range(2))
    idle, open_ended = plan(built), plan(other)
    start(other, open_ended)

    follow_up_due(now=TOMORROW + timedelta(hours=13))

    assert (visit(idle).state_reason, visit(open_ended).state) == ("not_started", "started")
    assert tasks() == ["visit_not_ended"]


def test_one_lender_sees_nothing_of_another_s_visits(app: Flask) -> None:
    built = a_late_loan(a_lender(now=NOON), now=NOON)
    visit_id = plan(built)
    other = Actor("staff:Mal", "admin", a_lender(now=NOON, code="rival"))

    with reading() as session:
        assert list_visits(session, other.lender_id) == []
        (mine,) = list_visits(session, built.lender_id)
    assert (mine.people, mine.address) == (None, None)
    with unit_of_work() as work, pytest.raises(Exception, match="no such visit"):
        cancel_visit(work, visit_id, reason="asked", actor=other, now=NOON)


def test_why_the_policy_is_set_aside_for_a_visit_is_kept_whole_or_refused(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    with unit_of_work() as work:
        log_call(work, built.borrower_id, ToldCall("no_answer", NOON), by="staff:Sue", lender_id=lender, now=NOON)
    soon = {"now": NOON, "from_at": NOON + timedelta(minutes=20), "hours": 0.5}

    with pytest.raises(ValidationError):
        plan(built, override_reason="They asked for it. " * 20, **soon)
    visit_id = plan(built, override_reason="They asked for it, card 4111 1111 1111 1111", **soon)

    with reading() as session:
        row = session.get_one(VisitRow, visit_id)
        why = override_reason_of(vault(), row)
        assert b"They asked" not in (row.override_reason_sealed or b"")
    assert why is not None
    assert why.startswith("They asked for it")
    assert "4111" not in why


def test_why_tells_of_a_visit_how_it_went_and_who_set_the_policy_aside_for_it(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    with unit_of_work() as work:
        log_call(work, built.borrower_id, ToldCall("no_answer", NOON), by="staff:Eve", lender_id=lender, now=NOON)
    at = NOON + timedelta(minutes=20)
    visit_id = plan(built, now=NOON, from_at=at, hours=0.5, override_reason="Agreed on the phone.")
    with unit_of_work() as work:
        start_visit(work, visit_id, actor=Actor("staff:Ann", "agent", lender), now=at)

    def told() -> ManualShown:
        with reading() as session:
            found = explain(session, built.borrower_id, NOON.date(), now=at, lender_id=lender)
        return next(each for each in found.manual if each.kind == "visit")

    under_way = told()
    end(built, visit_id, "not_met", now=at)

    assert (under_way.by, under_way.came_to, under_way.overridden) == ("staff:Ann", "started", ["CAP_PERSON"])
    assert (under_way.overridden_by, under_way.override_reason) == ("staff:Sue", "Agreed on the phone.")
    assert (under_way.sentence or "").startswith("Visited by Ann: Under way; Sue set the policy aside: ")
    assert (told().sentence or "").startswith("Visited by Ann: Nobody met")
    with reading() as session:
        acts = session.scalars(select(AuditRow).where(AuditRow.action == "contact.policy_overridden")).all()
        assert [(act.actor, act.facts["made_by"]) for act in acts] == [("staff:Sue", "staff:Ann")]
        assert "Agreed" not in str([act.facts for act in session.scalars(select(AuditRow))])
