"""From a frozen month to the bureau: two people, every gate asked again, the file, its answer, and what the law counts."""

import io
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.disputes import DisputeValues
from app.domain.errors import ConflictError, ValidationError
from app.persistence.db import db
from app.persistence.models.case_records import CaseRecordRow
from app.persistence.models.credit_reports import CreditOmissionRow
from app.persistence.unit_of_work import unit_of_work
from app.services.credit_files import RejectedLine, answer_snapshot, decide_snapshot, make_file, submit_snapshot
from app.services.credit_snapshots import begin_snapshot
from app.services.disputes import open_dispute, withdraw
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.credit import delivered, enable
from tests.conftest import START
from tests.services.test_credit_snapshots import enrol, freeze, rows_of, snapshot_of

DAY = timedelta(days=1)
FEBRUARY, MARCH = date(2026, 2, 28), date(2026, 3, 31)
LATE = [date(2026, 1, 1), date(2026, 6, 1)]
BUREAU = "EXPERIAN"


def a_lender(**bureau: str) -> str:
    lender = build_lender(now=START, jurisdiction="US", role="first_party", role_reason="own", licence_kind="bank")
    enable(lender, now=START, bureau=BUREAU, format="metro2", **bureau)
    return lender


def a_late_loan(lender: str, **changes: Any) -> Built:
    person: dict[str, Any] = {
        "name": "Ann Lee", "national_id": "219099999", "country": "US", "address_lines": ("1 Main St", "Austin, TX 78701"),
    }  # fmt: skip
    due = changes.pop("due", LATE)
    loan = build_loan(now=START - 200 * DAY, due=due, lender_id=lender, product_kind="instalment", **person, **changes)
    delivered(loan, START - 20 * DAY)
    enrol(loan)
    return loan


def approved(lender: str, as_of: date = FEBRUARY, now: Any = START) -> str:
    snapshot_id = freeze(lender, as_of, now=now, bureau=BUREAU)
    with unit_of_work() as work:
        decide_snapshot(work, lender, snapshot_id, approve=True, by="staff:Ben", now=now)
    return snapshot_id


def filed(lender: str, snapshot_id: str, now: Any = START) -> bytes:
    out = io.BytesIO()
    make_file(lender, snapshot_id, out, by="staff:Ann", clock=lambda: now)
    return out.getvalue()


def handed_in(lender: str, as_of: date = FEBRUARY, now: Any = START) -> str:
    snapshot_id = approved(lender, as_of, now)
    filed(lender, snapshot_id, now)
    submit_snapshot(lender, snapshot_id, reference="S-1", by="staff:Ann", now=now)
    return snapshot_id


def test_whoever_had_it_made_does_not_approve_it(app: Flask) -> None:
    lender = a_lender()
    snapshot_id = freeze(lender, bureau=BUREAU)

    with pytest.raises(ConflictError), unit_of_work() as work:
        decide_snapshot(work, lender, snapshot_id, approve=True, by="staff:Ann", now=START)


def test_no_file_is_made_before_it_is_approved(app: Flask) -> None:
    lender = a_lender()
    a_late_loan(lender)
    snapshot_id = freeze(lender, bureau=BUREAU)

    with pytest.raises(ConflictError):
        filed(lender, snapshot_id)


def test_the_file_tells_what_was_frozen_and_its_hash_is_kept(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    snapshot_id = approved(lender)

    data = filed(lender, snapshot_id)

    snapshot = snapshot_of(snapshot_id)
    assert rows_of(snapshot_id)[loan.loan_id].reason is None
    assert (snapshot.state, snapshot.file_records) == ("filed", 1)
    assert len(data.splitlines()) == 3
    assert b"LEE" in data


def test_a_gate_that_shut_after_the_freezing_leaves_the_loan_out(app: Flask) -> None:
    lender = a_lender()
    loan, other = a_late_loan(lender), a_late_loan(lender)
    snapshot_id = approved(lender)
    with unit_of_work() as work:
        open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", "not_mine", "No."), now=START)

    data = filed(lender, snapshot_id, START + DAY)

    db.session().rollback()
    (left,) = db.session().scalars(select(CreditOmissionRow)).all()
    assert (left.loan_id, left.reason) == (loan.loan_id, "OPEN_DISPUTE")
    assert other.loan_no.encode() in data
    assert loan.loan_no.encode() not in data


def test_a_file_that_nothing_is_left_of_is_not_made(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    snapshot_id = approved(lender)
    with unit_of_work() as work:
        open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", "not_mine", "No."), now=START)

    with pytest.raises(ValidationError):
        filed(lender, snapshot_id)


def test_the_next_month_goes_on_with_the_history_that_was_furnished(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    first = handed_in(lender)

    second = freeze(lender, MARCH, now=START + 40 * DAY, bureau=BUREAU)

    before, now = rows_of(first)[loan.loan_id], rows_of(second)[loan.loan_id]
    assert snapshot_of(second).previous_id == first
    assert (before.status, now.status) == ("71", "78")
    assert now.history == "1" + before.history[:23]
    assert now.last_snapshot_id == first


def test_a_month_that_was_left_out_stays_untold(app: Flask) -> None:
    lender = a_lender()
    loan, other = a_late_loan(lender), a_late_loan(lender)
    handed_in(lender)
    with unit_of_work() as work:
        dispute = open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", "not_mine", "No."), now=START)
    march = handed_in(lender, MARCH, START + 40 * DAY)
    assert rows_of(march)[loan.loan_id].reason == "OPEN_DISPUTE"
    with unit_of_work() as work:
        withdraw(work, loan.borrower_id, dispute, now=START + 41 * DAY)

    row = rows_of(freeze(lender, date(2026, 4, 30), now=START + 70 * DAY, bureau=BUREAU))[loan.loan_id]

    assert row.reason is None
    assert row.history.startswith("D1")
    assert other.loan_id != loan.loan_id


def test_a_line_that_the_bureau_did_not_take_was_not_furnished(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    first = handed_in(lender)
    with unit_of_work() as work:
        answer_snapshot(work, lender, first, taken=True, rejected=[RejectedLine(loan.loan_no, "E42")], by="x", now=START)

    row = rows_of(freeze(lender, MARCH, now=START + 40 * DAY, bureau=BUREAU))[loan.loan_id]

    assert row.last_snapshot_id is None


def test_what_the_law_counts_from_is_recorded_once(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    handed_in(lender)
    handed_in(lender, MARCH, START + 40 * DAY)

    db.session().rollback()
    rows = db.session().scalars(select(CaseRecordRow).where(CaseRecordRow.list_name == "events")).all()
    assert [(row.loan_id, row.facts) for row in rows] == [
        (loan.loan_id, {"kind": "negative_info_furnished", "on": "2026-03-02"})
    ]


def test_the_next_month_waits_until_this_one_has_left_or_was_declined(app: Flask) -> None:
    lender = a_lender()
    a_late_loan(lender)
    snapshot_id = freeze(lender, bureau=BUREAU)
    with pytest.raises(ConflictError):
        freeze(lender, MARCH, now=START + 40 * DAY, bureau=BUREAU)
    with unit_of_work() as work:
        decide_snapshot(work, lender, snapshot_id, approve=False, by="staff:Ann", now=START, reason="wrong day")
    with unit_of_work() as work:
        again = begin_snapshot(work, lender, BUREAU, FEBRUARY, by="staff:Ann", now=START)

    assert again != snapshot_id


class Torn(io.BytesIO):
    """What a file is written into when something happens as soon as it is begun."""

    def __init__(self, what: Any) -> None:
        super().__init__()
        self.what = what

    def write(self, data: Any) -> int:
        what, self.what = self.what, None
        if what is not None:
            what()
        return super().write(data)


def test_of_two_who_make_a_file_at_once_the_one_that_began_first_is_too_late(app: Flask) -> None:
    lender = a_lender()
    a_late_loan(lender)
    snapshot_id = approved(lender)

    with pytest.raises(ConflictError, match="Somebody else makes this file"):
        make_file(lender, snapshot_id, Torn(lambda: filed(lender, snapshot_id)), by="staff:Ann", clock=lambda: START)

    assert (snapshot_of(snapshot_id).state, snapshot_of(snapshot_id).file_records) == ("filed", 1)


def test_a_file_that_broke_off_is_none_and_the_one_before_neither(app: Flask) -> None:
    lender = a_lender()
    a_late_loan(lender)
    snapshot_id = approved(lender)
    filed(lender, snapshot_id)

    def break_off() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        make_file(lender, snapshot_id, Torn(break_off), by="staff:Ann", clock=lambda: START)

    db.session().rollback()
    assert (snapshot_of(snapshot_id).state, snapshot_of(snapshot_id).file_sha256) == ("approved", None)
    with pytest.raises(ConflictError):
        submit_snapshot(lender, snapshot_id, reference="S-1", by="staff:Ann", now=START)
    filed(lender, snapshot_id)
    assert snapshot_of(snapshot_id).state == "filed"
