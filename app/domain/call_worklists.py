"""The order in which open calls are made: by what calling now is expected to gain over not calling, and why.

The gain of a call is the money it can bring, times how likely somebody answers, times what a conversation changes, times how
likely it is that the money would not have come anyway. So a large sum of somebody who is about to pay by themselves, or who
never answers at this hour, stands below a smaller one where a call changes something. Source: van de Geer, Wang, Bhulai 2018
(call by marginal value, not by risk); docs/call-tasks.md says where each figure comes from.

Whole numbers only: the same facts give the same order on every machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PERMILLE = 1000
MOST_SCORE = 1_000_000
LAW_DAY, ASKED_FOR, BY_GAIN = 2, 1, 0
"""How urgent a task is, before any score: a day of law, the borrower's own wish, what is left."""


@dataclass(frozen=True, slots=True)
class WorklistTerms:
    """The figures of the score (content/calls/worklist.yaml). Shares are in permille."""

    caps_minor: Mapping[str, int]
    """Currency -> the sum from which on more money adds nothing."""
    cap_minor_elsewhere: int
    lift: int
    """What a conversation adds to the share of those who pay, of those who would not have."""
    anyway: Sequence[tuple[int, int]]
    """(days past due up to and with, share that pays without a call), ascending; the last one holds for more days too."""
    recent_days: int
    """A row that was paid so lately makes its payer a recent one."""
    recent: int
    cure_days: int
    """Rows paid so many days late or fewer cured themselves early."""
    cure_weight: int
    """How many rows the usual share stands for, beside the person's own."""
    promised: int
    broken: int
    """By how much a broken promise lowers the share that pays anyway."""
    reach: int
    """The usual share of calls that are answered."""
    reach_weight: int
    hour_weight: int
    hours_apart: int
    """Calls so many hours of the day from now, or fewer, tell of this hour."""
    tried_today: int
    """What is left of the chance to reach somebody after each call of the same day that was not answered."""
    retry_minutes: Mapping[str, int] = field(default_factory=dict)
    """Outcome -> after how long the task comes up again; an outcome that is not named closes it."""
    most_tries: int = 3
    """Of one task; then it is closed."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is known of one open call task. `hour`: of the day where the borrower is, now."""

    currency: str
    overdue_minor: int = 0
    days_past_due: int = 0
    days_since_paid: int | None = None
    """Since a row of the loan was last paid in full."""
    rows_late: int = 0
    """Rows of the loan that were paid after their day, within a year."""
    rows_cured: int = 0
    """Those of them that were paid soon after it."""
    has_promise: bool = False
    """One stands, whose day is not over."""
    promises_broken: int = 0
    hour: int = 12
    calls: Sequence[tuple[int, bool]] = ()
    """(hour of the day where the borrower is, answered) of earlier calls."""
    unanswered_today: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """One factor of a score, in permille, with the facts it was made of."""

    name: str
    """amount, anyway, reach, lift."""
    permille: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rank:
    """Where a task belongs. `score`: expected gain in millionths of the capped amount."""

    task_id: str
    urgency: int
    score: int
    parts: tuple[Part, ...] = ()
    opens_at: datetime | None = None
    """From when on it may be dialled; None: not before something changes."""
    closes_at: datetime | None = None
    """Exclusive; None: no end is known."""
    blocked_by: str | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it may be dialled now."""
        return self.opens_at is not None and self.opens_at <= now and (self.closes_at is None or now < self.closes_at)


def order(ranks: Sequence[Rank], now: datetime) -> list[Rank]:
    """Return the worklist: what may be dialled now, the most urgent and most gainful first; then by when it opens.

    The order is total: of two with the same score the newer task comes first. What is blocked never stands above the rest.
    """
    return sorted(sorted(ranks, key=lambda each: each.task_id, reverse=True), key=lambda each: _place(each, now))


def _place(rank: Rank, now: datetime) -> tuple[int, datetime, int, int]:
    if rank.is_open(now):
        return 0, now, -rank.urgency, -rank.score
    if rank.opens_at is not None and rank.opens_at > now:
        return 1, rank.opens_at, -rank.urgency, -rank.score
    return 2, now, -rank.urgency, -rank.score


def score_of(facts: CallFacts, terms: WorklistTerms) -> tuple[int, tuple[Part, ...]]:
    """Return the expected gain of calling now (0 to MOST_SCORE) and the parts it is the product of."""
    parts = (_amount(facts, terms), _anyway(facts, terms), _reach(facts, terms), _lift(facts, terms))
    amount, anyway, reach, lift = (part.permille for part in parts)
    return amount * reach * lift * (PERMILLE - anyway) // PERMILLE**2, parts


def _amount(facts: CallFacts, terms: WorklistTerms) -> Part:
    cap = terms.caps_minor.get(facts.currency, terms.cap_minor_elsewhere)
    overdue = max(facts.overdue_minor, 0)
    told = {"overdue_minor": overdue, "cap_minor": cap, "currency": facts.currency}
    return Part("amount", min(overdue, cap) * PERMILLE // cap, told)


def _anyway(facts: CallFacts, terms: WorklistTerms) -> Part:
    """How likely the money comes without a call: the days, changed by what this person did before."""
    share = next((share for days, share in terms.anyway if facts.days_past_due <= days), terms.anyway[-1][1])
    told: dict[str, Any] = {"days_past_due": facts.days_past_due}
    if facts.rows_late and facts.days_past_due <= terms.cure_days:
        weight = terms.cure_weight
        share = (facts.rows_cured * PERMILLE + weight * share) // (facts.rows_late + weight)
        told |= {"rows_late": facts.rows_late, "rows_cured": facts.rows_cured}
    if facts.days_since_paid is not None and facts.days_since_paid <= terms.recent_days:
        share = PERMILLE - (PERMILLE - share) * (PERMILLE - terms.recent) // PERMILLE
        told["days_since_paid"] = facts.days_since_paid
    if facts.has_promise:
        share = max(share, terms.promised)
        told["promise_stands"] = True
    if facts.promises_broken:
        share = share * (PERMILLE - terms.broken) // PERMILLE
        told["promises_broken"] = facts.promises_broken
    return Part("anyway", min(max(share, 0), PERMILLE), told)


def _reach(facts: CallFacts, terms: WorklistTerms) -> Part:
    """How likely somebody answers: the person's own calls beside the usual share, those at this hour beside the others."""
    answered = sum(is_answered for _, is_answered in facts.calls)
    overall = _shrunk(answered, len(facts.calls), terms.reach, terms.reach_weight)
    near = [is_answered for hour, is_answered in facts.calls if _apart(hour, facts.hour) <= terms.hours_apart]
    share = _shrunk(sum(near), len(near), overall, terms.hour_weight)
    for _ in range(min(facts.unanswered_today, 10)):
        share = share * terms.tried_today // PERMILLE
    told = {"calls": len(facts.calls), "answered": answered, "calls_at_this_hour": len(near),
            "answered_at_this_hour": sum(near), "hour": facts.hour, "unanswered_today": facts.unanswered_today}  # fmt: skip
    return Part("reach", share, told)


def _lift(_facts: CallFacts, terms: WorklistTerms) -> Part:
    return Part("lift", terms.lift, {})


def _shrunk(successes: int, tries: int, usual: int, weight: int) -> int:
    return (successes * PERMILLE + weight * usual) // (tries + weight)


def _apart(hour: int, other: int) -> int:
    """Return how many hours lie between two hours of the day, the shorter way round."""
    gap = abs(hour - other) % 24
    return min(gap, 24 - gap)


def read_terms(document: Mapping[str, Any]) -> WorklistTerms:
    """Return the figures of a document that its schema has let pass."""
    caps = document["amount_caps"]
    return WorklistTerms(
        caps_minor={currency: int(minor) for currency, minor in caps["minor"].items()},
        cap_minor_elsewhere=caps["elsewhere_minor"],
        lift=document["lift"],
        anyway=tuple((each["days"], each["share"]) for each in document["pays_anyway"]["by_days"]),
        recent_days=document["pays_anyway"]["recent_days"],
        recent=document["pays_anyway"]["recent"],
        cure_days=document["pays_anyway"]["cure_days"],
        cure_weight=document["pays_anyway"]["cure_weight"],
        promised=document["pays_anyway"]["promised"],
        broken=document["pays_anyway"]["broken"],
        reach=document["reach"]["usual"],
        reach_weight=document["reach"]["weight"],
        hour_weight=document["reach"]["hour_weight"],
        hours_apart=document["reach"]["hours_apart"],
        tried_today=document["reach"]["tried_today"],
        retry_minutes=dict(document["tries"]["retry_minutes"]),
        most_tries=document["tries"]["most"],
    )
