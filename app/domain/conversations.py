"""Conversations: what they are about, where they stand, and which thread a borrower's word belongs to."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from app.domain.errors import ConflictError, refused_at

KINDS = ("question", "dispute", "hardship", "promise", "callback")
"""dispute: also an objection to a credit report and a complaint; callback: somebody wants to be called."""
PRIORITIES = ("low", "normal", "high", "urgent")
STATUSES = ("open", "pending", "snoozed", "resolved")
"""open: the desk is to do something; pending: we wait for the borrower; snoozed: put away until an instant; resolved."""
SHOWN_STATUSES = ("open", "pending", "resolved")
"""What a borrower is shown: that the desk has put a thread away until later is its own affair."""
MOVES: Mapping[str, frozenset[str]] = {
    "open": frozenset({"pending", "snoozed", "resolved"}),
    "pending": frozenset({"open", "snoozed", "resolved"}),
    "snoozed": frozenset({"open", "pending", "snoozed", "resolved"}),
    "resolved": frozenset({"open"}),
}
"""Status -> where the desk may move it. A word of the borrower opens any of them."""
LONGEST_SNOOZE = timedelta(days=90)
ANSWERED_WITHIN = timedelta(days=60)
"""How long a text of the desk answers the borrower's last word: a complaint may take eight weeks (DISP 1.6.2R)."""
_HAN = re.compile(r"[\u3400-\u9fff]")
_LETTER = re.compile(r"[A-Za-z\u00c0-\u024f]")


def check_move(status: str, to: str) -> bool:
    """Return whether a thread changes by being moved there. Raises ConflictError, ValidationError."""
    if to not in STATUSES:
        raise refused_at("/status", f"status is not one of {', '.join(STATUSES)}.")
    if to in MOVES[status]:
        return True
    if to == status:
        return False
    raise ConflictError(f"The conversation is {status}; open it again first.")


def check_snooze(until: datetime | None, now: datetime) -> datetime:
    """Return until when a thread is put away. Raises ValidationError for no instant, one that is past or too far."""
    if until is None or not now < until <= now + LONGEST_SNOOZE:
        raise refused_at("/until", f"Say until when: after now, and within {LONGEST_SNOOZE.days} days.")
    return until


def takes_word(status: str, resolved_at: datetime | None, now: datetime, *, reopen_days: int) -> bool:
    """Return whether a word that names no thread joins this one: it is not resolved, or was so shortly before."""
    return status != "resolved" or (resolved_at is not None and now - resolved_at <= timedelta(days=reopen_days))


def is_answer(
    status: str, *, heard_at: datetime | None, waiting_since: datetime | None, resolved_at: datetime | None, now: datetime,
    reopen_days: int,
) -> bool:  # fmt: skip
    """Return whether a text of the desk answers the borrower: they wait for it, or keep the thread open by a word of late.

    What is written into a thread that is long over begins anew from the desk, and is held to what every such contact is.
    """
    if waiting_since is not None:
        return True
    is_fresh = heard_at is not None and now - heard_at <= ANSWERED_WITHIN
    return is_fresh and takes_word(status, resolved_at, now, reopen_days=reopen_days)


def shown_status(status: str) -> str:
    """Return what a borrower is shown."""
    return "open" if status == "snoozed" else status


def language_of(text: str, usual: str) -> str:
    """Return the language a first word asks to be answered in: Chinese if it is mostly written so, else `usual`.

    Latin letters alone say nothing: somebody may write English words into a Chinese talk, and other languages use them.
    """
    han, latin = len(_HAN.findall(text)), len(_LETTER.findall(text))
    return "zh-CN" if han and han * 4 >= latin else usual
