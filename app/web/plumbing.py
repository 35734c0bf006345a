"""The order of duties around every request, in one place."""

from flask import Flask, Response, current_app, request
from werkzeug.middleware.proxy_fix import ProxyFix

from app.services.inbox_waits import InboxWaits
from app.web import auth, errors, health, media, pages, request_context
from app.web.answers import OrjsonProvider
from app.web.openapi import Api
from app.web.rate_limit import ReadLimit
from app.web.reads import end_reads
from app.web.security_headers import add_security_headers
from config import Settings


def init_web(app: Flask, settings: Settings) -> Api:
    """Set up everything HTTP needs and return the API, to which doors are added."""
    app.json = OrjsonProvider(app)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # a doubled slash is not found; a redirect would be outside the document
    app.url_map.strict_slashes = True
    app.extensions["duecourse.read_limit"] = ReadLimit()
    app.extensions["duecourse.inbox_waits"] = InboxWaits(settings.inbox_waiters)
    app.extensions["duecourse.callback_limit"] = ReadLimit(per_second=200.0, burst=2000.0)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.before_request(_before)
    app.after_request(_after)
    app.teardown_request(end_reads)
    app.teardown_request(request_context.end)
    errors.init_errors(app)
    api = Api(app)
    app.extensions["duecourse.api"] = api
    health.init_health(app, api, settings)
    pages.init_pages(app, settings)
    return api


_OTHER_MEDIA = frozenset({pages.NAME, "metrics", "sandbox", "callbacks", "unsubscribe", "pay", "console", "console_entry"})
"""Blueprints that do not speak JSON: pages for people, and what providers post, each in its own form."""


def _before() -> None:
    request_context.begin()
    auth.authenticate(current_app)
    if request.blueprint not in _OTHER_MEDIA:
        media.check_media()


def _after(response: Response) -> Response:
    add_security_headers(response)
    request_context.finish(response)
    return response
