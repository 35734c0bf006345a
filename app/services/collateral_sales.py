"""Sales of pledged things: asked for or told of by one, divided by the order of law and booked by another.

What the loans get is a repayment of each in the ledger, by the services that book all money; what is left over is paid in on
a loan that is closed by it and goes back as a refund, which takes its own approval. Costs are paid before, in no ledger.
"""

from datetime import datetime
from typing import Any

from app.domain.actors import same_person
from app.domain.book import check_text
from app.domain.collateral_events import EventKind, ThingState
from app.domain.collateral_sales import Division, OutsideClaim, SaleState, check_sale_move
from app.domain.errors import ConflictError, CurrencyMismatchError, ForbiddenError
from app.domain.money import Money
from app.domain.permissions import check_may
from app.persistence.ids import new_id
from app.persistence.models.collateral import CollateralSaleRow, CollateralThingRow
from app.persistence.queries import collateral as queries
from app.persistence.queries import collateral_sales as sales
from app.persistence.unit_of_work import Work
from app.services.collateral_event_values import EventValues
from app.services.collateral_events import record_event
from app.services.collateral_law import require_enforceable
from app.services.collateral_orders import order_of_thing
from app.services.collateral_proceeds import book_proceeds
from app.services.collateral_sale_figures import keep_told, settle_figures
from app.services.collateral_sale_previews import US, SalePreview, SaleWished, preview_sale
from app.services.collateral_sale_rows import (
    LONGEST_REASON,
    QUEUE,
    TASK,
    audit_sale,
    event_reference,
    locked_sale,
    locked_thing,
    move_sale,
    seal_said,
)
from app.services.collateral_sale_withdrawals import sale_task as _task
from app.services.collateral_sale_words import tell_of_sale
from app.services.desk_payments import DeskStaff
from app.services.tasks import NewTask, add_task, finish_task

_S = SaleState


def request_sale(work: Work, thing_id: str, wished: SaleWished, *, staff: DeskStaff, now: datetime) -> str:
    """Have a sale wait for somebody else to book it; return its id.

    Raises NotFoundError, ForbiddenError, ValidationError, CurrencyMismatchError, ConflictError (another waits, the thing is
    not in custody); LawRefusedError for a sale of ours that the law does not allow now.
    """
    check_may(staff.role, "collateral.sell")
    thing = locked_thing(work, thing_id, staff.lender_id)
    if wished.sold_by == US:
        require_enforceable(work, _loan_ids(work, thing), now=now)
    preview_sale(work.session, thing, wished, now=now)
    if sales.find_open_sale(work.session, thing.id) is not None:
        raise ConflictError("A sale of this thing waits or is booked already.")
    return add_sale(work, thing, wished, by=staff.by, now=now)


def tell_sale(
    work: Work, thing: CollateralThingRow, wished: SaleWished, *, reference: str, by: str, origin: str, now: datetime
) -> tuple[str, bool]:
    """Take in a sale that others made: the thing is sold from then on, its proceeds wait for a person to divide them.

    Raises as `record_event`. The same again changes nothing; other figures of it are kept beside those that stand. Return
    the sale's id and whether anything changed.
    """
    if wished.proceeds.currency != thing.currency:
        raise CurrencyMismatchError(f"{thing.reference} is kept in {thing.currency}, not in {wished.proceeds.currency}.")
    open_sale = sales.find_open_sale(work.session, thing.id)
    told = EventValues(thing.reference, EventKind.SOLD, wished.sold_on, reference)
    result = record_event(work, thing.lender_id, told, by=by, origin=origin, now=now)
    known = open_sale or sales.find_sale_of_event(work.session, result.event_id)
    if known is None:
        return add_sale(work, thing, wished, by=by, now=now, event_id=result.event_id), True
    if known.state == SaleState.WAITING and known.event_id is None:
        known.event_id = result.event_id  # asked for here, sold there: what is told takes it back as well
    kept = keep_told(work, known, wished, reference=reference, by=by, now=now)
    return str(known.id), result.created or kept


def approve_sale(
    work: Work, sale_id: str, *, staff: DeskStaff, now: datetime, figures: str | None = None, version: int | None = None
) -> None:
    """Book a sale that somebody else asked for, divided as of now. One that is booked stays so.

    `figures`: asked or told, where the lender's core tells others than were asked for; `version`: the sale's as it was
    looked at. Raises NotFoundError, ForbiddenError (it takes somebody else), ConflictError, LawRefusedError.
    """
    check_may(staff.role, "collateral.approve_sale")
    row, thing = locked_sale(work, sale_id, staff.lender_id)
    if row.state == _S.BOOKED:
        return
    check_sale_move(row.state, _S.BOOKED)
    if same_person(row.requested_by, staff.by):
        raise ForbiddenError("You asked for it: somebody else books a sale.")
    if version is not None and version != row.version:
        raise ConflictError("The sale has changed since you looked at it; look at it again.")
    settle_figures(row, figures)
    wished = wished_of(row)
    if wished.sold_by == US:
        require_enforceable(work, _loan_ids(work, thing), now=now)
    preview = preview_sale(work.session, thing, wished, now=now)
    _record(work, row, thing, preview.division, staff=staff, now=now)
    row.rule, row.division = preview.order.name, _kept(preview)
    row.surplus_minor, row.shortfall_minor = preview.division.surplus_minor, preview.division.shortfall_minor
    row.refund_id = book_proceeds(work, row, preview.division, by=staff.by, now=now)
    move_sale(work, row, _S.BOOKED, by=staff.by, now=now)
    finish_task(work, _task(row.id), reason="booked", by=staff.by, now=now)
    tell_of_sale(work, row, thing, preview.loans, now=now)


def decline_sale(work: Work, sale_id: str, *, staff: DeskStaff, now: datetime, reason: str) -> None:
    """Let a sale be that waits; who asked for it may do so too. Twice changes nothing.

    A thing that others told of as sold stays sold: that is taken back by a reversal of its event.
    """
    check_text("reason", reason, LONGEST_REASON)
    row, _ = locked_sale(work, sale_id, staff.lender_id)
    if row.state == _S.DECLINED:
        return
    if row.requested_by != staff.by:
        check_may(staff.role, "collateral.approve_sale")
    check_sale_move(row.state, _S.DECLINED)
    row.reason_sealed = seal_said(work.vault, row.id, "reason", reason)
    move_sale(work, row, _S.DECLINED, by=staff.by, now=now)
    finish_task(work, _task(row.id), reason="declined", by=staff.by, now=now)


def wished_of(row: Any) -> SaleWished:
    """Return what was asked for, without its note."""
    claims = tuple(OutsideClaim(each["rank"], each["amount_minor"]) for each in row.claims)
    proceeds = Money(row.proceeds_minor, row.currency)
    return SaleWished(row.sold_on, proceeds, row.method, row.sold_by, row.sale_costs_minor, claims)


def _record(
    work: Work, row: CollateralSaleRow, thing: CollateralThingRow, division: Division, *, staff: DeskStaff, now: datetime
) -> None:
    """Write the sale, what it cost and what of the costs was paid into the thing's events."""
    told: list[EventValues] = []
    name, on, facts = thing.reference, row.sold_on, {"sale_id": row.id}
    if row.sale_costs_minor:
        told.append(
            EventValues(name, EventKind.COST, on, event_reference(row, "costs"), "sale", row.sale_costs_minor, facts=facts)
        )
    if thing.state != ThingState.SOLD:
        told.append(EventValues(name, EventKind.SOLD, on, event_reference(row, "sold"), facts=facts))
    if division.costs_minor:
        paid = division.costs_minor
        told.append(
            EventValues(name, EventKind.COSTS_PAID, on, event_reference(row, "paid"), amount_minor=paid, facts=facts)
        )
    for values in told:
        result = record_event(work, row.lender_id, values, by=staff.by, origin=f"desk:{staff.by}", now=now)
        if values.kind == EventKind.SOLD:
            row.event_id = result.event_id


def add_sale(
    work: Work, thing: CollateralThingRow, wished: SaleWished, *, by: str, now: datetime, event_id: str | None = None
) -> str:
    """Keep a sale that waits, with the task of who decides it; return its id. `event_id`: what told of it."""
    sale_id = new_id()
    row = CollateralSaleRow(
        id=sale_id, thing_id=thing.id, borrower_id=thing.borrower_id, lender_id=thing.lender_id, sold_on=wished.sold_on,
        proceeds_minor=wished.proceeds.minor, currency=wished.proceeds.currency, sale_costs_minor=wished.sale_costs_minor,
        claims=[{"rank": each.rank, "amount_minor": each.amount_minor} for each in wished.claims], method=wished.method,
        sold_by=wished.sold_by, note_sealed=seal_said(work.vault, sale_id, "note", wished.note), state=_S.WAITING.value,
        rule=order_of_thing(work.session, thing).name, division={}, surplus_minor=0, shortfall_minor=0, event_id=event_id,
        requested_by=by, requested_at=now, version=1,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    audit_sale(work, row, "requested", by=by, now=now)
    facts = {"sale_id": sale_id, "amount_minor": row.proceeds_minor, "currency": row.currency}
    loan_id = next(iter(_loan_ids(work, thing)), None)
    add_task(
        work, NewTask(_task(sale_id), thing.borrower_id, TASK, QUEUE, loan_id=loan_id, due_at=now, facts=facts), now=now
    )  # fmt: skip
    return sale_id


def _kept(preview: SalePreview) -> dict[str, Any]:
    division = preview.division
    return {
        "costs_minor": division.costs_minor,
        "uncovered_costs_minor": division.uncovered_costs_minor,
        "claims_minor": list(division.claims),
        "surplus_minor": division.surplus_minor,
        "shortfall_minor": division.shortfall_minor,
        "loans": [
            {
                "loan_id": share.loan_id, "loan_no": pledge.loan_no, "rank": pledge.rank, "paid": share.paid._asdict(),
                "left": share.left._asdict(),
            }
            for share, pledge in zip(division.loans, preview.loans, strict=True)
        ],
    }  # fmt: skip


def _loan_ids(work: Work, thing: CollateralThingRow) -> list[str]:
    pledges = queries.find_pledges(work.session, [thing.id])[thing.id]
    return [pledge.loan_id for pledge in pledges if pledge.ended_on is None]
