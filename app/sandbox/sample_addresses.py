"""Addresses of the demo borrowers on every channel, their own and the magic ones, and what is registered with providers.

Everything here is made up from the borrower's number and the outcome, so that whoever sees an address knows both.
"""

from dataclasses import dataclass
from datetime import datetime

from app.domain.book import BorrowerValues
from app.persistence.queries.borrowers import find_borrower_ids
from app.persistence.queries.provider_templates import find_provider_template
from app.persistence.queries.wechat_accounts import find_binding
from app.persistence.unit_of_work import Work, unit_of_work
from app.sandbox.sample_lenders import DEMO_BORROWERS, DemoBorrower, demo_phone
from app.sandbox.sample_people import PLACES
from app.sandbox.stand_in.magic import ON_CHANNEL, OUTCOMES
from app.services.provider_templates import mark, register
from app.services.wechat_accounts import bind
from app.wording.template_texts import TemplateText, load_texts

OWN = "own"
"""The demo borrower's usual address, which is well and reachable."""
MAGIC_PHONES = {
    "CN": "+86138355501", "US": "+121255501", "GB": "+4474055501", "IN": "+9198755501", "DE": "+49151255501",
}  # fmt: skip
"""By country; the two digits of an outcome follow. Numbers set aside for fiction where a plan has them."""
_WECHAT_FIELDS = {"thing1": "title", "thing2": "body"}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where one demo borrower is reached."""

    phone: str
    email: str
    street: str
    openid: str
    push_token: str

    def of(self, channel: str) -> str:
        """Return the address of a channel as the stand-in lists it as target; of a letter, the street."""
        return {
            "push": self.push_token,
            "sms": self.phone,
            "voice": self.phone,
            "wechat": self.openid,
            "email": self.email,
            "letter": self.street,
        }[channel]


def addresses_of(demo: DemoBorrower, outcome: str = OWN) -> Addresses:
    """Return the addresses that meet an outcome on every channel; OWN: the usual ones."""
    local, street = demo.borrower_no.lower(), PLACES[demo.country].streets[0]
    if outcome == OWN:
        name = demo.borrower_no
        return Addresses(
            demo_phone(demo), f"{local}@example.com", f"27 {street}", f"sandbox-wechat-{name}", f"sandbox-phone-{name}"
        )
    digits = next(digits for digits, word in OUTCOMES.items() if word == outcome)
    return Addresses(
        phone=MAGIC_PHONES[demo.country] + digits,
        email=f"{outcome}.{local}@example.com",
        street=f"{outcome} 27 {street}",
        openid=f"{outcome}-{demo.borrower_no}",
        push_token=f"{outcome}-phone-{demo.borrower_no}",
    )


def targets_of(demo: DemoBorrower) -> list[str]:
    """Return every target under which the stand-in may hold something for a demo borrower."""
    outcomes = sorted({outcome for known in ON_CHANNEL.values() for outcome in known})
    every = [addresses_of(demo), *(addresses_of(demo, outcome) for outcome in outcomes)]
    found = {each.of(channel) for each in every for channel in ON_CHANNEL if channel != "letter"}
    return sorted(found | {demo.name})


def demo_values(demo: DemoBorrower, addresses: Addresses) -> BorrowerValues:
    """Return a demo borrower as the core tells of them."""
    place = PLACES[demo.country]
    return BorrowerValues(
        borrower_no=demo.borrower_no,
        name=demo.name,
        phone=addresses.phone,
        email=addresses.email,
        address_lines=(addresses.street, place.cities[0]),
        country=demo.country,
        locale=place.locale,
        zone=place.zones[0],
    )


def open_wechat(*, now: datetime) -> int:
    """Bind the demo borrowers to WeChat and have the wordings approved, as far as they are not; return how many wordings.

    Only where there is a provider: a book that is filled for a replay has none.
    """
    with unit_of_work() as work:
        ids = find_borrower_ids(work.session, [demo.borrower_no for demo in DEMO_BORROWERS])
        for demo in DEMO_BORROWERS:
            if demo.borrower_no in ids and find_binding(work.session, ids[demo.borrower_no]) is None:
                bind(work, ids[demo.borrower_no], addresses_of(demo).openid, now=now)
        return sum(_register(work, text, now) for text in load_texts() if text.channel == "wechat")


def _register(work: Work, text: TemplateText, now: datetime) -> bool:
    key = ("wechat", "wechat", text.template, text.locale)
    known = find_provider_template(work.session, *key)
    if known is not None and known.template_version == text.version:
        return False
    code = f"sandbox_{text.template}_{text.locale.partition('-')[0]}"[:64]
    register(work, key, code=code, fields=_WECHAT_FIELDS, by="sandbox", now=now)
    return mark(work, key, "approved", by="sandbox", now=now)
