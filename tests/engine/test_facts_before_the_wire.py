"""A channel that keeps many in flight: each sub-batch is compared with the facts right before it goes to the wire."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import pytest
from flask import Flask

from app.channels.base import DeliveryResult, Outgoing
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.engine.routes import SUB_BATCH
from app.persistence.unit_of_work import unit_of_work
from app.services.agenda import touch
from tests.builders.book import build_lender, build_loan, give_phone
from tests.builders.messages import NOW, queue_message, state_of
from tests.fakes.channels import ACCEPTED

pytestmark = pytest.mark.both


@dataclass
class Pipelined:
    """Begins, and is asked for the answers later, as libcurl's transport is. `meanwhile` runs when room is asked for."""

    meanwhile: Callable[[int], None]
    name: str = "push"
    provider: str = "fake"
    batch: int = 500
    begun: list[list[str]] = field(default_factory=list)
    finished: int = 0
    open_when_begun: list[int] = field(default_factory=list)

    def await_room(self, count: int) -> None:
        self.meanwhile(len(self.begun))

    def begin(self, batch: Sequence[Outgoing], *, now: datetime) -> Callable[[], list[DeliveryResult]]:
        self.open_when_begun.append(len(self.begun) - self.finished)
        self.begun.append([message.message_id for message in batch])

        def finish() -> list[DeliveryResult]:
            self.finished += 1
            return [ACCEPTED for _ in batch]

        return finish

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        return self.begin(batch, now=now)()

    def close(self) -> None:
        pass


def test_what_changes_while_others_are_on_the_wire_stops_those_after_them(app: Flask) -> None:
    lender_id = build_lender(now=NOW)
    messages: dict[str, str] = {}
    for number in range(3 * SUB_BATCH):
        one = build_loan(
            now=NOW, due=[date(2026, 3, 10)], borrower_no=f"B{number}", loan_no=f"L{number}", lender_id=lender_id
        )
        give_phone(one, now=NOW)
        messages[queue_message(one.borrower_id, "push")] = one.borrower_id

    def money_comes(sub_batches_begun: int) -> None:
        if sub_batches_begun == 2:
            left = sorted(set(messages) - {each for ids in channel.begun for each in ids})
            with unit_of_work() as work:
                touch(work, [messages[left[0]]], now=NOW)
            changed.append(left[0])

    changed: list[str] = []
    channel = Pipelined(money_comes)

    Engine(Dispatcher({"push": channel}, owner="tester")).dispatch_all()

    assert [len(ids) for ids in channel.begun] == [SUB_BATCH, SUB_BATCH, SUB_BATCH - 1]
    assert channel.open_when_begun == [0, 1, 2]
    assert changed[0] not in {each for ids in channel.begun for each in ids}
    assert state_of(changed[0])[0] in ("stale", "queued")
    sent = [each for ids in channel.begun for each in ids]
    assert {state_of(each)[0] for each in sent} == {"sent"}
    assert sorted([*sent, changed[0]]) == sorted(messages)
