"""Stripe: a Checkout Session for each intent, by plain HTTP.

Sources: Stripe API reference, Checkout Sessions, PaymentIntents, Refunds, Events, Idempotent requests, Currencies; "Verify
webhook signatures manually". Card data is typed on Stripe's page and never comes here.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from app.channels.answers import json_object
from app.channels.http_transport import HttpAnswer, HttpRequest, PooledTransport
from app.channels.payments.stripe_events import amount_to, event_of, payment_of_session
from app.channels.payments.wire import ask, name_of, texts_of, times_of, transport_to
from app.domain.payment_intents import PaymentEvent
from app.domain.payment_providers import (
    AskedPayment,
    ForgedPostError,
    MalformedPostError,
    OpenedPayment,
    PaymentNews,
    PaymentOrder,
    PaymentPost,
    ProviderAnswer,
    ProviderDownError,
    ProviderRefusedError,
    RefundNews,
)

URL = "https://api.stripe.com"
VERSION = "2024-06-20"
"""Whose shapes are read here; what an account has set besides does not matter."""
WINDOW_SECONDS = 300
_LIVE = ("sk_live_", "rk_live_")
_LOCALES = {"zh-CN": "zh", "en": "en"}
_MOST_SIGNATURES = 10
_MOST_DIGITS = 12
_REFUND_STATES = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}
_EXPAND = urlencode({"expand[]": "payment_intent.latest_charge"})


class StripePayments:
    """See the module. `secret_key` is an account's API key; `webhook_secret` signs what Stripe posts."""

    def __init__(self, entry: Mapping[str, Any], transport: PooledTransport) -> None:
        """`previous_webhook_secret` counts too while the secret is being changed. Raises KeyError, ValueError."""
        self.name = name_of(entry)
        self._key = str(entry["secret_key"])
        self.is_live = self._key.startswith(_LIVE)
        self.currencies = texts_of(entry, "currencies")
        self.lenders = texts_of(entry, "lenders")
        self.times = times_of(entry)
        if self.times.page_minutes < 31:
            raise ValueError("`page_minutes` is 31 at least: a Checkout Session lives for 30 minutes or more.")
        secrets = [entry["webhook_secret"], entry.get("previous_webhook_secret")]
        self._secrets = [str(secret).encode() for secret in secrets if secret]
        self._transport = transport

    def create(self, order: PaymentOrder) -> OpenedPayment:
        """Make a Checkout Session; under the same key Stripe answers with the same one."""
        form = {
            "mode": "payment",
            "client_reference_id": order.intent_id,
            "success_url": order.return_url,
            "cancel_url": order.return_url,
            "expires_at": str(int(order.expires_at.timestamp())),
            "locale": _LOCALES.get(order.locale, "auto"),
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": order.currency.lower(),
            "line_items[0][price_data][unit_amount]": str(amount_to(order.amount_minor, order.currency)),
            "line_items[0][price_data][product_data][name]": order.title,
            "metadata[intent_id]": order.intent_id,
            "payment_intent_data[metadata][intent_id]": order.intent_id,
        }
        session = self._ask("POST", "/v1/checkout/sessions", form, key=order.intent_id)
        news = payment_of_session(session)
        url, reference = session.get("url"), session.get("id")
        if not isinstance(reference, str) or news is None or news.told is None:
            raise ProviderDownError("no session in the answer")
        ends = session.get("expires_at")
        return OpenedPayment(
            reference,
            url if isinstance(url, str) else "",  # a session that is over has none
            news.told,
            datetime.fromtimestamp(ends, UTC) if isinstance(ends, int) else None,
            news.payment_reference,
        )

    def look_up(self, asked: AskedPayment) -> PaymentEvent | None:
        """Ask for the session; one whose creation nobody heard of cannot be paid, for nobody has its address."""
        if asked.provider_reference is None:
            return None
        path = f"/v1/checkout/sessions/{quote(asked.provider_reference, safe='')}?{_EXPAND}"
        return payment_of_session(self._ask("GET", path))

    def cancel(self, asked: AskedPayment) -> PaymentEvent | None:
        """Expire the session. One that is complete is not expired by it; how it stands is asked then."""
        if asked.provider_reference is None:
            return None
        try:
            path = f"/v1/checkout/sessions/{quote(asked.provider_reference, safe='')}/expire"
            return payment_of_session(self._ask("POST", path, {}))
        except ProviderRefusedError:
            return self.look_up(asked)

    def refund(self, asked: AskedPayment, amount_minor: int, *, key: str) -> RefundNews:
        """Send a part or all of the money back to where it came from."""
        if asked.payment_reference is None:
            raise ProviderRefusedError("payment_unknown")
        form = {
            "payment_intent": asked.payment_reference,
            "amount": str(amount_to(amount_minor, asked.currency)),
            "metadata[intent_id]": asked.intent_id,
            "metadata[refund_id]": key,
        }
        return _refund_of(self._ask("POST", "/v1/refunds", form, key=key))

    def look_up_refund(self, asked: AskedPayment, reference: str, *, key: str) -> RefundNews | None:
        """Ask for a refund by Stripe's id of it."""
        return _refund_of(self._ask("GET", f"/v1/refunds/{quote(reference, safe='')}"))

    def read(self, post: PaymentPost) -> PaymentNews:
        """Prove and read an event."""
        self._check(post)
        event = json_object(post.body)
        if not isinstance(event.get("id"), str) or not isinstance(event.get("type"), str):
            raise MalformedPostError("It is no event of Stripe's.")
        return PaymentNews([event_of(event)], ProviderAnswer(b'{"received":true}', 200, "application/json"))

    def close(self) -> None:
        """Give connections back."""
        self._transport.close()

    def _check(self, post: PaymentPost) -> None:
        pairs = [part.strip().partition("=") for part in post.headers.get("stripe-signature", "").split(",")]
        timestamp = next((value for name, _, value in pairs if name == "t"), "")
        given = [value for name, _, value in pairs if name == "v1"][:_MOST_SIGNATURES]
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MOST_DIGITS):
            raise ForgedPostError("Stripe-Signature has no time.")
        signed = [
            hmac.new(secret, timestamp.encode() + b"." + post.body, hashlib.sha256).hexdigest().encode()
            for secret in self._secrets
        ]
        if not any(hmac.compare_digest(ours, theirs.encode()) for ours in signed for theirs in given):
            raise ForgedPostError("Stripe-Signature is missing or wrong.")
        if abs(post.now_seconds - int(timestamp)) > WINDOW_SECONDS:
            raise ForgedPostError("Stripe-Signature is not of the last five minutes.")

    def _ask(
        self, method: str, path: str, form: Mapping[str, str] | None = None, *, key: str | None = None
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}", "Stripe-Version": VERSION}
        if key is not None:
            headers["Idempotency-Key"] = key
        body = b""
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form).encode()
        return _value_of(ask(self._transport, HttpRequest(path, headers, body, method), provider=self.name))


def _value_of(answer: HttpAnswer) -> dict[str, Any]:
    value = json_object(answer.body)
    if answer.status >= 300:
        error = value.get("error")
        code = (error.get("code") or error.get("type")) if isinstance(error, dict) else None
        raise ProviderRefusedError(str(code or answer.status))
    if not value:
        raise ProviderDownError("no JSON in the answer")
    return value


def _refund_of(refund: Mapping[str, Any]) -> RefundNews:
    reference = refund.get("id")
    if not isinstance(reference, str):
        raise ProviderDownError("no refund in the answer")
    code = refund.get("failure_reason")
    state = _REFUND_STATES.get(str(refund.get("status")), "pending")
    return RefundNews(reference, state, str(code)[:60] if code else None)


def build(entry: Mapping[str, Any]) -> StripePayments:
    """Return the account of an entry. Raises KeyError for a setting that is missing, ValueError for a wrong one."""
    return StripePayments(entry, transport_to(entry, str(entry.get("url") or URL)))
