import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.channels.aliyun.sms import build
from app.channels.callbacks import CallbackParser, ForgedError, MalformedError, parser_of
from app.domain.callback_words import callback_word
from app.domain.deliveries import Told, next_state
from app.sandbox.stand_in import aliyun
from app.sandbox.stand_in.client import StandInClient
from tests.builders.callbacks import a_json, a_post, posted_back
from tests.builders.outgoing import NOW
from tests.channels.telephony import a_template_text, an_aliyun_entry
from tests.fakes.stand_in import CALLBACK_SECRET

RECEIPT = {
    "phone_number": "1381111****", "send_time": "2017-01-01 00:00:00", "report_time": "2017-01-01 00:00:00", "success": True,
    "err_code": "DELIVERED", "err_msg": "", "sms_size": "2", "biz_id": "1^0", "out_id": "m-1",
}  # fmt: skip
REPLY = '{"code":0,"msg":"接收成功"}'.encode()


@pytest.fixture
def parser() -> CallbackParser:
    made = parser_of("aliyun", {"callback_secret": CALLBACK_SECRET})
    assert made is not None
    return made


@pytest.mark.shared
def test_every_payload_of_the_study_parses_to_its_outcome(parser: CallbackParser, shared: Path) -> None:
    document = json.loads((shared / "data/provider_payloads/aliyun_sms_report.json").read_text())

    mainland = parser.read(a_json(document["mainland"]))
    international = parser.read(a_json(document["international"]))

    there, lost = mainland.reports
    assert (there.told, there.message_id, there.reference, there.units, there.at) == (
        Told.DELIVERED, "67890**", "12345********", 1, None,
    )  # fmt: skip
    assert (lost.told, lost.message_id, lost.error_code, lost.raw_code, lost.units) == (
        Told.FAILED, "67891**", "unknown", "UNKNOWN", 2,
    )  # fmt: skip
    assert there.event_key != lost.event_key
    assert json.loads(mainland.answer.body) == document["mainland_reply"]
    assert mainland.answer.body == REPLY
    assert not mainland.is_signed
    [sent] = international.reports
    assert (sent.told, sent.reference, sent.units) == (Told.SENT, "123456789****", 1)
    assert sent.at is not None
    assert sent.at.isoformat() == "2021-11-25T02:27:33+00:00"


@pytest.mark.parametrize(("status", "told", "code"), [("2", Told.FAILED, "unknown"), ("6", Told.FAILED, "expired"),
                                                      ("3", Told.DELIVERED, None), ("9", None, None)])  # fmt: skip
def test_each_international_state_has_one_meaning(
    parser: CallbackParser, status: str, told: Told | None, code: str | None
) -> None:
    callback = parser.read(a_json([{"To": "8521234", "Status": status, "MessageId": "7", "ErrorCode": "x"}]))

    assert [(report.told, report.error_code) for report in callback.reports] == ([(told, code)] if told else [])


@pytest.mark.parametrize(
    ("code", "error", "verdict"),
    [("INVALID_NUMBER", "bad_address", "invalid"), ("IS_CLOSED", "unreachable", "keep"),
     ("MOBILE_IN_BLACK", "opted_out", "opted_out"), ("NEW:0042", "unknown", "keep")],
)  # fmt: skip
def test_each_loss_has_one_meaning(parser: CallbackParser, code: str, error: str, verdict: str) -> None:
    [report] = parser.read(a_json([{**RECEIPT, "success": False, "err_code": code}])).reports

    assert (report.told, report.error_code, report.verdict, report.raw_code) == (Told.FAILED, error, verdict, code)


@pytest.mark.parametrize("secret", ["", "x", CALLBACK_SECRET + "x", CALLBACK_SECRET[:-1]])
def test_an_address_without_the_secret_is_forged(parser: CallbackParser, secret: str) -> None:
    with pytest.raises(ForgedError):
        parser.read(a_json([RECEIPT], path_secret=secret))


def test_without_a_secret_of_ours_everything_is_forged() -> None:
    made = parser_of("aliyun", {})
    assert made is not None

    with pytest.raises(ForgedError):
        made.read(a_json([RECEIPT], path_secret=""))


@pytest.mark.parametrize("body", [b"", b"no", b"{}", b"[1]", b'"x"'])
def test_what_is_no_array_of_objects_is_malformed(parser: CallbackParser, body: bytes) -> None:
    with pytest.raises(MalformedError):
        parser.read(a_post(body))


def test_fifty_receipts_in_one_post_are_fifty_with_a_key_each_and_unknown_things_are_let_be(parser: CallbackParser) -> None:
    many: list[dict[str, Any]] = [{**RECEIPT, "biz_id": f"{n}^0", "out_id": f"m-{n}"} for n in range(50)]

    callback = parser.read(a_json([*many, {"template_type": "new"}]))

    assert len({report.event_key for report in callback.reports}) == len(callback.reports) == 50


def test_the_same_receipt_again_has_the_same_key_whenever_it_comes(parser: CallbackParser) -> None:
    [first] = parser.read(a_json([RECEIPT])).reports
    [again] = parser.read(a_json([{**RECEIPT, "report_time": "2017-01-03 09:00:00"}])).reports
    [failed] = parser.read(a_json([{**RECEIPT, "success": False, "err_code": "UNKNOWN"}])).reports

    assert first.event_key == again.event_key != failed.event_key
    assert next_state("delivered", failed.told) is None  # a late failure does not undo an arrival


@pytest.mark.parametrize("sequence", [1234567890, "1234567890"])
def test_a_reply_is_taken_but_not_as_proven(parser: CallbackParser, sequence: object) -> None:
    reply = {"phone_number": "13811112222", "content": "退订", "send_time": "2017-09-01 00:00:00", "dest_code": "1234"}

    callback = parser.read(a_json([{**reply, "sequence_id": sequence}]))

    [inbound] = callback.inbound
    assert (inbound.channel, inbound.address, inbound.text) == ("sms", "+8613811112222", "退订")
    assert inbound.event_key == "up:1234567890"
    assert not callback.is_signed


@pytest.mark.parametrize(
    ("number", "told", "texts"),
    [
        ("+8613855550100", [Told.DELIVERED], []),
        ("+8613855550101", [Told.FAILED], []),
        ("+8613855550103", [Told.DELIVERED], ["退订"]),
        ("+8613855550105", [], []),
        ("+8613855550110", [Told.DELIVERED], []),
        ("+8613855550111", [Told.DELIVERED, Told.DELIVERED], []),
        ("+8613855550112", [Told.DELIVERED], [aliyun.QUESTION]),
    ],
)
def test_the_posts_of_each_magic_number_are_read(
    stand_in: StandInClient, number: str, told: list[Told], texts: list[str]
) -> None:
    channel, message = build(an_aliyun_entry(stand_in), threads=1), a_template_text(number)
    [sent] = channel.send([message], now=NOW)
    channel.close()

    parser = parser_of("aliyun", {"callback_secret": callback_word(CALLBACK_SECRET, "aliyun")})
    assert parser is not None
    callbacks = [parser.read(posted_back(item)) for item in stand_in.callbacks()]

    reports = [report for each in callbacks for report in each.reports]
    assert [report.told for report in reports] == told
    assert all((report.message_id, report.reference) == (message.message_id, sent.provider_reference) for report in reports)
    assert len({report.event_key for report in reports}) == min(1, len(told))
    assert [inbound.text for each in callbacks for inbound in each.inbound] == texts
    assert all(orjson.loads(each.answer.body)["code"] == 0 for each in callbacks)
