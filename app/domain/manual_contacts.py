"""Contacts by hand that wait to leave, asked about once more when the facts have changed."""

from collections.abc import Collection
from dataclasses import replace

from app.domain.cases import Case
from app.domain.contact_checks import ContactCheck
from app.domain.contact_gates import LAW, POLICY
from app.domain.decided import Stop
from app.domain.reasons import Reason

NOTICE = "notice"
"""Served by a process and decided as a whole, for many at once; asked about one by one like what a person sends."""
KINDS = ("message", "reply", "call", "visit", "letter", NOTICE)
WAIT_TO_LEAVE = ("message", "reply", "letter", NOTICE)
"""What can still be taken back: a call or a visit has happened when it is written down."""
_STANDING = frozenset({Reason.HOLD_LEGAL, Reason.HOLD_BREATHING_SPACE})
Stopped = tuple[str, str | None]
"""Reason and rule of a stop."""


def case_without(case: Case, contact_id: str) -> Case:
    """Return the case as it was before a contact was made: neither it nor what came after it stands in its way."""
    own = next((contact for contact in case.contacts if contact.contact_id == contact_id), None)
    if own is None:
        return case
    earlier = (each for each in case.contacts if each.created_at <= own.created_at and each.contact_id != contact_id)
    tried = {(message.at, message.channel) for message in own.messages}
    left = (
        each
        for each in case.attempts
        if each.direction != "outbound" or (each.at <= own.created_at and (each.at, each.channel) not in tried)
    )
    return replace(case, contacts=tuple(earlier), attempts=tuple(left))


def still_stops(check: ContactCheck, overridden: Collection[Stopped], *, passing: Collection[Reason] = ()) -> Stop | None:
    """Return the first thing that stands in the way, less what of the policy was set aside for this contact; or None.

    `passing`: reasons that do not count any more.

    A hold or a flag is named as such, with the rule of law that it rests on, where it has one; so decisions name it too.
    """
    left = [
        found
        for found in check.run()
        if found.stop.reason not in passing
        and (found.layer != POLICY or (found.stop.reason.value, found.stop.rule) not in overridden)
    ]
    if not left:
        return None
    first = left[0].stop
    own = next((found.stop for found in left if found.stop.is_personal), None)
    if left[0].layer == LAW and first.reason in _STANDING and own is not None:
        return own._replace(rule=first.rule)
    return first
