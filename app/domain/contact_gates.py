"""A contact that a person is about to make, and everything that stands in its way: the law, the person, the policy.

What stands by law, or is the person's own (a hold, a flag, a wish, a refused consent), nobody overrides. A cap or an hour of
the policy alone may be overridden by who has the permission, with a reason that is written down.
"""

from dataclasses import dataclass
from datetime import datetime

LAW, PERSON, POLICY = "law", "person", "policy"


@dataclass(frozen=True, slots=True)
class ContactAsked:
    """What is about to happen. `loan_ids` empty: about all loans of the lender."""

    channel: str
    """sms, email, push, in_app, wechat, voice (dialled by a person), letter, visit."""
    message_class: str = "collection"
    """reminder, collection, servicing, support, statutory."""
    loan_ids: tuple[str, ...] = ()
    is_reply: bool = False
    """In a thread that the borrower keeps open: free of caps on how often, never of the law."""
    text: str | None = None
    """What it will say, where that is free text."""


@dataclass(frozen=True, slots=True)
class Block:
    """One thing in the way. `until`: when it ends, where that is known."""

    layer: str
    reason: str
    """A code of docs/reasons.md."""
    rule: str | None
    sentence: str
    """In the asked locale."""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What is left under one cap. `left` None: the cap counts nothing here."""

    cap: str
    layer: str
    left: int | None
    most: int
    resets_at: datetime | None
    sentence: str


@dataclass(frozen=True, slots=True)
class ContactAnswer:
    """What stands in the way now, and when it may be: hours are those of law and policy in every known zone."""

    blocks: tuple[Block, ...]
    room: tuple[Room, ...] = ()
    zones: tuple[str, ...] = ()
    opens_at: datetime | None = None
    """When hours allow it next; None: now, or never."""
    closes_at: datetime | None = None
    """Until when hours allow it, if they do now."""

    @property
    def may_happen(self) -> bool:
        """Nothing stands in its way."""
        return not self.blocks

    @property
    def may_be_overridden(self) -> bool:
        """Only the policy stands in its way."""
        return bool(self.blocks) and all(block.layer == POLICY for block in self.blocks)
