"""How arrangements end: kept, broken, cancelled. Callers hold the agenda row."""

from datetime import datetime
from typing import Any

from app.domain.arrangements import ArrangementState, check_move
from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import Work
from app.services.follow_ups import forget_follow_up
from app.services.holds import Teller, release_hold
from app.services.notices import tell_borrower
from app.services.webhook_events import announce
from app.wording.variables import Value

FOLLOW_UP = "arrangement"
SYSTEM = "system"
_UNTOLD = frozenset({"said"})
"""Facts for the audit trail alone: what a member of staff wrote in their own words."""


def end(
    work: Work, row: ArrangementRow, to: ArrangementState, *, reason: str, now: datetime, by: str = SYSTEM, **facts: Any
) -> None:
    """End an arrangement: its hold goes, nothing looks at it again, the borrower and the lender's systems are told."""
    check_move(ArrangementState(row.state), to)
    loan = get_loan(work.session, row.loan_id)
    row.state, row.ended_at, row.ended_reason = to.value, now, reason
    row.version += 1
    work.session.flush()
    forget_follow_up(work, FOLLOW_UP, row.id)
    if row.hold_id is not None:
        teller = Teller(SYSTEM, row.lender_id)
        release_hold(work, row.borrower_id, row.hold_id, teller=teller, now=now, reason=f"The arrangement is {to}.")
    note(work, row, loan, to.value, now=now, by=by, reason=reason, **facts)
    tell(work, row, loan, to.value, now=now)


def tell(
    work: Work, row: ArrangementRow, loan: LoanRow, what: str, *, now: datetime, also_push: bool = True, **values: Value
) -> None:
    """Give the borrower the notice `arrangement_<what>`."""
    tell_borrower(
        work,
        row.borrower_id,
        f"arrangement_{what}",
        {"loan": loan.loan_no, **values},
        now=now,
        loan_id=loan.id,
        subject_id=row.id,
        key=f"arrangement:{row.id}:{what}",
        also_push=also_push,
    )


def note(work: Work, row: ArrangementRow, loan: LoanRow, what: str, *, now: datetime, by: str, **facts: Any) -> None:
    """Write a step to the audit trail, and tell the lender's systems."""
    told = {"arrangement_id": row.id, "request_id": row.request_id, "kind": row.kind, "loan_id": loan.id, **facts}
    add_audit(work.session, at=now, actor=by, action=f"arrangement.{what}", borrower_id=row.borrower_id, facts=told)
    data = {
        "arrangement_id": row.id,
        "request_id": row.request_id,
        "loan_no": loan.loan_no,
        "borrower_no": get_borrower(work.session, row.borrower_id).borrower_no,
        "kind": row.kind,
        "state": row.state,
        "agreed_on": row.agreed_on.isoformat(),
        "document_sha256": row.document_sha256,
        **{name: value for name, value in facts.items() if name not in _UNTOLD},
    }
    announce(work, row.lender_id, f"arrangement.{what}.v1", data, now=now, borrower_id=row.borrower_id)
