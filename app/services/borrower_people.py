"""Who a borrower is, as the desk sees it: masked, and whole for one field at a time when somebody says why."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime, timedelta
from typing import Any, Final

import phonenumbers

from app.domain.book import check_text
from app.domain.errors import NotFoundError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.masks import masked_address, masked_email, masked_national_id, masked_phone
from app.domain.times import zone_named
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower, get_borrower_of_lender
from app.persistence.unit_of_work import unit_of_work
from app.persistence.vault import Vault
from app.services.borrower_page_parts import Identity, Place
from app.services.limits import Limit, count

FIELDS: Final = ("phone", "email", "address", "national_id")
"""What can be asked for unmasked."""
UNMASKS = Limit("desk_unmask", 30, timedelta(hours=1))
"""Of one member of staff."""
LONGEST_WHY = 200


@dataclass(frozen=True, slots=True)
class Unmasking:
    """Who asks for one field of whom, and why."""

    by: str
    lender_id: str
    borrower_no: str
    field: str
    why: str


@dataclass(frozen=True, slots=True)
class Unmasked:
    """One field, whole. `value` None: it is an address, in `lines`."""

    field: str
    value: str | None = dataclass_field(repr=False)
    lines: list[str] = dataclass_field(repr=False)


def mask_phone(phone: str) -> str:
    """Return a phone in E.164 as it is shown: +86 ••• ••34."""
    try:
        return masked_phone(phone, phonenumbers.parse(phone).country_code)
    except phonenumbers.NumberParseException:
        return masked_phone(phone)


def identity_of(ring: Vault, who: Any) -> Identity:
    """Return who it is, masked but for the name. `who` has the sealed columns."""

    def shown(name: str, mask: Callable[[str], str]) -> str | None:
        text = _opened(ring, who, name)
        return None if text is None else mask(text)

    return Identity(
        name=_opened(ring, who, "name"),
        phone_masked=shown("phone", mask_phone),
        email_masked=shown("email", masked_email),
        address_masked=shown("address", lambda text: masked_address(tuple(json.loads(text)))),
        national_id_masked=shown("national_id", masked_national_id),
        country=who.country,
        locale=who.locale,
        officer=who.officer,
        flags=list(who.flags),
        known_since=who.recorded_at,
    )


def places_of(who: Any, device_zones: Sequence[str | None], lender_zone: str, now: datetime) -> list[Place]:
    """Return the zones a borrower may be in, the surest first, each once; the lender's where nothing is known."""
    told = [
        (who.zone, "profile"),
        *((zone, "device") for zone in device_zones),
        *((zone, "phone") for zone in who.phone_zones),
    ]
    found: dict[str, str] = {}
    for zone, source in told:
        if zone:
            found.setdefault(zone, source)
    return [_place(zone, source, now) for zone, source in (found or {lender_zone: "lender"}).items()]


def _place(zone: str, source: str, now: datetime) -> Place:
    local = now.astimezone(zone_named(zone))
    return Place(zone, source, local, local.date(), local.time().replace(microsecond=0))


def unmask(asked: Unmasking, *, now: datetime) -> Unmasked:
    """Return one field whole, and write down who saw it and why. The request holds no connection while this runs.

    Raises ValidationError, NotFoundError (also where nothing is known), RateLimitedError. The caller has the permission.
    """
    if asked.field not in FIELDS:
        raise refused_at("/field", f"field is one of {', '.join(FIELDS)}.")
    check_text("reason", asked.why, LONGEST_WHY)
    if not asked.why.strip():
        raise refused_at("/reason", "reason is empty; say what the whole value is needed for.")
    with unit_of_work() as work:
        borrower_id = get_borrower_of_lender(work.session, asked.lender_id, asked.borrower_no)
        text = _opened(work.vault, get_borrower(work.session, borrower_id), asked.field)
        if text is None:
            raise NotFoundError(f"No {asked.field.replace('_', ' ')} of this borrower is known.")
        count(work, UNMASKS, f"{asked.lender_id} {asked.by}", now=now)
        facts = {"field": asked.field, "reason": without_card_numbers(asked.why)}
        add_audit(work.session, at=now, actor=asked.by, action="borrower.unmasked", borrower_id=borrower_id, facts=facts)
    if asked.field == "address":
        return Unmasked(asked.field, None, json.loads(text))
    return Unmasked(asked.field, text, [])


def _opened(ring: Vault, who: Any, name: str) -> str | None:
    return ring.open(getattr(who, f"{name}_sealed"), place=f"borrowers.{name}:{who.id}")
