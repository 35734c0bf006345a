"""Contacts that a person makes outside our channels: a call, a visit.

Each is a contact with one message: so it stands in the borrower's history of contacts, and caps count it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from app.domain.free_text import without_card_numbers
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow
from app.persistence.queries import calls as queries
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.services.law_facts import load_person_facts

_CAP_CLASS = "outreach"


@dataclass(frozen=True, slots=True)
class ToldContact:
    """A contact as a person makes it. `template`: what it is called in the history: call, visit."""

    channel: str
    template: str
    message_class: str
    at: datetime
    is_ours: bool = True
    """Whether we began it: what the borrower began takes no place of a day."""
    reached: bool = False
    note: str | None = None


def add_contact(work: Work, borrower_id: str, told: ToldContact, *, lender_id: str, now: datetime) -> tuple[ContactRow, str]:
    """Write the contact and its one message; return it and the message's id. The caller holds the borrower's agenda row."""
    zones = _zones(work, borrower_id, lender_id, now)
    local_date = business_date(told.at, zones[0])
    slot_no = queries.next_slot(work.session, borrower_id, local_date, _CAP_CLASS) if told.is_ours else None
    contact = ContactRow(
        id=new_id(), borrower_id=borrower_id, message_class=told.message_class, local_date=local_date, zones=list(zones),
        cap_class=_CAP_CLASS, slot_no=slot_no, stage="manual", step_key="manual", origin="manual", rungs_done=0,
        state="open", created_at=told.at,
    )  # fmt: skip
    work.session.add(contact)
    work.session.flush()
    message_id = new_id()
    message = MessageRow(
        id=message_id, borrower_id=borrower_id, contact_id=contact.id, channel=told.channel,
        message_class=told.message_class, template=told.template, template_version=0, locale="",
        text_sealed=_sealed(work, message_id, told.note), state="delivered" if told.reached else "failed",
        not_before=told.at, not_after=told.at, attempts=1, next_attempt_at=told.at, created_at=now, sent_at=told.at,
        delivered_at=told.at if told.reached else None, version=1,
    )  # fmt: skip
    work.session.add(message)
    work.session.flush()
    return contact, message_id


def end_contact(work: Work, message_id: str, *, reached: bool, note: str | None) -> None:
    """Say how a contact went that was written when it began."""
    row = work.session.get_one(MessageRow, message_id)
    row.state = "delivered" if reached else "failed"
    row.delivered_at = row.sent_at if reached else None
    row.text_sealed = _sealed(work, message_id, note)
    row.version += 1
    work.session.flush()


def _sealed(work: Work, message_id: str, note: str | None) -> bytes | None:
    text = None if note is None else orjson.dumps({"title": "", "body": without_card_numbers(note)}).decode()
    return work.vault.seal(text, place=f"messages.text:{message_id}")


def _zones(work: Work, borrower_id: str, lender_id: str, now: datetime) -> Sequence[str]:
    case, _ = load_person_facts(work.session, borrower_id, now)
    known = () if case is None else case.known_zones
    return known or (get_lender(work.session, lender_id).zone,)
