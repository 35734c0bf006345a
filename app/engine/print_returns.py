"""Reading what print rooms tell in files: stored and applied like any callback, then laid aside."""

from collections.abc import Iterable
from datetime import timedelta

from app import clock
from app.channels.base import Channel, TellsInFiles
from app.channels.letters.drops import DropError
from app.channels.routed import Routed
from app.logs import logger
from app.persistence.queries.leases import take_lease
from app.persistence.unit_of_work import unit_of_work
from app.services.callback_posts import take_callback

LEASE = timedelta(minutes=5)


def take_returns(channel: Channel | None, *, owner: str) -> int:
    """Take what lies in the returns folders of the letter channel; return how many files. One engine at a time.

    A file is laid aside after what it tells is committed; one that is read twice changes nothing, for its lines are known.
    """
    adapters: Iterable[object] = channel.providers.values() if isinstance(channel, Routed) else (channel,)
    tellers = [each for each in adapters if isinstance(each, TellsInFiles)]
    if not tellers:
        return 0
    with unit_of_work() as work:
        if take_lease(work.session, "print_returns", owner=owner, machine_now=clock.system_now(), ttl=LEASE) is None:
            return 0
    taken = 0
    for teller in tellers:
        try:
            for name, callback, content in teller.returns():
                if callback is not None:
                    take_callback(callback, content, now=clock.now())
                else:
                    # Not its name: that is the print room's, and may be a person's. It is the newest in `unread`.
                    logger().warning("a print room's file cannot be read", bytes=len(content))
                teller.settle(name, was_read=callback is not None)
                taken += 1
        except DropError as error:
            logger().warning("a print room's folder cannot be read", code=error.code, raw=error.raw)
    return taken
