"""A rehearsal's result as text for a terminal, and as CSV files."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from app.services.rehearsals.channel_figures import ChannelFigures
from app.services.rehearsals.runs import RehearsalResult
from app.services.rehearsals.settings import RehearsalSettings
from app.services.rehearsals.tables import TABLES, Line, over_limits, peak_of, tables_of, written_at

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_SHOWN = 10


def describe(result: RehearsalResult, settings: RehearsalSettings, figures: Mapping[str, ChannelFigures]) -> str:
    """Return the result as lines for a person."""
    return "\n".join(_lines(result, settings, figures))


def _lines(result: RehearsalResult, settings: RehearsalSettings, figures: Mapping[str, ChannelFigures]) -> Iterator[str]:
    found = list(tables_of(result, figures))
    yield f"rehearsed {written_at(result.starts_at)} until {written_at(result.ends_at)} (days of {settings.zone})"
    yield f"assumed: payments {settings.payments}, delivery {settings.delivery}; nothing was sent"
    yield f"borrowers: {result.borrowers}, decisions: {result.tally.decisions.total()}, contacts: {result.tally.contacts}"
    if result.undecidable:
        yield f"borrowers that could not be decided (see the log): {result.undecidable}"
    yield from _table([line for name, line in found if name == "outcomes"], TABLES["outcomes"], result.against is not None)
    yield from _table([line for name, line in found if name == "cost"], TABLES["cost"], result.against is not None)
    yield ""
    for channel, (hour, count) in sorted(peak_of(found).items()):
        limit = f"of {figures[channel].per_hour} that its provider takes" if channel in figures else "no limit is stated"
        yield f"busiest hour of {channel}: {hour}, {count} messages, {limit}"
    for line in over_limits(found):
        yield f"MORE THAN ITS PROVIDER TAKES: {line['channel']} in the hour from {line['hour']}: {line['messages']}"
    for kind, count in sorted(result.tally.tasks.items()):
        yield f"tasks of kind {kind}: {count}"
    if result.against is not None:
        yield ""
        yield f"contacts against {settings.against}: " + ", ".join(
            f"{line['contacts']} {line['kind']}" for name, line in found if name == "delta"
        )
        samples = [line for name, line in found if name == "samples"]
        for line in samples[:_SHOWN]:
            yield f"  {line['kind']}: {line['borrower_no']} {line['loan_no']}/{line['row_no']}: {_change(line)}"
        if len(samples) > _SHOWN:
            yield f"  and {len(samples) - _SHOWN} more examples in the CSV (samples.csv)"
    yield ""
    yield f"digest: {result.digest}"


def _change(line: Line) -> str:
    return f"{line['before'] or 'none'} -> {line['after'] or 'none'}"


def _table(lines: Sequence[Line], columns: Sequence[str], is_compared: bool) -> Iterator[str]:
    shown = [column for column in columns if is_compared or not column.endswith("_against")]
    cells = [[column.replace("_", " ") for column in shown]]
    cells += [["" if line[column] is None else str(line[column]) for column in shown] for line in lines]
    widths = [max(len(row[index]) for row in cells) for index in range(len(shown))]
    numbers = {index for index, column in enumerate(shown) if all(_is_number(line[column]) for line in lines)}
    yield ""
    for row in cells:
        parts = [
            cell.rjust(w) if i in numbers else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(parts).rstrip()


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int) or (isinstance(value, str) and value.replace(".", "", 1).isdigit())


def write_csv(folder: Path, result: RehearsalResult, figures: Mapping[str, ChannelFigures]) -> None:
    """Write each table to a file of its own in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, list[Line]] = {name: [] for name in TABLES}
    for name, line in tables_of(result, figures):
        tables[name].append(line)
    for name, lines in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            file.writelines(csv_lines(name, lines))


def csv_lines(name: str, lines: Sequence[Line]) -> Iterator[str]:
    """Yield one table as CSV, its columns first. What a spreadsheet would take for a formula gets an apostrophe."""
    rows: list[str] = []
    writer = csv.writer(_Gatherer(rows))
    writer.writerow(TABLES[name])
    for line in lines:
        writer.writerow([_safe(line[column]) for column in TABLES[name]])
    yield from rows


class _Gatherer:
    """A file that keeps what is written in a list."""

    def __init__(self, rows: list[str]) -> None:
        self._rows = rows

    def write(self, text: str) -> None:
        """Keep a piece."""
        self._rows.append(text)


def _safe(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
