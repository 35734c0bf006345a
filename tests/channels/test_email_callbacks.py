"""What comes back by mail: bounces, complaints, answers; forged, late, twice, and garbage."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.channels.callbacks import ForgedError, MalformedError, parser_of
from app.channels.email.replies import own_words
from app.domain.deliveries import Callback, Told
from app.persistence.ids import new_id
from app.sandbox.stand_in.client import StandInClient
from tests.builders.mail import a_post, an_email, an_email_channel, an_entry, as_posted, the_parser, the_returns
from tests.builders.outgoing import NOW

MESSAGE_ID = "0198c0de-0000-7000-8000-00000000abcd"
RETURN_PATH = the_returns().envelope_sender(MESSAGE_ID)
HEADER_ID = the_returns().header_id(MESSAGE_ID)

POSTFIX = f"""\
From: MAILER-DAEMON@relay.example (Mail Delivery System)
To: {RETURN_PATH}
Subject: Undelivered Mail Returned to Sender
Date: Mon, 2 Mar 2026 10:00:00 +0100
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host relay.example.

--b
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example
Arrival-Date: Mon, 2 Mar 2026 09:59:59 +0100 (CET)

Final-Recipient: rfc822; lin@example.com
Action: ACTION
Status: STATUS
Diagnostic-Code: DIAGNOSIS

--b
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Message-ID: {HEADER_ID}
To: lin@example.com

--b--
"""
ARF = f"""\
From: <complaints@mailbox.example>
To: {RETURN_PATH}
Date: Mon, 2 Mar 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: TYPE
User-Agent: SomeGenerator/1.0
Version: 1
Original-Rcpt-To: <lin@example.com>

--b
Content-Type: message/rfc822

From: <service@lender.example>
To: redacted@mailbox.example
Message-ID: {HEADER_ID}
Subject: You have a new message

Hello.

--b--
"""
REPLY = f"""\
From: Lin <Lin@Example.com>
To: answers@lender.example
Subject: SUBJECT
Date: Mon, 2 Mar 2026 10:00:00 +0000
Message-ID: <1@example.com>
In-Reply-To: {HEADER_ID}
Content-Type: text/plain; charset=utf-8

WORDS
"""


def dsn(action: str, status: str, diagnosis: str = "smtp; no") -> str:
    return POSTFIX.replace("ACTION", action).replace("STATUS", status).replace("DIAGNOSIS", diagnosis)


def reply(words: str, subject: str = "Re: You have a new message", **headers: str) -> str:
    extra = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in headers.items())
    return extra + REPLY.replace("SUBJECT", subject).replace("WORDS", words)


def heard(mail: str | bytes, **post: object) -> Callback:
    return the_parser().read(a_post(mail, **post))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("action", "status", "diagnosis", "told", "code", "verdict"),
    [
        ("failed", "5.1.1", "smtp; 550 5.1.1 no such user", Told.FAILED, "bad_address", "invalid"),
        ("failed", "5.0.0", "smtp; 550 5.1.1 no such user", Told.FAILED, "bad_address", "invalid"),
        ("failed", "5.2.1", "smtp; 550 disabled", Told.FAILED, "bad_address", "invalid"),
        ("failed", "5.2.2", "smtp; 552 5.2.2 over quota", Told.FAILED, "mailbox_full", "keep"),
        ("failed", "5.7.1", "smtp; 550 5.7.1 policy", Told.FAILED, "content_refused", "keep"),
        ("failed", "4.4.7", "smtp; delivery time expired", Told.FAILED, "unreachable", "keep"),
        ("failed", "4.1.1", "smtp; 450 4.1.1 not now", Told.FAILED, "unreachable", "keep"),
        ("failed", "nonsense", "x", Told.FAILED, "unknown", "keep"),
        ("delayed", "4.4.1", "smtp; no answer", Told.ACCEPTED, "unreachable", "keep"),
        ("Delivered", "2.0.0", "smtp; 250 ok", Told.DELIVERED, None, "keep"),
        ("relayed (to a system without receipts)", "2.0.0", "smtp; 250", Told.SENT, None, "keep"),
    ],
)
def test_a_delivery_report_says_what_became_of_our_message(
    action: str, status: str, diagnosis: str, told: Told, code: str | None, verdict: str
) -> None:
    callback = heard(dsn(action, status, diagnosis))

    [report] = callback.reports
    assert (report.told, report.message_id, report.error_code, report.verdict) == (told, MESSAGE_ID, code, verdict)
    assert report.at is not None
    assert report.at.isoformat() == "2026-03-02T09:00:00+00:00"
    assert callback.is_signed
    assert (callback.answer.status, callback.inbound, callback.events) == (200, (), ())


def test_the_same_report_twice_has_one_key_and_another_has_another() -> None:
    first, again, other = (
        heard(dsn(*each)).reports[0].event_key for each in [("failed", "5.1.1")] * 2 + [("delayed", "4.4.1")]
    )

    assert first == again != other


@pytest.mark.parametrize("known_by", ["recipient", "to", "returned headers", "envelope id"])
def test_a_report_is_known_by_any_of_the_places_that_hold_our_token(known_by: str) -> None:
    bare = dsn("failed", "5.1.1").replace(RETURN_PATH, "bounces@x.example").replace(HEADER_ID, "<1@x.example>")
    envelope_id = f"Original-Envelope-Id: {the_returns().token(MESSAGE_ID)}"
    mails = {
        "recipient": (bare, RETURN_PATH),
        "to": (bare.replace("bounces@x.example", RETURN_PATH), ""),
        "returned headers": (bare.replace("<1@x.example>", HEADER_ID.upper()), ""),
        "envelope id": (bare.replace("Reporting-MTA", f"{envelope_id}\nReporting-MTA"), ""),
    }
    mail, recipient = mails[known_by]

    assert [report.message_id for report in heard(mail, recipient=recipient).reports] == [MESSAGE_ID]
    assert heard(bare).reports == []


def test_a_bounce_with_a_token_that_somebody_made_up_is_not_believed() -> None:
    plain, _, rest = the_returns().token(MESSAGE_ID).partition(".")
    forged = dsn("failed", "5.1.1").replace(rest, "0" * 16)

    assert plain in forged
    assert heard(forged).reports == []


def test_a_bounce_in_prose_is_read_by_its_codes() -> None:
    qmail = f"From: MAILER-DAEMON@old.example\nTo: {RETURN_PATH}\nSubject: failure notice\n\nThe qmail-send program.\n"

    [dead] = heard(
        qmail + "<lin@example.com>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 unknown\n"
    ).reports
    [full] = heard(qmail + "Remote host said: 552 mailbox is full\n").reports

    assert (dead.told, dead.error_code, dead.verdict) == (Told.FAILED, "bad_address", "invalid")
    assert (full.told, full.raw_code, full.verdict) == (Told.FAILED, "552", "keep")


def test_a_vacation_notice_to_the_return_path_is_no_bounce_and_no_answer() -> None:
    notice = f"From: lin@example.com\nTo: {RETURN_PATH}\nAuto-Submitted: auto-replied\nSubject: Away\n\n550 5.1.1\n"

    callback = heard(notice, recipient=RETURN_PATH)

    assert (callback.reports, callback.inbound, callback.events) == ((), (), ())


@pytest.mark.parametrize("kind", ["abuse", "fraud", "opt-out"])
def test_a_complaint_ends_emails_to_whom_we_wrote_and_shows_that_it_arrived(kind: str) -> None:
    callback = heard(ARF.replace("TYPE", kind))

    [event] = callback.events
    assert (event.kind, event.channel, event.address_kind) == ("complained", "email", "email")
    assert (event.address, event.detail["message_id"]) == ("", MESSAGE_ID), "an address in it may be another's"
    assert [(report.told, report.message_id) for report in callback.reports] == [(Told.DELIVERED, MESSAGE_ID)]
    assert callback.reports[0].event_key != event.event_key


def test_a_complaint_whose_recipient_is_blacked_out_still_names_our_message() -> None:
    [event] = heard(ARF.replace("TYPE", "abuse").replace("Original-Rcpt-To: <lin@example.com>\n", "")).events

    assert event.detail["message_id"] == MESSAGE_ID


def test_not_spam_and_a_complaint_about_nothing_of_ours_change_nothing() -> None:
    foreign = ARF.replace(HEADER_ID, "<1@elsewhere.example>").replace(RETURN_PATH, "abuse@lender.example")

    assert heard(ARF.replace("TYPE", "not-spam")).events == []
    assert heard(foreign.replace("TYPE", "abuse")).events == []


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("STOP", "STOP"),
        ("STOP\n\nOn Mon, 2 Mar 2026 at 09:00, Harbour Credit <service@lender.example> wrote:\n> Hello,\n> Please", "STOP"),
        (
            "Can I pay on Friday?\n\nOn Mon, 2 Mar 2026 at 09:00, Harbour Credit\n<a@lender.example> wrote:\n\n> Hello",
            "Can I pay on Friday?",
        ),
        ("好的，周五还。\n\n在 2026年3月2日，Harbour Credit 写道：\n> 您好", "好的，周五还。"),
        ("退订\n\n------------------ 原始邮件 ------------------\n发件人: Harbour Credit <service@lender.example>", "退订"),
        ("yes\n\n-----Original Message-----\nFrom: x", "yes"),
        ("yes\n________________________________\nFrom: x", "yes"),
        ("yes\n\nFrom: Harbour Credit <service@lender.example>\nSent: Monday", "yes"),
        ("STOP\n\nSent from my iPhone", "STOP"),
        ("one\n> quoted\ntwo", "one\ntwo"),
        ("yes\n-- \nLin", "yes"),
    ],
)
def test_an_answer_is_the_persons_own_words(words: str, kept: str) -> None:
    [message] = heard(reply(words)).inbound

    assert message.text == kept == own_words(words)
    assert (message.channel, message.address_kind, message.address) == ("email", "email", "lin@example.com")
    assert (message.in_reply_to, message.subject) == (MESSAGE_ID, "Re: You have a new message")


def test_an_answer_without_words_says_what_its_subject_says() -> None:
    assert [each.text for each in heard(reply("", subject="STOP")).inbound] == ["STOP"]
    assert heard(reply("> only quoted")).inbound == ()


def test_an_answer_in_html_alone_is_read_without_the_quoted_message() -> None:
    html = reply('<div>I can pay <b>half</b>.</div><blockquote type="cite">You owe</blockquote>')

    [message] = heard(html.replace("text/plain", "text/html")).inbound

    assert message.text == "I can pay half."


def test_an_answer_in_gb2312_is_read() -> None:
    raw = reply("我周五还款。").replace("charset=utf-8", "charset=gb2312").replace("\n", "\r\n").encode("gb2312")

    assert [each.text for each in heard(raw).inbound] == ["我周五还款。"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"X_Autoreply": "yes"},
        {"List_Id": "<x.example>"},
        {"Return_Path": "<>"},
        {"subject": "Automatic reply: You have a new message"},
        {"subject": "自动回复：您有一条新消息"},
    ],
)
def test_what_a_machine_answers_is_not_heard(headers: dict[str, str]) -> None:
    assert heard(reply("STOP", **headers)).inbound == ()


def test_a_sender_that_failed_dmarc_is_not_heard_where_the_relay_says_so() -> None:
    failed = "mx.lender.example; dmarc=fail header.from=example.com"
    strict = the_parser(authserv_id="mx.lender.example")

    assert strict.read(a_post(reply("STOP", Authentication_Results=failed))).inbound == ()
    assert len(strict.read(a_post(reply("STOP", Authentication_Results=failed.replace("fail", "pass")))).inbound) == 1


@pytest.mark.parametrize(
    ("results", "is_proven"),
    [
        ("mx.lender.example; dmarc=pass header.from=example.com", True),
        ("mx.lender.example 1; spf=fail smtp.mailfrom=x; dmarc=pass (p=none) header.from=example.com", True),
        ("mx.lender.example; dmarc=none header.from=example.com", False),
        ("mx.lender.example; spf=pass smtp.mailfrom=dmarc=pass@evil.example", False),
        ('mx.lender.example; spf=pass smtp.mailfrom="; dmarc=pass"@evil.example; dmarc=none', False),
        ("mx.lender.example.evil.example; dmarc=pass", False),
        ("", False),
    ],
)
def test_a_sender_is_proven_only_where_the_relay_says_that_it_passed_dmarc(results: str, is_proven: bool) -> None:
    mail = reply("START", **({"Authentication_Results": results} if results else {}))

    [checked] = the_parser(authserv_id="mx.lender.example").read(a_post(mail)).inbound
    [unchecked] = heard(mail).inbound

    assert (checked.is_sender_proven, unchecked.is_sender_proven) == (is_proven, False)


@pytest.mark.parametrize("change", ["key", "late", "early", "body", "no headers", "not ascii"])
def test_a_post_that_is_not_the_relays_is_refused(change: str) -> None:
    request = a_post(
        dsn("failed", "5.1.1"),
        key="another key" if change == "key" else "a key that the mail relay and we share",
        age_seconds={"late": 301, "early": -301}.get(change, 0),
    )
    headers = {"no headers": {}, "not ascii": {**request.headers, "duecourse-signature": "é"}}.get(change, request.headers)
    body = request.body + (b"x" if change == "body" else b"")

    with pytest.raises(ForgedError):
        the_parser().read(type(request)("POST", "", "", {}, headers, body, request.now_seconds))


def test_an_empty_post_is_malformed() -> None:
    with pytest.raises(MalformedError):
        heard("")


_GARBAGE = st.one_of(
    st.binary(min_size=1, max_size=2000),
    st.builds(
        lambda mail, at, piece: mail[: at % len(mail)] + piece + mail[at % len(mail) + len(piece) :],
        st.sampled_from([dsn("failed", "5.1.1").encode(), ARF.encode(), reply("STOP").encode()]),
        st.integers(0, 4000),
        st.one_of(
            st.binary(max_size=40), st.sampled_from([b"\n\n", b"\x00", b"=?utf-8?b?x?=", b"boundary=", b"charset=\xff"])
        ),
    ),
)


@given(_GARBAGE)
def test_garbage_is_answered_and_changes_nothing_that_is_not_ours(raw: bytes) -> None:
    callback = heard(raw)

    assert callback.answer.status == 200
    assert {report.message_id for report in callback.reports} <= {MESSAGE_ID}


def test_a_mail_of_endless_parts_is_read_to_a_limit() -> None:
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3000))

    assert heard(b"From: a@example.com\n" + nested).reports == ()


@pytest.mark.parametrize(
    "hostile",
    [
        b"From: a@example.com\n\n" + b"On " * 300_000,
        b"From: a@example.com\nSubject: " + b"=?utf-8?q?" * 90_000 + b"\n\nx",
        b"From: " + b"(" * 900_000 + b"\n\nx",
        b"From: a@example.com\nContent-Type: text/html\n\n" + b"<div>" * 180_000,
        b"From: a@example.com\n" + b"X: y\n" * 150_000 + b"\nx",
    ],
    ids=["quote", "words", "comments", "marks", "headers"],
)
def test_a_mail_that_is_made_to_be_slow_is_not(hostile: bytes) -> None:
    started = time.thread_time()  # what others do on this machine is not its fault

    heard(hostile)

    assert time.thread_time() - started < 1.5


def test_the_registry_finds_the_parser() -> None:
    assert parser_of("email", an_entry()) is not None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bounce", [Told.FAILED]),
        ("unreachable", [Told.ACCEPTED, Told.FAILED]),
        ("duplicate_receipts", [Told.DELIVERED] * 2),
        ("complaint", [Told.DELIVERED]),
        ("delivered", []),
        ("no_receipt", []),
    ],
)
def test_what_the_stand_in_sends_back_is_understood(stand_in: StandInClient, name: str, told: list[Told]) -> None:
    channel = an_email_channel(stand_in)
    message = an_email(f"{name}@example.com", message_id=new_id())

    channel.send([message], now=NOW)
    channel.close()

    callbacks = [the_parser().read(as_posted(item)) for item in stand_in.callbacks()]
    reports = [report for callback in callbacks for report in callback.reports]
    assert [report.told for report in reports] == told
    assert {report.message_id for report in reports} <= {message.message_id}
    complained = [event.detail["message_id"] for callback in callbacks for event in callback.events]
    assert complained == ([message.message_id] if name == "complaint" else [])


def test_the_stand_ins_answers_name_our_message(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in)
    stop, question = an_email("stop@example.com"), an_email("reply@example.com")

    channel.send([stop], now=NOW)
    channel.send([question], now=NOW)
    channel.close()

    answers = [the_parser().read(as_posted(item)).inbound[0] for item in stand_in.callbacks()]
    assert [(each.address, each.in_reply_to) for each in answers] == [
        ("stop@example.com", stop.message_id),
        ("reply@example.com", question.message_id),
    ]
    assert answers[0].text == "STOP"
    assert answers[1].text.startswith("I can pay half")


def test_receipts_of_delivery_come_where_they_were_asked_for(stand_in: StandInClient) -> None:
    channel = an_email_channel(stand_in, receipts=True)

    channel.send([an_email()], now=NOW)
    channel.close()

    [item] = stand_in.callbacks()
    assert [report.told for report in the_parser().read(as_posted(item)).reports] == [Told.DELIVERED]
