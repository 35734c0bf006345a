"""What was decided about a batch of escalations, as rows: one for each step with its current outcome, and every change."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.escalation_cases import Decided, StepDecision
from app.domain.escalation_policies import EscalationStep
from app.domain.escalation_reasons import HAPPENED, Ends, Outcome, Why
from app.domain.times import rfc3339
from app.persistence.ids import new_id
from app.persistence.queries.escalations import write_escalations
from app.persistence.unit_of_work import Work
from app.services.escalation_acts import Acted, Due
from app.services.escalation_cases import STOPPED, LoadedEscalation
from app.services.escalation_tellings import Told

BY = "engine:escalations"
_UNSEEN = (Why.EARLIER_STEP_OUTSTANDING, Why.NOT_LATE_ENOUGH, Why.LAW_NOT_ASKED, Why.EARLIER_STEP_NOT_APPLICABLE)
"""Reasons that make no row by themselves: the step's turn has not come. `why` tells them all the same."""
_KEPT = frozenset({Outcome.HANDED_OVER, Outcome.DELIVERED, Outcome.DONE, Outcome.RETURNED, Outcome.DECLINED})
"""Outcomes that the end of an escalation leaves as they are."""


@dataclass(slots=True)
class EscalationWriting:
    """Collects what is written; rows of `LoadedEscalation` are changed in place, so that they can be decided by again."""

    now: datetime
    new: list[dict[str, Any]] = field(default_factory=list)
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    new_steps: list[dict[str, Any]] = field(default_factory=list)
    changed_steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)
    back: dict[str, list[str]] = field(default_factory=dict)
    """Reason -> notices that are taken back."""
    told: list[Told] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    by: str = BY

    def take(self, each: LoadedEscalation, decided: Decided) -> None:
        """Write what was decided of one loan; what happens now waits in `due` until it was made to happen."""
        if decided.begins:
            self._begin(each)
        if decided.ends is not None:
            self.end(each, decided.ends)
        elif each.escalation is not None and each.escalation["state"] == "open":
            self._stand_still(each)
        for step in decided.steps:
            self._step(each, step)
        row = each.escalation
        if row is not None and row["ended_at"] is None and row["next_look_at"] != decided.next_look_at:
            row["next_look_at"] = decided.next_look_at
            self._touched(row)

    def end(
        self, each: LoadedEscalation, why: str, *, by: str | None = None, facts: Mapping[str, Any] | None = None
    ) -> None:
        """End an escalation: steps that have not happened never will, notices that have not left are taken back."""
        row = each.escalation
        assert row is not None
        row["state"], row["ended_at"], row["ended_reason"], row["next_look_at"] = "ended", self.now, why, None
        row["ended_by"] = by
        self.drop_steps(each, why, by=by)
        self._event(each, None, Outcome.ENDED, why, by=by, facts=facts)
        self._touched(row)
        self.told.append(Told(each.loan, "escalation.ended.v1", {"reason": why, "stage": row["stage"]}))

    def stop(self, each: LoadedEscalation, *, by: str, facts: Mapping[str, Any]) -> None:
        """Have an escalation stand still until its arrears are over, or somebody lets it go on."""
        row = each.escalation
        assert row is not None
        row["state"], row["next_look_at"] = STOPPED, None
        self.drop_steps(each, Ends.STOPPED_BY_PERSON, by=by, outcome=Outcome.STOPPED)
        self._event(each, None, Outcome.STOPPED, Ends.STOPPED_BY_PERSON, by=by, facts=facts)
        self.told.append(Told(each.loan, "escalation.ended.v1", {"reason": Ends.STOPPED_BY_PERSON, "stage": row["stage"]}))

    def resume(self, each: LoadedEscalation, *, by: str) -> None:
        """Let a stopped escalation go on from where it stood."""
        row = each.escalation
        assert row is not None
        row["state"] = "open"
        self._event(each, None, Outcome.WAITING, Why.RESUMED, by=by)

    def answered(self, each: LoadedEscalation, step: dict[str, Any], why: Why, *, by: str, facts: Mapping[str, Any]) -> None:
        """Write that a person said yes or no to a step; `step` has their answer in it."""
        if why is Why.DECLINED:
            self._change(each, step, Outcome.DECLINED, why, by=by, facts=facts)
            return
        step["version"] += 1
        self.changed_steps[step["id"]] = step
        self._event(each, step, Outcome.NEEDS_APPROVAL, why, by=by, facts=facts)

    def drop_steps(
        self, each: LoadedEscalation, why: str, *, by: str | None = None, outcome: Outcome = Outcome.ENDED
    ) -> None:
        """Have no step happen that has not, and no notice leave that has not."""
        for step in each.steps.values():
            self._drop(each, step, why, by=by, outcome=outcome)

    def acted(self, due: Due, acted: Acted) -> None:
        """Write what came of a step that was made to happen."""
        row = self._row(due.of, due.step)
        if acted.outcome in (Outcome.HANDED_OVER, Outcome.DONE):
            row["attempt_no"], row["handed_over_at"], row["message_id"] = due.attempt_no, self.now, acted.message_id
            row["delivered_at"] = self.now if acted.outcome is Outcome.DONE else None
            due.of.notices.pop(due.step.key, None)
            assert due.of.escalation is not None
            due.of.escalation["stage"] = due.step.kind.value
            self._touched(due.of.escalation)
            self.told.append(
                Told(due.of.loan, "escalation.step_happened.v1", {"step": due.step.key, "kind": due.step.kind.value,
                     "outcome": acted.outcome.value, "message_id": acted.message_id})
            )  # fmt: skip
        self._change(due.of, row, acted.outcome, acted.reason, rule=acted.rule)

    def write(self, work: Work) -> None:
        """Write the rows."""
        fresh, fresh_steps = {row["id"] for row in self.new}, {row["id"] for row in self.new_steps}
        write_escalations(
            work.session,
            new=self.new,
            changed=[row for key, row in self.changed.items() if key not in fresh],
            new_steps=self.new_steps,
            changed_steps=[row for key, row in self.changed_steps.items() if key not in fresh_steps],
            events=self.events,
        )

    def _drop(
        self, each: LoadedEscalation, step: dict[str, Any], why: str, *, by: str | None = None, outcome: Outcome
    ) -> None:
        fared = each.notices.get(step["step_key"])
        is_out = step["outcome"] in _KEPT
        if step["outcome"] == Outcome.HANDED_OVER and fared is not None and not fared.has_left and not fared.never_left:
            self.back.setdefault(why, []).append(step["message_id"])
            is_out = False
        if not is_out and step["outcome"] != Outcome.ENDED:
            self._change(each, step, outcome, why, by=by)

    def _stand_still(self, each: LoadedEscalation) -> None:
        """Have nothing happen, and no notice leave, that an earlier version asked for and the policy in force does not."""
        why = Why.NO_POLICY if each.policy is None else Why.NOT_IN_POLICY
        for step in each.steps.values():
            if not each.is_by_policy(step):
                self._drop(each, step, why, outcome=Outcome.STOPPED)

    def _begin(self, each: LoadedEscalation) -> None:
        loan, policy = each.loan, each.policy
        assert policy is not None
        each.last_spell_no += 1
        each.steps, each.notices = {}, {}
        each.escalation = {
            "id": new_id(), "borrower_id": loan.borrower_id, "loan_id": loan.id, "lender_id": loan.lender_id,
            "spell_no": each.last_spell_no, "policy_id": policy.policy_id, "anchor_no": loan.anchor_no, "state": "open",
            "stage": None, "began_at": self.now, "late_since": each.case.oldest_due_on, "next_look_at": None,
            "ended_at": None, "ended_reason": None, "ended_by": None, "event_count": 0, "version": 1,
        }  # fmt: skip
        self.new.append(each.escalation)
        facts = {"policy": policy.key, "version": policy.version_no, "late_since": str(each.case.oldest_due_on)}
        self._event(each, None, Outcome.DONE, Why.BEGUN, facts=facts)
        self.told.append(Told(loan, "escalation.begun.v1", {"policy": policy.key, "policy_version": policy.version_no}))

    def _step(self, each: LoadedEscalation, decision: StepDecision) -> None:
        step = decision.step
        row = each.steps.get(step.key)
        if decision.outcome is Outcome.READY:
            assert each.escalation is not None
            attempt_no = 1 if row is None else row["attempt_no"] + 1
            self.due.append(Due(each, step, each.escalation["id"], attempt_no))
            return
        if row is None:
            if decision.reason in _UNSEEN:
                return
            row = self._row(each, step)
        elif decision.reason == Why.NOT_IN_POLICY:
            return
        if decision.withdraw:
            self.back.setdefault(decision.reason, []).append(row["message_id"])
        if row["outcome"] == Outcome.DELIVERED and decision.outcome not in HAPPENED:
            row["delivered_at"] = None  # it came back after all, and counts for nothing
        fared, facts = each.notices.get(step.key), None
        if decision.outcome is Outcome.DELIVERED and row["outcome"] != Outcome.DELIVERED and fared is not None:
            row["delivered_at"] = fared.delivered_at
            facts = {"delivered_at": rfc3339(fared.delivered_at)} if fared.delivered_at else None
            told = {"step": step.key, "kind": step.kind.value, "outcome": decision.outcome.value}
            self.told.append(Told(each.loan, "escalation.step_happened.v1", {**told, "message_id": row["message_id"]}))
        self._change(each, row, decision.outcome, decision.reason, decision=decision, facts=facts)

    def _row(self, each: LoadedEscalation, step: EscalationStep) -> dict[str, Any]:
        row = each.steps.get(step.key)
        if row is None:
            assert each.escalation is not None
            row = each.steps[step.key] = {
                "id": new_id(), "escalation_id": each.escalation["id"], "borrower_id": each.loan.borrower_id,
                "loan_id": each.loan.id, "lender_id": each.loan.lender_id, "step_key": step.key, "kind": step.kind.value,
                "outcome": "", "reason": "", "rule": None, "due_on": None, "attempt_no": 0, "message_id": None,
                "handed_over_at": None, "delivered_at": None, "wanted_at": None, "approved_by": None, "approved_at": None,
                "confirmed_by": None, "confirmed_at": None, "declined_by": None, "declined_reason": None,
                "changed_at": self.now, "version": 0,
            }  # fmt: skip
            self.new_steps.append(row)
        return row

    def _change(
        self, each: LoadedEscalation, row: dict[str, Any], outcome: Outcome, reason: str, *, by: str | None = None,
        decision: StepDecision | None = None, facts: Mapping[str, Any] | None = None, rule: str | None = None,
    ) -> None:  # fmt: skip
        rule = rule if decision is None else decision.rule
        due_on = None if decision is None else decision.due_on
        before = (row["outcome"], row["reason"], row["rule"])
        same = before == (outcome, reason, rule) or (row["outcome"] == outcome and outcome in HAPPENED)
        if same and row["due_on"] == due_on:
            return
        if not same:
            told = dict(facts or ({} if decision is None else decision.facts))
            if due_on is not None:
                told["due_on"] = due_on.isoformat()
            self._event(each, row, outcome, reason, rule=rule, by=by, facts=told)
            if outcome is Outcome.NEEDS_APPROVAL and row["wanted_at"] is None:
                self.told.append(Told(each.loan, "escalation.approval_needed.v1",
                                      {"step": row["step_key"], "kind": row["kind"]}))  # fmt: skip
        if outcome is Outcome.NEEDS_APPROVAL:
            row["wanted_at"] = row["wanted_at"] or self.now
        elif row["wanted_at"] is not None:
            row["wanted_at"] = None
        row["outcome"], row["reason"], row["rule"], row["due_on"] = str(outcome), str(reason), rule, due_on
        row["changed_at"] = self.now
        row["version"] += 1
        self.changed_steps[row["id"]] = row

    def _event(
        self, each: LoadedEscalation, step: dict[str, Any] | None, outcome: Outcome, reason: str, *,
        rule: str | None = None, by: str | None = None, facts: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        row = each.escalation
        assert row is not None
        row["event_count"] += 1
        self._touched(row)
        self.counts[f"{'escalation' if step is None else step['kind']}.{outcome}"] += 1
        self.events.append(
            {
                "id": new_id(), "escalation_id": row["id"], "seq": row["event_count"], "borrower_id": row["borrower_id"],
                "lender_id": row["lender_id"], "loan_id": row["loan_id"],
                "step_key": None if step is None else step["step_key"], "kind": None if step is None else step["kind"],
                "at": self.now, "outcome": str(outcome), "reason": str(reason), "rule": rule, "by": by or self.by,
                "facts": dict(facts or {}),
            }
        )  # fmt: skip

    def _touched(self, row: dict[str, Any]) -> None:
        if row["id"] not in self.changed:
            row["version"] += 1
            self.changed[row["id"]] = row
