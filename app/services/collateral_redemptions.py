"""What it takes to get a pledged thing back on a day, and giving it back for that.

A quote is what the loans' own figures and the thing's own costs say for the day: what is shown is what happens when it is
paid on that day. Whether it is the arrears or all that is owed is data of the jurisdiction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.domain.book import check_text
from app.domain.collateral_events import CostSheet, EventKind, ThingState, costs_on
from app.domain.collateral_sales import Basis, ProceedsOrder
from app.domain.desk_payments import METHODS, reference_of
from app.domain.errors import ConflictError, CurrencyMismatchError, ForbiddenError, refused_at
from app.domain.money import Money
from app.domain.permissions import check_may
from app.domain.splits import Split
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.collateral import CollateralThingRow, RedemptionQuoteRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries import collateral as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loans
from app.persistence.unit_of_work import Work
from app.services.collateral_event_values import EventValues
from app.services.collateral_events import record_event
from app.services.collateral_histories import events_of
from app.services.collateral_orders import order_of_thing
from app.services.collateral_proceeds import Payer, pay_in
from app.services.desk_limits import desk_limits
from app.services.desk_payments import DeskStaff
from app.services.positions import position_of
from app.services.quotes import payoff_on

FURTHEST = timedelta(days=366)
LONGEST_DAYS = 14
"""How many days ahead a quote looks for the day its amount changes."""
LONGEST_RECEIPT = 64


@dataclass(frozen=True, slots=True)
class LoanPart:
    """What is to be paid on one loan."""

    loan_id: str
    loan_no: str
    owed: Split


@dataclass(frozen=True, slots=True)
class Redemption:
    """What it takes to get a thing back on `on`. Minor units of `currency`."""

    thing_id: str
    on: date
    expires_on: date
    """Last day on which this very amount is enough."""
    order: ProceedsOrder
    costs: CostSheet
    loans: tuple[LoanPart, ...]
    currency: str

    @property
    def total_minor(self) -> int:
        """The amount to pay."""
        return self.costs.open_minor + sum(part.owed.total for part in self.loans)


def redemption_on(session: Session, thing: Any, on: date | None, *, now: datetime) -> Redemption:
    """Return what it takes to get a thing back on a day; None: today.

    Raises ConflictError for a thing that is not in custody, or a loan that cannot be quoted; ValidationError for a day
    before today or too far ahead.
    """
    today = business_date(now, get_lender(session, thing.lender_id).zone)
    on = today if on is None else on
    if thing.state != ThingState.IN_CUSTODY:
        raise ConflictError(f"The thing is {thing.state}, not in custody: there is nothing to pay to get it back.")
    if on < today:
        raise refused_at("/on", f"on is before today, {today}; a quote is for a day on which it can still be paid.")
    if on > today + FURTHEST:
        raise refused_at("/on", f"on is more than {FURTHEST.days} days ahead.")
    order = order_of_thing(session, thing)
    pledges = [each for each in queries.find_pledges(session, [thing.id])[thing.id] if each.ended_on is None]
    loans = {loan.id: loan for loan in find_loans(session, [pledge.loan_id for pledge in pledges])}
    in_rank = [loans[pledge.loan_id] for pledge in pledges]
    costs = costs_on(events_of(queries.find_events(session, [thing.id])[thing.id]), on)
    owed = _owed(session, in_rank, on, order.redemption)
    expires_on = on
    while not costs.daily_minor and expires_on < on + timedelta(days=LONGEST_DAYS):
        if _owed(session, in_rank, expires_on + timedelta(days=1), order.redemption) != owed:
            break
        expires_on += timedelta(days=1)
    parts = tuple(LoanPart(loan.id, loan.loan_no, owed[loan.id]) for loan in in_rank)
    return Redemption(thing.id, on, expires_on, order, costs, parts, thing.currency)


def quote_redemption(
    work: Work, thing: Any, on: date | None, *, by: str, now: datetime
) -> tuple[RedemptionQuoteRow, Redemption]:
    """Keep what is told that it takes; return the quote. Raises as `redemption_on`."""
    found = redemption_on(work.session, thing, on, now=now)
    row = RedemptionQuoteRow(
        id=new_id(), thing_id=thing.id, borrower_id=thing.borrower_id, lender_id=thing.lender_id, quoted_at=now, by=by,
        quoted_on=found.on, expires_on=found.expires_on, basis=found.order.redemption.value,
        amount_minor=found.total_minor, currency=found.currency, parts=parts_of(found),
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    facts = {"quote_id": row.id, "thing_id": thing.id, "quoted_on": found.on.isoformat(), "amount_minor": row.amount_minor}
    add_audit(work.session, at=now, actor=by, action="collateral.quoted", borrower_id=thing.borrower_id, facts=facts)
    return row, found


def redeem(
    work: Work,
    thing_id: str,
    received: Money,
    *,
    method: str,
    receipt: str,
    staff: DeskStaff,
    now: datetime,
    quote_id: str | None = None,
) -> str:
    """Give a thing back for what it takes today, which is paid now; return the event's id.

    What was paid on its loans before is not asked for again: where nothing is left to pay, `received` is nothing. Raises
    NotFoundError, ForbiddenError (more than one person may take in: have the payments of its loans booked first),
    ConflictError, CurrencyMismatchError, ValidationError (another amount than it takes).
    """
    check_may(staff.role, "collateral.redeem")
    check_text("receipt", receipt, LONGEST_RECEIPT)
    if method not in METHODS:
        raise refused_at("/method", f"method is not one of {', '.join(METHODS)}.")
    borrower_id = queries.get_thing(work.session, thing_id, lender_id=staff.lender_id).borrower_id
    lock_agenda(work.session, [borrower_id])
    thing = queries.get_thing(work.session, thing_id, lender_id=staff.lender_id)
    needed = redemption_on(work.session, thing, None, now=now)
    _check_received(work, needed, received, staff)
    act = new_id()
    payer = Payer(borrower_id, staff.lender_id, needed.on, METHODS[method], staff.by)
    for part in needed.loans:
        if part.owed.total:
            amount = Money(part.owed.total, needed.currency)
            pay_in(work, payer, part.loan_id, amount, reference_of("redemption", f"{act}:{part.loan_id}"), now=now)
    facts: Mapping[str, Any] = {"receipt": receipt, "basis": needed.order.redemption.value, "quote_id": quote_id}
    if needed.costs.open_minor:
        paid = EventValues(
            thing.reference, EventKind.COSTS_PAID, needed.on, reference_of("redemption", f"{act}:costs"),
            amount_minor=needed.costs.open_minor, facts=facts,
        )  # fmt: skip
        record_event(work, staff.lender_id, paid, by=staff.by, origin=f"desk:{staff.by}", now=now)
    told = EventValues(thing.reference, EventKind.REDEEMED, needed.on, reference_of("redemption", act), facts=facts)
    result = record_event(work, staff.lender_id, told, by=staff.by, origin=f"desk:{staff.by}", now=now)
    if needed.order.redemption is Basis.PAYOFF:
        _end_pledges(work, thing, needed.on)
    return result.event_id


def parts_of(found: Redemption) -> dict[str, Any]:
    """Return a redemption as it is kept and shown: costs by kind, what is to be paid on each loan, by which rule."""
    return {
        "costs_minor": found.costs.open_minor,
        "costs": dict(found.costs.by_kind),
        "costs_paid_minor": found.costs.paid_minor,
        "daily_minor": found.costs.daily_minor,
        "loans": [
            {"loan_id": part.loan_id, "loan_no": part.loan_no, "amount_minor": part.owed.total, **part.owed._asdict()}
            for part in found.loans
        ],
        "rule": found.order.name,
        "source": found.order.redemption_source,
        "grade": found.order.redemption_grade,
        "not_looked_at": found.order.not_looked_at,
    }


def _owed(session: Session, loans: Sequence[LoanRow], on: date, basis: Basis) -> dict[str, Split]:
    if basis is Basis.PAYOFF:
        return {loan.id: payoff_on(session, loan, on).owed for loan in loans}
    return {loan.id: position_of(session, loan, on).due_to_date for loan in loans}


def _check_received(work: Work, needed: Redemption, received: Money, staff: DeskStaff) -> None:
    if received.currency != needed.currency:
        raise CurrencyMismatchError(f"The thing is kept in {needed.currency}, the money is in {received.currency}.")
    if received.minor != needed.total_minor:
        wanted = Money(needed.total_minor, needed.currency)
        raise refused_at("/amount", f"To get it back today takes {wanted.to_decimal()} {wanted.currency}, to the cent.")
    if received.minor and not desk_limits(get_lender(work.session, staff.lender_id).code).payments.may_alone(
        staff.role, received
    ):
        raise ForbiddenError(
            "It is more than you may take in alone: have the payments of its loans booked with approval, then redeem it."
        )


def _end_pledges(work: Work, thing: CollateralThingRow, on: date) -> None:
    """Free a thing whose loans are all paid off."""
    pledges = queries.find_pledges(work.session, [thing.id])[thing.id]
    for row in queries.load_pledges(work.session, [pledge.id for pledge in pledges if pledge.ended_on is None]):
        row.ended_on = on
    work.session.flush()
