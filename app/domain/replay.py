"""A loan's history played over its plan: every entry in the order of its value date, late charges worked out on the way.

Replay is a pure function of rows, entries and terms, so a late, back-dated or reversed entry is simply another set of
entries. A split that came with an entry is trusted, and a row it names is served first; everything else is spread by the
loan's strategy (`allocation.py`). What is left when every row is paid stays unapplied.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from app.domain.account_rows import AccountRow, Allocation, Levied
from app.domain.actual_balance import ActualBalance
from app.domain.allocation import Strategy, spread
from app.domain.ceilings import PlanExcess, excess_of_fees, plan_excess, taken_off
from app.domain.early_settlement import drop_unearned, paid_back
from app.domain.late_charges import advance
from app.domain.ledger import EntryKind, LedgerEntry, standing
from app.domain.plans import PlanRow, PlanVersion, without_down_payments
from app.domain.splits import NOTHING, Split
from app.domain.stops import interest_stopped, is_within
from app.domain.terms import PLAIN, EarlySettlement, LoanTerms


class Account:
    """The rows of one plan with everything that happened spread over them."""

    def __init__(self, rows: Iterable[PlanRow], terms: LoanTerms = PLAIN) -> None:
        self.terms = terms
        self.rows: list[AccountRow] = []
        before = terms.starts_on or (terms.contract.starts_on if terms.contract else None)
        for row in sorted(rows, key=lambda row: (row.due_on, row.row_no)):
            self.rows.append(AccountRow(row.row_no, row.due_on, row.due, before))
            before = row.due_on
        self.allocations: list[Allocation] = []
        self.principal_reduced_minor = 0
        self.unapplied_minor = 0
        self.accrued_to: date | None = None
        """The day up to which late charges are worked out."""
        self._prepaid_minor = 0
        self._first_open = 0
        self._settled_early = False
        self._actual: ActualBalance[AccountRow] | None = None
        if terms.contract is not None:
            self._actual = ActualBalance.of(terms.contract, self.rows, terms.stopped.interest, terms.ceiling)
        if terms.stopped.interest:
            self._stop_interest()
        self.excess = self._excess_of_plan()
        """What the plan asks above a cap; None: no cap applies, or the plan is not all."""
        self.over_cap_minor = 0 if self.excess is None else self.excess.over_minor
        """All that was asked above the cap, by the plan and by charges."""
        self.paid_above_cap_minor = 0
        """What of it had been paid, or kept back at the start, when collecting it ended."""
        self._is_cut = self.excess is None or self.excess.is_kept
        self._levied_minor = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Account):
            return NotImplemented
        return (self.rows, self.allocations, self.principal_reduced_minor, self.unapplied_minor) == (
            other.rows,
            other.allocations,
            other.principal_reduced_minor,
            other.unapplied_minor,
        )

    __hash__ = None  # type: ignore[assignment]

    def row(self, row_no: int) -> AccountRow | None:
        """Return a row by its number."""
        if 0 < row_no <= len(self.rows) and self.rows[row_no - 1].row_no == row_no:
            return self.rows[row_no - 1]
        return next((row for row in self.rows if row.row_no == row_no), None)

    def apply(self, entry: LedgerEntry) -> None:
        """Take in one more entry. Entries must come in `LedgerEntry.order`, without reversed ones."""
        self.accrue(entry.effective_on)
        kind = entry.kind
        if kind in (EntryKind.PREPAYMENT, EntryKind.SOURCE_ADJUSTMENT):
            self._reduce_principal(entry, entry.amount_minor)
            self._prepaid_minor += entry.amount_minor if kind is EntryKind.PREPAYMENT else 0
        elif kind is EntryKind.REFUND:
            self._give_back(entry)
        elif kind is EntryKind.CHARGE:
            self._levy(entry)
        elif kind in (EntryKind.REPAYMENT, EntryKind.WAIVER):
            self._take(entry)

    def accrue(self, until: date) -> None:
        """Bring late charges, and interest on the actual balance, to the end of `until`."""
        if not self._is_cut and until >= self._cut_on:
            self._is_cut = True
            self.accrue(self._cut_on)
            self._cut()
        if self._actual is not None:
            self._project(until)
        terms = self.terms.late
        if terms is None or (self.accrued_to is not None and until <= self.accrued_to):
            self.accrued_to = max(until, self.accrued_to) if self.accrued_to else until
            return
        for index in range(self._first_open, len(self.rows)):
            row = self.rows[index]
            if row.due_on >= until:
                break
            if not any(row.open):
                continue
            since = max(self.accrued_to or row.due_on, row.due_on)
            late = advance(row.late, row.open, row.due_on, since, until, terms)
            row.add(3, late.charged_minor - row.late.charged_minor)
            row.late = late
        self.accrued_to = until

    # --- what the law takes off ----------------------------------------------------------------------------------------

    @property
    def cut_on(self) -> date | None:
        """From which day on something above a cap is not collected; None: there is nothing above one."""
        return None if self.excess is None or self.excess.is_kept else self._cut_on

    @property
    def _cut_on(self) -> date:
        assert self.terms.ceiling is not None
        return self.terms.ceiling.from_on

    def _stop_interest(self) -> None:
        if self._actual is not None:
            if self.rows:
                self._project(self.rows[0].from_on or self.rows[0].due_on)
            return
        for row in self.rows:
            row.stopped_minor = interest_stopped(row.due[1], row.from_on, row.due_on, self.terms.stopped.interest)
            row.add(1, -row.stopped_minor)

    def _excess_of_plan(self) -> PlanExcess | None:
        ceiling = self.terms.ceiling
        if ceiling is None:
            return None
        rows = [PlanRow(row.row_no, row.due_on, Split(*row.due)) for row in self.rows]
        excess = plan_excess(rows, ceiling)
        if excess is None or excess.is_kept or self.terms.contract is None or self._actual is None:
            return excess
        return excess_of_fees(rows, ceiling, self.terms.contract.annual_rate, excess)

    def _cut(self) -> None:
        """Take what the plan asks above the cap off what is open; what of it was paid stays where it was booked."""
        assert self.excess is not None
        self.paid_above_cap_minor = self.excess.cut_minor
        for row, above in zip(self.rows, self.excess.by_row, strict=False):
            part = above.capped(Split(*(max(still, 0) for still in row.open)))
            if not part.total:
                continue
            row.cut = part
            self.paid_above_cap_minor -= part.total
            for component in (1, 2, 3):
                row.add(component, -part[component])
            if not any(row.open) and row.paid_on is None:
                row.paid_on = self._cut_on
        while self._first_open < len(self.rows) and not any(self.rows[self._first_open].open):
            self._first_open += 1

    def _within_cap(self, split: Split, on: date) -> Split:
        """Return what of a charge may be collected: what lateness and the plan leave of the cap."""
        ceiling = self.terms.ceiling
        if ceiling is None or self.excess is None or on < ceiling.from_on:
            return split
        if self.terms.late is not None:
            days = sum(row.late.principal_days for row in self.rows)
        else:  # what stood open before is not known here: the least it can have been
            days = sum(row.open[0] * (on - row.due_on).days for row in self.rows if row.due_on < on)
        taken = self._levied_minor + sum(row.late.charged_minor for row in self.rows)
        over = max(split.total - max(self.excess.room_minor + ceiling.most(days) - taken, 0), 0)
        self.over_cap_minor += over
        return split.minus(taken_off(split, over)) if over else split

    # --- money in ------------------------------------------------------------------------------------------------------

    def _take(self, entry: LedgerEntry) -> None:
        left = entry.amount_minor
        if entry.row_no is not None:
            left = self._serve_named_row(entry, entry.row_no)
        elif entry.split is not None:
            left = self._serve_components(entry, entry.split)
        if self._actual is not None:
            left = self._serve_actual(entry, left)
        if left > 0:
            strategy = self.terms.strategy
            if entry.surplus is not None and entry.surplus is not strategy.surplus:
                strategy = replace(strategy, surplus=entry.surplus)
            left = self._serve_by_strategy(entry, left, strategy)
            if self._actual is not None:  # ahead of what is still to be lent
                self._project(entry.effective_on)
        spare = 0
        if self._actual is None and self.terms.early_settlement is EarlySettlement.ACTUAL_PERIOD:
            spare = self._settle_early(entry)
        if left or spare:
            # A claim that is not there cannot be given up: what is left of a waiver is nobody's money.
            self._leave(entry, left + spare, spare if entry.kind is EntryKind.WAIVER else left + spare)

    def _serve_by_strategy(self, entry: LedgerEntry, left: int, strategy: Strategy) -> int:
        rows = self.rows
        for index, part in spread(left, rows, entry.effective_on, strategy, self._first_open):
            left -= self._pay(entry, rows[index], part)
        while self._first_open < len(rows) and not any(rows[self._first_open].open):
            self._first_open += 1
        return left

    def _settle_early(self, entry: LedgerEntry) -> int:
        """Close a loan that is paid back early: unearned interest paid ahead pays the rest. Return what is over."""
        on = entry.effective_on
        begins = self.terms.settles_from
        if (
            self._settled_early
            or (begins is not None and on < begins)
            or not paid_back(self.rows, on, self.terms.stopped.interest)
        ):
            return 0
        self._settled_early = True
        was_open = [any(row.open) for row in self.rows]
        spare = 0
        for index, minor in drop_unearned(self.rows, on, self.terms.stopped.interest).items():
            spare += minor
            self._note(Allocation(entry.entry_id, self.rows[index].row_no, Split(interest=-minor)))
        for row in self.rows:
            spare -= self._pay(entry, row, Split(*row.open))
        for row, was in zip(self.rows, was_open, strict=True):
            row.paid_on = on if was else row.paid_on
        self._first_open = len(self.rows)
        return spare

    def _serve_actual(self, entry: LedgerEntry, left: int) -> int:
        """Serve what is due; the rest reduces the balance from this day on, and the rows follow."""
        assert self._actual is not None
        on = entry.effective_on
        due = sum(1 for row in self.rows if row.due_on <= on)
        begun = due < len(self.rows) and (self.rows[due].from_on or on) < on
        if self._actual.contract.whole_periods and begun:
            due += 1  # the period's interest is owed whole, so early money pays it first
        for index, part in spread(left, self.rows[:due], on, self.terms.strategy, self._first_open):
            left -= self._pay(entry, self.rows[index], part)
        early = self._actual.reduce(left, on, self.terms.strategy, entry.surplus)
        for row, *parts in early:
            for component, minor in enumerate(parts):  # the money paid early is what the row now asks for
                row.add(component, max(minor - row.open[component], 0))
            left -= self._pay(entry, row, Split(*parts))
        self._project(on)
        for row, *_ in early:
            row.paid_on = row.paid_on if any(row.open) or row.paid_on else on
        return left

    def _project(self, today: date) -> None:
        """Work the rows out anew; one that was paid ahead may ask for more again."""
        assert self._actual is not None
        self._actual.project(today)
        self._first_open = next((k for k, row in enumerate(self.rows) if any(row.open)), len(self.rows))

    def _serve_named_row(self, entry: LedgerEntry, row_no: int) -> int:
        row = self.row(row_no)
        if row is None:
            return entry.amount_minor
        if entry.split:
            part = entry.split.capped(Split(*row.open))
        else:
            parts = spread(entry.amount_minor, [row], row.due_on, self.terms.strategy)
            part = parts[0][1] if parts else NOTHING
        if not entry.amount_minor and not any(row.due):
            row.paid_on = row.paid_on or entry.effective_on  # a row of nothing, which the source marks as paid
            self.allocations.append(Allocation(entry.entry_id, row_no, NOTHING))
        return entry.amount_minor - self._pay(entry, row, part)

    def _serve_components(self, entry: LedgerEntry, split: Split) -> int:
        left = split
        for row in self.rows[self._first_open :]:
            if not left.total:
                break
            part = left.capped(Split(*row.open))
            self._pay(entry, row, part)
            left = left.minus(part)
        if left.principal > 0:  # the source says principal, the rows have none left: it came off the balance
            self._prepaid_minor += left.principal
            self._reduce_principal(entry, left.principal)
        return left.total - max(left.principal, 0)

    def _pay(self, entry: LedgerEntry, row: AccountRow, part: Split) -> int:
        total = part[0] + part[1] + part[2] + part[3]
        if not total:
            return 0
        still = row.open
        still[0] -= part[0]
        still[1] -= part[1]
        still[2] -= part[2]
        still[3] -= part[3]
        if entry.split is not None or entry.kind is EntryKind.WAIVER:
            row.stated_interest_minor += part[1]
        if not (still[0] or still[1] or still[2] or still[3]) and row.paid_on is None:
            row.paid_on = entry.effective_on
        if self._actual is not None:
            self._actual.note(row, entry.effective_on, part[0])
        self._note(Allocation(entry.entry_id, row.row_no, part))
        return total

    # --- other entries -------------------------------------------------------------------------------------------------

    def _levy(self, entry: LedgerEntry) -> None:
        """Put a charge on the instalment of its due day; after the last one it gets a row of its own."""
        split, due_on = entry.split or NOTHING, entry.due_on or entry.effective_on
        if is_within(self.terms.stopped.charges, due_on):
            split = NOTHING
        split = self._within_cap(split, entry.effective_on)
        self._levied_minor += split.total
        instalments = without_down_payments(self.rows, self.terms.down_payment_days)
        row = next((row for row in instalments if row.due_on >= due_on), None)
        if row is None:
            before = self.rows[-1].due_on if self.rows else None
            row = AccountRow(max((row.row_no for row in self.rows), default=0) + 1, due_on, (0, 0, 0, 0), before)
            self.rows.append(row)
        row.add(2, split.fees)
        row.add(3, split.penalties)
        row.paid_on = None if split.total else row.paid_on
        row.levied.append(Levied(due_on, split.fees, split.penalties, entry.entry_id))
        self._first_open = min(self._first_open, next(k for k, each in enumerate(self.rows) if each is row))
        if self.unapplied_minor > 0:  # money paid over before pays what comes to be owed
            paid = sum(
                self._pay(entry, row, part) for _, part in spread(self.unapplied_minor, [row], due_on, self.terms.strategy)
            )
            if paid:
                self._leave(entry, -paid, -paid)

    def _give_back(self, entry: LedgerEntry) -> None:
        """Take a refund out of what was paid over; beyond that, as after a payment bounced, the last paid is owed again."""
        left = entry.amount_minor
        over = min(left, max(self.unapplied_minor, 0))
        prepaid = min(left - over, self._prepaid_minor)
        left -= over + prepaid
        if prepaid:
            self._prepaid_minor -= prepaid
            self._reduce_principal(entry, -prepaid)
        for index in range(len(self.rows) - 1, -1, -1):
            row = self.rows[index]
            paid = row.paid
            if not left or not paid.total:
                continue
            part = paid.minus(_last_but(paid, min(left, paid.total)))
            left -= part.total
            row.open = [still + back for still, back in zip(row.open, part, strict=True)]
            row.paid_on = None
            if self._actual is not None:
                self._actual.note(row, entry.effective_on, -part.principal)
            self.allocations.append(Allocation(entry.entry_id, row.row_no, NOTHING.minus(part)))
            self._first_open = min(self._first_open, index)
        if over or left:
            self._leave(entry, -over - left, -over - left)

    def _reduce_principal(self, entry: LedgerEntry, amount_minor: int) -> None:
        self.principal_reduced_minor += amount_minor
        self.allocations.append(Allocation(entry.entry_id, None, Split(principal=amount_minor)))

    def _note(self, allocation: Allocation) -> None:
        """Keep one allocation per entry and row: what spills over may come back to a row the split served in part."""
        allocations = self.allocations
        for index in range(len(allocations) - 1, -1, -1):
            earlier = allocations[index]
            if earlier.entry_id != allocation.entry_id:
                break
            if earlier.row_no == allocation.row_no:
                both = earlier.split.plus(allocation.split)
                allocations[index : index + 1] = [earlier._replace(split=both)] if any(both) else []
                return
        allocations.append(allocation)

    def _leave(self, entry: LedgerEntry, amount_minor: int, money_minor: int) -> None:
        self.unapplied_minor += money_minor
        self.allocations.append(Allocation(entry.entry_id, None, NOTHING, amount_minor))


def _last_but(paid: Split, back_minor: int) -> Split:
    """Return what stays paid when `back_minor` is given back: principal is owed again first, penalties last."""
    left = paid.total - back_minor
    penalties = min(left, paid.penalties)
    fees = min(left - penalties, paid.fees)
    interest = min(left - penalties - fees, paid.interest)
    return Split(left - penalties - fees - interest, interest, fees, penalties)


def never_below_zero(balance_minor: int, unapplied_minor: int) -> tuple[int, int]:
    """Return a principal balance and unapplied money so that neither is negative.

    Principal that the core says was paid beyond what is owed is the borrower's; money given back that was never received,
    as when a payment bounces after a refund, is owed like principal.
    """
    if balance_minor < 0:
        balance_minor, unapplied_minor = 0, unapplied_minor - balance_minor
    return (balance_minor, unapplied_minor) if unapplied_minor >= 0 else (balance_minor - unapplied_minor, 0)


def allocate(rows: Iterable[PlanRow], entries: Iterable[LedgerEntry], terms: LoanTerms = PLAIN) -> Account:
    """Spread all `entries` over `rows`. Pure: the same rows and entries give the same result in whatever order they come."""
    account = Account(rows, terms)
    for entry in standing(entries):
        account.apply(entry)
    return account


def terms_under(version: PlanVersion | None, terms: LoanTerms) -> LoanTerms:
    """Return the terms that hold under a plan.

    Rows that the core gave do not follow the actual balance. Under a plan that begins on a day no earlier money settles it.
    """
    if terms.contract is not None and (version is None or version.given):
        terms = replace(terms, contract=None)
    if version is not None and version.effective_on is not None:
        terms = replace(terms, settles_from=version.effective_on)
    return terms
