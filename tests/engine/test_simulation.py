"""Random small books on a moved clock, judged by plain Python that shares no code with the engine."""

import pytest
from flask import Flask

from tests.engine.simulation import Simulation


@pytest.mark.parametrize("seed", range(10))
def test_no_promise_is_broken_in_a_random_book(sqlite_book: Flask, seed: int) -> None:
    simulation = Simulation(seed)

    simulation.run()

    assert simulation.judge() == []
