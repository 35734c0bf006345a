"""Many borrowers, loans, plans, payments, tape rows or holds of one feed in one unit of work, each with its own outcome.

What is done to one number twice is done in the order given; apart from that items do not see each other, and one that is
refused leaves the others as they are. The engine decides about the borrowers at its next sweep, as after a file.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from app.domain.book import BorrowerValues, LoanValues, PaymentResult, PaymentValues, PlanValues, PutResult
from app.domain.errors import CurrencyMismatchError, DomainError, NotFoundError, ValidationError
from app.domain.hold_terms import HoldValues
from app.domain.tapes import TapeValues
from app.domain.times import business_date
from app.persistence.models.lenders import LenderRow
from app.persistence.queries.borrowers import find_borrowers_of_lender
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loan_heads
from app.persistence.unit_of_work import Work
from app.services.borrowers import put_borrowers
from app.services.contracts import contract_problem, put_contract_plans
from app.services.holds import Teller, put_holds
from app.services.loans import plan_problem, put_loans, put_plans
from app.services.money_moves import follow_ledger
from app.services.payments import record_payments
from app.services.tapes import put_tapes

_T = TypeVar("_T")
Outcome = PutResult | PaymentResult | DomainError


@dataclass(frozen=True, slots=True)
class BorrowerItem:
    """A borrower with the core's counter."""

    values: BorrowerValues
    source_version: int | None


@dataclass(frozen=True, slots=True)
class LoanItem:
    """A loan with its plan, where one is given, and the core's counter."""

    values: LoanValues
    plan: PlanValues | None
    source_version: int | None


@dataclass(frozen=True, slots=True)
class PlanItem:
    """A plan; `currency` None: the rows do not agree on one."""

    values: PlanValues
    currency: str | None


@dataclass(frozen=True, slots=True)
class HoldItem:
    """A hold of a borrower; `is_over`: the core says that it has ended."""

    borrower_no: str
    values: HoldValues
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Feed:
    """Whose feed it is, and when."""

    work: Work
    lender: LenderRow
    now: datetime
    origin: str

    @classmethod
    def of(cls, work: Work, lender_id: str, *, now: datetime, origin: str) -> "Feed":
        """Return the feed of a lender."""
        return cls(work, get_lender(work.session, lender_id), now, origin)

    def put_borrowers(self, items: Sequence[BorrowerItem]) -> list[Outcome]:
        """Put borrowers; return what became of each, in their order."""

        def put(part: Sequence[BorrowerItem]) -> Sequence[Outcome]:
            versions = _versions({item.values.borrower_no: item.source_version for item in part})
            return put_borrowers(
                self.work, [item.values for item in part], now=self.now, origin=self.origin, source_version=versions
            )

        return _in_rounds(items, lambda item: item.values.borrower_no, put)

    def put_loans(self, items: Sequence[LoanItem]) -> list[Outcome]:
        """Put loans with their plans. Of an item whose plan cannot be one, nothing is put."""

        def put(part: Sequence[LoanItem]) -> Sequence[Outcome]:
            wrong: dict[str, Outcome] = {
                item.values.loan_no: problem
                for item in part
                if (problem := plan_problem(item.plan) if item.plan else contract_problem(item.values))
            }
            good = [item for item in part if item.values.loan_no not in wrong]
            versions = _versions({item.values.loan_no: item.source_version for item in good})
            values = [item.values for item in good]
            results = put_loans(self.work, self.lender, values, now=self.now, origin=self.origin, source_version=versions)
            found: dict[str, Outcome] = dict(zip((each.loan_no for each in values), results, strict=True))
            planned = [item.plan for item in good if item.plan and isinstance(found[item.values.loan_no], PutResult)]
            plans = put_plans(self.work, self.lender, planned, now=self.now, origin=self.origin)
            for given, plan in zip(planned, plans, strict=True):
                found[given.loan_no] = _with_plan(found[given.loan_no], plan)
            unplanned = [item.values.loan_no for item in good if not item.plan]
            made = put_contract_plans(self.work, self.lender, unplanned, now=self.now)
            found |= {number: _with_plan(found[number], plan) for number, plan in made.items()}
            return [(found | wrong)[item.values.loan_no] for item in part]

        results = _in_rounds(items, lambda item: item.values.loan_no, put)
        self._rebuild(results)
        return results

    def put_plans(self, items: Sequence[PlanItem]) -> list[Outcome]:
        """Put plans of loans that exist."""
        heads = find_loan_heads(self.work.session, self.lender.id, {item.values.loan_no for item in items})

        def put(part: Sequence[PlanItem]) -> Sequence[Outcome]:
            wrong = {
                item.values.loan_no: CurrencyMismatchError(f"Loan {item.values.loan_no} is in {head.currency}.")
                for item in part
                if (head := heads.get(item.values.loan_no)) is not None and head.currency != item.currency
            }
            good = [item.values for item in part if item.values.loan_no not in wrong]
            put = iter(put_plans(self.work, self.lender, good, now=self.now, origin=self.origin))
            return [wrong.get(item.values.loan_no) or next(put) for item in part]

        results = _in_rounds(items, lambda item: item.values.loan_no, put)
        self._rebuild(results)
        return results

    def record_payments(self, items: Sequence[PaymentValues]) -> list[Outcome]:
        """Record payments in the order given."""
        results: list[Outcome] = [*record_payments(self.work, self.lender, items, now=self.now, origin=self.origin)]
        self._rebuild(results)
        return results

    def put_tapes(self, as_of: date, items: Sequence[TapeValues]) -> list[Outcome]:
        """Keep what the core says of loans at the end of `as_of`. Raises ValidationError for a day that has not come."""
        if as_of > max(business_date(self.now, self.lender.zone), self.now.date()):
            raise ValidationError(f"The tape is of {as_of}, which is in the future.")

        def put(part: Sequence[TapeValues]) -> Sequence[Outcome]:
            return put_tapes(self.work, self.lender.id, as_of, part, now=self.now)

        return _in_rounds(items, lambda item: item.loan_no, put)

    def put_holds(self, items: Sequence[HoldItem], *, decide: bool = False) -> list[Outcome]:
        """Put holds of borrowers who have a loan of this lender, in the order given. `decide`: at once, not at the sweep."""
        known = find_borrowers_of_lender(self.work.session, self.lender.id, {item.borrower_no for item in items})
        told = [(known[item.borrower_no], item.values, item.is_over) for item in items if item.borrower_no in known]
        teller = Teller(f"core:{self.lender.code}", self.lender.id)
        put = iter(put_holds(self.work, told, teller=teller, now=self.now, decide=decide))
        return [next(put) if item.borrower_no in known else _unknown(item.borrower_no) for item in items]

    def _rebuild(self, results: Sequence[Outcome]) -> None:
        changed = {result.id for result in results if isinstance(result, PutResult) and result.changed}
        changed |= {
            result.loan_id
            for result in results
            if isinstance(result, PaymentResult) and result.status == "recorded" and result.loan_id
        }
        follow_ledger(self.work, changed, now=self.now)


def _in_rounds(
    items: Sequence[_T], key: Callable[[_T], Hashable], put: Callable[[Sequence[_T]], Sequence[Outcome]]
) -> list[Outcome]:
    """Put items so that each number is in a round once, and first things come first; return outcomes in their order."""
    rounds: list[list[int]] = []
    times: dict[Hashable, int] = {}
    for index, item in enumerate(items):
        number = times.get(key(item), 0)
        times[key(item)] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(index)
    found: dict[int, Outcome] = {}
    for indexes in rounds:
        found |= dict(zip(indexes, put([items[index] for index in indexes]), strict=True))
    return [found[index] for index in range(len(items))]


def _unknown(borrower_no: str) -> DomainError:
    return NotFoundError(f"There is no borrower {borrower_no} with a loan of yours; send borrower and loan first.")


def _versions(given: Mapping[str, int | None]) -> dict[str, int]:
    return {number: version for number, version in given.items() if version is not None}


def _with_plan(loan: Outcome, plan: PutResult | DomainError) -> Outcome:
    """Return what became of a loan and its plan together."""
    if isinstance(plan, DomainError) or not isinstance(loan, PutResult):
        return plan
    return PutResult(loan.id, loan.created, loan.changed or plan.changed, loan.conflicts)
