"""Answers of the desk by WeChat's customer-service messages: free text, for a while after a word, never sent twice."""

from collections.abc import Iterator

import pytest

from app.channels.base import EndpointVerdict, Outcome, Outgoing, Target
from app.channels.http_transport import PooledTransport
from app.channels.provider_tokens import MemoryTokens
from app.channels.wechat.access import Access
from app.channels.wechat.official_account import OfficialAccount
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import NOW, an_outgoing
from tests.builders.wechat import APP_ID, OPENID, SECRET, a_card


@pytest.fixture
def account(stand_in: StandInClient) -> Iterator[OfficialAccount]:
    transport = PooledTransport(stand_in.url, threads=4, total_seconds=5)
    made = OfficialAccount(Access.of({"app_id": APP_ID, "app_secret": SECRET}, transport, MemoryTokens()), transport)
    yield made
    made.close()


def an_answer(openid: str = OPENID, **changes: object) -> Outgoing:
    given = {"is_answer": True, "title": "", "body": "可以，周五还款没有问题。", **changes}
    return an_outgoing(Target("endpoint-3", "openid", openid), **given)


def hear(account: OfficialAccount, stand_in: StandInClient, openid: str = OPENID) -> None:
    """Have the user of an openid write to the account."""
    account.send([a_card(openid)], now=NOW)
    card = next(each for each in reversed(stand_in.received()) if each["target"] == openid and each["label"] == "template")
    stand_in.touch(card["n"], "text", "周五还可以吗？")


def test_an_answer_is_free_text_and_needs_no_template(account: OfficialAccount, stand_in: StandInClient) -> None:
    hear(account, stand_in)

    [plain, titled] = account.send([an_answer(), an_answer(title="您的留言已有回复", body="请在应用内查看。")], now=NOW)

    assert (plain.outcome, plain.provider_reference, titled.outcome) == (Outcome.ACCEPTED, None, Outcome.ACCEPTED)
    answers = [each for each in stand_in.received() if each["label"] == "custom"]
    assert sorted(each["content"]["text"]["content"] for each in answers) == [
        "可以，周五还款没有问题。", "您的留言已有回复\n请在应用内查看。",
    ]  # fmt: skip
    assert {(each["target"], each["content"]["msgtype"]) for each in answers} == {(OPENID, "text")}


def test_the_platform_takes_none_without_a_word_and_no_sixth(account: OfficialAccount, stand_in: StandInClient) -> None:
    [unasked] = account.send([an_answer()], now=NOW)
    hear(account, stand_in)

    results = [account.send([an_answer()], now=NOW)[0] for _ in range(6)]
    hear(account, stand_in)
    [again] = account.send([an_answer()], now=NOW)

    assert (unasked.outcome, unasked.error_code, unasked.raw_code) == (Outcome.REFUSED, "reply_window_closed", "45015")
    assert [each.outcome for each in results] == [Outcome.ACCEPTED] * 5 + [Outcome.REFUSED]
    assert (results[5].error_code, results[5].raw_code, results[5].verdict) == (
        "quota_of_user", "45047", EndpointVerdict.KEEP,
    )  # fmt: skip
    assert again.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("errcode", "outcome", "code", "verdict", "pauses"),
    [
        (-1, Outcome.UNCERTAIN, "unavailable", EndpointVerdict.KEEP, False),
        (40003, Outcome.REFUSED, "bad_address", EndpointVerdict.INVALID, False),
        (40008, Outcome.REFUSED, "bad_message", EndpointVerdict.KEEP, False),
        (43004, Outcome.REFUSED, "not_following", EndpointVerdict.BLOCKED, False),
        (43019, Outcome.REFUSED, "blocked", EndpointVerdict.BLOCKED, False),
        (44004, Outcome.REFUSED, "bad_message", EndpointVerdict.KEEP, False),
        (45002, Outcome.REFUSED, "bad_message", EndpointVerdict.KEEP, False),
        (45015, Outcome.REFUSED, "reply_window_closed", EndpointVerdict.KEEP, False),
        (45047, Outcome.REFUSED, "quota_of_user", EndpointVerdict.KEEP, False),
        (45009, Outcome.RETRY, "quota", EndpointVerdict.KEEP, True),
        (45011, Outcome.RETRY, "quota", EndpointVerdict.KEEP, True),
        (48001, Outcome.RETRY, "not_permitted", EndpointVerdict.KEEP, True),
        (40164, Outcome.RETRY, "credential_refused", EndpointVerdict.KEEP, True),
    ],
)
def test_each_errcode_has_its_outcome(
    account: OfficialAccount, stand_in: StandInClient, errcode: int, outcome: Outcome, code: str, verdict: EndpointVerdict,
    pauses: bool,
) -> None:  # fmt: skip
    stand_in.program({"on": "wechat_custom", "status": 200, "body": {"errcode": errcode, "errmsg": "no"}})

    [result] = account.send([an_answer()], now=NOW)

    assert (result.outcome, result.error_code, result.verdict, result.raw_code) == (outcome, code, verdict, str(errcode))
    assert (result.pause_provider_seconds is not None) == pauses


@pytest.mark.parametrize("errcode", [40001, 42001])
def test_a_refused_token_is_renewed_and_the_answer_waits(
    account: OfficialAccount, stand_in: StandInClient, errcode: int
) -> None:
    hear(account, stand_in)
    stand_in.program({"on": "wechat_custom", "times": 1, "status": 200, "body": {"errcode": errcode, "errmsg": "no"}})
    message = an_answer()

    [first], [second] = account.send([message], now=NOW), account.send([message], now=NOW)

    assert (first.outcome, first.error_code) == (Outcome.RETRY, "token_renewed")
    assert second.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("act", ["reset_after", "accept_then_reset", "cut"])
def test_an_answer_that_may_have_gone_is_uncertain(account: OfficialAccount, stand_in: StandInClient, act: str) -> None:
    hear(account, stand_in)
    stand_in.program({"on": "wechat_custom", "act": act, "delay_ms": 50})

    [result] = account.send([an_answer()], now=NOW)

    assert result.outcome is Outcome.UNCERTAIN


@pytest.mark.parametrize(
    ("openid", "code"),
    [("invalid-oABCD", "bad_address"), ("uninstalled-oABCD", "not_following"), ("refused_content-oABCD", "content_refused")],
)
def test_magic_openids_meet_their_outcome(account: OfficialAccount, openid: str, code: str) -> None:
    [result] = account.send([an_answer(openid)], now=NOW)

    assert (result.outcome, result.error_code) == (Outcome.REFUSED, code)


def test_what_is_too_long_or_too_late_is_refused(account: OfficialAccount, stand_in: StandInClient) -> None:
    hear(account, stand_in)

    [long, late] = account.send([an_answer(body="一" * 683), an_answer(expires_at=NOW)], now=NOW)

    assert (long.outcome, long.raw_code) == (Outcome.REFUSED, "45002")
    assert (late.outcome, late.error_code) == (Outcome.REFUSED, "expired")
