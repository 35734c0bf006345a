"""Handing messages to providers: claim, compare, send outside any transaction, record.

The money promise is kept by versions. A message carries the `case_version` and `rules_epoch` it was decided under; they are
compared when it is claimed and once more right before each sub-batch goes to the wire. What does not match is put back and
its borrower woken, so that the checks live in `decide` alone.

A worker that dies leaves its claims leased; when the lease runs out, push is tried again under the same message id (the
phone replaces the first copy), anything else becomes `uncertain` and is never blindly repeated.
"""

import random
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from os import getpid
from typing import Any

from app import clock
from app.channels.base import Channel, DeliveryResult, Outcome
from app.domain.retries import RetryPolicy
from app.engine.claiming import Claiming, Try
from app.engine.message_credits import give_back_credits
from app.engine.outgoing import Surroundings
from app.engine.settling import Answered, Settling, belongs_to_case, finished
from app.logs import logger
from app.persistence.queries import attempts, outbox
from app.persistence.queries.outbox import LANES, SECURITY, Claimable
from app.persistence.unit_of_work import close_session, looking, unit_of_work
from app.services.agenda import touch, wake

CLAIM_BATCH = 100
SUB_BATCH = 25
"""Sends between two comparisons of versions; also the most that can go out twice when a worker is killed."""


@dataclass
class Dispatcher:
    """Drains the outbox into channels. `owner` names this worker on its leases."""

    channels: Mapping[str, Channel]
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{getpid()}")
    lease: timedelta = timedelta(seconds=120)
    """Longer than the slowest claim: four sub-batches of provider time-outs."""
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    claim_batch: int = CLAIM_BATCH
    surroundings: Surroundings = field(default_factory=Surroundings)
    rng: random.Random = field(default_factory=lambda: random.Random())  # noqa: S311 jitter, not a secret
    _paused_until: dict[str, datetime] = field(default_factory=dict)
    _settling: Settling = field(init=False)

    def __post_init__(self) -> None:
        self._settling = Settling(self.retries, self.rng)

    def run_once(self, *, now: datetime, lane: str | None = None) -> int:
        """Claim and send one batch of a lane; return how many messages were looked at, 0 when nothing waits.

        `lane` None: of each lane but that of the one-time codes.
        """
        machine_now = clock.system_now()
        with looking() as session:
            if lane is None:
                due = outbox.find_due_lanes(session, now=now, machine_now=machine_now) - {SECURITY}
            else:
                due = {lane} if outbox.exists_claimable(session, lane, now=now, machine_now=machine_now) else set()
        return sum(self._run(each, now, machine_now) for each in LANES if each in due)

    def _run(self, lane: str, now: datetime, machine_now: datetime) -> int:
        with unit_of_work() as work:
            claiming = Claiming(work, self.channels, self.surroundings, self._paused_until, now)
            claimed = claiming.claim(
                lane, machine_now=machine_now, limit=self.claim_batch, owner=self.owner, lease=self.lease
            )
        self._put_back(claimed.outdated, now)
        self._say_lost(claimed.lost, now)
        for some in _sub_batches(claimed.tries):
            self._send(some)
        close_session()
        return claimed.looked_at

    def _put_back(self, messages: Sequence[Claimable], now: datetime) -> None:
        """Have what was decided under older facts decided again. Not in the claim: agenda rows are locked first."""
        if messages:
            with unit_of_work() as work:
                wake(work, (message.borrower_id for message in messages), now=now)
                outbox.mark_stale(work.session, [_found(message, message.attempts) for message in messages])

    def _say_lost(self, messages: Sequence[Claimable], now: datetime) -> None:
        """Have borrowers looked at whose message ended without being sent: its next rung has nothing to wait for."""
        borrowers = {message.borrower_id for message in messages if belongs_to_case(message)}
        if borrowers:
            with unit_of_work() as work:
                touch(work, borrowers, now=now)

    def _send(self, tries: Sequence[Try]) -> None:
        """Compare once more, hand over, record."""
        now = clock.now()
        with looking() as session:  # given back before the wire: a slow provider must not hold a connection
            current = outbox.find_current(session, {one.message.id: one.claim for one in tries})
        in_time: list[Try] = []
        withheld: list[Try] = []
        for one in tries:
            (in_time if one.message.id in current and now < one.message.not_after else withheld).append(one)
        results: list[Answered] = []
        if in_time:
            channel = self.channels[in_time[0].message.channel]
            answers = channel.send([one.outgoing for one in in_time], now=now)
            results = list(zip(in_time, answers, strict=True))
        if withheld:
            self._withhold(withheld, now)
        if results:
            self._record(results)

    def _withhold(self, tries: Sequence[Try], now: datetime) -> None:
        """Nothing of these was handed over: the facts changed between claim and wire."""
        with unit_of_work() as work:
            messages = {one.message.id: one for one in tries}
            wake(work, (one.message.borrower_id for one in messages.values()), now=now)
            outbox.mark_stale(work.session, [_found(one.message, one.claim) for one in messages.values()])
            give_back_credits(work, tries, now=now)
            attempts.finish_attempts(
                work.session, [finished(one, now, DeliveryResult(Outcome.RETRY), "withheld") for one in tries]
            )

    def _record(self, results: Sequence[Answered]) -> None:
        now = clock.now()
        with unit_of_work() as work:
            self._settling.record(work, results, now=now)
        for one, result in results:
            if result.pause_provider_seconds:
                until = now + timedelta(seconds=result.pause_provider_seconds)
                self._paused_until[one.message.channel] = until
                logger().warning("provider paused", channel=one.message.channel, seconds=result.pause_provider_seconds)


def _sub_batches(tries: Sequence[Try]) -> Iterator[list[Try]]:
    """Yield the tries in groups of at most SUB_BATCH on one channel, a message's tries together (it alone may exceed it)."""
    group: list[Try] = []
    for _, some in groupby(tries, key=lambda one: one.message.id):
        mine = list(some)
        if group and (len(group) + len(mine) > SUB_BATCH or group[0].message.channel != mine[0].message.channel):
            yield group
            group = []
        group += mine
    if group:
        yield group


def _found(message: Claimable, claim: int) -> dict[str, Any]:
    return {"b_id": message.id, "b_attempts": claim, "b_version": message.case_version}
