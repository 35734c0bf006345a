"""Changing a borrower's phone, e-mail or address at the desk: proposed, proved anew, cooled off, objected to, in force.

Codes are `contact_change_codes.py`, what follows each step is `contact_change_steps.py`, what the core says meanwhile is
`contact_feed.py`. Each act takes the borrower's agenda row first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.book import check_text
from app.domain.contact_changes import APP, KINDS, NOTICE_CHANNEL, PHONE, SUPERVISOR, ChangeState, check_proof
from app.domain.errors import ConflictError, ForbiddenError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.permissions import check_may
from app.persistence.ids import new_id
from app.persistence.models.contact_changes import ContactChangeRow
from app.persistence.queries import contact_changes as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.borrowers import find_phone_owners
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services import contact_change_steps as steps
from app.services.contact_change_rules import change_rules
from app.services.contact_data import checked, digest_of, masked, stated, values_of
from app.services.contact_feed import FOLLOW_UP, PLACE
from app.services.desk_payments import DeskStaff
from app.services.follow_ups import follow_up_at
from app.services.staff_proofs import Proven, require_fresh_proof
from app.services.step_up import require_fresh_proof as require_borrower_proof

LONGEST_GROUNDS, LONGEST_REASON = 500, 40
_GROUNDS = "contact_changes.grounds:"
_S = ChangeState


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change as it is shown: what it makes of the contact data masked, or whole for who may read it."""

    row: Any
    """Columns of contact_changes."""
    value: str
    grounds: str | None = None
    is_ours: bool = True
    """False: the desk of another lender of the borrower does it; who does it there and why stays there."""


def propose_change(work: Work, borrower_id: str, kind: str, text: str, *, staff: DeskStaff, now: datetime) -> str:
    """Propose another phone (E.164), e-mail or address (lines); return the change's id. The borrower is told in the app.

    Raises ValidationError, ForbiddenError, ConflictError (one of the kind is under way; somebody else signs in with it).
    """
    check_may(staff.role, "contacts.change")
    if kind not in KINDS:
        raise refused_at("/kind", f"kind is not one of {', '.join(KINDS)}.")
    value = checked(kind, text)
    lock_agenda(work.session, [borrower_id])
    old = stated(values_of(work.vault, queries.get_borrower_row(work.session, borrower_id)), kind)
    key_id = work.vault.current_key_id
    new_digest = digest_of(work.vault, kind, value, key_id=key_id) or ""
    old_digest = digest_of(work.vault, kind, old, key_id=key_id)
    if new_digest == old_digest:
        raise refused_at("/value", "That is what is known already.")
    under_way = next((each for each in queries.find_open(work.session, [borrower_id]) if each.kind == kind), None)
    if under_way is not None:
        raise ConflictError("A change of this is under way; cancel it first.", {"contact_change_id": under_way.id})
    if kind == PHONE:
        _check_is_free(work, borrower_id, value)
    change_id = new_id()
    row = ContactChangeRow(
        id=change_id, borrower_id=borrower_id, lender_id=staff.lender_id, kind=kind, state=_S.PROPOSED.value,
        new_sealed=work.vault.seal(value, place=PLACE + change_id), new_digest=new_digest, old_digest=old_digest,
        key_id=key_id, proposed_by=staff.by, proposed_at=now, codes_sent=0, prove_until=now + change_rules().prove_within,
        version=1,
    )  # fmt: skip
    queries.add_change(work.session, row)
    steps.audit(work, row, "proposed", by=staff.by, now=now)
    follow_up_at(work, FOLLOW_UP, row.id, borrower_id, at=row.prove_until)
    steps.tell(work, row, "wanted", now=now)
    return change_id


def confirm_by_supervisor(
    work: Work, change_id: str, *, grounds: str, staff: DeskStaff, proven: Proven, now: datetime
) -> None:
    """Prove a change by one's word: why, and which documents were seen. Not by who proposed it, with a fresh second factor.

    Raises StepUpRequiredError, ForbiddenError, ConflictError, ValidationError, NotFoundError.
    """
    check_may(staff.role, "contacts.confirm")
    require_fresh_proof(proven)
    check_text("grounds", grounds, LONGEST_GROUNDS)
    row = lock_of_lender(work, change_id, staff)
    if row.proposed_by == staff.by:
        raise ForbiddenError("You proposed it: somebody else confirms it.")
    check_proof(row.kind, SUPERVISOR)
    row.grounds_sealed = work.vault.seal(without_card_numbers(grounds), place=_GROUNDS + row.id)
    steps.begin_cooling(work, row, proof=SUPERVISOR, by=staff.by, now=now)


def confirm_own(work: Work, borrower_id: str, change_id: str, *, session_id: str, now: datetime) -> None:
    """Prove a change by the borrower's own word in the app, with a fresh code of the phone they sign in with.

    Confirming twice changes nothing. Raises StepUpRequiredError, NotFoundError, ConflictError.
    """
    require_borrower_proof(work.session, session_id, now=now)
    lock_agenda(work.session, [borrower_id])
    row = queries.get_change(work.session, borrower_id, change_id)
    if row.state == _S.COOLING_OFF:
        return
    check_proof(row.kind, APP)
    steps.begin_cooling(work, row, proof=APP, by=f"borrower:{borrower_id}", now=now)


def object_to(work: Work, borrower_id: str, change_id: str, *, by: str, now: datetime) -> None:
    """Stop a change; compliance looks into it. Of one that is in force nothing is taken back, and somebody looks all the
    same. Objecting twice changes nothing. Raises NotFoundError."""
    lock_agenda(work.session, [borrower_id])
    row = queries.get_change(work.session, borrower_id, change_id)
    if row.state in (_S.PROPOSED, _S.COOLING_OFF):
        steps.end(work, row, _S.OBJECTED, by=by, reason="objected", now=now)
    elif row.state == _S.DONE:
        steps.audit(work, row, "objected_late", by=by, now=now)
    else:
        return
    steps.raise_alarm(work, row, now=now)


def hear_objection(work: Work, borrower_ids: Sequence[str], channel: str, *, now: datetime) -> bool:
    """Take an objection that came back from the old address; return whether it stopped anything."""
    found = [
        each
        for each in queries.find_open(work.session, borrower_ids)
        if each.state == _S.COOLING_OFF and NOTICE_CHANNEL.get(each.kind) == channel
    ]
    for row in found:
        object_to(work, row.borrower_id, row.id, by=f"reply:{channel}", now=now)
    return bool(found)


def cancel_change(work: Work, change_id: str, *, staff: DeskStaff, reason: str, now: datetime) -> None:
    """Let a change be at the desk. Twice changes nothing. Raises NotFoundError, ConflictError, ValidationError."""
    check_may(staff.role, "contacts.change")
    check_text("reason", reason, LONGEST_REASON)
    row = lock_of_lender(work, change_id, staff)
    if row.state != _S.CANCELLED:
        steps.end(work, row, _S.CANCELLED, by=staff.by, reason=without_card_numbers(reason), now=now)


def look_at_change(work: Work, change_id: str, *, now: datetime) -> None:
    """Follow-up: a change that nobody proved ends, one whose cool-off is over takes effect."""
    row = work.session.get_one(ContactChangeRow, change_id, populate_existing=True)
    due = {_S.PROPOSED: row.prove_until, _S.COOLING_OFF: row.effective_at}.get(_S(row.state))
    if due is None:
        return
    if now < due:
        follow_up_at(work, FOLLOW_UP, row.id, row.borrower_id, at=due)
    elif row.state == _S.PROPOSED:
        steps.end(work, row, _S.EXPIRED, by=steps.SYSTEM, reason="not_proved", now=now)
    else:
        steps.take_effect(work, row, now=now)


def list_changes(
    reads: Connection | Session, ring: Vault, borrower_id: str, *, lender_id: str | None = None, whole: bool = False
) -> list[ShownChange]:
    """Return a borrower's changes, newest first; see `shown`."""
    return [shown(ring, row, lender_id=lender_id, whole=whole) for row in queries.find_of_borrower(reads, borrower_id)]


def shown(ring: Vault, row: Any, *, lender_id: str | None = None, whole: bool = False) -> ShownChange:
    """Return one as it is shown to staff of a lender, or (None) to the borrower and where it is the desk's own.

    `whole`: its value unmasked, if it is of that lender; who asks is allowed to.
    """
    is_ours = lender_id in (None, row.lender_id)
    value = ring.open(row.new_sealed, place=PLACE + row.id) or ""
    grounds = ring.open(row.grounds_sealed, place=_GROUNDS + row.id) if is_ours else None
    return ShownChange(row, value if whole and is_ours else masked(row.kind, value) or "", grounds, is_ours)


def lock_of_lender(work: Work, change_id: str, staff: DeskStaff) -> ContactChangeRow:
    """Return a change of a borrower of the lender, under the borrower's agenda row. Raises NotFoundError."""
    borrower_id = queries.get_owner(work.session, change_id, staff.lender_id)
    lock_agenda(work.session, [borrower_id])
    return queries.get_change(work.session, borrower_id, change_id)


def _check_is_free(work: Work, borrower_id: str, phone: str) -> None:
    digests = [each.digest for each in work.vault.search_hashes("phone", phone)]
    if set(find_phone_owners(work.session, digests).values()) - {borrower_id}:
        raise ConflictError("Somebody else signs in with this phone; a change to it takes their word first.")
