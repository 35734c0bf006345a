"""Statements that foot, payouts by two people, and books that are equal."""

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.domain.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from app.domain.funder_statements import FunderStatement
from app.domain.funding import FunderValues
from app.domain.splits import Split
from app.domain.spreadsheets import safe_cell
from app.persistence.db import session
from app.persistence.models.funding import PassThroughEntryRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.queries.funding import find_funded
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.desk_payments import DeskStaff
from app.services.funder_statements import outstanding_by_holder, statement_of
from app.services.funders import put_funders
from app.services.funding_checks import check_funding
from app.services.pass_through import pass_on_due
from app.services.payouts import PayoutsFile, decide_batch, make_batch, read_payouts_file
from app.wording.funder_statement_pdf import FunderDocument, funder_statement_pdf
from tests.builders.book import Built, pay
from tests.builders.funding import funded_loan, transfer
from tests.builders.parallel import meet
from tests.conftest import START

pytestmark = pytest.mark.both
TODAY = START.date()


def statement(built: Built, funder_no: str, first: int = 0, last: int = 0) -> FunderStatement:
    """Of the days from `first` to `last` after today."""
    with reading() as reads:
        now = START + timedelta(days=max(last, 0))
        days = (TODAY + timedelta(days=first), TODAY + timedelta(days=last))
        return statement_of(reads, get_lender(reads, built.lender_id), funder_no, *days, now=now)


def staff(built: Built, name: str, role: str) -> DeskStaff:
    return DeskStaff(f"staff:{name}", role, built.lender_id)


def batch(built: Built, name: str = "Ann") -> str:
    with unit_of_work() as work:
        return make_batch(work, "USD", TODAY, staff=staff(built, name, "supervisor"), now=START).id


def approved(built: Built, batch_id: str) -> PayoutsFile:
    with unit_of_work() as work:
        decide_batch(work, batch_id, approve=True, staff=staff(built, "Ben", "compliance"), now=START)
    with unit_of_work() as work:
        return read_payouts_file(work, batch_id, staff=staff(built, "Ben", "compliance"), now=START)


def differences(built: Built) -> int:
    with reading() as reads:
        return len(check_funding(reads, built.lender_id).differences)


def test_a_statement_foots_and_opens_where_the_one_before_closed(app: Flask) -> None:
    built = funded_loan({"A": 3_333, "B": 6_667}, now=START)
    pay(built, 1_001, now=START)
    pass_on_due(now=START)
    transfer(built, "A", "B", 1_000, now=START + timedelta(days=1), on=TODAY + timedelta(days=1))
    pay(built, 1_000, now=START + timedelta(days=2))
    pass_on_due(now=START + timedelta(days=2))

    one, two = statement(built, "A"), statement(built, "A", 1, 2)

    (first,), (second,) = one.lines, two.lines
    assert (first.opening_minor, first.moved_minor, first.passed, first.closing_minor) == (0, 3_333, Split(334), 2_999)
    assert second.opening_minor == first.closing_minor
    assert second.closing_minor == second.opening_minor + second.moved_minor - second.passed.principal
    with reading() as reads:
        loan = find_funded(reads, [built.loan_id])[built.loan_id]
        whole = outstanding_by_holder(reads, loan, until=TODAY + timedelta(days=2))
    assert sum(whole.values()) == 10_000 - 2_001
    assert differences(built) == 0


def outstanding(built: Built) -> dict[str, int]:
    """What each holder has at the end of today, as known then."""
    with reading() as reads:
        return outstanding_by_holder(reads, find_funded(reads, [built.loan_id])[built.loan_id], until=TODAY)


def test_a_past_statement_is_the_same_after_a_late_transfer(app: Flask) -> None:
    built = funded_loan({"A": 5_000, "B": 5_000}, now=START)
    pay(built, 1_000, now=START)
    pass_on_due(now=START)
    before, held = statement(built, "A"), outstanding(built)

    transfer(built, "A", "B", 2_500, now=START + timedelta(days=3), on=TODAY - timedelta(days=5))
    pass_on_due(now=START + timedelta(days=3))

    assert statement(built, "A") == before
    assert outstanding(built) == held
    assert sorted(held.values()) == [0, 4_500, 4_500]
    assert statement(built, "A", 1, 3).lines[0].passed == Split(-250)
    assert differences(built) == 0


def test_a_period_that_is_not_over_is_refused_and_so_is_another_lenders_funder(app: Flask) -> None:
    built = funded_loan({"A": 5_000}, now=START)
    with reading() as reads:
        lender = get_lender(reads, built.lender_id)
        with pytest.raises(ValidationError):
            statement_of(reads, lender, "A", TODAY, TODAY + timedelta(days=1), now=START)
        with pytest.raises(NotFoundError):
            statement_of(reads, lender, "Z", TODAY, TODAY, now=START)


def test_a_statement_is_set_as_a_document_the_same_each_time(app: Flask) -> None:
    built = funded_loan({"A": 3_333, "B": 6_667}, now=START)
    pay(built, 1_001, now=START)
    pass_on_due(now=START)

    for locale in ("en", "zh-CN"):
        document = FunderDocument("Acme", "Funder A", statement(built, "A"), TODAY, locale)
        assert funder_statement_pdf(document).startswith(b"%PDF")
        assert funder_statement_pdf(document) == funder_statement_pdf(document)


def test_payouts_take_two_people_and_pay_everything_once(app: Flask) -> None:
    built = funded_loan({"A": 3_333, "B": 6_667}, now=START)
    pay(built, 1_001, now=START)
    pass_on_due(now=START)
    batch_id = batch(built)
    with pytest.raises(ForbiddenError), unit_of_work() as work:
        decide_batch(work, batch_id, approve=True, staff=staff(built, "Ann", "admin"), now=START)
    with pytest.raises(ConflictError), unit_of_work() as work:
        read_payouts_file(work, batch_id, staff=staff(built, "Ben", "admin"), now=START)

    file = approved(built, batch_id)

    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert [(row["funder_no"], row["amount"]) for row in rows] == [("A", "3.34"), ("B", "6.67")]
    with pytest.raises(ConflictError, match="Nothing is payable"):
        batch(built)
    assert statement(built, "A").totals[0].payable_minor == 0


def test_the_lenders_systems_are_told_of_an_approved_batch_and_of_no_declined_one(app: Flask) -> None:
    built = funded_loan({"A": 3_333, "B": 6_667}, now=START)
    pay(built, 1_001, now=START)
    pass_on_due(now=START)
    declined = batch(built)
    with unit_of_work() as work:
        decide_batch(work, declined, approve=False, staff=staff(built, "Ben", "compliance"), now=START, reason="no")
    file = approved(built, batch(built))

    (told,) = session().scalars(select(WebhookEventRow).where(WebhookEventRow.type == "payouts.approved.v1"))
    assert (told.data["payouts"], told.data["total"]) == (2, {"amount_minor": 1_001, "currency": "USD"})
    assert told.data["file_sha256"] == file.sha256


def test_of_two_who_make_a_batch_at_once_one_is_refused(app: Flask) -> None:
    built = funded_loan({"A": 3_333, "B": 6_667}, now=START)
    pay(built, 1_001, now=START)
    pass_on_due(now=START)

    def make(number: int) -> bool:
        try:
            batch(built, f"Ann {number}")
        except ConflictError:
            return False
        return True

    assert sorted(meet(app, 4, make)) == [False, False, False, True]


def test_a_declined_batch_is_payable_again(app: Flask) -> None:
    built = funded_loan({"A": 5_000}, now=START)
    pay(built, 1_000, now=START)
    pass_on_due(now=START)
    batch_id = batch(built)
    with unit_of_work() as work:
        decide_batch(work, batch_id, approve=False, staff=staff(built, "Ben", "admin"), now=START, reason="wrong day")

    assert b"10.00" in approved(built, batch(built)).content


def test_a_name_that_looks_like_a_formula_is_text_in_the_file(app: Flask) -> None:
    assert [safe_cell(value) for value in ("=1+1", "＝1", "-A", "A", None, 3)] == ["'=1+1", "'＝1", "'-A", "A", "", 3]


def test_whoever_gave_the_account_of_a_payee_approves_no_payout_to_it(app: Flask) -> None:
    built = funded_loan({"A": 10_000}, now=START)
    pay(built, 1_000, now=START)
    pass_on_due(now=START)
    with unit_of_work() as work:
        lender = get_lender(work.session, built.lender_id)
        values = FunderValues("A", "person", "Zhang San", account="6222 9999 9999")
        put_funders(work, lender, [values], by="staff:Ben", now=START)
    batch_id = batch(built)

    with pytest.raises(ForbiddenError, match="account"):
        approved(built, batch_id)
    with unit_of_work() as work:
        put_funders(work, lender, [replace(values, name="Zhang S.")], by="staff:Cid", now=START)  # the account is as it was
    with pytest.raises(ForbiddenError, match="account"):
        approved(built, batch_id)
    with unit_of_work() as work:
        decide_batch(work, batch_id, approve=True, staff=staff(built, "Dan", "compliance"), now=START)


def test_money_that_waits_to_be_passed_on_holds_a_batch_up(app: Flask) -> None:
    built = funded_loan({"A": 5_000}, now=START)
    pay(built, 1_000, now=START)

    with pytest.raises(ConflictError, match="passed on"):
        batch(built)


def test_the_check_finds_a_row_that_was_changed(app: Flask) -> None:
    built = funded_loan({"A": 5_000, "B": 5_000}, now=START)
    pay(built, 1_000, now=START)
    pass_on_due(now=START)
    assert differences(built) == 0

    with unit_of_work() as work:
        work.session.execute(update(PassThroughEntryRow).values(principal_minor=PassThroughEntryRow.principal_minor + 1))

    assert differences(built) > 0


def test_a_thousand_funders_are_passed_on_to_to_the_cent(app: Flask) -> None:
    built = funded_loan({f"F{n:04}": 1_000 + n for n in range(1000)}, now=START, fee={"interest": "0.1"})
    for n in range(10):
        pay(built, 9_999 + n, now=START)

    booked = pass_on_due(now=START)

    assert booked == 10_000
    assert session().scalar(select(func.sum(PassThroughEntryRow.principal_minor))) == sum(9_999 + n for n in range(10))
    assert differences(built) == 0
