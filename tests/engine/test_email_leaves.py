"""An e-mail from the outbox to a mailbox over real SMTP, and back: the link in it ends e-mails."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.channels.email.smtp import SmtpEmail
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.engine.surroundings import surroundings_of
from app.persistence.db import db
from app.persistence.models.conversations import ConversationMessageRow
from app.persistence.models.devices import EndpointRow
from app.persistence.unit_of_work import reading
from app.sandbox.stand_in.client import StandInClient
from app.services.consents import consents_of
from tests.builders.access import fresh_client
from tests.builders.book import build_loan
from tests.builders.mail import an_email_channel, an_entry
from tests.builders.messages import NOW, queue_message, state_of
from tests.conftest import make_settings
from tests.fakes.stand_in import stand_in, stand_in_process

__all__ = ["stand_in", "stand_in_process"]
PROVIDERS = {"email": (an_entry(),)}
PUBLIC_URL = "https://api.lender.example"


@pytest.fixture
def engine(stand_in: StandInClient, tmp_path: object) -> Iterator[Engine]:
    channel: SmtpEmail = an_email_channel(stand_in)
    settings = make_settings("sqlite://", tmp_path, public_url=PUBLIC_URL)  # type: ignore[arg-type]
    yield Engine(Dispatcher({"email": channel}, owner="tester", surroundings=surroundings_of(settings)))
    channel.close()


def test_the_link_in_an_email_that_arrived_ends_emails(sqlite_book: Flask, engine: Engine, stand_in: StandInClient) -> None:
    built = build_loan(now=NOW, due=[date(2026, 3, 10)], email="ann@example.org")
    message_id = queue_message(built.borrower_id, "email")

    engine.dispatch_all()

    [item] = stand_in.received()
    assert (item["message_id"], item["target"], item["content"]["subject"]) == (message_id, "ann@example.org", "A title")
    assert item["content"]["headers"]["From"].startswith("Acme <")
    assert state_of(message_id) == ("sent", None)
    link = re.match(r"<([^>]+)>", item["content"]["headers"]["List-Unsubscribe"])
    assert link is not None
    assert link[1] in item["content"]["text"]
    answer = fresh_client(sqlite_book).post(link[1].removeprefix(PUBLIC_URL), data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    db.session().rollback()
    assert not consents_of(db.session(), built.borrower_id)["contact", "email"].given


def test_a_notice_of_law_offers_no_link(sqlite_book: Flask, engine: Engine, stand_in: StandInClient) -> None:
    built = build_loan(now=NOW, due=[date(2026, 3, 10)], email="ann@example.org")
    queue_message(built.borrower_id, "email", message_class="statutory")

    engine.dispatch_all()

    [item] = stand_in.received()
    assert "List-Unsubscribe" not in item["content"]["headers"]


def test_a_refused_address_is_kept_as_dead(sqlite_book: Flask, engine: Engine, stand_in: StandInClient) -> None:
    built = build_loan(now=NOW, due=[date(2026, 3, 10)], email="invalid@example.org")
    message_id = queue_message(built.borrower_id, "email")

    engine.dispatch_all()

    assert state_of(message_id)[0] == "failed"
    with reading() as session:
        rows = session.execute(
            select(EndpointRow.channel, EndpointRow.state).where(EndpointRow.borrower_id == built.borrower_id)
        )
        assert [tuple(row) for row in rows] == [("email", "invalid")]


def posted_back(app: Flask, stand_in: StandInClient) -> list[int]:
    """Post what came back to our door, twice; return the answers."""
    client = fresh_client(app)
    posts = [(item["headers"], item["body"].encode()) for item in stand_in.callbacks()]
    return [client.post("/v1/callbacks/email", headers=headers, data=body).status_code for headers, body in posts * 2]


@pytest.mark.parametrize(
    ("name", "state", "endpoint", "contact"),
    [
        ("bounce", "failed", "invalid", None),
        ("unreachable", "failed", None, None),
        ("duplicate_receipts", "delivered", None, None),
        ("complaint", "delivered", None, False),
        ("stop", "sent", None, False),
        ("reply", "sent", None, None),
    ],
)
def test_what_comes_back_is_taken_once_by_our_own_door(
    sqlite_book: Flask, engine: Engine, stand_in: StandInClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    name: str, state: str, endpoint: str | None, contact: bool | None,
) -> None:  # fmt: skip
    settings = make_settings("sqlite://", tmp_path, providers=PROVIDERS, public_url=PUBLIC_URL)
    monkeypatch.setitem(sqlite_book.config, "SETTINGS", settings)
    built = build_loan(now=NOW, due=[date(2026, 3, 10)], email=f"{name}@example.org")
    message_id = queue_message(built.borrower_id, "email")

    engine.dispatch_all()
    answers = posted_back(sqlite_book, stand_in)

    assert answers
    assert set(answers) == {200}
    assert state_of(message_id)[0] == state
    with reading() as session:
        states = list(session.scalars(select(EndpointRow.state).where(EndpointRow.borrower_id == built.borrower_id)))
        said = consents_of(session, built.borrower_id).get(("contact", "email"))
        words = session.scalar(select(func.count()).select_from(ConversationMessageRow))
    assert states == ([endpoint] if endpoint else [])
    assert (None if said is None else said.given) is contact
    assert words == (1 if name == "reply" else 0)
