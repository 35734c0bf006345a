"""What questions of law about an account are answered from: its borrower, its loans with their lenders, what was sent."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select
from sqlalchemy.orm import Session

from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow, DecisionRow
from app.persistence.queries.case_contacts import add_attempts
from app.persistence.queries.case_people import add_people
from app.persistence.queries.cases import HEADS
from app.persistence.queries.chunks import chunks
from app.persistence.queries.gathered import Gathered
from app.persistence.queries.letters import returned_at
from app.persistence.queries.served_notices import receipt_at

_STATUTORY = "statutory"
_RETURNED = "returned"
_NEVER_LEFT = ("failed", "cancelled", "expired")
"""States of a message that reached nobody, whatever was tried."""


def gather_people(session: Session, borrower_ids: Collection[str], now: datetime) -> dict[str, Gathered]:
    """Return what is known at `now` of these borrowers besides their loans, with tries to reach them."""
    gathered = {row.id: Gathered(row) for row in HEADS.all(session.connection(), {"b_ids": list(borrower_ids)})}
    if gathered:
        add_people(session, gathered, now)
        add_attempts(session, gathered, now)
    return gathered


def find_loans_with_lenders(session: Session, borrower_ids: Collection[str]) -> list[tuple[LoanRow, LenderRow]]:
    """Return the loans of these borrowers with who lends, by borrower and loan."""
    found: list[tuple[LoanRow, LenderRow]] = []
    for part in chunks(borrower_ids):
        statement = (
            select(LoanRow, LenderRow)
            .join(LenderRow, LenderRow.id == LoanRow.lender_id)
            .where(LoanRow.borrower_id.in_(part))
            .order_by(LoanRow.borrower_id, LoanRow.id)
        )
        found += [(loan, lender) for loan, lender in session.execute(statement)]
    return found


def find_governing(reads: Connection | Session, loan_ids: Collection[str]) -> Sequence[Any]:
    """Return (loan, borrower, borrower's country, lender's jurisdiction) of these loans."""
    found: list[Any] = []
    for part in chunks(loan_ids):
        statement = (
            select(LoanRow.id, LoanRow.borrower_id, BorrowerRow.country, LenderRow.jurisdiction)
            .join(BorrowerRow, BorrowerRow.id == LoanRow.borrower_id)
            .join(LenderRow, LenderRow.id == LoanRow.lender_id)
            .where(LoanRow.id.in_(part))
        )
        found += reads.execute(statement).all()
    return found


def find_jurisdictions(session: Session, borrower_id: str) -> Sequence[str | None]:
    """Return the jurisdictions of a borrower's lenders, each once; one None where they have no loan."""
    statement = (
        select(LenderRow.jurisdiction)
        .join(LoanRow, LoanRow.lender_id == LenderRow.id)
        .where(LoanRow.borrower_id == borrower_id)
        .distinct()
        .order_by(LenderRow.jurisdiction)
    )
    return session.scalars(statement).all() or [None]


def find_first_contacts(session: Session, borrower_ids: Collection[str]) -> dict[str, datetime]:
    """Return loan id -> when a contact about it was made first."""
    found: dict[str, datetime] = {}
    for part in chunks(borrower_ids):
        statement = (
            select(DecisionRow.loan_id, func.min(ContactRow.created_at).label("first"))
            .join(ContactRow, ContactRow.id == DecisionRow.contact_id)
            .where(DecisionRow.borrower_id.in_(part))
            .group_by(DecisionRow.loan_id)
        )
        found |= {row.loan_id: row.first for row in session.execute(statement)}
    return found


def find_sent_notices(session: Session, borrower_ids: Collection[str]) -> Sequence[Any]:
    """Return (borrower, loan, policy, step, template, channel, sent_at, ...) of messages of law that a policy's step sent.

    With what is known of their way, as of served notices. One that failed was not sent (a bounce, a refused number).
    A letter that came back was: it says when.
    """
    found: list[Any] = []
    for part in chunks(borrower_ids):
        statement = (
            select(
                MessageRow.borrower_id, DecisionRow.loan_id, DecisionRow.policy_id, DecisionRow.step_key,
                MessageRow.template, MessageRow.channel, MessageRow.sent_at,
                MessageRow.id.label("message_id"), receipt_at, MessageRow.read_at, MessageRow.clicked_at,
                LetterRow.delivered_at.label("post_delivered_at"), returned_at,
            )
            .outerjoin(LetterRow, LetterRow.message_id == MessageRow.id)
            .join(DecisionRow, DecisionRow.contact_id == MessageRow.contact_id)
            .where(
                MessageRow.borrower_id.in_(part),
                MessageRow.message_class == _STATUTORY,
                MessageRow.sent_at.is_not(None),
                or_(MessageRow.state.not_in(_NEVER_LEFT), LetterRow.state == _RETURNED),
            )
            .order_by(MessageRow.sent_at, MessageRow.id)
        )  # fmt: skip
        found += session.execute(statement).all()
    return found
