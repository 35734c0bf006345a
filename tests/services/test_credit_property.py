"""No order of events leads from no delivered notice, an open dispute, no consent or a protecting hold to a negative report.

Random acts through the real services on loans that are late, and what leaves in each file is held against a book of its own
that the test keeps: it knows nothing of gates, enrolments and snapshots.
"""

import io
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.domain.credit_histories import month_end
from app.domain.disputes import DisputeValues
from app.domain.errors import DomainError
from app.domain.hold_terms import HoldValues
from app.persistence.db import db
from app.persistence.models.credit_reports import CreditOmissionRow, CreditReportRow
from app.persistence.queries.credit_snapshots import load_snapshot
from app.persistence.unit_of_work import unit_of_work
from app.services import credit_files, credit_gates
from app.services.credit_files import decide_snapshot, make_file, submit_snapshot
from app.services.credit_reporting import end_cured, start_reporting
from app.services.credit_snapshots import begin_snapshot, freeze_page
from app.services.dispute_answers import AnswerValues, answer
from app.services.disputes import open_dispute, withdraw
from app.services.holds import Teller, put_hold, release_hold
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.credit import consent, enable, notice
from tests.conftest import START

DAY = timedelta(days=1)
DUE = [date(2026, month, 1) for month in range(1, 13)]
AMOUNT = 10_000
_codes = count(1)


@dataclass
class Kept:
    """What the test itself knows of a loan."""

    loan: Built
    notices: list[dict[str, Any]] = field(default_factory=list)
    disputes: list[str] = field(default_factory=list)
    hold: str | None = None
    consents: bool = False
    paid: int = 0
    run_began: date = DUE[0]

    def may_be_told(self, now: datetime) -> list[str]:
        """Return what stands in the way of saying something against the person, by this book."""
        came = [each for each in self.notices if each["delivered"] and not each["returned"]]
        in_time = [each for each in came if self.run_began < each["delivered"].date() < now.date()]
        return [
            *([] if in_time else ["notice"]),
            *(["dispute"] if self.disputes else []),
            *(["hold"] if self.hold else []),
            *([] if self.consents else ["consent"]),
        ]


@dataclass
class World:
    lender_id: str
    kept: list[Kept]
    now: datetime = START
    snapshot_id: str | None = None
    files: int = 0
    submitted: int = 0
    told_against: int = 0


def begin() -> World:
    lender_id = build_lender(
        now=START, code=f"w{next(_codes)}", jurisdiction="CN", currency="CNY", licence_kind="consumer_finance",
        role="first_party", role_reason="own",
    )  # fmt: skip
    enable(lender_id, now=START)
    person = {"name": "张伟", "national_id": "11010519491231002X", "country": "CN", "address_lines": ("1 号", "上海")}
    loans = [
        build_loan(
            now=START - 90 * DAY, due=DUE, lender_id=lender_id, currency="CNY", product_kind="instalment", **person,
        )
        for _ in range(2)
    ]  # fmt: skip
    return World(lender_id, [Kept(loan) for loan in loans])


def act(world: World, name: str, which: int) -> None:
    """Do one thing; what the services refuse has not happened."""
    kept = world.kept[which % 2]
    loan, now = kept.loan, world.now
    if name in ("notice", "deliver", "return"):
        _tell_of_notice(kept, name, now)
    elif name == "consent":
        consent(loan, now=now)
        kept.consents = True
    elif name == "no_consent":
        consent(loan, now=now, given=False)
        kept.consents = False
    elif name == "dispute":
        with unit_of_work() as work:
            values = DisputeValues("dispute", "amount_wrong", "No.")
            kept.disputes.append(open_dispute(work, loan.borrower_id, loan.loan_id, values, now=now))
    elif name in ("uphold", "reject", "withdraw") and kept.disputes:
        with unit_of_work() as work:
            if name == "withdraw":
                withdraw(work, loan.borrower_id, kept.disputes[-1], now=now)
            else:
                outcome = AnswerValues("upheld" if name == "uphold" else "rejected", "So it is.")
                answer(work, world.lender_id, kept.disputes[-1], outcome, staff="staff:Ann", role="compliance", now=now)
        kept.disputes.pop()
    elif name == "hold" and kept.hold is None:
        with unit_of_work() as work:
            values = HoldValues("identity_theft", loan_no=loan.loan_no)
            teller = Teller("staff:Ann", world.lender_id, "compliance")
            kept.hold = put_hold(work, loan.borrower_id, values, teller=teller, now=now).id
    elif name == "release" and kept.hold is not None:
        with unit_of_work() as work:
            teller = Teller("staff:Ann", world.lender_id, "compliance")
            release_hold(work, loan.borrower_id, kept.hold, teller=teller, now=now, reason="looked at")
        kept.hold = None
    elif name == "pay":
        pay(loan, AMOUNT, now=now, currency="CNY")
        kept.paid += 1
        if kept.paid < len(DUE) and DUE[kept.paid] >= now.date():
            kept.run_began = DUE[kept.paid]
    else:
        _of_the_lender(world, name, loan)


def _tell_of_notice(kept: Kept, name: str, now: datetime) -> None:
    if name == "notice":
        kept.notices.append({"sent": now, "delivered": None, "returned": None, "no": len(kept.notices)})
    elif not kept.notices:
        return
    else:
        word = "delivered" if name == "deliver" else "returned"
        kept.notices[-1][word] = kept.notices[-1][word] or now
    last = kept.notices[-1]
    notice(
        kept.loan, now=last["sent"], delivered_at=last["delivered"], returned_at=last["returned"], reference=f"n{last['no']}"
    )


def _of_the_lender(world: World, name: str, loan: Built) -> None:
    now = world.now
    if name == "report":
        with unit_of_work() as work:
            start_reporting(work, [loan.loan_id], by="policy:x", now=now)
    elif name == "cure":
        with unit_of_work() as work:
            end_cured(work, now=now)
    elif name == "freeze":
        with unit_of_work() as work:
            as_of = month_end(now.date().replace(day=1) - DAY)
            world.snapshot_id = begin_snapshot(work, world.lender_id, "PBOC", as_of, by="staff:Ann", now=now)
        with unit_of_work() as work:
            freeze_page(work, world.snapshot_id, now=now)
    elif world.snapshot_id is None:
        return
    elif name == "approve":
        with unit_of_work() as work:
            decide_snapshot(work, world.lender_id, world.snapshot_id, approve=True, by="staff:Ben", now=now)
    elif name == "file":
        _file(world)
    elif name == "submit":
        submit_snapshot(world.lender_id, world.snapshot_id, reference=None, by="staff:Ann", now=now)
        _hold_against_the_book(world)
        world.submitted += 1


def _file(world: World) -> None:
    """Make the file, and hold what leaves in it against the test's own book."""
    assert world.snapshot_id is not None
    out = io.BytesIO()
    make_file(world.lender_id, world.snapshot_id, out, by="staff:Ann", clock=lambda: world.now)
    world.files += 1
    text = out.getvalue().decode()
    told = _hold_against_the_book(world)
    for kept in world.kept:
        assert (kept.loan.loan_id in told) == (f"{kept.loan.loan_no}</AcctCode>" in text)
    world.told_against += sum(row.account["overdue_minor"] > 0 for row in told.values())


def _hold_against_the_book(world: World) -> dict[str, CreditReportRow]:
    """Return what the file tells, as it is made and again as it is handed in; it may be told by the test's own book."""
    session = db.session()
    session.rollback()
    left_out = set(
        session.scalars(select(CreditOmissionRow.loan_id).where(CreditOmissionRow.snapshot_id == world.snapshot_id))
    )
    rows = session.scalars(select(CreditReportRow).where(CreditReportRow.snapshot_id == world.snapshot_id)).all()
    told = {row.loan_id: row for row in rows if row.reason is None and row.loan_id not in left_out}
    for kept in world.kept:
        row = told.get(kept.loan.loan_id)
        if row is not None and row.account["overdue_minor"] > 0:
            assert kept.may_be_told(world.now) == []
    return told


LIVES = ("notice", "deliver", "consent", "report", "freeze", "approve", "file", "submit")
HARM = ("return", "dispute", "hold", "no_consent")
TROUBLES = (
    *HARM,
    "return", "dispute", "uphold", "reject", "withdraw", "hold", "release", "pay", "no_consent", "cure", "days", "days",
)  # fmt: skip
ACTS = st.lists(st.tuples(st.sampled_from((*LIVES, *LIVES, *TROUBLES)), st.integers(0, 1)), min_size=4, max_size=24)
USUAL = [
    *[(name, which) for which in (0, 1) for name in ("notice", "deliver", "consent", "days", "report")],
    ("freeze", 0), ("approve", 0), ("file", 0), ("submit", 0),
]  # fmt: skip


def live(acts: list[tuple[str, int]]) -> World:
    world = begin()
    for name, which in acts:
        if name == "days":
            world.now += timedelta(days=3 + 17 * which)
            continue
        try:
            act(world, name, which)
        except DomainError:
            continue
        world.now += timedelta(hours=1)
    return world


def with_troubles(troubles: list[tuple[int, tuple[str, int]]]) -> list[tuple[str, int]]:
    """The usual way to a file, with things that happen at any point of it, and the whole way once more."""
    acts = [*USUAL, ("days", 1), ("days", 1), *USUAL]
    for at, trouble in sorted(troubles, reverse=True):
        acts.insert(at % len(acts), trouble)
    return acts


NEAR = st.lists(st.tuples(st.integers(0, 29), st.tuples(st.sampled_from(TROUBLES), st.integers(0, 1))), max_size=5).map(
    with_troubles
)


@settings(
    max_examples=40, deadline=None, derandomize=True, phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(acts=st.one_of(NEAR, NEAR, ACTS))
def test_nothing_is_told_against_anybody_while_a_gate_is_shut(sqlite_book: Flask, acts: list[tuple[str, int]]) -> None:
    live(acts)


@pytest.mark.parametrize("again", [(), (("cure", 0),)])
def test_arrears_that_were_paid_and_came_again_want_a_notice_of_their_own(
    sqlite_book: Flask, again: tuple[tuple[str, int], ...]
) -> None:
    paid = [*[("pay", 0)] * 3, ("days", 0), *again, *[("days", 1)] * 4]
    world = live([*USUAL, *paid, *USUAL[-4:]])

    assert (world.files, world.told_against) == (2, 3)


@pytest.mark.parametrize("at", range(len(USUAL)))
@pytest.mark.parametrize("harm", HARM)
def test_whatever_goes_wrong_on_the_way_keeps_the_report_back(sqlite_book: Flask, harm: str, at: int) -> None:
    acts = list(USUAL)
    acts.insert(at, (harm, 0))
    live(acts)


def test_the_usual_way_ends_in_a_report_against_both(sqlite_book: Flask) -> None:
    world = live(USUAL)

    assert (world.files, world.told_against, world.submitted) == (1, 2, 1)


BETWEEN = USUAL.index(("submit", 0))
"""Where the file is made and has not been handed in."""


@pytest.mark.parametrize("harm", HARM)
def test_what_goes_wrong_between_the_file_and_its_submission_stops_that_and_the_file_made_again_leaves_it_out(
    app: Flask, harm: str
) -> None:
    again = [("file", 0), ("submit", 0)]

    world = live([*USUAL[:BETWEEN], (harm, 0), ("submit", 0), *again])

    # A return and a case are of the one loan, a consent and its withdrawal too: the other one is told.
    assert (world.files, world.told_against, world.submitted) == (2, 3, 1)


@pytest.mark.parametrize("at", [1, 5, 11, 12])
def test_the_orders_hold_on_both_databases(app: Flask, at: int) -> None:
    for harm in HARM:
        acts = list(USUAL)
        acts.insert(at, (harm, 0))
        live(acts)


@pytest.mark.parametrize("harm", HARM)
def test_were_the_gates_not_asked_at_the_submission_the_property_would_fail(
    sqlite_book: Flask, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    """Seen red: the very events would end in a report."""

    def look_at_nothing(lender_id: str, snapshot_id: str, **more: Any) -> int:
        with unit_of_work() as work:
            return load_snapshot(work.session, snapshot_id).version

    monkeypatch.setattr(credit_files, "check_still_open", look_at_nothing)

    with pytest.raises(AssertionError):
        live([*USUAL[:BETWEEN], (harm, 0), ("submit", 0)])


@pytest.mark.parametrize(
    ("trouble", "at"), [("return", 3), ("dispute", 10), ("hold", 10), ("no_consent", 10), ("dispute", 12), ("return", 12)]
)
def test_without_the_gates_the_property_would_fail(
    sqlite_book: Flask, monkeypatch: pytest.MonkeyPatch, trouble: str, at: int
) -> None:
    """Seen red: were the gates left out, the very events would end in a report."""
    real = credit_gates.decide_gate

    def open_gate(asked: Any, now: datetime) -> Any:
        found = real(asked, now)
        return credit_gates.ReportGate(found.loan_id, True, None, None, None, None)

    acts = list(USUAL)
    acts.insert(at, (trouble, 0))
    live(acts)
    monkeypatch.setattr(credit_gates, "decide_gate", open_gate)

    with pytest.raises(AssertionError):
        live(acts)
