from collections.abc import Iterator

import pytest

from app.channels.aliyun.callbacks import REPLY
from app.channels.aliyun.voice import AliyunVoice, build
from app.channels.base import Outcome
from app.channels.callbacks import parser_of
from app.domain.callback_words import callback_word
from app.domain.deliveries import Callback, CallOutcome, Told
from app.domain.opt_outs import meaning_of
from app.sandbox.stand_in.client import StandInClient
from tests.builders.callbacks import a_json, posted_back
from tests.builders.outgoing import NOW, a_text
from tests.builders.patience import each_act
from tests.channels.telephony import a_template_text, an_aliyun_entry, asked_of
from tests.fakes.stand_in import CALLBACK_SECRET


@pytest.fixture
def voice(stand_in: StandInClient, patience: float) -> Iterator[AliyunVoice]:
    channel = build(an_aliyun_entry(stand_in, "voice", total_seconds=patience), threads=4)
    assert isinstance(channel, AliyunVoice)
    yield channel
    channel.close()


def _read(item: object) -> Callback:
    word = callback_word(CALLBACK_SECRET, "aliyun")
    parser = parser_of("aliyun", {"callback_secret": word})
    assert parser is not None
    return parser.read(posted_back(item) if isinstance(item, dict) else a_json(item, path_secret=word))


def test_a_call_speaks_its_registered_template(voice: AliyunVoice, stand_in: StandInClient) -> None:
    message = a_template_text(code="TTS_77")

    [result] = voice.send([message], now=NOW)

    [item] = stand_in.received()
    said = item["content"]["parameters"]
    assert result.outcome is Outcome.ACCEPTED
    assert (said["CalledNumber"], said["TtsCode"], said["CalledShowNumber"]) == ("13800138000", "TTS_77", "某银行")
    assert said["OutId"] == message.message_id.replace("-", "")[-15:]  # 15 bytes are all it takes


def test_a_landline_is_called_and_what_is_not_registered_is_not(voice: AliyunVoice, stand_in: StandInClient) -> None:
    landline, bare, unknown = voice.send(
        [a_template_text("+8657188886666", "TTS_1"), a_text("+8613800138000"), a_template_text(code="SMS_1")], now=NOW
    )

    assert landline.outcome is Outcome.ACCEPTED
    assert (bare.error_code, unknown.error_code) == ("template_not_registered", "template_refused")
    assert stand_in.received()[0]["content"]["parameters"]["CalledNumber"] == "057188886666"


@each_act("reset_after", "accept_then_reset", "drop", "accept_then_drop", "cut", "drip")
def test_a_call_that_may_have_been_placed_is_uncertain(voice: AliyunVoice, stand_in: StandInClient, act: str) -> None:
    stand_in.program({"on": "aliyun_voice", "act": act, **({"delay_ms": 40} if act == "drip" else {})})
    message = a_template_text(code="TTS_1")

    [result] = voice.send([message], now=NOW)

    assert result.outcome is Outcome.UNCERTAIN
    assert voice.find([asked_of(message)], now=NOW) == [None]  # nothing can be asked without a CallId


@pytest.mark.parametrize(
    ("number", "told", "call", "error"),
    [
        ("+8613800138000", Told.DELIVERED, CallOutcome("answered", 23), None),
        ("+8613855550113", Told.FAILED, CallOutcome("no_answer"), "no_answer"),
        ("+8613855550114", Told.FAILED, CallOutcome("busy"), "busy"),
        ("+8613855550101", Told.FAILED, CallOutcome("failed"), "unreachable"),
        ("+8613855550115", Told.DELIVERED, CallOutcome("answered", 23, "1"), None),
    ],
)
def test_how_a_call_went_is_told_and_can_be_asked(
    voice: AliyunVoice, stand_in: StandInClient, number: str, told: Told, call: CallOutcome, error: str | None
) -> None:
    message = a_template_text(number, "TTS_1")
    [sent] = voice.send([message], now=NOW)

    [posted] = stand_in.callbacks()
    callback = _read(posted)
    [asked] = voice.find([asked_of(message, sent.provider_reference)], now=NOW)

    [receipt] = callback.reports
    assert (receipt.told, receipt.call, receipt.error_code) == (told, call, error)
    assert receipt.reference == sent.provider_reference
    assert callback.answer == REPLY
    assert asked is not None
    assert (asked.told, asked.event_key, asked.message_id) == (told, receipt.event_key, message.message_id)


@pytest.mark.parametrize(
    ("number", "meaning", "text"), [("+8613855550115", "other", "1"), ("+8613855550103", "stop", "stop")]
)
def test_a_key_pressed_is_what_it_says(
    voice: AliyunVoice, stand_in: StandInClient, number: str, meaning: str, text: str
) -> None:
    voice.send([a_template_text(number, "TTS_1")], now=NOW)

    [inbound] = _read(stand_in.callbacks()[0]).inbound

    assert (inbound.channel, inbound.address, inbound.text, meaning_of(inbound.text)) == ("voice", number, text, meaning)


def test_a_call_under_way_says_only_that_it_is() -> None:
    under_way = {"status_code": "200101", "status_time": "2021-04-28 09:55:02", "out_id": "x", "call_id": "1^2"}

    [report] = _read([under_way]).reports

    assert (report.told, report.call, report.reference) == (Told.ACCEPTED, None, "1^2")
