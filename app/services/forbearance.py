"""What the law wants recorded of plans asked for, offered, refused and broken, as facts of the case.

Directive (EU) 2023/2225 art. 35(1) wants reasonable forbearance before enforcement: the law packs look for an event
`forbearance_assessed`. It is recorded wherever the pack that governs the loan looks for it, and nowhere else.
"""

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from app.domain.law.packs import LawPack
from app.domain.times import business_date, rfc3339
from app.persistence.models.loans import LoanRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.services.case_records import put_record
from app.services.law_packs import pack_for

ASSESSED, DECLINED, BROKEN = "forbearance_assessed", "forbearance_declined", "plan_broken"
_BY = "system"


def note_request(work: Work, row: PlanRequestRow, loan: LoanRow, *, now: datetime) -> None:
    """Record that another plan was asked for, and told again, when it was answered and closed."""
    answered = None if row.offered_at is None and row.ended_at is None else rfc3339(now)
    facts = {"kind": "plan", "received_at": rfc3339(row.requested_at), "answered_at": answered,
             "closed_at": None if row.ended_at is None else rfc3339(row.ended_at)}  # fmt: skip
    _record(work, "requests", facts, loan, ASSESSED, reference=f"plan-request-{row.id}", now=now)


def note_offered(work: Work, row: PlanRequestRow, loan: LoanRow, *, now: datetime) -> None:
    """Record that forbearance was assessed and offered."""
    _event(work, ASSESSED, row, loan, now=now, outcome="offered")


def note_refused(work: Work, row: PlanRequestRow, loan: LoanRow, *, now: datetime) -> None:
    """Record that it was assessed and is not appropriate; the reasons are kept with the decision."""
    _event(work, ASSESSED, row, loan, now=now, outcome="not_appropriate", reasons_recorded=True)


def note_turned_down(work: Work, row: PlanRequestRow, loan: LoanRow, *, now: datetime) -> None:
    """Record that the borrower did not want what was offered."""
    _event(work, DECLINED, row, loan, now=now)


def note_broken(work: Work, request_id: str, loan: LoanRow, *, now: datetime) -> None:
    """Record that an arrangement was broken."""
    facts = {"kind": BROKEN, "on": _today(work, loan, now)}
    _record(work, "events", facts, loan, BROKEN, reference=f"plan-{BROKEN}-{request_id}", now=now)


def _event(work: Work, kind: str, row: PlanRequestRow, loan: LoanRow, *, now: datetime, **more: Any) -> None:
    facts = {"kind": kind, "on": _today(work, loan, now), **more}
    reference = f"plan-{kind}-{row.id}-{row.version}"[-80:]
    _record(work, "events", facts, loan, ASSESSED, reference=reference, now=now)


def _record(
    work: Work, list_name: str, facts: dict[str, Any], loan: LoanRow, wanted: str, *, reference: str, now: datetime
) -> None:
    country = get_borrower(work.session, loan.borrower_id).country
    pack = pack_for(country or get_lender(work.session, loan.lender_id).jurisdiction).pack
    if looks_for(pack, wanted):
        put_record(
            work, loan.borrower_id, list_name, facts, by=_BY, now=now, reference=reference, lender_id=loan.lender_id,
            loan_no=loan.loan_no,
        )  # fmt: skip


def _today(work: Work, loan: LoanRow, now: datetime) -> str:
    return business_date(now, get_borrower(work.session, loan.borrower_id).zone or loan.zone).isoformat()


@lru_cache(maxsize=256)
def looks_for(pack: LawPack, event_kind: str) -> bool:
    """Return whether a rule of the pack reads events of that kind."""
    quoted = json.dumps(event_kind)
    return any(quoted in json.dumps(test.document, default=str) for rule in pack.rules for test in rule.tests)
