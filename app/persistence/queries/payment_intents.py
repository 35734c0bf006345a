"""Payment intents and what providers told of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, CursorResult, and_, func, or_, select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.payment_intents import CANCELLABLE, IntentState
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow
from app.persistence.models.payments import PaymentEventRow, PaymentIntentRow
from app.persistence.queries.chunks import chunks


class ProviderMoney(NamedTuple):
    """Money that a provider took for a loan and that is in the ledger."""

    loan_id: str
    amount_minor: int
    provider_reference: str | None
    payment_reference: str | None
    entry_reference: str


class AskDue(NamedTuple):
    """An intent whose provider is to be asked how it stands."""

    id: str
    provider: str
    ask_at: datetime


def add_intent(session: Session, row: PaymentIntentRow) -> None:
    """Add an intent."""
    session.add(row)
    session.flush()


def find_requested(session: Session, borrower_id: str, request_key: str) -> PaymentIntentRow | None:
    """Return the intent that this request has made."""
    statement = select(PaymentIntentRow).where(
        PaymentIntentRow.borrower_id == borrower_id, PaymentIntentRow.request_key == request_key
    )
    return session.scalar(statement.execution_options(populate_existing=True))


def find_intent(session: Session, intent_id: str) -> PaymentIntentRow | None:
    """Return an intent as it is now, also when it was read before."""
    return session.get(PaymentIntentRow, intent_id, populate_existing=True)


def find_intent_told_of(
    session: Session, provider: str, *, provider_reference: str | None, payment_reference: str | None
) -> PaymentIntentRow | None:
    """Return the intent of a provider that has one of these references."""
    wanted = [
        column == reference
        for column, reference in (
            (PaymentIntentRow.provider_reference, provider_reference),
            (PaymentIntentRow.payment_reference, payment_reference),
        )
        if reference is not None
    ]
    if not wanted:
        return None
    statement = select(PaymentIntentRow).where(PaymentIntentRow.provider == provider, or_(*wanted))
    return session.scalars(statement.order_by(PaymentIntentRow.id)).first()


def get_own_intent(session: Session, borrower_id: str, intent_id: str) -> PaymentIntentRow:
    """Return a borrower's intent as it is now. Raises NotFoundError, also for another person's."""
    row = find_intent(session, intent_id)
    if row is None or row.borrower_id != borrower_id:
        raise NotFoundError("There is no such payment.")
    return row


def count_pages(session: Session, borrower_id: str) -> int:
    """Return how many pages a borrower may still pay at."""
    statement = select(func.count()).where(
        PaymentIntentRow.borrower_id == borrower_id, PaymentIntentRow.state.in_([state.value for state in CANCELLABLE])
    )
    return session.scalar(statement) or 0


def page_own_intents(reads: Connection, borrower_id: str, loan_id: str, *, before: str | None, limit: int) -> Sequence[Any]:
    """Return intents of a borrower's loan, newest first, older than the id `before`."""
    statement = select(PaymentIntentRow.__table__).where(
        PaymentIntentRow.borrower_id == borrower_id, PaymentIntentRow.loan_id == loan_id
    )
    if before is not None:
        statement = statement.where(PaymentIntentRow.id < before)
    return reads.execute(statement.order_by(PaymentIntentRow.id.desc()).limit(limit)).all()


def find_own_intent(reads: Connection, borrower_id: str, loan_id: str, intent_id: str) -> Any:
    """Return the columns of an intent of a borrower's loan, or None."""
    return reads.execute(
        select(PaymentIntentRow.__table__).where(
            PaymentIntentRow.id == intent_id,
            PaymentIntentRow.borrower_id == borrower_id,
            PaymentIntentRow.loan_id == loan_id,
        )
    ).first()


def page_lender_intents(
    reads: Connection, lender_id: str, *, loan_no: str | None, state: str | None, before: str | None, limit: int
) -> Sequence[Any]:
    """Return intents at a lender with the numbers of their borrower and loan, newest first."""
    statement = (
        select(PaymentIntentRow.__table__, LoanRow.loan_no, BorrowerRow.borrower_no)
        .join(LoanRow, LoanRow.id == PaymentIntentRow.loan_id)
        .join(BorrowerRow, BorrowerRow.id == PaymentIntentRow.borrower_id)
        .where(PaymentIntentRow.lender_id == lender_id)
    )
    if loan_no is not None:
        statement = statement.where(LoanRow.loan_no == loan_no)
    if state is not None:
        statement = statement.where(PaymentIntentRow.state == state)
    if before is not None:
        statement = statement.where(PaymentIntentRow.id < before)
    return reads.execute(statement.order_by(PaymentIntentRow.id.desc()).limit(limit)).all()


def find_due_asks(session: Session, *, now: datetime, limit: int) -> list[AskDue]:
    """Return intents whose provider is to be asked by `now`, those that wait longest first."""
    statement = select(PaymentIntentRow.id, PaymentIntentRow.provider, PaymentIntentRow.ask_at).where(
        PaymentIntentRow.ask_at <= now
    )
    rows = session.execute(statement.order_by(PaymentIntentRow.ask_at).limit(limit))
    return [AskDue(row.id, row.provider, row.ask_at) for row in rows if row.ask_at is not None]


def claim_ask(session: Session, due: AskDue, next_at: datetime | None) -> bool:
    """Say when it is asked next; True for the one of several engines that asks now."""
    statement = update(PaymentIntentRow).where(PaymentIntentRow.id == due.id, PaymentIntentRow.ask_at == due.ask_at)
    changed = cast("CursorResult[Any]", session.execute(statement.values(ask_at=next_at)))
    return bool(changed.rowcount)


def ask_soon(session: Session, intent_id: str, now: datetime) -> None:
    """Have the provider of an open intent asked now, unless it is asked now anyway."""
    statement = update(PaymentIntentRow).where(PaymentIntentRow.id == intent_id, PaymentIntentRow.ask_at > now)
    session.execute(statement.values(ask_at=now))


def ask_again(session: Session, intent_id: str, at: datetime, *, ended_after: datetime) -> None:
    """Have the provider asked once more of an intent without an end of its own, of which nothing else is to be asked."""
    waits = IntentState.CREATED.value, IntentState.PENDING.value, IntentState.EXPIRED.value
    statement = update(PaymentIntentRow).where(
        PaymentIntentRow.id == intent_id,
        PaymentIntentRow.ask_at.is_(None),
        PaymentIntentRow.state.in_(waits),
        PaymentIntentRow.expires_at > ended_after,
    )
    session.execute(statement.values(ask_at=at))


def exists_event(session: Session, provider: str, event_id: str) -> bool:
    """Return whether a provider's event was taken before."""
    statement = select(PaymentEventRow.id).where(PaymentEventRow.provider == provider, PaymentEventRow.event_id == event_id)
    return session.scalar(statement) is not None


def add_event(session: Session, row: PaymentEventRow) -> None:
    """Add an event. Raises IntegrityError for one that another has just added."""
    session.add(row)
    session.flush()


def page_events(
    reads: Connection, lender_id: str, *, state: str | None, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return events about a lender's intents and those that name no intent, newest first, older than `after`."""
    table = PaymentEventRow
    statement = (
        select(
            table.id, table.provider, table.event_id, table.intent_id, table.kind, table.amount_minor, table.currency,
            table.state, table.why, table.received_at, LoanRow.loan_no, BorrowerRow.borrower_no,
        )
        .outerjoin(PaymentIntentRow, PaymentIntentRow.id == table.intent_id)
        .outerjoin(LoanRow, LoanRow.id == PaymentIntentRow.loan_id)
        .outerjoin(BorrowerRow, BorrowerRow.id == PaymentIntentRow.borrower_id)
        .where(or_(table.lender_id == lender_id, table.lender_id.is_(None)))
        .order_by(table.received_at.desc(), table.id.desc())
        .limit(limit)
    )  # fmt: skip
    if state is not None:
        statement = statement.where(table.state == state)
    if after is not None:
        at, event_id = after
        statement = statement.where(or_(table.received_at < at, and_(table.received_at == at, table.id < event_id)))
    return reads.execute(statement).all()


def find_provider_money(session: Session, borrower_ids: Collection[str]) -> list[ProviderMoney]:
    """Return what providers took from these borrowers and is booked."""
    found: list[ProviderMoney] = []
    for part in chunks(borrower_ids):
        statement = select(
            PaymentIntentRow.loan_id,
            PaymentIntentRow.amount_minor,
            PaymentIntentRow.provider_reference,
            PaymentIntentRow.payment_reference,
            PaymentIntentRow.entry_reference,
        ).where(PaymentIntentRow.borrower_id.in_(part), PaymentIntentRow.state == IntentState.SUCCEEDED.value)
        found += [ProviderMoney._make(row) for row in session.execute(statement) if row.entry_reference is not None]
    return found


def find_entry_told(session: Session, loan_id: str, references: Collection[str]) -> LedgerEntryRow | None:
    """Return the entry of a loan that names one of these references as the bank's: the core has told of that money."""
    reversed_ids = select(LedgerEntryRow.reverses_id).where(
        LedgerEntryRow.loan_id == loan_id, LedgerEntryRow.reverses_id.is_not(None)
    )
    statement = select(LedgerEntryRow).where(
        LedgerEntryRow.loan_id == loan_id,
        LedgerEntryRow.bank_reference.in_(references),
        LedgerEntryRow.kind.in_(("repayment", "prepayment")),
        LedgerEntryRow.id.not_in(reversed_ids),
    )
    return session.scalars(statement.order_by(LedgerEntryRow.id)).first()


def find_names(session: Session, intent: PaymentIntentRow) -> tuple[str, str, str]:
    """Return loan number, borrower number and lender's code of an intent."""
    row = session.execute(
        select(LoanRow.loan_no, BorrowerRow.borrower_no, LenderRow.code)
        .join(BorrowerRow, BorrowerRow.id == LoanRow.borrower_id)
        .join(LenderRow, LenderRow.id == LoanRow.lender_id)
        .where(LoanRow.id == intent.loan_id)
    ).one()
    return row.loan_no, row.borrower_no, row.code
