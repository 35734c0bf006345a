"""Charts as SVG made on the server: bars, stacked bars, lines, sparklines; readable without seeing them.

Colours are classes of console.css (`ink-1` ... `ink-6`), so that both themes fit and no inline style is needed. A chart is
an image with a title and a description; `figure` puts its legend and a table of the same numbers beside it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil, floor, log10

from babel.numbers import format_compact_decimal, format_decimal
from markupsafe import Markup

INKS = 6
_WIDTH, _HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 8, 10, 26
_MOST_LABELS = 12

_SVG = Markup(
    '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{key}-title {key}-about">'
    '<title id="{key}-title">{title}</title><desc id="{key}-about">{about}</desc>{grid}{drawn}{names}</svg>'
)
_SPARK = Markup(
    '<svg class="chart spark" viewBox="-2 0 104 24" role="img" aria-label="{about}"><title>{about}</title>'
    '<path class="line ink-1" d="{path}"/></svg>'
)
_TICK = Markup(
    '<line class="{kind}" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
    '<text x="{at}" y="{low:.1f}" text-anchor="end">{words}</text>'
)
_NAME = Markup('<text x="{x:.1f}" y="{y}" text-anchor="middle">{words}</text>')
_BAR = Markup(
    '<rect class="bar {ink}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"><title>{said}</title></rect>'
)
_LINE = Markup('<path class="line {ink}" d="{path}"{dashes}/>')
_DASHES = (Markup(""), Markup(' stroke-dasharray="7 3"'), Markup(' stroke-dasharray="2 3"'))
_DOT = Markup('<circle class="dot {ink}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"><title>{said}</title></circle>')
_LEGEND = Markup(
    '<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="bar {ink}" width="10" height="10"/></svg>{name}</li>'
)
_COLUMN = Markup('<th scope="col" class="num">{name}</th>')
_CELL = Markup('<td class="num">{said}</td>')
_ROW = Markup('<tr><th scope="row">{label}</th>{cells}</tr>')
_FIGURE = Markup(
    '<figure class="figure"><figcaption>{title}</figcaption>{drawn}{legend}'
    '<details><summary>{numbers}<span class="hidden-words">: {title}</span></summary>'
    '<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table>'
    '<thead><tr><th scope="col"><span class="hidden-words">{title}</span></th>{head}</tr></thead>'
    "<tbody>{body}</tbody></table></div></details></figure>"
)
_LIST = Markup('<ul class="legend">{each}</ul>')
_NOTHING = Markup("")

Number = int | float
Written = Callable[[Number], str]


@dataclass(frozen=True, slots=True)
class Series:
    """One row of numbers with its name; as many values as the chart has labels. None: nothing is known there."""

    name: str
    values: Sequence[Number | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn. `about`: one sentence that says what there is to see, for who does not see it."""

    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    about: str = ""
    locale: str = "en"
    written: Written | None = None
    """Writes a value in the table; default: as a number of the locale."""

    def say(self, value: Number | None) -> str:
        """Return a value in words."""
        if value is None:
            return "–"
        return self.written(value) if self.written else str(format_decimal(value, locale=_cldr(self.locale)))


# -- charts ------------------------------------------------------------------------------------------------------------


def bars(chart: Chart) -> Markup:
    """Return groups of bars, one group a label."""
    scale = _Scale.of([value for each in chart.series for value in each.values if value is not None])
    slot = _slot(chart)
    wide = slot * 0.72 / max(1, len(chart.series))
    drawn = []
    for number, series in enumerate(chart.series):
        for at, value in enumerate(series.values):
            if value is not None:
                left = _LEFT + at * slot + slot * 0.14 + number * wide
                drawn.append(_bar(chart, series, at, left, wide, scale.y(0), scale.y(value), number))
    return _drawn(chart, scale, drawn)


def stacked_bars(chart: Chart) -> Markup:
    """Return one bar a label, made of all series on top of each other. Values are not negative."""
    totals = [sum(series.values[at] or 0 for series in chart.series) for at in range(len(chart.labels))]
    scale, slot = _Scale.of(totals), _slot(chart)
    drawn = []
    for at in range(len(chart.labels)):
        below: Number = 0
        for number, series in enumerate(chart.series):
            value = series.values[at] or 0
            if value:
                left = _LEFT + at * slot + slot * 0.14
                low, high = scale.y(below), scale.y(below + value)
                drawn.append(_bar(chart, series, at, left, slot * 0.72, low, high, number))
            below += value
    return _drawn(chart, scale, drawn)


def lines(chart: Chart) -> Markup:
    """Return one line a series; a None breaks it."""
    scale, slot = _Scale.of([v for each in chart.series for v in each.values if v is not None]), _slot(chart)
    drawn = []
    for number, series in enumerate(chart.series):
        points = [
            None if value is None else (_LEFT + (at + 0.5) * slot, scale.y(value)) for at, value in enumerate(series.values)
        ]
        drawn.append(_LINE.format(ink=_ink(number), path=_path(points), dashes=_DASHES[number % len(_DASHES)]))
        drawn += [
            _DOT.format(ink=_ink(number), x=point[0], y=point[1], said=_said(chart, series, at))
            for at, point in enumerate(points)
            if point is not None
        ]
    return _drawn(chart, scale, drawn)


def sparkline(values: Sequence[Number | None], about: str) -> Markup:
    """Return a line as small as a word; `about` says what it shows, with its last value."""
    known = [value for value in values if value is not None] or [0]
    low, high = min(known), max(known)
    step = 100 / max(1, len(values) - 1)
    points = [
        None if value is None else (at * step, 22 - 20 * ((value - low) / (high - low) if high > low else 0.5))
        for at, value in enumerate(values)
    ]
    return _SPARK.format(about=about, path=_path(points))


def figure(chart: Chart, drawn: Markup, *, numbers: str) -> Markup:
    """Return a chart with its caption, its legend, and the same numbers as a table. `numbers`: what the table is called."""
    legend = [_LEGEND.format(ink=_ink(number), name=series.name) for number, series in enumerate(chart.series)]
    rows = [
        _ROW.format(label=label, cells=_all(_CELL.format(said=chart.say(series.values[at])) for series in chart.series))
        for at, label in enumerate(chart.labels)
    ]
    return _FIGURE.format(
        title=chart.title,
        drawn=drawn,
        legend=_LIST.format(each=_all(legend)) if len(legend) > 1 else _NOTHING,
        numbers=numbers,
        head=_all(_COLUMN.format(name=series.name) for series in chart.series),
        body=_all(rows),
    )


# -- how they are drawn ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values to heights; `ticks` are round numbers that hold all values and 0 between them."""

    ticks: Sequence[Number]

    @classmethod
    def of(cls, values: Sequence[Number]) -> "_Scale":
        low, high = min([0, *values]), max([0, *values])
        if low == high:
            return cls((0, 1))
        rough = (high - low) / 4
        power = 10.0 ** floor(log10(rough))
        step = next(power * each for each in (1, 2, 2.5, 5, 10) if power * each >= rough)
        if all(float(value).is_integer() for value in values):
            step = max(step, 1)  # what is counted has no halves
        first, last = floor(low / step), ceil(high / step)
        return cls([each * step for each in range(first, last + 1)])

    def y(self, value: Number) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - (value - low) / (high - low))


def _drawn(chart: Chart, scale: _Scale, drawn: Sequence[Markup]) -> Markup:
    slot, every = _slot(chart), ceil(len(chart.labels) / _MOST_LABELS) or 1
    grid = _all(
        _TICK.format(
            kind="grid" if tick else "axis", left=_LEFT, right=_WIDTH - _RIGHT, y=scale.y(tick), at=_LEFT - 5,
            low=scale.y(tick) + 4, words=_short(tick, chart.locale),
        )
        for tick in scale.ticks
    )  # fmt: skip
    names = _all(
        _NAME.format(x=_LEFT + (at + 0.5) * slot, y=_HEIGHT - 8, words=label)
        for at, label in enumerate(chart.labels)
        if at % every == 0
    )
    return _SVG.format(
        width=_WIDTH, height=_HEIGHT, key=_key(chart), title=chart.title, about=chart.about or chart.title, grid=grid,
        drawn=_all(drawn), names=names,
    )  # fmt: skip


def _bar(chart: Chart, series: Series, at: int, left: float, wide: float, low: float, high: float, number: int) -> Markup:
    return _BAR.format(
        ink=_ink(number), x=left, y=min(low, high), wide=max(wide - 1, 0.5), tall=abs(high - low),
        said=_said(chart, series, at),
    )  # fmt: skip


def _said(chart: Chart, series: Series, at: int) -> str:
    return f"{chart.labels[at]}, {series.name}: {chart.say(series.values[at])}"


def _all(parts: Iterable[Markup]) -> Markup:
    return _NOTHING.join(parts)


def _key(chart: Chart) -> str:
    """Return an id that is the same for the same chart: a part of a page that did not change is not sent again."""
    said = repr((chart.title, chart.about, list(chart.labels), [(each.name, list(each.values)) for each in chart.series]))
    return f"chart-{blake2b(said.encode(), digest_size=4).hexdigest()}"


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    said, pen_is_up = [], True
    for point in points:
        if point is not None:
            said.append(f"{'M' if pen_is_up else 'L'}{point[0]:.1f} {point[1]:.1f}")
        pen_is_up = point is None
    return "".join(said)


def _slot(chart: Chart) -> float:
    return (_WIDTH - _LEFT - _RIGHT) / max(1, len(chart.labels))


def _ink(number: int) -> str:
    return f"ink-{number % INKS + 1}"


def _short(value: Number, locale: str) -> str:
    return str(format_compact_decimal(value, locale=_cldr(locale), fraction_digits=1))


def _cldr(locale: str) -> str:
    return locale.replace("-", "_")
