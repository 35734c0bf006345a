"""What an option shows is what happens: random stored loans, asked, accepted, and read again from the database."""

import random
from datetime import date, timedelta
from itertools import count

import pytest
from flask import Flask

from app.domain.book import BorrowerValues, LoanValues
from app.domain.option_cases import OptionKind
from app.domain.plan_options import PlanOption
from app.domain.plan_requests import PLAN_KINDS
from app.persistence.queries.positions import find_plan_versions, find_snapshot, load_ledger
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.borrowers import put_borrower
from app.services.contracts import put_contract_plan
from app.services.holds import Teller
from app.services.loans import put_loan
from app.services.plan_approvals import approve
from app.services.plan_options import options_of
from app.services.plan_requests import Wanted
from app.services.positions import find_differences
from tests.builders.arrangements import accepted, as_it_stands, asked
from tests.builders.book import Built, build_lender, pay
from tests.conftest import START

_numbers = count(1)
METHODS = ("equal_instalment", "equal_principal", "flat")
LOANS_EACH = 6


def _a_loan(chance: random.Random, lender_id: str) -> Built:
    """A loan of a random contract that runs since some months, paid up to some day, perhaps with a part on top."""
    number = next(_numbers)
    rows, begun = chance.randint(4, 36), chance.randint(1, 14)
    starts_on = START.date() - timedelta(days=30 * begun + chance.randint(0, 29))
    contract = {
        "method": chance.choice(METHODS),
        "annual_rate": f"0.{chance.randint(3, 24):02}",
        "instalments": rows,
    }
    values = LoanValues(
        f"R{number}", f"RB{number}", "USD", principal_minor=chance.randint(20_000, 3_000_000), disbursed_on=starts_on,
        contract=contract,
    )  # fmt: skip
    with unit_of_work() as work:
        borrower_id = put_borrower(work, BorrowerValues(values.borrower_no), now=START, origin="test").id
        loan_id = put_loan(work, lender_id, values, now=START, origin="test").id
        put_contract_plan(work, lender_id, values.loan_no, now=START)
    loan = Built(lender_id, borrower_id, values.borrower_no, loan_id, values.loan_no)
    until = START.date() - timedelta(days=chance.choice((0, 10, 40, 80)))
    with reading() as session:
        due = sum(row.due.total for row in find_plan_versions(session, [loan_id])[loan_id][-1].rows if row.due_on < until)
    paid = due + chance.choice((0, 0, 137, 5_000))
    if paid:
        pay(loan, paid, now=START)
    return loan


def _owed(loan: Built) -> tuple[int, dict[tuple[int, date], int]]:
    """Return (principal owed, what is open of each row)."""
    with reading() as session:
        snapshot, _ = find_snapshot(session, loan.borrower_id, loan.loan_id) or (None, 0)
        assert snapshot is not None
        return snapshot.principal_balance_minor, {(row.row_no, row.due_on): sum(row.open) for row in snapshot.open_rows}


def _plans(loan: Built) -> list[PlanOption]:
    with reading() as session:
        offered = options_of(session, loan.borrower_id, loan.loan_id, now=START).options.offered
    return [option for option in offered if option.kind in PLAN_KINDS]


@pytest.mark.parametrize("seed", range(4))
def test_the_plan_after_acceptance_is_what_the_option_showed_and_no_money_is_made_or_lost(
    sqlite_book: Flask, seed: int
) -> None:
    chance = random.Random(seed)
    lender_id, kinds = build_lender(now=START), set[OptionKind]()
    for _ in range(LOANS_EACH):
        loan = _a_loan(chance, lender_id)
        plans = _plans(loan)
        if not plans:
            continue
        shown = chance.choice(plans)
        principal, _ = _owed(loan)
        with reading() as session:
            entries = list(load_ledger(session, loan.loan_id)[1])

        request = asked(loan, Wanted(shown.kind.value, shown.terms))
        for person in ("Wang Fang", "Li Na")[: shown.approvals]:
            with unit_of_work() as work:
                approve(work, request.id, teller=Teller(f"staff:{person}", lender_id, "supervisor"), now=START)
        accepted(loan, as_it_stands(request.id))

        principal_after, still = _owed(loan)
        with reading() as session:
            versions, after = load_ledger(session, loan.loan_id)
            assert (versions[-1].rows, list(after)) == (shown.rows, entries)
            assert find_differences(session, [loan.loan_id]) == []
        assert principal_after == principal
        assert still == {(row.row_no, row.due_on): row.due.total for row in shown.to_pay}
        assert sum(still.values()) == shown.total_minor
        kinds.add(shown.kind)
    assert kinds
