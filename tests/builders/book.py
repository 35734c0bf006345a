"""A small book through the same services as any door: a lender, a borrower, a loan with a plan, perhaps a phone."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from app.domain.book import BorrowerValues, LenderValues, LoanValues, PaymentValues, PlanValues
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.devices import DeviceRow, EndpointRow
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import unit_of_work
from app.services.agenda import touch
from app.services.borrowers import put_borrower
from app.services.lenders import put_lender
from app.services.loans import put_loan, put_plan, put_plans
from app.services.payments import PaymentResult, record_payment
from app.services.positions import rebuild_positions

_numbers = count(1)


@dataclass(frozen=True)
class Built:
    """Ids and numbers of what was built."""

    lender_id: str
    borrower_id: str
    borrower_no: str
    loan_id: str
    loan_no: str


def build_lender(*, now: datetime, code: str = "acme", **changes: Any) -> str:
    given = {"code": code, "name": code.title(), "jurisdiction": "GB", "zone": "UTC", "currency": "USD"}
    with unit_of_work() as work:
        return put_lender(work, LenderValues(**{**given, **changes}), now=now).id


def build_loan(
    *,
    now: datetime,
    due: list[date],
    borrower_no: str | None = None,
    lender_id: str | None = None,
    amount_minor: int = 10_000,
    recorded_at: datetime | None = None,
    loan_no: str | None = None,
    contract: dict[str, Any] | None = None,
    product_kind: str | None = None,
    currency: str = "USD",
    **borrower: Any,
) -> Built:
    """A loan whose rows are all principal; `recorded_at`: since when it is known (default: now)."""
    number = next(_numbers)
    lender_id = lender_id or build_lender(now=now)
    borrower_no = borrower_no or f"B{number}"
    loan_no = loan_no or f"L{number}"
    rows = tuple(PlanRow(n, on, Split(principal=amount_minor)) for n, on in enumerate(due, start=1))
    with unit_of_work() as work:
        borrower_id = put_borrower(work, BorrowerValues(borrower_no, **borrower), now=now, origin="test").id
        put_loan(
            work,
            lender_id,
            LoanValues(
                loan_no,
                borrower_no,
                currency,
                principal_minor=amount_minor * len(due),
                contract=contract or {},
                product_kind=product_kind,
            ),
            now=now,
            origin="test",
        )
        loan = put_plan(work, lender_id, PlanValues(loan_no, rows, recorded_at=recorded_at), now=now, origin="test")
    return Built(lender_id, borrower_id, borrower_no, loan.id, loan_no)


def replan(built: Built, due: list[date], *, now: datetime, amount_minor: int = 10_000, by_file: bool = False) -> None:
    """Give the loan another plan. `by_file`: through a door that leaves the deciding to the sweep."""
    rows = tuple(PlanRow(n, on, Split(principal=amount_minor)) for n, on in enumerate(due, start=1))
    values = PlanValues(built.loan_no, rows)
    with unit_of_work() as work:
        if by_file:
            put_plans(work, get_lender(work.session, built.lender_id), [values], now=now, origin="test")
            rebuild_positions(work, [built.loan_id])
        else:
            put_plan(work, built.lender_id, values, now=now, origin="test")


def set_status(built: Built, status: str, *, now: datetime) -> None:
    """Have the core say what the loan is."""
    values = LoanValues(built.loan_no, built.borrower_no, "USD", status=status)
    with unit_of_work() as work:
        put_loan(work, built.lender_id, values, now=now, origin="test")


def pay(
    built: Built,
    amount_minor: int,
    *,
    now: datetime,
    reference: str | None = None,
    recorded_at: datetime | None = None,
    origin: str = "test",
    currency: str = "USD",
) -> PaymentResult:
    """Record a payment of today."""
    values = PaymentValues(
        reference or f"P{next(_numbers)}", built.loan_no, amount_minor, currency, now.date(), recorded_at=recorded_at
    )
    with unit_of_work() as work:
        return record_payment(work, built.lender_id, values, now=now, origin=origin)


def give_phone(
    built: Built,
    *,
    now: datetime,
    token: str | None = None,
    zone: str | None = None,
    last_seen_at: datetime | None = None,
    platform: str = "android",
) -> str:
    """Register a device that takes pushes; return its token. Unless told otherwise its app is opened all year."""
    token = token or f"token-{next(_numbers)}"
    device_id, endpoint_id = new_id(), new_id()
    ring = vault()
    with unit_of_work() as work:
        touch(work, [built.borrower_id], now=now)
        work.session.add(
            DeviceRow(
                id=device_id,
                borrower_id=built.borrower_id,
                installation_id=token,
                platform=platform,
                zone=zone,
                push_permission=True,
                last_seen_at=last_seen_at or now + timedelta(days=365),
                created_at=now,
                version=1,
            )
        )
        work.session.flush()
        work.session.add(
            EndpointRow(
                id=endpoint_id,
                borrower_id=built.borrower_id,
                device_id=device_id,
                channel="push",
                address_kind="token",
                address_sealed=ring.seal(token, place=f"endpoints.address:{endpoint_id}"),
                address_digest=ring.search_hash("endpoint", token).digest,
                state="active",
                changed_at=now,
            )
        )
    return token
