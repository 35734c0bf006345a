"""Finding borrowers of one lender by keyed hashes of what was typed, and by numbers. Bounded work, whatever is asked.

A word that many share (four digits, a common name) is not followed further than `MOST_CANDIDATES` entries of its index;
whether it was followed to its end is part of the answer.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, String, and_, bindparam, func, literal, or_, select, union_all
from sqlalchemy.sql import ColumnElement

from app.persistence.among import among, ids_named
from app.persistence.bundles import Bundle
from app.persistence.column_types import Id, Instant
from app.persistence.models.borrowers import BorrowerNumberRow, BorrowerRow, SearchTermRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.loans import LedgerEntryRow, LoanNumberRow, LoanRow, PaymentReferenceRow, PositionSnapshotRow
from app.persistence.models.statement_lines import TransferReferenceRow
from app.persistence.queries.accounts import POSITION_COLUMNS, WITH_SNAPSHOT

MOST_CANDIDATES = 5000
MOST_LOANS = 400
"""Loans of all hits together that a list looks at."""


@dataclass(frozen=True, slots=True)
class Term:
    """One thing to look for. `values`: keyed hashes of a search term, or a number as it may be written."""

    kind: str
    values: tuple[str, ...]


class Match(NamedTuple):
    """A borrower, and the kind of word that found them."""

    kind: str
    borrower_id: str


def count_candidates(reads: Connection, terms: Sequence[Term]) -> list[int]:
    """Return how many entries of the index each search term has, counted to `MOST_CANDIDATES` + 1 at most."""
    counted = [
        select(func.count())
        .select_from(_entries(term).limit(MOST_CANDIDATES + 1).subquery())
        .scalar_subquery()
        .label(f"n{n}")
        for n, term in enumerate(terms)
    ]
    return list(reads.execute(select(*counted)).one())


def find_matches(
    reads: Connection, lender_id: str, *, any_of: Sequence[Term], all_of: Sequence[Term], limit: int
) -> list[Match]:
    """Return up to `limit` borrowers of the lender for each of `any_of`, and up to `limit` who have all of `all_of`.

    Of `all_of` the first is followed through its index and the others are probed: name the rarest first.
    """
    found: list[Select[Any]] = []
    for term in any_of:
        found.append(_by_number(term, lender_id) if term.kind in _NUMBERS else _by_terms([term], lender_id))
    if all_of:
        found.append(_by_terms(all_of, lender_id))
    limited = [select(each.limit(limit).subquery()) for each in found]
    return [Match(*row) for row in reads.execute(union_all(*limited))]


def _entries(term: Term) -> Select[Any]:
    return select(SearchTermRow.borrower_id).where(SearchTermRow.kind == term.kind, SearchTermRow.digest.in_(term.values))


def _by_terms(terms: Sequence[Term], lender_id: str) -> Any:
    candidates = _entries(terms[0]).limit(MOST_CANDIDATES).subquery()
    has_all = [_has(candidates.c.borrower_id, term) for term in terms[1:]]
    kind = terms[0].kind if len(terms) == 1 else "name"
    return select(literal(kind, String).label("kind"), candidates.c.borrower_id).where(
        _owes(candidates.c.borrower_id, lender_id), *has_all
    )


def _has(borrower_id: ColumnElement[str], term: Term) -> ColumnElement[bool]:
    """A probe for each candidate: as EXISTS it may be planned as a join that reads all of a common word's entries."""
    probe = (
        select(SearchTermRow.kind)
        .where(
            SearchTermRow.borrower_id == borrower_id, SearchTermRow.kind == term.kind, SearchTermRow.digest.in_(term.values)
        )
        .limit(1)
    )
    return probe.scalar_subquery().is_not(None)


def _owes(borrower_id: Any, lender_id: str) -> ColumnElement[bool]:
    probe = select(LoanRow.id).where(LoanRow.borrower_id == borrower_id, LoanRow.lender_id == lender_id).limit(1)
    return probe.scalar_subquery().is_not(None)


def _by_loan_no(term: Term, lender_id: str) -> Any:
    return select(literal(term.kind, String).label("kind"), LoanNumberRow.borrower_id).where(
        LoanNumberRow.lender_id == lender_id, LoanNumberRow.loan_no.in_(term.values)
    )


def _by_borrower_no(term: Term, lender_id: str) -> Any:
    return select(literal(term.kind, String).label("kind"), BorrowerNumberRow.borrower_id).where(
        BorrowerNumberRow.borrower_no.in_(term.values), _owes(BorrowerNumberRow.borrower_id, lender_id)
    )


def _by_payment(term: Term, lender_id: str) -> Any:
    return select(literal(term.kind, String).label("kind"), PaymentReferenceRow.borrower_id).where(
        PaymentReferenceRow.lender_id == lender_id, PaymentReferenceRow.reference.in_(term.values)
    )


def _by_bank(term: Term, lender_id: str) -> Any:
    return (
        select(literal(term.kind, String).label("kind"), LedgerEntryRow.borrower_id)
        .join(LoanRow, LoanRow.id == LedgerEntryRow.loan_id)
        .where(
            LedgerEntryRow.bank_reference.in_(term.values),
            LedgerEntryRow.bank_reference.is_not(None),
            LoanRow.lender_id == lender_id,
        )
    )


def _by_transfer(term: Term, lender_id: str) -> Any:
    return select(literal(term.kind, String).label("kind"), TransferReferenceRow.borrower_id).where(
        TransferReferenceRow.lender_id == lender_id, TransferReferenceRow.reference.in_(term.values)
    )


_NUMBERS = {
    "loan_no": _by_loan_no,
    "borrower_no": _by_borrower_no,
    "payment_reference": _by_payment,
    "bank_reference": _by_bank,
    "transfer_reference": _by_transfer,
}


def _by_number(term: Term, lender_id: str) -> Any:
    return _NUMBERS[term.kind](term, lender_id)


_IDS, _NOW = ids_named("b_ids"), bindparam("b_now", type_=Instant())
_LENDER: Any = bindparam("b_lender", type_=Id())
_OF_LENDER = and_(LoanRow.lender_id == _LENDER, among(LoanRow.borrower_id, _IDS))
_ROWS = Bundle(
    {
        "people": select(
            BorrowerRow.id, BorrowerRow.borrower_no, BorrowerRow.name_sealed, BorrowerRow.phone_sealed,
            BorrowerRow.email_sealed, BorrowerRow.locale, BorrowerRow.flags,
        ).where(among(BorrowerRow.id, _IDS)),
        "loans": select(*POSITION_COLUMNS, LoanRow.loan_no, LoanRow.status)
        .outerjoin(PositionSnapshotRow, WITH_SNAPSHOT)
        .where(_OF_LENDER)
        .order_by(LoanRow.id.desc())
        .limit(MOST_LOANS),
        "holds": select(HoldRow.borrower_id, HoldRow.kind)
        .outerjoin(LoanRow, LoanRow.id == HoldRow.loan_id)
        .where(
            among(HoldRow.borrower_id, _IDS),
            or_(HoldRow.loan_id.is_(None), LoanRow.lender_id == _LENDER),
            HoldRow.from_at <= _NOW,
            or_(HoldRow.until_at.is_(None), HoldRow.until_at > _NOW),
            or_(HoldRow.released_at.is_(None), HoldRow.released_at > _NOW),
        )
        .distinct()
        .order_by(HoldRow.borrower_id, HoldRow.kind),
    }
)  # fmt: skip


def load_hits(reads: Connection, lender_id: str, borrower_ids: Collection[str], now: datetime) -> dict[str, list[Any]]:
    """Return `people`, their `loans` of this lender with snapshots, and kinds of `holds` that stand, in one statement."""
    return _ROWS.run(reads, {"b_ids": list(borrower_ids), "b_lender": lender_id, "b_now": now})
