"""The lists on a borrower's page, each a select of a few rows: newest first, of one borrower and one lender.

What is about another lender's loan is not in them. What is about no loan (a hold on all of them, a consent, a device) is the
borrower's own, and is there for each lender. Each list has one row more than is shown, which tells that it goes on.
Parameters: b_id, b_lender, b_now, b_idle (sessions not used since then have ended).
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, or_, select
from sqlalchemy.orm import aliased

from app.persistence.column_types import Id, Instant
from app.persistence.models.access import SessionRow
from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.attachments import AttachmentRow
from app.persistence.models.borrowers import ConsentRow
from app.persistence.models.collateral import CollateralThingRow
from app.persistence.models.contact_requests import ContactRequestRow
from app.persistence.models.conversations import ConversationRow
from app.persistence.models.devices import REPLACED, DeviceRow, EndpointRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.hardship import HardshipRequestRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.loans import AllocationRow, LedgerEntryRow, LoanRow
from app.persistence.models.mandates import PaymentMandateRow
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.notes import NoteRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.models.promises import PromiseRow
from app.persistence.models.refunds import RefundRow
from app.persistence.models.reminders import DecisionEventRow, DecisionRow
from app.persistence.models.tasks import TaskRow

MOST = 21
MOST_CONSENTS = 200
DECISIONS = 6
"""Decisions that a page tells of; the timeline has all of them."""

BORROWER: Any = bindparam("b_id", type_=Id())
LENDER: Any = bindparam("b_lender", type_=Id())
NOW: Any = bindparam("b_now", type_=Instant())
IDLE: Any = bindparam("b_idle", type_=Instant())

_undone = aliased(LedgerEntryRow)


def of_lender(loan_id: Any) -> ColumnElement[bool]:
    """Whether a loan is this lender's: as a value, for EXISTS beside an OR may be turned into a hash of all loans."""
    owner = select(LoanRow.lender_id).where(LoanRow.id == loan_id).correlate_except(LoanRow).scalar_subquery()
    is_theirs: ColumnElement[bool] = owner == LENDER
    return is_theirs


def seen_by_lender(loan_id: Any) -> ColumnElement[bool]:
    """Whether something is about a loan of this lender, or about no single one."""
    return or_(loan_id.is_(None), of_lender(loan_id))


def conversation_of_lender() -> ColumnElement[bool]:
    """Whether a thread is at this lender's desk, or at nobody's yet."""
    return or_(ConversationRow.lender_id.is_(None), ConversationRow.lender_id == LENDER)


def by_staff(contact_id: Any) -> ColumnElement[bool]:
    """Whether staff of this lender made a contact by hand."""
    return exists().where(ManualContactRow.contact_id == contact_id, ManualContactRow.lender_id == LENDER)


def message_of_lender() -> ColumnElement[bool]:
    """Whether a message is this lender's: by its contact's decisions, as sent by its staff, or as a notice of its loan."""
    of_contact = exists().where(
        DecisionRow.contact_id == MessageRow.contact_id, DecisionRow.loan_id == LoanRow.id, LoanRow.lender_id == LENDER
    )
    of_notice = exists().where(
        NoticeRow.borrower_id == MessageRow.borrower_id,
        or_(NoticeRow.message_id == MessageRow.id, NoticeRow.push_id == MessageRow.id),
        seen_by_lender(NoticeRow.loan_id),
    )
    return or_(of_contact, by_staff(MessageRow.contact_id), of_notice)


def _on_loans(table: Any, *columns: Any, newest: tuple[Any, ...], most: int = MOST) -> Select[Any]:
    """Rows that are about one loan of this lender, with its number."""
    return (
        select(table.id, LoanRow.loan_no, *columns)
        .join(LoanRow, LoanRow.id == table.loan_id)
        .where(table.borrower_id == BORROWER, LoanRow.lender_id == LENDER)
        .order_by(*(column.desc() for column in newest))
        .limit(most)
    )


def _perhaps_on_loans(table: Any, *columns: Any, newest: tuple[Any, ...], where: tuple[Any, ...] = ()) -> Select[Any]:
    """Rows that are about one loan of this lender, or about none."""
    return (
        select(table.id, LoanRow.loan_no, *columns)
        .outerjoin(LoanRow, LoanRow.id == table.loan_id)
        .where(table.borrower_id == BORROWER, or_(table.loan_id.is_(None), LoanRow.lender_id == LENDER), *where)
        .order_by(*(column.desc() for column in newest))
        .limit(MOST)
    )


_PAYMENTS = (
    select(
        LedgerEntryRow.id, LoanRow.loan_no, LedgerEntryRow.kind, LedgerEntryRow.amount_minor, LedgerEntryRow.currency,
        LedgerEntryRow.effective_on, LedgerEntryRow.recorded_at, LedgerEntryRow.reference, LedgerEntryRow.channel,
        LedgerEntryRow.reverses_id, LedgerEntryRow.loan_id,
        exists().where(_undone.loan_id == LedgerEntryRow.loan_id, _undone.reverses_id == LedgerEntryRow.id)
        .label("is_reversed"),
    )
    .join(LoanRow, LoanRow.id == LedgerEntryRow.loan_id)
    .where(LoanRow.borrower_id == BORROWER, LoanRow.lender_id == LENDER)
    .order_by(LedgerEntryRow.recorded_at.desc(), LedgerEntryRow.id.desc())
    .limit(MOST)
)  # fmt: skip
_paid = _PAYMENTS.subquery("paid")
_SPLITS = (
    select(
        AllocationRow.entry_id, AllocationRow.row_no, AllocationRow.principal_minor, AllocationRow.interest_minor,
        AllocationRow.fees_minor, AllocationRow.penalties_minor, AllocationRow.unapplied_minor,
    )
    .join(_paid, and_(_paid.c.loan_id == AllocationRow.loan_id, _paid.c.id == AllocationRow.entry_id))
    .where(AllocationRow.replaced_at.is_(None))
    .order_by(AllocationRow.entry_id, AllocationRow.row_no)
)  # fmt: skip
_CONSENTS = (
    select(
        ConsentRow.purpose, ConsentRow.channel, ConsentRow.given, ConsentRow.form, ConsentRow.recorded_at, ConsentRow.origin
    )
    .where(ConsentRow.borrower_id == BORROWER, ConsentRow.recorded_at <= NOW)
    .order_by(ConsentRow.recorded_at.desc(), ConsentRow.id.desc())
    .limit(MOST_CONSENTS)
)
_WISHES = (
    select(
        ContactPreferenceRow.id, ContactPreferenceRow.kind, ContactPreferenceRow.channel, ContactPreferenceRow.from_time,
        ContactPreferenceRow.until_time, ContactPreferenceRow.place, ContactPreferenceRow.by,
        ContactPreferenceRow.recorded_at,
    )
    .where(
        ContactPreferenceRow.borrower_id == BORROWER,
        or_(ContactPreferenceRow.ended_at.is_(None), ContactPreferenceRow.ended_at > NOW),
    )
    .order_by(ContactPreferenceRow.recorded_at.desc(), ContactPreferenceRow.id.desc())
    .limit(MOST)
)  # fmt: skip
_DEVICES = (
    select(
        DeviceRow.id, DeviceRow.platform, DeviceRow.app_version, DeviceRow.zone, DeviceRow.locale,
        DeviceRow.push_permission, EndpointRow.state.label("push"), DeviceRow.last_seen_at,
    )
    .outerjoin(
        EndpointRow,
        and_(
            EndpointRow.borrower_id == DeviceRow.borrower_id,
            EndpointRow.device_id == DeviceRow.id,
            EndpointRow.channel == "push",
            EndpointRow.state != REPLACED,
        ),
    )
    .where(DeviceRow.borrower_id == BORROWER)
    .order_by(DeviceRow.last_seen_at.desc(), DeviceRow.id.desc())
    .limit(MOST)
)  # fmt: skip
_ENDPOINTS = (
    select(EndpointRow.id, EndpointRow.channel, EndpointRow.state, EndpointRow.reason, EndpointRow.changed_at)
    .where(EndpointRow.borrower_id == BORROWER, EndpointRow.channel != "push", EndpointRow.state != REPLACED)
    .order_by(EndpointRow.changed_at.desc(), EndpointRow.id.desc())
    .limit(MOST)
)
_CONTACT_REQUESTS = (
    select(
        ContactRequestRow.id, ContactRequestRow.kind, ContactRequestRow.channel, ContactRequestRow.place,
        ContactRequestRow.recorded_at, ContactRequestRow.ended_at,
    )
    .where(ContactRequestRow.borrower_id == BORROWER)
    .order_by(ContactRequestRow.recorded_at.desc(), ContactRequestRow.id.desc())
    .limit(MOST)
)  # fmt: skip
_ATTACHMENTS = (
    select(AttachmentRow.id, AttachmentRow.purpose, AttachmentRow.state, AttachmentRow.media_type, AttachmentRow.created_at)
    .where(AttachmentRow.borrower_id == BORROWER, or_(AttachmentRow.lender_id.is_(None), AttachmentRow.lender_id == LENDER))
    .order_by(AttachmentRow.created_at.desc(), AttachmentRow.id.desc())
    .limit(MOST)
)
_LETTERS = (
    select(LetterRow.id, LetterRow.template, LetterRow.state, LetterRow.pages, LetterRow.created_at)
    .join(MessageRow, MessageRow.id == LetterRow.message_id)
    .where(LetterRow.borrower_id == BORROWER, message_of_lender())
    .order_by(LetterRow.created_at.desc(), LetterRow.id.desc())
    .limit(MOST)
)
_TASKS = _perhaps_on_loans(
    TaskRow, TaskRow.kind, TaskRow.queue, TaskRow.due_on, TaskRow.due_at, TaskRow.not_before, TaskRow.not_after,
    TaskRow.breach, TaskRow.created_at, newest=(TaskRow.created_at, TaskRow.id), where=(TaskRow.state == "open",),
)  # fmt: skip
_CONVERSATIONS = (
    select(
        ConversationRow.id, ConversationRow.status, ConversationRow.channel, ConversationRow.opened_at,
        ConversationRow.waiting_since, ConversationRow.last_at,
    )
    .where(ConversationRow.borrower_id == BORROWER, ConversationRow.status != "resolved", conversation_of_lender())
    .order_by(ConversationRow.last_at.desc(), ConversationRow.id.desc())
    .limit(MOST)
)  # fmt: skip
_SESSIONS = (
    select(SessionRow.id, SessionRow.device_label, SessionRow.created_at, SessionRow.last_used_at)
    .where(
        SessionRow.borrower_id == BORROWER,
        SessionRow.revoked_at.is_(None),
        SessionRow.expires_at > NOW,
        SessionRow.last_used_at > IDLE,
    )
    .order_by(SessionRow.last_used_at.desc(), SessionRow.id.desc())
    .limit(MOST)
)
_NOTES = (
    select(
        NoteRow.id, NoteRow.text_sealed, NoteRow.by, NoteRow.pinned, NoteRow.version_no, NoteRow.written_at,
        NoteRow.corrected_at,
    )
    .where(NoteRow.borrower_id == BORROWER, NoteRow.lender_id == LENDER)
    .order_by(NoteRow.pinned.desc(), NoteRow.written_at.desc(), NoteRow.id.desc())
    .limit(MOST)
)  # fmt: skip
_DECISIONS = (
    select(
        DecisionRow.id, LoanRow.loan_no, DecisionRow.step_key, DecisionRow.local_date, DecisionRow.decided_at,
        DecisionRow.outcome, DecisionRow.reason, DecisionEventRow.rule, DecisionEventRow.not_before, DecisionEventRow.facts,
    )
    .join(LoanRow, LoanRow.id == DecisionRow.loan_id)
    .outerjoin(
        DecisionEventRow,
        and_(DecisionEventRow.decision_id == DecisionRow.id, DecisionEventRow.seq == DecisionRow.event_count),
    )
    .where(DecisionRow.borrower_id == BORROWER, LoanRow.lender_id == LENDER)
    .order_by(DecisionRow.occurs_at.desc(), DecisionRow.id.desc())
    .limit(DECISIONS)
)  # fmt: skip
_QUEUED = (
    select(
        MessageRow.id, MessageRow.channel, MessageRow.message_class, MessageRow.template, MessageRow.not_before,
        MessageRow.not_after,
    )
    .where(
        MessageRow.borrower_id == BORROWER,
        or_(MessageRow.state == "queued", MessageRow.state == "stale"),
        message_of_lender(),
    )
    .order_by(MessageRow.not_before, MessageRow.id)
    .limit(MOST)
)  # fmt: skip

_COLLATERAL = (
    select(
        CollateralThingRow.id, CollateralThingRow.reference, CollateralThingRow.kind, CollateralThingRow.state,
        CollateralThingRow.state_on, CollateralThingRow.in_custody_on,
    )
    .where(CollateralThingRow.borrower_id == BORROWER, CollateralThingRow.lender_id == LENDER)
    .order_by(CollateralThingRow.id.desc())
    .limit(MOST)
)  # fmt: skip
LISTS: dict[str, Any] = {
    "payments": _PAYMENTS,
    "splits": _SPLITS,
    "holds": _perhaps_on_loans(
        HoldRow, HoldRow.kind, HoldRow.from_at, HoldRow.until_at, HoldRow.by, HoldRow.recorded_at, HoldRow.released_at,
        HoldRow.released_by, newest=(HoldRow.recorded_at, HoldRow.id),
    ),
    "consents": _CONSENTS,
    "wishes": _WISHES,
    "devices": _DEVICES,
    "endpoints": _ENDPOINTS,
    "promises": _on_loans(
        PromiseRow, PromiseRow.amount_minor, PromiseRow.currency, PromiseRow.paid_minor, PromiseRow.promised_on,
        PromiseRow.state, PromiseRow.made_by, PromiseRow.channel, PromiseRow.made_at,
        newest=(PromiseRow.made_at, PromiseRow.id),
    ),
    "arrangements": _on_loans(
        ArrangementRow, ArrangementRow.kind, ArrangementRow.state, ArrangementRow.agreed_at, ArrangementRow.ended_at,
        ArrangementRow.ended_reason, newest=(ArrangementRow.agreed_at, ArrangementRow.id),
    ),
    "plan_requests": _on_loans(
        PlanRequestRow, PlanRequestRow.kind, PlanRequestRow.state, PlanRequestRow.asked_by, PlanRequestRow.requested_at,
        PlanRequestRow.stands_until, newest=(PlanRequestRow.requested_at, PlanRequestRow.id),
    ),
    "disputes": _on_loans(
        DisputeRow, DisputeRow.reference, DisputeRow.kind, DisputeRow.ground, DisputeRow.state, DisputeRow.amount_minor,
        DisputeRow.currency, DisputeRow.received_at, DisputeRow.answer_due_on, DisputeRow.taken_by, DisputeRow.breached_at,
        newest=(DisputeRow.received_at, DisputeRow.id),
    ),
    "hardship": _perhaps_on_loans(
        HardshipRequestRow, HardshipRequestRow.state, HardshipRequestRow.opened_at, HardshipRequestRow.review_due_on,
        HardshipRequestRow.taken_by, HardshipRequestRow.breached_at,
        newest=(HardshipRequestRow.opened_at, HardshipRequestRow.id),
    ),
    "contact_requests": _CONTACT_REQUESTS,
    "attachments": _ATTACHMENTS,
    "letters": _LETTERS,
    "tasks": _TASKS,
    "conversations": _CONVERSATIONS,
    "mandates": _on_loans(
        PaymentMandateRow, PaymentMandateRow.provider, PaymentMandateRow.state, PaymentMandateRow.last_drawn_on,
        PaymentMandateRow.retry_on, PaymentMandateRow.failures, PaymentMandateRow.failure_code,
        PaymentMandateRow.changed_at, newest=(PaymentMandateRow.created_at, PaymentMandateRow.id),
    ),
    "intents": _on_loans(
        PaymentIntentRow, PaymentIntentRow.amount_minor, PaymentIntentRow.currency, PaymentIntentRow.purpose,
        PaymentIntentRow.state, PaymentIntentRow.provider, PaymentIntentRow.created_at, PaymentIntentRow.paid_at,
        newest=(PaymentIntentRow.created_at, PaymentIntentRow.id),
    ),
    "refunds": _on_loans(
        RefundRow, RefundRow.amount_minor, RefundRow.currency, RefundRow.state, RefundRow.method, RefundRow.requested_at,
        RefundRow.closed_at, newest=(RefundRow.requested_at, RefundRow.id),
    ),
    "collateral": _COLLATERAL,
    "sessions": _SESSIONS,
    "notes": _NOTES,
    "decisions": _DECISIONS,
    "queued": _QUEUED,
}  # fmt: skip
