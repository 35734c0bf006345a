"""Payments at the stand-in: accounts, orders, and what a payer does on the page."""

import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from app import clock
from app.channels.payments.hosted import HostedPayments
from app.channels.payments.hosted import build as build_hosted
from app.channels.payments.stripe import StripePayments
from app.channels.payments.stripe import build as build_stripe
from app.domain.payment_providers import AskedPayment, OpenedPayment, PaymentOrder, PaymentPost
from app.persistence.ids import new_id
from app.persistence.models.payments import PaymentIntentRow
from app.sandbox.stand_in import hosted, stripe
from app.sandbox.stand_in.client import StandInClient
from tests.builders.book import Built
from tests.builders.patience import PATIENT

RETURN = "https://api.lender.example/v1/callbacks/payments/x/return/token"


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any) -> None:
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)


def stripe_account(url: str, **changes: Any) -> StripePayments:
    """An account at the stand-in's Stripe."""
    entry = {"provider": "stripe", "url": url, "secret_key": stripe.SECRET_KEY, "webhook_secret": stripe.WEBHOOK_SECRET}
    return build_stripe({**entry, "total_seconds": PATIENT, **changes})


def hosted_account(url: str, **changes: Any) -> HostedPayments:
    """An account at the stand-in's gateway, which signs by HMAC."""
    entry = {"provider": "hosted", "url": url + hosted.GATEWAY, "app_id": hosted.APP_ID, "sign_type": "HMAC-SHA256",
             "key": hosted.KEY, "live": False}  # fmt: skip
    return build_hosted({**entry, "total_seconds": PATIENT, **changes})


def rsa_account(stand_in: StandInClient, **changes: Any) -> HostedPayments:
    """An account there that signs by RSA2."""
    keys = stand_in._ask("GET", "/hosted/keys")
    return hosted_account(stand_in.url, app_id=hosted.RSA_APP_ID, sign_type="RSA2", **{**keys, **changes})


def an_order(**changes: Any) -> PaymentOrder:
    """An order of 123.45."""
    values: dict[str, Any] = {
        "intent_id": new_id(), "amount_minor": 12_345, "currency": "CNY", "title": "Payment · Acme", "return_url": RETURN,
        "notify_url": "-", "expires_at": clock.system_now().replace(microsecond=0) + timedelta(minutes=60),
    }  # fmt: skip
    return PaymentOrder(**{**values, **changes})


def an_intent(loan: Built, intent_id: str, *, now: datetime, **changes: Any) -> PaymentIntentRow:
    """A stored intent of 1.00 that waits for its provider."""
    values: dict[str, Any] = {
        "id": intent_id, "borrower_id": loan.borrower_id, "loan_id": loan.loan_id, "lender_id": loan.lender_id,
        "provider": "stripe", "is_live": True, "purpose": "due", "amount_minor": 100, "currency": "USD", "state": "created",
        "expires_at": now + timedelta(hours=1), "page_until": now + timedelta(hours=1), "locale": "en",
        "created_by": "borrower", "created_at": now, "changed_at": now, "version": 1,
    }  # fmt: skip
    return PaymentIntentRow(**{**values, **changes})


def asked(order: PaymentOrder, opened: OpenedPayment | None = None, **changes: Any) -> AskedPayment:
    """What the provider is asked about."""
    reference = opened.provider_reference if opened else None
    return AskedPayment(**{"intent_id": order.intent_id, "provider_reference": reference, "payment_reference": None,
                           "amount_minor": order.amount_minor, "currency": order.currency, **changes})  # fmt: skip


def on_page(pay_url: str, act: str, posts: str = "once") -> tuple[int, str]:
    """Open the page and press a button; return the status and where the browser is sent."""
    _get(pay_url)
    parts = pay_url.partition("/gateway.do?")
    if parts[1]:
        number = urllib.parse.parse_qs(parts[2])["biz_content"][0].partition('"out_trade_no":"')[2][:32]
        pay_url = f"{parts[0]}/hosted/pay/{number}"
    request = urllib.request.Request(pay_url, data=urlencode({"act": act, "posts": posts}).encode(), method="POST")
    return _status(request)


def page(pay_url: str) -> str:
    """The page as a payer sees it."""
    with _opener.open(pay_url, timeout=20) as answer:
        return str(answer.read().decode())


def posts_of(stand_in: StandInClient, *, now: datetime | None = None) -> list[PaymentPost]:
    """What the provider posts, oldest first."""
    seconds = int((now or clock.system_now()).timestamp())
    return [
        PaymentPost({name.lower(): value for name, value in each["headers"].items()}, each["body"].encode(), seconds)
        for each in stand_in.callbacks()
    ]


def _get(url: str) -> None:
    with _opener.open(url, timeout=20):
        pass


def _status(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with _opener.open(request, timeout=20) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Location", "")
