"""A loan's balances while a statement walks through its days: what each instalment and each entry changed.

The walk trusts the kernel for how money is spread (`_spread`, the only place that asks it) and adds up what that did.
Entries are spread in their order, each on top of what stands; only a reversal or another plan spreads everything anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from app.domain.allocation import Allocation, allocate
from app.domain.ledger import LedgerEntry
from app.domain.plans import PlanRow
from app.domain.splits import NOTHING, Split


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
    """What was paid by component over all rows, and what beyond them; as a difference: what one entry added."""

    paid: Split = NOTHING
    unapplied: int = 0


UNSPREAD = Spread()


def _spread(rows: Sequence[PlanRow], entries: Iterable[LedgerEntry]) -> Sequence[Allocation]:
    """Ask the kernel what these entries do to these rows. Entries undone by a reversal among them do nothing."""
    return allocate(rows, entries).allocations


@dataclass(slots=True)
class RunningBalances:
    """The balances under one plan, moved on by instalments that fall due and by entries.

    `principal_minor` is the amount lent; None: what the rows of the plan add up to.
    """

    principal_minor: int | None
    balances: Balances = UNMOVED
    spread: Spread = UNSPREAD
    _rows: dict[int, PlanRow] = field(default_factory=dict)
    _due: set[int] = field(default_factory=set)
    _paid: dict[int, Split] = field(default_factory=dict)
    _did: dict[str, list[Allocation]] = field(default_factory=dict)

    def begin(
        self,
        rows: Sequence[PlanRow],
        due: Iterable[PlanRow],
        entries: Sequence[LedgerEntry],
        following: Sequence[LedgerEntry] = (),
    ) -> None:
        """Spread `entries` over `rows` anew, `due` being those that have fallen due.

        `following` are the entries that `apply` will get next, up to a reversal or another plan: to be spread with the rest.
        """
        self._rows = {row.row_no: row for row in rows}
        self._due = {row.row_no for row in due}
        self._paid = {}
        self._did = {}
        for allocation in _spread(rows, (*entries, *following)):
            self._did.setdefault(allocation.entry_id, []).append(allocation)
        lent = sum(row.due.principal for row in rows) if self.principal_minor is None else self.principal_minor
        self.balances = Balances(principal=lent)
        self.spread = UNSPREAD
        for row_no in self._due:
            self.balances = self.balances.plus(self._standing(row_no))
        for entry in entries:
            self.apply(entry)

    def fall_due(self, row: PlanRow) -> None:
        """Make a row's interest, fees and penalties owed; what was paid of them ahead is used up."""
        before = self._standing(row.row_no)
        self._due.add(row.row_no)
        self.balances = self.balances.plus(self._standing(row.row_no).minus(before))

    def apply(self, entry: LedgerEntry) -> None:
        """Take in what an entry did, of any kind but a reversal (after which `begin` is due)."""
        for allocation in self._did.get(entry.entry_id, ()):
            self.spread = Spread(self.spread.paid.plus(allocation.split), self.spread.unapplied + allocation.unapplied_minor)
            self.balances = self.balances.plus(self._moved(allocation))

    def _moved(self, allocation: Allocation) -> Balances:
        split, row_no = allocation.split, allocation.row_no
        beyond = Balances(principal=-split.principal, unapplied=allocation.unapplied_minor)
        if row_no is None or row_no not in self._rows:
            return beyond._replace(interest=-split.interest, fees=-split.fees, penalties=-split.penalties)
        before = self._standing(row_no)
        self._paid[row_no] = self._paid.get(row_no, NOTHING).plus(split)
        return beyond.plus(self._standing(row_no).minus(before))

    def _standing(self, row_no: int) -> Balances:
        """Return what one row adds to the balances, principal apart; a row with nothing left to pay adds nothing."""
        paid = self._paid.get(row_no, NOTHING)
        if row_no not in self._due:
            return Balances(ahead=paid.total - paid.principal)
        still_open = self._rows[row_no].due.minus(paid)
        if still_open.total <= 0:
            return UNMOVED
        return Balances(0, still_open.interest, still_open.fees, still_open.penalties)
