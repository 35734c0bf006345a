"""How late a loan was on each day, month by month, and when the lateness began that led to where it stands.

Built on the kernel's replay: between two entries (or plans) the oldest unpaid row stays the same, so a loan's lateness is a
list of steps, and every status, history and first delinquency follows from it. Lateness counts rows with principal or
interest open of at least one whole unit: nobody is reported late over cents or a fee alone (ours; the files know whole
units only). Sources: contact-law study §7; moov-io/metro2 base_segment.go (fields 17A to 25, read).
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import chain, islice
from typing import NamedTuple

from app.domain.credit_accounts import HISTORY_MONTHS, MONTH_CODES, CreditAccount, FiveGrade, Standing
from app.domain.ledger import EntryKind, LedgerEntry, counting
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import OpenRow, Snapshot, replay
from app.domain.terms import PLAIN, LoanTerms
from app.domain.waterfall import open_after, paid_in_order

DELINQUENT_DAYS = 30
"""First day past due that counts as delinquent in the US: status 71 (study §7)."""
_EDGES = (30, 60, 90, 120, 150, 180)
_MONEY = frozenset({EntryKind.REPAYMENT, EntryKind.PREPAYMENT})


@dataclass(frozen=True, slots=True)
class LoanLedger:
    """What lateness is worked out from: the plan's versions, all entries, the terms, and a whole unit of the currency."""

    principal_minor: int | None
    versions: Sequence[PlanVersion]
    entries: Sequence[LedgerEntry]
    terms: LoanTerms = PLAIN
    unit_minor: int = 100

    def at(self, as_of: date) -> Snapshot:
        """Return the snapshot as of the end of that day, by what is known now."""
        return replay(self.principal_minor, self.versions, self.entries, as_of, terms=self.terms)

    def known_on(self, as_of: date) -> "LoanLedger":
        """Return the ledger as a report of that day knows it: what was reversed by then never was, in earlier months too."""
        return replace(self, entries=counting([entry for entry in self.entries if entry.effective_on <= as_of]))

    def given_up_minor(self) -> int:
        """Return what of the principal was surely given up by waivers that stand, once all is settled.

        Principal that a waiver names; of those that name no parts, only what the money that came does not cover of the
        principal lent: a fee let go is no settlement.
        """
        stands = counting(self.entries)
        waived = [entry for entry in stands if entry.kind is EntryKind.WAIVER]
        named = sum(entry.split.principal for entry in waived if entry.split is not None)
        unnamed = sum(entry.amount_minor for entry in waived if entry.split is None)
        if not unnamed or self.principal_minor is None:
            return named
        came = sum(entry.amount_minor for entry in stands if entry.kind in _MONEY)
        return named + min(unnamed, max(self.principal_minor - came - named, 0))

    def late_rows(self, snapshot: Snapshot) -> list[OpenRow]:
        """Return the open rows that can be late, the earliest first."""
        return late_rows(snapshot, self.unit_minor)


def late_rows(snapshot: Snapshot, unit_minor: int) -> list[OpenRow]:
    """Return the open rows of a position that can be late, the earliest first."""
    return [row for row in snapshot.open_rows if row.open.principal + row.open.interest >= unit_minor]


class Step(NamedTuple):
    """From the end of `from_on` until the next step, `first_open_on` is the earliest due date with something unpaid."""

    from_on: date
    first_open_on: date | None
    by_plan: bool = False
    """A new plan made it, and not money."""
    overdue_before_minor: int = 0
    """Of a step by plan: what was overdue just before."""
    paid_minor: int = 0
    """Money that came in on its day."""
    settled_on: date | None = None
    """All is paid, since that day."""


class Delinquency(NamedTuple):
    """State of the first delinquency; fields as in `CreditAccount`."""

    first_on: date | None = None
    set_aside_on: date | None = None
    to_make_good_minor: int = 0


def days_at(first_open_on: date | None, as_of: date) -> int:
    """Return the days past due at the end of `as_of`; due today is 0."""
    return max((as_of - first_open_on).days, 0) if first_open_on else 0


def steps_of(ledger: LoanLedger, after: date, until: date) -> list[Step]:
    """Return the steps from the end of `after` to the end of `until`; the first stands on `after`.

    The ledger is one that `known_on` gave: without reversals.
    """
    days = {entry.effective_on for entry in ledger.entries if after < entry.effective_on <= until}
    paid: dict[date, int] = {}
    for entry in ledger.entries:
        if entry.kind in _MONEY and entry.effective_on in days:
            paid[entry.effective_on] = paid.get(entry.effective_on, 0) + entry.amount_minor
    plans = {v.effective_on for v in ledger.versions if v.effective_on and after < v.effective_on <= until}
    summed = None if plans else _by_sum(ledger, sorted({after} | days))
    if summed is not None:
        return [Step(day, first_open_on, paid_minor=paid.get(day, 0)) for day, first_open_on in summed]
    steps: list[Step] = []
    for day in sorted({after} | days | plans):
        snapshot = ledger.at(day)
        late = ledger.late_rows(snapshot)
        by_plan = day in plans and bool(steps)
        steps.append(
            Step(
                day,
                late[0].due_on if late else None,
                by_plan,
                _overdue_minor(ledger, day) if by_plan else 0,
                paid.get(day, 0),
                snapshot.last_effective_on if snapshot.settled else None,
            )
        )
    return steps


def _by_sum(ledger: LoanLedger, days: Sequence[date]) -> list[tuple[date, date | None]] | None:
    """Return (day, the first due date open at its end) where the sums paid say it; None: a replay must.

    The same that `replay` finds, without a snapshot for each day: one plan, money alone, rows paid in their order, no law
    that takes anything off them, and something left to pay.
    """
    terms = ledger.terms
    if len(ledger.versions) != 1 or terms.contract is not None or terms.stopped.interest or terms.ceiling is not None:
        return None
    (version,) = ledger.versions
    if version.effective_on is not None or paid_in_order(terms, ledger.entries) is None:
        return None
    money = sorted((entry.effective_on, entry.amount_minor) for entry in ledger.entries)
    rows = version.rows
    found: list[tuple[date, date | None]] = []
    came = paid_rows = left_minor = 0
    for day in days:
        while came < len(money) and money[came][0] <= day:
            left_minor += money[came][1]
            came += 1
        while paid_rows < len(rows) and (total := rows[paid_rows].due.total) <= left_minor:
            left_minor -= total
            paid_rows += 1
        if paid_rows == len(rows):
            return None  # settled, or not: that is for the balance to say
        first, _, _ = open_after(rows[paid_rows : paid_rows + 1], left_minor, terms.strategy)
        late = (row.due_on for row in chain(first, islice(rows, paid_rows + 1, None)) if _can_be_late(row, ledger))
        found.append((day, next(late, None)))
    return found


def _can_be_late(row: PlanRow, ledger: LoanLedger) -> bool:
    return row.due.principal + row.due.interest >= ledger.unit_minor


def _overdue_minor(ledger: LoanLedger, day: date) -> int:
    eve = day - timedelta(days=1)
    return sum(row.open.principal + row.open.interest for row in ledger.late_rows(ledger.at(eve)) if row.due_on < day)


def follow(state: Delinquency, steps: Sequence[Step], until: date, *, is_loss_from: date | None = None) -> Delinquency:
    """Return the first delinquency at the end of `until`, from the state on the first step's day.

    What is known now counts: where the first step is current already, the stretch reported before is over. Becoming current
    (under 30 days) by money ends a stretch, and the next begins anew. By a plan it only sets it aside. From
    `is_loss_from` on (charged off, repossessed ...) nothing ends it any more.
    """
    for number, step in enumerate(steps):
        is_lost = is_loss_from is not None and step.from_on >= is_loss_from
        if number or state.first_on:
            state = _entered(state, step, is_lost=is_lost)
        end = steps[number + 1].from_on - timedelta(days=1) if number + 1 < len(steps) else until
        if step.first_open_on is None or state.first_on is not None:
            continue
        reached = step.first_open_on + timedelta(days=DELINQUENT_DAYS)
        if reached <= end:
            state = Delinquency(state.set_aside_on or reached)
    return state


def _entered(state: Delinquency, step: Step, *, is_lost: bool) -> Delinquency:
    """Return the state once the step's own change is made."""
    if state.to_make_good_minor or state.set_aside_on:
        left = max(state.to_make_good_minor - step.paid_minor, 0)
        state = state._replace(to_make_good_minor=left, set_aside_on=state.set_aside_on if left else None)
    if is_lost or state.first_on is None or days_at(step.first_open_on, step.from_on) >= DELINQUENT_DAYS:
        return state
    if step.by_plan and step.overdue_before_minor > step.paid_minor:
        return Delinquency(None, state.first_on, step.overdue_before_minor - step.paid_minor)
    return Delinquency()


def rating_of(days: int) -> str:
    """Return 0 to 6: current, 30-59, 60-89, 90-119, 120-149, 150-179, 180 days and more past due."""
    return "0123456"[bisect_right(_EDGES, days)]


_OF_STANDING = {
    Standing.IN_COLLECTION: "G",
    Standing.CHARGED_OFF: "L",
    Standing.REPOSSESSED: "K",
    Standing.SURRENDERED: "J",
}


def history_byte(standing: Standing, was: Standing, days: int) -> str:
    """Return what a month's end stands as in the payment history; of an ended loan, what it was before."""
    return _OF_STANDING.get(standing) or _OF_STANDING.get(was) or rating_of(days)


def month_code(standing: Standing, days: int, *, is_due: bool) -> str:
    """Return PBOC's status of a month: * nothing due and nothing owed, N paid as agreed, 1-7 by days late, B, C, G.

    Source: dictionaries of open-source PBOC reporters (read): 1 is 1-30 days, 2 31-60 ... 6 151-180, 7 over 180; B bad debt,
    C closed by payment, G ended otherwise. D, M and Z are in them too; nothing here writes those.
    """
    if standing in _ENDS:
        return _ENDS[standing]
    if days:
        return str(min((days + 29) // 30, 7))
    return "N" if is_due else "*"


_ENDS = {Standing.PAID: "C", Standing.SETTLED: "G", Standing.TRANSFERRED: "G", Standing.CHARGED_OFF: "B"}


def five_grade(standing: Standing, days: int, was: Standing = Standing.OPEN) -> FiveGrade:
    """Return the class by risk, by days alone: normal when current or paid, then special mention, from 91 days substandard,
    from 271 doubtful, from 361 loss.

    By the edges of the measures on risk classes of financial assets of commercial banks (2023), articles 10-13, as recalled:
    overdue at all, 90, 270 and 360 days. A lender's own judgement may be stricter; what is charged off is a loss, and so is
    the thing taken at least substandard.
    """
    if standing is Standing.PAID:
        return FiveGrade.NORMAL
    if standing is Standing.CHARGED_OFF or was is Standing.CHARGED_OFF or days > 360:
        return FiveGrade.LOSS
    if days > 270:
        return FiveGrade.DOUBTFUL
    if days > 90 or standing in (Standing.REPOSSESSED, Standing.SURRENDERED):
        return FiveGrade.SUBSTANDARD
    return FiveGrade.SPECIAL_MENTION if days else FiveGrade.NORMAL


def month_end(day: date) -> date:
    """Return the last day of its month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def month_ends(after: date, before: date) -> list[date]:
    """Return the months' last days from the month of `after` up to, not including, the month of `before`."""
    return list(_month_ends(month_end(after), before.replace(day=1)))


@lru_cache(maxsize=1024)
def _month_ends(first: date, until: date) -> tuple[date, ...]:
    found = []
    day = first
    while day < until:
        found.append(day)
        day = month_end(day + timedelta(days=1))
    return tuple(found)


def pushed(history: str, bytes_newest_last: Iterable[str], months: int = HISTORY_MONTHS, fill: str = "B") -> str:
    """Return the history with more months in front, cut and filled to its length; an empty `fill` leaves it shorter."""
    newest_first = "".join(reversed("".join(bytes_newest_last))) + (history.rstrip(fill) if fill else history)
    return newest_first[:months].ljust(months, fill) if fill else newest_first[:months]


def rolled(previous: CreditAccount, as_of: date) -> str:
    """Return this month's history from the month before: its status in front, D for months that were not reported."""
    missed = "D" * len(month_ends(previous.as_of_on, as_of)[1:])
    return pushed(previous.history, history_byte(previous.standing, previous.was, previous.days_past_due) + missed)


def rolled_codes(previous: CreditAccount, as_of: date, code: str) -> str:
    """Return the PBOC codes up to this month: its own in front, # for months that were not reported."""
    missed = month_ends(previous.as_of_on, as_of)[1:]
    return pushed(previous.month_codes, "#" * len(missed) + code, MONTH_CODES, "")
