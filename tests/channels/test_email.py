"""E-mail over real SMTP: what arrives, what each answer of a relay means, and when nobody can tell."""

import socket
import ssl
import threading
from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest

from app import clock
from app.channels.base import EndpointVerdict, Outcome
from app.channels.email.answers import result_of
from app.channels.email.composing import Envelope, Sender, compose
from app.channels.email.smtp import build
from app.channels.email.submission import Relay, SmtpAnswer, Stage, Submission
from app.sandbox.stand_in.client import StandInClient
from tests.builders.mail import UNSUBSCRIBE, an_email, an_email_channel, an_entry, the_returns
from tests.builders.outgoing import NOW
from tests.builders.patience import each_act, patience_for


def test_an_email_arrives_as_text_and_html_with_all_its_headers(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in)
    message = an_email(title="您有一条新消息", body="您好！\n请登录 <应用> 查看。", locale="zh-CN")

    [result] = channel.send([message], now=NOW)
    channel.close()

    [item] = stand_in.received()
    content, headers = item["content"], item["content"]["headers"]
    assert (result.outcome, result.error_code) == (Outcome.ACCEPTED, None)
    assert result.provider_reference
    assert (item["channel"], item["target"], item["message_id"]) == ("email", "lin@example.com", message.message_id)
    assert content["subject"] == "您有一条新消息"
    assert content["text"] == f"您好！\n\n请登录 <应用> 查看。\n\n--\n不再接收此类邮件: {UNSUBSCRIBE}\n"
    assert '<html lang="zh-CN" dir="ltr">' in content["html"]
    assert "请登录 &lt;应用&gt; 查看。" in content["html"]
    assert "src=" not in content["html"]
    assert content["html"].count("http") == 1
    assert content["envelope_sender"] == the_returns().envelope_sender(message.message_id)
    assert headers["Message-ID"] == the_returns().header_id(message.message_id)
    assert headers["From"] == "Harbour Credit <service@lender.example>"
    assert headers["Reply-To"] == "answers@lender.example"
    assert headers["List-Unsubscribe"] == f"<{UNSUBSCRIBE}>, <mailto:answers@lender.example?subject=STOP>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (headers["Auto-Submitted"], headers["Content-Language"]) == ("auto-generated", "zh-CN")
    assert headers["Date"] == "Mon, 02 Mar 2026 09:00:00 +0000"
    assert "RET=HDRS" in content["options"]
    assert "NOTIFY=FAILURE,DELAY" in content["options"]


@pytest.mark.parametrize(
    ("link", "is_there"),
    [
        ("https://app.lender.example/open/AZLwwSs8", True),
        ("duecourse://open/AZLwwSs8", False),
        ('https://app.lender.example/"><img src=x>', False),
    ],
)
def test_an_email_leads_into_the_app_where_a_mail_program_opens_that(link: str, is_there: bool) -> None:
    sender = Sender.read("Harbour Credit <service@lender.example>", None)

    content = compose(an_email(locale="en", data={"deep_link": link}), sender, the_returns(), now=NOW).content
    mail = message_from_bytes(content, policy=policy.default)
    text, html = [part.get_content() for part in mail.iter_parts()]

    assert (f"Read it in the app: {link}\r\n" in text) is is_there
    assert (f'<p><a href="{link}">Read it in the app</a></p>' in html) is is_there
    assert ("Read it in the app" in text + html) is is_there


@pytest.mark.parametrize(
    ("lender", "header"),
    [
        ("Rheingold Bank AG", "Rheingold Bank AG <service@lender.example>"),
        ("港湾消费金融有限公司", "港湾消费金融有限公司 <service@lender.example>"),
        ('Smith, Sons "and" <evil@x.example>', '"Smith, Sons \\"and\\" <evil@x.example>" <service@lender.example>'),
        ("Bank\r\nBcc: evil@x.example", '"Bank Bcc: evil@x.example" <service@lender.example>'),
        ("\r\n", "Harbour Credit <service@lender.example>"),
        (None, "Harbour Credit <service@lender.example>"),
    ],
)
def test_an_email_is_from_its_lender_at_the_address_of_the_settings(lender: str | None, header: str) -> None:
    sender = Sender.read("Harbour Credit <service@lender.example>", None)

    content = compose(an_email(sender_name=lender), sender, the_returns(), now=NOW).content
    mail = message_from_bytes(content, policy=policy.default)

    assert mail["From"] == header
    assert [each.addr_spec for each in mail["From"].addresses] == ["service@lender.example"]
    assert mail["Bcc"] is None


def test_a_long_name_of_a_lender_is_folded() -> None:
    sender = Sender.read("Harbour Credit <service@lender.example>", None)

    content = compose(an_email(sender_name="港" * 90), sender, the_returns(), now=NOW).content
    written = content.partition(b"From: ")[2].partition(b"\r\nTo:")[0].decode()

    assert str(make_header(decode_header(written))) == "港" * 80 + " <service@lender.example>"
    assert max(len(line) for line in written.splitlines()) < 110


def test_a_notice_without_a_link_offers_no_way_out_that_there_is_not(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in)

    channel.send([an_email(unsubscribe_url=None)], now=NOW)
    channel.close()

    [item] = stand_in.received()
    assert not any(name.startswith("List-") for name in item["content"]["headers"])
    assert "http" not in item["content"]["html"] + item["content"]["text"]


def test_a_batch_goes_over_few_connections_and_each_recipient_has_a_result(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in, connections=2)
    names = ["lin", "invalid", "blocked", "refused_content", "rate_limited", "unavailable"]

    results = channel.send([an_email(f"{name}@example.com") for name in names] + [an_email(".@")], now=NOW)
    channel.close()

    assert [(each.outcome.value, each.error_code, each.verdict.value, each.raw_code) for each in results] == [
        ("accepted", None, "keep", None),
        ("refused", "bad_address", "invalid", "550 5.1.1"),
        ("refused", "content_refused", "keep", "550 5.7.1"),
        ("refused", "content_refused", "keep", "554 5.7.1"),
        ("retry", "unavailable", "keep", "450 4.7.1"),
        ("retry", "unavailable", "keep", "451 4.3.0"),
        ("refused", "bad_address", "invalid", None),
    ]
    assert stand_in.counts()["requests"]["smtp_connect:220"] <= 2
    assert len(stand_in.received()) == 1


def test_a_second_try_of_a_greylisted_message_arrives_once_with_the_same_id(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in)
    message = an_email("unavailable@example.com")

    results = [channel.send([message], now=NOW)[0].outcome for _ in range(2)]
    channel.close()

    assert results == [Outcome.RETRY, Outcome.ACCEPTED]
    assert [item["copy"] for item in stand_in.received()] == [1]


@pytest.mark.parametrize("on", ["smtp_connect", "smtp_mail", "smtp_rcpt", "smtp_data"])
@each_act("drop", "reset_after", "drip", "cut")
def test_what_fails_before_the_final_dot_was_surely_not_sent(
    stand_in: StandInClient, on: str, act: str, patience: float
) -> None:
    channel = an_email_channel(stand_in, total_seconds=patience)
    stand_in.program({"on": on, "act": act})

    [result] = channel.send([an_email()], now=NOW)
    channel.close()

    assert result.outcome is Outcome.RETRY
    assert result.verdict is EndpointVerdict.KEEP
    assert stand_in.received() == []


def test_a_reset_amid_the_content_was_surely_not_sent(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in)
    stand_in.program({"on": "smtp", "act": "reset_before"})

    [result] = channel.send([an_email(body="long " * 600_000)], now=NOW)
    channel.close()

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "connection_lost")


@pytest.mark.parametrize(
    ("act", "arrives"),
    [
        ("reset_after", 0),
        ("accept_then_reset", 1),
        ("drop", 0),
        ("accept_then_drop", 1),
        ("drip", 1),
        ("cut", 1),
    ],
)
def test_after_the_final_dot_only_an_answer_tells(stand_in: StandInClient, act: str, arrives: int) -> None:
    channel = an_email_channel(stand_in, total_seconds=patience_for(act, silence=1.0))
    stand_in.program({"on": "smtp", "act": act})
    started = clock.monotonic_seconds()

    [result] = channel.send([an_email()], now=NOW)
    channel.close()

    assert result.outcome is Outcome.UNCERTAIN
    assert clock.monotonic_seconds() - started < 2
    assert len(stand_in.received()) == arrives


def test_a_relay_that_never_ends_its_answer_is_left(stand_in: StandInClient) -> None:
    def babble(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            try:
                while True:
                    peer.sendall(b"220-wait\r\n" * 1000)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        babbler = threading.Thread(target=babble, args=(listener,), daemon=True)
        babbler.start()
        channel = build(an_entry(listener.getsockname()[1], total_seconds=20), threads=1)
        started = clock.monotonic_seconds()

        [result] = channel.send([an_email()], now=NOW)
        took = clock.monotonic_seconds() - started
        channel.close()
        babbler.join(5)

    assert result.outcome is Outcome.RETRY
    assert took < 10


def test_a_relay_that_stops_reading_is_left_in_time() -> None:
    def read_no_more(listener: socket.socket, done: threading.Event) -> None:
        peer, _ = listener.accept()
        with peer:
            for answer in (b"220 hello", b"250 hello", b"250 ok", b"250 ok", b"354 go on"):
                peer.sendall(answer + b"\r\n")
                if answer != b"354 go on":
                    peer.recv(1000)
            done.wait(20)

    done, tls = threading.Event(), ssl.create_default_context()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = threading.Thread(target=read_no_more, args=(listener, done), daemon=True)
        reader.start()
        relay = Relay("127.0.0.1", listener.getsockname()[1], "none", tls, "lender.example", total_seconds=0.5)
        submission = Submission(relay)
        started = clock.monotonic_seconds()

        answer = submission.hand_over(Envelope("a@x.example", "b@x.example", "t", False, b"x" * 30_000_000))
        took = clock.monotonic_seconds() - started
        submission.close()
        done.set()
        reader.join(5)

    assert (answer.stage, answer.code, answer.text) == (Stage.CONTENT, 0, "timeout")
    assert took < 15  # the relay would hold out for twenty


def test_nobody_listens_there(stand_in: StandInClient) -> None:
    with socket.socket() as taken:  # and not given to anybody else meanwhile
        taken.bind(("127.0.0.1", 0))
        channel = build(an_entry(taken.getsockname()[1]), threads=1)

        [result] = channel.send([an_email()], now=NOW)
        channel.close()

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "connect_failed")


def test_a_connection_the_relay_closed_meanwhile_is_opened_again_in_the_same_try(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in, connections=1)
    channel.send([an_email()], now=NOW)
    stand_in.program({"on": "smtp_mail", "status": 421, "body": "4.4.2 idle too long", "times": 1})

    [result] = channel.send([an_email()], now=NOW)
    channel.close()

    assert result.outcome is Outcome.ACCEPTED
    assert stand_in.counts()["requests"]["smtp_connect:220"] == 2


def test_a_refused_credential_stops_the_relay_and_says_nothing_of_the_address(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in, username="duecourse", password="wrong")

    [result] = channel.send([an_email()], now=NOW)
    channel.close()

    assert (result.outcome, result.error_code, result.raw_code) == (Outcome.RETRY, "credential_refused", "535 5.7.8")
    assert result.pause_provider_seconds
    assert result.verdict is EndpointVerdict.KEEP


def test_with_the_right_credential_it_goes(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in, username="duecourse", password="right")

    [result] = channel.send([an_email()], now=NOW)
    channel.close()

    assert result.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("status", [421, 450, 452, 550, 552, 553, 554, 299, 999])
@pytest.mark.parametrize("on", ["smtp_connect", "smtp_mail", "smtp_rcpt", "smtp_data", "smtp"])
def test_a_refusal_is_never_taken_for_an_uncertainty_nor_the_reverse(stand_in: StandInClient, on: str, status: int) -> None:
    channel = an_email_channel(stand_in, connections=1)
    stand_in.program({"on": on, "status": status, "body": "no", "times": 1})

    [result] = channel.send([an_email()], now=NOW)
    [after] = channel.send([an_email()], now=NOW)
    channel.close()

    if (on, status) == ("smtp", 299):
        assert result.outcome is Outcome.ACCEPTED
    elif (on, status) == ("smtp", 999):
        assert result.outcome is Outcome.UNCERTAIN
    elif status >= 550 and status < 600 and on in ("smtp_rcpt", "smtp_data", "smtp"):
        assert result.outcome is Outcome.REFUSED
    else:
        assert result.outcome is Outcome.RETRY
    assert after.outcome is Outcome.ACCEPTED, "what one message met must not stay with the connection"


_KEEP, _INVALID, _SUSPECT = EndpointVerdict.KEEP, EndpointVerdict.INVALID, EndpointVerdict.SUSPECT


@pytest.mark.parametrize(
    ("stage", "code", "text", "outcome", "error", "verdict"),
    [
        (Stage.RECIPIENT, 550, "5.1.1 unknown", Outcome.REFUSED, "bad_address", _INVALID),
        (Stage.RECIPIENT, 550, "5.1.10 null MX", Outcome.REFUSED, "bad_address", _INVALID),
        (Stage.RECIPIENT, 550, "5.2.1 disabled", Outcome.REFUSED, "bad_address", _INVALID),
        (Stage.RECIPIENT, 550, "mailbox unavailable", Outcome.REFUSED, "bad_address", _SUSPECT),
        (Stage.RECIPIENT, 552, "5.2.2 over quota", Outcome.REFUSED, "mailbox_full", _KEEP),
        (Stage.RECIPIENT, 452, "4.2.2 over quota", Outcome.RETRY, "mailbox_full", _KEEP),
        (Stage.RECIPIENT, 451, "4.7.1 greylisted", Outcome.RETRY, "unavailable", _KEEP),
        (Stage.HANDED_OVER, 550, "5.7.1 policy", Outcome.REFUSED, "content_refused", _KEEP),
        (Stage.HANDED_OVER, 554, "no", Outcome.REFUSED, "content_refused", _KEEP),
        (Stage.HANDED_OVER, 552, "5.3.4 too big", Outcome.REFUSED, "bad_message", _KEEP),
        (Stage.HANDED_OVER, 451, "4.3.0", Outcome.RETRY, "unavailable", _KEEP),
        (Stage.HANDED_OVER, 0, "timeout", Outcome.UNCERTAIN, "timeout", _KEEP),
        (Stage.CONTENT, 0, "timeout", Outcome.RETRY, "timeout", _KEEP),
        (Stage.SENDER, 550, "5.1.8 bad sender", Outcome.RETRY, "sender_refused", _KEEP),
        (Stage.SENDER, 530, "5.7.0 log in first", Outcome.RETRY, "credential_refused", _KEEP),
        (Stage.LOGIN, 454, "4.7.0 later", Outcome.RETRY, "unavailable", _KEEP),
        (Stage.TLS, 0, "SSLCertVerificationError", Outcome.RETRY, "tls_refused", _KEEP),
    ],
)
def test_each_answer_of_a_relay_has_one_meaning(
    stage: Stage, code: int, text: str, outcome: Outcome, error: str, verdict: EndpointVerdict
) -> None:
    result = result_of(SmtpAnswer(stage, code, text))

    assert (result.outcome, result.error_code, result.verdict) == (outcome, error, verdict)
    paused = error in ("sender_refused", "credential_refused", "tls_refused") or stage is Stage.LOGIN
    assert bool(result.pause_provider_seconds) == paused


@pytest.mark.parametrize("part", ["title", "locale", "unsubscribe_url", "body"])
@pytest.mark.parametrize(
    "attack", ["\r\nBcc: all@example.com", "\nBcc: x@example.com\n\nhello", "\x0bBcc: a@b.c", "\u2028Bcc: a@b.c"]
)
def test_nothing_that_is_said_can_begin_a_header(part: str, attack: str) -> None:
    message = an_email(**{part: f"https://a.example/x{attack}"})

    envelope = compose(message, Sender.read("A <a@lender.example>", None), the_returns(), now=NOW)

    mail = message_from_bytes(envelope.content, policy=policy.default)
    assert mail["Bcc"] is None
    assert mail["To"] == "lin@example.com"
    assert len(list(mail.iter_parts())) == 2
    assert b"\n" not in envelope.content.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "address",
    [
        "lin@example.com\r\nRCPT TO:<x@example.com>",
        "lin@example.com> NOTIFY=NEVER",
        "a b@example.com",
        "lin@exa mple.com",
        "a@b@example.com",
        "lin@",
        "@example.com",
        "",
        "x" * 65 + "@example.com",
        "lin@" + "x" * 64 + ".example",
    ],
)
def test_an_address_that_smtp_cannot_carry_never_reaches_the_wire(stand_in: StandInClient, address: str) -> None:
    channel = an_email_channel(stand_in)

    [result] = channel.send([an_email(address)], now=NOW)
    channel.close()

    assert (result.outcome, result.verdict) == (Outcome.REFUSED, EndpointVerdict.INVALID)
    assert stand_in.counts()["requests"] == {}


def test_addresses_in_other_scripts_arrive(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in)

    results = channel.send([an_email("lin@例子.example"), an_email("林@example.com")], now=NOW)
    channel.close()

    assert [each.outcome for each in results] == [Outcome.ACCEPTED] * 2
    assert {item["target"] for item in stand_in.received()} == {"lin@xn--fsqu00a.example", "林@example.com"}


def test_a_line_that_is_a_dot_does_not_end_the_message(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in)

    channel.send([an_email(body="one\n.\n..two\nthree")], now=NOW)
    channel.close()

    [item] = stand_in.received()
    assert item["content"]["text"].startswith("one\n\n.\n\n..two\n\nthree")


def test_what_has_expired_is_not_sent(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in)

    [result] = channel.send([an_email(expires_at=NOW)], now=NOW)
    channel.close()

    assert (result.outcome, result.error_code) == (Outcome.REFUSED, "expired")
    assert stand_in.received() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://127.0.0.1"},
        {"url": "smtp://mail.lender.example", "security": "none"},
        {"key": "short"},
        {"from": "Harbour Credit"},
        {"reply_to": "nobody"},
    ],
)
def test_settings_that_are_weak_or_wrong_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="smtp provider"):
        build(an_entry(**changes), threads=1)


def test_a_setting_that_is_missing_is_named() -> None:
    with pytest.raises(KeyError, match="bounce_domain"):
        build(an_entry(bounce_domain=None), threads=1)
