"""Outcomes and reason codes of decisions: one table, stable codes, words at the edge.

Each reason has an owner, the one who can change it: debt (the money), borrower, policy, law, time, channel, operator.
Source of the catalogue: reminders study §4.4; codes join when a rule can produce them.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a candidate contact."""

    SENT = "SENT"
    DEFERRED = "DEFERRED"
    CONSOLIDATED = "CONSOLIDATED"
    SUPPRESSED = "SUPPRESSED"
    UNREACHABLE = "UNREACHABLE"
    EXPIRED = "EXPIRED"


class Reason(StrEnum):
    """Why."""

    ON_SCHEDULE = "ON_SCHEDULE"
    CONSOLIDATED_INTO = "CONSOLIDATED_INTO"
    PAID = "PAID"
    LOAN_CLOSED = "LOAN_CLOSED"
    WRITTEN_OFF = "WRITTEN_OFF"
    REANCHORED = "REANCHORED"
    CORE_SAYS_PAID = "CORE_SAYS_PAID"
    PLAN_ESTIMATED = "PLAN_ESTIMATED"
    DECEASED = "DECEASED"
    INSOLVENT = "INSOLVENT"
    REPRESENTED = "REPRESENTED"
    NO_CONTACT_REQUEST = "NO_CONTACT_REQUEST"
    MINOR_OR_UNVERIFIED = "MINOR_OR_UNVERIFIED"
    STEP_SUPERSEDED = "STEP_SUPERSEDED"
    CAP_PERSON = "CAP_PERSON"
    QUIET_HOURS = "QUIET_HOURS"
    EXPIRED_WINDOW = "EXPIRED_WINDOW"
    NO_ENDPOINT = "NO_ENDPOINT"
    ENDPOINT_INVALID = "ENDPOINT_INVALID"
    PUSH_PERMISSION_OFF = "PUSH_PERMISSION_OFF"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    RULES_CHANGED = "RULES_CHANGED"


OWNERS: dict[Reason, str] = {
    Reason.ON_SCHEDULE: "policy",
    Reason.CONSOLIDATED_INTO: "policy",
    Reason.PAID: "debt",
    Reason.LOAN_CLOSED: "debt",
    Reason.WRITTEN_OFF: "debt",
    Reason.REANCHORED: "debt",
    Reason.CORE_SAYS_PAID: "debt",
    Reason.PLAN_ESTIMATED: "debt",
    Reason.DECEASED: "law",
    Reason.INSOLVENT: "law",
    Reason.REPRESENTED: "law",
    Reason.NO_CONTACT_REQUEST: "borrower",
    Reason.MINOR_OR_UNVERIFIED: "law",
    Reason.STEP_SUPERSEDED: "policy",
    Reason.CAP_PERSON: "policy",
    Reason.QUIET_HOURS: "time",
    Reason.EXPIRED_WINDOW: "time",
    Reason.NO_ENDPOINT: "channel",
    Reason.ENDPOINT_INVALID: "channel",
    Reason.PUSH_PERMISSION_OFF: "borrower",
    Reason.CONSENT_WITHDRAWN: "borrower",
    Reason.RULES_CHANGED: "operator",
}

PERSON_FLAGS: dict[str, Reason] = {
    "deceased": Reason.DECEASED,
    "insolvent": Reason.INSOLVENT,
    "represented": Reason.REPRESENTED,
    "no_contact": Reason.NO_CONTACT_REQUEST,
    "minor_or_unverified": Reason.MINOR_OR_UNVERIFIED,
}
"""A borrower's restriction flag -> the reason that stops reminders, the first in this order."""

DELIVERY_REASONS: dict[str, str] = {
    "EXPIRED_WINDOW": "time",
    "NO_ENDPOINT": "channel",
    "ENDPOINT_INVALID": "channel",
    "PROVIDER_REJECTED": "channel",
    "PROVIDER_DOWN": "channel",
    "PROVIDER_RATE_LIMITED": "channel",
    "CHANNEL_DISABLED": "operator",
    "RENDER_ERROR": "operator",
    "NO_RECEIPT": "channel",
    "STALE_FACTS": "debt",
    **{reason.value: owner for reason, owner in OWNERS.items()},
}
"""Reasons that a message can carry: what dispatch may meet, and why a decision took it back."""
