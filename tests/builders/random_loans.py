"""Contracts and terms of loans at random, for properties: every combination that a stored contract may state."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from hypothesis import strategies as st

from app.domain.allocation import STANDARD, STRATEGIES, Strategy, Surplus
from app.domain.allocation_orders import custom_strategy
from app.domain.amortisation import plan_rows
from app.domain.charges import Fee, FeeBasis, FeeDue
from app.domain.contracts import Contract, Disbursement, Method, Prepayment, RateChange, Remainder
from app.domain.day_counts import DayCount
from app.domain.errors import ValidationError
from app.domain.late_charges import LateBase, LateTerms
from app.domain.ledger import LedgerEntry
from app.domain.periods import MONTHLY, DayOfMonth, Frequency, Unit
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import Snapshot, replay
from app.domain.rounding import Rounding
from app.domain.terms import EarlySettlement, LoanTerms

CLASSES, PARTS = ("past_due", "due", "in_advance"), ("penalty", "fee", "interest", "principal")
STEPS = [f"{when}_{part}" for when in CLASSES for part in PARTS]

KNOWN = datetime(2022, 1, 1, tzinfo=UTC)
"""When the plans became known: before everything that happens."""

starts = st.dates(date(2023, 1, 1), date(2025, 12, 31)) | st.sampled_from(
    [date(2023, 1, 31), date(2024, 1, 31), date(2024, 2, 29), date(2024, 12, 31), date(2025, 2, 28), date(2025, 8, 30)]
)
rates = st.sampled_from([Fraction(0)]) | st.integers(1, 4800).map(lambda basis_points: Fraction(basis_points, 10_000))
frequencies = st.one_of(
    st.just(MONTHLY),
    st.builds(Frequency, st.integers(1, 4), st.just(Unit.MONTHS)),
    st.builds(Frequency, st.integers(1, 3), st.just(Unit.HALF_MONTHS)),
    st.builds(Frequency, st.integers(1, 6), st.just(Unit.WEEKS)),
    st.builds(Frequency, st.integers(1, 45), st.just(Unit.DAYS)),
)
fees = st.builds(
    Fee,
    st.just("fee"),
    st.sampled_from(FeeBasis),
    st.sampled_from(FeeDue),
    st.integers(0, 500),
    st.integers(0, 300).map(lambda basis_points: Fraction(basis_points, 10_000)),
    st.booleans(),
)


@st.composite
def contracts(draw: st.DrawFn, methods: tuple[Method, ...] = tuple(Method), most_rows: int = 30) -> Contract:
    """Contracts of every method; of some of them no plan can be made, and `plan_rows` says so."""
    method = draw(st.sampled_from(methods))
    principal = draw(st.integers(1, 300) | st.integers(10_000, 5_000_000))
    starts_on, frequency = draw(starts), draw(frequencies)
    count = draw(st.integers(1, most_rows))
    more: dict[str, Any] = {}
    if draw(st.booleans()):
        more["first_due_on"] = starts_on + timedelta(days=draw(st.integers(1, 75)))
    if draw(st.booleans()):
        more["principal_grace"] = 0 if method is Method.FIXED_INSTALMENT else draw(st.integers(0, count - 1))
        more["interest_grace"] = draw(st.integers(0, count - 1))
        more["interest_free"] = draw(st.integers(0, count + 2))
    if method is Method.FIXED_INSTALMENT:
        more["instalment_minor"] = principal // draw(st.integers(1, 20)) + 1
        count = draw(st.sampled_from([0, count]))
        more["interest_grace"] = 0 if not count else more.get("interest_grace", 0)
    elif draw(st.integers(0, 5)) == 0:
        more["instalment_minor"] = draw(st.integers(1, principal))
    if draw(st.booleans()):
        more["down_payment"] = Fraction(draw(st.integers(0, 100)), 100)
    if draw(st.booleans()):
        days = st.integers(0, 200).map(lambda days: starts_on + timedelta(days=days))
        more["rate_changes"] = tuple(draw(st.lists(st.builds(RateChange, days, rates), max_size=2)))
        if method is not Method.FLAT:
            later = st.builds(Disbursement, days, st.integers(1, 1_000_000))
            more["disbursements"] = tuple(draw(st.lists(later, max_size=2)))
    return Contract(
        method,
        principal,
        starts_on,
        count,
        draw(rates),
        frequency,
        day_of_month=draw(st.sampled_from(DayOfMonth)),
        day_count=draw(st.sampled_from(DayCount)),
        rounding=draw(st.sampled_from(Rounding)),
        instalment_rounding=draw(st.sampled_from(Rounding)),
        instalment_multiple_minor=draw(st.sampled_from([1, 1, 1, 10, 100, 10_000])),
        level_by_nominal_days=draw(st.booleans()),
        remainder=draw(st.sampled_from(Remainder)),
        even_out=draw(st.booleans()),
        fees=tuple(draw(st.lists(fees, max_size=2))),
        **more,
    )


def plan_of(contract: Contract) -> tuple[PlanRow, ...] | None:
    """The plan, or None for a contract that says something that cannot be true."""
    try:
        return plan_rows(contract)
    except ValidationError:
        return None


one_order = st.tuples(st.permutations(CLASSES), st.permutations(PARTS)).map(
    lambda drawn: [f"{when}_{part}" for when in drawn[0] for part in drawn[1]]
)
"""The same order of components in every class, the classes in any order."""
strategies: st.SearchStrategy[Strategy] = st.one_of(
    st.builds(custom_strategy, one_order, surplus=st.sampled_from(Surplus)),
    st.builds(replace, st.sampled_from([STANDARD, *STRATEGIES.values()]), surplus=st.sampled_from(Surplus)),
    st.builds(custom_strategy, st.permutations(STEPS), vertical=st.booleans(), surplus=st.sampled_from(Surplus)),
)

basis_points = st.integers(0, 3600).map(lambda points: Fraction(points, 10_000))
late_terms = st.builds(
    LateTerms,
    annual_rate=basis_points,
    base=st.sampled_from(LateBase),
    grace_days=st.integers(0, 10),
    from_due=st.booleans(),
    year_days=st.sampled_from([360, 365]),
    fee_minor=st.sampled_from([0, 0, 500]),
    fee_share=st.sampled_from([Fraction(0), Fraction(3, 200)]),
    fee_base=st.sampled_from(LateBase),
    fee_after_days=st.integers(0, 10),
    cap_rate=st.none() | basis_points,
    rounding=st.sampled_from(Rounding),
)


@st.composite
def loans_on_actual_balance(draw: st.DrawFn, most_rows: int = 12) -> Contract:
    """Contracts whose interest follows what is really owed, of all that can be combined with it."""
    methods = tuple(method for method in Method if method is not Method.FLAT)
    made, whole_periods = draw(contracts(methods, most_rows)), draw(st.booleans())
    return replace(
        made,
        on_actual_balance=True,
        whole_periods=whole_periods,
        prepayment=draw(st.sampled_from(Prepayment)),
        interest_grace=0,
        remainder=Remainder.LAST,
        down_payment=Fraction(0) if whole_periods else made.down_payment,
    )


class RandomLoan(NamedTuple):
    """A contract with its plan and the terms it is replayed by."""

    contract: Contract
    rows: tuple[PlanRow, ...]
    terms: LoanTerms

    @property
    def lent_minor(self) -> int:
        return self.contract.principal_minor + sum(each.amount_minor for each in self.contract.disbursements)

    @property
    def total_minor(self) -> int:
        return sum(row.due.total for row in self.rows)

    def day(self, number: int) -> date:
        """The day so many days after the money was paid out."""
        return self.contract.starts_on + timedelta(days=number)

    def replayed(self, entries: Sequence[LedgerEntry], as_of: date | None = None) -> Snapshot:
        return replay(self.lent_minor, [PlanVersion(1, self.rows, KNOWN)], entries, as_of, terms=self.terms)


@st.composite
def loans(draw: st.DrawFn, most_rows: int = 8, actual: bool | None = None, late: bool | None = None) -> RandomLoan:
    """Loans with a plan: interest as planned or (`actual`) on the balance really owed, with `late` terms; None: either."""
    actual = draw(st.booleans()) if actual is None else actual
    made = contracts(most_rows=most_rows) if not actual else loans_on_actual_balance(most_rows)
    contract = draw(made.filter(lambda contract: bool(plan_of(contract))))
    terms = LoanTerms(
        draw(strategies),
        draw(late_terms if late else st.none() | late_terms),
        draw(st.sampled_from(EarlySettlement)),
        contract if actual else None,
        starts_on=contract.starts_on,
        down_payment_days=contract.down_payment_days,
    )
    return RandomLoan(contract, plan_rows(contract), terms)
