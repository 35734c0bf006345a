"""The past of cases: contacts with their messages, decisions that may come up again, and tries to reach the borrower."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from app.domain.cases import Attempt, DecisionKey, PastContact, PastDecision, PastMessage
from app.domain.policies import Rules
from app.domain.reasons import Outcome, Reason
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.reminders import ContactRow, DecisionRow
from app.persistence.queries.gathered import Gathered

SLACK = timedelta(days=3)
"""A change of zone can move a step's instant by up to 26 h; so much further back decisions are loaded."""
RECENT_CONTACTS = timedelta(days=2)
"""A local day is over everywhere within so long; the daily cap looks no further back."""
WAITING = frozenset({"queued", "stale"})
ATTEMPTS_BACK = timedelta(days=32)
"""How far back tries are counted: the longest run of a cap in any law pack is 30 dates."""


def add_contacts(session: Session, gathered: dict[str, Gathered], now: datetime, rules: Rules) -> None:
    """Add what was made and decided before, as far back as something may still come of it or a cap counts it."""
    ids = list(gathered)
    changed = [borrower_id for borrower_id, parts in gathered.items() if parts.has_changed]
    since = looking_back(now, rules)
    contacts = session.execute(
        select(
            ContactRow.id, ContactRow.borrower_id, ContactRow.local_date, ContactRow.created_at, ContactRow.slot_no,
            ContactRow.state, ContactRow.origin, ContactRow.rungs_done,
        ).where(
            ContactRow.borrower_id.in_(ids),
            or_(
                ContactRow.created_at >= since.counted,
                and_(ContactRow.borrower_id.in_(changed), ContactRow.state == "open"),
            ),
        ).order_by(ContactRow.created_at, ContactRow.id)
    ).all()  # fmt: skip
    reviewed = [c.id for c in contacts if c.created_at >= since.reviewed or gathered[c.borrower_id].has_changed]
    by_contact: dict[str, list[DecisionKey]] = defaultdict(list)
    for row in session.execute(_decisions(ids, reviewed, _reachable(gathered, timedelta(days=rules.trail_days)))):
        key = DecisionKey(row.subject_kind, row.subject_id, row.anchor_no, row.step_key)
        gathered[row.borrower_id].decisions[key] = PastDecision(
            row.id, key, row.loan_id, row.row_no, row.occurs_at, Outcome(row.outcome), Reason(row.reason), row.contact_id,
            row.next_evaluation_at, row.event_count,
        )  # fmt: skip
        if row.contact_id is not None:
            by_contact[row.contact_id].append(key)
    messages = _find_messages(session, ids, since.tried)
    waiting_ids = [
        contact.id
        for contact in contacts
        if any(message.state in WAITING for message in messages[contact.borrower_id].get(contact.id, ()))
    ]
    waiting = _find_waiting(session, waiting_ids)
    for contact in contacts:
        gathered[contact.borrower_id].contacts.append(
            past_contact(
                contact, by_contact[contact.id], messages[contact.borrower_id].get(contact.id, ()), waiting.get(contact.id)
            )
        )
    for borrower_id, made in messages.items():
        gathered[borrower_id].attempts = attempts_of(made, by_contact)


class LookingBack(NamedTuple):
    """Since when the past is part of a case."""

    reviewed: datetime
    """Contacts with what they were about."""
    counted: datetime
    """Contacts at all."""
    tried: datetime
    """Messages."""


def looking_back(now: datetime, rules: Rules) -> LookingBack:
    """Return how far a case looks back."""
    reviewed = now - max(RECENT_CONTACTS, timedelta(days=rules.longest_loan_cap_days + 1))
    counted = min(reviewed, now - timedelta(days=rules.longest_cap_days + 1))
    return LookingBack(reviewed, counted, now - ATTEMPTS_BACK)


def past_contact(
    contact: Any, about: Sequence[DecisionKey], messages: Sequence[PastMessage], waiting: bool | None
) -> PastContact:
    """Return the value of a contact. `waiting` None: nothing of it waits; else whether something of it was tried before.

    A settled contact is done with, unless a message of it was on its way when the money came and was put back.
    """
    is_waiting = waiting is not None
    keys = tuple(about) if contact.state == "open" or is_waiting else ()
    return PastContact(
        contact.id, contact.local_date, contact.created_at, contact.slot_no, keys,
        waiting=is_waiting, tried=bool(waiting), origin=contact.origin,
        rungs_done=contact.rungs_done, messages=tuple(messages),
    )  # fmt: skip


def _find_messages(session: Session, ids: Sequence[str], since: datetime) -> dict[str, dict[str, list[PastMessage]]]:
    """Return borrower id -> contact id -> messages since then, oldest first."""
    found: dict[str, dict[str, list[PastMessage]]] = defaultdict(lambda: defaultdict(list))
    statement = (
        select(
            MessageRow.borrower_id, MessageRow.contact_id, MessageRow.channel, MessageRow.rung_no, MessageRow.state,
            MessageRow.sent_at, MessageRow.not_before, MessageRow.seen_at, MessageRow.read_at,
        )
        .where(MessageRow.borrower_id.in_(ids), MessageRow.created_at >= since, MessageRow.contact_id.is_not(None))
        .order_by(MessageRow.created_at, MessageRow.id)
    )  # fmt: skip
    for row in session.execute(statement):
        seen = row.seen_at is not None or row.read_at is not None
        message = PastMessage(row.channel, row.rung_no, row.sent_at or row.not_before, row.state, seen)
        found[row.borrower_id][row.contact_id].append(message)
    return found


def attempts_of(made: Mapping[str, Sequence[PastMessage]], by_contact: Mapping[str, Sequence[DecisionKey]]) -> list[Attempt]:
    """Return the tries that the messages of one borrower's contacts are, oldest first."""
    tries: list[Attempt] = []
    for contact_id, messages in made.items():
        loans = {key.subject_id.partition("/")[0] for key in by_contact.get(contact_id, ())}
        debt = next(iter(loans)) if len(loans) == 1 else None
        tries += [Attempt(message.at, message.channel, debt=debt) for message in messages if message.counts]
    return sorted(tries, key=lambda each: (each.at, each.channel))


def _find_waiting(session: Session, contact_ids: Sequence[str]) -> dict[str, bool]:
    """Return those of these contacts that have messages waiting, and whether something of them was handed over before."""
    if not contact_ids:
        return {}
    tried = (
        exists()
        .where(DeliveryAttemptRow.message_id == MessageRow.id, DeliveryAttemptRow.outcome != "withheld")
        .correlate(MessageRow)
    )
    statement = select(MessageRow.contact_id, tried.label("tried")).where(
        MessageRow.contact_id.in_(contact_ids), MessageRow.state.in_(("queued", "stale"))
    )
    found: dict[str, bool] = {}
    for row in session.execute(statement):
        found[row.contact_id] = found.get(row.contact_id, False) or bool(row.tried)
    return found


def _reachable(gathered: dict[str, Gathered], trail: timedelta) -> list[str]:
    """Return the subjects a step of which may come up now: whatever was decided about them must be known.

    Of a borrower never looked at there is nothing to know, and of a row whose last step lies behind what was decided nothing
    can come up any more.
    """
    return [subject_id for parts in gathered.values() for subject_id in reachable_subjects(parts, trail)]


def reachable_subjects(parts: Gathered, trail: timedelta) -> list[str]:
    """Return the subjects of one borrower's case a step of which may come up now."""
    decided_until = parts.head.decided_until
    if decided_until is None:
        return []
    oldest = (decided_until - trail - SLACK).date()
    return [subject.subject_id for subject in parts.subjects if subject.due_on >= oldest]


def _decisions(ids: Sequence[str], contact_ids: Sequence[str], subject_ids: Sequence[str]) -> Any:
    return select(
        DecisionRow.id,
        DecisionRow.borrower_id,
        DecisionRow.subject_kind,
        DecisionRow.subject_id,
        DecisionRow.anchor_no,
        DecisionRow.step_key,
        DecisionRow.loan_id,
        DecisionRow.row_no,
        DecisionRow.occurs_at,
        DecisionRow.outcome,
        DecisionRow.reason,
        DecisionRow.contact_id,
        DecisionRow.next_evaluation_at,
        DecisionRow.event_count,
    ).where(
        DecisionRow.borrower_id.in_(ids),
        or_(
            DecisionRow.outcome == Outcome.DEFERRED.value,
            DecisionRow.contact_id.in_(contact_ids),
            and_(DecisionRow.subject_kind == "instalment", DecisionRow.subject_id.in_(subject_ids)),
        ),
    )
