"""A funder's statement as a document: loan by loan what stood, what was passed on, what stands, and totals that foot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from app.domain.funder_statements import CurrencyTotal, FunderLine, FunderStatement
from app.wording.amounts import written_date, written_number
from app.wording.pdf_pages import LANDSCAPE, MARGIN, Column, Ink, Pages, TableRow

_SMALL, _TABLE, _GAP = Ink(8, grey=True), Ink(7.5), 12.0


class _Words(NamedTuple):
    title: str
    funder: str
    period: str
    until: str
    issued: str
    columns: tuple[str, ...]
    total: str
    payable_before: str
    paid_out: str
    payable: str
    note: str
    nothing: str


_WORDS = {
    "en": _Words(
        "Funder's statement", "Funder", "Period", "{first} to {last}", "Issued on",
        ("Loan", "Opening", "Moved", "Principal", "Interest", "Fees", "Penalties", "Service fee", "Given up", "Closing"),
        "Total {currency}", "Payable before the period", "Paid out in the period", "Payable at its end",
        "Closing = opening + moved - principal - given up. Payable at its end = payable before + what was passed on"
        " - service fee - paid out. Moved: funded, bought or sold. Given up: principal nobody pays any more. Amounts count"
        " by the day of booking; what was reversed is taken back in the period when it was known.",
        "Nothing was outstanding and nothing was passed on in this period.",
    ),
    "zh-CN": _Words(
        "出资人对账单", "出资人", "期间", "{first} 至 {last}", "出具日期",
        ("贷款", "期初", "份额变动", "本金", "利息", "费用", "罚息", "服务费", "核减", "期末"),
        "合计 {currency}", "期初应付", "本期已付", "期末应付",
        "期末 = 期初 + 份额变动 - 本金 - 核减。期末应付 = 期初应付 + 本期分配 - 服务费 - 本期已付。"
        "份额变动：出资、受让或转让。核减：不再收取的本金。"
        "金额按入账日统计；冲正在知悉的期间收回。",
        "本期无余额，也无分配。",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FunderDocument:
    """What is set."""

    lender_name: str
    funder_name: str
    statement: FunderStatement
    issued_on: date
    locale: str


def funder_statement_pdf(document: FunderDocument) -> bytes:
    """Return the document as PDF: the same bytes for the same input."""
    words = _WORDS.get(document.locale, _WORDS["en"])
    locale = document.locale if document.locale in _WORDS else "en"
    statement = document.statement
    first, last = (written_date(day, locale) for day in (statement.first, statement.last))
    period = words.until.format(first=first, last=last)
    foot = f"{document.lender_name} · {words.title} · {statement.funder_no} · {period}"
    pages = Pages(words.title, document.lender_name, locale, foot, LANDSCAPE)
    pages.paragraph(document.lender_name, Ink(11, bold=True))
    pages.space(_GAP)
    pages.paragraph(words.title, Ink(15, bold=True))
    pages.space(_GAP / 2)
    facts = [
        (words.funder, f"{document.funder_name} ({statement.funder_no})"),
        (words.period, period),
        (words.issued, written_date(document.issued_on, locale)),
    ]
    pages.facts(facts, Ink(9))
    for total in statement.totals:
        lines = [line for line in statement.lines if line.currency == total.currency]
        pages.space(_GAP)
        pages.table(_columns(words), _rows(lines, total, words, locale), _TABLE, caption=total.currency)
        said = (
            (words.payable_before, total.payable_before_minor),
            (words.paid_out, total.paid_out_minor),
            (words.payable, total.payable_minor),
        )
        for name, minor in said:
            pages.paragraph(f"{name}: {written_number(minor, total.currency, locale)} {total.currency}", Ink(9))
    if not statement.totals:
        pages.space(_GAP)
        pages.paragraph(words.nothing, _SMALL)
    pages.space(_GAP)
    pages.paragraph(words.note, _SMALL)
    return pages.to_pdf()


def _columns(words: _Words) -> list[Column]:
    width = (LANDSCAPE[0] - 2 * MARGIN) / 11
    return [Column(words.columns[0], 2 * width), *(Column(name, width, is_amount=True) for name in words.columns[1:])]


def _rows(lines: Sequence[FunderLine], total: CurrencyTotal, words: _Words, locale: str) -> list[TableRow]:
    rows = [TableRow((line.loan_no, *_cells(line, total.currency, locale))) for line in lines]
    name = words.total.format(currency=total.currency)
    return [*rows, TableRow((name, *_cells(total, total.currency, locale)), bold=True, ruled=True)]


def _cells(each: FunderLine | CurrencyTotal, currency: str, locale: str) -> tuple[str, ...]:
    amounts = (
        each.opening_minor, each.moved_minor, *each.passed, each.service_fee_minor, each.given_up_minor, each.closing_minor
    )  # fmt: skip
    return tuple(written_number(minor, currency, locale) for minor in amounts)
