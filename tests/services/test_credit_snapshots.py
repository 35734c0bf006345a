"""A month of credit reports: what is furnished and why not, frozen, going on with what was furnished before."""

import gc
import hashlib
import io
import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.domain.credit_accounts import CreditAccount
from app.domain.errors import ConflictError, ValidationError
from app.persistence.db import db
from app.persistence.models.credit_reports import CreditReportRow, CreditSnapshotRow
from app.persistence.unit_of_work import unit_of_work
from app.services.credit_files import decide_snapshot, make_file
from app.services.credit_reporting import start_reporting
from app.services.credit_snapshots import begin_snapshot, freeze_page
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.credit import consent, delivered, enable
from tests.conftest import START

DAY = timedelta(days=1)
FEBRUARY = date(2026, 2, 28)
LATE = [date(2026, 1, 1), date(2026, 4, 1)]
CURRENT = [date(2026, 4, 1)]


def a_lender(**changes: Any) -> str:
    lender = build_lender(
        now=START, jurisdiction="CN", licence_kind="consumer_finance", role="first_party", role_reason="own"
    )
    enable(lender, now=START, **changes)
    return lender


def a_loan(lender: str, due: list[date], **changes: Any) -> Built:
    person = {
        "name": "张伟", "national_id": "11010519491231002X", "country": "CN", "currency": "CNY",
        "address_lines": ("1 号", "上海"),
    }  # fmt: skip
    loan = build_loan(now=START - 200 * DAY, due=due, lender_id=lender, product_kind="instalment", **{**person, **changes})
    consent(loan, now=START - 100 * DAY)
    return loan


def enrol(*loans: Built, kind: str = "negative", now: datetime = START) -> None:
    with unit_of_work() as work:
        answers = start_reporting(work, [loan.loan_id for loan in loans], by="policy:x", now=now, kind=kind)
    assert set(answers.values()) == {None}


def freeze(lender: str, as_of: date = FEBRUARY, *, now: datetime = START, page: int = 500, bureau: str = "PBOC") -> str:
    with unit_of_work() as work:
        snapshot_id = begin_snapshot(work, lender, bureau, as_of, by="staff:Ann", now=now)
    more = True
    while more:
        with unit_of_work() as work:
            more = freeze_page(work, snapshot_id, now=now, page=page)
    return snapshot_id


def rows_of(snapshot_id: str) -> dict[str, CreditReportRow]:
    db.session().rollback()
    rows = db.session().scalars(select(CreditReportRow).where(CreditReportRow.snapshot_id == snapshot_id))
    return {row.loan_id: row for row in rows}


def snapshot_of(snapshot_id: str) -> CreditSnapshotRow:
    db.session().rollback()
    return db.session().get_one(CreditSnapshotRow, snapshot_id)


def test_a_row_says_what_is_furnished_or_why_nothing_is(app: Flask) -> None:
    lender = a_lender()
    late, good, unnamed = a_loan(lender, LATE), a_loan(lender, CURRENT), a_loan(lender, LATE)
    delivered(late, START - 20 * DAY)
    enrol(late)
    enrol(good, kind="positive")

    rows = rows_of(freeze(lender))

    assert {key: row.reason for key, row in rows.items()} == {
        late.loan_id: None, good.loan_id: None, unnamed.loan_id: "NOT_ENROLLED",
    }  # fmt: skip
    assert (rows[late.loan_id].kind, rows[late.loan_id].status) == ("negative", "2")
    assert rows[late.loan_id].account["overdue_minor"] == 10_000
    assert rows[good.loan_id].kind == "positive"
    assert rows[unnamed.loan_id].account == {}
    assert rows[unnamed.loan_id].people_sealed is None


def test_the_snapshot_counts_by_status_and_reason(app: Flask) -> None:
    lender = a_lender()
    late, _unnamed = a_loan(lender, LATE), a_loan(lender, LATE)
    delivered(late, START - 20 * DAY)
    enrol(late)

    snapshot = snapshot_of(freeze(lender))

    assert (snapshot.state, snapshot.counts["furnished"], snapshot.counts["withheld"]) == ("made", 1, 1)
    assert snapshot.counts["by_status"] == {"2": 1}
    assert snapshot.counts["by_reason"] == {"NOT_ENROLLED": 1}


def test_a_gate_that_shut_since_the_enrolment_keeps_it_back(app: Flask) -> None:
    lender = a_lender()
    late = a_loan(lender, LATE)
    delivered(late, START - 20 * DAY)
    enrol(late)
    consent(late, now=START + DAY, given=False)

    row = rows_of(freeze(lender, now=START + 2 * DAY))[late.loan_id]

    assert (row.reason, row.rule, row.people_sealed) == ("NO_CONSENT", "CN-CRED-CONSENT", None)


def test_whoever_is_enrolled_as_good_is_not_reported_as_late(app: Flask) -> None:
    lender = a_lender()
    loan = a_loan(lender, LATE)
    delivered(loan, START - 20 * DAY)
    enrol(loan, kind="positive")

    assert rows_of(freeze(lender))[loan.loan_id].reason == "NOT_ENROLLED"


def test_the_same_day_again_is_the_same_snapshot(app: Flask) -> None:
    lender = a_lender()
    a_loan(lender, LATE)
    first = freeze(lender)
    frozen = {key: row.sha256 for key, row in rows_of(first).items()}

    assert freeze(lender, now=START + DAY) == first
    assert {key: row.sha256 for key, row in rows_of(first).items()} == frozen


def test_it_goes_on_where_it_was_stopped(app: Flask) -> None:
    lender = a_lender()
    for _ in range(5):
        a_loan(lender, LATE)
    with unit_of_work() as work:
        snapshot_id = begin_snapshot(work, lender, "PBOC", FEBRUARY, by="staff:Ann", now=START)
    with unit_of_work() as work:
        assert freeze_page(work, snapshot_id, now=START, page=2)
    half = {key: row.sha256 for key, row in rows_of(snapshot_id).items()}
    with pytest.raises(KeyboardInterrupt):
        killed_within_a_page(snapshot_id)

    whole = freeze(lender, page=2)

    assert whole == snapshot_id
    assert len(rows_of(whole)) == 5
    assert half.items() <= {key: row.sha256 for key, row in rows_of(whole).items()}.items()
    assert snapshot_of(whole).counts["withheld"] == 5


def test_a_half_frozen_month_is_taken_for_none_and_ends_as_if_it_had_never_been_stopped(app: Flask) -> None:
    lender = a_lender()
    for number in range(5):
        loan = a_loan(lender, LATE if number % 2 else CURRENT)
        delivered(loan, START - 20 * DAY)
        enrol(loan, kind="negative" if number % 2 else "positive")
    with unit_of_work() as work:
        stopped = begin_snapshot(work, lender, "PBOC", FEBRUARY, by="staff:Ann", now=START)
    with unit_of_work() as work:
        assert freeze_page(work, stopped, now=START, page=2)
    with pytest.raises(ConflictError, match="making"), unit_of_work() as work:
        decide_snapshot(work, lender, stopped, approve=True, by="staff:Ben", now=START)
    with pytest.raises(ConflictError, match="making"):
        make_file(lender, stopped, io.BytesIO(), by="staff:Ben", clock=lambda: START)
    with pytest.raises(KeyboardInterrupt):
        killed_within_a_page(stopped)

    freeze(lender, page=2)
    gone_on = snapshot_of(stopped)
    chain, counts = gone_on.chain_sha256, gone_on.counts
    with unit_of_work() as work:
        decide_snapshot(work, lender, stopped, approve=False, by="staff:Ben", now=START, reason="again")
    at_once = snapshot_of(freeze(lender))

    assert at_once.id != stopped
    assert (at_once.chain_sha256, at_once.counts) == (chain, counts)
    assert counts["furnished"] == 5


def test_nothing_of_a_page_is_held_when_the_next_one_begins(app: Flask) -> None:
    lender = a_lender()
    for _ in range(4):
        enrol(a_loan(lender, CURRENT), kind="positive")
    with unit_of_work() as work:
        snapshot_id = begin_snapshot(work, lender, "PBOC", FEBRUARY, by="staff:Ann", now=START)
    held = []
    for _ in range(2):
        with unit_of_work() as work:
            freeze_page(work, snapshot_id, now=START, page=2)
        gc.collect()
        alive = sum(isinstance(each, CreditAccount) and each.lender_code == "acme" for each in gc.get_objects())
        held.append((len(db.session().identity_map), alive))

    assert held == [(0, 0), (0, 0)]


def test_the_chain_is_over_compact_json_with_sorted_keys(app: Flask) -> None:
    """Whoever checks a month by other means finds the same: the form that its chain has had since it was first frozen."""
    lender = a_lender()
    enrol(a_loan(lender, CURRENT, name="张伟"), kind="positive")
    (row,) = rows_of(freeze(lender)).values()
    left_out = {"snapshot_id", "people_sealed", "people_mark", "terms_mark", "sha256"}
    told = {column.key: getattr(row, column.key) for column in row.__table__.columns if column.key not in left_out}

    text_ = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)

    assert row.sha256 == hashlib.sha256(f"\n{text_}".encode()).hexdigest()


def killed_within_a_page(snapshot_id: str) -> None:
    with unit_of_work() as work:
        freeze_page(work, snapshot_id, now=START, page=2)
        raise KeyboardInterrupt


def test_what_is_frozen_never_changes(app: Flask) -> None:
    lender = a_lender()
    a_loan(lender, LATE)
    freeze(lender)
    with pytest.raises(DBAPIError, match="never changes"), unit_of_work() as work:
        work.session.execute(text("UPDATE credit_reports SET reason = NULL"))
    for mark in ("people_mark", "terms_mark"):
        with pytest.raises(DBAPIError, match="never changes"), unit_of_work() as work:
            work.session.execute(text(f"UPDATE credit_reports SET people_sealed = NULL, {mark} = 'other'"))
    with unit_of_work() as work:
        work.session.execute(text("UPDATE credit_reports SET people_sealed = NULL"))


def test_a_day_that_is_not_over_or_no_months_last_is_refused(app: Flask) -> None:
    lender = a_lender()
    for day in (date(2026, 3, 31), date(2026, 2, 27)):
        with pytest.raises(ValidationError):
            freeze(lender, day)


def test_a_lender_that_is_not_enabled_there_has_no_snapshot(app: Flask) -> None:
    with pytest.raises(ConflictError):
        freeze(a_lender(), bureau="OTHER")


def test_months_against_somebody_that_nobody_told_of_stay_untold(app: Flask) -> None:
    """Worked out from the ledger, the history would tell of an earlier run of arrears without any notice of it."""
    lender = a_lender()
    loan = a_loan(lender, [date(2025, 10, 1), date(2026, 1, 1), date(2026, 4, 1)])
    pay(loan, 10_000, now=datetime(2025, 12, 15, tzinfo=START.tzinfo), currency="CNY")
    delivered(loan, START - 20 * DAY)
    enrol(loan)

    row = rows_of(freeze(lender))[loan.loan_id]

    assert row.history.startswith("21")
    assert set(row.history[2:]) <= set("#N*")
    assert "#" in row.history
