"""Putting, changing and releasing holds.

Each act takes the borrower's agenda row first, writes the hold and the audit row, and decides at once in the same unit of
work, so that what is queued is cancelled before the answer is out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.book import PutResult, check_text
from app.domain.errors import ConflictError, DomainError, NotFoundError, refused_at
from app.domain.hold_terms import HoldValues, check_may_lift, check_may_put, check_told_again, completed, until
from app.domain.holds import Hold
from app.domain.times import rfc3339
from app.persistence.ids import new_id
from app.persistence.models.holds import HoldRow
from app.persistence.queries import holds as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.fact_revisions import HOLD_UNTIL, add_revision
from app.persistence.queries.lenders import find_lenders, get_lender
from app.persistence.queries.loans import find_loan_owners, get_loan
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders

_LONGEST_REASON = 200
_LONGEST_STORED_REFERENCE = 120


@dataclass(frozen=True, slots=True)
class Teller:
    """Who says it. `lender_id`: whose loans and references they name; None: the operator, who names a borrower's loans only
    through `--lender`. `role` None: no person of staff (a core, a command of the operator)."""

    by: str
    lender_id: str | None = None
    role: str | None = None

    @property
    def is_borrower(self) -> bool:
        """Whether it is the borrower's own word."""
        return self.by == "borrower" or self.by.startswith("borrower:")


@dataclass(frozen=True, slots=True)
class ShownHold:
    """A hold as staff see it."""

    id: str
    kind: str
    loan_no: str | None
    from_at: datetime
    until_at: datetime | None
    stands: bool
    """Now."""
    form: str | None
    by: str
    evidence: str | None
    reference: str | None
    recorded_at: datetime
    released_at: datetime | None
    released_by: str | None
    version: int


def put_hold(work: Work, borrower_id: str, values: HoldValues, *, teller: Teller, now: datetime) -> PutResult:
    """Put a hold; under a reference told before, bring its until up to date. The same again changes nothing.

    Raises ValidationError, NotFoundError, ConflictError (another hold under that reference), ForbiddenError.
    """
    lock_agenda(work.session, [borrower_id])
    result = _put(work, borrower_id, values, teller=teller, now=now)
    if result.changed:
        _decide(work, borrower_id, now)
    return result


def put_holds(
    work: Work, batch: Sequence[tuple[str, HoldValues, bool]], *, teller: Teller, now: datetime, decide: bool = False
) -> list[PutResult | DomainError]:
    """Put many, (borrower id, hold, whether it is over); each gets its own result. Without `decide` the sweep decides."""
    lock_agenda(work.session, {borrower_id for borrower_id, _, _ in batch})
    changed: set[str] = set()
    results: list[PutResult | DomainError] = []
    for borrower_id, values, is_over in batch:
        try:
            result = _put(work, borrower_id, values, teller=teller, now=now)
            if is_over:
                ended = _release(work, _of(work, borrower_id, result.id), teller=teller, now=now, reason="the core says so")
                result = PutResult(result.id, result.created, result.changed or ended)
            if result.changed:
                changed.add(borrower_id)
            results.append(result)
        except DomainError as error:
            results.append(error)
    agenda.touch(work, changed, now=now)
    if decide:
        reminders.review(work, sorted(changed), now=now)
    return results


def change_until(
    work: Work, borrower_id: str, hold_id: str, until_at: datetime | None, *, teller: Teller, now: datetime
) -> HoldRow:
    """Say anew until when a hold stands. Raises NotFoundError, ValidationError, ConflictError when it was released."""
    lock_agenda(work.session, [borrower_id])
    row = queries.get_hold(work.session, borrower_id, hold_id, lender_id=teller.lender_id)
    if _move_end(work, row, until_at, teller=teller, now=now):
        _decide(work, borrower_id, now)
    return row


def release_hold(work: Work, borrower_id: str, hold_id: str, *, teller: Teller, now: datetime, reason: str) -> HoldRow:
    """End a hold now; `reason` goes to the audit trail. Ending it twice changes nothing.

    Raises NotFoundError, ValidationError, ForbiddenError.
    """
    lock_agenda(work.session, [borrower_id])
    row = queries.get_hold(work.session, borrower_id, hold_id, lender_id=teller.lender_id)
    if _release(work, row, teller=teller, now=now, reason=reason):
        _decide(work, borrower_id, now)
    return row


def end_hold(work: Work, borrower_id: str, hold_id: str, *, teller: Teller, now: datetime, reason: str) -> None:
    """End a hold as `release_hold` does, without deciding: the caller has the agenda row and decides when all is written."""
    _release(work, _of(work, borrower_id, hold_id), teller=teller, now=now, reason=reason)


def list_holds(
    reads: Connection | Session, borrower_id: str, *, now: datetime, lender_id: str | None = None
) -> list[ShownHold]:
    """Return a borrower's holds, newest first; with a lender, without those on another lender's loans."""
    return [shown(row, row.loan_no, now=now) for row in queries.find_holds(reads, borrower_id, lender_id=lender_id)]


def shown(row: Any, loan_no: str | None, *, now: datetime) -> ShownHold:
    """Return a hold's row as staff see it."""
    hold = Hold(row.kind, row.from_at, row.until_at, row.recorded_at, released_at=row.released_at)
    return ShownHold(
        id=row.id,
        kind=row.kind,
        loan_no=loan_no,
        from_at=row.from_at,
        until_at=row.until_at,
        stands=hold.stands(now),
        form=row.form,
        by=row.by,
        evidence=row.evidence,
        reference=None if row.reference is None else row.reference.partition("/")[2],
        recorded_at=row.recorded_at,
        released_at=row.released_at,
        released_by=row.released_by,
        version=row.version,
    )


def loan_no_of(work: Work, row: HoldRow) -> str | None:
    """Return the number of the loan a hold is on."""
    return None if row.loan_id is None else get_loan(work.session, row.loan_id).loan_no


def _put(work: Work, borrower_id: str, values: HoldValues, *, teller: Teller, now: datetime) -> PutResult:
    check_may_put(values.kind, by_borrower=teller.is_borrower)
    reference = _stored_reference(work, values.reference, teller)
    row = queries.find_hold_referenced(work.session, borrower_id, reference) if reference else None
    if row is not None:
        return _told_again(work, row, values, teller=teller, now=now)
    whole = completed(values, now=now, zone=_zone(work, borrower_id, teller))
    row = HoldRow(
        id=new_id(),
        borrower_id=borrower_id,
        loan_id=_loan_id(work, borrower_id, values.loan_no, teller),
        kind=whole.kind,
        from_at=whole.from_at,
        until_at=whole.until_at,
        form=whole.form,
        by=teller.by,
        evidence=whole.evidence,
        reference=reference,
        recorded_at=now,
        version=1,
    )
    queries.add_hold(work.session, row)
    _audit(work, row, "hold.put", teller, now, from_at=rfc3339(row.from_at), until_at=_written(row.until_at))
    return PutResult(row.id, created=True, changed=True)


def _told_again(work: Work, row: HoldRow, values: HoldValues, *, teller: Teller, now: datetime) -> PutResult:
    check_told_again(values, kind=row.kind, from_at=row.from_at, loan_no=loan_no_of(work, row))
    zone = _zone(work, row.borrower_id, teller)
    wanted = until(row.kind, row.from_at, values.until_at, zone=zone)
    if values.until_at is None and row.kind == "breathing_space":
        wanted = row.until_at  # its days were counted when it was put; another zone since then moves nothing
    if wanted == row.until_at:
        return PutResult(row.id)
    return PutResult(row.id, changed=_move_end(work, row, wanted, teller=teller, now=now))


def _move_end(work: Work, row: HoldRow, until_at: datetime | None, *, teller: Teller, now: datetime) -> bool:
    wanted = until(row.kind, row.from_at, until_at, zone=_zone(work, row.borrower_id, teller))
    if row.released_at is not None:
        raise ConflictError(f"The hold was released {rfc3339(row.released_at)}; put a new one.")
    if wanted == row.until_at:
        return False
    if wanted is not None and (row.until_at is None or wanted < row.until_at):
        check_may_lift(row.kind, teller.role)
    before = row.until_at
    add_revision(work.session, HOLD_UNTIL, row.id, before, now=now)
    row.until_at = wanted
    row.version += 1
    work.session.flush()
    _audit(work, row, "hold.until", teller, now, before=_written(before), until_at=_written(wanted))
    return True


def _release(work: Work, row: HoldRow, *, teller: Teller, now: datetime, reason: str) -> bool:
    check_text("reason", reason, _LONGEST_REASON)
    if not reason.strip():
        raise refused_at("/reason", "reason is empty; say why the hold is over.")
    if row.released_at is not None:
        return False
    check_may_lift(row.kind, teller.role)
    row.released_at, row.released_by = now, teller.by
    row.version += 1
    work.session.flush()
    _audit(work, row, "hold.release", teller, now, reason=reason)
    return True


def _decide(work: Work, borrower_id: str, now: datetime) -> None:
    agenda.touch(work, [borrower_id], now=now)
    reminders.review(work, [borrower_id], now=now)


def _of(work: Work, borrower_id: str, hold_id: str) -> HoldRow:
    return queries.get_hold(work.session, borrower_id, hold_id)


def _stored_reference(work: Work, reference: str | None, teller: Teller) -> str | None:
    """Return LENDER/REFERENCE: two cores may number their holds alike."""
    if reference is None:
        return None
    code = "" if teller.lender_id is None else get_lender(work.session, teller.lender_id).code
    stored = f"{code}/{reference}"
    if len(stored) > _LONGEST_STORED_REFERENCE:
        raise refused_at("/reference", f"reference is longer than {_LONGEST_STORED_REFERENCE - len(code) - 1} characters.")
    return stored


def _zone(work: Work, borrower_id: str, teller: Teller) -> str:
    """Return where a hold's days are counted: the borrower's own zone, else the lender's."""
    borrower = get_borrower(work.session, borrower_id)
    if borrower.zone:
        return borrower.zone
    if len(borrower.phone_zones) == 1:
        return str(borrower.phone_zones[0])
    if teller.lender_id is not None:
        return get_lender(work.session, teller.lender_id).zone
    lenders = find_lenders(work.session)
    return lenders[0].zone if len(lenders) == 1 else "UTC"


def _loan_id(work: Work, borrower_id: str, loan_no: str | None, teller: Teller) -> str | None:
    if loan_no is None:
        return None
    if teller.lender_id is None:
        raise refused_at("/loan_no", "Say whose loan it is: name the lender too.")
    owner = find_loan_owners(work.session, teller.lender_id, [loan_no]).get(loan_no)
    if owner is None or owner[1] != borrower_id:
        raise NotFoundError(f"This borrower has no loan {loan_no} with this lender; leave loan_no out for all loans.")
    return owner[0]


def _audit(work: Work, row: HoldRow, action: str, teller: Teller, now: datetime, **facts: Any) -> None:
    add_audit(
        work.session,
        at=now,
        actor=teller.by,
        action=action,
        borrower_id=row.borrower_id,
        facts={"hold_id": row.id, "kind": row.kind, "loan_id": row.loan_id, **facts},
    )


def _written(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)
