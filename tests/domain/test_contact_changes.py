"""Changes of contact data: which moves there are, what proves what, what stops one, and what a core's word makes of it."""

from datetime import timedelta

import pytest

from app.domain.contact_changes import (
    KINDS,
    MOVES,
    PROOFS,
    PROOFS_OF,
    ChangeRules,
    ChangeState,
    Kept,
    check_move,
    check_proof,
    feed_says,
    in_force_at,
    is_objection,
)
from app.domain.errors import ConflictError, ValidationError
from app.services.contact_change_rules import change_rules
from tests.conftest import START

_ALLOWED = {
    ("proposed", "cooling_off"),
    ("proposed", "objected"),
    ("proposed", "cancelled"),
    ("proposed", "expired"),
    ("proposed", "superseded"),
    ("cooling_off", "done"),
    ("cooling_off", "objected"),
    ("cooling_off", "cancelled"),
    ("cooling_off", "superseded"),
}


@pytest.mark.parametrize("before", list(ChangeState))
@pytest.mark.parametrize("after", list(ChangeState))
def test_a_change_makes_the_moves_of_its_table_and_no_others(before: ChangeState, after: ChangeState) -> None:
    assert (after in MOVES[before]) == ((before.value, after.value) in _ALLOWED)
    if after not in MOVES[before]:
        with pytest.raises(ConflictError):
            check_move(before.value, after)


def test_nothing_takes_effect_without_cooling_off() -> None:
    assert [before for before in ChangeState if ChangeState.DONE in MOVES[before]] == [ChangeState.COOLING_OFF]
    rules = change_rules()
    assert all(in_force_at(kind, START, rules) > START for kind in KINDS)
    assert in_force_at("phone", START, rules) == START + timedelta(hours=72)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("proof", PROOFS)
def test_each_kind_has_its_proofs_and_an_address_takes_no_code(kind: str, proof: str) -> None:
    if proof in PROOFS_OF[kind]:
        check_proof(kind, proof)
    else:
        with pytest.raises(ValidationError):
            check_proof(kind, proof)
    assert ("code" in PROOFS_OF[kind]) == (kind != "address")


@pytest.mark.parametrize("text", ["NO", " no. ", "Not me!", "No, not me", "否", "不是我。", "非本人", "NO\n\n> your data"])
def test_a_short_no_stops_it(text: str) -> None:
    assert is_objection(text)


@pytest.mark.parametrize("text", ["", "yes", "NOON", "no idea what this is about", "STOP", "好的"])
def test_nothing_else_does(text: str) -> None:
    assert not is_objection(text)


@pytest.mark.parametrize(
    ("told", "said"), [("new", "confirmed"), ("old", "kept"), ("third", "superseded"), (None, "superseded")]
)
def test_the_core_s_word_of_a_change_in_force(told: str | None, said: str) -> None:
    assert feed_says(told, Kept("new", "old")) == said


def test_where_there_was_nothing_before_a_core_that_says_nothing_repeats_itself() -> None:
    assert feed_says(None, Kept("new", None)) == "kept"


def test_the_rules_have_a_code_that_lives_ten_minutes_at_most() -> None:
    rules: ChangeRules = change_rules()

    assert rules.code_lifetime <= timedelta(minutes=10)
    assert rules.tries <= 5
