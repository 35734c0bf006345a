"""Statement lines against loans: by what they are matched, what is left to a person, and that no money is lost."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.domain.statement_matching import (
    MOVES,
    Evidence,
    How,
    LoanDue,
    Matcher,
    MatchRules,
    Part,
    State,
    StatementLine,
    minor_down,
)

DAY = date(2026, 3, 2)


def a_loan(number: str, *open_minor: int, borrower: str = "b", **changes: object) -> LoanDue:
    """A loan with rows of these amounts, the first due on DAY and one each month."""
    rows = tuple((DAY + timedelta(days=30 * n), amount) for n, amount in enumerate(open_minor))
    return replace(LoanDue(number, number, borrower, "USD", rows, sum(open_minor)), **changes)  # type: ignore[arg-type]


def a_line(amount_minor: int, currency: str = "USD") -> StatementLine:
    return StatementLine("B1", DAY, amount_minor, currency)


def match(line: StatementLine, evidence: Evidence, *loans: LoanDue, **rules: object):  # type: ignore[no-untyped-def]
    return Matcher(MatchRules(**rules)).match(line, evidence, {loan.loan_id: loan for loan in loans})  # type: ignore[arg-type]


def of(*numbers: str, by: str = "payer_account") -> Evidence:
    return Evidence(**{by: frozenset(numbers)})


def test_a_reference_names_the_loan_whatever_the_amount() -> None:
    found = match(a_line(123), of("A", by="referenced"), a_loan("A", 10_000), a_loan("B", 123))

    assert (found.state, found.how, found.parts) == (State.MATCHED, How.EXACT_REFERENCE, (Part("A", 123),))
    assert found.why == ("reference", "other_amount")


def test_an_account_needs_an_amount_that_is_due() -> None:
    one, other = a_loan("A", 10_000), of("A")

    assert match(a_line(10_000), other, one).how is How.ACCOUNT
    assert match(a_line(10_050), other, one).how is How.TOLERANT
    assert match(a_line(9_950), other, one).how is How.TOLERANT
    assert match(a_line(9_949), other, one).state is State.UNMATCHED
    assert match(a_line(9_949), other, one).candidates == ("A",)
    assert match(a_line(3_000), other, one, any_amount_by_account=True).how is How.ACCOUNT


def test_the_tolerance_is_half_a_major_unit_in_every_currency() -> None:
    assert [minor_down(Decimal("0.50"), each) for each in ("USD", "JPY", "KWD")] == [50, 0, 500]
    yen = a_loan("A", 10_000, currency="JPY")
    assert match(a_line(9_999, "JPY"), of("A"), yen).state is State.UNMATCHED


def test_what_was_short_before_does_not_hide_the_next_instalment() -> None:
    loan = a_loan("A", 37, 10_000)

    assert match(a_line(10_000), of("A"), loan).state is State.MATCHED
    assert match(a_line(10_037), of("A"), loan).state is State.MATCHED


def test_an_amount_alone_matches_nothing() -> None:
    found = match(a_line(10_000), Evidence(), a_loan("A", 10_000))

    assert (found.state, found.parts, found.why) == (State.UNMATCHED, (), ("nothing_said",))


def test_two_that_fit_equally_well_are_never_guessed_between() -> None:
    found = match(a_line(10_000), of("A", "B"), a_loan("A", 10_000), a_loan("B", 10_000))

    assert (found.state, found.candidates) == (State.AMBIGUOUS, ("A", "B"))


def test_what_is_due_now_goes_before_what_will_be() -> None:
    late = a_loan("B", 10_000, rows=((DAY + timedelta(days=25), 10_000),))

    assert match(a_line(10_000), of("A", "B"), a_loan("A", 10_000), late).parts == (Part("A", 10_000),)


def test_one_typing_error_needs_the_amount_and_two_grounds_agree() -> None:
    one, other = a_loan("A", 10_000, borrower="x"), a_loan("B", 10_000, borrower="y")
    typo = of("A", by="corrected")

    assert match(a_line(10_000), typo, one, other).how is How.TOLERANT
    assert match(a_line(7_000), typo, one, other).state is State.UNMATCHED
    both = Evidence(corrected=frozenset("A"), payer_account=frozenset("AB"))
    assert match(a_line(10_000), both, one, other).parts == (Part("A", 10_000),)
    apart = Evidence(corrected=frozenset("A"), payer_account=frozenset("B"))
    assert match(a_line(10_000), apart, one, other).state is State.AMBIGUOUS


def test_the_loans_own_account_takes_any_amount() -> None:
    assert match(a_line(5), of("A", by="own_account"), a_loan("A", 10_000)).parts == (Part("A", 5),)


def test_a_loan_number_counts_as_a_reference_where_the_lender_says_so() -> None:
    said = Evidence(numbered=frozenset("A"), numbered_as_reference=frozenset("A"))

    assert match(a_line(10_000), said, a_loan("A", 10_000)).how is How.AMOUNT
    assert match(a_line(5), said, a_loan("A", 10_000)).state is State.UNMATCHED
    assert match(a_line(5), said, a_loan("A", 10_000), loan_numbers_are_references=True).how is How.EXACT_REFERENCE


def test_one_transfer_is_split_with_the_oldest_first_and_a_difference_on_the_last() -> None:
    old = a_loan("B", 4_000, rows=((DAY - timedelta(days=9), 4_000),))
    loans = a_loan("A", 10_000), old

    assert match(a_line(14_000), of("A", "B"), *loans).parts == (Part("B", 4_000), Part("A", 10_000))
    assert match(a_line(13_963), of("A", "B"), *loans).parts == (Part("B", 4_000), Part("A", 9_963))
    assert match(a_line(13_963), of("A", "B"), *loans).short_minor == 37
    assert match(a_line(14_000), of("A", by="referenced"), *loans).how is How.SPLIT


def test_several_sums_that_fit_are_left_to_a_person() -> None:
    loans = [a_loan(number, 5_000) for number in "ABC"]

    assert match(a_line(10_000), of("A", "B", "C"), *loans).state is State.AMBIGUOUS


def test_loans_of_two_payers_are_not_split_between_without_references() -> None:
    loans = a_loan("A", 4_000, borrower="x"), a_loan("B", 10_000, borrower="y")

    assert match(a_line(14_000), of("A", "B"), *loans).state is State.UNMATCHED
    assert match(a_line(14_000), of("A", "B", by="referenced"), *loans).how is How.SPLIT


def test_another_currency_and_money_out_match_nothing() -> None:
    assert match(a_line(10_000, "EUR"), of("A", by="referenced"), a_loan("A", 10_000)).state is State.UNMATCHED
    assert match(a_line(-10_000), of("A", by="referenced"), a_loan("A", 10_000)).why == ("money_out",)


def test_a_small_rest_is_given_up_where_the_lender_says_so() -> None:
    loan = a_loan("A", 10_000)

    assert match(a_line(9_963), of("A"), loan, waive_short=Decimal("0.37")).waived_minor == 37
    assert match(a_line(9_963), of("A"), loan, waive_short=Decimal("0.36")).waived_minor == 0
    assert match(a_line(10_037), of("A"), loan, waive_short=Decimal("0.50")).waived_minor == 0


@given(
    st.lists(st.lists(st.integers(1, 30_000), max_size=4), min_size=1, max_size=5),
    st.integers(1, 60_000),
    st.sets(st.sampled_from("ABCDE")),
    st.sampled_from(["referenced", "corrected", "own_account", "payer_account", "numbered"]),
    st.booleans(),
)
def test_parts_add_up_to_the_line_and_only_a_match_has_parts(
    books: list[list[int]], amount: int, named: set[str], by: str, anything: bool
) -> None:
    loans = [a_loan(number, *rows) for number, rows in zip("ABCDE", books, strict=False)]

    found = match(a_line(amount), of(*named, by=by), *loans, any_amount_by_account=anything)

    assert sum(part.amount_minor for part in found.parts) == (amount if found.state is State.MATCHED else 0)
    assert all(part.amount_minor > 0 for part in found.parts)
    assert len({part.loan_id for part in found.parts}) == len(found.parts)


def test_what_is_matched_stays() -> None:
    assert MOVES[State.MATCHED] == frozenset()
    assert all(State.MATCHED in MOVES[state] for state in State if state is not State.MATCHED)
