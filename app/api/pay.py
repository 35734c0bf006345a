"""The page that a link for paying opens: a question first, then what is due, then the provider's own page.

The address names nobody, and is written to no log: requests are logged by their route. A question is asked before anything
is shown; its answer proves this link alone, for a quarter of an hour, by a word that the next form brings back.
"""

import hashlib
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, redirect, request

from app import clock
from app.api.borrower.payment_intents import here_now
from app.domain.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    IdempotencyInFlightError,
    LinkExpiredError,
    NotFoundError,
    ProviderUnavailableError,
    RateLimitedError,
)
from app.domain.payment_intents import Purpose
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.unit_of_work import unit_of_work
from app.services import pay_links
from app.services.pay_links import PATH, DueLoan, OpenedLink
from app.services.payment_pages import IntentValues, Request, create_intent
from app.web.pages import html_page
from app.web.rate_limit import address_prefix, take_callback_post
from app.web.reads import end_reads, reads
from app.web.request_context import now
from app.wording.amounts import written_sum
from app.wording.page_locales import page_words_of

NAME = "pay"
door = Blueprint(NAME, __name__)
_LONGEST_HEADER = 200
_LONGEST_ANSWER = 64
_OVER: dict[type[DomainError], tuple[str, int]] = {
    NotFoundError: ("unknown", 404),
    LinkExpiredError: ("expired", 410),
    RateLimitedError: ("locked", 429),
    ProviderUnavailableError: ("down", 503),
    IdempotencyInFlightError: ("down", 503),
    ConflictError: ("down", 503),
}


@door.get(f"{PATH}<token>")
def ask(token: str) -> Response:
    """Ask who is there; say nothing but that nothing is due, where that is so."""
    return _guarded(lambda: _asked(token, _opened(token)), token)


@door.post(f"{PATH}<token>")
def answer(token: str) -> Response:
    """Look at the answer, and show what is due to whom it proves."""
    return _guarded(lambda: _answered(token), token)


@door.post(f"{PATH}<token>/checkout")
def check_out(token: str) -> Response:
    """Open a payment at the provider and send the payer to its page."""
    return _guarded(lambda: _checked_out(token), token)


def _guarded(act: Any, token: str) -> Response:
    take_callback_post(f"pay/{address_prefix()}")
    try:
        page: Response = act()
    except tuple(_OVER) as error:
        what, status = next(said for kind, said in _OVER.items() if isinstance(error, kind))
        page = _page(what, status, again=f"{PATH}{token}")
    return page


def _opened(token: str) -> OpenedLink:
    link = pay_links.open_pay_link(reads(), vault(), token, now=now())
    if link.due and link.is_locked:
        raise RateLimitedError("Too many wrong answers.")
    return link


def _asked(token: str, link: OpenedLink, *, left: int | None = None) -> Response:
    if not link.due:
        return _page("paid")
    return _page("ask", 200 if left is None else 422, asks_year=link.asks_year, left=left)


def _answered(token: str) -> Response:
    said = {name: request.form.get(name, "")[:_LONGEST_ANSWER] for name in ("last_four", "birth_year")}
    link = _opened(token)
    if not link.due:
        return _page("paid")
    end_reads()
    with unit_of_work() as work:
        left = pay_links.prove(work, token, said_last=said["last_four"], said_year=said["birth_year"], now=now())
    if left == 0:
        raise RateLimitedError("Too many wrong answers.")
    return _due(token, link) if left is None else _asked(token, link, left=left)


def _due(token: str, link: OpenedLink) -> Response:
    locale, words = _words()
    lines = [_line(each, locale, words) for each in link.due]
    proof = pay_links.proof_for(vault(), token, now=now())
    return _page("due", lines=lines, proof=proof, checkout=f"{PATH}{token}/checkout")


def _line(due: DueLoan, locale: str, words: Any) -> dict[str, str | None]:
    amount = written_sum({due.amount.currency: due.amount.minor}, locale)
    if due.is_on_its_way:
        return {"text": words["moving"].format(loan=due.loan_no), "button": None}
    return {
        "text": words["due"].format(loan=due.loan_no, amount=amount),
        "button": words["pay_button"].format(amount=amount),
        "loan_id": due.loan_id,
        "once": new_id(),  # pressed twice, it is one payment
    }


def _checked_out(token: str) -> Response:
    link = _opened(token)
    if not link.due:
        return _page("paid")
    try:
        pay_links.check_proof(vault(), token, request.form.get("proof", "")[:_LONGEST_ANSWER], now=now())
    except ForbiddenError:
        return redirect(f"{PATH}{token}", 303)  # type: ignore[return-value]
    wanted, once = request.form.get("loan", ""), request.form.get("once", "")[:_LONGEST_ANSWER]
    due = next((each for each in link.due if each.loan_id == wanted and not each.is_on_its_way), None)
    if due is None or not once:
        return _due(token, link)
    end_reads()
    said = hashlib.sha256(f"{token}/{once}".encode()).hexdigest()
    made = create_intent(
        here_now(),
        link.message.borrower_id,
        due.loan_id,
        IntentValues(due.amount, Purpose.DUE),
        request=Request(by="link", key=said, fingerprint=said, locale=_words()[0]),
        now=now(),
        machine_now=clock.system_now(),
    )
    if made.pay_url is None:
        return redirect(f"{PATH}{token}", 303)  # type: ignore[return-value]
    page: Response = redirect(made.pay_url, 303)  # type: ignore[assignment]
    page.headers["Cache-Control"] = "no-store"
    return page


def _page(what: str, status: int = 200, *, left: int | None = None, **values: Any) -> Response:
    locale, words = _words()
    wrong = None if left is None else words["wrong_once"] if left == 1 else words["wrong"].format(count=left)
    page = html_page(
        "pages/pay.html", status=status, has_form=what in ("ask", "due"), language=locale, title=words[f"{what}_title"],
        words=words, what=what, wrong=wrong, **values,
    )  # fmt: skip
    if what == "due":  # a browser holds the redirect after a form against this, and the provider's page is elsewhere
        origins = " ".join(_provider_origins())
        policy = page.headers["Content-Security-Policy"]
        page.headers["Content-Security-Policy"] = policy.replace("form-action 'self'", f"form-action 'self' {origins}")
    page.headers["Content-Language"] = locale
    page.headers["Cache-Control"] = "no-store"
    page.headers["X-Robots-Tag"] = "noindex"
    page.vary.add("Accept-Language")
    return page


def _provider_origins() -> list[str]:
    """Return what a payer may be sent to: any page over TLS, and the stand-in's own in a sandbox."""
    settings = current_app.config["SETTINGS"]
    stand_in = urlsplit(settings.stand_in_url or "")
    return ["https:", *([f"{stand_in.scheme}://{stand_in.netloc}"] if stand_in.netloc else [])]


def _words() -> tuple[str, Any]:
    header = request.headers.get("Accept-Language", "")
    tags = [tag for tag, quality in request.accept_languages if quality > 0] if len(header) <= _LONGEST_HEADER else []
    return page_words_of("pay", tags)
