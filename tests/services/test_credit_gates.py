"""What stands in the way of a credit report: each gate alone, by its code, and the law asked with typed facts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from app.domain.credit_gates import BureauRules, DeliveredNotice, GateQuestion, decide_gate
from app.domain.disputes import DisputeValues
from app.domain.hold_terms import HoldValues
from app.domain.law.judgements import Judgement
from app.persistence.db import db
from app.persistence.unit_of_work import unit_of_work
from app.services.credit_gates import CreditRecord, ReportGate, ask_reports
from app.services.credit_reporting import start_reporting
from app.services.disputes import open_dispute
from app.services.holds import Teller, put_hold
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.credit import consent, delivered, enable, notice
from tests.conftest import START

DAY = timedelta(days=1)
LATE = [(START - 60 * DAY).date(), (START + 30 * DAY).date()]


def a_loan(country: str = "CN", *, enabled: bool = True, **changes: Any) -> Built:
    role = changes.pop("role", "first_party")
    lender = build_lender(
        now=START, jurisdiction=country, role=role, role_reason="own book", licence_kind="consumer_finance"
    )
    if enabled:
        enable(lender, now=START, **changes)
    return build_loan(now=START - 90 * DAY, due=LATE, lender_id=lender, country=country, product_kind="instalment")


def a_reportable(country: str = "CN", **changes: Any) -> Built:
    loan = a_loan(country, **changes)
    consent(loan, now=START - 80 * DAY)
    delivered(loan, START - 20 * DAY)
    return loan


def gate(loan: Built, now: datetime = START, **more: Any) -> ReportGate:
    db.session().rollback()
    return ask_reports(db.session(), [loan.loan_id], now=now, **more)[loan.loan_id]


def hold(loan: Built, kind: str, now: datetime = START - DAY) -> None:
    with unit_of_work() as work:
        teller = Teller("staff:Ann", loan.lender_id, "compliance")
        put_hold(work, loan.borrower_id, HoldValues(kind, loan_no=loan.loan_no), teller=teller, now=now)


def dispute(loan: Built, kind: str = "dispute", ground: str = "amount_wrong") -> str:
    with unit_of_work() as work:
        return open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues(kind, ground, "No."), now=START - DAY)


def test_with_notice_and_consent_it_may_be_reported(app: Flask) -> None:
    assert gate(a_reportable()).is_open_to_report


def test_a_lender_reports_only_where_two_people_enabled_it(app: Flask) -> None:
    loan = a_loan(enabled=False)

    assert gate(loan).reason == gate(loan, kind="positive").reason == "LENDER_NOT_ENABLED"


def test_without_a_notice_nothing_negative_is_reported_but_what_is_positive_is(app: Flask) -> None:
    loan = a_loan()
    consent(loan, now=START - 80 * DAY)

    assert gate(loan).reason == "NO_NOTICE_DELIVERED"
    assert gate(loan, kind="positive").is_open_to_report


def test_a_notice_that_was_sent_and_is_not_known_to_have_come_is_none(app: Flask) -> None:
    loan = a_loan()
    consent(loan, now=START - 80 * DAY)
    notice(loan, now=START - 20 * DAY)

    assert gate(loan).reason == "NO_NOTICE_DELIVERED"


def test_a_notice_that_came_back_after_all_is_none(app: Flask) -> None:
    loan = a_loan_with(START - 18 * DAY, reference="n")
    came = gate(loan)
    notice(loan, now=START - 19 * DAY, delivered_at=START - 18 * DAY, returned_at=START - 2 * DAY, reference="n")

    assert came.is_open_to_report
    assert gate(loan).reason == "NO_NOTICE_DELIVERED"


def a_loan_with(delivered_at: datetime, **more: Any) -> Built:
    loan = a_loan()
    consent(loan, now=START - 80 * DAY)
    notice(loan, now=delivered_at - DAY, delivered_at=delivered_at, **more)
    return loan


def test_the_day_after_the_notice_came_is_the_first(app: Flask) -> None:
    loan = a_loan_with(START - timedelta(hours=3))

    assert gate(loan).reason == "NOTICE_TOO_RECENT"
    assert gate(loan, START + DAY).is_open_to_report


def test_a_lender_may_wait_longer_than_the_house(app: Flask) -> None:
    loan = a_loan(lead_days=10)
    consent(loan, now=START - 80 * DAY)
    delivered(loan, START - 9 * DAY)

    assert gate(loan).reason == "NOTICE_TOO_RECENT"
    assert gate(loan, START + DAY).is_open_to_report


def test_a_notice_of_arrears_that_were_paid_does_not_count_for_later_ones(app: Flask) -> None:
    loan = a_reportable()
    pay(loan, 10_000, now=START - 10 * DAY)
    later = datetime.combine(LATE[1], START.timetz()) + 20 * DAY
    before = gate(loan, later)
    delivered(loan, later - 5 * DAY)

    assert before.reason == "NO_NOTICE_DELIVERED"
    assert gate(loan, later).is_open_to_report


def test_the_day_that_the_letter_leaves_to_object_is_waited_for() -> None:
    came = START - 5 * DAY
    said = DeliveredNotice("negative_info_notice", came, "m", answer_by=(START + DAY).date())
    asked = GateQuestion(
        "l", "negative", "UTC", BureauRules(), Judgement("allow", None, None, ()), notices=[said], late_since=LATE[0]
    )

    assert decide_gate(asked, START + DAY).reason == "NOTICE_TOO_RECENT"
    assert decide_gate(asked, START + 2 * DAY).is_open_to_report


def test_a_second_letter_that_leaves_more_days_is_not_broken_by_resting_on_the_first() -> None:
    first = DeliveredNotice("negative_info_notice", START - 30 * DAY, "m", answer_by=(START - 16 * DAY).date())
    second = DeliveredNotice("default_registration_notice", START - 2 * DAY, "n", answer_by=START.date())
    asked = GateQuestion(
        "l", "negative", "Asia/Shanghai", BureauRules(), Judgement("allow", None, None, ()), notices=[first, second],
        late_since=LATE[0],
    )  # fmt: skip
    before_midnight_there = START.replace(hour=15, minute=59)

    assert decide_gate(asked, before_midnight_there).reason == "NOTICE_TOO_RECENT"
    assert decide_gate(asked, before_midnight_there + timedelta(minutes=1)).is_open_to_report
    assert decide_gate(replace(asked, is_reported=True), before_midnight_there).is_open_to_report


def test_a_clause_of_the_contract_is_no_notice(app: Flask) -> None:
    loan = a_loan()
    consent(loan, now=START - 80 * DAY)
    delivered(loan, START - 20 * DAY, "negative_info_contract_clause")

    assert gate(loan).reason == "NO_NOTICE_DELIVERED"


def test_where_the_law_wants_consent_it_is_wanted_and_may_be_withdrawn(app: Flask) -> None:
    loan = a_loan()
    delivered(loan, START - 20 * DAY)
    never = gate(loan)
    consent(loan, now=START - 5 * DAY)
    given = gate(loan)
    consent(loan, now=START - DAY, given=False)

    assert (never.reason, never.rule) == ("NO_CONSENT", "CN-CRED-CONSENT")
    assert given.is_open_to_report
    assert gate(loan).reason == "NO_CONSENT"
    assert gate(loan, kind="positive").reason == "NO_CONSENT"


@pytest.mark.parametrize("kind", ["identity_theft", "deceased", "insolvent", "litigation"])
def test_a_hold_that_protects_stops_it(app: Flask, kind: str) -> None:
    loan = a_reportable()
    hold(loan, kind)

    assert gate(loan).reason == "HOLD"


def test_while_it_is_disputed_nothing_negative_is_reported(app: Flask) -> None:
    loan = a_reportable()
    dispute(loan)

    assert (gate(loan).reason, gate(loan).mark) == ("OPEN_DISPUTE", "XB")


def test_where_the_house_marks_a_disputed_report_leaves_with_its_mark(app: Flask) -> None:
    loan = a_reportable(while_disputed="marked")
    dispute(loan, "objection", "credit_report_wrong")

    assert gate(loan).is_open_to_report
    assert gate(loan).mark == "XB"


def test_whoever_waits_for_an_answer_about_another_plan_is_not_reported(app: Flask) -> None:
    loan = a_reportable()
    hold(loan, "plan_pending")

    assert gate(loan).reason == "FORBEARANCE_NOT_CONSIDERED"


def test_a_cap_that_is_not_known_stops_it(app: Flask) -> None:
    lender = build_lender(now=START, jurisdiction="CN", licence_kind="private_lender", role="first_party", role_reason="own")
    enable(lender, now=START)
    loan = build_loan(now=START - 90 * DAY, due=LATE, lender_id=lender, country="CN", contract={"signed_on": "2018-01-05"})
    consent(loan, now=START - 80 * DAY)
    delivered(loan, START - 20 * DAY)

    assert gate(loan).reason == "CAP_UNKNOWN"


def test_the_days_of_a_law_are_the_packs(app: Flask) -> None:
    loan = a_loan("US", role="third_party_collector", bureau="EXPERIAN", format="metro2")
    delivered(loan, START - 20 * DAY)
    without = gate(loan)
    delivered(loan, START - 5 * DAY, "debt_notice")

    assert (without.reason, without.rule) == ("NO_NOTICE_DELIVERED", "US-REGF-FURNISH")
    assert (gate(loan).reason, gate(loan).rule) == ("NOTICE_TOO_RECENT", "US-REGF-FURNISH")
    assert gate(loan, START + 12 * DAY).is_open_to_report


def test_a_default_in_britain_waits_its_28_days_and_for_no_plan_agreed(app: Flask) -> None:
    loan = a_loan("GB")
    delivered(loan, START - 20 * DAY, "default_registration_notice")
    soon = gate(loan, kind="default")
    hold(loan, "plan_agreed")

    assert (soon.reason, soon.rule) == ("NOTICE_TOO_RECENT", "UK-CRA-DEFAULT")
    assert gate(loan, START + 30 * DAY, kind="default").reason == "LAW"


def test_a_charge_off_without_its_first_delinquency_is_refused_by_the_law(app: Flask) -> None:
    loan = a_loan("US", bureau="EXPERIAN", format="metro2")
    delivered(loan, START - 20 * DAY)
    without = gate(loan, records={loan.loan_id: CreditRecord("negative", "97", None)})
    with_it = gate(loan, records={loan.loan_id: CreditRecord("negative", "97", LATE[0] + 30 * DAY)})

    assert (without.reason, without.rule) == ("LAW", "US-FCRA-DOFD")
    assert with_it.is_open_to_report


def test_a_loan_is_enrolled_once_and_only_through_the_gates(app: Flask) -> None:
    good, bad = a_reportable(), a_loan()
    with unit_of_work() as work:
        first = start_reporting(work, [good.loan_id, bad.loan_id, good.loan_id], by="policy:x", now=START)
        again = start_reporting(work, [good.loan_id], by="policy:x", now=START)

    assert first == {good.loan_id: None, bad.loan_id: "NO_NOTICE_DELIVERED"}
    assert again == {good.loan_id: None}


def test_many_are_asked_with_as_many_statements_as_few(app: Flask) -> None:
    loans = [a_loan(bureau=f"B{n}").loan_id for n in range(4)]
    counted: list[int] = []
    for some in (loans[:1], loans):
        db.session().rollback()
        with _counted() as statements:
            ask_reports(db.session(), some, now=START)
        counted.append(len(statements))

    assert counted[0] == counted[1]


@contextmanager
def _counted() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def test_no_notice_of_earlier_arrears_stands_in_for_one_that_came_back() -> None:
    earlier = DeliveredNotice("negative_info_notice", START - 300 * DAY, "old")
    asked = GateQuestion(
        "L", "negative", "UTC", BureauRules(), Judgement("allow", None, None, ()), [earlier],
        late_since=(START - 60 * DAY).date(), is_reported=True, reported_notice_id="new",
    )  # fmt: skip

    assert decide_gate(asked, START).reason == "NO_NOTICE_DELIVERED"
    assert decide_gate(replace(asked, reported_notice_id="old"), START).is_open_to_report
