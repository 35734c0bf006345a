"""Charts: every number is drawn, said and listed, with nothing that the page's policy forbids."""

import re
from xml.etree import ElementTree

import pytest

from app.console.charts import Chart, Series, bars, figure, lines, sparkline, stacked_bars

CHART = Chart(
    "Sent <by> day",
    ["Mon", "Tue", "Wed"],
    [Series("SMS", [10, 0, 1250]), Series("Push & more", [5, None, 7])],
    about="Most was sent on Wednesday.",
)


def drawn_in(svg: str, tag: str) -> "list[ElementTree.Element]":
    return ElementTree.fromstring(svg).findall(f".//{tag}")


def test_every_known_value_is_a_bar_that_says_what_it_is() -> None:
    found = drawn_in(bars(CHART), "rect")

    assert [each.findtext("title") for each in found] == [
        "Mon, SMS: 10", "Tue, SMS: 0", "Wed, SMS: 1,250", "Mon, Push & more: 5", "Wed, Push & more: 7",
    ]  # fmt: skip
    tall = [float(each.attrib["height"]) for each in found]
    assert tall[2] > 100 * tall[0] > 0 == tall[1]


def test_stacked_bars_stand_on_each_other() -> None:
    first, second = [each for each in drawn_in(stacked_bars(CHART), "rect") if each.attrib["x"].startswith("79")]

    assert float(second.attrib["y"]) + float(second.attrib["height"]) == pytest.approx(float(first.attrib["y"]), abs=0.11)


def test_a_line_breaks_where_nothing_is_known() -> None:
    whole, broken = (each.attrib["d"] for each in drawn_in(lines(CHART), "path"))

    assert (whole.count("M"), broken.count("M")) == (1, 2)


@pytest.mark.parametrize("draw", [bars, stacked_bars, lines])
def test_a_chart_is_an_image_with_a_title_and_a_description_and_no_inline_style(draw: object) -> None:
    svg = draw(CHART)  # type: ignore[operator]

    root = ElementTree.fromstring(svg)
    named = {each.attrib["id"]: each.text for each in root if "id" in each.attrib}
    assert root.attrib["role"] == "img"
    assert [named[each] for each in root.attrib["aria-labelledby"].split()] == [CHART.title, CHART.about]
    assert not re.search(r"\bstyle=|\bon\w+=|<script|fill=\"#", svg)


def test_what_is_counted_is_measured_in_whole_numbers() -> None:
    svg = bars(Chart("x", ["a"], [Series("s", [1])]))

    assert [each.text for each in drawn_in(svg, "text")] == ["0", "1", "a"]


def test_a_figure_lists_the_same_numbers_in_the_reader_s_way() -> None:
    chart = Chart("发送", ["周一"], [Series("短信", [12345.5])], locale="zh-CN")

    text = figure(chart, bars(chart), numbers="数字")

    assert '<td class="num">12,345.5</td>' in text
    assert '<th scope="row">周一</th>' in text


@pytest.mark.parametrize("values", [[], [None], [0, 0], [3], [-5, 5], [1e-9, 2e-9], [10**15]])
def test_any_values_can_be_drawn(values: list[float | None]) -> None:
    chart = Chart("x", [str(at) for at in range(len(values))], [Series("s", values)])

    for draw in (bars, lines):
        assert "nan" not in draw(chart)
    assert "nan" not in sparkline(values, "x")
