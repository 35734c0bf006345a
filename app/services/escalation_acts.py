"""Making steps happen that nothing stands in the way of: notices served, reports started, cases handed to people."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.escalation_policies import CREDIT, EscalationStep, Kind
from app.domain.escalation_reasons import Outcome, Why
from app.persistence.queries.decisions import mark_cancelled
from app.persistence.queries.escalations import find_messages
from app.persistence.unit_of_work import Work
from app.services.credit_reporting import start_reporting
from app.services.escalation_cases import LoadedEscalation
from app.services.letter_withdrawals import withdraw_unposted
from app.services.served_notices import NoticeWanted, serve_notices
from app.services.tasks import NewTask, add_tasks

REFERRALS = "collections"
"""The queue of cases that people take over."""
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
            reports[each.step.register or CREDIT, each.step.record].append(each)
    for (register, record), some in reports.items():
        if register == CREDIT:
            _report(work, some, record, done, now)
        else:
            done |= {key_of(each): Acted(Outcome.STOPPED, Why.NOT_SET_UP) for each in some}
    _refer(work, [each for each in due if each.step.kind is Kind.REFERRAL], done, now)


def key_of(each: Due) -> tuple[str, str]:
    """Return what a step of a loan is told by."""
    return each.of.loan_id, each.step.key


def take_back(work: Work, message_ids: Sequence[str], *, reason: str, now: datetime) -> None:
    """Take back notices that have not left: nobody is to get a letter about what is over."""
    found = find_messages(work.session, message_ids)
    contacts = [row.contact_id for row in found.values() if row.contact_id is not None]
    if contacts:
        mark_cancelled(work.session, contacts, reason=reason)
        withdraw_unposted(work, contacts, now=now)


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


def _refer(work: Work, due: Sequence[Due], done: Done, now: datetime) -> None:
    tasks = [
        NewTask(
            f"escalation/{each.escalation_id}/{each.step.key}", each.of.loan.borrower_id, "referral", REFERRALS,
            loan_id=each.of.loan_id, facts={"step": each.step.key, "secured": each.of.case.is_secured},
        )
        for each in due
    ]  # fmt: skip
    if tasks:
        add_tasks(work, tasks, now=now)
    done |= {key_of(each): Acted(Outcome.DONE) for each in due}


def by_of(each: Due) -> str:
    """Return who acts, as the audit trail has it: the policy."""
    policy = each.of.policy
    assert policy is not None
    return f"{BY}:{policy.key}-v{policy.version_no}"[:80]
