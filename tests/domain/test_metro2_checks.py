"""Each thing that must hold of a reported account is refused by its code when it does not, and only then."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.domain.credit_accounts import BANKRUPT, CreditAccount, CreditAddress, CreditConsumer, Standing
from app.domain.credit_months import account_on
from app.domain.metro2_checks import check_account, check_follows
from app.domain.metro2_codes import status_of
from app.domain.metro2_refusals import DETAILS
from tests.builders.credit_stories import BORROWER, loan, months, paid_months

CURRENT = account_on(loan(paid_months(2, 3, 4, 5, 6)), date(2025, 6, 30))
LATE = account_on(loan(paid_months(2)), date(2025, 6, 30))
CHARGED = replace(LATE, standing=Standing.CHARGED_OFF, charge_off_minor=100_000, past_due_minor=LATE.balance_minor)
PAID = replace(CURRENT, standing=Standing.PAID, closed_on=date(2025, 6, 20), balance_minor=0, scheduled_minor=0)


def _codes(account: CreditAccount) -> list[str]:
    return [refusal.code for refusal in check_account(account, *status_of(account))]


def _who(**changed: Any) -> dict[str, CreditConsumer]:
    return {"consumer": replace(BORROWER, **changed)}


def _at(**changed: str) -> dict[str, CreditConsumer]:
    assert BORROWER.address is not None
    return _who(address=BORROWER.address._replace(**changed))


@pytest.mark.parametrize("account", [CURRENT, LATE, CHARGED, PAID])
def test_an_account_as_it_should_be_passes(account: CreditAccount) -> None:
    assert _codes(account) == []


CASES: list[tuple[str, CreditAccount, dict[str, Any]]] = [
    ("ACCOUNT_NUMBER", CURRENT, {"loan_no": "A-1"}),
    ("ACCOUNT_NUMBER", CURRENT, {"loan_no": "1" * 31}),
    ("ACCOUNT_NUMBER", CURRENT, {"loan_no": "a1"}),
    ("ACCOUNT_NUMBER_SSN", CURRENT, {"loan_no": "X123456789"}),
    ("CURRENCY", CURRENT, {"currency": "CNY"}),
    ("OPENED_LATER", CURRENT, {"opened_on": date(2025, 7, 1), "last_paid_on": None, "history": "B" * 24}),
    ("DATE_ORDER", CURRENT, {"last_paid_on": date(2025, 7, 1)}),
    ("DATE_ORDER", CURRENT, {"last_paid_on": date(2024, 12, 31)}),
    ("CLOSED_MISSING", PAID, {"closed_on": None}),
    ("CLOSED_BEFORE", PAID, {"closed_on": date(2025, 5, 20)}),
    ("CLOSED_OPEN", CURRENT, {"closed_on": date(2025, 6, 20)}),
    ("AMOUNT_RANGE", CURRENT, {"paid_minor": -1}),
    ("AMOUNT_RANGE", CURRENT, {"balance_minor": 100_000_000_000}),
    ("ORIGINAL_ZERO", CURRENT, {"original_minor": 99}),
    ("PAST_DUE_ABOVE_BALANCE", LATE, {"balance_minor": 100}),
    ("PAST_DUE_CURRENT", CURRENT, {"past_due_minor": 100}),
    ("PAST_DUE_MISSING", LATE, {"past_due_minor": 99}),
    ("BALANCE_CLOSED", PAID, {"balance_minor": 100}),
    ("BALANCE_CLOSED", PAID, {"scheduled_minor": 100}),
    ("CHARGE_OFF_MISSING", CHARGED, {"charge_off_minor": 0}),
    ("CHARGE_OFF_PAST_DUE", CHARGED, {"past_due_minor": 100}),
    ("DOFD_MISSING", LATE, {"first_delinquent_on": None}),
    ("DOFD_MISSING", CHARGED, {"first_delinquent_on": None}),
    ("DOFD_MISSING", PAID, {"days_past_due": 30, "history": "0000" + "B" * 20}),
    ("DOFD_TOO_YOUNG", LATE, {"first_delinquent_on": date(2025, 4, 1)}),
    ("DOFD_CURRENT", CURRENT, {"first_delinquent_on": date(2025, 4, 1)}),
    ("DOFD_CURRENT", PAID, {"first_delinquent_on": date(2025, 4, 1)}),
    ("DOFD_PETITION", CURRENT, _who(indicator="D", indicator_on=date(2025, 4, 1))),
    ("DOFD_PETITION", CURRENT,
     _who(indicator="D", indicator_on=date(2025, 4, 1)) | {"first_delinquent_on": date(2025, 4, 2)}),
    ("HISTORY_VALUES", CURRENT, {"history": "00000Z" + "B" * 18}),
    ("HISTORY_VALUES", CURRENT, {"history": "00000" + "B" * 18}),
    ("HISTORY_B_INSIDE", CURRENT, {"history": "0B000" + "B" * 19}),
    ("HISTORY_BEFORE_OPENING", CURRENT, {"history": "000000" + "B" * 18}),
    ("HISTORY_JUMP", LATE, {"history": "00000" + "B" * 19}),
    ("HISTORY_JUMP", CURRENT, {"history": "03000" + "B" * 19}),
    ("FREQUENCY", CURRENT, {"frequency": "X"}),
    ("CONDITION", CURRENT, {"condition_code": "XZ"}),
    ("CONDITION_NOTHING", CURRENT, {"condition_code": "XR"}),
    ("SETTLED_FOR_ALL", PAID, {"standing": Standing.SETTLED}),
    ("ADDRESS", CURRENT, _who(address=None)),
    ("ADDRESS_LETTERS", CURRENT, _at(line_1="幸福路 1")),
    ("ADDRESS_LETTERS", CURRENT, _at(city="")),
    ("ADDRESS_US", CURRENT, _at(region="ILL")),
    ("ADDRESS_US", CURRENT, _at(postcode="6270")),
    ("ECOA_ALONE", CURRENT, {"associated": (replace(BORROWER, relation="2"),)}),
    ("ECOA_JOINT", CURRENT, _who(relation="2")),
    ("ECOA", CURRENT, _who(relation="4")),
    ("NAME", CURRENT, _who(surname="王")),
    ("NAME", CURRENT, _who(first_name="")),
    ("NAME", CURRENT, _who(middle_name="@")),
    ("SSN", CURRENT, _who(id_number="900123456")),
    ("SSN", CURRENT, _who(id_number="000123456")),
    ("SSN_OR_BIRTH", CURRENT, _who(id_kind="", id_number="", born_on=None)),
    ("TELEPHONE", CURRENT, _who(telephone="+12175550123")),
    ("GENERATION", CURRENT, _who(generation="X")),
    ("INDICATOR", CURRENT, _who(indicator="??")),
]  # fmt: skip


@pytest.mark.parametrize(("code", "account", "changed"), CASES, ids=[f"{code}-{n}" for n, (code, _, _) in enumerate(CASES)])
def test_what_must_not_be_is_refused_by_its_code_alone(code: str, account: CreditAccount, changed: dict[str, Any]) -> None:
    assert _codes(replace(account, **changed)) == [code]


def test_a_payment_rating_stands_with_the_statuses_that_need_one_and_no_other() -> None:
    assert [each.code for each in check_account(LATE, "82", "4")] == ["RATING"]
    assert "RATING" in [each.code for each in check_account(PAID, "13", "")]
    assert "RATING" in [each.code for each in check_account(PAID, "13", "9")]


def test_every_refusal_has_a_case_and_says_what_to_do() -> None:
    tried = {code for code, _, _ in CASES} | {"RATING"}

    assert set(DETAILS) - tried == {
        "OTHER_MONTH", "OPENED_CHANGED", "HISTORY_BROKEN", "DOFD_MOVED", "ACCOUNT_NUMBER_SHARED",
    }  # fmt: skip
    for detail in DETAILS.values():
        assert detail.endswith(".")
        assert ";" in detail or ":" in detail


def test_a_deleted_account_is_checked_for_its_identity_alone() -> None:
    deleted = replace(LATE, standing=Standing.DELETED, first_delinquent_on=None, past_due_minor=0)

    assert _codes(deleted) == []
    assert _codes(replace(deleted, loan_no="?")) == ["ACCOUNT_NUMBER"]


@pytest.mark.parametrize("indicator", sorted(BANKRUPT))
def test_a_current_account_in_bankruptcy_tells_the_day_of_the_petition(indicator: str) -> None:
    who = _who(indicator=indicator, indicator_on=date(2025, 4, 1))

    assert _codes(replace(CURRENT, **who, first_delinquent_on=date(2025, 4, 1))) == []


def test_an_account_continues_the_month_before() -> None:
    may, june = months(loan(paid_months(2)), date(2025, 6, 1))[-2:]

    def codes(**changed: Any) -> list[str]:
        return [refusal.code for refusal in check_follows(may, replace(june, **changed))]

    assert codes() == []
    assert codes(opened_on=date(2025, 1, 2)) == ["OPENED_CHANGED"]
    assert codes(history="22100" + "B" * 19) == ["HISTORY_BROKEN"]
    assert codes(first_delinquent_on=date(2025, 4, 30)) == ["DOFD_MOVED"]
    # Cured and late again within the month reported: a new date is right.
    assert codes(first_delinquent_on=date(2025, 6, 30)) == []
    assert codes(first_delinquent_on=date(2025, 4, 30), history="9" * 24, is_correction=True) == []


def test_months_that_were_not_reported_stand_between() -> None:
    life = loan(paid_months(2))
    april = account_on(life, date(2025, 4, 30))

    assert check_follows(april, account_on(life, date(2025, 7, 31), april)) == []
    assert [refusal.code for refusal in check_follows(april, account_on(life, date(2025, 7, 31)))] == ["HISTORY_BROKEN"]


def test_a_loss_keeps_its_first_delinquency() -> None:
    lost = replace(CHARGED, first_delinquent_on=date(2025, 3, 31))
    july = replace(
        lost, as_of_on=date(2025, 7, 31), history=("L" + lost.history)[:24], first_delinquent_on=date(2025, 7, 31)
    )

    assert [refusal.code for refusal in check_follows(lost, july)] == ["DOFD_MOVED"]


def test_a_foreign_address_needs_no_state() -> None:
    abroad = CreditAddress("1 King St", "Toronto", "", "M5H1A1", country="CA")

    assert _codes(replace(CURRENT, **_who(address=abroad))) == []
