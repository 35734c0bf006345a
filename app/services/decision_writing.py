"""Turning the answers of `decide` into rows: decisions with their events, contacts, messages, tasks, and the next wake."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.cases import DecisionKey
from app.domain.decided import Decided, FurtherRung, Made, NewContact, NewTask, Retold, Verdict
from app.domain.policies import Rules
from app.domain.reasons import Reason
from app.metrics import DECISIONS
from app.persistence.ids import new_id
from app.persistence.queries.contacts import mark_rungs
from app.persistence.queries.decisions import (
    add_decided,
    finish_agenda,
    mark_cancelled,
    mark_decisions,
    mark_settled,
    mark_slots_free,
    mark_standing,
    replace_shown,
)
from app.persistence.queries.gathered import LoadedCase
from app.persistence.queries.tasks import add_tasks, withdraw_tasks
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.decided_messages import DecidedMessages
from app.services.letter_withdrawals import withdraw_unposted
from app.services.withdrawals import withdraw_shown


@dataclass
class DecisionWriting:
    """Turns the answers of `decide` into rows, gathered so that each table is written once a batch."""

    vault: Vault
    rules: Rules
    now: datetime
    contacts: list[dict[str, Any]] = field(default_factory=list)
    messages: DecidedMessages = field(init=False)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    standing: list[dict[str, Any]] = field(default_factory=list)
    cancelled: dict[tuple[Reason, str | None], list[str]] = field(default_factory=lambda: defaultdict(list))
    freed: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    settled_on: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Channel -> settled contacts that have a message on it, of all that a case goes back to (`ATTEMPTS_BACK`)."""
    rungs: list[dict[str, Any]] = field(default_factory=list)
    replaced: dict[str, str | None] = field(default_factory=dict)
    """Contact id -> the message that takes the place of what it shows in the app, or None."""
    tasks: list[dict[str, Any]] = field(default_factory=list)
    withdrawn: list[dict[str, Any]] = field(default_factory=list)
    agenda: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.messages = DecidedMessages(self.vault, self.rules, self.now)

    def take(self, borrower_id: str, loaded: LoadedCase, decided: Decided) -> None:
        """Add one borrower's answers."""
        version = loaded.case_version + 1
        before = len(self.messages.rows)
        contact_ids = [self._contact(borrower_id, loaded, contact, version) for contact in decided.contacts]
        decision_ids: dict[DecisionKey, str] = {}
        counts: dict[DecisionKey, int] = {}
        for verdict in decided.verdicts:
            contact_id = None if verdict.contact_no is None else contact_ids[verdict.contact_no]
            self._verdict(borrower_id, loaded, verdict, contact_id, decision_ids, counts)
        for rung in decided.rungs:
            self._rung(loaded, rung, version)
        for retold in decided.retold:
            self._retold(loaded, retold, version)
        self.withdrawn += [
            {"b_id": task.task_id, "b_reason": task.reason.value, "b_at": self.now} for task in decided.withdrawn
        ]
        for task in decided.tasks:
            self._task(borrower_id, task, decision_ids)
        for standing in decided.standing:
            self.standing.append(
                {
                    "b_contact_id": standing.contact_id,
                    "b_version": version,
                    "b_epoch": self.rules.rules_epoch,
                    "b_not_after": standing.not_after,
                }
            )
        for cancelled in decided.cancelled:
            self.cancelled[cancelled.reason, cancelled.channel].append(cancelled.contact_id)
        self.freed += [cancelled.contact_id for cancelled in decided.cancelled if cancelled.frees_slot]
        self._settled(loaded, decided)
        came = any(row["inbox_created"] for row in self.messages.rows[before:])
        self._agenda(borrower_id, loaded, decided, version, inbox_changes=came or bool(decided.settled or decided.retold))

    def write(self, work: Work) -> None:
        """Write everything taken."""
        session = work.session
        for (reason, channel), contact_ids in self.cancelled.items():
            mark_cancelled(session, contact_ids, reason=reason.value, channel=channel)
        mark_slots_free(session, self.freed)
        mark_decisions(session, self.changes)
        add_decided(
            session, contacts=self.contacts, messages=self.messages.rows, decisions=self.decisions, events=self.events
        )
        mark_standing(session, self.standing)
        mark_rungs(session, self.rungs)
        add_tasks(session, self.tasks)
        withdraw_tasks(session, self.withdrawn)
        finish_agenda(session, self.agenda)
        replace_shown(session, self.replaced, now=self.now)
        mark_settled(session, self.settled, now=self.now)
        withdraw_shown(work, self.settled_on["push"], now=self.now)
        withdraw_unposted(work, self.settled_on["letter"], now=self.now)
        for event in self.events:
            DECISIONS.labels(event["outcome"], event["reason"]).inc()

    def _settled(self, loaded: LoadedCase, decided: Decided) -> None:
        self.settled += decided.settled
        for contact in loaded.case.contacts if decided.settled else ():
            if contact.contact_id in decided.settled:
                for channel in {message.channel for message in contact.messages}:
                    self.settled_on[channel].append(contact.contact_id)

    def _agenda(self, borrower_id: str, loaded: LoadedCase, decided: Decided, version: int, *, inbox_changes: bool) -> None:
        case = loaded.case
        moved = case.decided_until is not None and case.decided_zone != case.zone
        self.agenda.append(
            {
                "b_id": borrower_id,
                "b_wake": self.now if borrower_id in self.messages.unfit else decided.next_wake,
                "b_version": version,
                "b_epoch": self.rules.rules_epoch,
                "b_until": max(self.now, case.decided_until or self.now),
                "b_zone": case.zone,
                "b_zone_since": self.now if moved else loaded.zone_since,
                "b_inbox_state": loaded.inbox_state + inbox_changes,
            }
        )

    def _verdict(
        self,
        borrower_id: str,
        loaded: LoadedCase,
        verdict: Verdict,
        contact_id: str | None,
        decision_ids: dict[DecisionKey, str],
        counts: dict[DecisionKey, int],
    ) -> None:
        past = loaded.case.decisions.get(verdict.key)
        count = counts.get(verdict.key, 0 if past is None else past.event_count) + 1
        counts[verdict.key] = count
        event = {
            "borrower_id": borrower_id,
            "seq": count,
            "at": self.now,
            "outcome": verdict.outcome.value,
            "reason": verdict.reason.value,
            "rule": verdict.rule,
            "channels": list(verdict.channels),
            "not_before": verdict.not_before,
            "facts": dict(verdict.facts),
        }
        if past is not None:
            decision_ids[verdict.key] = past.decision_id
            self.changes.append(
                {
                    "b_id": past.decision_id,
                    "b_outcome": past.outcome.value if verdict.is_note else verdict.outcome.value,
                    "b_reason": past.reason.value if verdict.is_note else verdict.reason.value,
                    "b_contact_id": contact_id or past.contact_id,
                    "b_next": verdict.next_evaluation_at,
                    "b_count": count,
                }
            )
            self.events.append({**event, "decision_id": past.decision_id})
            return
        decision_id = decision_ids[verdict.key] = new_id()
        self.decisions.append(
            {
                "id": decision_id,
                "borrower_id": borrower_id,
                "loan_id": verdict.loan_id,
                "subject_kind": verdict.key.subject_kind,
                "subject_id": verdict.key.subject_id,
                "row_no": verdict.row_no,
                "anchor_no": verdict.key.anchor_no,
                "step_key": verdict.key.step_key,
                "policy_id": verdict.policy_id or self.rules.policy.policy_id,
                "occurs_at": verdict.occurs_at,
                "local_date": verdict.local_date,
                "outcome": verdict.outcome.value,
                "reason": verdict.reason.value,
                "contact_id": contact_id,
                "next_evaluation_at": verdict.next_evaluation_at,
                "decided_at": self.now,
                "experiment": verdict.experiment,
                "arm": verdict.arm,
                "event_count": 1,
            }
        )
        self.events.append({**event, "decision_id": decision_id})

    def _contact(self, borrower_id: str, loaded: LoadedCase, contact: NewContact, version: int) -> str:
        contact_id = new_id()
        step = contact.lead.step
        self.contacts.append(
            {
                "id": contact_id,
                "borrower_id": borrower_id,
                "message_class": step.message_class,
                "local_date": contact.local_date,
                "zones": list(contact.zones),
                "cap_class": "outreach",
                "slot_no": contact.slot_no,
                "stage": step.stage,
                "step_key": step.key,
                "origin": "policy",
                "rungs_done": contact.rungs_done,
                "state": "open",
                "created_at": self.now,
                "settled_at": None,
            }
        )
        self.messages.add(
            loaded, contact_id, contact.candidates, contact.messages, template=contact.template, version=version, is_all=True
        )
        return contact_id

    def _rung(self, loaded: LoadedCase, rung: FurtherRung, version: int) -> None:
        self.rungs.append({"b_contact_id": rung.contact_id, "b_rungs_done": rung.rungs_done})
        self.messages.add(loaded, rung.contact_id, rung.about, rung.messages, template=rung.template, version=version)

    def _retold(self, loaded: LoadedCase, retold: Retold, version: int) -> None:
        made = [Made("in_app", retold.rung_no, self.now)] if retold.about else []
        ids = self.messages.add(loaded, retold.contact_id, retold.about, made, template=retold.template, version=version)
        self.replaced[retold.contact_id] = ids[0] if ids else None

    def _task(self, borrower_id: str, task: NewTask, decision_ids: Mapping[DecisionKey, str]) -> None:
        self.tasks.append(
            {
                "id": new_id(),
                "natural_key": task.natural_key,
                "borrower_id": borrower_id,
                "loan_id": task.loan_id,
                "decision_id": None if task.key is None else decision_ids.get(task.key),
                "kind": task.kind,
                "queue": task.queue,
                "state": "open",
                "rule": task.rule,
                "due_on": None,
                "due_at": task.due_at,
                "not_before": task.not_before,
                "not_after": task.not_after,
                "breach": False,
                "facts": dict(task.facts),
                "created_at": self.now,
                "version": 1,
            }
        )
