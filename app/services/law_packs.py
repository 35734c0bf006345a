"""The law packs that come with the product (content/law): which one governs whom, and its rules by id."""

import json
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from app.domain.errors import NotFoundError
from app.domain.law.packs import LawPack, read_pack
from app.domain.law.results import References
from app.domain.law.rules import Rule
from app.domain.law.vocabulary import Vocabulary, read_vocabulary
from app.services.base_rates import fixings

_CONTENT = Path(__file__).resolve().parents[1] / "content" / "law"
_VOCABULARY = "vocabulary.json"
DEFAULT = "DEFAULT"
"""The careful pack of house rules for a jurisdiction that has none."""

EU_MEMBERS = frozenset(
    ("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK").split(),
)
"""ISO 3166 alpha-2. Source: Treaty on European Union, art. 52, without the United Kingdom."""
_SPELLINGS = {"GB": "UK"}


class GoverningPack(NamedTuple):
    """The pack that governs, and whether it only stands in for one that does not exist."""

    pack: LawPack
    is_missing: bool
    """Whether the jurisdiction has no pack: it is the default one, and somebody must look."""

    @property
    def law_pack(self) -> str | None:
        """The fact of that name: the jurisdiction of the pack, None when the jurisdiction has none."""
        return None if self.is_missing else self.pack.jurisdiction


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Return the vocabulary of all packs."""
    return read_vocabulary(_read(_CONTENT / _VOCABULARY))


@lru_cache(maxsize=1)
def jurisdictions() -> tuple[str, ...]:
    """Return the jurisdictions that have a pack, the default among them."""
    return tuple(sorted(path.stem.upper() for path in _CONTENT.glob("*.json") if path.name != _VOCABULARY))


def get_pack(jurisdiction: str) -> LawPack:
    """Return the pack of that name (CN, US, UK, IN, EU, DEFAULT), in any case. Raises NotFoundError."""
    name = _SPELLINGS.get(jurisdiction.upper(), jurisdiction.upper())
    if name not in jurisdictions():
        raise NotFoundError(f"There is no law pack {jurisdiction!r}; known: {', '.join(jurisdictions())}.")
    return _loaded(name)


def pack_for(jurisdiction: str | None) -> GoverningPack:
    """Return the pack for a lender's jurisdiction or a borrower's country: ISO 3166, or EU; None is not known."""
    name = (jurisdiction or "").upper()
    name = "EU" if name in EU_MEMBERS else _SPELLINGS.get(name, name)
    if name != DEFAULT and name in jurisdictions():
        return GoverningPack(_loaded(name), is_missing=False)
    return GoverningPack(_loaded(DEFAULT), is_missing=True)


def find_rule(rule_id: str) -> Rule | None:
    """Return the rule of that id, of whichever pack, or None."""
    return _by_id().get(rule_id)


def get_rule(rule_id: str) -> Rule:
    """Return the rule of that id, in any case. Raises NotFoundError that names the nearest ones."""
    found = find_rule(rule_id.upper())
    if found is None:
        near = get_close_matches(rule_id.upper(), list(_by_id()), n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`flask law list` names them."
        raise NotFoundError(f"There is no rule {rule_id!r}. {hint}")
    return found


def references() -> References:
    """Return the published figures that rules are made from, as they stand in the tables in use."""
    return References(lpr=fixings())


@lru_cache(maxsize=1)
def _by_id() -> dict[str, Rule]:
    return {rule.id: rule for name in jurisdictions() for rule in _loaded(name).rules}


@lru_cache(maxsize=16)
def _loaded(jurisdiction: str) -> LawPack:
    return read_pack(_read(_CONTENT / f"{jurisdiction.lower()}.json"), vocabulary())


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
