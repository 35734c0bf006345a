"""Paying out to funders: one person makes a batch of what is payable, another approves it, and a file names each payee.

Duecourse moves no money: the file goes to the lender's bank by hand. What was passed on and taken back again lowers the
next payout; whoever owes more than they get is paid nothing until it is made up.
"""

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.domain.actors import same_person
from app.domain.book import check_text
from app.domain.errors import ConflictError, ForbiddenError, refused_at
from app.domain.money import Money, currency_exponent
from app.domain.permissions import check_may
from app.domain.registers import check_second
from app.domain.spreadsheets import safe_cell
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.funding import PayoutBatchRow, PayoutRow
from app.persistence.queries import payouts as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.chunks import chunks
from app.persistence.queries.lenders import get_lender, lock_lender
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.desk_payments import DeskStaff
from app.services.funders import open_funder
from app.services.payout_reviews import Payee, open_payee, refuse_if_changed, refuse_while_passing_on, seal_payee
from app.services.webhook_events import announce

COLUMNS = ("payout", "funder_no", "name", "account", "amount", "currency", "reference")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class PayoutsFile:
    """The file of an approved batch."""

    name: str
    content: bytes
    sha256: str


def make_batch(work: Work, currency: str, until_on: date, *, staff: DeskStaff, now: datetime) -> PayoutBatchRow:
    """Make a batch of all that is payable in a currency, booked until the end of a day; funders without account wait.

    Raises ForbiddenError, ValidationError, ConflictError (nothing is payable, one waits already, or money waits to be
    passed on).
    """
    check_may(staff.role, "payouts.make")
    currency_exponent(currency)
    lender = get_lender(work.session, staff.lender_id)
    today = business_date(now, lender.zone)
    if until_on > today:
        raise refused_at("/until_on", "The day is in the future; pay out what was booked until today.")
    lock_lender(work.session, lender.id)  # of two who make a batch at once the later one sees the earlier one's
    if queries.exists_waiting(work.session, lender.id, currency):
        raise ConflictError(f"A batch of payouts in {currency} waits for approval already; have it decided first.")
    refuse_while_passing_on(work.session, lender.id)
    paid = queries.sum_paid(work.session, lender.id, currency)
    by_now = queries.sum_net(
        work.session, lender.id, currency, until=today
    )  # what was taken back after that day is not paid
    payable = {
        funder_id: min(net, by_now[funder_id]) - paid.get(funder_id, 0)
        for funder_id, net in queries.sum_net(work.session, lender.id, currency, until=until_on).items()
    }
    batch = PayoutBatchRow(
        id=new_id(), lender_id=lender.id, currency=currency, until_on=until_on, state=queries.WAITING, payouts=0,
        total_minor=0, sha256="", requested_by=staff.by, requested_at=now, version=1,
    )  # fmt: skip
    rows = _rows(work, batch, {key: amount for key, amount in payable.items() if amount > 0})
    if not rows:
        raise ConflictError(f"Nothing is payable in {currency}.")
    batch.payouts, batch.total_minor = len(rows), sum(row.amount_minor for row in rows)
    work.session.add(batch)
    work.session.flush()
    work.session.add_all(rows)
    work.session.flush()
    batch.sha256 = hashlib.sha256(_written(work.vault, batch, queries.find_payouts(work.session, batch.id))).hexdigest()
    _audit(work, batch, "made", staff.by, now)
    return batch


def decide_batch(
    work: Work, batch_id: str, *, approve: bool, staff: DeskStaff, now: datetime, reason: str | None = None
) -> None:
    """Approve a batch, or decline it: then all of it is payable again. Twice changes nothing.

    Raises NotFoundError, ForbiddenError (who made it, or gave the account of a payee), ConflictError (it was decided the
    other way, or something changed since it was made: `payout_reviews.py`).
    """
    check_may(staff.role, "payouts.approve")
    check_text("reason", reason or "", 200)
    batch = queries.load_batch(work.session, staff.lender_id, batch_id)
    wanted = queries.APPROVED if approve else queries.DECLINED
    if batch.state == wanted:
        return
    if batch.state != queries.WAITING:
        raise ConflictError(f"The batch is {batch.state}; it is decided once.")
    check_second(batch.requested_by, staff.by)
    if approve and any(same_person(each, staff.by) for each in queries.find_account_tellers(work.session, batch.id)):
        raise ForbiddenError("You gave the account of somebody who is paid by this batch; somebody else approves it.")
    if approve:
        refuse_if_changed(work, batch, now=now)
    batch.state, batch.decided_by, batch.decided_at = wanted, staff.by, now
    batch.declined_reason_sealed = work.vault.seal(reason, place=_declined_place(batch.id))
    batch.version += 1
    work.session.flush()
    _audit(work, batch, wanted, staff.by, now)
    if approve:
        announce(work, batch.lender_id, "payouts.approved.v1", _told(batch), now=now)


def read_payouts_file(work: Work, batch_id: str, *, staff: DeskStaff, now: datetime) -> PayoutsFile:
    """Return the file of an approved batch, the same bytes each time; the reading is written down.

    Raises NotFoundError, ForbiddenError, ConflictError (it is not approved).
    """
    check_may(staff.role, "payouts.approve")
    batch = queries.get_batch(work.session, staff.lender_id, batch_id)
    if batch.state != queries.APPROVED:
        raise ConflictError(f"The batch is {batch.state}; a file is made of what was approved.")
    content = _written(work.vault, batch, queries.find_payouts(work.session, batch_id))
    digest = hashlib.sha256(content).hexdigest()
    if digest != batch.sha256:
        raise ConflictError("The file does not come out as it was approved; its payouts were changed.")
    _audit(work, batch, "read", staff.by, now)
    return PayoutsFile(f"payouts-{batch.until_on.isoformat()}-{batch.currency}-{batch.id[:8]}.csv", content, digest)


def why_declined(ring: Vault, row: Any) -> str | None:
    """Return why nothing is paid by a batch."""
    return ring.open(row.declined_reason_sealed, place=_declined_place(row.id)) or row.declined_reason


def _declined_place(batch_id: str) -> str:
    return f"payout_batches.declined_reason:{batch_id}"


def _rows(work: Work, batch: PayoutBatchRow, payable: dict[str, int]) -> list[PayoutRow]:
    rows = []
    for part in chunks(sorted(payable)):
        for funder in queries.find_funders(work.session, part):
            known = open_funder(work.vault, funder)
            if known.account is None:
                continue
            payout_id = new_id()
            sealed = seal_payee(work.vault, payout_id, Payee(known.name, known.account))
            rows.append(
                PayoutRow(
                    id=payout_id,
                    batch_id=batch.id,
                    funder_id=funder.id,
                    amount_minor=payable[funder.id],
                    payee_sealed=sealed,
                )
            )
    return rows


def _written(ring: Vault, batch: Any, rows: Sequence[Any]) -> bytes:
    out = io.StringIO(newline="")
    out.write(_BOM)
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        payee = open_payee(ring, row)
        amount = str(Money(row.amount_minor, batch.currency).to_decimal())
        line = (row.id, row.funder_no, payee.name, payee.account, amount, batch.currency, f"PO-{row.id[-12:]}")
        writer.writerow([safe_cell(value) for value in line])
    return out.getvalue().encode()


def _told(batch: PayoutBatchRow) -> dict[str, Any]:
    """Return what the lender's systems are told of a batch: no funder by name."""
    return {
        "batch_id": batch.id, "currency": batch.currency, "until_on": batch.until_on.isoformat(), "payouts": batch.payouts,
        "total": {"amount_minor": batch.total_minor, "currency": batch.currency}, "file_sha256": batch.sha256,
        "by": batch.decided_by,
    }  # fmt: skip


def _audit(work: Work, batch: Any, verb: str, by: str, now: datetime) -> None:
    facts = {"batch_id": batch.id, "payouts": batch.payouts, "total_minor": batch.total_minor, "currency": batch.currency}
    add_audit(work.session, at=now, actor=by, action=f"payouts.{verb}", borrower_id=None, facts=facts)
