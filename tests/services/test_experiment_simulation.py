"""Books in which an experiment has run with an effect that is known: the report finds it, and where there is none, none."""

from datetime import timedelta

import pytest
from flask import Flask

from app.persistence.unit_of_work import reading_one_state
from app.services.experiments import Report, report_experiment
from app.services.policies import ensure_default_policy
from tests.builders.book import build_lender
from tests.builders.trials import run_trial
from tests.conftest import START
from tests.services.test_experiments import document, in_force

LATER = START + timedelta(days=30)


def report_of(
    effect: float, *, seed: int, exposures: int = 1, borrowers: int = 3000
) -> tuple[Report, dict[str, list[bool]]]:
    pytest.importorskip("statsmodels")
    ensure_default_policy(now=START)
    in_force(document(), now=START)
    paid = run_trial("tone", {"control": 0.6, "plain": 0.6 + effect}, lender_id=build_lender(now=START),
                     borrowers=borrowers, at=START, seed=seed, exposures=exposures)  # fmt: skip
    with reading_one_state() as session:
        return report_experiment(session, "tone", now=LATER), paid


@pytest.mark.both
def test_a_report_counts_what_a_loop_counts_and_finds_the_effect(app: Flask) -> None:
    found, paid = report_of(0.08, seed=1)

    for name in (0, 1):
        figures = {each.arm: (each.rate.count, each.rate.of) for each in found.outcomes[name].arms}
        assert figures == {arm: (sum(each), len(each)) for arm, each in paid.items()}
    effect = found.outcomes[0].arms[1].difference
    assert effect is not None
    assert effect.low <= 0.08 <= effect.high
    assert effect.low > 0
    assert effect.p_value < 0.01
    assert not found.sample_ratio.is_off


def test_two_equal_arms_have_no_effect(sqlite_book: Flask) -> None:
    found, _ = report_of(0.0, seed=2)

    effect = found.outcomes[0].arms[1].difference
    assert effect is not None
    assert effect.low <= 0 <= effect.high
    assert effect.p_value > 0.05
    assert [each.code for each in found.warnings] == ["peeking"]


def test_many_decisions_about_one_borrower_make_no_interval_narrower(sqlite_book: Flask) -> None:
    found, paid = report_of(0.08, seed=1, exposures=4, borrowers=800)

    assert [each.exposures for each in found.arms] == [4 * len(paid[each.arm]) for each in found.arms]
    assert [each.rate.of for each in found.outcomes[0].arms] == [len(paid["control"]), len(paid["plain"])]
