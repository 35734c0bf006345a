"""Promises to pay: making, cancelling and replacing them, and reading off the ledger what became of them.

A promise keeps the other reminders of its loan back by a hold until its day is over; it has reminders of its own. Whoever
calls here holds nothing yet: the borrower's agenda row is taken first, and what is queued is decided again in the same unit
of work.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.errors import ConflictError, CurrencyMismatchError, refused_at
from app.domain.hold_terms import HoldValues
from app.domain.money import Money
from app.domain.promise_terms import Asked, Part, check_parts
from app.domain.promises import (
    BY_BORROWER,
    CHANNELS,
    HOLDER,
    Promise,
    PromiseState,
    check_move,
    ends_at,
    shared_out,
    state_by,
)
from app.domain.times import business_date, rfc3339
from app.persistence.ids import new_id
from app.persistence.models.promises import PromiseRow
from app.persistence.queries import promises as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.promises import PromisedLoan
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.accounts import get_position_account, position_on
from app.services.follow_ups import follow_up_at, forget_follow_up
from app.services.holds import Teller, end_hold, put_holds
from app.services.notices import tell_borrower, withdraw_notice
from app.services.promise_terms import terms_of
from app.services.webhook_events import announce

FOLLOW_UP = "promise"
"""The kind of look at the end of the promised day."""
_LEDGER, _CALENDAR = "ledger", "calendar"
_NOTICES = {
    PromiseState.KEPT: "promise_kept",
    PromiseState.PARTLY_KEPT: "promise_partly_kept",
    PromiseState.BROKEN: "promise_broken",
}


@dataclass(frozen=True, slots=True)
class Giver:
    """Who tells a promise, and how it was given. `lender_id`: whose staff or core it is; None: the borrower."""

    by: str
    channel: str = "in_app"
    lender_id: str | None = None

    @property
    def is_borrower(self) -> bool:
        """Whether it is the borrower in the app."""
        return self.by == BY_BORROWER


def make_promises(
    work: Work,
    borrower_id: str,
    loan_id: str,
    parts: Sequence[tuple[Money, date]],
    *,
    giver: Giver,
    now: datetime,
    replaces: Collection[str] = (),
) -> list[PromiseRow]:
    """Make promises together, in place of the open ones that `replaces` names.

    Raises NotFoundError, ValidationError and ConflictError with what is allowed, ForbiddenError (only staff may take one).
    """
    lock_agenda(work.session, [borrower_id])
    loan = queries.get_promised_loan(work.session, borrower_id, loan_id)
    old = [_replaceable(work, loan, promise_id) for promise_id in dict.fromkeys(replaces)]
    zone = queries.find_zone(work.session, borrower_id) or loan.lender_zone
    told = [Part(_amount(loan, money, index), on) for index, (money, on) in enumerate(parts)]
    terms = terms_of(loan.jurisdiction)
    asked = what_stands(work.session, loan, zone, {row.id for row in old}, now=now)
    check_parts(told, asked, terms, by_staff=not giver.is_borrower)
    group_id = new_id()
    for row in old:
        row.replaced_by_id = group_id
        _move(work, loan, row, PromiseState.REPLACED, row.paid_minor, by=giver.by, now=now)
    rows = [_add(work, loan, part, zone, group_id, giver, now) for part in told]
    _hold(work, loan, rows, now)
    if not giver.is_borrower:
        for row in rows:
            tell_borrower(work, borrower_id, "promise_made", _values(loan, row, row.amount_minor), now=now, loan_id=loan_id)
    _decide(work, borrower_id, now)
    return rows


def cancel_promise(work: Work, borrower_id: str, promise_id: str, *, giver: Giver, now: datetime) -> PromiseRow:
    """Take an open promise back; the loan's ordinary reminders go on. Cancelling twice changes nothing.

    Raises NotFoundError, ConflictError (it is not open any more).
    """
    lock_agenda(work.session, [borrower_id])
    row = queries.get_promise(work.session, borrower_id, promise_id, lender_id=giver.lender_id)
    if row.state == PromiseState.CANCELLED:
        return row
    check_move(PromiseState(row.state), PromiseState.CANCELLED)
    loan = queries.get_promised_loan(work.session, borrower_id, row.loan_id)
    _move(work, loan, row, PromiseState.CANCELLED, row.paid_minor, by=giver.by, now=now)
    _decide(work, borrower_id, now)
    return row


def put_promise(
    work: Work, borrower_id: str, loan_id: str, reference: str, money: Money, promised_on: date, *,
    lender_code: str, channel: str, is_over: bool, now: datetime,
) -> tuple[int | None, PromiseRow]:  # fmt: skip
    """Put a promise as the core knows it; return its version before (None: it is new), and it. The same changes nothing.

    The core's terms are its own: only what cannot be true is refused. Raises NotFoundError, ValidationError, ConflictError
    (another promise under that reference).
    """
    lock_agenda(work.session, [borrower_id])
    loan = queries.get_promised_loan(work.session, borrower_id, loan_id)
    stored, giver = f"{lender_code}/{reference}", Giver(f"core:{lender_code}", channel, loan.lender_id)
    row = queries.find_promise_referenced(work.session, borrower_id, stored)
    if row is not None:
        if (row.loan_id, row.amount_minor, row.currency, row.promised_on) != (
            loan_id, money.minor, money.currency, promised_on,
        ):  # fmt: skip
            raise ConflictError("This reference is recorded for another promise; cancel that one, or use another reference.")
        before = row.version
        if is_over and row.state == PromiseState.OPEN:
            cancel_promise(work, borrower_id, row.id, giver=giver, now=now)
        return before, row
    zone = queries.find_zone(work.session, borrower_id) or loan.lender_zone
    amount = _amount(loan, money, None)
    if amount <= 0:
        raise refused_at("/amount", "A promise is of an amount above zero.")
    if promised_on < business_date(now, zone) and not is_over:
        raise refused_at(
            "/promised_on", f"{promised_on} is past where the borrower lives; tell a promise before its day ends."
        )
    row = _add(work, loan, Part(amount, promised_on), zone, new_id(), giver, now, reference=stored)
    if is_over:
        _move(work, loan, row, PromiseState.CANCELLED, 0, by=giver.by, now=now)
    else:
        _hold(work, loan, [row], now)
    _decide(work, borrower_id, now)
    return None, row


def settle_promise(work: Work, promise_id: str, *, now: datetime) -> None:
    """Look at a promise whose day is over. The caller holds the borrower's agenda row."""
    row = queries.find_promise(work.session, promise_id)
    if row is None or row.state != PromiseState.OPEN:
        return
    if row.ends_at > now:
        follow_up_at(work, FOLLOW_UP, row.id, row.borrower_id, at=row.ends_at)
        return
    follow_money(work, [row.loan_id], now=now, by=_CALENDAR)
    _decide(work, row.borrower_id, now)


def follow_money(work: Work, loan_ids: Collection[str], *, now: datetime, by: str = _LEDGER) -> None:
    """Bring promises of these loans to what their ledger says, after positions were rebuilt; one statement where none is.

    The caller holds the borrowers' agenda rows, has raised their case versions, and decides about them afterwards.
    """
    for rows in queries.find_of_loans(work.session, loan_ids).values():
        _follow(work, rows, now, by)


def _follow(work: Work, rows: Sequence[PromiseRow], now: datetime, by: str) -> None:
    loan = queries.get_promised_loan(work.session, rows[0].borrower_id, rows[0].loan_id)
    paid = queries.find_money_in(work.session, loan.id, since=min(row.made_on for row in rows))
    shares = shared_out([_as_promise(row) for row in rows], paid)
    for row in rows:
        share, state = shares[row.id], PromiseState(row.state)
        to = state_by(state, row.amount_minor, share, is_over=row.ends_at <= now, loan_status=loan.status)
        if (to, share) != (state, row.paid_minor):
            _move(work, loan, row, to, share, by=by, now=now)
            if to is not state and to in _NOTICES:
                _tell(work, loan, row, to, now)


def _tell(work: Work, loan: PromisedLoan, row: PromiseRow, state: PromiseState, now: datetime) -> None:
    amount = row.paid_minor if state is PromiseState.KEPT else row.amount_minor - row.paid_minor
    tell_borrower(
        work, row.borrower_id, _NOTICES[state], _values(loan, row, amount), now=now, loan_id=loan.id, key=_told(row, state)
    )  # fmt: skip


def _told(row: PromiseRow, state: PromiseState) -> str:
    return f"promise:{row.id}:{state}"


def _values(loan: PromisedLoan, row: PromiseRow, amount_minor: int) -> dict[str, dict[str, int] | date | str]:
    return {
        "amount": {row.currency: amount_minor},
        "due_on": row.promised_on,
        "loan": loan.loan_no,
        "lender": loan.lender_name,
    }


# -- what stands ---------------------------------------------------------------------------------------------------------


def _replaceable(work: Work, loan: PromisedLoan, promise_id: str) -> PromiseRow:
    row = queries.get_promise(work.session, loan.borrower_id, promise_id)
    if row.loan_id != loan.id:
        raise refused_at("/replaces", "A promise of another loan cannot be replaced by this one.")
    check_move(PromiseState(row.state), PromiseState.REPLACED)
    return row


def _amount(loan: PromisedLoan, money: Money, index: int | None) -> int:
    if money.currency != loan.currency:
        at = "" if index is None else f"Part {index + 1}: "
        raise CurrencyMismatchError(f"{at}the loan is in {loan.currency}, the promise in {money.currency}.")
    return money.minor


def what_stands(session: Session, loan: PromisedLoan, zone: str, replaced: Collection[str] = (), *, now: datetime) -> Asked:
    """Return what is owed as the borrower is shown it, what is promised already, what was not kept or given up."""
    owed, terms = 0, terms_of(loan.jurisdiction)
    if loan.status == "active":
        reads = session.connection()
        account = get_position_account(reads, loan.borrower_id, loan.id)
        owed = position_on(reads, account, business_date(now, account.zone)).outstanding_minor
    standing = queries.find_of_loans(session, [loan.id]).get(loan.id, [])
    is_open = [row for row in standing if row.state == PromiseState.OPEN and row.id not in replaced]
    return Asked(
        today=business_date(now, zone),
        currency=loan.currency,
        owed_minor=owed,
        open=[Part(row.amount_minor - row.paid_minor, row.promised_on) for row in is_open],
        failed=queries.count_failed(session, loan.borrower_id, since=now - timedelta(days=terms.failed_days)),
        lapsed=queries.count_lapsed(session, loan.borrower_id, since=now - timedelta(days=terms.lapsed_days)),
    )


def _as_promise(row: PromiseRow) -> Promise:
    return Promise(row.id, row.promise_no, row.amount_minor, row.promised_on, row.ends_at, row.made_at, row.made_on)


# -- changes -------------------------------------------------------------------------------------------------------------


def _add(
    work: Work, loan: PromisedLoan, part: Part, zone: str, group_id: str, giver: Giver, now: datetime,
    *, reference: str | None = None,
) -> PromiseRow:  # fmt: skip
    if giver.channel not in CHANNELS:
        raise refused_at("/channel", f"channel is not one of {', '.join(CHANNELS)}.")
    row = PromiseRow(
        id=new_id(),
        borrower_id=loan.borrower_id,
        loan_id=loan.id,
        lender_id=loan.lender_id,
        group_id=group_id,
        promise_no=queries.next_number(work.session, loan.borrower_id, loan.id),
        amount_minor=part.amount_minor,
        currency=loan.currency,
        promised_on=part.promised_on,
        zone=zone,
        ends_at=ends_at(part.promised_on, zone),
        state=PromiseState.OPEN.value,
        paid_minor=0,
        made_at=now,
        open_since=now,
        made_on=business_date(now, loan.lender_zone),
        made_by=giver.by,
        channel=giver.channel,
        reference=reference,
        version=1,
    )
    queries.add_promise(work.session, row)
    queries.add_event(work.session, row, at=now, by=giver.by)
    _audit(work, row, "promise.make", giver.by, now)
    _announce(work, loan, row, "made", now)
    return row


def _hold(work: Work, loan: PromisedLoan, rows: Sequence[PromiseRow], now: datetime) -> None:
    """Keep the loan's other reminders back until each promised day is over, and have each looked at then."""
    told = [
        (row.borrower_id, HoldValues("promise_to_pay", until_at=row.ends_at, loan_no=loan.loan_no,
                                     reference=f"promise:{row.id}:{row.version}"), False)
        for row in rows
    ]  # fmt: skip
    for row, result in zip(rows, put_holds(work, told, teller=_holder(loan), now=now), strict=True):
        if isinstance(result, Exception):
            raise result
        row.hold_id = result.id
        follow_up_at(work, FOLLOW_UP, row.id, row.borrower_id, at=row.ends_at)


def _holder(loan: PromisedLoan) -> Teller:
    return Teller(HOLDER, loan.lender_id)


def _move(
    work: Work, loan: PromisedLoan, row: PromiseRow, to: PromiseState, paid_minor: int, *, by: str, now: datetime
) -> None:
    """Write how a promise stands from now on, with everything that hangs on its being open."""
    before = PromiseState(row.state)
    row.paid_minor = paid_minor
    row.version += 1
    if to is not before:
        check_move(before, to)
        row.state = to.value
        row.settled_at = None if to is PromiseState.OPEN else now
        row.open_since = now if to is PromiseState.OPEN else row.open_since
    queries.add_event(work.session, row, at=now, by=by)
    if to is before:
        return
    if before in _NOTICES:  # money came or went since: what was told of it is so no more
        withdraw_notice(work, row.borrower_id, _told(row, before), now=now)
    if before is PromiseState.OPEN:
        forget_follow_up(work, FOLLOW_UP, row.id)
        if row.hold_id is not None:
            end_hold(work, row.borrower_id, row.hold_id, teller=_holder(loan), now=now, reason=f"promise {to}")
            row.hold_id = None
    elif to is PromiseState.OPEN:
        _hold(work, loan, [row], now)
    _audit(work, row, f"promise.{to}", by, now)
    _announce(work, loan, row, "reopened" if to is PromiseState.OPEN else to.value, now)


def _decide(work: Work, borrower_id: str, now: datetime) -> None:
    agenda.touch(work, [borrower_id], now=now)
    reminders.review(work, [borrower_id], now=now)


def _announce(work: Work, loan: PromisedLoan, row: PromiseRow, verb: str, now: datetime) -> None:
    data = {
        "promise_id": row.id,
        "group_id": row.group_id,
        "borrower_no": loan.borrower_no,
        "loan_no": loan.loan_no,
        "amount": {"amount_minor": row.amount_minor, "currency": row.currency},
        "paid": {"amount_minor": row.paid_minor, "currency": row.currency},
        "promised_on": row.promised_on.isoformat(),
        "timezone": row.zone,
        "state": row.state,
        "reference": None if row.reference is None else row.reference.partition("/")[2],
    }
    announce(work, row.lender_id, f"promise.{verb}.v1", data, now=now, borrower_id=row.borrower_id)


def _audit(work: Work, row: PromiseRow, action: str, actor: str, now: datetime) -> None:
    facts = {
        "promise_id": row.id, "loan_id": row.loan_id, "amount_minor": row.amount_minor, "paid_minor": row.paid_minor,
        "promised_on": row.promised_on.isoformat(), "ends_at": rfc3339(row.ends_at), "state": row.state,
    }  # fmt: skip
    add_audit(work.session, at=now, actor=actor, action=action, borrower_id=row.borrower_id, facts=facts)
