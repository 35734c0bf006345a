"""Rows about funders and their shares."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from app.domain.book import PutResult
from app.domain.errors import DomainError, ValidationError
from app.domain.funding import FunderValues, ShareValues
from app.persistence.models.lenders import LenderRow
from app.persistence.unit_of_work import Work
from app.services.funders import put_funders
from app.services.funding_shares import put_shares
from app.services.imports.collateral import TakenRow

_DATE, _AMOUNT = frozenset({"date"}), frozenset({"amount"})
TYPES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "funder": {},
    "share": {"amount": _AMOUNT, "effective_on": _DATE},
}
"""Kind of record -> its fields that are not text."""
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "funder": ("funder_no", "kind", "name"),
    "share": ("reference", "loan_no", "amount", "effective_on"),
}
_FEES = ("interest", "fees", "penalties")


def read_fields(kind: str, compiled: Mapping[str, Callable[[Any], Any]], context: Any) -> dict[str, Any]:
    """Return the fields of a row. Raises ValidationError for one that is needed and empty, or cannot be."""
    found = {name: value(context) for name, value in compiled.items()}
    if found.get("effective_on") is not None:
        found["effective_on"] = date.fromordinal(found["effective_on"])
    for name in _NEEDED[kind]:
        if found.get(name) is None:
            raise ValidationError(f"{name} is empty.")
    (_funder(found) if kind == "funder" else _share(found, "")).check()
    return found


def put_rows(
    work: Work, lender: LenderRow, kind: str, rows: Sequence[TakenRow], *, origin: str, now: datetime
) -> list[PutResult | DomainError]:
    """Write rows of one kind; each refused one stands in its place. Told again, they change nothing."""
    if kind == "funder":
        return put_funders(work, lender, [_funder(row.fields) for row in rows], by=origin, now=now)
    shares = [_share(row.fields, row.currency or lender.currency) for row in rows]
    return put_shares(work, lender, shares, by=origin, now=now)


def subject_of(kind: str, row: TakenRow) -> str:
    """Return what a refusal of a row names."""
    return str(row.fields["funder_no" if kind == "funder" else "reference"])


def _funder(given: Mapping[str, Any]) -> FunderValues:
    return FunderValues(**{name: value for name, value in given.items() if value is not None})


def _share(given: Mapping[str, Any], currency: str) -> ShareValues:
    fee = {name: given[f"{name}_fee"] for name in _FEES if given.get(f"{name}_fee") is not None}
    return ShareValues(
        given["reference"], given["loan_no"], given["amount"], currency, given["effective_on"],
        given.get("to_funder_no"), given.get("from_funder_no"), fee or None,
    )  # fmt: skip
