"""Messages that were handed over and of which the provider has not told what became of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.domain.lanes import ASKABLE_CHANNELS, UNCERTAIN, UNTOLD
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.queries.chunks import chunks

_IS_SENT = MessageRow.lane == UNTOLD
_IS_UNCERTAIN = MessageRow.lane == UNCERTAIN
_IS_UNTOLD = MessageRow.lane.in_((UNTOLD, UNCERTAIN))
_IS_SENT_LETTER = (MessageRow.state == "sent") & (MessageRow.channel == "letter")
_PAGE = (
    select(
        MessageRow.id,
        MessageRow.borrower_id,
        MessageRow.channel,
        MessageRow.state,
        MessageRow.challenge_id,
        MessageRow.created_at,
        MessageRow.next_attempt_at,
    )
    .where(MessageRow.withdraws_id.is_(None))
    .order_by(MessageRow.next_attempt_at, MessageRow.id)
)


def page_untold(
    session: Session, *, since: datetime, uncertain_before: datetime, sent_before: datetime, limit: int
) -> Sequence[Any]:
    """Return columns of the messages to be asked about (`_PAGE`), longest due first.

    Uncertain ones are due when their instant is before `uncertain_before`, sent ones before `sent_before`; what was due
    before `since` is given up. Not letters that were sent (`page_quiet_letters`), and not the taking back of one, for which
    no provider keeps a record under our id.
    """
    sent = _PAGE.where(_IS_SENT, MessageRow.next_attempt_at.between(since, sent_before), MessageRow.channel != "letter")
    uncertain = _PAGE.where(
        _IS_UNCERTAIN,
        MessageRow.next_attempt_at.between(since, uncertain_before),
        MessageRow.channel.in_(ASKABLE_CHANNELS),
    )
    found = [row for page in (sent, uncertain) for row in session.execute(page.limit(limit))]
    return sorted(found, key=lambda row: (row.next_attempt_at, row.id))[:limit]


def page_quiet_letters(session: Session, *, since: datetime, until: datetime, limit: int) -> Sequence[Any]:
    """Return the same of letters that were sent and whose instant lies between the two, longest due first."""
    are_due = MessageRow.next_attempt_at.between(since, until)
    return session.execute(_PAGE.where(_IS_SENT, _IS_SENT_LETTER, are_due).limit(limit)).all()


def find_letters_told(session: Session, message_ids: Collection[str]) -> dict[str, tuple[str, datetime]]:
    """Return message id -> the state its letter is in and since when; none for a letter that has no document of ours."""
    found: dict[str, tuple[str, datetime]] = {}
    for part in chunks(sorted(message_ids)):
        statement = select(LetterRow.message_id, LetterRow.state, LetterRow.changed_at).where(LetterRow.message_id.in_(part))
        found |= {row.message_id: (row.state, row.changed_at) for row in session.execute(statement)}
    return found


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
        _IS_SENT, MessageRow.state == "sent", MessageRow.next_attempt_at >= since,
        MessageRow.next_attempt_at <= until, MessageRow.channel != "letter",
    )  # fmt: skip
    return session.scalar(statement.select_from(MessageRow)) or 0


def oldest_uncertain(session: Session, *, since: datetime) -> datetime | None:
    """Return when the oldest message was made that is uncertain and still asked about."""
    statement = select(func.min(MessageRow.created_at)).where(
        _IS_UNCERTAIN, MessageRow.state == "uncertain", MessageRow.channel.in_(ASKABLE_CHANNELS),
        MessageRow.next_attempt_at >= since,
        MessageRow.withdraws_id.is_(None),
    )  # fmt: skip
    return session.scalar(statement)
