"""How a call went, told in parts; and what caps of law take it for."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.calls import CONNECT_ME, OUTCOMES, attempt_word, merged
from app.domain.cases import PastMessage
from app.domain.deliveries import CallOutcome
from app.domain.free_text import MASK, without_card_numbers
from app.services.law_packs import vocabulary
from tests.builders.cases import DUE, local

CALLS = st.builds(CallOutcome, st.sampled_from(OUTCOMES), st.integers(0, 90), st.sampled_from([None, "", "1", "2", "9"]))


@given(st.lists(CALLS, min_size=1, max_size=4))
def test_every_order_of_what_is_told_of_a_call_ends_alike(told: list[CallOutcome]) -> None:
    ends = set()
    for order in permutations(told):
        known = None
        for each in order + order:
            known = merged(known, each)
        ends.add((known.outcome, known.seconds, known.keypress or None))

    assert len(ends) == 1


def test_an_answer_outweighs_what_was_told_before_it() -> None:
    rang, talked = CallOutcome("no_answer"), CallOutcome("answered", 35, CONNECT_ME)

    assert merged(merged(None, talked), rang) == talked


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_has_a_word_of_the_law_packs(outcome: str) -> None:
    assert attempt_word(outcome) in vocabulary().enums["attempt_outcome"]


@pytest.mark.parametrize(("call", "counts"), [(None, False), ("no_answer", True), ("busy", True), ("not_in_service", False)])
def test_a_telephone_that_rang_counts_though_nobody_was_reached(call: str | None, counts: bool) -> None:
    assert PastMessage("voice", 0, local(DUE, 10), "failed", call=call).counts is counts


def test_a_borrower_who_rings_is_not_contacted_by_us() -> None:
    assert not PastMessage("voice", 0, local(DUE, 10), "delivered", call="conversation", inbound=True).counts


@pytest.mark.parametrize("number", ["4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "6212345678900000003"])
def test_a_card_number_is_taken_out(number: str) -> None:
    assert without_card_numbers(f"my card {number}, take it") == f"my card {MASK}, take it"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("4111 1111 1111 1111 123", "[card number] 123"),
        ("4111 1111 1111 1111 12/28 123", "[card number] 12/28 123"),
        ("12/28 4111111111111111", "12/28 [card number]"),
        ("1234 4111 1111 1111 1111", "1234 [card number]"),
        ("CVV 124 3782 822463 10005", "CVV 124 [card number]"),
        ("4111.1111.1111.1111", "[card number]"),
        ("4111\u00a01111\u20131111  1111", "[card number]"),
        ("4111\n1111\n1111\n1111", "[card number]"),
        ("卡号４１１１１１１１１１１１１１１１", "卡号[card number]"),
        ("+4111111111111111", "+[card number]"),
    ],
)
def test_a_card_number_is_taken_out_however_it_is_written_and_whatever_figures_stand_beside(said: str, kept: str) -> None:
    assert without_card_numbers(said) == kept


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "+86 138 1234 5678",
        "0000000000000000",
        "2026-03-02 12:00",
        "42",
        "paid 100.00, 200.00, 300.00 and 400.00",
        "+861381234567895",
        "2026/03/02, 2026/04/02",
    ],
)
def test_what_is_no_card_number_stays(text: str) -> None:
    assert without_card_numbers(text) == text
