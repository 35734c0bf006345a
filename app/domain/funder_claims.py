"""What funders have outstanding of a loan: what they funded, less principal passed on, with what was given to others.

Who gives a part of a share gives the same part of what is outstanding of it, rounded down; who gives all of it, all. So what
all holders have outstanding adds up to the loan's principal less what was passed on, to the unit, on every day.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from app.domain.funding_shares import OWN, Movement


class PrincipalPassed(NamedTuple):
    """Principal of entries of one value date that one holder got (or gave up with the lender)."""

    effective_on: date
    holder: str
    principal_minor: int


class Transfer(NamedTuple):
    """A share that went from one holder to another, at the beginning of a day. From the lender: it was funded."""

    effective_on: date
    giver: str
    taker: str
    units_minor: int


def claims_of(whole_minor: int, transfers: Sequence[Transfer], passed: Iterable[PrincipalPassed]) -> Mapping[str, int]:
    """Return what each holder has outstanding, in minor units; the lender's own part is among them.

    `transfers`: in the order they were told.
    """
    claims: defaultdict[str, int] = defaultdict(int, {OWN: whole_minor})
    units: defaultdict[str, int] = defaultdict(int, {OWN: whole_minor})
    by_day: defaultdict[date, list[PrincipalPassed]] = defaultdict(list)
    for each in passed:
        by_day[each.effective_on].append(each)
    moves: defaultdict[date, list[Transfer]] = defaultdict(list)
    for move in transfers:
        moves[move.effective_on].append(move)
    for day in sorted({*by_day, *moves}):
        for move in moves.get(day, ()):
            had = units[move.giver]
            moved = claims[move.giver] if had == move.units_minor else claims[move.giver] * move.units_minor // max(1, had)
            claims[move.giver] -= moved
            claims[move.taker] += moved
            units[move.giver] -= move.units_minor
            units[move.taker] += move.units_minor
        for each in by_day.get(day, ()):
            claims[each.holder] -= each.principal_minor
    return claims


def movements_of(transfers: Iterable[Transfer]) -> list[Movement]:
    """Return transfers as movements of shares; the lender's own part follows from the others."""
    return [
        Movement(holder, units, each.effective_on)
        for each in transfers
        for holder, units in ((each.giver, -each.units_minor), (each.taker, each.units_minor))
        if holder != OWN
    ]
