"""What engines say of themselves: one row each, written over."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.persistence.models.operations import EngineReportRow


def put_report(session: Session, owner: str, report: dict[str, Any], *, at: datetime) -> None:
    """Write an engine's report over its last one."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(EngineReportRow).values(owner=owner, reported_at=at, report=report)
    changes = {"reported_at": statement.excluded.reported_at, "report": statement.excluded.report}
    session.execute(statement.on_conflict_do_update(index_elements=["owner"], set_=changes))


def delete_reports(session: Session, *, before: datetime) -> None:
    """Forget reports of engines that have said nothing since."""
    session.execute(delete(EngineReportRow).where(EngineReportRow.reported_at < before))
