"""Submission over TLS, as it is in production, to another implementation of SMTP: nothing is said without it."""

import asyncio
import socket
import ssl
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from app.channels.base import Outcome
from app.channels.email.smtp import build
from tests.builders.mail import an_email, an_entry
from tests.builders.outgoing import NOW


class FreePort(Controller):
    """aiosmtpd on a free port, which it has from the start."""

    def __init__(self, handler: object, **options: Any) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        super().__init__(handler, hostname="127.0.0.1", port=port, ready_timeout=60, **options)

    def _create_server(self) -> Coroutine[Any, Any, asyncio.Server]:
        return self.loop.create_server(self._factory_invoker, sock=self._listener, ssl=self.ssl_context)

    def _trigger_server(self) -> None:
        """Knock without TLS, and wait for the door: the one of aiosmtpd wants a context for both ends."""
        with socket.create_connection(("127.0.0.1", self.port)):
            assert self._factory_invoked.wait(60)


class Mailbox:
    def __init__(self) -> None:
        self.taken: list[Any] = []

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.taken.append((session.ssl is not None, session.authenticated, envelope))
        return "250 2.0.0 Ok: queued as ABC123"


def authenticator(server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.password == b"right")


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def relay(certificate: tuple[Path, Path], mailbox: Mailbox) -> Iterator[Controller]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    controller = FreePort(
        mailbox,
        tls_context=context,
        require_starttls=True,
        authenticator=authenticator,
        auth_required=True,
    )
    controller.start()
    yield controller
    controller.stop()


def an_entry_of(relay: Controller, certificate: tuple[Path, Path], **changes: Any) -> dict[str, Any]:
    secure = {"security": "starttls", "ca_file": str(certificate[0]), "username": "duecourse", "password": "right"}
    return an_entry(relay.port, **{**secure, **changes})


def test_it_goes_encrypted_and_logged_in(relay: Controller, certificate: tuple[Path, Path], mailbox: Mailbox) -> None:
    channel = build(an_entry_of(relay, certificate), threads=2)

    results = channel.send([an_email(), an_email("other@example.com")], now=NOW)
    channel.close()

    assert [(each.outcome, each.provider_reference) for each in results] == [(Outcome.ACCEPTED, "ABC123")] * 2
    assert [taken[:2] for taken in mailbox.taken] == [(True, True)] * 2


def test_a_certificate_of_nobody_we_know_ends_it_before_a_password_is_said(
    relay: Controller, certificate: tuple[Path, Path], mailbox: Mailbox
) -> None:
    channel = build(an_entry_of(relay, certificate, ca_file=None), threads=1)

    [result] = channel.send([an_email()], now=NOW)
    channel.close()

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "tls_refused")
    assert result.pause_provider_seconds
    assert mailbox.taken == []


def test_a_relay_that_offers_no_tls_gets_no_message(mailbox: Mailbox, certificate: tuple[Path, Path]) -> None:
    controller = FreePort(mailbox)
    controller.start()
    channel = build(an_entry_of(controller, certificate), threads=1)

    [result] = channel.send([an_email()], now=NOW)
    channel.close()
    controller.stop()

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "tls_refused")
    assert mailbox.taken == []


def test_tls_from_the_first_byte(certificate: tuple[Path, Path], mailbox: Mailbox) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    controller = FreePort(mailbox, ssl_context=context)
    controller.start()
    entry = an_entry_of(controller, certificate, url=f"smtps://127.0.0.1:{controller.port}", username=None, security=None)
    channel = build(entry, threads=1)

    [result] = channel.send([an_email()], now=NOW)
    channel.close()
    controller.stop()

    assert result.outcome is Outcome.ACCEPTED
