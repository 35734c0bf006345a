"""Plans agreed here beside plans that the core sends: which word of the core is new, and what it does to an arrangement.

A core repeats its plans, often every night, and hears of an arrangement by an event that it may not read at all. So what it
last said changes nothing when it is said again, and neither does the agreed plan itself; any other plan is its new word.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import orjson
from sqlalchemy.orm import Session

from app.domain.arrangements import ArrangementState
from app.domain.book import PlanValues
from app.persistence.models.loans import AGREED, RETURNED
from app.persistence.queries.arrangements import find_active
from app.persistence.queries.loans import PlanHead, find_newest_hashes
from app.persistence.unit_of_work import Work
from app.services.arrangement_endings import end

OURS = frozenset({AGREED, RETURNED})
PLAN_REPLACED = "plan_replaced"


def plan_digest(values: PlanValues) -> str:
    """Return the hash by which two plans are the same: the rows, and from when on they hold."""
    rows = sorted((row_no, due_on.toordinal(), *due) for row_no, due_on, due in values.rows)
    return hashlib.sha256(orjson.dumps([values.effective_on, rows], option=orjson.OPT_SORT_KEYS)).hexdigest()


def find_told_again(
    session: Session,
    heads: Mapping[str, PlanHead],
    owners: Mapping[str, tuple[str, str]],
    batch: Sequence[PlanValues],
) -> set[str]:
    """Return the loans whose current plan is one of ours, and whose plan in `batch` says nothing new.

    `owners`: loan number -> (loan id, borrower id). Nothing is read where no current plan is ours.
    """
    ours = {loan_id: head for loan_id, head in heads.items() if head.origin in OURS}
    if not ours:
        return set()
    said = find_newest_hashes(session, ours, other_than=OURS)
    found: set[str] = set()
    for values in batch:
        loan_id = owners[values.loan_no][0] if values.loan_no in owners else None
        if loan_id is None or loan_id not in ours:
            continue
        head = ours[loan_id]
        as_ours = plan_digest(replace(values, effective_on=head.effective_on))
        if said.get(loan_id) == plan_digest(values) or as_ours == head.content_hash:
            found.add(loan_id)
    return found


def end_replaced(work: Work, loan_ids: Collection[str], *, now: datetime) -> None:
    """Cancel the active arrangements of loans whose plan is another one by the core's word."""
    for row in find_active(work.session, loan_ids) if loan_ids else ():
        end(work, row, ArrangementState.CANCELLED, reason=PLAN_REPLACED, now=now)
