"""Rules of law told in English: their tests, and how well they were read."""

from collections.abc import Mapping
from typing import Any

EVIDENCE = {
    "primary": "wording read",
    "partly": "partly read, partly recalled",
    "rendering": "read only in a second-hand rendering",
    "recalled": "RECALLED, UNVERIFIED: not to be shown as law",
}
"""How well a text was read."""

DATE_EVIDENCE = EVIDENCE | {"recalled": "date recalled, unverified"}
"""How well a date is known."""

EXECUTED_BY = {
    "engine": "the reminder engine, at decision and again at dispatch",
    "content": "the lint of templates and messages",
    "duty": "services: gates on other acts, and dated duties",
    "compute": "figures of the loan",
    "person": "a person; software only notices it",
}

_MATCHERS = {
    "has_any": "has any of {}",
    "has_none": "has none of {}",
    "lacks_any": "lacks any of {}",
    "only": "has only {}",
    "gt": "is above {}",
    "gte": "is at least {}",
    "lt": "is below {}",
    "lte": "is at most {}",
    "gt_fact": "is above {}",
    "lt_fact": "is below {}",
    "eq_fact": "equals {}",
    "ne_fact": "differs from {}",
    "matches": "matches {}",
    "any_match": "has one that matches {}",
    "within_days": "is within the last {} days",
    "older_than_minutes": "is more than {} minutes ago",
}
_YES_NO = {
    "present": ("is known", "is not known"),
    "past": ("is past", "is not past"),
    "before_today": ("is before today", "is not before today"),
    "today_or_later": ("is today or later", "is before today"),
    "active": ("active", "not active"),
    "covers_channel": ("for this channel", "for another channel"),
    "covers_number": ("for this number", "for another number"),
    "other_channel": ("for another channel", "for this channel"),
}


def told_test(document: Mapping[str, Any]) -> list[str]:
    """Return a test of a rule in words: a first line, and one for each row it has."""
    params = {name: each for name, each in document.items() if name not in ("test", "needs", "rows")}
    line = str(document["test"]).replace("_", " ")
    if params:
        line += ": " + ", ".join(f"{name.replace('_', ' ')} {_told_param(each)}" for name, each in params.items())
    if document.get("needs"):
        line += f"; only when {told_matcher(document['needs'])}"
    rows = document.get("rows") or []
    return [line, *(f"{_when(row, no)} -> {_outcome(row['then'])}" for no, row in enumerate(rows))]


def told_matcher(document: Mapping[str, Any]) -> str:
    """Return a matcher object over facts, or over an element, in words."""
    return " and ".join(_told(name.replace("_", " "), each, name) for name, each in document.items())


def _when(row: Mapping[str, Any], no: int) -> str:
    return f"{'if' if no == 0 else 'else if'} {told_matcher(row['when'])}" if row.get("when") else "otherwise"


def _outcome(then: Mapping[str, Any]) -> str:
    rest = [f"{name.replace('_', ' ')} {_told_param(each)}" for name, each in then.items() if name != "verdict"]
    return ", ".join([str(then["verdict"]), *rest])


def _told(subject: str, matcher: Any, name: str) -> str:
    if name in _YES_NO and isinstance(matcher, bool):
        return _YES_NO[name][not matcher]
    if not isinstance(matcher, Mapping):
        return f"{subject} is {_words(matcher)}"
    return " and ".join(_named(subject, key, each) for key, each in matcher.items())


def _named(subject: str, key: str, each: Any) -> str:
    if key == "not":
        return f"not ({_told(subject, each, '')})"
    if key == "any":
        return f"{subject} has one with {told_matcher(each)}" if each else f"{subject} has one"
    if key == "none":
        return f"{subject} has none with {told_matcher(each)}" if each else f"{subject} has none"
    if key in _YES_NO:
        return f"{subject} {_YES_NO[key][not each]}"
    if key == "min_days_after_field":
        return f"{subject} is at least {each[1]} days after {str(each[0]).replace('_', ' ')}"
    return f"{subject} {_MATCHERS.get(key, key + ' {}').format(_words(each))}"


def _told_param(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{name.replace('_', ' ')} {_told_param(each)}" for name, each in value.items()) + ")"
    return _words(value)


def _words(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " or ".join(_told_param(each) for each in value) if value else "any"
    return str(value)
