"""Saying loudly that a register has to be told of a removal: files leave by hand, so nobody would see the day pass."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.domain.times import business_date
from app.logs import logger
from app.persistence.queries import register_events as queries
from app.persistence.queries import tasks as task_queries
from app.persistence.queries.audit import add_audits
from app.persistence.unit_of_work import Work, looking, unit_of_work
from app.services.tasks import NewTask, add_tasks

QUEUE, KIND = "compliance", "register_removal"
AHEAD_DAYS = 2
"""Before the last day on which the register has to be told. A figure of this house."""
_BY = "engine:registers"
_PAGE = 300


def alarm_removals(*, now: datetime) -> int:
    """Make a task of each removal that a register has to be told of by the day after tomorrow; return how many are new.

    One whose day has passed is in breach: it stands first in its queue, and the audit trail says so once.
    """
    made, after = 0, ""
    latest = (now + timedelta(days=AHEAD_DAYS + 1)).date()  # no zone is a day ahead of that
    while True:
        with looking() as session:
            page = queries.page_untold_removals(session, due_by=latest, after=after, limit=_PAGE)
        if not page:
            return made
        after = page[-1].id
        with unit_of_work() as work:
            still = queries.lock_untold_removals(work.session, [row.id for row in page])
            made += _alarm(work, still, now)


def finish_alarms(work: Work, report_ids: Sequence[str], *, by: str, now: datetime) -> None:
    """Close the tasks of removals that a file has told: a few statements for all."""
    task_queries.finish_named(work.session, [_key(each) for each in report_ids], reason="in the file", by=by, now=now)


def _alarm(work: Work, rows: Sequence[queries.UntoldRemoval], now: datetime) -> int:
    near = [row for row in rows if row.removal_due_on - timedelta(days=AHEAD_DAYS) <= business_date(now, row.zone)]
    missed = [row for row in near if row.removal_due_on < business_date(now, row.zone)]
    tasks = [
        NewTask(
            _key(row.report_id), row.borrower_id, KIND, QUEUE, loan_id=row.loan_id, due_on=row.removal_due_on,
            facts={"register": row.register, "report_id": row.report_id},
        )
        for row in near
    ]  # fmt: skip
    if not tasks:
        return 0
    made = sum(each.created for each in add_tasks(work, tasks, now=now))
    fresh = task_queries.find_not_in_breach(work.session, [_key(row.report_id) for row in missed])
    task_queries.mark_breaches(work.session, fresh)
    late = [row for row in missed if _key(row.report_id) in fresh]
    facts = [(row.borrower_id, {"report_id": row.report_id, "register": row.register}) for row in late]
    add_audits(work.session, facts, at=now, actor=_BY, action="register_report.removal_missed")
    if late:
        logger().error("registers were not told of removals in time", count=len(late))
    if made:
        logger().warning("registers have to be told of removals: make their next file", count=made)
    return made


def _key(report_id: str) -> str:
    return f"register-removal/{report_id}"
