"""What proves that a letter arrived beside the word of the post: its addressee opened it in the app, or people recorded it.

A proof starts clocks of the law and opens the way to a report, so who records one answers for it: it stands in the audit
trail with its reference, and one of each kind can be recorded, never changed.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time

from sqlalchemy.orm import Session

from app.domain.errors import ConflictError, ForbiddenError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.letter_stages import LEFT
from app.domain.permissions import may
from app.domain.served_notices import BY_STAFF, OPENED, SEEN
from app.domain.times import business_date, local_instant
from app.persistence.ids import new_id
from app.persistence.queries import letters as letter_queries
from app.persistence.queries import served_notices as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.served_notices import find_kinds_of
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import agenda, attachments, letter_views
from app.services.app_openings import Opening, counting
from app.services.desk_payments import DeskStaff
from app.services.letters import pdf_of

RECORD = "letters.prove"
SUBJECT = "letter"
"""Purpose and subject of the files that prove."""
LONGEST_REFERENCE = 120
_NAMED_BY = frozenset({"registered_post", "courier"})
"""Kinds that are nothing without the number of the post."""


@dataclass(frozen=True, slots=True)
class NewProof:
    """A proof as people record it. `delivered_on`: the day it proves, where the lender is."""

    kind: str
    delivered_on: date
    reference: str | None = field(default=None, repr=False)


def record_proof_in(
    work: Work, letter_id: str, new: NewProof, *, staff: DeskStaff, now: datetime, attachment_id: str | None = None
) -> None:
    """Record that a letter arrived; a second of the same kind is refused. Its borrower is decided again.

    `attachment_id`: of a file that `hand_in_receipt` took. Raises NotFoundError, ForbiddenError, ConflictError (it has not
    left, or has such a proof), ValidationError.
    """
    letter, zone = _checked(work.session, letter_id, new, has_file=attachment_id is not None, staff=staff, now=now)
    agenda.touch(work, [letter.borrower_id], now=now)
    if attachment_id is not None:
        attachments.claim(
            work, letter.borrower_id, [attachment_id], SUBJECT, letter.id, now=now, lender_id=staff.lender_id, of_staff=True
        )
    proof_id, on = new_id(), new.delivered_on.isoformat()
    reference = without_card_numbers((new.reference or "").strip()) or None
    sealed = None if reference is None else work.vault.seal(reference, place=f"delivery_proofs.reference:{proof_id}")
    row = {
        "id": proof_id, "borrower_id": letter.borrower_id, "message_id": letter.message_id, "kind": new.kind,
        "delivered_at": max(letter.sent_at or letter.made_at, local_instant(new.delivered_on, time(0), zone)),
        "attachment_id": attachment_id, "by": staff.by, "recorded_at": now, "reference_sealed": sealed,
    }  # fmt: skip
    if not queries.add_proof(work.session, row):
        raise ConflictError("Such a proof was recorded before; it is kept as it is.")
    facts = {"letter_id": letter.id, "proof_id": proof_id, "kind": new.kind, "delivered_on": on}
    add_audit(
        work.session, at=now, actor=staff.by, action="letter.proof_recorded", borrower_id=letter.borrower_id, facts=facts
    )


def hand_in_receipt(letter_id: str, new: NewProof, name: str, content: bytes, *, staff: DeskStaff, now: datetime) -> str:
    """Take the scan of a receipt for a proof that would be recorded; return the file's id. Raises as `record_proof_in`."""
    with reading() as session:
        letter, _ = _checked(session, letter_id, new, has_file=True, staff=staff, now=now)
    return attachments.hand_in(letter.borrower_id, SUBJECT, name, content, now=now, by=staff.by).id


def _checked(
    session: Session, letter_id: str, new: NewProof, *, has_file: bool, staff: DeskStaff, now: datetime
) -> tuple[letter_views.ShownLetter, str]:
    """Return the letter and its lender's zone, when such a proof may be recorded of it."""
    if not may(staff.role, RECORD):
        raise ForbiddenError(f"Your role is {staff.role}, which records no proofs of delivery.")
    letter = letter_views.get_letter(session, staff.lender_id, letter_id)
    zone = get_lender(session, staff.lender_id).zone
    sent_on = business_date(letter.sent_at or letter.made_at, zone)
    _check(letter, new, has_file=has_file, today=business_date(now, zone), sent_on=sent_on)
    return letter, zone


def _check(letter: letter_views.ShownLetter, new: NewProof, *, has_file: bool, today: date, sent_on: date) -> None:
    if new.kind not in BY_STAFF:
        raise refused_at("/kind", f"kind is not one of {', '.join(BY_STAFF)}.")
    if letter.stage not in LEFT:
        raise ConflictError(f"The letter is {letter.stage}: it has not left, and cannot have arrived.")
    if any(each.kind == new.kind for each in letter.proofs):
        raise ConflictError("Such a proof was recorded before; it is kept as it is.")
    if not sent_on <= new.delivered_on <= today:
        raise refused_at("/delivered_on", f"It left on {sent_on}; it arrived on or after that day, and not in the future.")
    has_reference = bool((new.reference or "").strip())
    if new.kind in _NAMED_BY and not has_reference:
        raise refused_at("/reference", "Give the number under which the post can be asked about it.")
    if not has_reference and not has_file:
        raise refused_at("/reference", "Say who signed or who handed it over, or hand in the receipt.")


def open_own(borrower_id: str, letter_id: str, *, now: datetime) -> bytes:
    """Return a letter's document to its addressee, and keep that they opened it: once.

    That is a proof of delivery where the law of that notice takes it for one (content/letters, `opened_in_app`). Raises
    NotFoundError, also for another borrower's letter and for one that has not left.
    """
    with unit_of_work() as work:
        letter = letter_views.get_own(work.session, borrower_id, letter_id)
        pdf = pdf_of(work, letter_queries.get_letter(work.session, letter.id))
        if OPENED not in {each.kind for each in letter.proofs}:
            _opened(work, letter, now)
    return pdf


def _opened(work: Work, letter: letter_views.ShownLetter, now: datetime) -> None:
    kind = find_kinds_of(work.session, [letter.message_id]).get(letter.message_id)
    opening = Opening(letter.borrower_id, letter.loan_id, kind, now)
    counts = opening in counting(work.session, [opening])
    if not counts and SEEN in {each.kind for each in letter.proofs}:
        return
    agenda.touch(work, [letter.borrower_id], now=now)
    row = {
        "id": new_id(), "borrower_id": letter.borrower_id, "message_id": letter.message_id,
        "kind": OPENED if counts else SEEN,
        "delivered_at": now, "reference_sealed": None, "attachment_id": None, "by": "borrower", "recorded_at": now,
    }  # fmt: skip
    if queries.add_proof(work.session, row):
        facts = {"letter_id": letter.id, "sha256": letter.sha256, "proves": counts}
        add_audit(
            work.session, at=now, actor="borrower", action="letter.opened", borrower_id=letter.borrower_id, facts=facts
        )


def look_at_letter(letter_id: str, *, by: str, lender_id: str, now: datetime, is_export: bool = False) -> bytes:
    """Return the document of a lender's letter, and write down who looked at it or took it. Raises NotFoundError."""
    with unit_of_work() as work:
        letter = letter_views.get_letter(work.session, lender_id, letter_id)
        pdf = pdf_of(work, letter_queries.get_letter(work.session, letter.id))
        action = "letter.exported" if is_export else "letter.looked_at"
        facts = {"letter_id": letter.id, "sha256": letter.sha256}
        add_audit(work.session, at=now, actor=by, action=action, borrower_id=letter.borrower_id, facts=facts)
    return pdf
