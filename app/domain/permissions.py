"""Who may do what at the desk: every act by name, with the roles that may. docs/permissions.md is written from it."""

from dataclasses import dataclass
from typing import Final

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
    # -- the lender's operations
    Permission("audit.read", "read the audit trail", frozenset({COMPLIANCE, ADMIN})),
    Permission("staff.manage", "invite staff, change roles, disable accounts", frozenset({ADMIN})),
    Permission("operations.read", "see queues, providers, spend, uncertain messages", SENIOR),
    Permission("channels.stop", "stop, resume and limit a channel, for every lender here", frozenset({COMPLIANCE, ADMIN})),
    Permission("messages.settle", "say of an uncertain message whether it arrived", SENIOR),
    Permission("webhooks.read", "see deliveries to the lender's own systems", SENIOR),
    Permission("webhooks.replay", "have an event told again", frozenset({COMPLIANCE, ADMIN})),
    Permission("mismatches.read", "see where the core and the book differ", SENIOR),
)
PERMISSIONS: Final = {each.name: each for each in _TABLE}


def may(role: str, permission: str) -> bool:
    """Return whether a role may do that. Raises KeyError for what no table names."""
    return role in PERMISSIONS[permission].roles
