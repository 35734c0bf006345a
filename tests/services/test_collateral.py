"""Pledged things: what secures what, events that are told, law's objections as tasks, the borrower told of each."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from app.domain.errors import (
    ConflictError,
    CurrencyMismatchError,
    DomainError,
    ForbiddenError,
    ValidationError,
)
from app.engine.follow_ups import follow_up_due
from app.persistence.db import db, session, vault
from app.persistence.ids import new_id
from app.persistence.models.audit import AuditRow
from app.persistence.models.collateral import CollateralEventRow, CollateralThingRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.tasks import TaskRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.queries.served_notices import add_proof
from app.persistence.unit_of_work import unit_of_work
from app.services.collateral import NO_PLEDGE, PledgeValues, find_by_identity, masked_of, pledged, put_pledges, refer
from app.services.collateral_event_values import EventValues
from app.services.collateral_events import record_events
from app.services.collateral_histories import place_of
from app.services.collateral_notices import serve_collateral_notice
from app.services.collateral_pages import thing_page
from app.services.desk_payments import DeskStaff
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.collateral import a_pledge, tell
from tests.conftest import START

TODAY = START.date()
VIN = "1M8GDM9AXKP042788"


def a_loan(**more: Any) -> Built:
    return build_loan(now=START, due=[TODAY - timedelta(days=40), TODAY + timedelta(days=20)], **more)


def count(model: Any, *where: Any) -> int:
    return session().scalar(select(func.count()).select_from(model).where(*where)) or 0


def thing_of(reference: str) -> CollateralThingRow:
    session().expire_all()
    return session().scalars(select(CollateralThingRow).where(CollateralThingRow.reference == reference)).one()


@pytest.mark.both
def test_one_thing_secures_several_loans_and_a_loan_has_several_things(app: Flask) -> None:
    first = a_loan()
    second = a_loan(borrower_no=first.borrower_no, lender_id=first.lender_id)
    a_pledge(first, now=START, reference="V-A")
    a_pledge(second, now=START, reference="V-A", rank=2)
    a_pledge(first, now=START, reference="V-B", kind="jewellery", plate=None, rank=2)

    found = pledged(session(), [first.loan_id, second.loan_id])

    assert [(each.reference, each.rank) for each in found[first.loan_id]] == [("V-A", 1), ("V-B", 2)]
    assert [(each.reference, each.rank) for each in found[second.loan_id]] == [("V-A", 2)]
    assert count(CollateralEventRow) == 2


def test_a_thing_of_another_borrower_or_currency_and_an_unknown_loan_are_refused_by_name(app: Flask) -> None:
    mine, other = a_loan(), a_loan()
    a_pledge(mine, now=START, reference="V-A")

    with pytest.raises(ConflictError, match="another borrower"):
        a_pledge(other, now=START, reference="V-A")
    with pytest.raises(CurrencyMismatchError):
        a_pledge(mine, now=START, currency="EUR")
    with pytest.raises(ValidationError, match="no loan NONE"):
        a_pledge(replace(mine, loan_no="NONE"), now=START)
    with pytest.raises(ValidationError, match="check digit"):
        a_pledge(mine, now=START, vin="1M8GDM9A1KP042788")


@pytest.mark.both
def test_the_same_told_twice_changes_nothing(app: Flask) -> None:
    loan = a_loan()
    values = [PledgeValues("V-A", loan.loan_no, "vehicle", date(2026, 1, 5), plate="粤B·12345", vin=VIN, about="Wuling")]
    for expected in ((True, True), (False, False)):
        with unit_of_work() as work:
            (result,) = put_pledges(work, loan.lender_id, values, by="x", origin="x", now=START)
        assert not isinstance(result, DomainError)
        assert (result.created, result.changed) == expected
    for created in (True, False):
        assert (
            tell(loan, "V-A", "cost", TODAY, now=START, cost_kind="legal", amount_minor=5, reference="E").created is created
        )
    with pytest.raises(ConflictError, match="stands for another"):
        tell(loan, "V-A", "cost", TODAY, now=START, cost_kind="legal", amount_minor=6, reference="E")


@pytest.mark.both
def test_a_vehicle_is_found_by_its_whole_plate_or_vin_and_sealed_everywhere(app: Flask) -> None:
    loan = a_loan()
    a_pledge(loan, now=START, reference="V-A", plate="粤B·12345", vin=VIN)

    for text in ("粤b12345", "粤B 12345", VIN.lower()):
        assert [row.reference for row in find_by_identity(session(), vault(), loan.lender_id, text)] == ["V-A"]
    assert find_by_identity(session(), vault(), loan.lender_id, "粤B1234") == []
    assert find_by_identity(session(), vault(), build_lender(now=START, code="x"), VIN) == []
    assert masked_of(vault(), thing_of("V-A")) == ("粤••••45", "••••2788")
    stored = session().execute(select(*CollateralThingRow.__table__.columns)).one()
    assert not any("12345" in str(value) or VIN in str(value) for value in stored)


@pytest.mark.both
def test_from_the_notice_to_the_release_each_event_is_kept_and_the_borrower_is_told_once(app: Flask) -> None:
    loan = a_loan()
    thing = a_pledge(loan, now=START)
    tell(loan, thing, "notice_served", TODAY - timedelta(days=20), now=START)
    tell(loan, thing, "taken", TODAY - timedelta(days=3), now=START, place="Yard 7, Bao'an", amount_minor=500)
    assert place_of(vault(), thing_of(thing)) == "Yard 7, Bao'an"
    assert thing_of(thing).in_custody_on == TODAY - timedelta(days=3)
    tell(loan, thing, "released", TODAY, now=START)

    follow_up_due(now=START)
    follow_up_due(now=START)

    row = thing_of(thing)
    assert (row.state, row.place_sealed, row.in_custody_on, row.last_no) == ("released", None, None, 4)
    told = sorted(session().scalars(select(NoticeRow.template)))
    assert told == ["collateral_notice_served", "collateral_released", "collateral_taken"]
    assert count(MessageRow, MessageRow.channel == "in_app") == 3
    assert count(WebhookEventRow, WebhookEventRow.type == "collateral.recorded.v1") == 3
    assert count(AuditRow, AuditRow.action == "collateral_event.taken") == 1


def test_a_thing_that_is_sold_is_not_taken_again_and_the_refusal_says_so(app: Flask) -> None:
    loan = a_loan()
    thing = a_pledge(loan, now=START)
    tell(loan, thing, "taken", TODAY, now=START)
    tell(loan, thing, "sold", TODAY, now=START)

    with pytest.raises(ConflictError, match="The thing is sold: it cannot be taken from there"):
        tell(loan, thing, "taken", TODAY, now=START)
    assert pledged(session(), [loan.loan_id]) == {}


@pytest.mark.both
def test_what_was_told_by_mistake_is_taken_back_and_the_borrower_hears_that_it_was_wrong(app: Flask) -> None:
    loan = a_loan()
    thing = a_pledge(loan, now=START)
    tell(loan, thing, "taken", TODAY, now=START, reference="T", place="Yard")
    follow_up_due(now=START)
    tell(loan, thing, "reversal", TODAY, now=START, reverses="T")
    follow_up_due(now=START)

    row = thing_of(thing)
    assert (row.state, row.in_custody_on, row.place_sealed) == ("pledged", None, None)
    notices = {each.template: each.withdrawn_at for each in session().scalars(select(NoticeRow))}
    assert notices["collateral_taken"] == START
    assert notices["collateral_corrected"] is None
    with pytest.raises(ConflictError, match="taken back already"):
        tell(loan, thing, "reversal", TODAY, now=START, reverses="T")


def test_of_what_was_taken_back_before_it_was_told_nobody_hears(app: Flask) -> None:
    loan = a_loan()
    thing = a_pledge(loan, now=START)
    tell(loan, thing, "taken", TODAY, now=START, reference="T")
    tell(loan, thing, "reversal", TODAY, now=START, reverses="T")

    follow_up_due(now=START)

    assert count(NoticeRow) == 0


def test_a_recovery_without_a_notice_is_booked_and_becomes_a_task_for_compliance(app: Flask) -> None:
    loan, other, third = a_loan(), a_loan(), a_loan()
    things = [a_pledge(each, now=START) for each in (loan, other, third)]
    tell(other, things[1], "notice_served", TODAY - timedelta(days=20), now=START)

    tell(loan, things[0], "taken", TODAY, now=START)
    tell(other, things[1], "taken", TODAY, now=START)
    tell(third, things[2], "taken", TODAY, now=START, reason="voluntary")

    assert thing_of(things[0]).state == "in_custody"
    tasks = session().scalars(select(TaskRow).where(TaskRow.rule == "collateral/no-notice-served")).all()
    assert [task.loan_id for task in tasks] == [loan.loan_id]


def test_what_the_law_says_against_a_recovery_becomes_a_task_and_a_referral_is_refused(app: Flask) -> None:
    lender = build_lender(now=START, code="uk", jurisdiction="GB", zone="Europe/London")
    loan = a_loan(lender_id=lender, product_kind="secured_vehicle")
    thing = a_pledge(loan, now=START)

    with unit_of_work() as work:
        referred = refer(work, [loan.loan_id], by="policy:x", now=START)
    tell(loan, thing, "taken", TODAY, now=START)

    assert str(referred[loan.loan_id]).startswith("LAW:")
    rules = set(session().scalars(select(TaskRow.rule)))
    assert str(referred[loan.loan_id]).removeprefix("LAW:") in rules


def test_a_referral_is_a_task_for_people_once_a_day_and_nothing_more(app: Flask) -> None:
    lender = build_lender(now=START, code="cn", jurisdiction="CN", zone="Asia/Shanghai")
    loan, bare = a_loan(lender_id=lender), a_loan(lender_id=lender)
    thing = a_pledge(loan, now=START)

    for _ in range(2):
        with unit_of_work() as work:
            referred = refer(work, [loan.loan_id, bare.loan_id], by="policy:x", now=START)

    assert referred == {loan.loan_id: None, bare.loan_id: NO_PLEDGE}
    assert count(TaskRow, TaskRow.kind == "collateral_referral") == 1
    assert thing_of(thing).state == "pledged"


def test_thousands_of_vehicles_are_taken_into_custody_in_some_hundred_statements(app: Flask) -> None:
    lender = build_lender(now=START)
    loans = [a_loan(lender_id=lender) for _ in range(40)]
    many = 4_946
    with unit_of_work() as work:
        pledges = [PledgeValues(f"V{k}", loans[k % 40].loan_no, "vehicle", TODAY, plate=f"粤B{k:05}") for k in range(many)]
        results: Any = put_pledges(work, lender, pledges, by="x", origin="x", now=START)
        assert all(not isinstance(each, DomainError) for each in results)
    statements: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        with unit_of_work() as work:
            told = [EventValues(f"V{k}", "taken", TODAY, f"T{k}", place="Yard 7", reason="court_order") for k in range(many)]
            results = record_events(work, lender, told, by="x", origin="import:x", now=START)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

    assert all(not isinstance(each, DomainError) and each.created for each in results)
    assert count(CollateralThingRow, CollateralThingRow.state == "in_custody") == many
    assert len(statements) < 400  # by pages, never one each


def serve(thing: str, lender_id: str, role: str = "supervisor") -> list[str]:
    staff = DeskStaff("staff:Ann", role, lender_id)
    with unit_of_work() as work:
        return serve_collateral_notice(work, thing_of(thing).id, staff=staff, now=START)


def facts_of(kind: str) -> dict[str, Any]:
    session().expire_all()
    return session().scalars(select(CollateralEventRow).where(CollateralEventRow.kind == kind)).one().facts


def test_a_notice_is_served_through_the_post_once_a_day_and_by_who_may_approve_letters(app: Flask) -> None:
    loan = a_loan()
    thing = a_pledge(loan, now=START)

    assert serve(thing, loan.lender_id) == serve(thing, loan.lender_id)
    with pytest.raises(ForbiddenError):
        serve(thing, loan.lender_id, "agent")
    tell(loan, thing, "notice_served", TODAY, now=START)
    assert facts_of("notice_served") == {}
    tell(loan, thing, "taken", TODAY, now=START)
    with pytest.raises(ConflictError, match="in_custody"):
        serve(thing, loan.lender_id)


def test_what_proves_a_delivery_stands_with_the_event_and_answers_whether_the_borrower_was_warned(app: Flask) -> None:
    loan = a_loan()
    thing = a_pledge(loan, now=START)
    (message_id,) = serve(thing, loan.lender_id)
    proof = {
        "id": new_id(), "borrower_id": loan.borrower_id, "message_id": message_id, "kind": "registered_post",
        "delivered_at": START, "attachment_id": None, "by": "staff:Ann", "recorded_at": START, "reference_sealed": None,
    }  # fmt: skip
    with unit_of_work() as work:
        add_proof(work.session, proof)

    tell(loan, thing, "taken", TODAY, now=START)
    told = {"notice_message_id": message_id, "proof": "registered_post", "delivered_on": TODAY.isoformat()}
    assert facts_of("taken") == told
    assert count(TaskRow, TaskRow.rule == "collateral/no-notice-served") == 0


def test_a_notice_about_arrears_that_were_paid_since_warned_nobody_of_this(app: Flask) -> None:
    loan = build_loan(now=START, due=[TODAY - timedelta(days=40), TODAY - timedelta(days=10)])
    thing = a_pledge(loan, now=START)
    (message_id,) = serve(thing, loan.lender_id)
    proof = {
        "id": new_id(), "borrower_id": loan.borrower_id, "message_id": message_id, "kind": "registered_post",
        "delivered_at": START - timedelta(days=20), "attachment_id": None, "by": "staff:Ann", "recorded_at": START,
        "reference_sealed": None,
    }  # fmt: skip
    with unit_of_work() as work:
        add_proof(work.session, proof)
    pay(loan, 10_000, now=START - timedelta(days=15))

    tell(loan, thing, "taken", TODAY, now=START)

    assert facts_of("taken") == {}
    assert count(TaskRow, TaskRow.rule == "collateral/no-notice-served") == 1


def test_a_reason_that_is_no_code_is_words_and_sealed(app: Flask) -> None:
    loan = a_loan()
    coded, worded = a_pledge(loan, now=START), a_pledge(loan, now=START)
    tell(loan, coded, "taken", TODAY, now=START, reason="court_order")
    tell(loan, worded, "taken", TODAY, now=START, reason="Mr Zhou brought it himself")

    session().expire_all()
    rows = {
        row.thing_id: row for row in session().scalars(select(CollateralEventRow).where(CollateralEventRow.kind == "taken"))
    }
    plain, sealed = rows[thing_of(coded).id], rows[thing_of(worded).id]
    assert (plain.facts["reason"], plain.text_sealed) == ("court_order", None)
    assert "reason" not in sealed.facts
    assert b"Zhou" not in bytes(sealed.text_sealed or b"")
    page = thing_page(session(), vault(), sealed.thing_id, lender_id=loan.lender_id, now=START)
    assert page.events[0].reason == "Mr Zhou brought it himself"
