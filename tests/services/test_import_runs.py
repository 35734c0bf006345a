"""What a file may do to the book, and for what it is refused whole with nothing written."""

import gzip
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from flask import Flask
from sqlalchemy import func, select

from app.domain.errors import RefusedError
from app.persistence.db import Base, session
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import ImportRunRow, LedgerEntryRow, LoanRow, LoanTapeRow, PlanVersionRow
from app.persistence.queries.ledger import page_unmatched
from app.persistence.unit_of_work import unit_of_work
from app.services.book import differences, positions_on, rows_of
from app.services.imports.maps import FOLDER
from app.services.imports.reports import MASK, ImportReport
from app.services.imports.runs import Controls, import_file
from app.services.loans import put_loan
from tests.builders.book_values import loan_values
from tests.builders.locks import wait_until_blocked
from tests.builders.stored_book import stored_lender, stored_loan
from tests.conftest import START

TAPE_HEADER = "as_of,loan_no,borrower_no,currency,status,principal,disbursed_on,principal_balance"
PLAN_HEADER = "loan_no,row_no,due_on,principal,interest,paid_on"
PAYMENT_HEADER = "payment_ref,loan_no,value_on,amount,kind,reverses_ref"
BORROWER_HEADER = "borrower_no,name,phone,email,zone,consents,flags"

TakeIn = Callable[..., ImportReport]


@pytest.fixture
def take_in(tmp_path: Path) -> TakeIn:
    """A function that writes lines to a file and imports it."""

    def run(map_name: str, *lines: str, encoding: str = "utf-8", now: datetime = START, **options: object) -> ImportReport:
        path = tmp_path / f"{map_name}.csv"
        path.write_bytes("\n".join([*lines, ""]).encode(encoding))
        return import_file(path, map_name, now=now, **options)  # type: ignore[arg-type]

    return run


def _tape(loan_no: str = "L1", *, as_of: str = "2026-03-01", currency: str = "USD", balance: str = "200.00") -> str:
    return f"{as_of},{loan_no},B-{loan_no},{currency},active,200.00,2026-01-05,{balance}"


def _plan(loan_no: str = "L1", *, paid_on: str = "", second: str = "100.00") -> list[str]:
    return [f"{loan_no},1,2026-02-05,100.00,2.00,{paid_on}", f"{loan_no},2,2026-03-05,{second},1.00,"]


def _book(take_in: TakeIn) -> None:
    stored_lender()
    take_in("loans", TAPE_HEADER, _tape())
    take_in("plan", PLAN_HEADER, *_plan(paid_on="2026-02-04"))


def _everything() -> dict[str, int]:
    session().rollback()
    return {
        table.name: session().scalar(select(func.count()).select_from(table)) or 0 for table in Base.metadata.sorted_tables
    }


def test_standard_files_make_a_book(app: Flask, take_in: TakeIn) -> None:
    _book(take_in)

    (shown,) = positions_on(session(), date(2026, 3, 6))
    assert (shown.position.principal_outstanding_minor, shown.position.overdue_minor) == (10000, 10100)
    assert [(row.row_no, row.paid_on) for row in rows_of(session())] == [(1, date(2026, 2, 4)), (2, None)]
    assert session().scalar(select(BorrowerRow.borrower_no)) == "B-L1"
    assert list(differences(session())) == []


def test_the_same_files_again_change_nothing(app: Flask, take_in: TakeIn) -> None:
    _book(take_in)
    before = _everything()

    take_in("loans", TAPE_HEADER, _tape())
    take_in("plan", PLAN_HEADER, *_plan(paid_on="2026-02-04"))

    assert _everything() == before | {"import_runs": before["import_runs"] + 2}


def test_a_changed_row_is_a_new_version_and_what_was_known_stays(app: Flask, take_in: TakeIn) -> None:
    _book(take_in)
    later = datetime(2026, 3, 10, tzinfo=UTC)

    take_in("plan", PLAN_HEADER, *_plan(paid_on="2026-02-04", second="90.00"), now=later)

    anchors = session().execute(select(PlanVersionRow.anchor_no, PlanVersionRow.recorded_at).order_by("anchor_no")).all()
    assert [anchor for anchor, _ in anchors] == [1, 2]
    assert anchors[1][1] == later
    (then,) = positions_on(session(), date(2026, 3, 6), known_at=START)
    (now,) = positions_on(session(), date(2026, 3, 6))
    assert (then.position.overdue_minor, now.position.overdue_minor) == (10100, 9100)


def test_a_payment_date_that_a_later_file_corrects_is_taken_back_and_booked_again(app: Flask, take_in: TakeIn) -> None:
    _book(take_in)

    take_in("plan", PLAN_HEADER, *_plan(paid_on="2026-02-05"))
    corrected = [row.paid_on for row in rows_of(session())]
    take_in("plan", PLAN_HEADER, *_plan(paid_on=""))
    taken_back = [row.paid_on for row in rows_of(session())]
    take_in("plan", PLAN_HEADER, *_plan(paid_on="2026-02-04"))

    assert corrected == [date(2026, 2, 5), None]
    assert taken_back == [None, None]
    assert [row.paid_on for row in rows_of(session())] == [date(2026, 2, 4), None]
    assert session().scalar(select(func.count()).select_from(LedgerEntryRow)) == 5
    assert list(differences(session())) == []


def test_a_row_that_cannot_be_read_deletes_no_instalment(sqlite_book: Flask, take_in: TakeIn) -> None:
    _book(take_in)

    report = take_in("plan", PLAN_HEADER, _plan(paid_on="2026-02-04")[0], "L1,2,2026-99-05,100.00,1.00,")

    assert report.rejected == 1
    assert [row.row_no for row in rows_of(session())] == [1, 2]


def test_payments_reversals_and_strangers(app: Flask, take_in: TakeIn) -> None:
    _book(take_in)

    report = take_in(
        "payments",
        PAYMENT_HEADER,
        "R1,L1,2026-03-02,50.00,reversal,P1",
        "P1,L1,2026-03-01,50.00,repayment,",
        "P2,L9,2026-03-01,5.00,repayment,",
        "P3,L1,2026-03-03,5.00,repayment,",
        "P4,L1,2026-03-01,-5.00,repayment,",
    )

    assert report.done["payments_unmatched"] == 2
    assert [tuple(each) for each in report.rejections] == [
        (5, "value_on", "2026-03-03", "the value date is in the future"),
        (6, "amount", "-5.00", "the amount is negative; a payment taken back is a reversal"),
    ]
    (shown,) = positions_on(session(), date(2026, 3, 6))
    assert shown.position.principal_outstanding_minor == 10000


def test_loans_a_tape_leaves_out_are_marked_not_deleted(app: Flask, take_in: TakeIn) -> None:
    stored_lender()
    take_in("loans", TAPE_HEADER, _tape("L1", as_of="2026-02-01"), _tape("L2", as_of="2026-02-01"))
    take_in("loans", TAPE_HEADER, _tape("L1", as_of="2026-02-02"), _tape("L3", as_of="2026-99-02"))
    absent = session().execute(select(LoanRow.loan_no, LoanRow.marks).order_by(LoanRow.loan_no)).all()
    session().rollback()
    take_in("loans", TAPE_HEADER, _tape("L1", as_of="2026-02-03"), _tape("L2", as_of="2026-02-03"))

    assert [tuple(row) for row in absent] == [("L1", []), ("L2", ["absent_from_tape"])]
    assert list(session().scalars(select(LoanRow.marks))) == [[], []]


def test_a_forced_older_tape_is_kept_for_its_day_and_undoes_nothing(app: Flask, take_in: TakeIn) -> None:
    stored_lender()
    take_in("loans", TAPE_HEADER, _tape(as_of="2026-02-02", balance="150.00"))
    with pytest.raises(RefusedError, match="older than the newest"):
        take_in("loans", TAPE_HEADER, _tape(as_of="2026-02-01").replace("active", "cancelled"))

    take_in("loans", TAPE_HEADER, _tape(as_of="2026-02-01").replace("active", "cancelled"), force=True)

    assert session().scalar(select(LoanRow.status)) == "active"
    assert session().scalar(select(func.count()).select_from(LoanTapeRow)) == 2


def test_borrowers_come_in_sealed_and_their_values_are_never_shown(app: Flask, take_in: TakeIn) -> None:
    report = take_in(
        "borrowers",
        BORROWER_HEADER,
        "B1,李小明,+8613812345678,li@example.com,Asia/Shanghai,push;sms=no,represented",
        "B2,Ann,0123,ann@example.com,,,",
        "B3,Bob,+8613812345678,,,,",
        "B4,Eve,+8613812345679,not an address,,,",
        "B5,Kim,,,,carrier pigeon,",
    )

    assert report.accepted == 2
    assert report.done["phones_in_use"] == 1
    assert [(each.row, each.column, each.value) for each in report.rejections] == [
        (3, "phone", MASK),
        (5, "email", MASK),
        (6, "consents", "carrier pigeon"),
    ]
    rows = session().scalars(select(BorrowerRow).order_by(BorrowerRow.borrower_no)).all()
    assert [row.phone_zones for row in rows] == [["Asia/Shanghai"], ["Asia/Shanghai"]]
    assert "李小明".encode() not in (rows[0].name_sealed or b"")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["as_of,loan_no", "2026-03-01,L1"], "lacks 6 column"),
        ([TAPE_HEADER, _tape("L1"), _tape("L2", currency="EUR")], "mixes currencies"),
        ([TAPE_HEADER, _tape("L1"), _tape("L2", as_of="2026-02-28")], "two business dates"),
        ([TAPE_HEADER, _tape("L1", as_of="2026-04-01")], "future"),
        ([TAPE_HEADER, '"unfinished'], "not separated text"),
        ([], "no header"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_and_nothing_is_written(
    sqlite_book: Flask, take_in: TakeIn, lines: list[str], message: str
) -> None:
    stored_lender()
    before = _everything()

    with pytest.raises(RefusedError, match=message):
        take_in("loans", *lines)

    assert _everything() == before


def test_a_wrong_encoding_is_named_by_byte_and_line(sqlite_book: Flask, take_in: TakeIn) -> None:
    stored_lender()

    with pytest.raises(RefusedError, match=r"byte 0xe9 at position 95, line 2"):
        take_in("loans", TAPE_HEADER, _tape("Lé"), encoding="latin-1")


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        (Controls(rows=3), "2 data rows; its sender counted 3"),
        (Controls(total="400.01"), "add up to 40000"),
        (Controls(total="four"), "not a decimal"),
    ],
)
def test_control_totals_that_do_not_match_refuse_the_file(
    sqlite_book: Flask, take_in: TakeIn, controls: Controls, message: str
) -> None:
    stored_lender()
    before = _everything()

    with pytest.raises(RefusedError, match=message):
        take_in("loans", TAPE_HEADER, _tape("L1"), _tape("L2"), controls=controls)

    assert _everything() == before
    take_in("loans", TAPE_HEADER, _tape("L1"), _tape("L2"), controls=Controls(2, "400.00"))


def test_a_gzip_file_cut_off_is_refused(sqlite_book: Flask, tmp_path: Path) -> None:
    stored_lender()
    path = tmp_path / "tape.csv.gz"
    path.write_bytes(gzip.compress("\n".join([TAPE_HEADER, *(_tape(f"L{n}") for n in range(500))]).encode())[:-200])

    with pytest.raises(RefusedError, match="damaged or cut off"):
        import_file(path, "loans", now=START)

    assert session().scalar(select(func.count()).select_from(ImportRunRow)) == 0


def test_a_file_without_a_lender_asks_for_one(sqlite_book: Flask, take_in: TakeIn) -> None:
    with pytest.raises(RefusedError, match="name one with --lender"):
        take_in("loans", TAPE_HEADER, _tape())
    with pytest.raises(RefusedError, match="no lender 'nobody'"):
        take_in("loans", TAPE_HEADER, _tape(), lender_code="nobody")


def test_a_plan_for_an_unknown_loan_is_rejected_by_row(sqlite_book: Flask, take_in: TakeIn) -> None:
    stored_lender()

    report = take_in("plan", PLAN_HEADER, *_plan("L7"))

    assert [each.row for each in report.rejections] == [2, 3]
    assert "import the loans first" in report.rejections[0].reason


def test_lenders_come_in_with_their_licence(sqlite_book: Flask, take_in: TakeIn) -> None:
    take_in(
        "lenders",
        "code,name,jurisdiction,zone,currency,licence_kind,licence_no",
        "north,North Loans,CN,Asia/Shanghai,CNY,microloan,京-1",
    )

    lender = session().scalars(select(LenderRow)).one()
    assert (lender.code, lender.currency, lender.licence_kind, lender.locale) == ("north", "CNY", "microloan", "en")


def test_a_lender_says_in_a_file_who_asks_for_the_money(sqlite_book: Flask, take_in: TakeIn) -> None:
    report = take_in(
        "lenders",
        "code,name,jurisdiction,zone,currency,role,role_reason",
        "north,North,US,America/New_York,USD,first_party,lends its own money",
        "south,South,US,America/New_York,USD,first_party,",
    )

    assert [(each.row, each.column) for each in report.rejections] == [(3, "role_reason")]
    lender = session().scalars(select(LenderRow)).one()
    assert (lender.role, lender.role_reason) == ("first_party", "lends its own money")


def test_a_tape_says_the_kind_of_credit_and_whether_it_pays_itself(sqlite_book: Flask, take_in: TakeIn) -> None:
    stored_lender()
    take_in("loans", f"{TAPE_HEADER},product_kind,autopay", f"{_tape('L1')},revolving,yes", f"{_tape('L2')},,no")

    said = session().execute(select(LoanRow.product_kind, LoanRow.autopay).order_by(LoanRow.loan_no))
    assert [tuple(row) for row in said] == [("revolving", True), (None, False)]


def test_an_import_that_died_half_way_is_simply_run_again(app: Flask, tmp_path: Path) -> None:
    stored_lender()
    loans = [_tape(f"L{n:04}") for n in range(650)]
    path = tmp_path / "tape.csv"
    path.write_text("\n".join([TAPE_HEADER, *loans, ""]))

    def die_after_the_first_batch(phase: str, _done: int, _of: int) -> None:
        if phase == "booking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(path, "loans", now=START, progress=die_after_the_first_batch)
    half = session().scalar(select(func.count()).select_from(LoanRow)) or 0
    session().rollback()
    report = import_file(path, "loans", now=START)

    assert 0 < half < 650
    assert (report.done["loans_unchanged"], report.done["loans_created"]) == (half, 650 - half)
    assert session().scalar(select(func.count()).select_from(LoanRow)) == 650
    assert list(differences(session())) == []


def test_a_row_the_status_contradicts_is_rejected_not_guessed(sqlite_book: Flask, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    header = "Loan ID,Instalment No.,Due Date,Principal Due,Interest Due,Date Paid,Status"
    path.write_text(
        "\n".join(
            [
                header,
                'L1,1,01/02/2026,"1,000.00",5.00,,Paid',
                'L1,2,01/03/2026,"1,000.00",5.00,01/03/2026,Unpaid',
                'L1,3,01/04/2026,"1,000.00",5.00,,Promised',
                'L1,4,01/05/2026,"1,000.00",5.00,,Unpaid',
            ]
        )
    )

    report = import_file(path, "02_utf8_bom_thousands_ddmmyyyy", now=START)

    assert [(each.row, each.column) for each in report.rejections] == [(2, None), (3, None), (4, "Status")]
    assert [row.row_no for row in rows_of(session())] == [4]


def test_currencies_without_decimals_and_with_three_keep_their_own_units(sqlite_book: Flask, take_in: TakeIn) -> None:
    stored_lender()
    take_in("loans", TAPE_HEADER, _tape("L1", currency="JPY").replace("200.00", "200"), lender_code="acme")
    report = take_in("plan", PLAN_HEADER, "L1,1,2026-02-05,100,2,", "L1,2,2026-03-05,100.50,2,")

    assert [(each.row, each.reason) for each in report.rejections] == [(3, "has more decimals than JPY (0)")]
    assert [row.principal_minor for row in rows_of(session())] == [100]


def test_a_lender_that_cannot_be_is_rejected_by_row_and_the_others_come_in(app: Flask, take_in: TakeIn) -> None:
    report = take_in(
        "lenders",
        "code,name,jurisdiction,zone,currency",
        "north,North,CN,Asia/Shanghai,CNY",
        "south,South,CN,Asia/Nowhere,CNY",
        f"{'x' * 65},Long,CN,Asia/Shanghai,CNY",
    )

    assert [(each.row, each.column) for each in report.rejections] == [(3, "zone"), (4, "code")]
    assert list(session().scalars(select(LenderRow.code))) == ["north"]


def test_texts_the_book_cannot_hold_are_rejected_by_row(app: Flask, take_in: TakeIn) -> None:
    stored_lender()
    report = take_in(
        "loans",
        TAPE_HEADER,
        _tape("L1"),
        _tape("L\0 2"),
        _tape('"L\n3"').replace('B-"L\n3"', "B3"),
        _tape("L" * 65),
        _tape("L4").replace("B-L4", "B" * 65),
    )
    payments = take_in(
        "payments", PAYMENT_HEADER, f"{'P' * 121},L1,2026-03-01,1.00,repayment,", "P2,L1,2026-03-01,1.00,repayment,"
    )
    borrowers = take_in("borrowers", f"{BORROWER_HEADER},officer", f"B1,Ann,,,,,,{'o' * 121}", "B2,A\x01nn,,,,,,")

    assert [(each.row, each.column) for each in report.rejections] == [
        (3, "loan_no"),
        (4, "loan_no"),
        (6, "loan_no"),
        (7, "borrower_no"),
    ]
    assert [(each.row, each.column) for each in payments.rejections] == [(2, "payment_ref")]
    assert [(each.column, each.value) for each in borrowers.rejections] == [("officer", "o" * 80), ("name", MASK)]


def test_the_first_line_of_a_file_without_header_is_not_shown_where_it_is_a_person(
    sqlite_book: Flask, take_in: TakeIn
) -> None:
    with pytest.raises(RefusedError) as refused:
        take_in("borrowers", "B3,Secret Name,+6421000,x@example.com,,,")

    assert "no header of this map" in refused.value.detail
    assert "Secret" not in refused.value.detail


def test_the_future_begins_tomorrow_where_the_lender_is(sqlite_book: Flask, take_in: TakeIn) -> None:
    stored_lender(zone="Pacific/Auckland")
    evening = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)

    assert take_in("loans", TAPE_HEADER, _tape(as_of="2026-03-03"), now=evening).accepted == 1
    with pytest.raises(RefusedError, match="in the future"):
        take_in("loans", TAPE_HEADER, _tape(as_of="2026-03-04"), now=evening)


def test_utf_16_without_its_mark_is_refused_as_another_encoding(sqlite_book: Flask, tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_bytes("loan\t1\n".encode("utf-16-le"))

    with pytest.raises(RefusedError, match="is not utf-16"):
        import_file(path, "05_excel_unicode_text_utf16", now=START)


def test_a_plan_beyond_what_can_be_added_up_is_rejected(app: Flask, take_in: TakeIn) -> None:
    stored_lender()
    take_in("loans", TAPE_HEADER, _tape("L1"))
    rows = [f"L1,{n},2026-02-05,99999999999999.99,0,," for n in range(1, 12)]

    report = take_in("plan", f"{PLAN_HEADER},fees", *rows)

    assert report.rejected == 11
    assert "more than any loan" in report.rejections[0].reason


def _whole_map(tmp_path: Path, **changes: object) -> str:
    """A map whose rows are loan, plan and payment in one, with the file's day."""
    document = yaml.safe_load((FOLDER / "07_duplicates_conflicts_bad_rows.yaml").read_text(encoding="utf-8"))
    document["lender"]["code"] = "acme"
    path = tmp_path / "whole.yaml"
    path.write_text(yaml.safe_dump(document | changes, sort_keys=False))
    return str(path)


WHOLE_HEADER = "loan_ref,period_no,due_date,due_principal,due_interest,paid_date,status,as_of"


def _whole(tmp_path: Path, *lines: str, **options: object) -> ImportReport:
    path = tmp_path / "whole.csv"
    path.write_text("\n".join([WHOLE_HEADER, *lines, ""]))
    return import_file(path, _whole_map(tmp_path), now=START, **options)  # type: ignore[arg-type]


def test_a_loan_in_another_currency_gets_nothing_of_the_file_and_counts_once(app: Flask, tmp_path: Path) -> None:
    stored_loan(currency="EUR")
    before = _everything()

    report = _whole(tmp_path, "L1,1,2026-02-05,1.00,0.00,2026-02-05,1,2026-03-01", "L1,2,2026-03-05,1.00,0.00,,0,2026-03-01")

    assert [each.row for each in report.rejections] == [2, 3]
    assert (report.rejected, report.accepted) == (2, 0)
    assert _everything() == before | {"import_runs": 1}


def test_a_forced_older_file_of_plans_changes_no_loan_that_a_newer_one_has(app: Flask, tmp_path: Path) -> None:
    stored_lender()
    _whole(tmp_path, "L1,1,2026-02-05,100.00,2.00,2026-02-04,1,2026-02-10")
    session().rollback()

    report = _whole(
        tmp_path,
        "L1,1,2026-02-05,999.00,2.00,,0,2026-01-10",
        "L2,1,2026-02-05,50.00,1.00,,0,2026-01-10",
        force=True,
    )

    assert report.done["loans_newer_already"] == 1
    assert [(row.loan_no, row.principal_minor, row.paid_on) for row in rows_of(session())] == [
        ("L1", 10000, date(2026, 2, 4)),
        ("L2", 5000, None),
    ]


def test_two_imports_of_the_same_new_loans_at_once_both_end_well(app: Flask, tmp_path: Path) -> None:
    lender_id = stored_lender()
    path = tmp_path / "tape.csv"
    path.write_text("\n".join([TAPE_HEADER, *(_tape(f"L{n:02}") for n in range(20)), ""]))

    def take() -> ImportReport:
        with app.app_context():
            return import_file(path, "loans", now=START)

    with ThreadPoolExecutor(1) as pool:
        with unit_of_work() as work:
            put_loan(work, lender_id, loan_values("L07", borrower_no="B-L07"), now=START, origin="test")
            other = pool.submit(take)
            wait_until_blocked(other)
        report = other.result(timeout=30)

    assert (report.done["loans_created"], report.done["loans_changed"], report.rejected) == (19, 1, 0)
    assert session().scalar(select(func.count()).select_from(LoanRow)) == 20


def test_money_a_plan_file_told_of_is_not_booked_again_from_a_payments_file(app: Flask, take_in: TakeIn) -> None:
    _book(take_in)  # row 1, 102.00, paid on 4 February by the plan file

    take_in("payments", PAYMENT_HEADER, "P1,L1,2026-02-04,102.00,repayment,")
    report = take_in(
        "payments",
        PAYMENT_HEADER,
        "P1,L1,2026-02-04,102.00,repayment,",
        "P2,L1,2026-02-04,102.00,repayment,",
        "P3,L1,2026-02-05,102.00,repayment,",
    )

    assert (report.done["payments_unmatched"], report.done["payments_recorded"]) == (1, 2)
    assert [(row.reference, row.reason) for row in page_unmatched(session())] == [("P1", "told-by-plan")]
    assert [row.paid_on for row in rows_of(session())] == [date(2026, 2, 4), date(2026, 2, 4)]


def test_one_payment_of_two_rows_a_plan_file_told_of_is_seen_too(app: Flask, take_in: TakeIn) -> None:
    stored_lender()
    take_in("loans", TAPE_HEADER, _tape())
    take_in("plan", PLAN_HEADER, "L1,1,2026-02-05,100.00,2.00,2026-02-04", "L1,2,2026-03-05,100.00,1.00,2026-02-04")

    report = take_in("payments", PAYMENT_HEADER, "P1,L1,2026-02-04,203.00,repayment,")

    assert report.done["payments_unmatched"] == 1


def test_what_waits_because_a_plan_file_told_of_it_is_booked_when_the_plan_file_takes_it_back(
    app: Flask, take_in: TakeIn
) -> None:
    _book(take_in)
    take_in("payments", PAYMENT_HEADER, "P1,L1,2026-02-04,102.00,repayment,")
    session().rollback()

    take_in("plan", PLAN_HEADER, *_plan(paid_on=""))

    assert page_unmatched(session()) == []
    assert [row.paid_on for row in rows_of(session())] == [date(2026, 2, 4), None]
    assert list(differences(session())) == []


def test_money_a_payments_file_told_of_is_not_booked_again_from_a_plan_file(app: Flask, take_in: TakeIn) -> None:
    stored_lender()
    take_in("loans", TAPE_HEADER, _tape())
    take_in("plan", PLAN_HEADER, *_plan())
    take_in("payments", PAYMENT_HEADER, "P1,L1,2026-02-04,50.00,repayment,", "P2,L1,2026-02-04,52.00,repayment,")

    first = take_in("plan", PLAN_HEADER, *_plan(paid_on="2026-02-04"))
    again = take_in("plan", PLAN_HEADER, *_plan(paid_on="2026-02-04"))

    assert (first.done["payments_known_already"], first.done["payments_recorded"]) == (1, 0)
    assert (again.done["payments_known_already"], again.done["payments_recorded"]) == (1, 0)
    (shown,) = positions_on(session(), date(2026, 3, 1))
    assert shown.position.principal_outstanding_minor == 10000


def test_a_lender_comes_with_its_licence_and_the_days_of_it(app: Flask, take_in: TakeIn) -> None:
    header = (
        "code,name,jurisdiction,zone,currency,licence_kind,licence_no,legal_name,licence_role,licensed_from,licensed_until"
    )
    row = "acme,Acme,CN,Asia/Shanghai,CNY,consumer_finance,L0001,Acme Co.,lender,2020-01-01,2029-12-31"

    take_in("lenders", header, row)

    lender = session().scalars(select(LenderRow)).one()
    assert (lender.legal_name, lender.licence_role) == ("Acme Co.", "lender")
    assert (lender.licensed_from, lender.licensed_until) == (date(2020, 1, 1), date(2029, 12, 31))
