"""Calls by Twilio that speak a text and take a key: POST /2010-04-01/Accounts/{sid}/Calls.json.

Source: Twilio, "Call resource". The StatusCallback is asked for the end of the call alone, which is its default; our id
is in its query and in that of the address that takes the key.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.channels.answers import BAD_MESSAGE
from app.channels.base import Asked, Channel, DeliveryResult, Outgoing
from app.channels.http_transport import HttpRequest, Transport
from app.channels.numbers import refused_number
from app.channels.provider_settings import LATE, NO_SENDER, sender_of, transport_of
from app.channels.twilio.accounts import URL, TwilioAccount, with_query
from app.channels.twilio.answers import result_of
from app.channels.twilio.calls import report_of
from app.channels.twilio.twiml import LONGEST, Speaker, announcement
from app.domain.deliveries import DeliveryReport

_RING_SECONDS = 30
_LONGEST_CALL_SECONDS = 600


class TwilioVoice:
    """The voice channel by Twilio."""

    name = "voice"
    provider = "twilio"

    def __init__(self, entry: Mapping[str, Any], transport: Transport) -> None:
        """`entry`: the account, `senders` (country -> our number); `machine_detection` false where it is not wanted."""
        self._account = TwilioAccount(entry, transport)
        self.batch = transport.at_once
        self._senders: Mapping[str, Any] = entry["senders"]
        self._speaker = Speaker.of(entry)
        self._detects = bool(entry.get("machine_detection", True))

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Place each call once; one result per message, in order."""
        spoken = [self._twiml(outgoing) for outgoing in batch]
        refused = [self._refusal(outgoing, twiml, now) for outgoing, twiml in zip(batch, spoken, strict=True)]
        requests = [
            self._request(outgoing, twiml)
            for outgoing, twiml, refusal in zip(batch, spoken, refused, strict=True)
            if refusal is None
        ]
        answers = iter(self._account.transport.post(requests))
        return [refusal or result_of(next(answers), units=1) for refusal in refused]

    def find(self, asked: Sequence[Asked], *, now: datetime) -> list[DeliveryReport | None]:
        """Return how each call went, in order; None where Twilio does not say, or may speak of another."""
        found = self._account.found("Calls", asked, sent_key="StartTime")
        return [
            report_of(
                str(item.get("sid")),
                str(item.get("status")),
                seconds=str(item.get("duration") or ""),
                answered_by=str(item.get("answered_by") or ""),
                message_id=one.message_id,
            )
            if item
            else None
            for one, item in zip(asked, found, strict=True)
        ]

    def close(self) -> None:
        """Close the connections."""
        self._account.transport.close()

    def _twiml(self, outgoing: Outgoing) -> str:
        action = None
        if outgoing.status_url:
            action = with_query(outgoing.status_url, message_id=outgoing.message_id, locale=outgoing.locale)
        return announcement(self._speaker, outgoing.body, outgoing.locale, action)

    def _refusal(self, outgoing: Outgoing, twiml: str, now: datetime) -> DeliveryResult | None:
        if outgoing.expires_at <= now:
            return LATE
        if len(twiml) > LONGEST:
            return BAD_MESSAGE.result("TWIML_TOO_LONG")
        number = outgoing.target.address
        return refused_number(number, for_text=False) or (None if sender_of(self._senders, number) else NO_SENDER)

    def _request(self, outgoing: Outgoing, twiml: str) -> HttpRequest:
        form = [
            ("To", outgoing.target.address),
            ("From", str(sender_of(self._senders, outgoing.target.address))),
            ("Twiml", twiml),
            ("Timeout", str(_RING_SECONDS)),
            ("TimeLimit", str(_LONGEST_CALL_SECONDS)),
        ]
        if self._detects:
            form.append(("MachineDetection", "Enable"))
        if outgoing.status_url:
            form.append(("StatusCallback", with_query(outgoing.status_url, message_id=outgoing.message_id)))
        return self._account.creation("Calls", form)


def build(entry: Mapping[str, Any], *, threads: int) -> Channel:
    """Return the channel of an entry of the providers file. Raises KeyError for a setting that is missing."""
    return TwilioVoice(entry, transport_of(entry, URL, threads))
