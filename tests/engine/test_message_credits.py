"""A WeChat message that needs a consent takes one when it is claimed, and gives it back only when it was surely not sent."""

from datetime import date, datetime
from typing import Any

import pytest
from flask import Flask

from app.channels.base import DeliveryResult, Outcome
from app.channels.http_transport import PooledTransport
from app.channels.wechat.access import Access
from app.channels.wechat.official_account import OfficialAccount
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.ids import new_id
from app.persistence.models.deliveries import ProviderTemplateRow
from app.persistence.unit_of_work import unit_of_work
from app.sandbox.stand_in.client import StandInClient
from app.services.agenda import touch
from app.services.provider_tokens import SharedTokens
from app.services.subscription_credits import accept
from tests.builders.book import build_loan
from tests.builders.messages import NOW, bind_openid, queue_message, state_of
from tests.builders.wechat import APP_ID, OPENID, SECRET, credits_left
from tests.fakes.channels import FakeChannel
from tests.fakes.stand_in import stand_in, stand_in_process

__all__ = ["stand_in", "stand_in_process"]

CODE = "T1"


@pytest.fixture
def ann(app: Flask) -> str:
    """A borrower whose WeChat is bound and who has agreed to one message."""
    borrower_id = build_loan(now=NOW, due=[date(2026, 3, 10)], borrower_no="B1").borrower_id
    bind_openid(borrower_id, OPENID)
    with unit_of_work() as work:
        accept(work, borrower_id, CODE, now=NOW)
        work.session.add(
            ProviderTemplateRow(
                id=new_id(),
                channel="wechat",
                provider="wechat",
                template="due_soon",
                locale="en",
                template_version=1,
                code=CODE,
                fields={"thing1": "lender"},
                is_one_time=True,
                state="approved",
                by="t",
                changed_at=NOW,
            )
        )  # fmt: skip
    return borrower_id


def left(borrower_id: str) -> int:
    return credits_left(borrower_id).get(CODE, 0)


def drained(channel: Any) -> None:
    Engine(Dispatcher({"wechat": channel}, owner="tester")).dispatch_all()


def answering(result: DeliveryResult) -> FakeChannel:
    return FakeChannel(name="wechat", provider="wechat", answer=lambda _message: result)


@pytest.mark.both
@pytest.mark.parametrize(
    ("result", "state", "count"),
    [
        (DeliveryResult(Outcome.ACCEPTED, provider_reference="1"), "sent", 0),
        (DeliveryResult(Outcome.UNCERTAIN, error_code="timeout"), "uncertain", 0),
        (DeliveryResult(Outcome.RETRY, error_code="unavailable"), "queued", 1),
        (DeliveryResult(Outcome.REFUSED, error_code="bad_field"), "failed", 1),
        (DeliveryResult(Outcome.REFUSED, error_code="not_subscribed"), "failed", 0),
    ],
)
def test_a_consent_is_used_up_unless_the_message_was_surely_not_sent(
    ann: str, result: DeliveryResult, state: str, count: int
) -> None:
    message_id = queue_message(ann, "wechat")

    drained(answering(result))

    assert state_of(message_id)[0] == state
    assert left(ann) == count


def test_the_second_of_two_messages_finds_no_consent(ann: str) -> None:
    channel = answering(DeliveryResult(Outcome.ACCEPTED, provider_reference="1"))
    first = queue_message(ann, "wechat")
    drained(channel)
    second = queue_message(ann, "wechat")

    drained(channel)

    assert (state_of(first), state_of(second)) == (("sent", None), ("failed", "NOT_SUBSCRIBED"))
    assert len(channel.sent) == 1


def test_a_message_whose_case_changed_between_claim_and_wire_gives_it_back(
    ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_message(ann, "wechat")
    channel = answering(DeliveryResult(Outcome.ACCEPTED))
    dispatcher = Dispatcher({"wechat": channel}, owner="tester")

    def change_after_claim(_messages: object, now: datetime) -> None:
        assert left(ann) == 0
        with unit_of_work() as work:
            touch(work, [ann], now=now)

    monkeypatch.setattr(dispatcher, "_put_back", change_after_claim)
    dispatcher.run_once(now=NOW, lane="wechat")

    assert (channel.sent, left(ann)) == ([], 1)


def test_a_card_goes_the_whole_way_with_the_shared_token(ann: str, stand_in: StandInClient) -> None:
    transport = PooledTransport(stand_in.url, threads=1)
    access = Access.of({"app_id": APP_ID, "app_secret": SECRET}, transport, SharedTokens())
    message_id = queue_message(ann, "wechat")

    drained(OfficialAccount(access, transport))
    transport.close()

    [item] = stand_in.received()
    assert (item["label"], item["target"], item["content"]["template_id"]) == ("bizsend", OPENID, CODE)
    assert item["content"]["data"] == {"thing1": {"value": "Acme"}}
    assert (state_of(message_id), left(ann)) == (("sent", None), 0)
