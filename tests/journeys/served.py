"""The app on a port of this machine for the length of a block, in a thread: what a browser of a test talks to."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from app.web.rate_limit import ReadLimit


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing: what went wrong is in the answer."""


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve the app; yield its address."""
    app.extensions["duecourse.read_limit"] = ReadLimit(per_second=1e9, burst=1e9)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
