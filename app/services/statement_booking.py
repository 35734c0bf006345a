"""From matched lines into the ledger: one payment a part, under the reference of the line, to the cent as it came in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.domain.book import PaymentValues
from app.domain.errors import DomainError
from app.domain.ledger import EntryKind
from app.domain.statement_matching import Match, State, StatementLine
from app.domain.times import business_date
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.unit_of_work import Work
from app.services.money_moves import follow_ledger
from app.services.payments import record_payments
from app.services.told_by_lines import CHANNEL, ORIGIN
from app.services.webhook_events import announce

BY_RULES = "rules"
"""Who matched a line that no person did."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A line with its match; what is not matched books nothing."""

    line_id: str
    line: StatementLine
    match: Match


@dataclass(frozen=True, slots=True)
class Paid:
    """What of a line went to a loan, and under which reference it is in the ledger."""

    line_id: str
    part_no: int
    lender_id: str
    loan_id: str
    loan_no: str
    borrower_id: str
    amount_minor: int
    currency: str
    payment_reference: str


def part_reference(line_reference: str, part_no: int) -> str:
    """Return the payment reference of a part; the line's own has no vertical bar in it."""
    return f"stmt:{line_reference}" if part_no == 1 else f"stmt:{line_reference}|{part_no}"


def waiver_reference(line_reference: str) -> str:
    """Return the reference of what was given up of a line's shortfall."""
    return f"{part_reference(line_reference, 1)}|waived"


def part_rows(paid: Sequence[Paid]) -> list[dict[str, Any]]:
    """Return the rows of `statement_parts`."""
    return [
        {
            "line_id": each.line_id,
            "part_no": each.part_no,
            "lender_id": each.lender_id,
            "loan_id": each.loan_id,
            "borrower_id": each.borrower_id,
            "amount_minor": each.amount_minor,
            "payment_reference": each.payment_reference,
        }
        for each in paid
    ]


def book(
    work: Work, lender: LenderRow, bookings: Sequence[Booking], loans: Mapping[str, LoanRow], *, now: datetime
) -> dict[str, list[Paid]]:
    """Book what is matched; return by line what went where. Raises DomainError where the ledger refuses one.

    Every part of a line is booked, or none: the caller's unit of work is given up with the refusal.
    """
    paid: dict[str, list[Paid]] = {}
    payments: list[PaymentValues] = []
    for each in bookings:
        if each.match.state is not State.MATCHED:
            continue
        if sum(part.amount_minor for part in each.match.parts) != each.line.amount_minor:
            raise AssertionError(f"The parts of line {each.line_id} do not add up to it.")
        paid[each.line_id] = _paid(lender, each, loans)
        payments += _payments(each, loans, now)
    results = record_payments(work, lender, payments, now=now, origin=ORIGIN)
    for result in results:
        if isinstance(result, DomainError):
            raise result
    booked = {result.loan_id for result in results if not isinstance(result, DomainError) and result.loan_id}
    follow_ledger(work, booked, now=now)
    for each in bookings:
        if each.line_id in paid:
            _announce(work, lender, each, paid[each.line_id], now)
    return paid


def _paid(lender: LenderRow, booking: Booking, loans: Mapping[str, LoanRow]) -> list[Paid]:
    return [
        Paid(
            booking.line_id,
            number,
            lender.id,
            part.loan_id,
            loans[part.loan_id].loan_no,
            loans[part.loan_id].borrower_id,
            part.amount_minor,
            booking.line.currency,
            part.told_as or part_reference(booking.line.reference, number),
        )
        for number, part in enumerate(booking.match.parts, start=1)
    ]


def _payments(booking: Booking, loans: Mapping[str, LoanRow], now: datetime) -> list[PaymentValues]:
    line, match = booking.line, booking.match
    found = [
        PaymentValues(
            part_reference(line.reference, number),
            loans[part.loan_id].loan_no,
            part.amount_minor,
            line.currency,
            _value_date(line, loans[part.loan_id], now),
            channel=CHANNEL,
            bank_reference=line.reference,
        )
        for number, part in enumerate(match.parts, start=1)
        if part.told_as is None
    ]
    if match.waived_minor:
        loan = loans[match.parts[-1].loan_id]
        found.append(
            PaymentValues(
                waiver_reference(line.reference),
                loan.loan_no,
                match.waived_minor,
                line.currency,
                _value_date(line, loan, now),
                kind=EntryKind.WAIVER,
                note="Too little to ask for, by the lender's rule.",
            )
        )
    return found


def _value_date(line: StatementLine, loan: LoanRow, now: datetime) -> date:
    """Return the line's day, or today where the day has not come in the zone of the loan."""
    return min(line.booked_on, business_date(now, loan.zone))


def _announce(work: Work, lender: LenderRow, booking: Booking, paid: Sequence[Paid], now: datetime) -> None:
    match, line = booking.match, booking.line
    data = {
        "line_reference": line.reference,
        "booked_on": line.booked_on.isoformat(),
        "amount": {"amount_minor": line.amount_minor, "currency": line.currency},
        "how": match.how.value if match.how else None,
        "parts": [
            {"loan_no": each.loan_no, "amount_minor": each.amount_minor, "payment_reference": each.payment_reference}
            for each in paid
        ],
    }
    borrowers = {each.borrower_id for each in paid}
    announce(
        work,
        lender.id,
        "statement_line.matched.v1",
        data,
        now=now,
        borrower_id=borrowers.pop() if len(borrowers) == 1 else None,
    )
