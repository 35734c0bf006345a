"""Who approves a refund, by amount: read from content/refunds/rules.yaml, a lender's own words first."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.errors import ValidationError
from app.domain.money import currency_exponent
from app.domain.refunds import RefundRules

_FILE = Path(__file__).resolve().parents[1] / "content" / "refunds" / "rules.yaml"
_AMOUNTS = ("automatic_up_to", "four_eyes_above", "least")


@lru_cache(maxsize=256)
def refund_rules(lender_code: str) -> RefundRules:
    """Return the rules of a lender: its own, and the house's where it says nothing. Raises ValidationError."""
    document = _document()
    return read_rules({**document["default"], **(document.get("lenders") or {}).get(lender_code, {})})


def read_rules(said: Mapping[str, Any]) -> RefundRules:
    """Return rules as a file says them. Raises ValidationError, which names what is wrong."""
    unknown = set(said) - set(_AMOUNTS)
    if unknown:
        raise ValidationError(f"Rules of refunds say nothing of {', '.join(sorted(unknown))}.")
    amounts = {name: _amounts(name, said.get(name) or {}) for name in _AMOUNTS}
    return RefundRules(
        automatic_up_to_minor=amounts["automatic_up_to"],
        four_eyes_above_minor=amounts["four_eyes_above"],
        least_minor=amounts["least"],
    )


def _amounts(name: str, said: Mapping[str, Any]) -> dict[str, int]:
    for currency, minor in said.items():
        currency_exponent(currency)
        if type(minor) is not int or minor < 0:
            raise ValidationError(f"{name} of {currency} is no amount in minor units.")
    return dict(said)


@lru_cache(maxsize=1)
def _document() -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return read
