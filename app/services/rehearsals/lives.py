"""One borrower's life in a rehearsal: facts become known, time passes, `decide` is asked, and what it says is noted.

The order of things is the engine's: facts of an instant are known before the decision at that instant; what was decided
leaves before the clock moves; the next look is when `decide` said, or when a fact becomes known, whichever is sooner.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from app.domain.cases import Case, DecisionKey
from app.domain.decided import Decided, Verdict
from app.domain.decisions import decide
from app.domain.ledger import LedgerEntry
from app.domain.plans import PlanVersion
from app.domain.policies import Rules
from app.domain.times import local_instant, rfc3339
from app.persistence.queries.gathered import Gathered
from app.persistence.queries.rehearsed_books import BorrowerBook, BorrowerPast
from app.services.hindsight import synthetic_device
from app.services.rehearsals.loans import PAYS_AT, RehearsedLoan
from app.services.rehearsals.memory import Memory
from app.services.rehearsals.people import KnownPerson
from app.services.rehearsals.promises import KnownPromises
from app.services.rehearsals.settings import RehearsalSettings

MOST_LOOKS_AT_ONE_INSTANT = 50


@dataclass(slots=True)
class Looked:
    """What one look came to: handed to whoever counts."""

    at: datetime
    case: Case
    decided: Decided


@dataclass(slots=True)
class Record:
    """One decision with its events, by natural keys, as the digest has it."""

    loan: RehearsedLoan
    last: Verdict
    outcome: str
    reason: str
    events: list[dict[str, Any]] = field(default_factory=list)


class Life:
    """One borrower under one set of rules. `run` once."""

    def __init__(
        self, book: BorrowerBook, rules: Rules, settings: RehearsalSettings, *, starts_at: datetime, remembers: bool
    ) -> None:
        self._rules, self._settings = rules, settings
        self._starts_at, self._ends_at = starts_at, settings.ends_at
        self.borrower_no: str = book.head.borrower_no
        self._head = _head(book.head, remembers=remembers)
        token = synthetic_device(self.borrower_no, seed=settings.seed, percent=settings.devices_percent)
        self._person = KnownPerson(book, starts_at=starts_at, has_synthetic_device=token is not None)
        self._promises = KnownPromises(book.promises)
        self._memory = Memory(book.past if remembers else BorrowerPast(), seen=settings.delivery == "seen")
        self.loans = {
            row.id: RehearsedLoan(row, versions, entries, starts_at=starts_at) for row, versions, entries in book.loans
        }
        self.records: dict[DecisionKey, Record] = {}
        self.looks: list[Looked] = []
        self._coming = self._facts_to_come()

    def run(self) -> None:
        """Live from the start to the end."""
        wake: datetime | None = self._starts_at
        at, looks = self._starts_at, 0
        while True:
            fact_at = self._coming[-1][0] if self._coming else None
            following = min((each for each in (wake, fact_at) if each is not None), default=None)
            if following is None or following >= self._ends_at:
                return
            looks = looks + 1 if following <= at else 0
            if looks > MOST_LOOKS_AT_ONE_INSTANT:
                raise RuntimeError(f"The borrower is looked at again and again at {rfc3339(at)}.")
            at = max(at, following)
            has_changed = self._learn(at)
            wake = self._look(at, has_changed)

    # -- facts ---------------------------------------------------------------------------------------------------------

    def _facts_to_come(self) -> list[tuple[datetime, str, Any]]:
        """Return (instant, loan id, fact) of what becomes known in the stretch, the last one first."""
        coming: list[tuple[datetime, str, Any]] = []
        for loan in self.loans.values():
            if self._settings.payments == "history":
                coming += [(fact.recorded_at, loan.id, fact) for fact in loan.later if fact.recorded_at < self._ends_at]
            elif self._settings.payments == "scheduled":
                coming += [(local_instant(on, PAYS_AT, loan.zone), loan.id, on) for on in loan.due_dates()]
        coming.sort(key=lambda each: each[0], reverse=True)
        return coming

    def _learn(self, at: datetime) -> bool:
        """Have the loans know all that is known by `at`; return whether something was new."""
        known: dict[str, list[PlanVersion | LedgerEntry]] = {}
        while self._coming and self._coming[-1][0] <= at:
            _, loan_id, fact = self._coming.pop()
            told = fact if isinstance(fact, PlanVersion | LedgerEntry) else self.loans[loan_id].pay_as_scheduled(fact)
            if told is not None:
                known.setdefault(loan_id, []).append(told)
        for loan_id, facts in known.items():
            self.loans[loan_id].learn(facts)
        return bool(known)

    # -- looks ---------------------------------------------------------------------------------------------------------

    def _look(self, at: datetime, has_changed: bool) -> datetime | None:
        """Ask `decide`, keep what it said, and return when to look next."""
        case = self._case(at, has_changed)
        decided = decide(case, self._rules, at)
        if decided.verdicts or decided.contacts or decided.rungs or decided.tasks:
            self.looks.append(Looked(at, case, decided))
        self._memory.take(decided, at)
        for verdict in decided.verdicts:
            self._note(verdict)
        head = self._head
        if case.decided_until is not None and case.decided_zone != case.zone:
            head.zone_since = at
        head.decided_until = max(at, case.decided_until or at)
        head.decided_zone = case.zone
        return decided.next_wake

    def _case(self, at: datetime, has_changed: bool) -> Case:
        self._head.case_version = 1 if has_changed else 0
        parts = Gathered(self._head)
        horizon = at.date() + timedelta(days=self._rules.lead_days + 2)
        for loan in self.loans.values():
            loan.add_to(parts, at, horizon)
        for paid in parts.paid_loans:
            paid.add_closings(parts)
        for replanned in parts.replanned_loans:
            replanned.add_replaced(parts)
        self._person.add_to(parts, at)
        self._promises.add_to(parts, self.loans, at)
        self._memory.add_to(parts, at, self._rules, changed=has_changed)
        return parts.build().case

    def _note(self, verdict: Verdict) -> None:
        record = self.records.get(verdict.key)
        if record is None:
            loan = self.loans[verdict.loan_id]
            record = self.records[verdict.key] = Record(loan, verdict, verdict.outcome.value, verdict.reason.value)
        elif not verdict.is_note:
            record.outcome, record.reason = verdict.outcome.value, verdict.reason.value
        record.last = verdict
        record.events.append(
            {
                "outcome": verdict.outcome.value,
                "reason": verdict.reason.value,
                "channels": list(verdict.channels),
                "not_before": rfc3339(verdict.not_before) if verdict.not_before else None,
            }
        )

    def digest_record(self, record: Record) -> dict[str, Any]:
        """Return a record as `iterate_digest_records` yields it."""
        key = record.last.key
        return {
            "lender": record.loan.lender_code,
            "borrower_no": self.borrower_no,
            "loan_no": record.loan.loan_no,
            "row_no": record.last.row_no,
            "anchor_no": key.anchor_no,
            "step": key.step_key,
            "events": record.events,
        }


def _head(row: Any, *, remembers: bool) -> Any:
    """The borrower's columns and those of the agenda, which the rehearsal moves on by itself."""
    values = dict(row._mapping)
    if not remembers:
        values |= {"decided_until": None, "decided_zone": None, "zone_since": None}
    return SimpleNamespace(**values, case_version=0, decided_version=0, inbox_state=0)
