"""How arrears escalate, as values: what holds for any policy, any run of proofs, payments, holds and yeses."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.escalation_cases import NOT_ASKED, EscalationCase, GateStop, Spell, StepState
from app.domain.escalation_policies import (
    CAP,
    CREDIT,
    FORBEARANCE,
    NOTICE_KINDS,
    After,
    Approval,
    EscalationPolicy,
    EscalationStep,
    Kind,
    Notice,
)
from app.domain.escalation_reasons import Ends, Outcome, Why
from app.domain.escalation_runs import Assumptions, run
from app.domain.escalations import decide, unasked
from app.domain.holds import Hold

DUE = date(2026, 3, 10)
DAY = timedelta(days=1)


def noon(days_late: int) -> datetime:
    return datetime(2026, 3, 10, 12, 0, tzinfo=UTC) + days_late * DAY


def a_step(key: str, kind: Kind, days: int, after: str | None = None, lapse: int = 10, **more: object) -> EscalationStep:
    notice = Notice(kind.value, "letter_arrears") if kind in NOTICE_KINDS else None
    return EscalationStep(key, kind, days, None if after is None else After(after, lapse), notice, **more)  # type: ignore[arg-type]


NOTICE = a_step("notice", Kind.ARREARS_NOTICE, 5)
LETTER = a_step("letter", Kind.REPAYMENT_LETTER, 10, "notice", approval=Approval())
PRE = a_step("pre", Kind.PRE_REPORT_NOTICE, 20, "letter")
REPORT = a_step("report", Kind.REPORT, 30, "pre", needs=frozenset({FORBEARANCE, CAP}), register=CREDIT)
COLLATERAL = a_step("collateral", Kind.COLLATERAL_NOTICE, 30, "letter", secured_only=True)
REFERRAL = a_step("referral", Kind.REFERRAL, 40, "collateral", law=("enforce",), approval=Approval(people=2))
STEPS = (NOTICE, LETTER, PRE, REPORT, COLLATERAL, REFERRAL)


def a_policy(*steps: EscalationStep, **changes: object) -> EscalationPolicy:
    policy = EscalationPolicy("id", "test", 1, 5, {}, time(9), steps or STEPS)
    return replace(policy, **changes)  # type: ignore[arg-type]


def a_case(spell: Spell | None = None, **changes: object) -> EscalationCase:
    case = EscalationCase(
        "loan", "UTC", "CNY", DUE, None, 10_000, 1, forbearance_on=DUE + 6 * DAY, is_secured=True, spell=spell
    )
    return replace(case, **changes)  # type: ignore[arg-type]


def a_spell(**steps: StepState) -> Spell:
    return Spell(1, DUE, steps)


def arrived(days_late: int) -> StepState:
    at = noon(days_late)
    return StepState(Outcome.DELIVERED, 1, at, True, at)


def yes(days_late: int, people: int = 1) -> StepState:
    return StepState(Outcome.NEEDS_APPROVAL, approved_at=(noon(days_late),) * people)


def what(
    case: EscalationCase, key: str, now: datetime, policy: EscalationPolicy | None = None, **gates: GateStop | None
) -> str:
    decided = decide(case, policy or a_policy(), now, gates)
    return next(f"{each.outcome} {each.reason}" for each in decided.steps if each.step.key == key)


OLD = a_spell(notice=arrived(5), letter=arrived(16), pre=arrived(27))
HOLD = Hold("hardship", noon(0), None, noon(0))


@pytest.mark.parametrize(
    ("case", "now", "told"),
    [
        (a_case(OLD), noon(36), "waiting NOTICE_TOO_RECENT"),
        (a_case(OLD), noon(37), "ready ON_SCHEDULE"),
        (a_case(OLD, holds=(HOLD,)), noon(37), "stopped HOLD_HARDSHIP"),
        (a_case(OLD, holds=(replace(HOLD, loan_id="another"),)), noon(37), "ready ON_SCHEDULE"),
        (a_case(OLD, has_dispute=True), noon(37), "stopped OPEN_DISPUTE"),
        (a_case(OLD, forbearance_on=None), noon(37), "stopped FORBEARANCE_NOT_CONSIDERED"),
        (a_case(OLD, forbearance_on=DUE - DAY), noon(37), "stopped FORBEARANCE_NOT_CONSIDERED"),
        (a_case(OLD, is_cap_known=False), noon(37), "stopped CAP_UNKNOWN"),
        (a_case(OLD), noon(37) - timedelta(hours=4), "waiting BEFORE_HOURS"),
        (a_case(replace(OLD, steps={**OLD.steps, "pre": StepState(Outcome.HANDED_OVER, 1, noon(27), True)})), noon(90),
         "waiting NOTICE_NOT_DELIVERED"),
        (a_case(replace(OLD, steps={**OLD.steps, "pre": StepState(Outcome.HANDED_OVER, 1, noon(27), True, came_back=True)})),
         noon(90), "waiting EARLIER_STEP_OUTSTANDING"),
        (a_case(OLD, oldest_due_on=DUE + 20 * DAY), noon(37), "waiting NOT_LATE_ENOUGH"),
    ],
)  # fmt: skip
def test_a_report_happens_when_everything_is_in_order_and_else_says_why_not(
    case: EscalationCase, now: datetime, told: str
) -> None:
    assert what(case, "report", now, report=None) == told


@pytest.mark.parametrize(
    ("key", "after", "now", "told"),
    [
        ("report", "pre", noon(41), "waiting NOTICE_TOO_RECENT"),
        ("report", "pre", noon(42), "ready ON_SCHEDULE"),
        ("pre", "letter", noon(30), "ready ON_SCHEDULE"),
    ],
)
def test_what_a_letter_announces_waits_until_the_day_that_it_leaves_is_over(
    key: str, after: str, now: datetime, told: str
) -> None:
    steps = {"notice": arrived(5), "letter": arrived(16), "pre": arrived(27)}
    steps[after] = replace(steps[after], answer_by=DUE + 41 * DAY)
    spell = Spell(1, DUE, {name: steps[name] for name in steps if name != key})

    assert what(a_case(spell), key, now, pre=None, report=None) == told


def test_a_report_that_nobody_was_asked_about_does_not_happen() -> None:
    assert what(a_case(OLD), "report", noon(40)) == "stopped LAW_NOT_ASKED"
    assert [step.key for step in unasked(decide(a_case(OLD), a_policy(), noon(40)))] == ["report"]


def test_what_the_law_says_is_the_reason_with_its_rule_and_the_day_from_which_it_would() -> None:
    stop = GateStop("LAW", "UK-DEFAULT-NOTICE", DUE + 60 * DAY, ("default_notice",))

    decided = decide(a_case(OLD), a_policy(), noon(40), {"report": stop})

    report = next(each for each in decided.steps if each.step.key == "report")
    assert (report.outcome, report.reason, report.rule, report.due_on) == ("stopped", "LAW", stop.rule, stop.allowed_on)
    assert report.look_at == datetime(2026, 5, 9, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("letter", "now", "told"),
    [
        (StepState(Outcome.WAITING), noon(20), "needs_approval NEEDS_APPROVAL"),
        (yes(19), noon(20), "ready ON_SCHEDULE"),
        (yes(19), noon(49), "needs_approval APPROVAL_LAPSED"),
        (StepState(Outcome.NEEDS_APPROVAL, is_declined=True), noon(20), "declined DECLINED"),
    ],
)
def test_where_the_policy_says_so_a_person_says_yes_and_a_yes_lapses(letter: StepState, now: datetime, told: str) -> None:
    assert what(a_case(a_spell(notice=arrived(5), letter=letter)), "letter", now) == told


def test_two_people_say_yes_where_the_policy_asks_for_two() -> None:
    spell = a_spell(notice=arrived(5), letter=arrived(16), collateral=arrived(30))

    one = a_case(replace(spell, steps={**spell.steps, "referral": yes(45)}))
    two = a_case(replace(spell, steps={**spell.steps, "referral": yes(45, 2)}))

    assert what(one, "referral", noon(46), referral=None) == "needs_approval NEEDS_SECOND_APPROVAL"
    assert what(two, "referral", noon(46), referral=None) == "ready ON_SCHEDULE"


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({"oldest_due_on": None, "overdue_minor": 0}, Ends.CURED),
        ({"is_over": True}, Ends.LOAN_OVER),
        ({"anchor_no": 2}, Ends.REPLANNED),
        ({"is_arranged": True}, Ends.ARRANGED),
        ({}, None),
    ],
)
def test_what_ends_an_escalation(changes: dict[str, object], ends: Ends | None) -> None:
    decided = decide(a_case(OLD, **changes), a_policy(), noon(37))

    assert decided.ends == ends
    assert (decided.steps == ()) == (ends is not None)


def test_what_a_person_stopped_stands_still_until_the_arrears_are_over() -> None:
    stopped = replace(OLD, is_stopped=True)

    assert decide(a_case(stopped), a_policy(), noon(90)).steps == ()
    assert decide(a_case(stopped, oldest_due_on=None, overdue_minor=0), a_policy(), noon(90)).ends == Ends.CURED


def test_a_notice_that_came_back_is_served_again_as_often_as_the_policy_says() -> None:
    once = StepState(Outcome.HANDED_OVER, 1, noon(5), True, came_back=True)

    assert what(a_case(a_spell(notice=once)), "notice", noon(9)) == "ready ON_SCHEDULE"
    assert what(a_case(a_spell(notice=replace(once, attempt_no=2))), "notice", noon(9)) == "returned NOTICE_RETURNED"


def test_a_notice_that_has_not_left_is_taken_back_when_a_hold_comes() -> None:
    waiting = StepState(Outcome.HANDED_OVER, 1, noon(5))
    case = a_case(a_spell(notice=waiting), holds=(HOLD,))

    notice = decide(case, a_policy(), noon(6)).steps[0]
    gone = decide(replace(case, spell=a_spell(notice=replace(waiting, has_left=True))), a_policy(), noon(6)).steps[0]

    assert (notice.outcome, notice.reason, notice.withdraw) == ("stopped", "HOLD_HARDSHIP", True)
    assert (gone.outcome, gone.withdraw) == ("handed_over", False)


def test_steps_about_collateral_are_not_for_loans_without_any() -> None:
    case = a_case(OLD, is_secured=False)

    assert what(case, "collateral", noon(60)) == "not_applicable NO_COLLATERAL"
    assert what(case, "referral", noon(60)) == "not_applicable EARLIER_STEP_NOT_APPLICABLE"


def test_less_than_the_least_begins_nothing_and_lets_no_step_happen() -> None:
    policy = a_policy(min_overdue_minor={"CNY": 10_001})

    assert decide(a_case(), policy, noon(30)).begins is False
    assert what(a_case(OLD), "report", noon(40), policy) == "stopped BELOW_MINIMUM"


def test_without_a_policy_nothing_happens_but_what_is_over_ends() -> None:
    assert decide(a_case(), None, noon(90)).begins is False
    assert decide(a_case(OLD), None, noon(90)).steps == ()
    assert decide(a_case(OLD, oldest_due_on=None, overdue_minor=0), None, noon(90)).ends == Ends.CURED


# -- what holds over any run of days -----------------------------------------------------------------------------------


@dataclass
class World:
    """One loan as recorded, moved day by day by what may happen."""

    policy: EscalationPolicy
    case: EscalationCase = field(default_factory=lambda: a_case(forbearance_on=None))
    spell: Spell | None = None
    happened: list[tuple[str, datetime, EscalationCase, Spell]] = field(default_factory=list)
    ends: list[tuple[Ends, datetime]] = field(default_factory=list)
    gate: GateStop | None = None

    def act(self, act: str, key: str, now: datetime) -> None:
        """What may happen to a loan, or to a step of it."""
        state = None if self.spell is None else self.spell.steps.get(key)
        case = self.case
        is_out = state is not None and state.outcome is Outcome.HANDED_OVER and state.delivered_at is None
        if act == "arrives" and is_out:
            self.change(key, delivered_at=now)
        elif act == "comes back" and is_out:
            self.change(key, came_back=True)
        elif act == "yes" and state is not None and state.outcome is Outcome.NEEDS_APPROVAL:
            self.change(key, approved_at=(*state.approved_at, now))
        elif act == "late" and case.oldest_due_on is None:
            self.case = replace(case, oldest_due_on=now.date() - DAY, overdue_minor=500)
        elif act in ("law", "no law"):
            self.gate = GateStop("LAW", "RULE") if act == "law" else None
        else:
            changes: dict[str, dict[str, object]] = {
                "pays": {"oldest_due_on": None, "overdue_minor": 0},
                "dispute": {"has_dispute": True},
                "settled": {"has_dispute": False},
                "hold": {"holds": (HOLD,)},
                "free": {"holds": ()},
                "replan": {"anchor_no": case.anchor_no + 1},
                "help": {"forbearance_on": now.date()},
            }
            self.case = replace(case, **changes.get(act, {}))  # type: ignore[arg-type]

    def look(self, now: datetime) -> None:
        case = replace(self.case, spell=self.spell)
        gates = {step.key: self.gate for step in unasked(decide(case, self.policy, now))}
        decided = decide(case, self.policy, now, gates or NOT_ASKED)
        if decided.ends is not None:
            self.ends.append((decided.ends, now))
            self.spell = None
        if decided.begins:
            assert case.oldest_due_on is not None
            self.spell = Spell(case.anchor_no, case.oldest_due_on)
        for each in decided.steps:
            assert self.spell is not None
            state = self.spell.steps.get(each.step.key, StepState(each.outcome))
            if each.outcome is Outcome.READY:
                self.happened.append((each.step.key, now, case, self.spell))
                done = each.step.notice is None
                state = replace(
                    state, outcome=Outcome.DONE if done else Outcome.HANDED_OVER, attempt_no=state.attempt_no + 1,
                    handed_over_at=now, delivered_at=now if done else None, came_back=False, never_left=False, has_left=True,
                )  # fmt: skip
            else:
                state = replace(state, outcome=each.outcome)
            self.spell = replace(self.spell, steps={**self.spell.steps, each.step.key: state})

    def change(self, key: str, **changes: object) -> None:
        if self.spell is not None and key in self.spell.steps:
            state = replace(self.spell.steps[key], **changes)  # type: ignore[arg-type]
            self.spell = replace(self.spell, steps={**self.spell.steps, key: state})


KEYS = [step.key for step in STEPS]
ACTS = st.one_of(
    st.tuples(st.just("arrives"), st.sampled_from(KEYS)),
    st.tuples(st.just("arrives"), st.sampled_from(KEYS)),
    st.tuples(st.just("comes back"), st.sampled_from(KEYS)),
    st.tuples(st.just("yes"), st.sampled_from(KEYS)),
    st.tuples(st.just("yes"), st.sampled_from(KEYS)),
    st.tuples(st.sampled_from(["pays", "late", "dispute", "settled", "hold", "free", "replan", "help", "law", "no law"]),
              st.just("")),
)  # fmt: skip


@given(st.lists(st.tuples(st.integers(1, 12), st.lists(ACTS, max_size=3)), min_size=5, max_size=40))
def test_over_any_run_of_events_no_step_happens_before_what_must_come_first(
    days: list[tuple[int, list[tuple[str, str]]]],
) -> None:
    world, now = World(a_policy()), noon(0)
    for pause, acts in days:
        now += pause * DAY
        for act, key in acts:
            world.act(act, key, now)
        world.look(now)
        if world.ends and world.ends[-1][1] == now:
            continue  # what ended by another plan may begin anew at once
        was = len(world.happened)
        world.look(now)
        assert len(world.happened) == was, "the same moment twice changes nothing"

    for key, at, case, spell in world.happened:
        step = next(step for step in STEPS if step.key == key)
        assert case.oldest_due_on is not None
        assert (at.date() - case.oldest_due_on).days >= step.days_past_due
        assert not case.has_dispute
        assert not case.holds
        assert case.anchor_no == spell.anchor_no
        if step.after is not None:
            before = spell.steps[step.after.step].delivered_at
            assert before is not None
            assert (at.date() - before.date()).days >= step.after.days
        if FORBEARANCE in step.needs:
            assert case.forbearance_on is not None
            assert case.forbearance_on >= spell.late_since
        if step.approval is not None:
            assert len(spell.steps[key].approved_at) >= step.approval.people


def test_a_run_without_payments_reaches_every_step_on_the_day_that_the_assumptions_give() -> None:
    def case_at(at: datetime) -> EscalationCase:
        late = at.date() > DUE
        return a_case(oldest_due_on=DUE if late else None, next_due_on=None if late else DUE, overdue_minor=10_000 * late)

    found = run(
        case_at, a_policy(), None, start=noon(-3), until=noon(120),
        assumed=Assumptions(delivery_days=2, approval_days=1), ask=lambda *_: None,
    )  # fmt: skip

    days = {(each.step.key, str(each.outcome)): (each.at.date() - DUE).days for each in found if each.step}
    # The notice leaves at nine on the fifth day and arrives on the seventh; the letter waits ten days, and for a yes.
    assert days["notice", "handed_over"] == 5
    assert days["notice", "delivered"] == 7
    assert days["letter", "needs_approval"] == 17
    assert days["letter", "handed_over"] == 18
    assert days["pre", "handed_over"] == 30
    assert days["report", "done"] == 42
    assert days["collateral", "handed_over"] == 30
    assert days["referral", "done"] == 44


def test_a_run_waits_as_long_as_the_letter_would_leave() -> None:
    def case_at(at: datetime) -> EscalationCase:
        return a_case(oldest_due_on=DUE, overdue_minor=10_000)

    found = run(
        case_at, a_policy(), None, start=noon(5), until=noon(120), assumed=Assumptions(delivery_days=2, approval_days=1),
        ask=lambda *_: None, leaves_days={"pre": 14},
    )  # fmt: skip

    days = {(each.step.key, str(each.outcome)): (each.at.date() - DUE).days for each in found if each.step}
    assert days["report", "done"] - days["pre", "handed_over"] == 15


def test_why_codes_and_ends_are_told_apart() -> None:
    assert {each.value for each in Why}.isdisjoint(each.value for each in Ends)


def came_back(attempt_no: int) -> StepState:
    return StepState(Outcome.DELIVERED, attempt_no, noon(16), True, came_back=True)


def test_a_notice_that_came_back_after_it_was_told_as_delivered_is_served_again_and_nothing_rests_on_it() -> None:
    spell = a_spell(notice=arrived(5), letter=replace(came_back(1), approved_at=(noon(30),)))

    assert what(a_case(spell), "letter", noon(31)) == "ready ON_SCHEDULE"
    assert what(a_case(spell), "pre", noon(31)) == "waiting EARLIER_STEP_OUTSTANDING"


def test_one_that_came_back_as_often_as_it_is_served_stays_so() -> None:
    spell = a_spell(notice=arrived(5), letter=came_back(9))

    assert what(a_case(spell), "letter", noon(31)) == "returned NOTICE_RETURNED"
    assert what(a_case(spell), "pre", noon(31)) == "waiting NOTICE_NOT_DELIVERED"
