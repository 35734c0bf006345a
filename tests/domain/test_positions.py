"""What is owed at the end of a day, and in which bucket."""

from datetime import UTC, date, datetime, time
from fractions import Fraction

import pytest

from app.domain.amortisation import plan_rows
from app.domain.contracts import Contract, Disbursement, Method
from app.domain.delinquency import RULES, Cure, DelinquencyRule, Pause, bucket
from app.domain.errors import ValidationError
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import Position, position_at, replay
from app.domain.splits import Split
from app.domain.statements import Ledger, Period, build_statement
from app.domain.terms import LoanTerms
from app.domain.times import business_date, end_of_day, local_instant, parse_instant

AT = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = tuple(PlanRow(n, date(2026, n, 10), Split(100, 5)) for n in (1, 2, 3))


def _at(as_of: date, *paid: tuple[int, date], known_at: datetime | None = None) -> Position:
    entries = [
        LedgerEntry(f"e{n}", EntryKind.REPAYMENT, amount, on, datetime.combine(on, time(12), tzinfo=UTC))
        for n, (amount, on) in enumerate(paid)
    ]
    return position_at(replay(300, [PlanVersion(1, ROWS, AT)], entries, as_of, known_at), as_of)


def test_due_today_is_due_but_not_overdue() -> None:
    position = _at(date(2026, 1, 10))

    assert (position.days_past_due, position.overdue_minor, position.overdue_principal_minor) == (0, 0, 100)
    assert (position.outstanding_minor, position.next_due_on, position.next_due_minor) == (305, date(2026, 1, 10), 105)


def test_days_past_due_count_from_the_oldest_unpaid_row() -> None:
    position = _at(date(2026, 3, 1), (105, date(2026, 1, 20)))

    assert (position.days_past_due, position.bucket, position.overdue_minor) == (19, "1-29", 105)
    assert position.next_due_on == date(2026, 3, 10)


def test_a_part_paid_row_owes_what_is_left() -> None:
    position = _at(date(2026, 1, 10), (50, date(2026, 1, 5)))

    assert position.next_due_minor == 55
    assert position.principal_outstanding_minor == 255


def test_a_day_can_be_asked_as_it_was_known_then() -> None:
    paid = (105, date(2026, 1, 20))

    assert _at(date(2026, 1, 25), paid).overdue_minor == 0
    assert _at(date(2026, 1, 25), paid, known_at=datetime(2026, 1, 20, 11, tzinfo=UTC)).overdue_minor == 105
    assert _at(date(2026, 1, 19), paid).overdue_minor == 105


def test_when_all_is_paid_nothing_is_next() -> None:
    position = _at(date(2026, 4, 1), (400, date(2026, 1, 5)))

    assert (position.outstanding_minor, position.next_due_on, position.unapplied_minor) == (0, None, 85)


@pytest.mark.parametrize(
    ("days", "name"), [(0, "current"), (1, "1-29"), (29, "1-29"), (30, "30-59"), (89, "60-89"), (90, "90+"), (999, "90+")]
)
def test_buckets_begin_at_their_edges(days: int, name: str) -> None:
    assert bucket(days) == name


def test_a_business_date_is_the_date_on_the_wall_there() -> None:
    at = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)

    assert business_date(at, "Asia/Shanghai") == date(2026, 3, 2)
    assert business_date(at, "America/New_York") == date(2026, 3, 1)


def test_wall_times_in_gaps_and_folds_have_one_meaning() -> None:
    assert local_instant(date(2026, 3, 8), time(2, 30), "America/New_York") == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    assert local_instant(date(2026, 11, 1), time(1, 30), "America/New_York") == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert end_of_day(date(2026, 3, 8), "America/New_York") == datetime(2026, 3, 9, 3, 59, 59, 999999, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-01-01", "2026-01-01T10:00:00", "soon"])
def test_an_instant_needs_an_offset(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_instant(text)


def _rule_at(rule: DelinquencyRule, as_of: date, *paid: tuple[int, date], pauses: tuple[Pause, ...] = ()) -> Position:
    entries = [
        LedgerEntry(f"e{n}", EntryKind.REPAYMENT, amount, on, datetime.combine(on, time(12), tzinfo=UTC))
        for n, (amount, on) in enumerate(paid)
    ]
    terms = LoanTerms(remembers_arrears=rule.cure is Cure.ALL_PAID)
    return position_at(replay(300, [PlanVersion(1, ROWS, AT)], entries, as_of, terms=terms), as_of, rule, pauses=pauses)


def test_days_in_arrears_stand_beside_days_past_due_and_give_the_class() -> None:
    position = _rule_at(DelinquencyRule(tolerance_days=5), date(2026, 1, 20))

    assert (position.days_past_due, position.days_in_arrears, position.bucket) == (10, 5, "1-29")
    assert _rule_at(DelinquencyRule(tolerance_days=5), date(2026, 1, 15)).bucket == "current"


def test_so_little_overdue_is_no_arrears() -> None:
    rule = DelinquencyRule(tolerance_minor=6, tolerance_share=Fraction(1, 100))

    assert _rule_at(rule, date(2026, 1, 20), (99, date(2026, 1, 10))).bucket == "current"
    assert _rule_at(rule, date(2026, 1, 20), (98, date(2026, 1, 10))).bucket == "1-29"


def test_of_a_pause_only_the_days_within_the_arrears_are_taken_off() -> None:
    pauses = (Pause(date(2026, 1, 5), date(2026, 1, 15)), Pause(date(2026, 1, 12), date(2026, 1, 18)))

    position = _rule_at(DelinquencyRule(), date(2026, 1, 25), pauses=pauses)

    assert (position.days_past_due, position.days_in_arrears) == (15, 7)


def test_a_class_counted_at_day_end_begins_on_the_due_date_itself() -> None:
    rbi = RULES["rbi"]

    assert [_rule_at(rbi, day).bucket for day in (date(2026, 1, 9), date(2026, 1, 10), date(2026, 2, 9))] == [
        "current",
        "SMA-0",
        "SMA-1",
    ]


def test_a_class_that_stays_until_all_is_paid_outlives_the_oldest_row() -> None:
    """January is paid 95 days late, which leaves February 64 days late: still the class of January."""
    on = date(2026, 4, 15)

    after = _rule_at(RULES["rbi"], on, (105, on))
    cured = _rule_at(RULES["rbi"], on, (315, on))

    assert (after.days_past_due, after.bucket) == (64, "NPA")
    assert cured.bucket == "current"
    assert _rule_at(RULES["cn-credit-card"], on, (105, on)).bucket == "special mention"


def test_a_charge_is_due_on_its_day_although_a_down_payment_comes_before_its_instalment() -> None:
    later = (Disbursement(date(2026, 1, 20), 50_000),)
    made = Contract(Method.EQUAL_PRINCIPAL, 100_000, date(2026, 1, 1), 6, down_payment=Fraction(1, 10), disbursements=later)
    terms = LoanTerms(paid_out_later=later, down_payment_days=made.down_payment_days)
    at = datetime(2026, 1, 5, tzinfo=UTC)
    charge = LedgerEntry("c", EntryKind.CHARGE, 500, date(2026, 1, 5), at, split=Split(fees=500))
    ledger = Ledger(100_000, [PlanVersion(1, plan_rows(made), at)], [charge], terms)

    def at_the_end_of(day: date) -> Position:
        return position_at(replay(100_000, ledger.versions, [charge], day, terms=terms), day, terms=terms)

    position = at_the_end_of(date(2026, 1, 10))
    period = Period(date(2026, 1, 1), date(2026, 1, 10))
    statement = build_statement(ledger, period, opening=at_the_end_of(period.eve), closing=position)

    assert position.due_to_date.fees == 500
    assert statement.closing.fees == 500


def test_money_paid_before_it_is_lent_is_unapplied_until_then() -> None:
    later = (Disbursement(date(2026, 2, 15), 50_000),)
    rows = (PlanRow(1, date(2026, 3, 1), Split(150_000)),)
    terms = LoanTerms(paid_out_later=later)
    paid = LedgerEntry("p", EntryKind.REPAYMENT, 130_000, date(2026, 1, 10), datetime(2026, 1, 10, tzinfo=UTC))
    snapshot = replay(100_000, [PlanVersion(1, rows, paid.recorded_at)], [paid], terms=terms)

    found = [position_at(snapshot, on, terms=terms) for on in (date(2026, 1, 11), date(2026, 2, 15))]

    assert [(each.principal_outstanding_minor, each.unapplied_minor) for each in found] == [(0, 30_000), (20_000, 0)]
