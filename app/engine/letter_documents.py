"""Setting the letters of the next claim before it, outside any transaction: a one-time code must not wait for them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.channels.base import Document
from app.engine.channel_gates import room_on
from app.persistence.queries.outbox import find_claimable
from app.persistence.unit_of_work import Work, looking
from app.services.letter_documents import SetLetter, keep_letters


class SetLetters(Protocol):
    """Sets the letters of messages; see services/letter_documents.set_letters."""

    def __call__(self, message_ids: Sequence[str], *, now: datetime) -> Mapping[str, SetLetter]:
        """Return message id -> the letter, or why it cannot be made."""
        ...


@dataclass(slots=True)
class LetterDocuments:
    """What was set for one claim. `looked_at`: ids of the messages it may take; None: any, of which none leaves."""

    looked_at: Sequence[str] | None = None
    letters: Mapping[str, SetLetter] = field(default_factory=dict, repr=False)
    _kept: set[str] = field(default_factory=set)

    def keep(self, work: Work, message_ids: Iterable[str], *, now: datetime) -> None:
        """Store what was set for these messages, which are locked, as far as it holds."""
        self._kept = keep_letters(work, {key: self.letters[key] for key in message_ids if key in self.letters}, now=now)

    def is_made(self, message_id: str) -> bool:
        """Whether a message's letter is made, or it is known why it cannot be."""
        return message_id in self._kept

    def document_of(self, message_id: str) -> Document:
        """Return a message's document. Raises LetterRefusedError, ValueError, KeyError when it cannot be made."""
        made = self.letters[message_id].document
        return Document(made.pdf, made.sha256, made.pages, made.recipient, made.country, made.sender, made.inserts)


def set_due_letters(set_letters: SetLetters, *, now: datetime, machine_now: datetime, limit: int) -> LetterDocuments:
    """Set the first `limit` letters that are due and may leave; none while the operator lets none leave."""
    with looking() as session:
        room = room_on(session, "letter", now)
        found = find_claimable(session, "letter", now=now, machine_now=machine_now, limit=limit)
    due = [each.id for each in found if each.is_current and not each.was_sending and now < each.not_after]
    return LetterDocuments([each.id for each in found], set_letters(due[:room], now=now))
