"""Taking a booked sale back: asked for by one, done by another; its repayments, its refund, its events.

While that waits the sale stays booked, and its surplus does not go out. What has left does not come back by itself: then the
sale stays as it is, and the refusal says what is to be done instead.
"""

from datetime import datetime

from app.domain.actors import same_person
from app.domain.book import check_text
from app.domain.collateral_events import EventKind
from app.domain.collateral_sales import ReversalState, SaleState, check_sale_move
from app.domain.errors import ConflictError, ForbiddenError
from app.domain.permissions import check_may
from app.domain.times import business_date
from app.persistence.models.collateral import CollateralSaleRow, CollateralThingRow
from app.persistence.queries import collateral as queries
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.services.collateral_event_values import EventValues
from app.services.collateral_events import record_event
from app.services.collateral_proceeds import require_reversible, take_back_proceeds
from app.services.collateral_sale_rows import (
    LONGEST_REASON,
    QUEUE,
    TASK,
    changed_sale,
    event_reference,
    locked_sale,
    move_sale,
    reversal_reason_of,
    seal_said,
)
from app.services.collateral_sale_words import tell_of_sale
from app.services.desk_payments import DeskStaff
from app.services.tasks import NewTask, add_task, finish_task

_S, _R = SaleState, ReversalState


def ask_reversal(work: Work, sale_id: str, *, staff: DeskStaff, now: datetime, reason: str) -> None:
    """Have a booked sale wait to be taken back by somebody else. By the same person twice changes nothing.

    Raises NotFoundError, ForbiddenError, ValidationError; ConflictError where it is not booked, waits already, or cannot be
    taken back any more.
    """
    check_may(staff.role, "collateral.approve_sale")
    check_text("reason", reason, LONGEST_REASON)
    row, _ = locked_sale(work, sale_id, staff.lender_id)
    check_sale_move(row.state, _S.REVERSED)
    if row.reversal_state == _R.WAITING:
        if same_person(row.reversal_asked_by, staff.by):
            return
        raise ConflictError("Somebody asked to take this sale back already; decide that first.")
    require_reversible(work, row)
    row.reversal_state, row.reversal_asked_by, row.reversal_asked_at = _R.WAITING.value, staff.by, now
    row.reversal_reason_sealed = seal_said(work.vault, row.id, "reversal_reason", reason)
    changed_sale(work, row, "reversal_asked", by=staff.by, now=now)
    facts = {"sale_id": row.id, "act": "reverse", "amount_minor": row.proceeds_minor, "currency": row.currency}
    add_task(work, NewTask(_task(row), row.borrower_id, TASK, QUEUE, due_at=now, facts=facts), now=now)


def approve_reversal(work: Work, sale_id: str, *, staff: DeskStaff, now: datetime) -> None:
    """Take a sale back that somebody else asked to. Twice changes nothing.

    Raises NotFoundError, ForbiddenError (it takes somebody else), ConflictError as `ask_reversal` does.
    """
    check_may(staff.role, "collateral.approve_sale")
    row, thing = locked_sale(work, sale_id, staff.lender_id)
    if row.state == _S.REVERSED:
        return
    check_sale_move(row.state, _S.REVERSED)
    if row.reversal_state != _R.WAITING:
        raise ConflictError("Nobody has asked to take this sale back; ask for it, then somebody else does it.")
    if same_person(row.reversal_asked_by, staff.by):
        raise ForbiddenError("You asked for it: somebody else takes a sale back.")
    require_reversible(work, row)
    row.reason_sealed = seal_said(work.vault, row.id, "reason", reversal_reason_of(work.vault, row))
    row.reversal_state = _R.DONE.value
    take_back_proceeds(work, row, staff=staff, now=now, reason="sale reversed")
    move_sale(work, row, _S.REVERSED, by=staff.by, now=now)
    _take_back_events(work, row, thing, staff=staff, now=now)
    finish_task(work, _task(row), reason="reversed", by=staff.by, now=now)
    pledges = queries.find_pledges(work.session, [thing.id])[thing.id]
    tell_of_sale(work, row, thing, pledges, now=now)


def decline_reversal(work: Work, sale_id: str, *, staff: DeskStaff, now: datetime, reason: str) -> None:
    """Leave a sale booked; who asked to take it back may do so too. Twice changes nothing. Raises as `approve_reversal`."""
    check_may(staff.role, "collateral.approve_sale")
    check_text("reason", reason, LONGEST_REASON)
    row, _ = locked_sale(work, sale_id, staff.lender_id)
    if row.reversal_state == _R.DECLINED:
        return
    if row.reversal_state != _R.WAITING:
        raise ConflictError("No reversal of this sale waits to be decided.")
    row.reversal_state = _R.DECLINED.value
    row.reason_sealed = seal_said(work.vault, row.id, "reason", reason)
    changed_sale(work, row, "reversal_declined", by=staff.by, now=now)
    finish_task(work, _task(row), reason="declined", by=staff.by, now=now)


def _take_back_events(
    work: Work, row: CollateralSaleRow, thing: CollateralThingRow, *, staff: DeskStaff, now: datetime
) -> None:
    """Reverse what the sale wrote and still stands; what others told of it is theirs to take back."""
    today = business_date(now, get_lender(work.session, row.lender_id).zone)
    events = queries.find_events(work.session, [thing.id])[thing.id]
    undone = {each.reverses_id for each in events}
    standing = {each.reference for each in events if each.id not in undone}
    for reference in (event_reference(row, name) for name in ("paid", "costs", "sold")):
        if reference in standing:
            values = EventValues(thing.reference, EventKind.REVERSAL, today, f"{reference}:undo", reverses=reference)
            record_event(work, row.lender_id, values, by=staff.by, origin=f"desk:{staff.by}", now=now)


def _task(row: CollateralSaleRow) -> str:
    assert row.reversal_asked_at is not None
    return f"collateral_sale_reversal/{row.id}/{row.reversal_asked_at.isoformat()}"
