"""What somebody who calls is reminded to say: plain facts, and the words that a law wants said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).resolve().parents[1] / "content" / "calls" / "talking_points.yaml"
LOCALES = ("en", "zh-CN")


@dataclass(frozen=True, slots=True)
class TalkingPoint:
    """One thing to say. `source`: the rule or text that wants it said; None: good practice."""

    key: str
    words: str
    source: str | None


@lru_cache(maxsize=1)
def _points() -> Sequence[Mapping[str, Any]]:
    points: Sequence[Mapping[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    for point in points:
        if not {"key", *LOCALES} <= point.keys():
            raise ValueError(f"talking point {point.get('key')!r} is not said in each of {', '.join(LOCALES)}.")
    return points


def talking_points(jurisdiction: str, role: str | None, values: Mapping[str, str], locale: str) -> tuple[TalkingPoint, ...]:
    """Return what to say, in order. `values`: staff, lender, borrower, amount, since; without amount it is not spoken of.

    `jurisdiction`: of the law pack that governs.
    """
    found = []
    for point in _points():
        if jurisdiction not in point.get("jurisdictions", (jurisdiction,)):
            continue
        if "roles" in point and role not in point["roles"]:
            continue
        words = point[locale if locale in LOCALES else "en"]
        if "{amount}" in words and not values.get("amount"):
            continue
        found.append(TalkingPoint(point["key"], words.format(**values), point.get("rule") or point.get("source")))
    return tuple(found)
