"""One sub-batch to the wire: compare with the facts, hand over, and give what surely did not leave to the next provider."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from app import clock
from app.channels.base import DeliveryResult, Outcome
from app.channels.routed import Routed
from app.engine.claiming import Try
from app.engine.outgoing import Surroundings
from app.engine.routes import SUB_BATCH, Answering, Routes
from app.engine.settling import Answered
from app.persistence.queries import outbox
from app.persistence.unit_of_work import peeking


@dataclass(slots=True)
class Sent:
    """What became of a sub-batch."""

    results: list[Answered] = field(default_factory=list)
    withheld: list[Try] = field(default_factory=list)
    """The facts changed, or its time passed, before it was handed over."""


@dataclass(slots=True)
class Sending:
    """Hands over, for one worker."""

    routes: Routes
    surroundings: Surroundings

    def send(self, tries: Sequence[Try], *, provider: str | None = None) -> Sent:
        """Hand over tries of one channel, to `provider` first where it is open."""
        sent = Sent()
        channel = tries[0].message.channel
        order = self.routes.open_providers(channel, clock.now()) or self.routes.order(channel)[:1]
        if provider in order:
            order = [provider, *(each for each in order if each != provider)]
        sent.results = self._by(order[0], tries, sent)
        later: dict[str, Answered] = {}
        for other in order[1:]:
            later |= {one.attempt_id: (one, said) for one, said in sent.results if said.outcome is Outcome.RETRY}
            again = [each for each in sent.results if _may_go_on(each[1])]
            count = self.routes.take(channel, other, len(again)) if again else 0
            if not count:
                break
            stays = [each for each in sent.results if not _may_go_on(each[1])]
            sent.results = stays + again[count:] + self._by(other, [one for one, _ in again[:count]], sent)
        # Who may take it later outweighs who never will and speaks for itself alone.
        sent.results = [later.get(each[0].attempt_id, each) if each[1].another_may else each for each in sent.results]
        return sent

    def _by(self, provider: str, tries: Sequence[Try], sent: Sent) -> list[Answered]:
        """Give tries to one provider by sub-batches, each compared with the facts right before it goes to the wire.

        Where a channel keeps many in flight, a sub-batch goes while the answers to those before it are on their way.
        """
        channel = tries[0].message.channel
        self._get_ready(channel, provider)
        results: list[Answered] = []
        handed: list[tuple[list[Try], Answering]] = []
        for start in range(0, len(tries), SUB_BATCH):
            some = tries[start : start + SUB_BATCH]
            self.routes.await_room(channel, len(some))
            may_leave, blocked = self._compared(provider, some, sent)
            results += blocked
            if may_leave:
                handed.append((may_leave, self._handed_over(channel, provider, may_leave)))
        for may_leave, answering in handed:
            results += zip(may_leave, answering(), strict=True)
        return results

    def _compared(self, provider: str, tries: Sequence[Try], sent: Sent) -> tuple[list[Try], list[Answered]]:
        """Return the tries that may leave now, and those whose platform is not to be tried."""
        now = clock.now()
        with peeking() as connection:  # given back before the wire: a slow provider must not hold a connection
            current = outbox.find_current(connection, {one.message.id: one.claim for one in tries})
        may_leave: list[Try] = []
        blocked: list[Answered] = []
        for one in tries:
            if one.message.id not in current or now >= one.message.not_after:
                sent.withheld.append(one)
            elif not self.routes.lets_pass(one.message.channel, provider, one.outgoing.target):
                blocked.append((one, DeliveryResult(Outcome.REFUSED, error_code="third_party_auth", provider=provider)))
            else:
                may_leave.append(one)
        return may_leave, blocked

    def _handed_over(self, channel: str, provider: str, may_leave: Sequence[Try]) -> Answering:
        batch = [one.outgoing for one in may_leave]
        if provider != may_leave[0].provider:
            url = self.surroundings.status_url(provider)
            batch = [replace(outgoing, status_url=url) for outgoing in batch]
        return self.routes.hand_over(channel, provider, batch, now=clock.now())

    def _get_ready(self, channel: str, provider: str) -> None:
        """Have a provider's adapter do what may take time (a new access token) before the facts are compared, not after."""
        way = self.routes.channels[channel]
        adapter = way.providers[provider] if isinstance(way, Routed) else way
        ready: Callable[[], None] | None = getattr(adapter, "get_ready", None)
        if ready is not None:
            ready()


def _may_go_on(result: DeliveryResult) -> bool:
    """Whether another provider may be asked at once: this one surely has not sent it, and never will."""
    return result.outcome is Outcome.RETRY or result.another_may
