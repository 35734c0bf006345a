"""Corrections and deletions of what was furnished."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, String, and_, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from app.domain.credit_corrections import CORRECTION, DISPUTED, FILED
from app.domain.credit_gates import POSITIVE
from app.domain.credit_snapshots import FURNISHED
from app.domain.errors import NotFoundError
from app.domain.times import from_micros
from app.persistence.among import among, ids_named
from app.persistence.models.credit_reports import (
    CreditCorrectionRow,
    CreditEnrolmentRow,
    CreditOmissionRow,
    CreditRejectionRow,
    CreditReportRow,
    CreditSnapshotRow,
)
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.chunks import chunks

_OVER = ("cured", "settled")
_DECIDED = ("approved", "filed")


def find_decided(
    session: Session, loan_ids: Collection[str], bureau: str, *, since: datetime | None = None
) -> dict[str, str]:
    """Return loan -> deletion or correction, of those that were approved for a bureau; a deletion stands over all.

    `since`: only of those that were approved from that instant on. That it is disputed changes nothing that was told.
    """
    found: dict[str, str] = {}
    for part in chunks(loan_ids):
        statement = select(CreditCorrectionRow.loan_id, CreditCorrectionRow.kind).where(
            CreditCorrectionRow.loan_id.in_(part),
            CreditCorrectionRow.bureau == bureau,
            CreditCorrectionRow.state.in_(_DECIDED),
            CreditCorrectionRow.reason != DISPUTED,
        )
        if since is not None:
            statement = statement.where(CreditCorrectionRow.decided_at >= since)
        for loan_id, kind in session.execute(statement):
            if found.get(loan_id) != "deletion":
                found[loan_id] = kind
    return found


def add_correction(session: Session, row: Any) -> None:
    """Add one."""
    session.add(row)
    session.flush()


def find_open(session: Session, loan_ids: Collection[str], bureau: str) -> set[tuple[str, str]]:
    """Return (loan, reason) of what is proposed, approved or was filed as a deletion already."""
    found: set[tuple[str, str]] = set()
    for part in chunks(loan_ids):
        statement = select(CreditCorrectionRow.loan_id, CreditCorrectionRow.reason).where(
            CreditCorrectionRow.loan_id.in_(part),
            CreditCorrectionRow.bureau == bureau,
            or_(
                CreditCorrectionRow.state.in_(("proposed", "approved")),
                and_(CreditCorrectionRow.state == "filed", CreditCorrectionRow.kind == "deletion"),
            ),
        )
        found |= {(row[0], row[1]) for row in session.execute(statement)}
    return found


def find_values_decided(session: Session, loan_ids: Collection[str], bureau: str) -> dict[tuple[str, str], list[Any]]:
    """Return (snapshot, loan) -> its corrections that were told or declined, oldest first, with who decided and why."""
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    row = CreditCorrectionRow
    for part in chunks(loan_ids):
        statement = (
            select(row.snapshot_id, row.loan_id, row.state, row.new, row.reason, row.decided_by)
            .where(
                row.loan_id.in_(part), row.bureau == bureau, row.kind == "correction", row.state.in_(("filed", "declined")),
                row.new.is_not(None),
            )
            .order_by(row.proposed_at, row.id)
        )  # fmt: skip
        for each in session.execute(statement):
            found[each.snapshot_id, each.loan_id].append(each)
    return found


_TOLD_SINCE = PreparedSelect.of(
    select(CreditCorrectionRow.snapshot_id, CreditCorrectionRow.loan_id, CreditCorrectionRow.state, CreditCorrectionRow.new)
    .where(
        among(CreditCorrectionRow.loan_id, ids_named("b_ids")),
        CreditCorrectionRow.bureau == bindparam("b_bureau", type_=String()), CreditCorrectionRow.kind == CORRECTION,
        CreditCorrectionRow.state == FILED,
    )
    .order_by(CreditCorrectionRow.proposed_at, CreditCorrectionRow.id)
)  # fmt: skip


def find_told_since(session: Session, loan_ids: Collection[str], bureau: str) -> dict[tuple[str, str], list[Any]]:
    """Return (snapshot, loan) -> the corrections of it that a bureau was told, oldest first; one statement for all."""
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in _TOLD_SINCE.all(session.connection(), {"b_ids": loan_ids, "b_bureau": bureau}):
        found[row.snapshot_id, row.loan_id].append(row)
    return found


def find_waiting(session: Session, loan_ids: Collection[str], bureau: str, reason: str) -> list[CreditCorrectionRow]:
    """Return what is proposed or approved for that reason and has not been told, locked."""
    found: list[CreditCorrectionRow] = []
    for part in chunks(loan_ids):
        statement = (
            select(CreditCorrectionRow)
            .where(
                CreditCorrectionRow.loan_id.in_(part),
                CreditCorrectionRow.bureau == bureau,
                CreditCorrectionRow.reason == reason,
                CreditCorrectionRow.state.in_(("proposed", "approved")),
            )
            .with_for_update()
        )
        found += session.scalars(statement, execution_options={"populate_existing": True}).all()
    return found


def load_correction(session: Session, lender_id: str, correction_id: str) -> CreditCorrectionRow:
    """Return a lender's own to change, locked. Raises NotFoundError."""
    statement = select(CreditCorrectionRow).where(
        CreditCorrectionRow.id == correction_id, CreditCorrectionRow.lender_id == lender_id
    )
    row = session.scalar(statement.with_for_update(), execution_options={"populate_existing": True})
    if row is None:
        raise NotFoundError("There is no such correction.")
    return row


def find_approved(session: Session, lender_id: str, bureau: str) -> Sequence[CreditCorrectionRow]:
    """Return what was approved and has not been told to the bureau yet, locked, by loan."""
    statement = (
        select(CreditCorrectionRow)
        .where(
            CreditCorrectionRow.lender_id == lender_id,
            CreditCorrectionRow.bureau == bureau,
            CreditCorrectionRow.state == "approved",
        )
        .order_by(CreditCorrectionRow.loan_id, CreditCorrectionRow.id)
        .with_for_update()
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def find_corrections(
    reads: Connection | Session,
    *,
    lender_id: str | None = None,
    borrower_id: str | None = None,
    loan_id: str | None = None,
    correction_id: str | None = None,
    states: Sequence[str] = (),
    limit: int = 200,
) -> Sequence[Any]:
    """Return corrections of a lender, a borrower or a loan, the newest first, with the loan's and the lender's names."""
    statement = (
        select(
            CreditCorrectionRow.__table__, LoanRow.loan_no, LenderRow.code.label("lender_code"),
            LenderRow.name.label("lender_name"), CreditSnapshotRow.as_of, CreditSnapshotRow.format,
        )
        .join(LoanRow, LoanRow.id == CreditCorrectionRow.loan_id)
        .join(LenderRow, LenderRow.id == CreditCorrectionRow.lender_id)
        .join(CreditSnapshotRow, CreditSnapshotRow.id == CreditCorrectionRow.snapshot_id)
        .order_by(CreditCorrectionRow.proposed_at.desc(), CreditCorrectionRow.id.desc())
        .limit(limit)
    )  # fmt: skip
    if lender_id is not None:
        statement = statement.where(CreditCorrectionRow.lender_id == lender_id)
    if borrower_id is not None:
        statement = statement.where(CreditCorrectionRow.borrower_id == borrower_id)
    if loan_id is not None:
        statement = statement.where(CreditCorrectionRow.loan_id == loan_id)
    if correction_id is not None:
        statement = statement.where(CreditCorrectionRow.id == correction_id)
    if states:
        statement = statement.where(CreditCorrectionRow.state.in_(states))
    return reads.execute(statement).all()


def get_correction(reads: Connection | Session, lender_id: str, correction_id: str) -> Any:
    """Return one of a lender as it is shown. Raises NotFoundError."""
    rows = find_corrections(reads, lender_id=lender_id, correction_id=correction_id)
    if not rows:
        raise NotFoundError("There is no such correction.")
    return rows[0]


def find_latest_furnished(session: Session, bureau: str, loans: Mapping[str, str]) -> dict[str, Any]:
    """Return loan -> what the bureau has of it: its newest row that was furnished. `loans`: loan -> borrower."""
    found: dict[str, Any] = {}
    for part in chunks(loans):
        statement = (
            select(
                CreditReportRow.loan_id, CreditReportRow.borrower_id, CreditReportRow.snapshot_id, CreditReportRow.kind,
                CreditReportRow.status, CreditReportRow.first_delinquency_on, CreditReportRow.account,
                CreditReportRow.people_sealed, CreditSnapshotRow.as_of, CreditSnapshotRow.format,
                CreditSnapshotRow.lender_id,
            )
            .join(CreditSnapshotRow, CreditSnapshotRow.id == CreditReportRow.snapshot_id)
            .outerjoin(CreditOmissionRow, _of_row(CreditOmissionRow))
            .outerjoin(CreditRejectionRow, _of_row(CreditRejectionRow))
            .where(
                CreditReportRow.borrower_id.in_({loans[loan_id] for loan_id in part}),
                CreditReportRow.loan_id.in_(part),
                CreditReportRow.reason.is_(None),
                CreditSnapshotRow.bureau == bureau,
                CreditSnapshotRow.state.in_(FURNISHED),
                CreditOmissionRow.loan_id.is_(None),
                CreditRejectionRow.loan_id.is_(None),
            )
            .order_by(CreditSnapshotRow.as_of)
        )  # fmt: skip
        found |= {row.loan_id: row for row in session.execute(statement)}
    return found


def find_last_handed_in(session: Session, lender_id: str, bureau: str) -> Any:
    """Return (id, as_of, made_at) of the newest snapshot that the bureau has, or None."""
    statement = (
        select(CreditSnapshotRow.id, CreditSnapshotRow.as_of, CreditSnapshotRow.made_at)
        .where(
            CreditSnapshotRow.lender_id == lender_id,
            CreditSnapshotRow.bureau == bureau,
            CreditSnapshotRow.state.in_(FURNISHED),
        )
        .order_by(CreditSnapshotRow.as_of.desc())
    )
    return session.execute(statement.limit(1)).first()


def page_booked_late(
    session: Session, lender_id: str, *, since: datetime, until: date, after: str | None, limit: int
) -> dict[str, str]:
    """Return loan -> borrower of loans of which something became known after `since` that counts on or before `until`."""
    statement = (
        select(LedgerEntryRow.loan_id, LedgerEntryRow.borrower_id)
        .join(LoanRow, LoanRow.id == LedgerEntryRow.loan_id)
        .where(
            LoanRow.lender_id == lender_id,
            LedgerEntryRow.recorded_at > since,
            or_(LedgerEntryRow.effective_on <= until, LedgerEntryRow.reverses_id.is_not(None)),
        )
        .distinct()
        .order_by(LedgerEntryRow.loan_id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(LedgerEntryRow.loan_id > after)
    return {row.loan_id: row.borrower_id for row in session.execute(statement)}


def page_told_against(session: Session, lender_id: str, *, after: str | None, limit: int) -> dict[str, str]:
    """Return loan -> borrower of loans that were ever enrolled as late, by loan, following `after`."""
    statement = (
        select(CreditEnrolmentRow.loan_id, CreditEnrolmentRow.borrower_id)
        .where(CreditEnrolmentRow.lender_id == lender_id, CreditEnrolmentRow.kind != POSITIVE)
        .distinct()
        .order_by(CreditEnrolmentRow.loan_id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(CreditEnrolmentRow.loan_id > after)
    return {row.loan_id: row.borrower_id for row in session.execute(statement)}


def _of_row(model: Any) -> Any:
    return and_(model.snapshot_id == CreditReportRow.snapshot_id, model.loan_id == CreditReportRow.loan_id)


def find_upheld(session: Session, lender_id: str, grounds: Collection[str]) -> Sequence[Any]:
    """Return a lender's disputes on these grounds that were upheld."""
    statement = select(
        DisputeRow.id, DisputeRow.reference, DisputeRow.loan_id, DisputeRow.borrower_id, DisputeRow.ground,
        DisputeRow.answered_at,
    ).where(DisputeRow.lender_id == lender_id, DisputeRow.state == "upheld", DisputeRow.ground.in_(grounds))  # fmt: skip
    return session.execute(statement).all()


def find_over(session: Session, loan_ids: Collection[str]) -> dict[str, datetime | None]:
    """Return loan -> when its arrears that were reported were over, of loans with no enrolment against them that stands.

    None: its last one was ended by hand, so that nobody looked when the arrears were over.
    """
    found: dict[str, datetime | None] = {}
    for part in chunks(loan_ids):
        statement = (
            select(
                CreditEnrolmentRow.loan_id,
                func.max(case((CreditEnrolmentRow.end_reason.in_(_OVER), CreditEnrolmentRow.ended_at))).label("over"),
                func.max(CreditEnrolmentRow.ended_at).label("last"),
                func.count().filter(CreditEnrolmentRow.ended_at.is_(None)).label("standing"),
            )
            .where(CreditEnrolmentRow.loan_id.in_(part), CreditEnrolmentRow.kind != POSITIVE)
            .group_by(CreditEnrolmentRow.loan_id)
        )
        for row in session.execute(statement):
            if not row.standing:
                over = row.over if row.over == row.last else None
                found[row.loan_id] = from_micros(over) if isinstance(over, int) else over
    return found
