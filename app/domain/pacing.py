"""How many requests may leave to a provider now: a token bucket that never comes near the provider's quota.

The rate is a share of the quota, reached over a minute from rest, halved when the provider complains, and recovered slowly.
What a worker may take is its own share of all workers. Instants are the machine's, in seconds: a quota runs in the
provider's time, also when the book's clock stands still.

Sources: FCM, pages "throttling and quotas" and "scale FCM" (ramp from nothing to full over a minute or longer, a minute's
wait after 429 without Retry-After, back-off on 5xx).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Protocol

_STEP_SECONDS = 0.25
_NEVER = -math.inf


@dataclass(frozen=True, slots=True)
class PacePolicy:
    """What a provider allows, and how carefully it is used."""

    per_minute: float
    """The provider's quota."""
    used: float = 0.8
    """Share of the quota that is used. The rest covers bursts, several workers, and minutes that are not ours."""
    ramp_seconds: float = 60.0
    """From rest to the full rate, and as long down again while less is asked for."""
    burst_seconds: float = 2.0
    """What is not taken at once stays for so long."""
    pause_seconds: float = 60.0
    """After a quota refusal that names no time."""
    recovery_seconds: float = 600.0
    """From a rate of nothing back to the full one; half of it after one halving."""
    lowest_level: float = 1 / 64
    window_seconds: float = 2.0
    """Server errors are judged over so long."""
    least_answers: int = 20
    """With fewer answers in a window nothing is judged."""
    bad_share: float = 0.05
    """Of server errors among answers, from which a rise counts; nothing recovers while it is exceeded."""


FCM = PacePolicy(per_minute=600_000)
"""Source: FCM, page "throttling and quotas": the default of a project."""


@dataclass(frozen=True, slots=True)
class Share:
    """This worker's part: `rank` of `workers` (from 0)."""

    workers: int = 1
    rank: int = 0

    def of(self, policy: PacePolicy) -> float:
        """Return the part of the provider's rate, 0-1.

        A quota so small that not every worker could hold a token of its own is used by the first few workers alone.
        """
        usable = min(self.workers, max(1, math.floor(policy.per_minute * (1 - policy.used))))
        return 1 / usable if self.rank < usable else 0.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What a batch of requests to one provider came to."""

    answered: int
    quota: int = 0
    """Refused because of the quota (429)."""
    server_errors: int = 0
    retry_after_seconds: float | None = None
    """The longest that a quota refusal asked for."""

    @classmethod
    def of(cls, results: "Iterable[AnyResult]") -> "Answers":
        """Count results of channels."""
        counted = list(results)
        refused = [result for result in counted if result.error_code == "quota"]
        pauses = [result.pause_provider_seconds for result in refused if result.pause_provider_seconds is not None]
        errors = sum(result.error_code in ("unavailable", "timeout") for result in counted)
        return cls(len(counted), len(refused), errors, max(pauses, default=None))


class AnyResult(Protocol):
    """As much as is looked at of what a channel says of an attempt."""

    @property
    def error_code(self) -> str | None: ...  # noqa: D102
    @property
    def pause_provider_seconds(self) -> float | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Pace:
    """The state of one bucket at `at`."""

    at: float
    tokens: float = 1.0
    ramp: float = 0.0
    """How much of the rate is in use, 0-1: rises while more is asked for than there is, falls while less is."""
    level: float = 1.0
    """How much of the rate the provider bears, 0-1."""
    paused_until: float = _NEVER
    window_from: float = _NEVER
    answered: int = 0
    server_errors: int = 0
    last_share: float = 0.0
    """Of server errors, in the window before."""


def advanced(pace: Pace, policy: PacePolicy, share: Share, at: float) -> Pace:
    """Return the bucket at a later instant; an earlier one changes nothing."""
    if at <= pace.at:
        return pace
    full = policy.per_minute * policy.used / 60 * share.of(policy)
    ramp, tokens, level = pace.ramp, pace.tokens, pace.level
    rested = min(max(0.0, pace.paused_until - pace.at), at - pace.at)
    ramp = _down(ramp, rested, policy)
    is_bad = pace.last_share > policy.bad_share and at - pace.window_from < policy.pause_seconds
    left = at - pace.at - rested
    still = max(0.0, left - 2 * policy.ramp_seconds)  # by then whatever was left has filled the bucket and worn off
    for seconds in (*_steps(left - still), still):
        if not is_bad:
            level = min(1.0, level + seconds / policy.recovery_seconds)
        tokens += min(full * level, max(full * level * ramp, 1.0)) * seconds
        most = _most(full, level, ramp, policy)
        if tokens >= most:
            tokens, ramp = most, _down(ramp, seconds, policy)
        else:
            ramp = min(1.0, ramp + seconds / policy.ramp_seconds) if policy.ramp_seconds else 1.0
    return replace(pace, at=at, tokens=tokens, ramp=ramp, level=level)


def room(pace: Pace) -> int:
    """Return how many may leave at the instant of this bucket."""
    return 0 if pace.at < pace.paused_until else math.floor(pace.tokens + 1e-9)


def wait_seconds(pace: Pace, policy: PacePolicy, share: Share, wanted: int = 1) -> float:
    """Return after how long it is worth asking again: when `wanted` may leave, but at least one and within a second.

    Infinite for a worker that has no share.
    """
    if pace.at < pace.paused_until:
        return pace.paused_until - pace.at
    full = policy.per_minute * policy.used / 60 * share.of(policy)
    rate = min(full * pace.level, max(full * pace.level * pace.ramp, 1.0))
    if not rate:
        return math.inf
    first, all_of_them = ((number - pace.tokens) / rate for number in (1, wanted))
    return max(0.0, first, min(all_of_them, 1.0))


def answered(pace: Pace, policy: PacePolicy, answers: Answers) -> Pace:
    """Return the bucket after a batch was answered at its instant."""
    if answers.quota:
        pause = policy.pause_seconds if answers.retry_after_seconds is None else answers.retry_after_seconds
        was_paused = pace.at < pace.paused_until  # these left before the pause: the same complaint again
        pace = replace(pace, tokens=0.0, paused_until=max(pace.paused_until, pace.at + pause))
        return pace if was_paused else _halved(pace, policy)
    if pace.at - pace.window_from < policy.window_seconds:
        return replace(
            pace, answered=pace.answered + answers.answered, server_errors=pace.server_errors + answers.server_errors
        )
    pace = replace(_judged(pace, policy), window_from=pace.at)
    return replace(pace, answered=answers.answered, server_errors=answers.server_errors)


def _judged(pace: Pace, policy: PacePolicy) -> Pace:
    """Close a window: halve when the share of server errors rose above what is normal, or most requests fail."""
    if pace.answered < policy.least_answers:
        return replace(pace, last_share=0.0)
    errors = pace.server_errors / pace.answered
    is_worse = errors > policy.bad_share and (errors > pace.last_share or errors > 0.5)
    pace = replace(pace, last_share=errors)
    return _halved(pace, policy) if is_worse else pace


def _halved(pace: Pace, policy: PacePolicy) -> Pace:
    return replace(pace, level=max(policy.lowest_level, pace.level / 2), tokens=pace.tokens / 2)


def _most(full: float, level: float, ramp: float, policy: PacePolicy) -> float:
    """Return what the bucket holds: never less than one request, else a small quota could never be used."""
    return max(1.0, full * level * ramp * policy.burst_seconds) if full else 0.0


def _down(ramp: float, seconds: float, policy: PacePolicy) -> float:
    return max(0.0, ramp - seconds / policy.ramp_seconds) if policy.ramp_seconds else ramp


def _steps(seconds: float) -> list[float]:
    """Cut a stretch of time so short that rate and ramp may be taken as constant within each piece."""
    count = math.ceil(seconds / _STEP_SECONDS)
    return [seconds / count] * count if count else []


@dataclass
class Pacers:
    """The buckets of a worker, by provider. A provider without a policy has no limit. For several threads."""

    policies: Mapping[str, PacePolicy]
    _share: Share = field(default_factory=Share)
    _paces: dict[str, Pace] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def set_share(self, *, workers: int, rank: int) -> None:
        """Say how many workers live and which of them this one is (from 0).

        A worker that starts begins with nothing and takes a minute to its full rate: longer than the others need to
        notice it, so that together they stay below the quota.
        """
        with self._lock:
            self._share = Share(max(1, workers), rank)

    def take(self, provider: str, wanted: int, at: float) -> int:
        """Return how many of `wanted` requests may leave now; they count as gone."""
        policy = self.policies.get(provider)
        if policy is None:
            return wanted
        with self._lock:
            pace = self._now(provider, policy, at)
            count = min(wanted, room(pace))
            self._paces[provider] = replace(pace, tokens=pace.tokens - count)
            return count

    def give_back(self, provider: str, count: int) -> None:
        """Return requests that were taken and did not leave."""
        with self._lock:
            pace = self._paces.get(provider)
            if pace is not None:
                self._paces[provider] = replace(pace, tokens=pace.tokens + count)

    def next_at(self, provider: str, at: float, wanted: int = 1) -> float:
        """Return when it is worth asking again; `at` when something may leave now, infinity without a share."""
        policy = self.policies.get(provider)
        if policy is None:
            return at
        with self._lock:
            pace = self._now(provider, policy, at)
            return pace.at + wait_seconds(pace, policy, self._share, wanted)

    def note(self, provider: str, answers: Answers, at: float) -> None:
        """Take in what a batch came to."""
        policy = self.policies.get(provider)
        if policy is not None:
            with self._lock:
                self._paces[provider] = answered(self._now(provider, policy, at), policy, answers)

    def pause(self, provider: str, seconds: float, at: float) -> None:
        """Let nothing leave for so long: its credential is refused, or there is no token."""
        policy = self.policies.get(provider)
        if policy is not None:
            with self._lock:
                pace = self._now(provider, policy, at)
                self._paces[provider] = replace(pace, paused_until=max(pace.paused_until, at + seconds))

    def _now(self, provider: str, policy: PacePolicy, at: float) -> Pace:
        pace = self._paces.get(provider)
        if pace is None:
            return Pace(at, tokens=1.0 if self._share.of(policy) else 0.0)
        return advanced(pace, policy, self._share, at)
