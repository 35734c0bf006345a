"""Bank transfers: what the borrower writes on one, what the statement line becomes, and which reminders leave."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.persistence.db import session
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.unit_of_work import unit_of_work
from app.services.policies import activate_document
from bench.statement_matching import VARIANTS, make_book, send
from tests.builders.journey import Journey
from tests.builders.policies import a_document
from tests.builders.statement_lines import a_line, send_lines
from tests.conftest import START

DUE = date(2026, 3, 9)
LATER = datetime(2026, 3, 30, tzinfo=UTC)
STEPS = [
    {"key": "d-3", "offset_days": -3, "template": "due_soon", "ladder": [{"channel": "in_app"}]},
    {"key": "d+3", "offset_days": 3, "template": "overdue_early", "ladder": [{"channel": "in_app"}]},
]


@pytest.fixture
def journey(app: Flask) -> Journey:
    """A borrower; the policy reminds three days before and after a due date, of 1.00 and more."""
    found = Journey(app)
    found.put_borrower(locale="en")
    with unit_of_work() as work:
        activate_document(work, a_document(steps=STEPS, tolerance={"USD": "1.00"}), author="test", now=START)
    return found


def _ledger() -> list[tuple[str, int, str]]:
    session().rollback()
    rows = session().execute(
        select(LedgerEntryRow.kind, LedgerEntryRow.amount_minor, LedgerEntryRow.reference).order_by(LedgerEntryRow.reference)
    )
    return [(kind, amount, reference) for kind, amount, reference in rows]


def _transfer(journey: Journey, loan_id: str) -> str:
    found: str = journey.me("GET", f"/loans/{loan_id}/transfer-details")["rf_printed"]
    return found


def test_a_transfer_37_cents_short_is_booked_to_the_cent_and_brings_no_reminder(journey: Journey) -> None:
    loan_id = journey.put_loan("L-1", [DUE, date(2026, 6, 9)])

    (result,) = send_lines(journey, a_line(journey, 9_963, reference="B1", payment_reference=_transfer(journey, loan_id)))
    journey.until(LATER)

    assert (result["status"], result["how"]) == ("matched", "exact_reference")
    assert result["why"] == ["reference", "amount_due", "within_tolerance"]
    assert _ledger() == [("repayment", 9_963, "stmt:B1")]
    assert journey.me("GET", f"/loans/{loan_id}/balance")["overdue"]["total"] == journey.money(37)
    assert journey.inbox() == []


def test_without_the_transfer_the_same_loan_is_reminded_of(journey: Journey) -> None:
    journey.put_loan("L-1", [DUE, date(2026, 6, 9)])

    journey.until(LATER)

    assert len(journey.inbox()) == 2


def test_one_transfer_for_two_loans_is_split_between_them(journey: Journey) -> None:
    first = journey.put_loan("L-1", [DUE])
    journey.put_loan("L-2", [DUE + timedelta(days=3)], amount_minor=4_000)

    (result,) = send_lines(journey, a_line(journey, 14_000, reference="B1", words=f"ref {_transfer(journey, first)}"))
    journey.until(LATER)

    assert (result["status"], result["how"]) == ("matched", "split")
    assert _ledger() == [("repayment", 10_000, "stmt:B1"), ("repayment", 4_000, "stmt:B1|2")]
    assert [part["loan_no"] for part in result["parts"]] == ["L-1", "L-2"]
    assert journey.inbox() == []


def test_what_fits_two_loans_is_listed_and_a_person_says_which(journey: Journey) -> None:
    journey.put_loan("L-1", [DUE])
    loan_id = journey.put_loan("L-2", [DUE])

    (result,) = send_lines(journey, a_line(journey, 10_000, reference="B1", words="for L-1 or L-2"))
    (listed,) = journey.desk("GET", "/statement-lines?state=ambiguous")["items"]
    path = f"/statement-lines/{listed['id']}"
    booked = journey.desk("POST", f"{path}/match", {"parts": [{"loan_no": "L-2", "amount": journey.money(10_000)}]})
    journey.until(LATER)

    assert (result["status"], result["parts"], listed["candidates"]) == ("ambiguous", [], ["L-1", "L-2"])
    assert [(part["loan_no"], part["payment_reference"]) for part in booked["parts"]] == [("L-2", "stmt:B1")]
    assert (booked["state"], booked["how"], booked["matched_by"]) == ("matched", "manual", "staff:Wang Fang")
    assert _ledger() == [("repayment", 10_000, "stmt:B1")]
    assert loan_id not in {subject["loan_id"] for each in journey.inbox() for subject in each["about"]}
    assert len(journey.inbox()) == 2
    assert journey.desk("GET", "/statement-lines?state=ambiguous")["items"] == []


def test_a_line_that_comes_twice_counts_once(journey: Journey) -> None:
    loan_id = journey.put_loan("L-1", [DUE])
    line = a_line(journey, 10_000, payment_reference=_transfer(journey, loan_id))

    statuses = [each["status"] for each in [*send_lines(journey, line, line), *send_lines(journey, line)]]

    assert statuses == ["matched", "duplicate", "duplicate"]
    assert len(_ledger()) == 1


def test_money_that_goes_back_is_owed_again(journey: Journey) -> None:
    loan_id = journey.put_loan("L-1", [DUE])
    send_lines(journey, a_line(journey, 10_000, reference="B1", payment_reference=_transfer(journey, loan_id)))

    (result,) = send_lines(journey, a_line(journey, -10_000, reference="B2", returns_reference="B1"))

    assert (result["status"], result["how"]) == ("matched", "return")
    assert _ledger() == [("repayment", 10_000, "stmt:B1"), ("reversal", 10_000, "stmt:B2")]
    assert journey.me("GET", f"/loans/{loan_id}")["outstanding"] == journey.money(10_000)


@pytest.mark.parametrize("first", ["line", "core"])
@pytest.mark.parametrize("named", [True, False])
def test_the_core_and_the_bank_tell_of_the_same_money_and_it_counts_once(journey: Journey, first: str, named: bool) -> None:
    loan_id = journey.put_loan("L-1", [DUE])
    line = a_line(journey, 10_000, reference="B1", payment_reference=_transfer(journey, loan_id))
    by_core = {"bank_reference": "B1"} if named else {}

    if first == "line":
        send_lines(journey, line)
        journey.pay("L-1", 10_000, reference="C1", **by_core)
    else:
        journey.pay("L-1", 10_000, reference="C1", **by_core)
        assert send_lines(journey, line)[0]["how"] == "told"

    assert [entry[1] for entry in _ledger()] == [10_000]


def test_a_line_waits_for_a_plan_that_comes_after_its_loan(journey: Journey) -> None:
    loan = {"borrower_no": journey.borrower_no, "currency": "USD", "principal": journey.money(10_000)}
    rows = [
        {"row_no": n, "due_on": due.isoformat(), "principal": journey.money(5_000)}
        for n, due in enumerate((DUE, date(2026, 6, 9)), start=1)
    ]
    send_lines(journey, a_line(journey, 5_000, reference="B1", words="loan L-9"))
    journey.core("PUT", "/loans/L-9", loan)
    journey.until(START + timedelta(hours=1))
    before = _ledger()
    journey.core("PUT", "/loans/L-9", {**loan, "plan": {"rows": rows}})
    journey.until(LATER)

    assert (before, _ledger()) == ([], [("repayment", 5_000, "stmt:B1")])


def test_a_line_waits_for_its_loan(journey: Journey) -> None:
    (result,) = send_lines(journey, a_line(journey, 10_000, reference="B1", words="loan L-9"))
    journey.put_loan("L-9", [DUE])
    journey.until(LATER)

    assert result["status"] == "unmatched"
    assert _ledger() == [("repayment", 10_000, "stmt:B1")]
    assert journey.inbox() == []
    assert journey.events().count("statement_line.matched.v1") == 1


@pytest.mark.shared
@pytest.mark.parametrize("said", ["account alone", "every reference mistyped, no account"])
def test_real_lines_of_a_bank_find_their_loans_and_no_other(sqlite_book: Flask, shared: Path, said: str) -> None:
    """PKDD'99: 93 of 5,925 lines pay one of 500 loans; the others are for none."""
    found, _ = send(make_book(), VARIANTS[said])

    assert Counter(outcome for outcome, _ in found) == {"right": 93, "aside": 5_832}
