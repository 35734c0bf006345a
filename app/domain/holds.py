"""Holds: states of a borrower or a loan that stop or limit contact, each with from, until, by whom, and a reason code."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.domain.reasons import Reason

HOLD_REASONS: dict[str, Reason] = {
    "deceased": Reason.DECEASED,
    "insolvent": Reason.INSOLVENT,
    "represented": Reason.REPRESENTED,
    "cease_contact": Reason.NO_CONTACT_REQUEST,
    "identity_theft": Reason.HOLD_IDENTITY_THEFT,
    "breathing_space": Reason.HOLD_BREATHING_SPACE,
    "mental_health_crisis": Reason.HOLD_BREATHING_SPACE,
    "litigation": Reason.HOLD_LEGAL,
    "dispute": Reason.HOLD_DISPUTE,
    "debt_adviser": Reason.HOLD_DEBT_ADVISER,
    "hardship": Reason.HOLD_HARDSHIP,
    "vulnerable": Reason.HOLD_VULNERABLE,
    "plan_pending": Reason.HOLD_PLAN_PENDING,
    "plan_agreed": Reason.HOLD_PLAN_AGREED,
    "promise_to_pay": Reason.HOLD_PROMISE_TO_PAY,
    "refuses_time_barred": Reason.HOLD_LEGAL,
    "payment_in_flight": Reason.PAYMENT_IN_FLIGHT,
    "staff_excluded": Reason.STAFF_EXCLUDED,
}
"""Kind of hold -> the reason it gives; of several the first in this order is named. Source: reminders study §4.4."""

ALWAYS_STOP = frozenset(
    {
        "deceased", "insolvent", "represented", "cease_contact", "identity_theft", "breathing_space", "mental_health_crisis",
        "litigation", "dispute", "hardship", "payment_in_flight", "staff_excluded",
    }
)  # fmt: skip
"""Kinds that stop reminders whatever a policy says; the others stop where its `stop_on` names them."""

STOPS_STATUTORY = frozenset(
    {"deceased", "represented", "insolvent", "identity_theft", "payment_in_flight", "staff_excluded"}
)  # fmt: skip
"""Kinds that stop a notice which a law demands; it is exempt from the other holds, and law may say more."""

LAW_KINDS = frozenset(
    {
        "represented", "cease_contact", "plan_agreed", "plan_pending", "debt_adviser", "breathing_space",
        "mental_health_crisis", "refuses_time_barred", "vulnerable", "hardship", "promise_to_pay", "deceased", "insolvent",
        "litigation", "identity_theft",
    }
)  # fmt: skip
"""Kinds that the law packs know under the same name; a dispute is a fact of its own there."""

BREATHING_SPACE_DAYS = 60
"""A standard moratorium ends on the 60th day. Source: SI 2020/1311, reg. 26(2)."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold, known since `recorded_at`. `loan_id` None: all loans of the borrower. `until_at`: exclusive; None: open."""

    kind: str
    from_at: datetime
    until_at: datetime | None
    recorded_at: datetime
    loan_id: str | None = None
    form: str | None = None
    by: str = ""
    released_at: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """Return whether it holds at `now`, as known then."""
        if self.recorded_at > now or self.from_at > now:
            return False
        if self.released_at is not None and self.released_at <= now:
            return False
        return self.until_at is None or now < self.until_at


def standing_reason(
    holds: Iterable[Hold], loan_id: str, now: datetime, stops: frozenset[str] = ALWAYS_STOP
) -> tuple[Reason, Hold] | None:
    """Return the reason and the hold that stops reminders about a loan at `now`, or None. `stops`: the kinds that do."""
    standing = {
        hold.kind: hold
        for hold in holds
        if (hold.loan_id is None or hold.loan_id == loan_id) and hold.kind in stops and hold.stands(now)
    }
    return next(((reason, standing[kind]) for kind, reason in HOLD_REASONS.items() if kind in standing), None)
