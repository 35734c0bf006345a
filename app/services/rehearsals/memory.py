"""What a rehearsal has made and decided of one borrower, looked back at as the queries of cases look back at rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from app.domain.cases import Attempt, DecisionKey, PastDecision, PastMessage
from app.domain.decided import Candidate, Decided, Made, Retold, Verdict
from app.domain.policies import Rules
from app.domain.reasons import Outcome, Reason
from app.persistence.queries.case_contacts import WAITING, attempts_of, looking_back, past_contact, past_message
from app.persistence.queries.gathered import Gathered
from app.persistence.queries.rehearsed_books import BorrowerPast

_ON_ITS_WAY = frozenset({"queued", "stale", "sending"})


@dataclass(slots=True)
class Message:
    """One message; `made_at` is when its row would have been written."""

    made_at: datetime
    value: PastMessage


@dataclass(slots=True)
class Contact:
    """One contact with the columns that cases are made of."""

    id: str
    local_date: date
    created_at: datetime
    slot_no: int | None
    state: str
    origin: str
    rungs_done: int
    messages: list[Message] = field(default_factory=list)


class Memory:
    """Contacts, messages and decisions of one borrower. Whatever is queued leaves at the instant it was decided at."""

    def __init__(self, past: BorrowerPast, *, seen: bool) -> None:
        self._seen = seen
        self._contacts: dict[str, Contact] = {}
        self._decisions: dict[DecisionKey, PastDecision] = {}
        self._about: dict[str, list[DecisionKey]] = {}
        """Contact id -> what it is about."""
        self._tries: list[tuple[datetime, Attempt]] | None = None
        """Tries to reach the borrower; None: to be counted anew."""
        for row in past.contacts:
            self._contacts[row.id] = Contact(
                row.id, row.local_date, row.created_at, row.slot_no, row.state, row.origin, row.rungs_done
            )
        for row in past.messages:
            contact = self._contacts.get(row.contact_id)
            if contact is not None:
                was_seen = row.seen_at is not None or row.read_at is not None
                contact.messages.append(Message(row.created_at, past_message(row, seen=was_seen)))
        for row in past.decisions:
            key = DecisionKey(row.subject_kind, row.subject_id, row.anchor_no, row.step_key)
            self._decisions[key] = PastDecision(
                row.id, key, row.loan_id, row.row_no, row.occurs_at, Outcome(row.outcome), Reason(row.reason),
                row.contact_id, row.next_evaluation_at, row.event_count,
            )  # fmt: skip
            if row.contact_id is not None:
                self._about.setdefault(row.contact_id, []).append(key)

    def add_to(self, parts: Gathered, now: datetime, rules: Rules, *, changed: bool) -> None:
        """Add to a case what of the past is part of it at `now`."""
        since = looking_back(now, rules)
        contacts = [
            each
            for each in self._contacts.values()
            if each.created_at >= since.counted or (changed and each.state == "open")
        ]
        parts.decisions = self._decisions
        for contact in contacts:
            is_reviewed = changed or contact.created_at >= since.reviewed
            keys = self._about.get(contact.id, []) if is_reviewed else ()
            shows_several = contact.state == "open" and len(keys) > 1
            messages = [
                each.value
                for each in contact.messages
                if each.made_at >= since.tried or (shows_several and each.value.channel == "in_app")
            ]
            waiting = False if any(message.state in WAITING for message in messages) else None
            parts.contacts.append(past_contact(contact, keys, messages, waiting))
        if self._tries is None:
            self._tries = self._all_tries()
        parts.attempts = [attempt for made_at, attempt in self._tries if made_at >= since.tried]

    def _all_tries(self) -> list[tuple[datetime, Attempt]]:
        """Return every try with when its message was made, oldest first."""
        found = [(message.made_at, attempt) for contact in self._contacts.values() for message in contact.messages
                 for attempt in attempts_of({contact.id: [message.value]}, self._about)]  # fmt: skip
        return sorted(found, key=lambda each: (each[1].at, each[1].channel))

    def _add_tries(self, contact: Contact, messages: Sequence[Message]) -> None:
        """Count messages that were made last of all."""
        if self._tries is None:
            return
        tries = attempts_of({contact.id: [message.value for message in messages]}, self._about)
        self._tries += [(attempt.at, attempt) for attempt in tries]

    def take(self, decided: Decided, now: datetime) -> list[str]:
        """Keep what was decided at `now`, then let everything that waits leave. Returns the ids of the new contacts."""
        if decided.cancelled or decided.standing:
            self._tries = None
        for cancelled in decided.cancelled:
            contact = self._contacts[cancelled.contact_id]
            for message in contact.messages:
                if message.value.state in WAITING and cancelled.channel in (None, message.value.channel):
                    message.value = _in_state(message.value, "cancelled")
            if cancelled.frees_slot:
                contact.slot_no = None
        ids: list[str] = []
        for new in decided.contacts:
            contact = Contact(f"~{len(self._contacts)}", new.local_date, now, new.slot_no, "open", "policy", new.rungs_done)
            self._contacts[contact.id] = contact
            contact.messages += self._made(new.messages, now)
            ids.append(contact.id)
        for verdict in decided.verdicts:
            self._say(verdict, None if verdict.contact_no is None else ids[verdict.contact_no])
        for contact_id in ids:
            self._add_tries(self._contacts[contact_id], self._contacts[contact_id].messages)
        for rung in decided.rungs:
            contact, made = self._contacts[rung.contact_id], self._made(rung.messages, now, rung.about)
            contact.rungs_done = rung.rungs_done
            contact.messages += made
            self._add_tries(contact, made)
        self._tell_again(decided.retold, now)
        for contact_id in decided.settled:
            self._contacts[contact_id].state = "settled"
        self._send_waiting(decided, now)
        return ids

    def _tell_again(self, retold: Iterable[Retold], now: datetime) -> None:
        for each in retold:
            messages = self._contacts[each.contact_id].messages
            for message in messages:
                if message.value.channel == "in_app":
                    message.value = _in_state(message.value, "withdrawn")
            if each.about:
                messages += self._made((Made("in_app", each.rung_no, now),), now, each.about)

    def _made(self, messages: Iterable[Made], now: datetime, about: Iterable[Candidate] = ()) -> list[Message]:
        """Messages as they are once they have left: those of the app's own inbox are there at once, the others sent."""
        subjects = frozenset(each.subject.subject_id for each in about) or None
        return [
            Message(
                now,
                PastMessage(
                    made.channel,
                    made.rung_no,
                    now,
                    "delivered" if made.channel == "in_app" else "sent",
                    self._seen,
                    about=subjects,
                ),
            )
            for made in messages
        ]

    def _say(self, verdict: Verdict, contact_id: str | None) -> None:
        past = self._decisions.get(verdict.key)
        if contact_id is not None:
            if past is not None and past.contact_id is not None:
                self._about[past.contact_id].remove(verdict.key)
            self._about.setdefault(contact_id, []).append(verdict.key)
        if past is None:
            self._decisions[verdict.key] = PastDecision(
                str(len(self._decisions)), verdict.key, verdict.loan_id, verdict.row_no, verdict.occurs_at, verdict.outcome,
                verdict.reason, contact_id, verdict.next_evaluation_at, 1,
            )  # fmt: skip
            return
        outcome, reason = (past.outcome, past.reason) if verdict.is_note else (verdict.outcome, verdict.reason)
        self._decisions[verdict.key] = PastDecision(
            past.decision_id, past.key, past.loan_id, past.row_no, past.occurs_at, outcome, reason,
            contact_id or past.contact_id, verdict.next_evaluation_at, past.event_count + 1,
        )  # fmt: skip

    def _send_waiting(self, decided: Decided, now: datetime) -> None:
        """Of the real book's messages that waited when the rehearsal began, those that may still leave do."""
        for standing in decided.standing:
            for message in self._contacts[standing.contact_id].messages:
                value = message.value
                if value.state in _ON_ITS_WAY:
                    message.value = PastMessage(value.channel, value.rung_no, now, "sent", self._seen)


def _in_state(message: PastMessage, state: str) -> PastMessage:
    return replace(message, state=state)
