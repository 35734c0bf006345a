"""The engine: a few static ticks that find due work in the tables.

APScheduler holds no state of ours: its job store is memory, a missed tick is made up by the next one, and any number of
engines may tick at once, because claims are locked and keys unique. It runs in its own process (`flask engine run`), never
inside a web worker.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from app import clock
from app.domain.lanes import LANES, SECURITY
from app.engine import travel
from app.engine.dispatch import Dispatcher, Run
from app.engine.follow_ups import follow_up_due
from app.engine.print_returns import take_returns
from app.engine.rehearsals import RehearsalRunner
from app.engine.webhooks import WebhookDispatch
from app.logs import logger
from app.metrics import LAST_TICK, SWEEP_SECONDS, TICK_PROBLEMS
from app.persistence.queries.leases import ENGINE_PREFIX, find_owners, take_lease
from app.persistence.queries.moments import find_moments
from app.persistence.unit_of_work import close_session, reading, unit_of_work
from app.services.attachments import forget_unclaimed
from app.services.delivery_figures import count_hours
from app.services.duties import BATCH, look_at_due
from app.services.engine_reports import EngineReport, write_report
from app.services.escalations import look_at_all
from app.services.invariants import count_candidates_without_decision
from app.services.operations import keep_invariant_counts
from app.services.reminders import SWEEP_BATCH, sweep
from app.services.tidying import tidy

HEARTBEAT_TTL = timedelta(seconds=30)
RECONCILE_TTL = timedelta(minutes=10)
TIDY_TTL = timedelta(hours=12)
REPORT_SECONDS, FIGURES_SECONDS = 10, 60
FIGURES_TTL = timedelta(seconds=FIGURES_SECONDS - 5)
RECONCILE_GRACE = timedelta(minutes=2)
"""A step reached so recently may still be on its way through the sweep."""
DUTIES_SECONDS = 2
"""After a big import everybody's duties are to be looked at: that must not stand in the way of reminders."""
EAGER_PAUSE_SECONDS = 0.004


@dataclass
class Engine:
    """Sweeps and dispatches. Safe to run many times over at once, in one process or in several."""

    dispatcher: Dispatcher
    watches_travel: bool = False
    """Whether this engine moves the sandbox's clock when asked to."""
    webhooks: WebhookDispatch | None = None
    """Delivers webhooks; None: this engine does not."""
    chores: Sequence[tuple[str, Callable[[], object], float]] = ()
    """Ticks of what only some installations have: name, work, seconds between."""
    ticks: dict[str, datetime] = field(default_factory=dict)
    """Job -> machine time of its last end."""

    def sweep_all(self) -> int:
        """Look again at agreements whose day has come, then decide about everyone whose time has; return how many."""
        total = follow_up_due(now=clock.now())
        while True:
            with SWEEP_SECONDS.time():
                decided = sweep(now=clock.now())
            total += decided
            if decided < SWEEP_BATCH:
                return total

    def dispatch_all(self) -> int:
        """Hand over everything that waits besides one-time codes; return how many messages were looked at."""
        return self.dispatch(None)

    def dispatch(self, lane: str | None) -> int:
        """Hand over everything that waits in one lane, at its providers' pace; return how many messages were looked at."""
        total, run = 0, Run()
        while True:
            run = self.dispatcher.run_lanes(now=clock.now(), lane=lane, goes_on=run.has_more)
            total += run.looked_at
            if not run.has_more and (lane is not None or not run.looked_at):
                return total
            if run.wait_seconds:
                time.sleep(run.wait_seconds)

    def dispatch_security(self) -> int:
        """Hand over one-time codes; their own lane, so that no batch of reminders stands before them."""
        return self.dispatch(SECURITY)

    def drain(self) -> int:
        """Work until nothing is due at the present instant of the book's clock; return how much was done."""
        total = 0
        while done := (
            self.dispatch_security()
            + self.sweep_all()
            + look_at_all(now=clock.now())
            + self.dispatch_all()
            + self.deliver_webhooks()
        ):
            total += done
        return total

    def deliver_webhooks(self) -> int:
        """Deliver the webhooks that are due, and wait for what comes of them; return how many tries."""
        return self.webhooks.drain() if self.webhooks is not None else 0

    def heartbeat(self) -> None:
        """Say that this engine lives, keep what it has in hand, and take its part of what providers may be given by all."""
        with unit_of_work() as work:
            owner = self.dispatcher.owner
            now = clock.system_now()
            take_lease(work.session, ENGINE_PREFIX + owner, owner=owner, machine_now=now, ttl=HEARTBEAT_TTL)
            living = find_owners(work.session, ENGINE_PREFIX, machine_now=now)
        self.dispatcher.held.renew(machine_now=now)
        self.dispatcher.pacers.set_share(workers=len(living), rank=living.index(owner))

    def reconcile(self) -> None:
        """Ask the independent statement whether a candidate lacks its decision; one engine at a time."""
        with unit_of_work() as work:
            now = clock.system_now()
            if (
                take_lease(work.session, "reconcile", owner=self.dispatcher.owner, machine_now=now, ttl=RECONCILE_TTL)
                is None
            ):
                return
        with reading() as session:
            missing = count_candidates_without_decision(session, until=clock.now() - RECONCILE_GRACE)
        with unit_of_work() as work:
            keep_invariant_counts(work.session, {"candidates_without_decision": missing}, now=clock.now())
        if missing:
            logger().error("candidates without a decision", count=missing)

    def tidy(self) -> None:
        """Forget spent tokens, old challenges, counters and files that belong to nothing; one engine at a time."""
        with unit_of_work() as work:
            now = clock.system_now()
            if take_lease(work.session, "tidy", owner=self.dispatcher.owner, machine_now=now, ttl=TIDY_TTL) is None:
                return
        tidy(now=clock.now())
        forget_unclaimed(now=clock.now())

    def look_at_duties(self) -> int:
        """Look at duties of law whose turn has come, for so long only; the next tick goes on. Return how many borrowers."""
        total, until = 0, time.monotonic() + DUTIES_SECONDS
        while time.monotonic() < until:
            looked = look_at_due(now=clock.now())
            total += looked
            if looked < BATCH:
                break
        return total

    def take_returns(self) -> int:
        """Read what print rooms have told in files; return how many."""
        return take_returns(self.dispatcher.channels.get("letter"), owner=self.dispatcher.owner)

    def follow_clock(self) -> None:
        """Move the sandbox's clock to where it was asked to go, from wake to wake."""
        travel.travel_if_asked(self.drain)

    def report(self) -> None:
        """Write down what only this process knows: pauses, breakers, weights, when each tick last came to its end."""
        routes = self.dispatcher.routes
        said = EngineReport(
            ticks=dict(self.ticks),
            paused=routes.pauses(clock.now()),
            breakers=routes.breakers.open_ones(clock.monotonic_seconds()),
            weights=routes.weights(),
        )
        with unit_of_work() as work:
            write_report(work, self.dispatcher.owner, said, machine_now=clock.system_now())

    def count_deliveries(self) -> None:
        """Count what was handed over in the running hour and, in turn, in earlier ones; one engine at a time."""
        with unit_of_work() as work:
            now = clock.system_now()
            if take_lease(work.session, "figures", owner=self.dispatcher.owner, machine_now=now, ttl=FIGURES_TTL) is None:
                return
        count_hours(now=clock.now(), turn=int(now.timestamp() // FIGURES_SECONDS))

    def retire(self) -> None:
        """Close the channels. The heartbeat is left to run out: a deploy that restarts the engine is not an outage."""
        self.dispatcher.close()
        if self.webhooks is not None:
            self.webhooks.close()


def run(engine: Engine, app_context: Callable[[], AbstractContextManager[Any]]) -> None:
    """Tick until SIGTERM or SIGINT; a tick that runs is let finish."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # A tick that finds the one before it still at work is normal and counted below; the library would log each.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    rehearsals = RehearsalRunner(engine.dispatcher.owner)
    scheduler = _scheduler(engine, rehearsals, app_context)
    scheduler.start()
    logger().info("engine started", owner=engine.dispatcher.owner)
    stop.wait()
    scheduler.shutdown(wait=True)
    rehearsals.stop()
    engine.retire()
    logger().info("engine stopped", owner=engine.dispatcher.owner)


def _scheduler(
    engine: Engine, rehearsals: RehearsalRunner, app_context: Callable[[], AbstractContextManager[Any]]
) -> BackgroundScheduler:
    jobs: list[tuple[str, Callable[[], object], float]] = [
        ("security", engine.dispatch_security, 0.5),
        ("sweep", engine.sweep_all, 1),
        *((f"dispatch {lane}", partial(engine.dispatch, lane), 1) for lane in LANES if lane != SECURITY),
        ("heartbeat", engine.heartbeat, 10),
        ("reconcile", engine.reconcile, 900),
        ("tidy", engine.tidy, 86_400),
        ("rehearsals", rehearsals.tick, 2),
        ("duties", engine.look_at_duties, 5),
        ("print returns", engine.take_returns, 60),
        ("report", engine.report, REPORT_SECONDS),
        ("figures", engine.count_deliveries, FIGURES_SECONDS),
        *engine.chores,
    ]
    if engine.webhooks is not None:
        jobs.append(("webhooks", engine.webhooks.tick, 1))
    if engine.watches_travel:
        jobs.append(("travel", engine.follow_clock, 0.3))
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(len(jobs))},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    for name, work, seconds in jobs:
        first = clock.system_now() + timedelta(seconds=0 if name == "heartbeat" else min(seconds, 60))
        given = (name, work, app_context, engine.ticks)
        scheduler.add_job(_tick, "interval", seconds=seconds, id=name, args=given, next_run_time=first)
    scheduler.add_listener(_note_problem, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
    return scheduler


def _tick(
    name: str,
    work: Callable[[], object],
    app_context: Callable[[], AbstractContextManager[Any]],
    ticks: dict[str, datetime],
) -> None:
    with app_context():
        try:
            work()
            ticks[name] = clock.system_now()
            LAST_TICK.labels(name).set(clock.system_now().timestamp())
        except Exception:
            logger().exception("tick failed", job=name)
            TICK_PROBLEMS.labels(name, "failed").inc()
        finally:
            close_session()


def _note_problem(event: Any) -> None:
    kind = {EVENT_JOB_MISSED: "missed", EVENT_JOB_MAX_INSTANCES: "still_running"}.get(event.code, "failed")
    if kind != "still_running":  # a long sweep simply goes on; the next tick finds what is left
        TICK_PROBLEMS.labels(event.job_id, kind).inc()


def run_eagerly(engine: Engine, *, parent: int) -> None:
    """Work as fast as there is something to do, for a replay; ends with SIGTERM or when the parent process is gone."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set() and os.getppid() == parent:
        with reading() as session:
            moments = find_moments(session)
        if moments.frozen_at is None or not moments.is_due(moments.frozen_at) or not engine.drain():
            stop.wait(EAGER_PAUSE_SECONDS)
    engine.retire()
