"""Every case of law, ours and the shared folder's, and the runner's own manners with what it does not know."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.services.law_packs import get_pack, jurisdictions
from tests import replay_rules
from tests.house import law

OURS = Path(__file__).resolve().parents[1] / "rules"
BY_PERSON = {"UK-DUTY"}
"""Rules that a person decides: their cases run, and are named."""

CASE = {
    "name": "a call at night",
    "at": "2026-11-24T02:00:00Z",
    "facts": {"channel": "voice", "zones": [{"name": "America/New_York", "source": "profile"}]},
    "expect": {"verdict": "defer", "until": "2026-11-24T13:00:00Z"},
}
TEST = {"test": "window", "allow_from": "08:00", "allow_to": "21:00", "preferences": "none"}


def rule(*cases: Any, **changes: Any) -> dict[str, Any]:
    return {
        "id": "X-HOURS", "jurisdiction": "X", "title": "Hours", "source": "par. 1", "evidence": "primary",
        "decided_by": "engine", "channels": [], "message_classes": [], "applies_when": {}, "effective_from": None,
        "effective_until": None, "effective_evidence": "primary", "effect": "defer", "condition": "", "notes": "",
        "params": {"tests": [TEST]}, "cases": list(cases), **changes,
    }  # fmt: skip


def played(folder: Path, *rules: Any) -> list[replay_rules.Outcome]:
    (folder / "x.json").write_text(json.dumps({"jurisdiction": "X", "rules": list(rules)}), encoding="utf-8")
    return list(replay_rules.replay(folder))


def failure(folder: Path, *rules: Any) -> str:
    (outcome,) = played(folder, *rules)
    assert outcome.outcome == "failed"
    return f"{outcome.where}: {outcome.why}"


def test_every_case_of_ours_passes_or_is_a_persons() -> None:
    outcomes = list(replay_rules.replay(OURS))

    assert [each for each in outcomes if each.outcome == "failed"] == []
    assert {each.where.split()[1].rstrip(":") for each in outcomes if each.outcome == "skipped"} <= BY_PERSON
    assert len(outcomes) > 300


def test_every_rule_we_ship_has_cases() -> None:
    tried = {each["id"] for path in OURS.glob("*.json") for each in json.loads(path.read_text(encoding="utf-8"))["rules"]}

    assert tried == {each.id for name in jurisdictions() for each in get_pack(name).rules}


@pytest.mark.shared
def test_every_case_of_the_shared_folder_passes(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay_rules.main(str(shared / "rules")) == 0

    assert capsys.readouterr().out.splitlines()[-1].endswith("0 failed, 2 skipped")


@pytest.mark.shared
def test_what_is_shipped_is_the_shared_folder_without_its_cases(shared: Path) -> None:
    wanted = law.documents(shared / "rules")

    assert {path: json.loads(path.read_text(encoding="utf-8")) for path in wanted} == wanted
    assert set(law.CONTENT.glob("*.json")) | set(law.CASES.glob("*.json")) == set(wanted)


def test_a_case_that_is_met_passes(tmp_path: Path) -> None:
    assert [each.outcome for each in played(tmp_path, rule(CASE))] == ["passed"]


def test_a_changed_expectation_fails_and_says_what_was_got(tmp_path: Path) -> None:
    told = failure(tmp_path, rule(CASE | {"expect": {"until": "2026-11-24T13:00:01Z"}}))

    assert told == ("x.json X-HOURS: 'a call at night': until: expected 2026-11-24T13:00:01Z, got 2026-11-24T13:00:00Z")


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ({"verdict": "defer", "values": {"cap_pct": "1.00"}}, "values.cap_pct: expected 1.00, got null"),
        ({"missing": ["borrower_zone"]}, 'missing: expected ["borrower_zone"], got []'),
        ({"breach": True}, "breach: expected true, got false"),
        ({"verdikt": "defer"}, "/expect/verdikt"),
        ({"verdict": "later"}, "/expect/verdict"),
        ({"values": {"cap": 1}}, "/expect/values/cap"),
        ({}, "nothing is compared"),
        ({"values": {}}, "nothing is compared"),
        ([], "/expect"),
    ],
)
def test_what_is_expected_otherwise_or_not_known_fails(tmp_path: Path, expect: Any, told: str) -> None:
    assert told in failure(tmp_path, rule(CASE | {"expect": expect}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"facts": {"chanel": "voice"}}, "did you mean 'channel'?"),
        ({"facts": {"channel": "fax"}}, "/facts/channel"),
        ({"facts": {"zones": [{"name": "Europe/London"}]}}, "/facts/zones/0/source"),
        ({"facts": {"zones": [{"name": "Mars/Base", "source": "profile"}]}}, "Mars/Base"),
        ({"at": "noon"}, "/at"),
        ({"colour": 1}, "a case has no colour"),
    ],
)
def test_what_a_case_says_and_the_vocabulary_does_not_fails(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    assert told in failure(tmp_path, rule(CASE | changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"params": {"tests": [{"test": "windows"}]}}, "did you mean 'window'?"),
        ({"params": {"tests": [TEST | {"from": "08:00"}]}}, "/params/tests/0/from"),
        ({"params": {"tests": [TEST | {"needs": {"stage": "late"}}]}}, "/params/tests/0/needs/stage"),
        ({"cases": []}, "the rule has no cases"),
    ],
)
def test_a_rule_outside_the_vocabulary_fails(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    assert told in failure(tmp_path, rule(CASE) | changes)


def test_a_part_of_a_case_may_not_be_left_out(tmp_path: Path) -> None:
    assert "lacks at" in failure(tmp_path, rule({name: each for name, each in CASE.items() if name != "at"}))
    assert "a case is an object" in failure(tmp_path, rule("a case"))


def test_a_rule_that_a_person_decides_runs_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = CASE | {"name": "another", "expect": {"verdict": "allow"}}
    played(tmp_path, rule(CASE, other, decided_by="person"))

    code = replay_rules.main(str(tmp_path))

    assert code == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("skipped: x.json X-HOURS: 'a call at night'")
    assert lines[1].startswith('failed: x.json X-HOURS: \'another\': verdict: expected "allow", got "defer"')
    assert lines[2] == "0 passed, 1 failed, 1 skipped"


@pytest.mark.parametrize(
    "text", ["{", '{"rules": 5}', "[]", '{"rules": [], "rules": []}', '{"rules": [{"x": 1.5}]}', "\xff"]
)
def test_a_file_that_cannot_be_read_is_a_failure_that_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.json").write_bytes(text.encode("latin-1"))
    outcomes = played(tmp_path, rule(CASE))

    assert [(each.outcome, each.where) for each in outcomes if each.outcome == "failed"] == [("failed", "broken.json")]
    assert [each.outcome for each in outcomes].count("passed") == 1


def test_a_folder_may_bring_its_vocabulary(tmp_path: Path) -> None:
    vocabulary = json.loads(replay_rules.OURS.read_text(encoding="utf-8"))
    vocabulary["enums"]["channel"]["values"]["fax"] = "telefax"
    (tmp_path / "VOCABULARY.json").write_text(json.dumps(vocabulary), encoding="utf-8")

    assert [each.outcome for each in played(tmp_path, rule(CASE, channels=["fax", "voice"]))] == ["passed"]

    (tmp_path / "VOCABULARY.json").write_text("{}", encoding="utf-8")
    assert failure(tmp_path, rule(CASE)).startswith("the vocabulary")


def test_nothing_to_run_is_a_failure_that_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay_rules.main(str(tmp_path)) == 1

    named, last = capsys.readouterr().out.splitlines()
    assert named.endswith("there is no file of rules")
    assert last == "0 passed, 1 failed, 0 skipped"


def test_a_file_is_read_whatever_the_case_of_its_ending(tmp_path: Path) -> None:
    (tmp_path / "Y.JSON").write_text(json.dumps([rule(CASE)]), encoding="utf-8")

    assert [each.outcome for each in replay_rules.replay(tmp_path)] == ["passed"]


@pytest.mark.parametrize("name", ["Mars/Base", "", "Europe", "../etc/passwd", "europe/london", "x" * 5000])
def test_a_zone_that_is_none_fails_even_where_time_plays_no_part(tmp_path: Path, name: str) -> None:
    facts = {"zones": [{"name": name, "source": "profile"}]}

    assert f"{name!r} is not an IANA time zone" in failure(
        tmp_path, rule(CASE | {"at": None, "facts": facts, "expect": {"verdict": "allow"}})
    )


@pytest.mark.parametrize("named", [None, 5, ["X"]])
def test_a_rule_whose_id_is_no_text_fails(tmp_path: Path, named: Any) -> None:
    assert "/id" in failure(tmp_path, {"id": named, "cases": [CASE]})


def test_the_last_line_comes_on_a_terminal_that_cannot_show_a_name(tmp_path: Path) -> None:
    played(tmp_path, rule(CASE | {"name": "电话"}, id="\ud800"), rule(CASE, id="规则", decided_by="person"))
    run = subprocess.run(
        [sys.executable, "-m", "tests.replay_rules", str(tmp_path)],
        env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip

    assert run.stdout.decode("ascii").splitlines()[-1] == "1 passed, 0 failed, 1 skipped"
