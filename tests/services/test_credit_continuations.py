"""The month that goes on from the month before is the one that the ledgers give, row by row, whatever happened since."""

import random
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.domain.book import PaymentValues
from app.domain.disputes import DisputeValues
from app.domain.hold_terms import HoldValues
from app.persistence.queries import positions
from app.persistence.unit_of_work import unit_of_work
from app.services import credit_continuations, credit_months, credit_quiet_gates, credit_snapshots
from app.services.credit_files import decide_snapshot, submit_snapshot
from app.services.disputes import open_dispute
from app.services.holds import Teller, put_hold
from app.services.payments import record_payment
from tests.builders.book import Built, build_lender, build_loan, replan
from tests.builders.collateral import a_pledge, tell
from tests.builders.credit import consent, delivered, enable
from tests.conftest import START
from tests.services.test_credit_files import BUREAU, approved, filed
from tests.services.test_credit_snapshots import enrol, rows_of

DAY = timedelta(days=1)
FEBRUARY, MARCH = date(2026, 2, 28), date(2026, 3, 31)
APRIL_2 = datetime(2026, 4, 2, 9, tzinfo=START.tzinfo)
PERSON: dict[str, Any] = {
    "name": "Ann Lee", "national_id": "219099999", "country": "US", "address_lines": ("1 Main St", "Austin, TX 78701"),
}  # fmt: skip
CURRENT = [date(2026, month, 1) for month in (2, 3, 4, 5, 6)]
LATE = [date(2026, 1, 1), *CURRENT]


def a_book(rng: random.Random, loans: int = 24) -> tuple[str, list[Built]]:
    """A lender with loans, current and late, reported for February; then something happens to most of them in March."""
    lender = build_lender(now=START, jurisdiction="US", role="first_party", role_reason="own", licence_kind="bank")
    enable(lender, now=START, bureau=BUREAU, format="metro2")
    built = []
    for number in range(loans):
        is_late = number % 3 == 0
        loan = build_loan(
            now=START - 200 * DAY, due=LATE if is_late else CURRENT, lender_id=lender, product_kind="instalment", **PERSON
        )
        if is_late:
            delivered(loan, START - 20 * DAY)
            enrol(loan)
        else:
            pay(loan, 10_000, now=START - 5 * DAY, on=date(2026, 2, 1))
            enrol(loan, kind="positive")
        built.append(loan)
    snapshot_id = approved(lender, FEBRUARY)
    filed(lender, snapshot_id)
    submit_snapshot(lender, snapshot_id, reference="S-1", by="staff:Ann", now=START)
    for loan in built:
        _something_happens(rng, loan)
    return lender, built


def pay(loan: Built, amount_minor: int, *, now: datetime, on: date) -> None:
    values = PaymentValues(f"P-{loan.loan_no}-{on}-{amount_minor}", loan.loan_no, amount_minor, "USD", on)
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, values, now=now, origin="test")


def _something_happens(rng: random.Random, loan: Built) -> None:
    on = date(2026, 3, rng.randrange(3, 31))
    at = datetime(on.year, on.month, on.day, 12, tzinfo=START.tzinfo)
    what = rng.choice(
        (
            "nothing",
            "paid",
            "paid",
            "part",
            "all",
            "after",
            "back-dated",
            "plan",
            "taken",
            "consent",
            "twice",
            "theft",
            "disputed",
        )
    )
    if what == "paid":
        pay(loan, 10_000, now=at, on=on)
    elif what == "twice":
        pay(loan, 5_000, now=at, on=on)
        pay(loan, 15_000, now=at + DAY, on=on)
    elif what == "part":
        pay(loan, rng.randrange(1, 10_000), now=at, on=on)
    elif what == "all":
        pay(loan, 60_000, now=at, on=on)
    elif what == "after":
        pay(loan, 10_000, now=APRIL_2 - DAY, on=date(2026, 4, 1))
    elif what == "back-dated":
        pay(loan, 10_000, now=at, on=date(2026, 2, 20))
    elif what == "plan":
        replan(loan, [date(2026, 3, 10), date(2026, 5, 1)], now=at)
    elif what == "taken":
        tell(loan, a_pledge(loan, now=at), "taken", on, now=at)
    elif what == "theft":
        with unit_of_work() as work:
            teller = Teller("staff:Ann", loan.lender_id, "supervisor")
            put_hold(work, loan.borrower_id, HoldValues("identity_theft"), teller=teller, now=at)
    elif what == "disputed":
        with unit_of_work() as work:
            open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", "not_mine", "No."), now=at)
    elif what == "consent":
        consent(loan, now=at, given=rng.random() < 0.5)


def frozen(lender: str) -> dict[str, dict[str, Any]]:
    """Freeze March, read its rows, and take all back."""
    with unit_of_work() as work:
        snapshot_id = credit_snapshots.begin_snapshot(work, lender, BUREAU, MARCH, by="staff:Ann", now=APRIL_2)
    with unit_of_work() as work:
        credit_snapshots.freeze_page(work, snapshot_id, now=APRIL_2)
    rows = rows_of(snapshot_id)
    names = [column.key for column in next(iter(rows.values())).__table__.columns]
    left_out = ("snapshot_id", "sha256", "people_sealed")
    told = {key: {name: getattr(row, name) for name in names if name not in left_out} for key, row in rows.items()}
    for key, row in rows.items():
        told[key]["named"] = row.people_sealed is not None
    with unit_of_work() as work:
        decide_snapshot(work, lender, snapshot_id, approve=False, by="staff:Ben", now=APRIL_2, reason="again")
    return told


@pytest.mark.parametrize("seed", range(3))
def test_both_ways_freeze_the_same_rows(app: Flask, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lender, built = a_book(random.Random(f"month:{seed}"))
    went: list[str] = []
    real = credit_continuations.continue_loans
    monkeypatch.setattr(credit_months, "continue_loans", lambda *a, **k: _noted(real(*a, **k), went))

    short = frozen(lender)

    monkeypatch.setattr(credit_months, "continue_loans", lambda *a, **k: {})
    monkeypatch.setattr(credit_quiet_gates, "_groups", lambda *a, **k: [])
    assert short == frozen(lender)
    assert 3 <= len(went) < len(built)


def _noted(found: dict[str, Any], went: list[str]) -> dict[str, Any]:
    went.extend(found)
    return found


def test_a_page_costs_no_statement_for_each_loan(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    lender, _ = a_book(random.Random("ledgers"), loans=12)
    asked: list[int] = []
    real = positions.load_ledgers
    monkeypatch.setattr(
        "app.services.credit_facts.load_ledgers", lambda session, ids: (asked.append(len(ids)), real(session, ids))[1]
    )

    frozen(lender)

    assert len(asked) == 1
    assert asked[0] < 12
