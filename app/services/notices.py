"""Notices to a borrower of a change that concerns them: received, decided, changed. Servicing messages, not reminders."""

from collections.abc import Mapping
from datetime import datetime

from app.persistence.unit_of_work import Work
from app.wording.variables import Value


def tell_borrower(
    work: Work,
    borrower_id: str,
    template: str,
    values: Mapping[str, Value],
    *,
    now: datetime,
    loan_id: str | None = None,
    also_push: bool = True,
) -> None:
    """Put a notice into the borrower's inbox at once, and a neutral push beside it within the hours of contact.

    `template`: of content/templates.yaml, with exactly its variables in `values`. `loan_id`: what it opens.
    `also_push` False: the borrower is looking at the app, having just done it.
    """
