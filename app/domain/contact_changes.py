"""Changes of a borrower's phone, e-mail and address: proposed, proved, cooling off, in force, or objected to.

No secret questions (OWASP ASVS 5.0 §6.4.2): what proves a change is a code sent to the new address, the borrower's own word
in the app with a fresh code of the old phone, or a supervisor who has seen documents. Whatever the proof, the old address is
told and the change cools off before it counts; until then whoever has the old address can stop it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.errors import ConflictError, refused_at
from app.domain.opt_outs import folded_text

PHONE, EMAIL, ADDRESS = KINDS = ("phone", "email", "address")
CODE, APP, SUPERVISOR = PROOFS = ("code", "app", "supervisor")
PROOFS_OF: Mapping[str, frozenset[str]] = {
    PHONE: frozenset({CODE, APP, SUPERVISOR}),
    EMAIL: frozenset({CODE, APP, SUPERVISOR}),
    ADDRESS: frozenset({APP, SUPERVISOR}),
}
"""Kind -> what may prove it. A letter with a code takes longer than what it would protect."""
CHANNELS_OF: Mapping[str, tuple[str, ...]] = {PHONE: ("sms", "voice"), EMAIL: ("email",), ADDRESS: ("letter",)}
"""Kind -> the channels whose address it is. While it cools off nothing but security goes out on them."""
NOTICE_CHANNEL: Mapping[str, str] = {PHONE: "sms", EMAIL: "email"}
"""Kind -> the channel by which the old one is told; an address is told in the app alone."""
CODE_CHANNEL = NOTICE_CHANNEL


class ChangeState(StrEnum):
    """How far a change came."""

    PROPOSED = "proposed"
    """Waits for its proof."""
    COOLING_OFF = "cooling_off"
    """Proved; the old one is told, and may object."""
    DONE = "done"
    """In force."""
    OBJECTED = "objected"
    """Stopped by the borrower; compliance looks into it."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Not proved in time."""
    SUPERSEDED = "superseded"
    """The core said another thing meanwhile, and the core is the book of record."""


_S = ChangeState
MOVES: Mapping[ChangeState, frozenset[ChangeState]] = {
    _S.PROPOSED: frozenset({_S.COOLING_OFF, _S.OBJECTED, _S.CANCELLED, _S.EXPIRED, _S.SUPERSEDED}),
    _S.COOLING_OFF: frozenset({_S.DONE, _S.OBJECTED, _S.CANCELLED, _S.SUPERSEDED}),
    _S.DONE: frozenset(),
    _S.OBJECTED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.SUPERSEDED: frozenset(),
}
"""State -> where it may go. Nothing goes from proposed to done: every change cools off."""
OPEN = frozenset({_S.PROPOSED, _S.COOLING_OFF})

_WORDS = ("no", "not me", "no, not me", "that was not me", "nein", "否", "不", "不是", "不是我", "不同意", "非本人", "拒绝")
OBJECTIONS = frozenset(map(folded_text, _WORDS))
"""What stops a change as an answer to the notice at the old address. Who writes more is read by a person."""


@dataclass(frozen=True, slots=True)
class ChangeRules:
    """The numbers of it. Source: content/desk/contact_changes.yaml."""

    cool_off: Mapping[str, timedelta]
    """By kind; never nothing."""
    prove_within: timedelta = timedelta(days=7)
    code_lifetime: timedelta = timedelta(minutes=10)
    tries: int = 5
    """Wrong codes one code survives."""
    codes: int = 5
    """Codes that are sent for one change."""
    kept: timedelta = timedelta(days=90)


def check_move(before: str, after: ChangeState) -> None:
    """Refuse a move that no change makes. Raises ConflictError."""
    if after not in MOVES[ChangeState(before)]:
        raise ConflictError(f"The change is {before}; it cannot be {after.value} any more.")


def check_proof(kind: str, proof: str) -> None:
    """Refuse a proof that does not prove this kind. Raises ValidationError."""
    if proof not in PROOFS_OF[kind]:
        raise refused_at("/kind", f"A change of the {kind} is proved by {' or '.join(sorted(PROOFS_OF[kind]))}.")


def in_force_at(kind: str, proved_at: datetime, rules: ChangeRules) -> datetime:
    """Return when a proved change takes effect."""
    return proved_at + rules.cool_off[kind]


def is_objection(text: str) -> bool:
    """Return whether an answer to the notice stops the change: its first line says so, whatever a mail quotes below."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return folded_text(first) in OBJECTIONS


@dataclass(frozen=True, slots=True)
class Kept:
    """A change in force that its core has not told of. Digests are of one key."""

    new_digest: str
    old_digest: str | None


def feed_says(told_digest: str | None, kept: Kept) -> str:
    """Return what a core's word makes of a change in force: `kept` (it repeats what was replaced: ours stands), `confirmed`
    (it says the same) or `superseded` (it says a third thing, which counts)."""
    if told_digest == kept.new_digest:
        return "confirmed"
    return "kept" if told_digest == kept.old_digest else "superseded"
