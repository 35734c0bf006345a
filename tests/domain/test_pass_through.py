"""Passing on: pro rata to the unit, conserved, never twice, whatever is reversed, spread anew or transferred late."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import ValidationError
from app.domain.funder_claims import PrincipalPassed, Transfer, claims_of, movements_of
from app.domain.funding_shares import OWN, Movement, Shares
from app.domain.pass_through import (
    Mark,
    Part,
    Recovery,
    ServiceFee,
    Standing,
    changed,
    divide,
    pass_on,
    read_service_fee,
)
from app.domain.splits import NOTHING, Split, total_of

DAY = date(2020, 3, 18)
NO_FEE = ServiceFee()


class Book:
    """What a store would keep: marks, rows, sums; everything a run needs is taken from the rows."""

    def __init__(self, whole: int, transfers: list[Transfer], fee: ServiceFee = NO_FEE) -> None:
        self.whole, self.transfers, self.fee = whole, transfers, fee
        self.marks: dict[str, Mark] = {}
        self.rows: list[tuple[str, str, Part, date, bool]] = []

    @property
    def shares(self) -> Shares:
        return Shares(self.whole, movements_of(self.transfers))

    def run(self, wanted: list[Recovery]) -> int:
        shares = self.shares
        again = {each.entry_id for each in changed(shares, wanted, self.marks)}
        held: dict[str, dict[str, Part]] = {}
        standing = Standing()
        for entry_id, holder, part, _, _ in self.rows:
            standing.gross[holder] = standing.gross.get(holder, NOTHING).plus(part.split)
            standing.fees[holder] = standing.fees.get(holder, 0) + part.service_fee_minor
            if entry_id in again:
                had = held.setdefault(entry_id, {}).get(holder, Part())
                held[entry_id][holder] = Part(had.split.plus(part.split), had.service_fee_minor + part.service_fee_minor)
        found = pass_on(shares, self.fee, wanted, self.marks, held, standing)
        for each in found:
            self.marks[each.entry_id] = each.mark
            self.rows += [
                (each.entry_id, holder, part, each.mark.effective_on, each.mark.is_money)
                for holder, part in each.parts.items()
            ]
        return len(found)

    def gross(self) -> dict[str, Split]:
        sums: dict[str, Split] = {}
        for _, holder, part, _, _ in self.rows:
            sums[holder] = sums.get(holder, NOTHING).plus(part.split)
        return sums

    def by_entry(self, entry_id: str) -> Split:
        return total_of([part.split for each, _, part, _, _ in self.rows if each == entry_id])


def test_a_payment_is_divided_by_shares_and_no_unit_is_lost() -> None:
    parts = divide(100, [1, 1, 1], [0, 0, 0], 3)

    assert parts == [34, 33, 33]


def test_what_somebody_lost_to_rounding_is_made_good_by_the_next_payment() -> None:
    first = divide(1, [1, 1], [0, 0], 2)
    owed = [1 - first[0] * 2, 1 - first[1] * 2]
    second = divide(1, [1, 1], owed, 2)

    assert (first, second) == ([1, 0], [0, 1])


@pytest.mark.parametrize("together", [True, False])
def test_three_who_share_alike_have_one_each_of_three_payments_of_a_unit(together: bool) -> None:
    book = Book(3, [Transfer(DAY, OWN, holder, 1) for holder in "abc"])
    payments = [Recovery(f"e{number}", DAY, Split(interest=1)) for number in range(3)]

    for known in (3,) if together else (1, 2, 3):
        book.run(payments[:known])

    assert book.gross() == {holder: Split(interest=1) for holder in "abc"}


def test_who_had_a_whole_unit_too_much_gives_it_back_and_nobody_else() -> None:
    assert divide(1, [1, 1], [-4, 4], 2) == [-1, 2]


def test_a_reversed_payment_is_taken_back_from_each_exactly_as_they_had_it() -> None:
    book = Book(100, [Transfer(DAY, OWN, "a", 33), Transfer(DAY, OWN, "b", 67)])
    paid = Recovery("p1", DAY, Split(10, 5, 1, 0))
    book.run([paid])
    before = list(book.rows)

    book.run([])

    taken = {holder: part.split for _, holder, part, _, _ in book.rows[len(before) :]}
    assert taken == {holder: NOTHING.minus(part.split) for _, holder, part, _, _ in before}
    assert book.marks["p1"].revision == 2
    assert book.run([]) == 0


def test_a_transfer_that_is_told_late_moves_only_what_came_after_it() -> None:
    book = Book(100, [Transfer(DAY, OWN, "a", 100)])
    paid = [Recovery(f"p{n}", DAY + timedelta(days=n), Split(10)) for n in range(3)]
    book.run(paid)

    book.transfers.append(Transfer(DAY + timedelta(days=1), "a", "b", 50))
    book.run(paid)

    assert book.gross() == {"a": Split(20), "b": Split(10)}
    assert [each[0] for each in book.rows[3:]] == ["p1", "p1", "p2", "p2"]


def test_a_service_fee_is_rounded_down_over_all_time_and_never_of_principal() -> None:
    book = Book(2, [Transfer(DAY, OWN, "a", 2)], read_service_fee({"interest": "0.1"}))
    for n in range(1, 26):
        book.run([Recovery(f"p{k}", DAY, Split(0, 1)) for k in range(n)])

    assert sum(part.service_fee_minor for _, _, part, _, _ in book.rows) == 2
    with pytest.raises(ValidationError):
        read_service_fee({"principal": "0.1"})


def test_a_service_fee_is_rounded_down_by_component() -> None:
    fee = read_service_fee({"interest": "0.5", "penalties": "0.5"})

    assert [fee.of(Split(interest=1, penalties=1)), fee.of(Split(interest=2, penalties=1))] == [0, 1]


def test_the_lender_pays_no_fee_to_itself() -> None:
    book = Book(2, [Transfer(DAY, OWN, "a", 1)], read_service_fee({"interest": "1"}))
    book.run([Recovery("p", DAY, Split(0, 10))])

    assert {holder: part.service_fee_minor for _, holder, part, _, _ in book.rows} == {OWN: 0, "a": 5}


def test_shares_of_more_than_the_loan_and_gifts_of_more_than_one_has_are_refused() -> None:
    with pytest.raises(ValidationError, match="more than the loan"):
        Shares(100, [Movement("a", 101, DAY)]).check("CNY")
    late = [Transfer(DAY + timedelta(days=9), OWN, "a", 50), Transfer(DAY, "a", "b", 10)]
    with pytest.raises(ValidationError, match="more than they hold"):
        Shares(100, movements_of(late)).check("CNY")


@given(
    st.integers(0, 200),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(-60, 60), st.integers(0, 5)), max_size=12),
)
@settings(max_examples=300)
def test_who_holds_what_on_a_day_is_all_that_moved_until_its_end(whole: int, moved: list[tuple[str, int, int]]) -> None:
    shares = Shares(whole, [Movement(holder, units, DAY + timedelta(days=on)) for holder, units, on in moved])
    problems, keys = set(), {}
    for on in range(-1, 7):
        units: dict[str, int] = {}
        for holder, part, day in moved:
            units[holder] = units.get(holder, 0) + (part if day <= on else 0)
        wanted = {OWN: whole - sum(units.values()), **units}

        held = shares.on(DAY + timedelta(days=on))
        assert held.units == {holder: part for holder, part in wanted.items() if part}
        assert list(held.units) == sorted(held.units)
        assert keys.setdefault(held.key, held.units) == held.units
        problems |= {holder == OWN for holder, part in wanted.items() if part < 0}
    if not problems:
        shares.check("CNY")
        return
    with pytest.raises(ValidationError, match="would be" if problems == {True} else "would"):
        shares.check("CNY")


@st.composite
def stories(draw: st.DrawFn) -> dict[str, Any]:
    """A loan, its funders, transfers, and moments: at each some entries count, spread so; later ones may differ."""
    funders = draw(st.integers(1, 40))
    units = [draw(st.integers(1, 10_000)) for _ in range(funders)]
    own = draw(st.sampled_from([0, 0, 1, 777]))
    holders = [f"f{n:04}" for n in range(funders)]
    transfers = [Transfer(DAY, OWN, holder, part) for holder, part in zip(holders, units, strict=True)]
    left = dict(zip(holders, units, strict=True))
    moves = []
    for _ in range(draw(st.integers(0, 4))):
        giver = draw(st.sampled_from(holders))
        if left[giver]:
            part = draw(st.integers(1, left[giver]))
            taker = draw(st.sampled_from([*holders, "g1", "g2"]).filter(lambda each, giver=giver: each != giver))
            left[giver] -= part
            moves.append(Transfer(DAY + timedelta(days=draw(st.integers(1, 30))), giver, taker, part))
    amounts = st.integers(0, 5_000)
    entry = st.builds(
        lambda day, a, b, c, d, money: (DAY + timedelta(days=day), Split(a, *((b, c, d) if money else (0, 0, 0))), money),
        st.integers(0, 40), amounts, amounts, amounts, amounts, st.booleans(),
    )  # fmt: skip
    entries = {f"e{n}": draw(entry) for n in range(draw(st.integers(1, 8)))}
    moments = [
        (draw(st.sets(st.sampled_from(sorted(entries)))), draw(st.integers(0, len(moves))), draw(st.integers(0, 3)))
        for _ in range(draw(st.integers(1, 5)))
    ]
    rates = draw(st.sampled_from([{}, {"interest": "0.1"}, {"interest": "1/3", "penalties": "0.5"}]))
    return {"whole": sum(units) + own, "transfers": transfers, "moves": moves, "entries": entries, "moments": moments,
            "rates": rates}  # fmt: skip


@given(stories())
@settings(max_examples=200)
def test_whatever_happens_to_a_ledger_what_was_passed_on_is_what_it_says(story: dict[str, Any]) -> None:
    book = Book(story["whole"], list(story["transfers"]), read_service_fee(story["rates"]))
    moves = _possible(story)
    for counting, known_moves, shift in story["moments"]:
        book.transfers = [*story["transfers"], *moves[:known_moves]]
        wanted = sorted(
            (Recovery(key, on, Split(*(max(0, part - shift) for part in split)), money)
             for key, (on, split, money) in story["entries"].items() if key in counting),
            key=lambda each: (each.effective_on, each.entry_id),
        )  # fmt: skip
        before = len(book.rows)
        book.run(wanted)

        assert book.run(wanted) == 0
        for key in story["entries"]:
            assert book.by_entry(key) == next((each.split for each in wanted if each.entry_id == key), NOTHING)
        gross = book.gross()
        exact = _exact(book.shares, wanted)
        for holder in {*gross, *exact}:
            for component in range(4):
                assert abs(gross.get(holder, NOTHING)[component] - exact.get(holder, [0] * 4)[component]) < 3
        for holder in {holder for _, holder, _, _, _ in book.rows[before:]} - {OWN}:
            kept = sum(part.service_fee_minor for _, each, part, _, _ in book.rows if each == holder)
            assert kept == book.fee.of(gross[holder])
        passed = [PrincipalPassed(on, holder, part.split.principal) for _, holder, part, on, _ in book.rows]
        claims = claims_of(book.whole, book.transfers, passed)
        assert sum(claims.values()) == book.whole - total_of([each.split for each in wanted]).principal


def _possible(story: dict[str, Any]) -> list[Transfer]:
    """Return as many of the transfers, in the order told, as leave nobody with less than nothing on any day."""
    kept: list[Transfer] = []
    for move in story["moves"]:
        try:
            Shares(story["whole"], movements_of([*story["transfers"], *kept, move])).check("CNY")
        except ValidationError:
            continue
        kept.append(move)
    return kept


def _exact(shares: Shares, wanted: list[Recovery]) -> dict[str, list[Fraction]]:
    found: dict[str, list[Fraction]] = {}
    for each in wanted:
        for holder, units in shares.on(each.effective_on).units.items():
            have = found.setdefault(holder, [Fraction(0)] * 4)
            for component in range(4):
                have[component] += Fraction(each.split[component] * units, shares.whole_minor)
    return found


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_a_thousand_funders_of_a_loan_that_is_paid_back_have_exactly_what_they_lent(amounts: list[int], random: Any) -> None:
    units = {f"f{n:04}": random.randint(1, 900) for n in range(1000)}
    whole = sum(units.values())
    book = Book(whole, [Transfer(DAY, OWN, holder, part) for holder, part in units.items()])
    paid, left = [], whole
    for n, amount in enumerate(amounts):
        paid.append(Recovery(f"p{n:03}", DAY + timedelta(days=n), Split(min(left, amount))))
        left -= min(left, amount)
    paid.append(Recovery("p999", DAY + timedelta(days=99), Split(left)))
    book.run(paid)

    assert {holder: split.principal for holder, split in book.gross().items()} == units
    assert all(part.split.principal > 0 for _, _, part, _, _ in book.rows)
