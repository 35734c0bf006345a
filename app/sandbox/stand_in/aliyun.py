"""Alibaba Cloud's SMS and voice services, as their documentation says: signed by ACS3-HMAC-SHA256, templates alone.

POST /aliyun/sms/ (SendSms, QuerySendDetails) and POST /aliyun/voice/ (SingleCallByTts, QueryCallDetailByCallId); the real
ones have hosts of their own. Endpoints for faults: aliyun_sms, aliyun_voice. Receipts and replies go to the address of the
stand-in's config. Written apart from the adapter, so that both are held to the pages.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import orjson

from app import clock
from app.sandbox.stand_in.answers import SILENCE, Answer, Taken, json_answer
from app.sandbox.stand_in.callbacks import CallbackPost
from app.sandbox.stand_in.magic import outcome_of
from app.sandbox.stand_in.memory import Memory
from app.sandbox.stand_in.providers import Gesture, GestureError, Provider, ProviderRequest, StandInConfig

KEY_ID = "LTAI-stand-in"
KEY_SECRET = "stand-in-aliyun-key-secret"  # noqa: S105 - of a provider that is none
QUESTION = "下次还款是哪天？"
_LATE_MS = 60_000
_CHINA = timezone(timedelta(hours=8))
_STATUS_OF_CALLS = {"no_answer": "200003", "busy": "200002", "unreachable": "200007", "voicemail": "200000"}


@dataclass(slots=True)
class AliyunStandIn:
    """See the module."""

    config: StandInConfig
    endpoints: tuple[str, ...] = ("aliyun_sms", "aliyun_voice")
    labels: tuple[str, ...] = ("aliyun",)
    _memory: Memory = field(default_factory=Memory)

    def endpoint(self, method: str, path: str) -> str | None:
        """Return which of its endpoints an address is."""
        return {"/aliyun/sms/": "aliyun_sms", "/aliyun/voice/": "aliyun_voice"}.get(path) if method == "POST" else None

    def answer(self, endpoint: str, request: ProviderRequest) -> Answer | Taken:
        """Answer as Alibaba Cloud does."""
        refused = _signature_refusal(request)
        if refused is not None:
            return refused
        action = request.headers.get("x-acs-action", "")
        acts = {
            ("aliyun_sms", "SendSms"): self._sms,
            ("aliyun_sms", "QuerySendDetails"): self._sent,
            ("aliyun_voice", "SingleCallByTts"): self._call,
            ("aliyun_voice", "QueryCallDetailByCallId"): self._called,
        }
        act = acts.get((endpoint, action))
        if act is None or request.headers.get("x-acs-version") != "2017-05-25":
            return _gateway_error(404, "InvalidAction.NotFound")
        return act(dict(request.query))

    def _sms(self, said: dict[str, str]) -> Answer | Taken:
        number = said.get("PhoneNumbers", "")
        phone = number if not re.fullmatch(r"1[3-9]\d{9}", number) else f"86{number}"
        outcome = outcome_of(f"+{phone}")
        if not re.fullmatch(r"\d{7,15}", number) or outcome == "invalid":
            return _code("isv.MOBILE_NUMBER_ILLEGAL", "非法手机号")
        if not said.get("SignName"):
            return _code("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法")
        if not re.fullmatch(r"SMS_\d+", said.get("TemplateCode", "")):
            return _code("isv.SMS_TEMPLATE_ILLEGAL", "模板不合法")
        refused = _parameter_refusal(said, "TemplateParam") or self._turned_away(outcome, said.get("OutId") or number)
        if refused is not None:
            return refused
        if outcome == "refused_content":
            return _code("isv.SMS_CONTENT_ILLEGAL", "短信内容包含禁止发送内容")
        biz_id, out_id = f"{secrets.randbelow(10**15):015d}^0", said.get("OutId", "")
        is_there, code = _end_of(outcome)
        at = _china_now()
        item = {
            "PhoneNum": number, "OutId": out_id, "TemplateCode": said["TemplateCode"], "SendDate": at, "ReceiveDate": at,
            "SendStatus": 3 if is_there else 2, "ErrCode": code, "Content": "", "BizId": biz_id,
        }  # fmt: skip
        report = {
            "phone_number": number, "send_time": at, "report_time": at, "success": is_there, "err_code": code,
            "err_msg": "", "sms_size": "1", "biz_id": biz_id, "out_id": out_id,
        }  # fmt: skip
        posts = self._posts([report], outcome)
        text = {"stop": "退订", "reply": QUESTION}.get(outcome)
        if text:
            posts.append(self._reply(number, text))
        return Taken(
            channel="sms",
            message_id=out_id,
            target=f"+{phone}",
            label="aliyun",
            content=orjson.dumps({"text": said.get("TemplateParam", ""), "parameters": said}),
            answer=SILENCE if outcome == "timeout" else _code("OK", "OK", BizId=biz_id),
            callbacks=tuple(posts),
            then=lambda: self._memory.keep(biz_id, item),
        )

    def touched(self, gesture: Gesture) -> list[CallbackPost]:
        """Return what Alibaba Cloud posts when somebody answers a text."""
        if gesture.act != "text" or gesture.item["channel"] != "sms":
            raise GestureError("A text is answered; nobody is at the other end of a call.")
        return [self._reply(gesture.item["content"]["parameters"]["PhoneNumbers"], gesture.text)]

    def _reply(self, number: str, text: str) -> CallbackPost:
        reply = {"phone_number": number, "content": text, "send_time": _china_now(), "dest_code": "1234"}
        return self._post([{**reply, "sequence_id": str(secrets.randbelow(10**10))}], 300)

    def _sent(self, said: dict[str, str]) -> Answer:
        if not re.fullmatch(r"\d{8}", said.get("SendDate", "")) or not said.get("PageSize") or not said.get("CurrentPage"):
            return _code("isv.INVALID_PARAMETERS", "参数异常")
        found = self._memory.where(
            lambda item: (
                item.get("PhoneNum") == said.get("PhoneNumber")
                and item["SendDate"][:10].replace("-", "") == said["SendDate"]
                and said.get("BizId") in (None, item["BizId"])
            )
        )
        return _code("OK", "OK", TotalCount=str(len(found)), SmsSendDetailDTOs={"SmsSendDetailDTO": found[:50]})

    def _call(self, said: dict[str, str]) -> Answer | Taken:
        number = said.get("CalledNumber", "")
        outcome = outcome_of(f"+86{number.removeprefix('0')}")
        if not re.fullmatch(r"\d{7,15}", number) or outcome == "invalid":
            return _code("isv.MOBILE_NUMBER_ILLEGAL", "号码格式非法")
        if not re.fullmatch(r"TTS_\d+", said.get("TtsCode", "")):
            return _code("isv.TTS_TEMPLATE_ILLEGAL", "TTS模板不合法")
        if not 1 <= len(said.get("OutId", "x").encode()) <= 15 or said.get("PlayTimes", "1") not in ("1", "2", "3"):
            return _code("isv.INVALID_PARAMETERS", "参数异常")
        refused = _parameter_refusal(said, "TtsParam") or self._turned_away(outcome, said.get("OutId") or number)
        if refused is not None:
            return refused
        if outcome == "blocked":
            return _code("isv.COMPLAINT_REJECT", "防骚扰拦截")
        call_id = f"{secrets.randbelow(10**12):012d}^{secrets.randbelow(10**12):012d}"
        status, at = _STATUS_OF_CALLS.get(outcome, "200000"), _china_now()
        duration = "23" if status == "200000" else "0"
        report = {
            "call_id": call_id, "status_code": status, "duration": duration, "callee": number, "caller": "057100000000",
            "originate_time": at, "ring_time": at, "end_time": at, "out_id": said.get("OutId", ""), "voice_type": "voice",
            "status_msg": "", "toll_type": "LOCAL",
        }  # fmt: skip
        key = {"connect_me": "1", "stop": "9"}.get(outcome)
        detail = {"callId": call_id, "state": status, "duration": int(duration), "callee": number, "endDate": at}
        return Taken(
            channel="voice",
            message_id=said.get("OutId", ""),
            target=f"+86{number.removeprefix('0')}",
            label="aliyun",
            content=orjson.dumps({"text": said.get("TtsParam", ""), "parameters": said}),
            answer=SILENCE if outcome == "timeout" else _code("OK", "OK", CallId=call_id),
            callbacks=tuple(self._posts([{**report, "dtmf": key} if key else report], outcome)),
            then=lambda: self._memory.keep(call_id, detail),
        )

    def _called(self, said: dict[str, str]) -> Answer:
        detail = self._memory.get(said.get("CallId", ""))
        if detail is None or not said.get("QueryDate", "").isdigit():
            return _code("isv.INVALID_PARAMETERS", "参数异常")
        return _code("OK", "OK", Data=orjson.dumps(detail).decode())

    def _turned_away(self, outcome: str, number: str) -> Answer | None:
        if outcome == "rate_limited" and self._memory.is_first_try(outcome, number):
            return _code("isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1")
        if outcome == "unavailable" and self._memory.is_first_try(outcome, number):
            return _gateway_error(503, "ServiceUnavailable")
        return None

    def _posts(self, reports: list[dict[str, Any]], outcome: str) -> list[CallbackPost]:
        if outcome in ("no_receipt", "timeout"):
            return []
        posts = [self._post(reports, _LATE_MS if outcome == "late" else 100)]
        return posts * 2 if outcome == "duplicate_receipts" else posts

    def _post(self, items: list[dict[str, Any]], delay_ms: int) -> CallbackPost:
        url = self.config.callback_url("aliyun")
        return CallbackPost(url, {"Content-Type": "application/json;charset=UTF-8"}, orjson.dumps(items), delay_ms)


def _end_of(outcome: str) -> tuple[bool, str]:
    code = {"unreachable": "IS_CLOSED", "blocked": "MOBILE_IN_BLACK"}.get(outcome)
    return (code is None, code or "DELIVERED")


def _parameter_refusal(said: dict[str, str], name: str) -> Answer | None:
    try:
        is_well = isinstance(orjson.loads(said.get(name, "{}")), dict)
    except orjson.JSONDecodeError:
        is_well = False
    return None if is_well else _code("isv.INVALID_JSON_PARAM", "参数格式错误")


def _signature_refusal(request: ProviderRequest) -> Answer | None:
    found = re.fullmatch(
        r"ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})",
        request.headers.get("authorization", ""),
    )
    if found is None:
        return _gateway_error(400, "MissingAuthorization")
    if found[1] != KEY_ID:
        return _gateway_error(404, "InvalidAccessKeyId.NotFound")
    names = found[2].split(";")
    query = "&".join(f"{quote(name, safe='~')}={quote(request.query[name], safe='~')}" for name in sorted(request.query))
    headers = "".join(f"{name}:{request.headers.get(name, '')}\n" for name in names)
    body = hashlib.sha256(request.body).hexdigest()
    canonical = f"{request.method}\n{request.path}\n{query}\n{headers}\n{found[2]}\n{body}"
    said = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    expected = hmac.new(KEY_SECRET.encode(), said.encode(), hashlib.sha256).hexdigest()
    needed = {"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}
    if not needed <= set(names) or not hmac.compare_digest(expected, found[3]):
        return _gateway_error(400, "SignatureDoesNotMatch")
    return None


def _china_now() -> str:
    return datetime.strftime(clock.system_now().astimezone(_CHINA), "%Y-%m-%d %H:%M:%S")


def _code(code: str, message: str, **fields: Any) -> Answer:
    return json_answer({"Code": code, "Message": message, "RequestId": secrets.token_hex(16).upper(), **fields})


def _gateway_error(status: int, code: str) -> Answer:
    return json_answer({"Code": code, "Message": code, "RequestId": secrets.token_hex(16).upper()}, status)


def make(config: StandInConfig) -> Provider:
    """Return Alibaba Cloud."""
    return AliyunStandIn(config)
