from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring

from app import clock
from app.channels.base import EndpointVerdict, Outcome
from app.channels.twilio.calls import report_of
from app.channels.twilio.twiml import Speaker, announcement
from app.channels.twilio.voice import TwilioVoice, build
from app.domain.deliveries import CallOutcome, Told
from app.domain.opt_outs import meaning_of
from app.sandbox.stand_in.client import StandInClient
from tests.builders.callbacks import posted_back
from tests.builders.outgoing import NOW, a_text
from tests.builders.patience import BRIEF, PATIENT, each_act
from tests.channels.telephony import STATUS_URL, a_twilio_entry, asked_of
from tests.channels.test_twilio_callbacks import a_parser, a_signed_form


@pytest.fixture
def voice(stand_in: StandInClient, patience: float) -> Iterator[TwilioVoice]:
    channel = build(a_twilio_entry(stand_in, total_seconds=patience), threads=4)
    assert isinstance(channel, TwilioVoice)
    yield channel
    channel.close()


def _spoken(twiml: str | bytes) -> Element:
    document: Element = fromstring(twiml)
    return document


def test_a_call_speaks_the_words_twice_and_offers_a_person(voice: TwilioVoice, stand_in: StandInClient) -> None:
    message = a_text(body='Tom & "Co" <ask>', status_url=STATUS_URL)

    [result] = voice.send([message], now=NOW)

    [item] = stand_in.received()
    form = item["content"]["form"]
    document = _spoken(form["Twiml"])
    gathers = document.findall("Gather")
    assert (result.outcome, item["channel"], item["message_id"]) == (Outcome.ACCEPTED, "voice", message.message_id)
    assert [gather[0].text for gather in gathers] == ['Tom & "Co" <ask>'] * 2
    assert all("press 1" in (gather[1].text or "") for gather in gathers)
    assert {gather.get("finishOnKey") for gather in gathers} == {"2"}
    assert gathers[0].get("action") == f"{STATUS_URL}?message_id={message.message_id}&locale=en"
    assert form["StatusCallback"] == f"{STATUS_URL}?message_id={message.message_id}"
    assert form["MachineDetection"] == "Enable"


@pytest.mark.parametrize(
    ("locale", "language", "word"), [("zh-CN", "zh-CN", "请按1"), ("en", "en-US", "press 1"), ("en-GB", "en-GB", "press 1")]
)
def test_a_call_speaks_the_language_of_its_locale(locale: str, language: str, word: str) -> None:
    document = _spoken(announcement(Speaker(), "text", locale, STATUS_URL))

    says = [say for gather in document.findall("Gather") for say in gather]
    assert {say.get("language") for say in says} == {language}
    assert word in (says[1].text or "")


def test_a_language_the_menu_has_not_is_added_by_the_settings_or_offered_in_english() -> None:
    own = Speaker.of({"phrases": {"fr": {"menu": "Tapez 1."}}, "voices": {"fr": "Polly.Léa"}})

    [spoken, menu] = _spoken(announcement(own, "Bonjour", "fr", STATUS_URL)).findall("Gather")[0]
    [_, plain] = _spoken(announcement(Speaker(), "Bonjour", "fr", STATUS_URL)).findall("Gather")[0]

    assert (spoken.get("language"), spoken.get("voice"), menu.text) == ("fr-FR", "Polly.Léa", "Tapez 1.")
    assert (plain.get("language"), "press 1" in (plain.text or "")) == ("en-US", True)


def test_without_an_address_for_keys_no_key_is_offered() -> None:
    document = _spoken(announcement(Speaker(), "text", "en", None))

    assert not document.findall("Gather")
    assert [say.text for say in document.findall("Say")] == ["text", "text", "Goodbye."]


def test_a_landline_is_called_and_a_premium_number_is_not(voice: TwilioVoice, stand_in: StandInClient) -> None:
    landline, premium, long = voice.send(
        [a_text("+442083661177"), a_text("+449012345678"), a_text(body="x" * 2000, status_url=STATUS_URL)], now=NOW
    )

    assert (landline.outcome, premium.error_code, long.error_code) == (Outcome.ACCEPTED, "premium_number", "bad_message")
    assert stand_in.counts()["by_channel"] == {"voice": 1}


@pytest.mark.parametrize(
    ("number", "patience", "outcome", "code"),
    [
        ("+447405550102", PATIENT, Outcome.REFUSED, "bad_address"),
        ("+447405550106", BRIEF, Outcome.UNCERTAIN, "timeout"),
        ("+447405550108", PATIENT, Outcome.RETRY, "quota"),
        ("+447405550109", PATIENT, Outcome.UNCERTAIN, "provider_error"),
    ],
)
def test_each_refusal_of_a_call_has_one_meaning(voice: TwilioVoice, number: str, outcome: Outcome, code: str) -> None:
    [result] = voice.send([a_text(number)], now=NOW)

    assert (result.outcome, result.error_code) == (outcome, code)
    assert (result.verdict is EndpointVerdict.INVALID) == (code == "bad_address")


@each_act("reset_after", "accept_then_reset", "drop", "accept_then_drop", "cut", "drip")
def test_a_call_that_may_have_been_placed_is_uncertain(voice: TwilioVoice, stand_in: StandInClient, act: str) -> None:
    stand_in.program({"on": "twilio_calls", "act": act, **({"delay_ms": 40} if act == "drip" else {})})

    [result] = voice.send([a_text()], now=NOW)

    assert result.outcome is Outcome.UNCERTAIN


@pytest.mark.parametrize(
    ("number", "told", "call", "error"),
    [
        ("+447400123456", Told.DELIVERED, CallOutcome("answered", 23), None),
        ("+447405550113", Told.FAILED, CallOutcome("no_answer"), "no_answer"),
        ("+447405550114", Told.FAILED, CallOutcome("busy"), "busy"),
        ("+447405550101", Told.FAILED, CallOutcome("failed"), "bad_address"),
        ("+447405550120", Told.SENT, CallOutcome("voicemail", 23), None),
    ],
)
def test_how_a_call_went_is_told_and_can_be_asked(
    voice: TwilioVoice, stand_in: StandInClient, number: str, told: Told, call: CallOutcome, error: str | None
) -> None:
    message = a_text(number, status_url=STATUS_URL)
    [sent] = voice.send([message], now=NOW)

    [posted] = stand_in.callbacks()
    [receipt] = a_parser().read(posted_back(posted)).reports
    [asked] = voice.find([asked_of(message, sent.provider_reference)], now=NOW)

    assert (receipt.told, receipt.call, receipt.error_code) == (told, call, error)
    assert (receipt.message_id, receipt.reference) == (message.message_id, sent.provider_reference)
    assert asked is not None
    assert (asked.told, asked.event_key, asked.call) == (told, receipt.event_key, call)


def test_a_call_whose_answer_never_came_is_found_by_number_and_time(voice: TwilioVoice, stand_in: StandInClient) -> None:
    stand_in.program({"on": "twilio_calls", "act": "accept_then_drop", "times": 1})
    now = clock.system_now()
    message = a_text(expires_at=now + timedelta(days=365))
    hasty = build(a_twilio_entry(stand_in, total_seconds=BRIEF), threads=1)
    [sent] = hasty.send([message], now=now)
    hasty.close()

    [report] = voice.find([asked_of(message, sent_at=now)], now=now)

    assert sent.outcome is Outcome.UNCERTAIN
    assert report is not None
    assert report.told is Told.DELIVERED


@pytest.mark.parametrize(("locale", "word"), [("en", "call you back"), ("zh-CN", "回电")])
def test_who_presses_1_is_promised_a_call_and_told_to_the_desk(
    voice: TwilioVoice, stand_in: StandInClient, locale: str, word: str
) -> None:
    message = a_text("+447405550115", status_url=STATUS_URL, locale=locale)
    voice.send([message], now=NOW)

    pressed, ended = [a_parser().read(posted_back(item)) for item in stand_in.callbacks()]

    [inbound] = pressed.inbound
    assert (inbound.channel, inbound.text, inbound.address) == ("voice", "1", "+447405550115")
    assert inbound.in_reply_to == message.message_id
    assert word in "".join(_spoken(pressed.answer.body).itertext())
    assert pressed.answer.content_type.startswith("text/xml")
    assert [report.call for report in pressed.reports] == [CallOutcome("answered", 0, "1")]
    assert [report.told for report in ended.reports] == [Told.DELIVERED]
    assert len({each.event_key for each in [*pressed.reports, *pressed.inbound, *ended.reports]}) == 3


def test_who_presses_1_is_put_through_where_a_number_is_set() -> None:
    key = {"CallSid": "CA1", "Digits": "1", "To": "+447400123456", "From": "+15005550006", "Direction": "outbound-api"}

    answer = a_parser(connect_to="+442083661177").read(a_signed_form(key)).answer

    document = _spoken(answer.body)
    assert [verb.tag for verb in document] == ["Say", "Dial", "Say", "Say"]
    assert document.findtext("Dial/Number") == "+442083661177"


def test_key_9_is_the_word_stop(voice: TwilioVoice, stand_in: StandInClient) -> None:
    voice.send([a_text("+447405550103", status_url=STATUS_URL)], now=NOW)

    pressed = a_parser().read(posted_back(stand_in.callbacks()[0]))

    assert [meaning_of(inbound.text) for inbound in pressed.inbound] == ["stop"]
    assert "noted" in "".join(_spoken(pressed.answer.body).itertext())


@pytest.mark.parametrize("digits", ["", "5"])
def test_another_key_says_goodbye(digits: str) -> None:
    callback = a_parser().read(a_signed_form({"CallSid": "CA1", "Digits": digits, "To": "+447400123456"}))

    assert "Goodbye" in callback.answer.body.decode()
    assert [inbound.text for inbound in callback.inbound] == [digits] * bool(digits)


@pytest.mark.parametrize(
    ("status", "more", "told"),
    [
        ("ringing", {}, Told.ACCEPTED),
        ("in-progress", {}, Told.ACCEPTED),
        ("completed", {"answered_by": "unknown", "seconds": "9"}, Told.DELIVERED),
        ("completed", {"answered_by": "machine_end_beep"}, Told.SENT),
        ("completed", {"answered_by": "fax"}, Told.FAILED),
        ("canceled", {}, Told.FAILED),
        ("failed", {"sip_code": "503"}, Told.FAILED),
        ("levitating", {}, None),
    ],
)
def test_each_state_of_a_call_has_one_meaning(status: str, more: dict[str, Any], told: Told | None) -> None:
    report = report_of("CA1", status, **more)

    assert (report.told if report else None) == told
    if status == "failed" and report:
        assert (report.error_code, report.verdict) == ("unreachable", "keep")
