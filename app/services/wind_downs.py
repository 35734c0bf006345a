"""Winding a lender down: no new loans, collection only. Its book, reminders and help for borrowers go on.

Switched on by an admin and approved by another; what is refused says so by name (`winding-down`), and each borrower is told.
One that is in force is corrected by another, in the same way: it takes its place, and nobody is told twice.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.book import check_text
from app.domain.errors import ConflictError, WindingDownError, refused_at
from app.domain.permissions import check_may
from app.domain.registers import check_second
from app.domain.wind_downs import LONGEST_CONTACT, LONGEST_REASON, WindDownState, WindDownTerms, check_move
from app.persistence.ids import new_id
from app.persistence.models.funding import WindDownRow
from app.persistence.queries import wind_downs as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work, looking, unit_of_work
from app.persistence.vault import Vault
from app.services.desk_payments import DeskStaff
from app.services.notices import tell_borrower

AT_ONCE = 50
_S = WindDownState


def ask_wind_down(work: Work, reason: str, terms: WindDownTerms, *, staff: DeskStaff, now: datetime) -> str:
    """Ask for it, or for other terms of one in force; somebody else approves it.

    Raises ForbiddenError, ValidationError, ConflictError (one waits already).
    """
    check_may(staff.role, "wind_down.set")
    if not reason.strip():
        raise refused_at("/reason", "reason is empty; say why no new loans are made.")
    check_text("reason", reason, LONGEST_REASON)
    check_text("contact", terms.contact or "", LONGEST_CONTACT)
    if queries.find_waiting(work.session, staff.lender_id) is not None:
        raise ConflictError("A wind-down waits for approval already; have it decided first.")
    wind_down_id = new_id()
    row = WindDownRow(
        id=wind_down_id, lender_id=staff.lender_id, state=_S.WAITING.value,
        reason_sealed=work.vault.seal(reason, place=_place("reason", wind_down_id)),
        terms={"longer_plans": terms.longer_plans, "contact": terms.contact}, requested_by=staff.by, requested_at=now,
        version=1,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    _audit(work, row, "asked", staff.by, now)
    return row.id


def decide_wind_down(
    work: Work, wind_down_id: str, *, approve: bool, staff: DeskStaff, now: datetime, reason: str | None = None
) -> None:
    """Approve or decline it as another admin. Twice changes nothing. Raises NotFoundError, ForbiddenError, ConflictError."""
    check_may(staff.role, "wind_down.set")
    row = queries.load_wind_down(work.session, staff.lender_id, wind_down_id)
    wanted = _S.ACTIVE if approve else _S.DECLINED
    if row.state == wanted:
        return
    check_move(row.state, wanted)
    if approve:
        check_second(row.requested_by, staff.by)
    check_text("reason", reason or "", 200)
    if approve:
        _take_its_place(work, row, staff.by, now)
    row.state, row.decided_by, row.decided_at = wanted.value, staff.by, now
    row.declined_reason_sealed = work.vault.seal(reason, place=_place("declined_reason", row.id))
    row.version += 1
    work.session.flush()
    _audit(work, row, "switched_on" if approve else "declined", staff.by, now)


def _take_its_place(work: Work, row: WindDownRow, by: str, now: datetime) -> None:
    """End what is in force, if anything is: `row` corrects it. Who was told of it is not told again."""
    before = queries.load_active(work.session, row.lender_id)
    if before is None:
        return
    before.state, before.ended_by, before.ended_at = _S.ENDED.value, by, now
    before.version += 1
    row.since_at = since_of(before)
    row.told_until, row.told_at = before.told_until, before.told_at
    work.session.flush()  # of those in force there is one
    _audit(work, before, "corrected", by, now)


def end_wind_down(work: Work, wind_down_id: str, *, staff: DeskStaff, now: datetime) -> None:
    """End it: new loans are taken again. By an admin who did not approve it. Raises as above."""
    check_may(staff.role, "wind_down.set")
    row = queries.load_wind_down(work.session, staff.lender_id, wind_down_id)
    if row.state == _S.ENDED:
        return
    check_move(row.state, _S.ENDED)
    check_second(row.decided_by or "", staff.by)
    if queries.find_waiting(work.session, staff.lender_id) is not None:  # approved later, it would begin all anew
        raise ConflictError("Other terms of it wait for approval; have them decided first, then end it.")
    row.state, row.ended_by, row.ended_at = _S.ENDED.value, staff.by, now
    row.version += 1
    work.session.flush()
    _audit(work, row, "ended", staff.by, now)


def terms_in_force(reads: Connection | Session, lender_id: str) -> WindDownTerms | None:
    """Return the terms of a wind-down that is in force; None: the lender does not wind down."""
    row = queries.find_active(reads, lender_id)
    return None if row is None else terms_of(row)


def terms_of(row: Any) -> WindDownTerms:
    """Return its terms as stored."""
    return WindDownTerms(bool(row.terms.get("longer_plans")), row.terms.get("contact"))


def since_of(row: Any) -> Any:
    """Return since when the lender winds down, or did: through all its corrections; None: it never began."""
    return row.since_at or row.decided_at


def words_of(ring: Vault, row: Any) -> tuple[str, str | None]:
    """Return why it was asked for, and why it was declined."""
    return (
        ring.open(row.reason_sealed, place=_place("reason", row.id)) or row.reason,
        ring.open(row.declined_reason_sealed, place=_place("declined_reason", row.id)) or row.declined_reason,
    )


def refusal_of_new_loans(session: Session, lender_id: str) -> WindingDownError | None:
    """Return why a lender takes no new loan, or None."""
    if queries.find_active(session, lender_id) is None:
        return None
    return WindingDownError("The lender winds down and takes no new loans; what is known of its loans is still taken.")


def tell_borrowers(*, now: datetime) -> int:
    """Tell each borrower with a loan that runs, once; return how many were told."""
    told = 0
    with looking() as session:
        untold = queries.find_untold(session)
    for each in untold:
        while (count := _tell_some(each.lender_id, each.id, now)) is not None:
            told += count
    return told


def _tell_some(lender_id: str, wind_down_id: str, now: datetime) -> int | None:
    """Tell the next borrowers; return how many, or None once all were told."""
    with unit_of_work() as work:
        row = queries.load_wind_down(work.session, lender_id, wind_down_id)
        if row.state != _S.ACTIVE or row.told_at is not None:
            return None
        page = queries.page_borrowers(work.session, lender_id, after=row.told_until, limit=AT_ONCE)
        if not page:
            row.told_at = now
            return None
        lock_agenda(work.session, page)
        name = get_lender(work.session, lender_id).name
        for borrower_id in page:
            tell_borrower(
                work, borrower_id, "platform_winding_down", {"lender": name}, now=now, key=f"wind_down:{wind_down_id}"
            )
        row.told_until = page[-1]
        return len(page)


def _place(name: str, wind_down_id: str) -> str:
    return f"wind_downs.{name}:{wind_down_id}"


def _audit(work: Work, row: WindDownRow, verb: str, by: str, now: datetime) -> None:
    facts = {"wind_down_id": row.id, "lender_id": row.lender_id, "longer_plans": bool(row.terms.get("longer_plans"))}
    add_audit(work.session, at=now, actor=by, action=f"wind_down.{verb}", borrower_id=None, facts=facts)
