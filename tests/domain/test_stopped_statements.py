"""A statement of account names each stop of interest in its period, and agrees with the position to the cent."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.domain.late_charges import LateTerms
from app.domain.ledger import LedgerEntry
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import position_at, replay
from app.domain.splits import Split
from app.domain.statements import INTEREST_STOPPED, Ledger, Period, Statement, build_statement
from app.domain.stops import INTEREST, INTEREST_AND_CHARGES, Stop, standing, stop_on
from app.domain.terms import LoanTerms, with_stops
from tests.builders.random_ledgers import ledgers as ledgers_of
from tests.builders.random_loans import KNOWN as KNOWN_AT
from tests.builders.random_loans import RandomLoan, loans
from tests.domain.test_allocation import AT, DAY, ledgers, rows_of_plans
from tests.domain.test_statements import known_instants, periods, plan_histories, with_late_reversals

JANUARY = Period(date(2026, 1, 1), date(2026, 1, 31))
KNOWN = datetime(2025, 12, 1, tzinfo=UTC)
ROWS = tuple(PlanRow(n, date(2026, n, 10), Split(100_00, 31_00)) for n in (1, 2, 3))
TERMS = LoanTerms(starts_on=date(2025, 12, 10))
offsets = st.integers(-30, 220)


@st.composite
def known_stops(draw: st.DrawFn) -> list[Stop]:
    """Stops of which each was known for a while, or still is; open ones among them."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        since = DAY + timedelta(days=draw(offsets))
        until = draw(st.none() | st.integers(0, 90).map(lambda n, since=since: since + timedelta(days=n)))
        at = AT + timedelta(days=draw(st.integers(0, 150)))
        gone = draw(st.none() | st.integers(1, 60).map(lambda n, at=at: at + timedelta(days=n)))
        found.append(Stop(since, until, draw(st.sampled_from([INTEREST, INTEREST_AND_CHARGES])), "UK-NOSIA-FAIL", at, gone))
    return found


def told(
    period: Period,
    terms: LoanTerms,
    versions: list[PlanVersion],
    entries: list[LedgerEntry],
    principal_minor: int | None = None,
    known_at: datetime | None = None,
) -> Statement:
    opening, closing = (
        position_at(replay(principal_minor, versions, entries, on, known_at, terms), on, terms=terms)
        for on in (period.eve, period.last)
    )
    ledger = Ledger(principal_minor, versions, entries, terms)
    return build_statement(ledger, period, opening=opening, closing=closing, known_at=known_at)


@given(plan_histories(), with_late_reversals(), periods(), st.none() | st.integers(0, 3000), known_instants, known_stops(),
       st.booleans())  # fmt: skip
def test_with_stops_a_statement_adds_up_to_the_positions_of_its_ends(
    versions: list[PlanVersion], entries: list[LedgerEntry], period: Period, principal_minor: int | None,
    known_at: datetime | None, stops: list[Stop], is_charged: bool,
) -> None:  # fmt: skip
    late = LateTerms(annual_rate=Fraction(1, 10), fee_after_days=3, fee_minor=500) if is_charged else None
    terms = with_stops(LoanTerms(late=late), stops)

    statement = told(period, terms, versions, entries, principal_minor, known_at)

    balance = statement.opening
    for line in statement.lines:
        balance = balance.plus(line.moved)
        assert line.balances == balance
    assert balance == statement.closing
    assert (
        statement.closing.outstanding
        == position_at(
            replay(principal_minor, versions, entries, period.last, known_at, terms), period.last, terms=terms
        ).outstanding_minor
    )
    named = [line.stop for line in statement.lines if line.kind == INTEREST_STOPPED]
    assert len(named) == len({*named}) or len(named) == len(standing(stops, known_at))
    for each in standing(stops, known_at):
        touches = each.from_on <= period.last and (each.until_on is None or each.until_on > period.first)
        assert (each in named) is touches


@given(rows_of_plans, ledgers(), known_stops())
def test_an_instalment_says_what_of_its_interest_is_not_owed(
    rows: tuple[PlanRow, ...], entries: list[LedgerEntry], stops: list[Stop]
) -> None:
    versions = [PlanVersion(1, rows, AT)]
    period = Period(min(row.due_on for row in rows) - timedelta(days=400), max(row.due_on for row in rows))
    bare, less = (told(period, with_stops(LoanTerms(), some), versions, entries) for some in ((), stops))

    planned = {line.row_no: line.split.interest for line in bare.lines if line.row_no and line.kind == "instalment_due"}
    for line in less.lines:
        if line.kind == "instalment_due":
            assert line.split.interest + line.stopped_minor == planned[line.row_no]
    assert all(line.stopped_minor == 0 for line in bare.lines)


@given(loans(), st.data())
def test_of_loans_of_every_contract_a_statement_with_a_stop_adds_up_to_the_cent(
    loan: RandomLoan, data: st.DataObject
) -> None:
    entries = data.draw(ledgers_of(loan))
    since = loan.day(data.draw(st.integers(-5, 300)))
    until = since + timedelta(days=data.draw(st.integers(1, 90)))
    stop = Stop(since, until, data.draw(st.sampled_from([INTEREST, INTEREST_AND_CHARGES])), "UK-BREATHING", KNOWN_AT)
    first = loan.day(data.draw(st.integers(0, 300)))
    period = Period(first, first + timedelta(days=data.draw(st.integers(0, 300))))

    versions = [PlanVersion(1, loan.rows, KNOWN_AT)]
    statement = told(period, with_stops(loan.terms, [stop]), versions, entries, loan.contract.principal_minor)

    touches = stop.from_on <= period.last and until > period.first
    assert [line.stop for line in statement.lines if line.kind == INTEREST_STOPPED] == ([stop] if touches else [])


def test_the_line_stands_on_the_first_day_of_the_stop_in_the_period_before_what_falls_due() -> None:
    stop = Stop(date(2025, 12, 20), date(2026, 1, 20), INTEREST, "UK-BREATHING", KNOWN)
    statement = told(JANUARY, with_stops(TERMS, [stop]), [PlanVersion(1, ROWS, KNOWN)], [])

    assert [(line.on, line.kind, line.stopped_minor) for line in statement.lines] == [
        (date(2026, 1, 1), "interest_stopped", 0),
        (date(2026, 1, 10), "instalment_due", 21_00),
    ]
    assert statement.lines[0].stop == stop
    assert statement.closing.interest == 10_00


def test_a_statement_as_it_was_known_before_the_stop_knows_nothing_of_it() -> None:
    stop = Stop(date(2025, 12, 20), None, INTEREST, "UK-BREATHING", datetime(2026, 2, 1, tzinfo=UTC))
    terms, versions = with_stops(TERMS, [stop]), [PlanVersion(1, ROWS, KNOWN)]
    before = told(JANUARY, terms, versions, [], known_at=datetime(2026, 1, 31, tzinfo=UTC))

    assert [line.kind for line in before.lines] == ["instalment_due"]
    assert before.closing.interest == 31_00


def test_of_several_stops_the_one_that_lasts_longest_is_told_of_a_day() -> None:
    short = Stop(date(2026, 1, 1), date(2026, 1, 5), INTEREST_AND_CHARGES, "UK-BREATHING", KNOWN)
    long = short._replace(from_on=date(2026, 1, 3), until_on=date(2026, 1, 9))
    gone = short._replace(until_on=None, replaced_at=KNOWN + timedelta(days=1))

    found = [stop_on([short, long, gone], date(2026, 1, day)) for day in (1, 4, 8, 9)]
    assert found == [short, long, long, None]
