"""A statement of account: for a period, what stood at its beginning, all that happened, and what stood at its end.

Days mean what they mean for positions: the opening is the end of the day before the period, the closing the end of its
last day. On one day instalments fall due first, then entries apply in their order. The statement adds up, by component:
opening and movements make the closing, and both ends are the loan's positions of those days. One that does not is never
made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from app.domain.errors import FieldError, ValidationError
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow, PlanVersion, version_for
from app.domain.positions import Position
from app.domain.running_balances import UNMOVED, Balances, RunningBalances
from app.domain.splits import NOTHING, Split

INSTALMENT_DUE = "instalment_due"
PLAN_CHANGED = "plan_changed"
LINE_KINDS = (INSTALMENT_DUE, PLAN_CHANGED, *(kind.value for kind in EntryKind))
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
    """How long a period may be. Five years: what lenders keep of a closed loan at the least in most places served."""

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
    begins_with = walk.running.balances
    lines = tuple(walk.lines())
    statement = Statement(period, known_at, begins_with, lines, _totals(lines), walk.running.balances)
    check_footing(statement, opening, closing)
    return statement


@dataclass(slots=True)
class _Walk:
    """Through the days of a period on which something happened."""

    ledger: Ledger
    period: Period
    known_at: datetime | None
    running: RunningBalances = field(init=False)
    _entries: list[LedgerEntry] = field(init=False)
    _done: int = field(init=False)
    """How many of `_entries` have been taken in."""
    _version: PlanVersion | None = field(init=False)

    def __post_init__(self) -> None:
        known = (e for e in self.ledger.entries if self.known_at is None or e.recorded_at <= self.known_at)
        self._entries = sorted((e for e in known if e.effective_on <= self.period.last), key=lambda e: e.order)
        self._done = sum(entry.effective_on < self.period.first for entry in self._entries)
        self._version = self._version_on(self.period.eve)
        self.running = RunningBalances(self.ledger.principal_minor)
        self._begin(self.period.eve)

    def lines(self) -> Iterator[Line]:
        """Yield what happened, in order."""
        by_id = {entry.entry_id: entry for entry in self._entries}
        undone_on = {entry.reverses: entry.effective_on for entry in self._entries if entry.reverses}
        for on in self._days():
            version = self._version_on(on)
            if version is not self._version:
                self._version = version
                yield self._change_plan(on)
            for row in self._rows():
                if row.due_on == on and row.due.total:
                    yield self._fall_due(row)
            while self._done < len(self._entries) and self._entries[self._done].effective_on == on:
                entry = self._entries[self._done]
                yield self._apply(entry, by_id.get(entry.reverses or ""), undone_on.get(entry.entry_id))

    def _days(self) -> list[date]:
        days = {row.due_on for version in self.ledger.versions for row in version.rows}
        days |= {version.effective_on for version in self.ledger.versions if version.effective_on}
        days |= {entry.effective_on for entry in self._entries}
        return sorted(day for day in days if self.period.first <= day <= self.period.last)

    def _version_on(self, on: date) -> PlanVersion | None:
        return version_for(self.ledger.versions, on, self.known_at)

    def _rows(self) -> Sequence[PlanRow]:
        return self._version.rows if self._version else ()

    def _begin(self, due_until: date) -> None:
        following: list[LedgerEntry] = []
        for entry in self._entries[self._done :]:
            if entry.kind is EntryKind.REVERSAL:
                break
            following.append(entry)
        due = [row for row in self._rows() if row.due_on <= due_until]
        self.running.begin(self._rows(), due, self._entries[: self._done], following)

    def _change_plan(self, on: date) -> Line:
        before = self.running.balances
        self._begin(on - _ONE_DAY)
        moved = self.running.balances.minus(before)
        number = self._version.anchor_no if self._version else 0
        return Line(on, PLAN_CHANGED, 0, NOTHING, 0, moved, self.running.balances, plan_version=number)

    def _fall_due(self, row: PlanRow) -> Line:
        before = self.running.balances
        self.running.fall_due(row)
        after = self.running.balances
        return Line(row.due_on, INSTALMENT_DUE, row.due.total, row.due, 0, after.minus(before), after, row.row_no)

    def _apply(self, entry: LedgerEntry, undoes: LedgerEntry | None, undone_on: date | None) -> Line:
        before, spread_before = self.running.balances, self.running.spread
        self._done += 1
        if entry.kind is EntryKind.REVERSAL:
            self._begin(entry.effective_on)
        else:
            self.running.apply(entry)
        after, spread = self.running.balances, self.running.spread
        return Line(
            entry.effective_on,
            entry.kind.value,
            entry.amount_minor,
            spread.paid.minus(spread_before.paid),
            spread.unapplied - spread_before.unapplied,
            after.minus(before),
            after,
            entry.row_no,
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
