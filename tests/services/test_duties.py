"""Duties of the law become tasks with a date, are marked when they were missed, and are closed when they are done."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import PaymentValues
from app.domain.errors import ConflictError, ValidationError
from app.domain.ledger import EntryKind
from app.metrics import DUTY_BREACHES
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.models.tasks import TaskRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.queries.case_records import load_case_records
from app.persistence.queries.cases import load_cases
from app.persistence.unit_of_work import unit_of_work
from app.services import duties
from app.services.case_records import put_record
from app.services.payments import record_payment
from app.services.policies import ensure_default_policy, load_rules
from app.services.tasks import close_task
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.conftest import START

DUE = [date(2026, 1, 25), date(2026, 2, 25), date(2026, 4, 25)]
"""Two of three are missed at START: the conditions of a notice of sums in arrears hold since 2026-02-26."""
NOTICE_DUE = date(2026, 3, 11)


def a_british_loan(**changes: Any) -> Built:
    lender = changes.pop("lender_id", None) or build_lender(now=START, zone="Europe/London", role="first_party",
                                                            role_reason="own book")  # fmt: skip
    return build_loan(now=START, due=DUE, lender_id=lender, product_kind="instalment", zone="Europe/London", **changes)


def looked(at: datetime = START, times: int = 1) -> list[int]:
    return [duties.look_at_due(now=at) for _ in range(times)]


def tasks(kind: str = "duty") -> list[TaskRow]:
    db.session().rollback()
    return list(db.session().scalars(select(TaskRow).where(TaskRow.queue == "duties", TaskRow.kind == kind)))


def notice_tasks() -> list[TaskRow]:
    return [task for task in tasks() if task.facts["missing"] == ["notice_of_sums_in_arrears"]]


def next_look() -> datetime | None:
    db.session().rollback()
    return db.session().scalars(select(AgendaRow.duties_at)).one()


def record(loan: Built, list_name: str, facts: dict[str, Any], at: datetime = START, **changes: Any) -> Any:
    with unit_of_work() as work:
        return put_record(work, loan.borrower_id, list_name, facts, by="staff:Ann", now=at, **changes)


def test_a_duty_becomes_a_task_with_its_last_day_and_what_is_missing(app: Flask) -> None:
    loan = a_british_loan()

    assert looked(times=2) == [1, 0]

    (task,) = notice_tasks()
    assert (task.due_on, task.breach, task.state, task.loan_id) == (NOTICE_DUE, False, "open", loan.loan_id)
    assert task.facts["evidence"] == "primary"
    assert task.facts["also"]  # several rules ask for the same notice: one piece of work


def test_looking_again_makes_no_second_task(app: Flask) -> None:
    a_british_loan()
    looked()

    later = START + timedelta(days=1)
    assert looked(later) == [1]

    assert len(notice_tasks()) == 1


def test_a_duty_that_was_missed_is_marked_and_told_loudly_once(app: Flask) -> None:
    a_british_loan()
    looked()
    before = DUTY_BREACHES.labels("UK")._value.get()

    looked(datetime(2026, 3, 12, 0, 30, tzinfo=UTC))
    looked(datetime(2026, 3, 13, 0, 30, tzinfo=UTC))

    (task,) = notice_tasks()
    assert (task.breach, task.state) == (True, "open")
    missed = [row.facts["due_on"] for row in db.session().scalars(select(AuditRow)) if row.action == "duty.missed"]
    assert missed.count(NOTICE_DUE.isoformat()) == 1
    assert DUTY_BREACHES.labels("UK")._value.get() > before


def test_a_notice_that_was_sent_closes_its_duty(app: Flask) -> None:
    loan = a_british_loan()
    looked()

    sent = datetime(2026, 3, 5, 10, tzinfo=UTC)
    record(loan, "notices", {"kind": "notice_of_sums_in_arrears", "sent_at": "2026-03-05T09:00:00Z"}, sent)
    assert looked(sent) == [1]

    task = next(task for task in notice_tasks() if task.due_on == NOTICE_DUE)
    assert (task.state, task.closed_by) == ("done", "engine:duties")


def test_a_payment_that_ends_the_arrears_closes_the_duty_and_its_reversal_opens_it_again(app: Flask) -> None:
    loan = a_british_loan()
    looked()
    pay(loan, 20_000, now=START + timedelta(hours=1), reference="P-1")
    looked(START + timedelta(hours=2))
    assert [task.state for task in notice_tasks()] == ["done"]

    back = PaymentValues("R-1", loan.loan_no, 20_000, "USD", START.date(), kind=EntryKind.REVERSAL, reverses_reference="P-1")
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, back, now=START + timedelta(hours=3), origin="test")
    looked(START + timedelta(hours=4))

    assert [task.state for task in notice_tasks()] == ["open"]


def test_what_a_person_closed_stays_closed(app: Flask) -> None:
    a_british_loan()
    looked()
    with unit_of_work() as work:
        close_task(work, notice_tasks()[0].id, outcome="done", reason="sent by hand", by="staff:Ann", now=START)

    looked(START + timedelta(days=1))

    assert [(task.state, task.closed_by) for task in notice_tasks()] == [("done", "staff:Ann")]


def test_each_open_request_is_a_duty_of_its_own_and_ends_when_it_is_answered(app: Flask) -> None:
    loan = a_british_loan(country="DE")
    first = {"kind": "access", "received_at": "2026-02-20T09:00:00Z"}
    record(loan, "requests", first, reference="R1")
    record(loan, "requests", {"kind": "access", "received_at": "2026-02-27T09:00:00Z"}, reference="R2")
    looked()
    assert sorted(task.due_on for task in tasks() if task.facts["missing"] == ["access_answer"]) == [
        date(2026, 3, 20), date(2026, 3, 27)
    ]  # fmt: skip

    at = START + timedelta(days=1)
    record(loan, "requests", {**first, "answered_at": "2026-03-03T08:00:00Z"}, at, reference="R1")
    looked(at)

    found = {task.due_on: task.state for task in tasks() if task.facts["missing"] == ["access_answer"]}
    assert found == {date(2026, 3, 20): "done", date(2026, 3, 27): "open"}


def test_one_request_is_one_duty_also_of_a_borrower_with_several_loans(app: Flask) -> None:
    loan = a_british_loan(country="DE")
    a_british_loan(country="DE", lender_id=loan.lender_id, borrower_no=loan.borrower_no)
    record(loan, "requests", {"kind": "access", "received_at": "2026-02-20T09:00:00Z"})

    looked()

    assert len([task for task in tasks() if task.facts["missing"] == ["access_answer"]]) == 1


def test_a_rule_about_a_thing_nobody_has_is_not_asked(app: Flask) -> None:
    loan = a_british_loan(country="DE")
    looked()
    assert tasks("assess_risk") == []

    record(loan, "incident", {"kind": "leak", "aware_at": "2026-03-01T09:00:00Z"})
    looked()

    assert [task.state for task in tasks("assess_risk")] == ["open"]


def test_work_without_a_date_is_made_once_while_it_stands(app: Flask) -> None:
    loan = a_british_loan(country="DE")
    record(loan, "events", {"kind": "circumstances_changed", "on": "2026-02-28"}, reference="E1")
    in_force = datetime(2026, 12, 1, 9, tzinfo=UTC)
    looked(in_force)
    with unit_of_work() as work:
        (task,) = work.session.scalars(select(TaskRow).where(TaskRow.kind == "offer_forbearance"))
        close_task(work, task.id, outcome="done", reason="offered", by="staff:Ann", now=START)

    looked(in_force + timedelta(days=1))

    assert [task.state for task in tasks("offer_forbearance")] == ["done"]


def test_what_was_over_before_the_loan_was_known_is_history(app: Flask) -> None:
    lender = build_lender(now=START, zone="Europe/London", role="first_party", role_reason="own book")
    build_loan(now=START, due=[date(2025, 1, 5), date(2025, 2, 5)], lender_id=lender, product_kind="instalment")

    looked()

    assert notice_tasks() == []


def test_the_next_look_is_when_a_day_begins_there_or_an_instalment_is_over(app: Flask) -> None:
    loan = a_british_loan()
    looked()
    assert next_look() == datetime(2026, 3, 3, tzinfo=UTC)

    pay(loan, 20_000, now=START + timedelta(hours=1))
    looked(START + timedelta(hours=1))

    assert next_look() == datetime(2026, 4, 25, 23, tzinfo=UTC)  # 26 April in London


def test_facts_that_cannot_be_told_put_one_borrower_off_and_not_the_others(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = a_british_loan()
    a_british_loan(lender_id=broken.lender_id)
    whole = duties.load_loan_laws

    def load(session: Any, ids: Any, now: datetime, **changes: Any) -> Any:
        if broken.borrower_id in ids:
            raise ValueError("a defect")
        return whole(session, ids, now, **changes)

    monkeypatch.setattr(duties, "load_loan_laws", load)
    assert looked(times=2) == [2, 0]

    assert len(notice_tasks()) == 1
    with unit_of_work() as work:
        assert work.session.get_one(AgendaRow, broken.borrower_id).duties_at == START + duties.PUT_OFF


def test_a_record_that_the_vocabulary_does_not_know_is_refused_by_pointer(sqlite_book: Flask) -> None:
    loan = a_british_loan()

    with pytest.raises(ValidationError) as refused:
        record(loan, "events", {"kind": "rate_resett", "on": "2026-03-01", "when": 1})

    assert {each.pointer: "rate_reset" in each.detail for each in refused.value.errors}["/facts/kind"]
    assert "/facts/when" in {each.pointer for each in refused.value.errors}
    with pytest.raises(ValidationError, match="is not one of"):
        record(loan, "holds", {"kind": "represented"})


def test_a_record_told_again_takes_the_place_of_the_first_from_then_on(app: Flask) -> None:
    loan = a_british_loan()
    told = {"kind": "question", "received_at": "2026-03-01T09:00:00Z"}
    later = START + timedelta(hours=1)

    first = record(loan, "requests", told, reference="R1")
    again = record(loan, "requests", told, later, reference="R1")
    changed = record(loan, "requests", {**told, "answered_at": "2026-03-02T09:30:00Z"}, later, reference="R1")

    assert (first.created, again.changed, changed.created, changed.changed) == (True, False, False, True)

    def known(at: datetime) -> list[bool]:
        records = load_case_records(db.session(), [loan.borrower_id], at)
        return ["answered_at" in each.facts for each in records[loan.borrower_id]]

    assert (known(START), known(later)) == ([False], [True])
    with pytest.raises(ConflictError):
        record(loan, "events", {"kind": "rate_reset", "on": "2026-03-01"}, reference="R1")


def test_records_are_part_of_the_case_that_is_decided(app: Flask) -> None:
    ensure_default_policy(now=START)
    loan = a_british_loan()
    record(loan, "requests", {"kind": "complaint", "received_at": "2026-03-01T09:00:00Z"})

    with unit_of_work() as work:
        rules = load_rules(work.session)
        assert rules is not None
        case = load_cases(work.session, [loan.borrower_id], now=START, rules=rules)[loan.borrower_id].case

    assert [(each.list_name, each.facts["kind"]) for each in case.records] == [("requests", "complaint")]


def test_a_duty_is_told_of_some_days_before_its_last_day_once_and_again_when_it_is_missed(app: Flask) -> None:
    a_british_loan()
    early = datetime(2026, 3, 5, 9, tzinfo=UTC)
    looked(early)
    assert events() == []
    assert next_look() == datetime(2026, 3, 6, tzinfo=UTC)

    for day in (6, 7, 8):
        looked(datetime(2026, 3, day, 0, 30, tzinfo=UTC))
    assert events().count(("duty.due_soon.v1", "UK-NOSIA", NOTICE_DUE.isoformat())) == 1

    looked(datetime(2026, 3, 12, 0, 30, tzinfo=UTC))
    looked(datetime(2026, 3, 13, 0, 30, tzinfo=UTC))
    assert events().count(("duty.missed.v1", "UK-NOSIA", NOTICE_DUE.isoformat())) == 1


def events() -> list[tuple[str, str, str]]:
    db.session().rollback()
    found = db.session().scalars(select(WebhookEventRow).where(WebhookEventRow.type.startswith("duty.")))
    return [(row.type, row.data["rule"], row.data["due_on"]) for row in found]
