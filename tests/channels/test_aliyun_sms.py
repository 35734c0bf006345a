import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from app import clock
from app.channels.aliyun.answers import result_of
from app.channels.aliyun.numbers import e164, written
from app.channels.aliyun.signing import authorization, canonical_query
from app.channels.aliyun.sms import AliyunSms, build, days_of
from app.channels.base import EndpointVerdict, Outcome, ProviderTemplate, Queryable
from app.channels.http_transport import HttpAnswer
from app.domain.deliveries import Told
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import NOW, a_text
from tests.builders.patience import BRIEF, PATIENT, each_act
from tests.channels.telephony import a_template_text, an_aliyun_entry, asked_of

KEEP, INVALID = EndpointVerdict.KEEP, EndpointVerdict.INVALID


@pytest.fixture
def aliyun(stand_in: StandInClient, patience: float) -> Iterator[AliyunSms]:
    channel = build(an_aliyun_entry(stand_in, total_seconds=patience), threads=4)
    assert isinstance(channel, AliyunSms)
    yield channel
    channel.close()


def test_the_signature_is_that_of_the_vendors_worked_example() -> None:
    """Source: Alibaba Cloud, "V3 request structure and signature", the example with fixed parameters."""
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = canonical_query({"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"})

    said = authorization("YourAccessKeyId", "YourAccessKeySecret", "POST", "/", query, headers)

    assert said.endswith("Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")
    assert "SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version," in said


def test_a_text_is_its_registered_template_with_our_id(aliyun: AliyunSms, stand_in: StandInClient) -> None:
    message = a_template_text()

    [result] = aliyun.send([message], now=NOW)

    [item] = stand_in.received()
    said = item["content"]["parameters"]
    assert (result.outcome, result.units) == (Outcome.ACCEPTED, 1)
    assert result.provider_reference
    assert (said["PhoneNumbers"], said["SignName"], said["TemplateCode"]) == ("13800138000", "某银行", "SMS_123456")
    assert orjson.loads(said["TemplateParam"]) == {"name": "李雷", "date": "3月2日"}
    assert said["OutId"] == item["message_id"] == message.message_id


def test_a_long_text_is_counted_with_its_signature(aliyun: AliyunSms) -> None:
    [short, long] = aliyun.send([a_template_text(body="还" * 65), a_template_text(body="还" * 66)], now=NOW)

    assert (short.units, long.units) == (1, 2)  # 5 of 【某银行】


def test_a_wording_that_is_not_registered_there_is_refused_without_a_request(
    aliyun: AliyunSms, stand_in: StandInClient
) -> None:
    bare, elsewhere, late = aliyun.send(
        [a_text("+8613800138000"), a_template_text("+447400123456"), a_template_text(expires_at=NOW)], now=NOW
    )

    assert (bare.outcome, bare.error_code, bare.verdict) == (Outcome.REFUSED, "template_not_registered", KEEP)
    assert (elsewhere.outcome, elsewhere.error_code) == (Outcome.RETRY, "no_sender")
    assert late.error_code == "expired"
    assert not stand_in.counts()["requests"]


@pytest.mark.parametrize(
    ("number", "patience", "outcome", "code", "verdict"),
    [
        ("+8613855550102", PATIENT, Outcome.REFUSED, "bad_address", INVALID),
        ("+8613855550106", BRIEF, Outcome.UNCERTAIN, "timeout", KEEP),
        ("+8613855550107", PATIENT, Outcome.REFUSED, "content_refused", KEEP),
        ("+8613855550108", PATIENT, Outcome.RETRY, "quota", KEEP),
        ("+8613855550109", PATIENT, Outcome.UNCERTAIN, "provider_error", KEEP),
    ],
)
def test_each_refusal_has_one_meaning(
    aliyun: AliyunSms, number: str, outcome: Outcome, code: str, verdict: EndpointVerdict
) -> None:
    [result] = aliyun.send([a_template_text(number)], now=NOW)

    assert (result.outcome, result.error_code, result.verdict) == (outcome, code, verdict)
    assert not result.pause_provider_seconds


def test_a_template_they_do_not_know_is_refused(aliyun: AliyunSms) -> None:
    [result] = aliyun.send([a_template_text(provider_templates={"aliyun": ProviderTemplate("nothing")})], now=NOW)

    assert (result.outcome, result.error_code, result.raw_code) == (
        Outcome.REFUSED, "template_refused", "isv.SMS_TEMPLATE_ILLEGAL",
    )  # fmt: skip


@pytest.mark.parametrize("setting", [{"access_key_secret": "another"}, {"access_key_id": "another"}])
def test_a_wrong_key_pauses_the_provider(stand_in: StandInClient, setting: dict[str, str]) -> None:
    channel = build(an_aliyun_entry(stand_in, **setting), threads=1)

    [result] = channel.send([a_template_text()], now=NOW)
    channel.close()

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "credential_refused")
    assert result.pause_provider_seconds


def _said(code: str, status: int = 200) -> HttpAnswer:
    return HttpAnswer(status, body=orjson.dumps({"Code": code, "Message": "x", "RequestId": "r"}))


@pytest.mark.parametrize(
    ("answer", "outcome", "code", "pauses"),
    [
        (_said("isv.MOBILE_NUMBER_ILLEGAL"), Outcome.REFUSED, "bad_address", False),
        (_said("isv.BUSINESS_LIMIT_CONTROL"), Outcome.RETRY, "quota", False),
        (_said("isv.DAY_LIMIT_CONTROL"), Outcome.RETRY, "quota", True),
        (_said("isv.SMS_TEMPLATE_ILLEGAL"), Outcome.REFUSED, "template_refused", False),
        (_said("isv.SMS_SIGNATURE_ILLEGAL"), Outcome.RETRY, "sender_refused", False),
        (_said("isv.OUT_OF_SERVICE"), Outcome.RETRY, "out_of_credit", True),
        (_said("isv.AMOUNT_NOT_ENOUGH"), Outcome.RETRY, "out_of_credit", True),
        (_said("AMOUNT_NOT_ENOUGH"), Outcome.RETRY, "out_of_credit", True),
        (_said("isp.RAM_PERMISSION_DENY"), Outcome.RETRY, "credential_refused", True),
        (_said("isv.BLACK_KEY_CONTROL_LIMIT"), Outcome.REFUSED, "content_refused", False),
        (_said("isv.COMPLAINT_REJECT"), Outcome.REFUSED, "blocked", False),
        (_said("isv.SOMETHING_NEW"), Outcome.REFUSED, "bad_message", False),
        (_said("isp.SYSTEM_ERROR"), Outcome.UNCERTAIN, "provider_error", False),
        (_said("isp.SOMETHING_NEW"), Outcome.UNCERTAIN, "provider_error", False),
        (_said("SOMETHING_NEW"), Outcome.UNCERTAIN, "provider_error", False),
        (_said("Throttling.User", 400), Outcome.RETRY, "quota", True),
        (_said("InvalidAccessKeyId.NotFound", 404), Outcome.RETRY, "credential_refused", True),
        (_said("SignatureDoesNotMatch", 400), Outcome.RETRY, "credential_refused", True),
        (_said("SignatureNonceUsed", 400), Outcome.UNCERTAIN, "provider_error", False),
        (_said("ServiceUnavailable", 503), Outcome.UNCERTAIN, "provider_error", False),
        (_said("InternalError", 500), Outcome.UNCERTAIN, "provider_error", False),
        (_said("OK"), Outcome.UNCERTAIN, "answer_without_id", False),
        (HttpAnswer(200, body=b'{"Code":"OK","BizId":"12'), Outcome.UNCERTAIN, "provider_error", False),
        (HttpAnswer(502, body=b"<html>"), Outcome.UNCERTAIN, "provider_error", False),
        (HttpAnswer(302), Outcome.RETRY, "credential_refused", True),
    ],
)
def test_each_code_has_one_meaning(answer: HttpAnswer, outcome: Outcome, code: str, pauses: bool) -> None:
    result = result_of(answer, reference="BizId", units=1)

    assert (result.outcome, result.error_code) == (outcome, code)
    assert bool(result.pause_provider_seconds) == pauses
    assert (result.verdict is INVALID) == (code == "bad_address")


@each_act("reset_after", "accept_then_reset", "drop", "accept_then_drop", "cut", "drip")
def test_a_text_that_may_have_gone_is_uncertain(aliyun: AliyunSms, stand_in: StandInClient, act: str) -> None:
    stand_in.program({"on": "aliyun_sms", "act": act, **({"delay_ms": 400} if act == "drip" else {})})
    began = time.monotonic()

    [result] = aliyun.send([a_template_text()], now=NOW)

    assert result.outcome is Outcome.UNCERTAIN
    assert time.monotonic() - began < PATIENT  # the last of what drips comes after a minute


@pytest.mark.parametrize(
    ("number", "told", "code"),
    [("+8613800138000", Told.DELIVERED, None), ("+8613855550101", Told.FAILED, "unreachable"),
     ("+8613855550104", Told.FAILED, "opted_out")],
)  # fmt: skip
def test_what_became_of_a_text_whose_answer_never_came_is_found_by_our_id(
    aliyun: AliyunSms, stand_in: StandInClient, number: str, told: Told, code: str | None
) -> None:
    stand_in.program({"on": "aliyun_sms", "act": "accept_then_drop", "times": 1})
    now = clock.system_now()
    lost, other, never = (a_template_text(number, expires_at=now + timedelta(hours=1)) for _ in range(3))
    hasty = build(an_aliyun_entry(stand_in, total_seconds=BRIEF), threads=1)
    [first] = hasty.send([lost], now=now)
    hasty.close()
    aliyun.send([other], now=now)

    found, absent = aliyun.find([asked_of(lost, sent_at=now), asked_of(never, sent_at=now)], now=now)

    assert first.outcome is Outcome.UNCERTAIN
    assert absent is None
    assert found is not None
    assert (found.told, found.error_code, found.message_id) == (told, code, lost.message_id)
    assert isinstance(aliyun, Queryable)


def test_around_midnight_in_china_both_days_are_asked() -> None:
    midnight = datetime(2026, 3, 2, 15, 58, tzinfo=UTC)

    assert days_of(asked_of(a_text(), sent_at=midnight)) == ["20260302", "20260303"]
    assert days_of(asked_of(a_text(), sent_at=midnight - timedelta(hours=1))) == ["20260302"]


@pytest.mark.parametrize(
    ("phone", "there"),
    [("+8613800138000", "13800138000"), ("+8657188886666", "057188886666"), ("+85251234567", "85251234567")],
)
def test_numbers_are_written_as_they_are_there_and_read_back(phone: str, there: str) -> None:
    assert written(phone) == there
    assert e164(there) == phone


@pytest.mark.parametrize("masked", ["1381111****", "", None, "abc"])
def test_a_masked_number_is_nobodys(masked: Any) -> None:
    assert e164(masked) is None
