"""The steps every request for another plan goes through: computed, offered, closed. Callers hold the agenda row."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.domain.plan_options import OptionKind, PlanOption
from app.domain.plan_requests import RequestState, check_move
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.domain.times import MICROSECOND, business_date, end_of_day, rfc3339
from app.persistence.models.loans import LoanRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.positions import find_snapshot
from app.persistence.queries.tasks import find_task_ids, get_task
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services import forbearance
from app.services.arrangement_rules import arrangement_rules
from app.services.follow_ups import follow_up_at, forget_follow_up
from app.services.holds import Teller, release_hold
from app.services.notices import tell_borrower
from app.services.plan_options import document_of, option_of
from app.services.tasks import close_task
from app.services.webhook_events import announce
from app.wording.catalogue import match_locale
from app.wording.variables import Value

FOLLOW_UP = "plan_offer"
SYSTEM = "system"
_PLACE = "plan_requests.document:"


@dataclass(frozen=True, slots=True)
class Computed:
    """An option as it comes out now, with exactly what is shown of it."""

    option: PlanOption
    document: bytes
    anchor_no: int
    snapshot_version: int

    @property
    def sha256(self) -> str:
        """Of the document, hex."""
        return hashlib.sha256(self.document).hexdigest()


def compute(
    work: Work, loan: LoanRow, kind: str, terms: Mapping[str, Any], *, now: datetime, locale: str | None = None
) -> Computed:
    """Return the option for these terms as it comes out now, in words of `locale`; None: the borrower's.

    Raises PlanNotEligibleError, ValidationError.
    """
    option = option_of(work.session, loan, OptionKind(kind), terms, now=now)
    anchor_no, version = standing_of(work, loan)
    spoken = locale or get_borrower(work.session, loan.borrower_id).locale
    spoken = match_locale(spoken or get_lender(work.session, loan.lender_id).locale)
    document = document_of(option, loan, as_of=business_date(now, loan.zone), locale=spoken)
    return Computed(option, document, anchor_no, version)


def standing_of(work: Work, loan: LoanRow) -> tuple[int, int]:
    """Return the loan's plan version and its snapshot's: with either another, the figures may be others."""
    found = find_snapshot(work.session, loan.borrower_id, loan.id)
    return (loan.anchor_no, 0) if found is None else (found[0].anchor_no, found[1])


def keep(work: Work, row: PlanRequestRow, computed: Computed) -> None:
    """Write what was computed into the request."""
    row.approvals_needed = computed.option.approvals
    row.anchor_no, row.snapshot_version = computed.anchor_no, computed.snapshot_version
    row.document_sealed = work.vault.seal_bytes(computed.document, place=_PLACE + row.id)
    row.document_sha256 = computed.sha256
    row.rows = rows_to_store(computed.option.rows)


def document_as_kept(ring: Vault, request_id: str, sealed: bytes) -> bytes:
    """Return exactly what was shown."""
    return ring.open_bytes(sealed, place=_PLACE + request_id)


def rows_to_store(rows: tuple[PlanRow, ...]) -> list[list[Any]]:
    """Return plan rows as JSON."""
    return [[row.row_no, row.due_on.isoformat(), *row.due] for row in rows]


def rows_of(stored: list[list[Any]]) -> tuple[PlanRow, ...]:
    """Return plan rows as they were stored."""
    return tuple(PlanRow(number, date.fromisoformat(due_on), Split(*due)) for number, due_on, *due in stored)


def offer(work: Work, row: PlanRequestRow, loan: LoanRow, computed: Computed, *, now: datetime, by: str) -> None:
    """Offer what was computed, as long as its figures are right and the rules let an offer stand."""
    check_move(RequestState(row.state), RequestState.OFFERED)
    keep(work, row, computed)
    row.state, row.offered_at = RequestState.OFFERED.value, now
    row.stands_until = now + arrangement_rules().requests.offer_stands
    if computed.option.valid_until is not None:
        row.stands_until = min(row.stands_until, end_of_day(computed.option.valid_until, loan.zone) + MICROSECOND)
    row.version += 1
    work.session.flush()
    follow_up_at(work, FOLLOW_UP, row.id, row.borrower_id, at=row.stands_until)
    finish_task(work, row, now=now, by=by, reason="offered")
    note(work, row, loan, "offered", now=now, by=by, document_sha256=row.document_sha256)
    forbearance.note_request(work, row, loan, now=now)
    forbearance.note_offered(work, row, loan, now=now)
    looks = by == f"borrower:{row.borrower_id}"
    tell(work, row, loan, "offered", now=now, also_push=not looks, due_on=last_day(row, loan))


def tell(
    work: Work, row: PlanRequestRow, loan: LoanRow, what: str, *, now: datetime, also_push: bool = True, **values: Value
) -> None:
    """Give the borrower the notice `plan_request_<what>`."""
    tell_borrower(
        work,
        row.borrower_id,
        f"plan_request_{what}",
        {"loan": loan.loan_no, **values},
        now=now,
        loan_id=loan.id,
        subject_id=row.id,
        key=f"plan_request:{row.id}:{what}",
        also_push=also_push,
    )


def close(work: Work, row: PlanRequestRow, loan: LoanRow, to: RequestState, *, reason: str, now: datetime, by: str) -> None:
    """End a request: its hold and its task go, nothing looks at it again."""
    check_move(RequestState(row.state), to)
    row.state, row.ended_at, row.ended_reason = to.value, now, reason
    row.version += 1
    work.session.flush()
    forget_follow_up(work, FOLLOW_UP, row.id)
    finish_task(work, row, now=now, by=by, reason=to.value)
    if row.hold_id is not None:
        teller = Teller(SYSTEM, row.lender_id)
        release_hold(work, row.borrower_id, row.hold_id, teller=teller, now=now, reason=f"The request is {to}.")
    forbearance.note_request(work, row, loan, now=now)
    note(work, row, loan, to.value, now=now, by=by, reason=reason)


def last_day(row: PlanRequestRow, loan: LoanRow) -> date:
    """Return the last day, in the loan's zone, on which an offer may be accepted."""
    return business_date(row.stands_until - MICROSECOND, loan.zone)


def task_key(request_id: str) -> str:
    """Return the occasion of the task that staff have with a request."""
    return f"plan-request/{request_id}"


def finish_task(work: Work, row: PlanRequestRow, *, now: datetime, by: str, reason: str) -> None:
    """Close the task that staff had with it, if there is one and it is open."""
    key = task_key(row.id)
    task_id = find_task_ids(work.session, [key]).get(key)
    if task_id is not None and get_task(work.session, task_id).state == "open":
        close_task(work, task_id, outcome="done", reason=reason, by=by, now=now)


def note(work: Work, row: PlanRequestRow, loan: LoanRow, what: str, *, now: datetime, by: str, **facts: Any) -> None:
    """Write a step to the audit trail, and tell the lender's systems."""
    told = {"request_id": row.id, "kind": row.kind, "loan_id": loan.id, **facts}
    add_audit(work.session, at=now, actor=by, action=f"plan_request.{what}", borrower_id=row.borrower_id, facts=told)
    data = {
        "request_id": row.id,
        "loan_no": loan.loan_no,
        "borrower_no": get_borrower(work.session, row.borrower_id).borrower_no,
        "kind": row.kind,
        "terms": row.terms,
        "state": row.state,
        "approvals_needed": row.approvals_needed,
        "stands_until": rfc3339(row.stands_until),
        "document_sha256": row.document_sha256,
        "reason": row.ended_reason,
    }
    announce(work, row.lender_id, f"plan_request.{what}.v1", data, now=now, borrower_id=row.borrower_id)
