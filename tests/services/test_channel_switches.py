"""What an operator stops or limits, as dispatch will read it."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.errors import ValidationError
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.unit_of_work import unit_of_work
from app.services.channel_switches import Switch, Switches, limit_channel, read_switches, start_channel, stop_channel
from tests.conftest import START

BY: dict[str, Any] = {"reason": "provider lies", "by": "operator:Eve", "now": START}


def switches() -> Switches:
    db.session().rollback()
    return read_switches(db.session())


def test_a_channel_nobody_touched_is_on_and_without_a_limit(app: Flask) -> None:
    assert switches().of("sms") == Switch(True, None)
    assert switches().room("sms", 10**6) is None


def test_stopping_and_starting_keeps_the_limit_and_is_said_once(app: Flask) -> None:
    with unit_of_work() as work:
        assert limit_channel(work, "sms", 500, **BY)
        assert stop_channel(work, "sms", **BY)
        assert not stop_channel(work, "sms", **BY)
    assert (switches().of("sms"), switches().of("push")) == (Switch(False, 500), Switch())

    with unit_of_work() as work:
        assert start_channel(work, "sms", **BY)
        assert not start_channel(work, "push", **BY)

    assert switches().touched == {"sms": Switch(True, 500)}
    trail = db.session().execute(select(AuditRow.actor, AuditRow.action).order_by(AuditRow.id))
    assert [tuple(row) for row in trail] == [
        ("operator:Eve", action) for action in ("channel.limited", "channel.stopped", "channel.started")
    ]


def test_room_is_what_the_day_has_left() -> None:
    found = Switches({"sms": Switch(True, 500), "voice": Switch(False, 500)})

    assert [found.room("sms", sent) for sent in (0, 499, 500, 501)] == [500, 1, 0, 0]
    assert found.room("voice", 0) == 0
    assert found.room("push", 0) is None


def test_what_is_no_channel_no_reason_or_no_limit_is_refused(sqlite_book: Flask) -> None:
    for act, pointer in (
        (lambda work: stop_channel(work, "in_app", **BY), "/channel"),
        (lambda work: stop_channel(work, "sms", **{**BY, "reason": " "}), "/reason"),
        (lambda work: limit_channel(work, "sms", 0, **BY), "/daily_messages"),
        (lambda work: limit_channel(work, "sms", 2**31, **BY), "/daily_messages"),
    ):
        with pytest.raises(ValidationError) as refused, unit_of_work() as work:
            act(work)
        assert [error.pointer for error in refused.value.errors] == [pointer]
    assert switches().touched == {}


def test_the_commands_stop_limit_start_and_list(sqlite_book: Flask) -> None:
    run = sqlite_book.test_cli_runner().invoke
    said = ["--reason", "wrong template", "--by", "Eve"]

    assert run(args=["engine", "stop-channel", "sms", *said]).output == "sms is stopped.\n"
    assert run(args=["engine", "limit-channel", "sms", "--daily-messages", "9", *said]).output == (
        "sms is limited to 9 messages a day.\n"
    )
    listed = run(args=["engine", "list-channels"]).output.strip().split("\t")
    assert listed == ["sms", "stopped", "9 a day", "wrong template", "operator:Eve", "2026-03-02T09:00:00Z"]
    assert run(args=["engine", "start-channel", "sms", *said]).output == "sms is on.\n"
    assert run(args=["engine", "limit-channel", "sms", *said]).output == "sms has no limit.\n"
    refused = run(args=["engine", "stop-channel", "fax", *said])
    assert (refused.exit_code, "push, sms, voice, wechat, email, letter" in refused.output) == (1, True)
