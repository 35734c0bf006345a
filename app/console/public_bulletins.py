"""The public pages of bulletins: what is published, with charts, without a sign-in and without a script."""

from typing import Any

from flask import Blueprint, Response, request

from app.console.charts import Chart, Series, bars, figure
from app.domain.errors import NotFoundError
from app.persistence.queries.bulletins import page_published
from app.services.bulletin_readings import read_published
from app.web.etag import body_etag, is_unchanged
from app.web.pages import html_page
from app.web.rate_limit import take_public_read
from app.web.reads import reads
from app.wording.amounts import written_date
from app.wording.bulletin_words import ShownFigure, period_words, shown_figures, title_of
from app.wording.page_locales import page_words_of

NAME = "bulletin_pages"
door = Blueprint(NAME, __name__, template_folder="templates")
PATH = "/bulletins"
_MOST = 200
_LONGEST_HEADER = 200
_MOST_BARS = 12


@door.get(PATH)
def published_bulletins() -> Response:
    """List what is published, the newest first."""
    take_public_read()
    locale, words = _words()
    rows = [
        (row, words["until"].format(first=written_date(row.first_on, locale), last=written_date(row.last_on, locale)))
        for row in page_published(reads(), limit=_MOST)
    ]
    return _page(locale, "bulletins.html", title=words["list_title"], words=words, rows=rows)


@door.get(f"{PATH}/<id:bulletin_id>")
def published_bulletin(bulletin_id: str) -> Response:
    """Show one with its charts, every definition beside its number."""
    take_public_read()
    locale, words = _words()
    try:
        published = read_published(reads(), bulletin_id)
    except NotFoundError:
        return _page(locale, "bulletins.html", status=404, title=words["unknown_title"], words=words, rows=None)
    sections = [
        (section, [(each, _charts(each, words, locale)) for each in figures])
        for section, figures in shown_figures(published.document, locale)
    ]
    return _page(
        locale, "bulletin.html", title=title_of(published.document, locale), words=words, published=published,
        document=published.document, period=period_words(published.document, locale), sections=sections,
    )  # fmt: skip


def _charts(shown: ShownFigure, words: Any, locale: str) -> list[Any]:
    """Return a chart for each currency (None: counts) and dimension in which a figure has several parts shown."""
    charts = []
    for currency, along in sorted({(c.currency, c.along) for c in shown.cells if c.along is not None}, key=str):
        cells = [cell for cell in shown.cells if (cell.currency, cell.along) == (currency, along)]
        cells = sorted(cells, key=lambda cell: -cell.value)[:_MOST_BARS]
        if len(cells) > 1:
            chart = Chart(
                shown.name,
                [cell.name for cell in cells],
                [Series(currency or words["value"], [cell.value for cell in cells])],
                about=words["chart_about"].format(name=shown.name, count=len(cells)),
                locale=locale,
            )
            charts.append(figure(chart, bars(chart), numbers=words["numbers"]))
    return charts


def _words() -> tuple[str, Any]:
    header = request.headers.get("Accept-Language", "")
    tags = [tag for tag, quality in request.accept_languages if quality > 0] if len(header) <= _LONGEST_HEADER else []
    return page_words_of("bulletin_pages", tags)


def _page(locale: str, template: str, *, status: int = 200, **values: Any) -> Response:
    page = html_page(f"bulletins/{template}", status=status, language=locale, **values)
    etag = body_etag(locale, page.get_data())
    if status == 200 and is_unchanged(etag):
        page = Response(b"", 304)
    page.headers["ETag"] = etag
    page.headers["Cache-Control"] = "public, max-age=300"
    page.headers["Content-Language"] = locale
    page.vary.add("Accept-Language")
    return page
