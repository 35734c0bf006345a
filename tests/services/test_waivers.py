"""Waivers: within a role's limits or by a second person, never principal, never more than is due, exact in parallel."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.domain.book import PaymentValues
from app.domain.desk_limits import DeskLimits
from app.domain.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from app.domain.ledger import EntryKind
from app.domain.splits import Split
from app.domain.waivers import MOVES, WaiverState, check_move
from app.persistence.db import session, vault
from app.persistence.models.desk_acts import WaiverRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.unit_of_work import unit_of_work
from app.services.desk_limits import desk_limits, read_limits
from app.services.desk_payments import DeskStaff
from app.services.payments import record_payment
from app.services.positions import position_of
from app.services.waivers import Wished, approve_waiver, ask_waiver, decline_waiver, note_of
from tests.builders.book import Built, build_loan
from tests.builders.parallel import meet
from tests.conftest import START

TODAY = START.date()


def a_late_loan(fees: int = 30_000, penalties: int = 4_000) -> Built:
    """A loan of two instalments, one due, with charges that are due."""
    loan = build_loan(now=START, due=[TODAY - timedelta(days=10), TODAY + timedelta(days=20)], amount_minor=100_000)
    split = Split(fees=fees, penalties=penalties)
    values = PaymentValues(
        f"CHARGE-{loan.loan_no}", loan.loan_no, split.total, "USD", TODAY - timedelta(days=5), EntryKind.CHARGE, split=split,
        due_on=TODAY - timedelta(days=10),
    )  # fmt: skip
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, values, now=START, origin="ingest")
    return loan


def staff(loan: Built, name: str = "Ann", role: str = "agent") -> DeskStaff:
    return DeskStaff(f"staff:{name}", role, loan.lender_id)


def ask(
    loan: Built, who: DeskStaff | None = None, *, reason: str = "goodwill", note: str | None = None, **parts: int
) -> str:
    wished = Wished(loan.loan_no, Split(**parts), "USD", reason, note)
    with unit_of_work() as work:
        return ask_waiver(work, loan.borrower_id, wished, staff=who or staff(loan), now=START)


def approve(loan: Built, waiver_id: str, who: DeskStaff) -> None:
    with unit_of_work() as work:
        approve_waiver(work, waiver_id, staff=who, now=START)


def row_of(waiver_id: str) -> WaiverRow:
    session().rollback()
    return session().get_one(WaiverRow, waiver_id, populate_existing=True)


def due(loan: Built) -> Split:
    with unit_of_work() as work:
        return position_of(work.session, work.session.get_one(LoanRow, loan.loan_id), TODAY).due_to_date


def count(model: type, *where: Any) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model).where(*where)) or 0


@pytest.mark.parametrize("before", list(WaiverState))
@pytest.mark.parametrize("after", list(WaiverState))
def test_a_waiver_makes_the_moves_of_its_table_and_no_others(before: WaiverState, after: WaiverState) -> None:
    allowed = {("waiting", "granted"), ("waiting", "declined")}

    assert (after in MOVES[before]) == ((before.value, after.value) in allowed)
    if after not in MOVES[before]:
        with pytest.raises(ConflictError):
            check_move(before.value, after)


def test_within_the_limits_it_is_granted_and_touches_no_principal(app: Flask) -> None:
    loan = a_late_loan()
    before = due(loan)

    waiver_id = ask(loan, fees=1_500, penalties=1_000, note="her card is 4111 1111 1111 1111")

    row = row_of(waiver_id)
    assert (row.state, row.decided_by) == ("granted", "staff:Ann")
    assert due(loan) == before.minus(Split(fees=1_500, penalties=1_000))
    entry = session().get_one(LedgerEntryRow, row.entry_id)
    assert (entry.kind, entry.principal_minor, entry.fees_minor, entry.penalties_minor) == ("waiver", 0, 1_500, 1_000)
    assert "4111" not in (note_of(vault(), row) or "")
    event = session().scalars(select(WebhookEventRow).where(WebhookEventRow.type == "waiver.granted.v1")).one()
    assert event.data["amount"] == {"amount_minor": 2_500, "currency": "USD"}
    assert event.data["reference"] == f"desk:waiver:{waiver_id}"
    assert count(NoticeRow, NoticeRow.template == "waiver_granted") == 1


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"principal": 5},
        {"fees": -5},
        {"fees": 30_001},
        {"penalties": 4_001},
        {"interest": 1},
        {"fees": 10, "principal": -5},
    ],
)
def test_nothing_principal_and_more_than_is_due_are_refused(sqlite_book: Flask, parts: dict[str, int]) -> None:
    loan = a_late_loan()

    with pytest.raises(ValidationError):
        ask(loan, staff(loan, role="admin"), **parts)
    assert count(WaiverRow) == 0


def test_above_the_limit_somebody_else_approves(app: Flask) -> None:
    loan = a_late_loan()
    waiver_id = ask(loan, fees=3_000)

    assert (row_of(waiver_id).state, due(loan).fees) == ("waiting", 30_000)
    with pytest.raises(ForbiddenError):
        approve(loan, waiver_id, staff(loan, "Bob"))
    with pytest.raises(ForbiddenError):
        approve(loan, waiver_id, staff(loan, "Ann", "supervisor"))
    with pytest.raises(ConflictError):
        ask(loan, fees=100)  # one of the loan waits
    approve(loan, waiver_id, staff(loan, "Bob", "supervisor"))

    assert (row_of(waiver_id).state, due(loan).fees) == ("granted", 27_000)


def test_what_is_declined_changes_nothing(sqlite_book: Flask) -> None:
    loan = a_late_loan()
    waiver_id = ask(loan, fees=3_000)
    with unit_of_work() as work:
        decline_waiver(work, waiver_id, staff=staff(loan, "Bob", "supervisor"), now=START, reason="was waived in May")

    with pytest.raises(ConflictError):
        approve(loan, waiver_id, staff(loan, "Bob", "supervisor"))
    assert due(loan).fees == 30_000


def test_what_was_paid_meanwhile_cannot_be_given_up_any_more(sqlite_book: Flask) -> None:
    loan = a_late_loan()
    waiver_id = ask(loan, fees=28_000)
    with unit_of_work() as work:
        paid = PaymentValues("P-1", loan.loan_no, 20_000, "USD", TODAY)
        record_payment(work, loan.lender_id, paid, now=START, origin="ingest")

    with pytest.raises(ValidationError):
        approve(loan, waiver_id, staff(loan, "Bob", "supervisor"))
    assert row_of(waiver_id).state == "waiting"


def test_a_year_of_one_loan_has_a_limit_of_its_own(sqlite_book: Flask) -> None:
    loan, other = a_late_loan(), a_late_loan()
    states = [row_of(ask(loan, fees=2_500)).state for _ in range(3)]

    assert states == ["granted", "granted", "waiting"]
    assert row_of(ask(other, fees=2_500)).state == "granted"


def test_interest_is_not_an_agent_s_to_give_up() -> None:
    limits = desk_limits("nobody in particular")

    assert not limits.may_waive_alone("agent", Split(interest=100), "USD", waived_minor=0)
    assert limits.may_waive_alone("supervisor", Split(interest=100), "USD", waived_minor=0)


@pytest.mark.parametrize("limits", [DeskLimits(), read_limits({"waivers": {"alone": {"agent": {"USD": 100}}}})])
def test_what_no_limit_names_nobody_may(limits: DeskLimits) -> None:
    assert not limits.may_waive_alone("admin", Split(fees=1), "USD", waived_minor=0)
    assert not limits.may_waive_alone("agent", Split(fees=1), "CNY", waived_minor=0)


@pytest.mark.parametrize(
    "said",
    [
        {"refunds": {}},
        {"payments": {"in_a_year": {}}},
        {"payments": {"alone": {"intern": {"USD": 1}}}},
        {"payments": {"alone": {"agent": {"USD": -1}}}},
        {"payments": {"alone": {"agent": "all"}}},
        {"waivers": {"components": {"admin": ["principal"]}}},
    ],
)
def test_limits_that_say_nothing_clear_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read_limits(said)


def test_twenty_who_grant_at_once_keep_the_limit_of_the_year_to_the_cent(app: Flask) -> None:
    loan = a_late_loan()

    def grant(_: int) -> str:
        try:
            return row_of(ask(loan, fees=700)).state
        except ConflictError:
            return "refused"  # one that is above the limit waits already

    states = meet(app, 20, grant)

    assert states.count("granted") == 7  # 7 x 700 = 4,900 of 5,000
    assert states.count("waiting") == 1
    assert due(loan).fees == 30_000 - 4_900


def test_a_hundred_approvals_at_once_give_it_up_once(app: Flask) -> None:
    loan = a_late_loan()
    waiver_id = ask(loan, fees=3_000)

    meet(app, 100, lambda _: approve(loan, waiver_id, staff(loan, "Bob", "supervisor")))

    assert due(loan).fees == 27_000
    assert count(LedgerEntryRow, LedgerEntryRow.kind == "waiver") == 1


def test_the_core_s_word_of_it_is_the_same_waiver(sqlite_book: Flask) -> None:
    loan = a_late_loan()
    waiver_id = ask(loan, fees=2_000)
    told = PaymentValues("CORE-W", loan.loan_no, 2_000, "USD", TODAY, EntryKind.WAIVER)

    with unit_of_work() as work:
        assert record_payment(work, loan.lender_id, told, now=START, origin="ingest").status == "duplicate"

    assert due(loan).fees == 28_000
    assert session().get_one(LoanRow, loan.loan_id).desk_untold_minor == 0
    assert row_of(waiver_id).state == "granted"


def test_another_lender_s_staff_see_nothing_of_it(sqlite_book: Flask) -> None:
    loan = a_late_loan()
    waiver_id = ask(loan, fees=3_000)
    stranger = DeskStaff("staff:Eve", "admin", "01981e6a-7c1e-7000-8000-3f1c2a5b9d10")

    with pytest.raises(NotFoundError):
        approve(loan, waiver_id, stranger)
    with pytest.raises(NotFoundError):
        ask(loan, stranger, fees=10)
