"""The month that goes on from the month before is the one that the ledgers give, row by row, whatever happened since."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, update

from app.domain.book import BorrowerValues, PaymentValues
from app.domain.disputes import DisputeValues
from app.domain.hold_terms import HoldValues
from app.persistence.db import db, vault
from app.persistence.models.loans import LoanRow
from app.persistence.queries import positions
from app.persistence.unit_of_work import unit_of_work
from app.services import credit_continuations, credit_months, credit_people, credit_quiet_gates, credit_snapshots
from app.services.borrowers import put_borrower
from app.services.credit_files import decide_snapshot, submit_snapshot
from app.services.credit_people import people_place
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


def a_book(rng: random.Random, loans: int = 24, what: str | None = None, code: str = "acme") -> tuple[str, list[Built]]:
    """A lender with loans, current and late, reported for February; then something happens to them in March.

    `what`: the same to all of them. Of the late ones half are held since before they were ever reported.
    """
    lender = build_lender(
        now=START, code=code, jurisdiction="US", role="first_party", role_reason="own", licence_kind="bank"
    )
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
            if number % 6 == 0:
                held(loan, now=START - DAY)
        else:
            pay(loan, 10_000, now=START - 5 * DAY, on=date(2026, 2, 1))
            enrol(loan, kind="positive")
        built.append(loan)
    snapshot_id = approved(lender, FEBRUARY)
    filed(lender, snapshot_id)
    submit_snapshot(lender, snapshot_id, reference="S-1", by="staff:Ann", now=START)
    for number, loan in enumerate(built):
        _something_happens(rng, loan, what or rng.choice(HAPPENINGS if number else ("nothing",)))
    return lender, built


def held(loan: Built, *, now: datetime) -> None:
    """Nothing of the loan is furnished from now on."""
    with unit_of_work() as work:
        teller = Teller("staff:Ann", loan.lender_id, "supervisor")
        put_hold(work, loan.borrower_id, HoldValues("identity_theft"), teller=teller, now=now)


def pay(loan: Built, amount_minor: int, *, now: datetime, on: date) -> None:
    values = PaymentValues(f"P-{loan.loan_no}-{on}-{amount_minor}", loan.loan_no, amount_minor, "USD", on)
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, values, now=now, origin="test")


HAPPENINGS = (
    "nothing", "paid", "paid", "part", "all", "after", "back-dated", "plan", "taken", "consent", "twice", "theft",
    "disputed", "moved", "other terms",
)  # fmt: skip


def _something_happens(rng: random.Random, loan: Built, what: str) -> None:
    on = date(2026, 3, rng.randrange(3, 31))
    at = datetime(on.year, on.month, on.day, 12, tzinfo=START.tzinfo)
    money = {
        "paid": [(10_000, at, on)],
        "twice": [(5_000, at, on), (15_000, at + DAY, on)],
        "part": [(rng.randrange(1, 10_000), at, on)],
        "all": [(60_000, at, on)],
        "after": [(10_000, APRIL_2 - DAY, date(2026, 4, 1))],
        "back-dated": [(10_000, at, date(2026, 2, 20))],
    }
    for amount_minor, known_at, paid_on in money.get(what, ()):
        pay(loan, amount_minor, now=known_at, on=paid_on)
    if what == "plan":
        replan(loan, [date(2026, 3, 10), date(2026, 5, 1)], now=at)
    elif what == "taken":
        tell(loan, a_pledge(loan, now=at), "taken", on, now=at)
    elif what == "theft":
        held(loan, now=at)
    elif what == "moved":
        moved(loan, now=at)
    elif what == "other terms":
        other_terms(loan)
    elif what == "disputed":
        with unit_of_work() as work:
            open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", "not_mine", "No."), now=at)
    elif what == "consent":
        consent(loan, now=at, given=rng.random() < 0.5)


def moved(loan: Built, *, now: datetime) -> None:
    """The borrower has another name and address."""
    values = {**PERSON, "name": "Ann Stone", "address_lines": ("9 Elm St", "Boston, MA 02108")}
    with unit_of_work() as work:
        put_borrower(work, BorrowerValues(loan.borrower_no, **values), now=now, origin="test")


def other_terms(loan: Built) -> None:
    """The loan's record says otherwise how money is spread, and its ledger does not show it."""
    with unit_of_work() as work:
        contract = {"allocation": "cn-civil-code-561"}
        work.session.execute(update(LoanRow).where(LoanRow.id == loan.loan_id).values(contract=contract))


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
        told[key]["named"] = vault().open(row.people_sealed, place=people_place(snapshot_id, key))
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
    monkeypatch.setattr(credit_months, "go_on_with_people", lambda *a, **k: {})
    monkeypatch.setattr(credit_quiet_gates, "_groups", lambda *a, **k: [])
    assert short == frozen(lender)
    assert 3 <= len(went) < len(built)
    assert any(short[loan_id]["reason"] == "HOLD" and short[loan_id]["last_snapshot_id"] is None for loan_id in went)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Note the statements that run meanwhile."""
    ran: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        ran.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def _noted(found: dict[str, Any], went: list[str]) -> dict[str, Any]:
    went.extend(found)
    return found


def late_and_held(monkeypatch: pytest.MonkeyPatch) -> tuple[str, Built, list[str]]:
    """A loan that was late in February and never furnished, and the loans that go on without their ledgers in March."""
    lender, (loan, *_) = a_book(random.Random("held"), loans=2, what="nothing")
    went: list[str] = []
    real = credit_continuations.continue_loans
    monkeypatch.setattr(credit_months, "continue_loans", lambda *a, **k: _noted(real(*a, **k), went))
    return lender, loan, went


def test_what_was_never_furnished_goes_on_with_what_was_worked_out(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    lender, loan, went = late_and_held(monkeypatch)

    row = frozen(lender)[loan.loan_id]

    assert loan.loan_id in went
    assert (row["reason"], row["status"], row["history"][:3]) == ("HOLD", "78", "110")


def test_other_terms_send_what_was_never_furnished_to_its_ledger(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    lender, loan, went = late_and_held(monkeypatch)
    other_terms(loan)

    assert frozen(lender)[loan.loan_id]["reason"] == "HOLD"
    assert loan.loan_id not in went


def test_a_name_is_opened_anew_only_where_the_borrowers_record_changed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    lender, built = a_book(random.Random("names"), loans=3, what="paid")
    moved(built[1], now=START + DAY)
    read: list[str] = []
    real = credit_people.person_of
    monkeypatch.setattr(credit_people, "person_of", lambda ring, loan: (read.append(loan.id), real(ring, loan))[1])

    rows = frozen(lender)

    assert read == [built[1].loan_id]
    assert {loan.loan_id: '"surname":"Stone"' in (rows[loan.loan_id]["named"] or "") for loan in built[1:]} == {
        built[1].loan_id: True, built[2].loan_id: False,
    }  # fmt: skip


@pytest.mark.parametrize("what", ["nothing", "paid", "part"])
def test_a_larger_page_costs_as_many_statements(app: Flask, what: str) -> None:
    counts = []
    for code, loans in (("few", 6), ("many", 18)):
        lender, _ = a_book(random.Random(what), loans=loans, what=what, code=code)
        with unit_of_work() as work:
            snapshot_id = credit_snapshots.begin_snapshot(work, lender, BUREAU, MARCH, by="staff:Ann", now=APRIL_2)
        with statements() as ran, unit_of_work() as work:
            credit_snapshots.freeze_page(work, snapshot_id, now=APRIL_2)
        counts.append(len(ran))

    assert counts[0] == counts[1]


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
