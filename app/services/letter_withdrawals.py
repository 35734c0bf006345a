"""Taking letters back that a printer has but has not posted, once what they are about is paid: a request, not a promise.

Lob takes one back until its send date, a print room until it fetches the file; after that the letter is on its way, and says
itself that whoever has paid may take no notice of it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.domain.lanes import WITHDRAWAL
from app.persistence.ids import new_id
from app.persistence.queries.letters import lock_unposted
from app.persistence.queries.withdrawals import add_withdrawals
from app.persistence.unit_of_work import Work

WORTH_TRYING = timedelta(days=1)
"""No printer holds a letter longer than so before it is posted."""
LOOKS_BACK = timedelta(days=8)
"""A letter waits in the outbox for some days at most, and then at a printer."""


def withdraw_unposted(work: Work, contact_ids: Sequence[str], *, now: datetime) -> int:
    """Queue one withdrawal for each letter of these contacts that may not be posted yet; return how many."""
    if not contact_ids:
        return 0
    letters = lock_unposted(work.session, contact_ids, since=now - LOOKS_BACK)
    add_withdrawals(
        work.session,
        [
            {
                "id": new_id(), "borrower_id": letter.borrower_id, "contact_id": None, "withdraws_id": letter.id,
                "channel": "letter", "message_class": WITHDRAWAL, "template": WITHDRAWAL, "template_version": 1,
                "locale": letter.locale, "text_sealed": None, "state": "queued", "lane": WITHDRAWAL,
                "not_before": now,                "not_after": now + WORTH_TRYING, "next_attempt_at": now, "created_at": now,
            }
            for letter in letters
        ],
    )  # fmt: skip
    return len(letters)
