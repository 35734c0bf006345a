"""Where payment providers post, and where payers come back to.

No credential of ours is asked for: each provider's own signature proves its posts, and the token in the address proves a
payer's return. What is answered to a provider is its exact body; the page for people says nothing about anybody.
"""

from html import escape
from typing import Any

from flask import Response, abort, current_app, request

from app import clock
from app.api.callbacks.receive import door
from app.domain.errors import ForbiddenError, MalformedCallbackError, NotFoundError
from app.domain.payment_intents import WhyRefused
from app.domain.payment_providers import ForgedPostError, MalformedPostError, PaymentPost, PaymentProvider
from app.logs import logger
from app.metrics import CALLBACKS
from app.persistence.db import vault
from app.services.payment_events import keep_forged, take_news
from app.services.payment_intents import find_returned
from app.web.doors import answers
from app.web.languages import request_locale
from app.web.rate_limit import address_prefix, take_callback_post
from app.web.request_context import now

HTML = "text/html"
_WORDS = {
    "en": ("Thank you", "You can close this page. The app shows how your payment stands.", "Back to the app"),
    "zh-CN": ("谢谢", "您可以关闭此页面。付款状态请在应用中查看。", "返回应用"),
}


@door.post("/payments/<number:provider>")
@answers(200, problems=("forbidden", "not-found", "bad-request", "rate-limited", "maintenance"))
def post_payment_event(provider: str) -> Response:
    """Take what a payment provider tells, signed by its own scheme; the answer is the body that it asks for.

    What is not proven is refused, and kept as a refused event of which nothing is believed.
    """
    account = _account(provider)
    take_callback_post(f"payments/{provider}/{address_prefix()}")
    body = request.get_data(cache=False)
    if request.content_length is None and len(body) >= (request.max_content_length or 0):
        abort(413)  # a body without a length is cut at the limit
    headers = {name.lower(): value for name, value in request.headers.items()}
    machine_now = clock.system_now()
    try:
        news = account.read(PaymentPost(headers, body, int(machine_now.timestamp())))
    except ForgedPostError as why:
        _refused(provider, WhyRefused.FORGED, why, body)
        raise ForbiddenError("The post is not proven to be the provider's.") from None
    except MalformedPostError as why:
        _refused(provider, WhyRefused.MALFORMED, why, body)
        raise MalformedCallbackError("The post cannot be read as the provider documents it.") from None
    take_news(account, news, body, now=now(), machine_now=machine_now)
    CALLBACKS.labels(provider, "taken").inc()
    response = Response(news.answer.body, news.answer.status, content_type=news.answer.content_type)
    response.headers["Cache-Control"] = "no-store"
    return response


@door.get("/payments/<number:provider>/return/<token>")
@answers(200, files=(HTML,), problems=("not-found",))
def return_from_payment(provider: str, token: str) -> Response:
    """Thank a payer who comes back from the provider's page, without a word about whom or what.

    Nothing is believed of the address: the provider is asked, if it has not told yet.
    """
    _account(provider)
    take_callback_post(f"payments/{provider}/return/{address_prefix()}")
    return_to = find_returned(vault(), token, now=now())
    locale = request_locale()
    title, words, back = _WORDS.get(locale, _WORDS["en"])
    link = f'<p><a href="{escape(return_to)}">{back}</a></p>' if return_to else ""
    page = (
        f'<!DOCTYPE html><html lang="{escape(locale)}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<h1>{title}</h1><p>{words}</p>{link}</html>"
    )
    response = Response(page, 200, content_type=f"{HTML}; charset=utf-8")
    response.headers.update({"Content-Language": locale, "Cache-Control": "no-store", "Vary": "Accept-Language"})
    return response


def _account(provider: str) -> PaymentProvider:
    found: dict[str, Any] = current_app.extensions["duecourse.payments"]
    if provider not in found:
        raise NotFoundError("Nothing is configured here for that provider.")
    account: PaymentProvider = found[provider]
    return account


def _refused(provider: str, why: WhyRefused, error: Exception, body: bytes) -> None:
    CALLBACKS.labels(provider, why.value).inc()
    logger().warning("payment post refused", provider=provider, why=why.value, what=str(error))
    keep_forged(provider, why, body, now=now())
