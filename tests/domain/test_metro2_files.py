"""A Metro 2 file: each field at its position, the segments appended, the trailer's totals, written as a stream."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO

import pytest

from app.domain.credit_accounts import CreditAccount, CreditAddress, CreditConsumer, HolderChange, NumberChange, Standing
from app.domain.credit_bureaus import BureauValues, check_bureau
from app.domain.credit_months import account_on
from app.domain.credit_refusals import Refusal
from app.domain.errors import ValidationError
from app.domain.metro2_codes import account_number
from app.domain.metro2_files import write_metro2
from app.domain.metro2_records import Furnisher
from tests.builders.credit_stories import BORROWER, FURNISHER, file_of, loan, months, paid, paid_months
from tests.builders.metro2_reader import read_metro2

AT = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)

WHO = CreditConsumer(
    "García-O'Neil", "Ann", CreditAddress("12 Elm St", "Springfield", "IL", "62704-1234", "Apt 5"), "Lee", "J", "ssn",
    "123456789", date(1980, 2, 29), "2175550123", "2", "D", date(2025, 4, 10),
)  # fmt: skip
OTHER = CreditConsumer("Miller", "Bob", id_kind="ssn", id_number="234567891", relation="2")
AWAY = CreditConsumer(
    "Stone",
    "Eve",
    CreditAddress("9 Oak Rd", "Peoria", "IL", "61602"),
    born_on=date(1979, 1, 2),
    relation="5",
    has_own_address=True,
)
LATE = replace(
    account_on(loan(paid_months(2)), date(2025, 6, 30)),
    consumer=WHO, associated=(OTHER, AWAY), condition_code="XB", is_correction=True, paid_minor=12_399, loan_no="LOAN000001",
    is_secured=True, original_creditor="First Lender", holder_change=HolderChange("sold_to", "Buyer Fund", date(2025, 6, 1)),
    number_change=NumberChange("NEW77", "DUE99999"),
)  # fmt: skip
CHARGED = replace(
    LATE,
    standing=Standing.CHARGED_OFF,
    lost_on=date(2025, 6, 18),
    charge_off_minor=102_099,
    past_due_minor=LATE.balance_minor,
)
PAID = replace(
    LATE, standing=Standing.PAID, closed_on=date(2025, 6, 18), balance_minor=0, past_due_minor=0, scheduled_minor=0,
    last_paid_on=date(2025, 6, 17),
)  # fmt: skip


def _line(account: CreditAccount) -> str:
    return file_of([account]).decode().split("\n")[1]


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, 4, "0848"),  # 426 + J1 100 + J2 200 + K1 34 + K2 34 + L1 54
        (4, 1, "1"),
        (5, 14, "01052026083000"),
        (19, 1, "1"),
        (20, 20, "DUE12345".ljust(20)),
        (40, 2, "  "),
        (42, 30, "LOAN000001".ljust(30)),
        (72, 1, "I"),
        (73, 2, "02"),
        (75, 8, "01012025"),
        (83, 9, "000000000"),
        (92, 9, "000001080"),
        (101, 3, "012"),
        (104, 1, "M"),
        (105, 9, "000000100"),
        (114, 9, "000000123"),
        (123, 2, "82"),
        (125, 1, " "),
        (126, 24, "32100BBBBBBBBBBBBBBBBBBB"),
        (150, 2, "  "),
        (152, 2, "XB"),
        (154, 9, "000001030"),
        (163, 9, "000000300"),
        (172, 9, "000000000"),
        (181, 8, "06302025"),
        (189, 8, "03312025"),
        (197, 8, "00000000"),
        (205, 8, "02012025"),
        (213, 1, " "),
        (214, 17, " " * 17),
        (231, 25, "GARCIA-ONEIL".ljust(25)),
        (256, 20, "ANN".ljust(20)),
        (276, 20, "LEE".ljust(20)),
        (296, 1, "J"),
        (297, 9, "123456789"),
        (306, 8, "02291980"),
        (314, 10, "2175550123"),
        (324, 1, "2"),
        (325, 2, "D "),
        (327, 2, "US"),
        (329, 32, "12 ELM ST".ljust(32)),
        (361, 32, "APT 5".ljust(32)),
        (393, 20, "SPRINGFIELD".ljust(20)),
        (413, 2, "IL"),
        (415, 9, "627041234"),
        (424, 2, "  "),
    ],
)
def test_each_field_of_the_base_segment_stands_at_its_position(start: int, length: int, expected: str) -> None:
    assert _line(LATE)[start : start + length] == expected


def test_the_fields_that_only_an_end_or_a_loss_fills() -> None:
    charged, paid_off = _line(CHARGED), _line(PAID)

    assert (charged[123:125], charged[172:181], charged[163:172]) == ("97", "000001020", charged[154:163])
    # Paid: rated by how late it was, reported as of the day it was paid.
    assert (paid_off[123:126], paid_off[181:189], paid_off[197:205]) == ("134", "06182025", "06182025")
    assert (paid_off[154:172], paid_off[205:213]) == ("0" * 18, "06172025")


def test_what_is_appended_is_read_with_its_own_fields() -> None:
    kinds = dict(read_metro2(file_of([LATE])).accounts[0].appended)

    assert list(kinds) == ["J1", "J2", "K1", "K2", "L1"]
    assert (kinds["J1"]["surname"], kinds["J1"]["ssn"], kinds["J1"]["ecoa"]) == ("MILLER", 234567891, "2")
    assert (kinds["J2"]["city"], kinds["J2"]["born"], kinds["J2"]["ecoa"]) == ("PEORIA", date(1979, 1, 2), "5")
    assert (kinds["K1"]["name"], kinds["K1"]["class"]) == ("FIRST LENDER", 12)
    assert (kinds["K2"]["kind"], kinds["K2"]["name"]) == (2, "BUYER FUND")
    assert (kinds["L1"]["kind"], kinds["L1"]["account_no"], kinds["L1"]["identification_no"]) == (3, "NEW77", "DUE99999")


def test_bought_from_and_a_new_account_number_alone_have_their_own_signs() -> None:
    bought = replace(
        LATE, holder_change=HolderChange("purchased_from", "Seller", date(2025, 6, 1)), number_change=NumberChange("N2")
    )

    kinds = dict(read_metro2(file_of([bought])).accounts[0].appended)

    assert (kinds["K2"]["kind"], kinds["L1"]["kind"]) == (1, 1)


def test_the_header_says_who_reports_and_for_which_day() -> None:
    header = read_metro2(file_of([LATE])).header

    assert (header["activity"], header["created"]) == (date(2025, 6, 30), date(2026, 1, 5))
    assert (header["name"], header["telephone"]) == ("EXAMPLE LENDING", 2175550100)
    assert (header["equifax"], header["experian"], header["software"]) == ("1234567890", "A1234", "DUECOURSE")


def test_the_trailer_counts_what_stands_in_the_file() -> None:
    # The reader counts everything again; here only that the totals are of all accounts.
    accounts = [LATE, CHARGED, PAID, account_on(loan(paid_months(2)), date(2025, 6, 30))]

    trailer = read_metro2(file_of(accounts)).trailer

    assert (trailer["bases"], trailer["blocks"], trailer["J1"], trailer["J2"], trailer["L1"]) == (4, 6, 3, 3, 3)
    assert (trailer["status_82"], trailer["status_97"], trailer["status_13"]) == (2, 1, 1)
    assert (trailer["ssns"], trailer["ssns_J1"], trailer["births"], trailer["telephones"]) == (7, 3, 7, 3)


def test_a_file_is_written_while_the_accounts_still_come() -> None:
    out, seen = BytesIO(), []

    def coming() -> Iterator[CreditAccount]:
        for _ in range(2_500):
            seen.append(out.tell())
            yield PAID

    written = write_metro2(out, FURNISHER, coming(), activity_on=PAID.as_of_on, at=AT)

    assert seen[0] == 0
    assert seen[-1] > 2_000 * 849 - 10_000
    assert written.totals["bases"] == 2_500
    assert read_metro2(out.getvalue()).trailer["status_13"] == 2_500


def test_a_refused_account_is_told_and_left_out() -> None:
    out, told = BytesIO(), []
    wrong = replace(LATE, first_delinquent_on=None)

    def refuse(account: CreditAccount, why: list[Refusal]) -> None:
        told.extend((account.loan_id, each.code) for each in why)

    written = write_metro2(out, FURNISHER, [wrong, LATE], activity_on=LATE.as_of_on, at=AT, refuse=refuse)

    assert (written.refused, told) == (1, [("LOAN1", "DOFD_MISSING")])
    assert len(read_metro2(out.getvalue()).accounts) == 1


def test_without_a_place_for_refusals_the_first_stops_the_file_and_names_the_field() -> None:
    with pytest.raises(ValidationError) as refused:
        file_of([replace(LATE, first_delinquent_on=None)])

    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/accounts/LOAN1/first_delinquent_on", "DOFD_MISSING")
    ]


@pytest.mark.parametrize(
    "furnisher", [Furnisher("1", "A", "B"), Furnisher("00000", "A", "B"), Furnisher("DUE12345", "贷款", "B")]
)
def test_a_furnisher_without_number_or_name_is_refused(furnisher: Furnisher) -> None:
    with pytest.raises(ValidationError):
        file_of([LATE], furnisher)


def test_a_month_without_accounts_makes_no_file() -> None:
    with pytest.raises(ValidationError, match="no account"):
        write_metro2(BytesIO(), FURNISHER, [], activity_on=date(2025, 6, 30), at=AT)


def test_a_deleted_account_is_told_with_its_identity_alone() -> None:
    deleted = replace(LATE, standing=Standing.DELETED, first_delinquent_on=None)

    read = read_metro2(file_of([deleted]))

    assert (read.accounts[0]["status"], read.trailer["status_DA"]) == ("DA", 1)


def test_a_line_of_credit_has_a_limit_and_no_duration() -> None:
    line = account_on(loan([paid(date(2025, 2, 1))], product="revolving"), date(2025, 2, 28))

    read = read_metro2(file_of([line])).accounts[0]

    assert (read["portfolio"], read["account_type"], read["duration"], read["credit_limit"]) == ("C", "15", "LOC", 1_080)


def test_a_loan_number_becomes_an_account_number_by_its_letters_and_digits() -> None:
    assert account_number("ln-2025/0007 é") == "LN20250007"


def test_the_hash_is_of_the_bytes_and_the_same_accounts_give_the_same_bytes() -> None:
    accounts = [months(loan(paid_months(2, 3)), date(2025, 5, 1))[-1]]

    assert file_of(accounts) == file_of(accounts)


def test_personal_data_is_not_in_the_text_of_a_value() -> None:
    assert "Miller" not in repr(BORROWER)
    assert "123456789" not in repr(LATE)


@pytest.mark.parametrize("told", ["Acme\nCredit", "Acme\tCredit", "Acme\r"])
def test_a_line_end_in_the_furnishers_name_breaks_no_header(told: str) -> None:
    for furnisher in (FURNISHER._replace(name=told), FURNISHER._replace(address=told)):
        with pytest.raises(ValidationError):
            write_metro2(BytesIO(), furnisher, [account_on(loan(paid_months(2)), date(2025, 6, 30))],
                         activity_on=date(2025, 6, 30), at=AT)  # fmt: skip
    values = BureauValues("EQUIFAX", "metro2", "ABC12345", told, told)
    with pytest.raises(ValidationError) as refused:
        check_bureau(values)
    assert [each.pointer for each in refused.value.errors] == ["/furnisher_name", "/furnisher_address"]


def test_no_part_of_an_address_moves_what_stands_after_it() -> None:
    where = CreditAddress("x" * 90, "y" * 90, "z" * 9, "1" * 90, "w" * 90, "Cambodia")
    line = _line(replace(account_on(loan(paid_months(2)), date(2025, 6, 30)), consumer=replace(BORROWER, address=where)))
    assert len(line) == 426
    assert line[328:330] == "CA"
