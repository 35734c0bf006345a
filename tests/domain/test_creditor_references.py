"""Creditor references: both forms of one number, read as people and banks write them, and what a typing error becomes."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.creditor_references import (
    corrections,
    is_iban,
    is_reference_number,
    is_rf_reference,
    printed,
    reference_number,
    references_in,
    rf_reference,
)

LOANS = st.uuids().map(str)


def test_published_examples_hold() -> None:
    """RF18 5390 0754 7034 is the example of ISO 11649; GB82 WEST ... that of ISO 13616."""
    assert is_rf_reference("RF18539007547034")
    assert not is_rf_reference("RF19539007547034")
    assert is_iban("GB82WEST12345698765432")
    assert not is_iban("GB82WEST12345698765423")


@given(LOANS, st.integers(0, 5))
def test_both_forms_hold_and_are_read_back(loan_id: str, attempt: int) -> None:
    number = reference_number(loan_id, attempt)
    rf = rf_reference(number)

    assert is_reference_number(number)
    assert is_rf_reference(rf)
    for text in (number, rf, printed(rf), printed(rf).lower(), f"000{number}", f"{number[:5]} {number[5:]}",
                 f"/VS/{number}", f"loan {number}, thanks", f"2026 {number}"):  # fmt: skip
        assert references_in(text).valid == (number,), text


@given(LOANS, st.data())
def test_one_wrong_digit_or_two_changed_about_never_holds_and_is_put_right(loan_id: str, data: st.DataObject) -> None:
    number = reference_number(loan_id)
    at = data.draw(st.integers(0, 8))
    digit = data.draw(st.sampled_from("0123456789"))
    for wrong in (number[:at] + digit + number[at + 1 :], number[:at] + number[at + 1] + number[at] + number[at + 2 :]):
        if wrong == number:
            continue
        assert not is_reference_number(wrong)
        assert number in corrections(wrong)
        assert references_in(f"x {wrong}").valid == ()
        assert references_in(printed("RF00" + wrong)).valid == ()


@given(LOANS)
def test_a_digit_left_out_or_doubled_is_put_right(loan_id: str) -> None:
    number = reference_number(loan_id)

    assert number in corrections(number[:4] + number[5:])
    assert number in corrections(number[:4] + number[4] + number[4:])


def test_a_nought_typed_for_the_first_digit_is_put_right_also_before_another() -> None:
    number = next(each for n in range(10_000) if (each := reference_number(str(n)))[1:3] == "00")

    for wrong in ("0" + number[1:], number[1:]):
        assert any(number in corrections(each) for each in references_in(wrong).mistyped), wrong


def test_a_wrong_check_of_the_rf_form_is_a_typing_error_though_the_number_holds() -> None:
    rf = rf_reference(reference_number("a"))
    wrong = f"RF{(int(rf[2:4]) + 1) % 100:02}{rf[4:]}"

    named = references_in(wrong)

    assert (named.valid, named.mistyped) == ((), (rf[4:],))


def test_another_creditors_reference_and_plain_numbers_say_nothing() -> None:
    assert references_in("RF18 5390 0754 7034 of 23.11.2026, invoice 4711") == references_in("")
