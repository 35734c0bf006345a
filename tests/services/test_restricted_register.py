"""Reports to registers: only after a notice that came, on a basis, with nothing open, by two people; and off again."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.disputes import DisputeValues
from app.domain.errors import ConflictError, ForbiddenError, LawRefusedError, ValidationError
from app.domain.hold_terms import HoldValues
from app.domain.registers import Gate, Notice, notice_gate
from app.persistence.db import session
from app.persistence.models.notices import NoticeRow
from app.persistence.models.restricted_register import RegisterReportEventRow, RegisterReportRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.unit_of_work import unit_of_work
from app.services.disputes import open_dispute
from app.services.holds import Teller, put_hold
from app.services.notes import Writer
from app.services.register_files import RegisterFile, make_file, read_file
from app.services.register_publication import public_figures, require_publishable
from app.services.register_removals import look_at_reports, take_off
from app.services.register_tellings import tell_due
from app.services.registers import get_register
from app.services.restricted_register import decide_reports
from app.services.timelines import page_timeline
from tests.builders.book import Built, pay
from tests.builders.credit import delivered
from tests.builders.registers import (
    REGISTER,
    a_standing_report,
    agree,
    approve,
    ask,
    cn_lender,
    late_loan,
    reportable,
    second,
)
from tests.builders.served import a_notice, handed_over, letter_that_leaves, serve
from tests.conftest import START

pytestmark = pytest.mark.both


def row(loan: Built) -> Any:
    session().rollback()
    return session().execute(select(RegisterReportRow).where(RegisterReportRow.loan_id == loan.loan_id)).scalar_one()


def gate(loan: Built, **more: Any) -> Gate | None:
    return ask([loan], now=START, **more)[loan.loan_id].gate


def standing(**more: Any) -> Built:
    loan = reportable(START, **more)
    outcome = ask([loan], now=START, approved_by=second(loan))[loan.loan_id]
    assert outcome.gate is None
    return loan


def dispute(loan: Built) -> None:
    with unit_of_work() as work:
        open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", "amount_wrong", "no"), now=START)


def file_of(loan: Built) -> tuple[RegisterFile, str]:
    with unit_of_work() as work:
        made = make_file(work, REGISTER, staff=second(loan), now=START)
        file_id = made.id
    with unit_of_work() as work:
        return read_file(work, file_id, staff=second(loan), now=START), file_id


def test_a_report_waits_for_a_second_person_and_then_stands(app: Flask) -> None:
    loan = reportable(START)
    asked = ask([loan], now=START)[loan.loan_id]
    assert (asked.gate, row(loan).state) == (None, "waiting")

    approve(loan, asked.report_id or "", now=START)

    stands = row(loan)
    assert (stands.state, stands.decided_by, stands.reported_at) == ("standing", "staff:Ben", START)
    assert stands.keep_until == START.date().replace(year=2031) - timedelta(days=1)


def test_who_asks_does_not_decide(app: Flask) -> None:
    loan = reportable(START)
    with pytest.raises(ForbiddenError):
        ask([loan], now=START, by="staff:Ben", approved_by=second(loan))
    report_id = ask([loan], now=START, by="staff:Ben")[loan.loan_id].report_id or ""

    with pytest.raises(ForbiddenError), unit_of_work() as work:
        decide_reports(work, [report_id], approve=True, staff=second(loan), now=START)
    with pytest.raises(ForbiddenError), unit_of_work() as work:
        decide_reports(work, [report_id], approve=True, staff=second(loan, "Cid", "agent"), now=START)


def test_without_a_delivered_notice_nothing_is_reported(app: Flask) -> None:
    loan = late_loan(START)
    agree(loan, now=START)

    assert gate(loan) is Gate.NO_NOTICE_DELIVERED


def test_a_notice_is_waited_for_from_the_day_it_came(app: Flask) -> None:
    loan = late_loan(START)
    agree(loan, now=START)
    delivered(loan, START - timedelta(days=15))
    assert gate(loan) is Gate.NOTICE_TOO_RECENT

    assert ask([loan], now=START + timedelta(days=1))[loan.loan_id].gate is None


def test_the_last_day_that_the_letter_leaves_is_waited_for(app: Flask) -> None:
    loan = late_loan(START)
    agree(loan, now=START)
    sent = START - timedelta(days=30)
    [message_id] = serve(a_notice(loan, kind="register_notice", template="letter_register"), now=sent)
    letter_that_leaves(message_id, answer_by=(START + timedelta(days=2)).date(), now=sent)
    handed_over(message_id, at=sent + timedelta(days=1))

    assert ask([loan], now=START + timedelta(days=2))[loan.loan_id].gate is Gate.NOTICE_TOO_RECENT
    assert ask([loan], now=START + timedelta(days=3))[loan.loan_id].gate is None


def test_a_notice_about_arrears_that_were_paid_is_none(app: Flask) -> None:
    loan = late_loan(START, days=70)
    agree(loan, now=START)
    delivered(loan, START - timedelta(days=100))

    assert gate(loan) is Gate.NOTICE_TOO_OLD


def test_an_open_dispute_and_a_hold_stop_it(app: Flask) -> None:
    disputed, held = reportable(START), reportable(START)
    dispute(disputed)
    with unit_of_work() as work:
        put_hold(work, held.borrower_id, HoldValues("hardship"), teller=Teller("operator:test"), now=START)

    assert gate(disputed) is Gate.OPEN_DISPUTE
    assert gate(held) is Gate.HOLD


def test_without_separate_consent_the_law_is_named(app: Flask) -> None:
    loan = reportable(START)
    agree(loan, now=START, given=False)

    outcome = ask([loan], now=START)[loan.loan_id]

    assert (outcome.gate, outcome.rule) == (Gate.NO_CONSENT, "CN-PIPL-SHARE")


def test_a_loan_whose_cap_is_not_known_is_not_reported(app: Flask) -> None:
    loan = reportable(START, lender_id=cn_lender(START, "private", licence_kind="unstated"))

    assert gate(loan) is Gate.CAP_UNKNOWN


def test_what_is_not_overdue_long_enough_is_not_reported_and_nothing_twice(app: Flask) -> None:
    assert gate(reportable(START, days=59)) is Gate.NOT_IN_ARREARS
    assert gate(standing()) is Gate.ALREADY_REPORTED


def test_only_this_register_on_this_basis_with_these_fields_in_this_country(app: Flask) -> None:
    loan = reportable(START)
    for wrong in (
        {"register": "none"},
        {"basis": "because"},
        {"fields": ["name"]},
        {"register": "eu-creditors-association"},
    ):
        with pytest.raises(ValidationError):
            ask([loan], now=START, **wrong)


def test_another_lenders_loan_is_left_out(app: Flask) -> None:
    mine, other = reportable(START), reportable(START, lender_id=cn_lender(START, "other"))

    assert ask([mine, other], now=START)[other.loan_id].gate is Gate.LEFT_OUT
    theirs = ask([other], now=START)[other.loan_id].report_id or ""
    with unit_of_work() as work:
        found = decide_reports(work, [theirs], approve=True, staff=second(mine), now=START)
    assert found[theirs].gate is Gate.LEFT_OUT


def test_what_came_in_the_way_since_keeps_it_waiting(app: Flask) -> None:
    loan = reportable(START)
    report_id = ask([loan], now=START)[loan.loan_id].report_id or ""
    dispute(loan)

    outcome = approve(loan, report_id, now=START)

    assert (outcome.gate, row(loan).state) == (Gate.OPEN_DISPUTE, "waiting")


def test_what_is_paid_is_taken_off_within_the_days_of_the_register(app: Flask) -> None:
    loan = standing()
    pay(loan, 10_000, now=START)

    look_at_reports(now=START)

    off = row(loan)
    assert (off.state, off.removal_reason, off.removal_due_on) == ("removed", "paid", START.date() + timedelta(days=5))
    assert look_at_reports(now=START) == 0


def test_a_dispute_is_marked_and_upheld_it_is_taken_off(app: Flask) -> None:
    loan = standing()
    dispute(loan)
    look_at_reports(now=START)
    assert row(loan).mark == "XB"

    with unit_of_work() as work:
        take_off(work, row(loan).id, "dispute_upheld", staff=second(loan), now=START)

    assert row(loan).state == "removed"


def test_retention_ends(app: Flask) -> None:
    loan = standing()

    assert look_at_reports(now=START + timedelta(days=5 * 365 - 2)) == 0
    assert look_at_reports(now=START + timedelta(days=5 * 365 + 2)) == 1
    assert row(loan).removal_reason == "retention_ended"


def test_a_file_holds_what_is_new_with_its_hash_and_comes_out_the_same_again(app: Flask) -> None:
    loan = standing()
    file, file_id = file_of(loan)

    with unit_of_work() as work:
        again = read_file(work, file_id, staff=second(loan), now=START)
    lines = file.content.decode().splitlines()
    assert again == file
    assert len(lines) == 2
    assert loan.loan_no in lines[1]
    assert "Li Wei" not in lines[1]
    with pytest.raises(ConflictError, match="nothing to tell"):
        file_of(loan)


def test_what_came_and_went_between_two_files_is_never_handed_over(app: Flask) -> None:
    loan = standing()
    pay(loan, 10_000, now=START)

    with pytest.raises(ConflictError, match="nothing to tell"):
        file_of(loan)
    session().rollback()
    kept = session().scalars(select(RegisterReportEventRow.file_id)).all()
    assert set(kept) == {None}


def test_the_borrower_is_told_once_of_each(app: Flask) -> None:
    loan = standing()

    assert (tell_due(now=START), tell_due(now=START)) == (1, 0)
    told = session().scalars(select(NoticeRow).where(NoticeRow.borrower_id == loan.borrower_id)).all()
    assert [(each.template, each.withheld_reason) for each in told] == [("register_reported", None)]


def test_only_figures_are_public_and_small_ones_are_withheld(app: Flask) -> None:
    loan = standing()

    with unit_of_work() as work:
        assert public_figures(work.session, loan.lender_id, now=START) == {REGISTER: None}
        with pytest.raises(LawRefusedError, match="CN-PIPL-PUBLIC"):
            require_publishable(work.session, loan.lender_id, ["name"], smallest_cell=None, now=START)
        with pytest.raises(ForbiddenError, match="never published"):
            require_publishable(work.session, loan.lender_id, ["loan_no"], smallest_cell=None, now=START)


def test_the_lenders_systems_are_told_of_what_stands_what_is_corrected_and_what_is_taken_off(app: Flask) -> None:
    loan = standing()
    dispute(loan)
    look_at_reports(now=START)
    with unit_of_work() as work:
        take_off(work, row(loan).id, "our_error", staff=second(loan), now=START)

    told = session().execute(select(WebhookEventRow.type, WebhookEventRow.data).order_by(WebhookEventRow.id)).all()
    about = {each.type: each.data for each in told if each.type.startswith("register_report.")}
    assert list(about) == [f"register_report.{verb}.v1" for verb in ("reported", "corrected", "removed")]
    assert about["register_report.corrected.v1"]["mark"] == "XB"
    assert about["register_report.removed.v1"] == {
        "report_id": row(loan).id, "loan_no": loan.loan_no, "borrower_no": loan.borrower_no, "register": REGISTER,
        "reason": "our_error", "mark": "XB",
    }  # fmt: skip


def test_a_borrowers_timeline_has_what_was_reported_and_taken_off(app: Flask) -> None:
    loan = standing()
    with unit_of_work() as work:
        take_off(work, row(loan).id, "our_error", staff=second(loan), now=START + timedelta(minutes=1))

    reader = Writer("staff:Ann", "agent", loan.lender_id)
    found = page_timeline(loan.borrower_no, reader=reader, now=START + timedelta(days=1), locale="en").entries

    told = [(each.kind, each.code, each.reason, each.loan_no) for each in found if each.kind == "register_report"]
    assert told == [
        ("register_report", "removed", "our_error", loan.loan_no),
        ("register_report", "reported", None, loan.loan_no),
    ]
    assert not [each for each in found if each.kind == "act" and each.code == "register_report.removed"]


def test_a_report_that_was_never_handed_over_passes_every_gate_again(app: Flask) -> None:
    loan = standing()
    agree(loan, now=START, given=False)
    with pytest.raises(ConflictError, match="nothing to tell"):
        file_of(loan)

    agree(loan, now=START)
    file, _ = file_of(loan)

    assert loan.loan_no in file.content.decode()


def test_what_is_disputed_before_the_register_heard_of_it_is_not_handed_over(app: Flask) -> None:
    loan = standing()
    dispute(loan)

    with pytest.raises(ConflictError, match="nothing to tell"):
        file_of(loan)


def test_the_last_day_that_the_letter_leaves_is_waited_for_and_the_due_day_is_no_day_of_arrears() -> None:
    register = get_register(REGISTER)
    came, on = START - timedelta(days=20), (START - timedelta(days=20)).date()
    notice = Notice("register_notice", came, answer_by=START.date())

    def at(days: int, since: date | None = None) -> Gate | None:
        return notice_gate(register, [notice], "UTC", START.date() + timedelta(days=days), since=since)[0]

    assert (at(0), at(1)) == (Gate.NOTICE_TOO_RECENT, None)
    assert (at(1, on), at(1, on - timedelta(days=1))) == (Gate.NOTICE_TOO_OLD, None)


def test_a_figure_is_public_from_five_people_on_and_a_person_counts_once(app: Flask) -> None:
    loans = [late_loan(START)]
    loans += [late_loan(START, lender_id=loans[0].lender_id) for _ in range(3)]
    for loan in loans:
        a_standing_report(loan, now=START)

    def figures() -> dict[str, int | None]:
        with unit_of_work() as work:
            return public_figures(work.session, loans[0].lender_id, now=START)

    assert figures() == {REGISTER: None}
    twice = late_loan(START, lender_id=loans[0].lender_id, borrower_no=loans[0].borrower_no)
    a_standing_report(twice, now=START)
    assert figures() == {REGISTER: None}, "five reports of four people"
    a_standing_report(late_loan(START, lender_id=loans[0].lender_id), now=START)
    assert figures() == {REGISTER: 5}


def test_many_are_asked_for_in_parts_and_a_run_that_broke_off_is_gone_on_with(app: Flask) -> None:
    lender_id = cn_lender(START)
    loans = [reportable(START, lender_id=lender_id) for _ in range(4)]
    ask(loans[:2], now=START)  # committed; then the run breaks off

    outcomes = ask(loans, now=START)

    gates = [outcomes[loan.loan_id].gate for loan in loans]
    assert gates == [Gate.ALREADY_REPORTED, Gate.ALREADY_REPORTED, None, None]
    session().rollback()
    assert len(session().scalars(select(RegisterReportRow.id)).all()) == 4
