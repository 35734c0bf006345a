"""What a borrower may choose: for each topic the channels, and which of them nobody can switch off, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.consents import CONSENT_CHANNELS, CONTACT, Consent, ConsentValues, said
from app.domain.errors import PreferenceLockedError, refused_at

TOPICS = ("payments", "statutory", "security", "offers")
"""payments: reminders, and what follows a missed one; statutory: notices that a law demands; security: one-time codes."""

LOCKED: Mapping[str, Mapping[str, str]] = {
    "payments": {"in_app": "record-in-app"},
    "statutory": {"in_app": "required-by-law", "letter": "required-by-law"},
    "security": {"sms": "security"},
}
"""Topic -> channel -> why it is always on."""

_PURPOSE = {"payments": CONTACT, "offers": "marketing"}
_UNLESS_SAID = {"payments": True, "offers": False}
"""Reminders reach a borrower until they refuse a channel; offers only where they asked for them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One channel of a topic. `locked`: why it is always on; None: it may be switched."""

    channel: str
    on: bool
    locked: str | None = None


def choices(stands: Mapping[tuple[str, str], Consent]) -> dict[str, list[Choice]]:
    """Return the choices of every topic, by what stands of the borrower's consents."""
    found: dict[str, list[Choice]] = {}
    for topic in TOPICS:
        found[topic] = [Choice(channel, True, reason) for channel, reason in LOCKED.get(topic, {}).items()]
        if topic in _PURPOSE:
            found[topic] += [Choice(channel, _is_on(stands, topic, channel)) for channel in CONSENT_CHANNELS]
    return found


def as_consents(stands: Mapping[tuple[str, str], Consent], wanted: Mapping[str, Mapping[str, bool]]) -> list[ConsentValues]:
    """Return what is given and withdrawn by these choices; what is left out or the same stays as it is.

    Raises PreferenceLockedError for what cannot be switched off, ValidationError for a channel the topic does not have.
    """
    told = []
    for topic, channels in wanted.items():
        for channel, on in channels.items():
            reason = LOCKED.get(topic, {}).get(channel)
            if reason is not None:
                if not on:
                    raise PreferenceLockedError(f"{topic} by {channel} cannot be switched off: {reason}.")
                continue
            if topic not in _PURPOSE or channel not in CONSENT_CHANNELS:
                raise refused_at(f"/{topic}/{channel}", f"{topic} do not come by {channel}; leave it out.")
            if on is not _is_on(stands, topic, channel):
                told.append(ConsentValues(_PURPOSE[topic], channel, on, "electronic"))
    return told


def _is_on(stands: Mapping[tuple[str, str], Consent], topic: str, channel: str) -> bool:
    given = said(stands, _PURPOSE[topic], channel)
    return _UNLESS_SAID[topic] if given is None else given
