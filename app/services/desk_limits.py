"""Who may do how much at the desk: read from content/desk/limits.yaml, a lender's own words first."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.desk_limits import COMPONENTS, Amounts, DeskLimits, RoleLimits
from app.domain.errors import ValidationError
from app.domain.money import currency_exponent
from app.domain.permissions import ROLES

_FILE = Path(__file__).resolve().parents[1] / "content" / "desk" / "limits.yaml"
_ACTS: Mapping[str, frozenset[str]] = {
    "payments": frozenset({"alone", "approves"}),
    "waivers": frozenset({"alone", "approves", "in_a_year", "components"}),
}
_ANY = "any"


@lru_cache(maxsize=256)
def desk_limits(lender_code: str) -> DeskLimits:
    """Return the limits of a lender: its own, and the house's where it says nothing. Raises ValidationError."""
    document = _document()
    own = (document.get("lenders") or {}).get(lender_code, {})
    return read_limits({act: {**document["default"][act], **own.get(act, {})} for act in _ACTS} | _unknown(own))


def read_limits(said: Mapping[str, Any]) -> DeskLimits:
    """Return limits as a file says them. Raises ValidationError, which names what is wrong."""
    for act, given in said.items():
        beyond = set(given) - _ACTS.get(act, frozenset())
        if act not in _ACTS or beyond:
            raise ValidationError(f"Limits of the desk say nothing of {', '.join(sorted(beyond) or [act])}.")
    payments, waivers = said.get("payments", {}), said.get("waivers", {})
    return DeskLimits(
        payments=RoleLimits(_by_role("alone", payments), _by_role("approves", payments)),
        waivers=RoleLimits(_by_role("alone", waivers), _by_role("approves", waivers)),
        waived_in_a_year=_by_role("in_a_year", waivers),
        components=_components(waivers.get("components") or {}),
    )


def _by_role(name: str, said: Mapping[str, Any]) -> dict[str, Amounts]:
    given = said.get(name) or {}
    _check_roles(given)
    return {role: None if amounts == _ANY else _amounts(f"{name} of {role}", amounts) for role, amounts in given.items()}


def _amounts(name: str, said: Any) -> dict[str, int]:
    if not isinstance(said, dict):
        raise ValidationError(f"{name} is neither `any` nor amounts by currency.")
    for currency, minor in said.items():
        currency_exponent(currency)
        if type(minor) is not int or minor < 0:
            raise ValidationError(f"{name}: {currency} is no amount in minor units.")
    return dict(said)


def _components(said: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    _check_roles(said)
    for role, names in said.items():
        if not isinstance(names, list) or set(names) - set(COMPONENTS):
            raise ValidationError(f"components of {role}: only {', '.join(COMPONENTS)} can be given up.")
    return {role: frozenset(names) for role, names in said.items()}


def _check_roles(said: Mapping[str, Any]) -> None:
    unknown = set(said) - set(ROLES)
    if unknown:
        raise ValidationError(f"There is no role {', '.join(sorted(unknown))}.")


def _unknown(own: Mapping[str, Any]) -> dict[str, Any]:
    return {act: given for act, given in own.items() if act not in _ACTS}


@lru_cache(maxsize=1)
def _document() -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return read
