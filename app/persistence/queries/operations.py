"""How the queues stand: every count is bounded and read in the order of an index, so that a large backlog costs no more."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, and_, bindparam, case, func, literal, or_, select, union_all

from app.domain.lanes import LANES, UNCERTAIN, UNTOLD
from app.persistence.column_types import Instant
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.deliveries import DeliveryReceiptRow, ProviderTemplateRow
from app.persistence.models.follow_ups import FollowUpRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.letters import LetterBatchRow
from app.persistence.models.loans import LoanRow, UnmatchedPaymentRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.operations import EngineReportRow, InvariantCountRow
from app.persistence.models.payments import PaymentEventRow, PaymentIntentRow
from app.persistence.models.reminders import AgendaRow, RulesStateRow
from app.persistence.models.running import LeaseRow
from app.persistence.models.statement_lines import StatementLineRow
from app.persistence.models.tasks import TaskRow
from app.persistence.models.webhooks import WebhookDeliveryRow, WebhookEndpointRow

MOST_COUNTED = 2000
"""Rows that one count looks at; there may be more."""
MOST_SHOWN = 100


class LaneCount(NamedTuple):
    """How a lane stands, of its first `MOST_COUNTED` messages in the order of their turn."""

    lane: str
    waiting: int
    due: int
    """Whose time has come."""
    sending: int
    """In flight, under a lease."""
    lapsed: int
    """In flight, and their lease ran out: whoever had them is gone."""
    stale: int
    """To be decided again before they leave."""
    first_at: datetime | None
    """When the longest due was to leave; of `untold` and `uncertain`, when its provider is asked next."""


class DueCount(NamedTuple):
    """How much of one kind is due, at most `MOST_COUNTED`, and since when."""

    kind: str
    due: int
    first_at: datetime | None


def _lane_counted(lane: str) -> Any:
    first = (
        select(MessageRow.state, MessageRow.next_attempt_at, MessageRow.leased_until)
        .where(MessageRow.lane == lane)
        .order_by(MessageRow.next_attempt_at, MessageRow.id)
        .limit(bindparam("b_most", type_=Integer()))
        .subquery()
    )
    is_sending = first.c.state == "sending"
    return select(
        literal(lane).label("lane"),
        func.count().label("waiting"),
        _sum(first.c.next_attempt_at <= bindparam("b_now", type_=Instant())),
        _sum(is_sending),
        _sum(and_(is_sending, first.c.leased_until < bindparam("b_machine_now", type_=Instant()))),
        _sum(first.c.state == "stale"),
        func.min(first.c.next_attempt_at).label("first_at"),
    ).select_from(first)


def _sum(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_LANES = union_all(*map(_lane_counted, (*LANES, UNTOLD, UNCERTAIN)))
"""Made once: to put it together takes longer than to run it."""


def count_lanes(reads: Connection, *, now: datetime, machine_now: datetime) -> list[LaneCount]:
    """Return how each lane stands, in one statement."""
    given = {"b_now": now, "b_machine_now": machine_now, "b_most": MOST_COUNTED}
    return [LaneCount(*row) for row in reads.execute(_LANES, given)]


def count_due(reads: Connection, *, now: datetime, machine_now: datetime) -> list[DueCount]:
    """Return how much the agenda, duties, follow-ups, webhooks and receipts have due, in one statement."""
    epoch = select(RulesStateRow.rules_epoch).limit(1).scalar_subquery()
    receipt = DeliveryReceiptRow
    wanted: Mapping[str, tuple[Any, Any, Any]] = {
        "agenda": (AgendaRow.wake_at, AgendaRow.wake_at <= now, AgendaRow.wake_at),
        "agenda_of_older_rules": (AgendaRow.wake_at, AgendaRow.rules_epoch < epoch, AgendaRow.rules_epoch),
        "duties": (AgendaRow.duties_at, AgendaRow.duties_at <= now, AgendaRow.duties_at),
        "follow_ups": (FollowUpRow.due_at, FollowUpRow.next_try_at <= now, FollowUpRow.next_try_at),
        "webhooks": (
            WebhookDeliveryRow.next_attempt_at,
            and_(WebhookDeliveryRow.state == "pending", WebhookDeliveryRow.next_attempt_at <= now),
            WebhookDeliveryRow.next_attempt_at,
        ),
        "receipts": (receipt.received_at, receipt.outcome == "unmatched", receipt.received_at),
    }

    def counted(kind: str, column: Any, condition: Any, order: Any) -> Any:
        first = select(column.label("at")).where(condition).order_by(order).limit(MOST_COUNTED).subquery()
        return select(literal(kind), func.count(), func.min(first.c.at)).select_from(first)

    return [DueCount(*row) for row in reads.execute(union_all(*(counted(kind, *each) for kind, each in wanted.items())))]


def count_waiting(reads: Connection, lender_id: str) -> dict[str, int]:
    """Return how much of a lender waits for a person, by what; each at most `MOST_SHOWN` and one more."""
    of_lender = LoanRow.lender_id == lender_id
    # As a value and not by EXISTS: that is turned into a hash of all loans, however few rows are looked at.
    on_loan = select(LoanRow.lender_id).where(LoanRow.id == TaskRow.loan_id).correlate(TaskRow).scalar_subquery()
    owes = select(LoanRow.lender_id).where(LoanRow.borrower_id == TaskRow.borrower_id, of_lender).limit(1)
    seen = func.coalesce(on_loan, owes.correlate(TaskRow).scalar_subquery()) == lender_id
    owes_here = select(LoanRow.lender_id).where(LoanRow.borrower_id == MessageRow.borrower_id, of_lender).limit(1)
    has_loan = owes_here.correlate(MessageRow).scalar_subquery() == lender_id
    line, event = StatementLineRow, PaymentEventRow
    wanted: Mapping[str, Any] = {
        "uncertain_messages": select(1).where(MessageRow.lane == UNCERTAIN, MessageRow.withdraws_id.is_(None), has_loan),
        "tasks_in_breach": select(1).where(TaskRow.state == "open", TaskRow.breach.is_(True), seen),
        "tasks": select(1).where(TaskRow.state == "open", seen),
        "lines_unmatched": select(1).where(line.lender_id == lender_id, line.state == "unmatched"),
        "lines_ambiguous": select(1).where(line.lender_id == lender_id, line.state == "ambiguous"),
        "payments_unmatched": select(1).where(
            UnmatchedPaymentRow.lender_id == lender_id, UnmatchedPaymentRow.matched_at.is_(None)
        ),
        "payment_events_refused": select(1).where(event.state == "refused", event.lender_id == lender_id),
        "payment_intents": select(1).where(
            PaymentIntentRow.lender_id == lender_id, PaymentIntentRow.state.in_(("created", "pending"))
        ),
        "templates_not_approved": select(1).where(ProviderTemplateRow.state != "approved"),
        "webhooks_failing": select(1).where(
            WebhookEndpointRow.lender_id == lender_id,
            WebhookEndpointRow.state == "failing",
            WebhookEndpointRow.deleted_at.is_(None),
        ),
    }

    def counted(kind: str, statement: Any) -> Any:
        return select(literal(kind), func.count()).select_from(statement.limit(MOST_SHOWN + 1).subquery())

    return {kind: count for kind, count in reads.execute(union_all(*(counted(*each) for each in wanted.items())))}


def find_leases(reads: Connection) -> Sequence[Any]:
    """Return every lease: name, owner, fence, expires_at (machine time). There are some dozens."""
    return reads.execute(select(LeaseRow.__table__).order_by(LeaseRow.name).limit(MOST_SHOWN)).all()


def find_reports(reads: Connection) -> Sequence[Any]:
    """Return what engines last said of themselves, the newest first."""
    return reads.execute(
        select(EngineReportRow.__table__).order_by(EngineReportRow.reported_at.desc()).limit(MOST_SHOWN)
    ).all()


def find_invariant_counts(reads: Connection) -> Sequence[Any]:
    """Return what must never be, as it was last counted, by name."""
    return reads.execute(select(InvariantCountRow.__table__).order_by(InvariantCountRow.name)).all()


def find_batches(reads: Connection, *, limit: int) -> Sequence[Any]:
    """Return the newest letter batches."""
    return reads.execute(select(LetterBatchRow.__table__).order_by(LetterBatchRow.id.desc()).limit(limit)).all()


def count_lenders(reads: Connection) -> int:
    """Return how many lenders the installation serves."""
    return reads.execute(select(func.count(LenderRow.id))).scalar() or 0


def page_unmatched_payments(
    reads: Connection, lender_id: str, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return payments the core told of that wait for a loan or for cover, oldest first, following (received_at, id)."""
    row = UnmatchedPaymentRow
    statement = (
        select(row.id, row.reference, row.loan_no, row.reason, row.payload, row.received_at)
        .where(row.lender_id == lender_id, row.matched_at.is_(None))
        .order_by(row.received_at, row.id)
        .limit(limit)
    )
    if after is not None:
        at, row_id = after
        statement = statement.where(or_(row.received_at > at, and_(row.received_at == at, row.id > row_id)))
    return reads.execute(statement).all()


def page_waiting_intents(reads: Connection, lender_id: str, *, limit: int) -> Sequence[Any]:
    """Return payments at providers that have not ended, oldest first."""
    intent = PaymentIntentRow
    statement = (
        select(
            intent.id, intent.provider, intent.purpose, intent.amount_minor, intent.currency, intent.state,
            intent.created_at, intent.expires_at, intent.ask_at, LoanRow.loan_no, BorrowerRow.borrower_no,
        )
        .join(LoanRow, LoanRow.id == intent.loan_id)
        .join(BorrowerRow, BorrowerRow.id == intent.borrower_id)
        .where(intent.lender_id == lender_id, intent.state.in_(("created", "pending")))
        .order_by(intent.id)
        .limit(limit)
    )  # fmt: skip
    return reads.execute(statement).all()
