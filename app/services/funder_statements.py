"""A funder's statement, worked out from what was booked: the same period gives the same statement for ever."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.funder_claims import claims_of
from app.domain.funder_statements import FunderLine, FunderStatement, check_period, total_of_lines
from app.domain.splits import NOTHING, Split
from app.domain.times import business_date
from app.persistence.queries import funding as funded_queries
from app.persistence.queries import pass_through as queries
from app.persistence.queries import payouts
from app.persistence.queries.funding import as_transfer

Reads = Connection | Session


def statement_of(reads: Reads, lender: Any, funder_no: str, first: date, last: date, *, now: datetime) -> FunderStatement:
    """Return the statement of a period; both days inclusive, where the lender is (`lender`: its id and zone).

    Raises NotFoundError, ValidationError (a period that is not over, or too long).
    """
    check_period(first, last, business_date(now, lender.zone))
    funder = funded_queries.get_funder(reads, lender.id, funder_no)
    loans = {row.loan_id: row for row in funded_queries.find_loans_of_funder(reads, funder.id)}
    eve = first - timedelta(days=1)
    transfers = funded_queries.find_transfers(reads, loans)
    before = queries.find_principal_passed(reads, loans, until=eve)
    after = queries.find_principal_passed(reads, loans, until=last)
    passed: dict[str, tuple[Split, int]] = {}
    given_up: dict[str, int] = {}
    for loan_id, is_money, fee, split in queries.sum_of_funder(reads, funder.id, after=eve, until=last):
        if is_money:
            passed[loan_id] = (split, fee)
        else:
            given_up[loan_id] = split.principal
    lines = []
    for loan_id, loan in loans.items():
        opening = _outstanding(loan, transfers[loan_id], before[loan_id], funder.id, eve)
        closing = _outstanding(loan, transfers[loan_id], after[loan_id], funder.id, last)
        split, fee = passed.get(loan_id, (NOTHING, 0))
        gone = given_up.get(loan_id, 0)
        moved = closing - opening + split.principal + gone
        line = FunderLine(loan_id, loan.loan_no, loan.currency, opening, moved, split, fee, gone, closing)
        if any((opening, closing, moved, fee, gone, *split)):
            lines.append(line)
    return FunderStatement(funder_no, first, last, lines, _totals(reads, lender, funder.id, first, last, lines))


def outstanding_by_holder(reads: Reads, loan: Any, *, until: date) -> dict[str, int]:
    """Return what each holder of a funded loan has outstanding at the end of a day; "" is the lender."""
    transfers = funded_queries.find_transfers(reads, [loan.loan_id])[loan.loan_id]
    told = [as_transfer(row) for row in transfers if row.recorded_on <= until]
    passed = queries.find_principal_passed(reads, [loan.loan_id], until=until)[loan.loan_id]
    return dict(claims_of(loan.units_minor, told, passed))


def _outstanding(loan: Any, transfers: Any, passed: Any, funder_id: str, until: date) -> int:
    told = [as_transfer(row) for row in transfers if row.recorded_on <= until]
    return claims_of(loan.units_minor, told, passed).get(funder_id, 0)


def _totals(reads: Reads, lender: Any, funder_id: str, first: date, last: date, lines: list[FunderLine]) -> list[Any]:
    eve = first - timedelta(days=1)
    net_before = payouts.sums_of_funder(reads, funder_id, until=eve)
    net = payouts.sums_of_funder(reads, funder_id, until=last)
    paid_before: defaultdict[str, int] = defaultdict(int)
    paid_within: defaultdict[str, int] = defaultdict(int)
    for row in payouts.payouts_of_funder(reads, funder_id):
        on = business_date(row.decided_at, lender.zone)
        if on <= last:
            (paid_before if on < first else paid_within)[row.currency] += row.amount_minor
    currencies = sorted({*net, *paid_before, *paid_within, *(line.currency for line in lines)})
    return [
        total_of_lines(
            currency,
            [line for line in lines if line.currency == currency],
            payable_before_minor=net_before.get(currency, 0) - paid_before[currency],
            paid_out_minor=paid_within[currency],
            payable_minor=net.get(currency, 0) - paid_before[currency] - paid_within[currency],
        )
        for currency in currencies
    ]
