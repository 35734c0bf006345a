"""Things in custody, sold by two people and taken back by two."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.domain.book import PaymentValues
from app.domain.ledger import EntryKind
from app.domain.money import Money
from app.domain.splits import Split
from app.persistence.db import session
from app.persistence.models.collateral import CollateralSaleRow, CollateralThingRow
from app.persistence.unit_of_work import unit_of_work
from app.services.collateral_sale_previews import SaleWished
from app.services.collateral_sale_reversals import approve_reversal, ask_reversal
from app.services.collateral_sales import approve_sale, request_sale
from app.services.desk_payments import DeskStaff
from app.services.payments import record_payment
from tests.builders.book import Built, build_loan
from tests.builders.collateral import a_pledge, tell
from tests.conftest import START

TODAY = START.date()


def a_held_thing(lender: str, loans: int = 2, **more: Any) -> tuple[list[Built], str]:
    """A vehicle in custody for three days that secures loans of 200.00 in ranks 1, 2 ..., with a fee on the first."""
    first: Built | None = None
    found = []
    for _ in range(loans):
        more = {"borrower_no": first.borrower_no} if first else {}
        due = [TODAY - timedelta(days=40), TODAY + timedelta(days=20)]
        loan = build_loan(now=START, due=due, lender_id=lender, **more)
        first = first or loan
        found.append(loan)
    charge = PaymentValues(
        f"FEE-{found[0].loan_no}", found[0].loan_no, 700, "USD", TODAY - timedelta(days=5), EntryKind.CHARGE,
        split=Split(fees=700), due_on=TODAY - timedelta(days=5),
    )  # fmt: skip
    with unit_of_work() as work:
        record_payment(work, lender, charge, now=START, origin="ingest")
    thing = ""
    for rank, loan in enumerate(found, start=1):
        thing = a_pledge(loan, now=START, reference=thing or None, rank=rank)
    tell(found[0], thing, "notice_served", TODAY - timedelta(days=20), now=START)
    tell(found[0], thing, "taken", TODAY - timedelta(days=2), now=START, amount_minor=500)
    return found, thing


def row_of(reference: str) -> CollateralThingRow:
    session().expire_all()
    return session().scalars(select(CollateralThingRow).where(CollateralThingRow.reference == reference)).one()


def staff(lender: str, name: str = "Ann", role: str = "supervisor") -> DeskStaff:
    return DeskStaff(f"staff:{name}", role, lender)


def sell(lender: str, thing: str, minor: int, **more: Any) -> str:
    wished = SaleWished(TODAY, Money(minor, "USD"), **more)
    with unit_of_work() as work:
        return request_sale(work, row_of(thing).id, wished, staff=staff(lender), now=START)


def book(lender: str, sale_id: str, name: str = "Bob") -> CollateralSaleRow:
    with unit_of_work() as work:
        approve_sale(work, sale_id, staff=staff(lender, name), now=START)
    session().expire_all()
    return session().get_one(CollateralSaleRow, sale_id)


def take_back(lender: str, sale_id: str) -> None:
    with unit_of_work() as work:
        ask_reversal(work, sale_id, staff=staff(lender, "Ann"), now=START, reason="another vehicle")
    with unit_of_work() as work:
        approve_reversal(work, sale_id, staff=staff(lender, "Bob"), now=START)
