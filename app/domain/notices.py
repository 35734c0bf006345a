"""Notices of what became of the borrower's own affairs: what may be told, when it may ring, and what it opens.

A notice is servicing, not a reminder: it asks for nothing, takes no place under a cap and is not decided by a policy. It is
still a message to a person, so holds and quiet hours speak to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from app.domain.holds import ALWAYS_STOP, HOLD_REASONS, Hold
from app.domain.quiet_hours import QuietHours, first_allowed, window_end
from app.domain.reasons import Reason

NoticeKind = Literal["answer", "news"]
"""answer: to what the borrower has just done in the app, read there. news: whatever else has come about."""

NOTHING_TOLD = frozenset({"deceased"})
"""Kinds of hold under which nobody is there to be told."""
ONLY_ANSWERED = frozenset({"represented", "cease_contact", "identity_theft"})
"""Kinds under which we do not begin to speak: somebody else is to be spoken to, or nobody. Who does something in the app is
still told what came of it. Sources: 15 USC 1692c(a)(2), (c); 12 CFR 1006.6(b)(2), (c)."""

OF_MISSING_MONEY = frozenset({"promise_broken", "promise_partly_kept"})
"""Templates that say that money has not come. That is a reminder to whom disputes it, asked for help or has it on its way:
what stops reminders stops them."""

LONGEST_WAIT = timedelta(hours=24)
"""How long after it was first allowed a push may still leave; the inbox has the notice in any case."""

_PLACES: Mapping[str, str] = {
    "promise": "promises",
    "arrangement": "arrangements",
    "plan": "plan-requests",
    "dispute": "disputes",
    "hardship": "hardship-requests",
    "payment": "payment-intents",
    "refund": "refunds",
    "mandate": "mandates",
    "conversation": "conversations",
    "collateral": "collateral",
}
"""First word of a template -> the app's place of its subject."""


def notices_allowed(
    holds: Iterable[Hold], kind: NoticeKind, now: datetime, *, loan_id: str | None = None, template: str = ""
) -> Reason | None:
    """Return why a notice must not be given at `now`, or None. `loan_id`: what it is about; None: no single loan."""
    kinds = {hold.kind for hold in holds if hold.stands(now) and (loan_id is None or hold.loan_id in (None, loan_id))}
    stops = NOTHING_TOLD if kind == "answer" else NOTHING_TOLD | ONLY_ANSWERED
    if template in OF_MISSING_MONEY:
        stops |= ALWAYS_STOP
    return next((reason for name, reason in HOLD_REASONS.items() if name in kinds & stops), None)


def push_window(
    now: datetime, quiets: Sequence[QuietHours], zones: Sequence[str], *, margin: timedelta
) -> tuple[datetime, datetime] | None:
    """Return from when (inclusive) until when (exclusive) a push may leave, or None: it is never allowed.

    It is quiet in none of the zones then, and the end keeps `margin` before it is again.
    """
    begins = first_allowed(quiets, now, zones)
    ends = None if begins is None else window_end(quiets, begins, zones)
    if begins is not None and ends is not None and begins >= ends - margin:
        begins = first_allowed(quiets, ends, zones)
        ends = None if begins is None else window_end(quiets, begins, zones)
    if begins is None or (ends is not None and begins >= ends - margin):
        return None
    latest = begins + LONGEST_WAIT
    return begins, latest if ends is None else min(latest, ends - margin)


def notice_place(template: str, *, loan_id: str | None, subject_id: str | None) -> str:
    """Return where the app goes when a notice is opened; ids only, no personal data."""
    loan = f"loans/{loan_id}" if loan_id is not None else None
    plural = _PLACES.get(template.partition("_")[0])
    own = f"{plural}/{subject_id}" if plural and subject_id is not None else None
    parts = [part for part in (loan, own) if part]
    return f"duecourse://{'/'.join(parts)}" if parts else "duecourse://inbox"
