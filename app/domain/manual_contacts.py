"""Contacts by hand that wait to leave, asked about once more when the facts have changed."""

from collections.abc import Collection
from dataclasses import replace

from app.domain.cases import Case
from app.domain.contact_checks import ContactCheck
from app.domain.contact_gates import LAW, POLICY
from app.domain.decided import Stop
from app.domain.reasons import Reason

KINDS = ("message", "reply", "call", "visit", "letter")
_STANDING = frozenset({Reason.HOLD_LEGAL, Reason.HOLD_BREATHING_SPACE})
Stopped = tuple[str, str | None]
"""Reason and rule of a stop."""


def case_without(case: Case, contact_id: str) -> Case:
    """Return the case as if a contact had not been made: it does not stand in its own way."""
    own = next((contact for contact in case.contacts if contact.contact_id == contact_id), None)
    if own is None:
        return case
    gone = {(message.at, message.channel) for message in own.messages}
    return replace(
        case,
        contacts=tuple(contact for contact in case.contacts if contact.contact_id != contact_id),
        attempts=tuple(
            each for each in case.attempts if each.direction != "outbound" or (each.at, each.channel) not in gone
        ),
    )


def still_stops(check: ContactCheck, overridden: Collection[Stopped]) -> Stop | None:
    """Return the first thing that stands in the way, less what of the policy was set aside for this contact; or None.

    A hold or a flag is named as such, with the rule of law that it rests on, where it has one; so decisions name it too.
    """
    left = [
        found
        for found in check.run()
        if found.layer != POLICY or (found.stop.reason.value, found.stop.rule) not in overridden
    ]
    if not left:
        return None
    first = left[0].stop
    own = next((found.stop for found in left if found.stop.is_personal), None)
    if left[0].layer == LAW and first.reason in _STANDING and own is not None:
        return own._replace(rule=first.rule)
    return first
