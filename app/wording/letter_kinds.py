"""What a letter of a kind must hold in a jurisdiction: its parts, how long it leaves, and statements with their evidence.

Data in content/letters (`letters`, `says`), the jurisdiction's over the default's. A statement whose source was read is
shown with that source; the house's own word, and what was never read, is shown without one: neither is told as law.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.letters import refused

KINDS = (
    "arrears_notice",
    "repayment_letter",
    "pre_report_notice",
    "collateral_notice",
    "register_notice",
    "default_notice",
)
"""The kinds of letters that a case may go through, in no order."""
NOTICES_OF_LAW = ("validation_notice",)
"""Kinds that a law asks of some and of nobody else; they stand in no other jurisdiction's file."""
NEEDS = ("licence", "contract", "ledger", "cap", "ways_to_pay", "complaints", "reports_to", "register", "itemisation",
         "current_creditor", "regulator")  # fmt: skip
"""Parts that can be lacking, and for which a letter is then refused by name."""
AS_LAW = frozenset({"P", "M", "R"})
"""Grades whose source is shown: the law's own words were read (P), in part (M), or in a rendering (R)."""
GRADES = AS_LAW | {"H", "U"}
_CONTENT = Path(__file__).resolve().parents[1] / "content" / "letters"
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Saying:
    """One statement, by locale. `source` is shown where the grade allows; `who`: the lender's role that says it, or None."""

    key: str
    grade: str
    source: Mapping[str, str]
    heading: Mapping[str, str]
    text: Mapping[str, str]
    who: str | None = None

    def said(self, locale: str, values: Mapping[str, str]) -> str:
        """Return the statement with these values, its source after it where it may be shown. Raises LetterRefusedError."""
        if locale not in self.text:
            raise refused("text", f"The statement {self.key} has no words in {locale}.")
        text = self.text[locale].format(**values)
        source = self.source.get(locale, "") if self.grade in AS_LAW else ""
        if not source:
            return text
        return f"{text}（{source}）" if locale == "zh-CN" else f"{text} ({source})"


@dataclass(frozen=True, slots=True)
class LetterKind:
    """One kind of letter in a jurisdiction.

    `served_as`: the notice that it is, as it is served and as the law packs are asked about it. `pay_by_days`: from the day
    on which its amounts stand to the last day it leaves; `least_days` is what a law demands of that, with its grade.
    """

    jurisdiction: str
    kind: str
    template: str
    served_as: str
    pay_by_days: int
    needs: tuple[str, ...]
    says: tuple[Saying, ...]
    least_days: int | None = None
    least_grade: str | None = None
    reports_to: Mapping[str, str] | None = None
    """To whom information goes that a letter tells of, by locale, where the jurisdiction has one such place."""
    asks_to_pay: bool = True
    """Whether its last day is one to pay by; False: one until which its addressee can dispute, and nothing is asked for."""


def letter_kind(jurisdiction: str, kind: str) -> LetterKind:
    """Return a kind of letter, by its own name or by the notice that it is served as. Raises LetterRefusedError."""
    found = kinds_of(jurisdiction)
    for each in (found.get(kind), *found.values()):
        if each is not None and kind in (each.kind, each.served_as):
            return each
    raise refused("notice_text", f"Nothing is known of {kind} as a letter in {jurisdiction}.")


def find_kind(jurisdiction: str, *, kind: str | None, template: str) -> LetterKind | None:
    """Return the kind of a letter that was served as `kind`, or is written with a template; None: it is of no kind.

    A template that the jurisdiction's own kinds do not use is of the default's kind: a letter about arrears in the United
    Kingdom, beside its prescribed notice.
    """
    for found in (kinds_of(jurisdiction), kinds_of(_DEFAULT)):
        for each in found.values():
            if each.template == template and (kind is None or kind in (each.kind, each.served_as)):
                return each
    return None


@lru_cache(maxsize=64)
def kinds_of(jurisdiction: str) -> Mapping[str, LetterKind]:
    """Return the kinds of letters of a jurisdiction (of a law pack: UK, EU, ...) by name; the default's where it has none.

    Raises ValueError for content that cannot be.
    """
    base = _read(_DEFAULT)
    own = _read(jurisdiction.lower()) if jurisdiction.lower() != _DEFAULT else {}
    sayings = {key: _saying(key, each) for key, each in {**base["says"], **own.get("says", {})}.items()}
    return {
        kind: _kind(jurisdiction, kind, {**each, "says": _said_by(each, own)}, sayings, own.get("reports_to"))
        for kind, each in {**base["letters"], **own.get("letters", {})}.items()
    }


def _said_by(each: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """Return what a kind says, after what every letter of the jurisdiction says (`says_always`)."""
    return list(dict.fromkeys([*own.get("says_always", ()), *each["says"]]))


def _kind(
    jurisdiction: str,
    kind: str,
    each: Mapping[str, Any],
    sayings: Mapping[str, Saying],
    reports_to: Mapping[str, str] | None,
) -> LetterKind:
    if kind not in (*KINDS, *NOTICES_OF_LAW) or (unknown := sorted(set(each["needs"]) - set(NEEDS))):
        raise ValueError(f"{jurisdiction} {kind}: no such kind, or nothing is known of {unknown}")
    least = each.get("least_days", {})
    return LetterKind(
        jurisdiction,
        kind,
        each["template"],
        each.get("served_as", kind),
        int(each["pay_by_days"]),
        tuple(each["needs"]),
        tuple(sayings[key] for key in each["says"]),
        least.get("days"),
        least.get("grade"),
        reports_to,
        bool(each.get("asks_to_pay", True)),
    )


def _saying(key: str, each: Mapping[str, Any]) -> Saying:
    grade = str(each["grade"])
    if grade not in GRADES or (grade in AS_LAW) != bool(each.get("source")):
        raise ValueError(f"{key}: a grade of {sorted(GRADES)}, and a source where it is shown as law, nowhere else")
    texts = {locale: str(each[locale]) for locale in ("en", "zh-CN") if locale in each}
    return Saying(key, grade, each.get("source", {}), each["heading"], texts, each.get("who"))


def _read(name: str) -> Mapping[str, Any]:
    path = _CONTENT / f"{name}.yaml"
    if not path.is_file():
        return {}
    document: Mapping[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return document
