"""A mail relay and the mailboxes behind it: SMTP on a port of its own; what comes back is posted as a relay posts it.

Extensions: PIPELINING off, DSN, SMTPUTF8, AUTH (any password but "wrong"). Faults are programmed per step: smtp_connect,
smtp_mail, smtp_rcpt, smtp_data, and smtp for the end of the content; an `answer` has `status` and `body` as code and text.
What becomes of a message is chosen by its recipient, see `magic.py`.
"""

import asyncio
import base64
import re
import socket
import struct
import uuid
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Protocol, cast

import orjson

from app.sandbox.stand_in.answers import Answer, Taken
from app.sandbox.stand_in.faults import FaultProgram
from app.sandbox.stand_in.magic import outcome_of
from app.sandbox.stand_in.returned_mail import Mailbag

ENDPOINTS = ("smtp_connect", "smtp_mail", "smtp_rcpt", "smtp_data", "smtp")
_STEPS = {"MAIL": "smtp_mail", "RCPT": "smtp_rcpt", "DATA": "smtp_data"}
_TOKEN = re.compile(r"<([0-9a-f]{32})\.[0-9a-f]{16}@")
_AT_RCPT = {"invalid": "550 5.1.1 No such user here", "blocked": "550 5.7.1 Sender rejected by recipient"}
_AT_DOT = {"refused_content": "554 5.7.1 Message rejected as spam"}
_FIRST_TRY = {"rate_limited": "450 4.7.1 Greylisted, try again later", "unavailable": "451 4.3.0 Temporary local problem"}
_PAUSE_MS = 100


class Host(Protocol):
    """What a mail connection needs of the stand-in."""

    faults: FaultProgram

    def take(self, taken: Taken) -> None:
        """Remember a message as delivered."""

    def count(self, endpoint: str, status: int) -> None:
        """Count an answered step."""


class MailServer:
    """What all mail connections share."""

    def __init__(self, host: Host, bag: Mailbag) -> None:
        self.host = host
        self.bag = bag
        self.tries: Counter[str] = Counter()

    async def listen(self, port: int = 0) -> tuple[asyncio.Server, int]:
        """Listen on loopback; return the server and its port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: MailConnection(self), "127.0.0.1", port)
        return server, server.sockets[0].getsockname()[1]

    def taken(self, sender: str, recipient: str, options: str, content: bytes) -> Taken:
        """Return what is remembered of a message, with what comes back of it."""
        mail = message_from_bytes(content, policy=policy.default)
        token = _TOKEN.search(str(mail["Message-ID"] or ""))
        shown = {
            "subject": str(mail["Subject"] or ""),
            "text": _text(mail, "plain"),
            "html": _text(mail, "html"),
            "from": str(mail["From"] or ""),
            "envelope_sender": sender,
            "options": options,
            "headers": {name: " ".join(str(value).split()) for name, value in mail.items()},
        }
        outcome = outcome_of(recipient)
        posts = self.bag.posts(outcome, sender, recipient, mail, wants_success="SUCCESS" in options)
        return Taken(
            channel="email",
            message_id=str(uuid.UUID(token[1])) if token else "",
            target=recipient,
            label="email",
            content=orjson.dumps(shown),
            answer=Answer(250, b"2.0.0 Ok: queued as " + uuid.uuid4().hex[:10].upper().encode()),
            callbacks=posts,
        )

    def refusal(self, recipient: str, message_key: str) -> str | None:
        """Return the answer to the end of the content that the recipient's magic asks for, or None."""
        outcome = outcome_of(recipient)
        if outcome in _FIRST_TRY:
            self.tries[message_key] += 1
            return _FIRST_TRY[outcome] if self.tries[message_key] == 1 else None
        return _AT_DOT.get(outcome)


class MailConnection(asyncio.Protocol):
    """One connection, commands answered in order."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._buffer = b""
        self._busy = False
        self._in_content = False
        self._log_in: list[str] = []
        self._sender, self._recipient, self._options = "", "", ""
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._step("smtp_connect", lambda: "220 stand-in ESMTP")

    def data_received(self, data: bytes) -> None:
        """Handle as many whole lines as have arrived."""
        self._buffer += data
        while not self._busy and not self._transport.is_closing() and self._one():
            pass

    def _one(self) -> bool:
        if self._in_content:
            return self._content()
        line, end, rest = self._buffer.partition(b"\r\n")
        if not end:
            return False
        self._buffer = rest
        self._command(line.decode("utf-8", "replace"))
        return True

    def _command(self, line: str) -> None:
        if self._log_in:
            self._answer_login(line)
            return
        word = line.partition(" ")[0].upper()
        answers: dict[str, Callable[[], str]] = {
            "EHLO": lambda: "250-stand-in\r\n250-DSN\r\n250-SMTPUTF8\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES",
            "HELO": lambda: "250 stand-in",
            "AUTH": lambda: self._login(line),
            "MAIL": lambda: self._mail(line),
            "RCPT": lambda: self._rcpt(line),
            "DATA": self._data,
            "RSET": self._forget,
            "NOOP": lambda: "250 2.0.0 Ok",
        }
        if word == "QUIT":
            self._say("221 2.0.0 Bye")
            self._transport.close()
        elif word in _STEPS:
            self._step(_STEPS[word], answers[word])
        else:
            self._say(answers[word]() if word in answers else "502 5.5.2 Command not recognized")

    def _login(self, line: str) -> str:
        _, _, rest = line.partition(" ")
        kind, _, initial = rest.partition(" ")
        if kind.upper() == "PLAIN" and initial:
            return _login_answer(initial)
        self._log_in = [kind.upper()]
        return "334 VXNlcm5hbWU6" if kind.upper() == "LOGIN" else "334 "

    def _answer_login(self, line: str) -> None:
        self._log_in.append(line)
        if self._log_in[0] == "LOGIN" and len(self._log_in) == 2:
            self._say("334 UGFzc3dvcmQ6")
            return
        self._log_in = []
        self._say(_login_answer(line))

    def _mail(self, line: str) -> str:
        self._sender, self._options, self._recipient = _path(line), line.partition(">")[2].strip(), ""
        return "250 2.1.0 Ok"

    def _rcpt(self, line: str) -> str:
        recipient = _path(line)
        refused = _AT_RCPT.get(outcome_of(recipient))
        if refused:
            return refused
        self._recipient = recipient
        self._options = f"{self._options} {line.partition('>')[2].strip()}".strip()
        return "250 2.1.5 Ok"

    def _data(self) -> str:
        if not self._recipient:
            return "503 5.5.1 Need RCPT first"
        self._in_content = True
        return "354 End data with <CR><LF>.<CR><LF>"

    def _forget(self) -> str:
        self._sender, self._recipient, self._options = "", "", ""
        return "250 2.0.0 Ok"

    def _content(self) -> bool:
        if self._buffer and self._server.host.faults.pick("smtp", self._recipient, before_body=True):
            self._server.host.count("smtp", 0)
            self._reset()
            return False
        content, end, rest = (b"\r\n" + self._buffer).partition(b"\r\n.\r\n")
        if not end:
            return False
        self._buffer, self._in_content = rest, False
        content = content[2:].replace(b"\r\n..", b"\r\n.") + b"\r\n"
        taken = self._server.taken(self._sender, self._recipient, self._options, content)
        refused = self._server.refusal(self._recipient, taken.message_id)
        if outcome_of(self._recipient) == "timeout" and refused is None:
            self._server.host.take(taken)
            self._busy = True
            return False
        self._step("smtp", lambda: refused or _line(taken.answer), None if refused else taken)
        return bool(self._buffer)

    def _step(self, endpoint: str, answer: Callable[[], str], taken: Taken | None = None) -> None:
        """Answer one step, as programmed where a fault is."""
        host = self._server.host
        fault = host.faults.pick(endpoint, self._recipient, before_body=False) if host.faults.has_any(endpoint) else None
        if fault is None:
            self._finish(endpoint, answer(), taken)
            return
        instead = _line(fault.answer) if fault.answer is not None else None
        if fault.act == "answer" or (fault.act == "delay" and instead is not None):
            self._in_content = False
            self._after(fault.delay_ms, lambda: self._finish(endpoint, cast(str, instead), None))
        elif fault.act == "delay":
            self._after(fault.delay_ms, lambda: self._finish(endpoint, answer(), taken))
        elif fault.act in ("drip", "cut"):
            line = answer()
            self._take(taken)
            host.count(endpoint, int(line[:3]))
            if fault.act == "drip":
                self._drip((line + "\r\n").encode(), fault.delay_ms or _PAUSE_MS)
            else:
                self._transport.write(line[: len(line) // 2].encode())
                self._transport.close()
        else:  # drop, reset_after, accept_then_drop, accept_then_reset
            if fault.act.startswith("accept"):
                self._take(taken)
            host.count(endpoint, 0)
            self._busy = True
            if "reset" in fault.act:
                self._reset()

    def _finish(self, endpoint: str, line: str, taken: Taken | None) -> None:
        self._take(taken)
        self._server.host.count(endpoint, int(line[:3]))
        self._say(line)
        if line.startswith("421"):
            self._transport.close()

    def _take(self, taken: Taken | None) -> None:
        if taken is not None:
            self._server.host.take(taken)

    def _after(self, delay_ms: int, act: Callable[[], None]) -> None:
        if not delay_ms:
            act()
            return
        self._busy = True

        def go_on() -> None:
            self._busy = False
            if not self._transport.is_closing():
                act()
                self.data_received(b"")

        asyncio.get_running_loop().call_later(delay_ms / 1000, go_on)

    def _drip(self, rest: bytes, delay_ms: int) -> None:
        self._transport.write(rest[:1])
        if rest[1:]:
            self._after(delay_ms, lambda: self._drip(rest[1:], delay_ms))

    def _say(self, line: str) -> None:
        self._transport.write(line.encode() + b"\r\n")

    def _reset(self) -> None:
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close answers RST, not FIN
        self._transport.abort()


def _login_answer(credentials: str) -> str:
    try:
        wrong = base64.b64decode(credentials).endswith(b"wrong")
    except ValueError:
        wrong = True
    return "535 5.7.8 Authentication credentials invalid" if wrong else "235 2.7.0 Ok"


def _path(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


def _line(answer: Answer) -> str:
    return f"{answer.status} {answer.body.decode('utf-8', 'replace')}"


def _text(mail: EmailMessage, subtype: str) -> str:
    part = mail.get_body((subtype,))
    if part is None:
        return ""
    content: Any = part.get_content()
    return str(content).replace("\r\n", "\n")
