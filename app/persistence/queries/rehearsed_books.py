"""Reading the book for a rehearsal: pages of borrowers, each with all that was ever known of it, in a few statements."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.domain.ledger import LedgerEntry
from app.domain.plans import PlanVersion
from app.persistence.models.borrowers import BorrowerRow, ConsentRow
from app.persistence.models.calls import CallRow
from app.persistence.models.case_records import CaseRecordRow
from app.persistence.models.devices import DeviceRow, EndpointRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow, PositionSnapshotRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.models.promises import PromiseRow
from app.persistence.models.reminders import AgendaRow, ContactRow, DecisionRow
from app.persistence.queries.case_contacts import CALL_COLUMNS, CALL_OF_MESSAGE
from app.persistence.queries.positions import load_ledgers

PAID_BY_NOW = (LoanRow.status == "closed") & (PositionSnapshotRow.open_rows == [])
"""Loans that are closed because they were paid: looking back they are open until the payment is known."""


@dataclass(slots=True)
class BorrowerPast:
    """What was made and decided of one borrower in the real book."""

    contacts: list[Any] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    decisions: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class BorrowerBook:
    """One borrower with all that the book holds of it; who reads it leaves out what was not known at its instant."""

    head: Any
    """The borrower's own columns and those of the agenda, which may be None."""
    loans: list[tuple[Any, Sequence[PlanVersion], Sequence[LedgerEntry]]] = field(default_factory=list)
    devices: list[Any] = field(default_factory=list)
    endpoints: list[Any] = field(default_factory=list)
    consents: list[Any] = field(default_factory=list)
    holds: list[Any] = field(default_factory=list)
    wishes: list[Any] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)
    promises: list[Any] = field(default_factory=list)
    past: BorrowerPast = field(default_factory=BorrowerPast)


def find_boundaries(session: Session, *, lender_id: str | None, size: int) -> tuple[list[str], int]:
    """Return the first ids of pages of `size` borrowers, and how many borrowers there are. Reads ids, keeps few of them."""
    statement = select(BorrowerRow.id).order_by(BorrowerRow.id).execution_options(yield_per=5000)
    first: list[str] = []
    count = 0
    for borrower_id in session.scalars(_of_lender(statement, lender_id)):
        if count % size == 0:
            first.append(borrower_id)
        count += 1
    return first, count


def page_rehearsed(session: Session, *, lender_id: str | None, first: str, until: str | None) -> list[str]:
    """Return the ids of the borrowers from `first` up to `until` (exclusive; None: all that follow), in order."""
    statement = select(BorrowerRow.id).where(BorrowerRow.id >= first).order_by(BorrowerRow.id)
    if until is not None:
        statement = statement.where(BorrowerRow.id < until)
    return list(session.scalars(_of_lender(statement, lender_id)))


def _of_lender(statement: Any, lender_id: str | None) -> Any:
    if lender_id is None:
        return statement
    return statement.where(exists().where(LoanRow.borrower_id == BorrowerRow.id, LoanRow.lender_id == lender_id))


def load_books(session: Session, ids: Sequence[str], *, past_since: datetime | None) -> list[BorrowerBook]:
    """Return these borrowers' books, in order of their ids. `past_since` None: without what was made and decided."""
    books = {row.id: BorrowerBook(row) for row in session.execute(_heads(ids))}
    loans = session.execute(_loans(ids)).all()
    ledgers = load_ledgers(session, [loan.id for loan in loans])
    for loan in loans:
        books[loan.borrower_id].loans.append((loan, *ledgers[loan.id]))
    for name, statement in _people(ids).items():
        for row in session.execute(statement):
            getattr(books[row.borrower_id], name).append(row)
    if past_since is not None:
        for borrower_id, past in _pasts(session, ids, past_since).items():
            books[borrower_id].past = past
    return [books[borrower_id] for borrower_id in sorted(books)]


def _heads(ids: Sequence[str]) -> Any:
    return (
        select(
            BorrowerRow.id, BorrowerRow.borrower_no, BorrowerRow.zone, BorrowerRow.phone_zones, BorrowerRow.locale,
            BorrowerRow.country, BorrowerRow.officer, BorrowerRow.flags,
            BorrowerRow.phone_sealed.is_not(None).label("has_phone"),
            BorrowerRow.email_sealed.is_not(None).label("has_email"),
            BorrowerRow.address_sealed.is_not(None).label("has_address"),
            AgendaRow.decided_until, AgendaRow.zone.label("decided_zone"), AgendaRow.zone_since,
        )
        .outerjoin(AgendaRow, AgendaRow.borrower_id == BorrowerRow.id)
        .where(BorrowerRow.id.in_(ids))
    )  # fmt: skip


def _loans(ids: Sequence[str]) -> Any:
    return (
        select(
            LoanRow.id, LoanRow.borrower_id, LoanRow.loan_no, LoanRow.currency, LoanRow.status, LoanRow.ended_at,
            LoanRow.resumed_at, LoanRow.product_kind, LoanRow.autopay, LoanRow.disbursed_on, LoanRow.imported_at,
            LoanRow.principal_minor, LoanRow.contract, LoanRow.cap, LoanRow.stops, LoanRow.marks, LoanRow.core_as_of,
            LoanRow.core_figures, LoanRow.lender_id, LoanRow.recorded_at,
            LenderRow.code.label("lender_code"), LenderRow.name.label("lender_name"),
            LenderRow.role.label("lender_role"), LenderRow.licence_kind,
            LenderRow.jurisdiction, LenderRow.zone, func.coalesce(PAID_BY_NOW, False).label("paid_by_now"),
        )
        .join(LenderRow, LenderRow.id == LoanRow.lender_id)
        .outerjoin(PositionSnapshotRow, PositionSnapshotRow.loan_id == LoanRow.id)
        .where(LoanRow.borrower_id.in_(ids))
        .order_by(LoanRow.borrower_id, LoanRow.id)
    )  # fmt: skip


def _people(ids: Sequence[str]) -> dict[str, Any]:
    return {
        "devices": select(
            DeviceRow.borrower_id, DeviceRow.zone, DeviceRow.push_permission, DeviceRow.last_seen_at, EndpointRow.state
        )
        .outerjoin(
            EndpointRow,
            (EndpointRow.device_id == DeviceRow.id)
            & (EndpointRow.borrower_id == DeviceRow.borrower_id)
            & (EndpointRow.channel == "push"),
        )
        .where(DeviceRow.borrower_id.in_(ids))
        .order_by(DeviceRow.last_seen_at.desc(), DeviceRow.id),
        "endpoints": select(EndpointRow.borrower_id, EndpointRow.channel, EndpointRow.state)
        .where(EndpointRow.borrower_id.in_(ids), EndpointRow.channel != "push")
        .order_by(EndpointRow.changed_at.desc(), EndpointRow.id),
        "consents": select(
            ConsentRow.borrower_id, ConsentRow.purpose, ConsentRow.channel, ConsentRow.form, ConsentRow.given,
            ConsentRow.recorded_at,
        )
        .where(ConsentRow.borrower_id.in_(ids))
        .order_by(ConsentRow.recorded_at, ConsentRow.id),
        "holds": select(HoldRow.__table__).where(HoldRow.borrower_id.in_(ids)).order_by(HoldRow.recorded_at, HoldRow.id),
        "wishes": select(ContactPreferenceRow.__table__)
        .where(ContactPreferenceRow.borrower_id.in_(ids))
        .order_by(ContactPreferenceRow.recorded_at, ContactPreferenceRow.id),
        "records": select(CaseRecordRow.__table__)
        .where(CaseRecordRow.borrower_id.in_(ids))
        .order_by(CaseRecordRow.recorded_at, CaseRecordRow.id),
        "promises": select(PromiseRow.__table__)
        .where(PromiseRow.borrower_id.in_(ids))
        .order_by(PromiseRow.loan_id, PromiseRow.promise_no),
    }  # fmt: skip


def _pasts(session: Session, ids: Sequence[str], since: datetime) -> dict[str, BorrowerPast]:
    found: dict[str, BorrowerPast] = defaultdict(BorrowerPast)
    contacts = (
        select(
            ContactRow.id, ContactRow.borrower_id, ContactRow.local_date, ContactRow.created_at, ContactRow.slot_no,
            ContactRow.state, ContactRow.origin, ContactRow.rungs_done,
        )
        .where(ContactRow.borrower_id.in_(ids), (ContactRow.created_at >= since) | (ContactRow.state == "open"))
        .order_by(ContactRow.created_at, ContactRow.id)
    )  # fmt: skip
    for contact in session.execute(contacts):
        found[contact.borrower_id].contacts.append(contact)
    messages = (
        select(
            MessageRow.borrower_id, MessageRow.contact_id, MessageRow.channel, MessageRow.rung_no, MessageRow.state,
            MessageRow.sent_at, MessageRow.not_before, MessageRow.seen_at, MessageRow.read_at, MessageRow.created_at,
            MessageRow.about, MessageRow.withdrawn_at,
            *CALL_COLUMNS,
        )
        .outerjoin(CallRow, CALL_OF_MESSAGE)
        .where(MessageRow.borrower_id.in_(ids), MessageRow.created_at >= since, MessageRow.contact_id.is_not(None))
        .order_by(MessageRow.created_at, MessageRow.id)
    )  # fmt: skip
    for message in session.execute(messages):
        found[message.borrower_id].messages.append(message)
    for decision in session.execute(select(DecisionRow.__table__).where(DecisionRow.borrower_id.in_(ids))):
        found[decision.borrower_id].decisions.append(decision)
    return found
