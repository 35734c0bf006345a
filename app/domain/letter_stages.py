"""How far a letter has come, told to desk and borrower alike: one path, whatever keeps each of its steps.

draft -> approved -> printed -> sent -> delivered | returned. A draft is a task until somebody else approves it; then there
is a message that waits for its printer, and a document that a printer has, that was posted, that arrived. What ends it on
the way is said too: withdrawn (by whoever drafted it, by a payment, by a hold), or failed.
"""

from collections.abc import Mapping
from datetime import date, timedelta

STAGES = ("draft", "approved", "printed", "sent", "delivered", "returned", "withdrawn", "failed")
MOVES: Mapping[str, frozenset[str]] = {
    "draft": frozenset({"approved", "withdrawn"}),
    "approved": frozenset({"printed", "sent", "delivered", "returned", "withdrawn", "failed"}),
    "printed": frozenset({"sent", "delivered", "returned", "withdrawn", "failed"}),
    "sent": frozenset({"delivered", "returned"}),
    "delivered": frozenset({"returned"}),
    "returned": frozenset({"delivered"}),
    "withdrawn": frozenset({"delivered", "returned"}),
    "failed": frozenset({"delivered", "returned"}),
}
"""What may follow. The post tells late, and not every step; what came back can still be proved to have been read in the app,
and what a printer gave up or took back may turn out to have left."""
LEFT = frozenset({"printed", "sent", "delivered", "returned"})
"""Stages of a letter that is out of our hands."""
_OF_LETTER: Mapping[str, str] = {
    "handed_over": "printed",
    "printed": "printed",
    "in_transit": "sent",
    "delivered": "sent",
    "returned": "returned",
    "failed": "failed",
    "cancelled": "withdrawn",
}
"""State of a document that is no longer only made -> the stage. `printed` begins with its printer having it. That somebody
said it was delivered makes it no more than sent: what proves that does (`is_proven`)."""
_OF_MESSAGE: Mapping[str, str] = {"cancelled": "withdrawn", "expired": "withdrawn", "failed": "failed"}
STATES_OF: Mapping[str, tuple[str, ...]] = {
    stage: tuple(state for state, found in _OF_LETTER.items() if found == stage) for stage in STAGES
}
"""Stage -> the states of documents in it; none where the document is not yet made or handed over."""


def stage_of(message_state: str, letter_state: str | None, *, is_proven: bool = False) -> str:
    """Return the stage of a letter from its message's state and its document's (None: not made yet).

    `is_proven`: something proves that it arrived (`served_notices.delivery_of`): a word that is surely the post's, its
    addressee who opened it, a receipt that people recorded.
    """
    if is_proven:
        return "delivered"
    return _OF_LETTER.get(letter_state or "") or _OF_MESSAGE.get(message_state, "approved")


LEAVES_NO_DAY = timedelta(days=14)
"""How long a letter that names no last day keeps its like from being written. A figure of this house."""


def is_twin(answer_by: date | None, made_on: date, today: date) -> bool:
    """Return whether a letter like one that was made on a day would be the same again: its own days are not over."""
    return today <= (made_on + LEAVES_NO_DAY if answer_by is None else answer_by)


def stage_of_draft(task_state: str) -> str:
    """Return the stage of what is not a message yet: of a task to write a letter."""
    return {"open": "draft", "done": "approved"}.get(task_state, "withdrawn")
