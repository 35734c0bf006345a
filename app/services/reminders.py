"""Deciding about borrowers: load their cases, ask the domain, write what it decided.

One function serves the sweep and every change of a case: a payment runs it in its own unit of work, so that what is queued
is cancelled and what the inbox shows is settled before the payment's answer is out.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from app.domain.decisions import decide
from app.domain.policies import Rules
from app.logs import logger
from app.metrics import UNDECIDABLE
from app.persistence.queries.agenda import claim_due, claim_one, exists_due, put_off
from app.persistence.queries.cases import load_cases
from app.persistence.unit_of_work import Work, looking, unit_of_work
from app.services import manual_contacts
from app.services.decision_writing import DecisionWriting
from app.services.policies import load_rules

SWEEP_BATCH = 200
"""Borrowers per unit of work: long enough to write in bulk, short enough that no payment waits for it."""


PUT_OFF = timedelta(minutes=10)
"""How long a borrower whose case cannot be decided (a defect, or data that cannot be true) stands back for the others."""


def sweep(*, now: datetime, limit: int = SWEEP_BATCH) -> int:
    """Decide about up to `limit` borrowers whose wake time has come; return how many. One commit, none when idle.

    A case that cannot be decided must not hold up the others: the batch is then done one by one, and that one put off.
    """
    with looking() as session:
        if not exists_due(session, now=now):
            return 0
    claimed: list[str] = []
    try:
        with unit_of_work() as work:
            rules = load_rules(work.session)
            if rules is not None:
                claimed = claim_due(work.session, now=now, limit=limit)
                _decide(work, claimed, rules, now)
    except Exception:
        if not claimed:
            raise
        logger().exception("sweep batch failed; deciding one by one", borrowers=len(claimed))
        for borrower_id in claimed:
            _sweep_one(borrower_id, now)
    return len(claimed)


def _sweep_one(borrower_id: str, now: datetime) -> None:
    try:
        with unit_of_work() as work:
            if claim_one(work.session, borrower_id, now=now):
                review(work, [borrower_id], now=now)
    except Exception:
        logger().exception("case cannot be decided; put off", borrower_id=borrower_id)
        UNDECIDABLE.inc()
        with unit_of_work() as work:
            put_off(work.session, borrower_id, until=now + PUT_OFF)


def review(work: Work, borrower_ids: Iterable[str], *, now: datetime) -> None:
    """Decide about these borrowers now, inside the caller's unit of work, which holds their agenda rows."""
    rules = load_rules(work.session)
    if rules is not None:
        _decide(work, list(borrower_ids), rules, now)


def _decide(work: Work, borrower_ids: Sequence[str], rules: Rules, now: datetime) -> None:
    if not borrower_ids:
        return
    cases = load_cases(work.session, borrower_ids, now=now, rules=rules)
    writing = DecisionWriting(work.vault, rules, now)
    for borrower_id, loaded in cases.items():
        writing.take(borrower_id, loaded, decide(loaded.case, rules, now))
    writing.write(work)
    manual_contacts.ask_again(work, cases, rules, now=now)
