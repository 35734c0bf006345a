"""Letters as desk and borrower are shown them: documents with how far they came, newest first; and a lender's batches."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, func, null, or_, select
from sqlalchemy.orm import Session

from app.domain.letter_stages import STATES_OF
from app.domain.served_notices import OUTLASTS_RETURN, SEEN
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.letters import LetterBatchRow, LetterRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.served_notices import DeliveryProofRow, ServedNoticeRow
from app.persistence.queries.letters import returned_at

_ENDED = ("cancelled", "expired", "failed")
_LEFT = ("sent", "delivered", "uncertain")
_SHOWN: Any = (
    select(
        LetterRow.id, LetterRow.message_id, LetterRow.borrower_id, LetterRow.lender_id, LetterRow.loan_id,
        LetterRow.batch_id, LetterRow.template, LetterRow.locale, LetterRow.jurisdiction, LetterRow.pages, LetterRow.sha256,
        LetterRow.created_at, LetterRow.state.label("letter_state"), LetterRow.printed_at, LetterRow.posted_at,
        LetterRow.delivered_at.label("post_delivered_at"), returned_at, MessageRow.channel, MessageRow.text_sealed,
        MessageRow.state.label("message_state"), MessageRow.state_reason, MessageRow.sent_at, null().label("receipt_at"),
        MessageRow.read_at, MessageRow.clicked_at, LoanRow.loan_no, BorrowerRow.borrower_no,
        ServedNoticeRow.kind.label("notice_kind"),
    )
    .join(MessageRow, MessageRow.id == LetterRow.message_id)
    .join(BorrowerRow, BorrowerRow.id == LetterRow.borrower_id)
    .outerjoin(LoanRow, LoanRow.id == LetterRow.loan_id)
    .outerjoin(ServedNoticeRow, ServedNoticeRow.message_id == LetterRow.message_id)
)  # fmt: skip
_PROOF = exists().where(DeliveryProofRow.message_id == LetterRow.message_id, DeliveryProofRow.kind != SEEN)
_PROVEN = or_(
    exists().where(DeliveryProofRow.message_id == LetterRow.message_id, DeliveryProofRow.kind.in_(OUTLASTS_RETURN)),
    and_(LetterRow.state != "returned", or_(LetterRow.delivered_at.is_not(None), _PROOF)),
)
"""What `served_notices.delivery_of` says, as a condition."""


def page_of_lender(
    reads: Connection | Session,
    lender_id: str,
    *,
    stage: str | None = None,
    batch_id: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int,
) -> Sequence[Any]:
    """Return letters of a lender, newest first; of one stage, of one batch."""
    statement = _SHOWN.where(LetterRow.lender_id == lender_id)
    if stage is not None:
        statement = statement.where(_in_stage(stage))
    if batch_id is not None:
        statement = statement.where(LetterRow.batch_id == batch_id)
    return reads.execute(_page(statement, before, limit)).all()


def page_of_borrower(
    reads: Connection | Session, borrower_id: str, *, before: tuple[datetime, str] | None = None, limit: int
) -> Sequence[Any]:
    """Return the letters to a borrower that left, newest first."""
    return reads.execute(_page(_own(borrower_id), before, limit)).all()


def find_of_borrower(reads: Connection | Session, borrower_id: str, letter_id: str) -> Any:
    """Return one letter to a borrower that left, or None."""
    return reads.execute(_own(borrower_id).where(LetterRow.id == letter_id)).first()


def find_of_lender(reads: Connection | Session, lender_id: str, letter_id: str) -> Any:
    """Return one letter of a lender, or None."""
    return reads.execute(_SHOWN.where(LetterRow.lender_id == lender_id, LetterRow.id == letter_id)).first()


def page_batches_of_lender(reads: Connection | Session, lender_id: str, *, limit: int) -> Sequence[Any]:
    """Return the batches in which there are letters of a lender, newest first, with how many stand in which state."""
    counts = (
        select(LetterRow.batch_id, LetterRow.state, func.count().label("count"))
        .where(LetterRow.lender_id == lender_id, LetterRow.batch_id.is_not(None))
        .group_by(LetterRow.batch_id, LetterRow.state)
        .subquery()
    )
    of_lender = select(counts.c.batch_id).distinct().order_by(counts.c.batch_id.desc()).limit(limit)
    statement = (
        select(
            LetterBatchRow.id, LetterBatchRow.name, LetterBatchRow.state, LetterBatchRow.by, LetterBatchRow.created_at,
            counts.c.state.label("letter_state"), counts.c.count,
        )
        .join(counts, counts.c.batch_id == LetterBatchRow.id)
        .where(LetterBatchRow.id.in_(of_lender))
        .order_by(LetterBatchRow.id.desc(), counts.c.state)
    )  # fmt: skip
    return reads.execute(statement).all()


def _own(borrower_id: str) -> Select[Any]:
    left = or_(MessageRow.state.in_(_LEFT), and_(MessageRow.state == "failed", LetterRow.state == "returned"))
    own: Select[Any] = _SHOWN.where(LetterRow.borrower_id == borrower_id, left)
    return own


def _page(statement: Select[Any], before: tuple[datetime, str] | None, limit: int) -> Select[Any]:
    if before is not None:
        at, row_id = before
        statement = statement.where(or_(LetterRow.created_at < at, and_(LetterRow.created_at == at, LetterRow.id < row_id)))
    return statement.order_by(LetterRow.created_at.desc(), LetterRow.id.desc()).limit(limit)


def _in_stage(stage: str) -> Any:
    """What `letter_stages.stage_of` says, as a condition."""
    if stage == "delivered":
        return _PROVEN
    of_letter = LetterRow.state.in_(STATES_OF.get(stage, ()))
    of_message = and_(
        LetterRow.state == "made",
        {
            "approved": MessageRow.state.not_in(_ENDED),
            "withdrawn": MessageRow.state.in_(("cancelled", "expired")),
            "failed": MessageRow.state == "failed",
        }.get(stage, MessageRow.state == ""),
    )
    return and_(or_(of_letter, of_message), ~_PROVEN)
