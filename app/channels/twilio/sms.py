"""SMS by Twilio: POST /2010-04-01/Accounts/{sid}/Messages.json.

Source: Twilio, "Message resource". A receipt names our message as well as Twilio's: our id is in the query of the
StatusCallback, which Twilio signs, so a receipt settles also a hand-over whose answer never came.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.channels.base import Asked, Channel, DeliveryResult, Outgoing
from app.channels.http_transport import HttpRequest, Transport
from app.channels.numbers import refused_number
from app.channels.provider_settings import LATE, NO_SENDER, sender_of, transport_of
from app.channels.twilio.accounts import URL, TwilioAccount, instant_of, with_query
from app.channels.twilio.answers import MESSAGE_STATES, loss_of, result_of, segments_told
from app.domain.deliveries import DeliveryReport, Told
from app.domain.segments import segments_of

_LONGEST_VALIDITY_SECONDS = 14_400
"""How long Twilio may keep it: 4 hours are allowed by every version of the documentation (now 10)."""


class TwilioSms:
    """The sms channel by Twilio."""

    name = "sms"
    provider = "twilio"

    def __init__(self, entry: Mapping[str, Any], transport: Transport) -> None:
        """`entry`: the account and `senders`: country -> number, short code, name or Messaging Service (MG...)."""
        self._account = TwilioAccount(entry, transport)
        self.batch = transport.at_once
        self._senders: Mapping[str, Any] = entry["senders"]

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Try each message once; one result per message, in order."""
        refused = [self._refusal(outgoing, now) for outgoing in batch]
        fit = [outgoing for outgoing, refusal in zip(batch, refused, strict=True) if refusal is None]
        answers = iter(self._account.transport.post([self._request(outgoing, now) for outgoing in fit]))
        return [
            refusal or result_of(next(answers), units=segments_of(outgoing.body).count)
            for outgoing, refusal in zip(batch, refused, strict=True)
        ]

    def find(self, asked: Sequence[Asked], *, now: datetime) -> list[DeliveryReport | None]:
        """Return what Twilio says of each, in order; None where it does not, or may speak of another."""
        found = self._account.found("Messages", asked, sent_key="DateSent")
        return [_report(one, item) if item else None for one, item in zip(asked, found, strict=True)]

    def close(self) -> None:
        """Close the connections."""
        self._account.transport.close()

    def _refusal(self, outgoing: Outgoing, now: datetime) -> DeliveryResult | None:
        if outgoing.expires_at <= now:
            return LATE
        number = outgoing.target.address
        return refused_number(number, for_text=True) or (None if sender_of(self._senders, number) else NO_SENDER)

    def _request(self, outgoing: Outgoing, now: datetime) -> HttpRequest:
        sender = str(sender_of(self._senders, outgoing.target.address))
        left = int((outgoing.expires_at - now).total_seconds())
        form = [
            ("To", outgoing.target.address),
            ("MessagingServiceSid" if sender.startswith("MG") and len(sender) == 34 else "From", sender),
            ("Body", outgoing.body),
            ("ValidityPeriod", str(max(1, min(left, _LONGEST_VALIDITY_SECONDS)))),
        ]
        if outgoing.status_url:
            form.append(("StatusCallback", with_query(outgoing.status_url, message_id=outgoing.message_id)))
        return self._account.creation("Messages", form)


def _report(asked: Asked, item: Mapping[str, Any]) -> DeliveryReport | None:
    status, sid = str(item.get("status")), str(item.get("sid"))
    told = MESSAGE_STATES.get(status)
    if told is None:
        return None
    loss = loss_of(item.get("error_code")) if told is Told.FAILED else None
    return DeliveryReport(
        event_key=f"{sid}:{status}",
        told=told,
        reference=sid,
        message_id=asked.message_id,
        at=instant_of(item.get("date_updated")),
        error_code=loss.error_code if loss else None,
        raw_code=str(item["error_code"]) if item.get("error_code") else None,
        verdict=loss.verdict if loss else "keep",
        units=segments_told(item),
    )


def build(entry: Mapping[str, Any], *, threads: int) -> Channel:
    """Return the channel of an entry of the providers file. Raises KeyError for a setting that is missing."""
    return TwilioSms(entry, transport_of(entry, URL, threads))
