"""The rows of each plan option: what falls due when, once it is agreed.

Only rows ahead change (`OptionCase.ahead`). Where the contract is known and explains the rows as they stand, interest
follows from the new dates; what the rows ask beyond the contract's own figures, as lateness on the actual balance has made
it, stays with them. Where no contract is known, interest stays as it is. Fees and penalties never grow: they keep their row.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple

from app.domain.account_rows import AccountRow
from app.domain.amortisation import amortise
from app.domain.calendars import BusinessDayRule, adjust
from app.domain.contracts import Contract, Method
from app.domain.errors import ValidationError
from app.domain.option_cases import OptionCase
from app.domain.periods import DayOfMonth, Frequency, Unit, add_months, month_length, step
from app.domain.plan_options import OptionKind
from app.domain.plans import PlanRow
from app.domain.replans import less_levied, level_parts, reschedule
from app.domain.splits import Split, total_of


class CannotOfferError(Exception):
    """An option that cannot be made of this loan: a code of `plan_options.CODES`, with what there is to say of it."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


Rows = tuple[PlanRow, ...]


class Draft(NamedTuple):
    """Rows of a next plan version, before the ledger is played over them.

    `penalties`: by row, what its penalties shall come to where that changes (`replans.as_late_as_before`).
    """

    rows: Rows
    penalties: Mapping[int, int] = {}


def drafts_of(case: OptionCase, kind: OptionKind, terms: Mapping[str, Any]) -> Iterator[Draft]:
    """Yield the rows that an option may have, the best first. Raises CannotOfferError."""
    try:
        if kind is OptionKind.CATCH_UP:
            yield _catch_up(case, terms, moves_charges=True)
            yield _catch_up(case, terms, moves_charges=False)
        else:
            yield Draft(_MAKERS[kind](case, terms))
    except ValidationError as error:
        raise CannotOfferError("not_computable", detail=error.detail) from error


# --- what is past due ---------------------------------------------------------------------------------------------------


def _catch_up(case: OptionCase, terms: Mapping[str, Any], *, moves_charges: bool) -> Draft:
    """Spread what is open of rows past due evenly over the next rows, or new ones after the last.

    Charges that are entries stay where they fell due, which no plan can change; the other fees and penalties come along
    where the ledger lets them (`moves_charges`), else they stay too.
    """
    count: int = terms["rows"]
    multiple = case.contract.instalment_multiple_minor if case.contract is not None else 1
    stays = {row.row_no: _stays(row, moves_charges=moves_charges) for row in case.past_due}
    moving = total_of([Split(*row.due).minus(stays[row.row_no]) for row in case.past_due])
    parts = [level_parts(minor, count, multiple if part < 2 else 1) for part, minor in enumerate(moving)]
    shares = [Split(*(part[k] for part in parts)) for k in range(count)]
    target = {row.row_no: k for k, row in enumerate(case.ahead[:count])}
    found: list[PlanRow] = []
    penalties: dict[int, int] = {}
    for row in case.rows:
        made = case.kept_as_due[row.row_no]
        if row.row_no in stays:
            due = stays[row.row_no]
            made = made._replace(due=less_levied(row, due))
            penalties[row.row_no] = made.due.penalties
        elif (k := target.get(row.row_no)) is not None:
            made = made._replace(due=made.due.plus(shares[k]))
            penalties[row.row_no] = made.due.penalties
        found.append(made)
    number, last = _last_number(case), max(case.rows[-1].due_on, case.today)
    for k in range(len(target), count):
        more = k - len(target) + 1
        found.append(PlanRow(number + more, _adjusted(case, step(last, case.frequency, more)), shares[k]))
    return Draft(tuple(found), penalties)


def _stays(row: AccountRow, *, moves_charges: bool) -> Split:
    """Return what a row past due still asks for: what was paid of it, and charges that do not move."""
    paid = row.paid
    if not moves_charges:
        return Split(paid.principal, paid.interest, row.due[2], row.due[3])
    fees = sum(each.fees_minor for each in row.levied)
    penalties = sum(each.penalties_minor for each in row.levied)
    return Split(paid.principal, paid.interest, max(paid.fees, fees), max(paid.penalties, penalties))


def _last_number(case: OptionCase) -> int:
    """Return the highest row number in use. A payment may name a row that the plan did not have: it is not reused."""
    named = (entry.row_no or 0 for entry in case.entries)
    return max((*(row.row_no for row in case.account.rows), *named), default=0)


# --- dates that move ----------------------------------------------------------------------------------------------------


def _extend(case: OptionCase, terms: Mapping[str, Any]) -> Rows:
    """Put every row ahead off by so many instalments: those skipped come at the end, interest runs on."""
    dates = _nominal(case, _some_ahead(case))
    return _on_dates(case, _later_dates(dates, case.frequency, terms["instalments"]))


def _change_due_day(case: OptionCase, terms: Mapping[str, Any]) -> Rows:
    """Move every row ahead to the first such day of the month on or after its own due date."""
    day: int = terms["day"]
    if case.frequency.unit is not Unit.MONTHS:
        raise CannotOfferError("not_monthly")
    dates = _nominal(case, _some_ahead(case))
    by = int(day < dates[0].day)
    return _on_dates(case, [add_months(each.replace(day=1), by, day) for each in dates])


def _on_dates(case: OptionCase, dates: Sequence[date]) -> Rows:
    ahead, contract = case.ahead, case.contract
    if list(dates) == _nominal(case, ahead):
        raise CannotOfferError("no_change")
    if any(after <= before for before, after in pairwise(dates)) or dates[0] <= case.today:
        raise CannotOfferError("not_computable")
    if contract is None or contract.due_dates:  # of dates agreed one by one each row counts as one whole period
        on = {row.row_no: _adjusted(case, each) for row, each in zip(ahead, dates, strict=True)}
        return tuple(row._replace(due_on=on.get(row.row_no, row.due_on)) for row in case.kept_as_due.values())
    ends = all(each.day == month_length(each.year, each.month) for each in dates)
    rule = DayOfMonth.MONTH_END if ends and case.frequency.unit is Unit.MONTHS else DayOfMonth.SAME
    return _by_contract(case, replace(contract, day_of_month=rule), first_due_on=dates[0])


def _later_dates(dates: Sequence[date], frequency: Frequency, by: int) -> list[date]:
    """Return the dates without the first `by`, and as many more at the end."""
    last = dates[-1]
    more = [step(last, frequency, k) for k in range(1, by + 1)]
    if frequency.unit is Unit.MONTHS:
        day = max(each.day for each in dates)  # the last may be the end of a short month
        more = [add_months(each, 0, day) for each in more]
    return [*dates, *more][by:]


# --- more rows ----------------------------------------------------------------------------------------------------------


def _lengthen(case: OptionCase, terms: Mapping[str, Any]) -> Rows:
    """Spread what is left over more rows, each smaller."""
    contract = _levelled(_contract(case))
    if contract.method is Method.SINGLE_PAYMENT:
        raise CannotOfferError("not_for_method", method=contract.method)
    return _by_contract(case, contract, extra_rows=terms["rows"])


def _interest_only(case: OptionCase, terms: Mapping[str, Any]) -> Rows:
    """Pay interest alone in the next rows; principal goes on after them, and the plan ends that much later."""
    contract = _levelled(_contract(case))
    if contract.method in (Method.SINGLE_PAYMENT, Method.INTEREST_ONLY):
        raise CannotOfferError("not_for_method", method=contract.method)
    return _by_contract(case, contract, principal_grace=terms["rows"])


def _contract(case: OptionCase) -> Contract:
    if case.contract is None:
        raise CannotOfferError("contract_unknown")
    return case.contract


def _levelled(contract: Contract) -> Contract:
    """Return the contract with its instalment to be worked out: a fixed one would pay the loan off in as few rows."""
    if contract.method is Method.FIXED_INSTALMENT:
        return replace(contract, method=Method.EQUAL_INSTALMENT, instalment_minor=None)
    return replace(contract, instalment_minor=None)


# --- by the contract ----------------------------------------------------------------------------------------------------


def _by_contract(case: OptionCase, contract: Contract, **changes: Any) -> Rows:
    """Work the rows ahead out again by the contract. Raises CannotOfferError where it does not explain those there are."""
    ahead = _some_ahead(case)
    kept = len(case.rows) - len(ahead)
    beyond = _beyond_contract(case)
    rows = _nominal_rows(case)
    made = reschedule(rows, contract, rows[kept].due_on, **changes)[kept:]
    found: list[PlanRow] = list(case.kept_as_due.values())[:kept]
    number = _last_number(case) - len(ahead) + 1
    for k, row in enumerate(made):
        more, interest, row_no = Split(), row.due.interest, number + k
        if k < len(ahead):
            more, interest, row_no = case.kept_as_due[ahead[k].row_no].due, interest + beyond[k], ahead[k].row_no
        if interest < 0:
            raise CannotOfferError("contract_differs")
        due = Split(row.due.principal, interest, more.fees, more.penalties)
        found.append(PlanRow(row_no, _adjusted(case, row.due_on), due))
    return tuple(found)


def _beyond_contract(case: OptionCase) -> list[int]:
    """Return by row ahead what its interest is beyond the contract's own figure, minor units.

    More than rounding means that the rows follow from something else than this contract; but where interest follows the
    actual balance, they were worked out by it, and late money has made them what they are.
    """
    if case.beyond_contract is not None:
        return case.beyond_contract
    assert case.contract is not None
    rows = _nominal_rows(case)
    kept = len(rows) - len(case.ahead)
    if kept and rows[kept - 1].due_on == rows[kept].due_on:
        raise CannotOfferError("contract_differs")
    plain = reschedule(rows, case.contract, rows[kept].due_on)[kept:]
    if [row.due_on for row in plain] != [row.due_on for row in rows[kept:]]:
        raise CannotOfferError("contract_differs")
    beyond = [row.due[1] - each.due.interest for row, each in zip(case.ahead, plain, strict=True)]
    if case.terms.contract is None and sum(map(abs, beyond)) > len(beyond) * _rounding_minor(case.contract, case.ahead):
        raise CannotOfferError("contract_differs")
    case.beyond_contract = beyond
    return beyond


def _rounding_minor(contract: Contract, ahead: Sequence[AccountRow]) -> int:
    """Return by how much a row's interest may differ by rounding. Flat interest is scaled up from what is left."""
    balance = sum(row.due[0] for row in ahead)
    return -(-contract.principal_minor // balance) if contract.method is Method.FLAT and balance else 1


def _nominal(case: OptionCase, ahead: Sequence[AccountRow]) -> list[date]:
    """Return the due dates before the business-day rule moved them, so that one that was moved moves no other."""
    return [row.due_on for row in _nominal_rows(case)[-len(ahead) :]]


def _nominal_rows(case: OptionCase) -> Sequence[AccountRow]:
    contract = case.contract
    if contract is None or case.calendar is None or contract.business_day_rule is BusinessDayRule.NONE:
        return case.rows
    dates = [each.period.due_on for each in amortise(contract)]
    if [_adjusted(case, on) for on in dates] != [row.due_on for row in case.rows]:
        raise CannotOfferError("contract_differs")
    found = [copy(row) for row in case.rows]
    for row, on in zip(found, dates, strict=True):
        row.due_on = on
    return found


def _some_ahead(case: OptionCase) -> list[AccountRow]:
    if not case.ahead:
        paid_ahead = any(row.due_on > case.today for row in case.rows)
        raise CannotOfferError("paid_ahead" if paid_ahead else "nothing_ahead")
    return case.ahead


def _adjusted(case: OptionCase, on: date) -> date:
    contract = case.contract
    if contract is None or case.calendar is None or contract.business_day_rule is BusinessDayRule.NONE:
        return on
    return adjust(on, contract.business_day_rule, case.calendar)


_MAKERS: Mapping[OptionKind, Callable[[OptionCase, Mapping[str, Any]], Rows]] = {
    OptionKind.EXTEND: _extend,
    OptionKind.CHANGE_DUE_DAY: _change_due_day,
    OptionKind.LENGTHEN: _lengthen,
    OptionKind.INTEREST_ONLY: _interest_only,
}
