"""Who is given a thread: somebody who speaks its language, is at the desk, and has the least open.

Whoever had it before is given it again, as long as they can take it: a borrower need not tell everything twice. The same
people and the same thread always come to the same choice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be given threads. `load`: of their open ones; `teams` empty: all."""

    name: str
    languages: Sequence[str]
    load: int
    seen_at: datetime | None
    """When they were last at the desk; None: never."""
    teams: Sequence[str] = ()
    is_away: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """What a thread asks for."""

    language: str
    team: str | None = None
    had_by: str | None = None
    """Who had it last."""


def choose(need: Need, candidates: Iterable[Candidate], *, now: datetime, on_duty: timedelta, most_open: int) -> str | None:
    """Return the name of who is given it, None: it stays in the queue."""
    able = [each for each in candidates if _is_able(each, need, now, on_duty)]
    if any(each.name == need.had_by for each in able):
        return need.had_by
    free = [each for each in able if each.load < most_open]
    return min(free, key=lambda each: (each.load, each.name)).name if free else None


def _is_able(each: Candidate, need: Need, now: datetime, on_duty: timedelta) -> bool:
    is_there = not each.is_away and each.seen_at is not None and now - each.seen_at <= on_duty
    return is_there and _speaks(each, need.language) and (need.team is None or not each.teams or need.team in each.teams)


def _speaks(each: Candidate, language: str) -> bool:
    """A region apart is the same language: whoever writes zh-CN answers zh."""
    return _base(language) in {_base(spoken) for spoken in each.languages}


def _base(language: str) -> str:
    return language.replace("_", "-").partition("-")[0].lower()
