"""Asking providers what became of messages they do not tell of: hand-overs nobody answered, and receipts that got lost.

A text, a call, a WeChat message or a letter is there for good once it left, so one that may have left is never sent again;
it stays `uncertain` until its provider tells. Alibaba Cloud posts a receipt three times and no more; what is lost is asked
for.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from app.domain.deliveries import Callback, DeliveryReport, Told
from app.domain.times import EPOCH
from app.logs import logger
from app.metrics import NEVER_TOLD, OLDEST_UNCERTAIN, RECEIPTS_MISSING
from app.persistence.models.messages import DeliveryAttemptRow
from app.persistence.queries import untold as queries
from app.persistence.queries.delivery_receipts import find_attempts
from app.persistence.unit_of_work import looking, unit_of_work
from app.services.callback_posts import take_callback

BATCH = 50
WAIT_UNCERTAIN = timedelta(minutes=5)
WAIT_SENT = timedelta(minutes=15)
"""Most receipts come within a minute; providers repeat for ten."""
ASKED_FOR = timedelta(hours=72)
"""So long a receipt may take; after that nobody will tell."""
_ASKED_FOR = {"letter": timedelta(days=14)}
"""A print room may be out of reach over a holiday, and a printer still has a letter of last week in its lists."""
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=6)
_FORGOTTEN = timedelta(days=5)
"""What was due so long ago is not asked about: a bound of the index."""


@dataclass(frozen=True, slots=True)
class Untold:
    """A hand-over of which nobody has told what became of it."""

    id: str
    borrower_id: str
    channel: str
    provider: str
    endpoint_id: str | None
    provider_reference: str | None
    sent_at: datetime
    is_provider_known: bool = True
    """False: no answer was recorded, so that `provider` is only whom it was meant for; another may have it."""
    challenge_id: str | None = None
    withdraws_id: str | None = None


class Answer(NamedTuple):
    """What one of a channel's providers told of a hand-over."""

    provider: str
    report: DeliveryReport


Ask = Callable[[str, str, Sequence[Untold]], Sequence[Answer | None]]
"""(channel, provider, hand-overs) -> what is known of each, in order; nothing at all where nobody can be asked."""


def resolve_untold(ask: Ask, *, now: datetime, limit: int = BATCH) -> int:
    """Ask about a bounded number of messages and apply what is told; return of how many something was.

    Asked again at growing intervals until it has been 72 hours (of a letter, 14 days). Nothing is held while a
    provider is asked.
    """
    with looking() as session:
        rows = queries.page_untold(
            session,
            since=now - _FORGOTTEN,
            uncertain_before=now - WAIT_UNCERTAIN,
            sent_before=now - WAIT_SENT,
            limit=limit,
        )
        tries: dict[str, DeliveryAttemptRow] = {}
        for attempt in find_attempts(session, (), [row.id for row in rows]):
            tries[attempt.message_id] = attempt  # the last one
        due = [
            Untold(row.id, row.borrower_id, row.channel, last.provider, last.endpoint_id, last.provider_reference,
                   last.started_at, last.outcome != "sending", row.challenge_id)
            for row in rows
            if (last := tries.get(row.id)) is not None
        ]  # fmt: skip
        states = {row.id: row.state for row in rows}
    over = [each for each in due if now - each.sent_at >= _ASKED_FOR.get(each.channel, ASKED_FOR)]
    over_ids = {each.id for each in over} | {row.id for row in rows if row.id not in tries}
    _put_off([each for each in due if each.id not in over_ids], now)
    told = _ask_all(ask, due, now)
    never = over_ids - {key for key, what in told.items() if what in (Told.DELIVERED, Told.FAILED)}
    if never:
        with unit_of_work() as work:
            queries.mark_never_told(work.session, never, longest_ago=EPOCH)
        for each in over:
            if each.id in never:
                NEVER_TOLD.labels(each.channel, states[each.id]).inc()
        logger().warning("messages never told of", count=len(never))
    return len(told)


def measure_untold(*, now: datetime) -> None:
    """Measure the oldest uncertain message and how many receipts are missing."""
    since = now - _FORGOTTEN
    with looking() as session:
        oldest = queries.oldest_uncertain(session, since=since)
        RECEIPTS_MISSING.set(queries.count_untold(session, since=since, until=now - WAIT_SENT))
    OLDEST_UNCERTAIN.set(0 if oldest is None else max((now - oldest).total_seconds(), 0))


def _put_off(due: Sequence[Untold], now: datetime) -> None:
    """Say when to ask again before asking, so that a worker that dies does not ask without end."""
    by_wait: dict[datetime, list[str]] = defaultdict(list)
    for each in due:
        wait = min(max((now - each.sent_at) / 2, _SHORTEST_WAIT), _LONGEST_WAIT)
        by_wait[now + wait].append(each.id)
    if by_wait:
        with unit_of_work() as work:
            for again_at, ids in by_wait.items():
                queries.mark_asked(work.session, ids, again_at=again_at)


def _ask_all(ask: Ask, due: Sequence[Untold], now: datetime) -> dict[str, Told]:
    """Ask each provider about its own, apply what it tells, and return that by message."""
    by_provider: dict[tuple[str, str], list[Untold]] = defaultdict(list)
    for each in due:
        by_provider[each.channel, each.provider].append(each)
    told: dict[str, Told] = {}
    for (channel, meant_for), group in by_provider.items():
        by_teller: dict[str, list[DeliveryReport]] = defaultdict(list)
        for each, answer in zip(group, ask(channel, meant_for, group), strict=False):
            if answer is not None:
                key = f"query:{each.id}:{answer.report.told.value}"
                by_teller[answer.provider].append(replace(answer.report, event_key=key, message_id=each.id))
        for provider, reports in by_teller.items():
            take_callback(Callback(provider, reports=reports, is_signed=True), b"", now=now)
            told |= {report.message_id: report.told for report in reports if report.message_id}
    return told
