"""Who may do what at the desk: every act by name, with the roles that may. docs/permissions.md is written from it."""

from dataclasses import dataclass
from typing import Final

from app.domain.errors import ForbiddenError

AGENT, SUPERVISOR, COMPLIANCE, ADMIN = "agent", "supervisor", "compliance", "admin"
ROLES: Final = (AGENT, SUPERVISOR, COMPLIANCE, ADMIN)
EVERYONE: Final = frozenset(ROLES)
SENIOR: Final = frozenset({SUPERVISOR, COMPLIANCE, ADMIN})


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that may be done. `roles`: who may."""

    name: str
    about: str
    roles: frozenset[str]


_TABLE = (
    # -- borrowers
    Permission("borrowers.search", "find borrowers by phone, e-mail, name, number or reference", EVERYONE),
    Permission("borrowers.open", "open a borrower's page; each opening is written down with its reason", EVERYONE),
    Permission("borrowers.unmask", "see a whole phone number, e-mail or address instead of a masked one", SENIOR),
    Permission("borrowers.acts", "what agents do for borrowers every day: notes, holds, calls, promises, plans", EVERYONE),
    # -- acts about money and contact data
    Permission("payments.record", "record a payment at the desk, within the limits of content/desk/limits.yaml", EVERYONE),
    Permission("payments.approve", "approve or decline a payment above somebody's limit", SENIOR),
    Permission("payments.reverse", "take back a payment that the desk booked by mistake", frozenset({SUPERVISOR, ADMIN})),
    Permission("waivers.grant", "give up fees, penalties and interest within the limits, or ask for it", EVERYONE),
    Permission("waivers.approve", "approve or decline a waiver that somebody else asked for", SENIOR),
    Permission("plans.offer", "ask for another plan on a borrower's behalf; only the borrower accepts it", EVERYONE),
    Permission("plans.decide", "approve or decline requests for another plan", SENIOR),
    Permission("contacts.change", "propose another phone, e-mail or address, have it proved by a code, cancel it", EVERYONE),
    Permission("contacts.confirm", "confirm a change of contact data on documents", frozenset({SUPERVISOR, COMPLIANCE})),
    Permission("sessions.end", "see and end a borrower's sessions", EVERYONE),
    Permission("approvals.read", "see what waits for a second person", SENIOR),
    # -- the lender's operations
    Permission("audit.read", "read the audit trail", frozenset({COMPLIANCE, ADMIN})),
    Permission("staff.manage", "invite staff, change roles, disable accounts", frozenset({ADMIN})),
    Permission("operations.read", "see queues, providers, spend, uncertain messages", SENIOR),
)
PERMISSIONS: Final = {each.name: each for each in _TABLE}


def check_may(role: str, permission: str) -> None:
    """Refuse what a role may not do, also where no route has asked. Raises ForbiddenError."""
    if not may(role, permission):
        raise ForbiddenError(f"Your role is {role}, which may not do this: {PERMISSIONS[permission].about}.")


def may(role: str, permission: str) -> bool:
    """Return whether a role may do that. Raises KeyError for what no table names."""
    return role in PERMISSIONS[permission].roles
