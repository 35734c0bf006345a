"""Lines that wait are matched again when a loan, an account or a reference they name appears.

Whoever makes one calls `expect_lines`; the matching is done at the next sweep, when the loan has its plan.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from app.persistence.models.lenders import LenderRow
from app.persistence.queries import statement_lines as queries
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import get_loan
from app.persistence.queries.transfer_references import find_accounts_of, find_references_of
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.follow_ups import follow_up_at
from app.services.statement_lines import match_again

FOLLOW_UP = "statement_lines"
"""The kind of the follow-up; its subject is the loan."""


def expect_lines(work: Work, lender: LenderRow, loans: Mapping[str, tuple[str, str]], *, now: datetime) -> None:
    """Have waiting lines that name one of these loans (number -> (id, borrower id)) matched at the next sweep.

    The caller holds the borrowers' agenda rows. One statement where nothing of the lender waits.
    """
    if not loans or not queries.exists_waiting(work.session, lender.id):
        return
    ids = {loan_id: loan_no for loan_no, (loan_id, _) in loans.items()}
    accounts, references = find_accounts_of(work.session, ids), find_references_of(work.session, ids)
    keys = {
        loan_id: _hashes(work.vault, loan_no, accounts.get(loan_id, ()), references.get(loan_id))
        for loan_id, loan_no in ids.items()
    }
    waiting = queries.find_keyed(work.session, lender.id, {each for hashes in keys.values() for each in hashes})
    for loan_no, (loan_id, borrower_id) in loans.items():
        if keys[loan_id] & waiting.keys() and loan_no:
            follow_up_at(work, FOLLOW_UP, loan_id, borrower_id, at=now)


def look_again(work: Work, loan_id: str, *, now: datetime) -> None:
    """Match the lines that wait and name this loan. The follow-up's look."""
    loan = get_loan(work.session, loan_id)
    lender = get_lender(work.session, loan.lender_id)
    accounts = find_accounts_of(work.session, [loan_id]).get(loan_id, ())
    hashes = _hashes(work.vault, loan.loan_no, accounts, find_references_of(work.session, [loan_id]).get(loan_id))
    found = queries.find_keyed(work.session, lender.id, hashes)
    match_again(work, lender, sorted(set().union(*found.values())), now=now)


def _hashes(vault: Vault, loan_no: str, accounts: Iterable[str], reference: str | None) -> set[str]:
    keys = [f"loan:{loan_no}", *(f"account:{each}" for each in accounts)]
    keys += [f"reference:{reference}"] if reference else []
    return {found.digest for key in keys for found in vault.search_hashes("statement", key)}
