"""Money that goes back: the line that brought it is undone in the ledger, or both are set aside where it was not booked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.domain.book import PaymentValues
from app.domain.errors import DomainError
from app.domain.ledger import EntryKind
from app.domain.statement_matching import How, State
from app.domain.times import business_date
from app.persistence.models.lenders import LenderRow
from app.persistence.models.statement_lines import StatementLineRow
from app.persistence.queries import statement_lines as queries
from app.persistence.queries.ledger import find_entry_rows, find_references, find_reversed
from app.persistence.queries.statement_lines import LineHead
from app.persistence.unit_of_work import Work
from app.services.money_moves import follow_ledger
from app.services.payments import record_payments
from app.services.statement_booking import BY_RULES, Paid, part_reference, part_rows, waiver_reference
from app.services.told_by_lines import CHANNEL, ORIGIN

RETURNED = "returned"
"""Why a line that paid nothing is set aside, with the one that took its money back."""


def settle_returns(work: Work, lender: LenderRow, line_ids: Sequence[str], *, now: datetime) -> dict[str, State]:
    """Settle waiting lines that return others; return the states of those settled, and of lines set aside with them.

    The whole line goes back: a return of another amount, of a line the core told of, or of one nobody sent, waits for a
    person.
    """
    rows = queries.lock_lines(work.session, list(dict.fromkeys(line_ids)))
    originals = queries.find_lines(work.session, lender.id, {row.returns_reference for row in rows if row.returns_reference})
    parts = queries.find_parts(work.session, [each.id for each in originals.values()])
    settled: dict[str, State] = {}
    changes: list[dict[str, Any]] = []
    for row in rows:
        original = originals.get(row.returns_reference or "")
        if original is None or (original.amount_minor, original.currency) != (-row.amount_minor, row.currency):
            changes.append(_change(row, why=["return", "line_unknown" if original is None else "other_amount"]))
        elif original.id in settled or original.state == State.IGNORED.value:
            changes.append(_change(row, why=["return", "line_set_aside"]))
        elif original.state in queries.WAITING:
            changes += (_set_aside(row.id, row.version, now), _set_aside(original.id, None, now))
            settled |= {row.id: State.IGNORED, original.id: State.IGNORED}
        elif (undone := _undo(work, lender, row, original, parts.get(original.id, []), now)) is None:
            changes.append(_change(row, why=["return", "cannot_be_reversed"]))
        else:
            queries.add_parts(work.session, part_rows(undone))
            outcome = {"state": State.MATCHED.value, "how": How.RETURN.value, "matched_at": now, "matched_by": BY_RULES}
            changes.append(_change(row, why=["return"]) | outcome)
            settled |= {row.id: State.MATCHED, original.id: State.MATCHED}
    for change in changes:
        queries.set_lines(work.session, [change])
    queries.forget_keys(work.session, list(settled))
    return settled


def _undo(
    work: Work, lender: LenderRow, row: StatementLineRow, original: LineHead, parts: Sequence[Any], now: datetime
) -> list[Paid] | None:
    """Reverse what the original booked, all of it or, where the ledger refuses, nothing."""
    if not parts or any(not part.payment_reference.startswith("stmt:") for part in parts):
        return None
    undone = [
        Paid(
            row.id,
            part.part_no,
            lender.id,
            part.loan_id,
            part.loan_no,
            part.borrower_id,
            -part.amount_minor,
            row.currency,
            part_reference(row.reference, part.part_no),
        )
        for part in parts
    ]
    payments = [
        PaymentValues(
            each.payment_reference,
            each.loan_no,
            -each.amount_minor,
            row.currency,
            min(row.booked_on, business_date(now, lender.zone)),
            kind=EntryKind.REVERSAL,
            reverses_reference=part.payment_reference,
            channel=CHANNEL,
            bank_reference=row.reference,
        )
        for each, part in zip(undone, parts, strict=True)
    ]
    payments += _unwaived(work, lender, row, original, parts[-1], now)
    with work.session.begin_nested() as savepoint:
        results = record_payments(work, lender, payments, now=now, origin=ORIGIN)
        if any(isinstance(each, DomainError) or each.status == "unmatched" for each in results):
            savepoint.rollback()
            return None
    follow_ledger(work, [each.loan_id for each in undone], now=now)
    return undone


def _unwaived(
    work: Work, lender: LenderRow, row: StatementLineRow, original: LineHead, last: Any, now: datetime
) -> list[PaymentValues]:
    """Return the reversal of what the original was short of and that was given up with it."""
    waived = waiver_reference(original.reference)
    head = find_references(work.session, lender.id, [waived]).get(waived)
    if head is None or head.entry_id in find_reversed(work.session, [last.loan_id]):
        return []
    return [
        PaymentValues(
            waiver_reference(row.reference),
            last.loan_no,
            find_entry_rows(work.session, [head.entry_id])[head.entry_id].amount_minor,
            row.currency,
            min(row.booked_on, business_date(now, lender.zone)),
            kind=EntryKind.REVERSAL,
            reverses_reference=waived,
        )
    ]


def _change(row: StatementLineRow, *, why: list[str]) -> dict[str, Any]:
    return {"id": row.id, "why": why, "version": row.version + 1}


def _set_aside(line_id: str, version: int | None, now: datetime) -> dict[str, Any]:
    change = {"state": State.IGNORED.value, "ignored_because": RETURNED, "matched_at": now, "matched_by": BY_RULES}
    return {"id": line_id, **change} | ({} if version is None else {"version": version + 1})
