"""Forgetting what has done its work: spent tokens, answered keys, old challenges and counters."""

from datetime import datetime, timedelta

from app.persistence.queries.expired import delete_older
from app.persistence.unit_of_work import unit_of_work

KEPT = {
    "access_tokens": timedelta(days=1),
    "idempotency_keys": timedelta(days=7),
    "otp_challenges": timedelta(days=30),
    "rate_counters": timedelta(days=3),
}
"""How long each is kept after its time. Idempotency keys must live at least 24 hours, counters longer than their window."""


def tidy(*, now: datetime, batch: int = 500) -> dict[str, int]:
    """Delete what is past its time, a batch per unit of work; return how many rows went, by table."""
    gone = dict.fromkeys(KEPT, 0)
    for table, kept in KEPT.items():
        while True:
            with unit_of_work() as work:
                deleted = delete_older(work.session, table, before=now - kept, limit=batch)
            gone[table] += deleted
            if deleted < batch:
                break
    return gone
