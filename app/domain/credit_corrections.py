"""Corrections and deletions of what was furnished: why there are any, what differs, and how each format says it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.domain.credit_accounts import CreditAccount, facts_of
from app.domain.credit_bureaus import METRO2
from app.domain.errors import ConflictError

CORRECTION, DELETION = "correction", "deletion"
PROPOSED, APPROVED, DECLINED, FILED = "proposed", "approved", "declined", "filed"
MOVES: Mapping[str, frozenset[str]] = {
    PROPOSED: frozenset({APPROVED, DECLINED}),
    APPROVED: frozenset({FILED, DECLINED}),
    DECLINED: frozenset(),
    FILED: frozenset(),
}
"""State -> where it may go. A person declines what waits alone; what was approved is let go of when it is overtaken."""
LATE_BOOKING, DISPUTE_UPHELD, NOT_THEIRS, IDENTITY_THEFT, RETENTION_OVER, TOLD_WRONG, DISPUTED = (
    "late_booking", "dispute_upheld", "not_theirs", "identity_theft", "retention_over", "told_wrong", "disputed",
)  # fmt: skip
REASONS = (LATE_BOOKING, DISPUTE_UPHELD, NOT_THEIRS, IDENTITY_THEFT, RETENTION_OVER, TOLD_WRONG, DISPUTED)
"""late_booking: a payment or a reversal became known later than its day; not_theirs: the debt is another person's;
told_wrong: staff found it; disputed: it is, or no longer is, and the bureau has another word."""
DELETION_REASONS = frozenset({NOT_THEIRS, IDENTITY_THEFT, RETENTION_OVER, TOLD_WRONG})
OF_GROUND: Mapping[str, str] = {"not_mine": NOT_THEIRS, "identity_theft": IDENTITY_THEFT}
"""Ground of a dispute that was upheld -> why the report is taken out."""

COMPARED = (
    "standing", "was", "days_past_due", "balance_minor", "principal_balance_minor", "overdue_minor", "past_due_minor",
    "overdue_principal", "terms_overdue", "terms_left", "due_minor", "scheduled_minor", "paid_minor", "last_paid_on",
    "first_delinquent_on", "closed_on", "lost_on", "charge_off_minor", "written_off_minor", "five_grade", "history",
    "month_codes",
)  # fmt: skip
"""Facts of an account that a correction is made for."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long something against a person may be told of: until the end of which day, on which words.

    `evidence`: how well they were read (primary, ..., recalled; house: ours).
    """

    until_on: date
    counted_from: date
    source: str
    evidence: str
    rule: str | None = None


def check_move(state: str, to: str) -> None:
    """Refuse a step that a correction cannot take. Raises ConflictError."""
    if to not in MOVES[state]:
        raise ConflictError(f"It is {state}; it cannot become {to}.")


def differences(old: Mapping[str, Any], new: CreditAccount) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (old, new) values of what differs between what was furnished and what is known now; empty: nothing does."""
    now = facts_of(new)
    names = [name for name in COMPARED if old.get(name) != now[name]]
    return {name: old.get(name) for name in names}, {name: now[name] for name in names}


def with_corrections(account: Mapping[str, Any], decided: Iterable[Any]) -> dict[str, Any]:
    """Return the facts that a bureau has: as furnished, with the corrections (`state`, `new`) that it was told since."""
    found = dict(account)
    for each in decided:
        if each.state == FILED:
            found |= each.new
    return found


def mark_told(account: Mapping[str, Any]) -> str:
    """Return the mark of a dispute that stands at a bureau which has these facts; empty: none does."""
    code: str = account.get("condition_code", "")
    standing: str = account.get("condition_standing", "")
    return "" if code == "XR" else code or standing


def code_of(kind: str, reason: str, form: str, status: str) -> str:
    """Return how the format says it: DA or DF (deleted for fraud), record 214, else the status that holds."""
    if kind != DELETION:
        return status
    if form != METRO2:
        return "214"
    return "DF" if reason == IDENTITY_THEFT else "DA"
