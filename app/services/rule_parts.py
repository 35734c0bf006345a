"""What rules are made of besides policies: the law packs, each lender's calendar, the message catalogue, the channels.

All of it is content of this version of the product or changes with an epoch, so it is put together once per epoch.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.contact_law import DEFAULT_LAW
from app.domain.law.packs import LawPack
from app.persistence.models.lenders import LenderRow
from app.services.calendars import calendar_for
from app.services.law_packs import EU_MEMBERS, get_pack, jurisdictions, pack_for, vocabulary
from app.wording.catalogue import template_infos

CHANNELS = frozenset({"push", "sms"})
"""Outward channels this version has a provider adapter for; the app's own inbox needs none."""
_COUNTRY_SPELLINGS = ("GB",)


@lru_cache(maxsize=1)
def laws() -> dict[str, LawPack]:
    """Return the pack by country and jurisdiction; DEFAULT for everyone else."""
    names = {*jurisdictions(), *EU_MEMBERS, *_COUNTRY_SPELLINGS}
    return {name: pack_for(name).pack for name in names} | {DEFAULT_LAW: get_pack(DEFAULT_LAW)}


@lru_cache(maxsize=1)
def content_version() -> str:
    """Return a hash of the law packs and texts of this version of the product."""
    packs = sorted(f"{pack.jurisdiction} {pack.version}" for pack in set(laws().values()))
    texts = sorted(
        f"{key} {locale} {info.is_approved} {sorted(info.markers or ())}"
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
        "channels": CHANNELS,
        "templates": template_infos(),
    }
