"""Staff see what is registered with providers, and whether it can be used."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from app.persistence.models.deliveries import ProviderTemplateRow
from app.persistence.unit_of_work import unit_of_work
from app.services.provider_templates import Key, mark, register
from app.services.rule_parts import use_channels
from tests.builders.access import a_desk_key
from tests.builders.book import build_lender
from tests.conftest import START


@pytest.fixture(autouse=True)
def _as_before(app: Flask) -> Iterator[None]:
    use_channels(("sms", "wechat"), {"sms": ["aliyun"]})
    yield
    use_channels(())


def registered(*key: str, state: str = "submitted", minutes: int = 0) -> None:
    now = START + timedelta(minutes=minutes)
    wanted: Key = key  # type: ignore[assignment]
    with unit_of_work() as work:
        register(work, wanted, code=f"C{minutes}", fields={}, by="operator:Eve", now=now)
        if state != "submitted":
            mark(work, wanted, state, by="operator:Eve", now=now, reason="said so")


def listed(client: FlaskClient, query: str = "", **staff: Any) -> Any:
    key = a_desk_key(build_lender(now=START), **staff)
    return client.get(f"/v1/desk/provider-templates{query}", headers=key).json


def test_a_wording_says_whether_it_can_be_used_now_and_why_not(client: FlaskClient) -> None:
    registered("sms", "aliyun", "due_soon", "en", state="approved", minutes=5)
    registered("sms", "aliyun", "due_today", "en", minutes=4)
    registered("sms", "aliyun", "overdue_early", "en", state="approved", minutes=3)
    registered("sms", "tencent", "due_soon", "en", state="approved", minutes=2)
    registered("sms", "aliyun", "otp", "en", state="approved", minutes=1)
    with unit_of_work() as work:
        older = update(ProviderTemplateRow).where(ProviderTemplateRow.template == "overdue_early")
        work.session.execute(older.values(template_version=0))
        gone = update(ProviderTemplateRow).where(ProviderTemplateRow.template == "otp")
        work.session.execute(gone.values(template="no_more"))

    items = listed(client, role="agent")["items"]

    assert [(each["provider"], each["template"], each["is_usable"], each["why_not"]) for each in items] == [
        ("aliyun", "due_soon", True, None),
        ("aliyun", "due_today", False, "not_approved"),
        ("aliyun", "overdue_early", False, "older_words"),
        ("tencent", "due_soon", False, "no_such_provider"),
        ("aliyun", "no_more", False, "no_such_text"),
    ]
    assert (items[0]["state"], items[0]["reason"], items[0]["code"]) == ("approved", "said so", "C5")
    assert (items[2]["version"], items[2]["current_version"], items[4]["current_version"]) == (0, 2, None)


def test_pages_and_filters_show_each_once(client: FlaskClient) -> None:
    for minutes, template in enumerate(("due_soon", "due_today", "overdue_early")):
        registered("sms", "aliyun", template, "en", minutes=minutes)
    registered("sms", "tencent", "due_soon", "en", state="rejected")
    key = a_desk_key(build_lender(now=START))

    found: list[str] = []
    cursor = ""
    for _ in range(3):
        page = client.get(f"/v1/desk/provider-templates?provider=aliyun&limit=1{cursor}", headers=key).json
        found += [item["template"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"

    assert (found, page["next_cursor"]) == (["overdue_early", "due_today", "due_soon"], None)
    assert [each["provider"] for each in listed(client, "?state=rejected&channel=sms")["items"]] == ["tencent"]
    assert client.get("/v1/desk/provider-templates?state=nice", headers=key).status_code == 422
