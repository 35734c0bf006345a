"""What letters say of the things that their loans have pledged: opened for the letter alone, quoted for its day."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.domain.collateral_events import ENDS, ThingState
from app.domain.errors import DomainError
from app.persistence.queries import collateral as queries
from app.persistence.unit_of_work import Work
from app.services.collateral import about_of, plate_of, vin_of
from app.services.collateral_histories import place_of
from app.services.collateral_redemptions import redemption_on
from app.wording.letter_pledges import LetterPledge

KIND = "collateral_notice"


def pledges_of_letter(work: Work, loan_ids: Collection[str], *, as_of: datetime) -> tuple[LetterPledge, ...]:
    """Return what secures these loans, each thing once, first rank first. Sums are for the day of `as_of`."""
    rows: Sequence[Any] = queries.find_pledged(work.session, loan_ids)
    things = {row.id: row.lender_id for row in sorted(rows, key=lambda row: row.rank) if ThingState(row.state) not in ENDS}
    return tuple(_pledge(work, thing_id, lender_id, as_of) for thing_id, lender_id in things.items())


def _pledge(work: Work, thing_id: str, lender_id: str, as_of: datetime) -> LetterPledge:
    thing, ring = queries.get_thing(work.session, thing_id, lender_id=lender_id), work.vault
    named = LetterPledge(
        thing.kind, thing.state, thing.currency,
        about=about_of(ring, thing), plate=plate_of(ring, thing), vin=vin_of(ring, thing),
    )  # fmt: skip
    if thing.state != ThingState.IN_CUSTODY:
        return named
    named = replace(named, place=place_of(ring, thing))
    try:
        found = redemption_on(work.session, thing, None, now=as_of)
    except DomainError:  # a loan that cannot be quoted: the letter says that the sum is to be asked for
        return named
    return replace(
        named, quoted_on=found.on, total_minor=found.total_minor, costs_minor=found.costs.open_minor,
        daily_minor=found.costs.daily_minor, not_looked_at=found.order.not_looked_at,
    )  # fmt: skip
