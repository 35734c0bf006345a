"""Where providers post receipts, replies and events.

No credential of ours is asked for: the parser of each provider proves its posts, by the provider's own signature or by the
unguessable word at the end of the path. What it answers is the provider's exact body. Routes are logged by their template,
so that the word is in no log.
"""

import hmac
from typing import Any

from flask import Response, abort, current_app, request

from app import clock
from app.channels.callbacks import CallbackParser, CallbackRequest, ForgedError, MalformedError, parser_of
from app.domain.errors import ForbiddenError, MalformedCallbackError, NotFoundError
from app.logs import logger
from app.metrics import CALLBACKS
from app.services.callback_posts import take_callback
from app.web.doors import Door, answers
from app.web.rate_limit import address_prefix, take_callback_post
from app.web.request_context import now
from config import Settings

door = Door("callbacks", "Receipts, replies and events of providers.", prefix="/v1/callbacks", any_query=True)

_UNKNOWN = "Nothing is configured here for that provider."
_FORGED = "The post is not proven to be the provider's."
_PROBLEMS = ("forbidden", "not-found", "maintenance")


@door.post("/<number:provider>")
@answers(200, also=(204,), problems=_PROBLEMS)
def post_callback(provider: str) -> Response:
    """Take what a provider posts. Signed by its own scheme; the answer is the body that the provider asks for."""
    return _take(provider, "")


@door.post("/<number:provider>/<secret>")
@answers(200, also=(204,), problems=_PROBLEMS)
def post_callback_by_word(provider: str, secret: str) -> Response:
    """Take what a provider that signs nothing posts to the address that it alone was given.

    It is trusted for the state of delivery only, and for an opt-out.
    """
    return _take(provider, secret)


@door.get("/<number:provider>")
@answers(200, also=(204,), problems=_PROBLEMS)
def get_callback(provider: str) -> Response:
    """Answer a provider that proves the address first, or tells by GET."""
    return _take(provider, "")


@door.get("/<number:provider>/<secret>")
@answers(200, also=(204,), problems=_PROBLEMS)
def get_callback_by_word(provider: str, secret: str) -> Response:
    """Answer a provider that proves the address that it alone was given, or tells by GET."""
    return _take(provider, secret)


def _take(provider: str, secret: str) -> Response:
    settings: Settings = current_app.config["SETTINGS"]
    parser = _parser(provider, settings)
    take_callback_post(f"{provider}/{address_prefix()}")
    if secret and not hmac.compare_digest(secret.encode(), settings.callback_secret.encode()):
        CALLBACKS.labels(provider, "forged").inc()
        raise ForbiddenError(_FORGED)
    body = request.get_data(cache=False)
    if request.content_length is None and len(body) >= (request.max_content_length or 0):
        abort(413)  # a body without a length is cut at the limit, and Werkzeug says nothing
    try:
        callback = parser.read(_request(settings, secret, body))
    except ForgedError:
        CALLBACKS.labels(provider, "forged").inc()
        logger().warning("callback refused", provider=provider, why="forged")
        raise ForbiddenError(_FORGED) from None
    except Exception as error:
        if not isinstance(error, MalformedError):  # a field of a kind that no parser expects: theirs to mend, or ours
            logger().error("callback broke its parser", provider=provider, kind=type(error).__name__)
        CALLBACKS.labels(provider, "malformed").inc()
        logger().warning("callback refused", provider=provider, why="malformed")
        raise MalformedCallbackError("The post cannot be read as the provider documents it.") from None
    take_callback(callback, body or request.query_string, now=now())
    CALLBACKS.labels(provider, "taken").inc()
    answer = callback.answer
    response = Response(answer.body, answer.status, content_type=answer.content_type)
    response.headers["Cache-Control"] = "no-store"
    return response


def _parser(provider: str, settings: Settings) -> CallbackParser:
    """Return the parser of a provider that is configured. Raises NotFoundError."""
    names = _NAMES.get(provider, (provider,))
    entries = [entry for entries in settings.providers.values() for entry in entries if entry["provider"] in names]
    if provider == "gateway" and settings.sms_key:
        entries.append({"key": settings.sms_key})
    if not entries:
        raise NotFoundError(_UNKNOWN)
    given: dict[str, Any] = {}
    for entry in entries:  # a provider of two channels has an entry for each
        given |= entry
    given |= {"callback_secret": settings.callback_secret, "public_url": settings.public_url}
    try:
        parser = parser_of(provider, given)
    except (KeyError, ValueError, ModuleNotFoundError) as error:
        kind = type(error).__name__
        logger().error("callbacks cannot be read: a setting is missing or wrong", provider=provider, kind=kind)
        parser = None
    if parser is None:
        raise NotFoundError(_UNKNOWN)
    return parser


_NAMES = {"email": ("email", "smtp")}
"""Name in the address -> names in the providers file, where they differ."""


def _request(settings: Settings, secret: str, body: bytes) -> CallbackRequest:
    query = request.query_string.decode("latin-1")
    base = settings.public_url or request.host_url.rstrip("/")
    return CallbackRequest(
        method=request.method,
        url=f"{base}{request.path}{'?' if query else ''}{query}",
        path_secret=secret,
        query=dict(request.args),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        now_seconds=int(clock.system_now().timestamp()),  # the provider's clock: not the book's, which may be moved
    )
