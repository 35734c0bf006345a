"""What comes back by mail: delivery reports (RFC 3464), complaints (RFC 5965), answers; signed as by a relay."""

import hashlib
import hmac
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from app import clock
from app.sandbox.stand_in.callbacks import CallbackPost
from app.sandbox.stand_in.providers import Gesture, GestureError

_LATE_MS = 20_000
_ARRIVES = ("delivered", "late", "rate_limited", "unavailable")
"""The last two after another try."""
_REPORT = """\
Content-Type: multipart/report; report-type={kind}; boundary="=_report"
MIME-Version: 1.0
From: Mail Delivery System <MAILER-DAEMON@relay.example>
To: <{to}>
Subject: {subject}
Date: {date}
Message-ID: {own_id}
Auto-Submitted: auto-replied

--=_report
Content-Type: text/plain; charset=utf-8

{prose}

--=_report
Content-Type: {report_type}

{report}

--=_report
Content-Type: text/rfc822-headers

{headers}
--=_report--
"""
_QUESTION = "I can pay half of it on Friday. Is that all right?"


class Mailbag:
    """Where mail that comes back is posted. `url` "-": nowhere, it is only kept."""

    labels = ("email",)

    def __init__(self, url: str = "-", key: str = "") -> None:
        self._url = url
        self._key = key

    def posts(
        self, outcome: str, sender: str, recipient: str, mail: EmailMessage, *, wants_success: bool
    ) -> tuple[CallbackPost, ...]:
        """Return what comes back of a message with this outcome."""
        report = {
            "bounce": ("failed", "5.1.1", "smtp; 550 5.1.1 No such user here"),
            "unreachable": ("failed", "4.4.7", "smtp; 450 4.4.7 Delivery time expired"),
        }.get(outcome)
        if report is not None:
            failed = self._post(_dsn(sender, recipient, mail, *report), sender)
            delayed = self._post(_dsn(sender, recipient, mail, "delayed", "4.4.1", "smtp; no answer from host"), sender)
            return (delayed, failed) if outcome == "unreachable" else (failed,)
        if outcome == "complaint":
            return (self._post(_arf(sender, recipient, mail), sender),)
        if outcome in ("stop", "reply"):
            return (self._post(_answer(recipient, mail, "STOP" if outcome == "stop" else _QUESTION), ""),)
        if outcome == "duplicate_receipts" or (wants_success and outcome in _ARRIVES):
            well = _dsn(sender, recipient, mail, "delivered", "2.0.0", "smtp; 250 2.0.0 Ok")
            post = self._post(well, sender, delay_ms=_LATE_MS if outcome == "late" else 50)
            return (post, post) if outcome == "duplicate_receipts" else (post,)
        return ()

    def touched(self, gesture: Gesture) -> tuple[CallbackPost, ...]:
        """Return what comes back when somebody answers an e-mail or marks it as spam."""
        recipient, content = str(gesture.item["target"]), gesture.item["content"]
        mail = EmailMessage()
        for name in ("From", "To", "Reply-To", "Subject", "Message-ID", "Date"):
            if content["headers"].get(name):
                mail[name] = content["headers"][name]
        if gesture.act == "text":
            return (self._post(_answer(recipient, mail, gesture.text), ""),)
        if gesture.act == "spam":
            sender = content["envelope_sender"]
            return (self._post(_arf(sender, recipient, mail), sender),)
        raise GestureError("An e-mail is answered or marked as spam.")

    def _post(self, content: str, recipient: str, *, delay_ms: int = 50) -> CallbackPost:
        body = content.replace("\r\n", "\n").replace("\n", "\r\n").encode()
        timestamp = str(int(clock.system_now().timestamp()))
        signed = hmac.new(self._key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "message/rfc822",
            "Duecourse-Timestamp": timestamp,
            "Duecourse-Signature": signed,
            **({"Duecourse-Recipient": recipient} if recipient else {}),
        }
        return CallbackPost(self._url, headers, body, delay_ms)


def _dsn(sender: str, recipient: str, mail: EmailMessage, action: str, status: str, diagnosis: str) -> str:
    fields = f"Reporting-MTA: dns; relay.example\n\nFinal-Recipient: rfc822; {recipient}\nAction: {action}\n"
    return _REPORT.format(
        kind="delivery-status",
        to=sender,
        subject="Delivery Status Notification",
        date=_date(),
        own_id=make_msgid(domain="relay.example"),
        prose=f"This is what became of your message: {action}.",
        report_type="message/delivery-status",
        report=f"{fields}Status: {status}\nDiagnostic-Code: {diagnosis}",
        headers=_headers(mail),
    )


def _arf(sender: str, recipient: str, mail: EmailMessage) -> str:
    return _REPORT.format(
        kind="feedback-report",
        to=sender,
        subject="Abuse report",
        date=_date(),
        own_id=make_msgid(domain="relay.example"),
        prose="This is an abuse report for a message.",
        report_type="message/feedback-report",
        report=f"Feedback-Type: abuse\nUser-Agent: stand-in/1\nVersion: 1\nOriginal-Mail-From: <{sender}>\n"
        f"Original-Rcpt-To: <{recipient}>\nArrival-Date: {_date()}",
        headers=_headers(mail),
    )


def _answer(recipient: str, mail: EmailMessage, words: str) -> str:
    return (
        f"From: <{recipient}>\nTo: {mail['Reply-To'] or mail['From']}\nSubject: Re: {mail['Subject']}\nDate: {_date()}\n"
        f"Message-ID: {make_msgid(domain='mailbox.example')}\nIn-Reply-To: {mail['Message-ID']}\n"
        f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{words}\n\n"
        f"On {_date()}, {mail['From']} wrote:\n> {mail['Subject']}\n"
    )


def _headers(mail: EmailMessage) -> str:
    return "\n".join(f"{name}: {' '.join(str(value).split())}" for name, value in mail.items())


def _date() -> str:
    return format_datetime(clock.system_now())
