"""Whatever happened to a loan: its file is valid, its first delinquency is what a count of every day says."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.credit_accounts import LOSSES, Arrangement, CreditAccount, FiveGrade, Standing
from app.domain.credit_events import CreditEvent, CreditEventKind
from app.domain.credit_histories import LoanLedger, five_grade, month_code, month_end, month_ends, pushed
from app.domain.credit_months import CreditLoan, account_on, is_back_dated
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.metro2_checks import check_account, check_follows
from app.domain.metro2_codes import status_of
from app.domain.plans import PlanVersion
from tests.builders.credit_stories import BORROWER, file_of, loan, months, paid, paid_months, rows
from tests.builders.metro2_reader import read_metro2
from tests.builders.random_ledgers import ledgers
from tests.builders.random_loans import KNOWN, RandomLoan, loans

K = CreditEventKind
_RARE = (K.DELETED, K.DELETED_FRAUD)


@st.composite
def lives(draw: st.DrawFn, events: bool = True) -> tuple[CreditLoan, list[date]]:
    """A loan with a random plan, ledger and events, and the months it is reported in."""
    random: RandomLoan = draw(loans(most_rows=6))
    entries: list[LedgerEntry] = draw(ledgers(random, most=5, reversals=False))
    opened = random.contract.starts_on
    span = min((random.rows[-1].due_on - opened).days + 200, 900)
    happened = []
    for _ in range(draw(st.integers(0, 3)) if events else 0):
        kind = draw(st.sampled_from([kind for kind in K if kind not in _RARE]))
        day = opened + timedelta(days=draw(st.integers(0, span)))
        happened.append(CreditEvent(kind, day, draw(st.integers(100, 99_999)), "OTHER", draw(st.sampled_from(Arrangement))))
    ledger = LoanLedger(random.lent_minor, [PlanVersion(1, random.rows, KNOWN)], entries, random.terms)
    told = CreditLoan(
        "lender", "l1", "L1", "b1", "USD", opened, "instalment", max(random.lent_minor, 100), BORROWER, ledger, happened
    )
    return told, month_ends(opened, opened + timedelta(days=span))


def _whole(life: CreditLoan, days: list[date]) -> list[CreditAccount]:
    found: list[CreditAccount] = []
    for day in days:
        found.append(account_on(life, day, found[-1] if found else None))
        if found[-1].closed_on:
            break
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(lives())
def test_any_ledger_and_any_events_give_a_file_that_the_reader_takes(life: tuple[CreditLoan, list[date]]) -> None:
    told, days = life
    for account in _whole(told, days):
        if account.closed_on and account.closed_on < account.as_of_on.replace(day=1):
            continue  # A back-dated end: reported with the month it belongs to.
        status, rating = status_of(account)
        wrong = {refusal.code for refusal in check_account(account, status, rating)}
        assert wrong <= {"SETTLED_FOR_ALL"}
        if not wrong:
            read = read_metro2(file_of([account])).accounts[0]
            assert (read["balance"], read["past_due"]) == (account.balance_minor // 100, account.past_due_minor // 100)
            assert (read["first_delinquency"], read["history"]) == (account.first_delinquent_on, account.history)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(lives(events=False))
def test_first_delinquency_is_what_a_count_of_every_day_says(life: tuple[CreditLoan, list[date]]) -> None:
    told, days = life
    last = days[min(len(days) - 1, 12)]
    ledger = told.ledger.known_on(last)
    first: date | None = None
    day = told.opened_on
    while day <= last:
        late = [row for row in ledger.late_rows(ledger.at(day)) if row.due_on < day]
        past_due = (day - late[0].due_on).days if late else 0
        first = (first or day) if past_due >= 30 else None
        day += timedelta(days=1)

    account = account_on(told, last)

    if account.standing is Standing.OPEN:
        assert account.first_delinquent_on == first
        assert account.days_past_due == past_due


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(lives())
def test_a_history_has_24_months_and_b_at_its_end_alone(life: tuple[CreditLoan, list[date]]) -> None:
    told, days = life
    for account in _whole(told, days[:30]):
        assert len(account.history) == 24
        assert "B" not in account.history.rstrip("B")
        months_open = (account.as_of_on.year - told.opened_on.year) * 12 + account.as_of_on.month - told.opened_on.month
        assert len(account.history.rstrip("B")) == min(months_open, 24)
        assert len(account.month_codes) == min(months_open + 1, 60)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(lives(events=False))
def test_month_by_month_and_whole_agree(life: tuple[CreditLoan, list[date]]) -> None:
    told, days = life
    accounts = _whole(told, days[:20])
    for before, after in pairwise(accounts):
        assert check_follows(before, after) == []
    last = accounts[-1]
    if last.closed_on is None:
        assert last == account_on(told, last.as_of_on)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(lives(), st.integers(0, 400))
def test_a_sale_never_makes_a_delinquency_younger(life: tuple[CreditLoan, list[date]], after: int) -> None:
    told, _ = life
    day = told.opened_on + timedelta(days=after)
    kept = account_on(replace(told, events=()), day)

    sold = account_on(replace(told, events=[CreditEvent(K.SOLD, day, name="OTHER")]), day)

    if kept.standing not in LOSSES and kept.closed_on is None and kept.first_delinquent_on:
        assert sold.first_delinquent_on is not None
        assert sold.first_delinquent_on <= kept.first_delinquent_on


def test_a_purchase_and_a_new_number_leave_the_first_delinquency() -> None:
    plain = loan(paid_months(2))
    moved = loan(
        paid_months(2),
        [
            CreditEvent(K.PURCHASED, date(2025, 6, 2), name="SELLER"),
            CreditEvent(K.RENUMBERED, date(2025, 6, 3), name="NEW1"),
        ],
    )

    for before, after in zip(months(plain, date(2025, 12, 1)), months(moved, date(2025, 12, 1)), strict=True):
        assert after.first_delinquent_on == before.first_delinquent_on
        assert after.history == before.history


def test_a_new_plan_that_is_paid_up_ends_the_old_delinquency() -> None:
    later = PlanVersion(2, rows(date(2025, 7, 1), 11), datetime(2025, 5, 20, tzinfo=UTC), date(2025, 5, 20))
    kept = loan([*paid_months(2), *(paid(date(2025, month, 1)) for month in (7, 8, 9))], later=[later])

    accounts = {account.as_of_on.month: account for account in months(kept, date(2025, 12, 31))}

    # 300 dollars were overdue when the plan was made, and three instalments bring them in: November's lateness is a new one.
    assert accounts[5].first_delinquent_on is None
    assert (accounts[8].set_aside_on, accounts[8].to_make_good_minor) == (date(2025, 3, 31), 10_000)
    assert (accounts[9].set_aside_on, accounts[9].to_make_good_minor) == (None, 0)
    assert accounts[12].first_delinquent_on == date(2025, 12, 1)


def test_a_month_that_was_not_reported_is_a_d() -> None:
    life = loan(paid_months(2, 3, 4, 5, 6))
    february = account_on(life, date(2025, 2, 28))

    june = account_on(life, date(2025, 6, 30), february)

    assert june.history.startswith("DDD00B")
    assert june.month_codes == "N###N*"


def test_a_fee_alone_or_less_than_a_unit_makes_nobody_late() -> None:
    life = loan([*paid_months(2), paid(date(2025, 3, 1), 9_901)])

    account = account_on(life, date(2025, 4, 30), None)

    assert (account.days_past_due, account.terms_overdue) == (29, 1)


def test_what_is_learned_of_a_month_reported_is_told_apart() -> None:
    known = datetime(2025, 5, 3, tzinfo=UTC)
    late = LedgerEntry("x", paid(date(2025, 5, 1)).kind, 100, date(2025, 4, 29), datetime(2025, 5, 9, tzinfo=UTC))
    new = replace(late, effective_on=date(2025, 5, 9))

    assert is_back_dated([late], date(2025, 4, 30), known)
    assert not is_back_dated([new], date(2025, 4, 30), known)
    assert not is_back_dated([replace(late, recorded_at=known)], date(2025, 4, 30), known)


def test_a_payment_found_in_a_dispute_is_told_as_a_correction_of_the_history() -> None:
    found = LedgerEntry("x", paid(date(2025, 3, 1)).kind, 10_000, date(2025, 3, 1), datetime(2025, 5, 9, tzinfo=UTC))
    before = account_on(loan(paid_months(2, 4)), date(2025, 4, 30))
    life = loan([*paid_months(2, 4, 5), found])

    rolled, whole = account_on(life, date(2025, 5, 31), before), account_on(life, date(2025, 5, 31))

    assert before.history.startswith("10")
    assert (rolled.history[:3], whole.history[:3]) == ("010", "000")
    assert [refusal.code for refusal in check_follows(before, whole)] == ["HISTORY_BROKEN"]
    assert check_follows(before, replace(whole, is_correction=True)) == []


def test_a_dispute_upheld_in_its_own_month_leaves_no_mark_to_remove() -> None:
    opened, ended = CreditEvent(K.DISPUTED, date(2025, 4, 3)), CreditEvent(K.DISPUTE_UPHELD, date(2025, 4, 20))

    same = account_on(loan(paid_months(2, 3, 4), [opened, ended]), date(2025, 4, 30))
    later = account_on(loan(paid_months(2, 3, 4), [opened, replace(ended, on=date(2025, 5, 2))]), date(2025, 5, 31))

    assert (same.condition_code, same.condition_standing) == ("", "")
    assert (later.condition_code, later.condition_standing) == ("XR", "XB")


def test_months_in_which_all_was_paid_are_told_as_closed_though_it_is_owed_again_since() -> None:
    money = [*paid_months(2), paid(date(2025, 4, 11), 110_000), paid(date(2025, 6, 5), 10_000, kind=EntryKind.REFUND)]

    june = account_on(loan(money), date(2025, 6, 30))

    assert (june.closed_on, june.month_codes) == (None, "NCC1N*")


def test_charged_off_after_it_was_repossessed_both_days_count() -> None:
    """The loss goes on from the first day, so that nothing cures it; the charge-off is of its own day."""
    events = [CreditEvent(K.REPOSSESSED, date(2025, 3, 3)), CreditEvent(K.CHARGED_OFF, date(2025, 6, 6), 50_000)]
    money = [*paid_months(2), paid(date(2025, 4, 10), 20_000)]

    june = account_on(loan(money, events), date(2025, 6, 30))

    assert (june.lost_on, june.first_delinquent_on) == (date(2025, 6, 6), date(2025, 3, 31))


@pytest.mark.parametrize(
    ("age", "place"), [(1, 0), (30, 0), (31, 1), (60, 1), (61, 2), (90, 2), (91, 3), (180, 3), (181, 4), (400, 4)]
)
def test_principal_overdue_stands_by_its_own_age(age: int, place: int) -> None:
    only = rows(date(2025, 2, 1), 1)

    parts = account_on(loan([], plan=only), date(2025, 2, 1) + timedelta(days=age)).overdue_principal

    assert [index for index, part in enumerate(parts) if part] == [place]


@pytest.mark.parametrize(
    ("days", "grade", "code"),
    [(0, "1", "N"), (1, "2", "1"), (30, "2", "1"), (31, "2", "2"), (60, "2", "2"), (90, "2", "3"), (91, "3", "4"),
     (150, "3", "5"), (180, "3", "6"), (181, "3", "7"), (270, "3", "7"), (271, "4", "7"), (360, "4", "7"), (361, "5", "7")],
)  # fmt: skip
def test_class_and_month_code_begin_at_their_edges(days: int, grade: str, code: str) -> None:
    assert five_grade(Standing.OPEN, days) is FiveGrade(grade)
    assert month_code(Standing.OPEN, days, is_due=True) == code


def test_months_are_pushed_in_front() -> None:
    assert pushed("", "01") == "10" + "B" * 22
    assert pushed("1" * 24, "2") == "2" + "1" * 23
    assert month_end(date(2024, 2, 3)) == date(2024, 2, 29)
    assert month_ends(date(2024, 12, 31), date(2025, 2, 1)) == [date(2024, 12, 31), date(2025, 1, 31)]
