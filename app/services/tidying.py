"""Forgetting what has done its work: spent tokens, answered keys, old challenges and counters.

Each table says which kind of record of the law its rows are; the law is asked before rows of such a kind are destroyed.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from app.persistence.queries.expired import delete_older, empty_older
from app.persistence.unit_of_work import unit_of_work
from app.services.law_gates import purgeable_before


class Kept(NamedTuple):
    """How long rows are kept after their time, and what they are by the law packs' word; None: no record of the law."""

    after: timedelta
    record_kind: str | None


KEPT = {
    "access_tokens": Kept(timedelta(days=1), None),
    "delivery_hours": Kept(timedelta(days=800), None),
    "endpoint_links": Kept(timedelta(days=1), None),
    "idempotency_keys": Kept(timedelta(days=7), None),
    "otp_challenges": Kept(timedelta(days=30), None),
    "rate_counters": Kept(timedelta(days=3), None),
    "webhook_deliveries": Kept(timedelta(days=30), None),
    "webhook_events": Kept(timedelta(days=125), None),
}
"""How long each is kept after its time. Idempotency keys must live at least 24 hours, counters longer than their window.
Events can be sent again for 90 days (services/webhooks.REPLAYED_FOR), and outlive their deliveries."""

EMPTIED = {
    "delivery_receipts.raw_sealed": timedelta(days=90),
    "endpoint_links.address_sealed": timedelta(hours=1),
    "endpoint_links.code_sealed": timedelta(hours=1),
}
"""How long a column is kept whose row outlives it: a provider's post with its phones and texts, long enough to look into a
complaint; a code that its provider takes for five minutes; an address that waited a quarter of an hour for its owner's yes.
What came of them stands in the rows."""


def tidy(*, now: datetime, batch: int = 500) -> dict[str, int]:
    """Delete and empty what is past its time, a batch per unit of work; return how many rows, by table and by column."""
    gone = _deleted(now, batch)
    for name, after in EMPTIED.items():
        gone[name] = 0
        emptied = batch
        while emptied == batch:
            with unit_of_work() as work:
                emptied = empty_older(work.session, name, before=now - after, limit=batch)
            gone[name] += emptied
    return gone


def _deleted(now: datetime, batch: int) -> dict[str, int]:
    gone = dict.fromkeys(KEPT, 0)
    for table, kept in KEPT.items():
        before: datetime | None = now - kept.after
        if kept.record_kind is not None:
            before = purgeable_before(kept.record_kind, now - kept.after, now=now)
        while before is not None:
            with unit_of_work() as work:
                deleted = delete_older(work.session, table, before=before, limit=batch)
            gone[table] += deleted
            if deleted < batch:
                break
    return gone
