"""A loan's balances while a statement walks through its days: what each instalment, charge and entry changed.

The walk goes along with the kernel's own account (`replay.Account`), which spreads money and works late charges out, and
reads the balances off it: so they are the position of each moment, and what changed is the difference.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from app.domain.account_rows import AccountRow
from app.domain.ledger import LedgerEntry
from app.domain.plans import PlanRow
from app.domain.replay import Account, allocate, never_below_zero
from app.domain.splits import NOTHING, Split
from app.domain.terms import PLAIN, LoanTerms


class Balances(NamedTuple):
    """What stands on a loan at the end of a day, in minor units; also the difference of two such.

    `principal` is the principal balance; `interest`, `fees` and `penalties` are those due by then and unpaid. `ahead` is
    what was paid of those not yet due, `unapplied` what was paid beyond all rows: both are the borrower's.
    """

    principal: int = 0
    interest: int = 0
    fees: int = 0
    penalties: int = 0
    ahead: int = 0
    unapplied: int = 0

    @property
    def outstanding(self) -> int:
        """What is owed, as a position says it: principal balance and the interest, fees and penalties due and unpaid."""
        return self.principal + self.interest + self.fees + self.penalties

    @property
    def net(self) -> int:
        """What is owed less what is the borrower's; a payment lowers it by its amount, however it is spread."""
        return self.outstanding - self.ahead - self.unapplied

    def plus(self, other: "Balances") -> "Balances":
        """Return the sum, component by component."""
        return Balances(*(mine + its for mine, its in zip(self, other, strict=True)))

    def minus(self, other: "Balances") -> "Balances":
        """Return the difference, component by component."""
        return Balances(*(mine - its for mine, its in zip(self, other, strict=True)))


UNMOVED = Balances()


class Spread(NamedTuple):
    """What was paid by component over all rows, and what money beyond them; as a difference: what one entry added."""

    paid: Split = NOTHING
    unapplied: int = 0


class RunningBalances:
    """The balances under one plan, moved on by days, instalments that fall due and entries.

    `principal_minor` is the amount first lent; None: the rows of the plan add up to all that is lent.
    """

    def __init__(self, principal_minor: int | None, terms: LoanTerms = PLAIN) -> None:
        self.principal_minor = principal_minor
        self.terms = terms
        self.account = Account((), terms)
        self._lent_until = date.min
        self._due_until = date.min
        self._due: set[int] = set()
        """Rows due on the day after `_due_until` that have been told."""

    def begin(self, rows: Sequence[PlanRow], until: date, entries: Iterable[LedgerEntry]) -> None:
        """Play `entries` over `rows` up to the end of `until`; entries undone by a reversal among them do nothing."""
        self.account = allocate(rows, entries, self.terms)
        self._lent_until = max(self._lent_until, until)
        self.move_to(until)

    def move_to(self, day: date) -> None:
        """Work late charges, and interest on the actual balance, out to the end of that day; its rows are due."""
        self.account.accrue(day)
        self._due_until, self._due = day, set()

    def open_day(self, day: date) -> None:
        """Work late charges out to that day; of the rows due on it none is due before `fall_due`."""
        self.account.accrue(day)
        self._due_until, self._due = date.fromordinal(day.toordinal() - 1), set()

    def pay_out(self, day: date) -> int:
        """Lend what the contract says is paid out on that day; return how much that is."""
        before = self.terms.to_be_paid_out_minor(self._lent_until)
        self._lent_until = max(self._lent_until, day)
        return before - self.terms.to_be_paid_out_minor(self._lent_until)

    def falling_due(self, day: date) -> list[AccountRow]:
        """Return the rows due on that day with something to tell."""
        return [row for row in self.account.rows if row.due_on == day and any(row.due)]

    def fall_due(self, row: AccountRow) -> None:
        """Make a row's interest, fees and penalties owed; what was paid of them ahead is used up."""
        self._due.add(row.row_no)

    def apply(self, entry: LedgerEntry) -> None:
        """Take in what an entry did, of any kind but a reversal (after which `begin` is due)."""
        self.account.apply(entry)

    @property
    def spread(self) -> Spread:
        """What was paid so far, by component."""
        paid = NOTHING
        for allocation in self.account.allocations:
            paid = paid.plus(allocation.split)
        return Spread(paid, self.account.unapplied_minor)

    def balances(self, charges_until: date) -> Balances:
        """Return what stands, with charges that are due by `charges_until` by a day of their own."""
        account = self.account
        owed, ahead, principal, lent = [0, 0, 0, 0], 0, 0, 0
        for row in account.rows:
            lent += row.due[0]
            principal += row.due[0] - row.open[0]
            if row.due_on <= self._due_until or row.row_no in self._due:
                if sum(row.open) <= 0:  # parts that cancel out
                    continue
                owed = [so_far + still for so_far, still in zip(owed, row.open, strict=True)]
                continue
            early = row.due_ahead(charges_until)
            owed = [so_far + still for so_far, still in zip(owed, early, strict=True)]
            ahead += row.due[1] - row.open[1] + _paid_ahead(row, charges_until)
        if self.principal_minor is not None:
            lent = self.principal_minor + self.terms.paid_out_later_minor
        balance, unapplied = never_below_zero(lent - principal - account.principal_reduced_minor, account.unapplied_minor)
        balance, unapplied = never_below_zero(balance - self.terms.to_be_paid_out_minor(self._lent_until), unapplied)
        return Balances(balance, owed[1], owed[2], owed[3], ahead, unapplied)


def _paid_ahead(row: AccountRow, charges_until: date) -> int:
    """Return what was paid of a row's fees and penalties before they are due by any day."""
    fees = sum(each.fees_minor for each in row.levied if each.due_on <= charges_until)
    penalties = sum(each.penalties_minor for each in row.levied if each.due_on <= charges_until)
    return max(row.due[2] - row.open[2] - fees, 0) + max(row.due[3] - row.open[3] - penalties, 0)
