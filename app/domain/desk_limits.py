"""How much each role may do at the desk: alone, as the second pair of eyes, and in a year of one loan. Values of content."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from app.domain.actors import same_person
from app.domain.errors import ForbiddenError
from app.domain.money import Money
from app.domain.splits import Split

YEAR = timedelta(days=365)
"""What counts as a year of one loan: the days up to and with today, not the calendar's."""

Amounts = Mapping[str, int] | None
"""Currency -> minor units, inclusive; in one that is not named nothing. None: any amount."""

COMPONENTS = ("interest", "fees", "penalties")
"""What of a claim can be given up here, by the names of `Split`. Principal is nobody's to give up at a desk."""


@dataclass(frozen=True, slots=True)
class RoleLimits:
    """Of one kind of act. A role that is not named may do nothing."""

    alone: Mapping[str, Amounts] = field(default_factory=dict)
    approves: Mapping[str, Amounts] = field(default_factory=dict)
    """What a role may approve that somebody else asked for."""

    def may_alone(self, role: str, amount: Money) -> bool:
        """Return whether nobody else has to look at it."""
        return _covers(self.alone, role, amount)

    def check_may_approve(self, role: str, amount: Money, *, requested_by: str, by: str) -> None:
        """Refuse an approval that takes somebody else. Raises ForbiddenError."""
        if same_person(by, requested_by):
            raise ForbiddenError("You asked for it: somebody else approves it.")
        if not _covers(self.approves, role, amount):
            raise ForbiddenError(f"{amount.to_decimal()} {amount.currency} is more than your role ({role}) may approve.")


@dataclass(frozen=True, slots=True)
class DeskLimits:
    """A lender's limits of the desk."""

    payments: RoleLimits = field(default_factory=RoleLimits)
    waivers: RoleLimits = field(default_factory=RoleLimits)
    waived_in_a_year: Mapping[str, Amounts] = field(default_factory=dict)
    """What may be given up of one loan in a year, all waivers together, when a role decides."""
    components: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What of a claim a role may give up, of COMPONENTS."""

    def may_waive_alone(self, role: str, parts: Split, currency: str, *, waived_minor: int) -> bool:
        """Return whether a role may give that up by itself, after `waived_minor` of the loan in the year before."""
        return (
            self.waivers.may_alone(role, Money(parts.total, currency))
            and _covers(self.waived_in_a_year, role, Money(parts.total + waived_minor, currency))
            and named_parts(parts) <= self.components.get(role, frozenset())
        )

    def check_may_approve_waiver(
        self, role: str, parts: Split, currency: str, *, waived_minor: int, requested_by: str, by: str
    ) -> None:
        """Refuse the approval of a waiver that takes somebody else. Raises ForbiddenError."""
        self.waivers.check_may_approve(role, Money(parts.total, currency), requested_by=requested_by, by=by)
        together = Money(parts.total + waived_minor, currency)
        if not _covers(self.waived_in_a_year, role, together):
            raise ForbiddenError(
                f"With what was waived of this loan within a year it comes to {together.to_decimal()} {currency}, more than "
                f"your role ({role}) may approve."
            )
        beyond = named_parts(parts) - self.components.get(role, frozenset())
        if beyond:
            raise ForbiddenError(f"Your role ({role}) may not give up {', '.join(sorted(beyond))}.")


def named_parts(parts: Split) -> frozenset[str]:
    """Return which components a split has something of; principal among them."""
    return frozenset(name for name, minor in zip(("principal", *COMPONENTS), parts, strict=True) if minor)


def _covers(limits: Mapping[str, Amounts], role: str, amount: Money) -> bool:
    if role not in limits:
        return False
    amounts = limits[role]
    return amounts is None or amount.minor <= amounts.get(amount.currency, -1)
