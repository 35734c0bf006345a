"""Lines of the lender's bank statements: taken in, matched, booked as payments, and listed for a person where none fits.

A line counts once, however often it comes. What it pays is booked through `payments.py` under `stmt:<line>`, to the cent as
it came in; money that the core told of as well is not booked twice (`told_by_lines.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import orjson

from app.domain.book import check_text
from app.domain.errors import ConflictError, DomainError, refused_at
from app.domain.money import currency_exponent
from app.domain.statement_matching import How, Match, Matcher, State, StatementLine
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.statement_lines import StatementLineRow
from app.persistence.queries import statement_lines as queries
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loans
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault, token_hash
from app.services.statement_booking import BY_RULES, Booking, Paid, book, part_rows
from app.services.statement_evidence import NO_TEXTS, LineTexts, Said, evidence_of, key_hashes, said_by
from app.services.statement_returns import settle_returns
from app.services.statement_tellings import Tellings

LONGEST = {"reference": 90, "account": 56, "payer": 140, "payment_reference": 140, "words": 500}
"""Characters of a line's texts. ISO 20022 has 35 for a structured reference and 140 for each line of words."""


@dataclass(frozen=True, slots=True)
class LineValues:
    """One movement as a bank tells it. `amount_minor` positive: money in. `texts` may name people."""

    reference: str
    booked_on: date
    amount_minor: int
    currency: str
    returns_reference: str | None = None
    texts: LineTexts = NO_TEXTS


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of a line; `is_new` False: it had come before, and nothing changed."""

    id: str
    state: State
    is_new: bool
    how: str | None = None
    why: tuple[str, ...] = ()
    parts: tuple[Paid, ...] = ()


@dataclass(frozen=True, slots=True)
class _Item:
    """A line to be matched: a new one, or one that waits."""

    id: str
    values: LineValues
    said: Said

    @property
    def line(self) -> StatementLine:
        given = self.values
        return StatementLine(given.reference, given.booked_on, given.amount_minor, given.currency)


def take_lines(work: Work, lender_id: str, batch: Sequence[LineValues], *, now: datetime) -> list[LineResult | DomainError]:
    """Take lines in and match them; return what became of each, in their order. The engine decides at its next sweep."""
    lender = get_lender(work.session, lender_id)
    known = queries.find_lines(work.session, lender.id, {values.reference for values in batch})
    seen = {head.reference: (head.id, head.content_hash) for head in known.values()}
    states = {head.id: State(head.state) for head in known.values()}
    results: dict[int, LineResult | DomainError] = {}
    items: dict[int, _Item] = {}
    for index, values in enumerate(batch):
        try:
            _check(values, business_date(now, lender.zone))
            digest = _digest(values)
            before = seen.get(values.reference)
            if before is None:
                item = _Item(new_id(), values, said_by(values.texts))
                seen[values.reference] = item.id, digest
                items[index] = item
            elif before[1] != digest:
                raise ConflictError(f"Line {values.reference} is recorded with other money or another day.")
            elif before[0] in states:
                results[index] = LineResult(before[0], states[before[0]], is_new=False)
            else:
                results[index] = LineResult(before[0], State.UNMATCHED, is_new=False)
        except DomainError as error:
            results[index] = error
    matches, loans = _match(work, lender, list(items.values()), now=now)
    paid = book(work, lender, [Booking(item.id, item.line, match) for item, match in matches], loans, now=now)
    queries.add_lines(
        work.session,
        [_line_row(work.vault, lender, item, match, now) for item, match in matches],
        [row for each in paid.values() for row in part_rows(each)],
        [
            {"lender_id": lender.id, "key_hash": each, "line_id": item.id}
            for item, match in matches
            if match.state is not State.MATCHED
            for each in key_hashes(work.vault, item.said)
        ],
    )
    fresh = {item.id: _result(item, match, paid) for item, match in matches}
    returning = [item.id for item, _ in matches if item.values.returns_reference]
    returning += [
        row.id for row in queries.find_returning(work.session, lender.id, [item.values.reference for item, _ in matches])
    ]
    settled = settle_returns(work, lender, returning, now=now) if returning else {}
    for line_id, state in settled.items():
        if line_id in fresh:
            fresh[line_id] = replace(fresh[line_id], state=state, how=How.RETURN.value if state is State.MATCHED else None)
    results |= {index: fresh[item.id] for index, item in items.items()}
    return [results[index] for index in range(len(batch))]


def match_again(work: Work, lender: LenderRow, line_ids: Sequence[str], *, now: datetime) -> int:
    """Match lines that wait once more; return how many are matched now."""
    rows = {row.id: row for row in queries.lock_lines(work.session, line_ids)}
    items = [
        _Item(row.id, values, said_by(values.texts)) for row in rows.values() for values in [values_of(work.vault, row)]
    ]
    matches, loans = _match(work, lender, items, now=now)
    paid = book(work, lender, [Booking(item.id, item.line, match) for item, match in matches], loans, now=now)
    changes = [
        {"id": item.id, **_outcome(match, now), "version": rows[item.id].version + 1}
        for item, match in matches
        if (match.state.value, list(match.why)) != (rows[item.id].state, rows[item.id].why)
    ]
    queries.set_lines(work.session, changes)
    queries.add_parts(work.session, [row for each in paid.values() for row in part_rows(each)])
    queries.forget_keys(work.session, list(paid))
    return len(paid)


def values_of(vault: Vault, row: StatementLineRow) -> LineValues:
    """Return a line as it was told."""
    return LineValues(
        row.reference, row.booked_on, row.amount_minor, row.currency, row.returns_reference, texts_of(vault, row)
    )


def texts_of(vault: Vault, row: Any) -> LineTexts:
    """Return what was told of the payer."""
    sealed = vault.open(row.texts_sealed, place=f"statement_lines.texts:{row.id}")
    return LineTexts(our_account=row.our_account, **(orjson.loads(sealed) if sealed else {}))


def _match(
    work: Work, lender: LenderRow, items: Sequence[_Item], *, now: datetime
) -> tuple[list[tuple[_Item, Match]], Mapping[str, LoanRow]]:
    """Match lines one after another, each knowing what those before it pay; return also the loans they may be for.

    Under a line's reference the core may have told of a loan that the line itself says nothing of.
    """
    if not items:
        return [], {}
    gathered = evidence_of(
        work, lender.id, [item.said for item in items], [item.values.booked_on for item in items], now=now
    )
    lines = [item.line for item in items]
    tellings = Tellings.of(work.session, lender.id, lines, gathered.loans)
    matcher, loans = Matcher(gathered.rules), dict(gathered.loans)
    found: list[tuple[_Item, Match]] = []
    for item, line, evidence in zip(items, lines, gathered.evidence, strict=True):
        match = tellings.match(line, evidence) or matcher.match(line, evidence, loans)
        if match.state is State.MATCHED and match.how is not How.TOLD:
            for part in match.parts:
                loans[part.loan_id] = loans[part.loan_id].paid(part.amount_minor)
            if match.waived_minor:
                loans[match.parts[-1].loan_id] = loans[match.parts[-1].loan_id].paid(match.waived_minor)
        found.append((item, match))
    told = {part.loan_id for _, match in found for part in match.parts} - gathered.rows.keys()
    return found, gathered.rows | {row.id: row for row in find_loans(work.session, told)}


def _check(values: LineValues, today: date) -> None:
    texts = values.texts
    for name, text in (
        ("reference", values.reference), ("reference", values.returns_reference), ("account", texts.our_account),
        ("account", texts.counter_account), ("payer", texts.payer), ("payment_reference", texts.payment_reference),
        ("words", texts.words),
    ):  # fmt: skip
        if text is not None:
            check_text(name, text, LONGEST[name])
    if not values.reference.strip() or "|" in values.reference:
        raise refused_at("/reference", "A line needs the bank's own reference, without a vertical bar in it.")
    currency_exponent(values.currency)
    if values.amount_minor == 0:
        raise refused_at("/amount", "A line moves money; its amount is 0.")
    if values.returns_reference and values.amount_minor > 0:
        raise refused_at("/returns_reference", "Only money that goes out returns an earlier line: its amount is negative.")
    if values.booked_on > today:
        raise refused_at("/booked_on", f"The day {values.booked_on} is in the future; send it when it has come.")


def _digest(values: LineValues) -> str:
    """The hash of what makes two lines the same: money and day. Words may be told better the second time."""
    content = (values.booked_on, values.amount_minor, values.currency, values.returns_reference)
    return token_hash(orjson.dumps(content).decode())


def _line_row(vault: Vault, lender: LenderRow, item: _Item, match: Match, now: datetime) -> dict[str, Any]:
    values, texts = item.values, item.values.texts
    told = {
        "counter_account": texts.counter_account,
        "payer": texts.payer,
        "payment_reference": texts.payment_reference,
        "words": texts.words,
    }
    said = {key: text for key, text in told.items() if text}
    sealed = vault.seal(orjson.dumps(said).decode(), place=f"statement_lines.texts:{item.id}") if said else None
    return {
        "id": item.id,
        "lender_id": lender.id,
        "reference": values.reference,
        "booked_on": values.booked_on,
        "amount_minor": values.amount_minor,
        "currency": values.currency,
        "returns_reference": values.returns_reference,
        "our_account": texts.our_account,
        "texts_sealed": sealed,
        "content_hash": _digest(values),
        "ignored_because": None,
        "received_at": now,
        "version": 1,
        **_outcome(match, now),
    }


def _outcome(match: Match, now: datetime) -> dict[str, Any]:
    is_matched = match.state is State.MATCHED
    return {
        "state": match.state.value,
        "how": match.how.value if match.how else None,
        "why": list(match.why),
        "candidates": list(match.candidates),
        "matched_at": now if is_matched else None,
        "matched_by": BY_RULES if is_matched else None,
    }


def _result(item: _Item, match: Match, paid: Mapping[str, Sequence[Paid]]) -> LineResult:
    how = match.how.value if match.how else None
    return LineResult(item.id, match.state, True, how, match.why, tuple(paid.get(item.id, ())))
