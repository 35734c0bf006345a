from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.request import urlopen

import pytest

from app.channels.base import Asked, DeliveryResult, EndpointVerdict, Outcome, Outgoing, Queryable
from app.channels.http_transport import HttpAnswer
from app.channels.letters.lob import LobLetters, build, multipart
from app.channels.letters.lob_answers import result_of
from app.channels.letters.postal import AddressFormError, address_parts
from app.domain.deliveries import Told
from app.sandbox.stand_in.client import StandInClient
from app.sandbox.stand_in.lob import API_KEY
from tests.builders.outgoing import NOW
from tests.builders.patience import BRIEF, PATIENT, each_act
from tests.builders.printed import a_document, a_printed


def made(stand_in: StandInClient, **changes: Any) -> LobLetters:
    channel = build({"url": stand_in.url, "api_key": API_KEY, "total_seconds": PATIENT, **changes}, threads=4)
    assert isinstance(channel, LobLetters)
    return channel


@pytest.fixture
def lob(stand_in: StandInClient, patience: float) -> Iterator[LobLetters]:
    channel = made(stand_in, total_seconds=patience)
    yield channel
    channel.close()


def sent(channel: LobLetters, outgoing: Outgoing) -> DeliveryResult:
    [result] = channel.send([outgoing], now=NOW)
    return result


def asked(outgoing: Outgoing, **changes: Any) -> Asked:
    return Asked(**{"message_id": outgoing.message_id, "target": outgoing.target, "sent_at": NOW, **changes})


def withdrawal(outgoing: Outgoing) -> Outgoing:
    return a_printed(purpose="withdraw", withdraws=outgoing.message_id)


def test_a_letter_arrives_whole_and_can_be_looked_at(lob: LobLetters, stand_in: StandInClient) -> None:
    letter = a_printed()

    result = sent(lob, letter)

    [item] = stand_in.received()
    assert letter.document is not None
    assert (result.outcome, result.units) == (Outcome.ACCEPTED, 1)
    assert item["channel"] == "letter"
    assert item["message_id"] == letter.message_id
    assert item["content"]["sha256"] == letter.document.sha256
    with urlopen(f"{stand_in.url}{item['content']['pdf']}") as answer:
        assert answer.read() == letter.document.pdf


def test_the_same_letter_again_is_the_same_letter(lob: LobLetters, stand_in: StandInClient) -> None:
    letter = a_printed()

    first, second = sent(lob, letter), sent(lob, letter)

    assert first.provider_reference == second.provider_reference
    assert second.outcome is Outcome.ACCEPTED
    assert len(stand_in.received()) == 1


@pytest.mark.parametrize(("name", "patience", "outcome", "code", "verdict"), [
    ("Invalid Roe", PATIENT, Outcome.REFUSED, "bad_address", EndpointVerdict.INVALID),
    ("Refused_content Roe", PATIENT, Outcome.REFUSED, "content_refused", EndpointVerdict.KEEP),
    ("Rate_limited Roe", PATIENT, Outcome.RETRY, "quota", EndpointVerdict.KEEP),
    ("Unavailable Roe", PATIENT, Outcome.RETRY, "unavailable", EndpointVerdict.KEEP),
    ("Timeout Roe", BRIEF, Outcome.UNCERTAIN, "timeout", EndpointVerdict.KEEP),
])  # fmt: skip
def test_magic_recipients_meet_their_outcome(
    lob: LobLetters, stand_in: StandInClient, name: str, outcome: Outcome, code: str, verdict: EndpointVerdict
) -> None:
    result = sent(lob, a_printed((name, "2 Low Road", "Springfield, IL 62701")))

    assert (result.outcome, result.error_code, result.verdict) == (outcome, code, verdict)


@each_act("reset_after", "accept_then_reset", "drop", "accept_then_drop", "cut", "drip")
def test_a_letter_that_may_have_been_taken_is_uncertain(lob: LobLetters, stand_in: StandInClient, act: str) -> None:
    stand_in.program({"on": "lob_letters", "act": act})

    assert sent(lob, a_printed()).outcome is Outcome.UNCERTAIN


def test_a_letter_that_surely_did_not_leave_is_tried_again(stand_in: StandInClient) -> None:
    channel = made(stand_in, url="http://127.0.0.1:9")

    result = sent(channel, a_printed())
    channel.close()

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "connect_failed")


def test_a_wrong_key_says_nothing_of_the_address(stand_in: StandInClient) -> None:
    channel = made(stand_in, api_key="another")

    result = sent(channel, a_printed())
    channel.close()

    assert (result.outcome, result.error_code, result.verdict) == (Outcome.RETRY, "credential_refused", EndpointVerdict.KEEP)
    assert result.pause_provider_seconds


@pytest.mark.parametrize(("changes", "outcome", "code"), [
    ({"expires_at": NOW}, Outcome.REFUSED, "expired"),
    ({"document": a_document(inserts=("FCA-1",))}, Outcome.REFUSED, "inserts_not_possible"),
    ({"document": a_document(("Jane Roe", "2 Low Road", "Springfield"))}, Outcome.REFUSED, "bad_address_form"),
    ({"document": a_document(sender=("Acme", "London"))}, Outcome.RETRY, "bad_setting"),
])  # fmt: skip
def test_what_cannot_be_sent_makes_no_request(
    lob: LobLetters, stand_in: StandInClient, changes: dict[str, Any], outcome: Outcome, code: str
) -> None:
    results = lob.send([a_printed(**changes), a_printed()], now=NOW)

    assert [(result.outcome, result.error_code) for result in results] == [(outcome, code), (Outcome.ACCEPTED, None)]
    assert len(stand_in.received()) == 1
    assert results[0].verdict is EndpointVerdict.KEEP


@pytest.mark.parametrize(("answer", "outcome", "code"), [
    (HttpAnswer(401), Outcome.RETRY, "credential_refused"),
    (HttpAnswer(403), Outcome.RETRY, "credential_refused"),
    (HttpAnswer(302), Outcome.RETRY, "credential_refused"),
    (HttpAnswer(402), Outcome.RETRY, "out_of_credit"),
    (HttpAnswer(422, body=b'{"error":{"code":"file_pages_exceed_max"}}'), Outcome.REFUSED, "content_refused"),
    (HttpAnswer(422, body=b'{"error":{"code":"failed_deliverability_strictness"}}'), Outcome.REFUSED, "bad_address"),
    (HttpAnswer(422, body=b'{"error":{"code":"something_new"}}'), Outcome.REFUSED, "bad_message"),
    (HttpAnswer(409, body=b'{"error":{"code":"conflict"}}'), Outcome.UNCERTAIN, "provider_error"),
    (HttpAnswer(429), Outcome.RETRY, "quota"),
    (HttpAnswer(503), Outcome.RETRY, "unavailable"),
    (HttpAnswer(500), Outcome.UNCERTAIN, "provider_error"),
    (HttpAnswer(502, body=b"<html>"), Outcome.UNCERTAIN, "provider_error"),
    (HttpAnswer(200, body=b"{}"), Outcome.UNCERTAIN, "answer_without_id"),
])  # fmt: skip
def test_each_answer_has_one_meaning(answer: HttpAnswer, outcome: Outcome, code: str) -> None:
    result = result_of(answer, pages=1)

    assert (result.outcome, result.error_code) == (outcome, code)
    assert result.only_here == (answer.status == 503)


def test_what_became_of_a_letter_without_an_answer_can_be_asked(lob: LobLetters, stand_in: StandInClient) -> None:
    taken, lost = a_printed(("Timeout Roe", "2 Low Road", "Springfield, IL 62701")), a_printed()
    hasty = made(stand_in, total_seconds=BRIEF)
    sent(hasty, taken)
    hasty.close()
    stand_in.program({"on": "lob_letters", "act": "reset_after", "times": 1})
    sent(lob, lost)

    soon = lob.find([asked(taken), asked(lost)], now=NOW + timedelta(minutes=5))
    later = lob.find([asked(lost)], now=NOW + timedelta(hours=2))

    assert isinstance(lob, Queryable)
    assert soon[0] is not None
    assert (soon[0].told, soon[0].message_id) == (Told.ACCEPTED, taken.message_id)
    assert soon[1] is None
    assert later[0] is not None
    assert (later[0].told, later[0].error_code) == (Told.FAILED, "not_taken")
    assert len(stand_in.received()) == 1


def test_nothing_is_said_while_the_provider_cannot_be_asked(lob: LobLetters, stand_in: StandInClient) -> None:
    stand_in.program({"on": "lob_letters", "act": "answer", "status": 500})

    assert lob.find([asked(a_printed())], now=NOW + timedelta(hours=2)) == [None]


def test_a_letter_is_taken_back_while_it_waits_and_not_after(stand_in: StandInClient) -> None:
    waits, gone = made(stand_in, cancel_minutes=30), made(stand_in, options={"send_date": "2026-01-01T00:00:00+00:00"})
    waiting, printed = a_printed(), a_printed()
    sent(waits, waiting)
    sent(gone, printed)

    first, late, unknown = waits.send([withdrawal(waiting), withdrawal(printed), withdrawal(a_printed())], now=NOW)
    report = waits.find([asked(waiting)], now=NOW)[0]
    waits.close()
    gone.close()

    assert first.outcome is Outcome.ACCEPTED
    assert (late.outcome, late.error_code) == (Outcome.REFUSED, "too_late")
    assert (unknown.outcome, unknown.error_code) == (Outcome.REFUSED, "not_found")
    assert report is not None
    assert (report.told, report.error_code) == (Told.FAILED, "withdrawn")


def test_taking_a_letter_back_twice_takes_it_back(stand_in: StandInClient) -> None:
    """The answer to the first may be lost, and two may be on their way at once: the letter is not 'too late' for that."""
    channel, waiting = made(stand_in, cancel_minutes=30), a_printed()
    sent(channel, waiting)

    at_once = channel.send([withdrawal(waiting), withdrawal(waiting)], now=NOW)
    [again] = channel.send([withdrawal(waiting)], now=NOW)
    channel.close()

    assert [result.outcome for result in (*at_once, again)] == [Outcome.ACCEPTED] * 3


def test_the_form_holds_each_field_and_the_file() -> None:
    body = multipart({"to[name]": "Jane\r\nRoe"}, b"%PDF")

    assert b'name="to[name]"\r\n\r\nJane Roe\r\n' in body
    assert body.count(b"%PDF") == 1


def test_an_address_is_taken_apart_or_refused() -> None:
    parts = address_parts(("Jane Roe", "2 Low Road", "Flat 3", "New York, NY 10001-1234"), "US")

    assert parts == {
        "name": "Jane Roe", "address_line1": "2 Low Road", "address_line2": "Flat 3", "address_city": "New York",
        "address_state": "NY", "address_zip": "10001-1234", "address_country": "US",
    }  # fmt: skip
    assert address_parts(("Erika", "Hauptstr. 1", "10115 Berlin"), "DE")["address_city"] == "10115 Berlin"
    for lines in (("Jane Roe", "Nowhere"), ("x" * 41, "2 Low Road", "New York, NY 10001")):
        with pytest.raises(AddressFormError):
            address_parts(lines, "US")
