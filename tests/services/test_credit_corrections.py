"""What was furnished and turned out otherwise is corrected, what was never theirs or is too old is taken out."""

import io
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.domain.book import PaymentValues
from app.domain.disputes import DisputeValues
from app.domain.errors import ConflictError
from app.domain.ledger import EntryKind
from app.persistence.db import db
from app.persistence.models.credit_reports import CreditCorrectionRow, CreditOmissionRow, CreditReportRow
from app.persistence.unit_of_work import unit_of_work
from app.services.credit_correction_files import make_correction_file
from app.services.credit_corrections import decide_correction, look_for_corrections, propose_deletion
from app.services.credit_files import decide_snapshot
from app.services.credit_reporting import end_cured
from app.services.credit_retention import retention_of
from app.services.dispute_answers import AnswerValues, answer
from app.services.disputes import open_dispute
from app.services.payments import record_payment
from tests.builders.book import Built, pay
from tests.conftest import START
from tests.services.test_credit_files import BUREAU, DAY, LATE, MARCH, a_late_loan, a_lender, filed, handed_in
from tests.services.test_credit_snapshots import enrol, freeze, rows_of


def look(lender: str, now: Any = START + DAY) -> list[CreditCorrectionRow]:
    with unit_of_work() as work:
        look_for_corrections(work, lender, BUREAU, now=now)
    db.session().rollback()
    return list(db.session().scalars(select(CreditCorrectionRow).order_by(CreditCorrectionRow.id)))


def paid_late(loan: Built, on: date, now: Any = START + DAY, amount: int = 10_000) -> None:
    with unit_of_work() as work:
        values = PaymentValues(f"late-{on}-{amount}", loan.loan_no, amount, "USD", on)
        record_payment(work, loan.lender_id, values, now=now, origin="test")


def decide(lender: str, correction_id: str, by: str = "staff:Ben") -> None:
    with unit_of_work() as work:
        decide_correction(work, lender, correction_id, approve=True, by=by, now=START + DAY)


def correction_file(lender: str, kind: str = "correction") -> bytes:
    out = io.BytesIO()
    make_correction_file(lender, BUREAU, out, by="staff:Ann", clock=lambda: START + 2 * DAY, kind=kind)
    return out.getvalue()


def test_a_payment_that_became_known_late_makes_a_correction_with_old_and_new_values(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    paid_late(loan, date(2026, 2, 20))

    (found,) = look(lender)

    assert (found.loan_id, found.kind, found.reason, found.state) == (loan.loan_id, "correction", "late_booking", "proposed")
    assert (found.old["days_past_due"], found.new["days_past_due"]) == (58, 0)
    assert (found.old["past_due_minor"], found.new["past_due_minor"]) == (10_000, 0)
    assert "days_past_due" in found.old
    assert "loan_no" not in found.old


def test_a_payment_of_its_own_day_makes_none(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    pay(loan, 10_000, now=START + DAY)

    assert look(lender) == []


def test_the_same_is_proposed_once(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    paid_late(loan, date(2026, 2, 20))
    look(lender)

    assert len(look(lender)) == 1


def test_an_approved_correction_is_told_in_a_file_of_its_own_and_mends_the_history(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    paid_late(loan, date(2026, 2, 20))
    (found,) = look(lender)
    decide(lender, found.id)

    data = correction_file(lender).splitlines()[1]
    row = rows_of(freeze(lender, MARCH, now=START + 40 * DAY, bureau=BUREAU))[loan.loan_id]

    assert data[123:125] == b"11"
    assert data[19:20] == b"1"
    assert row.history.startswith("0")
    with pytest.raises(ConflictError):
        correction_file(lender)


def test_an_upheld_dispute_that_it_was_never_theirs_takes_the_report_out(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    uphold(loan, "identity_theft")

    (found,) = look(lender)
    decide(lender, found.id)
    data = correction_file(lender, "deletion").splitlines()[1]
    row = rows_of(freeze(lender, MARCH, now=START + 40 * DAY, bureau=BUREAU))[loan.loan_id]

    assert (found.kind, found.code, found.reason) == ("deletion", "DF", "identity_theft")
    assert data[123:125] == b"DF"
    assert row.reason == "DELETED"


def uphold(loan: Built, ground: str) -> None:
    with unit_of_work() as work:
        case = open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", ground, "No."), now=START)
    with unit_of_work() as work:
        answer(
            work, loan.lender_id, case, AnswerValues("upheld", "You are right."), staff="staff:Ann", role="compliance",
            now=START + DAY,
        )  # fmt: skip


def test_whoever_proposes_does_not_approve(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    with unit_of_work() as work:
        found = propose_deletion(
            work, lender, loan.loan_id, BUREAU, reason="told_wrong", note="Another Ann Lee.", by="staff:Ann", now=START
        )

    with pytest.raises(ConflictError):
        decide(lender, found, by="staff:Ann")


def test_how_long_it_may_be_told_is_the_packs_word(app: Flask) -> None:
    in_china = retention_of("CN", ended_on=date(2026, 3, 1), first_delinquency_on=None, now=START)
    there = retention_of("US", ended_on=None, first_delinquency_on=date(2026, 2, 1), now=START)

    assert in_china is not None
    assert there is not None
    assert (in_china.until_on, in_china.rule, in_china.evidence) == (date(2031, 3, 1), "CN-CRED-5Y", "primary")
    assert (there.until_on, there.evidence) == (date(2033, 2, 1), "recalled")
    assert retention_of("CN", ended_on=None, first_delinquency_on=date(2026, 2, 1), now=START) is None


def test_what_was_told_for_as_long_as_it_may_be_is_proposed_to_be_taken_out(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    pay(loan, 10_000, now=START + DAY)
    with unit_of_work() as work:
        end_cured(work, now=START + DAY)

    before = look(lender, START + timedelta(days=365 * 6))
    (found,) = look(lender, START + timedelta(days=366 * 7))

    assert before == []
    assert (found.reason, found.kind) == ("retention_over", "deletion")
    assert found.evidence["grade"] == "recalled"
    assert found.evidence["counted_from"] == "2026-01-31"


def test_what_was_told_as_a_correction_is_not_proposed_again(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    paid_late(loan, date(2026, 2, 20))
    (found,) = look(lender)
    decide(lender, found.id)
    correction_file(lender)

    assert [each.state for each in look(lender)] == ["filed"]

    paid_late(loan, date(2026, 2, 21), START + 3 * DAY)
    second = look(lender, START + 3 * DAY)[-1]
    assert second.state == "proposed"
    assert "days_past_due" not in second.old  # the bureau has that right by now
    decide(lender, second.id)
    assert correction_file(lender).splitlines()[1][123:125] == b"13"


def test_what_a_person_declined_is_not_proposed_again_until_something_else_is_known(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    paid_late(loan, date(2026, 2, 20))
    (found,) = look(lender)
    with unit_of_work() as work:
        decide_correction(work, lender, found.id, approve=False, by="staff:Ben", now=START + DAY)

    assert len(look(lender)) == 1
    paid_late(loan, date(2026, 2, 10))
    assert [each.state for each in look(lender)] == ["declined", "proposed"]


def test_a_correction_whose_people_were_forgotten_tells_what_is_right_all_the_same(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    snapshot_id = handed_in(lender)
    paid_late(loan, date(2026, 2, 20))
    (found,) = look(lender)
    decide(lender, found.id)
    with unit_of_work() as work:
        work.session.execute(
            update(CreditReportRow).where(CreditReportRow.snapshot_id == snapshot_id).values(people_sealed=None)
        )

    data = correction_file(lender).splitlines()[1]

    assert data[123:125] == b"11"
    assert b"LEE" in data


def test_a_month_frozen_before_a_correction_does_not_undo_it(app: Flask) -> None:
    lender = a_lender()
    due = [date(2026, 1, 1), date(2026, 2, 1), date(2026, 6, 1)]
    loan, other = a_late_loan(lender, due=due), a_late_loan(lender)
    handed_in(lender)
    march = freeze(lender, MARCH, now=START + 40 * DAY, bureau=BUREAU)
    with unit_of_work() as work:
        decide_snapshot(work, lender, march, approve=True, by="staff:Ben", now=START + 40 * DAY)
    paid_late(loan, date(2026, 2, 20), START + 41 * DAY)
    (found,) = look(lender, START + 41 * DAY)
    with unit_of_work() as work:
        decide_correction(work, lender, found.id, approve=True, by="staff:Ben", now=START + 41 * DAY)

    data = filed(lender, march, START + 42 * DAY)

    assert other.loan_no.encode() in data
    assert loan.loan_no.encode() not in data
    db.session().rollback()
    assert [each.reason for each in db.session().scalars(select(CreditOmissionRow))] == ["CORRECTED_SINCE"]


def test_a_loan_whose_payoff_bounced_after_its_end_was_told_goes_on_once_that_is_corrected(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    owed = 10_000 * len(LATE)
    paid_late(loan, date(2026, 2, 20), START - 5 * DAY, owed)
    february = handed_in(lender)
    assert rows_of(february)[loan.loan_id].account["closed_on"] == "2026-02-20"
    with unit_of_work() as work:
        bounced = PaymentValues(
            "bounced", loan.loan_no, owed, "USD", date(2026, 2, 20), kind=EntryKind.REVERSAL,
            reverses_reference=f"late-2026-02-20-{owed}",
        )  # fmt: skip
        record_payment(work, loan.lender_id, bounced, now=START + DAY, origin="test")
    (found,) = look(lender)
    assert found.new["closed_on"] is None
    decide(lender, found.id)
    correction_file(lender)
    enrol(loan)

    march = rows_of(freeze(lender, MARCH, now=START + 40 * DAY, bureau=BUREAU))[loan.loan_id]

    assert (march.reason, march.kind, march.last_snapshot_id) == (None, "negative", february)
    assert march.account["closed_on"] is None


def test_what_is_better_for_one_does_not_wait_behind_what_is_worse_for_another(app: Flask) -> None:
    lender = a_lender()
    better, worse = a_late_loan(lender), a_late_loan(lender)
    handed_in(lender)
    booked(worse, "P1", date(2026, 3, 10), START + 9 * DAY)
    disputed(better)
    handed_in(lender, MARCH, START + 40 * DAY)
    disputed(worse)
    paid_late(better, date(2026, 2, 20), START + 41 * DAY)
    booked(worse, "P1-back", date(2026, 3, 11), START + 41 * DAY, kind=EntryKind.REVERSAL, reverses_reference="P1")
    for each in look(lender, START + 41 * DAY):
        decide(lender, each.id)

    told = correction_file(lender)

    assert better.loan_no.encode() in told
    assert worse.loan_no.encode() not in told


def booked(loan: Built, reference: str, on: date, now: Any, **more: Any) -> None:
    with unit_of_work() as work:
        values = PaymentValues(reference, loan.loan_no, 10_000, "USD", on, **more)
        record_payment(work, loan.lender_id, values, now=now, origin="test")


def disputed(loan: Built) -> None:
    with unit_of_work() as work:
        open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", "amount_wrong", "No."), now=START)
