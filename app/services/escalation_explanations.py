"""Why a step of a loan's escalation happened or did not: as decided now, by the function that decides live."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.escalation_cases import EscalationCase, StepDecision
from app.domain.escalation_policies import EscalationPolicy
from app.domain.escalation_reasons import Ends, Why
from app.domain.escalations import decide, unasked
from app.domain.times import business_date
from app.services.escalation_cases import STOPPED, LoadedEscalation, load_escalations
from app.services.escalation_gates import ask_gates

NONE = "none"


@dataclass(frozen=True, slots=True)
class StepExplained:
    """One step as it stands now. `row`: as recorded; None: its turn has not come."""

    key: str
    kind: str
    outcome: str
    reason: str
    rule: str | None
    due_on: date | None
    facts: Mapping[str, Any]
    row: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class LoanExplained:
    """How far a loan's arrears have escalated. `state`: none, open, stopped; `reason`: why there is none, or no step."""

    loan_no: str
    state: str
    policy: str | None
    policy_version: int | None
    days_past_due: int
    overdue_minor: int
    currency: str
    late_since: date | None
    reason: str | None
    next_look_at: datetime | None
    steps: tuple[StepExplained, ...] = field(default=())


def explain_loan(session: Session, borrower_id: str, loan_id: str, *, now: datetime) -> LoanExplained | None:
    """Return how a loan's escalation stands; None for a loan without a plan. Reads only."""
    found = [each for each in load_escalations(session, [borrower_id], now, loan_ids=[loan_id]) if each.loan_id == loan_id]
    if not found:
        return None
    (each,) = found
    case = each.case_now()
    decided = decide(case, each.policy, now)
    gates = ask_gates(session, [(each, unasked(decided))], now).get(loan_id)
    if gates is not None:
        decided = decide(case, each.policy, now, gates)
    days = 0 if case.oldest_due_on is None else (business_date(now, case.zone) - case.oldest_due_on).days
    state = NONE if each.escalation is None else str(each.escalation["state"])
    steps = tuple(_explained(each, step) for step in decided.steps)
    if state == STOPPED and each.policy is not None:
        steps = tuple(_as_recorded(row) for row in each.steps.values())
    return LoanExplained(
        each.loan.loan_no, state, None if each.policy is None else each.policy.key,
        None if each.policy is None else each.policy.version_no, days, case.overdue_minor, case.currency,
        case.oldest_due_on, _why_none(case, each.policy, state, begins=decided.begins), decided.next_look_at, steps,
    )  # fmt: skip


def _explained(each: LoadedEscalation, step: StepDecision) -> StepExplained:
    return StepExplained(
        step.step.key, step.step.kind.value, str(step.outcome), str(step.reason), step.rule, step.due_on, step.facts,
        each.steps.get(step.step.key),
    )  # fmt: skip


def _as_recorded(row: Mapping[str, Any]) -> StepExplained:
    return StepExplained(row["step_key"], row["kind"], row["outcome"], row["reason"], row["rule"], row["due_on"], {}, row)


def _why_none(case: EscalationCase, policy: EscalationPolicy | None, state: str, *, begins: bool) -> str | None:
    """Return why a loan does not escalate; None: it does, or begins to at the next look."""
    if policy is None:
        return Why.NO_POLICY
    if state == STOPPED:
        return Ends.STOPPED_BY_PERSON
    if state != NONE or begins:
        return None
    if case.is_over:
        return Ends.LOAN_OVER
    if case.oldest_due_on is None:
        return Ends.CURED
    if case.is_arranged:
        return Ends.ARRANGED
    is_little = case.overdue_minor < policy.min_overdue_minor.get(case.currency, 0)
    return Why.BELOW_MINIMUM if is_little else Why.NOT_LATE_ENOUGH
