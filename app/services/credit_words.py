"""Free text beside credit reports, kept sealed: why a month was declined, what a bureau said of a line."""

from typing import Any

from app.persistence.models.credit_reports import CreditRejectionRow, CreditSnapshotRow
from app.persistence.queries.credit_words import find_plain
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault


def decline_place(snapshot_id: str) -> str:
    """Return the place under which the reason is sealed for which a snapshot was declined."""
    return f"credit_snapshots.decline_reason:{snapshot_id}"


def detail_place(rejection_id: str) -> str:
    """Return the place under which a bureau's words about a line are sealed."""
    return f"credit_rejections.detail:{rejection_id}"


def decline_reason_of(ring: Vault, row: Any) -> str | None:
    """Return why a snapshot (its row) was declined; None: it was not."""
    return ring.open(row.decline_reason_sealed, place=decline_place(row.id)) or row.decline_reason


def detail_of(ring: Vault, row: Any) -> str:
    """Return what the bureau said of a line (its row) beside the code."""
    return ring.open(row.detail_sealed, place=detail_place(row.id)) or row.detail


def seal_plain_words(work: Work, *, limit: int = 200) -> int:
    """Seal what an earlier version kept as plain text, some at a time; return how many."""
    done = 0
    for snapshot in find_plain(work.session, CreditSnapshotRow.decline_reason, limit=limit):
        snapshot.decline_reason_sealed = work.vault.seal(snapshot.decline_reason, place=decline_place(snapshot.id))
        snapshot.decline_reason = None
        done += 1
    for line in find_plain(work.session, CreditRejectionRow.detail, limit=limit):
        line.detail_sealed, line.detail = work.vault.seal(line.detail, place=detail_place(line.id)), ""
        done += 1
    return done
