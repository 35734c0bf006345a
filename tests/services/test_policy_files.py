"""Policy documents as text: both spellings, and the traps of YAML, each with a sentence that helps."""

import json

import pytest

from app.domain.errors import ValidationError
from app.services.policy_documents import CONTENT, DEFAULT_POLICY
from app.services.policy_files import read_document
from tests.builders.policies import a_document


def _refusals(text: str) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as refusal:
        read_document(text)
    return [(each.pointer, each.detail) for each in refusal.value.errors] or [("", refusal.value.detail)]


def test_json_and_yaml_say_the_same() -> None:
    assert read_document(json.dumps(a_document())) == a_document()
    assert read_document("{policy: x, steps: [{at: '10:00'}]}") == {"policy": "x", "steps": [{"at": "10:00"}]}
    assert read_document(DEFAULT_POLICY.read_text(encoding="utf-8"))["steps"][0]["key"] == "d-7"


@pytest.mark.parametrize(
    ("text", "pointer", "said"),
    [
        ("a: 1\nb: {c: 1, c: 2}\n", "/b/c", "Line 2: the key 'c' is there twice"),
        ("on: 1", "/on", "put it in quotes"),
        ("policy: no", "/policy", "YAML reads no as false"),
        ("at: 10:30", "/at", '"10:30"'),
        ("at: 10:30:00", "/at", "base 60"),
        ("max: 010", "/max", "does not read 010 as it looks"),
        ("max: 1_000", "/max", "plain whole number"),
        ("tolerance: {CNY: 1.00}", "/tolerance/CNY", 'put amounts in quotes: "1.00"'),
        ("x: !!binary aGk=", "/x", "no values of the kind"),
        ("x: {[1]: 2}", "/x", "a key is a word"),
        ("x: &a [1]\ny: *a", "", "no anchors"),
        ("x: [1", "", "This is not YAML at line 1"),
        ("a: 1\n---\nb: 2\n", "", "This is not YAML"),
        ("", "", "empty"),
        ('{"a": 1, "a": 2}', "", "twice in one object"),
        ('{"a": NaN}', "", "NaN has no exact value"),
        ('{"a": 1.5}', "", "1.5 has no exact value"),
        ("a: " + "[" * 60 + "]" * 60, "/a" + "/0" * 40, "nested that deep"),
        ("a: " + "[" * 5000, "", "not YAML"),
        ("a: " + "x" * 600_000, "", "at most 512 KiB"),
    ],
)
def test_what_yaml_would_turn_into_something_else_is_refused(text: str, pointer: str, said: str) -> None:
    refusals = _refusals(text)

    assert any(where == pointer and said in detail for where, detail in refusals), refusals


def test_all_traps_are_told_at_once() -> None:
    assert [where for where, _ in _refusals("at: 10:30\nno: 1\nb: yes\n")] == ["/at", "/no", "/b"]


def test_days_stay_text() -> None:
    assert read_document("from: 2027-01-31") == {"from": "2027-01-31"}


def test_every_shipped_file_can_be_read() -> None:
    assert {read_document(path.read_text(encoding="utf-8"))["policy"] for path in CONTENT.glob("*.yaml")} >= {"default"}
