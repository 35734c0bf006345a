"""References for bank transfers: made for a loan when they are first shown, and what a borrower needs to pay by transfer."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.domain.creditor_references import printed, reference_number, rf_reference
from app.domain.errors import NotFoundError
from app.domain.money import Money
from app.domain.times import business_date
from app.domain.transfer_codes import epc_code
from app.persistence.queries import transfer_references as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import Work
from app.services import accounts
from app.services.statement_waits import expect_lines

_MOST_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class TransferDetails:
    """How to pay a loan by bank transfer."""

    reference: str
    """Ten digits, as for a variable symbol."""
    rf: str
    """ISO 11649, without blanks."""
    rf_printed: str
    account: str | None
    bic: str | None
    holder: str
    amount: Money
    """What is due by today; what is due next where nothing is."""
    qr_payload: str | None
    """EPC069-12, for euro and an IBAN alone."""


def ensure_references(work: Work, lender_id: str, loans: Collection[queries.LoanOwner], *, now: datetime) -> dict[str, str]:
    """Return loan id -> reference, making those that are missing. A reference never changes.

    A number that is another loan's at this lender is passed over; two that make the same at once meet the unique key.
    """
    found = queries.find_references_of(work.session, [loan.loan_id for loan in loans])
    missing = sorted({loan for loan in loans if loan.loan_id not in found})
    for attempt in range(_MOST_ATTEMPTS):
        if not missing:
            return found
        wanted = {reference_number(loan.loan_id, attempt): loan for loan in reversed(missing)}
        taken = queries.find_referenced(work.session, lender_id, wanted)
        fresh = {number: loan for number, loan in wanted.items() if number not in taken}
        queries.add_references(
            work.session,
            [
                {
                    "lender_id": lender_id,
                    "reference": number,
                    "loan_id": loan.loan_id,
                    "borrower_id": loan.borrower_id,
                    "created_at": now,
                }
                for number, loan in fresh.items()
            ],
        )
        found |= {loan.loan_id: number for number, loan in fresh.items()}
        missing = [loan for loan in missing if loan.loan_id not in found]
    raise RuntimeError("No free reference was found for a loan; the lender has tens of millions of them.")


def make_reference(work: Work, borrower_id: str, loan_id: str, *, now: datetime) -> str:
    """Return the reference of a borrower's loan, making it when it is asked for first. Raises NotFoundError."""
    loan = get_loan(work.session, loan_id)
    if loan.borrower_id != borrower_id:
        raise NotFoundError("There is no such loan.")
    owner = queries.LoanOwner(loan.id, borrower_id)
    lock_agenda(work.session, [borrower_id])
    reference = ensure_references(work, loan.lender_id, [owner], now=now)[loan_id]
    expect_lines(work, get_lender(work.session, loan.lender_id), {loan.loan_no: owner}, now=now)
    return reference


def find_reference(reads: Connection, loan_id: str) -> str | None:
    """Return the reference of a loan if it was made."""
    return queries.find_references_of(reads, [loan_id]).get(loan_id)


def transfer_details(reads: Connection, borrower_id: str, loan_id: str, reference: str, *, now: datetime) -> TransferDetails:
    """Return how this borrower pays this loan by transfer. Raises NotFoundError, also for another borrower's loan."""
    loan = accounts.get_position_account(reads, borrower_id, loan_id)
    position = accounts.position_on(reads, loan, business_date(now, loan.zone))
    due = position.due_to_date.total or position.next_due_minor
    to = queries.find_destination(reads, loan_id)
    amount, rf, holder = Money(max(due, 0), loan.currency), rf_reference(reference), to.holder or to.name
    code = epc_code(holder=holder, account=to.account, bic=to.bic, amount=amount, rf=rf) if to.account else None
    return TransferDetails(reference, rf, printed(rf), to.account, to.bic, holder, amount, code)
