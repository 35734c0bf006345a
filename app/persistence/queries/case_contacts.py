"""The past of cases: contacts with their messages, decisions that may come up again, and tries to reach the borrower."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Date, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from app.domain.calls import attempt_word
from app.domain.cases import Attempt, DecisionKey, PastContact, PastDecision, PastMessage
from app.domain.policies import Rules
from app.domain.reasons import Outcome, Reason
from app.persistence.among import among, ids_named
from app.persistence.column_types import Instant
from app.persistence.models.calls import CallRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.reminders import ContactRow, DecisionRow
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.gathered import Gathered

SLACK = timedelta(days=3)
"""A change of zone can move a step's instant by up to 26 h; so much further back decisions are loaded."""
RECENT_CONTACTS = timedelta(days=2)
"""A local day is over everywhere within so long; the daily cap looks no further back."""
WAITING = frozenset({"queued", "stale"})
ATTEMPTS_BACK = timedelta(days=32)
"""How far back tries are counted: the longest run of a cap in any law pack is 30 dates."""


CALL_COLUMNS = (
    CallRow.outcome.label("call_outcome"), CallRow.loan_id.label("call_loan_id"), CallRow.direction.label("call_direction"),
)  # fmt: skip
CALL_OF_MESSAGE = and_(
    CallRow.borrower_id == MessageRow.borrower_id,  # leads the index
    CallRow.message_id == MessageRow.id,
)
"""How a message on channel voice went: a call is one message, made by the engine or told by a person."""

_DAY = timedelta(days=1)
_CONTACTS = PreparedSelect.of(
    select(
        ContactRow.id, ContactRow.borrower_id, ContactRow.local_date, ContactRow.created_at, ContactRow.slot_no,
        ContactRow.state, ContactRow.origin, ContactRow.rungs_done,
    )
    .where(
        among(ContactRow.borrower_id, ids_named("b_ids")),
        or_(
            # the local date beside the instant, because there is an index over it
            and_(ContactRow.local_date >= bindparam("b_from", type_=Date()),
                 ContactRow.created_at >= bindparam("b_since", type_=Instant())),
            and_(among(ContactRow.borrower_id, ids_named("b_changed")), ContactRow.state == "open"),
        ),
    )
    .order_by(ContactRow.created_at, ContactRow.id)
)  # fmt: skip
_DECISIONS = PreparedSelect.of(
    select(
        DecisionRow.id, DecisionRow.borrower_id, DecisionRow.subject_kind, DecisionRow.subject_id, DecisionRow.anchor_no,
        DecisionRow.step_key, DecisionRow.loan_id, DecisionRow.row_no, DecisionRow.occurs_at, DecisionRow.outcome,
        DecisionRow.reason, DecisionRow.contact_id, DecisionRow.next_evaluation_at, DecisionRow.event_count,
    ).where(
        among(DecisionRow.borrower_id, ids_named("b_ids")),
        or_(
            DecisionRow.occurs_at >= bindparam("b_oldest", type_=Instant()),
            DecisionRow.outcome == Outcome.DEFERRED.value,
            among(DecisionRow.contact_id, ids_named("b_contacts")),
        ),
    )
)  # fmt: skip
_MESSAGES_WITH_CALLS = (
    select(
        MessageRow.borrower_id, MessageRow.contact_id, MessageRow.channel, MessageRow.rung_no, MessageRow.state,
        MessageRow.sent_at, MessageRow.not_before, MessageRow.about, MessageRow.withdrawn_at,
        func.coalesce(MessageRow.seen_at, MessageRow.read_at).label("seen_at"),
        *CALL_COLUMNS,
    )
    .outerjoin(CallRow, CALL_OF_MESSAGE)
    .order_by(MessageRow.created_at, MessageRow.id)
)  # fmt: skip
_MESSAGES = PreparedSelect.of(
    _MESSAGES_WITH_CALLS.where(
        among(MessageRow.borrower_id, ids_named("b_ids")),
        MessageRow.created_at >= bindparam("b_since", type_=Instant()),
        MessageRow.contact_id.is_not(None),
    )
)
_SHOWN = PreparedSelect.of(
    _MESSAGES_WITH_CALLS.where(
        among(MessageRow.contact_id, ids_named("b_contacts")),
        MessageRow.channel == "in_app",
        MessageRow.withdrawn_at.is_(None),
        MessageRow.created_at < bindparam("b_since", type_=Instant()),
    )
)


def add_contacts(session: Session, gathered: dict[str, Gathered], now: datetime, rules: Rules) -> None:
    """Add what was made and decided before, as far back as something may still come of it or a cap counts it."""
    connection, ids = session.connection(), list(gathered)
    changed = [borrower_id for borrower_id, parts in gathered.items() if parts.has_changed]
    since = looking_back(now, rules)
    contacts = _CONTACTS.all(
        connection, {"b_ids": ids, "b_changed": changed, "b_since": since.counted, "b_from": since.counted.date() - _DAY}
    )
    reviewed = [c.id for c in contacts if c.created_at >= since.reviewed or gathered[c.borrower_id].has_changed]
    by_contact: dict[str, list[DecisionKey]] = defaultdict(list)
    reach = timedelta(days=rules.trail_days + rules.lead_days) + 2 * SLACK
    decided = [at for parts in gathered.values() if (at := parts.head.decided_until) is not None]
    # What tries were about must be known whoever else is in the batch; of borrowers never looked at there is nothing.
    oldest = min(min(decided) - reach, since.tried - rules.longest_expiry) if decided else now + RECENT_CONTACTS
    for row in _DECISIONS.all(connection, {"b_ids": ids, "b_contacts": reviewed, "b_oldest": oldest}):
        key = DecisionKey(row.subject_kind, row.subject_id, row.anchor_no, row.step_key)
        gathered[row.borrower_id].decisions[key] = PastDecision(
            row.id, key, row.loan_id, row.row_no, row.occurs_at, Outcome(row.outcome), Reason(row.reason), row.contact_id,
            row.next_evaluation_at, row.event_count,
        )  # fmt: skip
        if row.contact_id is not None:
            by_contact[row.contact_id].append(key)
    looked_at = set(reviewed)
    messages = _find_messages(connection, ids, since.tried)
    old = [c.id for c in contacts if c.state == "open" and c.created_at < since.tried and len(by_contact[c.id]) > 1]
    shown: dict[str, list[PastMessage]] = defaultdict(list)
    for row in _SHOWN.all(connection, {"b_contacts": old, "b_since": since.tried}) if old else ():
        shown[row.contact_id].append(past_message(row, seen=row.seen_at is not None))
    waiting_ids = [
        contact.id
        for contact in contacts
        if any(message.state in WAITING for message in messages[contact.borrower_id].get(contact.id, ()))
    ]
    waiting = _find_waiting(session, waiting_ids)
    for contact in contacts:
        about = by_contact[contact.id] if contact.id in looked_at else ()
        its = [*shown[contact.id], *messages[contact.borrower_id].get(contact.id, ())]
        gathered[contact.borrower_id].contacts.append(past_contact(contact, about, its, waiting.get(contact.id)))
    for borrower_id, made in messages.items():
        gathered[borrower_id].attempts = attempts_of(made, by_contact)


class LookingBack(NamedTuple):
    """Since when the past is part of a case."""

    reviewed: datetime
    """Contacts with what they were about."""
    counted: datetime
    """Contacts at all."""
    tried: datetime
    """Messages; what the app shows of several instalments beyond that, however long ago."""


def looking_back(now: datetime, rules: Rules) -> LookingBack:
    """Return how far a case looks back."""
    reviewed = now - max(RECENT_CONTACTS, timedelta(days=rules.longest_loan_cap_days + 1), rules.longest_wait)
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
        loan_ids=frozenset(key.subject_id.partition("/")[0] for key in about)
        | {message.debt for message in messages if message.debt is not None}
        | (frozenset() if about else _loans_named(messages)),
    )  # fmt: skip


def add_attempts(session: Session, gathered: dict[str, Gathered], now: datetime) -> None:
    """Add only the tries to reach these borrowers, as far back as a cap counts; which loan each was about is left out."""
    for borrower_id, made in _find_messages(session.connection(), list(gathered), now - ATTEMPTS_BACK).items():
        gathered[borrower_id].attempts = attempts_of(made, {})


def _find_messages(connection: Connection, ids: Sequence[str], since: datetime) -> dict[str, dict[str, list[PastMessage]]]:
    """Return borrower id -> contact id -> messages since then, oldest first."""
    found: dict[str, dict[str, list[PastMessage]]] = defaultdict(lambda: defaultdict(list))
    for row in _MESSAGES.all(connection, {"b_ids": ids, "b_since": since}):
        found[row.borrower_id][row.contact_id].append(past_message(row, seen=row.seen_at is not None))
    return found


def past_message(row: Any, *, seen: bool) -> PastMessage:
    """Return the value of a message's row, which has `CALL_COLUMNS` beside it."""
    call = None if row.call_outcome is None else attempt_word(row.call_outcome)
    is_shown = row.channel != "in_app" or row.withdrawn_at is None
    return PastMessage(
        row.channel, row.rung_no, row.sent_at or row.not_before, row.state if is_shown else "withdrawn", seen,
        call, row.call_loan_id, row.call_direction == "inbound", None if row.about is None else frozenset(row.about),
    )  # fmt: skip


def attempts_of(made: Mapping[str, Sequence[PastMessage]], by_contact: Mapping[str, Sequence[DecisionKey]]) -> list[Attempt]:
    """Return the tries that the messages of one borrower's contacts are, oldest first."""
    tries: list[Attempt] = []
    for contact_id, messages in made.items():
        loans = {key.subject_id.partition("/")[0] for key in by_contact.get(contact_id, ())} or _loans_named(messages)
        debt = next(iter(loans)) if len(loans) == 1 else None
        tries += [_attempt(message, debt) for message in messages if message.counts or message.call is not None]
    return sorted(tries, key=lambda each: (each.at, each.channel))


def _loans_named(messages: Sequence[PastMessage]) -> frozenset[str]:
    """Return the loans that messages name themselves: those of people, behind which there is no decision."""
    return frozenset(subject.partition("/")[0] for message in messages for subject in message.about or ())


def _attempt(message: PastMessage, debt: str | None) -> Attempt:
    direction = "inbound" if message.inbound else "outbound"
    return Attempt(message.at, message.channel, direction, message.call or "sent", message.debt or debt)


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
