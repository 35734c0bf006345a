"""What is owed on a loan, by component, as of a date.

`as_of` is the end of that day: entries effective on it count, rows due on it are due but not overdue. A position can be
asked as now known for that day (`known_at` None) and as it was known at an instant. No figure depends on a nightly job.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import repeat
from operator import add, attrgetter
from typing import NamedTuple

from app.domain.account_rows import AccountRow
from app.domain.ceilings import plan_excess
from app.domain.delinquency import (
    USUAL,
    Cure,
    DelinquencyRule,
    Late,
    Pause,
    class_of,
    days_in_arrears,
    is_late,
    tolerated,
    worst_days_of_run,
)
from app.domain.late_charges import ON_TIME, Lateness, LateTerms, advance
from app.domain.ledger import LedgerEntry, counting
from app.domain.plans import PlanVersion, version_for
from app.domain.replay import Account, allocate, never_below_zero, terms_under
from app.domain.splits import Split, total_of
from app.domain.terms import PLAIN, LoanTerms, known_terms
from app.domain.waterfall import open_after, paid_in_order

_EFFECTIVE_ON, _RECORDED_AT, _DUE_ON = attrgetter("effective_on"), attrgetter("recorded_at"), attrgetter("due_on")


class OpenCharge(NamedTuple):
    """A charge still open that is due before its row."""

    due_on: date
    fees_minor: int
    penalties_minor: int


class OpenRow(NamedTuple):
    """An instalment with something unpaid: what is still open, by component, and how late it is.

    `late` and `open` stand at the end of the snapshot's `last_effective_on`. `ahead` are charges in it that are due earlier.
    """

    row_no: int
    due_on: date
    open: Split
    late: Lateness = ON_TIME
    ahead: tuple[OpenCharge, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of a loan's state that does not depend on the date; the position at any later date follows in memory.

    Valid for every `as_of` on or after `last_effective_on` (of entries, and of the plan version when it begins on a day) and
    for the present knowledge. `open_rows` ascend by due date.
    """

    anchor_no: int
    principal_balance_minor: int
    """With what the contract says will be paid out later; a position leaves that out until its day."""
    unapplied_minor: int
    open_rows: tuple[OpenRow, ...]
    last_effective_on: date | None
    last_recorded_at: datetime | None
    holds_until: date | None = None
    """Last day it answers for; None: every later day. Where interest follows what is really owed, rows change once late."""
    paid_late_days: int = 0
    """Most days late of rows that are paid, in the run of arrears that goes on; 0 without one. See `delinquency.Cure`."""
    over_cap_minor: int = field(default=0, compare=False)
    """What is asked above a cap and not collected. The loan keeps it, not its snapshot."""

    @property
    def settled(self) -> bool:
        """Whether there was a plan and nothing of it, nor of the principal, is left to pay."""
        return self.anchor_no > 0 and not self.open_rows and self.principal_balance_minor <= 0


@dataclass(frozen=True, slots=True)
class Position:
    """What is owed at the end of `as_of`. All amounts are minor units of the loan's currency.

    `outstanding` = principal balance + interest, fees and penalties of rows due up to `as_of` and unpaid. `overdue` = the
    unpaid part of rows due before `as_of`; `overdue_principal_minor` counts rows due on `as_of` too.
    """

    as_of: date
    outstanding_minor: int
    principal_outstanding_minor: int
    due_to_date: Split
    overdue: Split
    overdue_principal_minor: int
    days_past_due: int
    """From the oldest due date before `as_of` that is unpaid; due today is 0."""
    days_in_arrears: int
    """The same after the tolerance of the loan; pauses are not counted."""
    bucket: str
    next_due_on: date | None
    next_due_minor: int
    unapplied_minor: int

    @property
    def overdue_minor(self) -> int:
        """The unpaid part of rows due before `as_of`, all components."""
        return self.overdue.total


def snapshot_of(
    principal_minor: int | None,
    version: PlanVersion | None,
    account: Account,
    entries: Sequence[LedgerEntry],
    cut_on: date | None = None,
) -> Snapshot:
    """Return the snapshot of an account. `principal_minor` is the amount first lent; None: the rows add up to all of it.

    `cut_on` is the day on which collecting what is above a cap ended, if that has come.
    """
    lent_minor = sum(row.due[0] for row in account.rows)
    if principal_minor is not None:
        lent_minor = principal_minor + account.terms.paid_out_later_minor
    paid_principal = sum(row.due[0] - row.open[0] for row in account.rows)
    last = _later(_last_day(version, entries), cut_on)
    holds_until: date | None = None
    if account.terms.contract is not None:
        still = [row.due_on for row in account.rows if row.open[0]]
        holds_until = max(min(still, default=date.max), last or date.min)
    balance_minor, unapplied_minor = never_below_zero(
        lent_minor - paid_principal - account.principal_reduced_minor, account.unapplied_minor
    )
    return Snapshot(
        anchor_no=version.anchor_no if version else 0,
        principal_balance_minor=balance_minor,
        unapplied_minor=unapplied_minor,
        open_rows=tuple(
            OpenRow(row.row_no, row.due_on, Split(*row.open), row.late, _ahead(row))
            for row in account.rows
            if sum(row.open) > 0
        ),
        last_effective_on=last,
        last_recorded_at=max((entry.recorded_at for entry in entries), default=None),
        holds_until=holds_until,
        paid_late_days=_paid_late_days(account, last) if account.terms.remembers_arrears and last else 0,
        over_cap_minor=account.over_cap_minor,
    )


def _paid_late_days(account: Account, on: date) -> int:
    rows = [Late(row.due_on, row.paid_on if not any(row.open) else None) for row in account.rows if any(row.due)]
    if not any(row.due_on < on and row.paid_on is None for row in rows):
        return 0
    return worst_days_of_run([row for row in rows if row.due_on < on], on, paid_only=True)


def _snapshot_by_sum(
    principal_minor: int | None,
    version: PlanVersion | None,
    paid_minor: int,
    terms: LoanTerms,
    entries: Sequence[LedgerEntry],
) -> Snapshot:
    """Return the same for a loan where the sum paid says where it stands."""
    rows = version.rows if version else ()
    still_open, paid_principal, left = open_after(rows, paid_minor, terms.strategy)
    if principal_minor is None:
        lent_minor = sum(row[2][0] for row in rows)
    else:
        lent_minor = principal_minor + terms.paid_out_later_minor
    balance_minor, unapplied_minor = never_below_zero(lent_minor - paid_principal, left)
    # Made by `tuple.__new__` out of what a plan's row holds already: half the time of the constructor.
    open_rows = map(tuple.__new__, repeat(OpenRow), map(add, still_open, repeat((ON_TIME, ()))))
    return Snapshot(
        anchor_no=version.anchor_no if version else 0,
        principal_balance_minor=balance_minor,
        unapplied_minor=unapplied_minor,
        open_rows=tuple(open_rows),
        last_effective_on=_last_day(version, entries),
        last_recorded_at=max(map(_RECORDED_AT, entries), default=None),
    )


def _last_day(version: PlanVersion | None, entries: Sequence[LedgerEntry]) -> date | None:
    last = max(map(_EFFECTIVE_ON, entries), default=None)
    if version is None or version.effective_on is None:
        return last
    return _later(last, version.effective_on)


def _later(one: date | None, other: date | None) -> date | None:
    return max(one, other) if one is not None and other is not None else one or other


def _ahead(row: AccountRow) -> tuple[OpenCharge, ...]:
    """Return what is open of the row's early charges; of a kind, the earliest is paid first."""
    found: list[OpenCharge] = []
    before = [0, 0, 0, 0]
    for due_on in sorted({each.due_on for each in row.levied if each.due_on < row.due_on}):
        so_far = row.due_ahead(due_on)
        found.append(OpenCharge(due_on, so_far[2] - before[2], so_far[3] - before[3]))
        before = so_far
    return tuple(each for each in found if each.fees_minor or each.penalties_minor)


def open_rows_at(snapshot: Snapshot, as_of: date, late: LateTerms | None) -> Sequence[OpenRow]:
    """Return the open rows with late charges up to `as_of`; the rows of the snapshot where none are charged."""
    if late is None:
        return snapshot.open_rows
    return charged_until(snapshot.open_rows, snapshot.last_effective_on, as_of, late)


def charged_until(
    open_rows: Sequence[OpenRow], last_effective_on: date | None, as_of: date, late: LateTerms
) -> Sequence[OpenRow]:
    """Return open rows, which stand at the end of `last_effective_on`, with late charges up to `as_of`."""
    rows: list[OpenRow] = []
    for row in open_rows:
        if row.due_on < as_of:
            since = max(last_effective_on or row.due_on, row.due_on)
            later = advance(row.late, row.open, row.due_on, since, as_of, late)
            more = later.charged_minor - row.late.charged_minor
            row = row._replace(open=row.open._replace(penalties=row.open.penalties + more), late=later)
        rows.append(row)
    return rows


def position_at(
    snapshot: Snapshot, as_of: date, rule: DelinquencyRule = USUAL, terms: LoanTerms = PLAIN, *, pauses: Sequence[Pause] = ()
) -> Position:
    """Return the position at the end of `as_of`, a day for which the snapshot answers."""
    rows = open_rows_at(snapshot, as_of, terms.late)
    past, by_now = bisect_left(rows, as_of, key=_DUE_ON), bisect_right(rows, as_of, key=_DUE_ON)
    overdue = total_of([row.open for row in rows[:past]])
    due = overdue.plus(total_of([row.open for row in rows[past:by_now]])) if past < by_now else overdue
    charges = _charges_ahead(rows[by_now:], terms)
    ahead = total_of([Split(0, 0, each.fees_minor, each.penalties_minor) for each in charges if each.due_on <= as_of])
    oldest = rows[0].due_on if past else None
    late_from = rows[0].due_on if by_now and is_late(rows[0].due_on, as_of, rule) else None
    next_row = rows[past] if past < len(rows) else None
    days = (as_of - oldest).days if oldest else 0
    principal, unapplied_minor = never_below_zero(
        snapshot.principal_balance_minor - terms.to_be_paid_out_minor(as_of), snapshot.unapplied_minor
    )
    arrears = classed = 0
    if tolerated(overdue.total, principal, rule):
        late_from = late_from if oldest is None else None
    elif oldest:
        arrears = classed = days_in_arrears(oldest, as_of, rule, pauses)
    if rule.cure is Cure.ALL_PAID and snapshot.paid_late_days >= rule.cure_from_days:
        classed = max(classed, snapshot.paid_late_days)
    owed = due.plus(ahead)
    return Position(
        as_of=as_of,
        outstanding_minor=principal + owed.total - owed.principal,
        principal_outstanding_minor=principal,
        due_to_date=owed,
        overdue=overdue,
        overdue_principal_minor=due.principal,
        days_past_due=days,
        days_in_arrears=arrears,
        bucket=class_of(classed, rule) if late_from else "current",
        next_due_on=next_row.due_on if next_row else None,
        next_due_minor=next_row.open.total if next_row else 0,
        unapplied_minor=unapplied_minor,
    )


def _charges_ahead(rows: Sequence[OpenRow], terms: LoanTerms) -> Iterator[OpenCharge]:
    """Yield the early charges of rows to come: they stand in the first instalment, behind down payments at most."""
    for row in rows:
        yield from row.ahead
        if row.due_on not in terms.down_payment_days:
            return


def replay(
    principal_minor: int | None,
    versions: Sequence[PlanVersion],
    entries: Sequence[LedgerEntry],
    as_of: date | None = None,
    known_at: datetime | None = None,
    terms: LoanTerms = PLAIN,
) -> Snapshot:
    """Return the snapshot as of a day and as known at an instant, from the ledger alone.

    `as_of` None: everything effective; `known_at` None: everything known; `principal_minor` as in `snapshot_of`.
    """
    known = entries
    if as_of is not None:
        known = [entry for entry in known if entry.effective_on <= as_of]
    if known_at is not None:
        known = [entry for entry in known if entry.recorded_at <= known_at]
    version = version_for(versions, as_of or date.max, known_at)
    terms = terms_under(version, known_terms(terms, known_at))
    paid_minor = paid_in_order(terms, counting(known)) if _asks_no_more(version, terms) else None
    if paid_minor is not None:
        return _snapshot_by_sum(principal_minor, version, paid_minor, terms, known)
    account = allocate(version.rows if version else (), known, terms)
    cut_on = account.cut_on if account.cut_on is not None and (as_of is None or account.cut_on <= as_of) else None
    last = _later(_last_day(version, known), cut_on)
    if terms.contract is not None:
        account.accrue(as_of or last or terms.contract.starts_on)
    elif last is not None:
        account.accrue(last)
    snapshot = snapshot_of(principal_minor, version, account, known, cut_on)
    # Rows that follow the balance really owed stand at `as_of`, and so do their late charges: no day counts twice.
    return snapshot if terms.contract is None or as_of is None else replace(snapshot, last_effective_on=as_of)


def _asks_no_more(version: PlanVersion | None, terms: LoanTerms) -> bool:
    """Whether the rows are owed as they are: no law takes anything off them."""
    if terms.stopped.interest:
        return False
    if terms.ceiling is None or version is None:
        return True
    excess = plan_excess(version.rows, terms.ceiling)
    return excess is None or excess.is_kept
