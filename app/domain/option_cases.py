"""What a plan option is worked out from: one loan as it stands at the end of a day, and what is known of its borrower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise

from app.domain.account_rows import AccountRow
from app.domain.allocation import Surplus
from app.domain.calendars import Calendar
from app.domain.caps import Cap
from app.domain.contracts import Contract
from app.domain.ledger import LedgerEntry
from app.domain.periods import MONTHLY, Frequency, Unit
from app.domain.plan_options import OptionKind
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import Position
from app.domain.replans import as_due
from app.domain.replay import Account, allocate
from app.domain.splits import Split
from app.domain.terms import EarlySettlement, LoanTerms


@dataclass(frozen=True, slots=True)
class EarlierAgreement:
    """An arrangement that was accepted for the loan before. `ended_on` None: it stands."""

    kind: OptionKind
    accepted_on: date
    ended_on: date | None = None
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class EarlierAgreements:
    """All of them, in any order."""

    all: tuple[EarlierAgreement, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether one is active."""
        return any(each.ended_on is None for each in self.all)

    @property
    def last_ended_on(self) -> date | None:
        """The day the last of them ended; None where none has."""
        return max((each.ended_on for each in self.all if each.ended_on is not None), default=None)

    def count(self, kind: OptionKind, since: date | None = None) -> int:
        """Return how many of a kind were accepted, on or after a day."""
        return sum(each.kind is kind and (since is None or each.accepted_on >= since) for each in self.all)


NO_AGREEMENTS = EarlierAgreements()


@dataclass
class OptionCase:
    """One loan at the end of `today`. `entries` are those with a value date by then; `terms` are those under `version`."""

    version: PlanVersion
    entries: Sequence[LedgerEntry]
    terms: LoanTerms
    position: Position
    """As the borrower is shown it."""
    today: date
    currency: str
    principal_minor: int | None
    disbursed_on: date | None
    contract: Contract | None = None
    """None: too little is known of it to compute interest."""
    calendar: Calendar | None = None
    """Where the contract's business-day rule needs one."""
    status: str = "active"
    cap: Cap | None = None
    fees_upfront_minor: int = 0
    holds: frozenset[str] = frozenset()
    """Kinds that stand for this loan."""
    earlier: EarlierAgreements = NO_AGREEMENTS
    marks: frozenset[str] = frozenset()
    is_of_core: bool = False
    """The lender's core has other figures than ours, and the borrower is shown those."""
    refused_by_law: Mapping[OptionKind, str] = field(default_factory=dict)
    """Kinds that a law pack refuses now, with the paragraph."""
    beyond_contract: list[int] | None = field(default=None, init=False, compare=False)
    """Worked out once for all options of the case (option_rows.py)."""

    @cached_property
    def account(self) -> Account:
        """Where the entries leave the loan, with late charges up to today."""
        account = allocate(self.version.rows, self.entries, self.terms)
        account.accrue(self.today)
        return account

    @cached_property
    def rows(self) -> list[AccountRow]:
        """The account's rows that are the plan's: what is there for a charge alone is made again by each replay."""
        planned = {row.row_no for row in self.version.rows}
        return [row for row in self.account.rows if row.row_no in planned]

    @cached_property
    def past_due(self) -> list[AccountRow]:
        """Rows due before today with something open."""
        return [row for row in self.rows if row.due_on < self.today and any(row.open)]

    @cached_property
    def ahead(self) -> list[AccountRow]:
        """Rows due after today behind the last one of which something was paid: they alone can change.

        Money paid ahead was paid on the rows as they are; a row that changed under it would count it otherwise.
        """
        after = [row for row in self.rows if row.due_on > self.today]
        first = max((index for index, row in enumerate(after, start=1) if row.due != row.open), default=0)
        return after[first:]

    @cached_property
    def open(self) -> Split:
        """What is still to be paid by the plan as it stands, all in."""
        return Split(*map(sum, zip(*(row.open for row in self.account.rows), strict=True))) if self.account.rows else Split()

    @cached_property
    def paid(self) -> Mapping[int, list[int]]:
        """What was paid, by row."""
        return paid_by_row(self.account.rows)

    @cached_property
    def kept_as_due(self) -> Mapping[int, PlanRow]:
        """Each row as the plan asks for it, by its number: what an option leaves alone (`replans.as_due`)."""
        return {row.row_no: as_due(row) for row in self.rows}

    @cached_property
    def history_stays(self) -> bool:
        """Whether all that happened would come out the same whatever the rows ahead asked for.

        No entry reached them, named one, was levied on one or left something over; interest follows the plan; money paid
        early is not divided by how many rows there are; and nothing of today may settle the loan.
        """
        ahead = {row.row_no for row in self.ahead}
        last = max((row.row_no for row in self.rows), default=0)
        account, terms = self.account, self.terms
        return (
            terms.contract is None
            and len(account.rows) == len(self.rows)
            and not any(row.levied for row in self.ahead)
            and not any(each.row_no is None or each.row_no in ahead for each in account.allocations)
            and not any(
                each.surplus is Surplus.EVENLY or (each.row_no is not None and (each.row_no in ahead or each.row_no > last))
                for each in self.entries
            )
            and terms.strategy.surplus is not Surplus.EVENLY
            and (
                terms.early_settlement is EarlySettlement.AS_PLANNED
                or all(e.effective_on < self.today for e in self.entries)
            )
        )

    @property
    def next_terms(self) -> LoanTerms:
        """The terms under the next plan version, whose rows are given from today on."""
        return replace(self.terms, contract=None, settles_from=self.today)

    @property
    def frequency(self) -> Frequency:
        """How far rows lie apart: by the contract, else by the rows."""
        if self.contract is not None and not self.contract.due_dates:
            return self.contract.frequency
        return frequency_of([row.due_on for row in self.rows])

    @property
    def year_ago(self) -> date:
        """The first day of the last 12 months."""
        return self.today - timedelta(days=365)


def paid_by_row(rows: Sequence[AccountRow]) -> dict[int, list[int]]:
    """Return what was paid of each row by component, of those where something was."""
    return {
        row.row_no: [due - still for due, still in zip(row.due, row.open, strict=True)]
        for row in rows
        if row.due != row.open
    }


def frequency_of(due_on: Sequence[date]) -> Frequency:
    """Return how far due dates lie apart, by their usual distance; monthly where there is none."""
    gaps = sorted((later - earlier).days for earlier, later in pairwise(due_on) if later > earlier)
    if not gaps:
        return MONTHLY
    days = gaps[len(gaps) // 2]
    months = round(days * 12 / 365)
    if months and abs(days - months * 365 / 12) <= 3.5:
        return Frequency(months, Unit.MONTHS)
    return Frequency(days // 7, Unit.WEEKS) if days % 7 == 0 else Frequency(days, Unit.DAYS)
