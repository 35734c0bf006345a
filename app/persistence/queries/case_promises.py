"""The promises to pay of cases: what is open and may be reminded of, and what was settled since the last look."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from app.domain.cases import PROMISE, Subject
from app.domain.promises import FAILED, PromiseState
from app.domain.reasons import Reason
from app.domain.times import business_date
from app.persistence.among import among, ids_named
from app.persistence.column_types import Instant
from app.persistence.models.promises import PromiseRow
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.gathered import Gathered

FAILED_WITHIN = timedelta(days=180)
"""How far back promises that were not kept are counted for audiences."""
_FAILED = or_(*(PromiseRow.state == state.value for state in sorted(FAILED)))
_PROMISES = PreparedSelect.of(
    select(
        PromiseRow.borrower_id, PromiseRow.loan_id, PromiseRow.promise_no, PromiseRow.amount_minor, PromiseRow.paid_minor,
        PromiseRow.promised_on, PromiseRow.state, PromiseRow.open_since, PromiseRow.settled_at, PromiseRow.ends_at,
    )
    .where(
        among(PromiseRow.borrower_id, ids_named("b_ids")),
        or_(
            PromiseRow.settled_at.is_(None),
            PromiseRow.settled_at > bindparam("b_since", type_=Instant()),
            and_(_FAILED, PromiseRow.ends_at > bindparam("b_failed_since", type_=Instant())),
        ),
    )
    .order_by(PromiseRow.loan_id, PromiseRow.promise_no)
)  # fmt: skip


def add_promises(session: Session, gathered: dict[str, Gathered], now: datetime) -> None:
    """Add promises of these borrowers, whose loans have been added; none is asked for where nobody has made one."""
    known = [borrower_id for borrower_id, parts in gathered.items() if parts.head.has_promises]
    if not known:
        return
    since = min((at for key in known if (at := gathered[key].head.decided_until) is not None), default=now)
    asked = {"b_ids": known, "b_since": since, "b_failed_since": now - FAILED_WITHIN}
    found: dict[str, list[Any]] = defaultdict(list)
    for row in _PROMISES.all(session.connection(), asked):
        found[row.borrower_id].append(row)
    for borrower_id, rows in found.items():
        take_promises(gathered[borrower_id], rows, now)


def take_promises(parts: Gathered, rows: Sequence[Any], now: datetime) -> None:
    """Add the promises of one borrower, each with the facts of its loan. `rows`: with the columns of promises."""
    of_loan: dict[str, list[Subject]] = defaultdict(list)
    for subject in parts.subjects:
        of_loan[subject.loan_id].append(subject)
    decided_until = parts.head.decided_until
    for row in rows:
        if row.state in FAILED and row.ends_at > now - FAILED_WITHIN:
            parts.promises_broken += 1
        is_news = row.settled_at is not None and decided_until is not None and row.settled_at > decided_until
        about = of_loan.get(row.loan_id)
        if about and (row.settled_at is None or is_news):  # of a loan that is over nothing is promised any more
            parts.subjects.append(_subject(row, about, now))


def _subject(row: Any, about: Sequence[Subject], now: datetime) -> Subject:
    oldest = min(about, key=lambda each: (not each.loan.open_rows, each.due_on, each.row_no))
    return Subject(
        subject_id=f"{row.loan_id}/p{row.promise_no}",
        loan_id=row.loan_id,
        loan_no=oldest.loan_no,
        lender_zone=oldest.lender_zone,
        row_no=0,
        anchor_no=row.promise_no,
        due_on=row.promised_on,
        open_minor=0 if row.settled_at is not None else row.amount_minor - row.paid_minor,
        currency=oldest.currency,
        watched_from=row.open_since,
        closed_at=row.settled_at,
        closed_reason=Reason.PAID if row.state == PromiseState.KEPT else Reason.PROMISE_OVER,
        held_reason=oldest.held_reason,
        loan=oldest.loan,
        kind=PROMISE,
        is_late=oldest.loan.overdue(business_date(now, oldest.lender_zone))[1] > 0,
    )
