"""One path of a letter, whatever order the post tells in: no stage follows that may not."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.deliveries import Told
from app.domain.letter_stages import MOVES, STAGES, stage_of, stage_of_draft
from app.domain.letters import STATES, letter_state_told, next_letter_state
from app.domain.served_notices import PROOFS, delivery_of, proofs_told
from tests.conftest import START

WORDS = ("rendered_pdf", "printed", "posted", "in_transit", "delivered", "returned", "failed", "cancelled")


@given(st.lists(st.sampled_from(WORDS), max_size=8), st.integers(0, 9))
def test_whatever_is_told_in_whatever_order_only_steps_of_the_path_are_taken(told: list[str], opened_after: int) -> None:
    state, stage, is_proven = "made", "approved", False
    for number, word in enumerate(told):
        is_proven = is_proven or (number >= opened_after and stage in ("printed", "sent", "delivered", "returned"))
        state = next_letter_state(state, letter_state_told(Told.SENT, word)) or state
        after = stage_of("sent", state, is_proven=is_proven)
        assert after == stage or after in MOVES[stage]
        stage = after


def test_every_state_there_is_has_a_stage() -> None:
    messages = ("queued", "stale", "sending", "sent", "delivered", "failed", "uncertain", "expired", "cancelled")
    for message_state, letter_state in product(messages, (None, *STATES)):
        assert stage_of(message_state, letter_state) in STAGES
    assert [stage_of_draft(each) for each in ("open", "done", "cancelled")] == ["draft", "approved", "withdrawn"]


@pytest.mark.parametrize(("channel", "proves"), [("letter", False), ("sms", True), ("email", True), ("in_app", False)])
def test_a_receipt_of_the_channel_proves_and_lying_in_the_inbox_does_not(channel: str, proves: bool) -> None:
    assert bool(proofs_told(channel, post_at=None, receipt_at=START, opened_at=None)) is proves
    assert proofs_told(channel, post_at=None, receipt_at=None, opened_at=START) == [("opened_in_app", START)]


@pytest.mark.parametrize("proof", PROOFS)
def test_what_came_back_is_delivered_only_by_the_addressees_own_hand(proof: str) -> None:
    assert delivery_of([(proof, START)], None) == (START, proof)
    assert (delivery_of([(proof, START)], START) is not None) is (
        proof in ("opened_in_app", "signed_receipt", "handed_over")
    )
