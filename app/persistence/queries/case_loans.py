"""The loans of cases: what is open and may be reminded of, and what was closed or replaced since the last look."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app.domain.cases import LoanFacts, Subject
from app.domain.contract_forms import late_terms, read_stored
from app.domain.law_facts import licence_word
from app.domain.mismatches import still_holds
from app.domain.positions import charged_until
from app.domain.reasons import Reason
from app.domain.stops import stopped_by, unpacked
from app.domain.tapes import DayRange
from app.domain.times import business_date
from app.persistence.among import among, ids_named
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import (
    ESTIMATED_PLAN,
    AllocationRow,
    InstalmentRow,
    LoanRow,
    PlanVersionRow,
    PositionSnapshotRow,
)
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.gathered import Gathered
from app.persistence.queries.positions import open_rows_of
from app.persistence.queries.tapes import core_figures

_NO_CHARGES: Mapping[int, int] = {}
ENDED = {"written_off": Reason.WRITTEN_OFF, "cancelled": Reason.LOAN_CLOSED, "closed": Reason.LOAN_CLOSED}
"""Statuses that end reminders although money is open."""


LOANS = PreparedSelect.of(
    select(
        LoanRow.id,
        LoanRow.borrower_id,
        LoanRow.loan_no,
        LoanRow.currency,
        LoanRow.status,
        LoanRow.ended_at,
        LoanRow.resumed_at,
        LoanRow.anchor_no,
        LoanRow.product_kind,
        LoanRow.autopay,
        LoanRow.disbursed_on,
        LoanRow.lender_id,
        LenderRow.code.label("lender_code"),
        LenderRow.name.label("lender_name"),
        LenderRow.role.label("lender_role"),
        LenderRow.heard_at,
        LenderRow.licence_kind,
        LenderRow.jurisdiction,
        LenderRow.zone,
        PlanVersionRow.watched_from_at,
        LoanRow.contract,
        LoanRow.cap,
        LoanRow.stops,
        LoanRow.marks,
        LoanRow.core_as_of,
        LoanRow.core_figures,
        PositionSnapshotRow.open_rows,
        PositionSnapshotRow.row_states,
        PositionSnapshotRow.last_effective_on,
        PositionSnapshotRow.last_recorded_at,
    )
    .join(LenderRow, LenderRow.id == LoanRow.lender_id)
    .join(PositionSnapshotRow, PositionSnapshotRow.loan_id == LoanRow.id)
    .join(
        PlanVersionRow,
        and_(PlanVersionRow.loan_id == LoanRow.id, PlanVersionRow.anchor_no == LoanRow.anchor_no),
    )
    .where(among(LoanRow.borrower_id, ids_named("b_ids")))
)


def add_loans(session: Session, gathered: dict[str, Gathered], now: datetime, *, horizon: date) -> None:
    """Add what is open of these borrowers' loans, up to the first row beyond the horizon."""
    for loan in LOANS.all(session.connection(), {"b_ids": list(gathered)}):
        take_loan(gathered[loan.borrower_id], loan, now, horizon)


def take_loan(parts: Gathered, loan: Any, now: datetime, horizon: date) -> None:
    """Add what is open of one loan. `loan` has the columns that `add_loans` reads; a rehearsal has its own."""
    decided_until = parts.head.decided_until
    if decided_until is not None:
        if loan.last_recorded_at is not None and loan.last_recorded_at > decided_until:
            parts.paid_loans.append(loan)
        if loan.anchor_no > 1 and loan.watched_from_at > decided_until:
            parts.replanned_loans.append(loan)
    if loan.status == "active":
        parts.subjects += open_subjects(loan, now, horizon)
    elif loan.open_rows:
        parts.ended_loans[loan.id] = ENDED[loan.status]
        if decided_until is not None and loan.ended_at is not None and loan.ended_at > decided_until:
            ended = {"closed_at": loan.ended_at, "closed_reason": ENDED[loan.status]}
            parts.subjects += [replace(subject, **ended) for subject in open_subjects(loan, now, horizon)]


def _late_charges(loan: Any, now: datetime) -> Mapping[int, int]:
    """Return what lateness has cost since the snapshot, by row number, on the lender's day; mostly nothing."""
    if not loan.contract.get("late"):
        return {}
    late = late_terms(read_stored(loan.contract), loan.cap)
    if late is None:
        return {}
    if loan.stops:
        late = replace(late, stopped=stopped_by(unpacked(loan.stops)))
    rows = open_rows_of(loan.open_rows, loan.row_states)
    later = charged_until(rows, loan.last_effective_on, business_date(now, loan.zone), late)
    return {row.row_no: grown.open.penalties - row.open.penalties for row, grown in zip(rows, later, strict=True)}


def open_subjects(loan: Any, now: datetime, horizon: date) -> list[Subject]:
    """Return the open rows up to the horizon, and the first one beyond it: that one says when to wake next."""
    late_charges = _late_charges(loan, now)
    estimated = Reason.PLAN_ESTIMATED if ESTIMATED_PLAN in loan.marks else None
    paid_to = _paid_to(loan)
    rows: list[tuple[int, date, int]] = []
    for row_no, due_text, principal, interest, fees, penalties in loan.open_rows:
        due_on = _date(due_text)
        rows.append((row_no, due_on, principal + interest + fees + penalties + late_charges.get(row_no, 0)))
        if due_on > horizon:
            break
    facts = loan_facts_of(loan, now, rows)
    watched_from = max(loan.watched_from_at, loan.resumed_at or loan.watched_from_at)
    return [
        Subject(
            f"{loan.id}/{row_no}",
            loan.id,
            loan.loan_no,
            loan.zone,
            row_no,
            loan.anchor_no,
            due_on,
            open_minor,
            loan.currency,
            watched_from,
            held_reason=estimated or (Reason.CORE_SAYS_PAID if due_on < paid_to else None),
            loan=facts,
        )
        for row_no, due_on, open_minor in rows
    ]


def loan_facts_of(loan: Any, now: datetime, rows: Sequence[tuple[int, date, int]]) -> LoanFacts:
    """Return what decides about a loan besides its instalments. `rows`: (row, due date, minor units) of what is open."""
    today = business_date(now, loan.zone)
    due_by_now = sum(amount for _, due_on, amount in rows if due_on <= today)
    text = today.isoformat()
    return LoanFacts(
        lender_id=loan.lender_id,
        lender_code=loan.lender_code,
        lender_name=loan.lender_name,
        lender_role=loan.lender_role,
        licence_kind=licence_word(loan.licence_kind),
        jurisdiction=loan.jurisdiction,
        product_kind=loan.product_kind,
        signed_on=_signed_on(loan),
        autopay=loan.autopay,
        heard_at=loan.heard_at,
        last_payment_on=loan.last_effective_on,
        outstanding_minor=due_by_now + sum(row[2] for row in loan.open_rows if row[1] > text),
        open_rows=tuple((due_on, amount) for _, due_on, amount in rows),
    )


def _signed_on(loan: Any) -> date | None:
    stated = loan.contract.get("signed_on")
    signed_on: date | None = _date(stated) if isinstance(stated, str) else loan.disbursed_on
    return signed_on


@lru_cache(maxsize=8192)
def _date(text: str) -> date:
    return date.fromisoformat(text)


def _paid_to(loan: Any) -> date:
    """Return the day up to which the core has everything paid, by its newest word that no money since has overtaken.

    The borrower is shown the core's figures; a reminder of what they say is paid would contradict the app.
    """
    core = core_figures(loan.core_as_of, loan.core_figures)
    if core is None or core.days_past_due != DayRange(0, 0):
        return date.min
    on, at = loan.last_effective_on, loan.last_recorded_at
    held = still_holds(core, core.as_of, zone=loan.zone, last_effective_on=on, last_recorded_at=at)
    return core.as_of if held else date.min


def add_recently_paid(session: Session, gathered: dict[str, Gathered]) -> None:
    """Add rows paid after the last look: steps reached in between were candidates and get their decision too."""
    paid = {loan.id: (parts, loan) for parts in gathered.values() for loan in parts.paid_loans}
    if not paid:
        return
    closed_at = func.max(AllocationRow.recorded_at)
    closings = (
        select(AllocationRow.loan_id, AllocationRow.row_no, closed_at.label("closed_at"))
        .where(AllocationRow.loan_id.in_(list(paid)), AllocationRow.row_no.is_not(None), AllocationRow.replaced_at.is_(None))
        .group_by(AllocationRow.loan_id, AllocationRow.row_no)
        .having(closed_at > min(parts.head.decided_until for parts, _ in paid.values()))
        .subquery()
    )
    statement = (
        select(InstalmentRow.loan_id, InstalmentRow.row_no, InstalmentRow.due_on, closings.c.closed_at)
        .join(closings, and_(closings.c.loan_id == InstalmentRow.loan_id, closings.c.row_no == InstalmentRow.row_no))
        .join(LoanRow, and_(LoanRow.id == InstalmentRow.loan_id, LoanRow.anchor_no == InstalmentRow.anchor_no))
    )
    for row in session.execute(statement):
        take_closing(*paid[row.loan_id], row, row.closed_at)


def take_closing(parts: Gathered, loan: Any, row: Any, closed_at: datetime) -> None:
    """Add a row of the current plan whose newest allocation became known at `closed_at`, if that is news and closed it."""
    is_open = any(row.row_no == row_no for row_no, *_ in loan.open_rows)
    if closed_at > parts.head.decided_until and not is_open:
        parts.subjects.append(_closed_subject(loan, row, loan.anchor_no, loan.watched_from_at, closed_at, Reason.PAID))


def add_recently_replaced(session: Session, gathered: dict[str, Gathered]) -> None:
    """Add rows of plans that were replaced after the last look and that were open at that look or up to the replacing."""
    replanned = {loan.id: (parts, loan) for parts in gathered.values() for loan in parts.replanned_loans}
    if not replanned:
        return
    versions: dict[str, dict[int, datetime]] = defaultdict(dict)
    for version in session.execute(
        select(PlanVersionRow.loan_id, PlanVersionRow.anchor_no, PlanVersionRow.watched_from_at).where(
            PlanVersionRow.loan_id.in_(list(replanned))
        )
    ):
        versions[version.loan_id][version.anchor_no] = version.watched_from_at
    payments: dict[tuple[str, int], list[Any]] = defaultdict(list)
    for payment in session.execute(
        select(
            AllocationRow.loan_id, AllocationRow.row_no, AllocationRow.recorded_at, AllocationRow.replaced_at,
            _total(AllocationRow).label("total"),
        ).where(AllocationRow.loan_id.in_(list(replanned)), AllocationRow.row_no.is_not(None))
    ):  # fmt: skip
        payments[payment.loan_id, payment.row_no].append(payment)
    for row in session.execute(
        select(
            InstalmentRow.loan_id, InstalmentRow.anchor_no, InstalmentRow.row_no, InstalmentRow.due_on,
            _total(InstalmentRow).label("total"),
        ).where(InstalmentRow.loan_id.in_(list(replanned)))
    ):  # fmt: skip
        parts, loan = replanned[row.loan_id]
        take_replaced(parts, loan, row, versions[row.loan_id], payments[row.loan_id, row.row_no])


def take_replaced(parts: Gathered, loan: Any, row: Any, watched: Mapping[int, datetime], payments: Sequence[Any]) -> None:
    """Add a row (with its `total`) of a plan that was replaced, if it was open at the last look or up to the replacing.

    `watched`: plan version -> since when it is watched; `payments`: all that was ever allocated to rows of that number.
    """
    since, until = parts.head.decided_until, watched.get(row.anchor_no + 1)
    if until is None or until <= since:
        return
    if row.total > min(_paid_before(since, payments), _paid_before(until, payments)):
        watched_from = watched[row.anchor_no]
        parts.subjects.append(_closed_subject(loan, row, row.anchor_no, watched_from, until, Reason.REANCHORED))


def _paid_before(at: datetime, payments: Sequence[Any]) -> int:
    """Return what was paid on a row as known just before `at`."""
    return sum(p.total for p in payments if p.recorded_at < at and (p.replaced_at is None or p.replaced_at >= at))


def _total(rows: Any) -> Any:
    return rows.principal_minor + rows.interest_minor + rows.fees_minor + rows.penalties_minor


def _closed_subject(
    loan: Any, row: Any, anchor_no: int, watched_from: datetime, closed_at: datetime, reason: Reason
) -> Subject:
    return Subject(
        f"{loan.id}/{row.row_no}", loan.id, loan.loan_no, loan.zone, row.row_no, anchor_no, row.due_on, 0,
        loan.currency, watched_from, closed_at, reason,
        loan=LoanFacts(lender_id=loan.lender_id, lender_code=loan.lender_code),
    )  # fmt: skip
