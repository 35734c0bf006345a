"""Files of registers: the amounts of their day, who is held back by name, and what is put right once money moved."""

import contextlib
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from app.domain.disputes import DisputeValues
from app.domain.errors import ConflictError
from app.domain.hold_terms import HoldValues
from app.domain.registers import must_correct
from app.persistence.db import db, session
from app.persistence.ids import new_id
from app.persistence.models.audit import AuditRow
from app.persistence.models.restricted_register import RegisterFileRow, RegisterReportEventRow, RegisterReportRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import unit_of_work
from app.services import register_alarms
from app.services import registers as registry
from app.services.disputes import open_dispute
from app.services.holds import Teller, put_hold
from app.services.register_alarms import alarm_removals
from app.services.register_contents import opened_line, report_place
from app.services.register_files import RegisterFile, make_file, read_file
from app.services.register_removals import correct, look_at_reports
from app.services.restricted_register import decide_reports
from tests.builders.book import Built, pay
from tests.builders.registers import REGISTER, ask, reportable, second
from tests.conftest import START

pytestmark = pytest.mark.both
DAY = timedelta(days=1)


def standing(*, now: Any = START, **more: Any) -> Built:
    loan = reportable(START, **more)
    assert ask([loan], now=now, approved_by=second(loan))[loan.loan_id].gate is None
    return loan


def row(loan: Built) -> Any:
    session().rollback()
    return session().execute(select(RegisterReportRow).where(RegisterReportRow.loan_id == loan.loan_id)).scalar_one()


def content(loan: Built) -> dict[str, Any]:
    with unit_of_work() as work:
        report = work.session.execute(
            select(RegisterReportRow).where(RegisterReportRow.loan_id == loan.loan_id)
        ).scalar_one()
        return opened_line(work.vault, report_place(report.id), report.content_sealed or b"")


def made(loan: Built, *, now: Any) -> tuple[RegisterFileRow, list[dict[str, str]]]:
    with unit_of_work() as work:
        file_id = make_file(work, REGISTER, staff=second(loan), now=now).id
    file = read(loan, file_id, now=now)
    session().rollback()
    columns, *lines = (line.split(",") for line in file.content.decode("utf-8-sig").splitlines())
    return session().get_one(RegisterFileRow, file_id), [dict(zip(columns, line, strict=True)) for line in lines]


def read(loan: Built, file_id: str, *, now: Any) -> RegisterFile:
    with unit_of_work() as work:
        return read_file(work, file_id, staff=second(loan), now=now)


def dispute(loan: Built, *, now: Any) -> None:
    with unit_of_work() as work:
        open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", "amount_wrong", "no"), now=now)


def test_a_file_says_the_amounts_of_its_own_day(app: Flask) -> None:
    loan = standing(days=61)  # the second instalment falls due 30 days from now

    file, (line,) = made(loan, now=START + 40 * DAY)

    assert (line["amounts_on"], line["overdue"]) == ((START + 40 * DAY).date().isoformat(), "200.00")
    assert line["days_past_due"] == "101"
    assert content(loan)["overdue"] == "200.00", "the borrower is shown what was handed over"
    assert read(loan, file.id, now=START + 90 * DAY).sha256 == file.sha256


def test_a_basis_that_prescribes_the_day_of_the_approval_has_that_days_amounts(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    loan = standing(days=61)
    object.__setattr__(registry.get_register(REGISTER), "amounts_of", "approval")
    try:
        _, (line,) = made(loan, now=START + 40 * DAY)
    finally:
        object.__setattr__(registry.get_register(REGISTER), "amounts_of", "file")

    assert (line["amounts_on"], line["overdue"]) == (START.date().isoformat(), "100.00")


def test_what_a_gate_stops_since_it_was_approved_is_named_and_left_out(app: Flask) -> None:
    fine = standing()
    disputed, held, paid = (standing(lender_id=fine.lender_id) for _ in range(3))
    dispute(disputed, now=START)
    with unit_of_work() as work:
        put_hold(work, held.borrower_id, HoldValues("hardship"), teller=Teller("operator:test"), now=START)
    pay(paid, 10_000, now=START)

    file, lines = made(fine, now=START + DAY)

    assert [line["loan_no"] for line in lines] == [fine.loan_no]
    assert {tuple(each) for each in file.held_back or ()} == {
        (row(disputed).id, "OPEN_DISPUTE"),
        (row(held).id, "HOLD"),
    }
    assert (row(paid).state, row(paid).removal_reason) == ("removed", "paid")
    audit = session().execute(select(AuditRow.facts).where(AuditRow.action == "register_file.made")).scalar_one()
    assert audit["held_back"] == {"HOLD": 1, "OPEN_DISPUTE": 1}


def test_what_was_paid_in_part_before_the_file_is_told_as_what_is_left(app: Flask) -> None:
    loan = standing()
    other = standing(lender_id=loan.lender_id)
    pay(loan, 9_999, now=START)

    _, lines = made(other, now=START + DAY)

    assert {line["loan_no"]: line["overdue"] for line in lines} == {loan.loan_no: "0.01", other.loan_no: "100.00"}


def test_where_nothing_is_left_to_tell_the_refusal_says_who_waits_and_why(app: Flask) -> None:
    loan = standing()
    dispute(loan, now=START)

    with pytest.raises(ConflictError, match=rf"nothing to tell.*{row(loan).id} \(OPEN_DISPUTE\)"):
        made(loan, now=START)


def test_a_later_payment_leads_to_a_correction_and_time_alone_to_none(app: Flask) -> None:
    loan = standing()
    made(loan, now=START)
    assert look_at_reports(now=START + 40 * DAY) == 0

    pay(loan, 4_000, now=START + 41 * DAY)
    assert look_at_reports(now=START + 41 * DAY) == 1
    assert look_at_reports(now=START + 42 * DAY) == 0
    _, (line,) = made(loan, now=START + 42 * DAY)

    assert (line["action"], line["overdue"], line["mark"]) == ("corrected", "160.00", "")
    assert line["amounts_on"] == (START + 42 * DAY).date().isoformat()


def test_what_no_register_has_heard_of_is_not_corrected(app: Flask) -> None:
    loan = standing()
    pay(loan, 4_000, now=START + DAY)

    assert look_at_reports(now=START + DAY) == 0
    _, (line,) = made(loan, now=START + DAY)
    assert (line["action"], line["overdue"]) == ("reported", "60.00")


def test_the_same_again_is_no_correction_by_hand_either(app: Flask) -> None:
    loan = standing()
    report_id = row(loan).id
    with unit_of_work() as work:
        version = correct(work, report_id, staff=second(loan), now=START).version
        assert correct(work, report_id, staff=second(loan), now=START).version == version
    with unit_of_work() as work:
        kinds = work.session.scalars(select(RegisterReportEventRow.kind)).all()
    assert kinds == ["reported"]


def test_only_what_is_said_of_the_debt_is_a_correction() -> None:
    told = {"overdue": "1.00", "days_past_due": 3, "amounts_on": "2026-03-02"}
    assert not must_correct(told, {**told, "days_past_due": 4, "amounts_on": "2026-03-03"})
    assert must_correct(told, {**told, "overdue": "0.99"})


def test_a_file_of_before_columns_were_kept_comes_out_as_it_was(app: Flask) -> None:
    loan = standing()
    file, _ = made(loan, now=START)
    new = read(loan, file.id, now=START).content.decode("utf-8-sig")
    lines = [line.split(",") for line in new.split("\r\n")]
    at = lines[0].index("amounts_on")
    old = "\ufeff" + "\r\n".join(",".join([*line[:at], *line[at + 1 :]]) for line in lines)
    with unit_of_work() as work:
        before = RegisterFileRow(
            id=new_id(), lender_id=loan.lender_id, register=REGISTER, number=2, lines=1, made_by="staff:Ben", made_at=START,
            sha256=hashlib.sha256(old.encode()).hexdigest(),
        )  # fmt: skip
        work.session.add(before)
        work.session.flush()
        work.session.execute(update(RegisterReportEventRow).values(file_id=before.id))
        file_id = before.id

    assert read(loan, file_id, now=START).content.decode() == old


def test_a_file_whose_lines_are_not_what_they_were_is_not_given_out(app: Flask) -> None:
    loan = standing()
    file, _ = made(loan, now=START)
    with unit_of_work() as work:
        work.session.execute(update(RegisterReportEventRow).values(file_id=None))

    with pytest.raises(ConflictError, match="does not come out as it was made"):
        read(loan, file.id, now=START)


def test_why_a_report_was_declined_is_sealed_and_in_no_audit_row(app: Flask) -> None:
    loan = reportable(START)
    report_id = ask([loan], now=START)[loan.loan_id].report_id or ""
    with unit_of_work() as work:
        decide_reports(
            work, [report_id], approve=False, staff=second(loan), now=START, reason="She is ill, 4111 1111 1111 1111"
        )

    stored = row(loan)
    assert stored.declined_reason is None
    assert b"ill" not in stored.declined_reason_sealed
    with unit_of_work() as work:
        place = f"register_reports.declined_reason:{report_id}"
        assert work.vault.open(stored.declined_reason_sealed, place=place) == "She is ill, [card number]"
    assert not [facts for facts in session().scalars(select(AuditRow.facts)) if "ill" in str(facts)]


def test_a_removal_that_its_register_was_not_told_of_becomes_a_task_and_then_a_breach(app: Flask) -> None:
    loan = standing()
    made(loan, now=START)
    pay(loan, 10_000, now=START + DAY)
    look_at_reports(now=START + DAY)  # five days: to be told by the 8th
    assert alarm_removals(now=START + 2 * DAY) == 0

    assert (alarm_removals(now=START + 4 * DAY), alarm_removals(now=START + 5 * DAY)) == (1, 0)
    assert task().due_on == row(loan).removal_due_on == (START + 6 * DAY).date()
    assert not task().breach
    alarm_removals(now=START + 7 * DAY)
    alarm_removals(now=START + 8 * DAY)
    assert task().breach
    missed = select(AuditRow).where(AuditRow.action == "register_report.removal_missed")
    assert len(session().scalars(missed).all()) == 1
    made(loan, now=START + 8 * DAY)
    assert (task().state, task().closed_by) == ("done", "staff:Ben")


def test_a_file_made_while_the_alarm_looks_leaves_no_task_behind(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    loan = standing()
    made(loan, now=START)
    pay(loan, 10_000, now=START + DAY)
    look_at_reports(now=START + DAY)
    page = register_alarms.queries.page_untold_removals

    def read_and_overtaken(*given: Any, **named: Any) -> Any:
        rows = page(*given, **named)
        if rows and not named["after"]:
            made(loan, now=START + 4 * DAY)
        return rows

    monkeypatch.setattr(register_alarms.queries, "page_untold_removals", read_and_overtaken)

    assert alarm_removals(now=START + 4 * DAY) == 0


def test_a_report_that_the_register_never_heard_of_needs_no_alarm(app: Flask) -> None:
    loan = standing()
    pay(loan, 10_000, now=START)
    look_at_reports(now=START)

    assert alarm_removals(now=START + 30 * DAY) == 0


def test_a_removal_counts_from_the_day_the_money_was_booked(app: Flask) -> None:
    loan = standing()
    made(loan, now=START)
    pay(loan, 10_000, now=START + DAY)

    look_at_reports(now=START + 4 * DAY)

    assert row(loan).removal_due_on == (START + 6 * DAY).date()


def test_as_many_statements_for_ten_reports_as_for_two(app: Flask) -> None:
    lender_id = reportable(START).lender_id
    one, two, ten = ([reportable(START, lender_id=lender_id) for _ in range(count)] for count in (1, 2, 10))
    statements_of(one)  # what is prepared once

    assert statements_of(ten) == statements_of(two)


def statements_of(loans: list[Built]) -> list[int]:
    """How many statements it takes to ask, to decide, to make the file, and to take off what was paid."""
    counts: list[int] = []
    count = 0

    def note(*_: Any) -> None:
        nonlocal count
        count += 1

    def step(act: Callable[[], Any]) -> Any:
        nonlocal count
        count = 0
        found = act()
        counts.append(count)
        return found

    def decide(ids: list[str]) -> None:
        with unit_of_work() as work:
            decide_reports(work, ids, approve=True, staff=second(loans[0]), now=START)

    def make() -> None:
        with unit_of_work() as work:
            make_file(work, REGISTER, staff=second(loans[0]), now=START)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        asked = step(lambda: ask(loans, now=START))
        step(lambda: decide([each.report_id or "" for each in asked.values()]))
        step(make)
        for loan in loans:
            pay(loan, 10_000, now=START)
        step(lambda: look_at_reports(now=START))
        with contextlib.suppress(ConflictError):
            make()  # the removals: none is left for the next measurement
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return counts


def task() -> TaskRow:
    session().rollback()
    return session().scalars(select(TaskRow).where(TaskRow.kind == "register_removal")).one()
