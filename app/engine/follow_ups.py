"""Looking again at what waits for a day: promises, arrangements, offers, disputes, payments that are on their way.

Each is looked at in a unit of work of its own, under its borrower's agenda row, so that any number of engines may look at
once. One whose look fails is tried again later and holds up no other.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from app.domain.caps import OVER_CAP
from app.domain.refunds import OVERPAID
from app.logs import logger
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.follow_ups import DueFollowUp, find_due, find_follow_up
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import (
    arrangement_endings,
    attachments,
    collateral_telling,
    collateral_values,
    contact_feed,
    conversation_states,
    dials,
    dispute_cases,
    hardship,
    over_cap,
    plan_offers,
    promises,
    reply_copies,
    statement_waits,
    visits,
)
from app.services.arrangements import look_at_arrangement
from app.services.contact_changes import look_at_change
from app.services.payment_intents import expire_intent
from app.services.plan_requests import look_at_request
from app.services.refunds import take_up_overpayment

BATCH = 100
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)

Handler = Callable[..., None]
"""Called as `handler(work, subject_id, now=now)`: it writes what follows, and sets the next look if there is one."""

HANDLERS: Mapping[str, Handler] = {
    arrangement_endings.FOLLOW_UP: look_at_arrangement,
    plan_offers.FOLLOW_UP: look_at_request,
    OVERPAID: take_up_overpayment,
    "payment_intent": expire_intent,
    contact_feed.FOLLOW_UP: look_at_change,
    "dispute": dispute_cases.follow,
    "hardship": hardship.follow,
    promises.FOLLOW_UP: promises.settle_promise,
    attachments.FOLLOW_UP: attachments.scan_again,
    statement_waits.FOLLOW_UP: statement_waits.look_again,
    dials.FOLLOW_UP: dials.forget_dial,
    visits.FOLLOW_UP: visits.look_again,
    conversation_states.FOLLOW_UP: conversation_states.follow,
    collateral_telling.FOLLOW_UP: collateral_telling.follow,
    collateral_values.FOLLOW_UP: collateral_values.look_at_policy,
    reply_copies.FOLLOW_UP: reply_copies.look,
    OVER_CAP: over_cap.follow,
}
"""Kind -> who looks. Whoever has one more adds a line here."""


def follow_up_due(*, now: datetime, handlers: Mapping[str, Handler] = HANDLERS) -> int:
    """Look at everything that is due at `now`; return how many looks were taken."""
    total = 0
    while True:
        with reading() as session:
            due = find_due(session, now=now, limit=BATCH)
        total += sum(_look(each, handlers, now) for each in due)
        if len(due) < BATCH:
            return total


def _look(due: DueFollowUp, handlers: Mapping[str, Handler], now: datetime) -> bool:
    try:
        with unit_of_work() as work:
            if not _is_still_due(work, due, now):
                return False
            handlers[due.kind](work, due.subject_id, now=now)
            return True
    except Exception:
        logger().exception("follow-up failed", kind=due.kind, subject_id=due.subject_id)
        _put_off(due, now)
        return False


def _is_still_due(work: Work, due: DueFollowUp, now: datetime) -> bool:
    """Take the lock and the row: a handler that sets no other look is done with it."""
    lock_agenda(work.session, [due.borrower_id])
    row = find_follow_up(work.session, due.kind, due.subject_id)
    if row is None or row.next_try_at > now:
        return False
    work.session.delete(row)
    work.session.flush()
    return True


def _put_off(due: DueFollowUp, now: datetime) -> None:
    with unit_of_work() as work:
        lock_agenda(work.session, [due.borrower_id])
        row = find_follow_up(work.session, due.kind, due.subject_id)
        if row is not None and row.next_try_at <= now:
            row.tries += 1
            row.next_try_at = now + min(_FIRST_WAIT * 2 ** min(row.tries - 1, 20), _LONGEST_WAIT)
