"""Taking reminders off the phone once they are settled: a silent push, queued in the transaction that settles them.

It makes no sound and shows nothing, so it waits for no quiet hours and is no contact: it has no contact of its own, and
neither caps nor the contact history know it. A platform may refuse to run it; the inbox is settled in any case.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.domain.lanes import WITHDRAWAL
from app.persistence.ids import new_id
from app.persistence.queries.withdrawals import Shown, add_withdrawals, lock_shown, lock_shown_push
from app.persistence.unit_of_work import Work

SHOWN_FOR = timedelta(days=28)
"""How long after it was made a push may still come to a phone that was off, and so be shown. Source: FCM's longest ttl."""


def withdraw_shown(work: Work, contact_ids: Sequence[str], *, now: datetime) -> int:
    """Queue one withdrawal for each push of these contacts that may be on a screen; return how many."""
    if not contact_ids:
        return 0
    return _withdraw(work, lock_shown(work.session, contact_ids, since=now - SHOWN_FOR), now=now)


def withdraw_shown_push(work: Work, push_id: str, *, now: datetime) -> bool:
    """Queue a withdrawal of one push of no contact, if it may be on a screen; return whether there is one."""
    return bool(_withdraw(work, lock_shown_push(work.session, push_id, since=now - SHOWN_FOR), now=now))


def _withdraw(work: Work, shown: Sequence[Shown], *, now: datetime) -> int:
    add_withdrawals(
        work.session,
        [
            {
                "id": new_id(),
                "borrower_id": push.borrower_id,
                "contact_id": None,
                "withdraws_id": push.id,
                "channel": "push",
                "message_class": WITHDRAWAL,
                "template": WITHDRAWAL,
                "template_version": 1,
                "locale": push.locale,
                "text_sealed": None,
                "state": "queued",
                "lane": WITHDRAWAL,
                "not_before": now,
                "not_after": now + SHOWN_FOR,
                "next_attempt_at": now,
                "created_at": now,
            }
            for push in shown
        ],
    )
    return len(shown)
