"""The money of a sale in the ledger: a repayment of each loan it reaches, and what is over as a refund that is owed.

Paid in above what is owed, the surplus stands on a loan that is closed by it, where `refunds` finds it and a second person
lets it go. Where no loan is closed by the sale (each is secured up to a limit only) a person is asked to pay it out.
"""

from dataclasses import dataclass
from datetime import date, datetime

from app.domain.book import PaymentValues
from app.domain.collateral_sales import Division
from app.domain.desk_payments import ORIGIN, reference_of
from app.domain.errors import ConflictError
from app.domain.ledger import EntryKind
from app.domain.money import Money
from app.domain.refunds import RefundState
from app.domain.splits import Split
from app.domain.times import business_date
from app.persistence.models.collateral import CollateralSaleRow
from app.persistence.queries.desk_entries import find_desk_entry
from app.persistence.queries.ledger import find_references
from app.persistence.queries.loans import get_loan
from app.persistence.queries.refunds import find_refund
from app.persistence.queries.tasks import find_task_named
from app.persistence.unit_of_work import Work
from app.services.desk_entries import keep_entry
from app.services.desk_payments import DeskStaff
from app.services.payments import record_payment
from app.services.refunds import Staff, cancel_refund, request_refund
from app.services.tasks import NewTask, add_task, finish_task

CHANNEL = "collateral_sale"
SURPLUS_TASK, SURPLUS_QUEUE = "collateral_surplus", "refund"


@dataclass(frozen=True, slots=True)
class Payer:
    """For whom money is booked, on which value date and how it came."""

    borrower_id: str
    lender_id: str
    paid_on: date
    channel: str
    by: str


@dataclass(slots=True)
class Booked:
    """An entry of ours in the ledger, as it is kept until the core tells of it."""

    borrower_id: str
    loan_id: str
    lender_id: str
    reference: str
    entry_id: str | None


def book_proceeds(work: Work, row: CollateralSaleRow, division: Division, *, by: str, now: datetime) -> str | None:
    """Book what the loans get and what is over; return the id of the refund of it. Raises ConflictError."""
    closed = [share.loan_id for share in division.loans if share.left.total == 0]
    payer = Payer(row.borrower_id, row.lender_id, row.sold_on, CHANNEL, by)
    bears = closed[-1] if closed and division.surplus_minor else None
    for share in division.loans:
        over = division.surplus_minor if share.loan_id == bears else 0
        if share.paid.total + over:
            # Where it closes the loan the kernel divides it: it knows what interest is not earned yet.
            split = None if share.left.total == 0 else share.paid
            amount = Money(share.paid.total + over, row.currency)
            pay_in(work, payer, share.loan_id, amount, reference_of_share(row, share.loan_id), split=split, now=now)
    if not division.surplus_minor:
        return None
    if bears is None:
        facts = {"sale_id": row.id, "amount_minor": division.surplus_minor, "currency": row.currency}
        task = NewTask(_surplus_task(row), row.borrower_id, SURPLUS_TASK, SURPLUS_QUEUE, due_at=now, facts=facts)
        add_task(work, task, now=now)
        return None
    amount = Money(division.surplus_minor, row.currency)
    return request_refund(work, row.borrower_id, bears, amount, by=by, now=now, reason="collateral_surplus").id


def pay_in(
    work: Work, payer: Payer, loan_id: str, amount: Money, reference: str, *, split: Split | None = None, now: datetime
) -> None:
    """Book a repayment of one loan, and keep it as one that the core has not told of. Raises ConflictError."""
    loan = get_loan(work.session, loan_id)
    values = PaymentValues(
        reference, loan.loan_no, amount.minor, amount.currency, payer.paid_on, kind=EntryKind.REPAYMENT, split=split,
        channel=payer.channel,
    )  # fmt: skip
    result = record_payment(work, payer.lender_id, values, now=now, origin=f"{ORIGIN}{payer.by}"[:40])
    if result.status != "recorded" or result.entry_id is None:
        raise ConflictError(f"This money was told of before, on loan {loan.loan_no}; match or reverse that first.")
    act = Booked(payer.borrower_id, loan_id, payer.lender_id, reference, result.entry_id)
    keep_entry(work, act, kind=EntryKind.REPAYMENT, amount_minor=amount.minor, channel=payer.channel)


def require_reversible(work: Work, row: CollateralSaleRow) -> None:
    """Refuse to take a sale back whose money has left, or whose repayments the core has told of and not reversed.

    Raises ConflictError, which says what is to be done.
    """
    refund = None if row.refund_id is None else find_refund(work.session, row.refund_id)
    if refund is not None and refund.state == RefundState.SENT:
        raise ConflictError("The refund of the surplus is on its way; wait until its provider says whether it arrived.")
    paid_out = find_task_named(work.session, _surplus_task(row))
    if (refund is not None and refund.state == RefundState.DONE) or (paid_out is not None and paid_out.state == "done"):
        raise ConflictError(
            "The surplus of this sale has been paid out, so the sale stays booked: correct what is wrong in your core, loan "
            "by loan, and claim back from the borrower there what is too much."
        )
    references = [reference_of_share(row, each["loan_id"]) for each in row.division["loans"]]
    for entry in find_references(work.session, row.lender_id, references).values():
        kept = find_desk_entry(work.session, entry.entry_id)
        if kept is None or (kept.told_at is not None and kept.reversed_at is None):
            raise ConflictError(
                "Your core has told of the repayments of this sale: have them reversed there, then take the sale back here."
            )


def take_back_proceeds(work: Work, row: CollateralSaleRow, *, staff: DeskStaff, now: datetime, reason: str) -> None:
    """Reverse what a sale booked and nobody reversed yet, let its refund be, and end the task to pay a surplus out.

    The caller has asked `require_reversible`.
    """
    if row.refund_id is not None:
        refund = find_refund(work.session, row.refund_id)
        if refund is not None and refund.state != RefundState.CANCELLED:
            cancel_refund(
                work, row.lender_id, row.refund_id, staff=Staff(staff.by, staff.role), now=now, reason=reason
            )  # fmt: skip
    finish_task(work, _surplus_task(row), reason=reason, by=staff.by, now=now)
    references = [reference_of_share(row, each["loan_id"]) for each in row.division["loans"]]
    entries = find_references(work.session, row.lender_id, references)
    for share in row.division["loans"]:
        reference = reference_of_share(row, share["loan_id"])
        kept = find_desk_entry(work.session, entries[reference].entry_id) if reference in entries else None
        if kept is None or kept.reversed_at is not None:
            continue
        loan = get_loan(work.session, share["loan_id"])
        today = business_date(now, loan.zone)
        values = PaymentValues(
            f"{reference}:undo", loan.loan_no, kept.amount_minor, row.currency, today, kind=EntryKind.REVERSAL,
            reverses_reference=reference,
        )  # fmt: skip
        record_payment(work, row.lender_id, values, now=now, origin=f"{ORIGIN}{staff.by}"[:40])


def _surplus_task(row: CollateralSaleRow) -> str:
    return f"{SURPLUS_TASK}/{row.id}"


def reference_of_share(row: CollateralSaleRow, loan_id: str) -> str:
    """Return the reference of the repayment that a sale books on a loan; the lender's core is told it."""
    return reference_of("sale", f"{row.id}:{loan_id}")
