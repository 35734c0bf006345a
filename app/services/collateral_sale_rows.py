"""A sale's row: locked with its thing, moved, written down who did it; and what of it is sealed."""

from datetime import datetime

from app.domain.collateral_sales import SaleState
from app.domain.desk_payments import reference_of
from app.domain.free_text import without_card_numbers
from app.persistence.models.collateral import CollateralSaleRow, CollateralThingRow
from app.persistence.queries import collateral as queries
from app.persistence.queries import collateral_sales as sales
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault

QUEUE, TASK = "approvals", "collateral_sale"
LONGEST_REASON = 200


def locked_thing(work: Work, thing_id: str, lender_id: str) -> CollateralThingRow:
    """Return a thing whose borrower's agenda row is held. Raises NotFoundError."""
    lock_agenda(work.session, [queries.get_thing(work.session, thing_id, lender_id=lender_id).borrower_id])
    return queries.get_thing(work.session, thing_id, lender_id=lender_id)


def locked_sale(work: Work, sale_id: str, lender_id: str) -> tuple[CollateralSaleRow, CollateralThingRow]:
    """Return a sale and its thing, as they stand under the borrower's agenda row. Raises NotFoundError."""
    row = sales.get_sale(work.session, sale_id, lender_id=lender_id)
    thing = locked_thing(work, row.thing_id, lender_id)
    return sales.get_sale(work.session, sale_id, lender_id=lender_id), thing


def move_sale(work: Work, row: CollateralSaleRow, to: SaleState, *, by: str, now: datetime) -> None:
    """Write that a sale was decided, and by whom."""
    row.state, row.decided_by, row.decided_at = to.value, by[:90], now
    changed_sale(work, row, to.value, by=by, now=now)


def changed_sale(work: Work, row: CollateralSaleRow, verb: str, *, by: str, now: datetime) -> None:
    """Write a change of a sale with its trace: what was said in words is not in it."""
    row.version += 1
    work.session.flush()
    audit_sale(work, row, verb, by=by, now=now)


def audit_sale(work: Work, row: CollateralSaleRow, verb: str, *, by: str, now: datetime) -> None:
    """Write down who did what with a sale."""
    facts = {
        "sale_id": row.id, "thing_id": row.thing_id, "proceeds_minor": row.proceeds_minor, "currency": row.currency,
        "surplus_minor": row.surplus_minor, "shortfall_minor": row.shortfall_minor, "refund_id": row.refund_id,
    }  # fmt: skip
    add_audit(work.session, at=now, actor=by, action=f"collateral_sale.{verb}", borrower_id=row.borrower_id, facts=facts)


def seal_said(ring: Vault, sale_id: str, column: str, text: str | None) -> bytes | None:
    """Seal what somebody wrote about a sale: `note`, `reason`, `reversal_reason`."""
    return ring.seal(None if text is None else without_card_numbers(text), place=_place(sale_id, column))


def note_of(ring: Vault, row: object) -> str | None:
    """Return the note of a sale, opened."""
    return _opened(ring, row, "note")


def reason_of(ring: Vault, row: object) -> str | None:
    """Return why a sale was declined or taken back, opened."""
    return _opened(ring, row, "reason") or row.reason  # type: ignore[attr-defined]


def reversal_reason_of(ring: Vault, row: object) -> str | None:
    """Return why a sale is to be taken back, opened."""
    return _opened(ring, row, "reversal_reason")


def event_reference(row: CollateralSaleRow, name: str) -> str:
    """Return the reference of an event that booking a sale writes: `costs`, `sold`, `paid`."""
    return reference_of("sale", f"{row.id}:{name}")


def _opened(ring: Vault, row: object, column: str) -> str | None:
    return ring.open(getattr(row, f"{column}_sealed"), place=_place(row.id, column))  # type: ignore[attr-defined]


def _place(sale_id: str, column: str) -> str:
    return f"collateral_sales.{column}:{sale_id}"
