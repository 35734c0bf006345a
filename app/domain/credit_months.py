"""From a loan's ledger and events to what a credit report says of it on a day: `account_on`, whole or from the month before.

Whole, everything is worked out again from the ledger as it is known now. From the month before, its frozen values are the
history, and only what came since is worked out: the two agree as long as nothing was back-dated (`is_back_dated`). Where
something was, take it whole and report it as a correction: the history sent replaces the one reported before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from app.domain.credit_accounts import (
    BANKRUPT,
    CLOSED,
    DELETED,
    LOSSES,
    MONTH_CODES,
    CreditAccount,
    CreditConsumer,
    OverduePrincipal,
    Standing,
)
from app.domain.credit_events import START, CreditEvent, CreditEventKind, CreditState, ended, state_on
from app.domain.credit_histories import (
    Delinquency,
    LoanLedger,
    Step,
    days_at,
    five_grade,
    follow,
    history_byte,
    late_rows,
    month_code,
    month_ends,
    pushed,
    rolled,
    rolled_codes,
    steps_of,
)
from app.domain.ledger import EntryKind, LedgerEntry, counting
from app.domain.plans import PlanRow, version_for
from app.domain.positions import OpenRow, Snapshot, open_rows_at, position_at
from app.domain.terms import LoanTerms


@dataclass(frozen=True, slots=True)
class CreditLoan:
    """A loan with all that happened to it. Fields as in `CreditAccount`; `loan_no` is the number it was first given."""

    lender_code: str
    loan_id: str
    loan_no: str
    borrower_id: str
    currency: str
    opened_on: date
    product: str
    original_minor: int
    consumer: CreditConsumer
    ledger: LoanLedger
    events: Sequence[CreditEvent] = ()
    associated: tuple[CreditConsumer, ...] = ()
    frequency: str = "M"
    is_secured: bool = False
    original_creditor: str = ""

    @property
    def all_events(self) -> list[CreditEvent]:
        """The events told and those that the ledger tells: a charge-off booked there counts, unless told too."""
        told = {event.on for event in self.events if event.kind is CreditEventKind.CHARGED_OFF}
        booked = [
            CreditEvent(CreditEventKind.CHARGED_OFF, entry.effective_on, entry.amount_minor)
            for entry in counting(self.ledger.entries)
            if entry.kind is EntryKind.CHARGE_OFF and entry.effective_on not in told
        ]
        return [*booked, *self.events]


def account_on(loan: CreditLoan, as_of: date, previous: CreditAccount | None = None) -> CreditAccount:
    """Return what a report says of the loan at the end of `as_of`, from `previous` (an earlier month's) or from the ledger.

    `as_of` is on or after the day it was opened, and after `previous.as_of_on`.
    """
    ledger, events = loan.ledger.known_on(as_of), loan.all_events
    loan = replace(loan, ledger=ledger)
    begins = previous.as_of_on if previous else loan.opened_on
    steps = steps_of(ledger, begins, as_of)
    snapshot = ledger.at(as_of)
    state = _closed_by_money(state_on(events, as_of), snapshot.last_effective_on if snapshot.settled else None, ledger)
    first = Delinquency()
    if previous:
        first = Delinquency(previous.first_delinquent_on, previous.set_aside_on, previous.to_make_good_minor)
        if previous.consumer.indicator in BANKRUPT and not previous.is_derogatory:
            first = first._replace(first_on=None)
    until = min(as_of, state.closed_on - timedelta(days=1)) if state.closed_on else as_of
    first = follow(first, [s for s in steps if s.from_on <= max(until, begins)], until, is_loss_from=state.lost_since)
    days = _days(steps, as_of, state)
    told = _facts(loan, as_of, state, days)
    if state.lost_on is not None:
        is_told = previous is not None and previous.lost_on == state.lost_on
        told["days_when_lost"] = previous.days_when_lost if previous and is_told else _days_on(steps, state.lost_on)
    if state.standing not in CLOSED:
        told |= _owed(loan, as_of, state, snapshot)
    code = month_code(state.standing, days, is_due=told["due_minor"] > 0)
    if previous:
        told |= {"history": rolled(previous, as_of), "month_codes": rolled_codes(previous, as_of, code)}
    else:
        told |= _past(loan, steps, events, as_of, code)
    told |= _first_delinquency(told["consumer"], state, first)
    told |= _marks(loan, events, state, as_of)
    return CreditAccount(**told)


def is_back_dated(entries: Iterable[LedgerEntry], previous_on: date, known_at: datetime) -> bool:
    """Return whether something learned after `known_at` changes a month that was reported as of `previous_on` or before."""
    listed = list(entries)
    by_id = {entry.entry_id: entry for entry in listed}
    new = [entry for entry in listed if entry.recorded_at > known_at]
    undone = [by_id[entry.reverses] for entry in new if entry.reverses in by_id]
    return any(entry.effective_on <= previous_on for entry in (*new, *undone))


def _known(who: CreditConsumer, as_of: date) -> CreditConsumer:
    """Return the person without an indicator whose day has not come."""
    return replace(who, indicator="", indicator_on=None) if who.indicator_on and who.indicator_on > as_of else who


def _closed_by_money(state: CreditState, settled_on: date | None, ledger: LoanLedger) -> CreditState:
    """Return the state with the end that the ledger tells: all of it paid, or paid in part and the rest given up."""
    if settled_on is None or state.closed_on is not None or state.standing in DELETED:
        return state
    given_up = ledger.given_up_minor()
    if given_up < ledger.unit_minor:
        return ended(state, Standing.PAID, settled_on)
    return ended(replace(state, written_off_minor=given_up), Standing.SETTLED, settled_on)


def _days(steps: Sequence[Step], as_of: date, state: CreditState) -> int:
    """Return the days past due; of a closed loan on the day it closed, as it stood before."""
    if state.closed_on is None:
        return days_at(steps[-1].first_open_on, as_of)
    before = [step for step in steps if step.from_on < state.closed_on]
    return days_at(before[-1].first_open_on, state.closed_on) if before else 0


def _days_on(steps: Sequence[Step], day: date) -> int:
    return days_at([step for step in steps if step.from_on <= day][-1].first_open_on, day)


def _facts(loan: CreditLoan, as_of: date, state: CreditState, days: int) -> dict[str, Any]:
    """Return what is told of any loan, open or not."""
    version = version_for(loan.ledger.versions, as_of, None)
    rows: Sequence[PlanRow] = version.rows if version else ()
    in_month = _due_in_month(loan.ledger, as_of)
    money, began = _money(loan.ledger.entries, as_of), as_of.replace(day=1)
    return {
        "lender_code": loan.lender_code,
        "loan_id": loan.loan_id,
        "borrower_id": loan.borrower_id,
        "currency": loan.currency,
        "as_of_on": as_of,
        "opened_on": loan.opened_on,
        "product": loan.product,
        "original_minor": loan.original_minor,
        "terms": len(rows),
        "consumer": _known(loan.consumer, as_of),
        "associated": tuple(_known(who, as_of) for who in loan.associated),
        "standing": state.standing,
        "frequency": loan.frequency,
        "ends_on": rows[-1].due_on if rows else None,
        "due_minor": sum(row.due.total for row in in_month),
        "due_on": in_month[-1].due_on if in_month else None,
        "paid_minor": sum(entry.amount_minor for entry in money if entry.effective_on >= began),
        "last_paid_on": max((entry.effective_on for entry in money), default=None),
        "days_past_due": days,
        "five_grade": five_grade(state.standing, days, state.was),
        "closed_on": state.closed_on,
        "lost_on": state.lost_on,
        "was": state.was,
        "charge_off_minor": state.charge_off_minor,
        "written_off_minor": state.written_off_minor,
        "arrangement": state.arrangement,
        "is_secured": loan.is_secured,
        "is_sold_collateral": state.is_sold_collateral,
        "original_creditor": loan.original_creditor,
    }


def _due_in_month(ledger: LoanLedger, as_of: date) -> list[PlanRow]:
    version = version_for(ledger.versions, as_of, None)
    began = as_of.replace(day=1)
    return [row for row in version.rows if began <= row.due_on <= as_of] if version else []


def _months_due(ledger: LoanLedger) -> frozenset[tuple[int, int]] | None:
    """Return the months in which something falls due, where one plan holds from the start; None: it depends on the day."""
    if len(ledger.versions) != 1 or ledger.versions[0].effective_on is not None:
        return None
    return frozenset(_month(row.due_on) for row in ledger.versions[0].rows if row.due.total)


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month


def _owed(loan: CreditLoan, as_of: date, state: CreditState, snapshot: Snapshot) -> dict[str, Any]:
    """Return what is owed and overdue of a loan that has not ended."""
    ledger = loan.ledger
    version = version_for(ledger.versions, as_of, None)
    rows: Sequence[PlanRow] = version.rows if version else ()
    told = owed_on(snapshot, as_of, ledger.terms, ledger.unit_minor)
    told |= {
        "scheduled_minor": rows[0].due.total if rows else 0,
        "terms_left": sum(row.due_on > as_of for row in rows),
    }
    if state.standing is Standing.CHARGED_OFF:
        told["past_due_minor"] = told["balance_minor"]
        if not state.charge_off_minor:
            lost_on = state.lost_on or as_of
            told["charge_off_minor"] = position_at(ledger.at(lost_on), lost_on).outstanding_minor
    return told


def owed_on(snapshot: Snapshot, as_of: date, terms: LoanTerms, unit_minor: int) -> dict[str, Any]:
    """Return what is owed and overdue at the end of `as_of`, as fields of `CreditAccount`, by the position alone."""
    position = position_at(snapshot, as_of, terms=terms)
    late = [row for row in late_rows(snapshot, unit_minor) if row.due_on < as_of]
    if late and terms.late is not None:
        charged = {row.row_no: row for row in open_rows_at(snapshot, as_of, terms.late)}
        late = [charged[row.row_no] for row in late]
    overdue = sum(row.open.total for row in late)
    return {
        "balance_minor": max(position.outstanding_minor, overdue),
        "principal_balance_minor": position.principal_outstanding_minor,
        "overdue_minor": overdue,
        "past_due_minor": sum(row.open.total for row in late if days_at(row.due_on, as_of) >= 30),
        "terms_overdue": len(late),
        "overdue_principal": _by_age(late, as_of),
    }


def _by_age(late: Sequence[OpenRow], as_of: date) -> OverduePrincipal:
    parts = [0, 0, 0, 0, 0]
    for row in late:
        days = days_at(row.due_on, as_of)
        parts[sum(days > edge for edge in (30, 60, 90, 180))] += row.open.principal
    return OverduePrincipal(*parts)


def _money(entries: Sequence[LedgerEntry], as_of: date) -> list[LedgerEntry]:
    kinds = (EntryKind.REPAYMENT, EntryKind.PREPAYMENT)
    return [entry for entry in entries if entry.kind in kinds and entry.effective_on <= as_of]


def _past(loan: CreditLoan, steps: Sequence[Step], events: Sequence[CreditEvent], as_of: date, code: str) -> dict[str, Any]:
    """Return the history and the month codes, worked out from the steps."""
    history, codes = "", ""
    due_in = _months_due(loan.ledger)
    came = 1  # steps that have come; the first stands for the time before it, too
    for day in month_ends(loan.opened_on, as_of):
        while came < len(steps) and steps[came].from_on <= day:
            came += 1
        state = _closed_by_money(state_on(events, day) if events else START, steps[came - 1].settled_on, loan.ledger)
        days = _days(steps[:came], day, state)
        history += history_byte(state.standing, state.was, days)
        is_due = any(row.due.total for row in _due_in_month(loan.ledger, day)) if due_in is None else _month(day) in due_in
        codes += month_code(state.standing, days, is_due=is_due)
    return {"history": pushed("", history), "month_codes": pushed("", codes + code, MONTH_CODES, "")}


def _first_delinquency(who: CreditConsumer, state: CreditState, first: Delinquency) -> dict[str, Any]:
    """Return the first delinquency as the hierarchy of field 25 has it, and what a later month needs to go on."""
    on = first.first_on
    if state.standing in LOSSES or state.was in LOSSES:
        # Lost without ever 30 days late: the day it was lost is all there is (ours).
        on = on or state.lost_since
    elif on is None and who.indicator in BANKRUPT:
        on = who.indicator_on
    return {
        "first_delinquent_on": on,
        "set_aside_on": first.set_aside_on,
        "to_make_good_minor": first.to_make_good_minor,
    }


def _marks(loan: CreditLoan, events: Sequence[CreditEvent], state: CreditState, as_of: date) -> dict[str, Any]:
    """Return the legal mark and the changes, each told in the month it came about; the mark stands until the next."""
    month_began = as_of.replace(day=1)
    before = state_on(events, month_began - timedelta(days=1))
    stood = before.condition_code.replace("XR", "")
    is_new = state.condition_on is not None and state.condition_on >= month_began
    code = state.condition_code if is_new else ""
    changed = state.number_change
    renumbered = changed is not None and before.number_change == changed
    return {
        "condition_code": "" if code == "XR" and not stood else code,
        "condition_standing": stood,
        "holder_change": state.holder_change,
        "number_change": None if renumbered else changed,
        "loan_no": changed.account_no if changed and renumbered else loan.loan_no,
    }
