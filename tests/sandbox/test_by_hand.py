"""What people do with messages by hand, and what the stand-in's providers make of it."""

import base64
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from app.sandbox.stand_in import client, twilio
from app.sandbox.stand_in.client import StandInClient

HOME = "+447400123990"
_opener = build_opener(ProxyHandler({}))


@pytest.fixture(scope="module")
def phone() -> Iterator[StandInClient]:
    """A stand-in with somebody at one phone."""
    with client.running(callback_base="https://api.lender.example", callback_secret="word", rings_at=[HOME]) as running:
        yield running


def twilio_post(stand_in: StandInClient, kind: str, **form: str) -> int:
    """Make a message or a call; return its number under /received."""
    credential = base64.b64encode(f"{twilio.ACCOUNT_SID}:{twilio.AUTH_TOKEN}".encode()).decode()
    request = Request(
        f"{stand_in.url}/2010-04-01/Accounts/{twilio.ACCOUNT_SID}/{kind}.json",
        data=urlencode({"From": "+15005550006", "StatusCallback": "https://x.example/s?message_id=m1", **form}).encode(),
        headers={"Authorization": f"Basic {credential}"},
    )
    with _opener.open(request, timeout=10) as answer:
        assert answer.status == 201
    return stand_in.received()[-1]["n"]


def told(stand_in: StandInClient, since: int) -> list[dict[str, str]]:
    posts = stand_in.callbacks(since=since)
    return [{name: values[0] for name, values in parse_qs(post["body"]).items()} for post in posts]


TWIML = '<Response><Gather action="https://x.example/key?message_id=m1"><Say>Hello</Say></Gather></Response>'


def test_an_answer_to_a_text_is_posted_as_it_was_written(phone: StandInClient) -> None:
    n = twilio_post(phone, "Messages", To="+447400123111", Body="Hello")
    since = len(phone.callbacks())

    phone.touch(n, "text", "I pay on Friday")
    phone.touch(n, "text", "stop")

    first, second = told(phone, since)
    assert (first["From"], first["Body"], first.get("OptOutType")) == ("+447400123111", "I pay on Friday", None)
    assert second["OptOutType"] == "STOP"


def test_a_call_rings_until_it_is_answered_and_then_takes_keys_and_ends(phone: StandInClient) -> None:
    n = twilio_post(phone, "Calls", To=HOME, Twiml=TWIML)
    since = len(phone.callbacks())

    phone.touch(n, "answer")
    phone.touch(n, "key", "9")
    phone.touch(n, "hang_up")

    key, end = told(phone, since)
    assert (key["Digits"], key["CallStatus"]) == ("9", "in-progress")
    assert (end["CallStatus"], end["AnsweredBy"]) == ("completed", "human")


def test_a_declined_call_is_busy_and_over(phone: StandInClient) -> None:
    n = twilio_post(phone, "Calls", To=HOME, Twiml=TWIML)
    since = len(phone.callbacks())

    phone.touch(n, "decline")

    assert [each["CallStatus"] for each in told(phone, since)] == ["busy"]
    with pytest.raises(HTTPError, match="400"):
        phone.touch(n, "answer")


def test_a_call_where_nobody_is_at_the_phone_does_not_ring(phone: StandInClient) -> None:
    since = len(phone.callbacks())

    n = twilio_post(phone, "Calls", To="+447400123111", Twiml=TWIML)

    assert [each["CallStatus"] for each in told(phone, since)] == ["completed"]
    with pytest.raises(HTTPError, match="400"):
        phone.touch(n, "answer")


@pytest.mark.parametrize(("n", "act"), [(10**6, "text"), (0, "text"), (1, "eat")])
def test_a_gesture_that_nobody_knows_is_refused(phone: StandInClient, n: int, act: str) -> None:
    twilio_post(phone, "Messages", To="+447400123111", Body="Hello")

    with pytest.raises(HTTPError, match="400"):
        phone.touch(n, act)
