"""What a plan option costs, told by the ledger itself: its rows are played as the next plan version, and nothing may move.

So what is shown is what happens. An option whose rows would lose, or count otherwise, anything owed or paid is not offered.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from app.domain.account_rows import AccountRow
from app.domain.caps import YEAR_DAYS, principal_days, within_cap
from app.domain.ledger import EntryKind
from app.domain.option_cases import OptionCase, paid_by_row
from app.domain.option_rows import CannotOfferError, Draft, Rows
from app.domain.plans import PlanRow
from app.domain.rates import rounded
from app.domain.replans import as_late_as_before, not_levied
from app.domain.replay import Account, allocate
from app.domain.splits import Split

RATE_PLACES = 6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the loan comes to under new rows. Minor units."""

    rows: Rows
    """As they are to be written: with what keeps lateness at what it has cost."""
    to_pay: tuple[PlanRow, ...]
    """Rows with something open, and how much; charges and late charges up to today included."""
    total_minor: int
    extra_minor: int
    """How much more than by the plan as it stands."""
    extra_annual_rate: Decimal | None
    moved_minor: int
    """Principal and interest that fall due later than by the plan as it stands: the most that is put off at any time."""
    still_due_minor: int
    """What is due by today all the same."""


def outcome_of(case: OptionCase, drafts: Iterable[Draft], *, reprices: bool) -> Outcome:
    """Return the outcome of the first draft that leaves all as it is owed and paid. Raises CannotOfferError for none."""
    why = CannotOfferError("not_computable")
    for draft in drafts:
        try:
            return _outcome(case, draft, reprices=reprices)
        except CannotOfferError as error:
            why = error
    raise why


def _outcome(case: OptionCase, draft: Draft, *, reprices: bool) -> Outcome:
    account, (kept, after) = case.account, _played(case, draft)
    _check_nothing_moves(case, after, reprices=reprices and case.contract is not None)
    total = sum(sum(row.open) for row in after.rows)
    extra = total - case.open.total
    _check_cap(case, after, extra)
    days_more = _days_owed(case, after.rows) - _days_owed(case, account.rows)
    return Outcome(
        rows=kept,
        to_pay=tuple(PlanRow(row.row_no, row.due_on, Split(*row.open)) for row in after.rows if any(row.open)),
        total_minor=total,
        extra_minor=extra,
        extra_annual_rate=annual_rate(extra, days_more),
        moved_minor=_put_off(account.rows, after.rows),
        still_due_minor=sum(sum(row.open) for row in after.rows if row.due_on <= case.today),
    )


def _played(case: OptionCase, draft: Draft) -> tuple[Rows, Account]:
    """Return the rows as they are to be written, and the account that the ledger makes of them."""
    untouched = after_history(case, draft.rows)
    if untouched is not None:
        return draft.rows, untouched
    rows, after = draft.rows, _replayed(case, draft.rows)
    if case.terms.late is not None:
        wanted = {row.row_no: not_levied(row) for row in case.account.rows} | dict(draft.penalties)
        if any(not_levied(row) != wanted.get(row.row_no, row.due[3]) for row in after.rows):
            rows = as_late_as_before(case.account, rows, case.entries, case.today, draft.penalties)
            after = _replayed(case, rows)
    return rows, after


def _replayed(case: OptionCase, rows: Rows) -> Account:
    after = allocate(rows, case.entries, case.next_terms)
    after.accrue(case.today)
    return after


def after_history(case: OptionCase, rows: Rows) -> Account | None:
    """Return the account without playing the ledger again, where nothing that happened could have come out otherwise.

    That is so where only rows change that no entry has reached, and none would have reached them under the new rows: then
    the rows before them are as they were, and those that changed are open as they are due. None: it must be played.
    """
    kept = len(case.rows) - len(case.ahead)
    if not case.history_stays or not case.ahead or rows[:kept] != case.version.rows[:kept]:
        return None
    if any(row.due_on < case.ahead[0].due_on for row in rows[kept:]):
        return None
    after = copy(case.account)
    after.rows = case.rows[:kept] + [
        AccountRow(*row) for row in sorted(rows[kept:], key=lambda row: (row.due_on, row.row_no))
    ]
    return after


def annual_rate(extra_minor: int, more_principal_days: int) -> Decimal | None:
    """Return the extra cost as a simple annual rate on the principal that is owed longer, a fraction to 6 places, half up.

    `more_principal_days`: open principal in minor units over the days from today on that it is owed under the option, less
    the same by the plan as it stands; what is past due counts until today. A year has 365 days. None where nothing is
    added, or where no principal is owed longer. So where interest runs on at the contract's rate, this is about that rate.
    """
    if extra_minor <= 0 or more_principal_days <= 0:
        return None
    return rounded(Fraction(extra_minor * YEAR_DAYS, more_principal_days), RATE_PLACES)


def _days_owed(case: OptionCase, rows: Sequence[AccountRow]) -> int:
    return sum(row.open[0] * (row.due_on - case.today).days for row in rows if row.due_on > case.today)


def _put_off(before: Sequence[AccountRow], after: Sequence[AccountRow]) -> int:
    """Return the most by which what is due up to any day is less than by the plan as it stands."""
    moves = sorted(
        [(row.due_on, row.open[0] + row.open[1]) for row in before]
        + [(row.due_on, -row.open[0] - row.open[1]) for row in after]
    )
    less = most = 0
    for index, (on, minor) in enumerate(moves):
        less += minor
        if index + 1 == len(moves) or moves[index + 1][0] != on:
            most = max(most, less)
    return most


def _check_nothing_moves(case: OptionCase, after: Account, *, reprices: bool) -> None:
    """Nothing owed is lost, nothing paid counts otherwise, and only interest of rows to come may differ (`reprices`)."""
    before = case.account
    open_before, open_after = case.open, _open_of(after)
    same = (
        open_before.principal == open_after.principal
        and open_before[2:] == open_after[2:]
        and (reprices or open_before.interest == open_after.interest)
        and (before.unapplied_minor, before.principal_reduced_minor)
        == (after.unapplied_minor, after.principal_reduced_minor)
        and case.paid == paid_by_row(after.rows)
    )
    if not same:
        raise CannotOfferError("not_computable")


def _open_of(account: Account) -> Split:
    return Split(*map(sum, zip(*(row.open for row in account.rows), strict=True)))


def _check_cap(case: OptionCase, after: Account, extra_minor: int) -> None:
    """Keep the sum of interest, late interest and fees over the loan's life within the cap of law."""
    cap = case.cap
    if cap is None or (cap.annual_rate is None and not cap.may_bind):
        return
    if cap.annual_rate is None or case.principal_minor is None or case.disbursed_on is None:
        if extra_minor > 0:
            raise CannotOfferError("cap_unknown", law=cap.source)
        return
    charged, days = life_cost(case, after)
    check = within_cap(cap, charged, days)
    if not check.is_kept:
        raise CannotOfferError("above_cap", law=cap.source, charged_minor=charged, most_minor=check.most_minor)


def life_cost(case: OptionCase, account: Account) -> tuple[int, int]:
    """Return (what the loan charges over its life, its principal over the days owed): what a cap is held against.

    Principal is owed until the day it was paid, else until it falls due, and what is past due at least until today. What
    was given up is not charged. Fees kept back at the start were never lent.
    """
    assert case.disbursed_on is not None
    on = {entry.entry_id: entry.effective_on for entry in case.entries}
    given_up = {entry.entry_id for entry in case.entries if entry.kind is EntryKind.WAIVER}
    lent = [(case.disbursed_on, case.principal_minor or 0)]
    lent += [(each.on, each.amount_minor) for each in case.terms.paid_out_later]
    back = [(case.disbursed_on, case.fees_upfront_minor)] if case.fees_upfront_minor else []
    back += [(on[each.entry_id], each.split.principal) for each in account.allocations if each.split.principal]
    back += [(max(row.due_on, case.today), row.open[0]) for row in account.rows if row.open[0]]
    charged = sum(sum(row.due[1:]) for row in account.rows) + case.fees_upfront_minor
    charged -= sum(sum(each.split[1:]) for each in account.allocations if each.entry_id in given_up)
    return max(charged, 0), principal_days(lent, back)
