"""Ticks of what only some installations have, by their settings."""

from collections.abc import Callable
from functools import partial

from app import clock
from app.channels.wechat.oauth import CodeExchange, build_exchange
from app.engine.wechat_links import exchange_links
from config import Settings

Chore = tuple[str, Callable[[], object], float]
"""Name, work, seconds between."""
LINK_SECONDS = 2.0
"""How long somebody who has just opened a link waits at most until it is looked at."""


def chores_of(settings: Settings) -> list[Chore]:
    """Return them. Raises KeyError for a provider that lacks a setting."""
    entry = next((each for each in settings.providers.get("wechat", ()) if each["provider"] == "wechat"), None)
    return [("wechat links", partial(_bind_links, build_exchange(entry)), LINK_SECONDS)] if entry is not None else []


def _bind_links(exchange: CodeExchange) -> int:
    return exchange_links(exchange, now=clock.now())
