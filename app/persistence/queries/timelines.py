"""When things happened to a borrower, as one lender may know: keys of entries of every kind, newest first, in one statement.

Each stream is one instant of one table (a hold put, a hold released). It is read from the key on where the page begins and
gives at most as many keys as the page has entries, so that one page costs the same however long the history is. Instants
lie on indexes that begin with the borrower; what has none is bounded by what one person has.
Parameters: b_id, b_lender, b_at, b_rank, b_key (the entry before the page), b_limit.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Integer, and_, bindparam, exists, literal, not_, or_, select
from sqlalchemy.orm import aliased

from app.persistence.bundles import Bundle
from app.persistence.column_types import Id, Instant
from app.persistence.models.access import SessionRow
from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.audit import AuditRow
from app.persistence.models.borrowers import ConsentRow
from app.persistence.models.calls import CallRow
from app.persistence.models.collateral import CollateralEventRow
from app.persistence.models.contact_requests import ContactRequestRow
from app.persistence.models.conversations import ConversationMessageRow, ConversationRow
from app.persistence.models.credit_reports import (
    CreditCorrectionRow,
    CreditEnrolmentRow,
    CreditOmissionRow,
    CreditRejectionRow,
    CreditReportRow,
    CreditSnapshotRow,
)
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.escalations import EscalationEventRow
from app.persistence.models.hardship import HardshipRequestRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.interest_stops import InterestStopRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.notes import NoteRow, NoteVersionRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.models.promises import PromiseRow
from app.persistence.models.refunds import RefundRow
from app.persistence.models.reminders import DecisionRow
from app.persistence.models.restricted_register import RegisterReportEventRow, RegisterReportRow
from app.persistence.models.visits import VisitRow
from app.persistence.queries.borrower_page_lists import (
    BORROWER,
    LENDER,
    conversation_of_lender,
    message_of_lender,
    of_lender,
    seen_by_lender,
)

READINGS: Final = "reading"
"""The kind of entries that say who read what: of the audit trail, and for those alone who may read that."""
FIRST_KEY: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_AT: Any = bindparam("b_at", type_=Instant())
_RANK: Any = bindparam("b_rank", type_=Integer())
_KEY: Any = bindparam("b_key", type_=Id())
_LIMIT: Any = bindparam("b_limit", type_=Integer())
_TOLD_BY_OTHERS = (
    "hold.", "promise.", "note.", "notes.", "call.", "dispute.", "hardship.", "refund.", "plan_request.", "arrangement.",
    "payment_intent.", "session.", "consent.", "wish.", "visit.", "contact_request.", "escalation.", "collateral_event.",
    "interest_stop.", "credit.correction_filed",
    "register_report.reported", "register_report.corrected", "register_report.removed",
)  # fmt: skip
"""Beginnings of actions whose effect is an entry of its own."""
_READ = ("borrower.opened", "borrower.unmasked", "borrower.read", "notes.read", "call_card.read", "collateral.opened")
_other, _of_call, _later_stop = aliased(LoanRow), aliased(MessageRow), aliased(InterestStopRow)


class KeyFound(NamedTuple):
    """An entry by when it happened, its stream and the row it is made of."""

    at: datetime
    rank: int
    row_id: str
    stream: str


@dataclass(frozen=True, slots=True)
class Stream:
    """One instant of one table."""

    name: str
    kind: str
    table: Any
    at: Any
    where: tuple[Any, ...]


def is_sole_lender() -> Any:
    """Whether the borrower owes nobody but this lender: then what names no loan is this lender's business."""
    return not_(exists().where(_other.borrower_id == BORROWER, _other.lender_id != LENDER))


_CASES: tuple[tuple[str, Any, Mapping[str, Any]], ...] = (
    ("promise", PromiseRow, {"made": PromiseRow.made_at, "settled": PromiseRow.settled_at}),
    ("arrangement", ArrangementRow, {"agreed": ArrangementRow.agreed_at, "ended": ArrangementRow.ended_at}),
    (
        "plan_request",
        PlanRequestRow,
        {"asked": PlanRequestRow.requested_at, "offered": PlanRequestRow.offered_at, "ended": PlanRequestRow.ended_at},
    ),
    (
        "dispute",
        DisputeRow,
        {"received": DisputeRow.received_at, "answered": DisputeRow.answered_at, "escalated": DisputeRow.escalated_at},
    ),
    ("refund", RefundRow, {"requested": RefundRow.requested_at, "closed": RefundRow.closed_at}),
    ("intent", PaymentIntentRow, {"opened": PaymentIntentRow.created_at, "paid": PaymentIntentRow.paid_at}),
    ("collateral", CollateralEventRow, {"recorded": CollateralEventRow.recorded_at}),
    ("visit", VisitRow, {"planned": VisitRow.planned_at, "started": VisitRow.started_at, "closed": VisitRow.closed_at}),
)
"""What has its lender in the row, and one to three instants."""
_OWN: tuple[tuple[str, Any, Mapping[str, Any]], ...] = (
    ("contact_request", ContactRequestRow, {"asked": ContactRequestRow.recorded_at, "ended": ContactRequestRow.ended_at}),
    ("consent", ConsentRow, {"told": ConsentRow.recorded_at}),
    ("wish", ContactPreferenceRow, {"made": ContactPreferenceRow.recorded_at, "ended": ContactPreferenceRow.ended_at}),
    ("session", SessionRow, {"signed_in": SessionRow.created_at, "ended": SessionRow.revoked_at}),
)
"""The borrower's own, whoever lends."""
_MADE_HERE = exists().where(
    _of_call.id == CallRow.message_id,
    ManualContactRow.contact_id == _of_call.contact_id,
    ManualContactRow.lender_id == LENDER,
)
_IS_READING = or_(*(AuditRow.action == each for each in _READ))
_IS_ACT = and_(*(not_(AuditRow.action.startswith(each)) for each in _TOLD_BY_OTHERS), not_(_IS_READING))
_OF_MESSAGE = (MessageRow.borrower_id == BORROWER, message_of_lender())

_IS_LAST_OF_STOP = not_(
    exists().where(
        _later_stop.stop_id == InterestStopRow.stop_id,
        _later_stop.loan_id == InterestStopRow.loan_id,
        _later_stop.id != InterestStopRow.id,
        _later_stop.recorded_at >= InterestStopRow.replaced_at,
    )
)
"""Nothing is known of the stop from then on: it was taken back, rather than changed."""

_TOLD_OUTCOMES = ("handed_over", "delivered", "returned", "done", "declined", "stopped")
"""Of steps of escalations: what is no more than waiting is on the escalation's own page."""

_TELLS_OF_BORROWER = exists().where(
    CreditReportRow.borrower_id == BORROWER,
    CreditReportRow.snapshot_id == CreditSnapshotRow.id,
    CreditReportRow.reason.is_(None),
    *(
        not_(
            exists().where(left_out.snapshot_id == CreditReportRow.snapshot_id, left_out.loan_id == CreditReportRow.loan_id)
        )
        for left_out in (CreditOmissionRow, CreditRejectionRow)
    ),
)
"""Whether the file of a snapshot told of the borrower, and the bureau took it."""

_STREAMS: list[Stream] = [
    Stream("payment", "payment", LedgerEntryRow, LedgerEntryRow.recorded_at, ()),
    Stream("decision", "decision", DecisionRow, DecisionRow.decided_at, (of_lender(DecisionRow.loan_id),)),
    Stream(
        "message", "message", MessageRow, MessageRow.created_at,
        (
            MessageRow.withdraws_id.is_(None), MessageRow.template != "call", MessageRow.template != "visit",
            message_of_lender(),
        ),
    ),
    Stream("attempt", "delivery", DeliveryAttemptRow, DeliveryAttemptRow.started_at, ()),
    Stream("receipt", "delivery", DeliveryReceiptRow, DeliveryReceiptRow.received_at, ()),
    Stream(
        "call", "call", CallRow, CallRow.called_at,
        (or_(of_lender(CallRow.loan_id), and_(CallRow.loan_id.is_(None), or_(is_sole_lender(), _MADE_HERE))),),
    ),
    Stream("word", "word", ConversationMessageRow, ConversationMessageRow.created_at, ()),
    Stream("note", "note", NoteVersionRow, NoteVersionRow.at, ()),
    Stream("hold_put", "hold", HoldRow, HoldRow.recorded_at, (seen_by_lender(HoldRow.loan_id),)),
    Stream("hold_released", "hold", HoldRow, HoldRow.released_at, (seen_by_lender(HoldRow.loan_id),)),
    Stream(
        "hardship_opened", "hardship", HardshipRequestRow, HardshipRequestRow.opened_at,
        (seen_by_lender(HardshipRequestRow.loan_id),),
    ),
    Stream(
        "hardship_decided", "hardship", HardshipRequestRow, HardshipRequestRow.decided_at,
        (seen_by_lender(HardshipRequestRow.loan_id),),
    ),
    Stream(
        "escalation", "escalation", EscalationEventRow, EscalationEventRow.at,
        (
            EscalationEventRow.lender_id == LENDER,
            or_(EscalationEventRow.step_key.is_(None), *(EscalationEventRow.outcome == each for each in _TOLD_OUTCOMES)),
        ),
    ),
    Stream(
        "interest_stop_told", "interest_stop", InterestStopRow, InterestStopRow.recorded_at,
        (of_lender(InterestStopRow.loan_id),),
    ),
    Stream(
        "interest_stop_withdrawn", "interest_stop", InterestStopRow, InterestStopRow.replaced_at,
        (of_lender(InterestStopRow.loan_id), _IS_LAST_OF_STOP),
    ),
    Stream(
        "credit_furnished", "credit", CreditSnapshotRow, CreditSnapshotRow.submitted_at,
        (CreditSnapshotRow.lender_id == LENDER, _TELLS_OF_BORROWER),
    ),
    Stream(
        "register_report", "register_report", RegisterReportEventRow, RegisterReportEventRow.at,
        (RegisterReportEventRow.lender_id == LENDER,),
    ),
    Stream("letter", "letter", LetterRow, LetterRow.created_at, ()),
    Stream("notice", "notice", NoticeRow, NoticeRow.created_at, (seen_by_lender(NoticeRow.loan_id),)),
    Stream(
        "act", "act", AuditRow, AuditRow.at,
        (_IS_ACT, or_(AuditRow.lender_id == LENDER, and_(AuditRow.lender_id.is_(None), is_sole_lender()))),
    ),
    Stream("reading", READINGS, AuditRow, AuditRow.at, (_IS_READING, AuditRow.lender_id == LENDER)),
]  # fmt: skip
_STREAMS += [
    Stream(f"{kind}_{what}", kind, table, at, (table.lender_id == LENDER,))
    for kind, table, instants in _CASES
    for what, at in instants.items()
]
_STREAMS += [
    Stream(f"credit_{what}", "credit", at.class_, at, (at.class_.lender_id == LENDER,))
    for what, at in (
        ("started", CreditEnrolmentRow.started_at),
        ("ended", CreditEnrolmentRow.ended_at),
        ("corrected", CreditCorrectionRow.filed_at),
    )
]
_STREAMS += [
    Stream(f"{kind}_{what}", kind, table, at, ()) for kind, table, instants in _OWN for what, at in instants.items()
]
STREAMS: Final = {stream.name: stream for stream in sorted(_STREAMS, key=lambda each: (each.kind, each.name))}
RANKS: Final = {name: rank for rank, name in enumerate(STREAMS)}
"""Entries of one instant are in this order, the highest first."""


def page_keys(
    reads: Connection,
    lender_id: str,
    borrower_id: str,
    *,
    kinds: Collection[str],
    before: tuple[datetime, int, str],
    limit: int,
) -> list[KeyFound]:
    """Return the newest `limit` keys of these kinds before one key, newest first by (at, rank, row)."""
    at, rank, key = before
    given = {"b_id": borrower_id, "b_lender": lender_id, "b_at": at, "b_rank": rank, "b_key": key, "b_limit": limit}
    found = [
        KeyFound(row.at, RANKS[name], row.id, name)
        for name, rows in _keys_of(frozenset(kinds)).run(reads, given).items()
        for row in rows
    ]
    return sorted(found, reverse=True)[:limit]


@lru_cache(maxsize=64)
def _keys_of(kinds: frozenset[str]) -> Bundle:
    return Bundle({name: _select(stream) for name, stream in STREAMS.items() if stream.kind in kinds})


def _select(stream: Stream) -> Any:
    table, rank = stream.table, literal(RANKS[stream.name], Integer)
    row_id = table.note_id if table is NoteVersionRow else table.id
    statement = select(row_id.label("id"), stream.at.label("at"))
    if table is LedgerEntryRow:
        statement = statement.join(LoanRow, LoanRow.id == LedgerEntryRow.loan_id).where(
            LoanRow.borrower_id == BORROWER, LoanRow.lender_id == LENDER
        )
    elif table in (DeliveryAttemptRow, DeliveryReceiptRow, LetterRow):
        statement = statement.join(MessageRow, MessageRow.id == table.message_id).where(*_OF_MESSAGE)
    elif table is RegisterReportEventRow:
        statement = statement.join(RegisterReportRow, RegisterReportRow.id == table.report_id).where(
            RegisterReportRow.borrower_id == BORROWER
        )
    elif table is ConversationMessageRow:
        statement = statement.join(ConversationRow, ConversationRow.id == table.conversation_id).where(
            ConversationRow.borrower_id == BORROWER, conversation_of_lender()
        )
    elif table is NoteVersionRow:
        statement = statement.join(NoteRow, NoteRow.id == NoteVersionRow.note_id).where(
            NoteRow.borrower_id == BORROWER, NoteRow.lender_id == LENDER
        )
    elif table is not CreditSnapshotRow:  # which is of a lender, and says itself whom it tells of
        statement = statement.where(table.borrower_id == BORROWER)
    follows = or_(stream.at < _AT, rank < _RANK, and_(rank == _RANK, row_id < _KEY))
    return statement.where(*stream.where, stream.at <= _AT, follows).order_by(stream.at.desc(), row_id.desc()).limit(_LIMIT)
