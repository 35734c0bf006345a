"""Finding borrowers of one lender by keyed hashes of what was typed, and by numbers. Bounded work, whatever is asked.

A word that many share (four digits, a common name) is not followed further than `MOST_CANDIDATES` entries of its index;
whether it was followed to its end is part of the answer.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, String, and_, bindparam, func, literal, or_, select, union_all
from sqlalchemy.sql import ColumnElement

from app.persistence.among import among, ids_named
from app.persistence.bundles import Bundle
from app.persistence.column_types import Id, Instant
from app.persistence.models.borrowers import BorrowerNumberRow, BorrowerRow, SearchTermRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.loans import LedgerEntryRow, LoanNumberRow, LoanRow, PaymentReferenceRow, PositionSnapshotRow
from app.persistence.models.statement_lines import TransferReferenceRow
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.accounts import POSITION_COLUMNS, WITH_SNAPSHOT

MOST_CANDIDATES = 5000
MOST_LOANS = 400
"""Loans of all hits together that a list looks at."""

_IDS, _NOW = ids_named("b_ids"), bindparam("b_now", type_=Instant())
_LENDER: Any = bindparam("b_lender", type_=Id())
_LIMIT: Any = bindparam("b_limit", type_=Integer())


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
    return list(_counting(tuple(map(_shape, terms))).first(reads, _values("n", terms)))


def find_matches(
    reads: Connection, lender_id: str, *, any_of: Sequence[Term], all_of: Sequence[Term], limit: int
) -> list[Match]:
    """Return up to `limit` borrowers of the lender for each of `any_of`, and up to `limit` who have all of `all_of`.

    Of `all_of` the first is followed through its index and the others are probed: name the rarest first.
    """
    statement = _finding(tuple(map(_shape, any_of)), tuple(map(_shape, all_of)))
    given = {"b_lender": lender_id, "b_limit": limit, **_values("a", any_of), **_values("n", all_of)}
    return [Match(row.kind, row.borrower_id) for row in statement.all(reads, given)]


# Statements are made once for each shape of a search: the kinds that are tried, with how many values each has.
Shape = tuple[str, int]


def _shape(term: Term) -> Shape:
    return term.kind, len(term.values)


def _values(prefix: str, terms: Sequence[Term]) -> dict[str, str]:
    return {f"{prefix}{at}_{n}": value for at, term in enumerate(terms) for n, value in enumerate(term.values)}


def _named(column: Any, name: str, shape: Shape) -> ColumnElement[bool]:
    """Whether a column is one of a term's values, which are the parameters NAME_0, NAME_1 ..."""
    return or_(*(column == bindparam(f"{name}_{n}", type_=String()) for n in range(shape[1])))


@lru_cache(maxsize=256)
def _counting(shapes: tuple[Shape, ...]) -> PreparedSelect:
    counted = []
    for at, shape in enumerate(shapes):
        entries = _entries(f"n{at}", shape).limit(MOST_CANDIDATES + 1).subquery()
        counted.append(select(func.count()).select_from(entries).scalar_subquery().label(f"n{at}"))
    return PreparedSelect.of(select(*counted))


@lru_cache(maxsize=256)
def _finding(any_of: tuple[Shape, ...], all_of: tuple[Shape, ...]) -> PreparedSelect:
    found = []
    for at, shape in enumerate(any_of):
        of_kind = _NUMBERS.get(shape[0])
        name = f"a{at}"
        found.append(_by_terms([(name, shape)]) if of_kind is None else of_kind(name, shape))
    if all_of:
        found.append(_by_terms([(f"n{at}", shape) for at, shape in enumerate(all_of)]))
    limited = [select(each.limit(_LIMIT).subquery()) for each in found]
    return PreparedSelect.of(limited[0] if len(limited) == 1 else union_all(*limited))


def _entries(name: str, shape: Shape) -> Any:
    return select(SearchTermRow.borrower_id).where(SearchTermRow.kind == shape[0], _named(SearchTermRow.digest, name, shape))


def _by_terms(terms: Sequence[tuple[str, Shape]]) -> Any:
    candidates = _entries(*terms[0]).limit(MOST_CANDIDATES).subquery()
    has_all = [_has(candidates.c.borrower_id, name, shape) for name, shape in terms[1:]]
    kind = terms[0][1][0] if len(terms) == 1 else "name"
    return _of_kind(kind, candidates.c.borrower_id).where(_owes(candidates.c.borrower_id), *has_all)


def _has(borrower_id: ColumnElement[str], name: str, shape: Shape) -> ColumnElement[bool]:
    """A probe for each candidate: as EXISTS it may be planned as a join that reads all of a common word's entries."""
    probe = select(SearchTermRow.kind).where(
        SearchTermRow.borrower_id == borrower_id,
        SearchTermRow.kind == shape[0],
        _named(SearchTermRow.digest, name, shape),
    )
    return probe.limit(1).scalar_subquery().is_not(None)


def _owes(borrower_id: Any) -> ColumnElement[bool]:
    probe = select(LoanRow.id).where(LoanRow.borrower_id == borrower_id, LoanRow.lender_id == _LENDER).limit(1)
    return probe.scalar_subquery().is_not(None)


def _of_kind(kind: str, borrower_id: Any) -> Any:
    return select(literal(kind, String).label("kind"), borrower_id.label("borrower_id"))


def _by_loan_no(name: str, shape: Shape) -> Any:
    return _of_kind(shape[0], LoanNumberRow.borrower_id).where(
        LoanNumberRow.lender_id == _LENDER, _named(LoanNumberRow.loan_no, name, shape)
    )


def _by_borrower_no(name: str, shape: Shape) -> Any:
    return _of_kind(shape[0], BorrowerNumberRow.borrower_id).where(
        _named(BorrowerNumberRow.borrower_no, name, shape), _owes(BorrowerNumberRow.borrower_id)
    )


def _by_payment(name: str, shape: Shape) -> Any:
    return _of_kind(shape[0], PaymentReferenceRow.borrower_id).where(
        PaymentReferenceRow.lender_id == _LENDER, _named(PaymentReferenceRow.reference, name, shape)
    )


def _by_bank(name: str, shape: Shape) -> Any:
    return (
        _of_kind(shape[0], LedgerEntryRow.borrower_id)
        .join(LoanRow, LoanRow.id == LedgerEntryRow.loan_id)
        .where(
            _named(LedgerEntryRow.bank_reference, name, shape),
            LedgerEntryRow.bank_reference.is_not(None),
            LoanRow.lender_id == _LENDER,
        )
    )


def _by_transfer(name: str, shape: Shape) -> Any:
    return _of_kind(shape[0], TransferReferenceRow.borrower_id).where(
        TransferReferenceRow.lender_id == _LENDER, _named(TransferReferenceRow.reference, name, shape)
    )


_NUMBERS = {
    "loan_no": _by_loan_no,
    "borrower_no": _by_borrower_no,
    "payment_reference": _by_payment,
    "bank_reference": _by_bank,
    "transfer_reference": _by_transfer,
}
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
