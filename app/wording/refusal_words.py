"""Refusals in the borrower's language: the sentences that the domain says in English, as each other language says them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import yaml

from app.domain.errors import DomainError, FieldError, PlanNotEligibleError
from app.domain.plan_options import NotOffered, OptionKind
from app.wording.option_words import kind_words, not_offered_words

_FOLDER = Path(__file__).resolve().parents[1] / "content" / "refusals"
_PLACE = re.compile(r"\{([a-z_]+)\}")
_LONGEST = 1000
"""A sentence that holds more than that (a body thrown back) is not looked for."""


def refusal_words(sentence: str, locale: str) -> str | None:
    """Return an English refusal as the locale says it; None where it has no words for it."""
    if locale == "en":
        return sentence
    if len(sentence) > _LONGEST:
        return None
    exact, patterns = _catalogue(locale)
    if sentence in exact:
        return exact[sentence]
    for pattern, words in patterns:
        if found := pattern.fullmatch(sentence):
            return words.format(**found.groupdict())
    return None


def refused_in_words(error: DomainError, locale: str) -> tuple[str | None, Iterator[FieldError]]:
    """Return the detail and the fields of a refusal in the locale; no detail where it has no words for it."""
    if not isinstance(error, PlanNotEligibleError) or "reason" not in error.facts:
        return refusal_words(error.detail, locale), fields_in_words(error.errors, locale)
    why = _why_not_eligible(error, locale)
    rule = f" ({error.facts['rule']})" if error.facts.get("rule") else ""
    kind = kind_words(OptionKind(str(error.facts["kind"])), locale)
    fields = (FieldError(each.pointer, each.code, f"{why}{rule}") for each in error.errors)
    return f"{kind}{'：' if locale == 'zh-CN' else ': '}{why}", fields


def fields_in_words(errors: Iterable[FieldError], locale: str) -> Iterator[FieldError]:
    """Yield what is wrong with each field in the locale; as it is where the locale has no words for it."""
    for each in errors:
        yield FieldError(each.pointer, each.code, refusal_words(each.detail, locale) or each.detail)


def _why_not_eligible(error: PlanNotEligibleError, locale: str) -> str:
    kind, code = OptionKind(str(error.facts["kind"])), str(error.facts["reason"])
    return not_offered_words(NotOffered(kind, code, facts=error.facts), locale)


@lru_cache(maxsize=4)
def _catalogue(locale: str) -> tuple[Mapping[str, str], tuple[tuple[re.Pattern[str], str], ...]]:
    said: dict[str, str] = {}
    for path in (*_FOLDER.glob(f"{locale}.yaml"), *sorted(_FOLDER.glob(f"{locale}-*.yaml"))):
        said |= yaml.safe_load(path.read_text(encoding="utf-8"))
    exact = {english: words for english, words in said.items() if not _PLACE.search(english)}
    return exact, tuple((_pattern(english), words) for english, words in said.items() if english not in exact)


def _pattern(english: str) -> re.Pattern[str]:
    parts = _PLACE.split(english)
    return re.compile("".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)))
