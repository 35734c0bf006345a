"""Contacts: how far up its ladder each is."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from app.persistence.models.reminders import ContactRow

_RUNGS = (
    update(ContactRow.__table__)  # type: ignore[arg-type]
    .where(ContactRow.id == bindparam("b_contact_id"))
    .values(rungs_done=bindparam("b_rungs_done"))
)


def mark_rungs(session: Session, rungs: Sequence[Mapping[str, Any]]) -> None:
    """Write how many rungs of these contacts were looked at."""
    if rungs:
        session.connection().execute(_RUNGS, list(rungs))
