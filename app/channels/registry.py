"""Which channels this installation has: one that is not configured is absent, and its messages say so.

A channel may have several providers, the preferred one first; `routed.py` makes one channel of them.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.channels.base import Channel
from app.channels.http_transport import PooledTransport
from app.channels.routed import Routed
from app.channels.sms import GatewaySms
from app.domain.provider_tokens import TokenStore

_ADAPTERS = {
    ("sms", "twilio"): "app.channels.twilio.sms",
    ("sms", "aliyun"): "app.channels.aliyun.sms",
    ("sms", "gateway"): "app.channels.sms",
    ("voice", "twilio"): "app.channels.twilio.voice",
    ("voice", "aliyun"): "app.channels.aliyun.voice",
    ("wechat", "wechat"): "app.channels.wechat.official_account",
    ("email", "smtp"): "app.channels.email.smtp",
    ("letter", "lob"): "app.channels.letters.lob",
    ("letter", "print_room"): "app.channels.letters.print_room",
}
"""(channel, provider) -> module with `build(settings, threads=) -> Channel`; loaded only when configured. A module with
NEEDS_TOKENS is also given `tokens=`, the store of access tokens."""


class ProviderSettingsError(ValueError):
    """The providers file names what we do not know, or a provider lacks a setting. The text says which, without secrets."""


def build_channels(
    *,
    fcm_base_url: str,
    fcm_credentials_file: Path | None = None,
    sms_url: str | None = None,
    sms_key: str | None = None,
    providers: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    threads: int = 32,
    tokens: TokenStore | None = None,
) -> dict[str, Channel]:
    """Return channel name -> adapter. Close each when done.

    `providers`: channel -> its providers' settings, the preferred one first. `tokens`: the store that all processes share;
    None: each adapter keeps its own. Raises ValueError for a credentials file that
    is not one, ProviderSettingsError.
    """
    found: dict[str, list[Channel]] = {}
    if fcm_credentials_file is not None:
        found["push"] = [_push(fcm_base_url, fcm_credentials_file, threads)]
    for channel, entries in (providers or {}).items():
        found.setdefault(channel, []).extend(_adapter(channel, entry, threads, tokens) for entry in entries)
    if sms_url:
        found.setdefault("sms", []).append(_sms(sms_url, sms_key or "", threads))
    return {channel: _one(channel, adapters) for channel, adapters in found.items() if adapters}


def _one(channel: str, adapters: list[Channel]) -> Channel:
    if len(adapters) == 1:
        return adapters[0]
    try:
        return Routed(adapters)
    except ValueError:
        raise ProviderSettingsError(f"A provider of {channel} is named twice.") from None


def _adapter(channel: str, entry: Mapping[str, Any], threads: int, tokens: TokenStore | None) -> Channel:
    provider = str(entry.get("provider"))
    module = _ADAPTERS.get((channel, provider))
    if module is None:
        known = ", ".join(sorted(name for each, name in _ADAPTERS if each == channel)) or "none"
        raise ProviderSettingsError(f"{provider!r} is no provider of {channel}; known: {known}.")
    adapter = import_module(module)
    extra = {"tokens": tokens} if getattr(adapter, "NEEDS_TOKENS", False) else {}
    try:
        made: Channel = adapter.build(entry, threads=threads, **extra)
    except KeyError as missing:
        raise ProviderSettingsError(f"The {channel} provider {provider} lacks the setting {missing}.") from None
    return made


def _push(base_url: str, credentials_file: Path, threads: int) -> Channel:
    # firebase-admin takes most of a second to load; installations and commands without push do not pay for it.
    from app.channels.push import FcmPush  # noqa: PLC0415
    from app.channels.push_credentials import ServiceAccount  # noqa: PLC0415
    from app.channels.transports import make_transport  # noqa: PLC0415

    return FcmPush(ServiceAccount(credentials_file), make_transport(base_url, threads=threads))


def _sms(url: str, key: str, threads: int) -> Channel:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return GatewaySms(key, PooledTransport(f"{parts.scheme}://{parts.netloc}", threads=min(threads, 8)), path=path)
