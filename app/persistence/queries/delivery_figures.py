"""Hand-overs by hour: counted from the attempts, kept in a small table, read from there."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Table, and_, case, delete, func, select
from sqlalchemy.orm import Session

from app.persistence.bulk import add_rows
from app.persistence.ids import new_id
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.operations import DeliveryHourRow
from app.persistence.models.reminders import DecisionRow

HOUR = timedelta(hours=1)
MOST_ATTEMPTS = 20_000
"""The newest attempts that `count_recent` looks at."""
_A, _M, _H = DeliveryAttemptRow, MessageRow, DeliveryHourRow
_UNSURE = ("uncertain", "sending")


def count_hour(session: Session, hour_at: datetime, *, now: datetime) -> int:
    """Count one hour anew and replace what was kept of it; return how many hand-overs there were."""
    about = select(DecisionRow.loan_id).where(DecisionRow.contact_id == _M.contact_id).order_by(DecisionRow.id).limit(1)
    first = select(LoanRow.id).where(LoanRow.borrower_id == _M.borrower_id).order_by(LoanRow.id).limit(1)
    made = (
        select(
            _M.channel, _A.provider, _A.outcome, _A.units,
            func.coalesce(about.correlate(_M).scalar_subquery(), first.correlate(_M).scalar_subquery()).label("loan_id"),
        )
        .join(_M, _M.id == _A.message_id)
        .where(_A.started_at >= hour_at, _A.started_at < hour_at + HOUR, _A.outcome != "withheld")
        .subquery()
    )  # fmt: skip
    counted = (
        select(
            LoanRow.lender_id, LoanRow.currency, made.c.channel, made.c.provider,
            func.count().label("attempts"),
            *(_count(made.c.outcome == outcome, name) for outcome, name in (("accepted", "accepted"), ("refused", "refused"),
                                                                            ("retry", "retried"))),
            _count(made.c.outcome.in_(_UNSURE), "uncertain"),
            func.coalesce(func.sum(case((made.c.outcome.in_(("accepted", *_UNSURE)), made.c.units), else_=0)), 0)
            .label("units"),
        )
        .select_from(made)
        .outerjoin(LoanRow, LoanRow.id == made.c.loan_id)
        .group_by(LoanRow.lender_id, LoanRow.currency, made.c.channel, made.c.provider)
    )  # fmt: skip
    rows = [
        {"id": new_id(), "hour_at": hour_at, "counted_at": now, **row._mapping, "units": int(row.units)}
        for row in session.execute(counted)
    ]
    session.execute(delete(_H).where(_H.hour_at == hour_at))
    add_rows(session, cast(Table, _H.__table__), rows)
    return sum(row["attempts"] for row in rows)


def sum_hours(reads: Connection, lender_id: str, *, since: datetime, until: datetime) -> Sequence[Any]:
    """Return kept figures of a lender by hour, channel and provider, with since <= hour_at < until."""
    statement = (
        select(
            _H.hour_at, _H.channel, _H.provider, _H.currency, _H.attempts, _H.accepted, _H.refused, _H.retried,
            _H.uncertain, _H.units,
        )
        .where(_H.lender_id == lender_id, _H.hour_at >= since, _H.hour_at < until)
        .order_by(_H.hour_at, _H.channel, _H.provider)
    )  # fmt: skip
    return reads.execute(statement).all()


def find_last_counted(reads: Connection) -> datetime | None:
    """Return when the newest hour that is kept was counted, or None."""
    statement = select(_H.counted_at).order_by(_H.hour_at.desc()).limit(1)
    return reads.execute(statement).scalar()


def count_recent(reads: Connection, *, since: datetime) -> Sequence[Any]:
    """Return (channel, provider, outcome, error_code, attempts) of the newest `MOST_ATTEMPTS` since then."""
    newest = (
        select(_A.message_id, _A.provider, _A.outcome, _A.error_code)
        .where(_A.started_at >= since)
        .order_by(_A.started_at.desc())
        .limit(MOST_ATTEMPTS)
        .subquery()
    )
    statement = (
        select(_M.channel, newest.c.provider, newest.c.outcome, newest.c.error_code, func.count().label("attempts"))
        .select_from(newest)
        .join(_M, _M.id == newest.c.message_id)
        .where(newest.c.outcome != "withheld")
        .group_by(_M.channel, newest.c.provider, newest.c.outcome, newest.c.error_code)
        .order_by(_M.channel, newest.c.provider, newest.c.outcome, newest.c.error_code)
    )
    return reads.execute(statement).all()


def count_late_receipts(reads: Connection, *, since: datetime, until: datetime) -> Sequence[Any]:
    """Return (channel, provider, messages) sent and not told of, that were to be told of between these instants."""
    late = (
        select(_M.id, _M.channel)
        .where(and_(_M.lane == "untold", _M.next_attempt_at >= since, _M.next_attempt_at <= until, _M.channel != "letter"))
        .order_by(_M.next_attempt_at, _M.id)
        .limit(MOST_ATTEMPTS // 10)
        .subquery()
    )
    statement = (
        select(late.c.channel, _A.provider, func.count(func.distinct(late.c.id)).label("messages"))
        .select_from(late)
        .join(_A, and_(_A.message_id == late.c.id, _A.outcome == "accepted"))
        .group_by(late.c.channel, _A.provider)
    )
    return reads.execute(statement).all()


def _count(condition: Any, name: str) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0).label(name)
