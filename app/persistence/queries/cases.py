"""Loading cases: everything `decide` may look at, for a batch of borrowers in a fixed number of statements."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from app.domain.cases import Case, DecisionKey, PastContact, PastDecision, Subject
from app.domain.contract_forms import late_terms, read_stored
from app.domain.mismatches import still_holds
from app.domain.policies import Policy
from app.domain.positions import charged_until
from app.domain.reasons import Outcome, Reason
from app.domain.tapes import DayRange
from app.domain.times import business_date
from app.persistence.models.borrowers import BorrowerRow, ConsentRow
from app.persistence.models.devices import DeviceRow, EndpointRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import (
    ESTIMATED_PLAN,
    AllocationRow,
    InstalmentRow,
    LoanRow,
    PlanVersionRow,
    PositionSnapshotRow,
)
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.reminders import AgendaRow, ContactRow, DecisionRow
from app.persistence.queries.positions import open_rows_of
from app.persistence.queries.tapes import core_figures

SLACK = timedelta(days=3)
"""A change of zone can move a step's instant by up to 26 h; so much further back decisions are loaded."""
RECENT_CONTACTS = timedelta(days=2)
"""A local day is over everywhere within so long; the daily cap looks no further back."""
_NO_CHARGES: Mapping[int, int] = {}
_ENDED = {"written_off": Reason.WRITTEN_OFF, "cancelled": Reason.LOAN_CLOSED, "closed": Reason.LOAN_CLOSED}
"""Statuses that end reminders although money is open."""


@dataclass(slots=True)
class LoadedCase:
    """A case with what writing its decisions needs besides."""

    case: Case
    locale: str | None
    case_version: int
    zone_since: datetime | None


@dataclass(slots=True)
class _Gathered:
    """One borrower's parts while they are read."""

    head: Any
    subjects: list[Subject] = field(default_factory=list)
    paid_loans: list[Any] = field(default_factory=list)
    """Loans with money recorded since the last look."""
    replanned_loans: list[Any] = field(default_factory=list)
    """Loans whose plan is watched only since the last look, and that had one before."""
    ended_loans: dict[str, Reason] = field(default_factory=dict)
    devices: list[Any] = field(default_factory=list)
    push_consent: bool = True
    decisions: dict[DecisionKey, PastDecision] = field(default_factory=dict)
    contacts: list[PastContact] = field(default_factory=list)

    @property
    def has_changed(self) -> bool:
        """Whether the case has changed since it was decided last; else only time has passed."""
        return bool(self.head.case_version != self.head.decided_version)


def load_cases(session: Session, borrower_ids: Iterable[str], *, now: datetime, policy: Policy) -> dict[str, LoadedCase]:
    """Return the cases of these borrowers, which the caller has locked, as far as the policy's steps reach."""
    ids = list(borrower_ids)
    gathered = {row.id: _Gathered(row) for row in session.execute(_heads(ids))}
    if not gathered:
        return {}
    _add_loans(session, gathered, now, horizon=now.date() + timedelta(days=policy.lead_days + 2))
    _add_recently_paid(session, gathered)
    _add_recently_replaced(session, gathered)
    _add_devices(session, gathered)
    _add_contacts(session, gathered, now, trail=timedelta(days=policy.trail_days))
    return {borrower_id: _case(parts) for borrower_id, parts in gathered.items()}


def _heads(ids: Sequence[str]) -> Any:
    return (
        select(
            BorrowerRow.id,
            BorrowerRow.zone,
            BorrowerRow.phone_zones,
            BorrowerRow.locale,
            BorrowerRow.flags,
            AgendaRow.case_version,
            AgendaRow.decided_version,
            AgendaRow.decided_until,
            AgendaRow.zone.label("decided_zone"),
            AgendaRow.zone_since,
        )
        .join(AgendaRow, AgendaRow.borrower_id == BorrowerRow.id)
        .where(BorrowerRow.id.in_(ids))
    )


def _add_loans(session: Session, gathered: dict[str, _Gathered], now: datetime, *, horizon: date) -> None:
    statement = (
        select(
            LoanRow.id,
            LoanRow.borrower_id,
            LoanRow.loan_no,
            LoanRow.currency,
            LoanRow.status,
            LoanRow.ended_at,
            LoanRow.resumed_at,
            LoanRow.anchor_no,
            LenderRow.zone,
            PlanVersionRow.watched_from_at,
            LoanRow.contract,
            LoanRow.cap,
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
        .where(LoanRow.borrower_id.in_(list(gathered)))
    )
    for loan in session.execute(statement):
        parts = gathered[loan.borrower_id]
        decided_until = parts.head.decided_until
        if decided_until is not None:
            if loan.last_recorded_at is not None and loan.last_recorded_at > decided_until:
                parts.paid_loans.append(loan)
            if loan.anchor_no > 1 and loan.watched_from_at > decided_until:
                parts.replanned_loans.append(loan)
        if loan.status == "active":
            parts.subjects += _open_subjects(loan, horizon, _late_charges(loan, now))
        elif loan.open_rows:
            parts.ended_loans[loan.id] = _ENDED[loan.status]
            if decided_until is not None and loan.ended_at is not None and loan.ended_at > decided_until:
                ended = {"closed_at": loan.ended_at, "closed_reason": _ENDED[loan.status]}
                parts.subjects += [replace(subject, **ended) for subject in _open_subjects(loan, horizon)]


def _late_charges(loan: Any, now: datetime) -> Mapping[int, int]:
    """Return what lateness has cost since the snapshot, by row number, on the lender's day; mostly nothing."""
    if not loan.contract.get("late"):
        return {}
    late = late_terms(read_stored(loan.contract), loan.cap)
    if late is None:
        return {}
    rows = open_rows_of(loan.open_rows, loan.row_states)
    later = charged_until(rows, loan.last_effective_on, business_date(now, loan.zone), late)
    return {row.row_no: grown.open.penalties - row.open.penalties for row, grown in zip(rows, later, strict=True)}


def _open_subjects(loan: Any, horizon: date, late_charges: Mapping[int, int] = _NO_CHARGES) -> Iterable[Subject]:
    """Yield the open rows up to the horizon, and the first one beyond it: that one says when to wake next."""
    estimated = Reason.PLAN_ESTIMATED if ESTIMATED_PLAN in loan.marks else None
    paid_to = _paid_to(loan)
    for row_no, due_text, *open_parts in loan.open_rows:
        due_on = date.fromisoformat(due_text)
        yield Subject(
            subject_id=f"{loan.id}/{row_no}",
            loan_id=loan.id,
            loan_no=loan.loan_no,
            lender_zone=loan.zone,
            row_no=row_no,
            anchor_no=loan.anchor_no,
            due_on=due_on,
            open_minor=sum(open_parts) + late_charges.get(row_no, 0),
            currency=loan.currency,
            watched_from=max(loan.watched_from_at, loan.resumed_at or loan.watched_from_at),
            held_reason=estimated or (Reason.CORE_SAYS_PAID if due_on < paid_to else None),
        )
        if due_on > horizon:
            return


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


def _add_recently_paid(session: Session, gathered: dict[str, _Gathered]) -> None:
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
        parts, loan = paid[row.loan_id]
        is_open = any(row.row_no == row_no for row_no, *_ in loan.open_rows)
        if row.closed_at > parts.head.decided_until and not is_open:
            watched_from = loan.watched_from_at
            parts.subjects.append(_closed_subject(loan, row, loan.anchor_no, watched_from, row.closed_at, Reason.PAID))


def _add_recently_replaced(session: Session, gathered: dict[str, _Gathered]) -> None:
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
        since, until = parts.head.decided_until, versions[row.loan_id].get(row.anchor_no + 1)
        if until is None or until <= since:
            continue
        paid = payments[row.loan_id, row.row_no]
        if row.total > min(_paid_before(since, paid), _paid_before(until, paid)):
            watched_from = versions[row.loan_id][row.anchor_no]
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
    )  # fmt: skip


def _add_devices(session: Session, gathered: dict[str, _Gathered]) -> None:
    ids = list(gathered)
    statement = (
        select(DeviceRow.borrower_id, DeviceRow.zone, DeviceRow.push_permission, EndpointRow.state)
        .outerjoin(EndpointRow, and_(EndpointRow.device_id == DeviceRow.id, EndpointRow.channel == "push"))
        .where(DeviceRow.borrower_id.in_(ids))
        .order_by(DeviceRow.last_seen_at.desc(), DeviceRow.id)
    )
    for device in session.execute(statement):
        gathered[device.borrower_id].devices.append(device)
    consents = (
        select(ConsentRow.borrower_id, ConsentRow.given)
        .where(ConsentRow.borrower_id.in_(ids), ConsentRow.channel == "push")
        .order_by(ConsentRow.recorded_at, ConsentRow.id)
    )
    for consent in session.execute(consents):
        gathered[consent.borrower_id].push_consent = consent.given


def _add_contacts(session: Session, gathered: dict[str, _Gathered], now: datetime, *, trail: timedelta) -> None:
    ids = list(gathered)
    changed = [borrower_id for borrower_id, parts in gathered.items() if parts.has_changed]
    contacts = session.execute(
        select(
            ContactRow.id,
            ContactRow.borrower_id,
            ContactRow.local_date,
            ContactRow.created_at,
            ContactRow.slot_no,
            ContactRow.state,
        ).where(
            ContactRow.borrower_id.in_(ids),
            or_(
                ContactRow.created_at >= now - RECENT_CONTACTS,
                and_(ContactRow.borrower_id.in_(changed), ContactRow.state == "open"),
            ),
        )
    ).all()
    contact_ids = [contact.id for contact in contacts]
    by_contact: dict[str, list[DecisionKey]] = defaultdict(list)
    for row in session.execute(_decisions(ids, contact_ids, _reachable(gathered, trail))):
        key = DecisionKey(row.subject_kind, row.subject_id, row.anchor_no, row.step_key)
        gathered[row.borrower_id].decisions[key] = PastDecision(
            row.id, key, row.loan_id, row.row_no, row.occurs_at, Outcome(row.outcome), Reason(row.reason), row.contact_id,
            row.next_evaluation_at, row.event_count,
        )  # fmt: skip
        if row.contact_id is not None:
            by_contact[row.contact_id].append(key)
    waiting = _find_waiting(session, contact_ids)
    for contact in contacts:
        # A settled contact is done with, unless a message of it was on its way when the money came and was put back.
        keys = tuple(by_contact[contact.id]) if contact.state == "open" or contact.id in waiting else ()
        gathered[contact.borrower_id].contacts.append(
            PastContact(
                contact.id, contact.local_date, contact.created_at, contact.slot_no, keys,
                waiting=contact.id in waiting, tried=waiting.get(contact.id, False),
            )
        )  # fmt: skip


def _find_waiting(session: Session, contact_ids: Sequence[str]) -> dict[str, bool]:
    """Return those of these contacts that have messages waiting, and whether something of them was handed over before."""
    if not contact_ids:
        return {}
    tried = (
        exists()
        .where(DeliveryAttemptRow.message_id == MessageRow.id, DeliveryAttemptRow.outcome != "withheld")
        .correlate(MessageRow)
    )
    statement = select(MessageRow.contact_id, tried.label("tried")).where(
        MessageRow.contact_id.in_(contact_ids), MessageRow.state.in_(("queued", "stale"))
    )
    found: dict[str, bool] = {}
    for row in session.execute(statement):
        found[row.contact_id] = found.get(row.contact_id, False) or bool(row.tried)
    return found


def _reachable(gathered: dict[str, _Gathered], trail: timedelta) -> list[str]:
    """Return the subjects a step of which may come up now: whatever was decided about them must be known.

    Of a borrower never looked at there is nothing to know, and of a row whose last step lies behind what was decided nothing
    can come up any more.
    """
    subject_ids: list[str] = []
    for parts in gathered.values():
        decided_until = parts.head.decided_until
        if decided_until is not None:
            oldest = (decided_until - trail - SLACK).date()
            subject_ids += [subject.subject_id for subject in parts.subjects if subject.due_on >= oldest]
    return subject_ids


def _decisions(ids: Sequence[str], contact_ids: Sequence[str], subject_ids: Sequence[str]) -> Any:
    return select(
        DecisionRow.id,
        DecisionRow.borrower_id,
        DecisionRow.subject_kind,
        DecisionRow.subject_id,
        DecisionRow.anchor_no,
        DecisionRow.step_key,
        DecisionRow.loan_id,
        DecisionRow.row_no,
        DecisionRow.occurs_at,
        DecisionRow.outcome,
        DecisionRow.reason,
        DecisionRow.contact_id,
        DecisionRow.next_evaluation_at,
        DecisionRow.event_count,
    ).where(
        DecisionRow.borrower_id.in_(ids),
        or_(
            DecisionRow.outcome == Outcome.DEFERRED.value,
            DecisionRow.contact_id.in_(contact_ids),
            and_(DecisionRow.subject_kind == "instalment", DecisionRow.subject_id.in_(subject_ids)),
        ),
    )


def _case(parts: _Gathered) -> LoadedCase:
    head = parts.head
    case = Case(
        borrower_id=head.id,
        subjects=tuple(parts.subjects),
        decisions=parts.decisions,
        contacts=tuple(parts.contacts),
        profile_zone=head.zone,
        device_zones=tuple(dict.fromkeys(device.zone for device in parts.devices if device.zone)),
        phone_zones=tuple(head.phone_zones or ()),
        flags=tuple(head.flags or ()),
        ended_loans=parts.ended_loans,
        push_block=_push_block(parts),
        decided_until=head.decided_until,
        decided_zone=head.decided_zone,
    )
    return LoadedCase(case, head.locale, head.case_version, head.zone_since)


def _push_block(parts: _Gathered) -> Reason | None:
    reachable = [device for device in parts.devices if device.state is not None]
    if not reachable:
        return Reason.NO_ENDPOINT
    if not parts.push_consent:
        return Reason.CONSENT_WITHDRAWN
    active = [device for device in reachable if device.state == "active"]
    if not active:
        return Reason.ENDPOINT_INVALID
    return None if any(device.push_permission for device in active) else Reason.PUSH_PERMISSION_OFF
