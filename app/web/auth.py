"""Who is asking. Each blueprint is bound to one kind of credential when it is registered; nothing is open by omission.

Tokens are opaque and stored hashed; they are looked up with their session in one statement, so that ending a session
works at once. A credential of one audience is nothing at another.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from flask import Flask, current_app, g, request

from app.domain.errors import ForbiddenError, SessionRevokedError, TokenExpiredError, UnauthenticatedError
from app.domain.permissions import in_words, roles_of
from app.persistence.queries.api_keys import find_api_key
from app.persistence.queries.audit import acting_for
from app.persistence.queries.sessions import find_access
from app.persistence.queries.staff import find_session
from app.persistence.vault import token_hash
from app.services.staff_sessions import IDLE, MARKED_EVERY, PREFIX, mark_used
from app.web.rate_limit import take_read
from app.web.reads import end_reads, reads
from app.web.request_context import machine_now, now
from config import Settings

_LONGEST_TOKEN = 200

View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class BorrowerPrincipal:
    """A signed-in borrower, in one session."""

    borrower_id: str
    session_id: str
    locale: str | None

    @property
    def name(self) -> str:
        """Who this is, in the audit trail."""
        return f"borrower:{self.borrower_id}"

    @property
    def keyspace(self) -> str:
        """Whose cursors and idempotency keys these are."""
        return self.name


@dataclass(frozen=True, slots=True)
class IngestPrincipal:
    """A lender's core system."""

    key_id: str
    lender_id: str
    locale: str | None = None

    @property
    def name(self) -> str:
        """Who this is, in the audit trail."""
        return f"ingest:{self.lender_id}"

    @property
    def keyspace(self) -> str:
        """Whose idempotency keys these are: the lender's, so that two keys of one lender share them."""
        return self.name


@dataclass(frozen=True, slots=True)
class DeskPrincipal:
    """A member of a lender's staff, in a session of their account or by a key of their own."""

    key_id: str
    """Of the key or the session."""
    lender_id: str
    staff: str
    role: str
    """agent, supervisor, compliance or admin."""
    locale: str | None = None
    staff_id: str | None = None
    """Of their account; None: a key made for them, which has no account and proves no second factor."""
    session_id: str | None = None
    proved_at: datetime | None = None
    """When a second factor was last proved in the session, by the machine's clock."""
    proof_age: timedelta | None = None
    """How long ago that was when this request came in; None: never, as with a key."""
    lender_name: str | None = None
    """What the lender of the session is called; None with a key."""
    is_winding_down: bool = False
    """Whether that lender takes no new loans; not asked with a key."""

    @property
    def name(self) -> str:
        """Who this is, in the audit trail and wherever a row says `by`."""
        return f"staff:{self.staff}"

    @property
    def keyspace(self) -> str:
        """Whose cursors and idempotency keys these are: the key's or session's, since two lenders may employ namesakes."""
        return f"desk:{self.session_id or self.key_id}"


@dataclass(frozen=True, slots=True)
class Auth:
    """One way to prove who is asking. `scheme` is its name in the OpenAPI document; None: nobody needs to."""

    audience: str
    scheme: str | None
    authenticate: Callable[[], Any] | None


def borrower() -> BorrowerPrincipal:
    """Return the signed-in borrower of this request."""
    principal: BorrowerPrincipal = g.principal
    return principal


def ingest() -> IngestPrincipal:
    """Return the core system of this request."""
    principal: IngestPrincipal = g.principal
    return principal


def desk() -> DeskPrincipal:
    """Return the member of staff of this request."""
    principal: DeskPrincipal = g.principal
    return principal


@dataclass(frozen=True, slots=True)
class Account:
    """The account of a member of staff who has a session."""

    staff_id: str
    session_id: str
    name: str
    """As the audit trail names them."""


def account() -> Account:
    """Return the account of this request's member of staff. Raises ForbiddenError for a key, which has none."""
    who = desk()
    if who.staff_id is None or who.session_id is None:
        raise ForbiddenError("A key has no account; sign in at POST /v1/auth/staff.")
    return Account(who.staff_id, who.session_id, who.name)


def permits(permission: str) -> Callable[[View], View]:
    """Let only staff in whose role has the permission (domain/permissions.py).

    Put it right under the route: who may not is told so before the body is read. Raises KeyError for an unknown one.
    """
    roles = roles_of(permission)

    def decorator(view: View) -> View:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            role = desk().role
            if role not in roles:
                raise ForbiddenError(f"Your role is {role}; this is for {in_words(roles)}. Ask one of them to do it.")
            return view(*args, **kwargs)

        about = wrapper._apidoc = dict(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
        about["permission"] = permission
        return wrapper

    return decorator


def bind(app: Flask, blueprint: str, auth: Auth) -> None:
    """Say which credential a blueprint asks for; one that is not bound answers 403 to everyone."""
    app.extensions.setdefault("duecourse.doors", {})[blueprint] = auth


def authenticate(app: Flask) -> None:
    """Prove the credential that this request's blueprint asks for. A blueprint nobody registered here is refused."""
    endpoint = request.endpoint
    if endpoint is None:
        return
    bound: Mapping[str, Auth] = app.extensions["duecourse.doors"]
    auth = bound.get(endpoint.rpartition(".")[0])
    if auth is None:
        raise ForbiddenError(f"The route {endpoint} has no credential bound to it.")
    if auth.authenticate is not None:
        g.principal = auth.authenticate()
        if request.method not in ("GET", "HEAD"):
            end_reads()


def authenticate_again(app: Flask) -> None:
    """Prove the credential anew after a request has waited: what it rested on may have ended meanwhile."""
    g.now = g.machine_now = None
    authenticate(app)


def _bearer() -> str:
    """Return the bearer token of the Authorization header (RFC 6750), never of the query string."""
    header: str = request.environ.get("HTTP_AUTHORIZATION", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN:
        raise UnauthenticatedError("Send `Authorization: Bearer` with a valid token.")
    return token


def _borrower() -> BorrowerPrincipal:
    access = find_access(reads(), token_hash(_bearer()))
    if access is None or access.audience != "borrower":
        raise UnauthenticatedError("The token is not known here.")
    at = now()
    if access.revoked_at is not None:
        raise SessionRevokedError("This session was ended; sign in again.")
    if at >= access.token_expires_at or at >= access.session_expires_at:
        raise TokenExpiredError("The access token has expired; use the refresh token.")
    take_read(access.session_id)
    return BorrowerPrincipal(access.borrower_id, access.session_id, access.locale)


def _key(scope: str) -> Any:
    key = find_api_key(reads(), token_hash(_bearer()))
    if key is None or key.revoked_at is not None:
        raise UnauthenticatedError("The key is not known here.")
    if scope not in key.scopes:
        raise ForbiddenError(f"The key does not have the scope `{scope}`.")
    return key


def _ingest() -> IngestPrincipal:
    key = _key("ingest")
    acting_for.set(key.lender_id)
    return IngestPrincipal(key.id, key.lender_id)


def _desk() -> DeskPrincipal:
    if (token := _bearer()).startswith(PREFIX):
        return staff_of(token)
    key = _key("desk")
    if key.staff is None or key.role is None:
        raise ForbiddenError("The key names nobody; have one made with --staff and --role.")
    take_read(key.id)
    acting_for.set(key.lender_id)
    return DeskPrincipal(key.id, key.lender_id, key.staff, key.role)


def staff_of(token: str) -> DeskPrincipal:
    """Return who a token stands for. Raises UnauthenticatedError, TokenExpiredError, SessionRevokedError."""
    found = find_session(reads(), token_hash(token))
    if found is None or found.state != "active" or found.role is None:
        raise UnauthenticatedError("The session is not known here; sign in.")
    at = machine_now()
    if found.revoked_at is not None:
        raise SessionRevokedError("This session was ended; sign in again.")
    if at >= found.expires_at or at - found.last_used_at >= IDLE:
        raise TokenExpiredError("The session has expired; sign in again.")
    take_read(found.session_id)
    acting_for.set(found.lender_id)
    if at - found.last_used_at >= MARKED_EVERY and POLL not in request.headers:
        end_reads()
        mark_used(found.session_id, now=at)
    return DeskPrincipal(
        found.session_id, found.lender_id, found.name, found.role, found.locale, found.staff_id, found.session_id,
        found.proved_at, at - found.proved_at, found.lender_name, bool(found.is_winding_down),
    )  # fmt: skip


COOKIE = "duecourse_desk"
POLL = "X-Poll"
"""Header of what a page asks by itself: it is no use of the session, or no open page would ever be idle."""


def cookie_name(settings: Settings) -> str:
    """Return the name of the cookie that holds a console's session; in production only this host can have set it."""
    return COOKIE if settings.is_sandbox else f"__Host-{COOKIE}"


def _console() -> DeskPrincipal:
    token = request.cookies.get(cookie_name(current_app.config["SETTINGS"]), "")
    if not token or len(token) > _LONGEST_TOKEN:
        raise UnauthenticatedError("Sign in first.")
    return staff_of(token)


PUBLIC = Auth("public", None, None)
BORROWER = Auth("borrower", "borrower", _borrower)
INGEST = Auth("ingest", "ingest", _ingest)
DESK = Auth("desk", "desk", _desk)
CONSOLE = Auth("console", None, _console)
