"""Terms of disputes and of requests for help, by law pack (content/disputes, content/hardship): days, words, ways out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.disputes import AnswerTerm
from app.domain.letters import LetterRefusedError
from app.services.law_packs import DEFAULT, get_rule
from app.wording.letter_texts import letterhead_of

_CONTENT = Path(__file__).resolve().parents[1] / "content"
_SHEET = "debt_advice"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a borrower goes who is not content with the answer, in their language."""

    name: str
    phone: str | None
    url: str | None
    about: str
    source: str
    evidence: str


@dataclass(frozen=True, slots=True)
class AdviceService:
    """Somebody who gives free advice on debt."""

    name: str
    phone: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class DebtAdvice:
    """Free debt advice. `rule`: of law that asks to name it, if one does; `sheet`: what the lender's letterhead says."""

    rule: str | None
    services: tuple[AdviceService, ...]
    sheet: tuple[str, ...]


def answer_term(pack: str, kind: str) -> AnswerTerm:
    """Return by when a case of that kind is answered under a law pack, else under the default's house rule."""
    answers = _disputes()["answers"]
    found = answers.get(pack, {}).get(kind) or answers[DEFAULT][kind]
    return _term(found)


def again_days() -> int:
    """Return for how many days after a case was rejected, or one came that was taken back, the same again stops nothing."""
    return int(_disputes()["again"]["days"])


def request_word(pack: str, kind: str) -> str | None:
    """Return the word under which the law packs know a case of that kind as a request; None: they know it as a dispute."""
    words = _disputes()["requests"]
    word: str | None = words.get(pack, words[DEFAULT]).get(kind)
    return word


def routes(pack: str, locale: str) -> tuple[Route, ...]:
    """Return the bodies outside the lender, in a language."""
    return tuple(
        Route(
            each["name"].get(locale) or each["name"]["en"],
            each["phone"],
            each["url"],
            each["about"].get(locale) or each["about"]["en"],
            each["source"],
            each["evidence"],
        )
        for each in _disputes()["routes"].get(pack, ())
    )


def review_term(pack: str) -> AnswerTerm:
    """Return by when a person decides about a request for help."""
    found = _hardship()["review"]
    return _term(found.get(pack) or found[DEFAULT])


def debt_advice(pack: str, locale: str, lender_code: str | None) -> DebtAdvice:
    """Return the free advice to name: what is known of the jurisdiction, and what the lender's own letterhead says."""
    found: Mapping[str, Any] = _hardship()["advice"].get(pack, {})
    services = tuple(AdviceService(each["name"], each["phone"], each["url"]) for each in found.get("services", ()))
    return DebtAdvice(found.get("rule"), services, _sheet(lender_code, locale))


def _sheet(lender_code: str | None, locale: str) -> tuple[str, ...]:
    if lender_code is None:
        return ()
    try:
        return letterhead_of(lender_code).sheet(_SHEET, locale).paragraphs
    except LetterRefusedError:
        return ()  # a lender that sends no letters has no letterhead


def _term(found: Mapping[str, Any]) -> AnswerTerm:
    if "rule" not in found:
        return AnswerTerm(int(found["days"]), None, found["source"], found.get("evidence"))
    rule = get_rule(found["rule"])
    days = next(test.document["days"] for test in rule.tests if test.kind == "deadline")
    return AnswerTerm(int(days), rule.id, rule.source, rule.evidence)


@lru_cache(maxsize=1)
def _disputes() -> dict[str, Any]:
    return _read("disputes")


@lru_cache(maxsize=1)
def _hardship() -> dict[str, Any]:
    return _read("hardship")


def _read(noun: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((_CONTENT / noun / "terms.yaml").read_text(encoding="utf-8"))
    return document
