"""Stripe, as its documentation says: Checkout Sessions, refunds, idempotency, signed events; and the page to pay at.

POST /v1/checkout/sessions, GET /v1/checkout/sessions/{id}, POST /v1/checkout/sessions/{id}/expire, POST and GET /v1/refunds;
for people, GET and POST /stripe/pay/{id} (pay_page.py). Endpoints for faults: stripe_api, stripe_page. Written apart from
the adapter, so that both are held to the pages.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from app import clock
from app.sandbox.stand_in.answers import Answer, Taken, json_answer
from app.sandbox.stand_in.callbacks import CallbackPost
from app.sandbox.stand_in.memory import Memory
from app.sandbox.stand_in.pay_page import LATE_MS, chosen, go_to, page, told
from app.sandbox.stand_in.providers import Provider, ProviderRequest, StandInConfig

SECRET_KEY = "sk_test_stand_in_0000000000000000"  # noqa: S105 - of a provider that is none
WEBHOOK_SECRET = "whsec_stand_in_0000000000000000"  # noqa: S105
_API = re.compile(r"/v1/(checkout/sessions|refunds)(?:/(\w+)(/expire)?)?")
_PAGE = re.compile(r"/stripe/pay/(cs_test_\w+)")
_LEAST_SECONDS, _MOST_SECONDS = 30 * 60, 24 * 3600
_ALLOWANCE_SECONDS = 60
_LEAST_AMOUNT = 50
"""Of a currency with two decimals; the real least differs by currency."""


@dataclass(slots=True)
class StripeStandIn:
    """See the module."""

    config: StandInConfig
    endpoints: tuple[str, ...] = ("stripe_api", "stripe_page")
    _sessions: Memory = field(default_factory=Memory)
    _refunds: Memory = field(default_factory=Memory)
    _by_key: dict[str, tuple[str, str]] = field(default_factory=dict)

    def endpoint(self, method: str, path: str) -> str | None:
        """Return which of its endpoints an address is."""
        if method in ("GET", "POST") and _PAGE.fullmatch(path):
            return "stripe_page"
        return "stripe_api" if method in ("GET", "POST") and _API.fullmatch(path) else None

    def answer(self, endpoint: str, request: ProviderRequest) -> Answer | Taken:
        """Answer as Stripe does."""
        if endpoint == "stripe_page":
            return self._page(request)
        if request.headers.get("authorization") != f"Bearer {SECRET_KEY}":
            return _error(401, "invalid_request_error", "api_key_invalid")
        found = _API.fullmatch(request.path)
        kind, reference, expire = (found[1], found[2], found[3]) if found else ("", None, None)
        if request.method == "POST" and reference is None:
            return self._made(kind, request)
        memory = self._sessions if kind == "checkout/sessions" else self._refunds
        item = memory.get(reference or "")
        if item is None:
            return _error(404, "invalid_request_error", "resource_missing")
        if expire:
            return self._expired(item)
        return json_answer(_shown(item, expand=bool(request.query)))

    def _made(self, kind: str, request: ProviderRequest) -> Answer | Taken:
        key, form = request.headers.get("idempotency-key", ""), dict(parse_qsl(request.body.decode()))
        fingerprint = hashlib.sha256(request.body).hexdigest()
        if key in self._by_key:
            reference, before = self._by_key[key]
            if before != fingerprint:
                return _error(400, "idempotency_error", "idempotency_key_mismatch")
            return json_answer(_shown(self._sessions.get(reference) or self._refunds.get(reference) or {}))
        made = self._session(form, request) if kind == "checkout/sessions" else self._refund(form)
        if isinstance(made, Answer):
            return made

        def keep() -> None:
            (self._sessions if kind == "checkout/sessions" else self._refunds).keep(made["id"], made)
            if key:
                self._by_key[key] = (made["id"], fingerprint)
            if made["object"] == "refund":
                self._took_back(made)

        posts = self._refunded(made) if made["object"] == "refund" else ()
        return Taken(
            channel="payment",
            message_id=form.get("metadata[intent_id]", ""),
            target=made["id"],
            label="stripe",
            content=orjson.dumps({"object": made["object"], "amount": made.get("amount_total", made.get("amount"))}),
            answer=json_answer(_shown(made)),
            callbacks=posts,
            then=keep,
        )

    def _session(self, form: dict[str, str], request: ProviderRequest) -> dict[str, Any] | Answer:
        price = "line_items[0][price_data]"
        try:
            amount, ends = int(form[f"{price}[unit_amount]"]), int(form["expires_at"])
            currency, title = form[f"{price}[currency]"], form[f"{price}[product_data][name]"]
            success, left = form["success_url"], form["cancel_url"]
        except (KeyError, ValueError):
            return _error(400, "invalid_request_error", "parameter_missing")
        lives = ends - _now()
        if not _LEAST_SECONDS - _ALLOWANCE_SECONDS <= lives <= _MOST_SECONDS + _ALLOWANCE_SECONDS:
            return _error(400, "invalid_request_error", "expires_at_out_of_range")
        if amount < _LEAST_AMOUNT:
            return _error(400, "invalid_request_error", "amount_too_small")
        session_id = f"cs_test_{secrets.token_hex(12)}"
        host = request.headers.get("host", "127.0.0.1")
        return {
            "id": session_id,
            "object": "checkout.session",
            "mode": form.get("mode"),
            "amount_total": amount,
            "currency": currency,
            "client_reference_id": form.get("client_reference_id"),
            "metadata": _metadata(form, "metadata"),
            "payment_metadata": _metadata(form, "payment_intent_data[metadata]"),
            "livemode": False,
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "expires_at": ends,
            "created": _now(),
            "url": f"http://{host}/stripe/pay/{session_id}",
            "success_url": success,
            "cancel_url": left,
            "title": title,
        }

    def _refund(self, form: dict[str, str]) -> dict[str, Any] | Answer:
        of = self._sessions.where(lambda item: (item["payment_intent"] or {}).get("id") == form.get("payment_intent"))
        if not of or of[0]["payment_status"] != "paid":
            return _error(400, "invalid_request_error", "resource_missing")
        charge = of[0]["payment_intent"]["latest_charge"]
        amount = int(form.get("amount", charge["amount"]))
        if amount > charge["amount"] - charge["amount_refunded"]:
            return _error(400, "invalid_request_error", "charge_already_refunded")
        return {
            "id": f"re_{secrets.token_hex(12)}",
            "object": "refund",
            "amount": amount,
            "currency": of[0]["currency"],
            "payment_intent": form["payment_intent"],
            "status": "succeeded",
            "metadata": _metadata(form, "metadata"),
        }

    def _took_back(self, refund: dict[str, Any]) -> None:
        session = self._of(refund["payment_intent"])
        session["payment_intent"]["latest_charge"]["amount_refunded"] += refund["amount"]

    def _refunded(self, refund: dict[str, Any]) -> tuple[CallbackPost, ...]:
        session = self._of(refund["payment_intent"])
        charge = dict(session["payment_intent"]["latest_charge"])
        charge["amount_refunded"] += refund["amount"]
        return (self._post(f"evt_{secrets.token_hex(12)}", "charge.refunded", charge),)

    def _of(self, payment_id: str) -> dict[str, Any]:
        return self._sessions.where(lambda item: (item["payment_intent"] or {}).get("id") == payment_id)[0]

    def _expired(self, item: dict[str, Any]) -> Answer | Taken:
        if item["status"] != "open":
            return _error(400, "invalid_request_error", "session_not_open")
        item |= {"status": "expired", "url": None}
        shown = _shown(item)
        return Taken(
            channel="payment", message_id=item["client_reference_id"] or "", target=item["id"], label="stripe",
            content=orjson.dumps({"act": "expire"}), answer=json_answer(shown),
            callbacks=(self._post(f"evt_{secrets.token_hex(12)}", "checkout.session.expired", shown),),
        )  # fmt: skip

    # --- the page ------------------------------------------------------------------------------------------------------

    def _page(self, request: ProviderRequest) -> Answer | Taken:
        found = _PAGE.fullmatch(request.path)
        item = self._sessions.get(found[1]) if found else None
        if item is None:
            return Answer(404, b"There is no such payment.", content_type="text/plain")
        acts = _acts(item)
        if request.method == "GET":
            amount = f"{item['amount_total']} {item['currency'].upper()} (smallest units)"
            return page("Stripe", item["title"], amount, item["status"], action=request.path, acts=acts)
        act, posts = chosen(request.body)
        if act not in acts:
            return Answer(409, b"That cannot be done with this payment now.", content_type="text/plain")
        if act == "cancel":
            return go_to(item["cancel_url"])
        after, kinds = _after(item, act)
        names = {which: f"evt_{secrets.token_hex(12)}" for which in range(len(kinds))}

        def make(which: int, how: str) -> CallbackPost:
            kind = kinds[which]
            shown: dict[str, Any] = after["payment_intent"] if kind.startswith("payment_intent.") else _shown(after)
            return self._post(names[which], kind, _altered(shown, how), late=how == "late")

        stays = act in ("decline",)
        return Taken(
            channel="payment",
            message_id=item["client_reference_id"] or "",
            target=item["id"],
            label="stripe",
            content=orjson.dumps({"act": act, "posts": posts}),
            answer=go_to(request.path if stays else item["success_url"]),
            callbacks=told(posts, len(kinds), make),
            then=lambda: item.update(after),
        )

    def _post(self, event_id: str, kind: str, found: dict[str, Any], *, late: bool = False) -> CallbackPost:
        event = {
            "id": event_id,
            "object": "event",
            "api_version": "2024-06-20",
            "created": _now(),
            "livemode": False,
            "type": kind,
            "data": {"object": found},
        }
        body = orjson.dumps(event)
        url = f"{self.config.callback_base}/v1/callbacks/payments/stripe" if self.config.callback_base else ""
        return CallbackPost(url, signed_headers(body), body, LATE_MS if late else 50)


def signed_headers(body: bytes, *, secret: str = WEBHOOK_SECRET, at_seconds: int | None = None) -> dict[str, str]:
    """Return the headers of an event as Stripe signs it."""
    timestamp = str(_now() if at_seconds is None else at_seconds)
    signature = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": f"t={timestamp},v1={signature},v0=00"}


def _acts(item: dict[str, Any]) -> tuple[str, ...]:
    if item["status"] == "open":
        return ("pay", "debit", "decline", "cancel")
    return ("settle", "bounce") if (item["status"], item["payment_status"]) == ("complete", "unpaid") else ()


def _after(item: dict[str, Any], act: str) -> tuple[dict[str, Any], list[str]]:
    """Return the session after an act, and the events that tell it, in the order in which Stripe often posts them."""
    payment = dict(item["payment_intent"] or _payment(item))
    after = {**item, "payment_intent": payment}
    if act == "decline":
        payment |= {"status": "requires_payment_method", "last_payment_error": {"decline_code": "insufficient_funds"}}
        return after, ["payment_intent.payment_failed"]
    if act in ("pay", "settle"):
        payment |= {"status": "succeeded", "amount_received": payment["amount"], "last_payment_error": None}
        payment["latest_charge"] = _charge(payment)
        after |= {"status": "complete", "payment_status": "paid", "url": None}
        last = "checkout.session.completed" if act == "pay" else "checkout.session.async_payment_succeeded"
        return after, ["payment_intent.succeeded", last]
    if act == "debit":
        payment |= {"status": "processing"}
        after |= {"status": "complete", "payment_status": "unpaid", "url": None}
        return after, ["payment_intent.processing", "checkout.session.completed"]
    payment |= {"status": "requires_payment_method", "last_payment_error": {"code": "debit_not_authorized"}}
    return after, ["payment_intent.payment_failed", "checkout.session.async_payment_failed"]


def _payment(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"pi_{secrets.token_hex(12)}",
        "object": "payment_intent",
        "amount": item["amount_total"],
        "amount_received": 0,
        "currency": item["currency"],
        "livemode": False,
        "metadata": item["payment_metadata"],
        "status": "requires_payment_method",
        "last_payment_error": None,
        "latest_charge": None,
    }


def _charge(payment: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"ch_{secrets.token_hex(12)}",
        "object": "charge",
        "amount": payment["amount"],
        "amount_refunded": 0,
        "currency": payment["currency"],
        "payment_intent": payment["id"],
        "metadata": payment["metadata"],
        "created": _now(),
    }


def _shown(item: dict[str, Any], *, expand: bool = False) -> dict[str, Any]:
    """Return a resource as it is answered: inner objects by their ids, unless they are asked for."""
    hidden = ("payment_metadata", "success_url", "cancel_url", "title")
    shown = {name: value for name, value in item.items() if name not in hidden}
    payment = shown.get("payment_intent")
    if isinstance(payment, dict) and not expand:
        shown["payment_intent"] = payment["id"]
    return shown


def _altered(shown: dict[str, Any], how: str) -> dict[str, Any]:
    if how == "other_amount":
        less = {name: shown[name] - 1 for name in ("amount_total", "amount", "amount_received") if name in shown}
        return shown | less
    return {**shown, "currency": "xaf"} if how == "other_currency" else shown


def _metadata(form: dict[str, str], name: str) -> dict[str, str]:
    return {key[len(name) + 1 : -1]: value for key, value in form.items() if key.startswith(f"{name}[")}


def _error(status: int, kind: str, code: str) -> Answer:
    return json_answer({"error": {"type": kind, "code": code, "message": code.replace("_", " ")}}, status)


def _now() -> int:
    return int(clock.system_now().timestamp())


def make(config: StandInConfig) -> Provider:
    """Return Stripe."""
    return StripeStandIn(config)
