"""From cells to staged rows: every cell parsed as its column says, every row checked as far as it can be alone.

Rows are looked at in chunks, so that what the book knows of their loans costs one query for many.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any

from sqlalchemy.orm import Session

from app.domain.book import LONGEST, LenderValues, check_text, check_texts
from app.domain.consents import CONSENT_CHANNELS
from app.domain.errors import DomainError, RefusedError, ValidationError
from app.domain.ledger import EntryKind
from app.domain.money import Money, currency_exponent, minor_from_text
from app.domain.times import business_date
from app.persistence.queries.loans import LoanHead, find_loan_heads
from app.services.borrowers import check_borrower
from app.services.imports import cells
from app.services.imports.maps import Column, ImportMap
from app.services.imports.reading import SourceFile
from app.services.imports.reports import MASK, ImportReport
from app.services.imports.staging import Stage
from app.services.imports.values import Context, Draft, Records, Row, Value
from app.services.lenders import check_lender
from app.services.loan_accounts import LONGEST_ACCOUNT, waiting_number
from app.services.loans import check_loan

_CHUNK = 2000
_LONGEST_TEXT = 500
_SHOWN = 80
_BLAMED = frozenset({"effective_on", "amount", "reverses"})


class CellError(Exception):
    """One cell, or the row as a whole, is refused."""

    def __init__(self, column: Column | None, value: str | None, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.value = value
        self.reason = reason


@dataclass
class Checker:
    """Checks the rows of one file for one lender and stages the good ones."""

    map: ImportMap
    records: Records
    lender: LenderValues | None
    lender_id: str | None
    session: Session
    now: datetime
    report: ImportReport
    stage: Stage
    currencies: set[str] = field(default_factory=set)
    _parsers: list[tuple[Column, Callable[..., Any] | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._parsers = [(column, self._parser(column)) for column in self.map.columns.values()]
        self._needs_loan = "loan" not in self.map.records and bool(self.records.plan_row)
        self._about_loans = bool({"loan", "tape", "plan_row", "entries", "standing_order"} & self.map.records.keys())
        self._group = self.map.columns[self.map.group_column]
        self._order = self.map.columns[self.map.key[-1]]
        self._plan_checks = self._checks_of_plan_rows()
        self._entry_columns = [
            {name: self.map.columns[given] for name, given in entry.items() if name in _BLAMED and isinstance(given, str)}
            for entry in self.map.records.get("entries", ())
        ]
        self._default_currency = self.map.currency or (self.lender.currency if self.lender else None)
        self._today = business_date(self.now, self.lender.zone if self.lender else "UTC")

    def stage_file(self, source: SourceFile) -> None:
        """Read and stage the whole file. Raises RefusedError."""
        rows = source.rows()
        while chunk := list(islice(rows, _CHUNK)):
            self._stage_chunk(source, chunk)
        self._settle()
        self.report.skipped = source.skipped
        self.report.sha256 = source.sha256

    def _stage_chunk(self, source: SourceFile, chunk: Sequence[tuple[int, list[str]]]) -> None:
        heads = self._heads(source, chunk)
        for line, texts in chunk:
            self.report.read += 1
            values: list[Any] = []
            try:
                if len(texts) != source.width:
                    raise CellError(None, None, f"has {len(texts)} cells where the header has {source.width}")
                if (counted_as := self._passed_over(texts, source.places)) is not None:
                    self.report.passed_over[counted_as] += 1
                    continue
                values = self._values(texts, source.places, heads)
                self._check(values, heads.get(values[self._group.index]))
                self.stage.add(line, str(values[self._group.index]), values[self._order.index], values)
            except CellError as error:
                self._refuse(line, texts, source.places, error)

    def _passed_over(self, texts: Sequence[str], places: Sequence[int | None]) -> str | None:
        """Return what a row that the map leaves aside is counted as; None: it is data. Raises CellError."""
        for rows in self.map.passed_over:
            column, parse = self._parsers[self.map.columns[rows.column].index]
            place = places[column.index]
            text = None if place is None else self._coded(self._text(texts[place], column), column)
            value = text if text is None or parse is None else self._parsed(column, parse, text)
            if value in rows.values:
                return rows.counted_as
        return None

    def _heads(self, source: SourceFile, chunk: Iterable[tuple[int, list[str]]]) -> dict[str, LoanHead]:
        place = source.places[self._group.index]
        if not self._about_loans or self.map.loan_by_account or self.lender_id is None or place is None:
            return {}
        numbers = {self._text(texts[place], self._group) for _, texts in chunk if len(texts) > place}
        askable = {number for number in numbers if number and len(number) <= LONGEST["loan_no"] and "\0" not in number}
        return find_loan_heads(self.session, self.lender_id, askable)

    def _text(self, text: str, column: Column) -> str | None:
        text = text.strip()
        if column.strip:
            text = text.strip(column.strip).strip()
        return None if text in column.nulls else text

    def _coded(self, text: str | None, column: Column) -> str | None:
        """Return what a code means where the codes of a column stand for values of its type. Raises CellError."""
        if text is None or not column.codes or column.type == "code":
            return text
        try:
            return column.codes[text] or None
        except KeyError:
            raise CellError(column, text, f"is not one of the codes {', '.join(column.codes)}") from None

    def _values(self, texts: Sequence[str], places: Sequence[int | None], heads: dict[str, LoanHead]) -> list[Any]:
        """Return the typed values of a row with its currency at the end."""
        values: list[Any] = []
        amounts: list[tuple[int, Column, Callable[..., Any], str]] = []
        for (column, parse), place in zip(self._parsers, places, strict=True):
            text = None if place is None else self._coded(self._text(texts[place], column), column)
            if text is None:
                if column.required:
                    raise CellError(column, None, "is empty")
                values.append(None)
            elif parse is None:
                if len(text) > _LONGEST_TEXT or "\0" in text:
                    raise CellError(column, text, "is too long" if "\0" not in text else "has a zero byte")
                values.append(text)
            elif column.type == "amount":
                amounts.append((len(values), column, parse, text))
                values.append(None)
            else:
                values.append(self._parsed(column, parse, text))
        currency = self._currency(values, heads)
        exponent = 2 if currency is None else currency_exponent(currency)
        for index, column, parse, text in amounts:
            values[index] = self._parsed(column, parse, text, currency, exponent)
        values.append(currency)
        if currency is not None and self._about_loans:
            self.currencies.add(currency)
        return values

    def _parsed(self, column: Column, parse: Callable[..., Any], text: str, *facts: Any) -> Any:
        try:
            return parse(cells.fold_width(text).strip() if self.map.fold_width else text, *facts)
        except ValueError as error:
            raise CellError(column, text, str(error) or "cannot be read") from None

    def _currency(self, values: Sequence[Any], heads: dict[str, LoanHead]) -> str | None:
        if self.map.currency_column:
            column = self.map.columns[self.map.currency_column]
            stated: str | None = values[column.index]
            if stated is not None:
                try:
                    currency_exponent(stated)
                except ValidationError as error:
                    raise CellError(column, stated, error.detail) from None
                return stated
        if self.map.currency is None and (head := heads.get(values[self._group.index])) is not None:
            return head.currency
        return self._default_currency

    def _check(self, row: Row, head: LoanHead | None) -> None:
        """Refuse a row that cannot be true, alone or beside what the book has. Raises CellError."""
        context = Context(row, None, row)
        group = row[self._group.index]
        if group is None or row[self._order.index] is None:
            raise CellError(self._group if group is None else self._order, None, "is empty")
        if head is not None and self.map.currency_column and head.currency != row[-1]:
            raise CellError(self.map.columns[self.map.currency_column], row[-1], f"the loan is in {head.currency}")
        if self._needs_loan and head is None:
            raise CellError(self._group, str(group), "no loan of that number is in the book; import the loans first")
        if self.records.plan_row:
            self._check_plan_row(context)
        if self.records.entries:
            contradiction = self.records.contradiction(context)
            if contradiction is not None:
                raise CellError(None, None, contradiction)
        try:
            self._check_values(row, context)
        except ValidationError as error:
            column = self._blamed(row, error.detail)
            shown = None if column is None else _as_text(column, row[column.index], row[-1])
            raise CellError(column, shown or None, error.detail) from None

    def _check_values(self, row: Row, context: Context) -> None:
        """Check what the row makes by the rules of the book. Raises CellError, ValidationError."""
        if self._about_loans:
            group = str(row[self._group.index])
            check_text("loan_no", waiting_number(group) if self.map.loan_by_account else group)
        for draft, columns in zip(self.records.drafts(context), self._entry_columns, strict=True):
            check_texts(draft)
            self._check_entry(draft, columns, row[-1])
        if self.records.lender:
            check_lender(self.records.lender_values(row))
        if self.records.borrower:
            check_borrower(self.records.borrower_values(row))
        if self.records.loan:
            check_loan(self.records.loan_values(context))
            check_text("account_no", self.records.account_no(context) or "", LONGEST_ACCOUNT)
        if self.records.standing_order:
            self._check_standing_order(context)
        for kind in self.records.collateral:
            self.records.collateral_fields(kind, context)
        for kind in self.records.funding:
            self.records.funding_fields(kind, context)

    def _check_standing_order(self, context: Context) -> None:
        order = self.records.standing_order_values(context)
        if order.amount_minor is None or order.amount_minor < 0:
            raise CellError(None, None, "the amount of the standing order is empty or negative")
        check_text("reference", order.reference)

    def _check_plan_row(self, context: Context) -> None:
        for name, value, column, is_required in self._plan_checks:
            found = value(context)
            if found is None:
                if is_required:
                    raise CellError(column, None, f"{name} is empty")
            elif found < 0:
                raise CellError(column, _as_text(column, found, context.row[-1]), f"{name} is negative")

    def _checks_of_plan_rows(self) -> list[tuple[str, Value, Column | None, bool]]:
        """Return (field, its value, the column it is, whether it must be there) of a plan row."""
        given = self.map.records.get("plan_row", {})
        return [
            (
                name,
                value,
                self.map.columns.get(given[name]) if isinstance(given[name], str) else None,
                name in ("row_no", "due_on", "principal"),
            )
            for name, value in self.records.plan_row.items()
            if name != "known_at"
        ]

    def _check_entry(self, draft: Draft, columns: Mapping[str, Column], currency: str | None) -> None:
        day, amount = columns.get("effective_on"), columns.get("amount")
        if draft.effective_on is None:
            if draft.reference is not None:
                raise CellError(day, None, "the payment has no value date")
            return
        if draft.effective_on > self._today:
            raise CellError(day, draft.effective_on.isoformat(), "the value date is in the future")
        if draft.amount_minor is None:
            raise CellError(amount, None, "the payment has a date but no amount")
        if draft.amount_minor < 0 and draft.kind is not EntryKind.SOURCE_ADJUSTMENT:
            shown = str(Money(draft.amount_minor, currency).to_decimal()) if currency else None
            raise CellError(amount, shown, "the amount is negative; a payment taken back is a reversal")
        if draft.split is not None and draft.split.total != draft.amount_minor:
            raise CellError(None, None, "the split does not add up to the amount")
        if draft.kind is EntryKind.REVERSAL and not draft.reverses:
            raise CellError(columns.get("reverses"), None, "a reversal must name the payment it reverses")

    def _blamed(self, row: Row, detail: str) -> Column | None:
        """Return the column a reason speaks of: it begins with the column's name, or with what the cell says."""
        for name, column in self.map.columns.items():
            value = row[column.index]
            if re.match(rf"{name}\b", detail) or (isinstance(value, str) and detail.startswith(repr(value))):
                return column
        return None

    def _refuse(self, line: int, texts: Sequence[str], places: Sequence[int | None], error: CellError) -> None:
        column = error.column
        value = error.value
        if value is not None:
            value = MASK if column is not None and column.personal else value[:_SHOWN]
        self.report.reject(line, column.header if column else None, value, error.reason)
        place, order_place = places[self._group.index], places[self._order.index]
        if place is None or len(texts) <= place or (group := self._text(texts[place], self._group)) is None:
            return
        order: object = None
        if order_place is not None and len(texts) > order_place:
            try:
                order = cells.whole(self._text(texts[order_place], self._order) or "")
            except ValueError:
                order = None
        self.stage.refuse(group, order)

    def _settle(self) -> None:
        """Let the first of two rows win, and refuse what only the whole file can show. Raises RefusedError."""
        columns = list(self.map.columns.values())
        for repeated in self.stage.settle():
            if repeated.differs is None:
                self.report.duplicates += 1
                continue
            column = columns[repeated.differs] if repeated.differs < len(columns) else None
            value = repeated.values[repeated.differs]
            shown = MASK if column and column.personal else _as_text(column, value, repeated.values[-1])
            self.report.reject(
                repeated.line,
                column.header if column else None,
                shown[:_SHOWN],
                f"differs from line {repeated.first_line}, which names the same {' and '.join(self.map.key)} and came first",
            )
        if len(self.currencies) > 1:
            raise RefusedError(
                f"The file mixes currencies ({', '.join(sorted(self.currencies))}); its totals would mean nothing. "
                "Split it by currency."
            )
        self.report.currency = next(iter(self.currencies), None)

    def _parser(self, column: Column) -> Callable[..., Any] | None:
        zone = column.zone or (self.lender.zone if self.lender else "UTC")
        kinds: dict[str, Callable[[], Callable[..., Any]]] = {
            "amount": lambda: cells.amount_parser(
                decimal=self.map.decimal,
                group=self.map.group,
                signs=self.map.signs,
                tolerance=self.map.tolerance if column.tolerance is None else column.tolerance,
            ),
            "whole": lambda: cells.whole,
            "rate": lambda: cells.rate_parser(percent=column.percent, decimals=column.decimals),
            "currency": lambda: cells.currency,
            "date": lambda: cells.date_parser(column.formats, column.day),
            "instant": lambda: cells.instant_parser(column.formats, zone),
            "code": lambda: cells.code_parser(dict(column.codes)),
            "list": lambda: lambda text: [item.strip() for item in text.split(";") if item.strip()],
            "choices": lambda: _choices,
        }
        make = kinds.get(column.type)
        return make() if make else None


def _as_text(column: Column | None, value: Any, currency: str | None) -> str:
    """Return a staged value as a person would write it."""
    if value is None:
        return ""
    if column is not None and column.type == "amount" and currency is not None:
        return str(Money(value, currency).to_decimal())
    if column is not None and column.type == "date":
        return date.fromordinal(value).isoformat()
    return str(value)


def _choices(text: str) -> dict[str, bool]:
    """Read "push;sms=no": a channel alone is a yes."""
    found: dict[str, bool] = {}
    for item in filter(None, (part.strip() for part in text.split(";"))):
        channel, _, answer = item.partition("=")
        if channel.strip() not in CONSENT_CHANNELS or answer.strip().lower() not in ("", "yes", "no"):
            raise ValueError(f"is not written like push;sms=no with channels {', '.join(CONSENT_CHANNELS)}")
        found[channel.strip()] = answer.strip().lower() != "no"
    return found


def expected_minor(text: str, currency: str | None) -> int:
    """Return a control total in minor units. Raises RefusedError."""
    if currency is None:
        raise RefusedError("This file has no amounts, so there is no total to expect.")
    try:
        return minor_from_text(text, currency)
    except DomainError as error:
        raise RefusedError(f"The expected total: {error.detail}") from None
