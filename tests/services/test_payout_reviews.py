"""Whoever approves a batch of payouts sees whom it pays, and it is refused once it pays what was taken back since."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.domain.book import PaymentValues
from app.domain.errors import ConflictError, ForbiddenError
from app.domain.funding import FunderValues
from app.domain.ledger import EntryKind
from app.persistence.db import session
from app.persistence.models.audit import AuditRow
from app.persistence.models.funding import PayoutBatchRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.queries import payouts as queries
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.desk_payments import DeskStaff
from app.services.funders import put_funders
from app.services.pass_through import pass_on_due
from app.services.payments import record_payment
from app.services.payout_reviews import ACCOUNT_CHANGED, TAKEN_BACK, SeenPayout, read_payees
from app.services.payouts import decide_batch, make_batch, read_payouts_file
from tests.builders.book import Built, pay
from tests.builders.funding import funded_loan, transfer
from tests.builders.parallel import meet
from tests.conftest import START

pytestmark = pytest.mark.both
TODAY = START.date()
PAID = 1_001


@pytest.fixture
def loan(app: Flask) -> Built:
    built = funded_loan({"A": 3_333, "B": 6_667}, now=START)
    pay(built, PAID, now=START, reference="P-1")
    pass_on_due(now=START)
    return built


def staff(built: Built, name: str, role: str = "admin") -> DeskStaff:
    return DeskStaff(f"staff:{name}", role, built.lender_id)


def batch(built: Built, until: int = 0, now: int = 0, currency: str = "USD") -> str:
    """Made by Ann; days after today."""
    with unit_of_work() as work:
        return make_batch(
            work, currency, TODAY + timedelta(days=until), staff=staff(built, "Ann"), now=START + timedelta(days=now)
        ).id


def approve(built: Built, batch_id: str, name: str = "Ben", now: int = 0) -> None:
    with unit_of_work() as work:
        decide_batch(work, batch_id, approve=True, staff=staff(built, name), now=START + timedelta(days=now))


def decline(built: Built, batch_id: str) -> None:
    with unit_of_work() as work:
        decide_batch(work, batch_id, approve=False, staff=staff(built, "Ben"), now=START, reason="again")


def reverse(built: Built, *, amount: int = PAID, of: str = "P-1") -> None:
    values = PaymentValues(f"R-{of}", built.loan_no, amount, "USD", TODAY, EntryKind.REVERSAL, reverses_reference=of)
    with unit_of_work() as work:
        record_payment(work, built.lender_id, values, now=START, origin="ingest")


def seen(built: Built, batch_id: str, **page: object) -> list[SeenPayout]:
    given = {"after": "", "limit": 100, **page}
    with unit_of_work() as work:
        return list(read_payees(work, batch_id, staff=staff(built, "Ben"), now=START, **given).payouts)  # type: ignore[arg-type]


def owed(built: Built) -> dict[str, int]:
    """What is payable to all funders now, by all that was booked and all that is in batches."""
    with reading() as reads:
        net = queries.sum_net(reads, built.lender_id, "USD", until=TODAY)
        paid = queries.sum_paid(reads, built.lender_id, "USD")
    return {key: minor - paid.get(key, 0) for key, minor in net.items()}


def file_total(built: Built, batch_id: str) -> int:
    with unit_of_work() as work:
        lines = read_payouts_file(work, batch_id, staff=staff(built, "Ben"), now=START).content.decode().splitlines()[1:]
    return sum(int(line.split(",")[4].replace(".", "")) for line in lines)


def test_the_second_person_sees_each_payee_with_a_masked_account_and_the_reading_is_written_down(loan: Built) -> None:
    found = seen(loan, batch(loan))

    assert [(each.funder_no, each.name, each.account, each.amount_minor, each.payable_minor) for each in found] == [
        ("A", "Funder A", "…89 A", 334, 334), ("B", "Funder B", "…89 B", 667, 667)
    ]  # fmt: skip
    assert all(each.changed == () for each in found)
    rows = session().scalars(select(AuditRow).where(AuditRow.action == "payouts.payees_read")).all()
    assert [row.actor for row in rows] == ["staff:Ben"]


def test_payees_come_page_by_page_each_once(loan: Built) -> None:
    batch_id = batch(loan)
    (first,) = seen(loan, batch_id, limit=1)
    rest = seen(loan, batch_id, after=first.id)

    assert [first.funder_no, *(each.funder_no for each in rest)] == ["A", "B"]


def test_a_batch_of_which_something_was_taken_back_is_refused_by_name_and_made_again_it_pays_what_is_left(
    loan: Built,
) -> None:
    pay(loan, 500, now=START, reference="P-2")
    pass_on_due(now=START)
    batch_id = batch(loan)

    reverse(loan)
    with pytest.raises(ConflictError, match="being passed on"):
        approve(loan, batch_id)
    pass_on_due(now=START)
    with pytest.raises(ConflictError, match=r"taken back since .*\(funders A, B\); decline the batch and make it again"):
        approve(loan, batch_id)
    assert [each.changed for each in seen(loan, batch_id)] == [(TAKEN_BACK,)] * 2
    assert sum(each.payable_minor or 0 for each in seen(loan, batch_id)) == 500

    decline(loan, batch_id)
    again = batch(loan)
    approve(loan, again)
    assert file_total(loan, again) == 500
    assert set(owed(loan).values()) == {0}
    assert [each.payable_minor for each in seen(loan, again)] == [None, None]  # it was decided


def test_money_that_came_in_since_keeps_nothing_back(loan: Built) -> None:
    batch_id = batch(loan)
    pay(loan, 500, now=START)
    pass_on_due(now=START)

    approve(loan, batch_id)

    assert file_total(loan, batch_id) == PAID
    assert sum(owed(loan).values()) == 500


def test_a_share_that_was_given_to_another_since_is_taken_back_too(loan: Built) -> None:
    batch_id = batch(loan)
    transfer(loan, "A", "B", 3_333, now=START, on=TODAY - timedelta(days=1))
    pass_on_due(now=START)

    with pytest.raises(ConflictError, match=r"\(funders A\)"):
        approve(loan, batch_id)


def test_a_batch_until_a_day_does_not_pay_what_was_taken_back_after_it(loan: Built) -> None:
    reverse(loan)
    pass_on_due(now=START + timedelta(days=1))  # booked a day later than what it takes back

    with pytest.raises(ConflictError, match="Nothing is payable"):
        batch(loan, until=0, now=1)


def test_an_account_that_was_told_anew_since_is_seen_and_refused(loan: Built) -> None:
    with unit_of_work() as work:
        lender = get_lender(work.session, loan.lender_id)
        put_funders(work, lender, [FunderValues("A", "person", "Funder A", account="6222 1")], by="staff:Ben", now=START)
    batch_id = batch(loan)
    with unit_of_work() as work:
        put_funders(work, lender, [FunderValues("A", "person", "Funder A", account="6222 2")], by="staff:Cid", now=START)

    assert [each.changed for each in seen(loan, batch_id)] == [(ACCOUNT_CHANGED,), ()]
    # Ben gave the account that the batch pays: that Cid told another one since does not make him the second person.
    with pytest.raises(ConflictError, match=r"account was changed since .*\(funders A\)"):
        approve(loan, batch_id)


def test_many_funders_are_not_all_named(app: Flask) -> None:
    built = funded_loan({f"F{n}": 1_000 for n in range(8)}, now=START)
    pay(built, 800, now=START, reference="P-1")
    pass_on_due(now=START)
    batch_id = batch(built)
    reverse(built, amount=800)
    pass_on_due(now=START)

    with pytest.raises(ConflictError, match="F0, F1, F2, F3, F4 and 3 more"):
        approve(built, batch_id)


def test_batches_in_two_currencies_wait_side_by_side(loan: Built) -> None:
    batch(loan)
    with pytest.raises(ConflictError, match="Nothing is payable in EUR"):
        batch(loan, currency="EUR")
    with pytest.raises(ConflictError, match="batch of payouts in USD waits"):
        batch(loan)


def test_of_two_who_approve_at_once_it_is_approved_once(app: Flask, loan: Built) -> None:
    batch_id = batch(loan)

    meet(app, 4, lambda number: approve(loan, batch_id, f"Ben {number}"))

    told = session().scalar(select(func.count()).where(WebhookEventRow.type == "payouts.approved.v1"))
    written = session().scalar(select(func.count()).where(AuditRow.action == "payouts.approved"))
    assert (told, written, file_total(loan, batch_id)) == (1, 1, PAID)


def test_a_reversal_and_an_approval_at_once_leave_exact_books(app: Flask, loan: Built) -> None:
    batch_id = batch(loan)

    def act(number: int) -> str:
        if number:
            reverse(loan)
            pass_on_due(now=START)
            return "reversed"
        try:
            approve(loan, batch_id)
        except ConflictError as error:
            return error.detail
        return "approved"

    done, _ = meet(app, 2, act)

    state = session().scalar(select(PayoutBatchRow.state).where(PayoutBatchRow.id == batch_id))
    assert (state == "approved") == (done == "approved"), done
    assert set(owed(loan).values()) == {-334, -667}  # the batch is approved, or waits and is refused
    if done != "approved":
        with pytest.raises(ConflictError, match="taken back"):
            approve(loan, batch_id)


def test_who_may_not_see_funders_sees_no_payees(loan: Built) -> None:
    batch_id = batch(loan)
    with pytest.raises(ForbiddenError), unit_of_work() as work:
        read_payees(work, batch_id, after="", limit=9, staff=staff(loan, "Al", "agent"), now=START)
