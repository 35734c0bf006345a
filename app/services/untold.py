"""Asking providers what became of messages they do not tell of: hand-overs nobody answered, and receipts that got lost.

A text, a call, a WeChat message or a letter is there for good once it left, so one that may have left is never sent again;
it stays `uncertain` until its provider tells. Alibaba Cloud posts a receipt three times and no more; what is lost is asked
for.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
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
LETTERS = 25
"""Sent letters of one look, beside the others: a run of thousands must not stand before a text that may not have left."""
QUIET_LETTER = timedelta(days=7)
"""A letter that was sent is asked about when nothing was told of it for so long: by then one that cannot be delivered is
commonly on its way back, and what is asked sooner is only told to be under way."""
_LETTER_AGAIN = timedelta(days=3)
_LETTER_ASKED_FOR = timedelta(days=30)
"""What comes back by post is back within a month of its hand-over."""
_ON_ITS_WAY = frozenset({"printed", "in_transit"})
"""States of a letter of which its printer has told: not to hear more is the usual end."""
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
    is_taken: bool = False
    """Of letters: its provider has said that it has it. That it never took it is not believed then."""
    template: str = ""
    """Of none: what has left is kept back by nothing, whatever it says."""


class Answer(NamedTuple):
    """What one of a channel's providers told of a hand-over."""

    provider: str
    report: DeliveryReport


Ask = Callable[[str, str, Sequence[Untold]], Sequence[Answer | None]]
"""(channel, provider, hand-overs) -> what is known of each, in order; nothing at all where nobody can be asked."""


def first_asked_at(channel: str, sent_at: datetime) -> datetime:
    """Return from when on a message that was sent then may be asked about."""
    return sent_at + QUIET_LETTER if channel == "letter" else sent_at


def resolve_untold(ask: Ask, *, now: datetime, limit: int = BATCH) -> int:
    """Ask about a bounded number of messages and apply what is told; return of how many something was.

    Asked again at growing intervals until it has been 72 hours (of an uncertain letter 14 days). Letters that were sent are
    asked about once nothing was told for 7 days, then every 3 days until 30 have passed. Nothing is held while a provider is
    asked.
    """
    since = now - _FORGOTTEN
    with looking() as session:
        rows = [
            *queries.page_untold(
                session, since=since, uncertain_before=now - WAIT_UNCERTAIN, sent_before=now - WAIT_SENT, limit=limit
            ),
            *queries.page_quiet_letters(session, since=since, until=now, limit=LETTERS),
        ]
        tries: dict[str, DeliveryAttemptRow] = {}
        for attempt in find_attempts(session, (), [row.id for row in rows]):
            tries[attempt.message_id] = attempt  # the last one
        found = [
            Untold(row.id, row.borrower_id, row.channel, last.provider, last.endpoint_id, last.provider_reference,
                   last.started_at, last.outcome != "sending", row.challenge_id,
                   is_taken=(row.channel, row.state) == ("letter", "sent"))
            for row in rows
            if (last := tries.get(row.id)) is not None
        ]  # fmt: skip
        letters = queries.find_letters_told(session, [each.id for each in found if each.is_taken])
    states = {row.id: row.state for row in rows}
    later = {each.id: at for each in found if each.is_taken and (at := _quiet_at(each, letters.get(each.id))) > now}
    done = {key for key, (state, _) in letters.items() if state == "cancelled"}  # taken back: nothing is to be told
    due = [each for each in found if each.id not in later and each.id not in done]
    over = [each for each in due if now - each.sent_at >= _asked_for(each)]
    over_ids = {each.id for each in over} | {row.id for row in rows if row.id not in tries} | done
    _put_off({each.id: _again_at(each, now) for each in due if each.id not in over_ids} | later)
    told = _ask_all(ask, due, now)
    never = over_ids - {key for key, what in told.items() if what in (Told.DELIVERED, Told.FAILED)}
    if never:
        with unit_of_work() as work:
            queries.mark_never_told(work.session, never, longest_ago=EPOCH)
        well = done | {key for key, (state, _) in letters.items() if state in _ON_ITS_WAY}
        for each in over:
            if each.id in never - well:
                NEVER_TOLD.labels(each.channel, states[each.id]).inc()
        if never - well:
            logger().warning("messages never told of", count=len(never - well))
    return len(told)


def measure_untold(*, now: datetime) -> None:
    """Measure the oldest uncertain message and how many receipts are missing."""
    since = now - _FORGOTTEN
    with looking() as session:
        oldest = queries.oldest_uncertain(session, since=since)
        RECEIPTS_MISSING.set(queries.count_untold(session, since=since, until=now - WAIT_SENT))
    OLDEST_UNCERTAIN.set(0 if oldest is None else max((now - oldest).total_seconds(), 0))


def _asked_for(each: Untold) -> timedelta:
    """Return how long after its hand-over a message is asked about."""
    return _LETTER_ASKED_FOR if each.is_taken else _ASKED_FOR.get(each.channel, ASKED_FOR)


def _again_at(each: Untold, now: datetime) -> datetime:
    """Return when to ask again: of a sent letter for the last time at its end."""
    if each.is_taken:
        return min(now + _LETTER_AGAIN, each.sent_at + _LETTER_ASKED_FOR)
    return now + min(max((now - each.sent_at) / 2, _SHORTEST_WAIT), _LONGEST_WAIT)


def _quiet_at(each: Untold, letter: tuple[str, datetime] | None) -> datetime:
    """Return when nothing will have been told of a letter for long enough; no later than when it is asked about last."""
    heard_at = each.sent_at if letter is None else max(each.sent_at, letter[1])
    return min(first_asked_at("letter", heard_at), each.sent_at + _LETTER_ASKED_FOR)


def _put_off(again_at: Mapping[str, datetime]) -> None:
    """Say when to ask (again) before asking, so that a worker that dies does not ask without end."""
    by_time: dict[datetime, list[str]] = defaultdict(list)
    for message_id, at in again_at.items():
        by_time[at].append(message_id)
    if by_time:
        with unit_of_work() as work:
            for at, ids in by_time.items():
                queries.mark_asked(work.session, ids, again_at=at)


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
