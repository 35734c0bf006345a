"""Checking a frozen bulletin: its document, its place in the chain, its signature, and its numbers counted anew."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.bulletins import AsKnown, FigureCell, sha256_of
from app.domain.errors import ConflictError
from app.persistence.models.bulletins import BulletinRow
from app.persistence.queries.bulletins import find_frozen_before, load_figures
from app.services.bulletin_figures import count_values, definitions
from app.services.bulletin_signatures import is_signed
from app.services.bulletins import known_of, period_of


@dataclass(frozen=True, slots=True)
class Difference:
    """A number that comes to something else now. None: it is not there."""

    key: str
    cell: str
    currency: str
    frozen: int | None
    counted: int | None


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. `numbers`: how many were compared; `unknown`: figures that this release does not count any more.

    `differences`: numbers that do not come to the same as known at the freezing; `later`: what they come to with all that
    became known since, which is no error of the bulletin and is what a correction would say.
    """

    is_document_whole: bool
    is_chained: bool
    is_signed: bool | None
    """None: it has no signature, or no key to hold it against was given."""
    numbers: int
    differences: tuple[Difference, ...]
    unknown: tuple[str, ...]
    later: tuple[Difference, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether all is as it was frozen."""
        return self.is_document_whole and self.is_chained and self.is_signed is not False and not self.differences


def verify_bulletin(session: Session, row: BulletinRow, *, now: datetime, public: str | None = None) -> Verification:
    """Hold a frozen bulletin against the book as it was known when it was frozen. Raises ConflictError for a draft."""
    if row.frozen_at is None or row.document is None or row.chain_no is None:
        raise ConflictError("A draft has no numbers yet that could be checked.")
    frozen = {(each.key, each.cell, each.currency): each for each in load_figures(session, row.id)}
    known = definitions().figures
    keys = {key for key, _, _ in frozen}
    counted = _counted(session, row, known_of(row, now))
    as_now = _counted(session, row, AsKnown(period_of(row), now))
    places = {place for place in (*frozen, *counted) if place[0] in known}
    before = find_frozen_before(session, row.chain_no)
    return Verification(
        sha256_of(row.document) == row.sha256,
        f'"previous_sha256":"{before.sha256}"' in row.document if before else '"previous_sha256":null' in row.document,
        None if row.signature is None or public is None else is_signed(public, row.sha256 or "", row.signature),
        len(places),
        _differences(frozen, counted, known),
        tuple(sorted(keys - set(known))),
        _differences(counted, as_now, known),
    )


def _counted(session: Session, row: BulletinRow, known: AsKnown) -> dict[tuple[str, str, str], FigureCell]:
    return {
        (each.key, each.cell, each.currency): each
        for each in count_values(session.connection(), known, lender_id=row.lender_id)
    }


def _differences(
    before: Mapping[tuple[str, str, str], FigureCell],
    after: Mapping[tuple[str, str, str], FigureCell],
    known: Container[str],
) -> tuple[Difference, ...]:
    return tuple(
        Difference(*place, _value(before.get(place)), _value(after.get(place)))
        for place in sorted({*before, *after})
        if place[0] in known and _value(before.get(place)) != _value(after.get(place))
    )


def _value(cell: FigureCell | None) -> int | None:
    return None if cell is None else cell.value
