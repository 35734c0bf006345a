"""A body put together from a form is, to the byte, the body made and checked by the classes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.channels.base import Outgoing
from app.channels.push_bodies import Bodies
from app.channels.push_messages import UnsendableError, message_body
from tests.builders.outgoing import NOW, a_target, an_outgoing

texts = st.text(max_size=40) | st.sampled_from(['"', "\\", "您有一条新消息", "\x00\n", "}", "😀", ""])
changes = st.fixed_dictionaries(
    {},
    optional={
        "target": st.builds(
            a_target,
            texts,
            platform=st.sampled_from(["android", "android", "ios", "web", None]),
            address_kind=st.sampled_from(["token", "token", "fid", "phone"]),
        ),
        "message_id": st.uuids().map(str) | texts,
        "kind": st.sampled_from(["settled", "not a label!"]),
        "purpose": st.sampled_from(["sync", "withdraw", "withdraw", "call"]),
        "withdraws": st.none() | st.uuids().map(str) | texts,
        "title": texts,
        "body": texts | st.just("é" * 2100) | st.just("x" * 3500),
        "data": st.dictionaries(st.sampled_from(["deep_link", "state", "message_id", "from"]), texts, max_size=3),
        "expires_at": st.sampled_from([NOW, NOW + timedelta(seconds=0.5), NOW + timedelta(days=90)]),
    },
)
"""What makes one message of a batch unlike the rest of it."""


def made(outgoing: Outgoing, make: Any) -> object:
    try:
        return make(outgoing)
    except UnsendableError as error:
        return error.code


@given(first=changes, others=st.lists(changes, min_size=1, max_size=8))
@settings(max_examples=400, deadline=None)
def test_every_body_of_a_batch_is_what_it_would_be_alone(first: dict[str, Any], others: list[dict[str, Any]]) -> None:
    bodies, one = Bodies(NOW), an_outgoing(**first)

    for outgoing in [one, *(replace(one, **other) for other in others), one]:
        assert made(outgoing, bodies.of) == made(outgoing, lambda one: message_body(one, now=NOW))


def test_the_size_is_that_of_each_message() -> None:
    bodies = Bodies(NOW)
    short, long = an_outgoing(body="x"), an_outgoing(body="x" * 4000)
    most = an_outgoing(body="x" * (4096 - len(bodies.of(an_outgoing(body=""))) + len('{"message":}')))

    assert made(short, bodies.of) == message_body(short, now=NOW)
    assert made(long, bodies.of) == "payload_too_large"
    assert made(most, bodies.of) == message_body(most, now=NOW)


def test_marks_that_are_longer_than_what_they_stand_for_do_not_make_a_message_too_large() -> None:
    outgoing = an_outgoing(data={f"k{number}": "" for number in range(120)})

    assert Bodies(NOW).of(outgoing) == message_body(outgoing, now=NOW)


@pytest.mark.parametrize("odd", [{"title": 7}, {"body": None}, {"data": {"state": 7}}, {"message_id": 7}], ids=str)
def test_what_is_no_text_is_refused_as_the_classes_do(odd: dict[str, Any]) -> None:
    bodies, broken = Bodies(NOW), an_outgoing(**odd)
    bodies.of(an_outgoing(data={"state": "1"}))

    assert made(broken, bodies.of) == made(broken, lambda one: message_body(one, now=NOW))


def test_a_form_with_a_title_is_not_used_where_a_title_is_missing() -> None:
    bodies = Bodies(NOW)
    shown = an_outgoing(a_target(platform="web"), purpose="withdraw", withdraws="1", title="This is settled")

    assert made(shown, bodies.of) == message_body(shown, now=NOW)
    assert made(replace(shown, title=""), bodies.of) == "nothing_to_show"
