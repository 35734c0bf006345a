"""A month from the month before and the position as kept says to the field what the ledger says, or says nothing."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import HealthCheck, event, given, settings

from app.domain.credit_accounts import CreditAccount
from app.domain.credit_continuations import QuietLoan, continued, goes_on_plainly, stands_on
from app.domain.credit_histories import month_end
from app.domain.credit_months import CreditLoan, account_on
from app.domain.ledger import EntryKind, LedgerEntry
from tests.builders.credit_stories import loan, paid
from tests.domain.test_credit_histories import lives

JUNE = date(2025, 6, 30)
MONEY = {EntryKind.REPAYMENT, EntryKind.PREPAYMENT}


def quiet(of: CreditLoan, previous: CreditAccount, as_of: date) -> QuietLoan:
    """What the book would give of the loan without its ledger."""
    began = previous.as_of_on
    plan = of.ledger.versions[0].rows
    return QuietLoan(
        of.lender_code, of.loan_id, of.loan_no, of.borrower_id, of.currency, of.opened_on, of.product, of.original_minor,
        of.consumer, of.ledger.at(date.max), of.ledger.terms, of.ledger.unit_minor,
        due=[(row.due_on, row.due.total) for row in plan if began < row.due_on <= as_of],
        paid=[(entry.effective_on, entry.amount_minor) for entry in of.ledger.entries if entry.effective_on > began],
        is_secured=of.is_secured,
    )  # fmt: skip


def both(of: CreditLoan, as_of: date) -> tuple[CreditAccount | None, CreditAccount, CreditAccount]:
    """Return (from little, from the ledger, the month before)."""
    before = month_end(as_of.replace(day=1) - timedelta(days=1))
    previous = account_on(of, before)
    assert goes_on_plainly(previous, as_of)
    assert stands_on(of.ledger.at(date.max), as_of, of.ledger.terms)
    return continued(previous, quiet(of, previous, as_of), as_of), account_on(of, as_of, previous), previous


def told(entries: list[LedgerEntry], as_of: date = JUNE, **more: object) -> CreditAccount:
    little, whole, _ = both(loan(entries, **more), as_of)  # type: ignore[arg-type]
    assert little == whole
    assert little is not None
    return little


def test_paid_as_agreed_goes_on() -> None:
    account = told([paid(date(2025, month, 1)) for month in (2, 3, 4, 5, 6)])

    assert (account.days_past_due, account.paid_minor, account.due_minor, account.terms_left) == (0, 10_000, 10_000, 7)
    assert account.history.startswith("00000B")


def test_nothing_paid_grows_later_and_keeps_its_first_delinquency() -> None:
    account = told([paid(date(2025, month, 1)) for month in (2, 3)])

    assert account.days_past_due == (JUNE - date(2025, 4, 1)).days
    assert account.first_delinquent_on == date(2025, 5, 1)


def test_late_for_the_first_time_without_money_begins_its_delinquency() -> None:
    account = told([paid(date(2025, month, 1)) for month in (2, 3, 4)], as_of=date(2025, 5, 31))

    assert account.first_delinquent_on == date(2025, 5, 31)


def test_money_that_cures_ends_the_delinquency() -> None:
    entries = [paid(date(2025, month, 1)) for month in (2, 3)]

    account = told([*entries, paid(date(2025, 6, 20), 30_000)])

    assert (account.days_past_due, account.first_delinquent_on) == (0, None)


def test_money_that_leaves_it_late_is_left_to_the_ledger() -> None:
    entries = [paid(date(2025, 2, 1)), paid(date(2025, 6, 20), 10_000)]

    little, whole, _ = both(loan(entries), JUNE)

    assert little is None
    assert whole.days_past_due >= 30


def test_all_paid_is_left_to_the_ledger() -> None:
    little, whole, _ = both(loan([paid(date(2025, 2, 1)), paid(date(2025, 6, 20), 200_000)]), JUNE)

    assert little is None
    assert whole.closed_on is not None


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(lives(events=False))
def test_whatever_it_says_of_any_loan_the_ledger_says(life: tuple[CreditLoan, list[date]]) -> None:
    of, days = life
    previous: CreditAccount | None = None
    for as_of in days:
        known = replace(of, ledger=replace(of.ledger, entries=[e for e in of.ledger.entries if e.effective_on <= as_of]))
        account = account_on(known, as_of, previous)
        new = [] if previous is None else [e for e in known.ledger.entries if e.effective_on > previous.as_of_on]
        is_quiet = previous is not None and {entry.kind for entry in new} <= MONEY and goes_on_plainly(previous, as_of)
        if previous is not None and is_quiet and stands_on(known.ledger.at(date.max), as_of, known.ledger.terms):
            little = continued(previous, quiet(known, previous, as_of), as_of)
            event("said" if little else "left to the ledger")
            assert little in (None, account)
        previous = account
        if account.closed_on:
            break
