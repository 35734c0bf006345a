"""Rows about pledged things: what they secure, what happened, what they are worth, how they are insured."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from app.domain.book import PutResult
from app.domain.collateral_events import EventKind
from app.domain.errors import DomainError, ValidationError
from app.domain.money import Money
from app.persistence.models.lenders import LenderRow
from app.persistence.queries.collateral import find_things
from app.persistence.unit_of_work import Work
from app.services.collateral import PledgeValues, put_pledges
from app.services.collateral_event_values import EventResult, EventValues
from app.services.collateral_events import record_events
from app.services.collateral_sale_previews import OTHERS, SaleWished
from app.services.collateral_sales import tell_sale
from app.services.collateral_values import AppraisalValues, InsuranceValues, put_appraisals, put_insurance

_DATE, _AMOUNT, _WHOLE = frozenset({"date"}), frozenset({"amount"}), frozenset({"whole", "constant"})
TYPES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "pledge": {"pledged_on": _DATE, "ended_on": _DATE, "rank": _WHOLE, "limit": _AMOUNT},
    "collateral_event": {"effective_on": _DATE, "amount": _AMOUNT},
    "appraisal": {"value": _AMOUNT, "valued_on": _DATE},
    "insurance": {"valid_from": _DATE, "valid_until": _DATE, "insured": _AMOUNT},
}
"""Kind of record -> its fields that are not text."""
_MONEY = {"limit": "limit_minor", "amount": "amount_minor", "value": "value_minor", "insured": "insured_minor"}
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "pledge": ("reference", "loan_no", "kind", "pledged_on"),
    "collateral_event": ("thing", "reference", "kind", "effective_on"),
    "appraisal": ("thing", "reference", "value", "valued_on", "source"),
    "insurance": ("thing", "reference", "cover", "valid_until"),
}

Result = PutResult | EventResult | DomainError


class TakenRow(NamedTuple):
    """One row as its map reads it: field -> value, days as dates."""

    line: int
    fields: Mapping[str, Any]
    currency: str | None


def read_fields(kind: str, compiled: Mapping[str, Callable[[Any], Any]], context: Any) -> dict[str, Any]:
    """Return the fields of a row. Raises ValidationError for one that is needed and empty."""
    found = {name: value(context) for name, value in compiled.items()}
    for name, allowed in TYPES[kind].items():
        if allowed is _DATE and found.get(name) is not None:
            found[name] = date.fromordinal(found[name])
    for name in _NEEDED[kind]:
        if found.get(name) is None:
            raise ValidationError(f"{name} is empty.")
    return found


def put_rows(
    work: Work, lender: LenderRow, kind: str, rows: Sequence[TakenRow], *, origin: str, now: datetime
) -> list[Result]:
    """Write rows of one kind; each refused one stands in its place. Told again, they change nothing."""
    values = [{_MONEY.get(name, name): value for name, value in row.fields.items()} for row in rows]
    if kind == "pledge":
        pledges = [
            PledgeValues(**{**each, "rank": each.get("rank") or 1, "currency": row.currency})
            for each, row in zip(values, rows, strict=True)
        ]
        return list(put_pledges(work, lender.id, pledges, by=origin, origin=origin, now=now))
    if kind == "appraisal":
        appraisals = [
            AppraisalValues(**{**each, "haircut": each.get("haircut") or "0"}, currency=row.currency or lender.currency)
            for each, row in zip(values, rows, strict=True)
        ]
        return list(put_appraisals(work, lender.id, appraisals, by=origin, now=now))
    if kind == "insurance":
        policies = [InsuranceValues(**each) for each in values]
        return list(put_insurance(work, lender.id, policies, by=origin, now=now))
    return _put_events(work, lender, rows, values, origin, now)


def done_of(result: PutResult | EventResult) -> str:
    """Return what became of a row: created, changed, unchanged."""
    if result.created:
        return "created"
    return "changed" if isinstance(result, PutResult) and result.changed else "unchanged"


def _put_events(
    work: Work, lender: LenderRow, rows: Sequence[TakenRow], values: Sequence[dict[str, Any]], origin: str, now: datetime
) -> list[Result]:
    """Record events by day, whatever order the file has them in; a sale also keeps its proceeds, to be divided."""
    order = sorted(range(len(rows)), key=lambda k: (rows[k].fields["effective_on"], rows[k].line))
    events = [EventValues(**_event(values[k]), currency=rows[k].currency) for k in order if not _is_sale(rows[k])]
    told = iter(record_events(work, lender.id, events, by=origin, origin=origin, now=now))
    results: dict[int, Result] = {k: next(told) for k in order if not _is_sale(rows[k])}
    for k in order:
        if _is_sale(rows[k]):
            results[k] = _sold(work, lender, values[k], rows[k].currency or lender.currency, origin, now)
    return [results[k] for k in range(len(rows))]


def _sold(
    work: Work, lender: LenderRow, given: Mapping[str, Any], currency: str, origin: str, now: datetime
) -> EventResult | DomainError:
    thing = find_things(work.session, lender.id, [given["thing"]]).get(given["thing"])
    if thing is None:
        (missing,) = record_events(
            work, lender.id, [EventValues(given["thing"], EventKind.SOLD, given["effective_on"], given["reference"])],
            by=origin, origin=origin, now=now,
        )  # fmt: skip
        return missing
    thing_id = thing.id
    wished = SaleWished(given["effective_on"], Money(given.get("amount_minor") or 0, currency), "other", OTHERS)
    try:
        sale_id, changed = tell_sale(
            work, thing, wished, reference=given["reference"], by=origin, origin=origin, now=now
        )  # fmt: skip
    except DomainError as error:
        return error
    return EventResult(sale_id, thing_id, created=changed)


def _is_sale(row: TakenRow) -> bool:
    return bool(row.fields["kind"] == EventKind.SOLD)


def _event(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, "is_charged": given.get("is_charged") == "yes"}
