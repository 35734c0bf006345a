"""Vectors with a loan and a timeline: what happened is done to our kernel, what was expected is compared with it."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from app.domain.account_rows import AccountRow
from app.domain.contracts import Disbursement, Method
from app.domain.delinquency import days_in_arrears
from app.domain.errors import ValidationError
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.replay import Account
from app.domain.splits import Split
from tests.vectors.fields import Fields
from tests.vectors.loans import late_terms_of
from tests.vectors.other_ways import (
    LATE_PRINCIPAL,
    NO_PAID_DATE,
    OVERLAP,
    PAID_OUT_ON_DUE_DAY,
    ROUNDED_SUM,
    rows_by_rounded_sums,
    rows_with_payouts_before_their_day,
)
from tests.vectors.outcomes import ChosenDifference, Malformed, Mismatch, Refused, check, day
from tests.vectors.played_loans import PlayedLoan, RowsOf

KINDS = frozenset(
    {
        "schedule", "payment_recalculation", "allocation", "delinquency", "payoff", "payoff_quote", "overdue_interest",
        "penalty", "charges", "restructure",
    }
)  # fmt: skip
"""Families whose vectors may be a loan and a timeline (README.md of the vectors)."""
TEXTS = ("name", "type", "basis", "penalty")
"""Fields of a row that are no amounts, numbers or days."""


class Timeline(PlayedLoan):
    """One loan, and what the vector expects of it at each point."""

    def expect(self, event: Fields) -> None:
        look: Callable[[Fields], None] | None = getattr(self, f"expect_{event['expect']}", None)
        if look is None:
            raise Refused(f"the expectation {event['expect']}")
        if "as_of" in event:
            check("as_of", day(event["as_of"]), self.today)
        look(event)

    # --- delinquency ---------------------------------------------------------------------------------------------------

    def expect_delinquency(self, event: Fields) -> None:
        late = self.late_rows()
        oldest = late[0].due_on if late else None
        figures = {
            "classification": self.tags["class"],
            "delinquent_amount": sum(sum(row.open) for row in late),
            "delinquent_since": None if oldest is None else (oldest + timedelta(days=self.rule.tolerance_days)).isoformat(),
            "delinquent_days": 0 if oldest is None else days_in_arrears(oldest, self.today, self.rule, self.pauses),
            "past_due_days": 0 if oldest is None else (self.today - oldest).days,
        }
        next_due = self._next_due()
        names = ("next_payment_due_date", "next_payment_due_on", "next_due_date", "next_due_on", "next_payment_due")
        figures |= dict.fromkeys(names, next_due.isoformat() if next_due else None)
        others = figures | {
            "classification": self.other_tags["class"],
            "delinquent_days": 0 if oldest is None else self.days_less_whole_pauses(oldest, self.rule),
        }
        wanted = {key: event[key] for key in figures if key in event}
        if "delinquent_amount" in wanted:
            wanted["delinquent_amount"] = self.money(wanted["delinquent_amount"])
        if not wanted:
            raise Malformed(f"{event.path} expects no figure")
        self._compare("delinquency", wanted, {k: figures[k] for k in wanted}, {k: others[k] for k in wanted})

    def _next_due(self) -> date | None:
        unpaid = [row.due_on for row in self.account().rows if any(row.open)]
        ahead = [due_on for due_on in unpaid if due_on >= self.today]
        return next(iter(unpaid if self.earliest else ahead or unpaid), None)

    def expect_next_payment_due_date(self, event: Fields) -> None:
        key = next((key for key in event if key not in ("expect", "as_of")), None)
        if key is None:
            raise Malformed(f"{event.path} names no day")
        wanted = event[key]
        next_due = self._next_due()
        check(f"next payment due on {self.today}", wanted, next_due.isoformat() if next_due else None)

    expect_next_due = expect_next_payment_due = expect_next_payment_due_date

    def expect_instalment_delinquency(self, event: Fields) -> None:
        wanted = {row["range"]: self.money(row["amount"]) for row in event.children("rows")}
        self._compare("instalments by class", wanted, self.tags["rows"], self.other_tags["rows"])

    def expect_delinquency_range(self, event: Fields) -> None:
        late = self.late_rows()
        since = (late[0].due_on + timedelta(days=self.rule.tolerance_days)).isoformat() if late else None
        wanted = (event["range"], event.get("delinquent_since"))
        self._compare("class", wanted, (self.tags["class"], since), (self.other_tags["class"], since))

    def _compare(self, what: str, wanted: Any, ours: Any, others: Any) -> None:
        if wanted != ours and wanted == others:
            check(f"{what} on {self.today} the other way", wanted, others)
            raise ChosenDifference(f"{OVERLAP}, on {self.today}")
        check(f"{what} on {self.today}", wanted, ours)

    # --- schedules, transactions, totals -------------------------------------------------------------------------------

    def shown_rows(self) -> list[dict[str, Any]]:
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
        return bool(self.contract.on_actual_balance and not any(any(row.due) for row in rest))

    def _same(self, what: str, wanted: Fields, got: dict[str, Any], but: tuple[str, ...] = ()) -> None:
        """Compare every field that we have too; one that we do not have stays unread, and so is refused by name."""
        for key in wanted:
            if key not in got or key in but:
                continue
            value, ours = wanted[key], got[key]
            if key in ("n", "days", *TEXTS):
                check(f"{what} {key}", value, ours)
            elif key in ("date", "paid_date", "due_on"):
                check(f"{what} {key}", day(value) if value else None, ours)
            else:
                check(f"{what} {key}", self.money(value), ours)

    def expect_schedule(self, event: Fields) -> None:
        shown, wanted, difference = self.shown_rows(), event.children("rows"), False
        for theirs, ours in zip(wanted, shown, strict=False):
            of_nothing = theirs.get("paid_date") and not ours.get("paid_date") and not ours.get("due")
            chosen = bool(of_nothing and self.restructured is None)
            self._same(f"on {self.today} row {theirs['n']}", theirs, ours, but=("paid_date",) if chosen else ())
            difference |= chosen
        check(f"rows on {self.today}", len(wanted), len(shown))
        if difference:
            raise ChosenDifference(NO_PAID_DATE)

    def expect_totals(self, event: Fields) -> None:
        shown, values = [row for row in self.shown_rows() if row["n"]], event.child("values")
        for key in values:
            if shown and key in shown[0]:
                check(f"total {key} on {self.today}", self.money(values[key]), sum(row[key] for row in shown))

    def expect_transactions(self, event: Fields) -> None:
        wanted, left = event.children("rows"), self.shown_transactions()
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
        paid_out: list[tuple[date, int, Disbursement | LedgerEntry]] = [(each.on, -1, each) for each in self.disbursed]
        money = [(e.effective_on, k, e) for k, e in enumerate(self.entries) if e.kind is not EntryKind.CHARGE]
        for on, _, each in sorted([*paid_out, *money], key=lambda item: item[:2]):
            if isinstance(each, Disbursement):
                balance += each.amount_minor
                line = {"date": on, "type": "disbursement", "amount": each.amount_minor, "loan_balance": balance}
                found.append(line | Split()._asdict())
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
            line = {"date": on, "type": kind, "amount": moved, "loan_balance": 0}
            found.append(line | Split(principal=moved)._asdict())
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
                continue
            for levied in row.levied:  # a charge has a day of its own, before that of the row it falls into
                if self.job_on and levied.due_on < self.job_on and (closed is None or levied.due_on < closed):
                    lines.append(_income(levied.due_on, [0, levied.fees_minor, levied.penalties_minor]))
                    income = [income[0], income[1] - levied.fees_minor, income[2] - levied.penalties_minor]
            rest = [so_far + more for so_far, more in zip(rest, income, strict=True)]
        if closed and any(rest):
            lines.append(_income(closed, rest))
        return lines

    def expect_charges(self, event: Fields) -> None:
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
            amounts = [fee.of(row, self.contract.principal_minor) for row in self.rows]
            paid_fees = sum(row.due[2] - row.open[2] for row in account.rows)
            shown.append(_charge(fee.penalty, None, basis, sum(amounts), min(sum(amounts), paid_fees)))
        check(f"charges on {self.today}", len(event.children("rows")), len(shown))
        wanted = sorted(event.children("rows"), key=lambda row: (row.get("due") or "", row["amount"]))
        ours = sorted(shown, key=lambda row: (str(row["due"] or ""), row["amount"]))
        for theirs, mine in zip(wanted, ours, strict=True):
            check("charge due", day(theirs["due"]) if theirs.get("due") else None, mine["due"])
            self._same(f"charge of {theirs.get('due')}", theirs, mine, but=("due",))

    def expect_status(self, event: Fields) -> None:
        account = self.account()
        still = sum(sum(row.open) for row in account.rows)
        status = "active" if still else "overpaid" if account.unapplied_minor else "closed_obligations_met"
        check("status", event["value"], status)

    def expect_outstanding(self, event: Fields) -> None:
        check("outstanding", self.money(event["amount"]), sum(sum(row.open) for row in self.account().rows))

    def expect_all_instalments_paid(self, event: Fields) -> None:
        check("open instalments", [], [row.row_no for row in self.account().rows if any(row.open)])


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


def _other_ways(timeline: Timeline) -> list[tuple[str, RowsOf | None]]:
    """Return the chosen differences that may bear on this loan, each with how it makes the rows."""
    contract, found = timeline.contract, list[tuple[str, RowsOf | None]]()
    if contract.on_actual_balance and not timeline.progressive:
        found.append((LATE_PRINCIPAL, None))
    whole_plan = not contract.on_actual_balance and contract.method is not Method.FLAT
    if contract.disbursements and contract.annual_rate and whole_plan and not (contract.down_payment or contract.fees):
        found.append((ROUNDED_SUM, rows_by_rounded_sums))
    if {each.on for each in contract.disbursements} & {row.due_on for row in timeline.rows} and not timeline.progressive:
        found.append((PAID_OUT_ON_DUE_DAY, rows_with_payouts_before_their_day))
    return found


def _expected_the_other_way(timeline: Timeline, event: Fields) -> str | None:
    """Return the chosen difference that alone explains why an expectation is not met."""
    for choice, other_rows in _other_ways(timeline):
        timeline.other_way, timeline.other_rows = choice, other_rows
        try:
            timeline.expect(event)
        except (Mismatch, ChosenDifference, ValidationError):
            continue
        else:
            return choice
        finally:
            timeline.other_way, timeline.other_rows = "", None
    return None


def run_timeline(vector: Fields) -> None:
    """Replay one vector. A chosen difference is raised only after everything else was found equal."""
    if vector["kind"] not in KINDS:
        raise Refused(f"a timeline of kind {vector['kind']}")
    timeline = Timeline(vector.child("loan"))
    differences: list[ChosenDifference] = []
    for event in vector.children("timeline"):
        if "do" in event:
            timeline.do(event)
            continue
        try:
            timeline.expect(event)
        except ChosenDifference as difference:
            differences.append(difference)
        except Mismatch:
            choice = _expected_the_other_way(timeline, event)
            if choice is None:
                raise
            differences.append(ChosenDifference(choice))
    if differences:
        raise differences[0]
