"""When something is due, and what time the book has, in one statement: asked many times a second while a clock is moved."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import exists, func, select, union_all
from sqlalchemy.orm import Session

from app.domain.lanes import LANES, SECURITY
from app.domain.times import EPOCH
from app.persistence.models.escalations import EscalationPolicyRow
from app.persistence.models.follow_ups import FollowUpRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, RulesStateRow
from app.persistence.models.running import ClockRow
from app.persistence.models.webhooks import WebhookDeliveryRow

_IS_STALE = MessageRow.state == "stale"
_EARLIEST = {
    lane: select(func.min(MessageRow.next_attempt_at).label("at")).where(MessageRow.lane == lane, ~_IS_STALE)
    for lane in LANES
}
_HAS_ESCALATIONS = exists().where(EscalationPolicyRow.status == "active")
"""Without a policy in force nobody looks at escalations, and what is due of them stays so."""
_EARLIEST_ORDINARY = union_all(*(each for lane, each in _EARLIEST.items() if lane != SECURITY)).subquery()
_MOMENTS = select(
    select(ClockRow.frozen_at).limit(1).scalar_subquery(),
    select(func.min(AgendaRow.wake_at)).scalar_subquery(),
    _EARLIEST[SECURITY].scalar_subquery(),
    select(func.min(_EARLIEST_ORDINARY.c.at)).scalar_subquery(),
    select(func.min(FollowUpRow.next_try_at)).scalar_subquery(),
    select(func.min(WebhookDeliveryRow.next_attempt_at)).where(WebhookDeliveryRow.state == "pending").scalar_subquery(),
    select(func.min(AgendaRow.escalations_at)).where(_HAS_ESCALATIONS).scalar_subquery(),
    exists().where(AgendaRow.rules_epoch < select(RulesStateRow.rules_epoch).limit(1).scalar_subquery()),
    exists().where(MessageRow.lane.in_(LANES), MessageRow.state == "sending"),
)


class Moments(NamedTuple):
    """Where a book's clock stands, and the next instants at which it has something to do."""

    frozen_at: datetime | None
    wake_at: datetime | None
    code_at: datetime | None
    attempt_at: datetime | None
    follow_up_at: datetime | None
    webhook_at: datetime | None
    escalation_at: datetime | None
    has_outdated: bool
    """Someone was last decided under older rules."""
    is_sending: bool

    @property
    def following(self) -> datetime | None:
        """The next instant at which a case, an agreement, an escalation, a message or a webhook is due; EPOCH: at once."""
        if self.has_outdated:
            return EPOCH
        instants = (self.wake_at, self.code_at, self.attempt_at, self.follow_up_at, self.webhook_at, self.escalation_at)
        return min((at for at in instants if at is not None), default=None)

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to do at `now`."""
        return self.following is not None and self.following <= now


def find_moments(session: Session) -> Moments:
    """Return the moments of the book."""
    found = Moments._make(session.execute(_MOMENTS).one())
    return found._replace(has_outdated=bool(found.has_outdated), is_sending=bool(found.is_sending))
