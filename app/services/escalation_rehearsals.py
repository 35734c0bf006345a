"""Rehearsing an escalation policy over a lender's book: what would happen on which day, by the function that decides live.

Reads only. The book is gone through page by page and nothing is kept but counts, so memory does not grow with it. What is
taken for granted is stated with the result: nobody pays, objects or asks for another plan; every notice arrives after so
many days; people say yes after so many. The law is asked at each step with the notices that would have arrived by then;
whether a lender reports at all, and what else the gates of reporting say besides notices, is asked once per page.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy.orm import Session

from app.domain.credit_gates import LENDER_NOT_ENABLED, stop_of_law
from app.domain.escalation_cases import EscalationCase, GateStop
from app.domain.escalation_policies import CREDIT, EscalationPolicy, EscalationStep, Kind
from app.domain.escalation_reasons import Outcome, Why
from app.domain.escalation_runs import Assumptions, Happening, run
from app.domain.served_notices import LAW_WORD, LETTER
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.escalations import EscalationPolicyRow, EscalationRehearsalRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.escalation_policies import add_rehearsal
from app.persistence.queries.escalations import page_borrowers
from app.persistence.unit_of_work import Work
from app.services.credit_gates import ask_reports
from app.services.escalation_cases import LoadedEscalation, lateness_at, load_escalations
from app.services.escalation_gates import stop_of
from app.services.escalation_policies import as_values
from app.services.law_facts import LoanLaw, load_loan_laws
from app.services.law_gates import ask_pack
from app.services.law_packs import pack_for
from app.wording.letter_kinds import find_kind

PAGE = 500
MOST_STORIES = 4_096
_OF_NOTHING = frozenset({"id", "borrower_id", "loan_no"})
"""Columns of a loan that decide nothing."""
FURNISH = "furnish_credit_record"
BEGUN, CUSTODY = "begun", "custody"
"""Counted beside the kinds of steps: escalations that begin, and loans of which something comes into custody."""
_ASKED_AT_EACH_STEP = frozenset({"NO_NOTICE_DELIVERED", "NOTICE_TOO_RECENT", "NO_CONSENT", "LAW", "HOLD", "OPEN_DISPUTE"})
"""Answers of the gates of reporting that are not taken from the first day: the law and the holds are asked each time."""


@dataclass(slots=True)
class Rehearsal:
    """What a policy would do. `by_day`: (day, kind, outcome) -> how many; `standing`: (kind, outcome, reason) at the end."""

    start: datetime
    days: int
    assumed: Assumptions
    loans: int = 0
    by_day: Counter[tuple[date, str, str]] = field(default_factory=Counter)
    standing: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def total(self, kind: str, outcome: str) -> int:
        """Return how often a kind of step comes to an outcome in the whole time."""
        return sum(count for (_, *of), count in self.by_day.items() if of == [kind, outcome])

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept: rows [day, kind, outcome, count], ordered."""
        return {
            "start": self.start.isoformat(),
            "days": self.days,
            "loans": self.loans,
            "by_day": [[day.isoformat(), kind, outcome, n] for (day, kind, outcome), n in sorted(self.by_day.items())],
            "standing": [[*key, n] for key, n in sorted(self.standing.items())],
        }


def rehearse(
    session: Session, policy: EscalationPolicy, lender_id: str, *, start: datetime, days: int, assumed: Assumptions
) -> Rehearsal:
    """Return what the policy would do with a lender's loans in `days` days from `start`. Writes nothing."""
    found = Rehearsal(start, days, assumed)
    until, after, stories = start + timedelta(days=days), "", _Stories()
    while people := page_borrowers(session, lender_id, after=after, limit=PAGE):
        after = people[-1]
        page = load_escalations(session, people, start, policies={lender_id: policy}, late_by=until)
        asking = _Asking(session, page, policy, start, until)
        for each in page:
            found.loans += 1
            key = _story_of(each, asking)
            changes = stories.get(key)
            if changes is None:
                changes = stories[key] = _changes(found, each, policy, until, asking)
            _count(found, each, until, changes)
        del page, asking
    return found


def rehearse_version(
    work: Work,
    row: EscalationPolicyRow,
    *,
    by: str,
    now: datetime,
    days: int,
    assumed: Assumptions,
) -> EscalationRehearsalRow:
    """Rehearse a stored version over its lender's book from now on, and keep the result with it."""
    result = rehearse(work.session, as_values(row), row.lender_id, start=now, days=days, assumed=assumed)
    kept = EscalationRehearsalRow(
        id=new_id(), policy_id=row.id, content_hash=row.content_hash, asked_by=by, made_at=now,
        assumptions={**asdict(assumed), "days": days, "payments": "none"}, result=result.as_json(),
    )  # fmt: skip
    add_rehearsal(work.session, kept)
    facts = {"policy": row.key, "version": row.version_no, "lender_id": row.lender_id, "loans": result.loans, "days": days}
    add_audit(work.session, at=now, actor=by, action="escalation_policy.rehearsed", borrower_id=None, facts=facts)
    return kept


class _Stories(OrderedDict[bytes, "Sequence[Happening]"]):
    """What became of loans that were alike in all that decides: most of a book falls due on few days, and is run once.

    The latest used ones only, so that memory does not grow with the book.
    """

    def get(self, key: bytes) -> "Sequence[Happening] | None":  # type: ignore[override]
        """Return what became of such a loan; None: none was run."""
        found = super().get(key)
        if found is not None:
            self.move_to_end(key)
        return found

    def __setitem__(self, key: bytes, changes: "Sequence[Happening]") -> None:
        super().__setitem__(key, changes)
        if len(self) > MOST_STORIES:
            self.popitem(last=False)


def _story_of(each: LoadedEscalation, asking: "_Asking") -> bytes:
    """Return the hash of all that decides about a loan but its own ids: its row, its case, what law and gates read."""
    row = {name: value for name, value in each.loan._asdict().items() if name not in _OF_NOTHING}
    said = repr((row, each.case_now(), asking.read_of(each.loan_id))).replace(each.loan_id, "")
    return blake2b(said.replace(each.loan.borrower_id, "").encode(), digest_size=20).digest()


def _changes(
    found: Rehearsal, each: LoadedEscalation, policy: EscalationPolicy, until: datetime, asking: "_Asking"
) -> Sequence[Happening]:
    """Return what changes for a loan; how late it is, is told once a day."""
    by_day: dict[date, EscalationCase] = {}

    def case_at(at: datetime) -> EscalationCase:
        day = business_date(at, each.loan.zone)
        if day not in by_day:
            by_day[day] = replace(each.case, **lateness_at(each.loan, at)._asdict())
        return by_day[day]

    spell = each.case_now().spell
    leaves_days = _leaves_days(policy, pack_for(each.loan.jurisdiction).pack.jurisdiction)
    return list(
        run(
            case_at, policy, spell, start=found.start, until=until, assumed=found.assumed, ask=asking.ask,
            leaves_days=leaves_days,
        )
    )  # fmt: skip


def _count(found: Rehearsal, each: LoadedEscalation, until: datetime, changes: Sequence[Happening]) -> None:
    zone = each.loan.zone
    standing: dict[str, Happening] = {}
    for change in changes:
        day = business_date(change.at, zone)
        if change.step is None:
            kind = BEGUN if change.outcome is Outcome.DONE else "escalation"
            found.by_day[day, kind, str(change.outcome)] += 1
            continue
        kind = change.step.kind.value
        found.by_day[day, kind, str(change.outcome)] += 1
        standing[change.step.key] = change
        if change.step.kind is Kind.REFERRAL and change.outcome is Outcome.DONE and found.assumed.custody_days is not None:
            held_at = change.at + timedelta(days=found.assumed.custody_days)
            if held_at < until and each.case.is_secured:
                found.by_day[business_date(held_at, zone), CUSTODY, str(Outcome.DONE)] += 1
    for change in standing.values():
        assert change.step is not None
        found.standing[change.step.kind.value, str(change.outcome), str(change.reason)] += 1


def _leaves_days(policy: EscalationPolicy, jurisdiction: str) -> dict[str, int]:
    """Return step key -> the days that its letter will leave."""
    found: dict[str, int] = {}
    for step in policy.steps:
        if step.notice is not None and step.notice.channel == LETTER:
            kind = find_kind(jurisdiction, kind=step.notice.kind, template=step.notice.template)
            if kind is not None:
                found[step.key] = kind.pay_by_days
    return found


def _may_be_late(each: LoadedEscalation, until: datetime) -> bool:
    first = each.case.oldest_due_on or each.case.next_due_on
    return first is not None and first < business_date(until, each.loan.zone)


class _Asking:
    """Answers of the law and of the gates of reporting for a page of loans, with notices as they would have arrived."""

    def __init__(
        self,
        session: Session,
        page: Sequence[LoadedEscalation],
        policy: EscalationPolicy,
        start: datetime,
        until: datetime,
    ) -> None:
        self.policy = policy
        self.reports: dict[tuple[str, str], GateStop] = {}
        self.laws: Mapping[str, LoanLaw] = {}
        self.records = sorted({step.record for step in policy.steps if step.register == CREDIT})
        asks_law = any(step.law or step.register == CREDIT for step in policy.steps)
        if not asks_law:
            return
        late = [each for each in page if _may_be_late(each, until)]
        ids, people = [each.loan_id for each in late], {each.loan.borrower_id for each in late}
        self.laws = {law.loan.id: law for law in load_loan_laws(session, people, start, loan_ids=set(ids))}
        for record in self.records:
            for loan_id, gate in ask_reports(session, ids, now=start, kind=record, laws=self.laws).items():
                if not gate.is_open_to_report and gate.reason not in _ASKED_AT_EACH_STEP:
                    self.reports[loan_id, record] = GateStop(gate.reason or Why.REPORT_GATE, gate.rule)

    def read_of(self, loan_id: str) -> tuple[Any, ...]:
        """Return all that answers about a loan are made of."""
        law = self.laws.get(loan_id)
        gates = [(record, self.reports.get((loan_id, record))) for record in self.records]
        return gates, None if law is None else (law.governing.law_pack, law.facts)

    def ask(self, case: EscalationCase, step: EscalationStep, at: datetime) -> GateStop | None:
        """Return what stands in the way of a step at a moment."""
        announced = self.policy.announced_by(step) if step.kind is Kind.PRE_REPORT_NOTICE else None
        if announced is not None and (stop := self.reports.get((case.loan_id, announced.record))) is not None:
            if stop.reason == LENDER_NOT_ENABLED:
                return stop
        if step.kind is Kind.REPORT:
            if step.register != CREDIT:
                return None
            if (stop := self.reports.get((case.loan_id, step.record))) is not None:
                return stop
        acts = [*step.law, *([FURNISH] if step.kind is Kind.REPORT else [])]
        law = self.laws.get(case.loan_id)
        if law is None:
            return None
        facts = self._facts(law, case, at)
        for act in acts:
            stated = {"credit_record": {"kind": step.record, "dispute_marked": False}} if act == FURNISH else {}
            answer = ask_pack(law.pack, act, {**facts, **stated}, at, stated=stated or None)
            stop = stop_of(answer)
            if stop is not None:
                reason, _ = stop_of_law(answer.judgement) if act == FURNISH else (None, None)
                return replace(stop, reason=reason or stop.reason)  # as the gates of reporting say it when it runs
        return None

    def _facts(self, law: LoanLaw, case: EscalationCase, at: datetime) -> dict[str, Any]:
        notices = list(law.facts.get("notices", ()))
        if case.spell is not None:
            for step in self.policy.steps:
                state = case.spell.steps.get(step.key)
                if step.notice is not None and state is not None and state.handed_over_at is not None:
                    arrived_at = state.delivered_at if state.delivered_at and state.delivered_at <= at else None
                    notices.append(
                        {"kind": LAW_WORD.get(step.notice.kind, step.notice.kind), "channel": step.notice.channel,
                         "sent_at": state.handed_over_at, "delivered_at": arrived_at, "returned_at": None}
                    )  # fmt: skip
        return {**law.facts, "notices": notices}
