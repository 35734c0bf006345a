"""Whatever happens in whatever order: no report without a notice that came or with an open dispute, none after removal."""

from datetime import timedelta
from typing import Any

from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.domain.disputes import DisputeValues
from app.domain.errors import ConflictError
from app.persistence.db import session
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.restricted_register import RegisterReportEventRow, RegisterReportRow
from app.persistence.unit_of_work import unit_of_work
from app.services.disputes import open_dispute, withdraw
from app.services.register_files import make_file
from app.services.register_removals import look_at_reports
from tests.builders.book import Built, pay
from tests.builders.credit import notice
from tests.builders.registers import REGISTER, agree, approve, ask, cn_lender, late_loan, second
from tests.conftest import START

STEPS = (
    "consent", "consent_back", "notice_sent", "notice_came", "notice_returned", "dispute", "dispute_over", "ask",
    "ask_and_approve", "approve", "pay", "look", "file",
)  # fmt: skip


class World:
    """One loan, what happened to it by our own book-keeping, and what was reported."""

    def __init__(self, number: int, lender_id: str) -> None:
        self.now = START
        self.loan: Built = late_loan(START, lender_id=lender_id)
        self.came = self.disputed = self.consents = self.paid = False
        self.number = number

    def step(self, name: str, days: int) -> None:
        self.now += timedelta(days=days)
        getattr(self, f"_{name}")()

    def _consent(self) -> None:
        agree(self.loan, now=self.now)
        self.consents = True

    def _consent_back(self) -> None:
        agree(self.loan, now=self.now, given=False)
        self.consents = False

    def _notice_sent(self) -> None:
        notice(self.loan, now=self.now, reference="N")
        self.came = False

    def _notice_came(self) -> None:
        notice(self.loan, now=self.now, delivered_at=self.now - timedelta(days=20), reference="N")
        self.came = True

    def _notice_returned(self) -> None:
        came_at = self.now - timedelta(days=20) if self.came else None
        notice(self.loan, now=self.now, delivered_at=came_at, returned_at=self.now, reference="N")
        self.came = False

    def _dispute(self) -> None:
        if not self.disputed:
            with unit_of_work() as work:
                values = DisputeValues("dispute", "amount_wrong", "no")
                open_dispute(work, self.loan.borrower_id, self.loan.loan_id, values, now=self.now)
            self.disputed = True

    def _dispute_over(self) -> None:
        open_ones = select(DisputeRow.id).where(DisputeRow.loan_id == self.loan.loan_id, DisputeRow.state == "received")
        session().rollback()
        for dispute_id in session().scalars(open_ones).all():
            with unit_of_work() as work:
                withdraw(work, self.loan.borrower_id, dispute_id, now=self.now)
        self.disputed = False

    def _ask(self) -> None:
        self._judge(lambda: ask([self.loan], now=self.now)[self.loan.loan_id].gate is None)

    def _ask_and_approve(self) -> None:
        by_two = {"approved_by": second(self.loan)}
        self._judge(lambda: ask([self.loan], now=self.now, **by_two)[self.loan.loan_id].gate is None)

    def _approve(self) -> None:
        for each in self._reports("waiting"):
            self._judge(lambda each=each: approve(self.loan, each, now=self.now).gate is None)

    def _pay(self) -> None:
        if not self.paid:
            pay(self.loan, 20_000, now=self.now)
            self.paid = True

    def _look(self) -> None:
        look_at_reports(now=self.now)
        if self.paid:
            assert not self._reports("standing")

    def _file(self) -> None:
        try:
            with unit_of_work() as work:
                make_file(work, REGISTER, staff=second(self.loan), now=self.now)
        except ConflictError:
            return
        if self.paid:
            assert not self._reports("standing")

    def _judge(self, act: Any) -> None:
        if act():
            assert self.came
            assert not self.disputed
            assert self.consents
            assert not self.paid

    def _reports(self, state: str) -> list[str]:
        session().rollback()
        found = select(RegisterReportRow.id).where(
            RegisterReportRow.loan_id == self.loan.loan_id, RegisterReportRow.state == state
        )
        return list(session().scalars(found))

    def check(self) -> None:
        """A report that was taken off stays off, and a register hears of it if it heard of the report."""
        session().rollback()
        for report_id, state in session().execute(
            select(RegisterReportRow.id, RegisterReportRow.state).where(RegisterReportRow.loan_id == self.loan.loan_id)
        ):
            events = session().execute(
                select(RegisterReportEventRow.kind, RegisterReportEventRow.left_out)
                .where(RegisterReportEventRow.report_id == report_id)
                .order_by(RegisterReportEventRow.id)
            ).all()  # fmt: skip
            kinds = [kind for kind, _ in events]
            assert kinds.count("reported") == (state in ("standing", "removed"))
            assert (kinds[-1:] == ["removed"]) == (state == "removed")
            assert len({left_out for _, left_out in events}) <= 1


def test_no_order_of_events_leads_to_a_report_that_must_not_be(sqlite_book: Flask) -> None:
    counter = iter(range(10**6))
    lender_id = cn_lender(START)

    @given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 25)), min_size=4, max_size=14))
    @settings(max_examples=60)
    def check(steps: list[tuple[str, int]]) -> None:
        world = World(next(counter), lender_id)
        for name, days in steps:
            world.step(name, days)
            world.check()
        for name in ("dispute_over", "consent", "notice_came", "ask_and_approve", "file", "dispute", "look", "pay", "look"):
            world.step(name, 1)
            world.check()

    check()
