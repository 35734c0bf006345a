"""Notices that were served, with how far they are known to have come."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, and_, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.persistence.bulk import Rows, add_rows
from app.persistence.column_types import Instant
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow
from app.persistence.models.served_notices import DeliveryProofRow, ServedNoticeRow
from app.persistence.queries.chunks import chunks
from app.persistence.queries.letters import returned_at

_PROOF = (
    DeliveryProofRow.id, DeliveryProofRow.message_id, DeliveryProofRow.kind, DeliveryProofRow.delivered_at,
    DeliveryProofRow.reference_sealed, DeliveryProofRow.attachment_id, DeliveryProofRow.by, DeliveryProofRow.recorded_at,
)  # fmt: skip
receipt_at = (
    select(func.min(func.coalesce(DeliveryReceiptRow.told_at, DeliveryReceiptRow.received_at), type_=Instant()))
    .where(
        DeliveryReceiptRow.message_id == MessageRow.id,
        DeliveryReceiptRow.kind == "report",
        DeliveryReceiptRow.told == "delivered",
        DeliveryReceiptRow.is_signed,
    )
    .correlate(MessageRow)
    .scalar_subquery()
    .label("receipt_at")
)
"""When a receipt that is proven to be the provider's said that a message arrived. One that anybody may have posted moves the
message's state, and proves nothing."""
_NEVER_LEFT = ("failed", "cancelled", "expired")
_SERVED = (
    select(
        ServedNoticeRow.message_id, ServedNoticeRow.borrower_id, ServedNoticeRow.loan_id, ServedNoticeRow.kind,
        ServedNoticeRow.channel, ServedNoticeRow.said_sha256, ServedNoticeRow.created_at, ServedNoticeRow.by,
        MessageRow.state, MessageRow.sent_at, receipt_at, MessageRow.read_at, MessageRow.clicked_at,
        MessageRow.template, MessageRow.locale, LetterRow.answer_by, LetterRow.id.label("letter_id"), LetterRow.sha256,
        LetterRow.state.label("letter_state"), LetterRow.delivered_at.label("post_delivered_at"), returned_at,
    )
    .join(MessageRow, MessageRow.id == ServedNoticeRow.message_id)
    .outerjoin(LetterRow, LetterRow.message_id == ServedNoticeRow.message_id)
)  # fmt: skip


def find_keys(session: Session, keys: Collection[str]) -> dict[str, str]:
    """Return key -> message of notices that were written before."""
    found: dict[str, str] = {}
    for part in chunks(keys):
        statement = select(ServedNoticeRow.key, ServedNoticeRow.message_id).where(ServedNoticeRow.key.in_(part))
        found |= {row.key: row.message_id for row in session.execute(statement)}
    return found


def add_served(session: Session, *, contacts: Rows, records: Rows, messages: Rows, notices: Rows) -> None:
    """Insert notices with the contacts, records and messages that they leave by."""
    for row_class, rows in (
        (ContactRow, contacts),
        (ManualContactRow, records),
        (MessageRow, messages),
        (ServedNoticeRow, notices),
    ):
        add_rows(session, cast(Table, row_class.__table__), rows)


def find_served(session: Session, loan_ids: Collection[str], *, kinds: Collection[str] | None = None) -> Sequence[Any]:
    """Return the notices about these loans, oldest first; of all kinds, or of these."""
    found: list[Any] = []
    for part in chunks(sorted(set(loan_ids))):
        statement = _SERVED.where(ServedNoticeRow.loan_id.in_(part))
        if kinds is not None:
            statement = statement.where(ServedNoticeRow.kind.in_(sorted(kinds)))
        found += session.execute(statement.order_by(ServedNoticeRow.created_at, ServedNoticeRow.message_id)).all()
    return found


def find_served_on(session: Session, borrower_ids: Collection[str]) -> Sequence[Any]:
    """Return the notices to these borrowers that did not fail, oldest first; a letter that came back did not."""
    found: list[Any] = []
    for part in chunks(borrower_ids):
        did_not_fail = or_(MessageRow.state.not_in(_NEVER_LEFT), LetterRow.state == "returned")
        statement = _SERVED.where(ServedNoticeRow.borrower_id.in_(part), did_not_fail)
        found += session.execute(statement.order_by(ServedNoticeRow.created_at, ServedNoticeRow.message_id)).all()
    return found


def find_kinds(session: Session, contact_ids: Collection[str]) -> dict[str, str]:
    """Return contact -> kind of the notice that it is."""
    found: dict[str, str] = {}
    for part in chunks(contact_ids):
        statement = (
            select(MessageRow.contact_id, ServedNoticeRow.kind)
            .join(ServedNoticeRow, ServedNoticeRow.message_id == MessageRow.id)
            .where(MessageRow.contact_id.in_(part))
        )
        found |= {row.contact_id: row.kind for row in session.execute(statement)}
    return found


def find_kinds_of(session: Session, message_ids: Collection[str]) -> dict[str, str]:
    """Return message -> kind of the notice that it is; one that was not served as a notice is absent."""
    found: dict[str, str] = {}
    for part in chunks(message_ids):
        statement = select(ServedNoticeRow.message_id, ServedNoticeRow.kind).where(ServedNoticeRow.message_id.in_(part))
        found |= {row.message_id: row.kind for row in session.execute(statement)}
    return found


def find_waiting(session: Session, message_ids: Collection[str]) -> Sequence[Any]:
    """Return (message, borrower, contact) of those of these notices that have not left, or that a printer may still hold."""
    found: list[Any] = []
    for part in chunks(sorted(set(message_ids))):
        statement = (
            select(ServedNoticeRow.message_id, ServedNoticeRow.borrower_id, MessageRow.contact_id)
            .join(MessageRow, MessageRow.id == ServedNoticeRow.message_id)
            .outerjoin(LetterRow, LetterRow.message_id == ServedNoticeRow.message_id)
            .where(
                ServedNoticeRow.message_id.in_(part),
                or_(
                    MessageRow.state.in_(("queued", "stale", "sending")),
                    and_(MessageRow.state.in_(("sent", "uncertain")), LetterRow.state.in_(("made", "handed_over"))),
                ),
            )
            .order_by(ServedNoticeRow.borrower_id, ServedNoticeRow.message_id)
        )
        found += session.execute(statement).all()
    return found


def mark_records_ended(session: Session, contact_ids: Collection[str], *, reason: str, now: datetime) -> None:
    """Write on the records of contacts that they were taken back, where their message was."""
    cancelled = exists().where(MessageRow.contact_id == ManualContactRow.contact_id, MessageRow.state == "cancelled")
    statement = update(ManualContactRow).where(ManualContactRow.contact_id.in_(contact_ids), cancelled)
    session.execute(
        statement.values(outcome="SUPPRESSED", reason=reason, changed_at=now).execution_options(synchronize_session=False)
    )


def find_proofs(reads: Connection | Session, message_ids: Collection[str]) -> Mapping[str, list[Any]]:
    """Return message -> what proves that it arrived, beside the receipts of its channel; in the order it was recorded."""
    found: dict[str, list[Any]] = defaultdict(list)
    for part in chunks(message_ids):
        statement = select(*_PROOF).where(DeliveryProofRow.message_id.in_(part))
        for row in reads.execute(statement.order_by(DeliveryProofRow.recorded_at, DeliveryProofRow.id)):
            found[row.message_id].append(row)
    return found


def add_proof(session: Session, row: Mapping[str, Any]) -> bool:
    """Add what proves that a message arrived, unless there is one of its kind; return whether it was added."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(DeliveryProofRow).on_conflict_do_nothing(index_elements=["message_id", "kind"])
    return session.execute(statement.values(**row).returning(DeliveryProofRow.id)).first() is not None


def find_notices_among(session: Session, message_ids: Collection[str]) -> set[str]:
    """Return those of these messages that are notices that were served."""
    found: set[str] = set()
    for part in chunks(message_ids):
        found |= set(session.scalars(select(ServedNoticeRow.message_id).where(ServedNoticeRow.message_id.in_(part))))
    return found
