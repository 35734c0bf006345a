"""Quotes from the stored ledger: paying a loan off, and paying more than is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import ConflictError, FieldError, ValidationError
from app.domain.ledger import LedgerEntry
from app.domain.plans import PlanVersion, version_for
from app.domain.quotes import PayoffQuote, PrepaymentChoice, check_quotable, payoff_quote, prepayment_choices
from app.domain.replay import terms_under
from app.domain.terms import EarlySettlement, LoanTerms
from app.domain.times import business_date
from app.persistence.queries.positions import load_ledger
from app.services.accounts import get_position_account
from app.services.law_gates import ask_law, require_lawful
from app.services.positions import Loan, position_of
from app.services.terms import kernel_terms

FURTHEST = timedelta(days=366)
"""How far ahead a quote may be asked for: what is owed then depends on too much that has not happened."""


@dataclass(frozen=True, slots=True)
class QuotedLoan:
    """A loan with a quote; `today` is the day in the loan's zone on which it was asked for."""

    loan: Any
    today: date
    quote: PayoffQuote


@dataclass(frozen=True, slots=True)
class Prepayment:
    """A loan with what a payment of `amount_minor` on `on` would leave, by what its surplus does."""

    loan: Any
    on: date
    choices: tuple[PrepaymentChoice, ...]


def own_payoff(reads: Connection, borrower_id: str, loan_id: str, on: date | None, *, now: datetime) -> QuotedLoan:
    """Return the payoff quote of a borrower's loan; `on` None: today.

    Raises NotFoundError, ValidationError for a day before today or too far ahead, ConflictError for a loan whose plan is not
    all that is owed, LawRefusedError where the law forbids a figure made so.
    """
    loan = get_position_account(reads, borrower_id, loan_id)
    today = business_date(now, loan.zone)
    on = _asked_day(on, today)
    with Session(bind=reads, join_transaction_mode="rollback_only") as session:
        quote = payoff_on(session, loan, on)
        settlement = {"on": on, "interest_from_on": _interest_from(session, loan, on), "quote_basis": basis_of(loan)}
        require_lawful(ask_law(session, act="quote_settlement", loan_id=loan_id, facts={"settlement": settlement}, now=now))
        return QuotedLoan(loan, today, quote)


def basis_of(loan: Loan) -> str:
    """Return how interest in a quote is taken, by the law packs' word."""
    terms = kernel_terms(loan).terms
    runs_with_days = terms.contract is not None or terms.early_settlement is EarlySettlement.ACTUAL_PERIOD
    return "actual_days" if runs_with_days else "full_term"


def _interest_from(session: Session, loan: Loan, on: date) -> date | None:
    """Return the first day of the interest period in which that day lies; None: not known."""
    versions, _ = load_ledger(session, loan.id)
    rows = _plan_on(versions, on).rows
    return max((row.due_on for row in rows if row.due_on <= on), default=loan.disbursed_on)


def payoff_on(session: Session, loan: Loan, on: date) -> PayoffQuote:
    """Return the payoff quote of a loan for any day. Raises ConflictError for a plan that is not all that is owed."""
    versions, entries = load_ledger(session, loan.id)
    version = _plan_on(versions, on)
    terms = _quotable_terms(session, loan, version, entries, on)
    return payoff_quote(version.rows, entries, on, terms)


def own_prepayment(
    reads: Connection, borrower_id: str, loan_id: str, amount_minor: int, on: date | None, *, now: datetime
) -> Prepayment:
    """Return what paying so much would leave, for each choice; errors as of `own_payoff`."""
    loan = get_position_account(reads, borrower_id, loan_id)
    on = _asked_day(on, business_date(now, loan.zone))
    with Session(bind=reads, join_transaction_mode="rollback_only") as session:
        versions, entries = load_ledger(session, loan_id)
        version = _plan_on(versions, on)
        terms = _quotable_terms(session, loan, version, entries, on)
    return Prepayment(loan, on, prepayment_choices(version.rows, entries, amount_minor, on, terms))


def _quotable_terms(
    session: Session, loan: Loan, version: PlanVersion, entries: Sequence[LedgerEntry], on: date
) -> LoanTerms:
    terms = terms_under(version, kernel_terms(loan).terms)
    balance = position_of(session, loan, on).principal_outstanding_minor
    check_quotable(balance, version.rows, entries, on, terms)
    return terms


def _plan_on(versions: Any, on: date) -> PlanVersion:
    version = version_for(versions, on, None)
    if version is None:
        raise ConflictError("The loan has no plan yet, so no amount can be quoted.")
    return version


def _asked_day(on: date | None, today: date) -> date:
    if on is None:
        return today
    if on < today:
        raise _refused("past", f"on is before today, {today}; a quote is for a day on which it can still be paid.")
    if on > today + FURTHEST:
        raise _refused("too-far", f"on is more than {FURTHEST.days} days ahead.")
    return on


def _refused(code: str, detail: str) -> ValidationError:
    return ValidationError(detail, errors=(FieldError("/query/on", code, detail),))
