"""Who is asking. Each blueprint is bound to one kind of credential when it is registered; nothing is open by omission.

Tokens are opaque and stored hashed; they are looked up with their session in one statement, so that ending a session
works at once. A credential of one audience is nothing at another.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, g, request

from app.domain.errors import ForbiddenError, SessionRevokedError, TokenExpiredError, UnauthenticatedError
from app.persistence.queries.api_keys import find_api_key
from app.persistence.queries.sessions import find_access
from app.persistence.vault import token_hash
from app.web.rate_limit import take_read
from app.web.reads import end_reads, reads
from app.web.request_context import now

_LONGEST_TOKEN = 200


@dataclass(frozen=True, slots=True)
class BorrowerPrincipal:
    """A signed-in borrower, in one session."""

    borrower_id: str
    session_id: str
    locale: str | None

    @property
    def name(self) -> str:
        """Who this is, for cursors and idempotency keys."""
        return f"borrower:{self.borrower_id}"


@dataclass(frozen=True, slots=True)
class IngestPrincipal:
    """A lender's core system."""

    key_id: str
    lender_id: str
    locale: str | None = None

    @property
    def name(self) -> str:
        """Who this is, for idempotency keys: the lender, so that two keys of one lender share them."""
        return f"ingest:{self.lender_id}"


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


def _ingest() -> IngestPrincipal:
    key = find_api_key(reads(), token_hash(_bearer()))
    if key is None or key.revoked_at is not None:
        raise UnauthenticatedError("The key is not known here.")
    if "ingest" not in key.scopes:
        raise ForbiddenError("The key does not have the scope `ingest`.")
    return IngestPrincipal(key.id, key.lender_id)


PUBLIC = Auth("public", None, None)
BORROWER = Auth("borrower", "borrower", _borrower)
INGEST = Auth("ingest", "ingest", _ingest)
