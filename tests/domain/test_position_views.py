"""Two views of one day: what differs is named, and what was learnt in between is what counts by that day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.position_views import Difference, differences, learnt_since
from app.domain.positions import Position
from app.domain.splits import NOTHING

DAY, KNOWN_AT = date(2026, 3, 2), datetime(2026, 3, 2, 12, tzinfo=UTC)
THEN = Position(DAY, 300, 300, NOTHING, NOTHING, 0, 3, 3, "1-29", date(2026, 4, 1), 100, 0)


def entry(name: str, *, on: date = DAY, known: timedelta) -> LedgerEntry:
    return LedgerEntry(name, EntryKind.REPAYMENT, 100, on, KNOWN_AT + known)


def test_figures_that_differ_are_named_in_one_order() -> None:
    now = replace(THEN, outstanding_minor=200, days_past_due=0, bucket="current", next_due_on=None)

    assert differences(THEN, THEN) == []
    assert differences(THEN, now) == [
        Difference("outstanding", "300", "200"),
        Difference("days_past_due", "3", "0"),
        Difference("bucket", "1-29", "current"),
        Difference("next_due_on", "2026-04-01", None),
    ]


def test_learnt_is_what_counts_by_the_day_and_became_known_after_the_instant() -> None:
    tick = timedelta(microseconds=1)
    entries = [
        entry("later", known=2 * tick),
        entry("at", known=timedelta()),
        entry("after", known=tick),
        entry("of the next day", on=DAY + timedelta(days=1), known=tick),
    ]

    assert [each.entry_id for each in learnt_since(entries, DAY, KNOWN_AT)] == ["after", "later"]
