"""Messages that staff send by hand: asked about by the gate, written into the outbox, asked about again before they leave.

A template of the catalogue that says what stands in the book, or free text that passed the check of words. It is a contact
like the engine's: it takes its place of the day, caps count it, the history shows it, versions are compared before it goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.contact_checks import ContactCheck
from app.domain.contact_gates import ContactAnswer, ContactAsked
from app.domain.errors import refused_at
from app.domain.lanes import lane_of
from app.domain.times import local_instant
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, ContactRow
from app.persistence.queries import manual_contacts as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.contact_loans import find_loans_now
from app.persistence.queries.loans import find_loan_owners
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services import agenda, reminders
from app.services.contact_gates import answer_of, ask_contact, open_check, require_contact
from app.services.inbox_marks import next_states
from app.services.manual_contacts import Maker, add_contact, reason_place, record
from app.services.manual_message_words import CHANNELS, FREE_TEXT, NewMessage, check_form, check_true, said_in

WAITS_AT_MOST = timedelta(hours=12)
"""A message by hand that has not left by then is not what was meant."""
KINDS = ("message",)


@dataclass(frozen=True, slots=True)
class Preview:
    """What the borrower would read, and what stands in its way."""

    answer: ContactAnswer
    title: str = field(repr=False)
    body: str = field(repr=False)
    locale: str


@dataclass(frozen=True, slots=True)
class SentByHand:
    """A message by hand as it is shown to staff."""

    id: str
    message_id: str | None
    channel: str
    message_class: str
    template: str | None
    title: str = field(repr=False)
    body: str = field(repr=False)
    made_at: datetime
    by: str
    outcome: str
    reason: str
    rule: str | None
    state: str | None
    state_reason: str | None
    sent_at: datetime | None
    not_after: datetime | None
    takes_place: bool
    override_reason: str | None = field(repr=False)
    overridden: Sequence[dict[str, Any]]


def check_message(
    session: Session, borrower_id: str, new: NewMessage, *, lender_id: str, now: datetime, locale: str = "en"
) -> Preview:
    """Return what a message would say and what stands in its way. Nothing changes.

    Raises ValidationError for what could never be sent, NotFoundError.
    """
    check = _open(session, borrower_id, new, lender_id, now)
    said, _ = said_in(check, new)
    return Preview(answer_of(check, locale=locale), said.title, said.body, said.locale)


def ask_channel(
    session: Session, borrower_id: str, channel: str, template: str | None, loan_no: str | None, *, lender_id: str,
    now: datetime, locale: str = "en",
) -> ContactAnswer:  # fmt: skip
    """Return what stands in the way on a channel whatever is said on it, or with a template. Raises as `check_message`."""
    if template is not None:
        new = NewMessage(channel, template, loan_no=loan_no)
        return answer_of(_open(session, borrower_id, new, lender_id, now), locale=locale)
    if channel not in CHANNELS:
        raise refused_at("/channel", f"channel is not one of {', '.join(CHANNELS)}.")
    asked = ContactAsked(channel, "servicing", _loan_ids(session, borrower_id, loan_no, lender_id))
    return ask_contact(session, borrower_id, asked, lender_id=lender_id, now=now, locale=locale)


def loan_numbers(session: Session, borrower_id: str, lender_id: str, *, now: datetime) -> list[str]:
    """Return the numbers of the borrower's loans with this lender."""
    return [loan.loan_no for loan in find_loans_now(session, borrower_id, lender_id, now, horizon=now.date())]


def send_message(
    work: Work, borrower_id: str, new: NewMessage, *, by: str, role: str, lender_id: str, now: datetime, locale: str = "en"
) -> SentByHand:
    """Send a message by hand. Its borrower is decided again in the same unit of work.

    Raises ValidationError, NotFoundError, and what `require_contact` raises.
    """
    agenda.touch(work, [borrower_id], now=now)
    check = _open(work.session, borrower_id, new, lender_id, now)
    answer = answer_of(check, locale=locale)
    is_overridden = require_contact(answer, role=role, override_reason=new.override_reason)
    contact = add_contact(work, borrower_id, check, now=now)
    maker = Maker(by, role, lender_id, new.override_reason if is_overridden else None)
    row = record(work, contact, "message", check, answer, maker=maker, now=now)
    message_id = _add_message(work, contact, check, new, is_overridden=is_overridden, now=now)
    facts = {
        "contact_id": contact.id, "message_id": message_id, "channel": new.channel, "template": new.template,
        "message_class": check.message_class, "overridden": is_overridden,
    }  # fmt: skip
    add_audit(work.session, at=now, actor=by, action="message.sent_by_hand", borrower_id=borrower_id, facts=facts)
    reminders.review(work, [borrower_id], now=now)
    work.session.expire_all()
    return _shown(work.vault, queries.find_sent(work.session, row.id))


def page_messages(
    reads: Connection, borrower_id: str, lender_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[SentByHand]:
    """Return what a lender's people sent a borrower by hand, newest first."""
    ring = vault()
    found = queries.page_sent(reads, borrower_id, lender_id, kinds=KINDS, before=before, limit=limit)
    return [_shown(ring, row) for row in found]


# -- what is asked -----------------------------------------------------------------------------------------------------


def _open(session: Session, borrower_id: str, new: NewMessage, lender_id: str, now: datetime) -> ContactCheck:
    check_form(new)
    loan_ids = _loan_ids(session, borrower_id, new.loan_no, lender_id)
    is_template = new.template is not None
    asked = ContactAsked(
        new.channel, "collection" if is_template else new.message_class, loan_ids, text=new.text, title=new.title or "",
        template=new.template, locale=new.locale,
    )  # fmt: skip
    check = open_check(session, borrower_id, asked, lender_id=lender_id, now=now)
    if new.template is not None:
        check_true(check, new.template)
    return check


def _loan_ids(session: Session, borrower_id: str, loan_no: str | None, lender_id: str) -> tuple[str, ...]:
    if loan_no is None:
        return ()
    owner = find_loan_owners(session, lender_id, [loan_no]).get(loan_no)
    if owner is None or owner[1] != borrower_id:
        raise refused_at("/loan_no", f"This borrower has no loan {loan_no} with this lender.")
    return (owner[0],)


# -- what is written ---------------------------------------------------------------------------------------------------


def _add_message(
    work: Work, contact: ContactRow, check: ContactCheck, new: NewMessage, *, is_overridden: bool, now: datetime
) -> str:
    message_id = new_id()
    said, variables = said_in(check, new)
    if said.fault is not None:
        raise refused_at("/template", f"The template cannot be written for this borrower: {said.fault}.")
    text: dict[str, Any] = {"title": said.title, "body": said.body, "variables": variables}
    is_shown = new.channel == "in_app"
    if is_shown:
        text["about"] = sorted((loan.loan_id, loan.rows[0].row_no) for loan in check.loans if loan.rows)
    state = "delivered" if is_shown else "queued"
    inbox_state = next_states(work, [contact.borrower_id])[contact.borrower_id] if is_shown else 0
    tomorrow = local_instant(contact.local_date + timedelta(days=1), time(0), check.zones[0])
    not_after = check.closes_at(min(now + WAITS_AT_MOST, tomorrow), is_overridden=is_overridden)
    held = work.session.get_one(AgendaRow, contact.borrower_id, populate_existing=True)
    sealed = work.vault.seal(orjson.dumps(text).decode(), place=f"messages.text:{message_id}")
    work.session.add(
        MessageRow(
            id=message_id, borrower_id=contact.borrower_id, contact_id=contact.id, channel=new.channel,
            message_class=check.message_class, template=new.template or FREE_TEXT, template_version=said.version,
            locale=said.locale, text_sealed=sealed, state=state, not_before=now,
            lane=lane_of(state, message_class=check.message_class, channel=new.channel),
            not_after=not_after, case_version=held.case_version, rules_epoch=check.rules.rules_epoch, attempts=0,
            next_attempt_at=now, created_at=now, sent_at=now if is_shown else None,
            about=[candidate.subject.subject_id for candidate in check.candidates], inbox_created=inbox_state,
            inbox_state=inbox_state, version=1,
        )
    )  # fmt: skip
    work.session.flush()
    return message_id


def _shown(ring: Vault, row: Any) -> SentByHand:
    sealed = None if row.text_sealed is None else ring.open(row.text_sealed, place=f"messages.text:{row.message_id}")
    text = orjson.loads(sealed or "{}")
    why = row.override_reason_sealed
    return SentByHand(
        row.id, row.message_id, row.channel, row.message_class, row.template, text.get("title", ""), text.get("body", ""),
        row.made_at, row.by, row.outcome, row.reason, row.rule, row.state, row.state_reason, row.sent_at, row.not_after,
        row.slot_no is not None, None if why is None else ring.open(why, place=reason_place(row.id)), row.overridden,
    )  # fmt: skip
