"""What can be done on the sandbox page beyond the borrower's own app: move the book's clock, let a payment arrive."""

from datetime import datetime, timedelta

from app.domain.book import PaymentResult, PaymentValues
from app.domain.devices import seen_since
from app.domain.errors import NotFoundError, ValidationError
from app.domain.times import business_date, parse_instant
from app.persistence.ids import new_id
from app.persistence.queries.clocks import get_clock
from app.persistence.queries.devices import mark_devices_seen
from app.persistence.queries.loans import find_borrower_loans
from app.persistence.unit_of_work import unit_of_work
from app.sandbox.virtual_phone import get_borrower_id, next_due_day
from app.services.payments import record_payment

STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
LONGEST_JOURNEY = timedelta(days=400)


def ask_to_travel(to: str, *, borrower_no: str, now: datetime) -> datetime:
    """Ask the engine to move the clock: by hour, day or week, to `next_due`, or to an instant. Returns where to.

    A wish on top of one that is still under way goes on from there. Raises ValidationError, NotFoundError.
    """
    with unit_of_work() as work:
        row = get_clock(work.session)
        start = max(now, row.travel_to or now)
        if to in STEPS:
            until = start + STEPS[to]
        elif to == "next_due":
            day = next_due_day(work.session, get_borrower_id(work.session, borrower_no), now=start)
            if day is None:
                raise NotFoundError("Nothing more falls due for this borrower.")
            until = day.at
        else:
            until = parse_instant(to)
        if not now < until <= now + LONGEST_JOURNEY:
            raise ValidationError(f"The clock moves forward only, at most {LONGEST_JOURNEY.days} days at once.")
        row.travel_to = until
        mark_devices_seen(work.session, until, since=seen_since(now))
        return until


def pay(borrower_no: str, loan_no: str, amount_minor: int, *, now: datetime) -> PaymentResult:
    """Let a payment of a demo borrower arrive, as the core system would report it. Raises NotFoundError."""
    with unit_of_work() as work:
        borrower_id = get_borrower_id(work.session, borrower_no)
        loan = next((loan for loan in find_borrower_loans(work.session, borrower_id) if loan.loan_no == loan_no), None)
        if loan is None:
            raise NotFoundError("This borrower has no such loan.")
        values = PaymentValues(
            reference=f"sandbox-{new_id()}",
            loan_no=loan_no,
            amount_minor=amount_minor,
            currency=loan.currency,
            effective_on=business_date(now, loan.zone),
            channel="sandbox",
        )
        return record_payment(work, loan.lender_id, values, now=now, origin="sandbox")
