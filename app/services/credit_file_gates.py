"""What of a file may not leave any more: every gate asked again, as it is made, is given out and is handed in.

Between two of these a dispute is opened, a notice comes back, money comes in. A file is never mended: it is made again,
which leaves the loan out.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.credit_bureaus import METRO2
from app.domain.credit_gates import BureauRules
from app.domain.credit_snapshots import CORRECTED_SINCE, DELETED, DISPUTE_MARK_CHANGED, FILED, INCOMPLETE
from app.domain.errors import ConflictError
from app.persistence.models.credit_reports import CreditSnapshotRow
from app.persistence.queries import credit_corrections as corrections
from app.persistence.queries import credit_snapshots as queries
from app.persistence.queries.credit_bureaus import get_bureau
from app.persistence.queries.credit_numbers import find_unclear_numbers
from app.persistence.queries.loans import find_told_loans
from app.persistence.unit_of_work import unit_of_work
from app.services.credit_gates import CreditRecord
from app.services.credit_quiet_gates import ask_month

_NAMED = 5
"""Loans that a refusal names; the others are found when the file is made again."""

Shut = tuple[str, str, str | None]
"""Loan, reason, rule of law or field of the format."""


def shut_of(
    session: Session, snapshot: CreditSnapshotRow, rows: Sequence[Any], rules: BureauRules, *, now: datetime
) -> dict[str, Shut]:
    """Return loan -> why it may not be furnished as it was frozen, of those of these rows that may not."""
    records = {row.loan_id: CreditRecord(row.kind, row.status, row.first_delinquency_on) for row in rows}
    gates = ask_month(session, records, now=now, rules=rules)
    decided = corrections.find_decided(session, list(records), snapshot.bureau)
    late = corrections.find_decided(session, list(records), snapshot.bureau, since=snapshot.made_at)
    unclear = find_unclear_numbers(session, snapshot.lender_id, list(records)) if snapshot.format == METRO2 else {}
    shut: dict[str, Shut] = {}
    for row in rows:
        gate, loan_id = gates[row.loan_id], row.loan_id
        if decided.get(loan_id) == "deletion":
            shut[loan_id] = (loan_id, DELETED, None)
        elif not gate.is_open_to_report:
            shut[loan_id] = (loan_id, gate.reason or "", gate.rule)
        elif loan_id in late:
            shut[loan_id] = (loan_id, CORRECTED_SINCE, None)
        elif gate.mark != row.mark:
            shut[loan_id] = (loan_id, DISPUTE_MARK_CHANGED, None)
        elif loan_id in unclear:
            shut[loan_id] = (loan_id, INCOMPLETE, unclear[loan_id])
    return shut


def check_still_open(lender_id: str, snapshot_id: str, *, clock: Callable[[], datetime], page: int) -> int:
    """Refuse a file of which something may not leave any more, by the loans; return the version of it that was looked at.

    Opens units of work of its own, a page each. Raises NotFoundError, ConflictError.
    """
    after: str | None = None
    version: int | None = None
    found: list[Shut] = []
    while True:
        with unit_of_work() as work:
            snapshot = queries.load_snapshot(work.session, snapshot_id, lender_id)
            version = snapshot.version if version is None else version
            if snapshot.version != version or snapshot.state != FILED:
                raise ConflictError("Somebody else makes this file, or decided about it; look at it again.")
            setting = get_bureau(work.session, snapshot.bureau_id)
            if setting.state != "enabled":
                raise ConflictError("Reporting to this bureau was stopped; nothing is handed in there.")
            rules = BureauRules(setting.while_disputed, setting.lead_days)
            rows = queries.page_furnished(work.session, snapshot_id, after=after, limit=page)
            left = queries.find_rows(work.session, snapshot_id, [row.loan_id for row in rows])
            told = [row for row in rows if not left[row.loan_id].is_out]
            found += shut_of(work.session, snapshot, told, rules, now=clock()).values()
        if len(rows) < page:
            break
        after = rows[-1].loan_id
    if found:
        _refuse(found)
    return version


def _refuse(found: Sequence[Shut]) -> None:
    with unit_of_work() as work:
        loans = find_told_loans(work.session, [loan_id for loan_id, _, _ in found[:_NAMED]])
    named = ", ".join(f"{loans[loan_id].loan_no} ({reason})" for loan_id, reason, _ in found[:_NAMED])
    if len(found) > _NAMED:
        named += ", …"
    raise ConflictError(
        f"Since the file was made, {len(found)} of its accounts may not be reported any more: {named}. "
        "Make the file again, which leaves them out, and hand in that one."
    )
