"""What providers post to us, read: one parser per provider, found by its name in the address of the callback.

A parser knows bytes and signatures and nothing of our tables. It raises `ForgedError` for a signature that is not right and
`MalformedError` for what it cannot read; everything else it returns as a `Callback`, with the exact answer the
provider waits for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from app.domain.callback_words import callback_word
from app.domain.deliveries import Callback


class ForgedError(Exception):
    """The signature is missing or wrong, or the post is too old. Answered 403, nothing is changed."""


class MalformedError(Exception):
    """It cannot be read. The text says what is wrong and holds no personal data. Answered 400."""


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """One request as it came. `url` is the public URL the provider signed; header names are in lower case."""

    method: str
    url: str
    path_secret: str
    """Last part of the path for providers that sign nothing: an unguessable word of ours. May be ""."""
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    now_seconds: int
    """Epoch seconds, for windows of time."""


class CallbackParser(Protocol):
    """Reads one provider's posts."""

    provider: str

    def read(self, request: CallbackRequest) -> Callback:
        """Return what it says. Raises ForgedError, MalformedError."""
        ...


_PARSERS = {
    "twilio": "app.channels.twilio.callbacks",
    "aliyun": "app.channels.aliyun.callbacks",
    "tencent": "app.channels.tencent.callbacks",
    "46elks": "app.channels.elks.callbacks",
    "gateway": "app.channels.gateway_callbacks",
    "wechat": "app.channels.wechat.callbacks",
    "email": "app.channels.email.callbacks",
    "lob": "app.channels.letters.lob_callbacks",
    "print_room": "app.channels.letters.print_room_callbacks",
}
"""Provider -> module with `parser(settings) -> CallbackParser`; loaded when the first post comes."""
_ADDRESSED_AS = {"smtp": "email"}
"""Name in the providers file -> name in the address, where they differ."""
_SIGN_NOTHING = frozenset({"aliyun", "tencent", "46elks"})


def callback_path(entry: Mapping[str, Any], secret: str) -> str | None:
    """Return the path to which the provider of an entry is to post, or None for one that posts nothing.

    It ends with the provider's word (see domain/callback_words.py) if it signs nothing. `secret`: the installation's.
    """
    provider = _ADDRESSED_AS.get(str(entry["provider"]), str(entry["provider"]))
    if provider not in _PARSERS:
        return None
    is_unsigned = provider in _SIGN_NOTHING or (provider == "print_room" and not entry.get("callback_key"))
    return f"/v1/callbacks/{provider}" + (f"/{callback_word(secret, provider)}" if is_unsigned else "")


def parser_of(provider: str, settings: Mapping[str, Any]) -> CallbackParser | None:
    """Return the parser of a provider, or None for one we do not know.

    `settings`: its entry in the providers file, with `callback_secret`: the word in the address of its callbacks.
    """
    module = _PARSERS.get(provider)
    if module is None:
        return None
    made: CallbackParser = import_module(module).parser(settings)
    return made
