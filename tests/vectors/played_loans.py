"""A loan as the events of a timeline leave it: what happened is done to our kernel.

The classes of delinquency are tags that the source's nightly job sets, never while a pause runs; ours are computed for any
day. So the loan asks our kernel when the source's job would have run, and keeps the answer until it runs again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

from app.domain.account_rows import AccountRow
from app.domain.allocation import Surplus
from app.domain.amortisation import down_payment_minor, plan_rows
from app.domain.charges import Fee, FeeBasis
from app.domain.contracts import Contract, Disbursement
from app.domain.delinquency import DelinquencyRule, Pause, class_of, days_in_arrears
from app.domain.ledger import EntryKind, LedgerEntry, standing
from app.domain.periods import Frequency
from app.domain.plans import PlanRow
from app.domain.quotes import pay_off
from app.domain.replans import re_age, re_amortise, reschedule
from app.domain.replay import Account
from app.domain.splits import Split
from app.domain.terms import LoanTerms
from tests.vectors.fields import Fields
from tests.vectors.loans import UNITS, contract_of, first_paid_out, late_terms_of, strategy_of, surplus_named
from tests.vectors.other_ways import LATE_PRINCIPAL, LatestPeriodOnly
from tests.vectors.outcomes import Refused, day, minor

AT = datetime(2000, 1, 1, tzinfo=UTC)
RANGES = DelinquencyRule(
    (1, 4, 31, 61, 91, 121, 151, 181, 241),
    tuple(f"RANGE_{n}" for n in (1, 3, 30, 60, 90, 120, 150, 180, 240)),
)
MONEY_KINDS = {
    "repay": "repayment",
    "repayment": "repayment",
    "goodwill_credit": "goodwill_credit",
    "merchant_issued_refund": "merchant_issued_refund",
    "payout_refund": "payout_refund",
}
RowsOf = Callable[[Contract], tuple[PlanRow, ...]]


@dataclass
class PlayedLoan:
    """One loan, its entries and what the source's job last said of it."""

    loan: Fields
    contract: Contract = field(init=False)
    rows: tuple[PlanRow, ...] = ()
    today: date = date.min
    entries: list[LedgerEntry] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    surplus: dict[str, Surplus] = field(default_factory=dict)
    surplus_of: dict[str, Surplus] = field(default_factory=dict)
    fees: list[tuple[str, Fee]] = field(default_factory=list)
    charges: dict[str, tuple[str, str]] = field(default_factory=dict)
    disbursed: list[Disbursement] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    job_on: date | None = None
    replanned: bool = False
    """Whether the rows are those of a plan agreed later, not the contract's."""
    restructured: tuple[date, str, int] | None = None
    settled: set[int] = field(default_factory=set)
    """Rows that were open until a new plan moved what was open of them away."""
    tags: dict[str, Any] = field(default_factory=dict)
    other_tags: dict[str, Any] = field(default_factory=dict)
    earliest: bool = True
    """Whether the next row is the earliest unpaid one."""
    other_way: str = ""
    """The choice (`other_ways.py`) to play the source's way; empty: ours."""
    other_rows: RowsOf | None = None
    """How that choice makes the rows, where it makes them otherwise."""

    def __post_init__(self) -> None:
        """Read the whole loan, so that what is not understood is named before anything is played."""
        self.contract = contract_of(self.loan)
        self.rows = plan_rows(self.contract)
        for transaction, rule in self.loan.get("future_allocation_by_transaction", {}).items():
            self._allocate_future(transaction, rule)
        self.tags = self.other_tags = {"class": "NO_DELINQUENCY", "rows": {}}
        self.rule = replace(RANGES, tolerance_days=int(self.loan.get("grace_on_arrears_ageing_days") or 0))
        self.digits = int(self.loan.get("currency_digits", 2))
        self.auto_down_payment = bool(self.loan.get("auto_down_payment"))
        self.terms()
        self.loan.refuse_unread()

    @property
    def progressive(self) -> bool:
        return bool(self.loan["allocation_strategy"] == "advanced_payment_allocation")

    # --- what our kernel says ------------------------------------------------------------------------------------------

    def terms(self) -> LoanTerms:
        contract = self.contract if self.contract.on_actual_balance else None
        days = self.contract.down_payment_days
        return LoanTerms(
            strategy_of(self.loan),
            late_terms_of(self.loan),
            contract=contract,
            starts_on=self.contract.starts_on,
            down_payment_days=days,
        )

    def account(self) -> Account:
        """Play the entries; each kind of money may go elsewhere with its surplus, so each is spread by its own strategy."""
        terms = self.terms()
        rows = self.other_rows(self.contract) if self.other_rows and not self.replanned else self.rows
        account = Account(rows, terms)
        if self.other_way == LATE_PRINCIPAL and terms.contract is not None:
            account._actual = LatestPeriodOnly(terms.contract, account.rows)
        for entry in standing(self.entries):
            rule = self.surplus_of.get(entry.entry_id)
            account.terms = replace(terms, strategy=strategy_of(self.loan, rule)) if rule else terms
            account.apply(entry)
        if self.job_on or (terms.contract and self.disbursed):
            account.accrue(self.job_on or self.today) if terms.contract is None else account.accrue(self.today)
        for row in account.rows:
            if self.restructured and row.row_no in self.settled and not any(row.open):
                row.paid_on = self.restructured[0]
        return account

    def money(self, value: Any) -> int:
        return minor(value, self.digits)

    def _add(self, kind: EntryKind, amount: int, on: date, **more: Any) -> LedgerEntry:
        number = len(self.entries)
        entry = LedgerEntry(f"e{number:04}", kind, amount, on, AT + timedelta(seconds=number), **more)
        self.entries.append(entry)
        return entry

    # --- what happened -------------------------------------------------------------------------------------------------

    def do(self, event: Fields) -> None:
        """Do one event; a field of it that nobody read is refused by name."""
        name = event["do"]
        if name in MONEY_KINDS:
            self.do_repay(event, MONEY_KINDS[name])
        else:
            act: Callable[[Fields], None] | None = getattr(self, f"do_{name}", None)
            if act is None:
                raise Refused(f"{name} in a timeline")
            act(event)
        event.refuse_unread()

    def do_set_today(self, event: Fields) -> None:
        self.today = day(event["date"])

    def do_enable(self, event: Fields) -> None:
        """Interest is worked out for any day anyway."""
        if "interest recalculation" not in str(event["what"]):
            raise Refused(f"to enable {event['what']}")

    def do_set_configuration(self, event: Fields) -> None:
        """Which row is next: the earliest that is unpaid, or the next unpaid one after today. Both are always known here."""
        named = [str(value) for key, value in event.items() if key != "do"]
        if not any("next" in text or "earliest" in text for text in named):
            raise Refused(f"the configuration {', '.join(named)}")
        self.earliest = any("earliest" in text for text in named)

    do_configure = do_set_config = do_set_rule = do_set_next_payment_due_rule = do_set_configuration

    def do_set_future_allocation(self, event: Fields) -> None:
        self._allocate_future(event["transaction"], event["rule"])

    def _allocate_future(self, transaction: str, rule: str) -> None:
        if transaction != "default" and transaction not in MONEY_KINDS.values():
            raise Refused(f"future allocation of {transaction}")
        self.surplus[transaction] = surplus_named(rule)

    def do_disburse(self, event: Fields) -> None:
        on, amount = day(event["date"]), self.money(event["amount"])
        if not self.disbursed:
            self.contract = first_paid_out(self.contract, self.loan, amount, on)
        else:
            self.contract = replace(self.contract, disbursements=(*self.contract.disbursements, Disbursement(on, amount)))
        self.disbursed.append(Disbursement(on, amount))
        self._plan_again("money paid out after a new plan: the plan agreed stands")
        if self.contract.down_payment and self.auto_down_payment:
            row = next(row for row in self.rows if row.due_on == on)
            entry = self._add(EntryKind.REPAYMENT, down_payment_minor(self.contract, amount), on, row_no=row.row_no)
            self.types[entry.entry_id] = "down_payment"

    def _plan_again(self, otherwise: str) -> None:
        """Make the contract's rows; `otherwise` is why not, where they are no longer the loan's."""
        if self.replanned:
            raise Refused(otherwise)
        self.contract = replace(self.contract, fees=tuple(fee for _, fee in self.fees))
        self.rows = plan_rows(self.contract)

    def do_repay(self, event: Fields, kind: str = "repayment") -> None:
        if self.restructured and day(event["date"]) < self.restructured[0]:
            raise Refused("money with a value date before a new plan: the plan agreed stands")
        entry = self._add(EntryKind.REPAYMENT, self.money(event["amount"]), day(event["date"]))
        self.types[entry.entry_id] = kind
        if self.progressive:
            self.surplus_of[entry.entry_id] = self.surplus.get(kind, self.surplus.get("default", Surplus.NEXT))
        self._tag()

    def do_add_charge(self, event: Fields) -> None:
        penalty = event.one_of("kind", {"penalty": True, "fee": False}, "fee")
        name, amount = event.get("name", "charge"), self.money(event["amount"])
        if event.get("due"):
            self._charge(name, amount, day(event["due"]), penalty, "Flat")
        else:
            self._fee("Flat", Fee(name, amount_minor=amount, penalty=penalty))

    def _charge(self, name: str, amount: int, due_on: date, penalty: bool, basis: str) -> None:
        split = Split(penalties=amount) if penalty else Split(fees=amount)
        entry = self._add(EntryKind.CHARGE, amount, self.today, split=split, due_on=due_on)
        self.charges[entry.entry_id] = (name, basis)

    def _fee(self, basis: str, fee: Fee) -> None:
        self.fees.append((basis, fee))
        self._plan_again("a fee of each row after a new plan: the plan agreed stands")

    def do_add_percent_charge(self, event: Fields) -> None:
        of_principal = event.first_of("percent_of_principal", "percent_of_amount")
        percent = event.get("percent") if of_principal is None else of_principal
        name, penalty = str(event.get("name", "")), event.one_of("kind", {"penalty": True, "fee": False}, "fee")
        share = Fraction(str(percent or 0)) / 100
        if event.get("due"):
            if of_principal is None:
                raise Refused("a charge of a percentage of something else than the principal, due on a day")
            amount = share * self.contract.principal_minor
            self._charge(name, round(amount), day(event["due"]), penalty, "% Amount")
            return
        if "disbursement" in name:
            raise Refused("a fee taken out of the money paid out")
        if of_principal is None:
            fee, basis = Fee(name, FeeBasis.PERCENT_OF_INSTALMENT, share=share, penalty=penalty), "% Loan Amount + Interest"
        else:
            fee, basis = Fee(name, FeeBasis.PERCENT_OF_INSTALMENT_PRINCIPAL, share=share, penalty=penalty), "% Amount"
        self._fee(basis, fee)

    def do_end_of_day(self, event: Fields) -> None:
        self.job_on = self.today
        if not any(pause.start <= self.today <= (pause.end or date.max) for pause in self.pauses):
            self._tag()

    def do_pause_delinquency(self, event: Fields) -> None:
        self.pauses.append(Pause(day(event["start"]), day(event["end"])))

    def do_resume_delinquency(self, event: Fields) -> None:
        on = day(event["start"])
        self.pauses = [p._replace(end=on) if p.start <= on <= (p.end or date.max) else p for p in self.pauses]

    def do_pay_off(self, event: Fields) -> None:
        on = day(event["date"])
        owed, _ = pay_off(self.rows, self.entries, on, self.terms())
        entry = self._add(EntryKind.REPAYMENT, owed.total, on)
        self.types[entry.entry_id] = "repayment"

    # --- new plans -----------------------------------------------------------------------------------------------------

    def do_re_age(self, event: Fields) -> None:
        account = self.account()
        frequency = Frequency(int(event["every"]), event.one_of("unit", UNITS))
        moved = sum(row.open[0] for row in account.rows)
        count = int(event["number_of_instalments"])
        start = day(event["start_date"])
        rows = re_age(account, self.entries, self.today, start, frequency, count, multiple_minor=self._multiple())
        self._restructure(account, rows, self.today, "re-age", moved)

    def do_re_amortise(self, event: Fields) -> None:
        on, account = day(event["date"]), self.account()
        moved = sum(row.open[0] for row in account.rows if row.due_on <= on)
        rows = re_amortise(account, self.entries, on, multiple_minor=self._multiple())
        self._restructure(account, rows, on, "re-amortize", moved)

    def _multiple(self) -> int:
        return self.contract.instalment_multiple_minor

    def _restructure(self, before: Account, rows: tuple[PlanRow, ...], on: date, kind: str, moved: int) -> None:
        was_open = {row.row_no for row in before.rows if any(row.open) and row.due_on <= on}
        self.rows, self.replanned, self.restructured = rows, True, (on, kind, moved)
        self.settled = {row.row_no for row in self.account().rows if row.row_no in was_open and not any(row.open)}
        self._tag()

    def do_reschedule(self, event: Fields) -> None:
        rate, moved_to = event.get("new_interest_rate"), event.get("adjusted_due_date")
        self.rows = reschedule(
            self.account().rows,
            self.contract,
            day(event["reschedule_from_date"]),
            extra_rows=int(event.get("extra_terms") or 0),
            principal_grace=int(event.get("grace_on_principal") or 0),
            interest_grace=int(event.get("grace_on_interest") or 0),
            annual_rate=None if rate is None else Fraction(str(rate)) / 100,
            first_due_on=day(moved_to) if moved_to else None,
        )
        self.replanned = True

    # --- the source's nightly job --------------------------------------------------------------------------------------

    def late_rows(self) -> list[AccountRow]:
        return [row for row in self.account().rows if row.due_on < self.today and any(row.open)]

    def _tag(self) -> None:
        late = self.late_rows()
        whole = replace(self.rule, tolerance_days=0)
        self.tags = self._classes(
            late, self.rule, whole, lambda due, rule: days_in_arrears(due, self.today, rule, self.pauses)
        )
        self.other_tags = self._classes(late, self.rule, whole, self.days_less_whole_pauses)

    def _classes(self, late: list[AccountRow], rule: DelinquencyRule, by_row: DelinquencyRule, days: Any) -> dict[str, Any]:
        classes: dict[str, int] = {}
        whole = class_of(days(late[0].due_on, rule), RANGES) if late else "current"
        for row in late if whole != "current" else ():  # the source sorts no row while the loan as a whole is tolerated
            name = class_of(days(row.due_on, by_row), RANGES)
            if name != "current":
                classes[name] = classes.get(name, 0) + sum(row.open)
        return {"class": "NO_DELINQUENCY" if whole == "current" else whole, "rows": classes}

    def days_less_whole_pauses(self, due_on: date, rule: DelinquencyRule) -> int:
        """What a product counts that takes an ended pause off whole, also its days before the arrears."""
        if self.today <= due_on:
            return 0
        paused = sum((min(p.end or self.today, self.today) - p.start).days for p in self.pauses if p.start <= self.today)
        return max((self.today - due_on).days - rule.tolerance_days - paused, 0)
