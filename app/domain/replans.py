"""New plans for loans that run: rows put off, spread anew, lengthened. What was paid stays where it was paid.

Each function takes the rows of an account and returns the rows of the next plan version. A row whose rest moved away keeps
what was paid of it. Interest that is already due moves with its row; interest not yet due follows from the new dates only
where the contract says how (`contract`), else it stays as it is. Source: Fineract, re-aging, re-amortisation, rescheduling.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

from app.domain.amortisation import amortise
from app.domain.contracts import Contract
from app.domain.errors import ValidationError
from app.domain.periods import Frequency, step
from app.domain.plans import PlanRow
from app.domain.replay import AccountRow
from app.domain.splits import NOTHING, Split


def _paid_part(row: AccountRow) -> PlanRow:
    return PlanRow(row.row_no, row.due_on, row.paid)


def _as_due(row: AccountRow) -> PlanRow:
    return PlanRow(row.row_no, row.due_on, Split(*row.due))


def level_parts(total: int, count: int, multiple_minor: int = 1) -> list[int]:
    """Return `total` in `count` equal parts cut down to whole multiples; the last takes the rest."""
    part = total // count // multiple_minor * multiple_minor
    return [part] * (count - 1) + [total - part * (count - 1)]


def re_age(
    rows: Sequence[AccountRow], start: date, frequency: Frequency, count: int, *, multiple_minor: int = 1
) -> tuple[PlanRow, ...]:
    """Move everything open into `count` new rows from `start` on; the old rows keep what was paid of them."""
    if count < 1:
        raise ValidationError("A plan needs at least one row.")
    open_split = NOTHING
    for row in rows:
        open_split = open_split.plus(Split(*row.open))
    parts = [level_parts(component, count, multiple_minor) for component in open_split]
    first_no = max((row.row_no for row in rows), default=0) + 1
    added = [PlanRow(first_no + k, step(start, frequency, k), Split(*(part[k] for part in parts))) for k in range(count)]
    return (*(_paid_part(row) for row in rows), *added)


def re_amortise(rows: Sequence[AccountRow], on: date, *, multiple_minor: int = 1) -> tuple[PlanRow, ...]:
    """Spread what is past due on that day over the rows not yet due. Raises ValidationError when there is none."""
    ahead = [row for row in rows if row.due_on > on]
    if not ahead:
        raise ValidationError("There is no row left to spread what is past due over; a re-age makes new rows.")
    late = [row for row in rows if row.due_on <= on and any(row.open)]
    moved = NOTHING
    for row in late:
        moved = moved.plus(Split(*row.open))
    principal = moved.principal + sum(row.open[0] for row in ahead)
    shares = level_parts(principal, len(ahead), multiple_minor)
    others = [level_parts(component, len(ahead)) for component in moved[1:]]
    found: list[PlanRow] = []
    place = 0
    for row in rows:
        if row in ahead:
            paid = row.paid
            due = (paid.principal + shares[place], *(row.due[k] + others[k - 1][place] for k in (1, 2, 3)))
            found.append(PlanRow(row.row_no, row.due_on, Split(*due)))
            place += 1
        else:
            found.append(_paid_part(row) if any(row.open) else _as_due(row))
    return tuple(found)


def reschedule(
    rows: Sequence[AccountRow],
    contract: Contract,
    from_on: date,
    *,
    extra_rows: int = 0,
    principal_grace: int = 0,
    annual_rate: Fraction | None = None,
    first_due_on: date | None = None,
) -> tuple[PlanRow, ...]:
    """Work the rows from `from_on` on out again for the balance then planned, with more rows, a grace, another rate or date.

    Rows before it stay; what is still to be paid out and the rates agreed for later stay too, unless another rate is given.
    Raises ValidationError when no row is due on or after `from_on`, and where given due dates would have to move.
    """
    kept = [row for row in rows if row.due_on < from_on]
    rest = [row for row in rows if row.due_on >= from_on]
    if not rest:
        raise ValidationError(f"No row is due on or after {from_on}.")
    balance = sum(row.due[0] for row in rest)
    start = kept[-1].due_on if kept else contract.starts_on
    regular = step(contract.starts_on, contract.frequency, len(kept) + 1) == rest[0].due_on
    more = extra_rows + principal_grace
    later = tuple(each for each in contract.disbursements if each.on >= start)
    if later and contract.down_payment:
        raise ValidationError("A loan with down payments is rescheduled once all of it is paid out.")
    if contract.due_dates and first_due_on:
        raise ValidationError("Due dates agreed one by one do not move together; agree a new plan with new due_dates.")
    again = replace(
        contract,
        principal_minor=balance - sum(each.amount_minor for each in later),
        starts_on=start,
        instalments=len(rest) + more,
        principal_grace=principal_grace,
        annual_rate=_rate_on(contract, start) if annual_rate is None else annual_rate,
        first_due_on=None if contract.due_dates else first_due_on or (None if regular else rest[0].due_on),
        due_dates=_due_dates(contract, rest, more),
        down_payment=Fraction(0),
        disbursements=later,
        rate_changes=tuple(each for each in contract.rate_changes if each.on >= start) if annual_rate is None else (),
    )
    number = kept[-1].row_no if kept else 0
    flat_from = contract.principal_minor
    made = [
        PlanRow(number + k, each.period.due_on, Split(each.principal_minor, each.interest_minor))
        for k, each in enumerate(amortise(again), start=1)
    ]
    if contract.method.value == "flat":
        # Flat interest is on what was first lent, whatever is left of it.
        made = [
            row._replace(due=row.due._replace(interest=row.due.interest * flat_from // balance if balance else 0))
            for row in made
        ]
    return (*(_as_due(row) for row in kept), *made)


def _rate_on(contract: Contract, on: date) -> Fraction:
    held = [each for each in contract.rate_changes if each.on < on]
    return max(held, key=lambda each: each.on).annual_rate if held else contract.annual_rate


def _due_dates(contract: Contract, rest: Sequence[AccountRow], more: int) -> tuple[date, ...]:
    """Return the given due dates that are left, and `more` at the contract's frequency after them."""
    if not contract.due_dates:
        return ()
    last = rest[-1].due_on
    return (*(row.due_on for row in rest), *(step(last, contract.frequency, k) for k in range(1, more + 1)))
