"""Payments that a core tells of and a payment provider told of before: the same money, booked once.

The core is the book of record and hears of a card payment days later, from the provider's statement. What is equal beyond
doubt is seen: it names our own reference, or the provider's as the bank's (`bank_reference`), of the same loan and amount.
The core's reference then stands for the entry that is there, so that sending it again and reversing it find that entry. The
other way round (the core told first), `payment_moves` books nothing and takes the core's entry. Anything less than that is
another payment: two of one amount on one day may well be two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.domain.book import PaymentValues
from app.domain.errors import ConflictError
from app.domain.ledger import EntryKind
from app.persistence.queries.ledger import find_references, find_reversed
from app.persistence.queries.loans import LoanHead
from app.persistence.queries.payment_intents import ProviderMoney, find_provider_money

OF_PROVIDER = "provider:"
"""What the origin of an entry that a payment provider told of begins with."""
_PAID = (EntryKind.REPAYMENT, EntryKind.PREPAYMENT)


@dataclass(slots=True)
class ToldByProvider:
    """By any of its references: money that providers took, and the entry it is."""

    money: Mapping[str, ProviderMoney] = field(default_factory=dict)
    entries: Mapping[str, str] = field(default_factory=dict)

    def entry_of(self, values: PaymentValues, loan_id: str) -> str | None:
        """Return the entry that is this payment, or None. Raises ConflictError where it says another amount of it."""
        if values.kind not in _PAID:
            return None
        for reference in (values.reference, values.bank_reference):
            money = self.money.get(reference or "")
            if money is None or money.loan_id != loan_id:
                continue
            if money.amount_minor != values.amount_minor:
                raise ConflictError(
                    f"{reference} is a payment of {money.amount_minor} by its provider, which is booked; reverse that "
                    f"({money.entry_reference}) if it was another amount."
                )
            return self.entries.get(money.entry_reference)
        return None


def find_told_by_provider(
    session: Session, lender_id: str, batch: Sequence[PaymentValues], loans: Mapping[str, LoanHead], *, origin: str
) -> ToldByProvider:
    """Return what providers told of the borrowers of these payments. Asks nothing of a batch without bank references."""
    if origin.startswith(OF_PROVIDER):
        return ToldByProvider()
    owners = {
        loans[values.loan_no].borrower_id
        for values in batch
        if values.loan_no in loans and values.kind in _PAID and (values.bank_reference or values.reference.startswith("pi:"))
    }
    money = find_provider_money(session, owners) if owners else []
    if not money:
        return ToldByProvider()
    references = find_references(session, lender_id, [each.entry_reference for each in money])
    undone = find_reversed(session, {each.loan_id for each in money})
    references = {name: head for name, head in references.items() if head.entry_id not in undone}
    by_reference = {
        reference: each
        for each in money
        for reference in (each.entry_reference, each.provider_reference, each.payment_reference)
        if reference is not None and each.entry_reference in references
    }
    return ToldByProvider(by_reference, {name: head.entry_id for name, head in references.items()})
