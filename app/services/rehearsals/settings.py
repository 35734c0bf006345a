"""What a rehearsal is asked for."""

from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from app.domain.errors import ValidationError
from app.domain.times import local_instant, zone_named

PAYMENTS = ("none", "scheduled", "history")
DELIVERIES = ("unseen", "seen")
MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class RehearsalSettings:
    """Everything that a result depends on besides the book: the same settings over the same book give the same digest."""

    policy: dict[str, Any] | str
    """A document, or KEY@VERSION, or `active`."""
    starts_on: date
    days: int
    zone: str = "UTC"
    """Whose days `starts_on` and the end are."""
    against: str | None = None
    """KEY@VERSION or `active`: what the contacts are held against."""
    payments: str = "none"
    delivery: str = "unseen"
    devices_percent: int = 0
    seed: int = 0
    lender: str | None = None
    """Code: only borrowers with a loan of this lender, and of what is decided only what is about its loans."""
    channels: tuple[str, ...] | None = None
    """Outward channels to do as if there were; None: those there are."""
    forgets_contacts: bool = False
    """Do as a replay does: what was really sent before is not known."""

    def __post_init__(self) -> None:
        zone_named(self.zone)
        if not 1 <= self.days <= MOST_DAYS:
            raise ValidationError(f"A rehearsal takes 1 to {MOST_DAYS} days, not {self.days}.")
        if self.payments not in PAYMENTS or self.delivery not in DELIVERIES:
            raise ValidationError(f"Payments are one of {', '.join(PAYMENTS)}, delivery one of {', '.join(DELIVERIES)}.")

    @property
    def ends_at(self) -> datetime:
        """The first instant that is no longer part of it."""
        return local_instant(self.starts_on + timedelta(days=self.days), time(0), self.zone)

    def starts_at(self, now: datetime) -> datetime:
        """Return the first instant: midnight; of today, the present one."""
        midnight = local_instant(self.starts_on, time(0), self.zone)
        following = local_instant(self.starts_on + timedelta(days=1), time(0), self.zone)
        return now if midnight <= now < following and not self.forgets_contacts else midnight

    def remembers(self, now: datetime) -> bool:
        """Return whether what was really sent and decided counts: in a rehearsal that begins now or later."""
        return not self.forgets_contacts and self.starts_at(now) >= now

    def as_json(self) -> dict[str, Any]:
        """Return plain values, from which `of_json` makes the settings again."""
        values = asdict(self)
        return {**values, "starts_on": self.starts_on.isoformat(), "channels": self.channels and list(self.channels)}

    @classmethod
    def of_json(cls, values: dict[str, Any]) -> "RehearsalSettings":
        """Return the settings that `as_json` wrote."""
        channels = values.get("channels")
        return cls(
            **{
                **values,
                "starts_on": date.fromisoformat(values["starts_on"]),
                "channels": None if channels is None else tuple(channels),
            }
        )
