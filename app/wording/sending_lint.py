"""The last look at a message that is about to be kept: what its real values may have done to a text that was checked.

The words were checked with the template (`catalogue.infos`), once. Values cannot add words: amounts, dates and counts are
written by us, names and references are taken as they are. What is left is how long it became, and what a lock screen shows.
"""

from app.wording.catalogue import Rendered
from app.wording.lint import LIMITS
from app.wording.lint_findings import LOCK_SCREEN, OVERHEARD
from app.wording.lint_words import AMOUNT

_SCROLLS = frozenset({"in_app", "letter"})
"""Channels on which a longer text is still read whole."""


def fault_of(channel: str, rendered: Rendered) -> str | None:
    """Return what is wrong with a message, by the codes of the check of templates; None: it may go."""
    if not rendered.varies:
        return None
    if not rendered.body:
        return "empty"
    if channel not in _SCROLLS and channel in LIMITS:
        most = LIMITS[channel]
        if len(rendered.title) > most[0] or len(rendered.body) > most[1]:
            return "too_long"
    if channel in LOCK_SCREEN or channel == "email":
        shown = rendered.title if channel == "email" else f"{rendered.title}\n{rendered.body}"
        if rendered.text.template != "otp" and AMOUNT.search(shown):
            return "lock_screen"
    if channel in OVERHEARD and rendered.text.template != "otp" and AMOUNT.search(rendered.body):
        return "overheard"
    return None
