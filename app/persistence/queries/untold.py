"""Messages that were handed over and of which the provider has not told what became of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.domain.lanes import UNTOLD
from app.persistence.models.messages import MessageRow
from app.persistence.queries.chunks import chunks

_IS_UNTOLD = MessageRow.lane == UNTOLD


def page_untold(
    session: Session, *, since: datetime, uncertain_before: datetime, sent_before: datetime, limit: int
) -> Sequence[Any]:
    """Return (id, borrower_id, channel, state, challenge_id, created_at) of those to be asked about, longest due first.

    Uncertain ones are due when their instant is before `uncertain_before`, sent ones before `sent_before`; what was due
    before `since` is given up. That a letter was sent is all that can be told for days, so of letters the uncertain alone
    are asked about; and not the taking back of one, for which no provider keeps a record under our id.
    """
    due = or_(
        (MessageRow.next_attempt_at <= sent_before) & (MessageRow.channel != "letter"),
        (MessageRow.state == "uncertain") & (MessageRow.next_attempt_at <= uncertain_before),
    )
    statement = (
        select(
            MessageRow.id,
            MessageRow.borrower_id,
            MessageRow.channel,
            MessageRow.state,
            MessageRow.challenge_id,
            MessageRow.created_at,
        )
        .where(_IS_UNTOLD, MessageRow.next_attempt_at >= since, due, MessageRow.withdraws_id.is_(None))
        .order_by(MessageRow.next_attempt_at, MessageRow.id)
        .limit(limit)
    )
    return session.execute(statement).all()


def mark_asked(session: Session, message_ids: Collection[str], *, again_at: datetime) -> None:
    """Have these asked about again then, if they are still untold."""
    for part in chunks(sorted(message_ids)):
        session.execute(update(MessageRow).where(MessageRow.id.in_(part), _IS_UNTOLD).values(next_attempt_at=again_at))


def mark_never_told(session: Session, message_ids: Collection[str], *, longest_ago: datetime) -> None:
    """Ask no more about these; what is uncertain stays so, and says why."""
    for part in chunks(sorted(message_ids)):
        statement = update(MessageRow).where(MessageRow.id.in_(part))
        session.execute(statement.where(_IS_UNTOLD).values(next_attempt_at=longest_ago))
        session.execute(statement.where(MessageRow.state == "uncertain").values(state_reason="NO_RECEIPT"))


def count_untold(session: Session, *, since: datetime, until: datetime) -> int:
    """Return how many sent messages that are still asked about were to be told of by then; letters are not."""
    statement = select(func.count()).where(
        _IS_UNTOLD, MessageRow.state == "sent", MessageRow.next_attempt_at >= since,
        MessageRow.next_attempt_at <= until, MessageRow.channel != "letter",
    )  # fmt: skip
    return session.scalar(statement.select_from(MessageRow)) or 0


def oldest_uncertain(session: Session, *, since: datetime) -> datetime | None:
    """Return when the oldest message was made that is uncertain and still asked about."""
    statement = select(func.min(MessageRow.created_at)).where(
        _IS_UNTOLD, MessageRow.state == "uncertain", MessageRow.next_attempt_at >= since,
        MessageRow.withdraws_id.is_(None),
    )  # fmt: skip
    return session.scalar(statement)
