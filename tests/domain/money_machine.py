"""A loan that lives at random, with plain integers beside it: hypothesis looks for the history that makes them differ.

Money comes in and goes out on any day up to today, claims are levied and given up, entries are undone, the plan is made
anew, days pass. After each step the account must hold every unit the model counted; at the end of a life the history, the
order of arrival and what was answered on the way must all agree.
"""

from datetime import date, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.domain.allocation import Surplus
from app.domain.allocation_history import allocation_history
from app.domain.errors import ValidationError
from app.domain.ledger import EntryKind, LedgerEntry, check_entry, counting
from app.domain.periods import MONTHLY
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import Position, position_at, replay
from app.domain.quotes import payoff_quote
from app.domain.replans import re_age, re_amortise, reschedule
from app.domain.replay import Account, allocate, terms_under
from app.domain.splits import Split
from app.domain.terms import EarlySettlement, LoanTerms
from tests.builders.random_ledgers import known_at
from tests.builders.random_loans import RandomLoan, loans

MONEY = (EntryKind.REPAYMENT, EntryKind.WAIVER)
amounts = st.integers(0, 300) | st.integers(0, 3_000_000)
days_back = st.sampled_from([0, 0, 0]) | st.integers(0, 60)


class MoneyMachine(RuleBasedStateMachine):
    """One loan. `spread_minor` is the model: money in less money out, without what was undone."""

    loan: RandomLoan
    today: date

    @initialize(loan=loans(most_rows=6))
    def disburse(self, loan: RandomLoan) -> None:
        self.loan, self.today, self.seconds = loan, loan.contract.starts_on, 0
        self.entries: dict[str, LedgerEntry] = {}
        self.versions = [PlanVersion(1, loan.rows, self.now())]
        self.money: dict[str, int] = {}
        self.answers: list[tuple[date, datetime, Position]] = []

    # --- what the book does ---------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        self.seconds += 1
        return known_at(self.today, self.seconds)

    def record(self, entry: LedgerEntry) -> None:
        """Keep an entry once: one that is sent again has the id it had."""
        check_entry(entry, today=self.today)
        if entry.entry_id in self.entries:
            return
        self.entries[entry.entry_id] = entry
        if entry.kind in MONEY or entry.kind is EntryKind.REFUND:
            self.money[entry.entry_id] = -entry.amount_minor if entry.kind is EntryKind.REFUND else entry.amount_minor
        elif entry.reverses:
            self.money.pop(entry.reverses, None)

    def add(self, kind: EntryKind, amount_minor: int, back: int = 0, **more: Any) -> LedgerEntry:
        on = max(self.today - timedelta(days=back), self.loan.contract.starts_on)
        entry = LedgerEntry(f"e{len(self.entries):04}", kind, amount_minor, on, self.now(), **more)
        self.record(entry)
        return entry

    @property
    def rows(self) -> tuple[PlanRow, ...]:
        return self.versions[-1].rows

    @property
    def terms(self) -> LoanTerms:
        return terms_under(self.versions[-1], self.loan.terms)

    def account(self) -> Account:
        account = allocate(self.rows, self.entries.values(), self.terms)
        account.accrue(self.today)
        return account

    def position(self, as_of: date, known: datetime | None = None, entries: list[LedgerEntry] | None = None) -> Position:
        given = list(self.entries.values()) if entries is None else entries
        snapshot = replay(self.loan.lent_minor, self.versions, given, as_of, known, self.loan.terms)
        return position_at(snapshot, as_of, terms=self.loan.terms)

    # --- what happens ---------------------------------------------------------------------------------------------------

    @rule(days=st.integers(1, 45))
    def let_days_pass(self, days: int) -> None:
        self.today += timedelta(days=days)

    @rule(amount=amounts, back=days_back, surplus=st.none() | st.sampled_from(Surplus))
    def pay(self, amount: int, back: int, surplus: Surplus | None) -> None:
        self.add(EntryKind.REPAYMENT, amount, back, surplus=surplus)

    @rule(amount=amounts, back=days_back, place=st.integers(0, 7))
    def pay_a_row_by_its_number(self, amount: int, back: int, place: int) -> None:
        """Only rows there are: a number nobody has yet would name a row that a later plan makes."""
        self.add(EntryKind.REPAYMENT, amount, back, row_no=self.rows[place % len(self.rows)].row_no)

    @rule(
        parts=st.builds(Split, amounts, st.integers(0, 500), st.integers(0, 50), st.just(0)),
        back=days_back,
        row_no=st.none() | st.just(1),
    )
    def pay_as_the_source_divides_it(self, parts: Split, back: int, row_no: int | None) -> None:
        self.add(EntryKind.REPAYMENT, parts.total, back, split=parts, row_no=row_no)

    @rule()
    def pay_exactly_what_is_due(self) -> None:
        due = sum(sum(row.open) for row in self.account().rows if row.due_on <= self.today)
        self.add(EntryKind.REPAYMENT, due)
        classes = [stage.when for stage in self.loan.terms.strategy.stages]
        if classes == sorted(classes):
            assert not any(any(row.open) for row in self.account().rows if row.due_on <= self.today)
            assert self.position(self.today).days_past_due == 0

    @rule()
    def pay_the_payoff_quote(self) -> None:
        before = self.account().unapplied_minor
        quote = payoff_quote(self.rows, list(self.entries.values()), self.today, self.terms)
        self.add(EntryKind.REPAYMENT, quote.total_minor)
        account = self.account()
        assert not any(any(row.open) for row in account.rows)
        if quote.total_minor:  # nothing to pay: interest paid ahead may be more than is open, under a new plan
            assert account.unapplied_minor == max(before, 0)  # below zero: given back, and the payment bounced

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def undo_an_entry(self, data: st.DataObject) -> None:
        standing = [entry for entry in counting(self.entries.values()) if entry.kind is not EntryKind.CHARGE_OFF]
        if standing:
            undone = data.draw(st.sampled_from(standing))
            self.add(EntryKind.REVERSAL, undone.amount_minor, reverses=undone.entry_id)

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def send_an_entry_again(self, data: st.DataObject) -> None:
        before = self.account()
        self.record(data.draw(st.sampled_from(list(self.entries.values()))))
        assert self.account() == before

    @rule(amount=amounts, back=days_back)
    def give_a_claim_up(self, amount: int, back: int) -> None:
        self.add(EntryKind.WAIVER, amount, back)

    @rule()
    def give_back_what_is_over(self) -> None:
        over = self.account().unapplied_minor
        if over > 0:
            self.add(EntryKind.REFUND, over)
            assert self.account().unapplied_minor == 0

    @rule(fees=st.integers(0, 900), penalties=st.integers(0, 900), back=days_back, due_in=st.none() | st.integers(-9, 60))
    def levy_a_charge(self, fees: int, penalties: int, back: int, due_in: int | None) -> None:
        due_on = None if due_in is None else self.today + timedelta(days=due_in)
        split = Split(fees=fees, penalties=penalties)
        self.add(EntryKind.CHARGE, split.total, back, split=split, due_on=due_on)

    @rule()
    def charge_off(self) -> None:
        before = self.position(self.today)
        self.add(EntryKind.CHARGE_OFF, max(before.outstanding_minor, 0))  # below 0 where a source paid too much principal
        assert self.position(self.today) == before

    @rule(how=st.sampled_from(["re-age", "re-amortise", "reschedule"]), count=st.integers(1, 4))
    def make_a_new_plan(self, how: str, count: int) -> None:
        before = self.account()
        try:
            rows = self._replanned(before, how, count)
        except ValidationError:
            return
        assert len({row.row_no for row in rows}) == len(rows)
        self.versions.append(PlanVersion(len(self.versions) + 1, rows, self.now(), self.today))
        if how != "reschedule" and self._is_moved_whole():
            after = self.account()
            assert sum(sum(row.open) for row in after.rows) == sum(sum(row.open) for row in before.rows)
            assert after.unapplied_minor == before.unapplied_minor

    def _replanned(self, account: Account, how: str, count: int) -> tuple[PlanRow, ...]:
        entries = list(self.entries.values())
        if how == "re-age":
            return re_age(account, entries, self.today, self.today + timedelta(days=5), MONTHLY, count)
        if how == "re-amortise":
            return re_amortise(account, entries, self.today)
        return reschedule(account.rows, self.loan.contract, self.today, extra_rows=count, annual_rate=Fraction(1, 10))

    def _is_moved_whole(self) -> bool:
        """Whether the rows are all that is owed on any day: early settlement and the actual balance change them."""
        terms = self.loan.terms
        return terms.early_settlement is EarlySettlement.AS_PLANNED and terms.contract is None

    @rule(days=st.integers(-90, 90))
    def ask_for_a_position(self, days: int) -> None:
        as_of, at = self.today + timedelta(days=days), self.now()
        self.answers.append((as_of, at, self.position(as_of, at)))

    # --- what holds -----------------------------------------------------------------------------------------------------

    @invariant()
    def every_unit_is_somewhere(self) -> None:
        account = self.account()
        held = sum(each.split.total + each.unapplied_minor for each in account.allocations)
        assert held == sum(self.money.values())
        for row in account.rows:
            assert all(0 <= still <= due for still, due in zip(row.open, row.due, strict=True))
            assert row.paid_on is None or not any(row.open)

    @invariant()
    def a_position_adds_up(self) -> None:
        position = self.position(self.today)
        due = position.due_to_date
        assert position.outstanding_minor == position.principal_outstanding_minor + due.interest + due.fees + due.penalties
        assert 0 <= position.overdue_minor <= due.total
        assert (position.days_past_due > 0) == (position.overdue_minor > 0)
        if not any(entry.split and entry.kind in MONEY for entry in counting(self.entries.values())):
            account = self.account()
            twice = max(-account.unapplied_minor, 0)  # given back, and then the payment bounced
            assert position.principal_outstanding_minor == sum(row.open[0] for row in account.rows) + twice
            assert position.unapplied_minor >= 0

    def teardown(self) -> None:
        if not hasattr(self, "loan"):
            return
        entries, terms = list(self.entries.values()), self.loan.terms
        allocations = allocate(self.rows, entries, self.terms).allocations
        history = allocation_history(self.versions, entries, terms)
        kept = [each.allocation for each in history if each.replaced_at is None]
        assert sorted(kept, key=repr) == sorted(allocations, key=repr)
        shuffled = Random(len(entries)).sample(entries, len(entries))
        assert self.position(self.today, entries=shuffled) == self.position(self.today)
        snapshot = replay(self.loan.lent_minor, self.versions, entries, terms=terms)
        if (snapshot.last_effective_on or date.min) <= self.today <= (snapshot.holds_until or date.max):
            assert position_at(snapshot, self.today, terms=terms) == self.position(self.today)
        for as_of, known, answer in self.answers:
            assert self.position(as_of, known) == answer
