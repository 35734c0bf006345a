"""What is said of days on which a loan bears no interest by law, to the borrower: from when to when, and why.

Why is said by what happened, and not by the paragraph: of some only the trigger was read, and the effect is recalled. A
moratorium is named the same whatever its ground is: a statement of account is shown to others.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from app.domain.stops import INTEREST_AND_CHARGES, Stop
from app.wording.amounts import written_date

_DAY = timedelta(days=1)
_ELSE = ""
_WHY: Mapping[str, Mapping[str, str]] = {
    "en": {
        "UK-NOSIA-FAIL": "a notice about arrears that had to be sent to you was not sent in time",
        "UK-BREATHING": "you are in a breathing space",
        "UK-MHC": "you are in a breathing space",
        _ELSE: "a rule of law asks for it",
    },
    "zh-CN": {
        "UK-NOSIA-FAIL": "应向您发出的欠款通知未按时发出",
        "UK-BREATHING": "您正处于债务喘息期",
        "UK-MHC": "您正处于债务喘息期",
        _ELSE: "法律规定应当停止",
    },
}
"""By rule of the law packs. Of what people put by another rule no more is said than that one asks for it."""
_SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "open": "{what} stopped on this loan from {first} on, because {why}.",
        "until": "{what} stopped on this loan from {first} to {last}, because {why}.",
        "interest": "Interest is",
        "interest_and_charges": "Interest and charges for lateness are",
    },
    "zh-CN": {
        "open": "本笔贷款自{first}起停止计收{what}，原因：{why}。",
        "until": "本笔贷款自{first}至{last}停止计收{what}，原因：{why}。",
        "interest": "利息",
        "interest_and_charges": "利息和逾期费用",
    },
}


def why_stopped(rule: str, locale: str) -> str:
    """Return why a rule stops interest, in English for a locale that has no words for it."""
    words = _WHY.get(locale, _WHY["en"])
    return words.get(rule, words[_ELSE])


def last_day(stop: Stop) -> date | None:
    """Return the last day without interest; None: no end is known."""
    return None if stop.until_on is None else stop.until_on - _DAY


def stop_sentence(stop: Stop, locale: str) -> str:
    """Return one sentence that says that interest is stopped, since when, until when and why."""
    words = _SENTENCES.get(locale, _SENTENCES["en"])
    last = last_day(stop)
    return words["open" if last is None else "until"].format(
        what=words["interest_and_charges" if stop.scope == INTEREST_AND_CHARGES else "interest"],
        first=written_date(stop.from_on, locale),
        last="" if last is None else written_date(last, locale),
        why=why_stopped(stop.rule, locale),
    )
