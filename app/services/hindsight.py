"""The book as it was known at an instant: what of today's rows stood then, and how loans stood.

A replay and a rehearsal both look back; that they see the same is decided here and nowhere else.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def is_known(row: Mapping[str, Any], at: datetime) -> bool:
    """Return whether a fact with its `recorded_at` was known at `at`."""
    return bool(row["recorded_at"] <= at)


def watched_from(recorded_at: datetime, starts_at: datetime) -> datetime:
    """Return since when the steps of a plan count, for who looks from `starts_at` on."""
    return max(starts_at, recorded_at)


def loan_then(row: Mapping[str, Any], starts_at: datetime, *, paid_by_now: bool) -> dict[str, Any]:
    """Return how a loan stood when the look back begins: statuses have no history, so one that is over was so all along."""
    if paid_by_now:
        return {"status": "active", "ended_at": None, "resumed_at": None}
    return {"status": row["status"], "ended_at": starts_at if row["ended_at"] else None, "resumed_at": None}


def synthetic_device(borrower_no: str, *, seed: int, percent: int) -> str | None:
    """Return the token of the device a borrower is given, or None; it hangs on the seed and the borrower's number alone."""
    digest = hashlib.sha256(f"{seed}:{borrower_no}".encode()).hexdigest()
    return f"synthetic-{digest[:40]}" if int(digest[:8], 16) % 100 < percent else None
