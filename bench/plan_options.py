"""What plan options cost: all that can be chosen about a 60-row loan, beside one payoff quote of the same loan.

CPU time of one process. The baseline is what the product already does when a borrower asks what closes the loan: a payoff
quote from the stored ledger (services/quotes.py), which plays the ledger for today and the days after. A list of options is
some twenty plans, each worked out by the contract and held against the ledger. The kernel's part begins with a loan loaded.

    python bench/plan_options.py [--rounds N] [--requests N]
"""

import argparse
import gc
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import event

from app import clock
from app.domain.amortisation import plan_rows
from app.domain.book import BorrowerValues, LenderValues, LoanValues, PaymentValues
from app.domain.contract_forms import read_terms
from app.domain.option_offers import options_for
from app.domain.periods import add_months
from app.domain.quotes import payoff_quote
from app.persistence import schema
from app.persistence.db import db
from app.persistence.queries.accounts import find_plan_option_account
from app.persistence.unit_of_work import unit_of_work
from app.services import plan_options
from app.services.borrowers import put_borrower
from app.services.contracts import put_contract_plan
from app.services.lenders import put_lender
from app.services.loans import put_loan
from app.services.payments import record_payments
from app.services.positions import rebuild_positions
from app.services.quotes import payoff_on
from bench.balance_endpoint import make_app

ROWS, PAID = 60, 24
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
STARTED = add_months(date(2026, 2, 20), -PAID - 1)
CONTRACT = {
    "method": "equal_instalment",
    "annual_rate": "0.109",
    "instalments": ROWS,
    "late": {"annual_rate": "0.18"},
    "allocation": "cn-civil-code-561",
    "early_settlement": "actual_period",
}
MOST_QUOTES = 8.0
"""How many payoff quotes a whole list of some twenty options, one of them a payoff quote, may cost."""
MOST_QUOTES_EACH = 0.75
"""The same in the kernel, for one option."""


def fill() -> tuple[str, str]:
    """A loan of 60 rows, 24 of them paid on their days and one past due; return (borrower id, loan id)."""
    principal = 6_000_000
    contract = read_terms(CONTRACT).contract(principal, STARTED)
    assert contract is not None
    with unit_of_work() as work:
        lender = put_lender(work, LenderValues("bench", "Bench", "CN", "Asia/Shanghai", "CNY", licence_kind="bank"), now=NOW)
        borrower = put_borrower(work, BorrowerValues("B1", name="Li Wei"), now=NOW, origin="bench")
        loan = put_loan(
            work, lender.id, LoanValues("L1", "B1", "CNY", principal, disbursed_on=STARTED, contract=CONTRACT),
            now=NOW, origin="bench",
        )  # fmt: skip
        put_contract_plan(work, lender.id, "L1", now=NOW)
        paid = [
            PaymentValues(f"P{row.row_no}", "L1", row.due.total, "CNY", row.due_on) for row in plan_rows(contract)[:PAID]
        ]
        record_payments(work, lender, paid, now=NOW, origin="bench")
        rebuild_positions(work, [loan.id])
    return borrower.id, loan.id


def micros(act: Callable[[], object], times: int) -> float:
    """Return the CPU time of one call in microseconds."""
    begun = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - begun) / times * 1e6


def statements_of(act: Callable[[], object]) -> int:
    """Return how many statements one call sends."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    act()
    event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


def main() -> None:
    """Measure, print figures and the ratios to a payoff quote of the same run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=20)
    options = parser.parse_args()
    clock.use(lambda: NOW)
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        app = make_app(f"sqlite:///{folder / 'bench.db'}", folder)
        with app.app_context():
            schema.upgrade(db.engine)
            borrower_id, loan_id = fill()
            session = db.session()
            loan = find_plan_option_account(session.connection(), borrower_id, loan_id)
            _, case, rules = plan_options._load(session, borrower_id, loan_id, NOW, asks_law=True)

            def kernel() -> object:
                return options_for(replace(case), rules)

            acts: dict[str, Callable[[], object]] = {
                "quote": lambda: payoff_on(session, loan, NOW.date()),
                "options": lambda: plan_options.options_of(session, borrower_id, loan_id, now=NOW),
                "kernel_quote": lambda: payoff_quote(case.version.rows, case.entries, case.today, case.terms),
                "kernel_options": kernel,
            }
            found = plan_options.options_of(session, borrower_id, loan_id, now=NOW).options
            shown = len(found.offered)
            assert shown >= 15, found.not_offered
            statements = statements_of(acts["options"])
            taken: dict[str, list[float]] = {key: [] for key in acts}
            gc.collect()
            for _ in range(options.rounds):
                for key, act in acts.items():
                    taken[key].append(micros(act, options.requests))
            db.session.remove()
            db.engine.dispose()
    median = {key: statistics.median(values) for key, values in taken.items()}
    print(f"figure plan_options_60_rows {median['options']:.0f} us")
    print(f"figure plan_options_60_rows_kernel {median['kernel_options']:.0f} us")
    print(f"figure plan_options_offered {shown} options")
    print(f"figure plan_options_statements {statements} statements")
    print(f"figure payoff_quote_60_rows {median['quote']:.0f} us")
    print(f"figure payoff_quote_60_rows_kernel {median['kernel_quote']:.0f} us")
    whole, each = median["options"] / median["quote"], median["kernel_options"] / shown / median["kernel_quote"]
    print(f"ratio plan_options_to_payoff_quote {whole:.2f} x max {MOST_QUOTES}")
    print(f"ratio plan_option_kernel_to_payoff_quote {each:.2f} x max {MOST_QUOTES_EACH}")


if __name__ == "__main__":
    main()
