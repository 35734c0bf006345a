"""A loan that funders have parts of."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from app.domain.errors import DomainError
from app.domain.funding import FunderValues, ShareValues
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import unit_of_work
from app.services.funders import put_funders
from app.services.funding_shares import put_shares
from tests.builders.book import Built, build_loan


def fund(
    built: Built,
    shares: Mapping[str, int],
    *,
    now: datetime,
    on: date | None = None,
    fee: Mapping[str, str] | None = None,
    currency: str = "USD",
) -> None:
    """Have each funder (made if need be) fund so many minor units of the loan."""
    funders = [FunderValues(no, "person", f"Funder {no}", f"{no.lower()}@example.com", f"DE89 {no}") for no in shares]
    given = [
        ShareValues(f"S-{built.loan_no}-{no}", built.loan_no, units, currency, on or now.date(), no, service_fee=fee)
        for no, units in shares.items()
    ]
    with unit_of_work() as work:
        lender = get_lender(work.session, built.lender_id)
        put_funders(work, lender, funders, by="test", now=now)
        _all_right(put_shares(work, lender, given, by="test", now=now))


def transfer(built: Built, giver: str, taker: str, units: int, *, now: datetime, on: date, currency: str = "USD") -> None:
    """Give a part of a share to another funder."""
    reference = f"T-{built.loan_no}-{giver}-{taker}-{on}-{units}"
    values = ShareValues(reference, built.loan_no, units, currency, on, taker, giver)
    with unit_of_work() as work:
        _all_right(put_shares(work, get_lender(work.session, built.lender_id), [values], by="test", now=now))


def funded_loan(
    shares: Mapping[str, int],
    *,
    now: datetime,
    fee: Mapping[str, str] | None = None,
    instalments: int = 2,
    currency: str = "USD",
) -> Built:
    """A loan of what the shares add up to, in equal instalments of principal, a month apart from ten days ago."""
    whole = sum(shares.values())
    due = [now.date() + timedelta(days=30 * n - 10) for n in range(instalments)]
    built = build_loan(now=now, due=due, amount_minor=whole // instalments, currency=currency)
    fund(built, shares, now=now, on=now.date() - timedelta(days=60), fee=fee, currency=currency)
    return built


def _all_right(results: list[object]) -> None:
    for each in results:
        if isinstance(each, DomainError):
            raise each
