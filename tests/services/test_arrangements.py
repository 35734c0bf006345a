"""Accepting an offer: the new plan and its reminders in one transaction, once, and exactly as it was shown."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.domain.errors import ConflictError, NotFoundError
from app.domain.hold_terms import HoldValues
from app.engine.dispatch import Dispatcher
from app.engine.follow_ups import follow_up_due
from app.engine.loop import Engine
from app.persistence.db import db
from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.plan_requests import PlanApprovalRow
from app.persistence.models.reminders import DecisionRow
from app.persistence.models.tasks import TaskRow
from app.persistence.queries.moments import find_moments
from app.persistence.queries.positions import find_plan_versions, find_snapshot
from app.persistence.unit_of_work import close_session, reading, unit_of_work
from app.services.arrangements import accept
from app.services.holds import Teller, put_hold
from app.services.invariants import check_invariants
from app.services.law_facts import load_loan_laws
from app.services.law_gates import ask_law
from app.services.plan_approvals import decline
from app.services.plan_offers import rows_of
from app.services.plan_requests import Wanted, withdraw_own
from app.services.policies import ensure_default_policy
from app.services.positions import find_differences
from app.services.reminders import sweep
from tests.builders.arrangements import DUE, a_late_loan, a_session, accepted, asked
from tests.builders.book import Built, build_lender, build_loan, give_phone, pay, set_status
from tests.conftest import START
from tests.fakes.channels import FakeChannel

SetClock = Callable[[datetime], None]
DAY = timedelta(days=1)


def of_old_plan(state: str | None = None) -> int:
    """How many outward messages speak of the first plan version, in a state or all."""
    statement = (
        select(func.count(MessageRow.id.distinct()))
        .join(DecisionRow, DecisionRow.contact_id == MessageRow.contact_id)
        .where(DecisionRow.anchor_no == 1, MessageRow.channel != "in_app")
    )
    if state is not None:
        statement = statement.where(MessageRow.state == state)
    with reading() as session:
        return session.scalar(statement) or 0


def test_from_the_commit_on_nothing_of_the_old_plan_can_leave_and_nothing_does(app: Flask, set_clock: SetClock) -> None:
    ensure_default_policy(now=START)
    loan = build_loan(now=START, due=[date(2026, 3, 10), *DUE[2:]])
    give_phone(loan, now=START)
    now = datetime(2026, 3, 13, 10, 0, tzinfo=START.tzinfo)
    for hours in range(0, 24 * 11 + 2):  # decided all along; nothing is handed over yet
        set_clock(START + timedelta(hours=hours))
        while sweep(now=START + timedelta(hours=hours)):
            pass
    assert of_old_plan("queued") >= 1
    set_clock(now)

    accepted(loan, asked(loan, now=now), now=now)

    assert of_old_plan("queued") == of_old_plan("sending") == 0
    with reading() as session:
        showing = session.scalars(
            select(MessageRow.id)
            .join(DecisionRow, DecisionRow.contact_id == MessageRow.contact_id)
            .where(DecisionRow.anchor_no == 1, MessageRow.channel == "in_app")
            .where(MessageRow.settled_at.is_(None), MessageRow.withdrawn_at.is_(None))
        ).all()
    assert showing == []
    engine = Engine(Dispatcher({"push": FakeChannel(), "sms": FakeChannel()}))
    end = now + 60 * DAY
    while True:
        engine.drain()
        with reading() as session:
            following = find_moments(session).following
        if following is None or following > end:
            break
        now = max(now, following)
        set_clock(now)
    with reading() as session:
        left = session.execute(
            select(DecisionRow.anchor_no, MessageRow.template)
            .join(MessageRow, MessageRow.contact_id == DecisionRow.contact_id)
            .join(DeliveryAttemptRow, DeliveryAttemptRow.message_id == MessageRow.id)
        ).all()
    assert {anchor_no for anchor_no, _ in left} == {2, 3}  # broken on the way, so the plan before came back as a new one
    assert not any(check_invariants(db.session(), until=now).values())


def test_a_hundred_accepts_at_once_make_one_arrangement(app: Flask) -> None:
    ensure_default_policy(now=START)
    loan = a_late_loan()
    request = asked(loan)
    request_id, sha256, session_id = request.id, request.document_sha256, a_session(loan)
    db.session().rollback()

    def once(_number: int) -> str:
        with app.app_context():
            try:
                with unit_of_work() as work:
                    return accept(work, loan.borrower_id, request_id, sha256, session_id=session_id, now=START).id
            finally:
                close_session()

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(once, range(100)))

    assert len(set(made)) == 1
    with reading() as session:
        assert session.scalar(select(func.count(ArrangementRow.id))) == 1
        assert len(find_plan_versions(session, [loan.loan_id])[loan.loan_id]) == 2
        assert not any(check_invariants(session, until=START).values())


PLANS = [
    ("catch_up", {"rows": 2}, 12, 30),
    ("catch_up", {"rows": 5}, 9, 100),
    ("extend", {"instalments": 1}, 12, 0),
    ("extend", {"instalments": 1}, 24, 20),
    ("change_due_day", {"day": 25}, 12, 0),
    ("change_due_day", {"day": 1}, 6, 30),
]
CONTRACT = {"method": "equal_instalment", "annual_rate": "0.12"}


@pytest.mark.parametrize(("kind", "terms", "months", "late_days"), PLANS)
def test_the_rows_offered_are_the_plan_after_acceptance(
    sqlite_book: Flask, kind: str, terms: dict[str, int], months: int, late_days: int
) -> None:
    due = [date(2025, 10, 12) + timedelta(days=30 * n) for n in range(months)]
    paid = sum(on < START.date() - timedelta(days=late_days) for on in due)
    loan = build_loan(now=START, due=due, contract={**CONTRACT, "instalments": months})
    pay(loan, paid * 10_000 + 137, now=START)
    request = asked(loan, Wanted(kind, terms))
    offered, before = rows_of(request.rows), _owed(loan)

    accepted(loan, request)

    with reading() as session:
        after = find_plan_versions(session, [loan.loan_id])[loan.loan_id][-1]
        assert (after.rows, after.effective_on) == (offered, START.date())
        assert find_differences(session, [loan.loan_id]) == []
    assert sum(row.due.principal for row in offered) == months * 10_000
    assert _owed(loan) == before


def _owed(loan: Built) -> int:
    with reading() as session:
        found = find_snapshot(session, loan.borrower_id, loan.loan_id)
        assert found is not None
        return found[0].principal_balance_minor


def test_only_what_was_shown_can_be_accepted_and_only_by_its_borrower(sqlite_book: Flask) -> None:
    loan = a_late_loan()
    other = a_late_loan(lender_id=loan.lender_id)
    request = asked(loan)

    with pytest.raises(ConflictError, match="not what is offered"), unit_of_work() as work:
        accept(work, loan.borrower_id, request.id, "0" * 64, session_id=loan.loan_id, now=START)
    with pytest.raises(NotFoundError), unit_of_work() as work:
        accept(work, other.borrower_id, request.id, request.document_sha256, session_id=loan.loan_id, now=START)
    with pytest.raises(ConflictError, match="time is over"), unit_of_work() as work:
        accept(work, loan.borrower_id, request.id, request.document_sha256, session_id=loan.loan_id, now=START + 30 * DAY)


def test_a_second_request_waits_for_the_first(sqlite_book: Flask) -> None:
    loan = a_late_loan()
    asked(loan)

    with pytest.raises(ConflictError, match="waits already"):
        asked(loan)


@pytest.mark.parametrize(
    ("fall_back", "rows", "tasks"),
    [
        ("stays", [0, 15_000, 15_000, 10_000, 10_000], []),
        ("returns", [10_000] * 5, []),
        ("review", [0, 15_000, 15_000, 10_000, 10_000], ["arrangement_broken"]),
    ],
)
def test_a_broken_arrangement_falls_back_by_the_rule_it_was_agreed_under(
    sqlite_book: Flask, fall_back: str, rows: list[int], tasks: list[str]
) -> None:
    loan = a_late_loan()
    arrangement_id = accepted(loan, asked(loan)).id
    with unit_of_work() as work:
        row = work.session.get_one(ArrangementRow, arrangement_id)
        row.rule = {**row.rule, "fall_back": fall_back}
    pay(loan, 4_000, now=START + DAY)
    broken_at = datetime(2026, 3, 16, tzinfo=START.tzinfo)  # due on the 10th, five days of grace

    early = follow_up_due(now=broken_at - timedelta(microseconds=1))
    looks = follow_up_due(now=broken_at)

    with reading() as session:
        ended = session.get_one(ArrangementRow, arrangement_id)
        assert (early, looks, ended.state, ended.ended_at) == (0, 1, "broken", broken_at)
        plan = find_plan_versions(session, [loan.loan_id])[loan.loan_id][-1].rows
        assert [row.due.total for row in plan] == rows
        assert [task.kind for task in session.scalars(select(TaskRow).where(TaskRow.queue == "plans"))] == tasks
        assert find_differences(session, [loan.loan_id]) == []
        found = find_snapshot(session, loan.borrower_id, loan.loan_id)
        assert found is not None
        assert found[0].principal_balance_minor == 46_000


def test_asking_again_and_again_silences_nothing(sqlite_book: Flask) -> None:
    loan = a_late_loan()
    for _ in range(3):
        request_id = asked(loan).id
        with unit_of_work() as work:
            withdraw_own(work, loan.borrower_id, request_id, now=START)

    with reading() as session:
        assert [hold.released_at for hold in session.scalars(select(HoldRow))] == [START]


IN_FORCE = datetime(2026, 12, 1, 9, 0, tzinfo=START.tzinfo)
"""When Directive (EU) 2023/2225 applies."""


def what_stops_enforcement(loan: Built) -> str | None:
    answer = ask_law(db.session(), act="enforce", loan_id=loan.loan_id, now=IN_FORCE + timedelta(hours=1))
    db.session().rollback()
    return None if answer.stop is None else answer.stop.rule.id


def a_loan_in_germany() -> Built:
    lender = build_lender(now=IN_FORCE, jurisdiction="DE", currency="EUR", zone="Europe/Berlin")
    due = [date(2026, month, 10) for month in (10, 11, 12)] + [date(2027, month, 10) for month in range(1, 10)]
    return a_late_loan(now=IN_FORCE, lender_id=lender, country="DE", due=due)


def test_forbearance_offered_opens_what_the_law_had_closed(sqlite_book: Flask) -> None:
    loan = a_loan_in_germany()
    assert what_stops_enforcement(loan) == "EU-FORBEAR"

    assert asked(loan, now=IN_FORCE).state == "offered"

    assert what_stops_enforcement(loan) is None


def test_forbearance_refused_with_its_reasons_opens_it_too_and_asking_alone_does_not(sqlite_book: Flask) -> None:
    loan = a_loan_in_germany()
    request = asked(loan, Wanted("catch_up", {"rows": 8}), now=IN_FORCE)
    assert request.state == "requested"
    assert what_stops_enforcement(loan) == "EU-FORBEAR"

    teller = Teller("staff:Li", loan.lender_id, "supervisor")
    with unit_of_work() as work:
        decline(work, request.id, reason="Pays by 4111 1111 1111 1111.", teller=teller, now=IN_FORCE)

    assert what_stops_enforcement(loan) is None
    (law,) = load_loan_laws(db.session(), [loan.borrower_id], IN_FORCE)
    (told,) = law.facts["requests"]
    assert (told["kind"], told["closed_at"]) == ("plan", IN_FORCE)
    assert db.session().scalars(select(PlanApprovalRow.reason)).all() == ["Pays by [card number]."]


def test_where_no_law_looks_for_it_no_record_is_made(sqlite_book: Flask) -> None:
    loan = a_late_loan()
    request = asked(loan)
    with unit_of_work() as work:
        withdraw_own(work, loan.borrower_id, request.id, now=START)
        (facts,) = load_loan_laws(work.session, [loan.borrower_id], START)

    assert not facts.facts.get("events")


def test_the_law_packs_know_of_an_active_arrangement_though_no_hold_stops_reminders(sqlite_book: Flask) -> None:
    loan = a_late_loan()
    accepted(loan, asked(loan))

    with reading() as session:
        (law,) = load_loan_laws(session, [loan.borrower_id], START + DAY)
    assert [hold["kind"] for hold in law.facts["holds"] if hold["until"] is None] == ["plan_agreed"]


def test_an_offer_falls_when_a_hold_forbids_it_since(sqlite_book: Flask) -> None:
    loan = a_late_loan()
    request = asked(loan)
    with unit_of_work() as work:
        put_hold(work, loan.borrower_id, HoldValues("insolvent"), teller=Teller("core:acme", loan.lender_id), now=START)

    with pytest.raises(ConflictError):
        accepted(loan, request)

    with reading() as reads:
        assert reads.scalar(select(func.count(ArrangementRow.id))) == 0


def test_a_loan_that_the_core_closes_unpaid_breaks_nothing(sqlite_book: Flask) -> None:
    loan = a_late_loan()
    arrangement = accepted(loan, asked(loan))
    set_status(loan, "closed", now=START + DAY)

    follow_up_due(now=START + 90 * DAY)

    with reading() as reads:
        row = reads.get(ArrangementRow, arrangement.id)
        assert row is not None
        assert (row.state, row.ended_reason) == ("cancelled", "loan_closed")
        assert len(find_plan_versions(reads, [loan.loan_id])[loan.loan_id]) == 2
