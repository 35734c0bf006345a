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
from typing import Any, NamedTuple

from app import clock
from app.channels.base import Channel, DeliveryResult, Outcome
from app.domain.lanes import LANES, SECURITY, WITHDRAWAL
from app.domain.pacing import Pacers
from app.domain.retries import RetryPolicy
from app.engine.claiming import REPEATABLE, Claiming, Try
from app.engine.message_credits import give_back_credits
from app.engine.outgoing import Surroundings
from app.engine.routes import Routes
from app.engine.sending import Sending
from app.engine.settling import Settling, belongs_to_case, finished
from app.persistence.queries import attempts, outbox
from app.persistence.queries.outbox import Claimable
from app.persistence.unit_of_work import close_session, in_unit_of_work, looking, unit_of_work
from app.services.agenda import touch, wake

CLAIM_BATCH = 100
"""Pushes of one claim at least; where more go to the wire at once, two sub-batches."""


class Run(NamedTuple):
    """What a look at one or more lanes came to."""

    looked_at: int = 0
    has_more: bool = False
    """There is, or may be, more to do at once, or after `wait_seconds`."""
    wait_seconds: float = 0.0

    def __add__(self, other: "Run") -> "Run":  # type: ignore[override]
        """Both together: what may go on sooner counts."""
        waits = [each.wait_seconds for each in (self, other) if each.has_more]
        return Run(self.looked_at + other.looked_at, bool(waits), min(waits, default=0.0))


@dataclass
class Dispatcher:
    """Drains the outbox into channels. `owner` names this worker on its leases."""

    channels: Mapping[str, Channel]
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{getpid()}")
    lease: timedelta = timedelta(seconds=120)
    """Longer than the slowest claim: four sub-batches of provider time-outs."""
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    codes: Mapping[str, Channel] = field(default_factory=dict)
    """Channels of the one-time codes alone, with connections of their own: a slow provider holds reminders, and a code would
    wait behind them. A channel that is not here is shared with the reminders."""
    claim_batch: int | None = None
    """Messages of one claim; None: as many as fits the channel."""
    surroundings: Surroundings = field(default_factory=Surroundings)
    pacers: Pacers = field(default_factory=lambda: Pacers({}))
    """What each provider may be given; one that is not named has no limit."""
    rng: random.Random = field(default_factory=lambda: random.Random())  # noqa: S311 jitter, not a secret
    routes: Routes = field(init=False)
    _sending: Sending = field(init=False)
    _code_routes: Routes = field(init=False)
    _code_sending: Sending = field(init=False)
    _settling: Settling = field(init=False)

    def __post_init__(self) -> None:
        self.routes = Routes(self.channels, self.pacers)
        self._sending = Sending(self.routes, self.surroundings)
        self._code_routes = Routes({**self.channels, **self.codes}, self.pacers) if self.codes else self.routes
        self._code_sending = Sending(self._code_routes, self.surroundings)
        self._settling = Settling(self.retries, self.rng)

    def close(self) -> None:
        """Close the channels."""
        for channel in (*self.channels.values(), *self.codes.values()):
            channel.close()

    def run_once(self, *, now: datetime, lane: str | None = None) -> int:
        """Claim and send one batch of a lane; return how many messages were looked at, 0 when nothing waits.

        `lane` None: of each lane but that of the one-time codes.
        """
        return self.run_lanes(now=now, lane=lane).looked_at

    def run_lanes(self, *, now: datetime, lane: str | None = None, goes_on: bool = False) -> Run:
        """Do as `run_once` does, and say besides whether there is more, and how soon it may leave.

        `goes_on`: the claim before this one was full, so that there is no need to ask first whether anything waits.
        """
        machine_now = clock.system_now()
        if goes_on and lane is not None:
            return self._run(lane, now, machine_now)
        with looking() as session:
            if lane is None:
                due = outbox.find_due_lanes(session, now=now, machine_now=machine_now) - {SECURITY}
            else:
                due = {lane} if outbox.exists_claimable(session, lane, now=now, machine_now=machine_now) else set()
        done = Run()
        for each in LANES:
            if each in due:
                done += self._run(each, now, machine_now)
        return done

    def _run(self, lane: str, now: datetime, machine_now: datetime) -> Run:
        channel = {SECURITY: "sms", WITHDRAWAL: "push"}.get(lane, lane)
        limit = self.claim_batch or self._claim_size(channel)
        routes, sending = (self._code_routes, self._code_sending) if lane == SECURITY else (self.routes, self._sending)
        allowance = None
        if lane != SECURITY and channel in self.channels:  # one-time codes wait for no quota of ours
            allowance = self.routes.allow(channel, limit, now)
            if not allowance.requests:
                return Run(0, allowance.wait_seconds is not None, allowance.wait_seconds or 0.0)
            limit = allowance.requests
        with unit_of_work() as work:
            claiming = Claiming(work, routes.channels, self.surroundings, self.retries, routes.paused_until, now)
            claimed = claiming.claim(lane, machine_now=machine_now, limit=limit, owner=self.owner, lease=self.lease)
        if allowance is not None:
            self.routes.settle(allowance, len(claimed.tries))
        self._put_back(claimed.outdated, now)
        self._say_lost(claimed.lost, now)
        for some in _sub_batches(claimed.tries, self.routes.batch(channel)):
            self._send(some, allowance.provider if allowance is not None else None, by=sending)
        close_session()
        return Run(claimed.looked_at, claimed.looked_at == limit)

    def _claim_size(self, channel: str) -> int:
        """Return how many messages of a channel are claimed at once.

        What is claimed when a worker dies is not known to have been sent. Where a second copy replaces the first it is sent
        again; elsewhere it is never repeated, so no more is claimed than goes to the wire at once.
        """
        batch = self.routes.batch(channel)
        return max(CLAIM_BATCH, 2 * batch) if channel in REPEATABLE else batch

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

    def _send(self, tries: Sequence[Try], provider: str | None = None, *, by: Sending | None = None) -> None:
        """Compare once more, hand over, record."""
        sent = (by or self._sending).send(tries, provider=provider)
        if sent.withheld:
            self._withhold(sent.withheld, clock.now())
        if sent.results:
            # Again when a receipt was in the way: what was handed over and not written down would be uncertain for good.
            in_unit_of_work(lambda work: self._settling.record(work, sent.results, now=clock.now()))

    def _withhold(self, tries: Sequence[Try], now: datetime) -> None:
        """Nothing of these was handed over: the facts changed between claim and wire."""
        with unit_of_work() as work:
            messages = {one.message.id: one for one in tries}
            wake(work, (one.message.borrower_id for one in messages.values()), now=now)
            give_back_credits(work, tries, now=now)
            attempts.finish_attempts(
                work.session, [finished(one, now, DeliveryResult(Outcome.RETRY), "withheld") for one in tries]
            )
            outbox.mark_stale(work.session, [_found(one.message, one.claim) for one in messages.values()])


def _sub_batches(tries: Sequence[Try], size: int) -> Iterator[list[Try]]:
    """Yield the tries in groups of at most `size` on one channel, a message's tries together (it alone may exceed it)."""
    group: list[Try] = []
    for _, some in groupby(tries, key=lambda one: one.message.id):
        mine = list(some)
        if group and (len(group) + len(mine) > size or group[0].message.channel != mine[0].message.channel):
            yield group
            group = []
        group += mine
    if group:
        yield group


def _found(message: Claimable, claim: int) -> dict[str, Any]:
    return {"b_id": message.id, "b_attempts": claim, "b_version": message.case_version}
