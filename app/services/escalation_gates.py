"""Asking the law, and the gates of reporting, about steps for which everything else is in order: many loans at once."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.credit_gates import LENDER_NOT_ENABLED
from app.domain.escalation_cases import Gates, GateStop
from app.domain.escalation_policies import CREDIT, EscalationStep, Kind
from app.domain.escalation_reasons import Why
from app.persistence.queries.credit_gates import find_rules
from app.services.credit_gates import ask_reports
from app.services.escalation_cases import LoadedEscalation
from app.services.law_facts import load_loan_laws
from app.services.law_gates import LawAnswer, ask_pack, is_spoken_on

Asked = Mapping[str, EscalationStep]
"""Loan -> a step of it."""


def ask_gates(
    session: Session, asked: Sequence[tuple[LoadedEscalation, Sequence[EscalationStep]]], now: datetime
) -> Mapping[str, Gates]:
    """Return loan -> the answers to the questions of its steps (`escalations.unasked`); loans without any are absent.

    Of a report to the credit system that nobody has to approve any more, or at all, nothing is asked here: whoever starts
    it asks every gate in the same transaction. A notice that announces such a report is served only where the lender is
    enabled at a bureau: nobody is told of what cannot happen.
    """
    by_act: dict[str, dict[str, list[EscalationStep]]] = defaultdict(lambda: defaultdict(list))
    by_record: dict[str, dict[str, list[EscalationStep]]] = defaultdict(lambda: defaultdict(list))
    answers: dict[str, dict[str, GateStop | None]] = defaultdict(dict)
    for each, steps_asked in asked:
        for step in steps_asked:
            answers[each.loan_id][step.key] = None
            for act in step.law:
                by_act[act][each.loan_id].append(step)
            if step.kind is Kind.REPORT and step.register == CREDIT and needs_person(each, step):
                by_record[step.record][each.loan_id].append(step)
    for loan_id, step in _announce_nothing(session, [each for each, steps in asked if steps], answers):
        _stop(answers[loan_id], [step], GateStop(LENDER_NOT_ENABLED))
    for record, steps in by_record.items():
        for loan_id, gate in ask_reports(session, list(steps), now=now, kind=record).items():
            if not gate.is_open_to_report:
                _stop(answers[loan_id], steps[loan_id], GateStop(gate.reason or Why.REPORT_GATE, gate.rule))
    for act, steps in by_act.items():
        for loan_id, stop in ask_acts(session, act, steps, now).items():
            _stop(answers[loan_id], steps[loan_id], stop)
    return answers


def _announce_nothing(
    session: Session, loaded: Sequence[LoadedEscalation], answers: Mapping[str, Any]
) -> list[tuple[str, EscalationStep]]:
    """Return (loan, step) of notices before a report to the credit system that their lender cannot make."""
    announced = [
        (each, step)
        for each in loaded
        if each.loan_id in answers and each.policy is not None
        for step in each.policy.steps
        if step.key in answers[each.loan_id] and step.kind is Kind.PRE_REPORT_NOTICE and each.policy.announced_by(step)
    ]
    enabled = find_rules(session, {each.loan.lender_id for each, _ in announced}) if announced else {}
    return [(each.loan_id, step) for each, step in announced if not enabled.get(each.loan.lender_id)]


def needs_person(each: LoadedEscalation, step: EscalationStep) -> bool:
    """Return whether a step still waits for a person."""
    if step.approval is None:
        return False
    row = each.steps.get(step.key, {})
    given = [row[name] for name in ("approved_by", "confirmed_by") if row.get(name) is not None]
    return len(given) < step.approval.people


def ask_acts(session: Session, act: str, loan_ids: Collection[str], now: datetime) -> Mapping[str, GateStop]:
    """Return loan -> why the law does not allow an act about it now; loans of which it does are absent."""
    spoken = is_spoken_on(session, list(loan_ids), act)
    if not spoken:
        return {}
    people = {borrower_id for borrower_id, _ in spoken.values()}
    laws = load_loan_laws(session, people, now, loan_ids=set(spoken))
    found = {}
    for law in laws:
        stop = stop_of(ask_pack(law.pack, act, law.facts, now))
        if stop is not None:
            found[law.loan.id] = stop
    return found


def stop_of(answer: LawAnswer) -> GateStop | None:
    """Return the answer of the law as a stop; None: the act may happen."""
    stop = answer.stop
    if stop is None:
        return None
    rule, result = stop
    return GateStop(Why.LAW, rule.id, result.allowed_on, tuple(result.missing))


def _stop(answers: dict[str, Any], steps: Sequence[EscalationStep], stop: GateStop) -> None:
    for step in steps:
        if answers.get(step.key) is None:
            answers[step.key] = stop
