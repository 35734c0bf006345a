"""Arms: stable, independent, of the stated size; and nobody's notice of law waits for one."""

from collections import Counter
from dataclasses import replace
from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.checks import arm_of
from app.domain.decided import Candidate
from app.domain.decisions import decide
from app.domain.experiments import clashes, steps_that_hide, trials_of
from app.domain.policies import MESSAGE_CLASSES, STAGE_ORDER, Experiment, Holdout, Policy, Rung, share_of
from app.domain.reasons import Outcome, Reason
from tests.builders.cases import DUE, case, local, subject
from tests.builders.rules import policy, rules, step

NUMBERS = [f"B-{number}" for number in range(100_000)]
DAYS = timedelta(days=3)
TEN = local(DUE, 10)
numbers = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
keys = st.from_regex(r"[a-z][a-z0-9_+-]{0,20}", fullmatch=True)


@st.composite
def arms(draw: st.DrawFn) -> tuple[tuple[str, int, str | None], ...]:
    """Two to five arms that add up to 100, some without a message."""
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=1, max_size=4)))
    percents = [end - start for start, end in zip([0, *cuts], [*cuts, 100], strict=True)]
    return tuple((f"arm{n}", percent, draw(st.sampled_from(["x", None]))) for n, percent in enumerate(percents))


def arm_name(one: Policy, number: str, key: str = "d+0") -> str | None:
    found = next(each for each in one.steps if each.key == key)
    given = arm_of(Candidate(subject(), found, TEN, one), case(subject(), borrower_no=number))
    return given.arm if given is not None else None


@given(st.sampled_from(["statutory", "servicing", "support"]), st.sampled_from(STAGE_ORDER), arms(), numbers)
def test_no_arm_delays_or_suppresses_what_law_or_the_loan_demands(
    message_class: str, stage: str, shares: tuple[tuple[str, int, str | None], ...], number: str
) -> None:
    notice = step(given_class=message_class, stage=stage, experiment=Experiment("tone", shares, DAYS))
    everybody = policy(notice, holdout=Holdout("quiet", 100, "legal"))
    nobody = policy(replace(notice, experiment=None))
    one = case(subject(), borrower_no=number)

    tried, plain = (decide(one, rules(each), TEN) for each in (everybody, nobody))

    assert tried.verdicts == plain.verdicts
    assert [each.messages for each in tried.contacts] == [each.messages for each in plain.contacts]
    assert tried.next_wake == plain.next_wake
    assert [verdict.outcome for verdict in tried.verdicts] == [Outcome.SENT]
    assert [(verdict.experiment, verdict.arm) for verdict in tried.verdicts] == [(None, None)]


def test_a_reminder_beside_it_is_held_out_all_the_same() -> None:
    notice = step("notice", given_class="statutory")
    one = policy(step(), notice, holdout=Holdout("quiet", 100, "legal"))

    decided = decide(case(subject()), rules(one), TEN)

    said = {verdict.key.step_key: (verdict.outcome, verdict.reason) for verdict in decided.verdicts}
    assert said["d+0"] == (Outcome.HELD_OUT, Reason.HOLDOUT)
    assert said["notice"] == (Outcome.SENT, Reason.ON_SCHEDULE)


@given(keys, arms(), numbers)
def test_an_assignment_survives_everything_about_a_version_but_key_and_shares(
    key: str, shares: tuple[tuple[str, int, str | None], ...], number: str
) -> None:
    first = policy(step(experiment=Experiment(key, shares, DAYS)))
    later_shares = tuple((name, percent, "other") for name, percent, _ in shares)
    later = policy(
        step(experiment=Experiment(key, later_shares, DAYS * 3), at=time(17), stage="mid", ladder=(Rung("sms"),)),
        step("d+9", 9), version_no=7, policy_id="another", key="another",
    )  # fmt: skip

    assert arm_name(first, number) == arm_name(later, number)


@given(keys, arms(), numbers)
def test_everybody_is_in_exactly_one_arm_and_never_in_one_without_a_share(
    key: str, shares: tuple[tuple[str, int, str | None], ...], number: str
) -> None:
    assert arm_name(policy(step(experiment=Experiment(key, shares, DAYS))), number) in {
        n for n, percent, _ in shares if percent
    }


def test_shares_are_what_was_stated_over_a_hundred_thousand_numbers() -> None:
    one = policy(step(experiment=Experiment("tone", (("a", 1, "x"), ("b", 29, "x"), ("control", 70, None)), DAYS)))

    found = Counter(arm_name(one, number) for number in NUMBERS)

    for arm, percent in (("a", 1), ("b", 29), ("control", 70)):
        tolerance = 4 * (100_000 * percent / 100 * (1 - percent / 100)) ** 0.5  # four standard deviations
        assert abs(found[arm] - 1000 * percent) < tolerance


def test_a_holdout_is_as_large_as_stated() -> None:
    one = policy(step(), holdout=Holdout("quiet", 5, "legal"))

    found = Counter(arm_name(one, number) for number in NUMBERS)

    assert set(found) == {"holdout", "reminded"}
    assert abs(found["holdout"] - 5000) < 4 * (100_000 * 0.05 * 0.95) ** 0.5


def test_arms_of_two_keys_are_independent_so_that_experiments_may_overlap() -> None:
    stats = pytest.importorskip("scipy.stats")
    table = [[0, 0], [0, 0]]
    for number in NUMBERS:
        table[share_of("tone", number) < 5000][share_of("timing", number) < 5000] += 1

    assert stats.chi2_contingency(table).pvalue > 0.001


@given(st.sampled_from(["sms", "push", "in_app"]), st.integers(0, 23), st.booleans(), st.booleans())
def test_both_arms_are_exposed_by_the_same_decisions(channel: str, hour: int, blocked: bool, held: bool) -> None:
    """Else who is compared would depend on the arm: quiet hours, a missing phone and caps come after the assignment."""
    blocks = {channel: Reason.NO_ENDPOINT} if blocked else {}
    flags = frozenset({"represented"} if held else ())
    one = case(subject(), subject("L2"), blocks=blocks, flags=flags)
    at = local(DUE, hour)
    steps = (step(ladder=(Rung(channel),)), step("d+1", 1, ladder=(Rung(channel),)))
    exposed = []
    for template in ("x", None):
        shares = Experiment("tone", (("all", 100, template),), DAYS)
        tried = policy(*(replace(each, experiment=shares) for each in steps))
        decided = decide(one, rules(tried), at)
        exposed.append({verdict.key for verdict in decided.verdicts if verdict.experiment == "tone"})

    assert exposed[0] == exposed[1]


def test_a_key_with_other_shares_in_a_version_in_force_is_a_clash() -> None:
    mine = policy(step(experiment=Experiment("tone", (("a", 60, "x"), ("control", 40, None)), DAYS)))
    theirs = policy(step(experiment=Experiment("tone", (("a", 50, "x"), ("control", 50, None)), DAYS)))
    document = {"steps": [{"key": "d+0", "experiment": {"key": "tone"}}]}

    (found,) = clashes(mine, document, [("other v1", theirs)])

    assert (found.pointer, found.code) == ("/steps/0/experiment/arms", "experiment")
    assert "other v1 (experiment: a 50 %, control 50 %)" in found.detail
    assert clashes(mine, document, [("other v1", mine)]) == []


def test_a_holdout_and_an_experiment_of_one_key_clash() -> None:
    mine = policy(step(), holdout=Holdout("tone", 10, "late"))
    theirs = policy(step(experiment=Experiment("tone", (("holdout", 10, None), ("reminded", 90, "x")), DAYS)))

    (found,) = clashes(mine, {"steps": []}, [("other v1", theirs)])

    assert found.pointer == "/holdout/key"


def test_the_control_is_the_arm_of_that_name_or_the_one_without_a_message() -> None:
    def control(*shares: tuple[str, int, str | None]) -> str:
        return trials_of(policy(step(experiment=Experiment("t", shares, DAYS))))[0].control

    assert control(("a", 50, None), ("control", 50, "x")) == "control"
    assert control(("a", 50, "x"), ("b", 50, None)) == "b"
    assert control(("a", 50, "x"), ("b", 50, "y")) == "a"


def test_steps_whose_own_experiment_hides_the_holdout_are_known() -> None:
    tried = Experiment("tone", (("a", 50, "x"), ("control", 50, None)), DAYS)
    one = policy(step(), step("d+1", 1, experiment=tried), step("d+40", 40, stage="late", experiment=tried),
                 holdout=Holdout("quiet", 10, "early"))  # fmt: skip

    assert steps_that_hide(one, "quiet") == ["d+1"]
    assert steps_that_hide(one, "tone") == []


def test_every_class_is_known_to_the_guarantee() -> None:
    assert set(MESSAGE_CLASSES) == {"statutory", "servicing", "support", "reminder", "collection"}
