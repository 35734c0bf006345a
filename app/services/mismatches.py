"""Mismatches between the core's newest tape and our book: what a borrower is shown, and what staff are told."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.mismatches import (
    EXACT,
    KINDS,
    Mismatch,
    MismatchPolicy,
    compare,
    shown_position,
    still_holds,
    waits_for_core,
)
from app.domain.positions import Position, Snapshot
from app.domain.tapes import CoreFigures
from app.persistence.models.loans import LoanRow
from app.persistence.queries.tapes import core_figures, find_loans_on_tape, page_loans_on_tape
from app.services.lenders import get_lender
from app.services.positions import position_by, positions_of
from app.services.terms import kernel_terms

_PAGE = 300
_SMALLEST_PAGE = 50
_MOST_LOOKED_AT = 1500
"""Loans one request compares: positions are computed, and a book that agrees everywhere must not be read in one go."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a borrower is shown of a loan on a day."""

    position: Position
    ours: Position | None
    """Our own figures, where the core's are shown instead."""
    core: CoreFigures | None
    """What the newest tape said, unless it is of a later day than asked."""

    @property
    def is_of_core(self) -> bool:
        """The core's figures are shown in place of ours."""
        return self.ours is not None


@dataclass(frozen=True, slots=True)
class LoanMismatch:
    """A mismatch with its loan; `as_of` is the day of the loan's newest tape.

    `waits_for_core`: the loan differs by what the desk did alone, and agrees once the core has booked that.
    """

    loan_id: str
    loan_no: str
    currency: str
    as_of: date
    mismatch: Mismatch
    waits_for_core: bool = False

    @property
    def place(self) -> str:
        """Where a list goes on after this one."""
        return f"{self.loan_id}:{self.mismatch.kind}"


@dataclass(frozen=True, slots=True)
class MismatchPage:
    """A page of mismatches; `resume` is where the search stopped without having seen every loan."""

    items: list[LoanMismatch]
    resume: str | None


def shown_to_borrower(
    row: Any, snapshot: Snapshot, ours: Position, known_at: datetime | None, *, policy: MismatchPolicy = EXACT
) -> Shown:
    """Return what is shown: the core's figures where they differ and still hold, else ours. Takes no statement.

    `row` has the columns of a balance (queries/accounts.py); `ours` is the position of the day asked for, of `snapshot`.
    What the desk took in or gave up and the core has not booked yet is no difference: the borrower was told of it. Where a
    law stops interest, or something is above a cap, ours are shown: the core's still ask for what is not owed.
    As known at another instant only ours is shown: what a borrower was shown then is to be found again.
    """
    core = core_figures(row.core_as_of, row.core_figures)
    if row.stops or row.over_cap_minor:
        core = None
    if core is None or known_at is not None or core.as_of > ours.as_of:
        return Shown(ours, None, None)
    effective_on, recorded_at = row.last_effective_on, row.last_recorded_at
    if not still_holds(core, ours.as_of, zone=row.zone, last_effective_on=effective_on, last_recorded_at=recorded_at):
        return Shown(ours, None, core)
    then = ours if core.as_of == ours.as_of else position_by(snapshot, row, core.as_of)
    if waits_for_core(compare(core, then, policy), row.desk_untold_minor):
        return Shown(ours, None, core)
    found = shown_position(core, then, ours, kernel_terms(row).rule, policy)
    return Shown(ours, None, core) if found is None else Shown(found, ours, core)


def page_mismatches(
    reads: Connection,
    lender_id: str,
    *,
    kinds: Collection[str] = KINDS,
    after: str | None = None,
    limit: int,
    policy: MismatchPolicy = EXACT,
) -> MismatchPage:
    """Return up to `limit` mismatches of a lender, newest loan first, following the place `after`.

    The search may stop with fewer found: then `resume` is where it goes on.
    """
    with Session(bind=reads, join_transaction_mode="rollback_only") as session:
        return _search(session, lender_id, kinds, after, limit, policy)


def _search(
    session: Session, lender_id: str, kinds: Collection[str], after: str | None, limit: int, policy: MismatchPolicy
) -> MismatchPage:
    begun, _, kind = (after or "").partition(":")
    done = KINDS[: KINDS.index(kind) + 1] if kind in KINDS else ()
    items: list[LoanMismatch] = []
    looked_at, before, size = 0, begun or None, min(_PAGE, max(limit, _SMALLEST_PAGE))
    while page := page_loans_on_tape(session, lender_id, before=before, with_it=looked_at == 0, limit=size):
        for each in _mismatches(session, page, policy):
            if each.mismatch.kind in kinds and not (each.loan_id == begun and each.mismatch.kind in done):
                items.append(each)
                if len(items) == limit:
                    return MismatchPage(items, None)
        looked_at += len(page)
        before = page[-1].id
        if looked_at >= _MOST_LOOKED_AT:
            return MismatchPage(items, f"{before}:{KINDS[-1]}")
    return MismatchPage(items, None)


def mismatches(
    session: Session, lender_code: str | None = None, *, kinds: Collection[str] = KINDS, policy: MismatchPolicy = EXACT
) -> Iterator[LoanMismatch]:
    """Yield every mismatch, of one lender or all. Raises NotFoundError for an unknown lender."""
    lender_id = get_lender(session, lender_code).id if lender_code else None
    before: str | None = None
    while page := page_loans_on_tape(session, lender_id, before=before, limit=_PAGE):
        yield from (each for each in _mismatches(session, page, policy) if each.mismatch.kind in kinds)
        before = page[-1].id
        session.expunge_all()


def differing_loans(session: Session, loan_ids: Collection[str], *, policy: MismatchPolicy = EXACT) -> int:
    """Return on how many of these loans the two books differ by more than what the core has still to book of the desk's."""
    loans = find_loans_on_tape(session, loan_ids)
    return len({each.loan_id for each in _mismatches(session, loans, policy) if not each.waits_for_core})


def _mismatches(session: Session, loans: Sequence[LoanRow], policy: MismatchPolicy) -> Iterator[LoanMismatch]:
    """Yield what differs on these loans, in their order."""
    positions: dict[str, Position] = {}
    for day in sorted({loan.core_as_of for loan in loans if loan.core_as_of}):
        positions |= positions_of(session, [loan for loan in loans if loan.core_as_of == day], day)
    for loan in loans:
        core = core_figures(loan.core_as_of, loan.core_figures)
        found = compare(core, positions[loan.id], policy) if core else []
        waits = waits_for_core(found, loan.desk_untold_minor)
        for mismatch in found:
            yield LoanMismatch(loan.id, loan.loan_no, loan.currency, positions[loan.id].as_of, mismatch, waits)
