"""The loop from agenda to wire, on both databases: due dates approach, pass, and are paid."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.channels.base import DeliveryResult, EndpointVerdict, Outcome
from app.clock import system_now
from app.domain.book import PaymentValues
from app.domain.errors import ConflictError
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.engine.travel import travel
from app.persistence.db import db
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.escalations import EscalationStepRow
from app.persistence.models.loans import ESTIMATED_PLAN, LoanRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.reminders import AgendaRow, ContactRow, DecisionEventRow, DecisionRow
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.outbox import claim_batch, mark_sending
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.invariants import check_invariants
from app.services.payments import record_payments
from app.services.policies import activate_document, ensure_default_policy
from app.services.positions import rebuild_positions
from app.services.reminders import sweep
from tests.builders.book import Built, build_loan, give_phone, pay, replan, set_status
from tests.builders.cases import default_document
from tests.builders.escalations import a_document as a_policy
from tests.builders.escalations import put_in_force
from tests.fakes.channels import FakeChannel

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
STEP = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
SetClock = Callable[[datetime], None]


@pytest.fixture
def rules(app: Flask) -> None:
    ensure_default_policy(now=START)


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


@pytest.fixture
def engine(app: Flask, rules: None, channel: FakeChannel) -> Engine:
    return Engine(Dispatcher({"push": channel}, owner="tester"))


def _rows(column: object) -> list[object]:
    with reading() as session:
        return list(session.scalars(select(column)))  # type: ignore[call-overload]


def _reached(engine: Engine, at: datetime, set_clock: SetClock) -> None:
    set_clock(at)
    engine.drain()


def _borrower_with_phone() -> Built:
    built = build_loan(now=START, due=[DUE])
    give_phone(built, now=START)
    return built


def test_a_due_date_approaches_and_the_phone_rings_once(engine: Engine, channel: FakeChannel, set_clock: SetClock) -> None:
    _borrower_with_phone()

    for minute in range(3):
        _reached(engine, STEP + timedelta(minutes=minute), set_clock)

    assert len(channel.sent) == 1
    assert channel.sent[0].body == "Open the app to read it, to reach us, or to find free independent advice."
    assert sorted(_rows(MessageRow.channel)) == ["in_app", "push"]
    assert set(_rows(MessageRow.state)) == {"delivered", "sent"}


def test_the_agenda_sleeps_until_the_next_step(engine: Engine, set_clock: SetClock) -> None:
    _borrower_with_phone()

    _reached(engine, STEP, set_clock)

    assert _rows(AgendaRow.wake_at) == [STEP + timedelta(days=1)]


def test_nothing_leaves_when_the_payment_comes_between_sweep_and_claim(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    built = _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)

    pay(built, 10_000, now=STEP + timedelta(seconds=1))
    _reached(engine, STEP + timedelta(seconds=2), set_clock)

    assert channel.sent == []
    assert _states("push") == ["cancelled"]


def test_nothing_leaves_when_the_payment_comes_between_claim_and_wire(
    engine: Engine, channel: FakeChannel, set_clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)
    put_back = engine.dispatcher._put_back

    def pay_after_claim(messages: object, now: datetime) -> None:
        put_back(messages, now)  # type: ignore[arg-type]
        pay(built, 10_000, now=STEP)

    monkeypatch.setattr(engine.dispatcher, "_put_back", pay_after_claim)
    engine.dispatch_all()
    monkeypatch.undo()
    engine.drain()

    assert channel.sent == []
    assert _rows(DeliveryAttemptRow.outcome) == ["withheld"]
    assert _states("push") == ["cancelled"]


def test_a_payment_before_the_sweep_leaves_no_trace_of_a_reminder(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    built = _borrower_with_phone()
    pay(built, 10_000, now=STEP - timedelta(seconds=1))

    _reached(engine, STEP, set_clock)

    assert "d-1" not in _rows(DecisionRow.step_key)
    assert channel.sent == []


def test_a_payment_settles_what_the_inbox_shows(engine: Engine, set_clock: SetClock) -> None:
    built = _borrower_with_phone()
    _reached(engine, STEP, set_clock)

    pay(built, 10_000, now=STEP + timedelta(hours=1))

    with reading() as session:
        settled_at = session.scalar(select(MessageRow.settled_at).where(MessageRow.channel == "in_app"))
    assert settled_at == STEP + timedelta(hours=1)
    assert _rows(ContactRow.state) == ["settled"]


def test_a_partial_payment_keeps_the_reminder(engine: Engine, channel: FakeChannel, set_clock: SetClock) -> None:
    built = _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)

    pay(built, 4_000, now=STEP)
    engine.drain()

    assert len(channel.sent) == 1


def test_loans_of_one_borrower_are_one_contact(engine: Engine, channel: FakeChannel, set_clock: SetClock) -> None:
    first = _borrower_with_phone()
    build_loan(now=START, due=[DUE + timedelta(days=2)], borrower_no=first.borrower_no, lender_id=first.lender_id)

    _reached(engine, STEP, set_clock)

    assert len(channel.sent) == 1
    with reading() as session:
        carried = session.scalars(select(DecisionRow.outcome).where(DecisionRow.contact_id.is_not(None)))
        assert sorted(carried) == ["CONSOLIDATED", "SENT"]


def test_an_unregistered_phone_is_retired_and_not_tried_again(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    _borrower_with_phone()
    channel.answer = lambda _message: DeliveryResult(
        Outcome.REFUSED, error_code="UNREGISTERED", verdict=EndpointVerdict.INVALID
    )

    _reached(engine, STEP, set_clock)
    _reached(engine, STEP + timedelta(days=1), set_clock)

    assert _rows(EndpointRow.state) == ["invalid"]
    assert len(channel.sent) == 1
    assert _states("in_app") == ["delivered", "delivered"]


def test_a_refusal_of_an_old_token_leaves_the_newer_one_alone(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    _borrower_with_phone()

    def register_anew() -> None:
        with unit_of_work() as work:
            work.session.scalars(select(EndpointRow)).one().address_digest = "newer"

    channel.before = register_anew
    channel.answer = lambda _message: DeliveryResult(
        Outcome.REFUSED, error_code="UNREGISTERED", verdict=EndpointVerdict.INVALID
    )

    _reached(engine, STEP, set_clock)

    assert _rows(EndpointRow.state) == ["active"]


def test_a_transient_failure_is_tried_again_later_under_the_same_id(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    _borrower_with_phone()
    channel.answer = lambda _message: DeliveryResult(Outcome.RETRY, error_code="UNAVAILABLE", retry_after_seconds=60)
    _reached(engine, STEP, set_clock)
    channel.answer = lambda _message: DeliveryResult(Outcome.ACCEPTED)

    _reached(engine, STEP + timedelta(seconds=59), set_clock)
    _reached(engine, STEP + timedelta(seconds=61), set_clock)

    assert len(channel.sent) == 2
    assert len({message.message_id for message in channel.sent}) == 1
    assert _states("push") == ["sent"]


def test_a_message_is_never_sent_after_its_end(engine: Engine, channel: FakeChannel, set_clock: SetClock) -> None:
    _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)

    _reached(engine, STEP + timedelta(hours=10), set_clock)

    assert channel.sent == []
    assert _states("push") == ["expired"]


def test_a_claim_whose_worker_died_is_taken_over_when_its_lease_has_run_out(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)
    _claim_as("dead worker", leased_until=START)  # long past on the machine's clock

    engine.drain()

    assert len(channel.sent) == 1
    assert _states("push") == ["sent"]


def test_a_claim_that_is_alive_is_left_to_its_worker(engine: Engine, channel: FakeChannel, set_clock: SetClock) -> None:
    _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)
    _claim_as("other worker", leased_until=datetime(2999, 1, 1, tzinfo=UTC))

    engine.drain()

    assert channel.sent == []


def test_what_was_decided_for_many_under_older_rules_is_decided_again_in_one_go(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    for _ in range(3):
        _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)
    with unit_of_work() as work:
        activate_document(work, {**default_document(), "version": 2}, author="ops", now=STEP)

    engine.drain()

    assert len(channel.sent) == 3


def test_what_a_dead_worker_held_when_the_payment_came_is_put_back_and_cancelled(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    built = _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)
    _claim_as("dead worker", leased_until=START)
    pay(built, 10_000, now=STEP)

    engine.drain()  # would never come to rest

    assert channel.sent == []
    assert _states("push") == ["cancelled"]


def test_a_worker_that_was_frozen_records_nothing_over_the_one_who_took_over(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)
    slow = Dispatcher({"push": channel}, owner="slow", lease=timedelta(0))  # its lease is over before its provider answers
    channel.answer = lambda _message: DeliveryResult(Outcome.RETRY, error_code="UNAVAILABLE")
    channel.before = lambda: _claim_as("other", leased_until=datetime(2999, 1, 1, tzinfo=UTC))

    slow.run_once(now=STEP)

    assert _states("push") == ["sending"]
    assert _rows(MessageRow.leased_by) == [None, "other"] or _rows(MessageRow.leased_by) == ["other", None]


def test_a_worker_that_was_frozen_before_the_wire_finds_its_claim_taken(
    engine: Engine, channel: FakeChannel, set_clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the other one has its name, as one may who was started under the same process id."""
    _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)
    slow = Dispatcher({"push": channel}, owner="same name", lease=timedelta(0))
    far = datetime(2999, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(slow, "_put_back", lambda *_: _claim_as("same name", leased_until=far))

    slow.run_once(now=STEP)

    assert channel.sent == []
    assert _states("push") == ["sending"]


def test_an_answer_that_came_after_the_claim_was_taken_over_still_counts(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)
    impatient = FakeChannel(answer=lambda _message: DeliveryResult(Outcome.RETRY, error_code="UNAVAILABLE"))
    slow = Dispatcher({"push": channel}, owner="slow", lease=timedelta(0))
    channel.before = lambda: Engine(Dispatcher({"push": impatient}, owner="quick")).dispatch_all()  # type: ignore[assignment]

    slow.run_once(now=STEP)
    channel.before = lambda: None
    _reached(engine, STEP + timedelta(minutes=1), set_clock)

    assert len(channel.sent) == 1
    assert _states("push") == ["sent"]


def test_a_stale_message_that_nobody_looked_at_in_time_comes_to_an_end(engine: Engine, set_clock: SetClock) -> None:
    _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)
    with unit_of_work() as work:
        work.session.query(MessageRow).filter_by(channel="push").update({"state": "stale"})

    _reached(engine, STEP + timedelta(days=3), set_clock)  # the engines were down: the contact is out of sight by now

    assert "stale" not in _states("push")


def test_money_the_core_knew_of_before_the_last_look_settles_the_inbox_when_it_is_told(
    engine: Engine, set_clock: SetClock
) -> None:
    built = _borrower_with_phone()
    _reached(engine, STEP, set_clock)
    told = STEP + timedelta(days=4)
    _reached(engine, told, set_clock)

    pay(built, 10_000, now=told + timedelta(hours=1), recorded_at=told - timedelta(hours=1))

    assert set(_rows(ContactRow.state)) == {"settled"}


def test_a_payment_by_file_on_a_day_with_another_step_takes_back_and_contacts_in_one_go(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    """What was tried keeps its place under the cap, in the same decision that takes it back."""
    first = _borrower_with_phone()
    channel.answer = lambda _message: DeliveryResult(Outcome.UNCERTAIN)
    _reached(engine, STEP, set_clock)
    build_loan(now=STEP, due=[STEP.date() + timedelta(days=1)], borrower_no=first.borrower_no, recorded_at=START)
    later = STEP + timedelta(seconds=5)
    _pay_by_file(first, now=later)
    with unit_of_work() as work:
        document = default_document()
        document["steps"] = [{"key": "new", "offset_days": -1, "at": "10:30", "template": "due_soon"}]
        activate_document(work, {**document, "version": 2}, author="ops", now=later)
    channel.answer = lambda _message: DeliveryResult(Outcome.ACCEPTED)

    _reached(engine, STEP + timedelta(minutes=30), set_clock)

    assert len(channel.sent) == 1
    with reading() as session:
        assert session.scalar(select(DecisionRow.reason).where(DecisionRow.step_key == "new")) == "CAP_PERSON"


def test_steps_reached_in_an_outage_have_their_decision_though_the_plan_was_replaced_twice(
    engine: Engine, set_clock: SetClock
) -> None:
    built = _borrower_with_phone()
    _reached(engine, START + timedelta(days=2), set_clock)
    replan(built, [DUE + timedelta(days=1)], now=STEP + timedelta(hours=1), by_file=True)
    replan(built, [DUE + timedelta(days=2)], now=STEP + timedelta(hours=2), by_file=True)

    _reached(engine, STEP + timedelta(hours=3), set_clock)

    with reading() as session:
        found = session.execute(select(DecisionRow.anchor_no, DecisionRow.step_key, DecisionRow.reason))
        assert (1, "d-1", "REANCHORED") in {tuple(row) for row in found}
        assert not any(check_invariants(session, until=STEP + timedelta(hours=3)).values())


def test_steps_reached_in_an_outage_have_their_decision_though_the_loan_was_written_off(
    engine: Engine, set_clock: SetClock
) -> None:
    built = _borrower_with_phone()
    _reached(engine, START + timedelta(hours=25), set_clock)
    set_status(built, "written_off", now=STEP + timedelta(hours=1))

    _reached(engine, STEP + timedelta(days=5), set_clock)
    set_status(built, "active", now=STEP + timedelta(days=5))
    _reached(engine, datetime(2026, 3, 17, 10, tzinfo=UTC), set_clock)

    with reading() as session:
        found = session.execute(select(DecisionRow.step_key, DecisionRow.reason).order_by(DecisionRow.occurs_at))
        steps = [tuple(row) for row in found]
        counts = check_invariants(session, until=datetime(2026, 3, 17, 10, tzinfo=UTC))
    assert steps == [("d-7", "ON_SCHEDULE"), ("d-3", "WRITTEN_OFF"), ("d-1", "WRITTEN_OFF"), ("d+7", "ON_SCHEDULE")]
    assert not any(counts.values())


def test_new_rules_wake_everyone_without_touching_their_rows(engine: Engine, set_clock: SetClock) -> None:
    _borrower_with_phone()
    _reached(engine, START + timedelta(hours=2), set_clock)
    document = default_document()
    document["steps"] = [{"key": "soon", "offset_days": -6, "template": "due_soon"}]
    with unit_of_work() as work:
        activate_document(work, {**document, "version": 2}, author="ops", now=START + timedelta(hours=3))
    wakes = _rows(AgendaRow.wake_at)

    _reached(engine, START + timedelta(hours=4), set_clock)

    assert _rows(AgendaRow.wake_at) != wakes
    assert _rows(AgendaRow.wake_at) == [datetime(2026, 3, 4, 10, tzinfo=UTC)]


def test_a_version_of_a_policy_is_activated_once(engine: Engine) -> None:
    with pytest.raises(ConflictError), unit_of_work() as work:
        activate_document(work, default_document(), author="ops", now=START)


def test_new_rules_are_asked_before_anything_decided_under_older_ones_leaves(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    _borrower_with_phone()
    set_clock(STEP)
    sweep(now=STEP)
    with unit_of_work() as work:
        document = {**default_document(), "version": 2}
        activate_document(work, document, author="ops", now=STEP)

    engine.drain()

    assert len(channel.sent) == 1
    assert _rows(MessageRow.rules_epoch) == [2, 2] or sorted(_rows(MessageRow.rules_epoch)) == [1, 2]


def test_a_case_that_cannot_be_decided_does_not_hold_up_the_others(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    broken = _borrower_with_phone()
    _borrower_with_phone()
    with unit_of_work() as work:
        work.session.get_one(BorrowerRow, broken.borrower_id).zone = "No/Such_Zone"

    _reached(engine, STEP, set_clock)

    assert len(channel.sent) == 1
    with reading() as session:
        assert session.get_one(AgendaRow, broken.borrower_id).wake_at == STEP + timedelta(minutes=10)


def test_a_step_key_that_a_new_policy_moves_is_not_said_twice(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    _borrower_with_phone()
    _reached(engine, START + timedelta(days=1, hours=1), set_clock)  # d-7
    document = default_document()
    document["steps"] = [{"key": "d-7", "offset_days": -2, "template": "due_soon"}]
    with unit_of_work() as work:
        activate_document(work, {**document, "version": 2}, author="ops", now=START + timedelta(days=2))

    _reached(engine, datetime(2026, 3, 8, 10, tzinfo=UTC), set_clock)

    assert len(channel.sent) == 1


def test_a_place_under_the_cap_that_was_used_and_taken_back_stays_used(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    """The first push may have arrived (no answer came); the next step of the same day must not make it two."""
    first = _borrower_with_phone()
    channel.answer = lambda _message: DeliveryResult(Outcome.UNCERTAIN)
    _reached(engine, STEP, set_clock)
    pay(first, 10_000, now=STEP + timedelta(seconds=5))
    channel.answer = lambda _message: DeliveryResult(Outcome.ACCEPTED)
    build_loan(now=STEP, due=[STEP.date() + timedelta(days=1)], borrower_no=first.borrower_no, recorded_at=START)

    _reached(engine, STEP + timedelta(hours=1), set_clock)

    assert len(channel.sent) == 1


def test_a_year_of_travel_leaves_no_invariant_broken(engine: Engine, set_clock: SetClock) -> None:
    built = build_loan(now=START, due=[DUE + timedelta(days=30 * n) for n in range(4)], zone="Asia/Shanghai")
    give_phone(built, now=START, zone="America/New_York")
    _let_the_clock_be_moved(set_clock)

    travel(datetime(2026, 5, 1, tzinfo=UTC), engine.drain)

    with reading() as session:
        counts = check_invariants(session, until=datetime(2026, 5, 1, tzinfo=UTC))
    assert {name: count for name, count in counts.items() if count} == {}
    assert len(_rows(DecisionEventRow.seq)) >= 9


def test_the_moved_clock_stands_still_where_an_escalation_is_to_be_looked_at(engine: Engine, set_clock: SetClock) -> None:
    built = build_loan(now=START, due=[START.date() - timedelta(days=2)], zone="UTC")
    steps = a_policy()["steps"]
    steps[0]["approval"] = {"people": 1}
    put_in_force(built.lender_id, now=START, steps=steps)
    _let_the_clock_be_moved(set_clock)

    travel(START + timedelta(days=8), engine.drain)

    (wanted_at,) = _rows(EscalationStepRow.wanted_at)[:1]
    assert wanted_at == datetime(2026, 3, 5, tzinfo=UTC)  # five days past due, at midnight


def test_the_oracle_sees_a_missing_decision_a_late_push_and_a_night_contact(engine: Engine, set_clock: SetClock) -> None:
    built = _borrower_with_phone()
    _reached(engine, STEP, set_clock)
    with unit_of_work() as work:
        work.session.query(DeliveryAttemptRow).update({"started_at": datetime(2026, 3, 9, 23, 0, tzinfo=UTC)})
        work.session.query(DecisionEventRow).delete()
        work.session.query(DecisionRow).delete()
    with reading() as session:
        broken = check_invariants(session, until=STEP + timedelta(hours=1))
    pay(built, 10_000, now=STEP + timedelta(hours=1))

    assert broken["candidates_without_decision"] == 3  # d-7, d-3 and d-1
    assert broken["contacts_in_quiet_hours"] == 1
    assert broken["pushes_after_payment"] == 1


def _states(channel: str) -> list[str]:
    with reading() as session:
        noticed = MessageRow.withdraws_id.is_(None)
        return list(session.scalars(select(MessageRow.state).where(MessageRow.channel == channel, noticed)))


def _pay_by_file(built: Built, *, now: datetime) -> None:
    """A payment by a door that leaves the deciding to the sweep."""
    values = PaymentValues("by file", built.loan_no, 10_000, "USD", now.date())
    with unit_of_work() as work:
        record_payments(work, get_lender(work.session, built.lender_id), [values], now=now, origin="test")
        rebuild_positions(work, [built.loan_id])


def _claim_as(owner: str, *, leased_until: datetime) -> None:
    with unit_of_work() as work:
        claimed = claim_batch(work.session, "push", now=STEP, machine_now=system_now(), limit=10)
        mark_sending(work.session, [message.id for message in claimed], owner=owner, leased_until=leased_until)


def _let_the_clock_be_moved(set_clock: SetClock) -> None:
    from app import clock
    from app.engine.travel import set_frozen
    from app.persistence.queries.clocks import stored_source

    set_frozen(START)
    clock.use(stored_source(db.engine))


def _book_says(built: Built, **changes: object) -> None:
    with unit_of_work() as work:
        work.session.execute(update(LoanRow).where(LoanRow.id == built.loan_id).values(**changes))


def test_nothing_is_said_of_a_plan_that_was_only_estimated(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    _book_says(_borrower_with_phone(), marks=[ESTIMATED_PLAN])

    _reached(engine, STEP + timedelta(days=20), set_clock)

    assert channel.sent == []
    assert set(_rows(DecisionRow.reason)) == {"PLAN_ESTIMATED"}


@pytest.mark.parametrize(("days", "sent"), [([0, 0], 0), ([0, 30], 1), ([10, 10], 1)])
def test_nothing_is_said_of_what_the_core_has_as_paid(
    engine: Engine, channel: FakeChannel, set_clock: SetClock, days: list[int], sent: int
) -> None:
    figures = {"principal_balance_minor": None, "outstanding_minor": None, "overdue_minor": None, "days_past_due": days}
    _book_says(_borrower_with_phone(), core_as_of=DUE + timedelta(days=5), core_figures=figures)

    _reached(engine, datetime(2026, 3, 17, 10, tzinfo=UTC), set_clock)

    assert len(channel.sent) == sent
    assert ("CORE_SAYS_PAID" in _rows(DecisionRow.reason)) is not bool(sent)


def test_what_was_not_seen_by_the_afternoon_goes_to_the_borrowers_phone(
    app: Flask, channel: FakeChannel, set_clock: SetClock
) -> None:
    document = {**default_document(), "policy": "ladder"}
    document["defaults"]["ladder"] = [{"channel": "push"}, {"channel": "sms", "after": "PT4H", "unless": "seen"}]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    texts = FakeChannel(name="sms")
    engine = Engine(Dispatcher({"push": channel, "sms": texts}, owner="tester"))
    give_phone(build_loan(now=START, due=[DUE], phone="+447400000001"), now=START)

    _reached(engine, STEP, set_clock)
    early = list(texts.sent)
    _reached(engine, STEP + timedelta(hours=4), set_clock)

    assert (len(channel.sent), early) == (1, [])
    assert [(text.target.address_kind, text.target.address) for text in texts.sent] == [("phone", "+447400000001")]
