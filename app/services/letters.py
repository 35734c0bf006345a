"""Letters: made of a queued message, kept as evidence, handed out for printing, followed until they arrive or come back."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from app.domain.deliveries import DeliveryReport
from app.domain.errors import NotFoundError
from app.domain.letters import REASONS, LetterRefusedError, letter_state_told, next_letter_state
from app.persistence.ids import new_id
from app.persistence.models.letters import LetterRow
from app.persistence.queries import letters as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.endpoints import find_addresses, put_state
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services import agenda
from app.services.address_verdicts import address_of
from app.services.letter_kind_setting import pay_by_of
from app.services.letter_parts import LetterParts, load_parts
from app.services.letter_setting import set_letter
from app.wording.letter_contents import LetterPdf


@dataclass(slots=True)
class Made:
    """What became of some messages. `refused`: message id -> why its letter cannot be made."""

    made: int = 0
    refused: dict[str, LetterRefusedError] = field(default_factory=dict)


def make_letter(work: Work, message_id: str, *, now: datetime, batch_id: str | None = None) -> LetterRow:
    """Make the letter of a message, unless it has one. Raises LetterRefusedError, NotFoundError."""
    outcome = make_letters(work, [message_id], now=now, batch_id=batch_id)
    if message_id in outcome.refused:
        raise outcome.refused[message_id]
    row = queries.find_letter(work.session, message_id)
    if row is None:
        raise NotFoundError("There is no letter message of this id.")
    return row


def make_letters(work: Work, message_ids: Sequence[str], *, now: datetime, batch_id: str | None = None) -> Made:
    """Make the letters of many messages in a few statements; those that have one are left alone."""
    outcome = Made()
    rows = []
    for parts in load_parts(work, message_ids):
        try:
            rows.append(letter_row(work.vault, parts, set_letter(parts).letter, now=now, batch_id=batch_id))
        except LetterRefusedError as refusal:
            outcome.refused[parts.message_id] = refusal
    outcome.made = queries.add_letters(work.session, rows)
    return outcome


def preview(work: Work, message_id: str) -> LetterPdf:
    """Return the letter of a message as it would be made now; nothing is kept. Raises LetterRefusedError, NotFoundError."""
    return set_letter(parts_of(work, message_id)).letter


def letter_row(
    vault: Vault,
    parts: LetterParts,
    letter: LetterPdf,
    *,
    now: datetime,
    batch_id: str | None = None,
    letter_id: str | None = None,
) -> dict[str, Any]:
    """Return what is stored of a letter that was set, its document sealed; `letter_id` of one that is made anew."""
    letter_id = letter_id or new_id()
    return {
        "id": letter_id,
        "borrower_id": parts.borrower_id,
        "message_id": parts.message_id,
        "lender_id": parts.loans[0].lender_id if parts.loans else None,
        "loan_id": parts.loans[0].id if parts.loans else None,
        "batch_id": batch_id,
        "jurisdiction": parts.jurisdiction,
        "template": parts.template,
        "locale": parts.locale,
        "pages": letter.pages,
        "sha256": hash_of(letter.pdf),
        "pdf_sealed": vault.seal_bytes(letter.pdf, place=f"letters.pdf:{letter_id}"),
        "state": "made",
        "answer_by": None if parts.kind is None else pay_by_of(parts, parts.kind),
        "created_at": now,
        "changed_at": now,
    }


def hash_of(pdf: bytes) -> str:
    """Return the SHA-256 by which a document is known, in hex."""
    return hashlib.sha256(pdf).hexdigest()


def pdf_of(work: Work, row: LetterRow) -> bytes:
    """Return a letter's document as it was made. Raises ValueError when what is stored is not what was hashed."""
    pdf = work.vault.open_bytes(row.pdf_sealed, place=f"letters.pdf:{row.id}")
    if hash_of(pdf) != row.sha256:
        raise ValueError(f"Letter {row.id} is not the document that its hash was taken of.")
    return pdf


def refuse(work: Work, message_id: str, refusal: LetterRefusedError, *, now: datetime) -> bool:
    """End a message whose letter cannot be made, and have its borrower decided again: another rung may take its place.

    Returns whether it was still waiting. The agenda's row is locked here, before the message: call it in a unit of work that
    has locked no messages.
    """
    (parts,) = queries.find_letter_messages(work.session, [message_id]) or (None,)
    if parts is None:
        return False
    agenda.touch(work, [parts.borrower_id], now=now)
    if not queries.mark_unsendable(work.session, message_id, reason_of(refusal)):
        return False
    facts = {"message_id": message_id, "what": refusal.what, "detail": refusal.detail}
    add_audit(work.session, at=now, actor="engine", action="letter.refused", borrower_id=parts.borrower_id, facts=facts)
    return True


def reason_of(refusal: LetterRefusedError) -> str:
    """Return the reason that a message carries whose letter was refused."""
    return REASONS.get(refusal.what, "RENDER_ERROR")


def mark_handed_over(work: Work, message_ids: Sequence[str], *, now: datetime) -> None:
    """A printer has taken these letters."""
    letters = queries.lock_letters(work.session, message_ids)
    for message_id in message_ids:
        _move(work, letters.get(message_id), "handed_over", now)


def mark_cancelled(work: Work, message_ids: Sequence[str], *, now: datetime) -> None:
    """These letters were taken back before they were posted."""
    letters = queries.lock_letters(work.session, message_ids)
    for message_id in message_ids:
        _move(work, letters.get(message_id), "cancelled", now)


def apply_event(
    work: Work,
    event: DeliveryReport,
    *,
    now: datetime,
    provider: str = "lob",
    is_signed: bool = True,
    locked: Mapping[str, LetterRow] | None = None,
) -> bool:
    """Apply what a printer or the post told of a letter; return whether that changed it. One not known (yet) is left out.

    Any order of the same events ends in the same state. A letter that came back makes its address unusable until it changes,
    and its borrower is decided again, if the event is proven to be the printer's. Call it beside the message's own state
    (domain/deliveries.next_state), in one commit, and hold the borrower's agenda row. `locked`: the letters of a batch by
    message, so that none is looked for by itself.
    """
    message_id = event.message_id
    if message_id is None and event.reference is not None:
        message_id = queries.find_message_id(work.session, provider, event.reference)
    if message_id is None:
        return False
    at = event.at if event.at is not None and event.at <= now else now
    letters = queries.lock_letters(work.session, [message_id]) if locked is None else locked
    told = letter_state_told(event.told, event.raw_code)
    return _move(work, letters.get(message_id), told, now, at=at, is_believed=is_signed)


def _move(
    work: Work,
    row: LetterRow | None,
    told: str,
    now: datetime,
    *,
    at: datetime | None = None,
    is_believed: bool = True,
) -> bool:
    """Move a letter, whose row is locked, as far as what was told moves it; return whether it did."""
    if row is None:
        return False
    if told == row.state == "delivered" and is_believed and row.delivered_at is None:
        queries.mark_letter(work.session, row, told, now=now, at=at)  # who said so before was not surely the post
        return True
    state = next_letter_state(row.state, told)
    if state is None:
        return False
    queries.mark_letter(work.session, row, state, now=now, at=at, is_believed=is_believed)
    if state == "returned" and is_believed:
        agenda.touch(work, [row.borrower_id], now=now)
        _retire_address(work, row, now)
    facts = {"letter_id": row.id, "message_id": row.message_id, "state": state}
    add_audit(work.session, at=now, actor="provider", action="letter.moved", borrower_id=row.borrower_id, facts=facts)
    return True


def _retire_address(work: Work, letter: LetterRow, now: datetime) -> None:
    """Keep that the post does not reach the address, if it is surely still the one that the letter went to."""
    borrower = find_addresses(work.session, [letter.borrower_id]).get(letter.borrower_id)
    sent_at = queries.find_last_try(work.session, letter.message_id or "") or letter.created_at
    if borrower is None or borrower.updated_at > sent_at:
        return
    text = work.vault.open(borrower.address_sealed, place=f"borrowers.address:{borrower.id}")
    if text:
        address = address_of(work, borrower.id, "letter", "post", "\n".join(orjson.loads(text)))
        put_state(work.session, address, state="invalid", reason="letter_returned", now=now)


def parts_of(work: Work, message_id: str) -> LetterParts:
    """Return the facts of one letter message. Raises NotFoundError."""
    for parts in load_parts(work, [message_id]):
        return parts
    raise NotFoundError("There is no letter message of this id.")
