"""Headers every answer carries. A page that needs more (its own stylesheet) sets its own Content-Security-Policy."""

from flask import Response

API_POLICY = "default-src 'none'; frame-ancestors 'none'"

_HEADERS = (
    ("Strict-Transport-Security", "max-age=63072000; includeSubDomains"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


def add_security_headers(response: Response) -> None:
    """Add those that the answer does not say itself. What is not said to be cacheable is `no-store`."""
    headers = response.headers
    for name, value in _HEADERS:
        headers.add(name, value)
    if "Referrer-Policy" not in headers:
        headers.add("Referrer-Policy", "no-referrer")
    if "Content-Security-Policy" not in headers:
        headers.add("Content-Security-Policy", API_POLICY)
    if "Cache-Control" not in headers:
        headers.add("Cache-Control", "no-store")
