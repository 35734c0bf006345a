"""The sweep: in how few statements it decides, however many borrowers it decides about."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select, update

from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import db
from app.persistence.models.loans import ESTIMATED_PLAN, LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, ContactRow, DecisionRow
from app.persistence.queries.case_contacts import ATTEMPTS_BACK
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import letter_withdrawals, withdrawals
from app.services.policies import ensure_default_policy
from app.services.reminders import sweep
from tests.builders.book import build_loan, give_phone
from tests.fakes.channels import FakeChannel

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
STEP = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
NEXT_STEP = STEP + timedelta(days=1)
MOST = 20
SetClock = Callable[[datetime], None]


@contextmanager
def told_statements() -> Iterator[list[str]]:
    """The statements run meanwhile."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(" ".join(statement.split()))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def statements_of_a_batch(borrowers: int, set_clock: SetClock) -> list[str]:
    """What a batch runs in which half are reminded again, and what the others were reminded of is settled meanwhile."""
    ensure_default_policy(now=START)
    loans = [build_loan(now=START, due=[DUE]) for _ in range(borrowers)]
    for loan in loans:
        give_phone(loan, now=START)
    engine = Engine(Dispatcher({"push": FakeChannel()}, owner="tester"))
    set_clock(STEP)
    engine.drain()
    with unit_of_work() as work:
        estimated = [loan.loan_id for loan in loans[::2]]
        work.session.execute(update(LoanRow).where(LoanRow.id.in_(estimated)).values(marks=[ESTIMATED_PLAN]))

    with told_statements() as statements:
        assert sweep(now=NEXT_STEP) == borrowers

    with reading() as session:
        settled = session.scalar(select(func.count()).where(ContactRow.state == "settled"))
        taken_back = session.scalar(select(func.count()).where(MessageRow.message_class == "withdrawal"))
        reminded = session.scalar(select(func.count()).where(ContactRow.created_at == NEXT_STEP))
    assert (settled, taken_back, reminded) == (len(estimated), len(estimated), borrowers - len(estimated))
    return statements


@pytest.mark.both
@pytest.mark.parametrize("borrowers", [2, 12])
def test_a_batch_takes_at_most_twenty_statements_however_many_it_decides_about(
    app: Flask, set_clock: SetClock, borrowers: int
) -> None:
    """Not full, so that it also asks who was decided under older rules; with reminders settled and taken off phones."""
    statements = statements_of_a_batch(borrowers, set_clock)

    assert len(statements) <= MOST, statements


def test_without_a_policy_nobody_is_claimed(app: Flask) -> None:
    build_loan(now=START, due=[DUE])

    assert sweep(now=STEP) == 0

    with reading() as session:
        assert session.scalars(select(DecisionRow.id)).all() == []
        assert session.scalars(select(AgendaRow.wake_at)).all() == [START]


def test_a_case_has_every_message_that_may_have_to_be_taken_back() -> None:
    """Only contacts with a message on the channel are asked about, by what their cases know."""
    assert withdrawals.SHOWN_FOR < ATTEMPTS_BACK
    assert letter_withdrawals.LOOKS_BACK < ATTEMPTS_BACK
