"""Plan options: what is shown of each is what the ledger makes of it, and what is not offered is not for a stated reason."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from app.domain.caps import Cap
from app.domain.errors import PlanNotEligibleError
from app.domain.option_cases import OptionCase
from app.domain.option_costs import after_history, life_cost
from app.domain.option_limits import MONEY_KINDS
from app.domain.option_offers import option_for, options_for
from app.domain.option_rules import OptionRule, OptionRules
from app.domain.plan_options import OptionKind
from app.domain.plans import PlanVersion
from app.domain.positions import position_at, replay
from app.domain.replay import allocate, terms_under
from app.domain.splits import Split
from tests.builders.random_ledgers import known_at, ledgers
from tests.builders.random_loans import KNOWN, RandomLoan, loans

OPEN_RULES = OptionRules(
    ("open",),
    {kind: OptionRule(days=tuple(range(1, 29)), listed=(1, 2, 5), credit_effect="none") for kind in OptionKind},
)
"""Rules that refuse nothing, so that a property sees what the kernel itself offers."""


def _case(loan: RandomLoan, entries: list[Any], today: date, **more: Any) -> OptionCase:
    version = PlanVersion(1, loan.rows, KNOWN)
    entries = [entry for entry in entries if entry.effective_on <= today]
    snapshot = loan.replayed(entries, today)
    return OptionCase(
        version=version,
        entries=entries,
        terms=loan.terms,
        position=position_at(snapshot, today, terms=loan.terms),
        today=today,
        currency="CNY",
        principal_minor=loan.contract.principal_minor,
        disbursed_on=loan.contract.starts_on,
        **{"contract": loan.contract, **more},
    )


@st.composite
def _cases(draw: st.DrawFn) -> tuple[RandomLoan, OptionCase]:
    loan = draw(loans(most_rows=8))
    entries = draw(ledgers(loan, most=4))
    span = (loan.rows[-1].due_on - loan.contract.starts_on).days
    today = loan.day(draw(st.integers(0, span + 40)))
    cap = None
    if draw(st.booleans()):
        rate = Decimal(draw(st.integers(0, 60))) / 100
        cap = Cap("applies", rate, "SPC", "", "four-times-lpr")
    contract = draw(st.sampled_from([loan.contract, None]))
    return loan, _case(loan, entries, today, contract=contract, cap=cap)


@settings(max_examples=300, deadline=None)
@given(_cases())
def test_what_an_option_shows_is_what_the_ledger_makes_of_it(found: tuple[RandomLoan, OptionCase]):
    loan, case = found
    offered = [each for each in options_for(case, OPEN_RULES).offered if each.kind not in MONEY_KINDS]
    assume(offered)
    before = case.account
    for option in offered:
        event(f"{option.kind} {'actual' if loan.terms.contract else 'planned'} {'contract' if case.contract else 'rows'}")
        event("as the history left it" if after_history(case, option.rows) else "played")
        next_version = PlanVersion(2, option.rows, known_at(case.today), effective_on=case.today, given=True)
        after = allocate(option.rows, case.entries, terms_under(next_version, loan.terms))
        after.accrue(case.today)

        # The rows offered are the plan after it.
        snapshot = replay(
            loan.contract.principal_minor, [case.version, next_version], case.entries, case.today, terms=loan.terms
        )
        assert [(row.row_no, row.due_on, row.due) for row in option.to_pay if sum(row.due) > 0] == [
            (row.row_no, row.due_on, row.open) for row in snapshot.open_rows
        ]
        assert option.total_minor == sum(sum(row.open) for row in after.rows)
        assert option.last_due_on == max(row.due_on for row in after.rows if any(row.open))

        # Money is conserved: nothing owed lost, nothing paid moved, and no fee or penalty more.
        assert sum(row.open[0] for row in after.rows) == sum(row.open[0] for row in before.rows)
        for part in (2, 3):
            assert sum(row.open[part] for row in after.rows) == sum(row.open[part] for row in before.rows)
        for part in range(4):
            assert sum(row.paid[part] for row in after.rows) == sum(row.paid[part] for row in before.rows)
        assert after.unapplied_minor == before.unapplied_minor
        due = {row.row_no: row.paid for row in before.rows if row.due_on <= case.today and row.paid != Split()}
        assert due == {row.row_no: row.paid for row in after.rows if row.due_on <= case.today and row.paid != Split()}

        # It costs what it says, and never more than the cap.
        assert option.extra_minor == sum(row.open[1] for row in after.rows) - sum(row.open[1] for row in before.rows)
        if option.kind is OptionKind.CATCH_UP or case.contract is None:
            assert option.extra_minor == 0
        if case.cap is not None and case.cap.annual_rate is not None:
            charged, days = life_cost(case, after)
            assert charged * 365 <= Fraction(case.cap.annual_rate) * days

        # Asked for by its terms it comes again, the same.
        again = _case(loan, case.entries, case.today, contract=case.contract, cap=case.cap)
        assert option_for(again, OPEN_RULES, option.kind, option.terms) == option


@settings(max_examples=150, deadline=None)
@given(_cases(), st.sampled_from(OptionKind), st.integers(1, 40))
def test_any_terms_are_an_option_or_a_reason(found: tuple[RandomLoan, OptionCase], kind: OptionKind, value: int):
    _, case = found
    name = {"pay_part": "amount_minor", "change_due_day": "day", "extend": "instalments"}.get(kind, "rows")
    terms = {} if kind in (OptionKind.PAY_NOW, OptionKind.SETTLE) else {name: value}
    try:
        option = option_for(case, OPEN_RULES, kind, terms)
    except PlanNotEligibleError as why:
        event(f"{kind} {why.facts['reason']}")
    else:
        event(f"{kind} offered")
        assert dict(option.terms) == terms
