"""Documents of letters that are about to leave: set outside any transaction, stored and held against the facts in the claim.

Setting a page takes milliseconds, and a claim holds what a one-time code waits for (on SQLite the one write lock). So
`set_letters` reads, lets go of the database and sets, and `keep_letters`, in the claim, stores what was set from facts that
still hold. They hold while the message carries the same `case_version` and `rules_epoch`: every change of a case raises the
one, every change of the rules the other, and the claim takes only what is decided under the present ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.letters import LetterRefusedError
from app.persistence.db import vault
from app.persistence.queries import letters as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work, reading_one_state
from app.services.letter_parts import LetterParts, load_parts
from app.services.letter_setting import set_letter
from app.services.letters import hash_of, letter_row, parts_of, pdf_of


@dataclass(frozen=True, slots=True)
class LetterDocument:
    """What is handed to a printer. `recipient`: lines as on the envelope; personal data, as the document is."""

    pdf: bytes = field(repr=False)
    sha256: str
    pages: int
    recipient: tuple[str, ...] = field(repr=False)
    country: str
    """ISO 3166 of the recipient; of the sender where nobody said."""
    sender: tuple[str, ...] = ()
    """Name, then address lines."""
    inserts: tuple[str, ...] = ()
    """Codes of printed sheets that the print room adds."""


@dataclass(frozen=True, slots=True)
class SetLetter:
    """A letter as it was set, or why it cannot be made, with what tells whether that still holds."""

    case_version: int
    rules_epoch: int
    made: LetterDocument | None = None
    row: Mapping[str, Any] | None = field(default=None, repr=False)
    """What is to be stored; None: what is stored is this document."""
    problem: Exception | None = None
    """LetterRefusedError; ValueError or KeyError for what cannot be opened."""

    @property
    def document(self) -> LetterDocument:
        """Return the document. Raises `problem` where there is one."""
        if self.problem is not None:
            raise self.problem
        assert self.made is not None
        return self.made


def set_letters(message_ids: Sequence[str], *, now: datetime) -> dict[str, SetLetter]:
    """Set the letters of messages from the facts of this moment; nothing is written. Call it outside a unit of work.

    What was made earlier (in a batch) is set again, and replaced when it is no longer true: a letter leaves with the address
    and the amounts of today, or not at all. One that was handed over is never changed. One that cannot be made holds up no
    other.
    """
    found: dict[str, SetLetter] = {}
    facts: list[tuple[Any, LetterParts, bytes | None]] = []
    with reading_one_state() as session:
        work = Work(session, vault())
        stamps = queries.find_letter_stamps(session, message_ids)
        parts_by_id = _parts_together(work, [stamp.message_id for stamp in stamps])
        for stamp in stamps:
            try:
                parts = parts_by_id.get(stamp.message_id) or parts_of(work, stamp.message_id)
                facts.append((stamp, parts, _kept(work, stamp)))
            except (ValueError, KeyError) as problem:
                found[stamp.message_id] = SetLetter(stamp.case_version, stamp.rules_epoch, problem=problem)
    for stamp, parts, kept in facts:
        try:
            found[stamp.message_id] = _set(stamp, parts, kept, now)
        except (LetterRefusedError, ValueError, KeyError) as problem:
            found[stamp.message_id] = SetLetter(stamp.case_version, stamp.rules_epoch, problem=problem)
    return found


def _parts_together(work: Work, message_ids: Sequence[str]) -> dict[str, LetterParts]:
    """Return the facts of letters with a fixed number of statements; none where one of them cannot be opened."""
    try:
        return {parts.message_id: parts for parts in load_parts(work, message_ids)}
    except (ValueError, KeyError):  # which of them it is shows when each is asked for by itself
        return {}


def keep_letters(work: Work, letters: Mapping[str, SetLetter], *, now: datetime) -> set[str]:
    """Store what was set; return the messages of which it holds: the letter is stored, or cannot be made.

    Lock the messages first. The others were decided again meanwhile, or another document came first: set them again.
    """
    kept: set[str] = set()
    for stamp in queries.find_letter_stamps(work.session, list(letters)):
        letter = letters[stamp.message_id]
        if (stamp.case_version, stamp.rules_epoch) != (letter.case_version, letter.rules_epoch):
            continue
        if letter.made is None or stamp.sha256 == letter.made.sha256 or _store(work, letter, stamp, now):
            kept.add(stamp.message_id)
    return kept


def _kept(work: Work, stamp: Any) -> bytes | None:
    """Return the document that is stored of a letter."""
    row = queries.find_letter(work.session, stamp.message_id) if stamp.letter_id else None
    return None if row is None else pdf_of(work, row)


def _set(stamp: Any, parts: LetterParts, kept: bytes | None, now: datetime) -> SetLetter:
    setting = set_letter(parts)
    pdf, pages, row = setting.letter.pdf, setting.letter.pages, None
    if kept is not None and (stamp.letter_state != "made" or stamp.sha256 == hash_of(pdf)):
        pdf, pages = kept, stamp.pages
    else:
        row = letter_row(vault(), parts, setting.letter, now=now, batch_id=stamp.batch_id, letter_id=stamp.letter_id)
    document = LetterDocument(
        pdf=pdf,
        sha256=hash_of(pdf),
        pages=pages,
        recipient=setting.recipient,
        country=parts.country or setting.letterhead.country,
        sender=(setting.letterhead.name, *setting.letterhead.address),
        inserts=setting.inserts,
    )
    return SetLetter(stamp.case_version, stamp.rules_epoch, document, row)


def _store(work: Work, letter: SetLetter, stamp: Any, now: datetime) -> bool:
    """Store a letter's first document, or one in place of what is no longer true; return whether that was possible."""
    row = letter.row
    if row is None:
        return False
    if stamp.letter_id is None:
        return bool(queries.add_letters(work.session, [row]))
    if not queries.replace_document(work.session, row):
        return False
    facts = {"letter_id": row["id"], "sha256": row["sha256"]}
    add_audit(work.session, at=now, actor="engine", action="letter.remade", borrower_id=row["borrower_id"], facts=facts)
    return True
