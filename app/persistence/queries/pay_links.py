"""Links for paying: the message behind one, and the proofs that were tried."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from app.domain.payment_intents import IntentState
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.pay_links import PayLinkTryRow
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.queries.inbox import find_subjects


class LinkedMessage(NamedTuple):
    """The message that carries a link."""

    borrower_id: str
    contact_id: str | None
    created_at: datetime
    locale: str


class Identity(NamedTuple):
    """What is known of who somebody is."""

    national_id_sealed: bytes | None
    country: str | None


class LinkedLoan(NamedTuple):
    """A loan that a message is about, with the instalments it speaks of."""

    id: str
    loan_no: str
    lender_id: str
    rows: frozenset[int]


def find_linked_message(source: Connection | Session, message_id: str) -> LinkedMessage | None:
    """Return the message of a link."""
    row = source.execute(
        select(MessageRow.borrower_id, MessageRow.contact_id, MessageRow.created_at, MessageRow.locale).where(
            MessageRow.id == message_id
        )
    ).first()
    return None if row is None else LinkedMessage(*row)


def find_linked_loans(source: Connection | Session, message: LinkedMessage) -> list[LinkedLoan]:
    """Return the loans that a message is about, by number."""
    subjects = find_subjects(source, message.borrower_id, [message.contact_id]) if message.contact_id else ()
    rows: dict[str, set[int]] = {}
    for each in subjects:
        if each.loan_id is not None:
            rows.setdefault(each.loan_id, set()).add(each.row_no)
    loans = source.execute(select(LoanRow.id, LoanRow.loan_no, LoanRow.lender_id).where(LoanRow.id.in_(rows)))
    return sorted(
        (LinkedLoan(row.id, row.loan_no, row.lender_id, frozenset(rows[row.id])) for row in loans), key=lambda each: each[1]
    )


def find_identity(source: Connection | Session, borrower_id: str) -> Identity | None:
    """Return what tells a borrower's year of birth."""
    statement = select(BorrowerRow.national_id_sealed, BorrowerRow.country).where(BorrowerRow.id == borrower_id)
    row = source.execute(statement).first()
    return None if row is None else Identity(*row)


def find_tries(source: Connection | Session, message_id: str) -> int:
    """Return how often a proof was wrong on a link."""
    statement = select(PayLinkTryRow.tries).where(PayLinkTryRow.message_id == message_id)
    return int(source.execute(statement).scalar() or 0)


def find_tries_of_borrower(source: Connection | Session, borrower_id: str, *, since: datetime) -> int:
    """Return how often a proof was wrong on links of a borrower that were tried since then."""
    statement = select(func.sum(PayLinkTryRow.tries)).where(
        PayLinkTryRow.borrower_id == borrower_id, PayLinkTryRow.last_at > since
    )
    return int(source.execute(statement).scalar() or 0)


def add_try(session: Session, message_id: str, borrower_id: str, *, now: datetime) -> int:
    """Count one more wrong proof; return how many that makes. The caller holds the agenda row."""
    row = session.get(PayLinkTryRow, message_id, populate_existing=True)
    if row is None:
        row = PayLinkTryRow(message_id=message_id, borrower_id=borrower_id, tries=0, first_at=now, last_at=now)
        session.add(row)
    row.tries, row.last_at = row.tries + 1, now
    session.flush()
    return row.tries


def find_on_its_way(source: Connection | Session, borrower_id: str, loan_ids: Collection[str]) -> set[str]:
    """Return those of these loans that have money on its way at a provider."""
    found: Any = source.execute(
        select(PaymentIntentRow.loan_id).where(
            PaymentIntentRow.borrower_id == borrower_id,
            PaymentIntentRow.loan_id.in_(loan_ids),
            PaymentIntentRow.state == IntentState.PROCESSING.value,
        )
    ).scalars()
    return set(found)
