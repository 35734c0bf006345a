"""What may go back, who may let it, and which ways a refund goes."""

from datetime import date

import pytest

from app.domain.errors import ConflictError, ForbiddenError, ValidationError
from app.domain.positions import OpenRow, Snapshot
from app.domain.refunds import (
    MOVES,
    OPEN,
    Claim,
    RefundRules,
    RefundState,
    check_amount,
    check_may_approve,
    check_move,
    is_automatic,
    overpaid_minor,
    refundable_minor,
    sendable_minor,
    wait_after,
)
from app.domain.splits import Split

RULES = RefundRules({"USD": 5_000}, {"USD": 100_000})
PAID_OFF = Snapshot(1, 0, 700, (), date(2026, 3, 2), None)


@pytest.mark.parametrize("before", list(RefundState))
@pytest.mark.parametrize("after", list(RefundState))
def test_a_refund_moves_as_the_table_says_and_no_other_way(before: RefundState, after: RefundState) -> None:
    if after in MOVES[before]:
        check_move(before, after)
    else:
        with pytest.raises(ConflictError, match=before.value):
            check_move(before, after)


def test_from_sent_nothing_takes_it_back_and_what_is_over_stays_over() -> None:
    assert MOVES[RefundState.SENT] == {RefundState.DONE, RefundState.FAILED}
    assert {state for state in RefundState if not MOVES[state]} == {RefundState.DONE, RefundState.CANCELLED}
    assert set(RefundState) - OPEN == {RefundState.DONE, RefundState.CANCELLED}


@pytest.mark.parametrize(
    ("snapshot", "minor"),
    [
        (PAID_OFF, 700),
        (Snapshot(0, 0, 700, (), None, None), 0),  # no plan says what is owed
        (Snapshot(1, 50, 700, (), None, None), 0),  # principal is left that no row asks for
        (Snapshot(1, 100, 700, (OpenRow(1, date(2026, 4, 1), Split(principal=100)),), None, None), 0),
        (Snapshot(1, 0, -5, (), None, None), 0),
    ],
)
def test_overpaid_is_what_nothing_owed_could_take(snapshot: Snapshot, minor: int) -> None:
    assert overpaid_minor(snapshot) == minor


@pytest.mark.parametrize(("state", "asked", "sent"), [
    ("requested", 200, 700), ("approved", 200, 700), ("sent", 200, 200), ("failed", 200, 700), ("done", 700, 700),
    ("cancelled", 700, 700),
])  # fmt: skip
def test_nobody_may_ask_for_what_another_refund_claims_nor_send_what_has_left(state: str, asked: int, sent: int) -> None:
    claims = [Claim(state, 500)]

    assert (refundable_minor(PAID_OFF, claims), sendable_minor(PAID_OFF, claims)) == (asked, sent)


def test_an_amount_is_above_nothing_and_no_more_than_is_there() -> None:
    check_amount(700, "USD", 700)
    for amount in (0, -1, 701):
        with pytest.raises(ValidationError):
            check_amount(amount, "USD", 700)
    with pytest.raises(ConflictError):
        check_amount(1, "USD", 0)


@pytest.mark.parametrize(
    ("amount", "currency", "automatic"), [(5_000, "USD", True), (5_001, "USD", False), (1, "XAF", False)]
)
def test_small_sums_need_nobody_and_a_currency_without_a_rule_always_somebody(
    amount: int, currency: str, automatic: bool
) -> None:
    assert is_automatic(amount, currency, RULES) is automatic


@pytest.mark.parametrize(("amount", "currency", "by", "role", "may"), [
    (100_000, "USD", "staff:Ann", "agent", True),
    (100_001, "USD", "staff:Bob", "agent", False),
    (100_001, "USD", "staff:Ann", "admin", False),
    (100_001, "USD", "staff:Bob", "supervisor", True),
    (1, "XAF", "staff:Bob", "agent", False),
])  # fmt: skip
def test_above_the_threshold_a_senior_person_approves_and_not_who_asked(
    amount: int, currency: str, by: str, role: str, may: bool
) -> None:
    def approve() -> None:
        check_may_approve(amount, currency, RULES, requested_by="staff:Ann", by=by, role=role)

    if may:
        approve()
    else:
        with pytest.raises(ForbiddenError):
            approve()


def test_the_waits_grow_to_a_day() -> None:
    waits = [wait_after(tries) for tries in range(1, 9)]

    assert waits == sorted(waits)
    assert waits[-1].days == 1
