"""The page that ends e-mails. GET shows a button and changes nothing, since link scanners follow links; POST ends them.

A mail program posts `List-Unsubscribe=One-Click` (RFC 8058) without cookies, and is answered without a redirect.
"""

from flask import Blueprint, Response, request

from app.domain.errors import NotFoundError
from app.persistence.db import vault
from app.persistence.unit_of_work import unit_of_work
from app.services.unsubscribe import PATH, read_token, unsubscribe
from app.web.pages import html_page
from app.web.request_context import now
from app.wording.unsubscribe_words import page_words

NAME = "unsubscribe"
door = Blueprint(NAME, __name__)
_LONGEST_HEADER = 200


@door.get(f"{PATH}<token>")
def ask(token: str) -> Response:
    """Ask whether it is meant."""
    try:
        read_token(vault(), token)
    except NotFoundError:
        return _page("unknown", 404)
    return _page("ask")


@door.post(f"{PATH}<token>")
def end(token: str) -> Response:
    """End such e-mails for whose link it is. Doing it again changes nothing."""
    try:
        with unit_of_work() as work:
            unsubscribe(work, token, now=now())
    except NotFoundError:
        return _page("unknown", 404)
    return _page("done")


def _page(what: str, status: int = 200) -> Response:
    header = request.headers.get("Accept-Language", "")
    tags = [tag for tag, quality in request.accept_languages if quality > 0] if len(header) <= _LONGEST_HEADER else []
    locale, words = page_words(tags)
    title = words["title" if what == "ask" else f"{what}_title"]
    page = html_page(
        "pages/unsubscribe.html", status=status, has_form=what == "ask", language=locale, title=title, words=words, what=what
    )
    page.headers["Content-Language"] = locale
    page.headers["Cache-Control"] = "no-store"
    page.headers["X-Robots-Tag"] = "noindex"
    page.vary.add("Accept-Language")
    return page
