"""The option rules that come with the product (content/options): which layers are for a loan."""

from functools import lru_cache
from pathlib import Path

from app.domain.option_rules import Layer, OptionRules, read_layer, rules_of
from app.services.law_packs import pack_for
from app.services.policy_files import read_document

_CONTENT = Path(__file__).resolve().parents[1] / "content" / "options"


@lru_cache(maxsize=1)
def layers() -> tuple[Layer, ...]:
    """Return all layers. Raises ValidationError that names the file and the place of what cannot be meant."""
    return tuple(
        read_layer(path.stem, read_document(path.read_text(encoding="utf-8"))) for path in sorted(_CONTENT.glob("*.yaml"))
    )


def option_rules_for(jurisdiction: str | None, product_kind: str | None) -> OptionRules:
    """Return the rules of a loan by the country or lender's jurisdiction that governs it, as a law pack is chosen."""
    return _rules(pack_for(jurisdiction).pack.jurisdiction, product_kind)


@lru_cache(maxsize=256)
def _rules(jurisdiction: str, product_kind: str | None) -> OptionRules:
    return rules_of(layers(), jurisdiction, product_kind)
