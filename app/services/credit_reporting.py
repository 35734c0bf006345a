"""Which loans are reported to credit bureaus, and as what: started through the gates, ended when the reason is over."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from app.domain.credit_enrolments import outranks
from app.domain.credit_gates import KINDS, NEGATIVE, POSITIVE
from app.domain.errors import refused_at
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.queries import credit_enrolments as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.credit_gates import find_gated_loans
from app.persistence.unit_of_work import Work
from app.services.credit_gates import CreditRecord
from app.services.credit_quiet_gates import ask_month

NO_LOAN = "NO_LOAN"


def start_reporting(
    work: Work, loan_ids: Collection[str], *, by: str, now: datetime, kind: str = NEGATIVE
) -> Mapping[str, str | None]:
    """Enrol loans so that the next snapshots report them; return loan -> why it was not, None where it was (or is already).

    `kind`: positive, negative, default; a higher one takes the place of a lower. Every gate is asked first. Takes the
    borrowers' agenda rows, lest a dispute comes in between. Raises ValidationError for a kind that is none.
    """
    if kind not in KINDS:
        raise refused_at("/kind", f"{kind!r} is not one of {', '.join(KINDS)}.")
    loans = {loan.id: loan for loan in find_gated_loans(work.session, loan_ids)}
    lock_agenda(work.session, sorted({loan.borrower_id for loan in loans.values()}))
    gates = ask_month(work.session, {loan_id: CreditRecord(kind) for loan_id in loans}, now=now, rules=None)
    standing = queries.find_enrolments(work.session, list(loans))
    answers: dict[str, str | None] = {loan_id: NO_LOAN for loan_id in loan_ids if loan_id not in loans}
    rows = []
    raised = []
    for loan_id, gate in gates.items():
        answers[loan_id] = gate.reason
        before = standing.get(loan_id)
        if not gate.is_open_to_report or (before is not None and not outranks(kind, before.kind)):
            continue
        if before is not None:
            raised.append(loan_id)
        loan = loans[loan_id]
        rows.append(
            {"id": new_id(), "loan_id": loan_id, "borrower_id": loan.borrower_id, "lender_id": loan.lender_id, "kind": kind,
             "notice_message_id": gate.notice_message_id, "rule": gate.rule, "started_by": by, "started_at": now}
        )  # fmt: skip
    queries.mark_ended(work.session, raised, by=by, reason="raised", at=now)
    queries.add_enrolments(work.session, rows)
    told = Counter(reason or "started" for reason in answers.values())
    facts = {"kind": kind, "enrolled": len(rows), "asked": len(answers), "by_answer": dict(told)}
    add_audit(work.session, at=now, actor=by, action="credit.reporting_started", borrower_id=None, facts=facts)
    return answers


class EnrolledPage(NamedTuple):
    """What became of a page of loans; `last`: where to go on, None at the end."""

    answers: Mapping[str, str | None]
    last: str | None


def enrol_page(
    work: Work, lender_id: str, *, kind: str, by: str, now: datetime, after: str | None = None, page: int = 500
) -> EnrolledPage:
    """Enrol the next active loans of a lender that are not reported yet, following `after`, by `start_reporting`.

    As negative only those with something overdue: nobody else has anything negative to be told.
    """
    loans = queries.page_not_enrolled(work.session, lender_id, after=after, limit=page)
    wanted = [loan.id for loan in loans if kind == POSITIVE or _is_overdue(loan, now)]
    answers = start_reporting(work, wanted, by=by, now=now, kind=kind) if wanted else {}
    return EnrolledPage(answers, loans[-1].id if len(loans) == page else None)


def _is_overdue(loan: Any, now: datetime) -> bool:
    return bool(loan.open_rows) and date.fromisoformat(loan.open_rows[0][1]) < business_date(now, loan.zone)


def end_cured(work: Work, *, now: datetime, after: str | None = None, page: int = 500) -> str | None:
    """End the enrolments, of a page of loans, whose arrears are over; return where to go on, None at the end.

    A loan that is paid off stays enrolled until its end was told. What is late again needs a notice of its own.
    """
    rows = queries.page_standing(work.session, after=after, limit=page)
    over = [
        row.loan_id
        for row in rows
        if row.open_rows and date.fromisoformat(row.open_rows[0][1]) >= business_date(now, row.zone)
    ]
    queries.mark_ended(work.session, over, by="system", reason="cured", at=now)
    for loan_id in over:
        facts = {"loan_id": loan_id, "reason": "cured"}
        add_audit(work.session, at=now, actor="system", action="credit.reporting_ended", borrower_id=None, facts=facts)
    return rows[-1].loan_id if len(rows) == page else None


def stop_reporting(work: Work, lender_id: str, loan_ids: Collection[str], *, by: str, now: datetime) -> int:
    """Stop reporting loans of a lender, by hand; what was furnished stays until it is corrected. Return how many stopped."""
    own = [loan.id for loan in find_gated_loans(work.session, loan_ids) if loan.lender_id == lender_id]
    stands = queries.find_enrolments(work.session, own)
    queries.mark_ended(work.session, list(stands), by=by, reason="withdrawn", at=now)
    facts = {"loan_ids": sorted(stands), "reason": "withdrawn"}
    add_audit(work.session, at=now, actor=by, action="credit.reporting_ended", borrower_id=None, facts=facts)
    return len(stands)
