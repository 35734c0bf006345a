"""Passing what was recovered on a loan on to those who funded it, pro rata to the minor unit.

Each entry of the loan's ledger is divided by the shares of its value date. Parts of a unit that somebody is owed or had too
much are carried to the next entry: over time nobody gains or loses a unit, and each entry is passed on whole, not a unit
more or less. Nothing is ever changed: an entry that is reversed, spread anew, or whose shares turn out to be others, is
passed on again as the difference to what was. What is carried is not stored, it follows from what was passed on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from app.domain.errors import ValidationError
from app.domain.funding_shares import Shares
from app.domain.splits import NOTHING, Split

FEE_COMPONENTS = ("interest", "fees", "penalties")
"""What a platform may keep a part of: never of principal."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a ledger entry did to the loan. `is_money` False: principal given up or adjusted, which nobody is paid."""

    entry_id: str
    effective_on: date
    split: Split
    is_money: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """How an entry was passed on last."""

    revision: int
    effective_on: date
    split: Split
    is_money: bool
    shares_key: str


class Part(NamedTuple):
    """What one holder got of an entry; negative: what was taken back. `service_fee_minor`: kept of it by the platform."""

    split: Split = NOTHING
    service_fee_minor: int = 0

    @property
    def net_minor(self) -> int:
        """What is the holder's own of it."""
        return self.split.total - self.service_fee_minor


@dataclass(frozen=True, slots=True)
class Passed:
    """What is to be booked of one entry: the mark as it stands then, and what each holder gets or gives back."""

    entry_id: str
    mark: Mark
    parts: Mapping[str, Part]
    """By holder; those with nothing are left out."""


@dataclass(slots=True)
class Standing:
    """What was passed on of a loan so far, by holder: `gross` by component, `fees` what the platform kept of it."""

    gross: dict[str, Split] = field(default_factory=dict)
    fees: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServiceFee:
    """What the platform keeps, as exact fractions of a component; rounded down over all of a share's time."""

    rates: Mapping[str, Fraction] = field(default_factory=dict)

    def of(self, gross: Split) -> int:
        """Return what is kept of all that was passed on: a fraction of a unit is the funder's."""
        return sum(int(max(0, getattr(gross, name)) * rate) for name, rate in self.rates.items())


def read_service_fee(rates: Mapping[str, str]) -> ServiceFee:
    """Return an agreement's fee: {"interest": "0.1"}. Raises ValidationError."""
    found: dict[str, Fraction] = {}
    for name, text in rates.items():
        if name not in FEE_COMPONENTS:
            raise ValidationError(f"A service fee is of {', '.join(FEE_COMPONENTS)}, not of {name}.")
        try:
            rate = Fraction(str(text))
        except (ValueError, ZeroDivisionError):
            raise ValidationError(f"{text!r} is no fraction such as 0.1.") from None
        if not 0 <= rate <= 1:
            raise ValidationError(f"A service fee is a fraction from 0 to 1, not {text}.")
        found[name] = rate
    return ServiceFee(found)


def divide(amount_minor: int, weights: Sequence[int], owed: Sequence[int], whole: int) -> list[int]:
    """Divide an amount by weights of a whole; return one part each, together the amount exactly.

    `owed`: what each is owed already (negative: had too much), counted in one `whole`th of a unit. The units left over go
    to the largest remainders, of equals to the first. Of money in nobody gives back less than a whole unit that they had
    too much.
    """
    if amount_minor < 0:
        return [-part for part in divide(-amount_minor, weights, [-each for each in owed], whole)]
    exact = [amount_minor * weight + more for weight, more in zip(weights, owed, strict=True)]
    parts = [each // whole if each >= 0 else -(-each // whole) for each in exact]
    left = amount_minor - sum(parts)
    if left > 0:
        by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] * whole - exact[i], i))
        for i in by_remainder[:left]:
            parts[i] += 1
    while left < 0:
        having = [i for i in range(len(parts)) if parts[i] > 0] or list(range(len(parts)))
        having.sort(key=lambda i: (exact[i] - parts[i] * whole, i))
        for i in having[:-left]:
            parts[i] -= 1
            left += 1
    return parts


def pass_on(
    shares: Shares,
    fee: ServiceFee,
    wanted: Sequence[Recovery],
    marks: Mapping[str, Mark],
    passed: Mapping[str, Mapping[str, Part]],
    standing: Standing,
) -> list[Passed]:
    """Return what has to be booked so that the ledger's recoveries are passed on; of nothing new, nothing.

    `wanted`: all recoveries of the loan that count, in order. `marks`: of every entry that was passed on. `passed`: of the
    entries that `changed` names, what each holder has of them. `standing`: of all entries together.
    """
    again = {each.entry_id: each for each in changed(shares, wanted, marks)}
    if not again:
        return []
    owed = _owed(shares, [each for each in wanted if each.entry_id not in again])
    gross, kept = dict(standing.gross), dict(standing.fees)
    for entry_id in again:
        for holder, part in passed.get(entry_id, {}).items():
            gross[holder] = gross.get(holder, NOTHING).minus(part.split)
            kept[holder] = kept.get(holder, 0) - part.service_fee_minor
    for holder, split in gross.items():
        have = owed[holder]
        for component in range(4):
            have[component] -= split[component] * shares.whole_minor
    return [
        _passed(each, shares, fee, marks.get(each.entry_id), passed.get(each.entry_id, {}), owed, gross, kept)
        for each in again.values()
    ]


def changed(shares: Shares, wanted: Sequence[Recovery], marks: Mapping[str, Mark]) -> list[Recovery]:
    """Return the recoveries that are not passed on as they stand, in order; of entries that count no more, with nothing."""
    found = [each for each in wanted if not _is_passed(each, shares, marks.get(each.entry_id))]
    counting = {each.entry_id for each in wanted}
    gone = [
        Recovery(entry_id, mark.effective_on, NOTHING, mark.is_money)
        for entry_id, mark in marks.items()
        if entry_id not in counting and mark.split != NOTHING
    ]
    return sorted(gone, key=lambda each: (each.effective_on, each.entry_id)) + found


def _is_passed(each: Recovery, shares: Shares, mark: Mark | None) -> bool:
    if mark is None:
        return each.split == NOTHING
    if (mark.split, mark.effective_on, mark.is_money) != (each.split, each.effective_on, each.is_money):
        return False
    return each.split == NOTHING or mark.shares_key == shares.on(each.effective_on).key


def _owed(shares: Shares, recoveries: Sequence[Recovery]) -> defaultdict[str, list[int]]:
    """Return what each holder's exact parts of recoveries add up to, by component, in one `whole`th of a unit."""
    by_span: dict[str, list[int]] = {}
    held = {}
    for each in recoveries:
        state = shares.on(each.effective_on)
        held[state.key] = state
        total = by_span.setdefault(state.key, [0, 0, 0, 0])
        for component in range(4):
            total[component] += each.split[component]
    owed: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for key, total in by_span.items():
        for holder, units in held[key].units.items():
            have = owed[holder]
            for component in range(4):
                have[component] += total[component] * units
    return owed


def _passed(
    each: Recovery,
    shares: Shares,
    fee: ServiceFee,
    mark: Mark | None,
    before: Mapping[str, Part],
    owed: defaultdict[str, list[int]],
    gross: dict[str, Split],
    kept: dict[str, int],
) -> Passed:
    held, whole = shares.on(each.effective_on), shares.whole_minor
    holders = list(held.units)
    weights = list(held.units.values())
    columns: list[list[int]] = []
    for component in range(4):
        amount = each.split[component]
        if not amount:
            columns.append([0] * len(holders))
            continue
        parts = divide(amount, weights, [owed[holder][component] for holder in holders], whole)
        for holder, weight, part in zip(holders, weights, parts, strict=True):
            owed[holder][component] += amount * weight - part * whole
        columns.append(parts)
    now = {holder: Split(*parts) for holder, *parts in zip(holders, *columns, strict=True)}
    changes: dict[str, Part] = {}
    for holder in [*now, *(holder for holder in before if holder not in now)]:
        split, had = now.get(holder, NOTHING), before.get(holder, Part())
        gross[holder] = gross.get(holder, NOTHING).plus(split)
        keeps = fee.of(gross[holder]) if holder else 0
        charged, kept[holder] = keeps - kept.get(holder, 0), keeps
        change = Part(split.minus(had.split), charged - had.service_fee_minor)
        if change != Part():
            changes[holder] = change
    revision = 1 if mark is None else mark.revision + 1
    stands = Mark(revision, each.effective_on, each.split, each.is_money, held.key)
    return Passed(each.entry_id, stands, changes)
