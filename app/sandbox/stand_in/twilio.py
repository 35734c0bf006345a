"""Twilio's Messages and Calls, as its documentation says, with Basic auth, its checks, its signed callbacks.

POST and GET /2010-04-01/Accounts/{sid}/Messages.json and Calls.json, GET .../Messages/{sid}.json and Calls/{sid}.json.
Endpoints for faults: twilio_messages, twilio_calls. Written apart from the adapter, so that both are held to the pages.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree.ElementTree import ParseError

import orjson
from defusedxml.ElementTree import fromstring

from app import clock
from app.sandbox.stand_in.answers import SILENCE, Answer, Taken, json_answer
from app.sandbox.stand_in.callbacks import CallbackPost
from app.sandbox.stand_in.magic import outcome_of
from app.sandbox.stand_in.memory import Memory
from app.sandbox.stand_in.providers import Gesture, GestureError, Provider, ProviderRequest, StandInConfig

ACCOUNT_SID = "AC" + "5" * 32
AUTH_TOKEN = "stand-in-twilio-auth-token-000001"  # noqa: S105 - of a provider that is none
QUESTION = "When is my next payment due?"
_ROOT = f"/2010-04-01/Accounts/{ACCOUNT_SID}/"
_LATE_MS = 60_000
_RINGS_MS = 30_000
_SENDER = "+15005550006"
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_ACTION = re.compile(r'<Gather[^>]* action="([^"]+)"')
_CALL_ENDS: dict[str, tuple[str, str, str]] = {
    "no_answer": ("no-answer", "", ""),
    "busy": ("busy", "", ""),
    "unreachable": ("failed", "", "404"),
    "voicemail": ("completed", "machine_start", ""),
}
"""Outcome -> CallStatus, AnsweredBy, SipResponseCode."""


@dataclass(slots=True)
class TwilioStandIn:
    """See the module."""

    config: StandInConfig
    endpoints: tuple[str, ...] = ("twilio_messages", "twilio_calls")
    labels: tuple[str, ...] = ("twilio",)
    _memory: Memory = field(default_factory=Memory)

    def endpoint(self, method: str, path: str) -> str | None:
        """Return which of its endpoints an address is."""
        found = re.fullmatch(r"/2010-04-01/Accounts/\w+/(Messages|Calls)(/\w+)?\.json", path)
        return f"twilio_{found[1].lower()}" if found and method in ("GET", "POST") else None

    def answer(self, endpoint: str, request: ProviderRequest) -> Answer | Taken:
        """Answer as Twilio does."""
        expected = "Basic " + base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
        if request.headers.get("authorization") != expected or not request.path.startswith(_ROOT):
            return _error(401, 20003, "Authenticate")
        kind = endpoint.removeprefix("twilio_")
        if request.method == "GET":
            return self._shown(kind, request)
        form = {name: values[0] for name, values in parse_qs(request.body.decode(), keep_blank_values=True).items()}
        return self._message(form) if kind == "messages" else self._call(form)

    def _shown(self, kind: str, request: ProviderRequest) -> Answer:
        sid = re.search(r"/(SM\w+|CA\w+)\.json$", request.path)
        if sid:
            item = self._memory.get(sid[1])
            return json_answer(item) if item else _error(404, 20404, "The requested resource was not found")
        prefix, to = ("SM" if kind == "messages" else "CA"), request.query.get("To")
        found = self._memory.where(lambda item: item["sid"].startswith(prefix) and (to is None or item["to"] == to))
        return json_answer({kind: found[: int(request.query.get("PageSize", "50"))], "page": 0})

    def _message(self, form: dict[str, str]) -> Answer | Taken:
        to, body = form.get("To", ""), form.get("Body", "")
        outcome = outcome_of(to)
        if not _PHONE.fullmatch(to) or outcome == "invalid":
            return _error(400, 21211, f"Invalid 'To' Phone Number: {to}")
        if not form.get("From") and not form.get("MessagingServiceSid"):
            return _error(400, 21603, "A 'From' phone number is required.")
        if not body:
            return _error(400, 21602, "Message body is required.")
        if len(body) > 1600:
            return _error(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
        if not form.get("ValidityPeriod", "1").isdigit() or not 1 <= int(form.get("ValidityPeriod", "1")) <= 36_000:
            return _error(400, 21624, "ValidityPeriod is invalid.")
        if outcome == "blocked":
            return _error(400, 21610, "Attempt to send to unsubscribed recipient")
        turned_away = self._turned_away(outcome, _message_id(form) or to)
        if turned_away:
            return turned_away
        sid = "SM" + secrets.token_hex(16)
        last, code = _message_end(outcome)
        item = _resource(
            sid, form, status=last, error_code=code, num_segments="0" if form.get("MessagingServiceSid") else "1"
        )
        made = json_answer({**item, "status": "queued", "error_code": None}, 201)
        return Taken(
            channel="sms",
            message_id=_message_id(form),
            target=to,
            label="twilio",
            content=orjson.dumps({"text": body, "form": form}),
            answer=SILENCE if outcome == "timeout" else made,
            callbacks=tuple(self._message_posts(form, sid, outcome)),
            then=lambda: self._memory.keep(sid, item),
        )

    def _call(self, form: dict[str, str]) -> Answer | Taken:
        to, twiml = form.get("To", ""), form.get("Twiml", "")
        outcome = outcome_of(to)
        if not _PHONE.fullmatch(to) or outcome == "invalid":
            return _error(400, 21211, f"Invalid 'To' Phone Number: {to}")
        if not _PHONE.fullmatch(form.get("From", "")):
            return _error(400, 21212, "Invalid 'From' Phone Number")
        try:
            spoken = fromstring(twiml)
        except ParseError:
            return _error(400, 12100, "Document parse failure")
        if spoken.tag != "Response" or len(twiml) > 4000:
            return _error(400, 21205, "Twiml is not valid")
        turned_away = self._turned_away(outcome, _message_id(form) or to)
        if turned_away:
            return turned_away
        sid = "CA" + secrets.token_hex(16)
        status, answered_by, sip = _CALL_ENDS.get(outcome, ("completed", "human", ""))
        seconds = "23" if status == "completed" else "0"
        item = _resource(sid, form, status=status, duration=seconds, answered_by=answered_by or None)
        end = {"CallSid": sid, "CallStatus": status, "CallDuration": seconds, "To": to, "From": form["From"]}
        end |= {"AccountSid": ACCOUNT_SID, "Direction": "outbound-api", "Timestamp": item["date_created"]}
        end |= ({"AnsweredBy": answered_by} if answered_by else {}) | ({"SipResponseCode": sip} if sip else {})
        posts = [] if outcome in ("no_receipt", "timeout") else _repeated([end], form.get("StatusCallback", ""), outcome)
        keys = {"connect_me": "1", "stop": "9"}
        action = _ACTION.search(twiml)
        if outcome in keys and action:
            posts.insert(0, _key(action[1], end, keys[outcome]))
        if outcome == "delivered" and to in self.config.rings_at:
            posts = [self._unanswered(item, end, form.get("StatusCallback", ""))]
        return Taken(
            channel="voice",
            message_id=_message_id(form),
            target=to,
            label="twilio",
            content=orjson.dumps({"text": " ".join(spoken.itertext()), "twiml": twiml, "form": form, "end": end}),
            answer=SILENCE if outcome == "timeout" else json_answer({**item, "status": "queued"}, 201),
            callbacks=tuple(posts),
            then=lambda: self._memory.keep(sid, item),
        )

    def touched(self, gesture: Gesture) -> list[CallbackPost]:
        """Return what Twilio posts when somebody answers a text, or takes, declines or ends a call that rings."""
        content = gesture.item["content"]
        form = content["form"]
        if gesture.item["channel"] == "sms":
            return [self._reply(form["To"], form.get("From") or _SENDER, gesture.text or "?")]
        end, url = content["end"], form.get("StatusCallback", "")
        call = self._memory.get(end["CallSid"])
        expected = {"answer": "ringing", "decline": "ringing", "key": "in-progress", "hang_up": "in-progress"}
        if call is None or expected.get(gesture.act) != call["status"]:
            raise GestureError("The call is over, or was not answered.")
        if gesture.act == "key":
            action = _ACTION.search(content["twiml"])
            return [_key(action[1], end, gesture.text[:1])] if action else []
        call["status"] = {"answer": "in-progress", "decline": "busy", "hang_up": "completed"}[gesture.act]
        if gesture.act == "answer":
            call["answered_at"] = clock.monotonic_seconds()
            return []
        seconds = round(clock.monotonic_seconds() - call["answered_at"]) if gesture.act == "hang_up" else 0
        answered_by = {"AnsweredBy": "human"} if gesture.act == "hang_up" else {}
        told = {**end, "CallStatus": call["status"], "CallDuration": str(seconds)}
        told.pop("AnsweredBy", None)
        return [_signed(url, told | answered_by, 50)]

    def _unanswered(self, call: dict[str, Any], end: dict[str, str], url: str) -> CallbackPost:
        """Return the post that nobody answered, for when a call has rung long enough; a call that was is left out."""
        call |= {"status": "ringing", "duration": None, "answered_by": None}

        def is_off() -> bool:
            if call["status"] != "ringing":
                return True
            call["status"] = "no-answer"
            return False

        told = {name: value for name, value in end.items() if name != "AnsweredBy"}
        return replace(_signed(url, told | {"CallStatus": "no-answer", "CallDuration": "0"}, _RINGS_MS), is_off=is_off)

    def _reply(self, sender: str, to: str, text: str) -> CallbackPost:
        reply = {"MessageSid": "SM" + secrets.token_hex(16), "AccountSid": ACCOUNT_SID, "From": sender}
        reply |= {"To": to, "Body": text, "NumMedia": "0", "SmsStatus": "received"}
        word = text.strip().upper()
        reply |= {"OptOutType": word} if word in ("STOP", "START", "HELP") else {}
        return _signed(self.config.callback_url("twilio"), reply, 300)

    def _turned_away(self, outcome: str, message: str) -> Answer | None:
        if outcome == "rate_limited" and self._memory.is_first_try(outcome, message):
            return _error(429, 20429, "Too Many Requests")
        if outcome == "unavailable" and self._memory.is_first_try(outcome, message):
            return _error(503, 20503, "Service Unavailable")
        return None

    def _message_posts(self, form: dict[str, str], sid: str, outcome: str) -> list[CallbackPost]:
        if outcome in ("no_receipt", "timeout"):
            return []
        last, code = _message_end(outcome)
        told = {"MessageSid": sid, "SmsSid": sid, "AccountSid": ACCOUNT_SID, "To": form["To"], "ApiVersion": "2010-04-01"}
        told["From"] = form.get("From") or _SENDER
        states = [{**told, "MessageStatus": state, "SmsStatus": state} for state in ("sent", last)]
        if code:
            states[-1]["ErrorCode"] = str(code)
        posts = _repeated(states, form.get("StatusCallback", ""), outcome)
        text = {"stop": "STOP", "reply": QUESTION}.get(outcome)
        if text:
            posts.append(self._reply(form["To"], told["From"], text))
        return posts


def _message_end(outcome: str) -> tuple[str, int | None]:
    if outcome == "unreachable":
        return "undelivered", 30003
    return ("undelivered", 30007) if outcome == "refused_content" else ("delivered", None)


def _resource(sid: str, form: dict[str, str], **fields: Any) -> dict[str, Any]:
    now = format_datetime(clock.system_now())
    sender = form.get("From") or None
    return {
        "sid": sid, "account_sid": ACCOUNT_SID, "to": form["To"], "from": sender, "direction": "outbound-api",
        "date_created": now, "date_updated": now, "date_sent": now, "error_message": None, **fields,
    }  # fmt: skip


def _message_id(form: dict[str, str]) -> str:
    query = parse_qs(urlsplit(form.get("StatusCallback", "")).query)
    return query.get("message_id", [""])[0]


def _repeated(states: list[dict[str, str]], url: str, outcome: str) -> list[CallbackPost]:
    """Return the posts of these states, in order; of `duplicate_receipts` each twice, the last one first."""
    if outcome == "duplicate_receipts":
        states = [each for state in reversed(states) for each in (state, state)]
    start = _LATE_MS if outcome == "late" else 50
    return [_signed(url, state, start + place * 80) for place, state in enumerate(states)]


def _key(action: str, end: dict[str, str], key: str) -> CallbackPost:
    pressed = {**end, "CallStatus": "in-progress", "Digits": key, "msg": "Gather End"}
    pressed.pop("CallDuration")
    return _signed(unescape(action), pressed, 50)


def _signed(url: str, form: dict[str, str], delay_ms: int) -> CallbackPost:
    said = url + "".join(name + form[name] for name in sorted(form))
    signature = base64.b64encode(hmac.new(AUTH_TOKEN.encode(), said.encode(), hashlib.sha1).digest()).decode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "X-Twilio-Signature": signature}
    return CallbackPost(url, headers, urlencode(form).encode(), delay_ms)


def _error(status: int, code: int, message: str) -> Answer:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return json_answer({"code": code, "message": message, "more_info": more, "status": status}, status)


def make(config: StandInConfig) -> Provider:
    """Return Twilio."""
    return TwilioStandIn(config)
