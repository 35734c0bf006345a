"""Of whom anything stands on file that may stop a report, and what tells the others apart, for whole pages."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.borrowers import BorrowerRow, ConsentRow
from app.persistence.models.case_records import CaseRecordRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.models.served_notices import ServedNoticeRow
from app.persistence.queries.chunks import chunks

_STATUTORY = "statutory"


def find_groupable(session: Session, loan_ids: Collection[str]) -> Sequence[Any]:
    """Return of each loan what the law may tell it apart by, besides what is on file of its borrower."""
    found: list[Any] = []
    for part in chunks(loan_ids):
        statement = (
            select(
                LoanRow.id, LoanRow.borrower_id, LoanRow.lender_id, LoanRow.product_kind, LoanRow.currency, LoanRow.zone,
                BorrowerRow.country, BorrowerRow.zone.label("borrower_zone"), LenderRow.role, LenderRow.jurisdiction,
            )
            .join(BorrowerRow, BorrowerRow.id == LoanRow.borrower_id)
            .join(LenderRow, LenderRow.id == LoanRow.lender_id)
            .where(LoanRow.id.in_(part))
            .order_by(LoanRow.id)
        )  # fmt: skip
        found += session.connection().execute(statement).all()
    return found


_SAID = (ArrangementRow, HoldRow, CaseRecordRow, DisputeRow, ContactPreferenceRow, ServedNoticeRow)


def find_spoken_of(session: Session, borrower_ids: Collection[str], *, contacts: bool) -> set[str]:
    """Return the borrowers of whom anything stands on file that the law or the house may look at before a report.

    Agreements, holds, what the core told, disputes, wishes, notices of law, a consent refused or withdrawn; `contacts`: any
    message, too. Too many is harmless: they are asked about one by one.
    """
    found: set[str] = set()
    for part in chunks(borrower_ids):
        for table in _SAID:
            found.update(session.connection().scalars(select(table.borrower_id).where(table.borrower_id.in_(part))))
        refused = select(ConsentRow.borrower_id).where(ConsentRow.borrower_id.in_(part), ConsentRow.given.is_(False))
        found.update(session.connection().scalars(refused))
        told = select(MessageRow.borrower_id).where(MessageRow.borrower_id.in_(part))
        if not contacts:
            told = told.where(MessageRow.message_class == _STATUTORY)
        found.update(session.connection().scalars(told))
    return found


def find_given(
    session: Session, borrower_ids: Collection[str], now: datetime
) -> dict[str, frozenset[tuple[str | None, ...]]]:
    """Return borrower -> what they consented to by `now`."""
    found: dict[str, set[tuple[str | None, ...]]] = defaultdict(set)
    for part in chunks(borrower_ids):
        statement = select(ConsentRow.borrower_id, ConsentRow.purpose, ConsentRow.channel, ConsentRow.form).where(
            ConsentRow.borrower_id.in_(part), ConsentRow.given, ConsentRow.recorded_at <= now
        )
        for borrower_id, *said in session.connection().execute(statement):
            found[borrower_id].add(tuple(said))
    return {key: frozenset(value) for key, value in found.items()}
