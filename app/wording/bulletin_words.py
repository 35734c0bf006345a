"""A published bulletin in the words of a reader: what each number is called, its cells, its amounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel.numbers import format_decimal

from app.domain.bulletins import ALL
from app.domain.money import Money
from app.wording.amounts import written_date, written_money
from app.wording.console_words import code_words
from app.wording.page_locales import page_words_of


@dataclass(frozen=True, slots=True)
class ShownCell:
    """One number under a figure: what it is of, in words, and the number as it is, and as it is written."""

    name: str
    currency: str | None
    value: int
    written: str
    along: int | None
    """Of which dimension alone it is a part; None: of several."""


@dataclass(frozen=True, slots=True)
class ShownFigure:
    """One figure as it is read. `totals`: in words, one for each currency."""

    key: str
    section: str
    name: str
    definition: str
    source: str
    totals: Sequence[str]
    cells: Sequence[ShownCell]


def words_of(locale: str) -> Mapping[str, Any]:
    """Return the words of pages about bulletins."""
    return page_words_of("bulletin_pages", [locale])[1]


def shown_figures(document: Mapping[str, Any], locale: str) -> list[tuple[str, list[ShownFigure]]]:
    """Return the figures of a published document by section, in its order, in a locale."""
    words = words_of(locale)
    sections: dict[str, list[ShownFigure]] = {}
    for figure in document["figures"]:
        section = str(document["sections"][figure["section"]][locale])
        sections.setdefault(section, []).append(_figure(figure, section, words, locale))
    return list(sections.items())


def title_of(document: Mapping[str, Any], locale: str) -> str:
    """Return e.g. "Operations bulletin, 18 Mar 2020 to 26 Apr 2020"."""
    words = words_of(locale)
    return f"{words['title']}{', ' if locale == 'en' else '：'}{period_words(document, locale)}"


def period_words(document: Mapping[str, Any], locale: str) -> str:
    """Return the days of a bulletin in words."""
    first, last = (written_date(date.fromisoformat(document[name]), locale) for name in ("first_on", "last_on"))
    return str(words_of(locale)["until"].format(first=first, last=last))


def _figure(figure: Mapping[str, Any], section: str, words: Mapping[str, Any], locale: str) -> ShownFigure:
    totals = [
        words["not_shown"] if each["value"] is None else _written(each["value"], each["currency"], locale)
        for each in figure["totals"]
    ]
    cells = [
        ShownCell(
            cell_words(each["of"], locale),
            each["currency"],
            each["value"],
            _written(each["value"], each["currency"], locale),
            _along(each["of"]),
        )
        for each in figure["cells"]
    ]  # fmt: skip
    return ShownFigure(
        figure["key"], section, figure["name"][locale], figure["definition"][locale], figure["source"], totals or ["0"],
        cells,
    )  # fmt: skip


def _along(values: Sequence[str]) -> int | None:
    named = [place for place, value in enumerate(values) if value != ALL]
    return named[0] if len(named) == 1 else None


def cell_words(values: Sequence[str], locale: str) -> str:
    """Return what a cell is of, in words; of the total: nothing."""
    named = [code_words("", value, locale) if value.islower() else value for value in values if value != ALL]
    return " · ".join(named)


def _written(value: int, currency: str | None, locale: str) -> str:
    if currency is None:
        return str(format_decimal(value, locale=locale.replace("-", "_")))
    return written_money(Money(value, currency), locale)
