"""Signed links: they open for the borrower they were made for, while their time lasts, and say nothing by themselves."""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.persistence.db import vault
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.persistence.vault import Vault
from app.services.inbox_marks import withdraw_messages
from app.services.links import SCHEME, link_to, link_token
from tests.api.test_inbox import DUE, tell
from tests.builders.access import signed_in
from tests.builders.book import Built, build_loan
from tests.conftest import START

END = START + timedelta(days=3)
SetClock = Callable[[datetime], None]


@pytest.fixture
def loan(app: Flask) -> Built:
    return build_loan(now=START, due=DUE)


def opened(client: FlaskClient, loan: Built, token: str, *, at: datetime = START) -> Any:
    return client.post(f"/v1/me/links/{token}", headers=signed_in(loan.borrower_id, now=at))


def row_of(message_id: str) -> MessageRow:
    with reading() as session:
        row = session.get(MessageRow, message_id)
        assert row is not None
        session.expunge(row)
        return row


def test_a_link_of_a_text_message_opens_what_it_is_about_and_counts_as_read(client: FlaskClient, loan: Built) -> None:
    shown = tell(loan)
    sms = tell(loan, "sms", channel="sms", state="sent", contact_id=row_of(shown).contact_id)

    answer = opened(client, loan, link_token(vault(), sms, expires_at=END))

    assert answer.json == {
        "deep_link": f"duecourse://loans/{loan.loan_id}/instalments/1",
        "message_id": shown,
        "action": None,
    }
    assert (row_of(sms).clicked_at, row_of(sms).seen_at) == (START, START)
    assert (row_of(shown).clicked_at, row_of(shown).read_at) == (START, START)
    assert row_of(shown).inbox_state == 2


def test_a_link_can_lead_to_an_action(client: FlaskClient, loan: Built) -> None:
    token = link_token(vault(), tell(loan), expires_at=END, action="pay")

    assert opened(client, loan, token).json["deep_link"] == f"duecourse://loans/{loan.loan_id}/pay"


def test_only_the_first_click_is_kept(client: FlaskClient, loan: Built, set_clock: SetClock) -> None:
    message_id = tell(loan)
    token = link_token(vault(), message_id, expires_at=END)
    opened(client, loan, token)

    set_clock(START + timedelta(hours=1))
    assert opened(client, loan, token, at=START + timedelta(hours=1)).status_code == 200

    assert row_of(message_id).clicked_at == START


def test_a_link_of_a_message_that_was_taken_back_still_leads_somewhere(client: FlaskClient, loan: Built) -> None:
    message_id = tell(loan)
    with unit_of_work() as work:
        withdraw_messages(work, [message_id], now=START)

    answer = opened(client, loan, link_token(vault(), message_id, expires_at=END)).json

    assert (answer["deep_link"], answer["message_id"]) == (f"duecourse://loans/{loan.loan_id}/instalments/1", None)


def test_a_link_ends(client: FlaskClient, loan: Built, set_clock: SetClock) -> None:
    message_id = tell(loan)
    token = link_token(vault(), message_id, expires_at=END)
    set_clock(END - timedelta(seconds=1))
    assert opened(client, loan, token, at=END - timedelta(seconds=1)).status_code == 200

    set_clock(END)
    answer = opened(client, loan, token, at=END)

    assert (answer.status_code, answer.json["code"]) == (410, "link-expired")


def test_another_borrowers_link_is_not_found_also_when_its_time_is_over(
    client: FlaskClient, loan: Built, set_clock: SetClock
) -> None:
    theirs = tell(build_loan(now=START, due=DUE))

    for expires_at in (END, START):
        answer = opened(client, loan, link_token(vault(), theirs, expires_at=expires_at))
        assert (answer.status_code, answer.json["code"]) == (404, "not-found")
    assert row_of(theirs).clicked_at is None


def test_a_link_that_was_changed_or_made_elsewhere_is_not_found(client: FlaskClient, loan: Built) -> None:
    message_id = tell(loan)
    token = link_token(vault(), message_id, expires_at=START - timedelta(days=1))
    other = Vault({"t1": bytes(32)})
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    for at in range(len(raw)):
        changed = bytes(byte ^ (1 if index == at else 0) for index, byte in enumerate(raw))
        forged = base64.urlsafe_b64encode(changed).decode().rstrip("=")
        assert opened(client, loan, forged).status_code == 404, at
    for forged in (token[:-1], token + "A", "x", "é", link_token(other, message_id, expires_at=END)):
        assert opened(client, loan, forged).status_code == 404, forged


def test_nobody_opens_a_link_without_signing_in(client: FlaskClient, loan: Built) -> None:
    assert client.post(f"/v1/me/links/{link_token(vault(), tell(loan), expires_at=END)}").status_code == 401


def test_a_link_is_short_and_says_nothing_of_a_person_or_a_debt(app: Flask, loan: Built) -> None:
    link = link_to(vault(), tell(loan), expires_at=END)

    assert link.startswith(SCHEME)
    assert len(link) < 80
    for told in (loan.borrower_id, loan.loan_id, loan.loan_no):
        assert told not in link


def test_a_link_made_under_an_older_key_still_opens(client: FlaskClient, app: Flask, loan: Built) -> None:
    ring = vault()
    token = link_token(ring, tell(loan), expires_at=END)
    app.extensions["duecourse.vault"] = Vault({"t2": bytes(range(32)), **ring.master_keys})
    try:
        assert opened(client, loan, token).status_code == 200
    finally:
        app.extensions["duecourse.vault"] = ring
