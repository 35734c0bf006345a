"""A day's money at payment providers held against the ledger, and against a provider's own payout report."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.payment_reconciliation import (
    PAYMENT,
    REFUND,
    Fault,
    Line,
    Reconciliation,
    read_report,
    reconcile,
)
from app.domain.times import business_date
from app.persistence.queries import payment_reconciliation as queries
from app.services.told_by_provider import OF_PROVIDER

_AROUND = timedelta(days=1)
"""A day begins and ends up to 14 hours from UTC's own."""
Reads = Connection | Session


def reconcile_day(reads: Reads, on: date, *, lender_id: str | None = None) -> Reconciliation:
    """Compare what providers told of a day, by the calendar of each loan, with what the ledger holds.

    Of a payment that its core told of first, the core's entry is the one. What is reversed does not stand.
    """
    theirs = _told(reads, on, on, lender_id)
    named = queries.find_entries_named(reads, lender_id, {line.keys[0] for line in theirs})
    by_provider = {line.keys[0]: line.provider for line in theirs}
    ours = [_entry_line(row, by_provider[row.reference]) for row in named]
    loose = [
        row
        for row in queries.find_entries_of_providers(reads, lender_id, on, OF_PROVIDER)
        if row.reference not in by_provider
    ]
    elsewhere = {row.entry_reference for row in queries.find_intents_named(reads, lender_id, {r.reference for r in loose})}
    ours += [
        _entry_line(row, row.origin.removeprefix(OF_PROVIDER))
        for row in loose
        if row.reference not in elsewhere and row.kind != "refund"  # one that the provider ended on another day is no fault
    ]
    return reconcile(theirs, ours, no_ours=Fault.MISSING_IN_LEDGER, no_theirs=Fault.MISSING_AT_PROVIDER)


def reconcile_report(reads: Reads, text: str, provider: str, *, lender_id: str | None = None) -> Reconciliation:
    """Compare a provider's payout report with what it told us, over the days the report speaks of. Raises ValidationError.

    A payment is found by the provider's references or ours. Its day may differ by one where the report keeps another clock.
    """
    report = read_report(text, provider)
    if not report:
        return Reconciliation((), ())
    first, last = min(line.on for line in report), max(line.on for line in report)
    around = [line for line in _told(reads, first - _AROUND, last + _AROUND, lender_id) if line.provider == provider]
    listed = {(line.kind, key) for line in report for key in line.keys}
    within = [line for line in around if first <= line.on <= last or any((line.kind, key) in listed for key in line.keys)]
    return reconcile(report, within, no_ours=Fault.MISSING_HERE, no_theirs=Fault.MISSING_IN_REPORT)


def _told(reads: Reads, first: date, last: date, lender_id: str | None) -> list[Line]:
    since = datetime.combine(first, time(), UTC) - _AROUND
    until = datetime.combine(last, time(), UTC) + 2 * _AROUND
    payments = queries.find_settled_intents(reads, lender_id, since=since, until=until)
    refunds = queries.find_sent_refunds(reads, lender_id, since=since, until=until)
    lines = [*_payment_lines(payments), *_refund_lines(refunds)]
    return [line for line in lines if first <= line.on <= last]


def _payment_lines(rows: Sequence[Any]) -> Iterable[Line]:
    for row in rows:
        keys = _keys(row.entry_reference, row.payment_reference, row.provider_reference, row.id)
        yield Line(row.provider, PAYMENT, row.currency, row.amount_minor, keys, business_date(row.paid_at, row.zone))


def _refund_lines(rows: Sequence[Any]) -> Iterable[Line]:
    for row in rows:
        keys = _keys(row.reference, row.provider_reference, row.id)
        yield Line(row.provider, REFUND, row.currency, row.amount_minor, keys, business_date(row.closed_at, row.zone))


def _entry_line(row: Any, provider: str) -> Line:
    kind = REFUND if row.kind == "refund" else PAYMENT
    return Line(provider, kind, row.currency, row.amount_minor, (row.reference,), row.effective_on)


def _keys(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name)
