"""What the stand-in posts back: receipts, replies and events, each after a while, with the tries a provider makes.

Every post is also kept and listed under GET /callbacks, so that a test may take them in its own order.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

_opener = build_opener(ProxyHandler({}))
_TRIES = 3
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class CallbackPost:
    """One post back. `url` "" or "-": nobody asked for it, it is only kept."""

    url: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    delay_ms: int = 50
    method: str = "POST"
    is_off: Callable[[], bool] = lambda: False
    """Whether something that happened meanwhile has made it untrue, when its time has come."""


class CallbackBook:
    """All posts back, and the threads that make them."""

    def __init__(self, *, posts: bool) -> None:
        """Without `posts` they are kept and not made."""
        self._posts = posts
        self._items: list[dict[str, Any]] = []
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="callbacks")

    def add(self, post: CallbackPost) -> None:
        """Keep a post and make it when its time has come. Called on the event loop."""
        item = {
            "n": len(self._items) + 1,
            "url": post.url,
            "method": post.method,
            "headers": post.headers,
            "body": post.body.decode("utf-8", "replace"),
            "status": None,
        }
        self._items.append(item)
        if self._posts and post.url.startswith("http"):
            loop = asyncio.get_running_loop()
            loop.call_later(post.delay_ms / 1000, lambda: loop.run_in_executor(self._pool, self._make, post, item))

    def page(self, since: int) -> list[dict[str, Any]]:
        """Return the posts numbered above `since`, oldest first, with the status each was answered with."""
        return self._items[since:]

    def clear(self) -> None:
        """Forget them."""
        self._items.clear()

    def _make(self, post: CallbackPost, item: dict[str, Any]) -> None:
        if post.is_off():
            return
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE_SECONDS * 2**attempt)
            data = post.body if post.method == "POST" else None
            request = Request(post.url, data=data, headers=post.headers, method=post.method)  # noqa: S310 loopback
            try:
                with _opener.open(request, timeout=5) as answer:
                    item["status"] = answer.status
                    return
            except HTTPError as error:
                item["status"] = error.code
                if error.code < 500:
                    return
            except OSError:
                item["status"] = 0
