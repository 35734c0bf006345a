"""Lives of loans: every month goes into a Metro 2 file, is read by a reader of its own, and says what the table says."""

from datetime import date
from itertools import pairwise

import pytest

from app.domain.credit_accounts import CreditAccount, account_from, consumers_of, facts_of
from app.domain.credit_months import account_on
from app.domain.metro2_checks import check_follows
from tests.builders.credit_lives import LIVES, Life
from tests.builders.credit_stories import file_of, loan, months, paid, rows
from tests.builders.metro2_reader import Read, read_metro2


def _told(account: CreditAccount, read: Read) -> str:
    parts = [f"{account.as_of_on.month:02}", f"{read['status']}{read['rating']}", str(read["first_delinquency"] or "-")]
    parts += [str(read["balance"]), str(read["past_due"])]
    parts += [str(read[name]) for name in ("comment", "condition", "indicator") if read[name]]
    parts += [f"co{read['charge_off']}"] if read["charge_off"] else []
    parts += [kind for kind, _ in read.appended]
    return " ".join(parts) + f" | {account.month_codes[0]} {account.five_grade.value}"


def _months(life: Life) -> list[CreditAccount]:
    expected = life.months.split("\n")[1:-1]
    last = date(life.loan.opened_on.year, int(expected[-1].split()[0]), 1)
    found = months(life.loan, last)
    if "reversed" in life.name:  # A back-dated change: each month as it is known then, whole.
        return [account_on(life.loan, account.as_of_on) for account in found]
    return found


@pytest.mark.parametrize("life", LIVES, ids=[life.name for life in LIVES])
def test_each_month_of_a_life_is_told_as_the_table_has_it(life: Life) -> None:
    accounts = _months(life)

    reads = [read_metro2(file_of([account])).accounts[0] for account in accounts]

    told = [_told(account, read) for account, read in zip(accounts, reads, strict=True)]
    assert told[1:] == [line.strip() for line in life.months.split("\n")[1:-1]]
    assert reads[-1]["history"] == life.history


@pytest.mark.parametrize("life", LIVES, ids=[life.name for life in LIVES])
def test_a_month_from_the_one_before_is_the_month_worked_out_whole(life: Life) -> None:
    for account in _months(life):
        assert account == account_on(life.loan, account.as_of_on)


@pytest.mark.parametrize("life", [life for life in LIVES if "reversed" not in life.name], ids=lambda life: life.name)
def test_each_month_follows_the_month_before(life: Life) -> None:
    for before, after in pairwise(_months(life)):
        assert check_follows(before, after) == []


@pytest.mark.parametrize("life", LIVES, ids=[life.name for life in LIVES])
def test_an_account_is_the_same_after_it_was_kept_as_json(life: Life) -> None:
    account = _months(life)[-1]

    assert account_from(facts_of(account), consumers_of(account)) == account


def test_the_example_of_the_study_gives_the_dates_it_names() -> None:
    """Due 2026-09-01 unpaid: 2026-10-01; cured 2026-10-20, then due 2026-11-01 unpaid: 2026-12-01."""
    life = loan([paid(date(2026, 10, 20), 20_000)], plan=rows(date(2026, 9, 1)), opened=date(2026, 8, 1))

    days = {month: account_on(life, date(2026, month, 30)).first_delinquent_on for month in (9, 10, 11)}
    assert account_on(life, date(2026, 10, 19)).first_delinquent_on == date(2026, 10, 1)
    assert days == {9: None, 10: None, 11: None}
    assert account_on(life, date(2026, 12, 31)).first_delinquent_on == date(2026, 12, 1)
