"""Statements of account: put together from the ledger, and set as a document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.statements import Ledger, Period, PeriodRules, Statement, build_statement
from app.domain.times import business_date
from app.persistence.db import vault
from app.persistence.queries import statements as queries
from app.persistence.queries.positions import load_ledger
from app.persistence.unit_of_work import reading_one_state, unit_of_work
from app.services import limits
from app.services.lenders import get_lender
from app.services.limits import Limit
from app.services.positions import position_of
from app.services.terms import kernel_terms
from app.wording.catalogue import match_locale
from app.wording.statement_pdf import LenderBlock, StatementDocument, statement_pdf

DOCUMENTS = Limit("statement-document", 30, timedelta(hours=1))
"""How many documents a borrower may have made: each costs as much as some hundred reads."""
PERIOD_RULES = PeriodRules()


@dataclass(frozen=True, slots=True)
class LoanStatement:
    """A statement with whose it is. `references`: of entries, by id, as the payer or the core named them."""

    loan: Any
    """The loan's columns, with those of its lender and the borrower's number."""
    issued_on: date
    """Today in the loan's zone."""
    statement: Statement
    references: Mapping[str, str]

    @property
    def lender(self) -> LenderBlock:
        """Who lends."""
        loan = self.loan
        return LenderBlock(loan.lender_name, loan.licence_kind, loan.licence_no, loan.regulator, loan.complaints_contact)


def get_own_statement(
    borrower_id: str, loan_id: str, first: date | None, last: date | None, *, now: datetime, known_at: datetime | None = None
) -> LoanStatement:
    """Return the statement of a borrower's loan; `last` None: today; `first` None: the first of that month.

    Raises NotFoundError, also for another borrower's loan; ValidationError for a period that cannot be told.
    """
    return _get(lambda session: queries.find_own_loan(session, borrower_id, loan_id), first, last, now, known_at)


def get_numbered_statement(
    lender_code: str, loan_no: str, first: date | None, last: date | None, *, now: datetime, known_at: datetime | None = None
) -> LoanStatement:
    """Return the statement of a lender's loan, as `get_own_statement` does."""

    def find(session: Session) -> Any:
        return queries.find_numbered_loan(session, get_lender(session, lender_code).id, loan_no)

    return _get(find, first, last, now, known_at)


def document_of(made: LoanStatement, locale: str | None = None) -> bytes:
    """Return the statement as PDF, in the written language nearest to `locale` (None: to the lender's)."""
    loan = made.loan
    return statement_pdf(
        StatementDocument(
            lender=made.lender,
            borrower_name=vault().open(loan.name_sealed, place=f"borrowers.name:{loan.borrower_id}"),
            borrower_no=loan.borrower_no,
            loan_no=loan.loan_no,
            product=loan.product,
            currency=loan.currency,
            zone=loan.zone,
            issued_on=made.issued_on,
            statement=made.statement,
            references=made.references,
            locale=match_locale(locale or loan.lender_locale),
        )
    )


def count_document(borrower_id: str, *, now: datetime) -> None:
    """Count one document made for a borrower. Raises RateLimitedError."""
    with unit_of_work() as work:
        limits.count(work, DOCUMENTS, borrower_id, now=now)


def _get(
    find: Callable[[Session], Any], first: date | None, last: date | None, now: datetime, known_at: datetime | None
) -> LoanStatement:
    with reading_one_state() as session:
        loan = find(session)
        if loan is None:
            raise NotFoundError("There is no such loan.")
        today = business_date(now, loan.zone)
        last = last or today
        period = Period(first or last.replace(day=1), last)
        PERIOD_RULES.check(period, today=today)
        statement = _statement(session, loan, period, known_at)
        return LoanStatement(loan, today, statement, queries.find_entry_references(session, loan.borrower_id, loan.id))


def _statement(session: Session, loan: Any, period: Period, known_at: datetime | None) -> Statement:
    versions, entries = load_ledger(session, loan.id)
    return build_statement(
        Ledger(loan.principal_minor, versions, entries, kernel_terms(loan).terms),
        period,
        opening=position_of(session, loan, period.eve, known_at),
        closing=position_of(session, loan, period.last, known_at),
        known_at=known_at,
    )
