"""What the second person sees of a batch of payouts: each payee, and what changed since it was made.

A batch is frozen when it is made. What was taken back since (a payment reversed, a share given to another), or an account
that was told anew, is nothing it knows: it is refused then, and made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import ConflictError
from app.domain.permissions import check_may
from app.domain.times import business_date
from app.persistence.queries import payouts as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.funding import count_unpassed
from app.persistence.queries.lenders import get_zone
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.desk_payments import DeskStaff
from app.services.funders import masked_account, open_account

TAKEN_BACK, ACCOUNT_CHANGED = "taken_back", "account_changed"
CHANGES = (TAKEN_BACK, ACCOUNT_CHANGED)
_NAMED = 5
"""So many funders a refusal names; the list of payees marks them all."""


@dataclass(frozen=True, slots=True)
class Payee:
    """Name and account as they were when the batch was made."""

    name: str
    account: str


@dataclass(frozen=True, slots=True)
class SeenPayout:
    """A payout as the second person sees it. `payable_minor`: what is payable now; None: the batch was decided."""

    id: str
    funder_no: str
    name: str
    account: str | None
    """Masked."""
    amount_minor: int
    payable_minor: int | None
    changed: tuple[str, ...]
    """Of CHANGES: why the batch would be refused."""


@dataclass(frozen=True, slots=True)
class SeenBatch:
    """A page of a batch's payouts, at most so many as were asked for."""

    batch: Any
    payouts: Sequence[SeenPayout]


def read_payees(work: Work, batch_id: str, *, after: str, limit: int, staff: DeskStaff, now: datetime) -> SeenBatch:
    """Return payees by payout id, following `after`; the reading is written down. Raises NotFoundError, ForbiddenError."""
    check_may(staff.role, "funding.read")
    session = work.session
    batch = queries.get_batch(session, staff.lender_id, batch_id)
    rows = queries.page_payees(session, batch.id, after=after, limit=limit)
    waits = batch.state == queries.WAITING
    payable = _payable(session, batch, _today(session, batch, now), [row.funder_id for row in rows]) if waits else {}
    seen = []
    for row in rows:
        frozen = open_payee(work.vault, row)
        left = row.amount_minor + payable[row.funder_id] if waits else None
        changed = [TAKEN_BACK] if left is not None and left < row.amount_minor else []
        if waits and open_account(work.vault, row.funder_id, row.account_sealed) != frozen.account:
            changed.append(ACCOUNT_CHANGED)
        seen.append(
            SeenPayout(
                row.id, row.funder_no, frozen.name, masked_account(frozen.account), row.amount_minor, left, tuple(changed)
            )
        )
    facts = {"batch_id": batch.id, "payouts": len(rows)}
    add_audit(session, at=now, actor=staff.by, action="payouts.payees_read", borrower_id=None, facts=facts)
    return SeenBatch(batch, seen)


def refuse_if_changed(work: Work, batch: Any, *, now: datetime) -> None:
    """Refuse a waiting batch that pays more than is payable now, or to an account that is another now.

    Raises ConflictError.
    """
    session = work.session
    refuse_while_passing_on(session, batch.lender_id)
    payable = _payable(session, batch, _today(session, batch, now))
    short = [row.funder_no for row in queries.find_payouts(session, batch.id) if payable[row.funder_id] < 0]
    if short:
        raise ConflictError(
            f"What it pays was taken back since it was made (funders {_named(short)}); decline the batch and make it again."
        )
    told = [
        row.funder_no
        for row in queries.find_told_since(session, batch.id, batch.requested_at)
        if open_account(work.vault, row.funder_id, row.account_sealed) != open_payee(work.vault, row).account
    ]
    if told:
        raise ConflictError(
            f"An account was changed since it was made (funders {_named(told)}); decline the batch and make it again."
        )


def problem_of(work: Work, batch: Any, *, now: datetime) -> ConflictError | None:
    """Return why a waiting batch would be refused, or None."""
    try:
        if batch.state == queries.WAITING:
            refuse_if_changed(work, batch, now=now)
    except ConflictError as error:
        return error
    return None


def refuse_while_passing_on(session: Session, lender_id: str) -> None:
    """Refuse to say what is payable while money waits to be passed on, or taken back. Raises ConflictError."""
    if count_unpassed(session, lender_id):
        raise ConflictError("Money that came in is being passed on right now; try again in a minute.")


def seal_payee(ring: Vault, payout_id: str, payee: Payee) -> bytes:
    """Return a payee as it is stored."""
    told = orjson.dumps({"name": payee.name, "account": payee.account}).decode()
    return ring.seal(told, place=_place(payout_id)) or b""


def open_payee(ring: Vault, row: Any) -> Payee:
    """Return the payee of a payout."""
    return Payee(**orjson.loads(ring.open(row.payee_sealed, place=_place(row.id)) or "{}"))


def _payable(
    reads: Connection | Session, batch: Any, today: date, funder_ids: Sequence[str] | None = None
) -> dict[str, int]:
    """Return funder -> what is payable beside the batch, as all is booked by now; negative: so much it pays too much."""
    net = queries.sum_net(reads, batch.lender_id, batch.currency, until=today, funder_ids=funder_ids)
    paid = queries.sum_paid(reads, batch.lender_id, batch.currency, funder_ids=funder_ids)
    return {funder_id: net.get(funder_id, 0) - minor for funder_id, minor in paid.items()}


def _today(reads: Connection | Session, batch: Any, now: datetime) -> date:
    return business_date(now, get_zone(reads, batch.lender_id))


def _named(numbers: Sequence[str]) -> str:
    more = len(numbers) - _NAMED
    return ", ".join(numbers[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _place(payout_id: str) -> str:
    return f"payouts.payee:{payout_id}"
