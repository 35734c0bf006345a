"""The providers that the stand-in speaks for besides FCM and the SMS gateway. Each is a module with
`make(config) -> Provider`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from app.domain.callback_words import callback_word
from app.sandbox.stand_in.answers import Answer, Taken
from app.sandbox.stand_in.callbacks import CallbackPost

MODULES: tuple[str, ...] = (
    "aliyun",
    "hosted",
    "lob",
    "stripe",
    "twilio",
    "wechat",
)
"""Below app.sandbox.stand_in."""


@dataclass(frozen=True, slots=True)
class StandInConfig:
    """What the operator of a real account tells a provider on its console, and the stand-in by its arguments."""

    callback_base: str = ""
    """Where providers without an address per message post to: "https://host", no slash at the end; "": nowhere."""
    callback_secret: str = field(default="", repr=False)
    """What the last part of each of those addresses is made from, see `callback_url`."""
    rings_at: frozenset[str] = frozenset()
    """Phones with somebody at them: a call rings there until it is answered or declined by hand, see by_hand.py."""

    def callback_url(self, provider: str) -> str:
        """Return the address of one provider's callbacks, "" when none was told."""
        if not self.callback_base:
            return ""
        word = callback_word(self.callback_secret, provider)
        return "/".join(filter(None, (self.callback_base, "v1/callbacks", provider, word)))


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """One request to a provider, as it came. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Gesture:
    """What a person does with a message that they have: act (see by_hand.py), and the words or the key."""

    act: str
    item: Mapping[str, Any] = field(repr=False)
    """The message as it is listed under /received."""
    text: str = field(default="", repr=False)


class GestureError(ValueError):
    """That cannot be done with this message; the text says why."""


@runtime_checkable
class Touchable(Protocol):
    """A provider that tells what people do with its messages."""

    labels: tuple[str, ...]
    """Of its messages under /received."""

    def touched(self, gesture: Gesture) -> Sequence[CallbackPost]:
        """Return what it posts back for it. Raises GestureError."""
        ...


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


def make_providers(config: StandInConfig) -> list[Provider]:
    """Return all of them."""
    return [import_module(f"app.sandbox.stand_in.{name}").make(config) for name in MODULES]
