"""Tapes through files: terms, facts, whose day, what is passed over, and lines that name an account."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from sqlalchemy import select

from app.domain.errors import RefusedError
from app.persistence.db import session
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow, LoanTapeRow, UnmatchedPaymentRow
from app.persistence.queries.lenders import find_lender
from app.services.book import differences
from app.services.imports.days import later_day
from app.services.imports.reports import ImportReport
from app.services.imports.runs import import_file
from app.services.loan_accounts import standing_orders_of
from app.services.mismatches import mismatches
from tests.builders.stored_book import stored_lender
from tests.conftest import START

LENDER = {"code": "acme", "name": "Acme", "jurisdiction": "US", "zone": "America/New_York", "currency": "USD"}
TAPE: dict[str, Any] = {
    "about": "A tape.",
    "lender": LENDER,
    "as_of": {"constant": "2026-02-28"},
    "columns": {
        "loan_no": {"header": "id", "type": "text", "required": True},
        "account_no": {"header": "account", "type": "text"},
        "principal": {"header": "lent", "type": "amount", "required": True},
        "count": {"header": "months", "type": "whole", "required": True},
        "rate": {"header": "rate", "type": "rate", "percent": True, "decimals": 6},
        "month": {"header": "month", "type": "date", "formats": ["%b-%Y"], "day": 1},
        "days_past_due_from": {"header": "state", "type": "whole", "codes": {"ok": "0", "late": "16", "lost": ""}},
        "days_past_due_to": {"header": "state", "type": "whole", "codes": {"ok": "0", "late": "30", "lost": ""}},
        "principal_balance": {"header": "left", "type": "amount", "tolerance": "0.005"},
    },
    "key": ["loan_no"],
    "records": {
        "loan": {
            "loan_no": "loan_no",
            "account_no": "account_no",
            "borrower_no": {"join": [{"constant": "acme-"}, "loan_no"]},
            "principal": "principal",
            "disbursed_on": "month",
            "maturity_on": {"after": "month", "months": "count"},
            "contract": {
                "annual_rate": "rate",
                "instalments": "count",
                "first_due_on": {"after": "month", "day": 12},
                "x_second": {"after": "month", "day": 12, "months": 1},
            },
        },
        "tape": {"facts": ["principal_balance", "days_past_due_from", "days_past_due_to"]},
    },
}
STATEMENT: dict[str, Any] = {
    "about": "A statement.",
    "lender": LENDER,
    "skip": {"where": [{"column": "what", "in": ["rent", None], "as": "no_loan"}]},
    "columns": {
        "reference": {"header": "ref", "type": "text", "required": True},
        "account_no": {"header": "account", "type": "text", "required": True},
        "value_on": {"header": "day", "type": "date", "formats": ["%Y-%m-%d"], "required": True},
        "amount": {"header": "amount", "type": "amount", "required": True},
        "what": {"header": "what", "type": "code", "codes": {"L": "loan", "R": "rent"}},
    },
    "key": ["reference"],
    "group": "account_no",
    "loan_by": "account",
    "records": {
        "entries": [
            {"reference": "reference", "kind": {"constant": "repayment"}, "amount": "amount", "effective_on": "value_on"}
        ]
    },
}
HEADER = "id,account,lent,months,rate,month,state,left"
LINES = "ref,account,day,amount,what"

TakeIn = Callable[..., ImportReport]


def _tape(loan_no: str = "L1", state: str = "ok", left: str = "200.00", account: str = "77") -> str:
    return f"{loan_no},{account},200.00,12,12.210000000000001,Jan-2026,{state},{left}"


@pytest.fixture
def take_in(tmp_path: Path) -> TakeIn:
    """A function that writes a map (of one document or several) and lines, and imports them."""

    def run(given: dict[str, Any] | list[dict[str, Any]], *lines: str, **options: Any) -> ImportReport:
        documents = given if isinstance(given, list) else [given]
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump_all(documents))
        (tmp_path / "mine.csv").write_text("\n".join([*lines, ""]))
        return import_file(tmp_path / "mine.csv", str(tmp_path / "mine.yaml"), now=START, **options)

    return run


def _loan(loan_no: str = "L1") -> LoanRow:
    session().rollback()
    return session().scalars(select(LoanRow).where(LoanRow.loan_no == loan_no)).one()


def test_a_tape_makes_the_loan_with_its_terms_and_keeps_what_the_core_says(app: Flask, take_in: TakeIn) -> None:
    report = take_in(TAPE, HEADER, _tape(state="late", left="150.0012345678"))

    loan = _loan()
    assert (report.accepted, report.as_of, report.differing) == (1, "2026-02-28", 1)
    assert loan.contract == {
        "annual_rate": "0.1221",
        "instalments": 12,
        "first_due_on": "2026-01-12",
        "x_second": "2026-02-12",
    }
    assert (loan.disbursed_on, loan.maturity_on) == (date(2026, 1, 1), date(2027, 1, 1))
    assert session().scalar(select(BorrowerRow.borrower_no)) == "acme-L1"
    facts = session().scalar(select(LoanTapeRow.facts).where(LoanTapeRow.as_of == date(2026, 2, 28)))
    assert facts == {"principal_balance": 15000, "days_past_due_from": 16, "days_past_due_to": 30}
    listed = [(each.mismatch.kind, each.mismatch.core, each.mismatch.ours) for each in mismatches(session(), "acme")]
    assert listed == [("principal_balance", 15000, 20000), ("days_past_due", 16, 0)]


def test_what_the_core_does_not_say_is_left_out(sqlite_book: Flask, take_in: TakeIn) -> None:
    take_in(TAPE, HEADER, _tape(state="lost"))

    assert session().scalars(select(LoanTapeRow.facts)).one() == {"principal_balance": 20000}


@pytest.mark.parametrize(
    ("start", "on_day", "months", "later"),
    [
        (date(2026, 1, 11), 12, 0, date(2026, 1, 12)),
        (date(2026, 1, 12), 12, 0, date(2026, 2, 12)),
        (date(2025, 12, 31), 12, 1, date(2026, 2, 12)),
        (date(2028, 1, 31), None, 1, date(2028, 2, 29)),
        (date(2026, 11, 30), None, 13, date(2027, 12, 30)),
        (date(2026, 3, 31), 28, 0, date(2026, 4, 28)),
    ],
)
def test_a_later_day_is_of_the_calendar(start: date, on_day: int | None, months: int, later: date) -> None:
    assert later_day(start, on_day, months) == later


def test_what_a_row_says_in_no_known_way_is_rejected_and_the_others_are_not(sqlite_book: Flask, take_in: TakeIn) -> None:
    report = take_in(
        TAPE,
        HEADER,
        _tape(),
        _tape("L2", state="gone"),
        _tape("L3", left="1.2345.6"),
        "L4,,1.00,12,12.21001,Jan-2026,ok,1",
    )

    assert [(each.row, each.column) for each in report.rejections] == [(3, "state"), (4, "left"), (5, "rate")]
    assert report.accepted == 1


def test_an_older_tape_is_refused_and_forced_replaces_no_newer_figure(sqlite_book: Flask, take_in: TakeIn) -> None:
    take_in(TAPE, HEADER, _tape(left="150.00"))

    with pytest.raises(RefusedError, match="older than the newest"):
        take_in(TAPE, HEADER, _tape(left="170.00"), as_of=date(2026, 1, 31))
    take_in(TAPE, HEADER, _tape(left="170.00"), as_of=date(2026, 1, 31), force=True)

    loan = _loan()
    assert (loan.core_as_of, (loan.core_figures or {})["principal_balance_minor"]) == (date(2026, 2, 28), 15000)
    assert len(session().scalars(select(LoanTapeRow)).all()) == 2


def test_the_version_of_a_loan_rises_with_the_cores_figures_alone(sqlite_book: Flask, take_in: TakeIn) -> None:
    take_in(TAPE, HEADER, _tape(left="150.00"))
    before = _loan().version

    take_in(TAPE, HEADER, _tape(left="150.00"))
    same = _loan().version
    take_in(TAPE, HEADER, _tape(left="140.00"))

    assert (same, _loan().version) == (before, before + 1)


def test_a_file_that_does_not_say_its_day_is_told_it(sqlite_book: Flask, take_in: TakeIn) -> None:
    asking = TAPE | {"as_of": {"with_the_file": True}}

    with pytest.raises(RefusedError, match="say it with --as-of"):
        take_in(asking, HEADER, _tape())
    with pytest.raises(RefusedError, match="--as-of would mean nothing"):
        take_in(STATEMENT, LINES, as_of=date(2026, 1, 1))

    assert take_in(asking, HEADER, _tape(), as_of=date(2026, 2, 1)).as_of == "2026-02-01"


def test_a_day_that_is_said_and_another_in_the_file_is_refused(sqlite_book: Flask, take_in: TakeIn) -> None:
    dated = {
        **TAPE,
        "as_of": "day",
        "columns": TAPE["columns"] | {"day": {"header": "day", "type": "date", "formats": ["%Y-%m-%d"]}},
    }

    with pytest.raises(RefusedError, match="said to be of 2026-02-01 and 2026-01-01"):
        take_in(dated, f"{HEADER},day", f"{_tape()},2026-01-01", as_of=date(2026, 2, 1))


def test_rows_about_something_else_are_counted_apart(sqlite_book: Flask, take_in: TakeIn) -> None:
    report = take_in(
        STATEMENT,
        LINES,
        "1,77,2026-01-12,10.00,L",
        "1,77,2026-01-12,10.00,L",
        "2,77,2026-01-12,not read,R",
        "3,77,2026-01-12,5.00,",
        "4,77,2026-01-12,5.00,X",
    )

    counts = report.counts()
    assert (counts["accepted"], counts["duplicates"], counts["rejected"]) == (1, 1, 1)
    assert counts["skipped"] == {"no_loan": 2}
    assert counts["read"] == 5


def test_a_line_that_names_an_account_is_booked_on_its_loan(app: Flask, take_in: TakeIn) -> None:
    take_in(TAPE, HEADER, _tape())

    report = take_in(STATEMENT, LINES, "1,77,2026-01-12,10.00,L")
    again = take_in(STATEMENT, LINES, "1,77,2026-01-12,10.00,L")

    entry = session().scalars(select(LedgerEntryRow)).one()
    assert (entry.loan_id, entry.amount_minor, entry.effective_on) == (_loan().id, 1000, date(2026, 1, 12))
    assert (report.done["payments_recorded"], again.done["payments_duplicate"]) == (1, 1)


def test_a_line_of_an_account_without_a_loan_waits_and_is_booked_when_the_loan_comes(app: Flask, take_in: TakeIn) -> None:
    take_in(STATEMENT, LINES, "1,77,2026-01-12,10.00,L")
    waiting = session().scalars(select(UnmatchedPaymentRow)).one()
    assert (waiting.loan_no, waiting.reason, waiting.matched_at) == ("account 77", "unknown-loan", None)

    take_in(TAPE, HEADER, _tape())

    again = take_in(STATEMENT, LINES, "1,77,2026-01-12,10.00,L")
    assert session().scalars(select(LedgerEntryRow.loan_id)).all() == [_loan().id]
    assert again.done["payments_duplicate"] == 1
    assert session().scalars(select(UnmatchedPaymentRow.matched_at)).one() is not None
    assert list(differences(session())) == []


def test_a_line_that_cannot_be_booked_on_its_loan_stays_listed_under_it(sqlite_book: Flask, take_in: TakeIn) -> None:
    take_in(STATEMENT, LINES, "1,77,2026-01-12,10.00,L")
    take_in(TAPE | {"currency": "EUR"}, HEADER, _tape())

    again = take_in(STATEMENT, LINES, "1,77,2026-01-12,10.00,L")

    waiting = session().scalars(select(UnmatchedPaymentRow)).one()
    assert (waiting.loan_no, waiting.reason) == ("L1", "currency-mismatch")
    assert (again.rejected, again.done["payments_unmatched"]) == (0, 1)


def test_a_line_of_an_account_with_two_loans_is_nobodys_guess(sqlite_book: Flask, take_in: TakeIn) -> None:
    take_in(TAPE, HEADER, _tape(), _tape("L2"))

    report = take_in(STATEMENT, LINES, "1,77,2026-01-12,10.00,L")

    assert report.done["payments_unmatched"] == 1


def test_standing_orders_are_listed_with_the_loan_of_their_account(sqlite_book: Flask, take_in: TakeIn) -> None:
    orders = {
        **STATEMENT,
        "columns": {name: STATEMENT["columns"][name] for name in ("reference", "account_no", "amount", "what")},
        "records": {"standing_order": {"reference": "reference", "amount": "amount"}},
    }
    take_in(TAPE, HEADER, _tape())

    first = take_in(orders, "ref,account,amount,what", "8,77,17.00,L", "9,88,3.00,L", "10,77,1.00,R")
    again = take_in(orders, "ref,account,amount,what", "8,77,18.00,L", "9,88,3.00,L", "10,77,1.00,R")

    lender = find_lender(session(), "acme")
    assert lender is not None
    listed = [(each.reference, each.loan_no, each.amount_minor) for each in standing_orders_of(session(), lender.id)]
    assert listed == [("8", "L1", 1800), ("9", None, 300)]
    assert first.done == {"standing_orders_created": 2}
    assert again.done == {"standing_orders_changed": 1, "standing_orders_unchanged": 1}


def test_the_header_of_a_file_says_which_part_of_a_map_reads_it(sqlite_book: Flask, take_in: TakeIn) -> None:
    parts = [TAPE | {"part": "loans"}, STATEMENT | {"part": "statement"}]

    assert take_in(parts, LINES).map == "mine/statement"
    assert take_in(parts, HEADER).map == "mine/loans"
    with pytest.raises(RefusedError, match="columns of none of mine/loans, mine/statement"):
        take_in(parts, "a,b")


def test_parts_of_a_map_need_names(sqlite_book: Flask, take_in: TakeIn) -> None:
    with pytest.raises(RefusedError, match="document 2: each of several documents needs a `part`"):
        take_in([TAPE | {"part": "loans"}, STATEMENT], LINES)


def test_a_loan_a_tape_leaves_out_is_flagged(sqlite_book: Flask, take_in: TakeIn) -> None:
    take_in(TAPE, HEADER, _tape(), _tape("L2"), as_of=date(2026, 2, 1))

    report = take_in(TAPE, HEADER, _tape())

    assert report.done["loans_absent"] == 1
    assert (_loan("L1").marks, _loan("L2").marks) == ([], ["absent_from_tape"])


def test_the_same_tape_again_changes_nothing(sqlite_book: Flask, take_in: TakeIn) -> None:
    stored_lender()
    take_in(TAPE, HEADER, _tape(state="late"))

    again = take_in(TAPE, HEADER, _tape(state="late"))

    assert {name for name, count in again.done.items() if count} == {"loans_unchanged"}
