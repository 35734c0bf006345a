"""Vectors with a loan and a timeline: what happened is done to our kernel, what was expected is compared with it.

The classes of delinquency are tags that the source's nightly job sets, never while a pause runs; ours are computed for any
day. So the timeline asks our kernel when the source's job would have run, and keeps the answer until it runs again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

from app.domain.actual_balance import ActualBalance
from app.domain.amortisation import down_payment_minor, plan_rows
from app.domain.charges import Fee, FeeBasis
from app.domain.contracts import Contract, Disbursement
from app.domain.delinquency import DelinquencyRule, Pause, class_of, days_in_arrears
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.periods import Frequency
from app.domain.plans import PlanRow
from app.domain.quotes import pay_off
from app.domain.replans import re_age, re_amortise, reschedule
from app.domain.replay import Account, AccountRow, standing
from app.domain.splits import Split
from app.domain.terms import LoanTerms
from tests.vectors.loans import SURPLUS, UNITS, contract_of, first_paid_out, late_terms_of, strategy_of
from tests.vectors.outcomes import ChosenDifference, Mismatch, Refused, check, day, minor

AT = datetime(2000, 1, 1, tzinfo=UTC)
RANGES = DelinquencyRule(
    (1, 4, 31, 61, 91, 121, 151, 181, 241),
    tuple(f"RANGE_{n}" for n in (1, 3, 30, 60, 90, 120, 150, 180, 240)),
)
LATE_PRINCIPAL = (
    "late principal bears interest for as long as it is late; the source counts only the days since the latest due date"
)
MONEY_KINDS = {
    "repay": "repayment",
    "repayment": "repayment",
    "goodwill_credit": "goodwill_credit",
    "merchant_issued_refund": "merchant_issued_refund",
    "payout_refund": "payout_refund",
}


class LatestPeriodOnly(ActualBalance[AccountRow]):
    """How Fineract's cumulative schedules recalculate: what is late bears interest since the latest due date only."""

    def project(self, today: date) -> None:
        self.latest = max((period.from_on for period in self.periods if period.from_on < today), default=date.min)
        super().project(today)

    def _interest(self, stretch: Any, today: date) -> int:
        if stretch.end <= self.latest:
            return self._rounded(stretch.k, stretch.planned, stretch.start, stretch.end)
        return super()._interest(stretch, today)


@dataclass
class Timeline:
    """One loan as a timeline leaves it."""

    loan: dict[str, Any]
    contract: Contract | None = None
    rows: tuple[PlanRow, ...] = ()
    today: date = date.min
    entries: list[LedgerEntry] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    surplus: dict[str, str] = field(default_factory=dict)
    surplus_of: dict[str, Any] = field(default_factory=dict)
    fees: list[tuple[str, Fee]] = field(default_factory=list)
    charges: dict[str, tuple[str, str]] = field(default_factory=dict)
    disbursed: list[Disbursement] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    job_on: date | None = None
    restructured: tuple[date, str, int] | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    other_tags: dict[str, Any] = field(default_factory=dict)
    earliest: bool = True
    """Whether the next row is the earliest unpaid one."""
    other_way: bool = False
    """Play the loan the source's way where ours differs on purpose."""

    def __post_init__(self) -> None:
        self.contract = contract_of(self.loan)
        self.rows = plan_rows(self.contract)
        self.surplus = dict(self.loan.get("future_allocation_by_transaction", {}))
        self.tags = self.other_tags = {"class": "NO_DELINQUENCY", "rows": {}}
        self.rule = replace(RANGES, tolerance_days=int(self.loan.get("grace_on_arrears_ageing_days") or 0))
        self.digits = int(self.loan.get("currency_digits", 2))

    # --- what our kernel says ------------------------------------------------------------------------------------------

    def terms(self) -> LoanTerms:
        contract = self.contract if self.contract and self.contract.on_actual_balance else None
        days = self.contract.down_payment_days if self.contract else ()
        return LoanTerms(strategy_of(self.loan), late_terms_of(self.loan), contract=contract, down_payment_days=days)

    def account(self) -> Account:
        """Play the entries; each kind of money may go elsewhere with its surplus, so each is spread by its own strategy."""
        terms = self.terms()
        account = Account(self.rows, terms, self.contract.starts_on if self.contract else None)
        if self.other_way and terms.contract is not None:
            account._actual = LatestPeriodOnly(terms.contract, account.rows)
        for entry in standing(self.entries):
            rule = self.surplus_of.get(entry.entry_id)
            account.terms = replace(terms, strategy=strategy_of(self.loan, rule)) if rule else terms
            account.apply(entry)
        if self.job_on or (terms.contract and self.disbursed):
            account.accrue(self.job_on or self.today) if terms.contract is None else account.accrue(self.today)
        for row in account.rows:
            if not any(row.due) and self.restructured and row.due_on < self.restructured[0]:
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

    def do_set_today(self, event: dict[str, Any]) -> None:
        self.today = day(event["date"])

    def do_enable(self, event: dict[str, Any]) -> None:
        """Interest is worked out for any day anyway."""

    def do_set_configuration(self, event: dict[str, Any]) -> None:
        """Which row is next: the earliest that is unpaid, or the next unpaid one after today. Both are always known here."""
        named = [str(value) for key, value in event.items() if key != "do"]
        if not any("next" in text or "earliest" in text for text in named):
            raise Refused(f"the configuration {', '.join(named)}")
        self.earliest = any("earliest" in text for text in named)

    do_configure = do_set_config = do_set_rule = do_set_next_payment_due_rule = do_set_configuration

    def do_set_future_allocation(self, event: dict[str, Any]) -> None:
        self.surplus[event["transaction"]] = event["rule"]

    def do_disburse(self, event: dict[str, Any]) -> None:
        on, amount = day(event["date"]), self.money(event["amount"])
        assert self.contract is not None
        if not self.disbursed:
            self.contract = replace(first_paid_out(self.contract, self.loan), principal_minor=amount, starts_on=on)
        else:
            self.contract = replace(self.contract, disbursements=(*self.contract.disbursements, Disbursement(on, amount)))
        self.disbursed.append(Disbursement(on, amount))
        self._replan()
        if self.contract.down_payment and self.loan.get("auto_down_payment"):
            row = next(row for row in self.rows if row.due_on == on)
            entry = self._add(EntryKind.REPAYMENT, down_payment_minor(self.contract, amount), on, row_no=row.row_no)
            self.types[entry.entry_id] = "down_payment"

    def _replan(self) -> None:
        assert self.contract is not None
        self.contract = replace(self.contract, fees=tuple(fee for _, fee in self.fees))
        self.rows = plan_rows(self.contract)

    def do_repay(self, event: dict[str, Any], kind: str = "repayment") -> None:
        if self.restructured and day(event["date"]) < self.restructured[0]:
            raise Refused("money with a value date before a new plan: the plan agreed stands")
        entry = self._add(EntryKind.REPAYMENT, self.money(event["amount"]), day(event["date"]))
        self.types[entry.entry_id] = kind
        if self.loan["allocation_strategy"] == "advanced_payment_allocation":
            named = self.surplus.get(kind, self.surplus.get("default", "next_instalment"))
            self.surplus_of[entry.entry_id] = SURPLUS[named]
        self._tag()

    def do_add_charge(self, event: dict[str, Any], basis: str = "Flat") -> None:
        name = event.get("name", "charge")
        penalty = event.get("kind", "fee") == "penalty"
        amount = self.money(event["amount"])
        if not event.get("due"):
            self.fees.append((basis, Fee(name, amount_minor=amount, penalty=penalty)))
            self._replan()
            return
        split = Split(penalties=amount) if penalty else Split(fees=amount)
        entry = self._add(EntryKind.CHARGE, amount, self.today, split=split, due_on=day(event["due"]))
        self.charges[entry.entry_id] = (name, basis)

    def do_add_percent_charge(self, event: dict[str, Any]) -> None:
        assert self.contract is not None
        percent = event.get("percent_of_principal") or event.get("percent_of_amount")
        if percent and event.get("due"):
            share = Fraction(str(percent)) / 100
            amount = str(share * self.contract.principal_minor / 10**self.digits)
            whole = Fraction(amount)
            self.do_add_charge({**event, "amount": f"{float(whole):.{self.digits}f}"}, "% Amount")
            return
        if event.get("due"):
            raise Refused("a charge of a percentage of something else than the principal, due on a day")
        share = Fraction(str(event.get("percent") or percent)) / 100
        name = event.get("name", "")
        if "disbursement" in name:
            raise Refused("a fee taken out of the money paid out")
        if percent:
            fee, basis = Fee(name, FeeBasis.PERCENT_OF_INSTALMENT_PRINCIPAL, share=share), "% Amount"
        else:
            fee, basis = Fee(name, FeeBasis.PERCENT_OF_INSTALMENT, share=share), "% Loan Amount + Interest"
        self.fees.append((basis, fee))
        self._replan()

    def do_end_of_day(self, event: dict[str, Any]) -> None:
        self.job_on = self.today
        if not any(pause.start <= self.today <= (pause.end or date.max) for pause in self.pauses):
            self._tag()

    def do_pause_delinquency(self, event: dict[str, Any]) -> None:
        self.pauses.append(Pause(day(event["start"]), day(event["end"])))

    def do_resume_delinquency(self, event: dict[str, Any]) -> None:
        on = day(event["start"])
        self.pauses = [p._replace(end=on) if p.start <= on <= (p.end or date.max) else p for p in self.pauses]

    def do_pay_off(self, event: dict[str, Any]) -> None:
        on = day(event["date"])
        owed, _ = pay_off(self.rows, self.entries, on, self.terms())
        entry = self._add(EntryKind.REPAYMENT, owed.total, on)
        self.types[entry.entry_id] = "repayment"

    def do_re_age(self, event: dict[str, Any]) -> None:
        account = self.account()
        frequency = Frequency(int(event["every"]), UNITS[event["unit"]])
        moved = sum(row.open[0] for row in account.rows)
        count = int(event["number_of_instalments"])
        start = day(event["start_date"])
        self.rows = re_age(account, self.entries, start, frequency, count, multiple_minor=self._multiple())
        self.restructured = (self.today, "re-age", moved)
        self._tag()

    def do_re_amortise(self, event: dict[str, Any]) -> None:
        on, account = day(event["date"]), self.account()
        moved = sum(row.open[0] for row in account.rows if row.due_on <= on)
        self.rows = re_amortise(account, self.entries, on, multiple_minor=self._multiple())
        self.restructured = (on, "re-amortize", moved)
        self._tag()

    def _multiple(self) -> int:
        return self.contract.instalment_multiple_minor if self.contract else 1

    def do_reschedule(self, event: dict[str, Any]) -> None:
        known = {
            "do", "reschedule_from_date", "submitted_on_date", "extra_terms", "grace_on_principal", "grace_on_interest",
            "new_interest_rate", "adjusted_due_date",
        }  # fmt: skip
        if set(event) - known:
            raise Refused(f"reschedule with {', '.join(sorted(set(event) - known))}")
        assert self.contract is not None
        rate = event.get("new_interest_rate")
        moved_to = event.get("adjusted_due_date")
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

    def do(self, event: dict[str, Any]) -> None:
        name = event["do"]
        if name in MONEY_KINDS:
            self.do_repay(event, MONEY_KINDS[name])
            return
        act: Callable[[dict[str, Any]], None] | None = getattr(self, f"do_{name}", None)
        if act is None:
            raise Refused(f"{name} in a timeline")
        act(event)

    # --- delinquency ---------------------------------------------------------------------------------------------------

    def _late_rows(self) -> list[AccountRow]:
        return [row for row in self.account().rows if row.due_on < self.today and any(row.open)]

    def _tag(self) -> None:
        late = self._late_rows()
        whole = replace(self.rule, tolerance_days=0)
        self.tags = self._classes(
            late, self.rule, whole, lambda due, rule: days_in_arrears(due, self.today, rule, self.pauses)
        )
        self.other_tags = self._classes(late, self.rule, whole, self._days_less_whole_pauses)

    def _classes(self, late: list[AccountRow], rule: DelinquencyRule, by_row: DelinquencyRule, days: Any) -> dict[str, Any]:
        classes: dict[str, int] = {}
        whole = class_of(days(late[0].due_on, rule), RANGES) if late else "current"
        for row in late if whole != "current" else ():  # the source sorts no row while the loan as a whole is tolerated
            name = class_of(days(row.due_on, by_row), RANGES)
            if name != "current":
                classes[name] = classes.get(name, 0) + sum(row.open)
        return {"class": "NO_DELINQUENCY" if whole == "current" else whole, "rows": classes}

    def _days_less_whole_pauses(self, due_on: date, rule: DelinquencyRule) -> int:
        """What a product counts that takes an ended pause off whole, also its days before the arrears."""
        if self.today <= due_on:
            return 0
        paused = sum((min(p.end or self.today, self.today) - p.start).days for p in self.pauses if p.start <= self.today)
        return max((self.today - due_on).days - rule.tolerance_days - paused, 0)

    def expect_delinquency(self, event: dict[str, Any]) -> None:
        check("as_of", day(event["as_of"]), self.today)
        late = self._late_rows()
        oldest = late[0].due_on if late else None
        figures = {
            "classification": self.tags["class"],
            "delinquent_amount": sum(sum(row.open) for row in late),
            "delinquent_since": None if oldest is None else (oldest + timedelta(days=self.rule.tolerance_days)).isoformat(),
            "delinquent_days": 0 if oldest is None else days_in_arrears(oldest, self.today, self.rule, self.pauses),
            "past_due_days": 0 if oldest is None else (self.today - oldest).days,
        }
        next_due = self._next_due()
        for name in ("next_payment_due_date", "next_payment_due_on", "next_due_date", "next_due_on", "next_payment_due"):
            figures[name] = next_due.isoformat() if next_due else None
        others = figures | {
            "classification": self.other_tags["class"],
            "delinquent_days": 0 if oldest is None else self._days_less_whole_pauses(oldest, self.rule),
        }
        wanted = {k: v for k, v in event.items() if k not in ("expect", "as_of")}
        if "delinquent_amount" in wanted:
            wanted["delinquent_amount"] = self.money(wanted["delinquent_amount"])
        unknown = set(wanted) - set(figures)
        if unknown:
            raise Refused(f"delinquency figures {', '.join(sorted(unknown))}")
        self._compare("delinquency", wanted, {k: figures[k] for k in wanted}, {k: others[k] for k in wanted})

    def _next_due(self) -> date | None:
        unpaid = [row.due_on for row in self.account().rows if any(row.open)]
        ahead = [due_on for due_on in unpaid if due_on >= self.today]
        return (unpaid if self.earliest else ahead or unpaid or [None])[0] if unpaid else None

    def expect_next_payment_due_date(self, event: dict[str, Any]) -> None:
        wanted = next((value for key, value in event.items() if key not in ("expect", "as_of")), None)
        next_due = self._next_due()
        check(f"next payment due on {self.today}", wanted, next_due.isoformat() if next_due else None)

    expect_next_due = expect_next_payment_due = expect_next_payment_due_date

    def expect_instalment_delinquency(self, event: dict[str, Any]) -> None:
        wanted = {row["range"]: self.money(row["amount"]) for row in event.get("rows", [])}
        self._compare("instalments by class", wanted, self.tags["rows"], self.other_tags["rows"])

    def expect_delinquency_range(self, event: dict[str, Any]) -> None:
        late = self._late_rows()
        since = (late[0].due_on + timedelta(days=self.rule.tolerance_days)).isoformat() if late else None
        wanted = (event["range"], event.get("delinquent_since"))
        self._compare("class", wanted, (self.tags["class"], since), (self.other_tags["class"], since))

    def _compare(self, what: str, wanted: Any, ours: Any, others: Any) -> None:
        if wanted != ours and wanted == others:
            raise ChosenDifference(
                f"pauses by overlap: on {self.today} the source takes an ended pause off whole, also its days before arrears"
            )
        check(f"{what} on {self.today}", wanted, ours)

    # --- schedules, transactions, totals -------------------------------------------------------------------------------

    def shown_rows(self) -> list[dict[str, Any]]:
        assert self.contract is not None
        account = self.account()
        effective = {entry.entry_id: entry.effective_on for entry in self.entries}
        start = self.contract.starts_on
        first = self.disbursed[0].amount_minor if self.disbursed else self.contract.principal_minor
        balance, before = first, start
        later = list(self.disbursed[1:])
        paid_out = {each.on for each in self.disbursed} if self.contract.down_payment else set()
        down_rows = {number for on in paid_out for number in [next((r.row_no for r in account.rows if r.due_on == on), 0)]}
        shown: list[dict[str, Any]] = [{"n": 0, "date": start, "disbursement_balance": first}]
        for number, row in enumerate(account.rows, start=1):
            if not any(row.due) and self._vanished(account.rows[number - 1 :]):
                break
            while later and later[0].on <= row.due_on:
                balance += later[0].amount_minor
                shown.append({"n": 0, "date": later[0].on, "disbursement_balance": later.pop(0).amount_minor})
            balance -= row.due[0]
            down = row.row_no in down_rows
            parts = [a for a in account.allocations if a.row_no == row.row_no]
            paid = sum(part.split.total for part in parts)
            shown.append(
                {
                    "n": number,
                    "days": 0 if down else (row.due_on - before).days,
                    "date": row.due_on,
                    "paid_date": row.paid_on,
                    "balance": balance,
                    "principal": row.due[0],
                    "interest": row.due[1],
                    "fees": row.due[2],
                    "penalties": row.due[3],
                    "due": sum(row.due),
                    "paid": paid,
                    "paid_in_advance": sum(p.split.total for p in parts if effective[p.entry_id] < row.due_on),
                    "paid_late": sum(p.split.total for p in parts if effective[p.entry_id] > row.due_on),
                    "outstanding": sum(row.open),
                }
            )
            before = before if down else row.due_on
        shown += [{"n": 0, "date": each.on, "disbursement_balance": each.amount_minor} for each in later]
        return shown

    def _vanished(self, rest: list[AccountRow]) -> bool:
        """Whether a shorter term left these rows with nothing at all."""
        return bool(self.contract and self.contract.on_actual_balance and not any(any(row.due) for row in rest))

    def _same(self, what: str, wanted: dict[str, Any], got: dict[str, Any]) -> None:
        for key, value in wanted.items():
            ours = got.get(key)
            if key in ("n", "days"):
                check(f"{what} {key}", value, ours)
            elif key in ("date", "paid_date", "due_on"):
                check(f"{what} {key}", day(value) if value else None, ours)
            elif key in ("name", "type", "basis", "penalty"):
                check(f"{what} {key}", value, ours)
            else:
                check(f"{what} {key}", self.money(value), ours or 0)

    def expect_schedule(self, event: dict[str, Any]) -> None:
        shown = self.shown_rows()
        wanted = event["rows"]
        for theirs, ours in zip(wanted, shown, strict=False):
            if self.restructured is None and theirs.get("paid_date") and not ours.get("paid_date") and not ours.get("due"):
                raise ChosenDifference("a row of nothing has no paid date; the source shows the day of the disbursement")
            self._same(f"on {self.today} row {theirs['n']}", theirs, ours)
        check(f"rows on {self.today}", len(wanted), len(shown))

    def expect_totals(self, event: dict[str, Any]) -> None:
        shown = [row for row in self.shown_rows() if row["n"]]
        for key, value in event["values"].items():
            check(f"total {key} on {self.today}", self.money(value), sum(row[key] for row in shown))

    def expect_transactions(self, event: dict[str, Any]) -> None:
        wanted, left = event["rows"], self.shown_transactions()
        if any(theirs["type"] == "accrual" for theirs in wanted):
            left += self._income_lines(self.account())
        check(f"transactions on {self.today}", len(wanted), len(left))
        for theirs in wanted:
            near = [t for t in left if t["date"] == day(theirs["date"]) and t["type"] == theirs["type"]]
            exact = [t for t in near if t["amount"] == self.money(theirs["amount"])]
            if not near:
                check(f"transaction {theirs['type']} of {theirs['date']}", theirs, None)
            ours = (exact or near)[0]
            left.remove(ours)
            self._same(f"transaction {theirs['type']} of {theirs['date']}", theirs, ours)

    def shown_transactions(self) -> list[dict[str, Any]]:
        account = self.account()
        balance = 0
        found: list[dict[str, Any]] = []
        paid_out = [(each.on, -1, each) for each in self.disbursed]
        money = [(e.effective_on, k, e) for k, e in enumerate(self.entries) if e.kind is not EntryKind.CHARGE]
        for on, _, each in sorted([*paid_out, *money], key=lambda item: item[:2]):
            if isinstance(each, Disbursement):
                balance += each.amount_minor
                found.append({"date": on, "type": "disbursement", "amount": each.amount_minor, "loan_balance": balance})
                continue
            split = Split()
            for allocation in account.allocations:
                if allocation.entry_id == each.entry_id:
                    split = split.plus(allocation.split)
            balance -= split.principal
            line = {"date": on, "type": self.types[each.entry_id], "amount": each.amount_minor, "loan_balance": balance}
            found.append(line | split._asdict())
        if self.restructured:
            on, kind, moved = self.restructured
            found.append({"date": on, "type": kind, "amount": moved, "principal": moved, "loan_balance": 0})
        return found

    def _income_lines(self, account: Account) -> list[dict[str, Any]]:
        """Return the lines of the source's accounts, where it shows them: income due once its job ran, the rest on closing.

        Our ledger has no accounts; the lines follow from the rows all the same.
        """
        lines: list[dict[str, Any]] = []
        closed_on = max((row.paid_on for row in account.rows if row.paid_on), default=None)
        closed = closed_on if not any(any(row.open) for row in account.rows) else None
        rest = [0, 0, 0]
        for row in account.rows:
            income = row.due[1:]
            if self.job_on and row.due_on < self.job_on and any(income):
                lines.append(_income(row.due_on, income))
            else:
                rest = [so_far + more for so_far, more in zip(rest, income, strict=True)]
        if closed and any(rest):
            lines.append(_income(closed, rest))
        return lines

    def expect_charges(self, event: dict[str, Any]) -> None:
        account = self.account()
        shown: list[dict[str, Any]] = []
        for row in account.rows:
            paid = {False: row.due[2] - row.open[2], True: row.due[3] - row.open[3]}
            for levied in sorted(row.levied, key=lambda each: each.due_on):
                penalty = bool(levied.penalties_minor)
                amount = levied.penalties_minor or levied.fees_minor
                part = min(amount, paid[penalty])
                paid[penalty] -= part
                shown.append(_charge(penalty, levied.due_on, self.charges[levied.entry_id][1], amount, part))
            if row.late.charged_minor:
                base = late_terms_of(self.loan)
                assert base is not None
                basis = "% Amount" if base.fee_base.value == "principal" else "% Loan Amount + Interest"
                shown.append(
                    _charge(True, row.due_on, basis, row.late.charged_minor, min(row.late.charged_minor, paid[True]))
                )
        for basis, fee in self.fees:
            amounts = [fee.of(row, self.contract.principal_minor if self.contract else 0) for row in self.rows]
            paid_fees = sum(row.due[2] - row.open[2] for row in account.rows)
            shown.append(_charge(fee.penalty, None, basis, sum(amounts), min(sum(amounts), paid_fees)))
        check(f"charges on {self.today}", len(event["rows"]), len(shown))
        wanted = sorted(event["rows"], key=lambda row: (row.get("due") or "", row["amount"]))
        ours = sorted(shown, key=lambda row: (str(row["due"] or ""), row["amount"]))
        for theirs, mine in zip(wanted, ours, strict=True):
            check("charge due", day(theirs["due"]) if theirs.get("due") else None, mine["due"])
            fields = {k: v for k, v in theirs.items() if k not in ("name", "due")}  # a name is the source's own label
            self._same(f"charge of {theirs.get('due')}", fields, mine)

    def expect_status(self, event: dict[str, Any]) -> None:
        account = self.account()
        still = sum(sum(row.open) for row in account.rows)
        status = "active" if still else "overpaid" if account.unapplied_minor else "closed_obligations_met"
        check("status", event["value"], status)

    def expect_outstanding(self, event: dict[str, Any]) -> None:
        check("outstanding", self.money(event["amount"]), sum(sum(row.open) for row in self.account().rows))

    def expect_all_instalments_paid(self, event: dict[str, Any]) -> None:
        check("open instalments", [], [row.row_no for row in self.account().rows if any(row.open)])

    def expect(self, event: dict[str, Any]) -> None:
        look: Callable[[dict[str, Any]], None] | None = getattr(self, f"expect_{event['expect']}", None)
        if look is None:
            raise Refused(f"the expectation {event['expect']}")
        look(event)


def _income(on: date, parts: list[int]) -> dict[str, Any]:
    interest, fees, penalties = parts
    return {
        "date": on, "type": "accrual", "amount": sum(parts), "principal": 0, "interest": interest, "fees": fees,
        "penalties": penalties, "loan_balance": 0,
    }  # fmt: skip


def _charge(penalty: bool, due: date | None, basis: str, amount: int, paid: int) -> dict[str, Any]:
    return {
        "penalty": penalty, "due": due, "basis": basis, "amount": amount, "paid": paid, "outstanding": amount - paid,
    }  # fmt: skip


def run_timeline(vector: dict[str, Any]) -> None:
    """Replay one vector. A chosen difference is raised only after everything else was found equal."""
    timeline = Timeline(vector["loan"])
    differences: list[ChosenDifference] = []
    for event in vector["timeline"]:
        if "do" in event:
            timeline.do(event)
            continue
        try:
            timeline.expect(event)
        except ChosenDifference as difference:
            differences.append(difference)
        except Mismatch:
            cumulative = vector["loan"]["allocation_strategy"] != "advanced_payment_allocation"
            if not (cumulative and vector["loan"].get("interest_recalculation")):
                raise
            timeline.other_way = True
            timeline.expect(event)
            timeline.other_way = False
            differences.append(ChosenDifference(LATE_PRINCIPAL))
    if differences:
        raise differences[0]
