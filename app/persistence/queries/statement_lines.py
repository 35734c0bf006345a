"""Lines of bank statements: by their reference, by what they say of a loan, waiting for a person; and what they paid."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, delete, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from app.domain.desk_payments import ORIGIN as OF_DESK
from app.domain.errors import NotFoundError
from app.domain.ledger import EntryKind
from app.domain.statement_matching import State
from app.persistence.models.loans import InstalmentRow, LedgerEntryRow, LoanRow, PositionSnapshotRow
from app.persistence.models.statement_lines import StatementKeyRow, StatementLineRow, StatementPartRow
from app.persistence.queries.chunks import chunks

WAITING = (State.UNMATCHED.value, State.AMBIGUOUS.value)
"""States in which a line waits for a loan or a person."""
BY_BANK = "statement"
"""The origin of ledger entries that lines made: payments, and reversals of money that went back."""


class LineHead(NamedTuple):
    """What became of a line known by its reference."""

    id: str
    reference: str
    content_hash: str
    state: str
    amount_minor: int
    currency: str


class LineEntry(NamedTuple):
    """A payment that a line brought, and the reversal by which the bank took it back."""

    entry_id: str
    reversal_id: str | None


class CorePayment(NamedTuple):
    """A repayment or prepayment as a core told of it, that stands and that no line is known to be."""

    loan_id: str
    borrower_id: str
    effective_on: date
    amount_minor: int
    currency: str
    reference: str
    bank_reference: str | None
    channel: str | None
    origin: str


def find_lines(session: Session, lender_id: str, references: Collection[str]) -> dict[str, LineHead]:
    """Return the lines of a lender by their reference."""
    found: dict[str, LineHead] = {}
    for part in chunks(references):
        statement = select(
            StatementLineRow.id,
            StatementLineRow.reference,
            StatementLineRow.content_hash,
            StatementLineRow.state,
            StatementLineRow.amount_minor,
            StatementLineRow.currency,
        ).where(StatementLineRow.lender_id == lender_id, StatementLineRow.reference.in_(part))
        found |= {row.reference: LineHead(*row) for row in session.execute(statement)}
    return found


def find_returning(session: Session, lender_id: str, references: Collection[str]) -> Sequence[StatementLineRow]:
    """Return waiting lines by which money of one of these lines goes back."""
    found: list[StatementLineRow] = []
    for part in chunks(references):
        statement = select(StatementLineRow).where(
            StatementLineRow.lender_id == lender_id,
            StatementLineRow.state.in_(WAITING),
            StatementLineRow.returns_reference.in_(part),
        )
        found += session.scalars(statement)
    return found


def get_line(reads: Session, lender_id: str, line_id: str, *, lock: bool = False) -> StatementLineRow:
    """Return a line of this lender, locked where asked for. Raises NotFoundError."""
    statement = select(StatementLineRow).where(StatementLineRow.id == line_id, StatementLineRow.lender_id == lender_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    row = reads.scalar(statement)
    if row is None:
        raise NotFoundError("There is no such statement line.")
    return row


def lock_lines(session: Session, line_ids: Collection[str]) -> list[StatementLineRow]:
    """Lock those of these lines that still wait, in the order they came."""
    found: list[StatementLineRow] = []
    for part in chunks(sorted(line_ids)):
        statement = (
            select(StatementLineRow)
            .where(StatementLineRow.id.in_(part), StatementLineRow.state.in_(WAITING))
            .order_by(StatementLineRow.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        found += session.scalars(statement)
    return found


def page_lines(
    reads: Connection, lender_id: str, *, state: str, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return a lender's lines in one state, oldest first, following `after` (received_at, id)."""
    statement = (
        select(StatementLineRow.__table__)
        .where(StatementLineRow.lender_id == lender_id, StatementLineRow.state == state)
        .order_by(StatementLineRow.received_at, StatementLineRow.id)
        .limit(limit)
    )
    if after is not None:
        at, row_id = after
        later = and_(StatementLineRow.received_at == at, StatementLineRow.id > row_id)
        statement = statement.where(or_(StatementLineRow.received_at > at, later))
    return reads.execute(statement).all()


def exists_waiting(session: Session, lender_id: str) -> bool:
    """Return whether any line of the lender waits."""
    statement = select(StatementLineRow.id).where(
        StatementLineRow.lender_id == lender_id, StatementLineRow.state.in_(WAITING)
    )
    return session.scalar(statement.limit(1)) is not None


def find_keyed(session: Session, lender_id: str, key_hashes: Collection[str]) -> dict[str, set[str]]:
    """Return key hash -> ids of the waiting lines that say it."""
    found: dict[str, set[str]] = {}
    for part in chunks(key_hashes):
        statement = select(StatementKeyRow.key_hash, StatementKeyRow.line_id).where(
            StatementKeyRow.lender_id == lender_id, StatementKeyRow.key_hash.in_(part)
        )
        for key_hash, line_id in session.execute(statement):
            found.setdefault(key_hash, set()).add(line_id)
    return found


def add_lines(
    session: Session,
    lines: Sequence[Mapping[str, Any]],
    parts: Sequence[Mapping[str, Any]],
    keys: Sequence[Mapping[str, Any]],
) -> None:
    """Add lines with what they paid, and of those that wait the keys by which a loan finds them."""
    if lines:
        session.execute(insert(StatementLineRow), lines)
    add_parts(session, parts)
    if keys:
        session.execute(insert(StatementKeyRow), keys)


def set_lines(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write changed columns of lines, by id."""
    if rows:
        session.execute(update(StatementLineRow), rows)


def add_parts(session: Session, parts: Sequence[Mapping[str, Any]]) -> None:
    """Add what lines paid."""
    if parts:
        session.execute(insert(StatementPartRow), parts)


def forget_keys(session: Session, line_ids: Collection[str]) -> None:
    """Forget the keys of lines that wait no more."""
    for part in chunks(line_ids):
        session.execute(delete(StatementKeyRow).where(StatementKeyRow.line_id.in_(part)))


def find_parts(session: Session | Connection, line_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return by line what of it went where, with the number of each loan."""
    found: dict[str, list[Any]] = {}
    for part in chunks(line_ids):
        statement = (
            select(StatementPartRow.__table__, LoanRow.loan_no)
            .join(LoanRow, LoanRow.id == StatementPartRow.loan_id)
            .where(StatementPartRow.line_id.in_(part))
            .order_by(StatementPartRow.line_id, StatementPartRow.part_no)
        )
        for row in session.execute(statement):
            found.setdefault(row.line_id, []).append(row)
    return found


def find_known_lines(session: Session, lender_id: str, references: Collection[str]) -> set[str]:
    """Return those of these references that are lines of the lender which are matched, to payments that stand.

    Money that the bank itself took back counts: both words of it are known. What a person or the core took back does not:
    the next word of the core under that reference is a new one.
    """
    undone = LedgerEntryRow.__table__.alias("undone")
    taken_back = exists().where(
        LedgerEntryRow.loan_id == StatementPartRow.loan_id,
        LedgerEntryRow.reference == StatementPartRow.payment_reference,
        undone.c.loan_id == LedgerEntryRow.loan_id,
        undone.c.reverses_id == LedgerEntryRow.id,
        undone.c.origin != BY_BANK,
    )
    found: set[str] = set()
    for part in chunks(references):
        statement = (
            select(StatementLineRow.reference)
            .join(StatementPartRow, StatementPartRow.line_id == StatementLineRow.id)
            .where(
                StatementLineRow.lender_id == lender_id,
                StatementLineRow.reference.in_(part),
                StatementLineRow.state == State.MATCHED.value,
                ~taken_back,
            )
        )
        found |= set(session.scalars(statement))
    return found


def find_entries_of_lines(
    session: Session, loan_id: str, *, amount_minor: int, bank_reference: str | None, on: date
) -> list[LineEntry]:
    """Return payments of a loan that lines brought, of that amount under that line's reference; without it, of that day.

    Those that somebody other than the bank has taken back are left out.
    """
    undone = LedgerEntryRow.__table__.alias("undone")
    is_it = LedgerEntryRow.effective_on == on if bank_reference is None else LedgerEntryRow.bank_reference == bank_reference
    statement = (
        select(LedgerEntryRow.id, undone.c.id.label("undone_id"), undone.c.origin)
        .outerjoin(undone, and_(undone.c.loan_id == LedgerEntryRow.loan_id, undone.c.reverses_id == LedgerEntryRow.id))
        .where(
            LedgerEntryRow.loan_id == loan_id,
            LedgerEntryRow.kind == EntryKind.REPAYMENT.value,
            LedgerEntryRow.origin == BY_BANK,
            LedgerEntryRow.amount_minor == amount_minor,
            is_it,
        )
        .order_by(LedgerEntryRow.id)
    )
    return [LineEntry(row.id, row.undone_id) for row in session.execute(statement) if row.origin in (None, BY_BANK)]


_REVERSED = LedgerEntryRow.__table__.alias("reversed_by")
_CORE_PAYMENT = (
    select(
        LedgerEntryRow.loan_id,
        LedgerEntryRow.borrower_id,
        LedgerEntryRow.effective_on,
        LedgerEntryRow.amount_minor,
        LedgerEntryRow.currency,
        LedgerEntryRow.reference,
        LedgerEntryRow.bank_reference,
        LedgerEntryRow.channel,
        LedgerEntryRow.origin,
    )
    .join(LoanRow, LoanRow.id == LedgerEntryRow.loan_id)
    .where(
        LedgerEntryRow.kind.in_((EntryKind.REPAYMENT.value, EntryKind.PREPAYMENT.value)),
        ~exists().where(_REVERSED.c.loan_id == LedgerEntryRow.loan_id, _REVERSED.c.reverses_id == LedgerEntryRow.id),
        ~exists().where(
            StatementPartRow.lender_id == LoanRow.lender_id,
            StatementPartRow.payment_reference == LedgerEntryRow.reference,
        ),
    )
    .order_by(LedgerEntryRow.id)
)
_BY_CORE = or_(
    LedgerEntryRow.origin == "ingest", LedgerEntryRow.origin.startswith("import:"), LedgerEntryRow.origin.startswith(OF_DESK)
)
"""With what the desk was told before the statement came."""
_BY_PROVIDER = LedgerEntryRow.origin.startswith("provider:")


def find_payments_of_core(
    session: Session, lender_id: str, loan_ids: Collection[str], days: Collection[date]
) -> list[CorePayment]:
    """Return repayments of these loans and value dates as the core told of them, that no line is known to be."""
    found: list[CorePayment] = []
    for part in chunks(loan_ids):
        statement = _CORE_PAYMENT.where(
            LoanRow.lender_id == lender_id,
            LedgerEntryRow.loan_id.in_(part),
            LedgerEntryRow.effective_on.in_(sorted(days)),
            _BY_CORE,
        )
        found += (CorePayment(*row) for row in session.execute(statement))
    return found


def find_payments_named(session: Session, lender_id: str, bank_references: Collection[str]) -> dict[str, list[CorePayment]]:
    """Return repayments that no line is known to be, told of under these bank references by the core or a provider."""
    found: dict[str, list[CorePayment]] = {}
    for part in chunks(bank_references):
        statement = _CORE_PAYMENT.where(
            LoanRow.lender_id == lender_id, LedgerEntryRow.bank_reference.in_(part), or_(_BY_CORE, _BY_PROVIDER)
        )
        for row in session.execute(statement):
            found.setdefault(row.bank_reference, []).append(CorePayment(*row))
    return found


def find_loans_due(
    reads: Connection | Session,
    lender_id: str,
    currency: str,
    *,
    amount: tuple[int, int],
    due: tuple[date, date],
    limit: int,
) -> list[str]:
    """Return ids of active loans with an instalment of about that amount that falls due then; all bounds inclusive.

    For a person who looks for the loan of a line: an amount proves nothing.
    """
    total = (
        InstalmentRow.principal_minor
        + InstalmentRow.interest_minor
        + InstalmentRow.fees_minor
        + InstalmentRow.penalties_minor
    )
    statement = (
        select(LoanRow.id)
        .join(InstalmentRow, and_(InstalmentRow.loan_id == LoanRow.id, InstalmentRow.anchor_no == LoanRow.anchor_no))
        .join(PositionSnapshotRow, PositionSnapshotRow.loan_id == LoanRow.id)
        .where(
            InstalmentRow.due_on.between(*due),
            total.between(*amount),
            LoanRow.lender_id == lender_id,
            LoanRow.currency == currency,
            LoanRow.status == "active",
        )
        .order_by(LoanRow.id)
        .limit(limit)
    )
    return list(dict.fromkeys(reads.execute(statement).scalars()))
