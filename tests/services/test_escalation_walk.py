"""Escalations over random runs of events: nothing happens twice, nothing after payment, nothing past its gate."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import PaymentValues
from app.domain.hold_terms import HoldValues
from app.domain.ledger import EntryKind
from app.persistence.ids import new_id
from app.persistence.models.escalations import EscalationEventRow, EscalationPolicyRow, EscalationRow, EscalationStepRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.served_notices import DeliveryProofRow, ServedNoticeRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.agenda import touch
from app.services.case_records import put_record
from app.services.desk_payments import DeskStaff
from app.services.escalation_approvals import (
    approve_steps,
    decline_step,
    record_forbearance,
    resume_escalation,
    stop_escalation,
)
from app.services.escalation_policies import retire
from app.services.escalations import look_at_all
from app.services.holds import Teller, put_hold, release_hold
from app.services.payments import record_payment
from tests.builders.book import Built, build_lender, build_loan, pay, set_status
from tests.builders.escalations import a_document, look_at, put_in_force

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DUES = [date(2026, 3, 10), date(2026, 4, 10), date(2026, 5, 10)]
EACH = 10_000
LEAST = 500
NOTICE, LETTER = a_document()["steps"]
REFERRAL = {
    "key": "refer", "kind": "referral", "days_past_due": 20, "after": {"step": "letter", "days": 3},
    "needs": ["forbearance"], "approval": {"people": 1, "valid_days": 10},
}  # fmt: skip
VERSIONS: list[list[dict[str, Any]]] = [
    [NOTICE, LETTER, REFERRAL],
    [{**NOTICE, "approval": {"people": 2}}, LETTER, REFERRAL],
    [NOTICE, {**LETTER, "after": {"step": "notice", "days": 5}}, {**REFERRAL, "approval": {"people": 2}}],
    [{**NOTICE, "key": "letter", "days_past_due": 8}, {**LETTER, "key": "notice", "after": {"step": "letter", "days": 2}}],
]
"""The last one has the same keys for other kinds."""


@dataclass
class World:
    """A borrower with two loans, and what was done to them, kept apart from what the product records."""

    random: Random
    now: datetime = START
    loans: list[Built] = field(default_factory=list)
    paid: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    holds: dict[str, tuple[str | None, datetime | None]] = field(default_factory=dict)
    """Hold -> the loan it is of, None: of both; and until when it stands, None: until somebody ends it."""
    dispute: dict[str, str] = field(default_factory=dict)
    """Loan -> reference of a dispute that is open."""
    considered: dict[str, date] = field(default_factory=dict)
    policy_id: str | None = None
    in_force_since: datetime = START
    steps: list[dict[str, Any]] = field(default_factory=list)
    yes: dict[tuple[str, str], list[tuple[str, datetime]]] = field(default_factory=dict)
    version: int = 0
    told: int = 0
    done: int = 0

    def late(self, loan: Built) -> tuple[date | None, int]:
        """Oldest unpaid due date that has passed, and how much is overdue."""
        if loan.loan_id in self.over:
            return None, 0
        left = sum(amount for _, amount in self.paid[loan.loan_id])
        first, overdue = None, 0
        for due_on in DUES:
            open_now = max(0, EACH - left)
            left = max(0, left - EACH)
            if due_on < self.now.date() and open_now:
                first, overdue = first or due_on, overdue + open_now
        return first, overdue

    def is_stopped(self, loan: Built) -> bool:
        return loan.loan_id in self.dispute or any(
            of in (None, loan.loan_id) and (until is None or self.now < until) for of, until in self.holds.values()
        )

    # -- what may happen -----------------------------------------------------------------------------------------------

    def pays(self, loan: Built) -> None:
        self.told += 1
        reference, amount = f"walk-{self.told}", self.random.choice((2_000, EACH, EACH - 200))
        amount = min(amount, 3 * EACH - sum(each for _, each in self.paid[loan.loan_id]))
        if amount > 0 and loan.loan_id not in self.over:
            pay(loan, amount, now=self.now, reference=reference)
            self.paid[loan.loan_id].append((reference, amount))

    def bounces(self, loan: Built) -> None:
        if self.paid[loan.loan_id] and loan.loan_id not in self.over:
            reference, amount = self.paid[loan.loan_id].pop()
            values = PaymentValues(f"back-{reference}", loan.loan_no, amount, "USD", self.now.date(), EntryKind.REVERSAL,
                                   reverses_reference=reference)  # fmt: skip
            with unit_of_work() as work:
                record_payment(work, loan.lender_id, values, now=self.now, origin="test")

    def is_held(self, loan: Built) -> None:
        of = self.random.choice((None, loan))
        values = HoldValues(self.random.choice(("deceased", "insolvent", "dispute", "plan_pending", "hardship")),
                            loan_no=None if of is None else of.loan_no)  # fmt: skip
        with unit_of_work() as work:
            hold_id = put_hold(work, loan.borrower_id, values, teller=Teller("core", loan.lender_id), now=self.now).id
            row = work.session.get_one(HoldRow, hold_id)
            self.holds[hold_id] = (row.loan_id, row.until_at)

    def is_let_go(self, loan: Built) -> None:
        if self.holds:
            hold_id, _ = self.holds.popitem()
            with unit_of_work() as work:
                release_hold(
                    work, loan.borrower_id, hold_id, teller=Teller("core", loan.lender_id), now=self.now, reason="over"
                )

    def disputes(self, loan: Built) -> None:
        if loan.loan_id not in self.dispute:
            self.told += 1
            self.dispute[loan.loan_id] = f"dispute-{self.told}"
            self._dispute(loan, {"ground": "amount", "received_at": _text(self.now), "written": True})

    def settles(self, loan: Built) -> None:
        if loan.loan_id in self.dispute:
            self._dispute(loan, {"ground": "amount", "received_at": _text(self.now - DAY), "written": True,
                                 "resolved_at": _text(self.now)})  # fmt: skip
            del self.dispute[loan.loan_id]

    def _dispute(self, loan: Built, facts: dict[str, Any]) -> None:
        with unit_of_work() as work:
            put_record(work, loan.borrower_id, "disputes", facts, by="core", now=self.now, lender_id=loan.lender_id,
                       reference=self.dispute[loan.loan_id], loan_no=loan.loan_no)  # fmt: skip

    def is_considered(self, loan: Built) -> None:
        row = self._open(loan)
        if row is not None:
            with unit_of_work() as work:
                record_forbearance(work, row.id, outcome="offered", staff=_staff(loan, "Ann"), now=self.now)
            self.considered[loan.loan_id] = self.now.date()

    def is_agreed_to(self, loan: Built) -> None:
        who = self.random.choice(("Ann", "Bob"))
        with unit_of_work() as work:
            rows = {row.id: row for row in self._steps(work.session, loan) if row.outcome == "needs_approval"}
            steps = {row_id: (row.escalation_id, row.step_key) for row_id, row in rows.items()}
            found = approve_steps(work, list(rows), staff=_staff(loan, who), now=self.now) if rows else None
        for row_id in [] if found is None else [*found.ready, *found.waiting]:
            self.yes.setdefault(steps[row_id], []).append((who, self.now))

    def is_declined(self, loan: Built) -> None:
        with unit_of_work() as work:
            waiting = [row.id for row in self._steps(work.session, loan) if row.outcome == "needs_approval"]
            if waiting:
                decline_step(work, waiting[0], reason="amount_in_doubt", staff=_staff(loan, "Ann"), now=self.now)

    def stops(self, loan: Built) -> None:
        row = self._open(loan)
        if row is not None:
            with unit_of_work() as work:
                stop_escalation(work, row.id, reason="business_decision", staff=_staff(loan, "Ann"), now=self.now)

    def goes_on(self, loan: Built) -> None:
        row = self._open(loan)
        if row is not None:
            with unit_of_work() as work:
                resume_escalation(work, row.id, staff=_staff(loan, "Ann"), now=self.now)

    def has_another_policy(self, loan: Built) -> None:
        self._retires(loan)
        self.version += 1
        self.steps = self.random.choice(VERSIONS)
        self.in_force_since = self.now
        self.policy_id = put_in_force(loan.lender_id, now=self.now, version=self.version, steps=self.steps,
                                      begins={"days_past_due": 5, "min_overdue": {"USD": "5.00"}})  # fmt: skip
        with unit_of_work() as work:
            touch(work, [loan.borrower_id], now=self.now)

    def has_no_policy(self, loan: Built) -> None:
        self._retires(loan)
        self.policy_id, self.steps = None, []

    def _retires(self, loan: Built) -> None:
        if self.policy_id is not None:
            with unit_of_work() as work:
                retire(work, work.session.get_one(EscalationPolicyRow, self.policy_id), by="staff:Bob", now=self.now)

    def is_over(self, loan: Built) -> None:
        if self.random.random() < 0.3 and loan.loan_id not in self.over:
            set_status(loan, self.random.choice(("closed", "written_off")), now=self.now)
            self.over.add(loan.loan_id)

    def gets_the_letters(self, loan: Built) -> None:
        """What waits at the printer leaves; of what has left, some arrives and some comes back, even after its proof."""
        self.look_once()
        with unit_of_work() as work:
            for step in self._steps(work.session, loan):
                message = None if step.message_id is None else work.session.get(MessageRow, step.message_id)
                if message is None:
                    continue
                if message.state in ("stale", "queued"):
                    assert self.late(loan)[1] >= LEAST, "a letter left after payment"
                    assert not self.is_stopped(loan), "a letter left in spite of a hold or a dispute"
                    message.state, message.lane, message.sent_at = "sent", None, self.now
                elif message.state == "sent" and self.random.random() < 0.6:
                    work.session.add(DeliveryProofRow(
                        id=new_id(), borrower_id=loan.borrower_id, message_id=message.id, kind="registered_post",
                        delivered_at=self.now, by="staff:eve", recorded_at=self.now,
                    ))  # fmt: skip
                    message.state = "delivered"
                elif message.state == "delivered" and self.random.random() < 0.2 and not _is_back(work, message.id):
                    work.session.add(LetterRow(
                        id=new_id(), borrower_id=loan.borrower_id, message_id=message.id, jurisdiction="CN",
                        template="letter_arrears", locale="en", pages=1, sha256="0" * 64, pdf_sealed=b"", state="returned",
                        created_at=self.now, changed_at=self.now, returned_at=self.now,
                    ))  # fmt: skip
            touch(work, [loan.borrower_id], now=self.now)

    # -- what must hold ------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look as the engine does, twice."""
        count = self.look_once()
        for loan in self.loans:
            look_at(loan.borrower_id, now=self.now)
        assert self.check() == 0, f"the same moment looked at twice did more; before it did {count}"

    def look_once(self) -> int:
        """Look as the engine does; what happened anew is held against what was done, not what was recorded."""
        look_at_all(now=self.now)
        return self.check()

    def check(self) -> int:
        """Return how many steps happened since the last check, each with all that must come first."""
        with reading() as session:
            rows = session.scalars(select(EscalationEventRow).order_by(EscalationEventRow.id)).all()
            fresh, self.done = rows[self.done :], len(rows)
            happened = [row for row in fresh if row.outcome in ("handed_over", "done") and row.step_key is not None]
            for row in happened:
                self._check(session, row)
            live = [message for loan in self.loans for message in self._live(session, loan)]
            assert len(live) == len(set(live)), "one step has two notices under way"
        return len(happened)

    def _check(self, session: Any, row: Any) -> None:
        loan = next(each for each in self.loans if each.loan_id == row.loan_id)
        step = next((each for each in self.steps if each["key"] == row.step_key), None)
        assert step is not None, "it happened without a policy"
        assert step["kind"] == row.kind
        since, overdue = self.late(loan)
        assert since is not None, "it happened after payment"
        assert overdue >= LEAST
        assert (self.now.date() - since).days >= step["days_past_due"]
        assert not self.is_stopped(loan)
        if "after" in step:
            before = session.scalars(select(EscalationStepRow).where(
                EscalationStepRow.escalation_id == row.escalation_id, EscalationStepRow.step_key == step["after"]["step"],
            )).one()  # fmt: skip
            proofs = session.scalars(select(DeliveryProofRow).where(DeliveryProofRow.message_id == before.message_id)).all()
            wanted = next(each for each in self.steps if each["key"] == before.step_key)["kind"]
            assert before.kind == wanted, "it rests on a notice of another kind"
            assert not _is_back(session, before.message_id), "it rests on a notice that came back"
            assert proofs, "it rests on a notice that nothing proves"
            arrived = min(each.delivered_at for each in proofs)
            assert (self.now.date() - arrived.date()).days >= step["after"]["days"]
        if "approval" in step:
            valid = timedelta(days=step["approval"].get("valid_days", 30))
            said = {who for who, at in self.yes.get((row.escalation_id, row.step_key), ())
                    if at >= self.in_force_since and self.now < at + valid}  # fmt: skip
            assert len(said) >= step["approval"]["people"], "too few people said yes to this version"
        if "forbearance" in step.get("needs", ()):
            assert loan.loan_id in self.considered

    def _live(self, session: Any, loan: Built) -> list[tuple[str, ...]]:
        """Escalation, step and kind of each notice that is under way or arrived."""
        rows = session.execute(
            select(ServedNoticeRow.key, ServedNoticeRow.kind).join(MessageRow, MessageRow.id == ServedNoticeRow.message_id)
            .outerjoin(LetterRow, LetterRow.message_id == MessageRow.id)
            .where(ServedNoticeRow.loan_id == loan.loan_id, MessageRow.state.not_in(("cancelled", "failed", "expired")),
                   LetterRow.returned_at.is_(None))
        )  # fmt: skip
        return [(*key.split("/")[1:3], kind) for key, kind in rows]

    def _open(self, loan: Built) -> Any:
        with reading() as session:
            return session.scalars(select(EscalationRow).where(
                EscalationRow.loan_id == loan.loan_id, EscalationRow.ended_at.is_(None)
            )).one_or_none()  # fmt: skip

    def _steps(self, session: Any, loan: Built) -> list[Any]:
        open_ones = select(EscalationRow.id).where(EscalationRow.loan_id == loan.loan_id)
        steps = select(EscalationStepRow).where(EscalationStepRow.escalation_id.in_(open_ones))
        return list(session.scalars(steps.order_by(EscalationStepRow.id)))


DISTURBS: list[Callable[[World, Built], None]] = [
    World.pays, World.pays, World.bounces, World.bounces, World.is_held, World.disputes, World.is_declined,
    World.stops, World.has_another_policy, World.has_another_policy, World.has_no_policy, World.is_over,
]  # fmt: skip
GOES_ON: list[Callable[[World, Built], None]] = [
    World.gets_the_letters, World.gets_the_letters, World.is_agreed_to, World.is_agreed_to, World.is_considered,
    World.is_let_go, World.settles, World.goes_on,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_nothing_happens_twice_or_after_payment_or_past_its_gate(app: Flask, seed: int) -> None:
    world = World(Random(seed))
    lender = build_lender(now=START)
    first = build_loan(now=START, due=DUES, lender_id=lender)
    world.loans = [first, build_loan(now=START, due=DUES, lender_id=lender, borrower_no=first.borrower_no)]
    world.paid = {loan.loan_id: [] for loan in world.loans}
    world.has_another_policy(first)

    for _ in range(40):
        world.now += timedelta(days=world.random.randint(0, 5), hours=world.random.randint(0, 23))
        for _ in range(world.random.randint(1, 3)):
            world.now += timedelta(minutes=1)
            acts = DISTURBS if world.random.random() < 0.12 else GOES_ON
            world.random.choice(acts)(world, world.random.choice(world.loans))
            world.gets_the_letters(world.random.choice(world.loans))
            if world.policy_id is None and world.random.random() < 0.5:
                world.has_another_policy(first)
            if world.random.random() < 0.5:
                world.look_once()
        world.look()


def _staff(loan: Built, name: str) -> DeskStaff:
    return DeskStaff(f"staff:{name}", "supervisor", loan.lender_id)


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _is_back(session: Any, message_id: str) -> bool:
    session = getattr(session, "session", session)
    found = session.scalars(select(LetterRow).where(LetterRow.message_id == message_id, LetterRow.state == "returned"))
    return found.first() is not None
