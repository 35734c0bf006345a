"""Telling the lender's own systems what happened: written with it, delivered later."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.persistence.ids import new_id
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.unit_of_work import Work


def announce(
    work: Work, lender_id: str, event_type: str, data: Mapping[str, Any], *, now: datetime, borrower_id: str | None = None
) -> str:
    """Keep an event for the lender's endpoints; return its id.

    `event_type`: noun.verb.v1. `data`: JSON values; loans and borrowers by the lender's numbers, no personal data.
    """
    event_id = new_id()
    work.session.add(
        WebhookEventRow(
            id=event_id, lender_id=lender_id, borrower_id=borrower_id, type=event_type, data=dict(data), created_at=now
        )
    )
    work.session.flush()
    return event_id
