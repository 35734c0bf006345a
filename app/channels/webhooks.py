"""The wire of webhooks: one POST to an address that a lender chose, and that we trust with nothing.

libcurl reads the URL, resolves the name and asks for a socket to each address it tries: that is where the address is judged.
So what is judged is what is connected to, whatever a name server says before or after. No redirect, no proxy, no cookie, no
credential; one connection for one request; what is answered beyond a little is not read.
"""

import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import certifi
import pycurl

from app.channels.curl_exchange import Headers
from app.channels.http_transport import Failure, HttpAnswer
from app.domain.webhook_urls import UrlRules, is_allowed_address

MOST_ANSWER_BYTES = 16 * 1024
ADDRESS_REFUSED = "address_refused"
_REASONS = {
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_COULDNT_CONNECT: "connect_refused",
    pycurl.E_COULDNT_RESOLVE_HOST: "unknown_host",
    pycurl.E_PEER_FAILED_VERIFICATION: "certificate_refused",
    pycurl.E_SSL_CONNECT_ERROR: "tls_failed",
    pycurl.E_UNSUPPORTED_PROTOCOL: "scheme_refused",
    pycurl.E_URL_MALFORMAT: "url_malformed",
    pycurl.E_SEND_ERROR: "connection_lost",
    pycurl.E_RECV_ERROR: "connection_lost",
    pycurl.E_GOT_NOTHING: "connection_lost",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "not_http",
}


class WebhookWire:
    """Posts to one URL at a time; any number of threads may use it at once."""

    def __init__(
        self,
        rules: UrlRules,
        *,
        connect_seconds: float = 2.0,
        total_seconds: float = 10.0,
        names: Sequence[str] = (),
        ca_file: str | None = None,
    ) -> None:
        """`total_seconds` bounds everything from the look-up of the name to the last byte, however slowly bytes come.

        `names`: `host:port:address` instead of a name server. `ca_file`: authorities that certificates are checked against.
        """
        self.rules = rules
        self._options: list[tuple[int, Any]] = [
            (pycurl.POST, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.CONNECTTIMEOUT_MS, int(connect_seconds * 1000)),
            (pycurl.TIMEOUT_MS, int(total_seconds * 1000)),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTPS | (pycurl.PROTO_HTTP if rules.local else 0)),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.PROXY, ""),
            (pycurl.USERAGENT, "duecourse-webhooks"),
            (pycurl.NOSIGNAL, 1),
            (pycurl.FRESH_CONNECT, 1),
            (pycurl.FORBID_REUSE, 1),
            (pycurl.RESOLVE, list(names)),
            (pycurl.CAINFO, ca_file or ssl.get_default_verify_paths().cafile or certifi.where()),
        ]

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Post once. Never raises for what the network does; of the answer's body nothing is kept."""
        curl, lines, judged = pycurl.Curl(), list[bytes](), _Judge(self.rules)
        try:
            for option, value in self._options:
                curl.setopt(option, value)
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.HTTPHEADER, [*(f"{name}: {value}" for name, value in headers.items()), "Expect:"])
            curl.setopt(pycurl.POSTFIELDS, body)
            curl.setopt(pycurl.OPENSOCKETFUNCTION, judged.open)
            curl.setopt(pycurl.HEADERFUNCTION, lines.append)
            curl.setopt(pycurl.WRITEFUNCTION, _Little())
            try:
                curl.perform()
            except pycurl.error as error:
                code = error.args[0]
                if not (lines[-1:] == [b"\r\n"] and curl.getinfo(pycurl.RESPONSE_CODE) >= 200):  # else: status is known
                    refused = judged.has_refused and code == pycurl.E_COULDNT_CONNECT
                    sent = curl.getinfo(pycurl.SIZE_UPLOAD_T) >= len(body)
                    return HttpAnswer(
                        0,
                        failure=Failure.AMBIGUOUS if sent else Failure.NEVER_SENT,
                        reason=ADDRESS_REFUSED if refused else _REASONS.get(code, f"curl_{code}"),
                    )
            return HttpAnswer(curl.getinfo(pycurl.RESPONSE_CODE), Headers(lines))
        finally:
            curl.close()


class _Judge:
    """Opens the sockets of one request, and none to an address that it may not be made to."""

    def __init__(self, rules: UrlRules) -> None:
        self._rules = rules
        self.has_refused = False

    def open(self, _purpose: int, address: Any) -> Any:
        family, kind, protocol, target = address
        if family not in (socket.AF_INET, socket.AF_INET6) or not is_allowed_address(target[0], target[1], self._rules):
            self.has_refused = True
            return pycurl.SOCKET_BAD
        return socket.socket(family, kind, protocol)


class _Little:
    """Takes a little of a body and then ends the transfer."""

    def __init__(self) -> None:
        self._left = MOST_ANSWER_BYTES

    def __call__(self, chunk: bytes) -> int:
        self._left -= len(chunk)
        return len(chunk) if self._left >= 0 else 0
