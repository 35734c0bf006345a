"""What Stripe's objects and events say, in our words.

Sources: Stripe API reference, "Types of events", "The Checkout Session object", "The PaymentIntent object", "Supported
currencies: zero-decimal, three-decimal, special cases".
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.domain.money import currency_exponent
from app.domain.payment_intents import PaymentEvent, Told
from app.domain.payment_providers import ProviderRefusedError

_TWO_DECIMALS_THERE = frozenset({"ISK", "UGX"})
"""Without decimals in ISO 4217; Stripe takes them with two, which must be 00."""
_OF_PAYMENT_INTENT: Mapping[str, Told] = {
    "succeeded": Told.SUCCEEDED,
    "processing": Told.PROCESSING,
    "canceled": Told.CANCELLED,
    "payment_failed": Told.DECLINED,  # the page stays open, and the payer may try another card
}
_OF_CHARGE: Mapping[str, Told] = {"charge.refunded": Told.REFUNDED, "charge.dispute.created": Told.DISPUTED}


def amount_to(amount_minor: int, currency: str) -> int:
    """Return an amount as Stripe counts it. Raises ProviderRefusedError for one that Stripe cannot take."""
    if currency in _TWO_DECIMALS_THERE:
        return amount_minor * 100
    if currency_exponent(currency) == 3 and amount_minor % 10:
        raise ProviderRefusedError("amount_not_in_tens")  # the last digit must be 0
    return amount_minor


def amount_from(amount: Any, currency: str | None) -> int | None:
    """Return an amount of Stripe's in minor units; None: it says none, or a part of a minor unit."""
    if not isinstance(amount, int) or currency is None:
        return None
    if currency not in _TWO_DECIMALS_THERE:
        return amount
    return None if amount % 100 else amount // 100


def event_of(event: Mapping[str, Any]) -> PaymentEvent:
    """Return what an event says; `told` None: nothing that we act upon."""
    kind, event_id = str(event["type"]), str(event["id"])
    data = event.get("data")
    found = data.get("object") if isinstance(data, Mapping) else None
    live, at = event.get("livemode"), _instant(event.get("created"))
    read = None
    if isinstance(found, Mapping):
        if kind.startswith("checkout.session."):
            read = payment_of_session(found, kind=kind)
        elif kind.startswith("payment_intent."):
            read = _of_payment_intent(found, kind)
        elif kind in _OF_CHARGE:
            read = _of_charge(found, kind)
    if read is None:
        return PaymentEvent(event_id, kind[:60], None, is_live=live if isinstance(live, bool) else None)
    return PaymentEvent(
        event_id,
        kind[:60],
        read.told,
        read.intent_id,
        read.provider_reference,
        read.payment_reference,
        read.amount_minor,
        read.currency,
        live if isinstance(live, bool) else read.is_live,
        at if read.told is Told.SUCCEEDED else None,
        read.failure_code,
    )


def payment_of_session(session: Mapping[str, Any], *, kind: str = "") -> PaymentEvent | None:
    """Return how the payment of a Checkout Session stands, or None for what is no session. `kind`: of the event, if one.

    A session that is complete and unpaid waits for the bank: until the event, or its PaymentIntent, says how that ended.
    """
    reference = session.get("id")
    if session.get("object") != "checkout.session" or not isinstance(reference, str):
        return None
    payment = session.get("payment_intent")
    inner: Mapping[str, Any] = payment if isinstance(payment, Mapping) else {}
    status, code = str(inner.get("status")), _failure_of(inner)
    currency = _currency(session.get("currency"))
    live = session.get("livemode")
    told = _of_session(session, kind, status)
    charge = inner.get("latest_charge")
    return PaymentEvent(
        event_id=f"asked:{reference}:{told}",
        kind=kind or "look_up",
        told=told,
        intent_id=_intent_id(session) or _text(session.get("client_reference_id")),
        provider_reference=reference,
        payment_reference=_text(inner.get("id")) or _text(payment),
        amount_minor=amount_from(session.get("amount_total"), currency),
        currency=currency,
        is_live=live if isinstance(live, bool) else None,
        paid_at=_instant(charge.get("created")) if isinstance(charge, Mapping) else None,
        failure_code=code,
    )


def _of_session(session: Mapping[str, Any], kind: str, payment_status: str) -> Told:
    if session.get("payment_status") == "paid" or payment_status == "succeeded":
        return Told.SUCCEEDED
    if kind.endswith(".async_payment_failed"):
        return Told.FAILED
    if session.get("status") == "expired":
        return Told.EXPIRED
    if session.get("status") != "complete":
        return Told.PENDING
    return {"canceled": Told.CANCELLED, "requires_payment_method": Told.FAILED}.get(payment_status, Told.PROCESSING)


def _of_payment_intent(payment: Mapping[str, Any], kind: str) -> PaymentEvent:
    told = _OF_PAYMENT_INTENT.get(kind.removeprefix("payment_intent."))
    currency = _currency(payment.get("currency"))
    amount = payment.get("amount_received") if told is Told.SUCCEEDED else payment.get("amount")
    return PaymentEvent(
        event_id="",
        kind=kind,
        told=told,
        intent_id=_intent_id(payment),
        payment_reference=_text(payment.get("id")),
        amount_minor=amount_from(amount, currency),
        currency=currency,
        failure_code=_failure_of(payment),
    )


def _of_charge(found: Mapping[str, Any], kind: str) -> PaymentEvent:
    currency = _currency(found.get("currency"))
    amount = found.get("amount_refunded") if kind == "charge.refunded" else found.get("amount")
    return PaymentEvent(
        event_id="",
        kind=kind,
        told=_OF_CHARGE[kind],
        intent_id=_intent_id(found),
        payment_reference=_text(found.get("payment_intent")),
        amount_minor=amount_from(amount, currency),
        currency=currency,
        failure_code=_text(found.get("reason")),
    )


def _failure_of(payment: Mapping[str, Any]) -> str | None:
    error = payment.get("last_payment_error")
    if not isinstance(error, Mapping):
        return None
    code = error.get("decline_code") or error.get("code") or error.get("type")
    return str(code)[:60] if code else None


def _intent_id(found: Mapping[str, Any]) -> str | None:
    metadata = found.get("metadata")
    return _text(metadata.get("intent_id")) if isinstance(metadata, Mapping) else None


def _text(value: Any) -> str | None:
    return value[:120] if isinstance(value, str) and value else None


def _currency(value: Any) -> str | None:
    return value.upper()[:3] if isinstance(value, str) else None


def _instant(value: Any) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int) and 0 <= value < 10**11 else None
