"""PBOC-shaped records: they fit the schema, another reader reads them, and every life of a loan can be told in them."""

from dataclasses import replace
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from app.domain.credit_accounts import CreditAccount, CreditAddress, CreditConsumer, FiveGrade, OverduePrincipal, Standing
from app.domain.credit_histories import month_end
from app.domain.credit_months import CreditLoan, account_on
from app.domain.errors import ValidationError
from app.domain.pboc_checks import DETAILS
from app.domain.pboc_codes import is_citizen_number
from app.domain.pboc_files import check_pboc, write_pboc
from app.domain.pboc_records import Reporter
from app.domain.pboc_schema import check_document
from tests.builders.credit_lives import LIVES, Life
from tests.builders.credit_stories import event, loan, months, paid, paid_months, rows
from tests.builders.pboc_reader import read_pboc
from tests.domain.test_credit_histories import K, lives

REPORTER = Reporter("10100000010001", "110102")
WHO = CreditConsumer(
    "毛", "大力", CreditAddress("海淀区学院路 1 号 <甲>", "北京市", "", "100083", country="CN"), id_kind="cn_id",
    id_number="11010019861111075X", telephone="13800000001",
)  # fmt: skip
GUARANTOR = replace(WHO, surname="茅", first_name="十八", id_number="210782198012268388", relation="5")


def _chinese(life: CreditLoan) -> CreditLoan:
    return replace(life, currency="CNY", consumer=WHO, associated=())


def _file(accounts: list[CreditAccount], record_type: str = "210") -> bytes:
    out = BytesIO()
    write_pboc(out, REPORTER, accounts, record_type=record_type)
    return out.getvalue()


def _read(account: CreditAccount, record_type: str = "210") -> dict[str, Any]:
    data = _file([account], record_type)
    assert check_document(data.decode().strip(), record_type) == []
    return read_pboc(data)[0][1]


LATE = account_on(_chinese(loan(paid_months(2))), date(2025, 9, 30))
CURRENT = account_on(_chinese(loan(paid_months(2, 3, 4))), date(2025, 4, 30))
PAID = months(_chinese(loan([*paid_months(2), paid(date(2025, 4, 11), 110_000)])), date(2025, 4, 1))[-1]


def test_an_account_three_months_late_has_its_principal_by_age() -> None:
    told = _read(LATE)

    # Due on the first of March to September, 90 of principal each: 213, 182, 152, 121, 91, 60 and 29 days past due.
    month = told["AcctMthlyBlgInfSgmt"]
    ages = [month[name] for name in ("OverdPrinc", "Oved31_60Princ", "Oved61_90Princ", "Oved91_180Princ", "OvedPrinc180")]
    assert ages == [630, 90, 0, 270, 180]
    assert (month["OverdPrd"], month["TotOverd"], month["AcctBal"], month["RemRepPrd"]) == (7, 700, 990, 4)
    assert (month["Month"], month["RpyStatus"], month["FiveCate"], month["AcctStatus"]) == ("2025-09", "7", "3", "2")
    assert (month["CurRpyAmt"], month["ActRpyAmt"], month["LatRpyDate"]) == (100, 0, date(2025, 2, 1))
    assert (told["AcctBsSgmt"]["AcctCode"], told["AcctBsSgmt"]["Name"]) == ("10100000010001LOAN1", "毛大力")
    assert (told["AcctBsSgmt"]["AcctType"], told["AcctBsSgmt"]["RptDateCode"]) == ("D1", "30")


def test_a_first_month_a_close_and_a_line_of_credit_have_their_codes() -> None:
    first = _read(account_on(_chinese(loan()), date(2025, 1, 31)))
    closed = _read(PAID)
    on_the_day = _read(replace(PAID, closed_on=PAID.as_of_on))
    line = _read(replace(CURRENT, product="revolving"))

    assert (first["AcctBsSgmt"]["RptDateCode"], first["AcctMthlyBlgInfSgmt"]["RpyStatus"]) == ("10", "*")
    assert (closed["AcctBsSgmt"]["RptDateCode"], closed["AcctBsSgmt"]["RptDate"]) == ("20", date(2025, 4, 11))
    assert (closed["AcctMthlyBlgInfSgmt"]["RpyStatus"], closed["AcctMthlyBlgInfSgmt"]["CloseDate"]) == (
        "C",
        date(2025, 4, 11),
    )
    assert closed["AcctSpecTrstDspnSgmt"]["ChanTranType"] == "5"
    assert on_the_day["AcctBsSgmt"]["RptDateCode"] == "32"
    assert (line["AcctBsSgmt"]["AcctType"], line["AcctBsInfSgmt"]["AcctCredLine"]) == ("R1", 1_080)


@pytest.mark.parametrize(
    ("kind", "amount", "transaction", "status"),
    [(K.SETTLED, 5_000, "11", "G"), (K.SOLD, 0, "13", "G"), (K.CHARGED_OFF, 99_000, "15", "B")],
)
def test_what_is_out_of_the_ordinary_is_told_in_its_month(kind: Any, amount: int, transaction: str, status: str) -> None:
    account = account_on(_chinese(loan(paid_months(2), [event(kind, date(2025, 9, 9), amount)])), date(2025, 9, 30))

    told = _read(account)

    assert told["AcctSpecTrstDspnSgmt"]["ChanTranType"] == transaction
    assert told["AcctSpecTrstDspnSgmt"]["TranAmt"] == amount // 100
    assert told["AcctSpecTrstDspnSgmt"]["TranDate"] == date(2025, 9, 9)
    assert told["AcctMthlyBlgInfSgmt"]["RpyStatus"] == status


def test_who_answers_for_it_too_is_named_with_the_sum() -> None:
    told = _read(replace(LATE, associated=(replace(WHO, relation="2"), GUARANTOR), is_secured=True))

    assert [(who["ArlpName"], who["ArlpType"], who["ArlpAmt"]) for who in told["RltRepymtInfSgmt"]] == [
        ("毛大力", "1", 1_080),
        ("茅十八", "2", 1_080),
    ]
    assert told["AcctBsInfSgmt"]["GuarMode"] == "5"


def test_corrections_deletions_and_people_have_records_of_their_own() -> None:
    correction = _read(replace(LATE, is_correction=True), "212")
    deletion = _read(replace(LATE, standing=Standing.DELETED), "214")
    person, gone = _read(LATE, "110"), _read(LATE, "114")

    assert (correction["BsSgmt"]["ModRecCode"], correction["AcctMthlyBlgInfSgmt"]["TotOverd"]) == (
        "10100000010001LOAN1",
        700,
    )
    assert deletion["DelRecCode"] == "10100000010001LOAN1"
    assert (person["FcsInfSgmt"]["Sex"], person["FcsInfSgmt"]["DOB"]) == ("1", date(1986, 11, 11))
    assert person["MlgInfSgmt"]["MailAddr"] == "北京市海淀区学院路 1 号 <甲>"
    assert (gone["Name"], gone["IDNum"]) == ("毛大力", "11010019861111075X")


@pytest.mark.parametrize("life", LIVES, ids=[life.name for life in LIVES])
def test_every_month_of_every_life_can_be_told(life: Life) -> None:
    expected = life.months.split("\n")[1:-1]
    for line in expected:
        day = month_end(date(life.loan.opened_on.year, int(line.split()[0]), 1))
        account = account_on(_chinese(life.loan), day)

        told = _read(account)["AcctMthlyBlgInfSgmt"]

        assert [told["RpyStatus"], told["FiveCate"]] == line.split(" | ")[1].split()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(lives())
def test_any_ledger_and_any_events_give_records_that_fit(life: tuple[CreditLoan, list[date]]) -> None:
    told, days = life
    previous: CreditAccount | None = None
    for day in days[:20]:
        previous = account_on(_chinese(told), day, previous)
        if previous.closed_on and previous.closed_on < day.replace(day=1):
            break  # A back-dated end: reported with the month it belongs to.
        assert check_pboc(previous) == []
        _read(previous)
        if previous.closed_on:
            break


def _who(**changed: Any) -> dict[str, Any]:
    return {"consumer": replace(WHO, **changed)}


CASES: list[tuple[str, CreditAccount, dict[str, Any]]] = [
    ("ACCOUNT_NUMBER", LATE, {"loan_no": "A-1"}),
    ("ACCOUNT_NUMBER", LATE, {"loan_no": "1" * 47}),
    ("CURRENCY", LATE, {"currency": "USD"}),
    ("COLLECTOR", LATE, {"original_creditor": "某某银行"}),
    ("NAME", LATE, _who(surname="", first_name="")),
    ("ID_NUMBER", LATE, _who(id_number="110100198611110751")),
    ("NAME", LATE, _who(surname="毛\n")),
    ("ADDRESS", LATE, _who(address=CreditAddress("a\n", "b", "", ""))),
    ("ID_NUMBER", LATE, _who(id_kind="ssn")),
    ("ID_NUMBER", LATE, {"associated": (replace(GUARANTOR, id_number=""),)}),
    ("DATE_ORDER", LATE, {"last_paid_on": date(2025, 10, 1)}),
    ("CLOSED", LATE, {"closed_on": date(2025, 9, 1)}),
    ("CLOSED", PAID, {"closed_on": date(2025, 3, 1), "last_paid_on": date(2025, 3, 1)}),
    ("AMOUNT_RANGE", LATE, {"paid_minor": -1}),
    ("ORIGINAL_ZERO", LATE, {"original_minor": 99}),
    ("CLOSED_OWES", PAID, {"balance_minor": 1}),
    ("OVERDUE_TERMS", LATE, {"terms_overdue": 0}),
    ("OVERDUE_PRINCIPAL", LATE, {"overdue_principal": OverduePrincipal(0, 70_100)}),
    ("OVERDUE_AGE", replace(CURRENT, days_past_due=29, overdue_minor=100, terms_overdue=1, month_codes="1NN*"),
     {"overdue_principal": OverduePrincipal(0, 100)}),
    ("MONTH_CODE", LATE, {"month_codes": "6"}),
    ("MONTH_CODE", LATE, {"month_codes": ""}),
    ("MONTH_CODE", LATE, {"month_codes": "7Q"}),
    ("MONTH_CODE", PAID, {"month_codes": "N"}),
    ("MONTH_CODES_LENGTH", LATE, {"month_codes": "7" * 10}),
    ("FIVE_GRADE", LATE, {"five_grade": FiveGrade.SPECIAL_MENTION}),
    ("FIVE_GRADE", replace(LATE, standing=Standing.CHARGED_OFF, month_codes="B"), {}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "account", "changed"), CASES, ids=[f"{code}-{n}" for n, (code, _, _) in enumerate(CASES)])
def test_what_must_not_be_is_refused_by_its_code_alone(code: str, account: CreditAccount, changed: dict[str, Any]) -> None:
    assert [refusal.code for refusal in check_pboc(replace(account, **changed))] == [code]


def test_every_refusal_has_a_case() -> None:
    assert set(DETAILS) - {code for code, _, _ in CASES} == {"OTHER_RECORD"}


@pytest.mark.parametrize(
    ("standing", "record_type"), [(Standing.DELETED, "210"), (Standing.OPEN, "214"), (Standing.DELETED, "212")]
)
def test_a_deleted_account_stands_in_a_file_of_deletions_and_no_other(standing: Standing, record_type: str) -> None:
    with pytest.raises(ValidationError, match="214"):
        _file([replace(LATE, standing=standing)], record_type)


@pytest.mark.parametrize("reporter", [Reporter("1", "110102"), Reporter("10100000010001", "beijing")])
def test_a_reporter_without_its_codes_is_refused(reporter: Reporter) -> None:
    with pytest.raises(ValidationError):
        write_pboc(BytesIO(), reporter, [LATE])


def test_a_file_of_an_unknown_record_or_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="record type"):
        _file([LATE], "999")
    with pytest.raises(ValidationError, match="no account"):
        _file([])


def test_a_refused_account_is_told_and_left_out() -> None:
    told: list[str] = []
    out = BytesIO()

    written = write_pboc(
        out, REPORTER, [LATE, replace(LATE, currency="USD")], refuse=lambda account, why: told.append(why[0].code)
    )

    assert (written.records, written.refused, told, len(read_pboc(out.getvalue()))) == (1, 1, ["CURRENCY"], 1)


def _deletion(inner: str) -> str:
    return f"<Document><InAcctEntDel>{inner}</InAcctEntDel></Document>"


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("<Document><InAcctEntDel><InfRecType>214</InfRecType></InAcctEntDel></Document>", "DelRecCode: missing"),
        (_deletion("<DelRecCode>A</DelRecCode><InfRecType>214</InfRecType>"), "order"),
        (_deletion("<InfRecType>213</InfRecType><DelRecCode>A</DelRecCode>"), "not fit"),
        (_deletion("<InfRecType>214</InfRecType><DelRecCode>A</DelRecCode><X/>"), "X:"),
        ("<Paper/>", "Document"),
    ],
)
def test_the_schema_says_what_of_a_document_does_not_fit(broken: str, why: str) -> None:
    assert any(why in told for told in check_document(broken, "214"))


@pytest.mark.parametrize(
    ("number", "is_one"),
    [
        ("11010019861111075X", True),
        ("110100198611110750", False),
        ("11010019861111075x", False),
        ("1101001986111107", False),
    ],
)
def test_a_citizens_number_has_the_check_character_that_its_digits_give(number: str, is_one: bool) -> None:
    assert is_citizen_number(number) is is_one


def test_weekly_loans_and_single_payments_have_their_frequency() -> None:
    weekly = _read(replace(LATE, frequency="W"))["AcctBsInfSgmt"]
    single = _read(replace(LATE, frequency="P", product="single_payment"))["AcctBsInfSgmt"]

    assert (weekly["RepayFreqcy"], weekly["RepayMode"], weekly["RepayPrd"]) == ("02", "19", len(rows()))
    assert (single["RepayFreqcy"], single["RepayMode"]) == ("07", "21")


def test_nothing_of_a_person_is_read_as_an_element() -> None:
    where = CreditAddress("<b>&</b>", "]]>", "", "<a/>&", country="CN")
    who = replace(WHO, surname="毛&", first_name="<x>", address=where, telephone="<a>13</a>00")
    data = _file([replace(CURRENT, consumer=who)], "110").decode()

    assert read_pboc(data.encode())  # another reader takes it
    assert not any(told in data for told in ("<b>", "<a/>", "<x>", "<a>", "毛&<"))


def test_digits_of_other_scripts_are_no_district() -> None:
    with pytest.raises(ValidationError):
        write_pboc(BytesIO(), Reporter("10100000010001", "１１０１０２"), [CURRENT])
