"""What answers of providers come to: for the message, for its address, for when it is tried again."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.channels.base import DeliveryResult, EndpointVerdict, Outcome
from app.domain.retries import RetryPolicy
from app.engine.addresses import retire
from app.engine.channel_gates import count_further_parts
from app.engine.claiming import REPEATABLE, Try
from app.engine.message_credits import settle_credits
from app.metrics import ATTEMPTS, LATE_PAYMENTS, MESSAGES, WITHDRAWAL_SECONDS
from app.persistence.queries import attempts, outbox
from app.persistence.queries.outbox import Claimable, Settlement
from app.persistence.queries.withdrawals import find_queued_at, mark_withdrawn
from app.persistence.unit_of_work import Work
from app.services.agenda import touch
from app.services.letters import mark_cancelled, mark_handed_over
from app.services.untold import first_asked_at

Answered = tuple[Try, DeliveryResult]
_REFUSALS = {
    EndpointVerdict.INVALID: "ENDPOINT_INVALID",
    EndpointVerdict.SUSPECT: "ENDPOINT_SUSPECT",
    EndpointVerdict.OPTED_OUT: "OPTED_OUT",
    EndpointVerdict.BLOCKED: "USER_BLOCKED",
}
"""What a provider says against an address -> why the message ended."""


@dataclass
class Settling:
    """Records answers in an open unit of work."""

    retries: RetryPolicy
    rng: random.Random

    def record(self, work: Work, results: Sequence[Answered], *, now: datetime) -> None:
        """Write what each try came to and what its message is now.

        Who was refused for good is looked at again at once: the next rung has nothing to wait for.
        """
        by_message: dict[str, list[Answered]] = defaultdict(list)
        for one, result in results:
            by_message[one.message.id].append((one, result))
        was_accepted = {one.message.id for one, result in results if result.outcome is Outcome.ACCEPTED}
        repeated = [key for key, tries in by_message.items() if tries[0][0].message.attempts and key not in was_accepted]
        before = attempts.find_earlier(work.session, repeated, most_uncertain=self.retries.most_uncertain)
        was_accepted |= {key for key, earlier in before.items() if earlier.was_accepted}
        settled = [self._settle(key, tries, was_accepted, now) for key, tries in sorted(by_message.items())]
        lost = [by_message[each.message_id][0][0].message for each in settled if each.state == "failed"]
        dead = [(one, result) for one, result in results if result.verdict is not EndpointVerdict.KEEP]
        changed = {one.message.borrower_id for one, _ in dead}
        changed |= {message.borrower_id for message in lost if belongs_to_case(message)}
        LATE_PAYMENTS.inc(len(outbox.find_outdated(work.session, {one.message.id: one.claim for one, _ in results})))
        if changed:
            touch(work, changed, now=now)
        for one, result in dead:
            retire(work, one.message, one.addressed, result, now=now)
        settle_credits(work, results, now=now)
        attempts.finish_attempts(work.session, [finished(one, now, result) for one, result in results])
        outbox.mark_outcomes(work.session, settled)  # messages before letters, as receipts lock them
        taken = [by_message[key][0][0].message for key in sorted(was_accepted)]
        letters = [message for message in taken if message.channel == "letter"]
        mark_handed_over(work, [each.id for each in letters if not each.withdraws_id], now=now)
        mark_cancelled(work, [each.withdraws_id for each in letters if each.withdraws_id], now=now)
        self._note_withdrawn(work, [by_message[each.message_id][0][0].message for each in settled if each.sent_at], now)
        _count_parts(work, results, now)
        _count(by_message, settled, results)

    def _note_withdrawn(self, work: Work, sent: Sequence[Claimable], now: datetime) -> None:
        mark_withdrawn(work.session, [message.withdraws_id for message in sent if message.withdraws_id], now=now)
        for queued_at in find_queued_at(work.session, [message.id for message in sent if message.withdraws_id]):
            WITHDRAWAL_SECONDS.observe((now - queued_at).total_seconds())

    def _settle(self, message_id: str, tries: Sequence[Answered], was_accepted: set[str], now: datetime) -> Settlement:
        """Say what became of one message from what became of its tries."""
        message = tries[0][0].message
        state, reason, next_at = "failed", _refusal(tries), now
        open_results = [r for _, r in tries if r.outcome in (Outcome.RETRY, Outcome.UNCERTAIN)]
        if message_id in was_accepted:
            state, reason, next_at = "sent", "", first_asked_at(message.channel, now)
        elif any(r.outcome is Outcome.UNCERTAIN for r in open_results) and message.channel not in REPEATABLE:
            state, reason = "uncertain", "NO_RECEIPT"
        elif open_results:
            again = self.retries.next_attempt(
                message.attempts + 1, now=now, not_after=message.not_after, jitter=self.rng.random(),
                asked_seconds=max((r.retry_after_seconds or 0 for r in open_results), default=0) or None,
            )  # fmt: skip
            if again:
                state, reason, next_at = "queued", "", again
            elif any(r.outcome is Outcome.UNCERTAIN for r in open_results):
                state, reason = "uncertain", "NO_RECEIPT"
            else:
                state, reason = "failed", _never_sent(open_results)
        return Settlement(message_id, message.attempts + 1, state, reason or None, next_at, now if state == "sent" else None)


def _refusal(tries: Sequence[Answered]) -> str:
    """Return why a message is refused for good: by its address where all say so, else by the provider."""
    reasons = {_REFUSALS.get(result.verdict, "PROVIDER_REJECTED") for _, result in tries}
    return reasons.pop() if len(reasons) == 1 else "PROVIDER_REJECTED"


def _never_sent(results: Sequence[DeliveryResult]) -> str:
    return "PROVIDER_RATE_LIMITED" if all(result.error_code == "quota" for result in results) else "PROVIDER_DOWN"


def finished(one: Try, now: datetime, result: DeliveryResult, outcome: str | None = None) -> dict[str, Any]:
    """Return the values that complete an attempt; `outcome` for one that never came to the wire."""
    return {
        "b_id": one.attempt_id,
        "b_at": now,
        "b_outcome": outcome or result.outcome.value,
        "b_reference": result.provider_reference,
        "b_error": result.error_code,
        "b_raw": result.raw_code,
        "b_provider": result.provider or one.provider,
        "b_units": result.units,
    }


def belongs_to_case(message: Claimable) -> bool:
    """Whether a message is part of a case: codes, withdrawals and answers are not."""
    return not message.is_of_no_case


def _count_parts(work: Work, results: Sequence[Answered], now: datetime) -> None:
    """Have the daily limits know what is paid for beyond one part a message; claiming has counted one of each."""
    further: Counter[str] = Counter()
    for one, result in results:
        if result.outcome is Outcome.ACCEPTED and result.units > 1 and belongs_to_case(one.message):
            further[one.message.channel] += result.units - 1
    for channel, parts in sorted(further.items()):
        count_further_parts(work, channel, parts, now)


def _count(by_message: dict[str, list[Answered]], settled: Sequence[Settlement], results: Sequence[Answered]) -> None:
    kinds = ((by_message[settlement.message_id][0][0].message.channel, settlement.state) for settlement in settled)
    for (channel, state), count in Counter(kinds).items():
        MESSAGES.labels(channel, state).inc(count)
    for (provider, outcome), count in Counter((r.provider or one.provider, r.outcome.value) for one, r in results).items():
        ATTEMPTS.labels(provider, outcome).inc(count)
