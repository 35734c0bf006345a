"""What a borrower was told about the debt: every contact and notice, when, on which channels, what for, how it fared."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from app.domain.times import business_date
from app.persistence.queries import contact_history as queries
from app.persistence.queries.inbox import find_subjects
from app.persistence.queries.notices import ToldNotice, page_told
from app.wording.contact_words import delivery_words, purpose_words

SERVICING = "servicing"
_DELIVERIES = {
    "queued": "waiting",
    "stale": "waiting",
    "sending": "waiting",
    "sent": "sent",
    "delivered": "delivered",
    "uncertain": "unknown",
    "failed": "not_delivered",
    "expired": "not_sent",
    "cancelled": "not_sent",
}
"""State of a message -> what a borrower is told of it."""
DELIVERIES = (*sorted(set(_DELIVERIES.values())), "seen")


@dataclass(frozen=True, slots=True)
class ChannelShown:
    """One message on one channel. `inbox_id`: where its text is, if it is in the inbox."""

    channel: str
    at: datetime | None
    delivery: str
    delivery_text: str
    inbox_id: str | None


@dataclass(frozen=True, slots=True)
class AboutShown:
    """An instalment it was about."""

    loan_id: str
    row_no: int


@dataclass(frozen=True, slots=True)
class ContactShown:
    """One contact. `made_by`: automatic, or person (somebody wrote or called)."""

    id: str
    at: datetime
    local_date: date
    timezone: str | None
    purpose: str
    purpose_text: str
    made_by: str
    category: str | None
    settled: bool
    channels: list[ChannelShown]
    about: list[AboutShown]


def page_contact_history(
    reads: Connection, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int, now: datetime, locale: str
) -> list[ContactShown]:
    """Return up to `limit` contacts and notices, newest first by (at, id)."""
    contacts = queries.page_contacts(reads, borrower_id, before=before, limit=limit, now=now)
    ids = [contact.id for contact in contacts]
    messages = queries.find_messages(reads, borrower_id, ids) if ids else {}
    about: defaultdict[str, list[AboutShown]] = defaultdict(list)
    for subject in find_subjects(reads, borrower_id, ids) if ids else ():
        about[subject.contact_id].append(AboutShown(subject.loan_id, subject.row_no))
    shown = [_contact(contact, messages.get(contact.id, []), about[contact.id], locale) for contact in contacts]
    told = page_told(reads, borrower_id, before=before, limit=limit, now=now)
    if told:
        shown += [_notice(each, locale) for each in told]
        shown.sort(key=lambda each: (each.at, each.id), reverse=True)
    return shown[:limit]


def _notice(told: ToldNotice, locale: str) -> ContactShown:
    """A notice is of no contact: it is shown as what it is, about how the loan runs."""
    in_app = "seen" if told.seen_at else _DELIVERIES[told.inbox_state or "cancelled"]
    inbox_id = told.message_id if told.withdrawn_at is None else None
    channels = [ChannelShown("in_app", told.created_at, in_app, delivery_words(in_app, locale), inbox_id)]
    if told.push_state is not None and told.push_state != "cancelled":
        push = _DELIVERIES[told.push_state]
        channels.append(ChannelShown("push", told.pushed_at, push, delivery_words(push, locale), None))
    return ContactShown(
        id=told.id,
        at=told.created_at,
        local_date=business_date(told.created_at, told.zone or "UTC"),
        timezone=told.zone,
        purpose=SERVICING,
        purpose_text=purpose_words(SERVICING, locale),
        made_by="automatic",
        category=told.template,
        settled=False,
        channels=channels,
        about=[],
    )


def _contact(contact: Any, messages: list[Any], about: list[AboutShown], locale: str) -> ContactShown:
    return ContactShown(
        id=contact.id,
        at=contact.created_at,
        local_date=contact.local_date,
        timezone=contact.zones[0] if contact.zones else None,
        purpose=contact.message_class,
        purpose_text=purpose_words(contact.message_class, locale),
        made_by="person" if contact.origin == "manual" else "automatic",
        category=messages[0].template if messages else None,
        settled=contact.state == "settled",
        channels=[_channel(message, locale) for message in messages if message.state != "cancelled"],
        about=about,
    )


def _channel(message: Any, locale: str) -> ChannelShown:
    seen = message.seen_at or message.read_at
    delivery = "seen" if seen else _DELIVERIES[message.state]
    inbox_id = message.id if message.channel == "in_app" else None
    return ChannelShown(message.channel, message.sent_at, delivery, delivery_words(delivery, locale), inbox_id)
