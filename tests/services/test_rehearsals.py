"""Rehearsals: what they assume and count, that they write and send nothing, and that they come to what really comes."""

import contextlib
import os
import signal
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from app.domain.digest import decisions_digest
from app.domain.errors import NotFoundError, ValidationError
from app.domain.money import Money
from app.domain.times import rfc3339
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import Base, db, read_only_engine
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.reminders import DecisionEventRow, DecisionRow
from app.persistence.queries.moments import find_moments
from app.persistence.unit_of_work import close_session, reading, unit_of_work
from app.services.policies import activate_document, ensure_default_policy
from app.services.promises import Giver, make_promises
from app.services.rehearsals import runs, sorted_digest
from app.services.rehearsals.channel_figures import ChannelFigures, load_figures
from app.services.rehearsals.lives import Life
from app.services.rehearsals.pages import content_policy, page_of
from app.services.rehearsals.runs import RehearsalResult, rehearse
from app.services.rehearsals.settings import RehearsalSettings
from app.services.rehearsals.sorted_digest import SortedRuns, digest_of_runs
from app.services.rehearsals.tables import tables_of
from app.services.rehearsals.texts import csv_lines, describe
from tests.builders.book import build_lender, build_loan, give_phone, pay, replan
from tests.builders.cases import default_document
from tests.conftest import START
from tests.fakes.channels import FakeChannel

TOMORROW = date(2026, 3, 3)
DUE = date(2026, 3, 10)
SetClock = Callable[[datetime], None]
LADDER = [{"channel": "in_app"}, {"channel": "push"}, {"channel": "sms", "after": "PT4H", "unless": "seen"}]


def url_of(app: Flask) -> str:
    close_session()
    url: str = app.config["SETTINGS"].database_url
    return url


def rehearsed(app: Flask, *, now: datetime = START, workers: int = 1, **changes: Any) -> RehearsalResult:
    given: dict[str, Any] = {"policy": "active", "starts_on": TOMORROW, "days": 20}
    return rehearse(url_of(app), RehearsalSettings(**{**given, **changes}), now=now, workers=workers)


def laddered(**changes: Any) -> dict[str, Any]:
    """The default policy with text messages four hours later for what was not seen."""
    document = {**default_document(), **changes}
    document["defaults"]["ladder"] = LADDER
    return document


def came_to(result: RehearsalResult) -> dict[str, str]:
    """Return step -> outcome, for books of one instalment."""
    return {step: outcome for step, outcome, _ in result.tally.decisions}


@pytest.fixture
def book(app: Flask) -> Flask:
    """One borrower with a phone and one instalment due on `DUE`."""
    ensure_default_policy(now=START)
    give_phone(build_loan(now=START, due=[DUE], borrower_no="B1", loan_no="L1", phone="+447400000001"), now=START)
    return app


def test_without_payments_every_step_is_reached(book: Flask) -> None:
    steps = came_to(rehearsed(book))

    assert set(steps) == {"d-7", "d-3", "d-1", "d+0", "d+1", "d+3", "d+7"}
    assert set(steps.values()) == {"SENT"}


def test_paid_as_scheduled_nothing_is_late(book: Flask) -> None:
    assert set(came_to(rehearsed(book, payments="scheduled"))) == {"d-7", "d-3", "d-1", "d+0"}


def test_a_stretch_of_the_past_knows_only_what_was_known(app: Flask) -> None:
    ensure_default_policy(now=START)
    built = build_loan(now=START, due=[DUE])
    pay(built, 10_000, now=datetime(2026, 3, 11, 15, tzinfo=UTC))
    later = datetime(2026, 4, 20, tzinfo=UTC)

    with_payment = rehearsed(app, now=later, payments="history")
    without = rehearsed(app, now=later, payments="none")

    assert set(came_to(with_payment)) == {"d-7", "d-3", "d-1", "d+0", "d+1"}
    assert set(came_to(without)) == {"d-7", "d-3", "d-1", "d+0", "d+1", "d+3", "d+7"}


def test_what_was_seen_is_not_sent_again_by_text(book: Flask) -> None:
    unseen = rehearsed(book, policy=laddered(policy="ladder"))
    seen = rehearsed(book, policy=laddered(policy="ladder"), delivery="seen")

    assert unseen.tally.messages["sms", "USD"] > 0
    assert seen.tally.messages["sms", "USD"] == 0
    assert seen.tally.messages["push", "USD"] == unseen.tally.messages["push", "USD"]


def test_nothing_is_written_and_nothing_could_be(book: Flask) -> None:
    def counts() -> dict[str, int]:
        with reading() as session:
            return {
                name: session.scalar(select(func.count()).select_from(table)) or 0
                for name, table in Base.metadata.tables.items()
            }

    before = counts()
    rehearsed(book)
    engine = read_only_engine(url_of(book))

    assert counts() == before
    with engine.connect() as connection, pytest.raises(DBAPIError, match=r"(?i)read.?only"):
        connection.execute(text("UPDATE lenders SET name = 'x'"))
    engine.dispose()


def test_the_same_again_is_the_same_in_one_process_or_in_two(sqlite_book: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_default_policy(now=START)
    lender_id = build_lender(now=START)
    for number in range(9):
        build_loan(now=START, due=[DUE + timedelta(days=number)], borrower_no=f"B{number}", lender_id=lender_id)
    monkeypatch.setattr(runs, "PAGE", 2)

    one, again, apart = rehearsed(sqlite_book), rehearsed(sqlite_book), rehearsed(sqlite_book, workers=2)

    assert one.digest == again.digest == apart.digest
    assert one.tally == again.tally == apart.tally
    assert rehearsed(sqlite_book, devices_percent=50, seed=1).digest != one.digest


def test_ctrl_c_while_processes_are_forked_off_is_obeyed() -> None:
    """As the interpreter does with what is raised in the hooks of a fork, the process swallows it."""

    class Forked:
        begun = 0

        def start(self) -> None:
            with contextlib.suppress(KeyboardInterrupt):
                self.begun += 1
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(1000):
                    pass

    processes: Any = [Forked(), Forked()]

    with pytest.raises(KeyboardInterrupt):
        runs._start(processes)

    assert [each.begun for each in processes] == [1, 1]


def test_runs_on_disk_come_to_the_digest_of_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        {"borrower_no": f"é{number % 37}", "row_no": number, "events": [{"outcome": "SENT"}]} for number in range(500)
    ]
    monkeypatch.setattr(sorted_digest, "RUN_BYTES", 100)
    monkeypatch.setattr(sorted_digest, "MOST_OPEN", 7)
    many = SortedRuns(tmp_path, "many")
    for record in reversed(records):
        many.add(record)
    many.flush()

    assert len(list(tmp_path.glob("*.run"))) > 7 * 7
    assert digest_of_runs(tmp_path) == decisions_digest(records)


def test_contacts_are_held_against_those_of_another_policy(book: Flask) -> None:
    document = {**default_document(), "policy": "other"}
    document["steps"] = [
        {**step, "at": "11:00"} if step["key"] == "d+1" else step for step in document["steps"] if step["key"] != "d-3"
    ]
    document["steps"].append({"key": "d+2", "offset_days": 2, "template": "overdue_early"})

    result = rehearsed(book, policy=document, against="active")

    assert result.tally.differences == {"added": 1, "removed": 1, "moved": 1}
    assert result.tally.samples["moved"] == [
        ("acme", "B1", "L1", 1, 1, "d+1", "2026-03-11T10:00:00Z d+1 in_app+push", "2026-03-11T11:00:00Z d+1 in_app+push")
    ]
    assert result.against is not None
    assert result.against.decisions["d-3", "SENT", "ON_SCHEDULE"] == 1


def test_an_hour_above_the_limit_is_named_and_messages_have_their_price(book: Flask) -> None:
    figures = {"push": ChannelFigures(Decimal("0.0002"), {"USD": Decimal("0.5")})}
    settings = RehearsalSettings("active", TOMORROW, 20)
    result = rehearse(url_of(book), settings, now=START)

    lines = list(tables_of(result, figures))

    loads = [line for name, line in lines if name == "load"]
    assert loads[0] == {"hour": "2026-03-03T10:00:00Z", "channel": "push", "messages": 1, "limit": 0, "is_over": True}
    (cost,) = [line for name, line in lines if name == "cost" and line["channel"] == "push"]
    assert (cost["messages"], cost["cost"]) == (7, "3.5")
    assert "MORE THAN ITS PROVIDER TAKES: push in the hour from 2026-03-03T10:00:00Z" in describe(result, settings, figures)
    page = page_of(result, settings, figures)
    assert content_policy().replace("'", "&#39;") in page
    assert "More than the provider takes" in page
    assert "<script" not in page
    assert load_figures()["sms"].per_hour == 72_000


def test_csv_gives_a_spreadsheet_no_formula() -> None:
    line = {"kind": "added", "contacts": "=1+1"}

    assert list(csv_lines("delta", [line])) == ["kind,contacts\r\n", "added,'=1+1\r\n"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"policy": "nobody@3"}, NotFoundError),
        ({"policy": {"policy": "x"}}, ValidationError),
        ({"days": 0}, ValidationError),
        ({"lender": "nobody"}, NotFoundError),
        ({"zone": "Nowhere/Land"}, ValidationError),
        ({"channels": ("pigeon",)}, ValidationError),
    ],
)
def test_what_cannot_be_rehearsed_is_refused(sqlite_book: Flask, changes: dict[str, Any], error: type[Exception]) -> None:
    ensure_default_policy(now=START)

    with pytest.raises(error):
        rehearsed(sqlite_book, **changes)


def test_only_a_lenders_own_loans_are_counted(sqlite_book: Flask) -> None:
    ensure_default_policy(now=START)
    other = build_lender(now=START, code="other")
    ours = build_lender(now=START)
    build_loan(now=START, due=[DUE], borrower_no="B1", lender_id=ours, loan_no="L1")
    build_loan(now=START, due=[DUE], borrower_no="B1", lender_id=other, loan_no="L2")
    build_loan(now=START, due=[DUE], borrower_no="B2", lender_id=other, loan_no="L3")

    result = rehearsed(sqlite_book, lender="acme")

    assert result.borrowers == 1
    assert result.tally.decisions.total() == 7


def test_a_case_that_cannot_be_decided_holds_up_nobody(book: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    build_loan(now=START, due=[DUE], borrower_no="B2", loan_no="L2", lender_id=_lender_id())
    lived = Life.run

    def run(life: Life) -> None:
        if life.borrower_no == "B1":
            raise ZeroDivisionError
        lived(life)

    monkeypatch.setattr(Life, "run", run)

    result = rehearsed(book)

    assert (result.undecidable, result.tally.decisions.total()) == (1, 7)


def test_what_was_really_sent_before_counts_from_today_on(app: Flask, set_clock: SetClock) -> None:
    """The rehearsal of the next days is what the engine then does, on a book in which it has been at work."""
    document = laddered(policy="ladder")
    document["caps"].append({"per": "borrower", "channel": "sms", "window": "P7D", "max": 2})
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    lender_id = build_lender(now=START)
    for number in range(6):
        built = build_loan(
            now=START, due=[DUE + timedelta(days=number), DUE + timedelta(days=30)], borrower_no=f"B{number}",
            loan_no=f"L{number}", lender_id=lender_id, zone=("UTC", "Asia/Tokyo", None)[number % 3],
            phone=f"+44740000000{number}",
        )  # fmt: skip
        if number != 1:
            give_phone(built, now=START, zone="America/New_York" if number == 3 else None)
        if number == 4:
            replan(built, [DUE + timedelta(days=3)], now=START + timedelta(days=2))
    engine = Engine(Dispatcher({"push": FakeChannel(), "sms": FakeChannel(name="sms")}, owner="tester"))
    now = _live(engine, START, datetime(2026, 3, 11, 12, tzinfo=UTC), set_clock)

    foreseen = rehearsed(app, now=now, starts_on=now.date(), days=14)
    end = RehearsalSettings("active", now.date(), 14).ends_at
    _live(engine, now, end, set_clock)

    assert foreseen.tally.decisions.total() > 20
    assert ("sms", "USD") in foreseen.tally.messages
    assert decisions_digest(_events_since(now, end)) == foreseen.digest


def test_promises_are_rehearsed_as_they_are_then_reminded_of_and_settled(app: Flask, set_clock: SetClock) -> None:
    with unit_of_work() as work:
        activate_document(work, laddered(policy="ladder"), author="test", now=START)
    loans = [
        build_loan(
            now=START, due=[DUE, DUE + timedelta(days=30)], borrower_no=f"B{number}", loan_no=f"L{number}", zone="UTC"
        )
        for number in range(3)
    ]
    engine = Engine(Dispatcher({"push": FakeChannel(), "sms": FakeChannel(name="sms")}, owner="tester"))
    now = _live(engine, START, datetime(2026, 3, 13, 9, tzinfo=UTC), set_clock)
    with unit_of_work() as work:
        for loan, days in zip(loans, ((2,), (3, 9), (20,)), strict=True):
            parts = [(Money(1_000, "USD"), now.date() + timedelta(days=each)) for each in days]
            make_promises(work, loan.borrower_id, loan.loan_id, parts, giver=Giver("borrower"), now=now)
    pay(loans[0], 1_000, now=now)

    foreseen = rehearsed(app, now=now, starts_on=now.date(), days=14)
    end = RehearsalSettings("active", now.date(), 14).ends_at
    _live(engine, now, end, set_clock)

    assert {step for step, _, _ in foreseen.tally.decisions} >= {"p-1", "p+0", "d+15"}
    assert decisions_digest(_events_since(now, end)) == foreseen.digest


def _live(engine: Engine, since: datetime, until: datetime, set_clock: SetClock) -> datetime:
    """Let the engine work until an instant, exclusive; return that instant."""
    now = since
    while now < until:
        set_clock(now)
        engine.drain()
        with reading() as session:
            following = find_moments(session).following
        now = until if following is None else max(following, now)
    set_clock(until)
    return until


def _events_since(since: datetime, until: datetime) -> list[dict[str, Any]]:
    statement = (
        select(DecisionRow, DecisionEventRow, LoanRow.loan_no, LenderRow.code)
        .join(DecisionEventRow, DecisionEventRow.decision_id == DecisionRow.id)
        .join(LoanRow, LoanRow.id == DecisionRow.loan_id)
        .join(LenderRow, LenderRow.id == LoanRow.lender_id)
        .where(DecisionEventRow.at >= since, DecisionEventRow.at < until)
        .order_by(DecisionRow.id, DecisionEventRow.seq)
    )
    found: dict[str, dict[str, Any]] = {}
    for decision, event, loan_no, lender in db.session().execute(statement):
        record = found.setdefault(
            decision.id,
            {
                "lender": lender, "borrower_no": loan_no.replace("L", "B"), "loan_no": loan_no, "row_no": decision.row_no,
                "anchor_no": decision.anchor_no, "step": decision.step_key, "events": [],
            },
        )  # fmt: skip
        record["events"].append(
            {
                "outcome": event.outcome, "reason": event.reason, "channels": event.channels,
                "not_before": rfc3339(event.not_before) if event.not_before else None,
            }
        )  # fmt: skip
    close_session()
    return list(found.values())


def _lender_id() -> str:
    with reading() as session:
        return session.scalars(select(LenderRow.id)).one()
