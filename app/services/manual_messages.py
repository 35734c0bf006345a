"""Messages that staff send by hand: asked about by the gate, written into the outbox, asked about again before they leave.

A template of the catalogue that says what stands in the book, or free text that passed the check of words. It is a contact
like the engine's: it takes its place of the day, caps count it, the history shows it, versions are compared before it goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.contact_checks import ContactCheck
from app.domain.contact_gates import ContactAnswer, ContactAsked
from app.domain.errors import refused_at
from app.domain.free_text import without_card_numbers
from app.domain.lanes import lane_of
from app.domain.times import business_date, local_instant
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, ContactRow
from app.persistence.queries import manual_contacts as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.loans import find_loan_owners
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services import agenda, reminders
from app.services.contact_gates import answer_of, open_check, require_contact
from app.services.inbox_marks import next_states
from app.services.manual_contacts import Maker, add_contact, reason_place, record
from app.services.message_texts import WrittenMessage, written_message
from app.services.provider_templates import takes_free_text
from app.services.rule_parts import providers_of
from app.wording.catalogue import match_locale, template_infos
from app.wording.template_texts import purpose_of, templates_by_hand
from app.wording.variables import Value, write_variables

CHANNELS = ("in_app", "push", "sms", "email", "wechat")
"""What a message can be sent on. People ring and visit themselves; letters are drafted and approved."""
FREE_TEXT_CHANNELS = ("in_app", "email", "sms")
FREE_CLASSES = ("servicing", "collection")
FREE_TEXT = "by_hand"
"""Named as the template of what no template says."""
LONGEST_TEXT = 2000
LONGEST_TITLE = 78
WAITS_AT_MOST = timedelta(hours=12)
"""A message by hand that has not left by then is not what was meant."""
KINDS = ("message",)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What is to be sent: a template, or text with a title where the channel has one."""

    channel: str
    template: str | None = None
    title: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    message_class: str = "servicing"
    """Of free text: servicing or collection. What a template is for, the catalogue says."""
    locale: str | None = None
    loan_no: str | None = None
    override_reason: str | None = field(default=None, repr=False)


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


def choices(locale: str | None) -> list[tuple[str, str]]:
    """Return (template, channel) of all that may be sent by hand and has approved, fit words in the locale."""
    infos = template_infos()
    wanted = match_locale(locale)
    found = []
    for template in templates_by_hand():
        for channel in CHANNELS:
            info = infos.get((template, channel), {}).get(wanted)
            if info is not None and info.is_approved and info.unfit is None:
                found.append((template, channel))
    return found


def check_message(
    session: Session, borrower_id: str, new: NewMessage, *, lender_id: str, now: datetime, locale: str = "en"
) -> Preview:
    """Return what a message would say and what stands in its way. Nothing changes.

    Raises ValidationError for what could never be sent, NotFoundError.
    """
    check = _open(session, borrower_id, new, lender_id, now)
    said, _ = _said(check, new)
    return Preview(answer_of(check, locale=locale), said.title, said.body, said.locale)


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
    _check_form(new)
    loan_ids: tuple[str, ...] = ()
    if new.loan_no is not None:
        owner = find_loan_owners(session, lender_id, [new.loan_no]).get(new.loan_no)
        if owner is None or owner[1] != borrower_id:
            raise refused_at("/loan_no", f"This borrower has no loan {new.loan_no} with this lender.")
        loan_ids = (owner[0],)
    is_template = new.template is not None
    asked = ContactAsked(
        new.channel, "collection" if is_template else new.message_class, loan_ids, text=new.text, title=new.title or "",
        template=new.template, locale=new.locale,
    )  # fmt: skip
    check = open_check(session, borrower_id, asked, lender_id=lender_id, now=now)
    if new.template is not None:
        check_true(check, new.template)
    return check


def _check_form(new: NewMessage) -> None:
    if new.channel not in CHANNELS:
        raise refused_at("/channel", f"channel is not one of {', '.join(CHANNELS)}.")
    if (new.template is None) == (new.text is None):
        raise refused_at("/text", "Say it by a template or in your own words: give one of template and text.")
    if new.template is not None:
        if new.template not in templates_by_hand() or (new.template, new.channel) not in template_infos():
            raise refused_at("/template", f"There is no template {new.template} to send by hand on {new.channel}.")
        if new.title is not None:
            raise refused_at("/title", "A template has its own title; leave title out.")
        return
    if new.channel not in FREE_TEXT_CHANNELS:
        raise refused_at("/text", f"On {new.channel} only templates are sent; free text goes on in_app, email and sms.")
    if not takes_free_text(new.channel, providers_of(new.channel)):
        raise refused_at("/text", f"The providers of {new.channel} send only wordings that they have registered.")
    if new.message_class not in FREE_CLASSES:
        raise refused_at("/message_class", f"message_class is not one of {', '.join(FREE_CLASSES)}.")
    if new.channel == "sms" and new.title is not None:
        raise refused_at("/title", "A text message has no title; leave title out.")
    if new.channel == "email" and not (new.title or "").strip():
        raise refused_at("/title", "An e-mail needs a title.")
    text = f"{new.title or ''} {new.text}"
    if without_card_numbers(text) != text:
        raise refused_at("/text", "There is a card number in it; no message may carry one.")


def check_true(check: ContactCheck, template: str) -> None:
    """Refuse a template that says of a loan what is not so. What is paid the gate refuses itself."""
    purpose = purpose_of(template)
    for loan in check.loans:
        stage = loan.stage(business_date(check.now, loan.lender_zone))
        if loan.rows and purpose is not None and stage not in (*purpose.stages, "written_off"):
            raise refused_at("/template", f"{template} is not for a loan that is {stage}.")


# -- what is written ---------------------------------------------------------------------------------------------------


def _said(check: ContactCheck, new: NewMessage) -> tuple[WrittenMessage, dict[str, str | int]]:
    """Return the words and what they were made from. No link for paying: such links say what a decision was about."""
    wanted = new.locale or check.case.locale
    if new.template is None:
        return WrittenMessage((new.title or "").strip(), (new.text or "").strip(), match_locale(wanted), 0), {}
    variables = write_variables(values_of(check), match_locale(wanted))
    return written_message(new.template, new.channel, wanted, variables), variables


def values_of(check: ContactCheck) -> dict[str, Value]:
    """Return what a template may say of the loans of a check: what is past due, else what falls due next."""
    totals: dict[str, int] = {}
    due: list[date] = []
    for loan in check.loans:
        today = business_date(check.now, loan.lender_zone)
        late = [row for row in loan.rows if row.due_on < today]
        for row in late or loan.rows[:1]:
            totals[loan.currency] = totals.get(loan.currency, 0) + row.open_minor
            due.append(row.due_on)
    first = check.loans[0]
    return {
        "count": len(due) or 1, "amount": totals or {first.currency: 0}, "due_on": min(due, default=check.now.date()),
        "loan": first.loan_no, "lender": first.facts.lender_name,
    }  # fmt: skip


def _add_message(
    work: Work, contact: ContactRow, check: ContactCheck, new: NewMessage, *, is_overridden: bool, now: datetime
) -> str:
    message_id = new_id()
    said, variables = _said(check, new)
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
