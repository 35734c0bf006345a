"""A push provider on Hypercorn, HTTP/2 and HTTP/1.1 over TLS, in a process of its own: both clients speak to the same one.

Run by bench.push: python -m bench.providers.asgi PORT CERTIFICATE KEY CORE
"""

import asyncio
import os
import sys
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from bench.providers.frames import BODY


async def provide(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Take any POST as FCM takes a message."""
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                return
    while (event := await receive())["type"] == "http.request" and event.get("more_body"):
        pass
    headers = [(b"content-type", b"application/json; charset=UTF-8"), (b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def main() -> None:
    """Serve until killed."""
    port, certificate, key, core = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile, config.keyfile = certificate, key
    config.alpn_protocols = ["h2", "http/1.1"]
    config.keep_alive_max_requests = 10**9
    config.keep_alive_timeout = 600
    config.h2_max_concurrent_streams = 100
    config.loglevel = "ERROR"
    asyncio.run(serve(provide, config))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
