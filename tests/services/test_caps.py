"""A cap that was not known is looked up again, and lateness is charged from then on."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from flask import Flask

from app.domain.book import LoanValues
from app.persistence.db import session
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loans_numbered
from app.persistence.unit_of_work import unit_of_work
from app.services import base_rates
from app.services.book import differences
from app.services.caps import look_up_caps
from app.services.contracts import put_contract_plan
from app.services.loans import put_loan
from app.services.positions import position_of
from config import LPR_FILE
from tests.builders.book import build_lender
from tests.conftest import START

CONTRACT = {
    "method": "equal_instalment",
    "annual_rate": "0.10",
    "instalments": 6,
    "signed_on": "2031-01-02",
    "late": {"annual_rate": "0.18"},
}


def test_a_newer_table_makes_unknown_caps_known(app: Flask, tmp_path: Path) -> None:
    lender_id = build_lender(now=START, code="acme", jurisdiction="CN", currency="CNY", licence_kind="private_lender")
    with unit_of_work() as work:
        values = LoanValues("L1", "B1", "CNY", 600_000, disbursed_on=date(2026, 1, 2), contract=CONTRACT)
        put_loan(work, lender_id, values, now=START, origin="test")
        put_contract_plan(work, lender_id, "L1", now=START)
    assert _penalties(lender_id) == 0

    newer = tmp_path / "lpr.csv"
    newer.write_text("date,one_year,five_year\n2030-12-20,2.00,3.00\n")
    base_rates.use_table(newer)
    try:
        with unit_of_work() as work:
            done = look_up_caps(work, get_lender(work.session, lender_id), now=START)
    finally:
        base_rates.use_table(LPR_FILE)

    assert (done.unknown, done.found) == (1, 1)
    # 979.36 of principal at 8 %, four times the rate, over ten days, rounded down.
    assert _penalties(lender_id) == int(Decimal("97936") * 8 / 100 * 10 / 365)
    assert list(differences(session())) == []


def _penalties(lender_id: str) -> int:
    session().rollback()
    (loan,) = find_loans_numbered(session(), lender_id, ["L1"])
    return position_of(session(), loan, date(2026, 2, 12)).due_to_date.penalties
