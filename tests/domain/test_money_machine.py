"""The money machine: lives of loans at random."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.domain.money_machine import MoneyMachine


def test_no_life_of_a_loan_makes_the_books_differ() -> None:
    run_state_machine_as_test(MoneyMachine, settings=settings(max_examples=200, stateful_step_count=50))  # type: ignore[no-untyped-call]


@pytest.mark.nightly
def test_no_life_of_two_thousand_makes_the_books_differ() -> None:
    run_state_machine_as_test(MoneyMachine, settings=settings(max_examples=2_000, stateful_step_count=50))  # type: ignore[no-untyped-call]
