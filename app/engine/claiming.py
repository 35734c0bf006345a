"""Taking messages of one lane: what may be sent gets a lease and an attempt per target, the rest is ended or put off.

All of it is one transaction, before the wire is touched.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.channels.base import Channel, Outgoing
from app.domain.lanes import SECURITY, WITHDRAWAL
from app.domain.letters import LetterRefusedError
from app.domain.retries import RetryPolicy
from app.engine.addresses import AddressBook, Addressed
from app.engine.channel_gates import LOOK_AGAIN, ChannelGates
from app.engine.message_credits import take_credits
from app.engine.outgoing import Composer, Surroundings
from app.logs import logger
from app.metrics import MESSAGES
from app.persistence.ids import new_id
from app.persistence.queries import attempts, outbox
from app.persistence.queries.attempts import NEVER_TRIED, Earlier
from app.persistence.queries.outbox import Claimable
from app.persistence.unit_of_work import Work
from app.services.letters import reason_of

REPEATABLE = frozenset({"push"})
"""Channels where a second copy replaces the first one."""
ENDS_WELL = ("sent", "")
NOT_TO_OVERTAKE = timedelta(seconds=2)
"""How long a withdrawal waits for the message it is about to be handed over."""


@dataclass(slots=True)
class Try:
    """One message on its way to one endpoint."""

    message: Claimable
    attempt_id: str
    outgoing: Outgoing
    digest: str
    provider: str
    """Whom it is meant for; a channel of several providers says in its answer which one it was."""

    @property
    def claim(self) -> int:
        """The number of the claim it is sent under: whoever takes the message over has a higher one."""
        return self.message.attempts + 1

    @property
    def addressed(self) -> Addressed:
        """Where it goes."""
        return Addressed(self.outgoing.target, self.digest)


@dataclass(slots=True)
class Claimed:
    """What became of one batch of waiting messages."""

    looked_at: int
    tries: list[Try] = field(default_factory=list)
    outdated: list[Claimable] = field(default_factory=list)
    """Decided under older facts or rules."""
    lost: list[Claimable] = field(default_factory=list)
    """Ended without being sent: the next rung of their contacts has nothing to wait for."""


@dataclass(slots=True)
class Claiming:
    """Claims one batch in an open unit of work."""

    work: Work
    channels: Mapping[str, Channel]
    surroundings: Surroundings
    retries: RetryPolicy
    paused_until: Callable[[str, datetime], datetime | None]
    now: datetime

    def claim(self, lane: str, *, machine_now: datetime, limit: int, owner: str, lease: timedelta) -> Claimed:
        """Take up to `limit` messages of a lane."""
        session = self.work.session
        found = outbox.claim_batch(session, lane, now=self.now, machine_now=machine_now, limit=limit)
        claimed = Claimed(len(found), outdated=[m for m in found if not m.is_current and self.now < m.not_after])
        if not found:
            return claimed
        gates = None if lane in (SECURITY, WITHDRAWAL) else ChannelGates(self.work, self.now)
        ended, ready = self._sort(found, gates)
        prepared, unsendable = self._prepare(ready)
        claimed.tries, unagreed = take_credits(self.work, prepared, now=self.now)
        outbox.mark_sending(
            session,
            list(dict.fromkeys(one.message.id for one in claimed.tries)),
            owner=owner,
            leased_until=machine_now + lease,
        )
        ended |= unsendable | unagreed
        outbox.mark_ended(session, ended)
        attempts.add_attempts(session, [self._attempt(one) for one in claimed.tries])
        claimed.lost = [m for m in found if ended.get(m.id, ENDS_WELL)[0] in ("failed", "expired")]
        for message in found:
            if message.id in ended:
                MESSAGES.labels(message.channel, ended[message.id][0]).inc()
        return claimed

    def _sort(
        self, found: Sequence[Claimable], gates: ChannelGates | None
    ) -> tuple[dict[str, tuple[str, str]], list[Claimable]]:
        """Return what ends now with state and reason, and what may be sent; put off the rest. Codes pass no gate."""
        ready: list[Claimable] = []
        ended: dict[str, tuple[str, str]] = {}
        paused: dict[datetime, list[str]] = {}
        pauses = {channel: self.paused_until(channel, self.now) for channel in {message.channel for message in found}}
        for message in found:
            pause = pauses[message.channel]
            if self.now >= message.not_after:
                stopped = gates.stop(message.channel) if gates else None
                ended[message.id] = ("expired", stopped or "EXPIRED_WINDOW")
            elif message.was_sending and message.channel not in REPEATABLE:
                ended[message.id] = ("uncertain", "NO_RECEIPT")
            elif not message.is_current:
                continue
            elif message.channel not in self.channels:
                ended[message.id] = ("failed", "CHANNEL_DISABLED")
            elif pause is not None and self.now < pause:
                paused.setdefault(pause, []).append(message.id)
            elif gates is not None and gates.stop(message.channel) is not None:
                paused.setdefault(self.now + LOOK_AGAIN, []).append(message.id)
            else:
                ready.append(message)
                if gates is not None:
                    gates.take(message.channel)
        if gates is not None:
            gates.close()
        for until, ids in paused.items():
            outbox.mark_waiting(self.work.session, ids, until=until)
        return ended, ready

    def _prepare(self, ready: Sequence[Claimable]) -> tuple[list[Try], dict[str, tuple[str, str]]]:
        """Return a try for every endpoint of every message, and what cannot be sent with state and reason."""
        tries: list[Try] = []
        ended: dict[str, tuple[str, str]] = {}
        book = AddressBook(self.work, ready, self.now)
        composer = Composer.of(self.work, self.surroundings, ready, book.challenges)
        before = attempts.find_earlier(
            self.work.session,
            [message.id for message in ready if message.attempts],
            most_uncertain=self.retries.most_uncertain,
        )
        early = [message.id for message in ready if book.is_early(message)]
        outbox.mark_waiting(self.work.session, early, until=self.now + NOT_TO_OVERTAKE)
        for message in ready:
            if message.id in early:
                continue
            earlier = before.get(message.id, NEVER_TRIED)
            try:
                addressed = [one for one in book.targets_of(message) if one.target.endpoint_id not in earlier.done]
                provider = self.channels[message.channel].provider
                outgoing = composer.compose(message, [one.target for one in addressed], provider) if addressed else []
            except LetterRefusedError as refusal:
                logger().warning("letter refused", message_id=message.id, what=refusal.what, detail=refusal.detail)
                ended[message.id] = ("failed", reason_of(refusal))
                continue
            except (ValueError, KeyError):  # sealed with a key we lack, or changed: it must not hold up the others
                logger().exception("message cannot be made", message_id=message.id)
                ended[message.id] = ("failed", "RENDER_ERROR")
                continue
            if not addressed:
                ended[message.id] = _without_target(earlier, is_needless=book.is_needless(message))
            for one, made in zip(addressed, outgoing, strict=True):
                tries.append(Try(message, new_id(), made, one.digest, provider))
        return tries, ended

    def _attempt(self, one: Try) -> dict[str, Any]:
        return {
            "id": one.attempt_id,
            "borrower_id": one.message.borrower_id,
            "message_id": one.message.id,
            "endpoint_id": one.outgoing.target.endpoint_id,
            "attempt_no": one.claim,
            "provider": one.provider,
            "started_at": self.now,
            "outcome": "sending",
        }


def _without_target(earlier: Earlier, *, is_needless: bool) -> tuple[str, str]:
    """Return state and reason of a message that goes nowhere now, by what its earlier tries came to."""
    if earlier.was_accepted:
        return ENDS_WELL
    if earlier.is_uncertain:
        return "uncertain", "NO_RECEIPT"
    return ("cancelled", "") if is_needless else ("failed", "NO_ENDPOINT")
