"""When something is due, and what time the book has, in one statement: asked many times a second while a clock is moved."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.models.running import ClockRow

_WAITING = MessageRow.state.in_(("queued", "sending"))
_MOMENTS = select(
    select(ClockRow.frozen_at).limit(1).scalar_subquery(),
    select(func.min(AgendaRow.wake_at)).scalar_subquery(),
    select(func.min(MessageRow.next_attempt_at)).where(_WAITING).scalar_subquery(),
    exists().where(_WAITING, MessageRow.state == "sending"),
)


class Moments(NamedTuple):
    """Where a book's clock stands, and the next instants at which it has something to do."""

    frozen_at: datetime | None
    wake_at: datetime | None
    attempt_at: datetime | None
    is_sending: bool

    @property
    def following(self) -> datetime | None:
        """The next instant at which a borrower is to be looked at or a message to be handed over."""
        return min((at for at in (self.wake_at, self.attempt_at) if at is not None), default=None)

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to do at `now`."""
        return self.following is not None and self.following <= now


def find_moments(session: Session) -> Moments:
    """Return the moments of the book."""
    frozen_at, wake_at, attempt_at, is_sending = session.execute(_MOMENTS).one()
    return Moments(frozen_at, wake_at, attempt_at, bool(is_sending))
