"""New plans for loans that run: rows put off, spread anew, lengthened. What was paid stays where it was paid.

Each function returns the rows of the next plan version. A row whose rest moved away keeps what was paid of it. Interest
that is already due moves with its row; interest not yet due follows from the new dates only where the contract says how
(`contract`), else it stays as it is. Source: Fineract, re-aging, re-amortisation, rescheduling.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

from app.domain.account_rows import AccountRow
from app.domain.amortisation import amortise, down_payment_minor
from app.domain.contracts import Contract, Method
from app.domain.errors import ValidationError
from app.domain.ledger import LedgerEntry
from app.domain.periods import Frequency, Unit, periods, step
from app.domain.plans import PlanRow, without_down_payments
from app.domain.replay import Account, allocate
from app.domain.splits import Split


def as_due(row: AccountRow) -> PlanRow:
    """Return a row that stays, less what charges and lateness made of it: replay makes that again."""
    return PlanRow(row.row_no, row.due_on, less_levied(row, Split(*row.due), row.late.charged_minor))


def _moved(row: AccountRow) -> PlanRow:
    """Return a row whose open principal and interest move away. Fees and penalties stay where they fell due.

    Nothing of it is late from then on, so what lateness has cost so far becomes part of the plan.
    """
    paid = row.paid
    return PlanRow(row.row_no, row.due_on, less_levied(row, Split(paid.principal, paid.interest, row.due[2], row.due[3])))


def less_levied(row: AccountRow, due: Split, for_lateness_minor: int = 0) -> Split:
    """Return what of an amount due in a row the plan asks for: without charges that are entries, and lateness."""
    fees = sum(each.fees_minor for each in row.levied)
    penalties = sum(each.penalties_minor for each in row.levied) + for_lateness_minor
    return due._replace(fees=due.fees - fees, penalties=due.penalties - penalties)


def _check_open(rows: Sequence[AccountRow]) -> None:
    if not any(any(row.open) for row in rows):
        raise ValidationError("Nothing is open; a loan that is paid needs no new plan.")


def level_parts(total: int, count: int, multiple_minor: int = 1) -> list[int]:
    """Return `total` in `count` equal parts cut down to whole multiples; the last takes the rest."""
    part = total // count // multiple_minor * multiple_minor
    return [part] * (count - 1) + [total - part * (count - 1)]


def re_age(
    account: Account,
    entries: Sequence[LedgerEntry],
    on: date,
    start: date,
    frequency: Frequency,
    count: int,
    *,
    multiple_minor: int = 1,
) -> tuple[PlanRow, ...]:
    """Move open principal and interest into `count` new rows from `start` on; the old rows keep what was paid of them.

    `account` is where `entries` leave the loan on that day, from which the plan holds. Fees and penalties stay where they
    fell due. Raises ValidationError.
    """
    if count < 1:
        raise ValidationError("A plan needs at least one row.")
    rows = account.rows
    _check_open(rows)
    moved = Split(sum(row.open[0] for row in rows), sum(row.open[1] for row in rows))
    parts = [level_parts(component, count, multiple_minor) for component in moved]
    # A payment may name a row that the plan did not have: it was not meant for a row made now.
    taken = max((number for number in (*(row.row_no for row in rows), *(e.row_no or 0 for e in entries))), default=0)
    added = [PlanRow(taken + 1 + k, step(start, frequency, k), Split(*(part[k] for part in parts))) for k in range(count)]
    after = (*(_moved(row) if any(row.open) else as_due(row) for row in rows), *added)
    return as_late_as_before(account, after, entries, on)


_ROUNDS = 4
"""What lateness costs depends on how the money is spread, and that on what lateness costs; it settles at once or soon."""


def as_late_as_before(
    account: Account,
    after: Sequence[PlanRow],
    entries: Sequence[LedgerEntry],
    on: date,
    penalties: Mapping[int, int] | None = None,
) -> tuple[PlanRow, ...]:
    """Make what lateness has cost come to the same when the ledger is played over rows that moved once paid in part.

    `penalties`: by row, what its penalties shall come to instead of what they were, without those that are entries.
    """
    wanted = {row.row_no: not_levied(row) for row in account.rows} | dict(penalties or {})
    found, terms = list(after), replace(account.terms, settles_from=on)
    for _ in range(_ROUNDS):
        again = allocate(found, entries, terms)
        if account.accrued_to is not None:
            again.accrue(account.accrued_to)
        played = {row.row_no: not_levied(row) for row in again.rows}
        if all(played[number] == minor for number, minor in wanted.items()):
            break
        for index, row in enumerate(found):
            over = played[row.row_no] - wanted.get(row.row_no, played[row.row_no])
            found[index] = row._replace(due=row.due._replace(penalties=max(row.due.penalties - over, 0)))
    return tuple(found)


def not_levied(row: AccountRow) -> int:
    """Return a row's penalties without those that are entries, which may come to stand in another row."""
    return row.due[3] - sum(each.penalties_minor for each in row.levied)


def re_amortise(
    account: Account, entries: Sequence[LedgerEntry], on: date, *, multiple_minor: int = 1
) -> tuple[PlanRow, ...]:
    """Spread what is past due on that day over the rows not yet due.

    `account` is where `entries` leave the loan then. Raises ValidationError when no row is left to spread it over.
    """
    rows = account.rows
    _check_open(rows)
    # A row that is there only for a charge, after the last instalment, takes none.
    ahead = [row for row in rows if row.due_on > on and (any(row.due[:2]) or not row.levied)]
    if not ahead:
        raise ValidationError("There is no row left to spread what is past due over; a re-age makes new rows.")
    shares = level_parts(sum(row.open[0] for row in rows), len(ahead), multiple_minor)
    interest = level_parts(sum(row.open[1] for row in rows if row.due_on <= on), len(ahead))
    found: list[PlanRow] = []
    place = {row.row_no: k for k, row in enumerate(ahead)}
    for row in rows:
        k = place.get(row.row_no)
        if k is None:
            found.append(_moved(row) if any(row.open) else as_due(row))
        else:
            due = Split(row.paid.principal + shares[k], row.due[1] + interest[k], row.due[2], row.due[3])
            found.append(PlanRow(row.row_no, row.due_on, less_levied(row, due)))
    return as_late_as_before(account, found, entries, on)


def reschedule(
    rows: Sequence[AccountRow],
    contract: Contract,
    from_on: date,
    *,
    extra_rows: int = 0,
    principal_grace: int = 0,
    interest_grace: int = 0,
    annual_rate: Fraction | None = None,
    first_due_on: date | None = None,
) -> tuple[PlanRow, ...]:
    """Work the rows from `from_on` on out again for the balance then planned, with more rows, a grace, another rate or date.

    Rows before it stay; what is still to be paid out and the rates agreed for later stay too, unless another rate is given.
    So does what is left of the contract's own graces. Where nothing but the dates changes, a level instalment stays, and the
    last row takes what longer periods cost.
    Raises ValidationError when no row is due on or after `from_on`, and where given due dates would have to move.
    """
    _check_open(rows)
    kept = [row for row in rows if row.due_on < from_on]
    rest = [row for row in rows if row.due_on >= from_on]
    if not rest:
        raise ValidationError(f"No row is due on or after {from_on}.")
    balance = sum(row.due[0] for row in rest)
    begun = without_down_payments(kept, contract.down_payment_days)
    start = begun[-1].due_on if begun else contract.starts_on
    done = len(begun)
    regular = step(contract.starts_on, contract.frequency, len(begun) + 1) == rest[0].due_on
    more = extra_rows + principal_grace
    later = tuple(
        replace(each, amount_minor=each.amount_minor - down_payment_minor(contract, each.amount_minor))
        for each in contract.disbursements
        if each.on >= start
    )
    if contract.down_payment and any(each.on >= from_on for each in later):
        raise ValidationError("A loan with down payments is rescheduled once all of it is paid out.")
    if contract.due_dates and first_due_on:
        raise ValidationError("Due dates agreed one by one do not move together; agree a new plan with new due_dates.")
    dates = _due_dates(contract, rest, more) or (
        () if first_due_on else _short_month_dates(contract, start, rest, done, more)
    )
    changed = bool(more or interest_grace or annual_rate is not None)
    again = replace(
        contract,
        instalment_minor=contract.instalment_minor if changed else _instalment(contract, rest),
        principal_minor=balance - sum(each.amount_minor for each in later),
        starts_on=start,
        instalments=len(rest) + more,
        principal_grace=principal_grace + max(contract.principal_grace - done, 0),
        interest_grace=max(interest_grace, contract.interest_grace - done, 0),
        interest_free=max(contract.interest_free - done, 0),
        annual_rate=_rate_on(contract, start) if annual_rate is None else annual_rate,
        first_due_on=None if dates else first_due_on or (None if regular else rest[0].due_on),
        due_dates=dates,
        down_payment=Fraction(0),
        disbursements=later,
        rate_changes=tuple(each for each in contract.rate_changes if each.on >= start) if annual_rate is None else (),
    )
    number = max((row.row_no for row in kept), default=0)
    flat_from = contract.principal_minor
    made = [
        PlanRow(number + k, each.period.due_on, Split(each.principal_minor, each.interest_minor))
        for k, each in enumerate(amortise(again), start=1)
    ]
    if 0 < done <= contract.interest_grace:  # what the grace deferred so far falls due after what is left of it
        deferred = sum(each.interest_minor for each in amortise(replace(contract, interest_grace=0))[:done])
        row = made[again.interest_grace]
        made[again.interest_grace] = row._replace(due=row.due._replace(interest=row.due.interest + deferred))
    if contract.method is Method.FLAT:
        # Flat interest is on what was first lent, whatever is left of it.
        made = [
            row._replace(due=row.due._replace(interest=row.due.interest * flat_from // balance if balance else 0))
            for row in made
        ]
    return (*(as_due(row) for row in kept), *made)


def _instalment(contract: Contract, rest: Sequence[AccountRow]) -> int | None:
    """Return the level instalment that goes on, if there is one: nothing else changes inside these rows."""
    days = [*(each.on for each in contract.disbursements), *(each.on for each in contract.rate_changes)]
    level = rest[1] if len(rest) > 2 else rest[0]  # where the remainder comes first, the row after it
    if contract.method is not Method.EQUAL_INSTALMENT or contract.interest_grace or len(rest) < 2 or not level.due[0]:
        return contract.instalment_minor
    return contract.instalment_minor if any(on >= rest[0].due_on for on in days) else level.due[0] + level.due[1]


def _rate_on(contract: Contract, on: date) -> Fraction:
    held = [each for each in contract.rate_changes if each.on < on]
    return max(held, key=lambda each: each.on).annual_rate if held else contract.annual_rate


def _due_dates(contract: Contract, rest: Sequence[AccountRow], more: int) -> tuple[date, ...]:
    """Return the given due dates that are left, and `more` at the contract's frequency after them."""
    if not contract.due_dates:
        return ()
    last = rest[-1].due_on
    return (*(row.due_on for row in rest), *(step(last, contract.frequency, k) for k in range(1, more + 1)))


def _short_month_dates(
    contract: Contract, start: date, rest: Sequence[AccountRow], done: int, more: int
) -> tuple[date, ...]:
    """Return the dates of rows that go on from the end of a month too short for the loan's own day; else none.

    Counted from there, the 31st would be the 28th ever after.
    """
    day = max(row.due_on.day for row in rest)
    single = contract.method is Method.SINGLE_PAYMENT
    if not done or single or contract.frequency.unit is not Unit.MONTHS or min(start.day, rest[0].due_on.day) == day:
        return ()
    every = periods(
        contract.starts_on, contract.frequency, done + len(rest) + more, contract.first_due_on, contract.day_of_month
    )
    dates = tuple(each.due_on for each in every[done:])
    return dates if dates[: len(rest)] == tuple(row.due_on for row in rest) else ()
