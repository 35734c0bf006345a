"""Of whom anything stands on file that may stop a report, and what tells the others apart, for whole pages."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, union_all
from sqlalchemy.orm import Session

from app.persistence.among import among, ids_named
from app.persistence.column_types import Instant
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
from app.persistence.prepared import PreparedSelect

_STATUTORY = "statutory"


_IDS = ids_named("b_ids")
_SAID = (ArrangementRow, HoldRow, CaseRecordRow, DisputeRow, ContactPreferenceRow, ServedNoticeRow)
_GROUPABLE = PreparedSelect.of(
    select(
        LoanRow.id, LoanRow.borrower_id, LoanRow.lender_id, LoanRow.product_kind, LoanRow.currency, LoanRow.zone,
        BorrowerRow.country, BorrowerRow.zone.label("borrower_zone"), LenderRow.role, LenderRow.jurisdiction,
    )
    .join(BorrowerRow, BorrowerRow.id == LoanRow.borrower_id)
    .join(LenderRow, LenderRow.id == LoanRow.lender_id)
    .where(among(LoanRow.id, _IDS))
    .order_by(LoanRow.id)
)  # fmt: skip
_FILES = [select(table.borrower_id).where(among(table.borrower_id, _IDS)) for table in _SAID]
_REFUSED = select(ConsentRow.borrower_id).where(among(ConsentRow.borrower_id, _IDS), ConsentRow.given.is_(False))
_TOLD = select(MessageRow.borrower_id).where(among(MessageRow.borrower_id, _IDS))
_TOLD_BY_LAW = _TOLD.where(MessageRow.message_class == _STATUTORY)
_SPOKEN_OF = {
    contacts: PreparedSelect.of(union_all(*_FILES, _REFUSED, told))
    for contacts, told in ((True, _TOLD), (False, _TOLD_BY_LAW))
}
_GIVEN = PreparedSelect.of(
    select(ConsentRow.borrower_id, ConsentRow.purpose, ConsentRow.channel, ConsentRow.form).where(
        among(ConsentRow.borrower_id, _IDS), ConsentRow.given,
        ConsentRow.recorded_at <= bindparam("b_now", type_=Instant()),
    )
)  # fmt: skip


def find_groupable(session: Session, loan_ids: Collection[str]) -> Sequence[Any]:
    """Return of each loan what the law may tell it apart by, besides what is on file of its borrower."""
    return _GROUPABLE.all(session.connection(), {"b_ids": loan_ids})


def find_spoken_of(session: Session, borrower_ids: Collection[str], *, contacts: bool) -> set[str]:
    """Return the borrowers of whom anything stands on file that the law or the house may look at before a report.

    Agreements, holds, what the core told, disputes, wishes, notices of law, a consent refused or withdrawn; `contacts`: any
    message, too. Too many is harmless: they are asked about one by one.
    """
    rows = _SPOKEN_OF[contacts].all(session.connection(), {"b_ids": borrower_ids})
    return {row.borrower_id for row in rows}


def find_given(
    session: Session, borrower_ids: Collection[str], now: datetime
) -> dict[str, frozenset[tuple[str | None, ...]]]:
    """Return borrower -> what they consented to by `now`."""
    found: dict[str, set[tuple[str | None, ...]]] = defaultdict(set)
    for borrower_id, *said in _GIVEN.all(session.connection(), {"b_ids": borrower_ids, "b_now": now}):
        found[borrower_id].add(tuple(said))
    return {key: frozenset(value) for key, value in found.items()}
