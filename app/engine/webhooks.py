"""Delivering webhooks: claim, send outside any transaction, record; each try in a thread of its own.

A tick begins what is due and does not wait for it: whoever answers slowly holds up nobody but itself, since only a few tries
go to one endpoint at once. Any number of engines may do so: a claim is a lease, and only the newest claim of a delivery is
written down. No order is promised.
"""

import random
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from app import clock
from app.channels.webhooks import WebhookWire
from app.logs import logger
from app.persistence.queries.webhook_deliveries import exists_due
from app.persistence.unit_of_work import close_session, in_unit_of_work, looking, unit_of_work
from app.services.webhook_deliveries import Sealed, Told, settle, take_due

THREADS = 16


class WebhookDispatch:
    """Delivers webhooks. `lease` is longer than the wire's own time-out, with what writing down may take."""

    def __init__(
        self,
        wire: WebhookWire,
        app_context: Callable[[], AbstractContextManager[Any]],
        *,
        owner: str,
        lease: timedelta = timedelta(seconds=60),
        threads: int = THREADS,
        rng: random.Random | None = None,
    ) -> None:
        self._wire, self._app_context, self._owner, self._lease = wire, app_context, owner, lease
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="webhook")
        self._begun: set[Future[None]] = set()
        self._rng = rng or random.Random()  # noqa: S311 jitter, not a secret

    def tick(self) -> int:
        """Begin what is due and there is room for; return how many tries were begun."""
        self._begun = {each for each in self._begun if not each.done()}
        room, machine_now = self._threads - len(self._begun), clock.system_now()
        if room <= 0:
            return 0
        with looking() as session:
            if not exists_due(session, now=clock.now(), machine_now=machine_now):
                return 0
        with unit_of_work() as work:
            taken = take_due(
                work, now=clock.now(), machine_now=machine_now, lease=self._lease, owner=self._owner, limit=room
            )
        self._begun |= {self._pool.submit(self._try, each) for each in taken}
        return len(taken)

    def drain(self) -> int:
        """Deliver until nothing is due at the present instant of the book's clock; return how many tries that took."""
        total = 0
        while True:
            begun = self.tick()
            total += begun
            if not begun and not self._begun:
                return total
            wait(self._begun, return_when=FIRST_COMPLETED)

    def close(self) -> None:
        """Let what is on the wire come to its end, and be written down."""
        self._pool.shutdown(wait=True)

    def _try(self, one: Sealed) -> None:
        try:
            answer = self._wire.post(one.url, one.headers(clock.system_now()), one.body)
            told = Told(answer.status, answer.reason, answer.headers.get("retry-after"))
            with self._app_context():
                self._settle(one, told)
        except Exception:  # its lease runs out, and it is tried again
            logger().exception("webhook could not be delivered", delivery_id=one.delivery_id)

    def _settle(self, one: Sealed, told: Told) -> None:
        jitter = self._rng.random()
        try:
            in_unit_of_work(
                lambda work: settle(work, one, told, now=clock.now(), machine_now=clock.system_now(), jitter=jitter)
            )
        finally:
            close_session()
