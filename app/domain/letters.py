"""Letters: why one cannot be made, and how far one has come on its way, whatever the post tells and in whatever order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.domain.deliveries import Told
from app.domain.errors import DomainError

STATES = ("made", "handed_over", "printed", "in_transit", "delivered", "returned", "failed", "cancelled")


@dataclass
class LetterRefusedError(DomainError):
    """A letter cannot be made as it has to be. `facts["what"]`: which part; `detail` names it, without personal data."""

    code: ClassVar[str] = "letter-refused"

    @property
    def what(self) -> str:
        """Return the part that is missing or wrong: a key of `REASONS`."""
        return str(self.facts.get("what", ""))


REASONS: Mapping[str, str] = {
    "address": "NO_ENDPOINT",
    "recipient": "NO_ENDPOINT",
    "address_too_long": "ENDPOINT_INVALID",
    "address_characters": "ENDPOINT_INVALID",
    "letterhead": "RENDER_ERROR",
    "text": "RENDER_ERROR",
    "text_characters": "RENDER_ERROR",
    "notice_text": "RENDER_ERROR",
    "sheet": "RENDER_ERROR",
    "too_many_pages": "RENDER_ERROR",
    "licence": "RENDER_ERROR",
    "contract": "RENDER_ERROR",
    "ledger": "RENDER_ERROR",
    "cap": "RENDER_ERROR",
    "ways_to_pay": "RENDER_ERROR",
    "complaints": "RENDER_ERROR",
    "reports_to": "RENDER_ERROR",
    "register": "RENDER_ERROR",
    "itemisation": "RENDER_ERROR",
    "current_creditor": "RENDER_ERROR",
    "regulator": "RENDER_ERROR",
    "pledged": "RENDER_ERROR",
}
"""What a letter was refused for -> the reason its message carries (see reasons.yaml)."""


def refused(what: str, detail: str) -> LetterRefusedError:
    """Return the refusal of one part."""
    return LetterRefusedError(detail, facts={"what": what})


_STEPS: Mapping[str, int] = {"made": 0, "handed_over": 1, "printed": 2, "in_transit": 3, "delivered": 4}
_TOLD: Mapping[str, str] = {
    "rendered_pdf": "handed_over",
    "printed": "printed",
    "mailed": "in_transit",
    "posted": "in_transit",
    "in_transit": "in_transit",
    "in_local_area": "in_transit",
    "processed_for_delivery": "in_transit",
    "re-routed": "in_transit",
    "delivered": "delivered",
    "returned_to_sender": "returned",
    "returned": "returned",
    "failed": "failed",
    "rejected": "failed",
    "cancelled": "cancelled",
    "deleted": "cancelled",
}
"""A provider's word (Lob's `letter.<word>`, a print room's status) -> the state it tells of."""


def letter_state_told(told: Told, raw_code: str | None) -> str:
    """Return the state that a receipt tells of: by the provider's word where it is known, else by ours."""
    word = (raw_code or "").removeprefix("letter.")
    if word in _TOLD:
        return _TOLD[word]
    return {Told.ACCEPTED: "handed_over", Told.SENT: "in_transit", Told.DELIVERED: "delivered", Told.FAILED: "failed"}[told]


def next_letter_state(state: str, told: str) -> str | None:
    """Return the state a letter goes to when it is told to be in `told`, or None when that changes nothing.

    On its way a letter only moves forward. It may come back from wherever it was, also after it counted as delivered (the
    post scans the round, not the door). What came back, failed or was cancelled stays so, except that a letter which comes
    back was neither lost nor cancelled.
    """
    if told == state:
        return None
    if told == "returned":
        return "returned"
    if state not in _STEPS:
        return None
    if told in ("failed", "cancelled"):
        return told if _STEPS[state] < _STEPS["in_transit"] else None
    return told if _STEPS[told] > _STEPS[state] else None
