"""What entries of a timeline are made of, by the ids of their rows: every kind in one statement.

The ids come from `timelines.page_keys`, which has seen to it that the lender may know of them; the borrower is asked for
again all the same. Parameters: b_id, b_lender, and b_<table> for the ids of each.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Connection, exists, or_, select
from sqlalchemy.orm import aliased

from app.persistence.among import among, ids_named
from app.persistence.bundles import Bundle
from app.persistence.models.access import SessionRow
from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.audit import AuditRow
from app.persistence.models.borrowers import BorrowerRow, ConsentRow
from app.persistence.models.calls import CallRow
from app.persistence.models.collateral import CollateralEventRow, CollateralThingRow
from app.persistence.models.contact_requests import ContactRequestRow
from app.persistence.models.conversations import ConversationMessageRow
from app.persistence.models.credit_reports import CreditCorrectionRow, CreditEnrolmentRow, CreditSnapshotRow
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.escalations import EscalationEventRow
from app.persistence.models.hardship import HardshipRequestRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.interest_stops import InterestStopRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.loans import AllocationRow, LedgerEntryRow, LoanRow
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.notes import NoteVersionRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.models.promises import PromiseRow
from app.persistence.models.refunds import RefundRow
from app.persistence.models.reminders import AgendaRow, DecisionEventRow, DecisionRow
from app.persistence.models.restricted_register import RegisterReportEventRow, RegisterReportRow
from app.persistence.models.visits import VisitRow
from app.persistence.queries.borrower_page_lists import BORROWER, LENDER

TABLES: Final[Mapping[str, str]] = {
    "payment": "payment", "decision": "decision", "message": "message", "attempt": "attempt", "receipt": "receipt",
    "call": "call", "word": "word", "note": "note", "hold_put": "hold", "hold_released": "hold",
    "escalation": "escalation", "interest_stop_told": "interest_stop", "interest_stop_withdrawn": "interest_stop",
    "credit_started": "credit_enrolment", "credit_ended": "credit_enrolment",
    "credit_corrected": "credit_correction", "credit_furnished": "credit_snapshot",
    "register_report": "register_report",
    "hardship_opened": "hardship", "hardship_decided": "hardship", "letter": "letter", "notice": "notice", "act": "act",
    "reading": "act", "promise_made": "promise", "promise_settled": "promise", "arrangement_agreed": "arrangement",
    "arrangement_ended": "arrangement", "plan_request_asked": "plan_request", "plan_request_offered": "plan_request",
    "plan_request_ended": "plan_request", "dispute_received": "dispute", "dispute_answered": "dispute",
    "dispute_escalated": "dispute", "refund_requested": "refund", "refund_closed": "refund", "intent_opened": "intent",
    "intent_paid": "intent", "collateral_recorded": "collateral",
    "visit_planned": "visit", "visit_started": "visit", "visit_closed": "visit",
    "contact_request_asked": "contact_request", "contact_request_ended": "contact_request", "consent_told": "consent",
    "wish_made": "wish", "wish_ended": "wish", "session_signed_in": "session", "session_ended": "session",
}  # fmt: skip
"""Stream -> the table of its details."""
_elsewhere = aliased(LoanRow)
_SPEAKS_OF_OTHERS = exists().where(
    DecisionRow.contact_id == MessageRow.contact_id,
    DecisionRow.loan_id == _elsewhere.id,
    _elsewhere.lender_id != LENDER,
)


def _of(name: str, table: Any, *columns: Any) -> Any:
    return select(table.id, *columns).where(among(table.id, ids_named(f"b_{name}")), table.borrower_id == BORROWER)


def _on_loan(name: str, table: Any, *columns: Any) -> Any:
    """With the number of the loan, where it is about one of this lender."""
    return _of(name, table, LoanRow.loan_no, *columns).outerjoin(
        LoanRow, (LoanRow.id == table.loan_id) & (LoanRow.lender_id == LENDER)
    )


_DETAILS = Bundle(
    {
        "zone": select(BorrowerRow.zone.label("own_zone"), AgendaRow.zone.label("decided_zone"))
        .outerjoin(AgendaRow, AgendaRow.borrower_id == BorrowerRow.id)
        .where(BorrowerRow.id == BORROWER),
        "payment": _on_loan(
            "payment", LedgerEntryRow, LedgerEntryRow.kind, LedgerEntryRow.amount_minor, LedgerEntryRow.currency,
            LedgerEntryRow.effective_on, LedgerEntryRow.reference, LedgerEntryRow.channel, LedgerEntryRow.reverses_id,
            LedgerEntryRow.origin,
        ),
        "split": select(
            AllocationRow.entry_id, AllocationRow.row_no, AllocationRow.principal_minor, AllocationRow.interest_minor,
            AllocationRow.fees_minor, AllocationRow.penalties_minor, AllocationRow.unapplied_minor,
        )
        .join(
            LedgerEntryRow,
            (LedgerEntryRow.loan_id == AllocationRow.loan_id) & (LedgerEntryRow.id == AllocationRow.entry_id),
        )
        .where(
            among(LedgerEntryRow.id, ids_named("b_payment")),
            LedgerEntryRow.borrower_id == BORROWER,
            AllocationRow.replaced_at.is_(None),
        )
        .order_by(AllocationRow.entry_id, AllocationRow.row_no),
        "decision": _on_loan(
            "decision", DecisionRow, DecisionRow.step_key, DecisionRow.local_date, DecisionRow.outcome, DecisionRow.reason,
            DecisionRow.contact_id, DecisionEventRow.rule, DecisionEventRow.not_before, DecisionEventRow.facts,
        ).outerjoin(
            DecisionEventRow,
            (DecisionEventRow.decision_id == DecisionRow.id) & (DecisionEventRow.seq == DecisionRow.event_count),
        ),
        "message": _of(
            "message", MessageRow, MessageRow.channel, MessageRow.message_class, MessageRow.template, MessageRow.state,
            MessageRow.state_reason, MessageRow.sent_at, MessageRow.delivered_at, MessageRow.seen_at, MessageRow.read_at,
            MessageRow.text_sealed, MessageRow.contact_id, _SPEAKS_OF_OTHERS.label("speaks_of_others"),
            ManualContactRow.by.label("sent_by"),
        ).outerjoin(ManualContactRow, ManualContactRow.contact_id == MessageRow.contact_id),
        "attempt": _of(
            "attempt", DeliveryAttemptRow, DeliveryAttemptRow.message_id, DeliveryAttemptRow.provider,
            DeliveryAttemptRow.outcome, DeliveryAttemptRow.error_code, MessageRow.channel,
        ).join(MessageRow, MessageRow.id == DeliveryAttemptRow.message_id),
        "receipt": select(
            DeliveryReceiptRow.id, DeliveryReceiptRow.message_id, DeliveryReceiptRow.provider, DeliveryReceiptRow.told,
            DeliveryReceiptRow.error_code, DeliveryReceiptRow.outcome, MessageRow.channel,
        )
        .join(MessageRow, MessageRow.id == DeliveryReceiptRow.message_id)
        .where(among(DeliveryReceiptRow.id, ids_named("b_receipt")), MessageRow.borrower_id == BORROWER),
        "call": _on_loan(
            "call", CallRow, CallRow.direction, CallRow.origin, CallRow.outcome, CallRow.result, CallRow.seconds,
            CallRow.keypress, CallRow.by, CallRow.task_id, CallRow.message_id, MessageRow.text_sealed,
        ).outerjoin(MessageRow, MessageRow.id == CallRow.message_id),
        "collateral": _of(
            "collateral", CollateralEventRow, CollateralEventRow.kind, CollateralEventRow.effective_on,
            CollateralEventRow.by, CollateralEventRow.cost_kind, CollateralEventRow.amount_minor,
            CollateralEventRow.thing_id, CollateralThingRow.reference, CollateralThingRow.currency,
        ).join(CollateralThingRow, CollateralThingRow.id == CollateralEventRow.thing_id),
        "visit": _of(
            "visit", VisitRow, VisitRow.place, VisitRow.from_at, VisitRow.state, VisitRow.state_reason, VisitRow.outcome,
            VisitRow.planned_by, VisitRow.started_by, VisitRow.closed_by,
        ),
        "word": _of(
            "word", ConversationMessageRow, ConversationMessageRow.conversation_id, ConversationMessageRow.direction,
            ConversationMessageRow.channel, ConversationMessageRow.author, ConversationMessageRow.text_sealed,
        ),
        "note": select(
            NoteVersionRow.note_id.label("id"), NoteVersionRow.version_no, NoteVersionRow.text_sealed, NoteVersionRow.by,
            NoteVersionRow.at,
        ).where(among(NoteVersionRow.note_id, ids_named("b_note")), NoteVersionRow.borrower_id == BORROWER),
        "hold": _on_loan(
            "hold", HoldRow, HoldRow.kind, HoldRow.from_at, HoldRow.until_at, HoldRow.by, HoldRow.released_by
        ),
        "interest_stop": _on_loan(
            "interest_stop", InterestStopRow, InterestStopRow.stop_id, InterestStopRow.from_on, InterestStopRow.until_on,
            InterestStopRow.scope, InterestStopRow.rule, InterestStopRow.reason, InterestStopRow.recorded_by,
            InterestStopRow.replaced_by,
        ),
        "escalation": _on_loan(
            "escalation", EscalationEventRow, EscalationEventRow.escalation_id, EscalationEventRow.kind,
            EscalationEventRow.step_key, EscalationEventRow.outcome, EscalationEventRow.reason, EscalationEventRow.rule,
            EscalationEventRow.by,
        ),
        "credit_enrolment": _on_loan(
            "credit_enrolment", CreditEnrolmentRow, CreditEnrolmentRow.kind, CreditEnrolmentRow.rule,
            CreditEnrolmentRow.started_by, CreditEnrolmentRow.ended_by, CreditEnrolmentRow.end_reason,
        ),
        "credit_correction": _on_loan(
            "credit_correction", CreditCorrectionRow, CreditCorrectionRow.kind, CreditCorrectionRow.bureau,
            CreditCorrectionRow.reason, CreditCorrectionRow.decided_by,
        ),
        "credit_snapshot": select(
            CreditSnapshotRow.id, CreditSnapshotRow.bureau, CreditSnapshotRow.as_of, CreditSnapshotRow.submitted_by,
            CreditSnapshotRow.submission_reference,
        ).where(among(CreditSnapshotRow.id, ids_named("b_credit_snapshot")), CreditSnapshotRow.lender_id == LENDER),
        "register_report": _of(
            "register_report", RegisterReportEventRow, RegisterReportEventRow.report_id, RegisterReportEventRow.register,
            RegisterReportEventRow.kind, RegisterReportEventRow.reason, RegisterReportEventRow.by, LoanRow.loan_no,
        )
        .join(RegisterReportRow, RegisterReportRow.id == RegisterReportEventRow.report_id)
        .join(LoanRow, LoanRow.id == RegisterReportRow.loan_id),
        "promise": _on_loan(
            "promise", PromiseRow, PromiseRow.amount_minor, PromiseRow.currency, PromiseRow.paid_minor,
            PromiseRow.promised_on, PromiseRow.state, PromiseRow.made_by, PromiseRow.channel,
        ),
        "arrangement": _on_loan(
            "arrangement", ArrangementRow, ArrangementRow.kind, ArrangementRow.state, ArrangementRow.ended_reason
        ),
        "plan_request": _on_loan(
            "plan_request", PlanRequestRow, PlanRequestRow.kind, PlanRequestRow.state, PlanRequestRow.asked_by,
            PlanRequestRow.ended_reason,
        ),
        "dispute": _on_loan(
            "dispute", DisputeRow, DisputeRow.reference, DisputeRow.kind, DisputeRow.ground, DisputeRow.state,
            DisputeRow.amount_minor, DisputeRow.currency, DisputeRow.answer_due_on, DisputeRow.answered_by,
        ),
        "hardship": _on_loan(
            "hardship", HardshipRequestRow, HardshipRequestRow.state, HardshipRequestRow.review_due_on,
            HardshipRequestRow.decided_by,
        ),
        "contact_request": _of(
            "contact_request", ContactRequestRow, ContactRequestRow.kind, ContactRequestRow.channel, ContactRequestRow.place
        ),
        "letter": _of("letter", LetterRow, LetterRow.template, LetterRow.state, LetterRow.pages, LetterRow.message_id),
        "refund": _on_loan(
            "refund", RefundRow, RefundRow.amount_minor, RefundRow.currency, RefundRow.state, RefundRow.method,
            RefundRow.reason, RefundRow.requested_by,
        ),
        "intent": _on_loan(
            "intent", PaymentIntentRow, PaymentIntentRow.amount_minor, PaymentIntentRow.currency, PaymentIntentRow.purpose,
            PaymentIntentRow.state, PaymentIntentRow.provider, PaymentIntentRow.failure_code, PaymentIntentRow.created_by,
        ),
        "notice": _on_loan(
            "notice", NoticeRow, NoticeRow.template, NoticeRow.withheld_reason, NoticeRow.message_id, NoticeRow.withdrawn_at
        ),
        "consent": _of(
            "consent", ConsentRow, ConsentRow.purpose, ConsentRow.channel, ConsentRow.given, ConsentRow.form,
            ConsentRow.origin,
        ),
        "wish": _of(
            "wish", ContactPreferenceRow, ContactPreferenceRow.kind, ContactPreferenceRow.channel,
            ContactPreferenceRow.place, ContactPreferenceRow.by,
        ),
        "session": _of("session", SessionRow, SessionRow.device_label, SessionRow.revoke_reason),
        "act": _of("act", AuditRow, AuditRow.actor, AuditRow.action, AuditRow.facts).where(
            or_(AuditRow.lender_id.is_(None), AuditRow.lender_id == LENDER)
        ),
    }
)  # fmt: skip
_NAMES = tuple(sorted(set(TABLES.values())))


def find_details(
    reads: Connection, lender_id: str, borrower_id: str, ids: Mapping[str, Collection[str]]
) -> dict[str, list[Any]]:
    """Return the rows of each table of TABLES that `ids` names, `split` (what payments did to each instalment), `zone`."""
    given = {f"b_{name}": list(ids.get(name, ())) for name in _NAMES}
    return _DETAILS.run(reads, {"b_id": borrower_id, "b_lender": lender_id, **given})
