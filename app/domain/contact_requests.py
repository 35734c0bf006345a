"""What a borrower may ask about contact beside hours: to be left alone, through somebody else, not there, only so."""

from dataclasses import dataclass
from datetime import date, timedelta

from app.domain.consents import CONSENT_CHANNELS
from app.domain.errors import refused_at

KINDS = ("cease", "representative", "avoid_place", "only_channel")
PLACES = ("home", "workplace", "hospital", "school")
CHANNELS = ("in_app", *CONSENT_CHANNELS)
HOLDS = {"cease": "cease_contact", "representative": "represented"}
"""Kinds that put a hold; the others are wishes."""
CONFIRM_WITHIN = timedelta(days=5)
"""Until when staff ask a representative for their authority; a house rule."""


@dataclass(frozen=True, slots=True)
class ContactRequestValues:
    """What a borrower asks. `name` and `contact`: of the representative; `organisation`: theirs, if they have one."""

    kind: str
    name: str | None = None
    organisation: str | None = None
    contact: str | None = None
    place: str | None = None
    channel: str | None = None


_NEEDED = {
    "cease": (),
    "representative": ("name", "contact"),
    "avoid_place": ("place",),
    "only_channel": ("channel",),
}
_ALLOWED = {**_NEEDED, "representative": ("name", "contact", "organisation")}


def check_new(values: ContactRequestValues) -> None:
    """Refuse a request that says less than its kind needs, or more. Raises ValidationError that points at the field."""
    if values.kind not in KINDS:
        raise refused_at("/kind", f"kind is not one of {', '.join(KINDS)}.")
    for name in ("name", "organisation", "contact", "place", "channel"):
        value = getattr(values, name)
        if value is None and name in _NEEDED[values.kind]:
            raise refused_at(_pointer(name), f"{name} is missing.")
        if value is not None and name not in _ALLOWED[values.kind]:
            raise refused_at(_pointer(name), f"{name} says nothing with kind {values.kind}; leave it out.")
    if values.place is not None and values.place not in PLACES:
        raise refused_at("/place", f"place is not one of {', '.join(PLACES)}.")
    if values.channel is not None and values.channel not in CHANNELS:
        raise refused_at("/channel", f"channel is not one of {', '.join(CHANNELS)}.")


def confirm_until(today: date) -> date:
    """Return the last day for asking about a representative's authority."""
    return today + CONFIRM_WITHIN


def _pointer(name: str) -> str:
    return f"/{name}" if name in ("place", "channel") else "/representative"
