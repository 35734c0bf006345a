"""The words of a hosted gateway: names of its fields, statuses as a table, amounts with decimals or in minor units."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.errors import ValidationError
from app.domain.money import Money, minor_from_text
from app.domain.payment_intents import PaymentEvent, Told
from app.domain.payment_providers import MalformedPostError

STATUSES: Mapping[str, Told] = {
    "WAIT_BUYER_PAY": Told.PENDING,
    "TRADE_CLOSED": Told.EXPIRED,
    "TRADE_SUCCESS": Told.SUCCEEDED,
    "TRADE_FINISHED": Told.SUCCEEDED,
    # Words of WeChat Pay, which aggregators pass on.
    "NOTPAY": Told.PENDING,
    "USERPAYING": Told.PROCESSING,
    "PAYERROR": Told.DECLINED,
    "SUCCESS": Told.SUCCEEDED,
    "CLOSED": Told.EXPIRED,
    "REVOKED": Told.CANCELLED,
}
"""Sources: Alipay Open Platform, alipay.trade.query `trade_status`; WeChat Pay, query order `trade_state`."""

FIELDS: Mapping[str, str] = {
    "event": "notify_id",
    "order": "out_trade_no",
    "payment": "trade_no",
    "amount": "total_amount",
    "status": "trade_status",
    "paid_at": "gmt_payment",
    "refunded": "refund_fee",
    "refund": "out_biz_no",
    "kind": "notify_type",
}
_UUID = re.compile(r"([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class HostedWords:
    """See the module. `counts` is decimal ("88.88") or minor ("8888")."""

    currency: str = "CNY"
    counts: str = "decimal"
    statuses: Mapping[str, Told] = field(default_factory=lambda: dict(STATUSES))
    fields: Mapping[str, str] = field(default_factory=lambda: dict(FIELDS))

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "HostedWords":
        """Return the words of an entry: `currency`, `amount`, `statuses`, `fields`. Raises ValueError for a wrong one."""
        counts, given = str(entry.get("amount", "decimal")), dict(entry.get("fields", {}))
        if counts not in ("decimal", "minor"):
            raise ValueError(f"`amount` is {counts!r}; it is decimal or minor.")
        if set(given) - set(FIELDS):
            raise ValueError(f"`fields` has {sorted(set(given) - set(FIELDS))}; known: {', '.join(FIELDS)}.")
        statuses = {str(word): Told(told) for word, told in dict(entry.get("statuses", {})).items()}
        return cls(str(entry.get("currency", "CNY")), counts, {**STATUSES, **statuses}, {**FIELDS, **given})

    def amount_to(self, amount_minor: int) -> str:
        """Return an amount as the gateway writes it."""
        return str(amount_minor) if self.counts == "minor" else f"{Money(amount_minor, self.currency).to_decimal():f}"

    def amount_from(self, text: Any) -> int | None:
        """Return an amount in minor units; None: none is told. Raises MalformedPostError for what is no amount."""
        if text in (None, ""):
            return None
        written = str(text)
        if self.counts == "minor":
            if not re.fullmatch(r"\d{1,18}", written, re.ASCII):
                raise MalformedPostError("An amount is no whole number.")
            return int(written)
        if not re.fullmatch(r"\d{1,15}(\.\d{1,6})?", written, re.ASCII):
            raise MalformedPostError("An amount is no decimal number.")
        try:
            return minor_from_text(written, self.currency)
        except ValidationError:
            raise MalformedPostError("An amount has more decimals than its currency.") from None

    def instant(self, text: Any, zone: ZoneInfo) -> datetime | None:
        """Return an instant written where the gateway is; None: it is none."""
        if not isinstance(text, str) or not _LOCAL.fullmatch(text):
            return None
        try:
            return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
        except ValueError:
            return None

    def event_of(self, found: Mapping[str, Any], *, event_id: str, kind: str, zone: ZoneInfo | None = None) -> PaymentEvent:
        """Return what an answer or a notification says of a payment. Raises MalformedPostError."""
        told = self.statuses.get(str(self._at(found, "status")))
        if told is Told.EXPIRED and self.amount_from(self._at(found, "refunded")):
            told = Told.SUCCEEDED  # closed because all of it went back: it was paid first
        number = str(self._at(found, "order") or "")
        match = _UUID.fullmatch(number)
        payment = self._at(found, "payment")
        return PaymentEvent(
            event_id=event_id[:200],
            kind=kind[:60],
            told=told,
            intent_id="-".join(match.groups()) if match else None,
            provider_reference=number[:120] or None,
            payment_reference=str(payment)[:120] if payment else None,
            amount_minor=self.amount_from(self._at(found, "amount")),
            currency=self.currency,
            paid_at=self.instant(self._at(found, "paid_at"), zone) if zone else None,
        )

    def notified(self, form: Mapping[str, str], zone: ZoneInfo) -> list[PaymentEvent]:
        """Return what a notification says: of the payment, and of the refund it may tell of. Raises MalformedPostError."""
        event_id = form.get(self.fields["event"], "")
        if not event_id:
            raise MalformedPostError("The notification has no id.")
        kind = f"{form.get(self.fields['kind'], 'notify')}:{self._at(form, 'status')}"
        paid = self.event_of(form, event_id=event_id, kind=kind, zone=zone)
        refunded = self.amount_from(self._at(form, "refunded"))
        if not refunded:
            return [paid]
        refund = PaymentEvent(
            event_id=f"{event_id[:190]}:refund",
            kind="refund",
            told=Told.REFUNDED,
            intent_id=paid.intent_id,
            provider_reference=paid.provider_reference,
            payment_reference=paid.payment_reference,
            amount_minor=refunded,
            currency=self.currency,
            refund_reference=form.get(self.fields["refund"]) or None,
        )
        return [paid, refund]

    def _at(self, found: Mapping[str, Any], name: str) -> Any:
        return found.get(self.fields[name])
