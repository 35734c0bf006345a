"""Loans, their directory, and their plan versions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Table, func, insert, select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import InstalmentRow, LoanNumberRow, LoanRow, LoanTapeRow, PlanVersionRow
from app.persistence.queries.chunks import chunks


class LoanHead(NamedTuple):
    """What tells whose a loan is and whether it has changed."""

    id: str
    loan_no: str
    borrower_id: str
    currency: str
    zone: str
    status: str
    content_hash: str
    version: int
    source_version: int | None
    anchor_no: int
    recorded_at: datetime
    ended_at: datetime | None
    resumed_at: datetime | None
    marks: list[str]
    desk_untold_minor: int
    cap: dict[str, Any] | None


class PlanHead(NamedTuple):
    """The newest plan version of a loan, with the loan's marks."""

    loan_id: str
    anchor_no: int
    content_hash: str
    recorded_at: datetime
    origin: str
    effective_on: date | None
    marks: list[str]


_HEAD = select(
    LoanRow.id,
    LoanRow.loan_no,
    LoanRow.borrower_id,
    LoanRow.currency,
    LoanRow.zone,
    LoanRow.status,
    LoanRow.content_hash,
    LoanRow.version,
    LoanRow.source_version,
    LoanRow.anchor_no,
    LoanRow.recorded_at,
    LoanRow.ended_at,
    LoanRow.resumed_at,
    LoanRow.marks,
    LoanRow.desk_untold_minor,
    LoanRow.cap,
)


# Plain table inserts: the mapper's own bulk insert costs several times as much per row.
_ADD_LOANS = insert(cast(Table, LoanRow.__table__))
_ADD_NUMBERS = insert(cast(Table, LoanNumberRow.__table__))
_ADD_VERSIONS = insert(cast(Table, PlanVersionRow.__table__))
_ADD_INSTALMENTS = insert(cast(Table, InstalmentRow.__table__))


def find_loan_owners(session: Connection | Session, lender_id: str, loan_nos: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return loan number -> (loan id, borrower id) of the loans that exist."""
    found: dict[str, tuple[str, str]] = {}
    for part in chunks(loan_nos):
        statement = select(LoanNumberRow.loan_no, LoanNumberRow.loan_id, LoanNumberRow.borrower_id).where(
            LoanNumberRow.lender_id == lender_id, LoanNumberRow.loan_no.in_(part)
        )
        found |= {row.loan_no: (row.loan_id, row.borrower_id) for row in session.execute(statement)}
    return found


def find_told_loans(session: Session, loan_ids: Collection[str]) -> dict[str, Any]:
    """Return loan id -> (id, lender_id, lender_code, loan_no, zone): what facts about it are told under."""
    found: dict[str, Any] = {}
    for part in chunks(loan_ids):
        statement = (
            select(LoanRow.id, LoanRow.lender_id, LenderRow.code.label("lender_code"), LoanRow.loan_no, LoanRow.zone)
            .join(LenderRow, LenderRow.id == LoanRow.lender_id)
            .where(LoanRow.id.in_(part))
        )
        found |= {row.id: row for row in session.execute(statement)}
    return found


def get_own_loan_id(session: Connection | Session, lender_id: str, borrower_id: str, loan_no: str) -> str:
    """Return the id of a borrower's loan by its number at a lender. Raises NotFoundError, also for another borrower's."""
    owner = find_loan_owners(session, lender_id, [loan_no]).get(loan_no)
    if owner is None or owner[1] != borrower_id:
        raise NotFoundError(f"This borrower has no loan {loan_no} with this lender.")
    return owner[0]


def find_loan_ids(session: Session, borrower_id: str, lender_id: str) -> Sequence[str]:
    """Return the ids of a borrower's loans with one lender."""
    statement = select(LoanRow.id).where(LoanRow.borrower_id == borrower_id, LoanRow.lender_id == lender_id)
    return session.scalars(statement.order_by(LoanRow.id)).all()


def find_loan_heads(session: Session, lender_id: str, loan_nos: Collection[str]) -> dict[str, LoanHead]:
    """Return the heads of the loans that exist, by loan number."""
    found: dict[str, LoanHead] = {}
    for part in chunks(loan_nos):
        statement = _HEAD.join(LoanNumberRow, LoanNumberRow.loan_id == LoanRow.id).where(
            LoanNumberRow.lender_id == lender_id, LoanNumberRow.loan_no.in_(part)
        )
        found |= {row.loan_no: LoanHead._make(row) for row in session.execute(statement)}
    return found


def find_own_loan(reads: Connection | Session, borrower_id: str, loan_id: str) -> Any:
    """Return (id, loan_no, lender_id, zone, currency) of a borrower's own loan, or None."""
    statement = select(LoanRow.id, LoanRow.loan_no, LoanRow.lender_id, LoanRow.zone, LoanRow.currency)
    return reads.execute(statement.where(LoanRow.id == loan_id, LoanRow.borrower_id == borrower_id)).one_or_none()


def find_loans_with(reads: Connection | Session, borrower_id: str, lender_id: str) -> Sequence[Any]:
    """Return (id, loan_no, currency, zone, status) of a borrower's loans with one lender, those that run first."""
    statement = select(LoanRow.id, LoanRow.loan_no, LoanRow.currency, LoanRow.zone, LoanRow.status)
    of_both = statement.where(LoanRow.borrower_id == borrower_id, LoanRow.lender_id == lender_id)
    return reads.execute(of_both.order_by(LoanRow.status != "active", LoanRow.loan_no)).all()


def get_loan(session: Session, loan_id: str) -> LoanRow:
    """Return the loan. Raises NotFoundError."""
    row = session.get(LoanRow, loan_id)
    if row is None:
        raise NotFoundError("No such loan.")
    return row


def find_borrower_loans(session: Session, borrower_id: str) -> Sequence[LoanRow]:
    """Return a borrower's loans, oldest first."""
    statement = select(LoanRow).where(LoanRow.borrower_id == borrower_id).order_by(LoanRow.id)
    return session.scalars(statement).all()


def page_loans(session: Session, *, lender_id: str | None = None, after: str = "", limit: int = 300) -> Sequence[LoanRow]:
    """Return loans by id, following `after`, of one lender or all."""
    statement = select(LoanRow).order_by(LoanRow.id).limit(limit)
    if after:
        statement = statement.where(LoanRow.id > after)
    if lender_id:
        statement = statement.where(LoanRow.lender_id == lender_id)
    return session.scalars(statement).all()


def page_without_plan(session: Session, lender_id: str, *, after: str = "", limit: int = 300) -> Sequence[LoanRow]:
    """Return the lender's active loans that have no plan, by id, following `after`."""
    statement = (
        select(LoanRow)
        .where(LoanRow.lender_id == lender_id, LoanRow.anchor_no == 0, LoanRow.status == "active")
        .order_by(LoanRow.id)
        .limit(limit)
    )
    if after:
        statement = statement.where(LoanRow.id > after)
    return session.scalars(statement).all()


def find_loans(session: Session, loan_ids: Collection[str]) -> list[LoanRow]:
    """Return loans by id; one that is not there is left out."""
    return [row for part in chunks(loan_ids) for row in session.scalars(select(LoanRow).where(LoanRow.id.in_(part)))]


def find_loans_numbered(session: Session, lender_id: str | None, loan_nos: Collection[str]) -> Sequence[LoanRow]:
    """Return the loans of these numbers, at one lender or at any."""
    found: list[LoanRow] = []
    for part in chunks(loan_nos):
        statement = (
            select(LoanRow)
            .join(LoanNumberRow, LoanNumberRow.loan_id == LoanRow.id)
            .where(LoanNumberRow.loan_no.in_(part))
            .order_by(LoanRow.loan_no)
        )
        if lender_id is not None:
            statement = statement.where(LoanNumberRow.lender_id == lender_id)
        found += session.scalars(statement, execution_options={"populate_existing": True}).all()
    return found


def add_loans(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add loans with their numbers."""
    if rows:
        connection = session.connection()
        connection.execute(_ADD_LOANS, rows)
        connection.execute(
            _ADD_NUMBERS,
            [
                {
                    "lender_id": row["lender_id"],
                    "loan_no": row["loan_no"],
                    "loan_id": row["id"],
                    "borrower_id": row["borrower_id"],
                }
                for row in rows
            ],
        )


def set_loans(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Overwrite columns of existing loans; every row names `id` and the same columns."""
    if rows:
        session.execute(update(LoanRow), rows)


def find_plan_heads(session: Session, loan_ids: Collection[str]) -> dict[str, PlanHead]:
    """Return the newest plan version by loan id."""
    found: dict[str, PlanHead] = {}
    for part in chunks(loan_ids):
        statement = (
            select(
                PlanVersionRow.loan_id,
                PlanVersionRow.anchor_no,
                PlanVersionRow.content_hash,
                PlanVersionRow.recorded_at,
                PlanVersionRow.origin,
                PlanVersionRow.effective_on,
                LoanRow.marks,
            )
            .join(LoanRow, LoanRow.id == PlanVersionRow.loan_id)
            .where(PlanVersionRow.loan_id.in_(part), PlanVersionRow.anchor_no == LoanRow.anchor_no)
        )
        found |= {row.loan_id: PlanHead(*row) for row in session.execute(statement)}
    return found


def find_newest_hashes(session: Session, loan_ids: Collection[str], *, other_than: Collection[str]) -> dict[str, str]:
    """Return the content hash of each loan's newest plan version that came from anywhere but these origins."""
    found: dict[str, str] = {}
    for part in chunks(loan_ids):
        statement = (
            select(PlanVersionRow.loan_id, PlanVersionRow.content_hash)
            .where(PlanVersionRow.loan_id.in_(part), PlanVersionRow.origin.not_in(other_than))
            .order_by(PlanVersionRow.loan_id, PlanVersionRow.anchor_no)
        )
        found |= {row.loan_id: row.content_hash for row in session.execute(statement)}
    return found


def find_plan_origins(session: Session, loan_ids: Collection[str]) -> dict[str, str]:
    """Return where the current plan of each loan that has one came from, by loan id."""
    found: dict[str, str] = {}
    for part in chunks(loan_ids):
        statement = (
            select(PlanVersionRow.loan_id, PlanVersionRow.origin)
            .join(LoanRow, LoanRow.id == PlanVersionRow.loan_id)
            .where(PlanVersionRow.loan_id.in_(part), PlanVersionRow.anchor_no == LoanRow.anchor_no)
        )
        found |= {row.loan_id: row.origin for row in session.execute(statement)}
    return found


def add_plans(session: Session, versions: Sequence[Mapping[str, Any]], instalments: Sequence[Mapping[str, Any]]) -> None:
    """Add plan versions with their instalments and make each the current one of its loan."""
    if not versions:
        return
    connection = session.connection()
    connection.execute(_ADD_VERSIONS, versions)
    if instalments:
        connection.execute(_ADD_INSTALMENTS, instalments)
    session.execute(update(LoanRow), [{"id": row["loan_id"], "anchor_no": row["anchor_no"]} for row in versions])


def find_newest_tapes(session: Session, loan_ids: Collection[str]) -> dict[str, date]:
    """Return the business date of each loan's newest tape, where it has one."""
    found: dict[str, date] = {}
    for part in chunks(loan_ids):
        statement = (
            select(LoanTapeRow.loan_id, func.max(LoanTapeRow.as_of))
            .where(LoanTapeRow.loan_id.in_(part))
            .group_by(LoanTapeRow.loan_id)
        )
        found |= {row[0]: row[1] for row in session.execute(statement)}
    return found


def find_tapes(session: Session, as_of: date, loan_ids: Collection[str]) -> dict[str, Any]:
    """Return what the core said of these loans on one day, by loan id."""
    found: dict[str, Any] = {}
    for part in chunks(loan_ids):
        statement = select(LoanTapeRow.loan_id, LoanTapeRow.facts).where(
            LoanTapeRow.loan_id.in_(part), LoanTapeRow.as_of == as_of
        )
        found |= {row.loan_id: row.facts for row in session.execute(statement)}
    return found


def set_tapes(session: Session, added: Sequence[Mapping[str, Any]], changed: Sequence[Mapping[str, Any]]) -> None:
    """Add tape rows, and overwrite the facts of ones that were sent again for the same day."""
    if added:
        session.execute(insert(LoanTapeRow), added)
    if changed:
        session.execute(update(LoanTapeRow), changed)


class TapeMark(NamedTuple):
    """An active loan, its marks, and whether a day's tape has it."""

    id: str
    loan_no: str
    marks: list[str]
    version: int
    on_tape: bool


def page_tape_marks(session: Session, lender_id: str, as_of: date, *, after: str = "", limit: int = 500) -> list[TapeMark]:
    """Return the lender's active loans by id, following `after`, each with whether the tape of that day has it."""
    on_tape = select(LoanTapeRow.loan_id).where(LoanTapeRow.loan_id == LoanRow.id, LoanTapeRow.as_of == as_of).exists()
    statement = (
        select(LoanRow.id, LoanRow.loan_no, LoanRow.marks, LoanRow.version, on_tape)
        .where(LoanRow.lender_id == lender_id, LoanRow.status == "active")
        .order_by(LoanRow.id)
        .limit(limit)
    )
    if after:
        statement = statement.where(LoanRow.id > after)
    return [TapeMark(*row) for row in session.execute(statement)]
