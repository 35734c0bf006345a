"""Two books are equal to the cent, or every payment on which they differ is named once."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import ValidationError
from app.domain.payment_reconciliation import PAYMENT, REFUND, Fault, Line, read_report, reconcile

ON = date(2026, 3, 2)


def line(key: str, minor: int = 100, *, kind: str = PAYMENT, currency: str = "USD", more: tuple[str, ...] = ()) -> Line:
    return Line("stripe", kind, currency, minor, (key, *more), ON)


def compare(theirs: list[Line], ours: list[Line]) -> list[tuple[Fault, str]]:
    found = reconcile(theirs, ours, no_ours=Fault.MISSING_IN_LEDGER, no_theirs=Fault.MISSING_AT_PROVIDER)
    assert found.is_equal == (not found.differences)
    return [(each.fault, each.reference) for each in found.differences]


@pytest.mark.parametrize(
    ("theirs", "ours", "differences"),
    [
        ([line("a")], [line("a")], []),
        ([line("a", more=("pi_1",))], [line("pi_1")], []),
        ([line("a")], [], [(Fault.MISSING_IN_LEDGER, "a")]),
        ([], [line("a")], [(Fault.MISSING_AT_PROVIDER, "a")]),
        ([line("a", 101)], [line("a", 100)], [(Fault.OTHER_AMOUNT, "a")]),
        ([line("a"), line("a")], [line("a")], [(Fault.TWICE, "a")]),
        ([line("a", kind=REFUND)], [line("a")], [(Fault.MISSING_AT_PROVIDER, "a"), (Fault.MISSING_IN_LEDGER, "a")]),
        (
            [line("a", 100), line("b", 50)],
            [line("a", 50), line("b", 100)],
            [(Fault.OTHER_AMOUNT, "a"), (Fault.OTHER_AMOUNT, "b")],
        ),
    ],
)
def test_every_difference_is_named_once(theirs: list[Line], ours: list[Line], differences: list[tuple[Fault, str]]) -> None:
    assert compare(theirs, ours) == differences


def test_sums_are_payments_less_refunds_of_each_provider_and_currency() -> None:
    theirs = [line("a", 500), line("b", 200, kind=REFUND), line("c", 7, currency="EUR")]

    found = reconcile(theirs, theirs[:2], no_ours=Fault.MISSING_IN_LEDGER, no_theirs=Fault.MISSING_AT_PROVIDER)

    sums = [(each.currency, each.theirs_minor, each.ours_minor, each.is_equal) for each in found.totals]
    assert sums == [("EUR", 7, 0, False), ("USD", 300, 300, True)]


@given(st.lists(st.integers(1, 10**12), max_size=30), st.data())
def test_one_cent_more_on_one_payment_is_found_and_nothing_else(amounts: list[int], data: st.DataObject) -> None:
    ours = [line(f"k{n}", minor) for n, minor in enumerate(amounts)]
    theirs = data.draw(st.permutations(ours))
    assert compare(list(theirs), ours) == []
    if ours:
        which = data.draw(st.integers(0, len(ours) - 1))
        wrong = [replace(each, amount_minor=each.amount_minor + 1) if n == which else each for n, each in enumerate(theirs)]
        assert compare(wrong, ours) == [(Fault.OTHER_AMOUNT, theirs[which].keys[0])]


HEAD = "reference,kind,amount,currency,paid_on\n"


def test_a_report_is_read_with_other_columns_left_alone() -> None:
    rows = "1,pi_1,payment,123.45,USD,2026-03-02\n2,re_1,refund,500,JPY,2026-03-02\n"
    text = f"\ufeffid,{HEAD}{rows}"

    assert read_report(text, "stripe") == [line("pi_1", 12_345), line("re_1", 500, kind=REFUND, currency="JPY")]


@pytest.mark.parametrize("row", [
    "pi_1,payment,1.234,USD,2026-03-02", "pi_1,payment,-1.00,USD,2026-03-02", "pi_1,fee,1.00,USD,2026-03-02",
    ",payment,1.00,USD,2026-03-02", "pi_1,payment,1.00,DOLLAR,2026-03-02", "pi_1,payment,1.00,USD,2 March", "pi_1",
])  # fmt: skip
def test_a_line_that_cannot_be_is_refused_by_its_number(row: str) -> None:
    with pytest.raises(ValidationError, match="Line 3"):
        read_report(f"{HEAD}pi_0,payment,1.00,USD,2026-03-02\n{row}\n", "stripe")


def test_a_report_without_its_columns_is_refused() -> None:
    with pytest.raises(ValidationError, match="currency"):
        read_report("reference,kind,amount,paid_on\n", "stripe")
