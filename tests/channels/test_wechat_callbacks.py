"""What WeChat posts: proven or not, in either form, twice, late, forged, hostile."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.channels.callbacks import ForgedError, MalformedError, parser_of
from app.channels.http_transport import PooledTransport
from app.channels.provider_tokens import MemoryTokens
from app.channels.wechat.access import Access
from app.channels.wechat.callbacks import WINDOW_SECONDS, WechatCallbacks, parser
from app.channels.wechat.encryption import MessageKey, is_signed, signature
from app.channels.wechat.official_account import OfficialAccount
from app.channels.wechat.posts import read_post
from app.domain.deliveries import Told
from app.domain.wechat_links import check_code, scene_of
from app.sandbox.stand_in.client import StandInClient
from app.sandbox.stand_in.wechat import CALLBACK_TOKEN, ENCODING_AES_KEY
from tests.builders.outgoing import NOW
from tests.builders.wechat import APP_ID, OPENID, SECONDS, SECRET, a_card, a_post, a_request, an_entry, an_event, posted_back

TOKEN = "ab" * 28
FINISHED = "<MsgID>200163836</MsgID><Status><![CDATA[{}]]></Status>"


@pytest.fixture
def reads() -> WechatCallbacks:
    return parser(an_entry())


def popup(*items: tuple[str, str]) -> str:
    lists = "".join(
        f"<List><TemplateId>{name}</TemplateId><SubscribeStatusString>{said}</SubscribeStatusString></List>"
        for name, said in items
    )
    return f"<SubscribeMsgPopupEvent>{lists}</SubscribeMsgPopupEvent>"


# The platform's own sample for its encrypted mode: token, key, account, post and signature.
SAMPLE = {
    "entry": {"app_id": "wx2c2769f8efd9abc2", "token": "spamtest",
              "aes_keys": ["abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"]},
    "query": {"timestamp": "1409735669", "nonce": "1320562132", "encrypt_type": "aes",
              "msg_signature": "5d197aaffba7e9b25a30732f161a50dee96bd5fa"},
    "encrypt": "hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PGHQHFVAFm"
               "OD2LdJF9FrXpbUAh0B5GIItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDYsVticbSnyU8d"
               "KOIbgU6ux5VTjg3yt+WGzjlpKn6NPhRjpA912xMezR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGpy0VxpAe+77TszTfRd5"
               "RJSVO/HTnifJpXgCSUdUue1v6h0EIBYYI1BD1DlD+C0CR8e6OewpusjZ4uBl9FyJvnhvQl+q5rv1ixrcpCumEPo5MJSgM9ehVsNP"
               "fUM669WuMyVWQLCzpu9GhglF2PE=",
}  # fmt: skip


def test_the_platforms_own_sample_opens() -> None:
    body = f"<xml><ToUserName>gh_10f6c3c3ac5a</ToUserName><Encrypt><![CDATA[{SAMPLE['encrypt']}]]></Encrypt></xml>"

    told = parser(SAMPLE["entry"]).read(a_request(SAMPLE["query"], body.encode(), at=1409735669))

    [text] = told.inbound
    assert (text.address, text.text, told.is_signed) == ("oyORnuP8q7ou2gfYjqLzSIWZf0rs", "abcdteT", True)


@pytest.mark.shared
def test_every_case_of_the_shared_payloads_comes_out_as_stated(shared: Path) -> None:
    payloads = json.loads((shared / "data/provider_payloads/wechat_official_account.json").read_text(encoding="utf-8"))
    account = parser({"app_id": APP_ID, "token": payloads["token"]})
    seen: dict[str, Any] = {}

    check = payloads["server_check"]
    answer = account.read(a_request(check["query"], at=int(check["query"]["timestamp"]), method="GET")).answer
    for case in payloads["callbacks"]:
        body = case["xml"].encode() if "xml" in case else json.dumps(case["json"]).encode()
        request = a_request(case["query"], body, at=int(case["query"]["timestamp"]))
        if case["name"] == "xxe_attempt":
            with pytest.raises(MalformedError):
                account.read(request)
        else:
            told = seen[case["name"]] = account.read(request)
            assert (told.is_signed, told.answer.body) == (False, b"success")
        with pytest.raises(ForgedError):
            account.read(replace(request, query={**case["query"], "nonce": "other"}))

    assert answer.body == check["expect_body"].encode()
    reports = {name: told.reports[0] for name, told in seen.items() if told.reports}
    assert {name: (r.told, r.reference, r.error_code, r.verdict) for name, r in reports.items()} == {
        "finish_success": (Told.DELIVERED, "200163836", None, "keep"),
        "finish_user_block": (Told.FAILED, "200163836", "blocked", "blocked"),
        "finish_system_failed": (Told.FAILED, "200163836", "provider_failed", "keep"),
    }
    events = {name: [(e.kind, e.detail.get("template")) for e in told.events] for name, told in seen.items() if told.events}
    assert events == {
        "unsubscribe": [("blocked", None)],
        "subscribe_msg_popup_event": [("consent_given", "T1"), ("consent_refused", "T2")],
        "subscribe_msg_popup_event_json": [("consent_given", "T1")],
    }
    assert len(seen) == 6


@pytest.mark.shared
def test_every_send_response_of_the_shared_payloads_means_what_is_stated(shared: Path) -> None:
    from app.channels.base import EndpointVerdict, Outcome
    from app.channels.http_transport import HttpAnswer
    from app.channels.wechat.answers import TOKEN_REFUSED, errcode_of, result_of

    payloads = json.loads((shared / "data/provider_payloads/wechat_official_account.json").read_text(encoding="utf-8"))
    seen = {}
    for case in payloads["send_responses"]:
        answer = HttpAnswer(case["http"], body=json.dumps(case["body"]).encode())
        seen[case["expect"]] = (errcode_of(answer) in TOKEN_REFUSED, result_of(answer, now=NOW))

    renews, accepted = seen["accepted"]
    assert (renews, accepted.outcome, accepted.provider_reference) == (False, Outcome.ACCEPTED, "200163836")
    assert seen["refresh token and retry once"][0] is True
    left = seen["permanent: user does not follow"][1]
    assert (left.outcome, left.verdict) == (Outcome.REFUSED, EndpointVerdict.BLOCKED)
    spent = seen["stop channel until next day"][1]
    assert (spent.outcome, spent.pause_provider_seconds) == (Outcome.RETRY, 7 * 3600)  # 17:00 in Beijing
    assert seen["retry"][1].outcome is Outcome.RETRY
    assert len(seen) == len(payloads["send_responses"]) == 5


def test_an_encrypted_post_is_proven_and_a_plain_one_is_not(reads: WechatCallbacks) -> None:
    xml = an_event("unsubscribe")

    assert reads.read(a_post(xml)).is_signed
    assert not reads.read(a_post(xml, encrypted=False)).is_signed
    assert parser(an_entry(require_encrypted=False)).read(a_post(xml, encrypted=False)).is_signed


@pytest.mark.parametrize("name", ["signature", "timestamp", "nonce"])
def test_a_plain_post_without_its_signature_is_forged(reads: WechatCallbacks, name: str) -> None:
    request = a_post(an_event("unsubscribe"), encrypted=False)

    with pytest.raises(ForgedError):
        reads.read(replace(request, query={key: value for key, value in request.query.items() if key != name}))


def test_an_encrypted_body_that_was_changed_is_forged(reads: WechatCallbacks) -> None:
    request = a_post(an_event("unsubscribe"))
    other = a_post(an_event("subscribe"))

    with pytest.raises(ForgedError):
        reads.read(replace(request, body=other.body))
    with pytest.raises(ForgedError):
        reads.read(a_post(an_event("unsubscribe"), token="another"))


def test_an_envelope_is_not_opened_on_the_word_of_the_plain_signature(reads: WechatCallbacks) -> None:
    request = a_post(an_event("unsubscribe"))

    with pytest.raises(ForgedError):
        reads.read(replace(request, query={key: v for key, v in request.query.items() if key != "msg_signature"}))


def test_a_post_for_another_account_is_forged(reads: WechatCallbacks) -> None:
    with pytest.raises(ForgedError):
        reads.read(a_post(an_event("unsubscribe"), app_id="wxfedcba9876543210"))


def test_without_a_key_an_encrypted_post_cannot_be_believed() -> None:
    with pytest.raises(ForgedError):
        parser(an_entry(aes_keys=[])).read(a_post(an_event("unsubscribe")))


def test_the_key_before_stays_good_while_the_platform_changes_over() -> None:
    changed = parser(an_entry(aes_keys=["Z" * 43, ENCODING_AES_KEY]))

    assert changed.read(a_post(an_event("unsubscribe"))).is_signed


@pytest.mark.parametrize("key", ["short", "Z" * 44, "*" * 43])
def test_a_key_of_another_length_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(ValueError, match="43"):
        parser(an_entry(aes_keys=[key]))


@pytest.mark.parametrize("seconds", [-WINDOW_SECONDS - 1, WINDOW_SECONDS + 1])
def test_an_old_signature_is_refused_whatever_it_signs(reads: WechatCallbacks, seconds: int) -> None:
    for encrypted in (True, False):
        request = a_post(an_event("unsubscribe"), encrypted=encrypted)
        with pytest.raises(ForgedError):
            reads.read(replace(request, now_seconds=SECONDS + seconds))


def test_a_result_that_comes_days_late_is_believed_when_its_post_is_fresh(reads: WechatCallbacks) -> None:
    late = an_event("TEMPLATESENDJOBFINISH", FINISHED.format("success"), at=SECONDS - 72 * 3600)

    [report] = reads.read(a_post(late)).reports

    assert report.told is Told.DELIVERED
    assert report.at is not None
    assert report.at.timestamp() == SECONDS - 72 * 3600


def test_the_same_event_again_has_the_same_key_and_another_has_not(reads: WechatCallbacks) -> None:
    def keys(xml: str, **changes: Any) -> list[str]:
        told = reads.read(a_post(xml, **changes))
        return [each.event_key for each in (*told.reports, *told.events, *told.inbound)]

    first = keys(an_event("subscribe_msg_popup_event", popup(("T1", "accept"), ("T2", "reject"))))

    assert len(set(first)) == 2
    assert first == keys(an_event("subscribe_msg_popup_event", popup(("T1", "accept"), ("T2", "reject"))), nonce="9")
    assert not set(first) & set(keys(an_event("subscribe_msg_popup_event", popup(("T1", "accept")), at=SECONDS - 1)))
    assert not set(first) & set(keys(an_event("subscribe_msg_popup_event", popup(("T1", "accept")), openid="oOther000")))
    assert keys(an_event("TEMPLATESENDJOBFINISH", FINISHED.format("failed: system failed"))) == keys(
        an_event("TEMPLATESENDJOBFINISH", FINISHED.format("failed:system failed"))
    )
    assert not any(OPENID in key for key in first)


def test_a_refusal_in_the_platforms_settings_says_so(reads: WechatCallbacks) -> None:
    one = {"FromUserName": OPENID, "CreateTime": SECONDS, "MsgType": "event", "Event": "subscribe_msg_change_event"}
    post = json.dumps({**one, "List": {"TemplateId": "T1", "SubscribeStatusString": "reject"}})

    [event] = reads.read(a_post(post)).events

    assert (event.kind, dict(event.detail)) == ("consent_refused", {"template": "T1", "via": "settings"})


@pytest.mark.parametrize(("code", "status", "told"), [("0", "success", Told.DELIVERED), ("1", "fail", Told.FAILED)])
def test_how_a_subscription_message_ended(reads: WechatCallbacks, code: str, status: str, told: Told) -> None:
    ended = f"<ErrorCode>{code}</ErrorCode><ErrorStatus>{status}</ErrorStatus>"
    item = f"<List><TemplateId>T1</TemplateId><MsgID>17008</MsgID>{ended}</List>"

    [report] = reads.read(
        a_post(an_event("subscribe_msg_sent_event", f"<SubscribeMsgSentEvent>{item}</SubscribeMsgSentEvent>"))
    ).reports

    assert (report.told, report.reference) == (told, "17008")


def test_following_by_a_code_of_ours_also_binds(reads: WechatCallbacks) -> None:
    scene = scene_of(TOKEN)

    followed = reads.read(a_post(an_event("subscribe", f"<EventKey>qrscene_{scene}</EventKey>"))).events
    scanned = reads.read(a_post(an_event("SCAN", f"<EventKey>{scene}</EventKey>"))).events
    others = reads.read(a_post(an_event("SCAN", "<EventKey>bind-of-someone-else</EventKey>"))).events

    assert [(each.kind, each.detail.get("token")) for each in followed] == [("subscribed", None), ("link", TOKEN)]
    assert [(each.kind, each.detail.get("token")) for each in scanned] == [("link", TOKEN)]
    assert others == ()


@pytest.mark.parametrize("encrypted", [True, False])
def test_who_scans_a_code_of_ours_is_answered_with_the_number_to_compare(encrypted: bool) -> None:
    account = parser(an_entry(require_encrypted=encrypted))

    answer = account.read(a_post(an_event("SCAN", f"<EventKey>{scene_of(TOKEN)}</EventKey>"), encrypted=encrypted)).answer

    fields = read_post(answer.body)
    if encrypted:
        parts = (CALLBACK_TOKEN, fields["TimeStamp"], fields["Nonce"], fields["Encrypt"])
        assert is_signed(fields["MsgSignature"], *parts)
        fields = read_post(MessageKey.of(APP_ID, ENCODING_AES_KEY).open(fields["Encrypt"]))
    assert (fields["ToUserName"], fields["FromUserName"], fields["MsgType"]) == (OPENID, "gh_1", "text")
    assert check_code(TOKEN, OPENID) in fields["Content"]
    assert (answer.status, answer.content_type) == (200, "text/xml; charset=utf-8")


def test_a_plain_post_that_proves_nothing_is_told_no_number(reads: WechatCallbacks) -> None:
    answer = reads.read(a_post(an_event("SCAN", f"<EventKey>{scene_of(TOKEN)}</EventKey>"), encrypted=False)).answer

    assert answer.body == b"success"


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        ("<MsgType>text</MsgType><Content>退订</Content><MsgId>7</MsgId>", "退订"),
        ("<MsgType>image</MsgType><PicUrl>https://x</PicUrl><MsgId>7</MsgId>", "[image]"),
        ("<MsgType>voice</MsgType><Recognition>你好</Recognition><MsgId>7</MsgId>", "你好"),
    ],
)
def test_what_a_borrower_sends_is_never_lost(reads: WechatCallbacks, inner: str, text: str) -> None:
    xml = f"<xml><FromUserName>{OPENID}</FromUserName><CreateTime>{SECONDS}</CreateTime>{inner}</xml>"

    [message] = reads.read(a_post(xml)).inbound

    assert (message.text, message.address_kind, message.address, message.event_key) == (text, "openid", OPENID, "text:7")


def test_an_event_nobody_asked_for_is_answered_and_says_nothing(reads: WechatCallbacks) -> None:
    told = reads.read(a_post(an_event("VIEW", "<EventKey>https://x</EventKey>")))

    assert (told.reports, told.inbound, told.events, told.answer.body) == ((), (), (), b"success")


def test_a_status_nobody_knows_changes_nothing_or_fails_by_its_first_word(reads: WechatCallbacks) -> None:
    def told(status: str) -> tuple[Told, str | None]:
        [report] = reads.read(a_post(an_event("TEMPLATESENDJOBFINISH", FINISHED.format(status)))).reports
        return report.told, report.error_code

    assert told("pending") == (Told.ACCEPTED, None)
    assert told("failed: user refuse") == (Told.FAILED, "unknown")
    assert told("failed:user  block") == (Told.FAILED, "blocked")


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><xml><MsgType>&e;</MsgType></xml>',
        '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><xml><MsgType>&c;</MsgType></xml>',
        "<!DOCTYPE xml><xml><MsgType>event</MsgType></xml>",
        '<?xml version="1.0" encoding="no-such"?><xml/>',
        "<xml><MsgType>event</MsgType>",
        "",
        "{",
        "{}",
        "<xml></xml>",
        "<xml><MsgType>event</MsgType></xml>",
        f"<xml><FromUserName>{OPENID}</FromUserName><MsgType>event</MsgType><Event>unsubscribe</Event>",
        "<xml><MsgType>event</MsgType><Event>unsubscribe</Event></xml>",
        "<xml><FromUserName>o</FromUserName><MsgType>event</MsgType><Event>TEMPLATESENDJOBFINISH</Event></xml>",
    ],
)
@pytest.mark.parametrize("encrypted", [True, False])
def test_what_cannot_be_read_is_malformed_never_a_crash(reads: WechatCallbacks, body: str, encrypted: bool) -> None:
    with pytest.raises(MalformedError):
        reads.read(a_post(body, encrypted=encrypted))


def test_a_hostile_envelope_is_malformed(reads: WechatCallbacks) -> None:
    request = a_post(an_event("unsubscribe"))
    hostile = b'<!DOCTYPE x [<!ENTITY e "x">]>' + request.body

    with pytest.raises(MalformedError):
        reads.read(replace(request, body=hostile))


def test_the_address_is_checked_also_with_an_encrypted_echo(reads: WechatCallbacks) -> None:
    sealed = MessageKey.of(APP_ID, ENCODING_AES_KEY).seal(b"583847")
    signed = {"timestamp": str(SECONDS), "nonce": "1"}
    query = {**signed, "echostr": sealed, "msg_signature": signature(an_entry()["token"], str(SECONDS), "1", sealed)}

    assert reads.read(a_request(query, method="GET")).answer.body == b"583847"
    with pytest.raises(ForgedError):
        reads.read(a_request({**query, "msg_signature": "0" * 40}, method="GET"))
    with pytest.raises(MalformedError):
        reads.read(a_request(signed, method="GET"))


def test_the_door_finds_the_parser_by_name() -> None:
    assert isinstance(parser_of("wechat", an_entry()), WechatCallbacks)


@pytest.mark.parametrize(
    ("openid", "one_time", "told"),
    [
        ("oABCD000000", False, [Told.DELIVERED]),
        ("oABCD000000", True, [Told.DELIVERED]),
        ("blocked-oABCD", False, [Told.FAILED]),
        ("unreachable-oABCD", True, [Told.FAILED]),
        ("no_receipt-oABCD", False, []),
        ("duplicate_receipts-oABCD", False, [Told.DELIVERED, Told.DELIVERED]),
        ("stop-oABCD", False, [Told.DELIVERED, "退订"]),
    ],
)
def test_what_the_stand_in_posts_back_is_read(
    reads: WechatCallbacks, stand_in: StandInClient, openid: str, one_time: bool, told: list[object]
) -> None:
    transport = PooledTransport(stand_in.url, threads=1)
    access = Access.of({"app_id": APP_ID, "app_secret": SECRET}, transport, MemoryTokens())
    channel = OfficialAccount(access, transport)

    [result] = channel.send([a_card(openid, one_time=one_time)], now=NOW)
    channel.close()

    read = [reads.read(posted_back(item)) for item in stand_in.callbacks()]
    reports = [report for each in read for report in each.reports]
    assert [*(report.told for report in reports), *(each.text for one in read for each in one.inbound)] == told
    assert all(report.reference == result.provider_reference for report in reports)
    assert len({report.event_key for report in reports}) <= 1
    assert all(each.is_signed for each in read)
