"""What sessions that wait for their inbox would find, in one statement for all of them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, func, select

from app.persistence.among import among, ids_named
from app.persistence.models.access import SessionRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.prepared import PreparedSelect

_WAITED = PreparedSelect.of(
    select(SessionRow.id, SessionRow.revoked_at, func.coalesce(AgendaRow.inbox_state, 0).label("inbox_state"))
    .outerjoin(AgendaRow, AgendaRow.borrower_id == SessionRow.borrower_id)
    .where(among(SessionRow.id, ids_named("b_ids")))
)


def find_waited(reads: Connection, session_ids: Iterable[str]) -> list[Any]:
    """Return id, revoked_at and inbox_state of these sessions."""
    return _WAITED.all(reads, {"b_ids": list(session_ids)})
