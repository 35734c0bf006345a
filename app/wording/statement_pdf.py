"""A statement of account as a document: who lends, who owes, what stood, every line with its split, and totals that foot."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.running_balances import Balances
from app.domain.statements import INSTALMENT_DUE, PLAN_CHANGED, Line, Statement
from app.domain.stops import Stop
from app.domain.times import business_date, rfc3339
from app.wording.amounts import currency_name, written_date, written_number
from app.wording.pdf_fonts import width_of
from app.wording.pdf_pages import LANDSCAPE, MARGIN, PORTRAIT, Column, Ink, Pages, TableRow
from app.wording.statement_labels import Labels, labels
from app.wording.stop_words import last_day, why_stopped

_TEXT, _SMALL, _TABLE = Ink(9), Ink(8, grey=True), Ink(7.5)
_GAP = 12.0
_NARROWEST_ENTRY = 110.0
"""In points; with less room for words the page is laid on its side."""


@dataclass(frozen=True, slots=True)
class LenderBlock:
    """Who lends, as the law wants it named; what is not known is left out."""

    name: str
    licence_kind: str
    licence_no: str | None = None
    regulator: str | None = None
    complaints_contact: str | None = None


@dataclass(frozen=True, slots=True)
class StatementDocument:
    """What is set. `locale` is one that documents are written in; `references`: entries by id, as the payer knows them."""

    lender: LenderBlock
    borrower_name: str | None
    borrower_no: str
    loan_no: str
    product: str | None
    currency: str
    zone: str
    issued_on: date
    statement: Statement
    references: Mapping[str, str]
    locale: str


def statement_pdf(document: StatementDocument) -> bytes:
    """Return the document as PDF: the same bytes for the same input."""
    return _Setting(document, labels(document.locale), tuple(_shown(document.statement))).pdf()


def _shown(statement: Statement) -> Iterator[str]:
    """Yield the components that get a column: principal and interest, and whatever else is not nothing throughout."""
    everything = [statement.opening, statement.closing, *(line.moved for line in statement.lines)]
    for name, amounts in zip(Balances._fields, zip(*everything, strict=True), strict=True):
        if name in ("principal", "interest") or any(amounts):
            yield name


@dataclass(frozen=True, slots=True)
class _Setting:
    document: StatementDocument
    words: Labels
    shown: tuple[str, ...]
    """The components that have a column."""

    def pdf(self) -> bytes:
        table, totals = self._table(), self._totals()
        size, columns = PORTRAIT, self._columns(table, totals, PORTRAIT[0] - 2 * MARGIN)
        if columns[1].width < _NARROWEST_ENTRY:
            size, columns = LANDSCAPE, self._columns(table, totals, LANDSCAPE[0] - 2 * MARGIN)
        pages = Pages(self.words.title, self.document.lender.name, self.document.locale, self._foot(), size)
        self._head(pages)
        pages.table(columns, table, _TABLE)
        if not self.document.statement.lines:
            pages.paragraph(self.words.nothing, _SMALL)
        else:
            pages.space(_GAP)
            pages.table(self._total_columns(columns), totals, _TABLE, caption=self.words.summary)
        pages.space(_GAP)
        pages.paragraph(self._note(), _SMALL)
        return pages.to_pdf()

    def _foot(self) -> str:
        period = self.document.statement.period
        until = self._until(period.first, period.last)
        return f"{self.document.lender.name} · {self.words.title} · {self.document.loan_no} · {until}"

    def _head(self, pages: Pages) -> None:
        words, document, lender = self.words, self.document, self.document.lender
        pages.paragraph(lender.name, Ink(11, bold=True))
        licence = words.licences.get(lender.licence_kind)
        number = words.licence_no.format(number=lender.licence_no) if lender.licence_no else None
        named = (
            (words.licence, self._joined(licence, number)),
            (words.regulator, lender.regulator),
            (words.complaints, lender.complaints_contact),
        )
        for name, value in named:
            if value:
                pages.paragraph(f"{name}: {value}" if document.locale == "en" else f"{name}：{value}", _SMALL)
        pages.space(_GAP)
        pages.paragraph(words.title, Ink(15, bold=True))
        pages.space(_GAP / 2)
        pages.facts(self._facts(), _TEXT)
        pages.space(_GAP)

    def _facts(self) -> list[tuple[str, str]]:
        words, document = self.words, self.document
        period, known_at = document.statement.period, document.statement.known_at
        facts = [
            (words.borrower, document.borrower_name or document.borrower_no),
            (words.loan, document.loan_no),
            (words.product, document.product or ""),
            (words.currency, f"{currency_name(document.currency, document.locale)} ({document.currency})"),
            (words.period, self._until(period.first, period.last)),
            (words.as_of, words.end_of.format(last=self._date(period.last))),
            (words.known, rfc3339(known_at) if known_at else words.now_known),
            (words.issued_on, self._date(document.issued_on)),
            (words.zone, document.zone),
        ]
        return [fact for fact in facts if fact[1]]

    def _note(self) -> str:
        notes = [self.words.note.format(currency=self.document.currency)]
        notes += [self.words.note_ahead] if "ahead" in self.shown else []
        notes += [self.words.note_unapplied] if "unapplied" in self.shown else []
        return (" " if self.document.locale == "en" else "").join(notes)

    def _table(self) -> list[TableRow]:
        statement, words = self.document.statement, self.words
        opening = self._cells(statement.opening, statement.opening.outstanding, always=True)
        closing = self._cells(statement.closing, statement.closing.outstanding, always=True)
        return [
            TableRow((self._date(statement.period.eve), words.opening, "", *opening), bold=True),
            *(
                TableRow(
                    (
                        self._date(line.on),
                        self._entry(line),
                        self._number(line.amount_minor) if line.amount_minor or line.entry else "",
                        *self._cells(line.moved, line.balances.outstanding),
                    )
                )
                for line in statement.lines
            ),
            TableRow((self._date(statement.period.last), words.closing, "", *closing), bold=True, ruled=True),
        ]

    def _totals(self) -> list[TableRow]:
        statement = self.document.statement
        rows = [
            TableRow(
                (
                    self._kind(total.kind),
                    str(total.count),
                    self._number(total.amount_minor) if total.amount_minor else "",
                    *self._cells(total.moved, total.moved.outstanding),
                )
            )
            for total in statement.totals
        ]
        moved = statement.closing.minus(statement.opening)
        cells = self._cells(moved, moved.outstanding, always=True)
        rows.append(TableRow((self.words.all_movements, str(len(statement.lines)), "", *cells), bold=True, ruled=True))
        return rows

    def _cells(self, balances: Balances, outstanding: int, *, always: bool = False) -> list[str]:
        """Return the amounts of the columns shown; nothing is left blank, except where a balance is stated."""
        amounts = [self._number(getattr(balances, name), blank=not always) for name in self.shown]
        return [*amounts, self._number(outstanding)]

    def _columns(self, table: Sequence[TableRow], totals: Sequence[TableRow], width: float) -> list[Column]:
        """Return columns as wide as their widest amount in either table, the words taking what is left of `width`."""
        titles = [self.words.date, self.words.entry, self.words.amount]
        titles += [str(getattr(self.words, name)) for name in self.shown] + [self.words.outstanding]
        widths = [
            _widest(row.cells[index] for row in (table if index < 2 else (*table, *totals))) for index in range(len(titles))
        ]
        for index, title in enumerate(titles):
            widths[index] = max(widths[index], _widest(title.split())) + 9
        widths[1] = width - sum(widths) + widths[1]
        return [Column(title, each, index > 1) for index, (title, each) in enumerate(zip(titles, widths, strict=True))]

    def _total_columns(self, columns: Sequence[Column]) -> list[Column]:
        date_and_entry = columns[0].width + columns[1].width
        return [
            Column(self.words.kind, date_and_entry - 50),
            Column(self.words.number_of, 50, is_amount=True),
            *columns[2:-1],
            columns[-1],
        ]

    def _entry(self, line: Line) -> str:
        words = self.words
        if line.kind == INSTALMENT_DUE:
            not_owed = words.not_owed.format(amount=self._number(line.stopped_minor)) if line.stopped_minor else None
            return self._joined(words.instalment.format(row_no=line.row_no), not_owed)
        if line.kind == PLAN_CHANGED:
            return words.plan.format(version=line.plan_version)
        if line.stop is not None:
            return self._stop(line.stop)
        if line.entry is None:
            return self._kind(line.kind)
        if line.undoes is not None:
            kind = self._kind(line.undoes.kind.value)
            parts = [words.undoes.format(kind=kind, on=self._date(line.undoes.effective_on))]
        else:
            parts = [self._kind(line.kind)]
        parts.append(self.document.references.get(line.entry.entry_id, ""))
        known_on = business_date(line.entry.recorded_at, self.document.zone)
        if known_on > line.on:
            parts.append(words.known_since.format(on=self._date(known_on)))
        if line.undone_on is not None:
            parts.append(words.undone.format(on=self._date(line.undone_on)))
        return self._joined(*parts)

    def _stop(self, stop: Stop) -> str:
        last = last_day(stop)
        return (self.words.stopped_from if last is None else self.words.stopped).format(
            what=self.words.stopped_scopes[stop.scope],
            first=self._date(stop.from_on),
            last="" if last is None else self._date(last),
            why=why_stopped(stop.rule, self.document.locale),
        )

    def _joined(self, *parts: str | None) -> str:
        return (", " if self.document.locale == "en" else "，").join(part for part in parts if part)

    def _kind(self, kind: str) -> str:
        """Return the word for a kind; one without a word yet keeps its name, so that no line is ever left out."""
        return self.words.kinds.get(kind) or kind.replace("_", " ").capitalize()

    def _number(self, minor: int, *, blank: bool = False) -> str:
        return "" if blank and not minor else written_number(minor, self.document.currency, self.document.locale)

    def _date(self, on: date) -> str:
        return written_date(on, self.document.locale)

    def _until(self, first: date, last: date) -> str:
        return self.words.until.format(first=self._date(first), last=self._date(last))


def _widest(texts: Iterable[str]) -> float:
    return max((width_of(text, _TABLE.size) for text in texts), default=0.0)
