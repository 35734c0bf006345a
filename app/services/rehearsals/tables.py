"""A rehearsal's result as tables of plain lines: what is printed, stored, written to CSV and drawn."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.services.rehearsals.channel_figures import ChannelFigures
from app.services.rehearsals.runs import RehearsalResult
from app.services.rehearsals.tallies import Tally

TABLES: dict[str, tuple[str, ...]] = {
    "decisions": ("day", "step", "channels", "outcome", "reason", "rule", "events"),
    "outcomes": ("step", "outcome", "reason", "decisions", "decisions_against"),
    "load": ("hour", "channel", "messages", "limit", "is_over"),
    "cost": ("channel", "currency", "messages", "price", "cost", "messages_against", "cost_against"),
    "delta": ("kind", "contacts"),
    "samples": ("kind", "lender", "borrower_no", "loan_no", "row_no", "anchor_no", "step", "before", "after"),
}
"""Columns of each table. `*_against`: of what it was held against, empty without. `cost` is in units of the currency."""
Line = dict[str, Any]


def tables_of(result: RehearsalResult, figures: Mapping[str, ChannelFigures]) -> Iterator[tuple[str, Line]]:
    """Yield (table, line) of all tables in order, each line with the columns of its table."""
    tally, against = result.tally, result.against
    for (day, step, channels, outcome, reason, rule), count in sorted(tally.events.items()):
        yield "decisions", {
            "day": day, "step": step, "channels": channels, "outcome": outcome, "reason": reason, "rule": rule,
            "events": count,
        }  # fmt: skip
    for line in _outcomes(tally, against):
        yield "outcomes", line
    for (hour, channel), count in sorted(tally.load.items()):
        if channel != "in_app":
            limit = figures[channel].per_hour if channel in figures else None
            is_over = limit is not None and count > limit
            yield "load", {"hour": hour, "channel": channel, "messages": count, "limit": limit, "is_over": is_over}
    for line in _costs(tally, against, figures):
        yield "cost", line
    if against is not None:
        for kind in ("added", "removed", "moved", "changed"):
            yield "delta", {"kind": kind, "contacts": tally.differences[kind]}
        for kind, found in sorted(tally.samples.items()):
            for values in found:
                yield "samples", dict(zip(TABLES["samples"], (kind, *values), strict=True))


def _outcomes(tally: Tally, against: Tally | None) -> Iterator[Line]:
    others = {} if against is None else against.decisions
    for step, outcome, reason in sorted(tally.decisions.keys() | others.keys()):
        key = (step, outcome, reason)
        yield {
            "step": step, "outcome": outcome, "reason": reason, "decisions": tally.decisions[key],
            "decisions_against": None if against is None else others.get(key, 0),
        }  # fmt: skip


def _costs(tally: Tally, against: Tally | None, figures: Mapping[str, ChannelFigures]) -> Iterator[Line]:
    others = {} if against is None else against.messages
    for channel, currency in sorted(tally.messages.keys() | others.keys()):
        price = figures[channel].costs.get(currency) if channel in figures else None
        count, before = tally.messages[channel, currency], others.get((channel, currency), 0)
        yield {
            "channel": channel, "currency": currency, "messages": count, "price": _text(price),
            "cost": _text(price, count), "messages_against": None if against is None else before,
            "cost_against": None if against is None else _text(price, before),
        }  # fmt: skip


def _text(price: Decimal | None, count: int = 1) -> str | None:
    return None if price is None else format((price * count).normalize(), "f")


def over_limits(lines: Iterable[tuple[str, Line]]) -> list[Line]:
    """Return the lines of hours in which a channel gets more than its provider takes."""
    return [line for name, line in lines if name == "load" and line["is_over"]]


def peak_of(lines: Iterable[tuple[str, Line]]) -> dict[str, tuple[str, int]]:
    """Return the busiest hour of each channel: channel -> (hour, messages)."""
    peaks: dict[str, tuple[str, int]] = {}
    for name, line in lines:
        if name == "load" and line["messages"] > peaks.get(line["channel"], ("", 0))[1]:
            peaks[line["channel"]] = (line["hour"], line["messages"])
    return peaks


def written_at(at: datetime) -> str:
    """An instant for a person, to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M}Z"
