"""Which loans a line of the lender's bank statement pays: matched beyond doubt, or listed for a person. Never guessed.

What a line says of its loan, strongest first: a creditor reference whose check digits hold; the account it came in on, where
that is a loan's own; the payer's account, the loan's number in the words, or a reference with one typing error, each only
together with an amount that agrees with what is due. An amount alone matches nothing: half of a book pays the same.
The money received is booked as it is: parts of a match always add up to the line.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate, combinations

from app.domain.money import currency_exponent


class State(StrEnum):
    """Where a line stands."""

    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    """Two or more loans fit equally well."""
    UNMATCHED = "unmatched"
    IGNORED = "ignored"
    """Not for a loan: a person said so, or its money went back before it was matched."""


class How(StrEnum):
    """By what a line was matched."""

    EXACT_REFERENCE = "exact_reference"
    ACCOUNT = "account"
    AMOUNT = "amount"
    """The loan's number in the words, and an amount that is due on it."""
    TOLERANT = "tolerant"
    """The amount lies within the tolerance of what is due, or the reference has one typing error."""
    SPLIT = "split"
    """One transfer for several loans of one payer."""
    TOLD = "told"
    """The core told of the same money before; nothing is booked a second time."""
    RETURN = "return"
    """Money that went back: what the line it names had paid is reversed."""
    MANUAL = "manual"


MOVES: Mapping[State, frozenset[State]] = {
    State.UNMATCHED: frozenset({State.MATCHED, State.AMBIGUOUS, State.IGNORED, State.UNMATCHED}),
    State.AMBIGUOUS: frozenset({State.MATCHED, State.UNMATCHED, State.IGNORED, State.AMBIGUOUS}),
    State.IGNORED: frozenset({State.MATCHED}),
    State.MATCHED: frozenset(),
}
"""What may become of a line. What is matched is in the ledger and is only taken back there, by a return or a reversal."""


@dataclass(frozen=True, slots=True)
class MatchRules:
    """How far a match may go; a lender may change each. Amounts are in major units of the line's currency.

    `tolerance`: how far an amount may lie from what is due, both ways and inclusive. Source: standing orders of a Czech bank
    (PKDD'99), of which 323 in 682 differ from the instalment by up to 0.50.
    """

    tolerance: Decimal = Decimal("0.50")
    waive_short: Decimal = Decimal(0)
    """Up to how much of what a matched line falls short of everything due is given up at once; 0: it stays owed."""
    days_around: int = 10
    """Rows due up to so many days after the line count as due."""
    rows_ahead: int = 3
    """How many of the next rows say what the payer usually pays, once something is due."""
    most_loans_of_split: int = 10
    """Beyond so many loans of one payer only the sum of all is looked for."""
    any_amount_by_account: bool = False
    """Whether money from a payer's account that pays one loan only is for it whatever the amount."""
    loan_numbers_are_references: bool = False
    """Whether a loan's number in the reference field is as good as a reference: where the lender gives it out as such."""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement on the lender's account. `amount_minor` is positive for money in; `booked_on` its value date."""

    reference: str
    booked_on: date
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class LoanDue:
    """A loan as far as a line may pay it: its open rows by due date, and everything owed on it."""

    loan_id: str
    loan_no: str
    borrower_id: str
    currency: str
    rows: tuple[tuple[date, int], ...] = ()
    """(due_on, open minor units), ascending, none of them 0."""
    outstanding_minor: int = 0
    regular: tuple[int, ...] = ()
    """Amounts of the standing orders of its account."""

    def due_by(self, on: date) -> int:
        """Return what is open of rows due up to that day."""
        return sum(open_minor for due_on, open_minor in self.rows if due_on <= on)

    def paid(self, amount_minor: int) -> "LoanDue":
        """Return the loan after so much more was paid on it, the oldest row first."""
        left, rows = amount_minor, []
        for due_on, open_minor in self.rows:
            taken = min(left, open_minor)
            left -= taken
            if open_minor > taken:
                rows.append((due_on, open_minor - taken))
        return replace(self, rows=tuple(rows), outstanding_minor=max(self.outstanding_minor - amount_minor, 0))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a line says of loans, as ids of loans."""

    referenced: frozenset[str] = frozenset()
    """Of creditor references whose check digits hold."""
    corrected: frozenset[str] = frozenset()
    """Of references that one typing error makes into what the line says."""
    own_account: frozenset[str] = frozenset()
    """Of the account the money came in on, where that is the loan's own."""
    payer_account: frozenset[str] = frozenset()
    numbered: frozenset[str] = frozenset()
    """Whose loan numbers stand in the words."""
    numbered_as_reference: frozenset[str] = frozenset()
    """Whose loan numbers are all that the reference field says."""

    @property
    def all(self) -> frozenset[str]:
        """Every loan the line may speak of."""
        return self.referenced | self.corrected | self.own_account | self.payer_account | self.numbered


@dataclass(frozen=True, slots=True)
class Part:
    """What of a line goes to a loan."""

    loan_id: str
    amount_minor: int
    told_as: str | None = None
    """The payment reference under which the core told of it before."""


@dataclass(frozen=True, slots=True)
class Match:
    """What became of a line. `why`: stable words for what spoke for it; `candidates`: loans a person may look at first."""

    state: State
    how: How | None = None
    parts: tuple[Part, ...] = ()
    candidates: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    short_minor: int = 0
    """By how much the line is less than everything due that it was for; negative: it is more."""
    waived_minor: int = 0
    """What of that is given up by the lender's rules, on the loan of the last part."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """How well an amount agrees with one that a loan expects; a lower rank is better."""

    rank: int
    expected: str
    """due, next, all or standing_order."""
    short_minor: int

    @property
    def is_exact(self) -> bool:
        return self.short_minor == 0

    @property
    def words(self) -> tuple[str, ...]:
        return (f"amount_{self.expected}",) if self.is_exact else (f"amount_{self.expected}", "within_tolerance")


@dataclass(frozen=True)
class Matcher:
    """Matches lines against loans under one lender's rules."""

    rules: MatchRules = field(default_factory=MatchRules)

    def tolerance_minor(self, currency: str) -> int:
        """Return the tolerance in whole minor units, rounded down: 50 of USD, 0 of JPY, 500 of KWD."""
        return minor_down(self.rules.tolerance, currency)

    def match(self, line: StatementLine, evidence: Evidence, loans: Mapping[str, LoanDue]) -> Match:
        """Return what the line pays. `loans` has every loan of the evidence and all others of the same borrowers.

        Loans in another currency than the line's are no candidates.
        """
        found = self._match(line, evidence, loans)
        if found.state is State.MATCHED and 0 < found.short_minor <= minor_down(self.rules.waive_short, line.currency):
            return replace(found, waived_minor=found.short_minor, why=(*found.why, "short_waived"))
        return found

    def _match(self, line: StatementLine, evidence: Evidence, loans: Mapping[str, LoanDue]) -> Match:
        if line.amount_minor <= 0:
            return Match(State.UNMATCHED, why=("money_out",))
        same = {key: loan for key, loan in loans.items() if loan.currency == line.currency}
        references = evidence.referenced
        if not references and self.rules.loan_numbers_are_references:
            references = evidence.numbered_as_reference
        if references:
            return self._by_reference(line, _among(same, references), same)
        own = _among(same, evidence.own_account)
        if len(own) == 1 and own[0].outstanding_minor > 0:
            return self._whole(line, own[0], How.ACCOUNT, "own_account")
        return self._by_amount(line, evidence, same)

    def fit(self, line: StatementLine, loan: LoanDue) -> "_Fit | None":
        """Return how the amount agrees with what the loan expects, or None where it does not within the tolerance."""
        tolerance = self.tolerance_minor(line.currency)
        best: _Fit | None = None
        for expected, amount in self._expected(line, loan):
            short = amount - line.amount_minor
            if abs(short) > tolerance:
                continue
            found = _Fit(2 * bool(short) + (expected != "due"), expected, short)
            if best is None or (found.rank, abs(found.short_minor)) < (best.rank, abs(best.short_minor)):
                best = found
        return best

    def _expected(self, line: StatementLine, loan: LoanDue) -> Iterable[tuple[str, int]]:
        by_then = self._counts_until(line)
        due = [open_minor for due_on, open_minor in loan.rows if due_on <= by_then]
        later = [open_minor for due_on, open_minor in loan.rows if due_on > by_then][: self.rules.rows_ahead]
        if loan.outstanding_minor > 0:
            yield "all", loan.outstanding_minor
        if not due:  # nothing is asked for yet: an amount that is due some day proves nothing
            return
        yield from (("due", amount) for amount in accumulate(due))
        yield from (("due", amount) for amount in due)
        yield from (("next", amount) for amount in later)
        if later:
            yield "next", sum(due) + later[0]
        yield from (("standing_order", amount) for amount in loan.regular)

    def _counts_until(self, line: StatementLine) -> date:
        return line.booked_on + timedelta(days=self.rules.days_around)

    def _by_reference(self, line: StatementLine, named: Sequence[LoanDue], same: Mapping[str, LoanDue]) -> Match:
        if not named:
            return Match(State.UNMATCHED, why=("reference", "other_currency"))
        if len(named) == 1:
            loan = named[0]
            if self.fit(line, loan) is None and line.amount_minor > loan.due_by(self._counts_until(line)):
                family = [each for each in same.values() if each.borrower_id == loan.borrower_id]
                split = self._split(line, family, must=loan.loan_id)
                if split is not None and split.state is State.MATCHED:
                    return replace(split, why=("reference", *split.why))
            return self._whole(line, loan, How.EXACT_REFERENCE, "reference")
        split = self._split(line, named)
        if split is not None:
            return replace(split, why=("references", *split.why))
        return Match(State.AMBIGUOUS, candidates=_ids(named), why=("references", "amount_does_not_add_up"))

    def _whole(self, line: StatementLine, loan: LoanDue, how: How, why: str) -> Match:
        found = self.fit(line, loan)
        words = found.words if found else ("nothing_owed",) if loan.outstanding_minor <= 0 else ("other_amount",)
        parts = (Part(loan.loan_id, line.amount_minor),)
        return Match(State.MATCHED, how, parts, why=(why, *words), short_minor=self._short(line, loan))

    def _short(self, line: StatementLine, loan: LoanDue) -> int:
        due = loan.due_by(self._counts_until(line))
        return due - line.amount_minor if due else 0

    def _by_amount(self, line: StatementLine, evidence: Evidence, same: Mapping[str, LoanDue]) -> Match:
        grounds = (
            ("own_account", evidence.own_account),
            ("payer_account", evidence.payer_account),
            ("loan_number", evidence.numbered),
            ("reference_mistyped", evidence.corrected),
        )
        pools = [(word, frozenset(_ids(_among(same, ids)))) for word, ids in grounds]
        pools = [(word, ids) for word, ids in pools if ids]
        if not pools:
            return Match(State.UNMATCHED, why=("nothing_said",))
        words = tuple(word for word, _ in pools)
        both = frozenset.intersection(*(ids for _, ids in pools))
        every = _among(same, frozenset.union(*(ids for _, ids in pools)))
        pool = _among(same, both) or every
        fits = {loan.loan_id: found for loan in pool if (found := self.fit(line, loan)) is not None}
        best = min((found.rank for found in fits.values()), default=None)
        if best is not None:
            first = [loan_id for loan_id, found in fits.items() if found.rank == best]
            if len(first) > 1:
                return Match(State.AMBIGUOUS, candidates=tuple(first), why=(*words, "several_fit"))
            loan = same[first[0]]
            how = _how(words, fits[loan.loan_id])
            parts = (Part(loan.loan_id, line.amount_minor),)
            why = (*(word for word, ids in pools if loan.loan_id in ids), *fits[loan.loan_id].words)
            return Match(State.MATCHED, how, parts, why=why, short_minor=self._short(line, loan))
        if len({loan.borrower_id for loan in pool}) == 1:
            split = self._split(line, pool)
            if split is not None:
                return replace(split, why=(*words, *split.why))
        owing = [loan for loan in pool if loan.outstanding_minor > 0]
        if self.rules.any_amount_by_account and len(owing) == 1 and owing[0].loan_id in evidence.payer_account:
            return self._whole(line, owing[0], How.ACCOUNT, "payer_account")
        return Match(State.UNMATCHED, candidates=_ids(every), why=(*words, "amount_does_not_fit"))

    def _split(self, line: StatementLine, loans: Sequence[LoanDue], must: str | None = None) -> Match | None:
        """Return the one way in which the line pays what is due on several of these loans, or None where there is none.

        The loan with the oldest due date comes first, then by number; a difference within the tolerance falls on the last.
        """
        until = self._counts_until(line)
        owing = sorted((loan for loan in loans if loan.due_by(until)), key=lambda loan: (loan.rows[0][0], loan.loan_no))
        if len(owing) < 2:
            return None
        due = {loan.loan_id: loan.due_by(until) for loan in owing}
        sizes = range(2, len(owing) + 1) if len(owing) <= self.rules.most_loans_of_split else [len(owing)]
        exact = [
            chosen
            for size in sizes
            for chosen in combinations(owing, size)
            if sum(due[loan.loan_id] for loan in chosen) == line.amount_minor
            if must is None or any(loan.loan_id == must for loan in chosen)
        ]
        if len(exact) > 1:
            listed = {loan.loan_id: None for chosen in exact for loan in chosen}
            return Match(State.AMBIGUOUS, candidates=tuple(listed), why=("several_sums_fit",))
        if exact:
            parts = tuple(Part(loan.loan_id, due[loan.loan_id]) for loan in exact[0])
            return Match(State.MATCHED, How.SPLIT, parts, why=("amount_sum",))
        short = sum(due.values()) - line.amount_minor
        last = owing[-1].loan_id
        if abs(short) > self.tolerance_minor(line.currency) or due[last] <= short:
            return None
        parts = tuple(Part(key, amount - short if key == last else amount) for key, amount in due.items())
        return Match(State.MATCHED, How.SPLIT, parts, why=("amount_sum", "within_tolerance"), short_minor=short)


def minor_down(amount: Decimal, currency: str) -> int:
    """Return an amount of major units in whole minor units, rounded down."""
    return int(amount.scaleb(currency_exponent(currency)))


def _how(words: Sequence[str], found: _Fit) -> How:
    if not found.is_exact or words == ("reference_mistyped",):
        return How.TOLERANT
    return How.ACCOUNT if {"own_account", "payer_account"} & set(words) else How.AMOUNT


def _among(loans: Mapping[str, LoanDue], ids: Collection[str]) -> list[LoanDue]:
    return sorted((loans[key] for key in ids if key in loans), key=lambda loan: loan.loan_no)


def _ids(loans: Iterable[LoanDue]) -> tuple[str, ...]:
    return tuple(loan.loan_id for loan in loans)
