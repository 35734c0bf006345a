"""What a core's word makes of changes of contact data that we know of.

The core is the book of record, so what it says anew counts, also against a change that is under way or in force. What it
only repeats does not: a put says every field, and one that still has the phone of last year says nothing of the phone. Such
a repetition is told as the conflict `contact-change-kept`, for as long as content/desk/contact_changes.yaml says.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.domain.book import BorrowerValues
from app.domain.contact_changes import OPEN, ChangeState, Kept, feed_says
from app.persistence.models.contact_changes import ContactChangeRow
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work
from app.services.contact_data import changes_of, digest_of, stated
from app.services.follow_ups import forget_follow_up

FOLLOW_UP = "contact_change"
PLACE = "contact_changes.new:"


def settle_feed(
    work: Work, held: Sequence[ContactChangeRow], values: BorrowerValues, *, now: datetime, origin: str
) -> tuple[BorrowerValues, bool]:
    """Return what is to be written of what a core says, and whether something of ours stands against it.

    The caller holds the borrower's agenda row.
    """
    is_kept = False
    for row in held:
        told = digest_of(work.vault, row.kind, stated(values, row.kind), key_id=row.key_id)
        said = feed_says(told, Kept(row.new_digest, row.old_digest))
        if row.state in OPEN:
            if said != "kept":
                _supersede(work, row, said, now=now, origin=origin)
        elif said == "kept" and row.keeps_until is not None and now < row.keeps_until:
            values = replace(values, **changes_of(row.kind, new_value(work, row)))
            is_kept = True
        else:
            row.keeps_until = None
            row.version += 1
    return values, is_kept


def new_value(work: Work, row: ContactChangeRow) -> str:
    """Return what a change makes of the contact data, opened."""
    return work.vault.open(row.new_sealed, place=PLACE + row.id) or ""


def _supersede(work: Work, row: ContactChangeRow, said: str, *, now: datetime, origin: str) -> None:
    row.state, row.ended_at, row.ended_by = ChangeState.SUPERSEDED.value, now, origin[:90]
    row.ended_reason = "core_says_the_same" if said == "confirmed" else "core_says_otherwise"
    row.version += 1
    work.session.flush()
    forget_follow_up(work, FOLLOW_UP, row.id)
    facts = {"contact_change_id": row.id, "kind": row.kind, "reason": row.ended_reason}
    add_audit(
        work.session, at=now, actor=origin[:80], action="contact_change.superseded", borrower_id=row.borrower_id, facts=facts
    )
