"""When something is due, and what time the book has, in one statement: asked many times a second while a clock is moved."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from app.domain.times import EPOCH
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, RulesStateRow
from app.persistence.models.running import ClockRow
from app.persistence.queries.outbox import ORDINARY_LANE, SECURITY_LANE

_IS_STALE = MessageRow.state == "stale"
_MOMENTS = select(
    select(ClockRow.frozen_at).limit(1).scalar_subquery(),
    select(func.min(AgendaRow.wake_at)).scalar_subquery(),
    select(func.min(MessageRow.next_attempt_at)).where(SECURITY_LANE, ~_IS_STALE).scalar_subquery(),
    select(func.min(MessageRow.next_attempt_at)).where(ORDINARY_LANE, ~_IS_STALE).scalar_subquery(),
    exists().where(AgendaRow.rules_epoch < select(RulesStateRow.rules_epoch).limit(1).scalar_subquery()),
    or_(*(exists().where(lane, MessageRow.state == "sending") for lane in (SECURITY_LANE, ORDINARY_LANE))),
)


class Moments(NamedTuple):
    """Where a book's clock stands, and the next instants at which it has something to do."""

    frozen_at: datetime | None
    wake_at: datetime | None
    code_at: datetime | None
    attempt_at: datetime | None
    has_outdated: bool
    """Someone was last decided under older rules."""
    is_sending: bool

    @property
    def following(self) -> datetime | None:
        """The next instant at which a borrower is to be looked at or a message to be handed over; long past: at once."""
        if self.has_outdated:
            return EPOCH
        return min((at for at in (self.wake_at, self.code_at, self.attempt_at) if at is not None), default=None)

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to do at `now`."""
        return self.following is not None and self.following <= now


def find_moments(session: Session) -> Moments:
    """Return the moments of the book."""
    frozen_at, wake_at, code_at, attempt_at, has_outdated, is_sending = session.execute(_MOMENTS).one()
    return Moments(frozen_at, wake_at, code_at, attempt_at, bool(has_outdated), bool(is_sending))
