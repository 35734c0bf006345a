"""Consents to single WeChat messages: each "accept" in the platform's window is good for one message of that template.

A refusal holds until the next "accept", also where older consents are left: the person has said no since. One that is taken
for a message is given back only when the message was surely not sent.
"""

from datetime import datetime

from app.persistence.queries.subscription_credits import delete_credits, lock_credit, return_credit, use_credit
from app.persistence.unit_of_work import Work

MOST_CREDITS = 100
"""More than a loan has instalments that are worth a message; a runaway page must not collect for ever."""


def accept(work: Work, borrower_id: str, code: str, *, now: datetime, count: int = 1) -> None:
    """Add what was agreed to. Once per event: whoever keeps the events sees to that."""
    row = lock_credit(work.session, borrower_id, code, now=now)
    row.credits = min(row.credits + max(count, 0), MOST_CREDITS)
    row.is_refused, row.changed_at = False, now
    work.session.flush()


def refuse(work: Work, borrower_id: str, code: str, *, now: datetime, forgets: bool = False) -> None:
    """Keep that no more are wanted; `forgets`: the platform has dropped the consents given before, too."""
    row = lock_credit(work.session, borrower_id, code, now=now)
    row.is_refused, row.changed_at = True, now
    if forgets:
        row.credits = 0
    work.session.flush()


def take_credit(work: Work, borrower_id: str, code: str, *, now: datetime) -> bool:
    """Use one consent up for a message that is about to leave; return whether there was one."""
    return use_credit(work.session, borrower_id, code, now=now)


def give_back(work: Work, borrower_id: str, code: str, *, now: datetime) -> bool:
    """Give a consent back whose message was surely not sent; return False when the account was unbound meanwhile."""
    return return_credit(work.session, borrower_id, code, now=now)


def spend_all(work: Work, borrower_id: str, code: str, *, now: datetime) -> None:
    """Keep that the platform knows of no consent of this template: what we counted is not there."""
    row = lock_credit(work.session, borrower_id, code, now=now)
    row.credits, row.changed_at = 0, now
    work.session.flush()


def forget(work: Work, borrower_id: str) -> None:
    """Forget what the former WeChat user of this borrower agreed to."""
    delete_credits(work.session, borrower_id)
