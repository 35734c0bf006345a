"""Why a borrower was contacted or not: every step near a date, with what happened, will happen, or why there was nothing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from app.domain.candidates import occurs_at
from app.domain.cases import INSTALMENT, PROMISE, Case, DecisionKey, LoanFacts, Subject
from app.domain.decided import Verdict
from app.domain.errors import ValidationError
from app.domain.explanations import Absence, Known, LoanHistory, RowHistory, WhyNone, near, nearest, why_none
from app.domain.policies import Policy, Rules, Step
from app.domain.positions import replay
from app.domain.reasons import Outcome, Reason
from app.domain.times import business_date, local_instant
from app.persistence.models.loans import LoanRow
from app.persistence.models.reminders import DecisionRow
from app.persistence.queries import explanations as queries
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.explanations import LoanWithLender
from app.persistence.queries.notices import find_notices_between
from app.persistence.queries.positions import load_ledgers
from app.services.explained import (
    Explanation,
    LoanShown,
    NoticeShown,
    StepShown,
    SubjectShown,
    Touched,
)
from app.services.explained_by_hand import tell_by_hand
from app.services.explained_decisions import Telling
from app.services.outlooks import load_case, outlook
from app.services.policies import load_rules
from app.services.terms import kernel_terms
from app.wording.explanation_words import absence_words

_AROUND = timedelta(days=32)
"""How far beyond a policy's steps rows are looked at, so that a date between two instalments finds both."""


@dataclass(frozen=True, slots=True)
class _TimedStep:
    on: date
    at: datetime
    row: RowHistory
    step: Step


def explain(
    session: Session, borrower_id: str, on: date, *, now: datetime, locale: str = "en", lender_id: str | None = None
) -> Explanation:
    """Return what happened around a local date, what will, and why the rest did not. Raises NotFoundError.

    `lender_id`: only what is that lender's. Read it in one state of the database (`reading_one_state`).
    """
    borrower = get_borrower(session, borrower_id)
    rules = load_rules(session)
    loans = queries.find_loans(session, borrower_id, lender_id)
    manual = tell_by_hand(session, borrower_id, on, lender_id=lender_id, locale=locale)
    shown: list[LoanShown] = []
    code = None if loans and rules else Absence.NO_POLICY if loans else Absence.NO_LOAN
    contacted = any(each.outcome == Outcome.SENT for each in manual)
    if rules is not None and loans:
        explainer = _Explainer(session, borrower_id, borrower.recorded_at, rules, loans, on, now, locale)
        shown = explainer.loans_shown()
        contacted = contacted or explainer.was_contacted
    return Explanation(
        borrower_no=borrower.borrower_no,
        on=on,
        as_of=now,
        was_contacted=contacted,
        loans=shown,
        manual=manual,
        notices=_notices(session, borrower_id, on, borrower.zone or (loans[0].lender_zone if loans else "UTC"), lender_id),
        code=code,
        sentence=None if code is None else absence_words(code, {}, locale),
    )


def _notices(session: Session, borrower_id: str, on: date, zone: str, lender_id: str | None) -> list[NoticeShown]:
    since, until = (local_instant(day, time(0), zone) for day in (on, on + timedelta(days=1)))
    return [
        NoticeShown(
            each.created_at,
            each.template,
            each.loan_no,
            "withheld" if each.withheld_reason else "withdrawn" if each.withdrawn_at else "told",
            each.withheld_reason,
            each.push_state,
        )
        for each in find_notices_between(session, borrower_id, since, until, lender_id=lender_id)
    ]


def page_touched(
    session: Session,
    reason: str,
    *,
    since: datetime,
    lender_id: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> list[Touched]:
    """Return decisions that a reason touched since then, newest first. Raises ValidationError for no such reason."""
    if reason not in Reason.__members__:
        raise ValidationError(f"There is no reason {reason!r}; `flask reasons list` names them.")
    rows = queries.page_touched(session, reason, since=since, lender_id=lender_id, before=before, limit=limit)
    return [
        Touched(
            row.id, row.at, row.borrower_no, row.lender, row.loan_no, row.row_no, row.step_key, row.local_date,
            row.outcome, row.reason,
        )
        for row in rows
    ]  # fmt: skip


@dataclass
class _Explainer:
    """One explanation while it is put together."""

    session: Session
    borrower_id: str
    borrower_from: datetime
    rules: Rules
    loans: Sequence[LoanWithLender]
    on: date
    now: datetime
    locale: str
    was_contacted: bool = False

    def loans_shown(self) -> list[LoanShown]:
        session, ids = self.session, [each.loan.id for each in self.loans]
        self.by_id = {each.loan.id: each for each in self.loans}
        self.case: Case | None = load_case(session, self.borrower_id, self.rules, now=self.now)
        self.agenda = queries.find_agenda(session, self.borrower_id)
        self.policies_from = queries.find_policies_since(session)
        self.ledgers = load_ledgers(session, ids)
        self.allocated = queries.find_allocated(session, ids)
        self._paid: dict[tuple[str, datetime], dict[tuple[int, int], date]] = {}
        rows = self._rows(ids)
        chosen = {loan_id: self._near(rows[loan_id]) for loan_id in ids}
        keys = {each.row.subject_id for steps in chosen.values() for each in steps}
        decisions = queries.find_decisions(session, self.borrower_id, ids, on=self.on, row_keys=keys)
        self.telling = Telling(session, decisions, self.locale)
        by_key = {(d.subject_id, d.anchor_no, d.step_key): d for d in decisions}
        to_come = [each.at for steps in chosen.values() for each in steps if each.at > self.now]
        self.expected = {} if self.case is None else outlook(self.case, self.rules, to_come)
        return [self._loan(self.by_id[loan_id], chosen[loan_id], by_key) for loan_id in ids]

    def _rows(self, loan_ids: Sequence[str]) -> dict[str, list[RowHistory]]:
        lead, trail = timedelta(days=self.rules.lead_days), timedelta(days=self.rules.trail_days)
        found = queries.find_plan_rows(
            self.session, loan_ids, due_from=self.on - trail - _AROUND, due_until=self.on + lead + _AROUND
        )
        watched = queries.find_watched_from(self.session, loan_ids)
        rows: dict[str, list[RowHistory]] = defaultdict(list)
        for row in found:
            until = watched[row.loan_id].get(row.anchor_no + 1)
            rows[row.loan_id].append(
                RowHistory(row.loan_id, row.row_no, row.anchor_no, row.due_on, row.watched_from_at, until)
            )
        for promise in queries.find_promises(self.session, loan_ids):
            rows[promise.loan_id].append(
                RowHistory(
                    promise.loan_id, 0, promise.promise_no, promise.promised_on, promise.open_since, promise.settled_at,
                    PROMISE,
                )
            )  # fmt: skip
        return rows

    def _near(self, rows: Sequence[RowHistory]) -> list[_TimedStep]:
        """Steps on the date with their neighbours, by instalment; where there are none, the neighbours by loan."""
        current = [row for row in rows if self._was_current(row)]
        timed = {row: self._timed(row) for row in current}
        found = [each for row in current for each in near(timed[row], self.on)]
        if not found:
            found = nearest([each for steps in timed.values() for each in steps], self.on)
        return found

    def _was_current(self, row: RowHistory) -> bool:
        """Whether the row belongs to the plan of that day, or to the first one where the day lies before all."""
        zone = self._zone(row.loan_id)
        begins = (row.anchor_no == 1 and row.kind != PROMISE) or business_date(row.watched_from, zone) <= self.on
        return begins and (row.replaced_at is None or business_date(row.replaced_at, zone) >= self.on)

    def _timed(self, row: RowHistory) -> list[_TimedStep]:
        with_lender = self.by_id[row.loan_id]
        loan, zone = with_lender.loan, self._zone(row.loan_id)
        facts = LoanFacts(lender_id=loan.lender_id, lender_code=with_lender.lender_code)
        subject = Subject(
            row.subject_id, loan.id, loan.loan_no, with_lender.lender_zone, row.row_no, row.anchor_no, row.due_on, 0,
            loan.currency, row.watched_from, loan=facts, kind=row.kind,
        )  # fmt: skip
        policy = self.rules.policy_of(loan.lender_id)
        calendar = self.rules.calendars.get(loan.lender_id) if policy.moves_days else None
        found = []
        for step in policy.steps_of(subject):
            at = occurs_at(step, subject, zone, calendar)
            if row.kind != PROMISE or at >= row.watched_from:  # before it was made it had no steps
                found.append(_TimedStep(business_date(at, zone), at, row, step))
        return found

    def _zone(self, loan_id: str) -> str:
        return (self.case.zone if self.case else None) or self.by_id[loan_id].lender_zone

    # -- what is said --------------------------------------------------------------------------------------------------

    def _loan(
        self, with_lender: LoanWithLender, steps: Sequence[_TimedStep], by_key: dict[tuple[str, int, str], DecisionRow]
    ) -> LoanShown:
        loan = with_lender.loan
        subjects: dict[tuple[int, int], list[StepShown]] = defaultdict(list)
        due: dict[tuple[int, int], date] = {}
        told: set[str] = set()
        for each in steps:
            row = each.row
            decision = by_key.get((row.subject_id, row.anchor_no, each.step.key))
            due[row.anchor_no, row.row_no] = row.due_on
            if decision is not None:
                told.add(decision.id)
            subjects[row.anchor_no, row.row_no].append(self._step(with_lender, each, decision))
        for decision in by_key.values():  # of steps that the policy in force does not have
            if decision.loan_id == loan.id and decision.local_date == self.on and decision.id not in told:
                key = decision.anchor_no, decision.row_no
                due.setdefault(key, self._due_on(loan.id, key) or decision.local_date)
                subjects[key].append(self._decided(decision, self._zone(loan.id)))
        shown = [
            SubjectShown(
                row_no,
                anchor_no,
                due[anchor_no, row_no],
                sorted(found, key=lambda step: step.occurs_at),
                INSTALMENT if row_no else PROMISE,
            )
            for (anchor_no, row_no), found in sorted(subjects.items(), key=lambda item: (due[item[0]], item[0]))
        ]
        code = None if shown else Absence.NOTHING_NEAR if loan.anchor_no else Absence.NO_PLAN
        sentence = None if code is None else absence_words(code, {}, self.locale)
        return LoanShown(with_lender.lender_code, loan.loan_no, shown, code, sentence)

    def _due_on(self, loan_id: str, key: tuple[int, int]) -> date | None:
        for version in self.ledgers[loan_id][0]:
            if version.anchor_no == key[0]:
                return next((row.due_on for row in version.rows if row.row_no == key[1]), None)
        return None

    def _step(self, with_lender: LoanWithLender, each: _TimedStep, decision: DecisionRow | None) -> StepShown:
        zone = self._zone(each.row.loan_id)
        if decision is not None:
            return self._decided(decision, zone)
        policy = self.rules.policy_of(with_lender.loan.lender_id)
        if each.at > self.now:
            return self._to_come(with_lender.loan, each, zone, policy)
        code, facts = why_none(each.at, each.row, self._known(with_lender.loan, each.row))
        sentence = absence_words(code, facts, self.locale, zone)
        return StepShown(each.step.key, each.on, each.at, zone, "none", code, sentence, _name(policy))

    def _decided(self, decision: DecisionRow, zone: str) -> StepShown:
        shown = self.telling.decided(decision, zone)
        if decision.local_date == self.on and any(
            message.state in ("sending", "sent", "delivered", "uncertain") for message in shown.messages
        ):
            self.was_contacted = True
        return shown

    def _to_come(self, loan: LoanRow, each: _TimedStep, zone: str, policy: Policy) -> StepShown:
        over = self._over_already(loan, each.row)
        if over is not None:
            sentence = absence_words(over.code, over.facts, self.locale, zone)
            return StepShown(each.step.key, each.on, each.at, zone, "none", over.code, sentence, _name(policy))
        key = DecisionKey(each.row.kind, each.row.subject_id, each.row.anchor_no, each.step.key)
        verdict: Verdict | None = self.expected.get((key, each.at))
        expected = None if verdict is None else self.telling.expected(verdict, zone)
        sentence = self.telling.not_due_yet(each.at, zone)
        return StepShown(
            each.step.key, each.on, each.at, zone, "to_come", Reason.NOT_DUE_YET.value, sentence, _name(policy),
            expected=expected,
        )  # fmt: skip

    def _over_already(self, loan: LoanRow, row: RowHistory) -> WhyNone | None:
        """Why a step to come will never be a candidate, by what is known now."""
        found = why_none(self.now, row, self._known(loan, row))
        over = (Absence.PLAN_REPLACED, Absence.PROMISE_OVER, Absence.LOAN_OVER, Absence.PAID_BEFORE)
        return found if found.code in over else None

    def _known(self, loan: LoanRow, row: RowHistory) -> Known:
        since = self.policies_from
        policy_from = since[loan.lender_id] if loan.lender_id in since else since.get(None)
        return Known(
            now=self.now,
            borrower_from=self.borrower_from,
            loan=LoanHistory(min(loan.recorded_at, loan.imported_at), loan.status, self._ended_at(loan), loan.resumed_at),
            paid_on=lambda at: self._paid_on(loan, row, at),
            policy_from=policy_from,
            decided_until=None if self.agenda is None else self.agenda.decided_until,
            wake_at=None if self.agenda is None else self.agenda.wake_at,
        )

    def _ended_at(self, loan: LoanRow) -> datetime | None:
        return loan.ended_at if loan.status in ("written_off", "cancelled", "closed") else None

    def _paid_on(self, loan: LoanRow, row: RowHistory, at: datetime) -> date | None:
        """Return the value date of what paid a row, by the ledger as it was known at an instant; None: open then."""
        if row.kind == PROMISE:
            return None  # what keeps it ends it
        found = self._paid.get((loan.id, at))
        if found is None:
            found = self._paid[loan.id, at] = self._paid_rows(loan, at)
        return found.get((row.anchor_no, row.row_no))

    def _paid_rows(self, loan: LoanRow, at: datetime) -> dict[tuple[int, int], date]:
        versions, entries = self.ledgers[loan.id]
        known = [version for version in versions if version.recorded_at <= at] or list(versions[:1])
        if not known:
            return {}
        terms = kernel_terms(loan).terms
        snapshot = replay(loan.principal_minor, versions, entries, known_at=at, terms=terms)
        is_open = {each.row_no for each in snapshot.open_rows}
        plan = next((version for version in versions if version.anchor_no == snapshot.anchor_no), known[-1])
        return {
            (plan.anchor_no, row.row_no): self._value_date(loan.id, row.row_no, at) or row.due_on
            for row in plan.rows
            if row.row_no not in is_open
        }

    def _value_date(self, loan_id: str, row_no: int, at: datetime) -> date | None:
        """Return the value date of the last money that went to a row, as known at an instant."""
        return max(
            (
                each.effective_on
                for each in self.allocated[loan_id, row_no]
                if each.recorded_at <= at and (each.replaced_at is None or each.replaced_at > at)
            ),
            default=None,
        )


def _name(policy: Policy) -> str:
    return f"{policy.key} v{policy.version_no}"
