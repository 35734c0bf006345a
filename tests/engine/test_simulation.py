"""Random small books on a moved clock, judged by plain Python that shares no code with the engine."""

from collections.abc import Iterator

import pytest
from flask import Flask

from app import clock
from app.persistence.db import db
from tests.conftest import _empty_all_tables
from tests.engine.policy_simulation import PolicySimulation
from tests.engine.simulation import Simulation


@pytest.mark.parametrize("seed", range(10))
def test_no_promise_is_broken_in_a_random_book(sqlite_book: Flask, seed: int) -> None:
    simulation = Simulation(seed)

    simulation.run()

    assert simulation.judge() == []


@pytest.mark.parametrize("seed", range(3))
def test_no_promise_is_broken_in_sixty_days_of_whole_policies(sqlite_book: Flask, seed: int) -> None:
    simulation = PolicySimulation(seed)

    simulation.run()

    assert simulation.judge() == []


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 130))
def test_no_promise_is_broken_in_many_times_sixty_days(sqlite_book: Flask, seed: int) -> None:
    simulation = PolicySimulation(seed)

    simulation.run()

    assert simulation.judge() == []


def _digests(apps: list[Flask], seed: int, days: int) -> Iterator[str]:
    """Play the same calm book with one, two and eight engines at once on each database."""
    for app in apps:
        for engines in (1, 2, 8):
            with app.app_context():
                simulation = PolicySimulation(seed, days=days, calm=True, engines=engines)
                try:
                    simulation.run()
                    assert simulation.judge() == [], f"{engines} engines on {db.engine.dialect.name}"
                    assert simulation.texts, "nothing of the ladder was used"
                    yield simulation.digest()
                finally:
                    db.session.remove()
                    _empty_all_tables()
                    clock.use(clock.system_now)


def test_one_two_and_eight_engines_agree_on_both_databases(sqlite_app: Flask, postgresql_app: Flask) -> None:
    assert len(set(_digests([sqlite_app, postgresql_app], 3, 12))) == 1


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [0, 2, 11])
def test_engines_agree_over_sixty_days(sqlite_app: Flask, postgresql_app: Flask, seed: int) -> None:
    assert len(set(_digests([sqlite_app, postgresql_app], seed, 60))) == 1
