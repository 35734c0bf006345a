"""What a rehearsal counts: small however large the book is, and the same whoever counts which part of it."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from app.domain.times import business_date, rfc3339
from app.services.rehearsals.lives import Life, Looked

SAMPLE = 20
"""Examples kept of each kind of difference: the first ones by their natural keys."""
_HOUR = {"minute": 0, "second": 0, "microsecond": 0}


class MadeContact(NamedTuple):
    """One contact, as two runs are compared by it."""

    key: tuple[str, str, str, int, int, str]
    """Of what it is mainly about: lender, borrower no, loan no, row no, anchor no, step."""
    day: str
    at: datetime
    channels: tuple[str, ...]


@dataclass
class Tally:
    """Counts of one run over part of the book; parts are added up with `add`."""

    events: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """(local day, step, channels, outcome, reason, rule) -> events."""
    decisions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(step, outcome, reason) -> decisions, by what they came to in the end."""
    load: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(hour in UTC, channel) -> messages."""
    messages: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(channel, currency of the loan) -> messages."""
    contacts: int = 0
    tasks: Counter[str] = field(default_factory=Counter)
    """Kind -> tasks for people."""
    differences: Counter[str] = field(default_factory=Counter)
    """added, removed, moved (to another instant), changed (channels, or what it is mainly about) -> contacts."""
    samples: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Add another part's counts."""
        for name in ("events", "decisions", "load", "messages", "tasks", "differences"):
            getattr(self, name).update(getattr(other, name))
        self.contacts += other.contacts
        for kind, found in other.samples.items():
            self.samples[kind] = heapq.nsmallest(SAMPLE, [*self.samples.get(kind, []), *found])

    def take(self, life: Life, lender: str | None) -> None:
        """Count a life that was lived. `lender`: only what is about its loans."""
        for record in life.records.values():
            if lender in (None, record.loan.lender_code):
                self.decisions[record.last.key.step_key, record.outcome, record.reason] += 1
        for looked in life.looks:
            self._take_look(life, looked, lender)

    def _take_look(self, life: Life, looked: Looked, lender: str | None) -> None:
        hour = rfc3339(looked.at.replace(**_HOUR))  # type: ignore[arg-type]
        for verdict in looked.decided.verdicts:
            loan = life.loans[verdict.loan_id]
            if lender in (None, loan.lender_code):
                day = business_date(looked.at, looked.case.zone or loan.zone).isoformat()
                said = (verdict.outcome.value, verdict.reason.value, verdict.rule or "")
                self.events[day, verdict.key.step_key, "+".join(verdict.channels), *said] += 1
        made = [(new.lead.subject, new.messages) for new in looked.decided.contacts]
        self.contacts += sum(lender in (None, subject.loan.lender_code) for subject, _ in made)
        made += [(rung.about[0].subject, rung.messages) for rung in looked.decided.rungs if rung.messages]
        for subject, messages in made:
            if lender in (None, subject.loan.lender_code):
                for message in messages:
                    self.load[hour, message.channel] += 1
                    self.messages[message.channel, subject.currency] += 1
        for task in looked.decided.tasks:
            if lender in (None, life.loans[task.loan_id].lender_code):
                self.tasks[task.kind] += 1

    def compare(self, new: Life, old: Life, lender: str | None) -> None:
        """Count how the contacts of one borrower differ between two runs."""
        kinds: dict[str, list[tuple[Any, ...]]] = {}
        for kind, before, after in differences(contacts_of(old, lender), contacts_of(new, lender)):
            self.differences[kind] += 1
            kinds.setdefault(kind, []).append(_sample(before, after))
        for kind, found in kinds.items():
            self.samples[kind] = heapq.nsmallest(SAMPLE, [*self.samples.get(kind, []), *found])


def contacts_of(life: Life, lender: str | None) -> list[MadeContact]:
    """Return the contacts of a life, in the order they were made."""
    found: list[MadeContact] = []
    for looked in life.looks:
        for new in looked.decided.contacts:
            subject, key = new.lead.subject, new.lead.key
            if lender in (None, subject.loan.lender_code):
                natural = (
                    subject.loan.lender_code, life.borrower_no, subject.loan_no, subject.row_no, key.anchor_no, key.step_key
                )  # fmt: skip
                found.append(MadeContact(natural, new.local_date.isoformat(), looked.at, new.channels))
    return found


def differences(
    old: Iterable[MadeContact], new: Iterable[MadeContact]
) -> Iterable[tuple[str, MadeContact | None, MadeContact | None]]:
    """Yield (kind, before, after): by what a contact is about, then, of those left, by the borrower's day."""
    before = {contact.key: contact for contact in old}
    left: list[MadeContact] = []
    for contact in new:
        earlier = before.pop(contact.key, None)
        if earlier is None:
            left.append(contact)
        elif earlier.at != contact.at:
            yield "moved", earlier, contact
        elif earlier.channels != contact.channels:
            yield "changed", earlier, contact
    by_day: Mapping[str, list[MadeContact]] = _by_day(before.values())
    for contact in left:
        same_day = by_day.get(contact.day)
        if same_day:
            yield "changed", same_day.pop(0), contact
        else:
            yield "added", None, contact
    for gone in by_day.values():
        for contact in gone:
            yield "removed", contact, None


def _by_day(contacts: Iterable[MadeContact]) -> dict[str, list[MadeContact]]:
    found: dict[str, list[MadeContact]] = {}
    for contact in contacts:
        found.setdefault(contact.day, []).append(contact)
    return found


def _sample(before: MadeContact | None, after: MadeContact | None) -> tuple[Any, ...]:
    one = after or before
    assert one is not None
    return (*one.key, _words(before), _words(after))


def _words(contact: MadeContact | None) -> str:
    return "" if contact is None else f"{rfc3339(contact.at)} {contact.key[-1]} {'+'.join(contact.channels)}"
