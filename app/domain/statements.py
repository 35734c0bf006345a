"""A statement of account: for a period, what stood at its beginning, all that happened, and what stood at its end.

Days mean what they mean for positions: the opening is the end of the day before the period, the closing the end of its
last day. On one day instalments fall due first, then entries apply in their order. The statement adds up, by component:
opening and movements make the closing, and both ends are the loan's positions of those days. One that does not is never
made.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from app.domain.errors import FieldError, ValidationError
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanVersion, version_for
from app.domain.positions import Position
from app.domain.replay import terms_under
from app.domain.running_balances import UNMOVED, Balances, RunningBalances
from app.domain.splits import NOTHING, Split
from app.domain.stops import Stop, standing
from app.domain.terms import PLAIN, LoanTerms, known_terms

INSTALMENT_DUE = "instalment_due"
PLAN_CHANGED = "plan_changed"
CHARGE_DUE = "charge_due"
PAID_OUT = "paid_out"
LATE_CHARGES = "late_charges"
INTEREST_STOPPED = "interest_stopped"
"""Days of the period bear no interest by law; it moves nothing itself, since what is told to be due is due without them."""
LINE_KINDS = (
    PAID_OUT,
    INSTALMENT_DUE,
    PLAN_CHANGED,
    CHARGE_DUE,
    LATE_CHARGES,
    INTEREST_STOPPED,
    *(kind.value for kind in EntryKind),
)
"""What a line may be; entries keep the name of their kind."""

_ONE_DAY = timedelta(days=1)


class FootingError(Exception):
    """A statement does not add up, or its ends are not the positions of those days: a defect, never the asker's fault."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `first` to `last`, business dates in the loan's zone, both included."""

    first: date
    last: date

    @property
    def eve(self) -> date:
        """The day before: its end is the opening."""
        return self.first - _ONE_DAY


@dataclass(frozen=True, slots=True)
class PeriodRules:
    """How long a period may be. Five years of months make a document one reads; longer ones are asked for in parts."""

    most_years: int = 5

    def check(self, period: Period, *, today: date) -> None:
        """Refuse a period that ends before it begins, is not over yet, or is too long. Raises ValidationError."""
        if period.last > today:
            raise _refused("to", "future", f"to is after today, {today}; a statement tells what has happened.")
        if period.first > period.last:
            raise _refused("from", "after-to", "from is after to.")
        if period.last >= _years_on(period.first, self.most_years):
            raise _refused("from", "too-long", f"The period is longer than {self.most_years} years; ask for parts of it.")


def _refused(name: str, code: str, detail: str) -> ValidationError:
    return ValidationError(detail, errors=(FieldError(f"/query/{name}", code, detail),))


def _years_on(on: date, years: int) -> date:
    try:
        return on.replace(year=on.year + years)
    except ValueError:  # 29 February
        return on.replace(year=on.year + years, month=3, day=1)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that is known of a loan's plan and money. `principal_minor` None: what the rows of the plan add up to."""

    principal_minor: int | None
    versions: Sequence[PlanVersion]
    entries: Sequence[LedgerEntry]
    terms: LoanTerms = PLAIN


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. Amounts are minor units.

    `split` is what an entry paid by component, of instalments due and not yet due (negative: owed again), or what fell due
    with an instalment. `moved` is what that changed, `balances` what then stood.
    """

    on: date
    kind: str
    amount_minor: int
    """As posted; of an instalment all that fell due with it."""
    split: Split
    unapplied_minor: int
    moved: Balances
    balances: Balances
    row_no: int | None = None
    plan_version: int | None = None
    entry: LedgerEntry | None = None
    undoes: LedgerEntry | None = None
    """Of a reversal: the entry it takes back, if that is known."""
    undone_on: date | None = None
    """Of an entry: the value date of its reversal, when that is within the period or before it."""
    stop: Stop | None = None
    """Of days without interest: which, and by which rule. The line stands on the first of them that is in the period."""
    stopped_minor: int = 0
    """Of an instalment that fell due: what of its interest is not owed because of stops; `amount_minor` is without it."""


@dataclass(frozen=True, slots=True)
class Total:
    """All lines of one kind."""

    kind: str
    count: int
    amount_minor: int
    moved: Balances


@dataclass(frozen=True, slots=True)
class Statement:
    """What happened on a loan in a period, as now known (`known_at` None) or as it was known at an instant."""

    period: Period
    known_at: datetime | None
    opening: Balances
    lines: tuple[Line, ...]
    totals: tuple[Total, ...]
    """In the order in which the kinds first occur."""
    closing: Balances


def build_statement(
    ledger: Ledger, period: Period, *, opening: Position, closing: Position, known_at: datetime | None = None
) -> Statement:
    """Return the statement. `opening` and `closing` are the positions at the end of `period.eve` and of `period.last`.

    Raises FootingError.
    """
    walk = _Walk(ledger, period, known_at)
    begins_with = walk.balances
    lines = tuple(walk.lines())
    statement = Statement(period, known_at, begins_with, lines, _totals(lines), walk.balances)
    check_footing(statement, opening, closing)
    return statement


@dataclass(slots=True)
class _Walk:
    """Through the days of a period on which something happened."""

    ledger: Ledger
    period: Period
    known_at: datetime | None
    balances: Balances = field(init=False)
    """What stands after the last line."""
    _terms: LoanTerms = field(init=False)
    """With the stops that were known then."""
    _running: RunningBalances = field(init=False)
    _entries: list[LedgerEntry] = field(init=False)
    _done: int = field(init=False)
    """How many of `_entries` have been taken in."""
    _version: PlanVersion | None = field(init=False)

    def __post_init__(self) -> None:
        known = (e for e in self.ledger.entries if self.known_at is None or e.recorded_at <= self.known_at)
        self._entries = sorted((e for e in known if e.effective_on <= self.period.last), key=lambda e: e.order)
        self._done = sum(entry.effective_on < self.period.first for entry in self._entries)
        self._version = self._version_on(self.period.eve)
        self._terms = known_terms(self.ledger.terms, self.known_at)
        self._running = RunningBalances(self.ledger.principal_minor, self._terms)
        self._begin(self.period.eve)
        self.balances = self._running.balances(self.period.eve)

    def lines(self) -> Iterator[Line]:
        """Yield what happened, in order."""
        by_id = {entry.entry_id: entry for entry in self._entries}
        undone_on = {entry.reverses: entry.effective_on for entry in self._entries if entry.reverses}
        stops = self._stops()
        for on in sorted(self._days() | stops.keys()):
            version = self._version_on(on)
            if version is not self._version:
                self._version = version
                self._begin(on - _ONE_DAY)
                yield self._line(on, PLAN_CHANGED, on - _ONE_DAY, plan_version=version.anchor_no if version else 0)
            yield from self._accrued(on)
            for stop in stops.get(on, ()):
                yield self._line(on, INTEREST_STOPPED, on - _ONE_DAY, stop=stop)
            lent_minor = self._running.pay_out(on)
            if lent_minor:
                yield self._line(on, PAID_OUT, on - _ONE_DAY, amount_minor=lent_minor)
            for row in self._running.falling_due(on):
                self._running.fall_due(row)
                due = Split(*row.due)
                yield self._line(
                    on, INSTALMENT_DUE, on - _ONE_DAY, amount_minor=due.total, split=due, row_no=row.row_no,
                    stopped_minor=row.stopped_minor,
                )  # fmt: skip
            yield from self._charged(on)
            while self._done < len(self._entries) and self._entries[self._done].effective_on == on:
                entry = self._entries[self._done]
                yield self._apply(entry, by_id.get(entry.reverses or ""), undone_on.get(entry.entry_id))
        yield from self._accrued(self.period.last, ends=True)

    def _stops(self) -> dict[date, list[Stop]]:
        """Return the stops of which a day lies in the period, by the first such day."""
        found: dict[date, list[Stop]] = defaultdict(list)
        for each in standing(self.ledger.terms.stops, self.known_at):
            if each.from_on <= self.period.last and (each.until_on is None or each.until_on > self.period.first):
                found[max(each.from_on, self.period.first)].append(each)
        return found

    def _days(self) -> set[date]:
        days = {row.due_on for version in self.ledger.versions for row in version.rows}
        days |= {version.effective_on for version in self.ledger.versions if version.effective_on}
        days |= {entry.effective_on for entry in self._entries}
        days |= {entry.due_on for entry in self._entries if entry.due_on}
        days |= {each.on for each in self.ledger.terms.paid_out_later}
        return {day for day in days if self.period.first <= day <= self.period.last}

    def _version_on(self, on: date) -> PlanVersion | None:
        return version_for(self.ledger.versions, on, self.known_at)

    def _begin(self, until: date) -> None:
        rows = self._version.rows if self._version else ()
        self._running.terms = terms_under(self._version, self._terms)
        self._running.begin(rows, until, self._entries[: self._done])

    def _line(self, on: date, kind: str, charges_until: date, *, amount_minor: int = 0, **more: Any) -> Line:
        before, self.balances = self.balances, self._running.balances(charges_until)
        split, unapplied = more.pop("split", NOTHING), more.pop("unapplied_minor", 0)
        return Line(on, kind, amount_minor, split, unapplied, self.balances.minus(before), self.balances, **more)

    def _accrued(self, on: date, *, ends: bool = False) -> Iterator[Line]:
        """Yield what lateness has cost since the last line, if anything."""
        if ends:
            self._running.move_to(on)
        else:
            self._running.open_day(on)
        charges_until = on if ends else on - _ONE_DAY
        moved = self._running.balances(charges_until).minus(self.balances)
        if moved != UNMOVED:
            split = Split(interest=moved.interest, fees=moved.fees, penalties=moved.penalties)
            yield self._line(on, LATE_CHARGES, charges_until, amount_minor=split.total, split=split)

    def _charged(self, on: date) -> Iterator[Line]:
        """Yield what falls due on that day of charges levied before."""
        moved = self._running.balances(on).minus(self.balances)
        if moved != UNMOVED:
            split = Split(fees=moved.fees, penalties=moved.penalties)
            yield self._line(on, CHARGE_DUE, on, amount_minor=split.total, split=split)

    def _apply(self, entry: LedgerEntry, undoes: LedgerEntry | None, undone_on: date | None) -> Line:
        before = self._running.spread
        self._done += 1
        if entry.kind is EntryKind.REVERSAL:
            self._begin(entry.effective_on)
        elif all(earlier.reverses != entry.entry_id for earlier in self._entries[: self._done]):
            # What was taken back by a reversal that comes before it moves nothing, now or later.
            self._running.apply(entry)
        after = self._running.spread
        return self._line(
            entry.effective_on,
            entry.kind.value,
            entry.effective_on,
            amount_minor=entry.amount_minor,
            split=after.paid.minus(before.paid),
            unapplied_minor=after.unapplied - before.unapplied,
            row_no=entry.row_no,
            entry=entry,
            undoes=undoes,
            undone_on=undone_on,
        )


def _totals(lines: Sequence[Line]) -> tuple[Total, ...]:
    totals: dict[str, Total] = {}
    for line in lines:
        so_far = totals.get(line.kind, Total(line.kind, 0, 0, UNMOVED))
        totals[line.kind] = Total(
            line.kind, so_far.count + 1, so_far.amount_minor + line.amount_minor, so_far.moved.plus(line.moved)
        )
    return tuple(totals.values())


def check_footing(statement: Statement, opening: Position, closing: Position) -> None:
    """Refuse a statement that does not add up, or whose ends are not these positions. Raises FootingError."""
    moved = UNMOVED
    for total in statement.totals:
        moved = moved.plus(total.moved)
    if statement.opening.plus(moved) != statement.closing:
        raise FootingError(f"{statement.period}: opening and movements do not make the closing.")
    for position, balances in ((opening, statement.opening), (closing, statement.closing)):
        if _balances_of(position, balances.ahead) != balances:
            raise FootingError(f"{statement.period}: the balances of {position.as_of} are not its position.")


def _balances_of(position: Position, ahead: int) -> Balances:
    due = position.due_to_date
    return Balances(
        position.principal_outstanding_minor, due.interest, due.fees, due.penalties, ahead, position.unapplied_minor
    )
