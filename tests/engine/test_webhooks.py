"""Webhooks reach a lender's own systems at least once: signed, tried again for a day, by any number of engines."""

from collections import Counter, deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app import clock
from app.channels.webhooks import WebhookWire
from app.domain.webhook_urls import UrlRules
from app.engine.webhooks import WebhookDispatch
from app.persistence.models.webhooks import WebhookDeliveryRow, WebhookEndpointRow
from app.persistence.queries.moments import find_moments
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.webhook_deliveries import AT_ONCE, SECRETS_CLOSED, Told, settle, take_due
from app.services.webhook_events import announce
from app.services.webhooks import (
    EndpointValues,
    Owner,
    delete_endpoint,
    put_endpoint,
    replay_between,
    replay_event,
    rotate_secret,
    send_test,
)
from tests.builders.book import build_lender
from tests.builders.patience import FAIR, PATIENT, patience_for
from tests.conftest import START
from tests.fakes.webhook_receiver import RefusedError, WebhookReceiver, verify

pytestmark = pytest.mark.both
LOCAL = UrlRules(local=True)
DATA = {"loan_no": "L1", "amount": {"amount_minor": 50_000, "currency": "USD"}}


class Telling:
    """A lender with an endpoint, and an engine's deliveries on a clock that is moved."""

    def __init__(self, app: Flask, receiver: WebhookReceiver) -> None:
        self.app, self.receiver, self.now = app, receiver, START
        clock.use(lambda: self.now)
        self.lender_id = build_lender(now=START)
        self.owner = Owner(self.lender_id, "tester", LOCAL)
        self.dispatches: list[WebhookDispatch] = []
        self.dispatch = self.an_engine()

    def an_engine(self, **changes: Any) -> WebhookDispatch:
        wire = WebhookWire(LOCAL, total_seconds=changes.pop("total_seconds", PATIENT))
        owner = f"engine-{len(self.dispatches)}"
        found = WebhookDispatch(wire, self.app.app_context, owner=owner, rng=Random(4), **changes)
        self.dispatches.append(found)
        return found

    def put(self, name: str = "core", url: str | None = None, *, enabled: bool = True, types: tuple[str, ...] = ()) -> str:
        with unit_of_work() as work:
            values = EndpointValues(url or self.receiver.url, None, types, enabled)
            return put_endpoint(work, self.owner, name, values, now=self.now).secret or ""

    def announce(self, event_type: str = "promise.made.v1") -> str:
        with unit_of_work() as work:
            return announce(work, self.lender_id, event_type, DATA, now=self.now)

    def deliveries(self) -> list[WebhookDeliveryRow]:
        with reading() as session:
            found = list(session.scalars(select(WebhookDeliveryRow).order_by(WebhookDeliveryRow.id)))
            session.expunge_all()
            return found

    def states(self) -> list[str]:
        return [each.state for each in self.deliveries()]

    def endpoint(self, name: str = "core") -> tuple[str, str | None]:
        with reading() as session:
            row = session.scalars(select(WebhookEndpointRow).where(WebhookEndpointRow.name == name)).one()
            return row.state, row.state_reason

    def until(self, at: datetime) -> None:
        """Move the clock from one due instant to the next."""
        while True:
            self.dispatch.drain()
            with reading() as session:
                following = find_moments(session).webhook_at
            if following is None or following > at:
                break
            assert following > self.now
            self.now = following
        self.now = at


@pytest.fixture
def telling(app: Flask) -> Iterator[Telling]:
    with WebhookReceiver() as receiver:
        found = Telling(app, receiver)
        yield found
        for each in found.dispatches:
            each.close()


def test_a_receiver_can_trust_what_it_gets(telling: Telling) -> None:
    secret = telling.put()
    event_id = telling.announce()

    telling.dispatch.drain()

    (got,) = telling.receiver.received
    said = verify(secret, got.headers, got.body)
    assert said == {
        "specversion": "1.0", "id": event_id, "source": "/lenders/acme", "type": "promise.made.v1", "data": DATA,
        "time": "2026-03-02T09:00:00Z", "timestamp": "2026-03-02T09:00:00Z", "datacontenttype": "application/json",
    }  # fmt: skip
    assert got.id == event_id
    assert telling.states() == ["delivered"]
    with pytest.raises(RefusedError, match="signature"):
        verify(secret, got.headers, got.body.replace(b"50000", b"50001"))
    with pytest.raises(RefusedError, match="timestamp"):
        verify(secret, got.headers, got.body, now=clock.system_now().timestamp() + 301)


def test_nobody_is_told_what_they_did_not_ask_for(telling: Telling) -> None:
    telling.announce()  # before there was an endpoint
    telling.put("some", types=("promise.*",))
    telling.put("off", enabled=False)
    telling.announce("dispute.received.v1")
    telling.announce("promise.kept.v1")

    telling.dispatch.drain()

    assert len(telling.receiver.received) == 1
    assert telling.states() == ["delivered"]


def test_both_secrets_sign_while_one_is_rotated_and_then_the_new_one_alone(telling: Telling) -> None:
    old = telling.put()
    with unit_of_work() as work:
        new = rotate_secret(work, telling.owner, "core", old_lives=timedelta(hours=24), now=START).secret or ""
    telling.announce()
    telling.dispatch.drain()
    telling.now = START + timedelta(hours=24)
    telling.announce()
    telling.dispatch.drain()

    during, after = telling.receiver.received
    for secret in (old, new):
        verify(secret, during.headers, during.body)
    verify(new, after.headers, after.body)
    with pytest.raises(RefusedError):
        verify(old, after.headers, after.body)


@pytest.mark.parametrize("act", [500, 404, (302, {"location": "http://127.0.0.1:1/"}), "reset", "silence", "drip"])
def test_what_was_not_taken_is_tried_again_with_the_same_id(telling: Telling, act: Any) -> None:
    telling.dispatch = telling.an_engine(total_seconds=patience_for(str(act), FAIR))
    secret = telling.put()
    event_id = telling.announce()
    telling.receiver.acts = deque([act, act])

    telling.until(START + timedelta(minutes=10))

    assert telling.receiver.ids() == [event_id] * 3
    assert len({each.body for each in telling.receiver.received}) == 1
    verify(secret, telling.receiver.received[-1].headers, telling.receiver.received[-1].body)
    (delivery,) = telling.deliveries()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 3, 204)
    assert telling.endpoint() == ("enabled", None)


def test_after_a_day_it_is_given_up_and_listed(telling: Telling) -> None:
    telling.put()
    telling.announce()
    telling.receiver.after = 500

    telling.until(START + timedelta(days=3))

    (delivery,) = telling.deliveries()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("failed", 8, 500)
    assert telling.endpoint() == ("failing", "status_500")
    with reading() as session:
        assert find_moments(session).webhook_at is None


def test_who_asks_to_be_left_alone_is_left_alone(telling: Telling) -> None:
    telling.put()
    telling.announce()
    telling.receiver.acts = deque([(429, {"retry-after": "3600"})])

    telling.until(START + timedelta(minutes=59))
    assert len(telling.receiver.received) == 1
    telling.until(START + timedelta(minutes=60))
    assert telling.states() == ["delivered"]


def test_a_receiver_that_is_gone_is_told_nothing_more(telling: Telling) -> None:
    telling.put()
    for _ in range(9):
        telling.announce()
    telling.receiver.after = 410

    telling.dispatch.drain()
    telling.announce()
    telling.until(START + timedelta(days=2))

    assert telling.endpoint() == ("disabled", "gone")
    assert len(telling.receiver.received) <= AT_ONCE
    assert Counter(telling.states()) == {"failed": 9}


def test_an_address_that_is_gone_says_nothing_of_the_one_that_was_put_in_its_place(telling: Telling) -> None:
    telling.put(url="http://127.0.0.1:9/old")
    telling.announce()
    with unit_of_work() as work:
        (sent,) = take_due(
            work, now=telling.now, machine_now=clock.system_now(), lease=timedelta(seconds=9), owner="e", limit=1
        )
    telling.put()

    with unit_of_work() as work:
        settle(work, sent, Told(410), now=telling.now, machine_now=clock.system_now(), jitter=0)

    assert telling.endpoint()[0] != "disabled"
    telling.until(telling.now + timedelta(hours=1))
    assert telling.states() == ["delivered"]


def test_an_event_and_a_stretch_of_time_are_told_again_under_the_same_ids(telling: Telling) -> None:
    telling.put()
    first = telling.announce()
    telling.now = START + timedelta(hours=1)
    second = telling.announce("dispute.received.v1")
    telling.dispatch.drain()

    with unit_of_work() as work:
        assert replay_event(work, telling.owner, first, now=telling.now) == 1
        assert replay_event(work, telling.owner, first, now=telling.now) == 0  # one waits already
    telling.dispatch.drain()
    with unit_of_work() as work:
        again = {"since": START, "until": telling.now + timedelta(seconds=1), "now": telling.now}
        assert replay_between(work, telling.owner, "core", types=["dispute.*"], **again) == 1  # type: ignore[arg-type]
        assert replay_between(work, telling.owner, "core", types=[], **again) == 1  # type: ignore[arg-type]
    telling.dispatch.drain()

    assert Counter(telling.receiver.ids()) == {first: 3, second: 2}
    assert sorted((each.event_id == first, each.replay_no) for each in telling.deliveries()) == [
        (False, 0), (False, 1), (True, 0), (True, 1), (True, 2),
    ]  # fmt: skip


def test_what_died_between_sending_and_writing_it_down_is_sent_again_with_the_same_id(telling: Telling) -> None:
    telling.put()
    event_id = telling.announce()
    dying = telling.an_engine()
    dying._settle = lambda *_args: None  # type: ignore[method-assign] the process is gone before it commits
    dying.drain()
    assert telling.states() == ["pending"]
    assert telling.dispatch.drain() == 0  # the lease of the dead one still runs

    with unit_of_work() as work:
        work.session.execute(update(WebhookDeliveryRow).values(leased_until=START - timedelta(days=3000)))
    telling.dispatch.drain()

    assert telling.receiver.ids() == [event_id, event_id]
    assert telling.states() == ["delivered"]


def test_a_try_that_was_taken_over_is_not_written_down(telling: Telling) -> None:
    telling.put()
    telling.announce()
    first, second = telling.an_engine(), telling.an_engine()
    taken = {}
    for name in ("first", "second"):
        with unit_of_work() as work:
            lease = timedelta(seconds=-1)
            (taken[name],) = take_due(work, now=START, machine_now=clock.system_now(), lease=lease, owner=name, limit=5)
    telling.receiver.acts = deque([500, 204])

    first._try(taken["first"])
    (delivery,) = telling.deliveries()
    assert (delivery.state, delivery.leased_by, delivery.next_attempt_at) == ("pending", "second", START)
    second._try(taken["second"])

    (delivery,) = telling.deliveries()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 2, 204)


def test_two_engines_at_once_send_each_once(telling: Telling) -> None:
    telling.put()
    telling.put("other")
    for _ in range(15):
        telling.announce()
    others = [telling.an_engine(), telling.an_engine()]

    def drain(each: WebhookDispatch) -> None:
        with telling.app.app_context():
            while telling_waits():
                each.drain()

    def telling_waits() -> bool:
        with reading() as session:
            return session.scalar(select(WebhookDeliveryRow.id).where(WebhookDeliveryRow.state == "pending")) is not None

    threads = [Thread(target=drain, args=(each,)) for each in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert Counter((each.state, each.last_error) for each in telling.deliveries()) == {("delivered", None): 30}
    assert Counter(Counter(telling.receiver.ids()).values()) == {2: 15}  # once for each endpoint


def test_one_that_answers_slowly_holds_up_no_other(telling: Telling) -> None:
    with WebhookReceiver(after="silence") as slow:
        telling.put("slow", slow.url)
        for _ in range(20):
            telling.announce("promise.made.v1")
        telling.put("core")
        for _ in range(10):
            telling.announce("promise.kept.v1")
        engine = telling.an_engine(threads=8, total_seconds=2 * PATIENT)
        begun = clock.monotonic_seconds()

        while len(telling.receiver.received) < 10 and clock.monotonic_seconds() - begun < 0.75 * PATIENT:
            engine.tick()

        assert len(telling.receiver.received) == 10
        assert slow.most_at_once <= AT_ONCE


def test_a_test_goes_to_one_endpoint_whatever_it_wants(telling: Telling) -> None:
    telling.put("some", types=("promise.*",))
    telling.put("other")
    with unit_of_work() as work:
        event_id = send_test(work, telling.owner, "some", now=START)

    telling.dispatch.drain()

    assert telling.receiver.ids() == [event_id]


def test_what_waits_for_a_deleted_endpoint_is_given_up_and_a_late_event_for_it_too(telling: Telling) -> None:
    telling.put()
    telling.announce()
    with unit_of_work() as work:
        delete_endpoint(work, telling.owner, "core", now=START)
    with unit_of_work() as work:  # as one that was announced while it was being deleted
        work.session.execute(update(WebhookDeliveryRow).values(state="pending"))

    telling.dispatch.drain()

    assert telling.states() == ["failed"]
    assert telling.receiver.received == []
    assert telling.put() != ""  # put anew, it has a new secret


def test_an_address_that_became_private_is_never_connected_to(telling: Telling) -> None:
    telling.put()
    telling.announce()
    wire = WebhookWire(UrlRules(), total_seconds=1.0)
    strict = WebhookDispatch(wire, telling.app.app_context, owner="strict")
    with unit_of_work() as work:
        work.session.execute(update(WebhookEndpointRow).values(url="https://127.0.0.1/"))

    strict.drain()
    strict.close()

    (delivery,) = telling.deliveries()
    assert (delivery.state, delivery.last_error) == ("pending", "address_refused")


def test_an_endpoint_whose_key_is_lost_holds_up_no_other(telling: Telling) -> None:
    telling.put("closed")
    telling.put("core")
    with unit_of_work() as work:
        row = work.session.scalars(select(WebhookEndpointRow).where(WebhookEndpointRow.name == "closed")).one()
        row.secrets_sealed = b"lost\0" + row.secrets_sealed.partition(b"\0")[2]
        closed_id = row.id
    telling.announce()

    telling.dispatch.drain()

    (waits,) = [each for each in telling.deliveries() if each.endpoint_id == closed_id]
    (told,) = [each for each in telling.deliveries() if each.endpoint_id != closed_id]
    assert (told.state, len(telling.receiver.received)) == ("delivered", 1)
    assert (waits.state, waits.last_error, waits.leased_until) == ("pending", SECRETS_CLOSED, None)
    assert waits.next_attempt_at > telling.now

    with unit_of_work() as work:
        secret = rotate_secret(work, telling.owner, "closed", old_lives=timedelta(), now=telling.now).secret or ""
    telling.now = waits.next_attempt_at
    telling.dispatch.drain()
    got = telling.receiver.received[-1]
    verify(secret, got.headers, got.body)
    assert telling.states() == ["delivered", "delivered"]


def test_what_can_never_be_signed_fails_in_the_end(telling: Telling) -> None:
    telling.put()
    with unit_of_work() as work:
        work.session.execute(update(WebhookEndpointRow).values(secrets_sealed=b"lost\0nothing"))
    telling.announce()

    telling.until(START + timedelta(hours=25))

    (left,) = telling.deliveries()
    assert (left.state, left.last_error, len(telling.receiver.received)) == ("failed", SECRETS_CLOSED, 0)
