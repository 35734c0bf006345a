"""A rehearsal's result as one page with charts: no script, nothing loaded from anywhere."""

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from app.services.rehearsals.channel_figures import ChannelFigures
from app.services.rehearsals.charts import Chart, stacked
from app.services.rehearsals.runs import RehearsalResult
from app.services.rehearsals.settings import RehearsalSettings
from app.services.rehearsals.tables import TABLES, Line, over_limits, peak_of, tables_of, written_at

_CONTENT = Path(__file__).resolve().parents[2] / "content" / "rehearsals"
_OUTCOMES = (
    "SENT", "CONSOLIDATED", "TASK_CREATED", "NEEDS_APPROVAL", "EXPIRED", "SUPPRESSED", "DEFERRED", "UNREACHABLE", "HELD_OUT",
)  # fmt: skip
_SHOWN = {
    "delta": "How contacts differ",
    "samples": "Examples of contacts that differ",
    "cost": "What messages cost",
    "outcomes": "What each step came to",
}
_MOST_LINES = 400


def page_of(result: RehearsalResult, settings: RehearsalSettings, figures: Mapping[str, ChannelFigures]) -> str:
    """Return the page of a result."""
    facts = [("stretch", f"{written_at(result.starts_at)} to {written_at(result.ends_at)}, days of {settings.zone}"),
             ("borrowers", str(result.borrowers)), *facts_of(settings)]  # fmt: skip
    return page_of_lines(tables_of(result, figures), settings, facts, digest=result.digest)


def facts_of(settings: RehearsalSettings) -> list[tuple[str, str]]:
    """Return what was assumed, as (name, value)."""
    facts = [("payments assumed", settings.payments), ("delivery assumed", settings.delivery)]
    if settings.against is not None:
        facts.append(("held against", settings.against))
    if settings.lender is not None:
        facts.append(("only the lender", settings.lender))
    if settings.devices_percent:
        facts.append(("made-up devices", f"{settings.devices_percent} % of borrowers, seed {settings.seed}"))
    if settings.channels is not None:
        facts.append(("channels assumed", ", ".join(settings.channels)))
    return facts


def title_of(settings: RehearsalSettings) -> str:
    """Return what was rehearsed, in a word."""
    if isinstance(settings.policy, str):
        return settings.policy
    return f"{settings.policy.get('policy')}@{settings.policy.get('version')}"


def page_of_lines(
    lines: Iterable[tuple[str, Line]], settings: RehearsalSettings, facts: Sequence[tuple[str, str]], *, digest: str
) -> str:
    """Return the page of stored tables."""
    found: dict[str, list[Line]] = defaultdict(list)
    for name, line in lines:
        found[name].append(line)
    loads = [("load", line) for line in found["load"]]
    page: str = _template().render(
        title=title_of(settings),
        facts=facts,
        policy=content_policy(),
        css=Markup(_css()),  # noqa: S704 - our own file, the one whose hash the policy names
        outcomes_chart=_outcomes_chart(found["decisions"]),
        load_charts=[_load_chart(channel, found["load"], peak) for channel, peak in sorted(peak_of(loads).items())],
        over=over_limits(loads),
        tables=[_table(name, found[name], settings) for name in _SHOWN if found[name]],
        digest=digest,
    )
    return page


@lru_cache(maxsize=1)
def _css() -> str:
    return (_CONTENT / "page.css").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string((_CONTENT / "page.html").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def content_policy() -> str:
    """Return the Content-Security-Policy of the page: its own style, by its hash, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _outcomes_chart(lines: Sequence[Line]) -> Chart:
    values: Counter[tuple[str, str]] = Counter()
    for line in lines:
        values[line["day"], line["outcome"]] += line["events"]
    outcomes = [name for name in _OUTCOMES if any(outcome == name for _, outcome in values)]
    return stacked("Decisions by local day and outcome", sorted({day for day, _ in values}), outcomes, dict(values))


def _load_chart(channel: str, lines: Sequence[Line], peak: tuple[str, int]) -> Chart:
    busiest: dict[tuple[str, str], int] = {}
    limit: int | None = None
    for line in lines:
        if line["channel"] == channel:
            day, limit = line["hour"][:10], line["limit"]
            busiest[day, channel] = max(line["messages"], busiest.get((day, channel), 0))
    chart = stacked(
        f"{channel}: messages in the busiest hour of each day",
        sorted({day for day, _ in busiest}),
        [channel],
        busiest,
        limit,
    )
    takes = "no limit is stated" if limit is None else f"its provider takes {limit} an hour"
    chart.words = f"The busiest hour is the one from {peak[0]} with {peak[1]} messages; {takes}."
    return chart


def _table(name: str, lines: Sequence[Line], settings: RehearsalSettings) -> dict[str, Any]:
    columns = [column for column in TABLES[name] if settings.against is not None or not column.endswith("_against")]
    numbers = {column for column in columns if all(isinstance(line[column], int | None) for line in lines)}
    return {"title": _SHOWN[name], "columns": columns, "numbers": numbers, "lines": lines[:_MOST_LINES]}
