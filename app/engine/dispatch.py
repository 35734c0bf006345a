"""Handing messages to providers: claim, compare, send outside any transaction, record.

The money promise is kept by versions. A message carries the `case_version` and `rules_epoch` it was decided under; they are
compared when it is claimed and once more right before each sub-batch goes to the wire. What does not match is put back and
its borrower woken, so that the checks live in `decide` alone.

A worker that dies leaves its claims leased; when the lease runs out, push is tried again under the same message id (the
phone replaces the first copy), anything else becomes `uncertain` and is never blindly repeated.
"""

import random
import socket
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from os import getpid
from typing import Any

from app import clock
from app.channels.base import Channel, DeliveryResult, EndpointVerdict, Outcome, Outgoing
from app.domain.devices import seen_since
from app.domain.retries import RetryPolicy
from app.engine.channel_gates import LOOK_AGAIN, ChannelGates
from app.engine.outgoing import outgoing, targets_of, text_of
from app.logs import logger
from app.metrics import ATTEMPTS, LATE_PAYMENTS, MESSAGES
from app.persistence.ids import new_id
from app.persistence.queries import attempts, outbox
from app.persistence.queries.outbox import Claimable, Settlement
from app.persistence.unit_of_work import Work, close_session, looking, unit_of_work
from app.services.agenda import touch, wake

CLAIM_BATCH = 100
SUB_BATCH = 25
"""Sends between two comparisons of versions; also the most that can go out twice when a worker is killed."""
REPEATABLE = frozenset({"push"})
"""Channels where a second copy replaces the first one."""


@dataclass(slots=True)
class _Try:
    """One message on its way to one endpoint."""

    message: Claimable
    attempt_id: str
    outgoing: Outgoing
    digest: str

    @property
    def claim(self) -> int:
        """The number of the claim it is sent under: whoever takes the message over has a higher one."""
        return self.message.attempts + 1


@dataclass
class Dispatcher:
    """Drains the outbox into channels. `owner` names this worker on its leases."""

    channels: Mapping[str, Channel]
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{getpid()}")
    lease: timedelta = timedelta(seconds=120)
    """Longer than the slowest claim: four sub-batches of provider time-outs."""
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    claim_batch: int = CLAIM_BATCH
    _paused_until: dict[str, datetime] = field(default_factory=dict)
    _random: random.Random = field(default_factory=lambda: random.Random())  # noqa: S311 jitter, not a secret

    def run_once(self, *, now: datetime, security: bool = False) -> int:
        """Claim and send one batch of a lane; return how many messages were looked at, 0 when nothing waits."""
        machine_now = clock.system_now()
        with looking() as session:
            if not outbox.exists_claimable(session, now=now, machine_now=machine_now, security=security):
                return 0
        with unit_of_work() as work:
            claimed = outbox.claim_batch(
                work.session, now=now, machine_now=machine_now, limit=self.claim_batch, security=security
            )
            ready = self._sort(work, claimed, now, None if security else ChannelGates(work, now))
            outbox.mark_sending(
                work.session, [message.id for message in ready], owner=self.owner, leased_until=machine_now + self.lease
            )
            tries = self._prepare(work, ready, now)
        self._put_back([message for message in claimed if not message.is_current and now < message.not_after], now)
        for some in _sub_batches(tries):
            self._send(some)
        close_session()
        return len(claimed)

    def _sort(self, work: Work, claimed: Sequence[Claimable], now: datetime, gates: ChannelGates | None) -> list[Claimable]:
        """Return what may be sent; end or put off the rest. One-time codes pass no gate."""
        ready: list[Claimable] = []
        ended: dict[str, tuple[str, str]] = {}
        paused: dict[datetime, list[str]] = {}
        for message in claimed:
            pause = self._paused_until.get(message.channel)
            if now >= message.not_after:
                stopped = gates.stop(message.channel) if gates else None
                ended[message.id] = ("expired", stopped or "EXPIRED_WINDOW")
            elif message.was_sending and message.channel not in REPEATABLE:
                ended[message.id] = ("uncertain", "NO_RECEIPT")
            elif not message.is_current:
                continue
            elif message.channel not in self.channels:
                ended[message.id] = ("failed", "CHANNEL_DISABLED")
            elif pause is not None and now < pause:
                paused.setdefault(pause, []).append(message.id)
            elif gates is not None and gates.stop(message.channel) is not None:
                paused.setdefault(now + LOOK_AGAIN, []).append(message.id)
            else:
                ready.append(message)
                if gates is not None:
                    gates.take(message.channel)
        if gates is not None:
            gates.close()
        outbox.mark_ended(work.session, ended)
        for until, ids in paused.items():
            outbox.mark_waiting(work.session, ids, until=until)
        _count(claimed, ended)
        return ready

    def _prepare(self, work: Work, ready: Sequence[Claimable], now: datetime) -> list[_Try]:
        """Write an attempt for every endpoint of every message, before the wire is touched."""
        tries: list[_Try] = []
        ended: dict[str, tuple[str, str]] = {}
        pushed = (m.borrower_id for m in ready if m.channel == "push")
        targets = attempts.find_push_targets(work.session, pushed, seen_since=seen_since(now))
        phones = attempts.find_phones(work.session, (m.borrower_id for m in ready if m.channel == "sms"))
        done = attempts.find_done(work.session, [message.id for message in ready if message.attempts])
        accepted = _accepted(done)
        challenges = attempts.find_challenges(work.session, (m.challenge_id for m in ready if m.challenge_id))
        for message in ready:
            try:
                found = list(targets_of(work, message, targets, phones, challenges))
                text = text_of(work, message, challenges)
            except (ValueError, KeyError):  # sealed with a key we lack, or changed: it must not hold up the others
                logger().exception("message cannot be made", message_id=message.id)
                ended[message.id] = ("failed", "RENDER_ERROR")
                continue
            left = [(target, digest) for target, digest in found if (message.id, target.endpoint_id) not in done]
            if not left:
                ended[message.id] = ("sent", "") if message.id in accepted else ("failed", "NO_ENDPOINT")
                continue
            for target, digest in left:
                tries.append(_Try(message, new_id(), outgoing(message, target, text), digest))
        outbox.mark_ended(work.session, ended)
        attempts.add_attempts(work.session, [self._attempt(one, now) for one in tries])
        _count(ready, ended)
        return tries

    def _attempt(self, one: _Try, now: datetime) -> dict[str, Any]:
        return {
            "id": one.attempt_id,
            "borrower_id": one.message.borrower_id,
            "message_id": one.message.id,
            "endpoint_id": one.outgoing.target.endpoint_id,
            "attempt_no": one.claim,
            "provider": self.channels[one.message.channel].provider,
            "started_at": now,
            "outcome": "sending",
        }

    def _put_back(self, messages: Sequence[Claimable], now: datetime) -> None:
        """Have what was decided under older facts decided again. Not in the claim: agenda rows are locked first."""
        if messages:
            with unit_of_work() as work:
                wake(work, (message.borrower_id for message in messages), now=now)
                outbox.mark_stale(work.session, [_found(message, message.attempts) for message in messages])

    def _send(self, tries: Sequence[_Try]) -> None:
        """Compare once more, hand over, record."""
        now = clock.now()
        with looking() as session:  # given back before the wire: a slow provider must not hold a connection
            current = outbox.find_current(session, {one.message.id: one.claim for one in tries})
        in_time: list[_Try] = []
        withheld: list[_Try] = []
        for one in tries:
            (in_time if one.message.id in current and now < one.message.not_after else withheld).append(one)
        results: list[tuple[_Try, DeliveryResult]] = []
        for channel in {one.message.channel for one in in_time}:
            group = [one for one in in_time if one.message.channel == channel]
            answers = self.channels[channel].send([one.outgoing for one in group], now=now)
            results += zip(group, answers, strict=True)
        if withheld:
            self._withhold(withheld, now)
        if results:
            self._record(results)

    def _withhold(self, tries: Sequence[_Try], now: datetime) -> None:
        """Nothing of these was handed over: the facts changed between claim and wire."""
        with unit_of_work() as work:
            messages = {one.message.id: one for one in tries}
            wake(work, (one.message.borrower_id for one in messages.values()), now=now)
            outbox.mark_stale(work.session, [_found(one.message, one.claim) for one in messages.values()])
            attempts.finish_attempts(
                work.session, [_finished(one, now, DeliveryResult(Outcome.RETRY), "withheld") for one in tries]
            )

    def _record(self, results: Sequence[tuple[_Try, DeliveryResult]]) -> None:
        now = clock.now()
        dead = [(one, result) for one, result in results if result.verdict is not EndpointVerdict.KEEP]
        with unit_of_work() as work:
            if dead:
                touch(work, {one.message.borrower_id for one, _ in dead}, now=now)
            for one, result in dead:
                self._retire(work, one, result, now)
            by_message: dict[str, list[tuple[_Try, DeliveryResult]]] = defaultdict(list)
            for one, result in results:
                by_message[one.message.id].append((one, result))
            if not dead:
                current = outbox.find_current(work.session, {one.message.id: one.claim for one, _ in results})
                LATE_PAYMENTS.inc(len(by_message) - len(current))
            attempts.finish_attempts(
                work.session, [_finished(one, now, result, result.outcome.value) for one, result in results]
            )
            accepted = {one.message.id for one, result in results if result.outcome is Outcome.ACCEPTED}
            repeated = [key for key, tries in by_message.items() if tries[0][0].message.attempts and key not in accepted]
            accepted |= _accepted(attempts.find_done(work.session, repeated))
            settled = [self._settle(key, tries, accepted, now) for key, tries in sorted(by_message.items())]
            outbox.mark_outcomes(work.session, settled)
        kinds = ((by_message[settlement.message_id][0][0].message.channel, settlement.state) for settlement in settled)
        for (channel, state), count in Counter(kinds).items():
            MESSAGES.labels(channel, state).inc(count)
        for (channel, outcome), count in Counter((one.message.channel, r.outcome.value) for one, r in results).items():
            ATTEMPTS.labels(self.channels[channel].provider, outcome).inc(count)
        for one, result in results:
            if result.pause_provider_seconds:
                until = now + timedelta(seconds=result.pause_provider_seconds)
                self._paused_until[one.message.channel] = until
                logger().warning("provider paused", channel=one.message.channel, seconds=result.pause_provider_seconds)

    def _retire(self, work: Work, one: _Try, result: DeliveryResult, now: datetime) -> None:
        """Keep that an address is dead, so that nothing else is sent there until it changes."""
        if one.message.challenge_id is not None:
            return  # a code goes to the phone that is typed in, whoever's it is
        state = "invalid" if result.verdict is EndpointVerdict.INVALID else "suspect"
        reason = result.error_code or "PROVIDER_REJECTED"
        target = one.outgoing.target
        if one.message.channel != "sms":
            attempts.mark_endpoint(work.session, target.endpoint_id, digest=one.digest, state=state, reason=reason, now=now)
            return
        endpoint_id = new_id()
        attempts.put_dead_phone(
            work.session,
            one.message.borrower_id,
            sealed=work.vault.seal(target.address, place=f"endpoints.address:{endpoint_id}") or b"",
            digest=work.vault.search_hash("endpoint", target.address).digest,
            endpoint_id=endpoint_id,
            changes={"state": state, "reason": reason, "changed_at": now},
        )

    def _settle(
        self, message_id: str, tries: Sequence[tuple[_Try, DeliveryResult]], accepted: set[str], now: datetime
    ) -> Settlement:
        """Say what became of one message from what became of its tries."""
        message = tries[0][0].message
        state, reason, next_at = "failed", "PROVIDER_REJECTED", now
        open_results = [r for _, r in tries if r.outcome in (Outcome.RETRY, Outcome.UNCERTAIN)]
        if message_id in accepted:
            state, reason = "sent", ""
        elif any(r.outcome is Outcome.UNCERTAIN for r in open_results) and message.channel not in REPEATABLE:
            state, reason = "uncertain", "NO_RECEIPT"
        elif open_results:
            again = self.retries.next_attempt(
                message.attempts + 1, now=now, not_after=message.not_after, jitter=self._random.random(),
                asked_seconds=max((r.retry_after_seconds or 0 for r in open_results), default=0) or None,
            )  # fmt: skip
            state, reason, next_at = ("queued", "", again) if again else ("failed", "PROVIDER_DOWN", now)
        return Settlement(message_id, message.attempts + 1, state, reason or None, next_at, now if state == "sent" else None)


def _sub_batches(tries: Sequence[_Try]) -> Iterator[list[_Try]]:
    """Yield the tries in groups of at most SUB_BATCH, a message's tries together (a single message may exceed it)."""
    group: list[_Try] = []
    for _, some in groupby(tries, key=lambda one: one.message.id):
        mine = list(some)
        if group and len(group) + len(mine) > SUB_BATCH:
            yield group
            group = []
        group += mine
    if group:
        yield group


def _accepted(done: Mapping[tuple[str, str | None], str]) -> set[str]:
    return {message_id for (message_id, _), outcome in done.items() if outcome == "accepted"}


def _found(message: Claimable, claim: int) -> dict[str, Any]:
    return {"b_id": message.id, "b_attempts": claim, "b_version": message.case_version}


def _finished(one: _Try, now: datetime, result: DeliveryResult, outcome: str) -> dict[str, Any]:
    return {
        "b_id": one.attempt_id,
        "b_at": now,
        "b_outcome": outcome,
        "b_reference": result.provider_reference,
        "b_error": result.error_code,
        "b_raw": result.raw_code,
    }


def _count(messages: Sequence[Claimable], ended: Mapping[str, tuple[str, str]]) -> None:
    for message in messages:
        if message.id in ended:
            MESSAGES.labels(message.channel, ended[message.id][0]).inc()
