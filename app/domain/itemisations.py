"""How a debt came to be what it is since a day that the law lets a collector count from: its itemisation.

From the last payment on, or from the day the money was lent where nothing was ever paid, a debt only grows: by interest,
fees and charges for lateness. Where something else was booked since then (a claim given up, money given back, a balance put
right), it is not itemised here: whoever writes has to.

Source: 12 CFR 1006.34(b)(3) (itemisation date), (c)(2)(vi)-(viii) (what is shown).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from app.domain.ledger import EntryKind, LedgerEntry, counting
from app.domain.letters import refused
from app.domain.positions import Position
from app.domain.splits import Split

LAST_PAYMENT, TRANSACTION = "last_payment", "transaction"
_PAYMENTS = frozenset({EntryKind.REPAYMENT, EntryKind.PREPAYMENT})
_GROWS_BY = frozenset({EntryKind.CHARGE, EntryKind.CHARGE_OFF})
"""Kinds of entries that give nothing back: a charge adds to the debt, and a charge-off changes what is owed in nothing."""


@dataclass(frozen=True, slots=True)
class Itemisation:
    """One loan's. Amounts are minor units; `charged` is what came on since `since`, by component; nothing was paid since."""

    loan_no: str
    currency: str
    since: date
    basis: str
    """last_payment or transaction: which of the law's days `since` is."""
    owed_then_minor: int
    charged: Split
    owed_now_minor: int


def itemisation_day(loan_no: str, entries: Iterable[LedgerEntry], lent_on: date | None, as_of: date) -> tuple[date, str]:
    """Return the day to itemise from, with which of the law's days it is. Raises LetterRefusedError."""
    known = [entry for entry in counting(entries) if entry.effective_on <= as_of]
    paid_on = max((entry.effective_on for entry in known if entry.kind in _PAYMENTS), default=None)
    since, basis = (paid_on, LAST_PAYMENT) if paid_on is not None else (lent_on, TRANSACTION)
    if since is None:
        raise refused("itemisation", f"Loan {loan_no} was never paid on, and the day it was lent is not recorded.")
    others = {entry.kind.value for entry in known if entry.effective_on > since and entry.kind not in _GROWS_BY}
    if others:
        raise refused(
            "itemisation", f"Since {since} loan {loan_no} has {', '.join(sorted(others))}: itemise it by hand, with each."
        )
    return since, basis


def itemised(loan_no: str, currency: str, basis: str, then: Position, now: Position) -> Itemisation:
    """Return the itemisation between two positions, whose parts make the sum. Raises LetterRefusedError."""
    grown = now.due_to_date.minus(then.due_to_date)
    charged = Split(interest=grown.interest, fees=grown.fees, penalties=grown.penalties)
    found = Itemisation(loan_no, currency, then.as_of, basis, then.outstanding_minor, charged, now.outstanding_minor)
    if found.owed_then_minor + charged.total != found.owed_now_minor or min(charged) < 0:
        raise refused("itemisation", f"What came on since {then.as_of} does not make what loan {loan_no} owes now.")
    return found
