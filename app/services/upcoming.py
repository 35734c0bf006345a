"""What a borrower will be told, and when: the next steps of every open instalment, as `decide` would decide them today.

Nothing is promised that a hold, the law or a closed channel forbids: a message counts as planned only where the same code
that would send it says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.domain.candidates import occurs_at
from app.domain.cases import Case, DecisionKey, Subject
from app.domain.decided import Verdict
from app.domain.policies import Rules, Step
from app.domain.reasons import Outcome, Reason
from app.domain.times import business_date
from app.persistence.unit_of_work import reading_one_state
from app.services.explained_decisions import sentence_facts
from app.services.outlooks import MOST_INSTANTS, load_case, outlook
from app.services.policies import load_rules
from app.wording.contact_words import paused_words, person_words, planned_words
from app.wording.reason_words import reason_words, written_instant

HORIZON = timedelta(days=30)
"""How far ahead is told; what lies further will change before it comes."""
STEPS_EACH = 3
"""Steps to come that are told of one instalment."""
_NOT_TOLD = frozenset(
    {
        Reason.AUDIENCE_NOT_MATCHED,
        Reason.STEP_SUPERSEDED,
        Reason.DUPLICATE_OCCURRENCE,
        Reason.NON_WORKING_DAY,
        Reason.POLICY_INACTIVE,
        Reason.HOLDOUT,
        Reason.EXPERIMENT_CONTROL,
    }
)
"""Steps that are simply not for this borrower: nothing is planned, and nothing of theirs stands in the way."""
_BY_PERSON = (Outcome.TASK_CREATED, Outcome.NEEDS_APPROVAL)
_PLANNED = (Outcome.SENT, Outcome.CONSOLIDATED, Outcome.DEFERRED)


@dataclass(frozen=True, slots=True)
class UpcomingStep:
    """One step to come. `status`: planned, by_person, or paused (`reason` says why)."""

    loan_id: str
    loan_no: str
    row_no: int
    due_on: date
    """Of a promise: the promised day."""
    at: datetime
    local_date: date
    timezone: str
    purpose: str
    status: str
    channels: list[str]
    """Used at once; empty unless planned."""
    may_follow: list[str]
    """Used later if the first were not seen."""
    reason: str | None
    text: str
    about: str = "instalment"
    """instalment, or promise: then `row_no` is 0."""


def upcoming_of(borrower_id: str, *, now: datetime, locale: str) -> list[UpcomingStep]:
    """Return the steps to come within the horizon, in order of time; empty where nothing is planned or nobody looks."""
    with reading_one_state() as session:
        rules = load_rules(session)
        case = None if rules is None else load_case(session, borrower_id, rules, now=now)
    if rules is None or case is None:
        return []
    steps = sorted(_steps(case, rules, now), key=lambda each: (each[2], each[0].loan_no, each[0].row_no))[:MOST_INSTANTS]
    expected = outlook(case, rules, [at for _, _, at in steps])
    found = []
    for subject, step, at in steps:
        key = DecisionKey(subject.kind, subject.subject_id, subject.anchor_no, step.key)
        verdict = expected.get((key, at))
        if verdict is not None and verdict.reason not in _NOT_TOLD:
            found.append(_told(subject, step, verdict, case, locale))
    return found


def _steps(case: Case, rules: Rules, now: datetime) -> Iterator[tuple[Subject, Step, datetime]]:
    """Yield the next steps of every instalment that is open in our book."""
    for subject in case.subjects:
        if subject.closed_at is not None:
            continue
        policy = rules.policy_of(subject.loan.lender_id)
        calendar = rules.calendars.get(subject.loan.lender_id) if policy.moves_days else None
        zone = case.zone or subject.lender_zone
        timed = sorted(
            ((occurs_at(step, subject, zone, calendar), step) for step in policy.steps_of(subject)), key=lambda each: each[0]
        )
        to_come = [(at, step) for at, step in timed if now < at <= now + HORIZON and at >= subject.watched_from]
        for at, step in to_come[:STEPS_EACH]:
            yield subject, step, at


def _told(subject: Subject, step: Step, verdict: Verdict, case: Case, locale: str) -> UpcomingStep:
    zone = case.zone or subject.lender_zone
    at = verdict.not_before if verdict.outcome is Outcome.DEFERRED and verdict.not_before else verdict.occurs_at
    when = written_instant(at, locale, zone)
    first = [rung.channel for rung in step.ladder if rung.after is None and case.block_of(rung.channel) is None]
    status, channels, reason = "paused", list[str](), None
    if verdict.outcome in _BY_PERSON:
        status, text = "by_person", person_words(when, locale)
    elif verdict.outcome in _PLANNED:
        status, channels = "planned", list(verdict.channels) or first
        text = planned_words(when, channels, locale)
    else:
        reason = str(verdict.reason)
        facts = sentence_facts(verdict.outcome, verdict.rule, verdict.not_before, verdict.facts, None)
        text = paused_words(reason_words(verdict.reason, facts, locale, to="borrower", zone=zone), locale)
    later = [rung.channel for rung in step.ladder if rung.after is not None and case.block_of(rung.channel) is None]
    return UpcomingStep(
        loan_id=subject.loan_id,
        loan_no=subject.loan_no,
        row_no=subject.row_no,
        due_on=subject.due_on,
        at=at,
        local_date=business_date(at, zone),
        timezone=zone,
        purpose=step.message_class,
        status=status,
        channels=channels,
        may_follow=[channel for channel in later if channel not in channels] if status == "planned" else [],
        reason=reason,
        text=text,
        about=subject.kind,
    )
