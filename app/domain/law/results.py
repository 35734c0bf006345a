"""What a rule answers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import IntEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from app.domain.caps import Fixing, fixing_on

_NO_VALUES: Mapping[str, Any] = MappingProxyType({})


class Topic(IntEnum):
    """What a stop is about, in the order in which the first block wins. How it is found: topics.py."""

    LAW = 1
    """The law itself: the act is not allowed whoever asks (time-barred, notice lacking, transfer)."""
    STANDING = 2
    """Attorney, moratorium, dispute, cease, plan: a state of the case."""
    RECIPIENT = 3
    MEDIUM = 4
    """Opt-outs, wishes and consents on channel or number."""
    CONTENT = 5
    CAP = 6
    HOURS = 7


class Result(NamedTuple):
    """The answer of one rule: the names of the vocabulary's `expect`, and the topic it is about.

    A tuple because it is made for every rule of every candidate, and a frozen dataclass takes four times as long to make.
    """

    verdict: str
    """allow, block, defer, require, cap_reached, flag or compute."""
    until: datetime | None = None
    """With defer and cap_reached: first instant, UTC."""
    rule: str | None = None
    """Another rule that takes over."""
    due_on: date | None = None
    """Last day in time, inclusive; None also when the clock has not started."""
    due_at: datetime | None = None
    allowed_on: date | None = None
    """First local day on which this rule would allow what it blocks."""
    breach: bool = False
    missing: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    proceed: bool = False
    """With flag: the act may go ahead."""
    values: Mapping[str, Any] = _NO_VALUES
    topic: Topic = Topic.LAW

    @property
    def stops(self) -> bool:
        """Whether the act must not happen now: block, defer, cap_reached, or a flag without proceed."""
        return self.verdict in ("block", "defer", "cap_reached") or (self.verdict == "flag" and not self.proceed)


ALLOW = Result("allow")


class References(NamedTuple):
    """Published figures that rules are made from, read outside the domain."""

    lpr: Sequence[Fixing] = ()
    """Chinese loan prime rates, in any order; fractions per year."""

    def fixing_on(self, on: date) -> Fixing | None:
        """Return the newest rates published on or before that day; None when there were none."""
        return fixing_on(self.lpr, on)


NO_REFERENCES = References()
