"""What changes an inbox: a borrower's marks, a snooze that is over, messages taken back, replies.

Everything takes the borrower's agenda row first and raises its inbox state in the same transaction (see the queries).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import NotFoundError, StateTooOldError, refused_at
from app.domain.inbox import (
    LONGEST_SNOOZE,
    Engagement,
    Mark,
    actions_of,
    category_of,
    is_known,
    marked,
    next_line,
)
from app.persistence.queries import inbox as reads
from app.persistence.queries import inbox_marks as queries
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import agenda
from app.services.inbox import InboxCounts, InboxItem, counts_of, open_items

_AXES = ("seen_at", "read_at", "archived_at", "snoozed_until", "clicked_at", "replied_at")


@dataclass(frozen=True, slots=True)
class Marked:
    """A message after a mark, with the state and the counts then."""

    item: InboxItem
    state: int
    counts: InboxCounts


@dataclass(frozen=True, slots=True)
class ManyMarked:
    """Which messages a mark has changed, and which of those asked for are not in the inbox (any more)."""

    changed: Sequence[str]
    missing: Sequence[str]
    state: int
    counts: InboxCounts


def mark(
    borrower_id: str, message_id: str, how: Mark, *, now: datetime, until: datetime | None = None, action: str | None = None
) -> Marked:
    """Mark a message; the same again changes nothing. `until`: of a snooze; `action`: of a click, the one that was chosen.

    Raises NotFoundError, also for another borrower's message and for an action that is not offered with it;
    ValidationError for a snooze that ends too early or too late.
    """
    if until is not None and not now < until <= now + LONGEST_SNOOZE:
        raise refused_at("/until", f"It must lie ahead, by at most {LONGEST_SNOOZE.days} days.")
    with unit_of_work() as work:
        return mark_in(work, borrower_id, message_id, how, now=now, until=until, action=action)


def mark_in(
    work: Work,
    borrower_id: str,
    message_id: str,
    how: Mark,
    *,
    now: datetime,
    until: datetime | None = None,
    action: str | None = None,
) -> Marked:
    """Do as `mark` in the caller's unit of work."""
    session = work.session
    state = queries.lock_states(session, [borrower_id])[borrower_id]
    row = queries.find_message(session, borrower_id, message_id, now=now)
    if row is not None and row.is_due:
        catch_up_in(work, borrower_id, state=state, now=now)
        row = queries.find_message(session, borrower_id, message_id, now=now)
    if row is None:
        raise NotFoundError("There is no such message.")
    offered = actions_of(category_of(row.template, row.message_class), is_settled=False)
    if action is not None and action not in offered:
        raise NotFoundError("There is no such action.")
    had = Engagement(*(getattr(row, axis) for axis in _AXES))
    has = marked(had, how, now=now, until=until)
    if has != had:
        if has.seen_at != had.seen_at and queries.exists_waiting_beside(
            session, borrower_id, "seen", ids=[message_id], come_by=None
        ):
            agenda.touch(work, [borrower_id], now=now)  # what follows only an unseen message is looked at again
        changes = {axis: getattr(has, axis) for axis in _AXES if getattr(has, axis) != getattr(had, axis)}
        row = queries.mark_message(session, message_id, state=state + 1, **changes)
        queries.set_states(session, {borrower_id: state + 1})
    head = _head(work, borrower_id, now=now)
    return Marked(open_items(session, borrower_id, [row])[0], head.state, counts_of(head))


def mark_many(borrower_id: str, how: Mark, *, ids: Sequence[str] | None, come_by: int | None, now: datetime) -> ManyMarked:
    """Mark (seen, read, archive) these messages, or all in the list that had come by a state, that state included.

    What came after it stays as it is. Raises StateTooOldError for a state this inbox cannot have been in.
    """
    with unit_of_work() as work:
        session = work.session
        state = queries.lock_states(session, [borrower_id])[borrower_id]
        if come_by is not None and not is_known(come_by, state):
            raise StateTooOldError("That state is not known; load the inbox anew.")
        state = catch_up_in(work, borrower_id, state=state, now=now)
        chosen = {"ids": ids, "come_by": come_by}
        missing: list[str] = []
        if ids is not None:
            found = queries.find_ids(session, borrower_id, ids)
            missing = [each for each in dict.fromkeys(ids) if each not in found]
        if how != "archive" and queries.exists_waiting_beside(session, borrower_id, how, **chosen):  # type: ignore[arg-type]
            agenda.touch(work, [borrower_id], now=now)
        changed = queries.mark_messages(session, borrower_id, how, ids=ids, come_by=come_by, state=state + 1, now=now)
        if changed:
            queries.set_states(session, {borrower_id: state + 1})
        head = _head(work, borrower_id, now=now)
        return ManyMarked(sorted(changed), missing, head.state, counts_of(head))


def catch_up(borrower_id: str, *, now: datetime) -> None:
    """Write down what the clock has brought: messages whose time has come, and snoozes that are over."""
    with unit_of_work() as work:
        state = queries.lock_states(work.session, [borrower_id])[borrower_id]
        catch_up_in(work, borrower_id, state=state, now=now)


def catch_up_in(work: Work, borrower_id: str, *, state: int, now: datetime) -> int:
    """Do as `catch_up` for a locked borrower in `state`; return the state then."""
    if not queries.catch_up(work.session, borrower_id, state=state + 1, now=now):
        return state
    queries.set_states(work.session, {borrower_id: state + 1})
    return state + 1


def withdraw_messages(work: Work, ids: Collection[str], *, now: datetime) -> list[str]:
    """Take messages out of their inboxes for good; ids that are in none are passed over. Returns those that went.

    Devices are told by `destroyed`. The rows stay: they are the record of what was said.
    """
    owners = queries.find_owners(work.session, ids)
    states = queries.lock_states(work.session, owners.values())
    gone: list[str] = []
    for borrower_id, state in sorted(states.items()):
        mine = [message_id for message_id, owner in owners.items() if owner == borrower_id]
        went = queries.withdraw_messages(work.session, borrower_id, mine, state=state + 1, now=now)
        if went:
            queries.set_states(work.session, {borrower_id: state + 1})
            gone += went
    return gone


def mark_replied(work: Work, borrower_id: str, message_id: str, *, at: datetime, now: datetime) -> None:
    """Record the first reply to a message, given at `at` on whatever channel; one that is in no inbox is passed over."""
    session = work.session
    state = queries.lock_states(session, [borrower_id])[borrower_id]
    row = queries.find_message(session, borrower_id, message_id, now=now)
    if row is None or row.replied_at is not None:
        return
    if row.is_due:
        state = catch_up_in(work, borrower_id, state=state, now=now)
    queries.mark_message(session, message_id, state=state + 1, replied_at=at)
    queries.set_states(session, {borrower_id: state + 1})


def next_states(work: Work, borrower_ids: Collection[str]) -> dict[str, int]:
    """Raise the inbox states of these borrowers and return them, for a writer of new messages.

    A row of channel `in_app` is written with that number as both its `inbox_created` and its `inbox_state`.
    """
    states = {key: state + 1 for key, state in queries.lock_states(work.session, borrower_ids).items()}
    queries.set_states(work.session, states)
    return states


def begin_lines(*, now: datetime) -> int:
    """Have every device load its inbox anew: after a restore, which has lost changes that devices know of.

    Returns how many inboxes there are.
    """
    with unit_of_work() as work:
        return queries.begin_lines(work.session, at_least=next_line(0, now))


def _head(work: Work, borrower_id: str, *, now: datetime) -> reads.Head:
    """Count in this transaction, after writing down what the clock has brought meanwhile."""
    connection = work.session.connection()
    head = reads.count_inbox(connection, borrower_id, now=now)
    if head.due:
        catch_up_in(work, borrower_id, state=head.state, now=now)
        head = reads.count_inbox(connection, borrower_id, now=now)
    return head
