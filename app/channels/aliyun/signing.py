"""Requests to Alibaba Cloud's RPC services, signed by version 3 of its scheme, ACS3-HMAC-SHA256.

Source: Alibaba Cloud, "V3 request structure and signature" (its worked example is one of our tests). What an action takes
goes in the query, as the official SDKs of dysmsapi and dyvmsapi send it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from app.channels.http_transport import HttpRequest

ALGORITHM = "ACS3-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AliyunService:
    """One service of one account: where it is, its version and the access key."""

    url: str
    version: str
    key_id: str
    key_secret: str = field(repr=False)

    def request(self, action: str, parameters: Mapping[str, str], *, now: datetime) -> HttpRequest:
        """Return a signed request. `now` must be within a quarter of an hour of the provider's clock."""
        parts = urlsplit(self.url)
        default_port = {"http": 80, "https": 443}.get(parts.scheme)
        host = parts.hostname or ""
        headers = {
            "host": host if parts.port in (None, default_port) else f"{host}:{parts.port}",
            "x-acs-action": action,
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
            "x-acs-date": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-version": self.version,
        }
        query = canonical_query(parameters)
        said = authorization(self.key_id, self.key_secret, "POST", f"{parts.path.rstrip('/')}/", query, headers)
        sent = {name: value for name, value in headers.items() if name != "host"}  # the transport says the host itself
        return HttpRequest(f"/?{query}", {**sent, "Authorization": said, "Accept": "application/json"}, b"")


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Return the parameters sorted by name, each encoded as RFC 3986 says."""
    return "&".join(f"{quote(name, safe='~')}={quote(parameters[name], safe='~')}" for name in sorted(parameters))


def authorization(key_id: str, key_secret: str, method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    """Return the Authorization header; `headers`: all that are signed, names in lower case."""
    names = sorted(headers)
    signed_headers = ";".join(names)
    canonical = "\n".join(
        [
            method,
            path,
            query,
            "".join(f"{name}:{headers[name].strip()}\n" for name in names),
            signed_headers,
            headers["x-acs-content-sha256"],
        ]
    )
    said = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key_secret.encode(), said.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={signed_headers},Signature={signature}"
