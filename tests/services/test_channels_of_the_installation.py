"""Which channels reach out is a setting: what is not configured is CHANNEL_DISABLED, and a change is decided anew."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.deliveries import EndpointEvent
from app.domain.wechat_links import token_of_scene
from app.persistence.ids import new_id
from app.persistence.models.deliveries import ProviderTemplateRow, SubscriptionCreditRow
from app.persistence.models.reminders import DecisionRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.policies import activate_document, adopt_content, load_rules
from app.services.reminders import sweep
from app.services.rule_parts import outward_channels, use_channels
from app.services.wechat_accounts import apply_event, make_link
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.cases import default_document
from tests.builders.messages import bind_openid
from tests.conftest import make_settings

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    use_channels(())


def test_the_app_takes_its_channels_from_the_settings(sqlite_book: Flask, tmp_path: object) -> None:
    from app.factory import create_app

    settings = make_settings("sqlite://", tmp_path, providers={"email": ({"provider": "smtp"},)})  # type: ignore[arg-type]
    create_app(settings, serves=False)

    assert outward_channels() == {"push", "sms", "email"}


def test_a_channel_without_a_provider_is_disabled_and_a_new_one_is_used_from_then_on(sqlite_book: Flask) -> None:
    _policy("email")
    built = _loan(email="ann@example.org")
    adopt_content(now=START)
    sweep(now=STEP)
    assert _decided(built) == [("UNREACHABLE", "CHANNEL_DISABLED")]

    use_channels(["email"])

    assert [adopt_content(now=STEP), adopt_content(now=STEP)] == [True, False]
    other = _loan(email="bob@example.org")
    sweep(now=STEP)
    assert _decided(other) == [("SENT", "ON_SCHEDULE")]


def test_rules_that_are_loaded_know_of_another_setting_at_once(sqlite_book: Flask) -> None:
    _policy("email")
    assert "voice" not in _channels_of_rules()

    use_channels(["voice"])

    assert "voice" in _channels_of_rules()


def test_wechat_is_reached_by_an_openid_that_is_bound(sqlite_book: Flask) -> None:
    use_channels(["wechat"])
    _policy("wechat")
    bound, unbound, blocked = _loan(), _loan(), _loan()
    bind_openid(bound.borrower_id, "o-1")
    bind_openid(blocked.borrower_id, "o-2", state="blocked")

    sweep(now=STEP)

    assert _decided(bound) == [("SENT", "ON_SCHEDULE")]
    assert _decided(unbound) == [("UNREACHABLE", "NO_ENDPOINT")]
    assert _decided(blocked) == [("UNREACHABLE", "USER_BLOCKED")]


def test_an_openid_that_waits_for_its_borrowers_yes_reaches_nobody(sqlite_book: Flask) -> None:
    use_channels(["wechat"])
    _policy("wechat")
    built = _loan()
    scene = make_link(built.borrower_id, app_id="wx1", redirect_uri="https://api.example", now=STEP).scene
    token = token_of_scene(scene)
    event = EndpointEvent("key", "wechat", "openid", "o-stranger", "link", detail={"token": token})
    with unit_of_work() as work:
        assert apply_event(work, event, now=STEP) == "applied"

    sweep(now=STEP)

    assert _decided(built) == [("UNREACHABLE", "NO_ENDPOINT")]


def test_a_one_time_consent_is_asked_for_where_the_wording_needs_one(sqlite_book: Flask) -> None:
    use_channels(["wechat"])
    _register("T1")
    _policy("wechat")
    people = {name: _loan() for name in ("has one left", "has none left", "refused", "never asked", "no openid")}
    for name, built in people.items():
        if name != "no openid":
            bind_openid(built.borrower_id, f"o-{name}")
    _credit(people["has one left"], 1)
    _credit(people["has none left"], 0)
    _credit(people["refused"], 2, is_refused=True)

    sweep(now=STEP)

    spent = [("UNREACHABLE", "NOT_SUBSCRIBED")]
    assert {name: _decided(built) for name, built in people.items()} == {
        "has one left": [("SENT", "ON_SCHEDULE")],
        "has none left": spent,
        "refused": spent,
        "never asked": spent,
        "no openid": [("UNREACHABLE", "NO_ENDPOINT")],
    }


def _policy(channel: str) -> None:
    document = default_document() | {"version": 2}
    document["defaults"] = {**document["defaults"], "ladder": [{"channel": channel}]}
    document["steps"] = [{"key": "d-7", "offset_days": -7, "template": "due_soon"}]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)


def _loan(**borrower: object) -> Built:
    lender = build_lender(now=START, jurisdiction="GB", zone="Europe/London", role="first_party", role_reason="test")
    return build_loan(now=START, due=[date(2026, 3, 10)], lender_id=lender, country="GB", zone="Europe/London", **borrower)


def _register(code: str) -> None:
    with unit_of_work() as work:
        work.session.add(
            ProviderTemplateRow(
                id=new_id(), channel="wechat", provider="wechat", template="due_soon", locale="zh-CN", template_version=1,
                code=code, fields={}, is_one_time=True, state="approved", by="test", changed_at=START,
            )
        )  # fmt: skip


def _credit(built: Built, credits: int, *, is_refused: bool = False) -> None:
    with unit_of_work() as work:
        work.session.add(
            SubscriptionCreditRow(
                borrower_id=built.borrower_id, code="T1", credits=credits, is_refused=is_refused, changed_at=START
            )
        )


def _decided(built: Built) -> list[tuple[str, str]]:
    with reading() as session:
        rows = session.execute(
            select(DecisionRow.outcome, DecisionRow.reason).where(DecisionRow.borrower_id == built.borrower_id)
        )
        return [tuple(row) for row in rows]


def _channels_of_rules() -> frozenset[str]:
    with reading() as session:
        rules = load_rules(session)
        assert rules is not None
        return rules.channels
