"""When a loan's lateness was over, by its ledger."""

from datetime import date, timedelta
from itertools import pairwise

from app.domain.credit_histories import LoanLedger, steps_of


def end_of_lateness(ledger: LoanLedger, today: date) -> date | None:
    """Return the last day on which money or a plan left nothing overdue; None: it is late today, or never was."""
    known = ledger.known_on(today)
    opened = min(row.due_on for row in known.versions[0].rows) - timedelta(days=1)
    steps = steps_of(known, opened, today)
    found = None
    for before, step in pairwise(steps):
        was_late = before.first_open_on is not None and before.first_open_on < step.from_on
        if was_late and (step.first_open_on is None or step.first_open_on >= step.from_on):
            found = step.from_on
    last = steps[-1].first_open_on
    return None if last is not None and last < today else found
