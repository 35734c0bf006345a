"""From the link in the app to a card that arrived: the stand-in is WeChat, over real HTTP."""

import http.client
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask

from app.channels.registry import build_channels
from app.engine.chores import chores_of
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import db
from app.persistence.ids import new_id
from app.persistence.models.deliveries import ProviderTemplateRow, ProviderTokenRow
from app.persistence.unit_of_work import unit_of_work
from app.sandbox.stand_in.client import StandInClient
from app.services.provider_tokens import SharedTokens
from tests.builders.access import fresh_client, signed_in
from tests.builders.book import build_loan
from tests.builders.messages import NOW, queue_message, state_of
from tests.builders.wechat import APP_ID, an_entry
from tests.fakes.stand_in import stand_in, stand_in_process

__all__ = ["stand_in", "stand_in_process"]


def opened_in_wechat(url: str, openid: str) -> str:
    """Open a link as a borrower's WeChat does; return where it goes."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request("GET", f"{parts.path}?{parts.query}&openid={openid}")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 302
    return answer.headers["Location"]


@pytest.mark.parametrize(
    ("openid", "ends", "account"), [("oAnn000001", "delivered", "active"), ("blocked-oAnn01", "failed", "blocked")]
)
def test_a_borrower_binds_wechat_is_written_to_and_the_result_comes_back(
    sqlite_book: Flask,
    stand_in: StandInClient,
    openid: str,
    ends: str,
    account: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = an_entry(url=stand_in.url, authorize_url=f"{stand_in.url}/connect/oauth2/authorize")
    settings = replace(
        sqlite_book.config["SETTINGS"], providers={"wechat": (entry,)}, public_url="https://api.lender.example"
    )
    monkeypatch.setitem(sqlite_book.config, "SETTINGS", settings)
    client, chores = fresh_client(sqlite_book), chores_of(settings, {})
    borrower_id = build_loan(now=NOW, due=[date(2026, 3, 10)], borrower_no="B1").borrower_id
    headers = signed_in(borrower_id)
    channels = build_channels(fcm_base_url="http://127.0.0.1:9", providers=settings.providers, tokens=SharedTokens())

    back = urlsplit(opened_in_wechat(client.post("/v1/me/wechat/links", headers=headers).json["url"], openid))
    page = client.get(f"{back.path}?{back.query}")
    assert page.status_code == 200
    ticks = {name: work for name, work, _ in chores}
    ticks["wechat links"]()
    assert shown(client, headers) == "pending"
    number = client.get("/v1/me/wechat", headers=headers).json["pending"]["check_code"]
    assert number in page.text
    assert client.post("/v1/me/wechat/confirm", json={"check_code": number}, headers=headers).status_code == 200
    assert shown(client, headers) == "active"

    with unit_of_work() as work:
        work.session.add(a_template())
    message_id = queue_message(borrower_id, "wechat")
    Engine(Dispatcher(channels, owner="tester")).dispatch_all()
    assert state_of(message_id) == ("sent", None)

    for item in stand_in.callbacks():
        query = dict(parse_qsl(urlsplit(item["url"]).query))
        answer = client.post("/v1/callbacks/wechat", query_string=query, data=item["body"], content_type="text/xml")
        assert (answer.status_code, answer.data) == (200, b"success")
    channels["wechat"].close()

    assert state_of(message_id)[0] == ends
    assert shown(client, headers) == account
    assert stand_in.counts()["requests"]["wechat_token:200"] == 1
    assert db.session().get(ProviderTokenRow, ("wechat", APP_ID)) is not None


def test_a_stranger_who_opens_a_forwarded_link_receives_nothing(
    sqlite_book: Flask, stand_in: StandInClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = an_entry(url=stand_in.url, authorize_url=f"{stand_in.url}/connect/oauth2/authorize")
    settings = replace(
        sqlite_book.config["SETTINGS"], providers={"wechat": (entry,)}, public_url="https://api.lender.example"
    )
    monkeypatch.setitem(sqlite_book.config, "SETTINGS", settings)
    client = fresh_client(sqlite_book)
    borrower_id = build_loan(now=NOW, due=[date(2026, 3, 10)], borrower_no="B1").borrower_id
    headers = signed_in(borrower_id)
    channels = build_channels(fcm_base_url="http://127.0.0.1:9", providers=settings.providers, tokens=SharedTokens())
    with unit_of_work() as work:
        work.session.add(a_template())

    back = urlsplit(opened_in_wechat(client.post("/v1/me/wechat/links", headers=headers).json["url"], "oStranger1"))
    client.get(f"{back.path}?{back.query}")
    {name: work for name, work, _ in chores_of(settings, {})}["wechat links"]()
    assert shown(client, headers) == "pending"
    message_id = queue_message(borrower_id, "wechat")
    Engine(Dispatcher(channels, owner="tester")).dispatch_all()
    channels["wechat"].close()

    assert stand_in.received() == []
    assert not [name for name in stand_in.counts()["requests"] if name.startswith(("wechat_template", "wechat_bizsend"))]
    assert state_of(message_id) == ("failed", "NO_ENDPOINT")


def test_an_installation_without_wechat_has_no_such_tick(sqlite_book: Flask) -> None:
    assert [name for name, *_ in chores_of(sqlite_book.config["SETTINGS"], {}) if "wechat" in name] == []


def shown(client: Any, headers: dict[str, str]) -> str:
    state: str = client.get("/v1/me/wechat", headers=headers).json["state"]
    return state


def a_template() -> ProviderTemplateRow:
    return ProviderTemplateRow(
        id=new_id(), channel="wechat", provider="wechat", template="due_soon", locale="en", template_version=1,
        code="T1", fields={"thing1": "lender"}, is_one_time=False, state="approved", by="t", changed_at=NOW,
    )  # fmt: skip
