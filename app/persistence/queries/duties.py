"""Duties of the law over a lender's book: by rule, and the loans that a law has something to say about."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, and_, case, func, or_, select
from sqlalchemy.orm import Session

from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.interest_stops import InterestStopRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.tasks import TaskRow
from app.persistence.queries.tasks import seen_by

MOST_RULES = 100


def count_by_rule(reads: Connection | Session, *, queue: str, lender_id: str | None) -> Sequence[Any]:
    """Return (rule, open, missed, first_due_on) of what is open, those with most missed first."""
    missed = func.sum(case((TaskRow.breach.is_(True), 1), else_=0))
    statement = (
        select(
            TaskRow.rule, func.count().label("open"), missed.label("missed"), func.min(TaskRow.due_on).label("first_due_on")
        )
        .where(TaskRow.state == "open", TaskRow.queue == queue)
        .group_by(TaskRow.rule)
        .order_by(missed.desc(), TaskRow.rule)
        .limit(MOST_RULES)
    )
    if lender_id is not None:
        statement = statement.where(seen_by(lender_id))
    return reads.execute(statement).all()


def find_zones_of_stops(reads: Connection | Session, lender_id: str, *, first: date, last: date) -> list[str]:
    """Return the zones of a lender's loans whose stop of interest ends in these days."""
    statement = (
        select(LoanRow.zone)
        .join(InterestStopRow, InterestStopRow.loan_id == LoanRow.id)
        .where(
            LoanRow.lender_id == lender_id, InterestStopRow.replaced_at.is_(None), InterestStopRow.until_on >= first,
            InterestStopRow.until_on <= last,
        )
        .distinct()
    )  # fmt: skip
    return list(reads.execute(statement).scalars())


def page_stopped(
    reads: Connection | Session,
    lender_id: str,
    *,
    today: Mapping[date, Collection[str]],
    latest: date,
    after: str | None = None,
    limit: int,
) -> Sequence[Any]:
    """Return the stops of interest that stand and are not over, by their id, with the loans' and borrowers' numbers.

    `today`: day -> the zones in which it is that day; in a zone that is not named, it is `latest` at the latest.
    """
    by_zone = [and_(InterestStopRow.until_on > on, LoanRow.zone.in_(sorted(zones))) for on, zones in today.items()]
    of_lender = select(LoanRow.id).where(LoanRow.lender_id == lender_id)
    statement = (
        select(InterestStopRow.__table__, LoanRow.loan_no, BorrowerRow.borrower_no)
        .join(LoanRow, LoanRow.id == InterestStopRow.loan_id)
        .join(BorrowerRow, BorrowerRow.id == InterestStopRow.borrower_id)
        .where(
            InterestStopRow.replaced_at.is_(None),
            or_(InterestStopRow.until_on.is_(None), InterestStopRow.until_on > latest, *by_zone),
            InterestStopRow.loan_id.in_(of_lender),
        )
        .order_by(InterestStopRow.id)
        .limit(limit)
    )
    return reads.execute(statement if after is None else statement.where(InterestStopRow.id > after)).all()


def page_capped(
    reads: Connection | Session, lender_id: str, *, unknown: bool, after: str | None = None, limit: int
) -> Sequence[Any]:
    """Return loans that are over their cap, or (`unknown`) whose cap may bind and is not known, by their id."""
    wanted = LoanRow.cap_unknown.is_(True) if unknown else LoanRow.over_cap_minor > 0
    statement = (
        select(
            LoanRow.id, LoanRow.loan_no, LoanRow.currency, LoanRow.cap, LoanRow.over_cap_minor, LoanRow.status,
            BorrowerRow.borrower_no,
        )
        .join(BorrowerRow, BorrowerRow.id == LoanRow.borrower_id)
        .where(LoanRow.lender_id == lender_id, wanted)
        .order_by(LoanRow.id)
        .limit(limit)
    )  # fmt: skip
    return reads.execute(statement if after is None else statement.where(LoanRow.id > after)).all()
