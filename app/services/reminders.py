"""Deciding about borrowers: load their cases, ask the domain, write what it decided."""

from collections.abc import Iterable
from datetime import datetime

from app.persistence.unit_of_work import Work


def review(work: Work, borrower_ids: Iterable[str], *, now: datetime) -> None:
    """Decide about these borrowers now, inside the caller's unit of work."""
