"""Holding what was passed on against the ledger: every entry whole, claims that add up, fees as agreed; no difference."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.domain.funder_claims import claims_of
from app.domain.funding_shares import OWN
from app.domain.pass_through import changed, read_service_fee
from app.domain.splits import NOTHING, total_of
from app.persistence.queries import funding as funded_queries
from app.persistence.queries import pass_through as queries
from app.persistence.queries.funding import as_transfer
from app.services.funding_shares import shares_of

_PAGE = 100


@dataclass(frozen=True, slots=True)
class FundingDifference:
    """Where the two are not equal."""

    loan_no: str
    what: str
    """not_passed_on, entry, claims, principal, service_fee."""
    subject: str
    theirs_minor: int
    """By the ledger."""
    ours_minor: int
    """By what was passed on."""


@dataclass(frozen=True, slots=True)
class FundingCheck:
    """What was looked at."""

    loans: int
    entries: int
    differences: list[FundingDifference]


def check_funding(session: Session, lender_id: str) -> FundingCheck:
    """Compare all funded loans of a lender."""
    loans = entries = 0
    differences: list[FundingDifference] = []
    after = ""
    while page := funded_queries.page_funded(session, lender_id, after=after, limit=_PAGE):
        after = page[-1].loan_id
        loans += len(page)
        for found, count in _of_page(session, page):
            entries += count
            differences += found
    return FundingCheck(loans, entries, differences)


def _of_page(session: Session, page: Any) -> Iterator[tuple[list[FundingDifference], int]]:
    ids = [row.loan_id for row in page]
    transfers = funded_queries.find_transfers(session, ids)
    recoveries = queries.find_recoveries(session, ids)
    marks = queries.find_marks(session, ids)
    sums = queries.sum_by_entry(session, ids)
    standing = queries.find_standing(session, ids)
    principal = queries.find_principal_passed(session, ids)
    balances = queries.find_snapshot_versions(session, ids)
    for loan in page:
        key, wanted = loan.loan_id, recoveries[loan.loan_id]
        found = [
            FundingDifference(loan.loan_no, "not_passed_on", each.entry_id, each.split.total, _total(marks[key], each))
            for each in changed(shares_of(loan, transfers[key]), wanted, marks[key])
        ]
        by_entry = {each.entry_id: each.split for each in wanted}
        for entry_id in {*by_entry, *marks[key]}:
            theirs, ours = by_entry.get(entry_id, NOTHING), sums.get(entry_id, NOTHING)
            if theirs != ours:
                found.append(FundingDifference(loan.loan_no, "entry", entry_id, theirs.total, ours.total))
        claims = claims_of(loan.units_minor, [as_transfer(row) for row in transfers[key]], principal[key])
        left = loan.units_minor - total_of([each.split for each in wanted]).principal
        if sum(claims.values()) != left:
            found.append(FundingDifference(loan.loan_no, "claims", key, left, sum(claims.values())))
        if key in balances and balances[key][1] != left:
            found.append(FundingDifference(loan.loan_no, "principal", key, balances[key][1], left))
        fee = read_service_fee(loan.service_fee)
        for holder, gross in standing[key].gross.items():
            agreed = fee.of(gross) if holder != OWN else 0
            if agreed != standing[key].fees[holder]:
                found.append(FundingDifference(loan.loan_no, "service_fee", holder, agreed, standing[key].fees[holder]))
        yield found, len(by_entry)


def _total(marks: Any, each: Any) -> int:
    mark = marks.get(each.entry_id)
    return 0 if mark is None else mark.split.total
