"""The link that ends e-mails: by a button or by one click of a mail program; looking at it changes nothing."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.domain.errors import NotFoundError
from app.persistence.db import db, vault
from app.persistence.ids import new_id
from app.persistence.models.borrowers import ConsentRow
from app.persistence.models.messages import MessageRow
from app.persistence.vault import Vault
from app.services.consents import consents_of
from app.services.policies import ensure_default_policy
from app.services.reminders import sweep
from app.services.unsubscribe import read_token, url_for
from tests.builders.access import a_borrower
from tests.builders.book import build_loan, give_phone
from tests.conftest import KEYS, START

PUBLIC_URL = "https://api.lender.example"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def path_for(borrower_id: str, channel: str = "email") -> str:
    return url_for(vault(), PUBLIC_URL, borrower_id, channel).removeprefix(PUBLIC_URL)


def stands(borrower_id: str) -> dict[tuple[str, str], bool]:
    db.session().rollback()
    return {pair: consent.given for pair, consent in consents_of(db.session(), borrower_id).items()}


def test_looking_at_the_page_changes_nothing_however_often(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()

    pages = [client.get(path_for(borrower_id)) for _ in range(3)]
    head = client.head(path_for(borrower_id))

    assert {page.status_code for page in [*pages, head]} == {200}
    assert '<form method="post">' in pages[0].text
    assert "Notices that the law obliges us to give you are not affected" in pages[0].text
    assert stands(borrower_id) == {}


def test_one_click_of_a_mail_program_ends_emails_at_once_and_again_changes_nothing(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()

    first = client.post(path_for(borrower_id), data=ONE_CLICK)
    again = client.post(path_for(borrower_id), data=ONE_CLICK)

    assert (first.status_code, again.status_code) == (200, 200)
    assert "Location" not in first.headers
    assert "Set-Cookie" not in first.headers
    assert stands(borrower_id) == {("contact", "email"): False}
    [row] = db.session().scalars(select(ConsentRow))
    assert (row.origin, row.evidence) == ("borrower", {"where": "unsubscribe link"})


@pytest.mark.parametrize(
    "body",
    [
        {"data": b"", "content_type": None},
        {"data": {"List-Unsubscribe": "One-Click"}, "content_type": "multipart/form-data"},
        {"data": b"anything", "content_type": "text/plain"},
    ],
)
def test_a_mail_program_may_post_as_it_likes(client: FlaskClient, body: dict[str, object]) -> None:
    borrower_id, _ = a_borrower()

    answer = client.post(path_for(borrower_id), headers={"Accept": "text/html, */*"}, **body)  # type: ignore[arg-type]

    assert answer.status_code == 200
    assert stands(borrower_id) == {("contact", "email"): False}


def test_the_page_speaks_the_readers_language(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()

    chinese = client.get(path_for(borrower_id), headers={"Accept-Language": "zh-Hans-CN,zh;q=0.9,en;q=0.5"})
    other = client.get(path_for(borrower_id), headers={"Accept-Language": "sw"})

    assert '<html lang="zh-CN">' in chinese.text
    assert "法律要求我们向您发出的通知不受影响" in chinese.text
    assert (chinese.headers["Content-Language"], other.headers["Content-Language"]) == ("zh-CN", "en")


def test_the_page_shows_nothing_of_whose_it_is_and_loads_nothing(client: FlaskClient) -> None:
    borrower_id, phone = a_borrower(email="lin@example.com", name="Lin Mei")

    page = client.get(path_for(borrower_id))

    assert not re.search(r"Lin|example\.com|<script|<img|https?://", page.text)
    assert phone not in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


def test_a_changed_or_foreign_link_ends_nothing(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    path = path_for(borrower_id)
    changed = path[:-2] + ("AA" if path[-2:] != "AA" else "BB")
    wrong = [changed, path[:-4], path + "AAAA", "/v1/unsubscribe/x", "/v1/unsubscribe/%00", "/v1/unsubscribe/é"]
    wrong.append(url_for(Vault({"x": bytes(range(9, 41))}), "", borrower_id, "email"))

    answers = [ask(each) for each in wrong for ask in (client.get, client.post)]

    assert {answer.status_code for answer in answers} == {404}
    assert all("This link does not work" in answer.text for answer in answers)
    assert stands(borrower_id) == {}


def test_a_link_to_nobody_is_not_found(client: FlaskClient) -> None:
    assert client.post(path_for(new_id())).status_code == 404


def test_a_link_outlives_a_change_of_keys_and_ends_its_own_channel_alone(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    old = Vault(dict(KEYS))
    rotated = Vault({"t2": bytes(range(2, 34)), **KEYS})
    token = url_for(old, "", borrower_id, "wechat").rpartition("/")[2]

    assert read_token(rotated, token) == (borrower_id, "wechat")
    with pytest.raises(NotFoundError):
        read_token(Vault({"t2": bytes(range(2, 34))}), token)
    client.post(f"/v1/unsubscribe/{token}")
    assert stands(borrower_id) == {("contact", "wechat"): False}


def test_what_is_queued_by_email_is_cancelled_with_the_answer(app: Flask, client: FlaskClient) -> None:
    loan = build_loan(now=START - timedelta(days=9), due=[START.date() + timedelta(days=1)], zone="UTC")
    give_phone(loan, now=START - timedelta(days=9))
    ensure_default_policy(now=START - timedelta(days=9))
    sweep(now=START + timedelta(hours=1))
    states = select(MessageRow.state).where(MessageRow.channel == "push")
    assert list(db.session().scalars(states)) == ["queued"]
    db.session().rollback()

    client.post(path_for(loan.borrower_id, "push"))  # push stands for e-mail: the one outward channel this book has

    assert list(db.session().scalars(states)) == ["cancelled"]
