"""One connection to a mail relay: submission by SMTP with a limit on the whole time that one message may take.

`smtplib` speaks the protocol; here is what it leaves open: every wait ends at one deadline however slowly bytes drip in,
an answer cannot be endless, and a failure says how far the message had come. Until the final dot was sent nobody can have
acted upon a message (RFC 5321 4.1.1.4); after it, only an answer tells.
"""

import io
import select
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app import clock
from app.channels.email.composing import Envelope

_MOST_ANSWER_BYTES = 64 * 1024
_MOST_MESSAGES = 100
"""Relays end a connection after some; a fresh one in time spares a 421."""
_LONGEST_IDLE_SECONDS = 60.0


class Stage(StrEnum):
    """How far a message had come when the answer was given, or when none came."""

    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"
    """DATA was said; the final dot was not sent."""
    HANDED_OVER = "handed_over"
    """The final dot was sent."""


@dataclass(frozen=True, slots=True)
class SmtpAnswer:
    """The relay's last word on a message; `code` 0: there is none, and `text` is the name of the error."""

    stage: Stage
    code: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail is submitted. `security`: tls (from the first byte), starttls (nothing is said without it) or none."""

    host: str
    port: int
    security: str
    tls: ssl.SSLContext = field(repr=False)
    helo: str
    username: str | None = None
    password: str = field(default="", repr=False)
    connect_seconds: float = 5.0
    total_seconds: float = 60.0
    wants_receipts: bool = False
    """Ask for a receipt of each delivery (RFC 3461), where the relay offers that."""


class Submission:
    """A connection that is opened when needed and kept for the next message. For one thread at a time."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._smtp: _BoundedSmtp | None = None
        self._sent = 0
        self._used_at = 0.0

    def hand_over(self, envelope: Envelope) -> SmtpAnswer:
        """Submit one message and return the relay's last word on it. Never raises for what a relay or network does."""
        deadline = clock.monotonic_seconds() + self._relay.total_seconds
        fresh = not self._is_ready()
        answer = self._try(envelope, deadline)
        stale = not fresh and answer.stage is Stage.SENDER and answer.code in (0, 421)
        return self._try(envelope, deadline) if stale else answer  # an idle connection was closed: nothing was said yet

    def close(self) -> None:
        """End the connection."""
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    def _try(self, envelope: Envelope, deadline: float) -> SmtpAnswer:
        stage = [Stage.CONNECT]
        try:
            answer = self._submit(envelope, deadline, stage)
        except smtplib.SMTPResponseException as error:  # a refusal on the way in, or an answer that is none
            code = 0 if stage[0] is Stage.HANDED_OVER else max(0, error.smtp_code)  # a line too long is no refusal
            answer = SmtpAnswer(stage[0], code, _text(error.smtp_error))
            self.close()
        except (OSError, smtplib.SMTPException, UnicodeError, ValueError) as error:
            answer = SmtpAnswer(stage[0], 0, _name_of(error))
            self.close()
        if answer.code == 421 or not 200 <= answer.code < 600:
            self.close()
        return answer

    def _submit(self, envelope: Envelope, deadline: float, stage: list[Stage]) -> SmtpAnswer:
        smtp = self._ready(deadline, stage)
        stage[0] = Stage.SENDER
        if envelope.needs_utf8 and not smtp.has_extn("smtputf8"):
            return SmtpAnswer(Stage.RECIPIENT, 553, "5.6.7 the relay takes no such mailbox")
        for now_at, say in ((Stage.SENDER, self._sender), (Stage.RECIPIENT, self._recipient), (Stage.CONTENT, _data)):
            stage[0] = now_at
            code, text = say(smtp, envelope)
            if code != (354 if now_at is Stage.CONTENT else 250) and not (now_at is Stage.RECIPIENT and code == 251):
                self._reset(smtp, code)
                return SmtpAnswer(now_at, code, _text(text))
        smtp.send(_dot_stuffed(envelope.content))
        stage[0] = Stage.HANDED_OVER
        smtp.send(b".\r\n")
        code, text = smtp.getreply()
        self._sent += 1
        self._used_at = clock.monotonic_seconds()
        return SmtpAnswer(Stage.HANDED_OVER, max(0, code), _text(text))

    def _sender(self, smtp: "_BoundedSmtp", envelope: Envelope) -> tuple[int, bytes]:
        options = ["SMTPUTF8"] if envelope.needs_utf8 else []
        if smtp.has_extn("dsn"):  # RFC 3461: a bounce returns the headers alone and names the envelope
            options += ["RET=HDRS", f"ENVID={envelope.token}"]
        return smtp.mail(envelope.sender, options)

    def _recipient(self, smtp: "_BoundedSmtp", envelope: Envelope) -> tuple[int, bytes]:
        wanted = "SUCCESS,FAILURE,DELAY" if self._relay.wants_receipts else "FAILURE,DELAY"
        return smtp.rcpt(envelope.recipient, [f"NOTIFY={wanted}"] if smtp.has_extn("dsn") else [])

    def _reset(self, smtp: "_BoundedSmtp", code: int) -> None:
        self._used_at = clock.monotonic_seconds()
        try:
            kept = code != 421 and smtp.docmd("RSET")[0] == 250
        except (OSError, smtplib.SMTPException):  # what was refused stays refused
            kept = False
        if not kept:
            self.close()

    def _is_ready(self) -> bool:
        if self._smtp is None:
            return False
        idle = clock.monotonic_seconds() - self._used_at > _LONGEST_IDLE_SECONDS
        if idle or self._sent >= _MOST_MESSAGES or self._smtp.has_unasked():
            self.close()
        return self._smtp is not None

    def _ready(self, deadline: float, stage: list[Stage]) -> "_BoundedSmtp":
        if self._smtp is not None:
            self._smtp.begin(deadline)
            return self._smtp
        relay = self._relay
        smtp = self._smtp = _BoundedSmtp(relay, deadline)
        self._sent = 0
        code, text = smtp.connect(relay.host, relay.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        smtp.ehlo_or_helo_if_needed()
        if relay.security == "starttls":
            stage[0] = Stage.TLS
            code, text = smtp.starttls(context=smtp.wrapping)
            if code != 220:
                raise smtplib.SMTPResponseException(code, text)
            smtp.ehlo_or_helo_if_needed()
        if relay.username is not None:
            stage[0] = Stage.LOGIN
            smtp.login(relay.username, relay.password)
        return smtp


class _BoundedSmtp(smtplib.SMTP):
    """smtplib over a socket that gives up at the deadline."""

    def __init__(self, relay: Relay, deadline: float) -> None:
        super().__init__(local_hostname=relay.helo)  # else it asks the name service who we are
        self._relay = relay
        self._host = relay.host  # the name that a certificate must have after STARTTLS
        self.wrapping: Any = self
        self.begin(deadline)

    def begin(self, deadline: float) -> None:
        """Give the next message its time (monotonic seconds) and its share of bytes to be read."""
        self.deadline = deadline
        self.readable_bytes = _MOST_ANSWER_BYTES

    def has_unasked(self) -> bool:
        """Whether the relay hung up, or spoke without being asked."""
        raw = getattr(self.sock, "raw", None)
        return raw is None or bool(select.select([raw], [], [], 0)[0])

    def wrap_socket(self, bounded: "_BoundedSocket", server_hostname: str) -> "_BoundedSocket":
        """Be the TLS context that `starttls` asks for; the certificate is checked."""
        bounded.raw.settimeout(self.left())
        bounded.raw = self._relay.tls.wrap_socket(bounded.raw, server_hostname=server_hostname)
        return bounded

    def left(self) -> float:
        """Return the seconds left. Raises TimeoutError when there are none."""
        left = self.deadline - clock.monotonic_seconds()
        if left <= 0:
            raise TimeoutError
        return left

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        raw = socket.create_connection((host, port), min(self.left(), self._relay.connect_seconds))
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._relay.security == "tls":
                raw = self._relay.tls.wrap_socket(raw, server_hostname=host)
        except BaseException:
            raw.close()
            raise
        return _BoundedSocket(raw, self)


class _BoundedSocket:
    """What smtplib takes for its socket."""

    def __init__(self, raw: socket.socket, smtp: _BoundedSmtp) -> None:
        self.raw = raw
        self._smtp = smtp

    def sendall(self, content: bytes) -> None:
        """Send everything, or raise at the deadline."""
        rest = memoryview(content)
        while rest:
            self.raw.settimeout(self._smtp.left())
            rest = rest[self.raw.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader of answers."""
        return io.BufferedReader(_BoundedReads(self, self._smtp))

    def close(self) -> None:
        """Close the socket."""
        self.raw.close()


class _BoundedReads(io.RawIOBase):
    def __init__(self, bounded: _BoundedSocket, smtp: _BoundedSmtp) -> None:
        self._bounded = bounded
        self._smtp = smtp

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._smtp.readable_bytes <= 0:
            raise OSError("The answer does not end.")
        self._bounded.raw.settimeout(self._smtp.left())
        count = self._bounded.raw.recv_into(buffer)
        if count == 0:
            raise ConnectionAbortedError("Hung up.")  # else half a line would be read as an answer
        self._smtp.readable_bytes -= count
        return count


def _data(smtp: _BoundedSmtp, _envelope: Envelope) -> tuple[int, bytes]:
    return smtp.docmd("DATA")


def _dot_stuffed(content: bytes) -> bytes:
    return content.replace(b"\r\n.", b"\r\n..")


def _text(raw: bytes | str) -> str:
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return " ".join(text.split())[:300]


def _name_of(error: Exception) -> str:
    """Return what broke; smtplib hides a time-out and a reset behind its own error."""
    cause = error.__context__ if isinstance(error, smtplib.SMTPServerDisconnected) and error.__context__ else error
    return "timeout" if isinstance(cause, TimeoutError) else type(cause).__name__
