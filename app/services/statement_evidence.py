"""What statement lines say of loans: references, accounts and loan numbers looked up for a whole batch at once.

`evidence_of` takes the agenda rows of everyone it finds, so that what is due on their loans stands until the batch is done.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from app.domain.creditor_references import corrections, references_in
from app.domain.positions import open_rows_at
from app.domain.statement_matching import Evidence, LoanDue, MatchRules
from app.domain.times import business_date
from app.persistence.models.loans import LoanRow
from app.persistence.queries import transfer_references as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.loans import find_loan_owners
from app.persistence.queries.positions import find_snapshots
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.positions import position_by
from app.services.terms import kernel_terms

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{2,63}")
_MOST_TOKENS = 20
_DECIMALS = frozenset({"tolerance", "waive_short"})


@dataclass(frozen=True, slots=True)
class LineTexts:
    """What of a line may be personal: kept sealed."""

    our_account: str | None = None
    counter_account: str | None = None
    payer: str | None = None
    payment_reference: str | None = None
    """The field for it: variable symbol, structured creditor reference, end-to-end id."""
    words: str | None = None


NO_TEXTS = LineTexts()


@dataclass(frozen=True, slots=True)
class Said:
    """The strings in a line by which a loan may be found."""

    references: tuple[str, ...]
    corrected: tuple[str, ...]
    our_account: str | None
    counter_account: str | None
    numbers: tuple[str, ...]
    whole: str | None
    """The reference field where it may be a loan's number as it stands."""

    def keys(self) -> set[str]:
        """Return what is kept of a line that waits, so that a loan which comes later finds it."""
        found = {f"reference:{each}" for each in (*self.references, *self.corrected)}
        found |= {f"account:{each}" for each in (self.our_account, self.counter_account) if each}
        return found | {f"loan:{each}" for each in self.numbers}


@dataclass
class Gathered:
    """What the lines of a batch say, line by line, and every loan they may be for."""

    evidence: list[Evidence]
    loans: dict[str, LoanDue]
    rules: MatchRules
    rows: dict[str, LoanRow]


def read_rules(stored: Mapping[str, Any] | None) -> MatchRules:
    """Return a lender's rules from what is stored of them."""
    given: dict[str, Any] = {key: Decimal(value) if key in _DECIMALS else value for key, value in (stored or {}).items()}
    return MatchRules(**given)


def said_by(texts: LineTexts) -> Said:
    """Return the strings in a line by which a loan may be found."""
    both = f"{texts.payment_reference or ''}\n{texts.words or ''}"
    named = references_in(both)
    tokens = [token.rstrip(".:-_") for token in _TOKEN.findall(both)]
    numbers = dict.fromkeys([*tokens, *(token.upper() for token in tokens)])
    fixed = dict.fromkeys(each for number in named.mistyped for each in sorted(corrections(number)))
    whole = (texts.payment_reference or "").strip()
    return Said(
        named.valid,
        tuple(each for each in fixed if each not in named.valid),
        _account(texts.our_account),
        _account(texts.counter_account),
        tuple(numbers)[:_MOST_TOKENS],
        whole or None,
    )


def key_hashes(vault: Vault, said: Said) -> list[str]:
    """Return the keyed hashes under which a waiting line is found."""
    return [vault.search_hash("statement", key).digest for key in sorted(said.keys())]


def evidence_of(work: Work, lender_id: str, lines: Sequence[Said], on: Sequence[date], *, now: datetime) -> Gathered:
    """Return what these lines say. `on`: their value dates; what is due counts up to the latest of them.

    A fixed number of statements, however many lines.
    """
    session = work.session
    referenced = queries.find_referenced(
        session, lender_id, {each for line in lines for each in (*line.references, *line.corrected)}
    )
    accounts = {each for line in lines for each in (line.our_account, line.counter_account) if each}
    paying = queries.find_paying(session, lender_id, accounts)
    numbered = find_loan_owners(session, lender_id, {number for line in lines for number in line.numbers})
    borrowers = {owner.borrower_id for owner in referenced.values()}
    borrowers |= {owner.borrower_id for owners in paying.values() for owner in owners}
    borrowers |= {borrower_id for _, borrower_id in numbered.values()}
    lock_agenda(session, borrowers)
    rows = queries.find_loans_of(session, lender_id, borrowers)
    stored = queries.find_transfer_settings(session, lender_id)
    rules = read_rules(stored.rules if stored else None)

    def ids(strings: Collection[str], known: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(known[each][0] for each in strings if each in known)

    def of_account(account: str | None) -> frozenset[str]:
        return frozenset(owner.loan_id for owner in paying.get(account or "", ()))

    evidence = [
        Evidence(
            referenced=ids(line.references, referenced),
            corrected=ids(line.corrected, referenced),
            own_account=of_account(line.our_account),
            payer_account=of_account(line.counter_account),
            numbered=ids(line.numbers, numbered),
            numbered_as_reference=ids([line.whole] if line.whole else [], numbered),
        )
        for line in lines
    ]
    loans = loans_due(work, rows, max(on, default=None), now=now)
    return Gathered(evidence, loans, rules, {row.id: row for row in rows})


def loans_due(work: Work, rows: Sequence[LoanRow], on: date | None, *, now: datetime) -> dict[str, LoanDue]:
    """Return what may be paid on these loans, with late charges up to `on` (today without it)."""
    ids = [row.id for row in rows]
    snapshots, orders = find_snapshots(work.session, ids), queries.find_orders_for(work.session, ids)
    found: dict[str, LoanDue] = {}
    for row in rows:
        due: list[tuple[date, int]] = []
        outstanding = 0
        if row.id in snapshots and row.status != "cancelled":
            snapshot, _ = snapshots[row.id]
            as_of = max(min(on or date.max, business_date(now, row.zone)), snapshot.last_effective_on or date.min)
            open_rows = open_rows_at(snapshot, as_of, kernel_terms(row).terms.late)
            due = [(each.due_on, each.open.total) for each in open_rows if each.open.total > 0]
            outstanding = position_by(snapshot, row, as_of).outstanding_minor
        found[row.id] = LoanDue(
            row.id, row.loan_no, row.borrower_id, row.currency, tuple(due), outstanding, tuple(orders.get(row.id, ()))
        )
    return found


def _account(text: str | None) -> str | None:
    return "".join(text.split()) or None if text else None
