"""Who was assigned to which arm, and what they did afterwards, counted by the database; no borrower leaves it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import CTE, BigInteger, ColumnElement, and_, case, exists, func, or_, select, tuple_, type_coerce
from sqlalchemy.orm import Session, aliased

from app.domain.promises import FAILED, HOLDER
from app.persistence.models.borrowers import ConsentRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.loans import AllocationRow, InstalmentRow, LedgerEntryRow, LoanRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.models.promises import PromiseRow
from app.persistence.models.reminders import DecisionRow

_MONEY_IN = ("repayment", "prepayment")
HARDSHIP_KINDS = ("hardship", "vulnerable", "plan_pending", "debt_adviser", "breathing_space", "mental_health_crisis")


@dataclass(frozen=True, slots=True)
class Exposed:
    """Whose decisions are looked at. An exposure is a decision that names the key, or one of `hidden`."""

    key: str
    lender_id: str | None
    """None: of all lenders."""
    hidden: Collection[tuple[str, str]] = ()
    """(policy id, step key) of decisions that name another experiment; their borrowers are in `hidden_arm` of this one."""
    hidden_arm: str = ""
    start: datetime | None = None
    end: datetime | None = None
    """First exposures in [start, end); None: no bound."""


def count_by_key(session: Session, lender_id: str | None) -> Sequence[Any]:
    """Return per key and arm: borrowers, exposures, and when the first and the last was."""
    statement = (
        select(
            DecisionRow.experiment,
            DecisionRow.arm,
            func.count(DecisionRow.borrower_id.distinct()).label("borrowers"),
            func.count().label("exposures"),
            func.min(DecisionRow.decided_at).label("first_at"),
            func.max(DecisionRow.decided_at).label("last_at"),
        )
        .where(DecisionRow.experiment.is_not(None))
        .group_by(DecisionRow.experiment, DecisionRow.arm)
        .order_by(DecisionRow.experiment, DecisionRow.arm)
    )
    if lender_id is not None:
        statement = statement.join(LoanRow, LoanRow.id == DecisionRow.loan_id).where(LoanRow.lender_id == lender_id)
    return session.execute(statement).all()


def count_assigned(session: Session, exposed: Exposed) -> Sequence[Any]:
    """Return per arm: borrowers whose first exposure lies in the span, and all exposures of theirs up to its end."""
    first = _first(exposed)
    statement = select(first.c.arm, func.count().label("borrowers"), func.sum(first.c.exposures).label("exposures"))
    return session.execute(statement.group_by(first.c.arm)).all()


def count_left_out(session: Session, exposed: Exposed) -> tuple[int, int]:
    """Return how many borrowers were first exposed outside the span, and how many were in more than one arm."""
    every = _exposures(exposed)
    per_borrower = (
        select(func.min(every.c.decided_at).label("first_at"), func.count(every.c.arm.distinct()).label("arms"))
        .group_by(every.c.borrower_id)
        .subquery()
    )
    inside = _within(per_borrower.c.first_at, exposed)
    outside = func.coalesce(func.sum(case((inside, 0), else_=1)), 0)
    several = func.coalesce(func.sum(case((per_borrower.c.arms > 1, 1), else_=0)), 0)
    found = session.execute(select(outside, several).select_from(per_borrower)).one()
    return int(found[0]), int(found[1])


def count_outcomes(session: Session, exposed: Exposed, *, known_at: datetime) -> Sequence[Any]:
    """Return (arm, local_date of the first exposure, paid_on, payment_on, borrowers), as known at an instant.

    `paid_on`: value date by which the instalment of the decision was paid in full; `payment_on`: of the first money for the
    loan from the decision's day on. None: not yet.
    """
    first = _first(exposed)
    paid, payment = _paid_in_full(first, known_at), _first_payment(first, known_at)
    return session.execute(
        select(first.c.arm, first.c.local_date, paid.c.paid_on, payment.c.payment_on, func.count().label("borrowers"))
        .outerjoin(paid, paid.c.id == first.c.id)
        .outerjoin(payment, payment.c.id == first.c.id)
        .group_by(first.c.arm, first.c.local_date, paid.c.paid_on, payment.c.payment_on)
    ).all()


def count_guardrails(session: Session, exposed: Exposed, *, last_date: date, within: timedelta) -> Sequence[Any]:
    """Return per arm, of borrowers first exposed up to `last_date`: how many did what within so long of the decision."""
    first = _first(exposed)

    def soon(at: Any) -> ColumnElement[bool]:
        start = type_coerce(first.c.decided_at, BigInteger)
        return type_coerce(at, BigInteger).between(start, start + int(within.total_seconds()) * 1_000_000)

    def hold(*kinds: str) -> ColumnElement[bool]:
        of_loan = or_(HoldRow.loan_id.is_(None), HoldRow.loan_id == first.c.loan_id)
        mine = HoldRow.borrower_id == first.c.borrower_id
        return exists().where(mine, of_loan, HoldRow.kind.in_(kinds), soon(HoldRow.recorded_at))

    opted_out = exists().where(
        ConsentRow.borrower_id == first.c.borrower_id,
        ConsentRow.purpose == "contact",
        ConsentRow.given.is_(False),
        soon(ConsentRow.recorded_at),
    )
    wish = exists().where(
        ContactPreferenceRow.borrower_id == first.c.borrower_id,
        ContactPreferenceRow.kind == "no_contact",
        soon(ContactPreferenceRow.recorded_at),
    )
    asked = {
        "opt_outs": opted_out,
        "no_contact_requests": or_(wish, hold("cease_contact")),
        "disputes": hold("dispute"),
        "hardship": hold(*HARDSHIP_KINDS),
    }
    counts = [func.sum(case((condition, 1), else_=0)).label(name) for name, condition in asked.items()]
    statement = select(first.c.arm, *counts).where(first.c.local_date <= last_date).group_by(first.c.arm)
    return session.execute(statement).all()


def count_promises(
    session: Session, exposed: Exposed, *, last_date: date, within: timedelta, known_at: datetime
) -> Sequence[Any]:
    """Return (arm, state, promises) of promises to pay that were made within so long and whose day is over by `known_at`.

    Those taken back or replaced are not among them.
    """
    first = _first(exposed)
    start = type_coerce(first.c.decided_at, BigInteger)
    span = int(within.total_seconds()) * 1_000_000
    statement = (
        select(first.c.arm, PromiseRow.state, func.count().label("promises"))
        .join(PromiseRow, and_(PromiseRow.borrower_id == first.c.borrower_id, PromiseRow.loan_id == first.c.loan_id))
        .where(
            first.c.local_date <= last_date,
            PromiseRow.state.in_(("kept", *sorted(FAILED))),
            type_coerce(PromiseRow.made_at, BigInteger).between(start, start + span),
            PromiseRow.ends_at <= known_at,
        )
        .group_by(first.c.arm, PromiseRow.state)
    )
    return session.execute(statement).all()


def find_promises(
    session: Session, exposed: Exposed, *, last_date: date, within: timedelta, known_at: datetime
) -> Sequence[Any]:
    """Return (arm, until_at, payment_on) of promises that are known as holds alone, given within so long, run out by then.

    `known_at`: by when they have run out. Released ones (withdrawn, or replaced) are not among them.
    """
    first = _first(exposed)
    payment = _first_payment(first, known_at)
    start = type_coerce(first.c.decided_at, BigInteger)
    span = int(within.total_seconds()) * 1_000_000
    statement = (
        select(first.c.arm, HoldRow.until_at, payment.c.payment_on)
        .join(HoldRow, HoldRow.borrower_id == first.c.borrower_id)
        .outerjoin(payment, payment.c.id == first.c.id)
        .where(
            first.c.local_date <= last_date,
            HoldRow.kind == "promise_to_pay",
            HoldRow.by != HOLDER,
            or_(HoldRow.loan_id.is_(None), HoldRow.loan_id == first.c.loan_id),
            type_coerce(HoldRow.recorded_at, BigInteger).between(start, start + span),
            HoldRow.until_at <= known_at,
            or_(HoldRow.released_at.is_(None), HoldRow.released_at >= HoldRow.until_at),
        )
    )
    return session.execute(statement).all()


def _within(at: ColumnElement[Any], exposed: Exposed) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [at.is_not(None)]
    if exposed.start is not None:
        conditions.append(at >= exposed.start)
    if exposed.end is not None:
        conditions.append(at < exposed.end)
    return and_(*conditions)


def _exposures(exposed: Exposed) -> CTE:
    named = DecisionRow.experiment == exposed.key
    arm: Any = DecisionRow.arm
    if exposed.hidden:
        pairs = tuple_(DecisionRow.policy_id, DecisionRow.step_key).in_(list(exposed.hidden))
        arm = case((named, DecisionRow.arm), else_=exposed.hidden_arm)
        named = or_(named, and_(DecisionRow.experiment.is_not(None), pairs))
    statement = select(
        DecisionRow.id,
        DecisionRow.borrower_id,
        DecisionRow.loan_id,
        DecisionRow.row_no,
        DecisionRow.anchor_no,
        DecisionRow.step_key,
        DecisionRow.subject_id,
        DecisionRow.occurs_at,
        DecisionRow.decided_at,
        DecisionRow.local_date,
        arm.label("arm"),
    ).where(named)
    if exposed.lender_id is not None:
        statement = statement.join(LoanRow, LoanRow.id == DecisionRow.loan_id).where(LoanRow.lender_id == exposed.lender_id)
    return statement.cte("exposures")


def _first(exposed: Exposed) -> CTE:
    """One row a borrower, who is what is randomised: the first exposure, which later ones cannot change."""
    every = _exposures(exposed)
    order = (every.c.decided_at, every.c.occurs_at, every.c.subject_id, every.c.step_key)
    until_end = case((every.c.decided_at < exposed.end, 1), else_=0) if exposed.end is not None else 1
    ranked = select(
        every,
        func.row_number().over(partition_by=every.c.borrower_id, order_by=order).label("place"),
        func.sum(until_end).over(partition_by=every.c.borrower_id).label("exposures"),
    ).cte("ranked")
    return select(ranked).where(ranked.c.place == 1, _within(ranked.c.decided_at, exposed)).cte("first_exposures")


def _paid_in_full(first: CTE, known_at: datetime) -> Any:
    base = AllocationRow.principal_minor + AllocationRow.interest_minor
    whole = base + AllocationRow.fees_minor + AllocationRow.penalties_minor
    row, day = (AllocationRow.loan_id, AllocationRow.row_no), AllocationRow.effective_on
    running = (
        select(
            AllocationRow.loan_id,
            AllocationRow.row_no,
            AllocationRow.effective_on,
            func.sum(base).over(partition_by=row, order_by=day).label("base_minor"),
            func.sum(whole).over(partition_by=row, order_by=day).label("whole_minor"),
        )
        .where(
            AllocationRow.loan_id.in_(select(first.c.loan_id)),
            AllocationRow.row_no.is_not(None),
            AllocationRow.recorded_at <= known_at,
            or_(AllocationRow.replaced_at.is_(None), AllocationRow.replaced_at > known_at),
        )
        .subquery("running")
    )
    owed = InstalmentRow.principal_minor + InstalmentRow.interest_minor
    owed_in_all = owed + InstalmentRow.fees_minor + InstalmentRow.penalties_minor
    return (
        select(first.c.id, func.min(running.c.effective_on).label("paid_on"))
        .join(
            InstalmentRow,
            and_(
                InstalmentRow.loan_id == first.c.loan_id,
                InstalmentRow.anchor_no == first.c.anchor_no,
                InstalmentRow.row_no == first.c.row_no,
            ),
        )
        .join(running, and_(running.c.loan_id == first.c.loan_id, running.c.row_no == first.c.row_no))
        .where(running.c.base_minor >= owed, running.c.whole_minor >= owed_in_all)
        .group_by(first.c.id)
        .subquery("paid")
    )


def _first_payment(first: CTE, known_at: datetime) -> Any:
    undone = aliased(LedgerEntryRow)
    taken_back = exists().where(
        undone.loan_id == LedgerEntryRow.loan_id,
        undone.reverses_id == LedgerEntryRow.id,
        undone.recorded_at <= known_at,
    )
    return (
        select(first.c.id, func.min(LedgerEntryRow.effective_on).label("payment_on"))
        .join(LedgerEntryRow, LedgerEntryRow.loan_id == first.c.loan_id)
        .where(
            LedgerEntryRow.kind.in_(_MONEY_IN),
            LedgerEntryRow.effective_on >= first.c.local_date,
            LedgerEntryRow.recorded_at <= known_at,
            ~taken_back,
        )
        .group_by(first.c.id)
        .subquery("payments")
    )
