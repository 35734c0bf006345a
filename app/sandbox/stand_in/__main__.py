"""`python -m app.sandbox.stand_in`: run the stand-in until SIGTERM or SIGINT."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from app.sandbox.stand_in.mail import MailServer
from app.sandbox.stand_in.providers import StandInConfig
from app.sandbox.stand_in.received import Received
from app.sandbox.stand_in.returned_mail import Mailbag
from app.sandbox.stand_in.server import Connection, StandIn


def main(arguments: list[str] | None = None) -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="stand-in", description="A stand-in for push and SMS providers, on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one, told on the first line of output")
    parser.add_argument("--store", type=Path, help="also keep what was received in this file")
    parser.add_argument("--sms-key", help="check the signatures of SMS posts with this key")
    parser.add_argument("--mail-key", default="", help="signs the posts of mail that comes back")
    parser.add_argument("--posts-back", action="store_true", help="post receipts and replies to the addresses given")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input is closed")
    parser.add_argument(
        "--callback-base", default="", metavar="URL", help="where our callbacks are, for providers told so once"
    )
    parser.add_argument("--callback-secret", default="", help="the secret that the addresses of callbacks are made with")
    parser.add_argument("--smtp-port", type=int, default=0, help="of the mail server; 0: a free one")
    parser.add_argument("--rings-at", action="append", default=[], metavar="PHONE", help="somebody is there: calls ring")
    options = parser.parse_args(arguments)
    config = StandInConfig(options.callback_base.rstrip("/"), options.callback_secret, frozenset(options.rings_at))
    bag = Mailbag(config.callback_url("email") or "-", options.mail_key)
    stand_in = StandIn(
        Received(options.store), sms_key=options.sms_key, posts_back=options.posts_back, config=config, bag=bag
    )
    run(stand_in, port=options.port, smtp_port=options.smtp_port, with_parent=options.with_parent)


def run(stand_in: StandIn, *, port: int, smtp_port: int = 0, with_parent: bool = False) -> None:
    """Serve until told to end. Prints one JSON line with the URL and the mail port when ready."""
    asyncio.run(_serve(port, smtp_port, stand_in, with_parent))


async def _serve(port: int, smtp_port: int, stand_in: StandIn, with_parent: bool) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(lambda: Connection(stand_in), "127.0.0.1", port, backlog=1024)
    mail, stand_in.smtp_port = await MailServer(stand_in, stand_in.bag).listen(smtp_port)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    sys.stdout.write(json.dumps({"url": url, "pid": os.getpid(), "smtp_port": stand_in.smtp_port}) + "\n")
    sys.stdout.flush()
    if with_parent:
        loop.add_reader(sys.stdin.fileno(), _read_parent, ended)
    await ended.wait()
    server.close()
    mail.close()


def _read_parent(ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        ended.set()


if __name__ == "__main__":
    main()
