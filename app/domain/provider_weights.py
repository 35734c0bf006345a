"""Which of a channel's providers is asked first: the preferred one, unless it is slow or fails where another does not.

The rule is GOV.UK Notify's (notifications-api, `switch_providers`): a provider of which too large a share was slow lately,
while another was not, gives up some of its weight; with time every weight drifts back to where it rests. Ours rests with
the preferred provider, where Notify's rests in the middle, and a call that fails altogether counts at once. Drifting back
is what finds out whether it is well again. Instants are the machine's, in seconds.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock


@dataclass(frozen=True, slots=True)
class WeightPolicy:
    """When a provider is slow, and how far and fast weights move. Source: Notify's figures, but for `slow_seconds`."""

    slow_seconds: float = 5.0
    """A call (a sub-batch of messages) that takes longer is slow. (Notify looks at delivery: five minutes.)"""
    slow_share: float = 0.15
    window_seconds: float = 900.0
    least_answers: int = 10
    """With fewer answers in the window nothing is judged."""
    judge_seconds: float = 60.0
    step: float = 10.0
    """Points of a hundred that are given up at a time."""
    failing_step: float = 50.0
    """Given up at once when nothing of a call could be handed over."""
    drift_seconds: float = 300.0
    drift: float = 10.0


@dataclass(slots=True)
class _Kept:
    weight: float
    calls: deque[tuple[float, int, int]] = field(default_factory=deque)
    """(instant, answers, bad ones among them), oldest first."""
    judged_at: float = float("-inf")


class ProviderWeights:
    """The weights of one channel's providers, the preferred one first. For several threads."""

    def __init__(self, providers: Sequence[str], policy: WeightPolicy | None = None) -> None:
        self._policy = policy or WeightPolicy()
        self._first = providers[0]
        self._kept = {name: _Kept(100.0 if name == self._first else 0.0) for name in providers}
        self._drifted_at: float | None = None
        self._lock = Lock()

    def order(self, at: float, draw: float) -> list[str]:
        """Return the providers in the order in which they are to be asked. `draw` in [0, 1) chooses the first by weight."""
        with self._lock:
            self._drift(at)
            names = sorted(self._kept, key=lambda name: -self._kept[name].weight)  # stable: as they were given
            point = draw * sum(each.weight for each in self._kept.values())
            for name in names:
                point -= self._kept[name].weight
                if point < 0:
                    return [name, *(other for other in names if other != name)]
            return names

    def weights(self, at: float) -> Mapping[str, float]:
        """Return points of a hundred, by provider."""
        with self._lock:
            self._drift(at)
            return {name: each.weight for name, each in self._kept.items()}

    def note(self, provider: str, *, answers: int, failed: int, seconds: float, at: float) -> None:
        """Take in a call: how many messages, how many could not be handed over, and how long an answer took."""
        policy = self._policy
        with self._lock:
            self._drift(at)
            kept = self._kept[provider]
            kept.calls.append((at, answers, answers if seconds > policy.slow_seconds else failed))
            if failed and failed == answers:
                self._give_up(provider, policy.failing_step, at)
            elif at - kept.judged_at >= policy.judge_seconds:
                kept.judged_at = at
                if self._is_bad(provider, at) and any(not self._is_bad(name, at) for name in self._kept):
                    self._give_up(provider, policy.step, at)

    def _is_bad(self, provider: str, at: float) -> bool:
        policy, calls = self._policy, self._kept[provider].calls
        while calls and at - calls[0][0] > policy.window_seconds:
            calls.popleft()
        answers = sum(count for _, count, _ in calls)
        return answers >= policy.least_answers and sum(bad for _, _, bad in calls) >= policy.slow_share * answers

    def _give_up(self, provider: str, points: float, at: float) -> None:
        """Move weight to the others, the one that was named first taking it before those after it where none has any."""
        kept = self._kept[provider]
        moved = min(points, kept.weight)
        others = [each for name, each in self._kept.items() if name != provider]
        if not moved or not others:
            return
        kept.weight -= moved
        total = sum(each.weight for each in others)
        if total:
            for each in others:
                each.weight += moved * each.weight / total
        else:
            others[0].weight += moved
        self._drifted_at = at  # drifting begins anew

    def _drift(self, at: float) -> None:
        """Give the preferred provider back what the others took, so much for each stretch of time."""
        if self._drifted_at is None:
            self._drifted_at = at
        steps = int((at - self._drifted_at) // self._policy.drift_seconds)
        if steps <= 0:
            return
        self._drifted_at += steps * self._policy.drift_seconds
        for name, kept in self._kept.items():
            if name != self._first:
                points = min(steps * self._policy.drift, kept.weight)
                kept.weight -= points
                self._kept[self._first].weight += points
