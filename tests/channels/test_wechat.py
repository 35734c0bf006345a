"""WeChat messages over real HTTP: what arrives, what each answer means, and what is never sent twice."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from app.channels.base import DeliveryResult, EndpointVerdict, Outcome
from app.channels.http_transport import HttpAnswer, PooledTransport
from app.channels.provider_tokens import MemoryTokens
from app.channels.wechat.access import Access
from app.channels.wechat.answers import result_of, seconds_to_next_day
from app.channels.wechat.oauth import CodeExchange
from app.channels.wechat.official_account import OfficialAccount, build
from app.domain.provider_tokens import TokenUnavailableError
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import NOW
from tests.builders.patience import BRIEF, FAIR, PATIENT, each_act, patience_for
from tests.builders.wechat import APP_ID, OPENID, SECRET, a_card, an_entry

Make = Callable[..., OfficialAccount]


@pytest.fixture
def make(stand_in: StandInClient, patience: float) -> Iterator[Make]:
    """A function that makes the channel; `tokens`: a store that it shares with another."""
    made: list[OfficialAccount] = []

    def account(tokens: MemoryTokens | None = None, seconds: float = patience, **changes: Any) -> OfficialAccount:
        entry = {"app_id": APP_ID, "app_secret": SECRET, **changes}
        transport = PooledTransport(stand_in.url, threads=4, total_seconds=seconds)
        made.append(
            OfficialAccount(
                Access.of(entry, transport, tokens or MemoryTokens()),
                transport,
                link_url=entry.get("link_url"),
                mini_program=entry.get("mini_program"),
            )
        )
        return made[-1]

    yield account
    for each in made:
        each.close()


def asked(stand_in: StandInClient, endpoint: str) -> int:
    return sum(count for name, count in stand_in.counts()["requests"].items() if name.startswith(f"{endpoint}:"))


def test_a_card_arrives_with_its_fields_as_the_platform_shows_them(make: Make, stand_in: StandInClient) -> None:
    fields = {"first": "还款提醒", "thing1": "请在应用内查看这条\n消息并与我们联系谢谢您😀", "amount2": "人民币1,260.00元"}
    message = a_card(fields=fields, data={"deep_link": "https://app.example/l/abc"})

    [result] = make().send([message], now=NOW)

    [item] = stand_in.received()
    assert result.outcome is Outcome.ACCEPTED
    assert result.provider_reference
    assert (item["target"], item["message_id"], item["label"]) == (OPENID, message.message_id, "template")
    assert item["content"]["data"] == {
        "thing1": {"value": "请在应用内查看这条 消息并与我们联系谢…"},
        "amount2": {"value": "¥1260.00"},
    }
    assert item["content"]["url"] == "https://app.example/l/abc"


def test_the_token_is_asked_for_before_the_facts_are_compared_and_a_refusal_is_told_by_sending(
    make: Make, stand_in: StandInClient
) -> None:
    channel, unlucky = make(), make(app_secret="wrong")

    channel.get_ready()
    unlucky.get_ready()

    before = asked(stand_in, "wechat_token")
    [result] = channel.send([a_card()], now=NOW)
    assert (result.outcome, asked(stand_in, "wechat_token")) == (Outcome.ACCEPTED, before)
    assert unlucky.send([a_card()], now=NOW)[0].error_code == "credential_refused"


def test_a_one_time_template_goes_as_a_subscription_message(make: Make, stand_in: StandInClient) -> None:
    [result] = make(link_url="https://app.example/open").send([a_card(one_time=True)], now=NOW)

    [item] = stand_in.received()
    assert (result.outcome, item["label"]) == (Outcome.ACCEPTED, "bizsend")
    assert item["content"]["page"] == "https://app.example/open"
    assert "client_msg_id" not in item["content"]


def test_a_mini_program_is_opened_at_the_messages_link(make: Make, stand_in: StandInClient) -> None:
    account = make(mini_program={"appid": "wxfedcba9876543210", "path": "pages/open"})

    account.send([a_card(data={"deep_link": "duecourse://inbox"})], now=NOW)

    [item] = stand_in.received()
    assert item["content"]["miniprogram"]["pagepath"] == "pages/open?link=duecourse%3A%2F%2Finbox"
    assert "url" not in item["content"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (a_card(expires_at=NOW), "expired"),
        (a_card(provider_templates={}), "no_provider_template"),
        (a_card(fields={"amount1": "1234.56 USD"}), "bad_field"),
        (a_card(fields={"thing1": "😀"}), "bad_field"),
    ],
)
def test_what_the_platform_would_refuse_is_not_handed_over(
    make: Make, stand_in: StandInClient, message: Any, code: str
) -> None:
    results = make().send([message, a_card()], now=NOW)

    assert [(each.outcome, each.error_code) for each in results] == [(Outcome.REFUSED, code), (Outcome.ACCEPTED, None)]
    assert asked(stand_in, "wechat_template") == 1


def test_one_token_serves_many_messages(make: Make, stand_in: StandInClient) -> None:
    account = make()

    account.send([a_card() for _ in range(10)], now=NOW)
    account.send([a_card()], now=NOW)

    assert asked(stand_in, "wechat_token") == 1
    assert stand_in.counts()["by_channel"]["wechat"] == 11


@pytest.mark.parametrize("errcode", [40001, 42001, 40014])
@pytest.mark.parametrize(("one_time", "endpoint"), [(False, "wechat_template"), (True, "wechat_bizsend")])
def test_a_refused_token_is_renewed_once_and_what_was_refused_waits_for_the_facts_to_be_compared_again(
    make: Make, stand_in: StandInClient, errcode: int, one_time: bool, endpoint: str
) -> None:
    account = make()
    account.send([a_card(one_time=one_time)], now=NOW)
    stand_in.program({"on": endpoint, "times": 3, "status": 200, "body": {"errcode": errcode, "errmsg": "no"}})
    before = asked(stand_in, endpoint)
    cards = [a_card(one_time=one_time) for _ in range(3)]

    first = account.send(cards, now=NOW)

    assert [(each.outcome, each.error_code, each.retry_after_seconds) for each in first] == [
        (Outcome.RETRY, "token_renewed", 1.0)
    ] * 3
    assert {each.pause_provider_seconds for each in first} == {None}
    assert asked(stand_in, endpoint) == before + 3
    # The platform gives the same stable token again, so that it has to be asked for another: once for all three.
    assert asked(stand_in, "wechat_token") == 3
    assert [each.outcome for each in account.send(cards, now=NOW)] == [Outcome.ACCEPTED] * 3
    assert asked(stand_in, "wechat_token") == 3
    assert stand_in.counts()["by_channel"]["wechat"] == 4


def test_a_new_token_that_is_refused_as_well_pauses_the_provider_and_is_changed_after_the_pause(
    make: Make, stand_in: StandInClient
) -> None:
    stand_in.program({"on": "wechat_template", "times": 3, "status": 200, "body": {"errcode": 40001, "errmsg": "no"}})
    account, card = make(), a_card()

    results = [account.send([card], now=NOW)[0] for _ in range(4)]

    assert [each.error_code for each in results] == ["token_renewed", "credential_refused", "token_renewed", None]
    assert (results[1].outcome, results[1].raw_code) == (Outcome.RETRY, "40001")
    assert results[1].pause_provider_seconds
    assert asked(stand_in, "wechat_template") == 4


def test_a_token_that_served_is_renewed_when_it_is_refused_later(make: Make, stand_in: StandInClient) -> None:
    account, fault = make(), {"status": 200, "body": {"errcode": 42001, "errmsg": "expired"}}
    stand_in.program({"on": "wechat_template", "times": 1, **fault})
    account.send([a_card()], now=NOW)
    account.send([a_card()], now=NOW)
    stand_in.program({"on": "wechat_template", "times": 1, **fault})

    [result] = account.send([a_card()], now=NOW)

    assert result.error_code == "token_renewed"


def test_a_wrong_secret_pauses_the_provider_and_says_so(make: Make, stand_in: StandInClient) -> None:
    [result] = make(app_secret="wrong").send([a_card()], now=NOW)

    assert (result.outcome, result.error_code, result.raw_code) == (Outcome.RETRY, "credential_refused", "40125")
    assert result.pause_provider_seconds
    assert asked(stand_in, "wechat_template") == 0


@each_act("drop", "reset_after", "reset_before", "cut")
def test_without_a_token_nothing_is_sent_and_all_may_be_tried_again(make: Make, stand_in: StandInClient, act: str) -> None:
    stand_in.program({"on": "wechat_token", "act": act})

    [result] = make().send([a_card()], now=NOW)

    assert (result.outcome, result.error_code, result.pause_provider_seconds) == (Outcome.RETRY, "token_unavailable", None)


@pytest.mark.parametrize("patience", [FAIR], ids=["silence"])
def test_a_token_lost_while_renewing_leaves_what_was_settled(make: Make, stand_in: StandInClient) -> None:
    account = make()
    account.send([a_card()], now=NOW)
    refused, well = a_card("oABCD0000000000000000000000B"), a_card()
    fault = {"status": 200, "body": {"errcode": 42001, "errmsg": "expired"}}
    stand_in.program({"on": "wechat_template", "target": refused.target.address, "times": 1, **fault})
    stand_in.program({"on": "wechat_token", "act": "drop"})

    results = account.send([refused, well], now=NOW)

    assert [(each.outcome, each.error_code) for each in results] == [
        (Outcome.RETRY, "token_unavailable"),
        (Outcome.ACCEPTED, None),
    ]


@pytest.mark.parametrize(("one_time", "endpoint"), [(False, "wechat_template"), (True, "wechat_bizsend")])
@pytest.mark.parametrize("act", ["reset_after", "accept_then_reset", "drop", "accept_then_drop", "cut", "drip"])
def test_a_card_that_may_have_gone_is_uncertain_and_not_repeated(
    make: Make, stand_in: StandInClient, act: str, one_time: bool, endpoint: str
) -> None:
    tokens = MemoryTokens()
    make(tokens).get_ready()
    account = make(tokens, patience_for(act))
    stand_in.program({"on": endpoint, "act": act, "delay_ms": 50})
    before = asked(stand_in, endpoint)

    [result] = account.send([a_card(one_time=one_time)], now=NOW)

    assert result.outcome is Outcome.UNCERTAIN
    assert asked(stand_in, endpoint) == before + 1


def test_a_magic_openid_meets_silence(make: Make, stand_in: StandInClient) -> None:
    tokens = MemoryTokens()
    make(tokens).get_ready()

    [result] = make(tokens, BRIEF).send([a_card("timeout-oABCD")], now=NOW)

    assert (result.outcome, result.error_code) == (Outcome.UNCERTAIN, "timeout")
    assert len(stand_in.received()) == 1


@pytest.mark.parametrize(
    ("openid", "outcome", "code", "verdict"),
    [
        ("invalid-oABCD", Outcome.REFUSED, "bad_address", EndpointVerdict.INVALID),
        ("uninstalled-oABCD", Outcome.REFUSED, "not_following", EndpointVerdict.BLOCKED),
        ("refused_content-oABCD", Outcome.REFUSED, "content_refused", EndpointVerdict.KEEP),
        ("rate_limited-oABCD", Outcome.RETRY, "quota", EndpointVerdict.KEEP),
        ("unavailable-oABCD", Outcome.RETRY, "unavailable", EndpointVerdict.KEEP),
    ],
)
def test_magic_openids_meet_their_outcome(
    make: Make, openid: str, outcome: Outcome, code: str, verdict: EndpointVerdict
) -> None:
    [result] = make().send([a_card(openid)], now=NOW)

    assert (result.outcome, result.error_code, result.verdict) == (outcome, code, verdict)


def test_the_platform_itself_checks_the_fields(stand_in: StandInClient, make: Make) -> None:
    """The stand-in refuses what is too long by a table of its own, so that ours is not its own judge."""
    transport = PooledTransport(stand_in.url, threads=1)
    access = Access.of({"app_id": APP_ID, "app_secret": SECRET}, transport, MemoryTokens())
    from app.channels.http_transport import HttpRequest

    content = {"touser": OPENID, "template_id": "T", "data": {"thing1": {"value": "一" * 21}}}
    path = f"/cgi-bin/message/template/send?access_token={access.token()}"

    [answer] = transport.post([HttpRequest(path, {}, orjson.dumps(content))])
    transport.close()

    assert (result_of(answer, now=NOW).outcome, result_of(answer, now=NOW).error_code) == (Outcome.REFUSED, "bad_field")


def said(errcode: int) -> HttpAnswer:
    return HttpAnswer(200, body=orjson.dumps({"errcode": errcode, "errmsg": "text"}))


@pytest.mark.parametrize(
    ("errcode", "outcome", "code", "verdict", "pauses"),
    [
        (-1, Outcome.RETRY, "unavailable", EndpointVerdict.KEEP, False),
        (40003, Outcome.REFUSED, "bad_address", EndpointVerdict.INVALID, False),
        (40037, Outcome.REFUSED, "bad_template", EndpointVerdict.KEEP, False),
        (43004, Outcome.REFUSED, "not_following", EndpointVerdict.BLOCKED, False),
        (43101, Outcome.REFUSED, "not_subscribed", EndpointVerdict.KEEP, False),
        (43108, Outcome.RETRY, "busy_address", EndpointVerdict.KEEP, False),
        (45047, Outcome.REFUSED, "quota_of_user", EndpointVerdict.KEEP, False),
        (47003, Outcome.REFUSED, "bad_field", EndpointVerdict.KEEP, False),
        (45168, Outcome.REFUSED, "content_refused", EndpointVerdict.KEEP, False),
        (45011, Outcome.RETRY, "quota", EndpointVerdict.KEEP, True),
        (48001, Outcome.RETRY, "not_permitted", EndpointVerdict.KEEP, True),
        (40164, Outcome.RETRY, "credential_refused", EndpointVerdict.KEEP, True),
        (61023, Outcome.RETRY, "credential_refused", EndpointVerdict.KEEP, True),
        (99999, Outcome.RETRY, "unknown", EndpointVerdict.KEEP, False),
    ],
)
def test_each_errcode_has_one_meaning(
    errcode: int, outcome: Outcome, code: str, verdict: EndpointVerdict, pauses: bool
) -> None:
    result = result_of(said(errcode), now=NOW)

    assert (result.outcome, result.error_code, result.verdict) == (outcome, code, verdict)
    assert (result.pause_provider_seconds is not None, result.raw_code) == (pauses, str(errcode))


def test_a_system_error_is_tried_again_only_where_the_platform_drops_a_second_copy(
    make: Make, stand_in: StandInClient
) -> None:
    for endpoint in ("wechat_template", "wechat_bizsend"):
        stand_in.program({"on": endpoint, "status": 200, "body": {"errcode": -1, "errmsg": "system error"}})

    results = make().send([a_card(), a_card(one_time=True)], now=NOW)

    assert [(each.outcome, each.error_code) for each in results] == [
        (Outcome.RETRY, "unavailable"),
        (Outcome.UNCERTAIN, "unavailable"),
    ]


def test_a_spent_daily_quota_rests_until_the_platforms_midnight() -> None:
    just_before = datetime(2026, 3, 2, 15, 59, 30, tzinfo=UTC)  # 23:59:30 in Beijing

    result = result_of(said(45009), now=just_before)

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "quota")
    assert result.pause_provider_seconds == result.retry_after_seconds == 30
    assert seconds_to_next_day(datetime(2026, 3, 2, 16, 0, tzinfo=UTC)) == 86_400


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (HttpAnswer(200, body=b"<html>ok</html>"), Outcome.UNCERTAIN, "answer_without_code"),
        (HttpAnswer(200, body=b"{}"), Outcome.UNCERTAIN, "answer_without_code"),
        (HttpAnswer(500), Outcome.UNCERTAIN, "answer_without_code"),
        (HttpAnswer(502, body=b'{"errcode":0}'), Outcome.UNCERTAIN, "answer_without_code"),
        (HttpAnswer(429), Outcome.RETRY, "quota"),
        (HttpAnswer(302), Outcome.RETRY, "wrong_address"),
        (HttpAnswer(404), Outcome.RETRY, "wrong_address"),
    ],
)
def test_an_answer_that_is_none_of_the_apis_is_believed_in_nothing(answer: HttpAnswer, outcome: Outcome, code: str) -> None:
    result = result_of(answer, now=NOW)

    assert (result.outcome, result.error_code) == (outcome, code)


def test_nobody_listening_is_a_retry_without_a_token(make: Make) -> None:
    account = build(an_entry(url="http://127.0.0.1:9"), threads=2)

    [result] = account.send([a_card()], now=NOW)
    account.close()

    assert result == DeliveryResult(Outcome.RETRY, error_code="token_unavailable", raw_code="ConnectionRefusedError")


def test_an_entry_without_its_secret_is_refused_at_the_start() -> None:
    with pytest.raises(KeyError, match="app_secret"):
        build({"provider": "wechat", "app_id": APP_ID}, threads=1)


def test_a_code_says_whose_it_is_once(stand_in: StandInClient) -> None:
    exchange, hasty = (
        CodeExchange(APP_ID, SECRET, PooledTransport(stand_in.url, threads=1, total_seconds=seconds))
        for seconds in (PATIENT, BRIEF)
    )
    code = f"code.{OPENID}.once"

    first, second, bad = exchange.openid_of(code), exchange.openid_of(code), exchange.openid_of("nonsense")
    stand_in.program({"on": "wechat_oauth", "act": "drop", "times": 1})
    silent = hasty.openid_of(f"code.{OPENID}.silent")
    stand_in.program({"on": "wechat_oauth", "times": 1, "status": 200, "body": {"errcode": -1, "errmsg": "busy"}})
    busy = exchange.openid_of(f"code.{OPENID}.busy")
    exchange.close()
    hasty.close()

    assert first.openid == OPENID
    assert (second.openid, second.raw_code, second.may_ask_again) == (None, "40163", False)
    assert (bad.openid, bad.raw_code) == (None, "40029")
    assert (silent.openid, silent.may_ask_again) == (None, False)
    assert (busy.openid, busy.may_ask_again) == (None, True)


def test_a_token_that_cannot_be_had_says_whether_it_was_refused(stand_in: StandInClient) -> None:
    transport = PooledTransport(stand_in.url, threads=1)
    access = Access.of({"app_id": "nonsense", "app_secret": SECRET}, transport, MemoryTokens())

    with pytest.raises(TokenUnavailableError) as told:
        access.token()
    transport.close()

    assert (told.value.refused, told.value.raw_code) == (True, "40013")
