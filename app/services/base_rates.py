"""Published base rates, read from a table: the loan prime rates that caps are made from."""

import csv
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

from app.domain.caps import Fixing
from app.domain.errors import ValidationError

COLUMNS = ("date", "one_year", "five_year")
"""What the table must have: an ISO date and per cent a year. Lines that begin with # are remarks; other columns too."""


_table: list[Path] = []


def use_table(path: Path) -> None:
    """Make this the table whose fixings `fixings` returns; it is read when it is first asked for."""
    _table[:] = [path]
    _loaded.cache_clear()


def fixings() -> tuple[Fixing, ...]:
    """Return the fixings of the table in use, by date; none before `use_table`. Raises ValidationError."""
    return _loaded(_table[0]) if _table else ()


@lru_cache(maxsize=1)
def _loaded(path: Path) -> tuple[Fixing, ...]:
    return load_fixings(path)


def load_fixings(path: Path) -> tuple[Fixing, ...]:
    """Return the fixings of the table by date, as fractions. Raises ValidationError that names the file and the line.

    A table that says two things of one day is refused: a cap must not depend on which line is read first.
    """
    lines = [(no, line) for no, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1) if line.strip()]
    table = [(no, line) for no, line in lines if not line.startswith("#")]
    reader = csv.DictReader(line for _, line in table)
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise ValidationError(f"{path.name} has no column {', '.join(missing)}.")
    found: dict[date, Fixing] = {}
    for (no, _), row in zip(table[1:], reader, strict=True):
        try:
            fixing = Fixing(date.fromisoformat(row["date"]), _fraction(row["one_year"]), _fraction(row["five_year"]))
        except (ValueError, TypeError, InvalidOperation):
            raise ValidationError(f"{path.name}, line {no}: not a date and two rates in per cent.") from None
        if found.setdefault(fixing.fixed_on, fixing) != fixing:
            raise ValidationError(f"{path.name}, line {no}: another rate for {fixing.fixed_on}.")
    return tuple(found[on] for on in sorted(found))


def _fraction(percent: str) -> Decimal:
    rate = Decimal(percent).scaleb(-2)
    if not 0 <= rate < 1:
        raise ValueError(percent)
    return rate
