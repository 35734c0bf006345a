"""Telling a bureau that what it has is disputed, when that came after the file, and taking the mark away after it.

The next month's report marks, too, but where nothing is furnished while a dispute is open it would say nothing at all.
Source: 15 USC 1681s-2(a)(3). Only Metro 2 has a field for it; an objection to a PBOC record is annotated by the bureau.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain.credit_bureaus import METRO2
from app.domain.credit_corrections import DECLINED, DELETION, DISPUTED, mark_told, with_corrections
from app.domain.disputes import UNDER_INVESTIGATION
from app.persistence.queries import credit_corrections as queries
from app.persistence.queries.credit_disputes import page_ever_disputed
from app.persistence.unit_of_work import Work
from app.services.credit_corrections import BY, PAGE, decide_row, propose_told_otherwise
from app.services.credit_gates import CreditRecord, ask_reports


def propose_marks(work: Work, lender_id: str, bureau: str, *, now: datetime, after: str | None = None) -> str | None:
    """Propose the mark of a dispute, or its end, for each loan of a page of which the bureau has another word.

    What waits and is overtaken is let go of. Returns where to go on, None at the end.
    """
    loans = page_ever_disputed(work.session, lender_id, after=after, limit=PAGE)
    told = queries.find_latest_furnished(work.session, bureau, loans)
    told = {loan_id: row for loan_id, row in told.items() if row.format == METRO2}
    gone = queries.find_decided(work.session, list(told), bureau)
    marks = marks_now(work, {loan_id: row for loan_id, row in told.items() if gone.get(loan_id) != DELETION}, now)
    decided = queries.find_values_decided(work.session, list(marks), bureau)
    waiting = {row.loan_id: row for row in queries.find_waiting(work.session, list(marks), bureau, DISPUTED)}
    for loan_id, mark in marks.items():
        row, answers = told[loan_id], decided.get((told[loan_id].snapshot_id, loan_id), ())
        stands = mark_told(with_corrections(row.account, answers))
        is_missing = UNDER_INVESTIGATION in (mark, stands) and mark != stands
        new = {"condition_code": mark or "XR", "condition_standing": stands} if is_missing else None
        open_row = waiting.get(loan_id)
        if open_row is not None:
            if new is not None and open_row.new == new:
                continue
            decide_row(work, open_row, DECLINED, by=BY, now=now)
        last = next((each for each in reversed(answers) if each.reason == DISPUTED), None)
        if new is None or (
            open_row is None and last is not None and last.state == DECLINED and last.new == new and last.decided_by != BY
        ):
            continue
        old = {"condition_code": stands, "condition_standing": stands}
        propose_told_otherwise(work, row, bureau, DISPUTED, old, new, now=now)
    return max(loans, default=None) if len(loans) == PAGE else None


def marks_now(work: Work, told: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Return loan -> the mark that a report carries at `now`, empty where there is none, of rows that were furnished."""
    records = {loan_id: CreditRecord(row.kind, row.status, row.first_delinquency_on) for loan_id, row in told.items()}
    gates = ask_reports(work.session, list(records), now=now, records=records)
    return {loan_id: gate.mark or "" for loan_id, gate in gates.items()}
