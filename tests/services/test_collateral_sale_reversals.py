"""Taking a booked sale back takes two people; what has left does not come back, and why is sealed."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.domain.errors import ConflictError, ForbiddenError
from app.domain.refunds import RefundState
from app.engine.refunds import send_refunds
from app.persistence.db import session, vault
from app.persistence.models.audit import AuditRow
from app.persistence.models.collateral import CollateralEventRow, CollateralSaleRow
from app.persistence.models.desk_acts import DeskEntryRow
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.models.refunds import RefundRow
from app.persistence.models.tasks import TaskRow
from app.persistence.queries.desk_entries import mark_reversed
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.approvals import list_waiting
from app.services.collateral_sale_reversals import approve_reversal, ask_reversal, decline_reversal
from app.services.collateral_sale_rows import reason_of, reversal_reason_of
from app.services.collateral_sales import decline_sale
from app.services.refunds import Staff, approve_refund
from tests.builders.book import Built, build_lender
from tests.builders.collateral import a_pledge, tell
from tests.builders.collateral_sales import TODAY, a_held_thing, book, row_of, sell, staff
from tests.builders.refunds import FakeRefunds, an_intent
from tests.conftest import START

WHY = "the neighbour's car, Mr Zhou says"


@pytest.fixture
def lender(app: Flask) -> str:
    return build_lender(now=START, code="cn", jurisdiction="CN", zone="UTC")


def in_ledger(loan: Built) -> int:
    total = func.coalesce(func.sum(LedgerEntryRow.amount_minor), 0)
    of_loan = (LedgerEntryRow.loan_id == loan.loan_id, LedgerEntryRow.channel == "collateral_sale")
    return session().scalar(select(total).where(*of_loan)) or 0


def ask(lender: str, sale_id: str, name: str = "Ann") -> None:
    with unit_of_work() as work:
        ask_reversal(work, sale_id, staff=staff(lender, name), now=START, reason=WHY)


def do(lender: str, sale_id: str, name: str = "Bob") -> None:
    with unit_of_work() as work:
        approve_reversal(work, sale_id, staff=staff(lender, name), now=START)


def sale_of(sale_id: str) -> CollateralSaleRow:
    session().expire_all()
    return session().get_one(CollateralSaleRow, sale_id)


def waiting(lender: str) -> list[tuple[str, str | None]]:
    with reading() as reads:
        return [(each.kind, each.asked_by) for each in list_waiting(reads.connection(), lender) if "collateral" in each.kind]


def a_booked_sale(lender: str, minor: int = 50_000) -> tuple[list[Built], str, CollateralSaleRow]:
    loans, thing = a_held_thing(lender)
    return loans, thing, book(lender, sell(lender, thing, minor))


@pytest.mark.both
def test_a_sale_that_is_to_be_taken_back_stays_booked_until_somebody_else_does_it(lender: str) -> None:
    (first, _), _, sale = a_booked_sale(lender)
    ask(lender, sale.id)
    ask(lender, sale.id)

    assert waiting(lender) == [("collateral_reversal", "staff:Ann")]
    assert (sale_of(sale.id).state, in_ledger(first)) == ("booked", 20_700)
    with pytest.raises(ForbiddenError, match="somebody else"):
        do(lender, sale.id, "ANN")
    with pytest.raises(ConflictError, match="already"):
        ask(lender, sale.id, "Bob")
    do(lender, sale.id)
    do(lender, sale.id)
    assert (sale_of(sale.id).state, sale_of(sale.id).reversal_state, waiting(lender)) == ("reversed", "done", [])
    open_tasks = session().scalars(select(TaskRow).where(TaskRow.kind == "collateral_sale", TaskRow.state == "open"))
    assert open_tasks.all() == []


def test_nobody_takes_back_what_nobody_asked_for_and_an_agent_neither(lender: str) -> None:
    _, _, sale = a_booked_sale(lender)

    with pytest.raises(ConflictError, match="Nobody has asked"):
        do(lender, sale.id)
    for act in (ask_reversal, decline_reversal):
        with pytest.raises(ForbiddenError), unit_of_work() as work:
            act(work, sale.id, staff=staff(lender, "Cid", "agent"), now=START, reason=WHY)
    with pytest.raises(ForbiddenError), unit_of_work() as work:
        approve_reversal(work, sale.id, staff=staff(lender, "Cid", "agent"), now=START)


def test_a_reversal_that_is_declined_leaves_the_sale_booked_and_may_be_asked_for_again(lender: str) -> None:
    _, _, sale = a_booked_sale(lender)
    ask(lender, sale.id)
    with unit_of_work() as work:
        decline_reversal(work, sale.id, staff=staff(lender, "Bob"), now=START, reason="it was this one")

    assert (sale_of(sale.id).state, sale_of(sale.id).reversal_state, waiting(lender)) == ("booked", "declined", [])
    with pytest.raises(ConflictError, match="Nobody has asked"):
        do(lender, sale.id)
    ask(lender, sale.id, "Bob")
    do(lender, sale.id, "Ann")
    assert sale_of(sale.id).state == "reversed"


def test_declined_twice_changes_nothing_and_keeps_who_said_why(lender: str) -> None:
    _, _, sale = a_booked_sale(lender)
    ask(lender, sale.id)
    for name, reason in (("Bob", "it was this one"), ("Cleo", "another word")):
        with unit_of_work() as work:
            decline_reversal(work, sale.id, staff=staff(lender, name), now=START, reason=reason)

    assert reason_of(vault(), sale_of(sale.id)) == "it was this one"
    declined = select(AuditRow.actor).where(AuditRow.action == "collateral_sale.reversal_declined")
    assert session().scalars(declined).all() == ["staff:Bob"]


def test_the_surplus_does_not_go_out_while_its_sale_may_be_taken_back(lender: str) -> None:
    _, _, sale = a_booked_sale(lender)
    ask(lender, sale.id)
    who = Staff("staff:Cleo", "admin")

    with pytest.raises(ConflictError, match="have that decided first"), unit_of_work() as work:
        approve_refund(work, lender, str(sale.refund_id), staff=who, now=START)
    with unit_of_work() as work:
        decline_reversal(work, sale.id, staff=staff(lender, "Bob"), now=START, reason="it was this one")
    with unit_of_work() as work:
        assert approve_refund(work, lender, str(sale.refund_id), staff=who, now=START).state == "approved"


def _sent(provider: FakeRefunds, now: datetime) -> int:
    return send_refunds({"fake": provider}, now=now)  # type: ignore[dict-item]


def test_a_surplus_that_was_approved_before_waits_too_until_the_reversal_is_decided(lender: str) -> None:
    (loan, _), _, sale = a_booked_sale(lender)
    sale_id, refund_id = sale.id, str(sale.refund_id)
    intent_id, provider = an_intent(loan, 50_000), FakeRefunds()
    with unit_of_work() as work:
        refund = work.session.get_one(RefundRow, refund_id)
        refund.method, refund.intent_id = "provider", intent_id
    with unit_of_work() as work:
        approve_refund(work, lender, refund_id, staff=Staff("staff:Cleo", "admin"), now=START)
    ask(lender, sale_id)

    assert [_sent(provider, START + timedelta(days=days)) for days in (0, 1)] == [0, 0]
    with unit_of_work() as work:
        decline_reversal(work, sale_id, staff=staff(lender, "Bob"), now=START, reason="it was this one")
    assert (_sent(provider, START + timedelta(days=2)), list(provider.made)) == (1, [refund_id])


@pytest.mark.parametrize(("state", "says"), [("sent", "on its way"), ("done", "paid out")])
def test_a_sale_whose_surplus_has_left_stays_booked_also_where_it_left_since_it_was_asked(
    lender: str, state: str, says: str
) -> None:
    _, _, sale = a_booked_sale(lender)
    ask(lender, sale.id)
    with unit_of_work() as work:
        work.session.get_one(RefundRow, sale.refund_id).state = RefundState(state).value

    with pytest.raises(ConflictError, match=says):
        do(lender, sale.id)
    assert sale_of(sale.id).state == "booked"


def test_a_surplus_that_a_person_paid_out_is_not_taken_back_and_one_that_waits_is_ended(lender: str) -> None:
    sales = []
    for _ in range(2):
        (loan,), thing = a_held_thing(lender, loans=1)
        a_pledge(loan, now=START, reference=thing, limit_minor=10_000)
        sales.append(book(lender, sell(lender, thing, 20_000)).id)
    paid, kept = sales
    with unit_of_work() as work:
        key = f"collateral_surplus/{paid}"
        work.session.scalars(select(TaskRow).where(TaskRow.natural_key == key)).one().state = "done"

    with pytest.raises(ConflictError, match="paid out"):
        ask(lender, paid)
    ask(lender, kept)
    do(lender, kept)
    assert (
        session().scalars(select(TaskRow.state).where(TaskRow.natural_key == f"collateral_surplus/{kept}")).one() == "done"
    )


def told_by_core(sale: CollateralSaleRow) -> list[str]:
    with unit_of_work() as work:
        rows = work.session.scalars(select(DeskEntryRow).where(DeskEntryRow.borrower_id == sale.borrower_id)).all()
        for row in rows:
            row.told_at = START
        return [row.entry_id for row in rows]


def test_repayments_that_the_core_told_of_are_reversed_there_first_and_then_not_again(lender: str) -> None:
    (first, _), _, sale = a_booked_sale(lender, 22_000)
    entries = told_by_core(sale)

    with pytest.raises(ConflictError, match="reversed there"):
        ask(lender, sale.id)
    with unit_of_work() as work:
        mark_reversed(work.session, entries, by="core", at=START)
    ask(lender, sale.id)
    do(lender, sale.id)
    assert sale_of(sale.id).state == "reversed"
    assert in_ledger(first) == 20_500  # what the core reverses is the core's to tell
    assert session().scalars(select(LedgerEntryRow.id).where(LedgerEntryRow.kind == "reversal")).all() == []


def test_what_a_booked_sale_wrote_is_not_taken_back_event_by_event(lender: str) -> None:
    (first, _), thing, sale = a_booked_sale(lender)
    with reading() as reads:
        paid = reads.scalars(select(CollateralEventRow.reference).where(CollateralEventRow.kind == "costs_paid")).one()

    with pytest.raises(ConflictError, match="sale taken back"):
        tell(first, thing, "reversal", TODAY, now=START, reverses=paid)
    assert sale_of(sale.id).state == "booked"


def test_why_a_sale_is_taken_back_or_declined_is_sealed_and_in_no_trace(lender: str) -> None:
    _, thing, sale = a_booked_sale(lender)
    ask(lender, sale.id)
    do(lender, sale.id)
    other = sell(lender, thing, 22_000)
    with unit_of_work() as work:
        decline_sale(work, other, staff=staff(lender, "Bob"), now=START, reason=WHY)

    for row in (sale_of(sale.id), sale_of(other)):
        assert (row.reason, reason_of(vault(), row)) == (None, WHY)
        assert WHY.encode() not in bytes(row.reason_sealed or b"")
    assert reversal_reason_of(vault(), sale_of(sale.id)) == WHY
    traces = session().scalars(select(AuditRow).where(AuditRow.action.like("collateral%"))).all()
    assert {"collateral_sale.reversal_asked", "collateral_sale.reversed"} <= {each.action for each in traces}
    assert not any("neighbour" in str(each.facts) for each in traces)


def test_a_thing_that_was_sold_by_mistake_is_in_custody_again(lender: str) -> None:
    _, thing, sale = a_booked_sale(lender)
    ask(lender, sale.id)
    do(lender, sale.id)

    assert row_of(thing).state == "in_custody"
