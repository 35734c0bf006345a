"""What becomes of a step of an escalation, and why, in words."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.domain.holds import HOLD_REASONS
from app.wording.reason_words import reason_words
from app.wording.template_texts import read_yaml

_FILE = Path(__file__).resolve().parents[1] / "content" / "escalations" / "words.yaml"
_OF_HOLDS = frozenset(reason.value for reason in HOLD_REASONS.values())


@lru_cache(maxsize=1)
def escalation_catalogue() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Return kinds, outcomes, reasons, because: code -> locale -> words."""
    read: Any = read_yaml(_FILE)
    found: Mapping[str, Mapping[str, Mapping[str, str]]] = read
    return found


def kind_words(kind: str, locale: str) -> str:
    """Return what a kind of step is called."""
    return _words("kinds", kind, locale)


def outcome_words(outcome: str, locale: str) -> str:
    """Return what became of a step."""
    return _words("outcomes", outcome, locale)


def because_words(code: str, locale: str) -> str:
    """Return why a person said no, or stopped it."""
    return _words("because", code, locale)


def why_words(reason: str, locale: str) -> str:
    """Return why; a code of a hold, or of a message that could not be sent, has the words of reminders."""
    if reason not in _OF_HOLDS and reason in escalation_catalogue()["reasons"]:
        return _words("reasons", reason, locale)
    try:
        return reason_words(reason, {}, locale)
    except KeyError:  # a code that only the register of another knows, or a sentence that needs its fact
        return reason


def _words(part: str, code: str, locale: str) -> str:
    words = escalation_catalogue()[part].get(code)
    return code if words is None else words.get(locale) or words["en"]
