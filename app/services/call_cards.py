"""What somebody sees before they call: may they now, until when, how often yet, to whom, about what, and what to say.

The number is masked; dialling shows it (services/dials.py). Each opening is written down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.domain.contact_gates import ContactAnswer, ContactAsked
from app.domain.errors import NotFoundError
from app.domain.money import Money
from app.domain.promises import PromiseState
from app.domain.times import business_date
from app.persistence.models.loans import LoanRow
from app.persistence.queries import call_tasks as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.promises import find_of_loans
from app.persistence.unit_of_work import Work
from app.services.call_ranking import asked_by, rank
from app.services.contact_gates import ask_contact
from app.services.dials import number_of
from app.services.law_packs import pack_for
from app.services.positions import positions_of
from app.wording.amounts import written_date, written_money
from app.wording.talking_points import TalkingPoint, talking_points

_CALLS_BACK = timedelta(days=90)
_MOST_CALLS = 10
_MASK = "••••"


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A zone the borrower may be in, and the time there."""

    zone: str
    at: datetime
    """With the zone's offset."""


@dataclass(frozen=True, slots=True)
class LoanOnCard:
    """How a loan stands today, and what was promised about it."""

    loan_no: str
    currency: str
    overdue_minor: int
    outstanding_minor: int
    days_past_due: int
    next_due_on: date | None
    next_due_minor: int
    promises: Sequence[Any]
    """Promises that are open or were not kept: amount_minor, promised_on, state."""

    def money(self, minor: int) -> Money:
        """Return an amount in the loan's currency."""
        return Money(minor, self.currency)


@dataclass(frozen=True, slots=True)
class CallCard:
    """All that is seen before a call."""

    borrower_id: str
    borrower_no: str
    name: str | None = field(repr=False)
    number_masked: str | None
    locale: str | None
    answer: ContactAnswer
    local_times: Sequence[LocalTime]
    loans: Sequence[LoanOnCard]
    calls: Sequence[Any]
    """The latest: called_at, outcome, result, seconds, by, direction."""
    points: Sequence[TalkingPoint]
    task: Any = None
    """Its columns, with `borrower_no` and `loan_no`; None: of no task."""
    rank: Any = None
    """A `Rank` with its parts."""
    dial: Any = None
    """The call that was dialled and waits for its outcome: id, called_at, by."""
    number: str | None = field(default=None, repr=False)
    """Whole, for who has dialled and not yet told how it went."""


def open_task_card(work: Work, task_id: str, *, lender_id: str, by: str, now: datetime, locale: str = "en") -> CallCard:
    """Return the card of a call task. Raises NotFoundError."""
    task = queries.find_task(work.session, task_id, lender_id)
    if task is None:
        raise NotFoundError(f"There is no call task {task_id}.")
    card = _card(work, task.borrower_id, asked_by(task), task, lender_id=lender_id, by=by, now=now, locale=locale)
    facts = {"task_id": task_id}
    add_audit(work.session, at=now, actor=by, action="call_task.read", borrower_id=task.borrower_id, facts=facts)
    return card


def open_call_card(work: Work, borrower_id: str, *, lender_id: str, by: str, now: datetime, locale: str = "en") -> CallCard:
    """Return the card of a call to a borrower for no task, about all of their loans with the lender."""
    card = _card(work, borrower_id, ContactAsked("voice"), None, lender_id=lender_id, by=by, now=now, locale=locale)
    add_audit(work.session, at=now, actor=by, action="call_card.read", borrower_id=borrower_id, facts={})
    return card


def _card(
    work: Work, borrower_id: str, asked: ContactAsked, task: Any, *, lender_id: str, by: str, now: datetime, locale: str
) -> CallCard:
    session = work.session
    answer = ask_contact(session, borrower_id, asked, lender_id=lender_id, now=now, locale=locale)
    borrower = get_borrower(session, borrower_id)
    number = number_of(work, borrower_id)
    name = work.vault.open(borrower.name_sealed, place=f"borrowers.name:{borrower_id}")
    loans = _loans(session, borrower_id, asked, lender_id, now)
    calls = queries.find_calls(session, [borrower_id], since=now - _CALLS_BACK).get(borrower_id, [])
    ranked = rank(session, queries.find_tasks(session, [task.id]), now=now, lender_id=lender_id) if task is not None else {}
    dial = queries.find_dial(session, borrower_id)
    return CallCard(
        borrower_id, borrower.borrower_no, name, f"{_MASK} {number[-4:]}" if number else None, borrower.locale, answer,
        [LocalTime(zone, now.astimezone(ZoneInfo(zone))) for zone in answer.zones], [shown for shown, _ in loans],
        calls[:_MOST_CALLS], _points(session, borrower, loans, lender_id, by, name or borrower.borrower_no, now, locale),
        task, ranked[task.id][0].rank if task is not None and ranked.get(task.id) else None,
        dial, number if dial is not None and dial.by == by else None,
    )  # fmt: skip


def _loans(
    session: Session, borrower_id: str, asked: ContactAsked, lender_id: str, now: datetime
) -> list[tuple[LoanOnCard, date | None]]:
    """Return the loans it is about, each with the oldest day on which something is unpaid."""
    own = queries.find_lenders_of(session, [borrower_id]).get(borrower_id, {}).get(lender_id, [])
    rows = [loan for loan in own if loan.id in asked.loan_ids or (not asked.loan_ids and loan.status == "active")]
    promises = find_of_loans(session, [loan.id for loan in rows])
    return [_loan(session, loan, promises.get(loan.id, []), now) for loan in rows]


def _loan(session: Session, loan: LoanRow, promises: Sequence[Any], now: datetime) -> tuple[LoanOnCard, date | None]:
    today = business_date(now, loan.zone)
    position = positions_of(session, [loan], today)[loan.id]
    told = [each for each in promises if each.state != PromiseState.KEPT]
    shown = LoanOnCard(
        loan.loan_no, loan.currency, position.overdue_minor, position.outstanding_minor, position.days_past_due,
        position.next_due_on, position.next_due_minor, told,
    )  # fmt: skip
    return shown, today - timedelta(days=position.days_past_due) if position.days_past_due else None


def _points(
    session: Session, borrower: Any, loans: Sequence[tuple[LoanOnCard, date | None]], lender_id: str, by: str, name: str,
    now: datetime, locale: str,
) -> tuple[TalkingPoint, ...]:  # fmt: skip
    lender = get_lender(session, lender_id)
    late = [(loan, since) for loan, since in loans if since is not None]
    totals: dict[str, int] = {}
    for loan, _ in late:
        totals[loan.currency] = totals.get(loan.currency, 0) + loan.overdue_minor
    amount = " + ".join(written_money(Money(minor, currency), locale) for currency, minor in sorted(totals.items()))
    values = {
        "staff": by.removeprefix("staff:"),
        "lender": lender.name,
        "borrower": name,
        "amount": amount,
        "since": written_date(min(since for _, since in late if since), locale) if late else "",
    }
    pack = pack_for(borrower.country or lender.jurisdiction).pack
    return talking_points(pack.jurisdiction, lender.role, values, locale)
