"""Making steps happen that nothing stands in the way of: notices served, reports started, cases handed to people."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.escalation_policies import CREDIT, EscalationStep, Kind
from app.domain.escalation_reasons import Ends, Outcome, Why
from app.domain.registers import Gate
from app.persistence.unit_of_work import Work
from app.services.collateral import refer
from app.services.credit_reporting import start_reporting
from app.services.escalation_cases import LoadedEscalation
from app.services.restricted_register import report
from app.services.served_notices import NoticeWanted, serve_notices, take_back_notices
from app.services.tasks import NewTask, add_tasks

QUEUE, TASK = "collections", "referral"
"""Of cases that people take over."""
_TAKEN_BACK_AS: Mapping[str, str] = {
    Ends.CURED: "PAID", Ends.LOAN_OVER: "LOAN_CLOSED", Ends.REPLANNED: "REANCHORED", Ends.ARRANGED: "HOLD_PLAN_AGREED",
    Ends.STOPPED_BY_PERSON: "STAFF_EXCLUDED", Why.OPEN_DISPUTE: "HOLD_DISPUTE", Why.BELOW_MINIMUM: "BELOW_TOLERANCE",
    Why.NO_POLICY: "POLICY_INACTIVE", Why.NOT_IN_POLICY: "POLICY_INACTIVE", Why.CAP_UNKNOWN: "LEGAL_REVIEW",
    Why.FORBEARANCE_NOT_CONSIDERED: "LEGAL_REVIEW",
}  # fmt: skip
"""Why an escalation takes a notice back -> the code that the message then carries (docs/reasons.md)."""
BY = "escalation"


@dataclass(frozen=True, slots=True)
class Due:
    """A step of a loan that happens now."""

    of: LoadedEscalation
    step: EscalationStep
    escalation_id: str
    attempt_no: int


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of it."""

    outcome: Outcome
    reason: str = Why.ON_SCHEDULE
    message_id: str | None = None
    rule: str | None = None


Done = dict[tuple[str, str], Acted]
"""(loan id, step key) -> what came of it."""


def perform(work: Work, due: Sequence[Due], *, now: datetime) -> Done:
    """Make these steps happen, each kind with a fixed number of statements. The caller holds the borrowers' agenda rows."""
    by_policy: dict[str, list[Due]] = defaultdict(list)
    for each in due:
        by_policy[by_of(each)].append(each)
    done: Done = {}
    for some in by_policy.values():
        _perform(work, some, done, now)
    return done


def _perform(work: Work, due: Sequence[Due], done: Done, now: datetime) -> None:
    notices = [each for each in due if each.step.notice is not None]
    _serve(work, notices, done, now)
    reports: dict[tuple[str, str], list[Due]] = defaultdict(list)
    for each in due:
        if each.step.kind is Kind.REPORT:
            reports[each.step.register or CREDIT, each.step.basis or each.step.record].append(each)
    for (register, what), some in reports.items():
        if register == CREDIT:
            _report(work, some, what, done, now)
        else:
            _report_to_register(work, some, register, what, done, now)
    _refer(work, [each for each in due if each.step.kind is Kind.REFERRAL], done, now)


def key_of(each: Due) -> tuple[str, str]:
    """Return what a step of a loan is told by."""
    return each.of.loan_id, each.step.key


def take_back(work: Work, message_ids: Sequence[str], *, reason: str, now: datetime) -> None:
    """Take back notices that have not left: nobody is to get a letter about what is over."""
    take_back_notices(work, message_ids, reason=_TAKEN_BACK_AS.get(reason, reason), now=now)


def _serve(work: Work, due: Sequence[Due], done: Done, now: datetime) -> None:
    wanted = []
    for each in due:
        notice = each.step.notice
        assert notice is not None
        key = f"escalation/{each.escalation_id}/{each.step.key}/{each.attempt_no}"
        borrower_id = each.of.loan.borrower_id
        wanted.append(
            NoticeWanted(borrower_id, each.of.loan_id, notice.kind, notice.template, {}, key, channel=notice.channel)
        )
    if wanted:
        messages = serve_notices(work, wanted, by=by_of(due[0]), now=now)
        for each, message_id in zip(due, messages, strict=True):
            done[key_of(each)] = Acted(Outcome.HANDED_OVER, Why.AWAITS_DELIVERY, message_id)


def _report(work: Work, due: Sequence[Due], record: str, done: Done, now: datetime) -> None:
    answers = start_reporting(work, [each.of.loan_id for each in due], by=by_of(due[0]), now=now, kind=record)
    for each in due:
        reason = answers.get(each.of.loan_id, Why.NOT_SET_UP)
        done[key_of(each)] = Acted(Outcome.DONE) if reason is None else Acted(Outcome.STOPPED, reason)


def _report_to_register(work: Work, due: Sequence[Due], register: str, basis: str, done: Done, now: datetime) -> None:
    """Ask for reports to a register; there each waits for a second person of its own."""
    by_lender: dict[str, list[Due]] = defaultdict(list)
    for each in due:
        by_lender[each.of.loan.lender_id].append(each)
    for lender_id, some in by_lender.items():
        ids = [each.of.loan_id for each in some]
        found = report(work, ids, register=register, basis=basis, by=by_of(some[0]), now=now, lender_id=lender_id)
        for each in some:
            gate = found[each.of.loan_id].gate
            if gate is None or gate is Gate.ALREADY_REPORTED:
                done[key_of(each)] = Acted(Outcome.DONE, Why.ASKED_FOR)
            else:
                done[key_of(each)] = Acted(Outcome.STOPPED, str(gate), rule=found[each.of.loan_id].rule)


def _refer(work: Work, due: Sequence[Due], done: Done, now: datetime) -> None:
    """Hand cases to people: those about something pledged to who deals with that, the others to a queue of their own."""
    secured = [each for each in due if each.step.secured_only]
    if secured:
        answers = refer(work, [each.of.loan_id for each in secured], by=by_of(secured[0]), now=now)
        for each in secured:
            reason, _, rule = (answers[each.of.loan_id] or "").partition(":")
            done[key_of(each)] = Acted(Outcome.STOPPED, reason, rule=rule or None) if reason else Acted(Outcome.DONE)
    tasks = [
        NewTask(
            f"escalation/{each.escalation_id}/{each.step.key}", each.of.loan.borrower_id, TASK, QUEUE,
            loan_id=each.of.loan_id, facts={"step": each.step.key},
        )
        for each in due if not each.step.secured_only
    ]  # fmt: skip
    if tasks:
        add_tasks(work, tasks, now=now)
    for each in due:
        done.setdefault(key_of(each), Acted(Outcome.DONE))


def by_of(each: Due) -> str:
    """Return who acts, as the audit trail has it: the policy."""
    policy = each.of.policy
    assert policy is not None
    return f"{BY}:{policy.key}-v{policy.version_no}"[:80]
