"""What a sale brought is divided by the order of law and conserved to the cent; what is missing stays owed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.collateral import loan_to_value, read_haircut, shortfall_minor
from app.domain.collateral_sales import OutsideClaim, ProceedsOrder, SecuredLoan, Step, divide_proceeds, shared
from app.domain.errors import ValidationError
from app.domain.splits import Split
from app.services.collateral_orders import order_for, orders

US, CN = order_for("US"), order_for("CN")
_MINOR = st.integers(0, 10_000_000)
_LOANS = st.lists(
    st.builds(
        SecuredLoan,
        st.uuids().map(str),
        st.integers(1, 3),
        st.builds(Split, _MINOR, _MINOR, _MINOR, _MINOR),
        st.none() | _MINOR,
    ),
    min_size=1,
    max_size=5,
)
_CLAIMS = st.lists(st.builds(OutsideClaim, st.integers(1, 4), _MINOR), max_size=3)


@given(st.integers(0, 60_000_000), _MINOR, _LOANS, _CLAIMS, st.sampled_from(list(orders().values())))
def test_every_sale_is_conserved_to_the_cent(
    proceeds: int, costs: int, loans: list[SecuredLoan], claims: list[OutsideClaim], order: ProceedsOrder
) -> None:
    division = divide_proceeds(proceeds, costs, loans, claims, order)

    paid = sum(share.paid.total for share in division.loans)
    assert division.costs_minor + paid + sum(division.claims) + division.surplus_minor == proceeds
    assert division.costs_minor + division.uncovered_costs_minor == costs
    for loan, share in zip(loans, division.loans, strict=True):
        assert share.paid.plus(share.left) == loan.owed
        assert min(*share.paid, *share.left) >= 0
        assert loan.limit_minor is None or share.paid.total <= loan.limit_minor
    if division.surplus_minor:
        assert division.uncovered_costs_minor == 0
        wanted = sum(
            min(loan.owed.total, loan.owed.total if loan.limit_minor is None else loan.limit_minor) for loan in loans
        )
        assert paid == wanted
    if paid:
        assert division.uncovered_costs_minor == 0  # costs come first in every order that we know
    first = min(loan.rank for loan in loans)
    for loan, share in zip(loans, division.loans, strict=True):
        if loan.rank > first and share.paid.total:
            assert all(
                other.limit_minor is not None or others.left.total == 0
                for other, others in zip(loans, division.loans, strict=True)
                if other.rank < loan.rank
            )


def test_costs_come_first_then_fees_interest_penalties_and_principal_then_the_next_rank_then_its_owner() -> None:
    loans = [SecuredLoan("a", 1, Split(100_00, 20_00, 5_00, 3_00)), SecuredLoan("b", 2, Split(50_00))]

    short = divide_proceeds(130_00, 10_00, loans, [], CN)
    over = divide_proceeds(200_00, 10_00, loans, [], CN)

    assert [share.paid for share in short.loans] == [Split(92_00, 20_00, 5_00, 3_00), Split()]
    assert (short.shortfall_minor, short.surplus_minor) == (58_00, 0)
    assert (over.shortfall_minor, over.surplus_minor) == (0, 12_00)


def test_where_the_law_serves_others_by_rank_they_come_between_our_loans_and_else_after_them() -> None:
    loans, claims = [SecuredLoan("a", 1, Split(100)), SecuredLoan("b", 3, Split(100))], [OutsideClaim(2, 100)]

    by_rank, ours_first = (divide_proceeds(250, 0, loans, claims, order) for order in (CN, US))

    assert ([s.paid.total for s in by_rank.loans], by_rank.claims) == ([100, 50], (100,))
    assert ([s.paid.total for s in ours_first.loans], ours_first.claims) == ([100, 100], (50,))


def test_equals_share_pro_rata_with_the_last_cent_by_the_largest_rest() -> None:
    assert shared(100, [100, 100, 100]) == [34, 33, 33]
    assert shared(5, [1, 2]) == [1, 2]
    assert shared(10, [20, 10]) == [7, 3]


def test_every_order_says_where_it_is_from_and_how_well_that_was_read() -> None:
    assert {order.grade for order in orders().values()} <= set("PRUH")
    assert all(order.source and order.redemption_source and order.redemption_grade in "PRUH" for order in orders().values())
    assert order_for("GB") is order_for("UK")
    assert order_for("DE").key == "house"
    assert all(order.steps[0] is Step.COSTS for order in orders().values())


def test_a_value_counts_after_its_haircut_and_a_worthless_thing_has_no_ratio() -> None:
    assert shortfall_minor(1_000, 1_000, read_haircut("0.25")) == 250
    assert str(loan_to_value(1_000, 3_000)) == "33.33"
    assert loan_to_value(1, 0) is None
    for text in ("1.1", "-0.1", "x", "NaN", "Infinity"):
        with pytest.raises(ValidationError):
            read_haircut(text)
