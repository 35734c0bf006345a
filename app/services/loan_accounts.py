"""Accounts of loans: matching statement lines and standing orders that name an account instead of a loan.

A line of an account that no loan, or more than one, is kept in waits under a number no loan can have, and is booked when the
loan comes.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.book import PutResult
from app.domain.errors import ConflictError, DomainError
from app.domain.tapes import StandingOrderValues
from app.persistence.models.lenders import LenderRow
from app.persistence.queries import tapes as queries
from app.persistence.queries.ledger import find_waiting
from app.persistence.queries.loans import LoanHead
from app.persistence.unit_of_work import Work
from app.services.payment_contents import content_hash, payment_from_payload
from app.services.payments import match_waiting
from app.services.statement_waits import expect_lines

LONGEST_ACCOUNT = 56
"""Characters; with the word before it, a waiting number fits a loan number's column."""


def waiting_number(account_no: str) -> str:
    """Return what stands for the loan number of a payment that only names an account. A loan number has no blank."""
    return f"account {account_no}"


def loan_numbers(work: Work, lender: LenderRow, account_nos: Collection[str]) -> dict[str, str]:
    """Return the loan number of each account; where that is not clear, the number it waits under."""
    found = queries.find_account_loans(work.session, lender.id, set(account_nos))
    return {
        account_no: loans[0] if len(loans := found.get(account_no, [])) == 1 else waiting_number(account_no)
        for account_no in account_nos
    }


def put_loan_accounts(
    work: Work, lender: LenderRow, accounts: Mapping[str, str], heads: Mapping[str, LoanHead], *, now: datetime
) -> None:
    """Remember the accounts (loan number -> account) of these loans, and book what waited for them."""
    known = queries.find_account_loans(work.session, lender.id, set(accounts.values()))
    new = {
        loan_no: account_no
        for loan_no, account_no in accounts.items()
        if loan_no in heads and loan_no not in known.get(account_no, ())
    }
    queries.add_loan_accounts(
        work.session,
        [
            {
                "lender_id": lender.id,
                "account_no": account_no,
                "loan_id": heads[loan_no].id,
                "borrower_id": heads[loan_no].borrower_id,
            }
            for loan_no, account_no in new.items()
        ],
    )
    _name_waiting(work, lender, new.values())
    match_waiting(work, lender, list(new), now=now)
    expect_lines(work, lender, {loan_no: (heads[loan_no].id, heads[loan_no].borrower_id) for loan_no in new}, now=now)


def _name_waiting(work: Work, lender: LenderRow, account_nos: Collection[str]) -> None:
    """Give payments that wait under an account the number of its loan, now that there is one."""
    waiting = {
        waiting_number(account_no): loan_no for account_no, loan_no in loan_numbers(work, lender, account_nos).items()
    }
    for row in find_waiting(work.session, lender.id, waiting):
        if waiting[row.loan_no] == row.loan_no:
            continue
        values = replace(payment_from_payload(row.payload), loan_no=waiting[row.loan_no])
        row.payload = row.payload | {"loan_no": values.loan_no}
        row.loan_no, row.content_hash = values.loan_no, content_hash(values)
    work.session.flush()


def standing_orders_of(session: Session, lender_id: str) -> Iterator[queries.ListedOrder]:
    """Yield a lender's standing orders by reference, each with every loan of its account."""
    after = ""
    while page := queries.page_standing_orders(session, lender_id, after=after):
        yield from page
        after = page[-1].reference


def put_standing_orders(
    work: Work, lender: LenderRow, batch: Sequence[StandingOrderValues], *, now: datetime
) -> list[PutResult | DomainError]:
    """Put many, each reference at most once; the same values again change nothing."""
    known = queries.find_standing_orders(work.session, lender.id, {values.reference for values in batch})
    results: list[PutResult | DomainError] = []
    added = []
    for values in batch:
        row = known.get(values.reference)
        if row is None:
            added.append(
                {
                    "lender_id": lender.id,
                    "reference": values.reference,
                    "account_no": values.account_no,
                    "amount_minor": values.amount_minor,
                    "currency": values.currency,
                    "imported_at": now,
                }
            )
            results.append(PutResult(values.reference, created=True, changed=True))
        elif row.account_no != values.account_no:
            results.append(ConflictError(f"Standing order {values.reference} is recorded for another account."))
        else:
            changed = (row.amount_minor, row.currency) != (values.amount_minor, values.currency)
            if changed:
                row.amount_minor, row.currency, row.imported_at = values.amount_minor, values.currency, now
            results.append(PutResult(values.reference, changed=changed))
    queries.add_standing_orders(work.session, added)
    return results
