"""What rules are made of besides policies: the law packs, each lender's calendar, the message catalogue, the channels.

All of it is content of this version of the product, a setting, or changes with an epoch, so it is put together once per
epoch. Who changes a provider's wording (approved, rejected) raises the epoch.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.contact_law import DEFAULT_LAW
from app.domain.law.packs import LawPack
from app.persistence.models.lenders import LenderRow
from app.persistence.queries.provider_templates import find_one_time_codes
from app.services.calendars import calendar_for
from app.services.law_packs import EU_MEMBERS, get_pack, jurisdictions, pack_for, vocabulary
from app.services.provider_templates import usable_templates
from app.wording.catalogue import template_infos

ALWAYS_THERE = frozenset({"push", "sms"})
"""Channels of every installation: their credentials are settings of their own, and a message may wait for them."""
_COUNTRY_SPELLINGS = ("GB",)


@lru_cache(maxsize=1)
def laws() -> dict[str, LawPack]:
    """Return the pack by country and jurisdiction; DEFAULT for everyone else."""
    names = {*jurisdictions(), *EU_MEMBERS, *_COUNTRY_SPELLINGS}
    return {name: pack_for(name).pack for name in names} | {DEFAULT_LAW: get_pack(DEFAULT_LAW)}


def use_channels(configured: Iterable[str], providers: Mapping[str, Sequence[str]] | None = None) -> None:
    """Tell which channels this installation has providers for. Everybody who decides reads the same settings.

    `providers`: channel -> names of its providers; where every one wants wordings registered, only approved ones are used.
    """
    global _channels, _providers
    _channels = ALWAYS_THERE | frozenset(configured)
    _providers = dict(providers or {})


_channels = ALWAYS_THERE
_providers: Mapping[str, Sequence[str]] = {}


def outward_channels() -> frozenset[str]:
    """Return the outward channels of this installation; the app's own inbox needs no provider."""
    return _channels


def providers_of(channel: str) -> Sequence[str]:
    """Return the names of the providers that this installation has for a channel, the preferred one first."""
    return _providers.get(channel, ())


def content_version() -> str:
    """Return a hash of what this release and its settings bring to the rules: law packs, texts, channels."""
    providers = sorted(f"{channel} {' '.join(names)}" for channel, names in _providers.items())
    return sha256("\n".join([_shipped_content(), *sorted(_channels), *providers]).encode()).hexdigest()


@lru_cache(maxsize=1)
def _shipped_content() -> str:
    packs = sorted(f"{pack.jurisdiction} {pack.version}" for pack in set(laws().values()))
    texts = sorted(
        f"{key} {locale} {info.is_approved} {sorted(info.markers or ())} {info.unfit}"
        for key, infos in template_infos().items()
        for locale, info in infos.items()
    )
    return sha256("\n".join([*packs, *texts]).encode()).hexdigest()


def parts_of_rules(session: Session) -> dict[str, Any]:
    """Return the fields of `Rules` besides the policies and the epoch."""
    lenders = session.scalars(select(LenderRow)).all()
    return {
        "laws": laws(),
        "vocabulary": vocabulary(),
        "calendars": {lender.id: calendar_for(session, lender) for lender in lenders},
        "channels": outward_channels(),
        "one_time_codes": find_one_time_codes(session),
        "templates": usable_templates(session, _providers),
    }
