"""What waits for a second person at a lender's desk: one list over all that needs one, the longest waiting first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.domain.money import Money
from app.domain.plan_requests import RequestState
from app.domain.refunds import RefundState
from app.domain.registers import ReportState
from app.persistence.queries import (
    collateral_sales,
    credit_bureaus,
    desk_payments,
    escalation_pages,
    interest_stop_requests,
    payouts,
    waivers,
)
from app.persistence.queries.contact_changes import page_proposed
from app.persistence.queries.credit_corrections import find_corrections
from app.persistence.queries.credit_report_views import find_waiting_snapshots
from app.persistence.queries.plan_requests import page_shown
from app.persistence.queries.provider_templates import list_provider_templates
from app.persistence.queries.refunds import page_refunds
from app.persistence.queries.restricted_register import page_of_lender
from app.persistence.queries.tasks import page_tasks
from app.persistence.queries.wind_downs import find_waiting
from app.services.waivers import parts_of

MOST_OF_A_KIND = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """One act that waits. `borrower_no` None: of no borrower."""

    kind: str
    id: str
    since: datetime
    asked_by: str | None
    borrower_no: str | None = None
    loan_no: str | None = None
    amount: Money | None = None
    about: str | None = None
    """What it is, by a code: a reason, a kind of plan, a template."""


def list_waiting(reads: Connection, lender_id: str, *, kind: str | None = None) -> list[Waiting]:
    """Return what waits, at most 100 of each kind. `kind`: only of this one of KINDS."""
    found = [each for name, gather in _GATHER.items() if kind in (None, name) for each in gather(reads, lender_id)]
    return sorted(found, key=lambda each: (each.since, each.id))


def _payments(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    for row in desk_payments.page_waiting(reads, lender_id, limit=MOST_OF_A_KIND):
        amount = Money(row.amount_minor, row.currency)
        yield Waiting(
            "payment", row.id, row.requested_at, row.requested_by, row.borrower_no, row.loan_no, amount, row.method
        )


def _waivers(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    for row in waivers.page_waiting(reads, lender_id, limit=MOST_OF_A_KIND):
        amount = Money(parts_of(row).total, row.currency)
        yield Waiting("waiver", row.id, row.requested_at, row.requested_by, row.borrower_no, row.loan_no, amount, row.reason)


def _plans(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    state = RequestState.REQUESTED.value
    for row in page_shown(reads, lender_id=lender_id, state=state, before=None, limit=MOST_OF_A_KIND):
        by = None if row.asked_by.startswith("borrower:") else row.asked_by
        yield Waiting("plan", row.id, row.requested_at, by, row.borrower_no, row.loan_no, about=row.kind)


def _refunds(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    state = RefundState.REQUESTED.value
    for row in page_refunds(reads, lender_id, state=state, after=None, limit=MOST_OF_A_KIND):
        amount = Money(row.amount_minor, row.currency)
        yield Waiting("refund", row.id, row.requested_at, row.requested_by, row.borrower_no, row.loan_no, amount)


def _collateral_sales(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    """By the id of the thing: the sale is decided on its page."""
    for row in collateral_sales.page_waiting(reads, lender_id, limit=MOST_OF_A_KIND):
        amount = Money(row.proceeds_minor, row.currency)
        yield Waiting("collateral_sale", row.thing_id, row.requested_at, row.requested_by, row.borrower_no, None, amount)


def _collateral_reversals(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    """By the id of the thing, as its sales."""
    for row in collateral_sales.page_reversals(reads, lender_id, limit=MOST_OF_A_KIND):
        amount = Money(row.proceeds_minor, row.currency)
        at, by = row.reversal_asked_at, row.reversal_asked_by
        yield Waiting("collateral_reversal", row.thing_id, at, by, row.borrower_no, None, amount)


def _payouts(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    for row in payouts.page_batches(reads, lender_id, state=payouts.WAITING, limit=MOST_OF_A_KIND):
        yield Waiting("payouts", row.id, row.requested_at, row.requested_by, amount=Money(row.total_minor, row.currency))


def _wind_downs(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    row = find_waiting(reads, lender_id)
    if row is not None:
        yield Waiting("wind_down", row.id, row.requested_at, row.requested_by)


def _register_reports(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    waiting = (ReportState.WAITING.value,)
    for row in page_of_lender(reads, lender_id, states=waiting, limit=MOST_OF_A_KIND):
        yield Waiting(
            "register_report", row.id, row.asked_at, row.asked_by, row.borrower_no, row.loan_no, about=row.register
        )


def _contact_changes(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    for row in page_proposed(reads, lender_id, limit=MOST_OF_A_KIND):
        yield Waiting("contact_change", row.id, row.proposed_at, row.proposed_by, row.borrower_no, about=row.kind)


def _letters(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    for row in page_tasks(reads, lender_id=lender_id, kind="letter", state="open", limit=MOST_OF_A_KIND):
        yield Waiting("letter", row.id, row.created_at, None, row.borrower_no, row.loan_no, about=row.rule)


def _provider_templates(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    for row in list_provider_templates(reads):
        if row.state == "submitted":
            about = f"{row.template} · {row.channel} · {row.locale}"
            yield Waiting("provider_template", row.id, row.changed_at, None, about=about)


def _credit_bureaus(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    for row in credit_bureaus.find_waiting(reads, lender_id):
        yield Waiting("credit_bureau", row.id, row.requested_at, row.requested_by, about=row.bureau)


def _credit_snapshots(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    for row in find_waiting_snapshots(reads, lender_id, limit=MOST_OF_A_KIND):
        about = f"{row.bureau} · {row.as_of.isoformat()}"
        yield Waiting("credit_snapshot", row.id, row.frozen_at or row.made_at, row.made_by, about=about)


def _credit_corrections(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    for row in find_corrections(reads, lender_id=lender_id, states=("proposed",), limit=MOST_OF_A_KIND):
        yield Waiting("credit_correction", row.id, row.proposed_at, row.proposed_by, loan_no=row.loan_no, about=row.reason)


def _escalations(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    for row in escalation_pages.page_waiting(reads, lender_id, limit=MOST_OF_A_KIND):
        yield Waiting(
            "escalation", row.escalation_id, row.wanted_at, row.approved_by, row.borrower_no, row.loan_no, about=row.kind
        )


def _interest_stops(reads: Connection, lender_id: str) -> Iterator[Waiting]:
    for row in interest_stop_requests.page_waiting(reads, lender_id, limit=MOST_OF_A_KIND):
        yield Waiting("interest_stop", row.id, row.asked_at, row.asked_by, row.borrower_no, row.loan_no, about=row.act)


_GATHER: dict[str, Any] = {
    "payment": _payments,
    "waiver": _waivers,
    "plan": _plans,
    "refund": _refunds,
    "contact_change": _contact_changes,
    "letter": _letters,
    "provider_template": _provider_templates,
    "collateral_sale": _collateral_sales,
    "collateral_reversal": _collateral_reversals,
    "credit_bureau": _credit_bureaus,
    "credit_snapshot": _credit_snapshots,
    "credit_correction": _credit_corrections,
    "escalation": _escalations,
    "interest_stop": _interest_stops,
    "payouts": _payouts,
    "wind_down": _wind_downs,
    "register_report": _register_reports,
}
KINDS = tuple(_GATHER)
