"""Holds and wishes for the sample book: hardship, disputes, promises, a breathing space, plans not agreed yet, hours.

The demo borrowers have none: on them the sandbox page shows how reminding goes.
"""

import random
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import NamedTuple

from app.domain.errors import DomainError
from app.domain.hold_terms import HoldValues
from app.persistence.queries.borrowers import find_borrower_ids
from app.persistence.queries.contact_preferences import add_wish
from app.persistence.unit_of_work import unit_of_work
from app.sandbox.sample_lenders import SampleLender
from app.services.agenda import touch
from app.services.holds import Teller, put_holds

_PER_CENT = (
    # (borrowers in a hundred, kind, days from now until it ends; None: open)
    (2, "hardship", None),
    (2, "hardship", (20, 45)),
    (2, "dispute", None),
    (4, "promise_to_pay", (3, 25)),
    (2, "promise_to_pay", (61, 100)),
    (2, "breathing_space", None),
    (2, "plan_pending", (5, 30)),
)
_WITH_HOURS = 6
"""Borrowers in a hundred who ask to be contacted between certain hours only."""


class SampleWish(NamedTuple):
    """Hours in which a borrower wants to be contacted."""

    borrower_no: str
    from_time: time
    until_time: time


def sample_holds(sample: SampleLender, *, now: datetime, seed: int) -> Iterator[tuple[str, HoldValues]]:
    """Yield (borrower no, hold); when they end is spread over the day, as real promises are."""
    for borrower_no, rng in _drawn(sample, seed, "holds"):
        drawn = rng.random() * 100
        for share, kind, days in _PER_CENT:
            if drawn < share:
                until_at = None if days is None else now + timedelta(days=rng.randint(*days), hours=rng.randint(0, 23))
                yield borrower_no, HoldValues(kind, now, until_at, form="electronic", evidence="sample book")
                break
            drawn -= share


def sample_wishes(sample: SampleLender, *, seed: int) -> Iterator[SampleWish]:
    """Yield wishes about hours."""
    for borrower_no, rng in _drawn(sample, seed, "wishes"):
        if rng.random() * 100 < _WITH_HOURS:
            first = rng.choice((9, 12, 17))
            yield SampleWish(borrower_no, time(first), time(first + 3))


def put_sample_holds(sample: SampleLender, *, now: datetime, seed: int) -> int:
    """Put a lender's sample holds and wishes, as staff and borrowers would; return how many holds."""
    told, wishes = list(sample_holds(sample, now=now, seed=seed)), list(sample_wishes(sample, seed=seed))
    with unit_of_work() as work:
        ids = find_borrower_ids(work.session, {no for no, _ in told} | {wish.borrower_no for wish in wishes})
        batch = [(ids[borrower_no], values, False) for borrower_no, values in told]
        for result in put_holds(work, batch, teller=Teller("staff:sample"), now=now):
            if isinstance(result, DomainError):
                raise result
        touch(work, (ids[wish.borrower_no] for wish in wishes), now=now)
        for wish in wishes:
            add_wish(
                work.session,
                ids[wish.borrower_no],
                kind="only_between",
                from_time=wish.from_time,
                until_time=wish.until_time,
                by="borrower",
                now=now,
            )
    return len(told)


def _drawn(sample: SampleLender, seed: int, what: str) -> Iterator[tuple[str, random.Random]]:
    for country, count in sample.borrowers:
        for number in range(count):
            borrower_no = f"{country}-{number + 1:04}"
            yield borrower_no, random.Random(f"{seed}:{what}:{borrower_no}")  # noqa: S311 - the same again for the same seed
