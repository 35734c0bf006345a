"""What lateness costs and what paying off takes: late charges day by day, caps, and quotes that close the loan."""

from datetime import date, timedelta
from typing import NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.late_charges import LateTerms
from app.domain.ledger import LedgerEntry, standing
from app.domain.positions import position_at
from app.domain.quotes import payoff_quote
from app.domain.replay import Account, allocate
from app.domain.rounding import divide
from app.domain.terms import EarlySettlement
from tests.builders.random_ledgers import last_of_the_day, ledgers, payment
from tests.builders.random_loans import RandomLoan, loans

WITHOUT_SPLITS = ("plain", "plain", "row", "surplus")


class Evening(NamedTuple):
    """What stood open on a row, due and open, at the end of a day."""

    day: date
    open: list[int]


def evenings(loan: RandomLoan, entries: list[LedgerEntry], until: date) -> tuple[Account, dict[int, list[Evening]]]:
    """Play a loan day by day up to the end of `until`; return the account and each row's evenings."""
    account = Account(loan.rows, loan.terms)
    coming = standing([entry for entry in entries if entry.effective_on <= until])
    found: dict[int, list[Evening]] = {}
    day = min([loan.contract.starts_on, *(entry.effective_on for entry in coming)])
    while day <= until:
        while coming and coming[0].effective_on == day:
            account.apply(coming.pop(0))
        account.accrue(day)
        for row in account.rows:
            found.setdefault(row.row_no, []).append(Evening(day, list(row.open)))
        day += timedelta(days=1)
    return account, found


def charged(evenings_of_row: list[Evening], due_on: date, terms: LateTerms) -> int:
    """Late charges of a row by the words of the contract: counted every day from what stood open the evening before."""
    base_days = principal_days = fee = most = 0
    for evening in evenings_of_row:
        days_late = (evening.day - due_on).days + 1
        if days_late < 1 or evening.day == evenings_of_row[-1].day or not any(evening.open):
            continue
        principal_days += evening.open[0]
        if terms.from_due or days_late > terms.grace_days:
            base_days += terms.base.of(evening.open)
        owed = any(evening.open[:3])  # penalties alone make no row late
        if not fee and owed and days_late > terms.fee_after_days and terms.fee_named:
            share = terms.fee_share * terms.fee_base.of(evening.open)
            fee = terms.fee_minor + divide(share.numerator, share.denominator, terms.rounding)
        total = fee
        if days_late > terms.grace_days:
            interest = base_days * terms.annual_rate / terms.year_days
            total += divide(interest.numerator, interest.denominator, terms.rounding)
        if terms.cap_rate is not None:
            total = min(total, int(principal_days * terms.cap_rate / 365))
        most = max(most, total)
    return most


# A due date moved before the end of its period is late while its interest still grows; the plans here have none such.
@given(st.data(), loans(most_rows=4, late=True), st.integers(0, 250))
def test_late_charges_are_what_a_count_day_by_day_gives(data: st.DataObject, loan: RandomLoan, days: int) -> None:
    terms = loan.terms.late
    entries, until = data.draw(ledgers(loan, 4)), loan.day(days)

    at_once = allocate(loan.rows, [entry for entry in entries if entry.effective_on <= until], loan.terms)
    at_once.accrue(until)

    by_day, seen = evenings(loan, entries, until)
    assert [(row.due, row.open, row.late) for row in by_day.rows] == [(row.due, row.open, row.late) for row in at_once.rows]
    assert terms is not None
    for row in at_once.rows:
        assert row.late.charged_minor == charged(seen[row.row_no], row.due_on, terms)


@given(st.data(), loans(late=True), st.integers(0, 400))
def test_late_charges_of_a_row_stay_within_the_cap_on_its_overdue_principal(
    data: st.DataObject, loan: RandomLoan, days: int
) -> None:
    terms = loan.terms.late
    assume(terms and terms.cap_rate is not None)
    entries = data.draw(ledgers(loan))
    until = max([loan.day(days), *(entry.effective_on for entry in entries)])

    account = allocate(loan.rows, entries, loan.terms)
    account.accrue(until)

    for row in account.rows:
        most_days = max((until - row.due_on).days, 0)
        assert row.late.principal_days <= row.due[0] * most_days
        assert row.late.charged_minor * 365 <= row.late.principal_days * terms.cap_rate  # type: ignore[operator]


@given(loans())
def test_who_pays_every_instalment_on_its_day_owes_nothing_and_no_late_charge(loan: RandomLoan) -> None:
    classes = [stage.when for stage in loan.terms.strategy.stages]
    assume(classes == sorted(classes))  # an order that serves rows in advance first leaves the row of the day open
    account = Account(loan.rows, loan.terms)

    for number, row in enumerate(loan.rows):
        account.accrue(row.due_on)
        due = sum(sum(each.open) for each in account.rows if each.due_on <= row.due_on)
        account.apply(payment(f"p{number:03}", due, row.due_on))
    account.accrue(loan.rows[-1].due_on + timedelta(days=400))

    assert not any(any(row.open) for row in account.rows)
    assert account.unapplied_minor == 0
    assert not any(row.late.charged_minor for row in account.rows)
    if loan.terms.early_settlement is EarlySettlement.AS_PLANNED or loan.terms.contract:
        assert [tuple(row.due) for row in account.rows] == [tuple(row.due) for row in loan.rows]


@given(st.data(), loans(), st.integers(0, 90))
def test_paying_the_quote_until_it_expires_closes_the_loan_to_zero(data: st.DataObject, loan: RandomLoan, days: int) -> None:
    entries = data.draw(ledgers(loan, 4, WITHOUT_SPLITS))
    on = max([loan.contract.starts_on, *(entry.effective_on for entry in entries)]) + timedelta(days=days)
    before = allocate(loan.rows, entries, loan.terms).unapplied_minor

    quote = payoff_quote(loan.rows, entries, on, loan.terms)

    assert min(quote.owed) >= 0
    for day in {on, on + (quote.expires_on - on) // 2, quote.expires_on}:
        paid = [*entries, last_of_the_day(quote.total_minor, day)]
        account = allocate(loan.rows, paid, loan.terms)
        assert not any(any(row.open) for row in account.rows)
        assert account.unapplied_minor == max(before, 0)  # below zero: given back and never received
        position = position_at(loan.replayed(paid, day), day, terms=loan.terms)
        assert (position.outstanding_minor, position.overdue_minor, position.next_due_minor) == (0, 0, 0)


@given(st.data(), loans(), st.integers(0, 90))
def test_a_minor_unit_less_than_the_quote_leaves_something_open(data: st.DataObject, loan: RandomLoan, days: int) -> None:
    entries = data.draw(ledgers(loan, 3, ("plain",)))
    on = max([loan.contract.starts_on, *(entry.effective_on for entry in entries)]) + timedelta(days=days)
    quote = payoff_quote(loan.rows, entries, on, loan.terms)
    assume(quote.total_minor)

    account = allocate(loan.rows, [*entries, last_of_the_day(quote.total_minor - 1, on)], loan.terms)

    assert any(any(row.open) for row in account.rows) or account.unapplied_minor < 0
