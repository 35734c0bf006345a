"""A lender's own days."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.domain.calendars import CalendarDay, DayKind
from app.persistence.ids import new_id
from app.persistence.models.calendars import CalendarDayRow
from app.persistence.models.lenders import LenderRow
from app.persistence.queries.chunks import chunks


def find_calendar_days(session: Session, lender_id: str) -> Mapping[date, CalendarDay]:
    """Return the lender's own days by date, ascending; a lender has some dozens."""
    rows = session.execute(
        select(CalendarDayRow.day, CalendarDayRow.kind, CalendarDayRow.name)
        .where(CalendarDayRow.lender_id == lender_id)
        .order_by(CalendarDayRow.day)
    )
    return {row.day: CalendarDay(row.day, DayKind(row.kind), row.name) for row in rows}


def renew_calendar_version(session: Session, lender: LenderRow) -> None:
    """Give the lender's calendar a version it never had. Of two editors at once one waits here for the other's commit."""
    lender.calendar_version = new_id()
    session.flush()


def put_calendar_days(session: Session, lender_id: str, days: Sequence[CalendarDay], *, at: datetime, by: str) -> None:
    """Write the days, over what was said of them before."""
    delete_calendar_days(session, lender_id, [each.day for each in days])
    rows = [
        {"lender_id": lender_id, **each._asdict(), "kind": each.kind.value, "recorded_at": at, "recorded_by": by}
        for each in days
    ]
    if rows:
        session.execute(insert(CalendarDayRow), rows)


def delete_calendar_days(session: Session, lender_id: str, days: Collection[date]) -> None:
    """Take the days out."""
    for some in chunks(days):
        session.execute(delete(CalendarDayRow).where(CalendarDayRow.lender_id == lender_id, CalendarDayRow.day.in_(some)))
