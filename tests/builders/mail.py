"""E-mail channels on the stand-in's relay, messages for them, and mail that comes back, signed."""

from typing import Any

from app import clock
from app.channels.base import Outgoing, Target
from app.channels.callbacks import CallbackRequest
from app.channels.email.callbacks import MailParser, parser
from app.channels.email.return_paths import ReturnPaths
from app.channels.email.smtp import SmtpEmail, build, return_paths
from app.channels.signed_posts import signature
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import an_outgoing
from tests.builders.patience import PATIENT
from tests.fakes.stand_in import MAIL_KEY

UNSUBSCRIBE = "https://api.lender.example/v1/unsubscribe/abc"


def an_entry(port: int = 1, **changes: Any) -> dict[str, Any]:
    """An smtp provider's entry of the providers file, towards loopback."""
    entry = {
        "provider": "smtp",
        "url": f"smtp://127.0.0.1:{port}",
        "security": "none",
        "from": "Harbour Credit <service@lender.example>",
        "reply_to": "answers@lender.example",
        "bounce_domain": "returns.lender.example",
        "key": MAIL_KEY,
        "total_seconds": PATIENT,
        **changes,
    }
    return {name: value for name, value in entry.items() if value is not None}


def an_email_channel(stand_in: StandInClient, **changes: Any) -> SmtpEmail:
    return build(an_entry(stand_in.smtp_port(), **changes), threads=4)


def an_email(to: str = "lin@example.com", **changes: Any) -> Outgoing:
    words = {"title": "You have a new message", "body": "Hello,\nPlease sign in to read it."}
    return an_outgoing(Target("endpoint-3", "email", to), **{**words, "unsubscribe_url": UNSUBSCRIBE, **changes})


def the_returns() -> ReturnPaths:
    return return_paths(an_entry())


def the_parser(**changes: Any) -> MailParser:
    made = parser(an_entry(**changes))
    assert isinstance(made, MailParser)
    return made


def a_post(body: bytes | str, *, recipient: str = "", key: str = MAIL_KEY, age_seconds: int = 0) -> CallbackRequest:
    """One mail as the relay posts it."""
    raw = body if isinstance(body, bytes) else body.replace("\n", "\r\n").encode()
    now = int(clock.system_now().timestamp())
    timestamp = str(now - age_seconds)
    headers = {"duecourse-timestamp": timestamp, "duecourse-signature": signature(key.encode(), timestamp, raw)}
    if recipient:
        headers["duecourse-recipient"] = recipient
    return CallbackRequest("POST", "https://api.lender.example/v1/callbacks/email", "", {}, headers, raw, now)


def as_posted(item: dict[str, Any]) -> CallbackRequest:
    """One post of the stand-in, as the door hands it to the parser."""
    headers = {name.lower(): value for name, value in item["headers"].items()}
    return CallbackRequest("POST", "", "", {}, headers, item["body"].encode(), int(clock.system_now().timestamp()))
