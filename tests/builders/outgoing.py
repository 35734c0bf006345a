"""Messages on their way out, valid by default, each with an id of its own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.channels.base import Outgoing, Target
from app.persistence.ids import new_id

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def a_target(address: str = "device-1", **changes: Any) -> Target:
    return replace(Target("endpoint-1", "token", address, "android"), **changes)


def an_outgoing(target: Target | None = None, **changes: Any) -> Outgoing:
    outgoing = Outgoing(
        message_id=new_id(),
        target=target or a_target(),
        kind="due_soon",
        title="You have a message",
        body="Open the app to read it.",
        expires_at=NOW + timedelta(hours=3),
    )
    return replace(outgoing, **changes)


def a_text(to: str = "+447400123456", **changes: Any) -> Outgoing:
    target = Target("endpoint-2", "phone", to)
    return an_outgoing(target, **{"kind": "otp", "title": "", "body": "Your code is 123456.", **changes})
