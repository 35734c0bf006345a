"""How plan options are said to a borrower: their kinds, their effect on credit reports, and why one is not offered."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import yaml

from app.domain.plan_options import NotOffered, OptionKind
from app.wording.reason_words import fill

_FILE = Path(__file__).resolve().parents[1] / "content" / "option_words.yaml"
_DAYS = ("on", "until")
"""Facts that are ISO dates, written as the language writes them."""


def kind_words(kind: OptionKind, locale: str) -> str:
    """Return what choosing it means."""
    return _said("kinds", kind, locale)


def credit_effect_words(code: str, locale: str) -> str:
    """Return how it shows in credit reports. Raises KeyError for a code we lack."""
    return _said("credit_effects", code, locale)


def not_offered_words(refused: NotOffered, locale: str) -> str:
    """Return why an option is not offered. Raises KeyError for a code we lack, or a fact that the sentence must have."""
    facts = {
        name: date.fromisoformat(value) if name in _DAYS and isinstance(value, str) else value
        for name, value in refused.facts.items()
    }
    return fill(_said("codes", refused.code, locale), facts, locale)


def _said(section: str, code: str, locale: str) -> str:
    return _words()[section][code]["zh-CN" if locale.lower().startswith("zh") else "en"]


@lru_cache(maxsize=1)
def _words() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    document: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return document


def codes_said(section: str) -> frozenset[str]:
    """Return the codes that have words, of kinds, credit_effects or codes."""
    return frozenset(_words()[section])


REVISION = blake2b(_FILE.read_bytes(), digest_size=6).hexdigest()
"""Of these words: an answer that holds them has changed when they have."""
