"""What Twilio posts: states of messages and calls, replies, keys pressed in a call. All are signed.

Source: Twilio, "Track the Message Status of Outbound Messages", "Messaging webhooks" (a reply, with OptOutType where
Advanced Opt-Out knew the word), "Call resource" (StatusCallback), "TwiML Voice: Gather" (Digits). RawDlrDoneDate has no
zone and is not used; other instants are not posted.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from app.channels.callbacks import CallbackParser, CallbackRequest, ForgedError, MalformedError
from app.channels.twilio.answers import MESSAGE_STATES, loss_of
from app.channels.twilio.calls import report_of
from app.channels.twilio.signing import is_signed
from app.channels.twilio.twiml import CONTENT_TYPE, EMPTY, KEY_STOP, Speaker, answer_to_key
from app.domain.deliveries import (
    Callback,
    CallbackAnswer,
    CallOutcome,
    DeliveryReport,
    EndpointEvent,
    InboundMessage,
    Told,
)

_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_OPT_OUTS = {"STOP": "opted_out", "START": "subscribed"}
_MOST_FIELDS = 200


class TwilioCallbacks:
    """Reads them."""

    provider = "twilio"

    def __init__(self, entry: Mapping[str, Any]) -> None:
        """`auth_token` signs; `previous_auth_token` too while it is being changed. `webhook_shared_key`: HMAC-SHA256."""
        self._tokens = [str(entry["auth_token"]), *filter(None, [entry.get("previous_auth_token")])]
        self._shared_key = str(entry.get("webhook_shared_key") or "")
        self._speaker = Speaker.of(entry)
        self._connect_to = entry.get("connect_to")

    def read(self, request: CallbackRequest) -> Callback:
        """Return what it says. Raises ForgedError, MalformedError."""
        form = _form_of(request)
        self._check(request, form)
        said = {name: values[0] for name, values in form.items()}
        message_id = request.query.get("message_id") or None
        if "MessageStatus" in said:
            return self._callback(reports=_message_reports(said, message_id))
        if "CallSid" in said:
            return self._call(said, message_id, request.query.get("locale") or "en")
        if "MessageSid" in said and "From" in said:
            return self._reply(said)
        raise MalformedError("Neither a state of a message or a call nor a reply.")

    def _check(self, request: CallbackRequest, form: Mapping[str, Sequence[str]]) -> None:
        given = request.headers.get("x-twilio-signature", "")
        settings = request.headers.get("x-twilio-webhooks-signature-settings")
        keys, algorithm = self._tokens, "sha1"
        if settings is not None:
            keys, algorithm = ([self._shared_key] if self._shared_key else []), "sha256"
        signed_form = form if request.method == "POST" else {}
        if not given or not is_signed(given, keys, request.url, signed_form, algorithm):
            raise ForgedError("X-Twilio-Signature is missing or wrong.")

    def _callback(self, twiml: str = EMPTY, **told: Any) -> Callback:
        answer = CallbackAnswer(twiml.encode(), content_type=CONTENT_TYPE)
        return Callback(self.provider, answer=answer, is_signed=True, **told)

    def _reply(self, said: Mapping[str, str]) -> Callback:
        sender, sid = said["From"], said["MessageSid"]
        if not _PHONE.fullmatch(sender):  # a short code, a name or another channel's address: no borrower of ours
            return self._callback()
        text = said.get("Body", "") or ("[media]" if said.get("NumMedia", "0") != "0" else "")
        inbound = [InboundMessage(sid, "sms", "phone", sender, text)]
        kind = _OPT_OUTS.get(said.get("OptOutType", "").upper())
        events = [EndpointEvent(f"{sid}:{kind}", "sms", "phone", sender, kind)] if kind else []
        return self._callback(inbound=inbound, events=events)

    def _call(self, said: Mapping[str, str], message_id: str | None, locale: str) -> Callback:
        sid = said["CallSid"]
        if "Digits" not in said:
            report = report_of(
                sid,
                said.get("CallStatus", ""),
                seconds=said.get("CallDuration", ""),
                answered_by=said.get("AnsweredBy", ""),
                sip_code=said.get("SipResponseCode", ""),
                message_id=message_id,
            )
            return self._callback(reports=[report] if report else [])
        key = said["Digits"][:1]
        twiml = answer_to_key(self._speaker, key, locale, str(self._connect_to) if self._connect_to else None)
        if not key:
            return self._callback(twiml)
        ours = said.get("To" if said.get("Direction", "outbound-api").startswith("outbound") else "From", "")
        pressed = DeliveryReport(
            f"{sid}:key:{key}", Told.DELIVERED, sid, message_id, call=CallOutcome("answered", keypress=key)
        )
        inbound = []
        if _PHONE.fullmatch(ours):
            inbound.append(
                InboundMessage(f"{sid}:said:{key}", "voice", "phone", ours, word_of_key(key), in_reply_to=message_id)
            )
        return self._callback(twiml, reports=[pressed], inbound=inbound)


def word_of_key(key: str) -> str:
    """Return what a key says: 9 is the word stop, as opt-outs know it; every other key is itself."""
    return "stop" if key == KEY_STOP else key


def _message_reports(said: Mapping[str, str], message_id: str | None) -> list[DeliveryReport]:
    status, sid = said["MessageStatus"], said.get("MessageSid") or said.get("SmsSid") or ""
    if not sid:
        raise MalformedError("A state of no message.")
    told = MESSAGE_STATES.get(status)
    if told is None:
        return []
    code = said.get("ErrorCode")
    loss = loss_of(code) if told is Told.FAILED else None
    return [
        DeliveryReport(
            f"{sid}:{status}",
            told,
            sid,
            message_id,
            error_code=loss.error_code if loss else None,
            raw_code=code[:60] if code else None,
            verdict=loss.verdict if loss else "keep",
        )
    ]


def _form_of(request: CallbackRequest) -> Mapping[str, Sequence[str]]:
    """Return the parameters: of the form, or of the query where a webhook was set to GET."""
    if request.method != "POST":
        return {name: [value] for name, value in request.query.items()}
    if "json" in request.headers.get("content-type", ""):
        raise MalformedError("A form was expected, not JSON.")
    try:
        return parse_qs(request.body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise MalformedError("Not a form in UTF-8.") from None


def parser(entry: Mapping[str, Any]) -> CallbackParser:
    """Return the parser of an entry of the providers file. Raises KeyError."""
    return TwilioCallbacks(entry)
