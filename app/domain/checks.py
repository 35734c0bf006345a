"""What speaks against reminding of an instalment, before channels are looked at: money, holds, audience, arms.

Every check is made, also after one has failed, so that a decision can name all that stood in the way.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from app.domain.audiences import ALWAYS
from app.domain.candidates import earlier_key
from app.domain.cases import PROMISE, Case
from app.domain.decided import Candidate, Stop
from app.domain.holds import ALWAYS_STOP, STOPS_STATUTORY, standing_reason
from app.domain.policies import STAGE_ORDER, Policy, Rules, share_of
from app.domain.reasons import PERSON_FLAGS, Reason
from app.domain.times import business_date

_PERCENT = 100
_OWN_HOLD = frozenset({"promise_to_pay"})
"""A promise keeps the ladder of its loan back, and never its own reminders."""
_STATUTORY_FLAGS = frozenset({"deceased", "insolvent", "represented"})


class Arm(NamedTuple):
    """Where a stable hash has put the borrower. `template` None: no message."""

    experiment: str
    arm: str
    template: str | None
    is_holdout: bool = False


def stops_of(candidate: Candidate, case: Case, rules: Rules, now: datetime) -> list[Stop]:
    """Return everything that speaks against a candidate, in the order in which the first decides."""
    return [*_policy(candidate, case, now), *_debt(candidate, case, now), *_person(candidate, case, now),
            *_feed(candidate, now), *_occasion(candidate, case, rules)]  # fmt: skip


def next_hold_at(candidate: Candidate, case: Case, now: datetime) -> datetime | None:
    """Return when a hold that is known already begins to stop a candidate, or None where none does after `now`."""
    kinds = _stopping_holds(candidate)
    return min(
        (
            hold.from_at
            for hold in case.holds
            if hold.from_at > now and hold.kind in kinds and hold.loan_id in (None, candidate.subject.loan_id)
            if hold.stands(hold.from_at)
        ),
        default=None,
    )


def _stopping_holds(candidate: Candidate) -> frozenset[str]:
    if candidate.step.message_class == "statutory":
        return STOPS_STATUTORY
    stopping = ALWAYS_STOP | candidate.policy.stopping
    return stopping - _OWN_HOLD if candidate.subject.kind == PROMISE else stopping


def _policy(candidate: Candidate, case: Case, now: datetime) -> Iterator[Stop]:
    policy = candidate.policy
    if policy.in_force_from is None and policy.in_force_until is None:
        return
    today = business_date(candidate.occurs_at, case.zone or candidate.subject.lender_zone)
    if (policy.in_force_from and today < policy.in_force_from) or (policy.in_force_until and today >= policy.in_force_until):
        yield Stop(Reason.POLICY_INACTIVE, "in_force")


def _debt(candidate: Candidate, case: Case, now: datetime) -> Iterator[Stop]:
    subject = candidate.subject
    least = candidate.policy.tolerance.get(subject.currency)
    if least is not None and subject.open_minor < least and candidate.step.is_capped:
        yield Stop(Reason.BELOW_TOLERANCE, "tolerance", facts={"open_minor": subject.open_minor, "tolerance_minor": least})


def _person(candidate: Candidate, case: Case, now: datetime) -> Iterator[Stop]:
    is_statutory = candidate.step.message_class == "statutory"
    for flag, reason in PERSON_FLAGS.items():
        if flag in case.flags and (not is_statutory or flag in _STATUTORY_FLAGS):
            yield Stop(reason, f"borrower.flags.{flag}")
            break
    if not is_statutory and any(wish.kind == "no_contact" and wish.channel is None for wish in case.wishes):
        yield Stop(Reason.NO_CONTACT_REQUEST, "wish.no_contact")
    if not case.holds:
        return
    found = standing_reason(case.holds, candidate.subject.loan_id, now, _stopping_holds(candidate))
    if found is not None:
        reason, hold = found
        until = {"hold_until": hold.until_at.isoformat()} if hold.until_at else {}
        yield Stop(reason, f"hold.{hold.kind}", facts=until)


def _feed(candidate: Candidate, now: datetime) -> Iterator[Stop]:
    subject, policy = candidate.subject, candidate.policy
    heard_at = subject.loan.heard_at
    if policy.balance_max_age is not None and heard_at is not None and now - heard_at > policy.balance_max_age:
        yield Stop(Reason.BALANCE_STALE, "balance_max_age", facts={"heard_at": heard_at.isoformat()})
    is_drawn = subject.loan.autopay and subject.kind != PROMISE  # what is promised is paid by hand
    is_expected = is_drawn and candidate.step.offset_days <= 0 and "autopay_expected" in policy.stop_on
    if is_expected and candidate.step.is_capped:  # what the law wants said before a drawing is said
        yield Stop(Reason.AUTOPAY_EXPECTED, "stop_on.autopay_expected")


def calendar_note(candidate: Candidate, case: Case, rules: Rules) -> dict[str, str]:
    """Return, for a step that goes by days of business, the fact that the days of its year are not stated; else nothing."""
    if candidate.step.on_non_working_day == "keep":
        return {}
    calendar = rules.calendars.get(candidate.subject.loan.lender_id)
    on = business_date(candidate.occurs_at, case.zone or candidate.subject.lender_zone)
    if calendar is None or calendar.is_known(on):
        return {}
    return {"calendar": "weekends only: no days stated for this year"}


def _occasion(candidate: Candidate, case: Case, rules: Rules) -> Iterator[Stop]:
    step = candidate.step
    if step.on_non_working_day == "skip":
        zone = case.zone or candidate.subject.lender_zone
        on = business_date(candidate.occurs_at, zone)
        calendar = rules.calendars.get(candidate.subject.loan.lender_id)
        if calendar is not None and not calendar.is_business_day(on):
            yield Stop(Reason.NON_WORKING_DAY, "on_non_working_day")
    failed = None if step.audience is ALWAYS else step.audience.failure(audience_facts(candidate, case))
    if failed is not None:
        yield Stop(Reason.AUDIENCE_NOT_MATCHED, "audience", facts={"condition": failed})
    earlier = earlier_key(case, candidate) if step.replaces else None
    if earlier is not None:
        yield Stop(Reason.DUPLICATE_OCCURRENCE, "replaces", facts={"earlier_step": earlier.step_key})


def arm_of(candidate: Candidate, case: Case) -> Arm | None:
    """Return the borrower's arm for this step: held out of all reminders, or in an experiment of the step; else None."""
    step, policy = candidate.step, candidate.policy
    if not step.is_capped or candidate.subject.kind == PROMISE:  # what the borrower asked for is part of no experiment
        return None
    held_out = _holdout(policy, step.stage, case)
    if held_out is not None and held_out.is_holdout:
        return held_out
    if step.experiment is None:
        return held_out
    share, edge = share_of(step.experiment.key, case.borrower_no or case.borrower_id), 0
    for name, percent, template in step.experiment.arms:
        edge += percent * _PERCENT
        if share < edge:
            return Arm(step.experiment.key, name, template)
    return held_out


def template_of(candidate: Candidate, case: Case) -> str:
    """Return the template of a candidate: that of the borrower's arm, else its step's."""
    arm = arm_of(candidate, case)
    return (arm.template if arm else None) or candidate.step.template


def _holdout(policy: Policy, stage: str, case: Case) -> Arm | None:
    holdout = policy.holdout
    if holdout is None or _order(stage) > _order(holdout.max_stage):
        return None
    is_in = share_of(holdout.key, case.borrower_no or case.borrower_id) < holdout.percent * _PERCENT
    return Arm(holdout.key, "holdout" if is_in else "reminded", None if is_in else "", is_in)


def _order(stage: str) -> int:
    return STAGE_ORDER.index(stage) if stage in STAGE_ORDER else len(STAGE_ORDER)


def audience_facts(candidate: Candidate, case: Case) -> Callable[[str], Any]:
    """Return what looks a fact of `audiences.FACTS` up for a candidate. Money comes as (minor units, currency)."""
    subject, step = candidate.subject, candidate.step
    loan = subject.loan

    def past_due() -> tuple[int, int, int]:
        today = business_date(candidate.occurs_at, subject.lender_zone)
        amount, count, oldest = loan.overdue(today)
        return amount, count, (today - oldest).days if oldest else 0

    known: dict[str, Callable[[], Any]] = {
        "amount": lambda: (subject.open_minor, subject.currency),
        "overdue": lambda: (past_due()[0], subject.currency),
        "outstanding": lambda: None if loan.outstanding_minor is None else (loan.outstanding_minor, subject.currency),
        "days_past_due": lambda: past_due()[2],
        "missed_payments": lambda: past_due()[1],
        "row_no": lambda: subject.row_no,
        "open_loans": lambda: len({each.loan_id for each in case.subjects if each.speaks}),
        "promises_broken": lambda: case.promises_broken,
        "autopay": lambda: loan.autopay,
        "officer_known": lambda: case.officer_known,
        "product_kind": lambda: loan.product_kind,
        "licence_kind": lambda: loan.licence_kind,
        "lender": lambda: loan.lender_code,
        "country": lambda: case.country,
        "locale": lambda: case.locale,
        "currency": lambda: subject.currency,
        "stage": lambda: step.stage,
    }

    def look_up(name: str) -> Any:
        found = known.get(name)
        if found is not None:
            return found()
        return "reachable" if case.block_of(name) is None else "unreachable"

    return look_up
