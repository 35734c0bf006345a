"""What outcomes and reasons mean and how they are said, to staff and to borrowers, in their language.

The words are in `content/reasons.yaml`. In braces stands a fact; what is in brackets is left out where one of its facts is
not known. A placeholder outside of brackets that has no fact is an error, never an empty place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

from app.domain.reasons import DELIVERY_REASONS, OWNERS, Outcome, Reason
from app.domain.times import zone_named
from app.wording.amounts import written_date

_FILE = Path(__file__).resolve().parents[1] / "content" / "reasons.yaml"
LOCALES = ("en", "zh-CN")
PLACEHOLDERS = frozenset({"until", "on", "rule", "by_step", "condition", "channel", "kind", "amount"})
"""Facts that sentences may name: an instant, a day, a rule, a step, a condition or code, a channel, a hold's kind, a sum."""
Audience = Literal["staff", "borrower"]
Facts = Mapping[str, object]
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One code of the catalogue. `owner`: who can change it, a key of `owners`; empty for outcomes."""

    code: str
    kind: str
    """outcome, reason or delivery."""
    meaning: str
    to_do: str
    owner: str
    sentences: Mapping[tuple[str, str], str]
    """(audience, locale) -> sentence with placeholders."""


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return document


@lru_cache(maxsize=1)
def _catalogue() -> Mapping[tuple[str, str], Entry]:
    found: dict[tuple[str, str], Entry] = {}
    for kind, section in (("outcome", "outcomes"), ("reason", "reasons"), ("delivery", "deliveries")):
        for code, each in _document()[section].items():
            sentences = {
                (audience, locale): text for audience in ("staff", "borrower") for locale, text in each[audience].items()
            }
            owner = "" if kind == "outcome" else OWNERS[Reason(code)] if kind == "reason" else DELIVERY_REASONS[code]
            found[kind, code] = Entry(code, kind, each["meaning"], each["do"], owner, sentences)
    return found


def entries() -> tuple[Entry, ...]:
    """Return the whole catalogue: outcomes, then reasons, then reasons that only a delivery has."""
    return tuple(_catalogue().values())


def entries_named(code: str) -> tuple[Entry, ...]:
    """Return what the catalogue says of a code; NEEDS_APPROVAL is an outcome and a reason. Empty: there is none."""
    return tuple(entry for entry in entries() if entry.code == code)


def owner_words(owner: str, locale: str = "en") -> str:
    """Return who can change reasons of an owner. Raises KeyError."""
    owners: Mapping[str, Mapping[str, str]] = _document()["owners"]
    return owners[owner][_locale(locale)]


def outcome_words(
    outcome: Outcome | str, facts: Facts, locale: str, *, to: Audience = "staff", zone: str | None = None
) -> str:
    """Return an outcome as people read it. Raises KeyError for an unknown code or a fact that the sentence must have."""
    return _say(_catalogue()["outcome", str(outcome)], facts, locale, to, zone)


def reason_words(reason: Reason | str, facts: Facts, locale: str, *, to: Audience = "staff", zone: str | None = None) -> str:
    """Return a reason, of a decision or of a delivery, as people read it. Instants are told in `zone` (UTC without one).

    Raises KeyError for an unknown code or a fact that the sentence must have.
    """
    found = _catalogue()
    entry = found.get(("reason", str(reason))) or found["delivery", str(reason)]
    return _say(entry, facts, locale, to, zone)


def fill(text: str, facts: Facts, locale: str, zone: str | None = None) -> str:
    """Put facts into a sentence. Raises KeyError for a placeholder outside of brackets that has no fact."""

    def known(part: re.Match[str]) -> str:
        inner = part[1]
        lacking = any(facts.get(name) is None for name in _PLACE.findall(inner))
        return "" if lacking else inner

    return _PLACE.sub(lambda place: _written(facts[place[1]], locale, zone), _OPTIONAL.sub(known, text))


def written_instant(at: datetime, locale: str, zone: str | None) -> str:
    """Return an instant as the wall shows it in `zone`: a date, a time to the minute, the zone where it is not theirs."""
    local = at.astimezone(zone_named(zone or "UTC"))
    clock = f"{local:%H:%M}" + ("" if zone else " UTC")
    return f"{written_date(local.date(), locale)} {clock}"


def _say(entry: Entry, facts: Facts, locale: str, to: Audience, zone: str | None) -> str:
    return fill(entry.sentences[to, _locale(locale)], facts, locale, zone)


def _locale(wanted: str) -> str:
    return "zh-CN" if wanted.lower().replace("_", "-").split("-")[0] == "zh" else "en"


def _written(value: object, locale: str, zone: str | None) -> str:
    if isinstance(value, datetime):
        return written_instant(value, locale, zone)
    return written_date(value, locale) if isinstance(value, date) else str(value)


def write_page() -> str:
    """Return docs/reasons.md: every code with its meaning, who can change it, what to do, and how it is said."""
    parts = [
        "# Outcomes and reasons\n\n"
        "Written by `python -m tests.house.reasons_page` from `app/content/reasons.yaml`; a test keeps it true.\n"
        "`flask reasons list` and `flask reasons show CODE` print the same. In braces stands a fact; what is in brackets\n"
        "is left out where that fact is not known.\n"
    ]
    titles = {"outcome": "Outcomes", "reason": "Reasons", "delivery": "Reasons that only a delivery has"}
    for kind, title in titles.items():
        parts.append(f"\n## {title}\n")
        for entry in entries():
            if entry.kind != kind:
                continue
            parts.append(f"\n### {entry.code}\n\n{entry.meaning}\n\n")
            if entry.owner:
                parts.append(f"- Who can change it: {owner_words(entry.owner)} ({entry.owner})\n")
            parts.append(f"- What to do: {entry.to_do}\n")
            for (audience, locale), text in entry.sentences.items():
                parts.append(f"- {audience.capitalize()}, {locale}: {text}\n")
    return "".join(parts)
