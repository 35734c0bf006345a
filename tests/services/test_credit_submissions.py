"""Between a file and its submission gates are asked once more; what follows is noted whole; later disputes are told."""

import io
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.domain.disputes import DisputeValues
from app.domain.errors import ConflictError
from app.domain.hold_terms import HoldValues
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.case_records import CaseRecordRow
from app.persistence.models.credit_reports import (
    CreditCorrectionRow,
    CreditRejectionRow,
    CreditSnapshotRow,
)
from app.persistence.unit_of_work import unit_of_work
from app.services import credit_files, credit_submissions
from app.services.credit_chores import go_on_noting, look_after_reports
from app.services.credit_correction_files import make_correction_file
from app.services.credit_corrections import decide_correction
from app.services.credit_files import (
    RejectedLine,
    answer_snapshot,
    decide_snapshot,
    make_file_to_keep,
    submit_snapshot,
)
from app.services.credit_words import decline_reason_of
from app.services.disputes import open_dispute, withdraw
from app.services.holds import Teller, put_hold, release_hold
from tests.builders.book import Built, build_lender, build_loan
from tests.conftest import START
from tests.services.test_credit_files import BUREAU, DAY, MARCH, a_late_loan, a_lender, approved, filed, handed_in
from tests.services.test_credit_snapshots import freeze, rows_of, snapshot_of


def dispute(loan: Built, now: Any = START) -> str:
    with unit_of_work() as work:
        return open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", "amount_wrong", "No."), now=now)


def hold(loan: Built, now: Any = START) -> None:
    with unit_of_work() as work:
        teller = Teller("staff:Ann", loan.lender_id, "compliance")
        put_hold(work, loan.borrower_id, HoldValues("identity_theft", loan_no=loan.loan_no), teller=teller, now=now)


def submit(lender: str, snapshot_id: str, now: Any = START + DAY) -> None:
    submit_snapshot(lender, snapshot_id, reference="S-1", by="staff:Ann", now=now)


@pytest.mark.parametrize(("trouble", "reason"), [(dispute, "OPEN_DISPUTE"), (hold, "HOLD")])
def test_what_comes_between_the_file_and_its_submission_stops_it_by_name_until_it_is_made_again(
    app: Flask, trouble: Any, reason: str
) -> None:
    lender = a_lender()
    loan, other = a_late_loan(lender), a_late_loan(lender)
    snapshot_id = approved(lender)
    filed(lender, snapshot_id)
    trouble(loan)

    with pytest.raises(ConflictError, match=rf"1 of its accounts .*{loan.loan_no} \({reason}\)\. Make the file again"):
        submit(lender, snapshot_id)

    assert snapshot_of(snapshot_id).state == "filed"
    again = filed(lender, snapshot_id, START + DAY)
    assert loan.loan_no.encode() not in again
    assert other.loan_no.encode() in again
    submit(lender, snapshot_id)
    assert snapshot_of(snapshot_id).state == "submitted"


def test_a_file_is_not_given_out_when_a_dispute_came_while_it_was_made(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    snapshot_id = approved(lender)
    real = credit_files.make_file

    def made_and_disputed(*args: Any, **more: Any) -> Any:
        told = real(*args, **more)
        dispute(loan)
        return told

    monkeypatch.setattr(credit_files, "make_file", made_and_disputed)

    with pytest.raises(ConflictError, match="Make the file again"):
        make_file_to_keep(lender, snapshot_id, by="staff:Ann", clock=lambda: START)


def test_a_file_made_again_while_it_is_looked_at_is_not_handed_in(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    lender = a_lender()
    a_late_loan(lender)
    snapshot_id = approved(lender)
    filed(lender, snapshot_id)
    real = credit_files.check_still_open

    def looked_and_made(*args: Any, **more: Any) -> Any:
        version = real(*args, **more)
        filed(lender, snapshot_id)
        return version

    monkeypatch.setattr(credit_files, "check_still_open", looked_and_made)

    with pytest.raises(ConflictError, match="Somebody else makes this file"):
        submit(lender, snapshot_id)


def facts() -> list[Any]:
    db.session().rollback()
    statement = select(CaseRecordRow).where(CaseRecordRow.list_name == "events").order_by(CaseRecordRow.loan_id)
    return [(row.loan_id, row.facts["kind"], row.facts["on"]) for row in db.session().scalars(statement)]


def test_a_submission_that_fails_before_its_end_leaves_nothing_recorded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    lender = a_lender()
    a_late_loan(lender)
    snapshot_id = approved(lender)
    filed(lender, snapshot_id)

    def fail(*args: Any, **more: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(credit_files, "announce", fail)

    with pytest.raises(ConnectionError):
        submit(lender, snapshot_id)

    assert facts() == []
    assert snapshot_of(snapshot_id).state == "filed"


@pytest.mark.parametrize("again", [False, True])
def test_what_follows_from_a_submission_goes_on_where_it_broke_off(
    app: Flask, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    lender = a_lender()
    loans = sorted(a_late_loan(lender).loan_id for _ in range(3))
    snapshot_id = approved(lender)
    filed(lender, snapshot_id)
    real, calls = credit_submissions.note_furnished, []

    def twice(*args: Any, **more: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise ConnectionError
        real(*args, **more)

    monkeypatch.setattr(credit_submissions, "note_furnished", twice)
    with pytest.raises(ConnectionError):
        submit_snapshot(lender, snapshot_id, reference="S-1", by="staff:Ann", now=START, page=1)
    assert snapshot_of(snapshot_id).state == "submitted"
    assert len(facts()) == 1

    if again:
        submit(lender, snapshot_id)
    else:
        assert go_on_noting(now=START + 5 * DAY) == 1

    assert facts() == [(loan_id, "negative_info_furnished", "2026-03-02") for loan_id in loans]
    assert [row.loan_id for row in calls[-1][1]] == loans[1:], "what was noted before is not looked at again"
    assert go_on_noting(now=START + 6 * DAY) == 0


def corrections() -> list[CreditCorrectionRow]:
    db.session().rollback()
    return list(db.session().scalars(select(CreditCorrectionRow).order_by(CreditCorrectionRow.proposed_at)))


def decide(lender: str, row: CreditCorrectionRow, now: Any, approve: bool = True) -> None:
    with unit_of_work() as work:
        decide_correction(work, lender, row.id, approve=approve, by="staff:Ben", now=now)


def correction_file(lender: str, now: Any) -> bytes:
    out = io.BytesIO()
    make_correction_file(lender, BUREAU, out, by="staff:Ann", clock=lambda: now)
    return out.getvalue()


def disputed_by_a_case(loan: Built) -> Any:
    case = dispute(loan, START + DAY)

    def end() -> None:
        with unit_of_work() as work:
            withdraw(work, loan.borrower_id, case, now=START + 3 * DAY)

    return end


def disputed_by_a_hold(loan: Built) -> Any:
    teller = Teller("staff:Ann", loan.lender_id, "compliance")
    with unit_of_work() as work:
        values = HoldValues("dispute", loan_no=loan.loan_no)
        hold_id = put_hold(work, loan.borrower_id, values, teller=teller, now=START + DAY).id

    def end() -> None:
        with unit_of_work() as work:
            release_hold(work, loan.borrower_id, hold_id, teller=teller, now=START + 3 * DAY, reason="answered")

    return end


@pytest.mark.parametrize(("begin", "after"), [(disputed_by_a_case, "XH"), (disputed_by_a_hold, "XR")])
def test_a_dispute_after_the_submission_is_told_as_a_mark_and_its_end_replaces_it(
    app: Flask, begin: Any, after: str
) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    end = begin(loan)

    look_after_reports(now=START + DAY)
    look_after_reports(now=START + DAY)

    (found,) = corrections()
    assert (found.kind, found.reason, found.new) == (
        "correction", "disputed", {"condition_code": "XB", "condition_standing": ""},
    )  # fmt: skip
    decide(lender, found, START + DAY)
    base = correction_file(lender, START + DAY).splitlines()[1]
    assert (base[152:154], base[19:20]) == (b"XB", b"1")
    look_after_reports(now=START + 2 * DAY)
    assert len(corrections()) == 1

    end()
    look_after_reports(now=START + 3 * DAY)
    taken = corrections()[-1]
    assert taken.new == {"condition_code": after, "condition_standing": "XB"}
    decide(lender, taken, START + 3 * DAY)
    assert correction_file(lender, START + 3 * DAY).splitlines()[1][152:154] == after.encode()
    look_after_reports(now=START + 4 * DAY)
    assert len(corrections()) == 2


@pytest.mark.parametrize("is_approved", [False, True])
def test_a_mark_that_a_withdrawn_dispute_overtakes_is_let_go_of(app: Flask, is_approved: bool) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    case = dispute(loan, START + DAY)
    look_after_reports(now=START + DAY)
    if is_approved:
        decide(lender, corrections()[0], START + DAY)
    with unit_of_work() as work:
        withdraw(work, loan.borrower_id, case, now=START + 2 * DAY)

    with pytest.raises(ConflictError, match="No correction waits"):
        correction_file(lender, START + 2 * DAY)
    look_after_reports(now=START + 2 * DAY)

    assert [(each.state, each.decided_by) for each in corrections()] == [("declined", "system")]


def test_what_a_person_approved_no_person_declines(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    dispute(loan, START + DAY)
    look_after_reports(now=START + DAY)
    decide(lender, corrections()[0], START + DAY)

    with pytest.raises(ConflictError, match="approved"):
        decide(lender, corrections()[0], START + DAY, approve=False)


def test_a_mark_in_between_leaves_the_months_report_and_its_history_alone(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    first = handed_in(lender)
    case = dispute(loan, START + DAY)
    look_after_reports(now=START + DAY)
    decide(lender, corrections()[0], START + DAY)
    correction_file(lender, START + DAY)
    with unit_of_work() as work:
        withdraw(work, loan.borrower_id, case, now=START + 39 * DAY)

    march = rows_of(freeze(lender, MARCH, now=START + 40 * DAY, bureau=BUREAU))[loan.loan_id]

    assert (march.reason, march.history) == (None, "1" + rows_of(first)[loan.loan_id].history[:23])


def test_a_mark_that_is_approved_after_the_freezing_corrects_nothing_and_leaves_the_loan_in_the_file(app: Flask) -> None:
    lender = a_lender(while_disputed="marked")
    loan = a_late_loan(lender)
    handed_in(lender)
    dispute(loan, START + DAY)
    look_after_reports(now=START + DAY)
    (mark,) = corrections()
    snapshot_id = approved(lender, MARCH, START + 40 * DAY)

    decide(lender, mark, START + 40 * DAY)

    assert loan.loan_no.encode() in filed(lender, snapshot_id, START + 40 * DAY)


@pytest.mark.both
def test_the_end_of_a_dispute_that_a_mark_in_between_told_of_is_told_by_the_next_month(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    end = disputed_by_a_hold(loan)
    look_after_reports(now=START + DAY)
    decide(lender, corrections()[0], START + DAY)
    correction_file(lender, START + DAY)
    end()

    march = rows_of(freeze(lender, MARCH, now=START + 40 * DAY, bureau=BUREAU))[loan.loan_id]

    assert (march.mark, march.account["condition_code"], march.account["condition_standing"]) == (None, "XR", "XB")


def test_account_numbers_that_differ_in_punctuation_alone_are_both_refused(app: Flask) -> None:
    lender = a_lender()
    one, two = a_late_loan(lender, loan_no="A-1"), a_late_loan(lender, loan_no="a1")
    other, odd = a_late_loan(lender, loan_no="B-2"), a_late_loan(lender, loan_no="C/3")

    rows = rows_of(freeze(lender, bureau=BUREAU))

    shared = ("INCOMPLETE", "loan_no:ACCOUNT_NUMBER_SHARED")
    assert [(rows[each.loan_id].reason, rows[each.loan_id].rule) for each in (one, two)] == [shared, shared]
    assert [rows[each.loan_id].reason for each in (other, odd)] == [None, None]


def test_a_number_that_another_lender_has_too_is_no_ones_trouble(app: Flask) -> None:
    lender = a_lender()
    other = build_lender(now=START, code="other", jurisdiction="US", role="first_party", role_reason="own")
    mine = a_late_loan(lender, loan_no="A-1")
    build_loan(now=START, lender_id=other, loan_no="A1", due=[MARCH])

    assert rows_of(freeze(lender, bureau=BUREAU))[mine.loan_id].reason is None


def test_a_loan_that_came_after_the_freezing_with_the_same_number_keeps_both_out_of_the_file(app: Flask) -> None:
    lender = a_lender()
    one, other = a_late_loan(lender, loan_no="A-1"), a_late_loan(lender, loan_no="B-2")
    snapshot_id = approved(lender)
    a_late_loan(lender, loan_no="A1")

    data = filed(lender, snapshot_id)

    assert b"A1 " not in data
    assert b"B2 " in data
    assert (one.loan_no, other.loan_no) == ("A-1", "B-2")


def test_free_text_is_sealed_and_stands_in_no_audit_row(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    first = handed_in(lender)
    line = RejectedLine(loan.loan_no, "E42", "Ann Lee lives elsewhere")
    with unit_of_work() as work:
        answer_snapshot(work, lender, first, taken=True, rejected=[line], by="x", now=START)
    second = freeze(lender, MARCH, now=START + 40 * DAY, bureau=BUREAU)
    with unit_of_work() as work:
        decide_snapshot(work, lender, second, approve=False, by="x", now=START, reason="Ann Lee has paid")

    session = db.session()
    session.rollback()
    snapshot = session.get_one(CreditSnapshotRow, second)
    (kept,) = session.scalars(select(CreditRejectionRow)).all()
    assert (snapshot.decline_reason, kept.detail) == (None, "")
    assert b"Ann Lee" not in (snapshot.decline_reason_sealed or b"") + (kept.detail_sealed or b"")
    with unit_of_work() as work:
        assert decline_reason_of(work.vault, snapshot) == "Ann Lee has paid"
    told = [str(row.facts) for row in session.scalars(select(AuditRow).where(AuditRow.action.like("credit.%")))]
    assert told
    assert not [each for each in told if "Ann Lee" in each]


def test_what_an_earlier_version_kept_as_plain_text_is_sealed(app: Flask) -> None:
    lender = a_lender()
    snapshot_id = freeze(lender, bureau=BUREAU)
    with unit_of_work() as work:
        work.session.execute(
            update(CreditSnapshotRow).where(CreditSnapshotRow.id == snapshot_id).values(decline_reason="Ann has paid")
        )

    look_after_reports(now=START)

    snapshot = snapshot_of(snapshot_id)
    assert snapshot.decline_reason is None
    with unit_of_work() as work:
        assert decline_reason_of(work.vault, snapshot) == "Ann has paid"
