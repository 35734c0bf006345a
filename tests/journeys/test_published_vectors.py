"""Every published loan table in the shared folder, and the runner's own manners with what it does not know."""

import json
from pathlib import Path

import pytest

from tests import replay_vectors

KNOWN_DIFFERENCES = {
    "fineract-dlq-08": "pauses by overlap",
    "fineract-dlq-11": "pauses by overlap",
    "fineract-RP15": "late principal bears interest",
    "fineract-resched-grace-principal": "a row of nothing",
}
"""Vectors left out by name, with the choice that leaves them out; docs/kernel-choices.md says why."""


@pytest.mark.shared
def test_every_published_vector_passes_or_is_left_out_by_name(shared: Path) -> None:
    outcomes = {vector["id"]: replay_vectors.run(vector) for _, vector in replay_vectors.vectors_in(shared / "vectors")}

    assert {key: why for key, (outcome, why) in outcomes.items() if outcome == "failed"} == {}
    skipped = {key: why for key, (outcome, why) in outcomes.items() if outcome == "skipped"}
    assert set(skipped) <= set(KNOWN_DIFFERENCES)
    assert all(KNOWN_DIFFERENCES[key] in why for key, why in skipped.items())


def test_what_is_not_known_is_named_and_a_wrong_figure_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vectors = [
        {"id": "odd", "kind": "tea-leaves", "inputs": {}, "expected": {}},
        {
            "id": "wrong",
            "kind": "accrual",
            "inputs": {
                "principal": "1000000.00",
                "annual_rate_percent": "13.5",
                "from": "2019-10-01",
                "to_inclusive": "2019-10-30",
                "days": 30,
                "year_days": 365,
            },
            "expected": {"interest": "11095.88"},
        },
        {"id": "broken", "kind": "penalty", "inputs": {}, "expected": {}},
    ]
    (tmp_path / "some.json").write_text(json.dumps({"format": "loan-vector/1", "vectors": vectors}))
    (tmp_path / "other.json").write_text('{"format": "other/1", "vectors": []}')

    assert replay_vectors.main(str(tmp_path)) == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "0 passed, 2 failed, 2 skipped"
    assert lines[0] == "skipped: ? (None, other.json): refused: the format 'other/1'; this reads loan-vector/1"
    assert [line.split(" (")[0] for line in lines[1:-1]] == ["skipped: odd", "failed: wrong", "failed: broken"]
