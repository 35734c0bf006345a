"""Which payment providers this installation has: one for each entry under `payment` of the providers file."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from app.channels.registry import ProviderSettingsError
from app.domain.payment_providers import PaymentProvider

_ADAPTERS = {
    "stripe": "app.channels.payments.stripe",
    "hosted": "app.channels.payments.hosted",
}
"""Provider -> module with `build(entry) -> PaymentProvider`; loaded only when configured."""


def build_payments(entries: Sequence[Mapping[str, Any]]) -> dict[str, PaymentProvider]:
    """Return name -> provider, the preferred one first. Close each when done. Raises ProviderSettingsError."""
    found: dict[str, PaymentProvider] = {}
    for entry in entries:
        kind = str(entry.get("provider"))
        module = _ADAPTERS.get(kind)
        if module is None:
            raise ProviderSettingsError(f"{kind!r} is no payment provider; known: {', '.join(sorted(_ADAPTERS))}.")
        try:
            made: PaymentProvider = import_module(module).build(entry)
        except KeyError as missing:
            raise ProviderSettingsError(f"The payment provider {kind} lacks the setting {missing}.") from None
        except ValueError as wrong:
            raise ProviderSettingsError(f"The payment provider {kind}: {wrong}") from None
        if made.name in found:
            raise ProviderSettingsError(f"Two payment providers are named {made.name}; give one another `name`.")
        found[made.name] = made
    return found
