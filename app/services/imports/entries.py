"""Which payments follow from a row: by its own reference, or as what a plan row says now beside what it said before."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from app.domain.book import PaymentValues
from app.domain.ledger import EntryKind
from app.domain.told_twice import same_money
from app.persistence.queries.ledger import DerivedEntry
from app.services.imports.values import Draft


def payments_of(
    draft: Draft, loan_no: str, row_no: int | None, currency: str, own: Mapping[str, DerivedEntry]
) -> list[PaymentValues] | None:
    """Return what to book for a draft; None: it is booked so already. `own`: what plan rows of the loan booked before."""
    if draft.reference is not None:
        if draft.effective_on is None or draft.amount_minor is None:
            return []
        return [_payment(draft, draft.reference, loan_no, currency, draft.known_at)]
    base = f"{loan_no}/{row_no}/{draft.name}"
    standing, wanted = own.get(base), _wanted(draft)
    if standing is not None and standing.content == wanted:
        return None
    asked: list[PaymentValues] = []
    if standing is not None and standing.content is not None:
        asked.append(
            PaymentValues(
                reference=f"{standing.reference}/taken-back",
                loan_no=loan_no,
                amount_minor=standing.content[1],
                currency=currency,
                effective_on=standing.content[2],
                kind=EntryKind.REVERSAL,
                reverses_reference=standing.reference,
            )
        )
    if wanted is not None:
        first = standing is None
        reference = base if standing is None else f"{base}/{standing.times + 1}"
        asked.append(_payment(draft, reference, loan_no, currency, draft.known_at if first else None))
    return asked


def told_already(wanted: Sequence[PaymentValues], told: Mapping[date, Sequence[int]]) -> set[str]:
    """Return the references of what payments by reference told of before (amounts by value date), and more precisely."""
    known: set[str] = set()
    for day, amounts in told.items():
        said = [each for each in wanted if each.effective_on == day and each.kind is EntryKind.REPAYMENT]
        same = same_money([each.amount_minor for each in said], amounts)
        known |= {each.reference for each, is_same in zip(said, same, strict=True) if is_same}
    return known


def _wanted(draft: Draft) -> tuple[Any, ...] | None:
    """Return what an entry of a plan row says, comparable with `DerivedEntry.content`; None: there is nothing to book."""
    if draft.effective_on is None or draft.amount_minor is None:
        return None
    if draft.amount_minor == 0 and draft.kind is not EntryKind.REPAYMENT:
        return None
    return draft.kind.value, draft.amount_minor, draft.effective_on, draft.row_no, draft.split


def _payment(draft: Draft, reference: str, loan_no: str, currency: str, known_at: datetime | None) -> PaymentValues:
    return PaymentValues(
        reference=reference,
        loan_no=loan_no,
        amount_minor=draft.amount_minor or 0,
        currency=currency,
        effective_on=draft.effective_on or date.min,
        kind=draft.kind,
        recorded_at=known_at,
        row_no=draft.row_no,
        split=draft.split,
        reverses_reference=draft.reverses,
        channel=draft.channel,
        bank_reference=draft.bank_reference,
        note=draft.note,
    )
