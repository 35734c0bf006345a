"""What an escalation is decided by, loaded for a batch of borrowers with a fixed number of statements."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app.domain.escalation_cases import EscalationCase, Spell, StepState
from app.domain.escalation_policies import EscalationPolicy, Kind
from app.domain.escalation_reasons import Outcome
from app.domain.holds import Hold
from app.domain.times import business_date
from app.persistence.queries import escalations as queries
from app.persistence.queries.case_loans import open_subjects
from app.services.escalation_policies import policies_in_force
from app.services.forbearance import ASSESSED, BROKEN, DECLINED
from app.services.served_notices import find_served

Policies = Mapping[str, EscalationPolicy]
_CONSIDERED = frozenset({ASSESSED, DECLINED, BROKEN})
"""Events that show that forbearance was considered: a plan that was offered and turned down, or broken, was."""
_OBJECTIONS = frozenset({"credit_objection", "credit_dispute"})
STOPPED = "stopped"
"""State of an escalation that a person stopped: nothing happens until the arrears are over."""
GONE = frozenset({"redeemed", "released", "sold", "lost", "destroyed", "written_off"})
"""States of a pledged thing in which it secures nothing any more."""
_ON_THEIR_WAY = (Outcome.HANDED_OVER, Outcome.RETURNED)
_NEVER_LEFT = ("failed", "cancelled", "expired")
_LEFT = ("sending", "sent", "delivered", "uncertain")


class Lateness(NamedTuple):
    """How late a loan is: the oldest unpaid due date that has passed, the next one to come, minor units overdue."""

    oldest_due_on: date | None
    next_due_on: date | None
    overdue_minor: int


@dataclass(slots=True)
class LoadedEscalation:
    """One loan with its escalation as it is stored: `escalation` and `steps` are the rows, to be changed and written."""

    loan: Any
    """With the columns of `case_loans.LOANS`."""
    policy: EscalationPolicy | None
    case: EscalationCase
    """Without its spell; `case_now` has it."""
    escalation: dict[str, Any] | None = None
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    notices: dict[str, StepState] = field(default_factory=dict)
    """Step key -> how its notice fared."""
    leaves: dict[str, date] = field(default_factory=dict)
    """Step key -> the last day that its letter leaves to pay or to object."""
    last_spell_no: int = 0

    @property
    def loan_id(self) -> str:
        """The loan's id."""
        loan_id: str = self.loan.id
        return loan_id

    def is_by_policy(self, row: Mapping[str, Any]) -> bool:
        """Return whether the policy in force has a step as recorded: of that key, and of that kind."""
        step = None if self.policy is None else self.policy.step(row["step_key"])
        return step is not None and step.kind == row["kind"]

    def case_now(self) -> EscalationCase:
        """Return the case with its escalation as it stands in the rows."""
        if self.escalation is None or self.escalation["ended_at"] is not None:
            return replace(self.case, spell=None)
        steps = {key: _state(row, self.notices.get(key), self.leaves.get(key)) for key, row in self.steps.items()}
        is_stopped = self.escalation["state"] == STOPPED
        spell = Spell(self.escalation["anchor_no"], self.escalation["late_since"], steps, is_stopped)
        return replace(self.case, spell=spell)


def load_escalations(
    session: Session,
    borrower_ids: Collection[str],
    now: datetime,
    *,
    loan_ids: Collection[str] | None = None,
    policies: Policies | None = None,
    late_by: datetime | None = None,
) -> list[LoadedEscalation]:
    """Return the loans of these borrowers with their escalations; a fixed number of statements for all.

    `policies`: by lender, in place of those in force, and then loans of other lenders are left out. `late_by`: also what is
    known of loans that will be late by then if nothing is paid; None: of those that are late now.
    """
    given = policies_in_force(session) if policies is None else policies
    loans = [
        loan
        for loan in queries.find_loans(session, borrower_ids)
        if (loan_ids is None or loan.id in loan_ids) and (policies is None or loan.lender_id in policies)
    ]
    escalations = queries.find_open_escalations(session, borrower_ids)
    known = _Known(session, loans, escalations, given, now, late_by or now)
    return [known.load(loan) for loan in loans]


def lateness_at(loan: Any, at: datetime) -> Lateness:
    """Return how late a loan is at a moment by the rows that are open; those that the core has as paid do not count."""
    if loan.status != "active":
        return Lateness(None, None, 0)
    today = business_date(at, loan.zone)
    rows = [each for each in open_subjects(loan, at, today) if each.held_reason is None]
    late = [row for row in rows if row.due_on < today]
    return Lateness(
        min((row.due_on for row in late), default=None),
        min((row.due_on for row in rows if row.due_on >= today), default=None),
        sum(row.open_minor for row in late),
    )


class _Known:
    """What is known of a batch of loans. What nobody of them needs is not asked for."""

    def __init__(
        self,
        session: Session,
        loans: Sequence[Any],
        escalations: Mapping[str, Any],
        policies: Policies,
        now: datetime,
        late_by: datetime,
    ) -> None:
        self.policies, self.escalations, self.now = policies, escalations, now
        self.lateness = {loan.id: lateness_at(loan, now) for loan in loans}
        late = [loan for loan in loans if self._is_late(loan, late_by) or loan.id in escalations]
        ids, people = [loan.id for loan in late], {loan.borrower_id for loan in late}
        self.steps = queries.find_steps(session, [row.id for row in escalations.values()])
        self.spells = queries.find_last_spells(session, ids)
        self.holds: Mapping[str, Sequence[Hold]] = queries.find_standing_holds(session, people, now) if people else {}
        self.disputed = queries.find_disputed(session, people) if people else set()
        self.arranged = queries.find_arranged(session, people, now) if people else set()
        self.considered: dict[tuple[str, str | None], date] = {}
        self._take_told(session, late, people)
        wants = [loan.id for loan in late if (each := policies.get(loan.lender_id)) is not None and each.needs_collateral]
        self.secured = queries.find_secured(session, wants, GONE)
        self._take_notices(session)

    def load(self, loan: Any) -> LoadedEscalation:
        """Return one loan with its case and its rows."""
        row = self.escalations.get(loan.id)
        steps = [] if row is None else self.steps.get(row.id, [])
        return LoadedEscalation(
            loan,
            self.policies.get(loan.lender_id),
            self._case(loan),
            None if row is None else row._asdict(),
            {step.step_key: step._asdict() for step in steps},
            {step.step_key: self.fared[step.message_id] for step in steps if step.message_id in self.fared},
            {step.step_key: self.leaves[step.message_id] for step in steps if step.message_id in self.leaves},
            self.spells.get(loan.id, 0),
        )

    def _is_late(self, loan: Any, by: datetime) -> bool:
        lateness = self.lateness[loan.id]
        first = lateness.oldest_due_on or lateness.next_due_on
        return first is not None and first < business_date(by, loan.zone)

    def _case(self, loan: Any) -> EscalationCase:
        lateness = self.lateness[loan.id]
        considered = [on for key in (loan.id, None) if (on := self.considered.get((loan.borrower_id, key))) is not None]
        return EscalationCase(
            loan_id=loan.id,
            zone=loan.zone,
            currency=loan.currency,
            oldest_due_on=lateness.oldest_due_on,
            next_due_on=lateness.next_due_on,
            overdue_minor=lateness.overdue_minor,
            anchor_no=loan.anchor_no,
            is_over=loan.status != "active" and bool(loan.open_rows),
            is_arranged=loan.id in self.arranged,
            holds=tuple(self.holds.get(loan.borrower_id, ())),
            has_dispute=loan.id in self.disputed,
            forbearance_on=max(considered, default=None),
            is_cap_known=loan.cap is not None and not loan.cap.get("may_bind"),
            is_secured=loan.id in self.secured,
        )

    def _take_told(self, session: Session, late: Sequence[Any], people: Collection[str]) -> None:
        if not people:
            return
        zones = {loan.id: (loan.borrower_id, loan.zone) for loan in late}
        of_person: dict[str, list[str]] = {}
        for loan in late:
            of_person.setdefault(loan.borrower_id, []).append(loan.id)
        for told in queries.find_told(session, people, self.now):
            facts = told.facts
            if told.list_name == "events":
                if facts["kind"] in _CONSIDERED:
                    self._consider((told.borrower_id, told.loan_id), date.fromisoformat(facts["on"]))
            elif _is_objection(told.list_name, facts):
                self.disputed |= set(of_person[told.borrower_id] if told.loan_id is None else [told.loan_id])
        for loan_id, offered_at in queries.find_plans_answered(session, people).items():
            if loan_id in zones and offered_at <= self.now:
                borrower_id, zone = zones[loan_id]
                self._consider((borrower_id, loan_id), business_date(offered_at, zone))

    def _consider(self, key: tuple[str, str | None], on: date) -> None:
        self.considered[key] = max(on, self.considered.get(key, on))

    def _take_notices(self, session: Session) -> None:
        waiting = {
            row.message_id: row
            for rows in self.steps.values()
            for row in rows
            if row.message_id is not None and row.outcome in (*_ON_THEIR_WAY, Outcome.DELIVERED)
        }
        self.fared: dict[str, StepState] = {}
        posted = [row.message_id for rows in self.steps.values() for row in rows if row.message_id is not None]
        self.leaves = queries.find_answer_days(session, posted)
        if not waiting:
            return
        messages = queries.find_messages(session, list(waiting))
        served = find_served(session, {row.loan_id for row in waiting.values()})
        told = {each.message_id: each for notices in served.values() for each in notices if each.message_id in waiting}
        for message_id in waiting:
            message, notice = messages.get(message_id), told.get(message_id)
            delivered_at = None if notice is None else notice.delivered_at
            came_back = notice is not None and notice.returned_at is not None and delivered_at is None
            if waiting[message_id].outcome == Outcome.DELIVERED and not came_back:
                continue  # it arrived; only that it came back after all is news
            has_gone = message is None or message.state in _NEVER_LEFT
            self.fared[message_id] = StepState(
                Outcome.HANDED_OVER,
                has_left=message is not None and (message.sent_at is not None or message.state in _LEFT),
                delivered_at=delivered_at,
                came_back=came_back,
                never_left=has_gone and not came_back and delivered_at is None,
                lost_reason=None if message is None else message.state_reason,
            )


def _state(row: Mapping[str, Any], notice: StepState | None, answer_by: date | None) -> StepState:
    """Return a step as recorded, with how its notice fared."""
    approved = tuple(at for at in (row["approved_at"], row["confirmed_at"]) if at is not None)
    return StepState(  # written out: `replace` takes three times as long, and every look at every loan comes by here
        outcome=Outcome(row["outcome"]),
        kind=Kind(row["kind"]),
        attempt_no=row["attempt_no"],
        handed_over_at=row["handed_over_at"],
        has_left=notice is not None and notice.has_left,
        delivered_at=row["delivered_at"] if notice is None else notice.delivered_at,
        answer_by=answer_by,
        came_back=notice is not None and notice.came_back,
        never_left=notice is not None and notice.never_left,
        lost_reason=None if notice is None else notice.lost_reason,
        wanted_at=row["wanted_at"],
        approved_at=approved,
        is_declined=row["declined_by"] is not None,
    )


def _is_objection(list_name: str, facts: Mapping[str, Any]) -> bool:
    """Return whether a recorded dispute or request stands against what the loan is, or against its report."""
    if list_name == "disputes":
        return facts.get("resolved_at") is None
    is_open = facts.get("answered_at") is None and facts.get("closed_at") is None
    return facts.get("kind") in _OBJECTIONS and is_open
