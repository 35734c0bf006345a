"""Bar charts as numbers: where each bar stands. Drawn by content/rehearsals/page.html."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

WIDTH, HEIGHT, LEFT, BOTTOM = 920, 220, 4, 24
_TOP = 18
_SERIES = 8
_MARKS = 8


class Bar(NamedTuple):
    """One rectangle."""

    css: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass
class Chart:
    """A chart of stacked bars. `most` is what the tallest bar stands for."""

    label: str
    most: int
    bars: list[Bar]
    marks: list[tuple[float, str]]
    legend: list[tuple[str, str]]
    limit_y: float | None = None
    words: str = ""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    base: int = field(default=HEIGHT - BOTTOM)


def stacked(
    label: str, places: Sequence[str], series: Sequence[str], values: dict[tuple[str, str], int], limit: int | None = None
) -> Chart:
    """Return a chart with a bar for each place, made of its values of each series: (place, series) -> value.

    A limit is drawn where it is not far above the tallest bar.
    """
    totals = [sum(values.get((place, name), 0) for name in series) for place in places]
    most = max(totals, default=0) or 1
    shows_limit = limit is not None and limit <= most * 3
    top = max(most, limit or 0) if shows_limit else most
    base, step = HEIGHT - BOTTOM, (WIDTH - LEFT) / max(len(places), 1)
    scale = (base - _TOP) / top
    bars: list[Bar] = []
    for index, place in enumerate(places):
        y = float(base)
        for number, name in enumerate(series):
            value = values.get((place, name), 0)
            if value:
                height = value * scale
                y -= height
                x = LEFT + index * step
                bars.append(
                    Bar(f"s{number % _SERIES}", round(x, 2), round(y, 2), round(max(step - 1, 0.5), 2), round(height, 2),
                        f"{place} {name}: {value}")
                )  # fmt: skip
    every = max(1, len(places) // _MARKS)
    marks = [(round(LEFT + index * step, 2), place) for index, place in enumerate(places) if index % every == 0]
    legend = [(f"s{number % _SERIES}", name) for number, name in enumerate(series)]
    limit_y = round(base - limit * scale, 2) if shows_limit and limit is not None else None
    return Chart(label, most, bars, marks, legend, limit_y)
