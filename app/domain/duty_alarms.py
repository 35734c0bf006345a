"""Alarms of duties: some days before the last day in time, and once it is over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from app.domain.duties import Duty
from app.domain.errors import ValidationError

MOST_DAYS = 45
"""No further ahead than duties are made tasks."""


@dataclass(frozen=True, slots=True)
class AlarmRules:
    """How many days ahead to alarm, by rule of law; `default` for those not named."""

    default: int
    by_rule: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for days in (self.default, *self.by_rule.values()):
            if type(days) is not int or not 0 <= days <= MOST_DAYS:
                raise ValidationError(f"Days ahead of an alarm are a whole number from 0 to {MOST_DAYS}, not {days!r}.")

    def days_for(self, rule: str) -> int:
        """Return how many days ahead."""
        return self.by_rule.get(rule, self.default)

    def begins_on(self, duty: Duty) -> date | None:
        """Return the first day of the alarm; None: the duty has no day, is missed, or alarms only then."""
        days = self.days_for(duty.rule)
        if duty.due_on is None or duty.breach or not days:
            return None
        return duty.due_on - timedelta(days=days)

    def is_near(self, duty: Duty, today: date, now: datetime) -> bool:
        """Return whether it is to be told of before its last day."""
        if duty.due_at is not None and not duty.breach and self.days_for(duty.rule):
            return duty.due_at - now <= timedelta(days=self.days_for(duty.rule))
        begins = self.begins_on(duty)
        return begins is not None and begins <= today
