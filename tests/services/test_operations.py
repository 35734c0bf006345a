"""How the installation is doing, counted within bounds: the same few statements however much there is."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert

from app.domain.lanes import LANES
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import db
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.queries import operations as queries
from app.persistence.queries.leases import ENGINE_PREFIX, take_lease
from app.persistence.unit_of_work import unit_of_work
from app.services.operations import Operations, keep_invariant_counts, look
from app.web.reads import end_reads, reads
from tests.builders.book import build_lender, build_loan
from tests.builders.sent import a_sent
from tests.conftest import START
from tests.fakes.channels import FakeChannel


def looked(app: Flask, lender_id: str, **changes: Any) -> Operations:
    with app.test_request_context():
        found = look(reads(), lender_id, **{"now": START, "machine_now": START, **changes})
        end_reads()
    return found


def an_engine_lives(*, until: Any = None) -> None:
    with unit_of_work() as work:
        ttl = timedelta(seconds=30) if until is None else until - START
        take_lease(work.session, f"{ENGINE_PREFIX}e1", owner="e1", machine_now=START, ttl=ttl)


def test_queues_are_told_by_lane_with_what_is_in_flight_and_what_was_left_behind(app: Flask) -> None:
    built = build_loan(now=START, due=[START.date()])
    early = START - timedelta(minutes=20)
    a_sent(built.borrower_id, now=early, state="queued")
    a_sent(built.borrower_id, now=START, state="sending", leased_until=START + timedelta(minutes=1))
    a_sent(built.borrower_id, now=START, state="sending", leased_until=early)
    a_sent(built.borrower_id, now=START, state="stale")
    a_sent(built.borrower_id, now=START, state="queued", next_attempt_at=START + timedelta(hours=1))
    a_sent(built.borrower_id, now=START, state="uncertain", channel="push")

    found = looked(app, built.lender_id)

    lanes = {each.lane: each for each in found.lanes}
    assert set(lanes) == {*LANES, "untold", "uncertain"}
    assert tuple(lanes["sms"]) == ("sms", 5, 4, 2, 1, 1, early)
    assert lanes["uncertain"].waiting == 1
    assert found.waiting["uncertain_messages"] == 1
    assert "sms" in found.late


def test_it_is_well_when_an_engine_lives_and_nothing_is_late_or_broken(app: Flask) -> None:
    lender_id = build_lender(now=START)
    dead = looked(app, lender_id).is_well
    an_engine_lives()
    well = looked(app, lender_id).is_well
    with unit_of_work() as work:
        keep_invariant_counts(work.session, {"decisions_twice": 0, "pushes_after_payment": 2}, now=START)
    broken = looked(app, lender_id)

    assert (dead, well, broken.is_well) == (False, True, False)
    assert {each.name: each.count for each in broken.invariants} == {"decisions_twice": 0, "pushes_after_payment": 2}


def test_an_engine_tells_what_only_its_memory_knows(app: Flask) -> None:
    engine = Engine(Dispatcher({"sms": FakeChannel("sms")}))  # type: ignore[arg-type, dict-item]
    engine.ticks["sweep"] = START
    engine.dispatcher.routes._pause("sms", "fake", 90, START)
    engine.dispatcher.routes.breakers.open("push/fcm", "ios", seconds=300, at=0)

    engine.heartbeat()
    engine.report()
    engine.report()

    [found] = looked(app, build_lender(now=START)).engines
    assert (found.owner, found.ticks) == (engine.dispatcher.owner, {"sweep": START})
    assert [(each["channel"], each["provider"]) for each in found.paused] == [("sms", "fake")]
    assert [(each["way"], each["platform"]) for each in found.breakers] == [("push/fcm", "ios")]


def test_counts_stop_at_their_bound(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST_COUNTED", 3)
    built = build_loan(now=START, due=[START.date()])
    for _ in range(5):
        a_sent(built.borrower_id, now=START, state="queued")

    assert {each.lane: each.waiting for each in looked(app, built.lender_id).lanes}["sms"] == 3


def test_looking_takes_as_many_statements_for_many_messages_as_for_none(app: Flask) -> None:
    built = build_loan(now=START, due=[START.date()])
    none = statements(app, built.lender_id)
    a_sent(built.borrower_id, now=START, state="queued")
    row = {"borrower_id": built.borrower_id, "channel": "sms", "message_class": "reminder", "template": "due_soon",
           "template_version": 1, "locale": "en", "state": "queued", "lane": "sms", "not_before": START,
           "not_after": START + timedelta(hours=8), "next_attempt_at": START, "created_at": START}  # fmt: skip
    with unit_of_work() as work:
        work.session.execute(insert(MessageRow), [{**row, "id": new_id()} for _ in range(500)])

    assert none == statements(app, built.lender_id) == 7


def statements(app: Flask, lender_id: str) -> int:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        looked(app, lender_id)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


def test_another_lender_s_messages_are_not_counted_as_ours(app: Flask) -> None:
    built = build_loan(now=START, due=[START.date()])
    a_sent(built.borrower_id, now=START, state="uncertain")

    assert looked(app, build_lender(now=START, code="other")).waiting["uncertain_messages"] == 0
