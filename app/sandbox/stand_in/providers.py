"""The providers that the stand-in speaks for besides FCM and the SMS gateway. Each is a module with `make() -> Provider`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

from app.sandbox.stand_in.answers import Answer, Taken

MODULES: tuple[str, ...] = ()
"""Below app.sandbox.stand_in."""


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """One request to a provider, as it came. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Provider(Protocol):
    """One provider's addresses and answers."""

    endpoints: tuple[str, ...]
    """Names of its endpoints, as faults are programmed on them ("twilio_messages")."""

    def endpoint(self, method: str, path: str) -> str | None:
        """Return which of its endpoints an address is, or None when it is not this provider's."""
        ...

    def answer(self, endpoint: str, request: ProviderRequest) -> Answer | Taken:
        """Answer as the provider does when nothing is wrong with it, signature checks and all."""
        ...


def make_providers() -> list[Provider]:
    """Return all of them."""
    return [import_module(f"app.sandbox.stand_in.{name}").make() for name in MODULES]
