"""The cookie that holds a console's session, and where one may be sent after signing in."""

import re

from flask import current_app, request
from werkzeug.wrappers import Response as BaseResponse

from app.console.frame import PREFIX, go
from app.domain.errors import DomainError
from app.services.staff_sessions import StaffSession
from app.web.auth import cookie_name, staff_of
from config import Settings

_OWN_PAGE = re.compile(r"/desk(?:/[A-Za-z0-9._:~%-]+)*(?:\?[A-Za-z0-9._:~%&=+-]*)?")
_NOT_AFTER = (f"{PREFIX}/sign-in", f"{PREFIX}/sign-out", f"{PREFIX}/invitations", f"{PREFIX}/proof")
_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iOS"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)  # fmt: skip


def own_page(path: str | None) -> str:
    """Return a page of the console one may be sent to; anything else is the first page."""
    if not path or len(path) > 500 or not _OWN_PAGE.fullmatch(path) or path.startswith(_NOT_AFTER):
        return PREFIX
    return path


def go_with(session: StaffSession, where: str) -> BaseResponse:
    """Return a redirect that carries a session's token to the browser."""
    settings = _settings()
    answer = go(where)
    answer.set_cookie(
        cookie_name(settings), session.token, httponly=True, samesite="Strict", secure=not settings.is_sandbox,
        path=_cookie_path(settings),
    )  # fmt: skip
    return answer


def forget(answer: BaseResponse) -> BaseResponse:
    """Take the cookie back, and what the browser keeps of this site."""
    settings = _settings()
    answer.delete_cookie(
        cookie_name(settings), path=_cookie_path(settings), httponly=True, samesite="Strict", secure=not settings.is_sandbox
    )
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


def is_signed_in() -> bool:
    """Return whether the browser of a public page has a session that lives."""
    token = request.cookies.get(cookie_name(_settings()), "")
    if not token:
        return False
    try:
        staff_of(token)
    except DomainError:
        return False
    return True


def browser_label() -> str:
    """Return what a list of sessions calls this browser: Firefox on Linux."""
    agent = request.headers.get("User-Agent", "")[:400]
    browser = next((name for mark, name in _BROWSERS if mark in agent), "?")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "?")
    return f"{browser}, {system}"


def _cookie_path(settings: Settings) -> str:
    """A cookie with the prefix __Host- is of the whole host (RFC 6265bis §4.1.3)."""
    return PREFIX if settings.is_sandbox else "/"


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
