"""What every page of the console shares: who is asking, the language, the frame around a page, refusals as pages.

A page is a GET that renders a template; an act is a POST of a form that ends in a redirect (see forms.py). Every form
carries the session's word against forgery, and the browser must say that it comes from this site.
"""

import hmac
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, get_datetime_format, get_timezone_gmt, get_timezone_location
from flask import Blueprint, Response, current_app, g, redirect, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from app.domain.errors import (
    DomainError,
    ForbiddenError,
    SessionRevokedError,
    StepUpRequiredError,
    TokenExpiredError,
    UnauthenticatedError,
)
from app.domain.money import Money
from app.domain.permissions import may
from app.persistence.db import vault
from app.web.answers import cacheable
from app.web.auth import desk
from app.web.errors import http_error
from app.web.etag import body_etag
from app.web.file_bodies import make_room
from app.web.languages import negotiate, request_locale, spoken
from app.web.problems import CODE_OF_STATUS, PROBLEMS
from app.web.request_context import now
from app.wording.amounts import written_date, written_money
from app.wording.console_words import code_words, console_words
from app.wording.reason_words import reason_words
from app.wording.refusal_words import refused_in_words

KEYS = {
    "/desk": "s",
    "/desk/conversations": "c",
    "/desk/tasks": "t",
    "/desk/calls": "l",
    "/desk/visits": "v",
    "/desk/operations": "o",
    "/desk/policies": "p",
    "/desk/audit": "a",
}
"""Page of the menu -> the key that opens it after "g"."""
NAME, ENTRY = "console", "console_entry"
PREFIX = "/desk"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

pages = Blueprint(NAME, __name__, url_prefix=PREFIX, template_folder="templates")
"""Pages of somebody signed in."""
entry = Blueprint(
    ENTRY, __name__, url_prefix=PREFIX, template_folder="templates", static_folder="static", static_url_path="/static"
)
"""What one sees before: the sign-in, invitations, style and script."""


# -- answers -----------------------------------------------------------------------------------------------------------


def page(template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a whole page. `template` is below templates/console."""
    response = Response(_rendered(template, values), status, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


def fragment(template: str, **values: Any) -> Response:
    """Return a part of a page that is asked for again and again: unchanged it is a 304."""
    body = _rendered(template, values).encode()
    response = cacheable(body, body_etag(request_locale(), body))
    response.headers["Vary"] = "Cookie, Accept-Language"
    if response.status_code == 200:
        response.headers["Content-Type"] = "text/html; charset=utf-8"
    return response


def _rendered(template: str, values: dict[str, Any]) -> str:
    return render_template(f"console/{template}", **_shared(), **values)


def go(where: str) -> BaseResponse:
    """Return a redirect to a page of the console, after an act."""
    return redirect(where, 303)


def _shared() -> dict[str, Any]:
    locale = request_locale()
    who = g.get("principal")
    return {
        "t": lambda key, **values: console_words(key, locale, values),
        "say": lambda code, what="": code_words(what, code, locale),
        "because": lambda reason: reason_words(reason, {}, locale),
        "person": lambda by: person(by, locale),
        "options": lambda codes, what="": [(code, code_words(what, code, locale)) for code in codes],
        "locale": locale,
        "who": who,
        "may": (lambda permission: may(who.role, permission)) if who else (lambda _permission: False),
        "csrf": csrf_word() if who else "",
        "money": lambda minor, currency: written_money(Money(minor, currency), locale),
        "day": lambda on: "" if on is None else written_date(on, locale),
        "moment": lambda at, zone="UTC": moment(at, zone, locale),
        "zone_name": lambda zone, at: zone_name(zone, at, locale),
        "now": now(),
        "here": request.path,
        "keys": KEYS,
        "nav": current_app.extensions["duecourse.console_nav"],
    }


_NO_PERSON = ("borrower", "engine", "duecourse", "sandbox", "system")
"""What a row may name that is no person of staff: `by__` codes; what stands behind a colon is an id."""


def person(by: str | None, locale: str) -> str:
    """Return who a row says did it: the name of a member of staff, or in words what was no person."""
    kind, _, name = (by or "").partition(":")
    if kind == "staff":
        return name
    return code_words("by", kind, locale) if kind in _NO_PERSON else by or ""


def moment(at: datetime | date | None, zone: str, locale: str) -> str:
    """Return an instant as people of the locale write it, in a zone, to the minute. Source: CLDR."""
    if at is None:
        return ""
    if not isinstance(at, datetime):
        return written_date(at, locale)
    there = at.astimezone(ZoneInfo(zone))
    day, time = written_date(there.date(), locale), format_skeleton("Hm", there, locale=_cldr(locale))
    return str(get_datetime_format("medium", locale=_cldr(locale))).replace("{1}", day).replace("{0}", time)


def zone_name(zone: str, at: datetime, locale: str) -> str:
    """Return what a zone is called there and then: "Shanghai, GMT+08:00". Source: CLDR."""
    offset = get_timezone_gmt(at.astimezone(ZoneInfo(zone)), "short" if zone == "UTC" else "long", locale=_cldr(locale))
    return zone if zone == "UTC" else f"{_place(zone, locale)}, {offset}"


@lru_cache(maxsize=512)
def _place(zone: str, locale: str) -> str:
    return get_timezone_location(ZoneInfo(zone), locale=_cldr(locale), return_city=True)


def _cldr(locale: str) -> str:
    return locale.replace("-", "_")


# -- every request -----------------------------------------------------------------------------------------------------


def csrf_word() -> str:
    """Return the word that every form of this session carries."""
    return vault().mac("csrf", desk().session_id or "")[:32]


@pages.before_request
@entry.before_request
def _speak_and_check() -> None:
    who = g.get("principal")
    chosen = getattr(who, "locale", None) or request.cookies.get("duecourse_locale")
    g.locale = spoken(chosen) if chosen else negotiate(request.headers.get("Accept-Language", "")[:200]) or "en"
    if request.method in ("GET", "HEAD"):
        return
    make_room()
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site not in (None, "same-origin") or (origin is not None and origin.partition("://")[2] != request.host):
        raise ForbiddenError("The form came from another site.")
    if who is not None:
        given = request.headers.get("X-CSRF") or request.form.get("csrf", "")
        if not hmac.compare_digest(given.encode(), csrf_word().encode()):
            raise ForbiddenError("The form is from an earlier session; open the page again and send it anew.")


@pages.after_request
@entry.after_request
def _headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", _POLICY)  # a file that is handed out has a stricter one
    response.headers["Referrer-Policy"] = "same-origin"  # with none a browser sends the origin "null" with our own forms
    if request.endpoint == f"{ENTRY}.static":
        response.headers["Cache-Control"] = "public, max-age=31536000" if request.args.get("v") else "no-cache"
    return response


# -- refusals ----------------------------------------------------------------------------------------------------------


def _refused(error: DomainError) -> BaseResponse:
    back = quote(request.full_path.rstrip("?") if request.method == "GET" else PREFIX, safe="/?=&")
    if isinstance(error, UnauthenticatedError | SessionRevokedError | TokenExpiredError):
        return _sent(f"{PREFIX}/sign-in?next={back}")
    if isinstance(error, StepUpRequiredError):
        return _sent(f"{PREFIX}/proof?next={quote(_came_from(), safe='/')}")
    detail, errors = refused_in_words(error, request_locale())
    return _problem(error.code, detail, list(errors))


def _sent(where: str) -> BaseResponse:
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": where})
    return go(where)


def _came_from() -> str:
    """Return the page a form was on, if it is one of ours."""
    path = (request.headers.get("Referer") or "").partition(request.host)[2] if request.method != "GET" else request.path
    return path if path.startswith(f"{PREFIX}/") else PREFIX


def _problem(code: str, detail: str | None, errors: list[Any]) -> Response:
    problem = PROBLEMS.get(code) or PROBLEMS["internal"]
    g.problem = code
    words = problem.words(request_locale())
    return page(
        "problem.html", status=problem.status, title=words.title, detail=detail or words.detail, errors=errors, code=code
    )


def _http_error(error: HTTPException) -> BaseResponse:
    if error.code is None or error.code < 400:
        return error.get_response()
    return _problem(CODE_OF_STATUS.get(error.code, "bad-request" if error.code < 500 else "internal"), None, [])


def nowhere(error: HTTPException) -> BaseResponse:
    """Answer an address below the desk that has no page, or none that is looked at, with a page and not for a machine."""
    if request.path.startswith(f"{PREFIX}/"):
        return _headers(_problem("not-found", None, []))
    return http_error(error)


for _blueprint in (pages, entry):
    _blueprint.register_error_handler(DomainError, _refused)
    _blueprint.register_error_handler(HTTPException, _http_error)
