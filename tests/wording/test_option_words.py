"""Plan options are said in the borrower's language: each kind, each effect on credit reports, each reason."""

import re

import pytest

from app.domain.option_rules import CREDIT_EFFECTS
from app.domain.plan_options import CODES, NotOffered, OptionKind
from app.wording.option_words import codes_said, credit_effect_words, kind_words, not_offered_words

LOCALES = ("en", "zh-CN")
FACTS = {
    "loan_closed": {}, "too_early": {"days": 5}, "too_late": {"days": 30}, "after_maturity": {"on": "2026-03-05"},
    "too_few_paid": {"rows": 3}, "too_often": {"times": 2, "months": 12}, "cooling_off": {"until": "2026-03-05"},
    "too_many_rows": {"rows": 3}, "too_long": {"days": 31},
}  # fmt: skip
"""What a reason comes with, where its sentence needs it (domain/option_limits.py)."""


@pytest.mark.parametrize("locale", LOCALES)
def test_every_code_has_words_of_the_language_and_no_place_left_open(locale: str):
    said = [kind_words(kind, locale) for kind in OptionKind]
    said += [credit_effect_words(code, locale) for code in CREDIT_EFFECTS]
    said += [not_offered_words(NotOffered(OptionKind.EXTEND, code, facts=FACTS.get(code, {})), locale) for code in CODES]
    for words in said:
        assert words.strip()
        assert not re.search(r"[{}\[\]]", words)
        assert bool(re.search(r"[\u4e00-\u9fff]", words)) == (locale == "zh-CN")


def test_there_are_words_for_nothing_else():
    assert codes_said("kinds") == set(OptionKind)
    assert codes_said("credit_effects") == set(CREDIT_EFFECTS)
    assert codes_said("codes") == set(CODES)


def test_what_is_not_known_is_left_out_and_days_are_written_as_the_language_writes_them():
    often = NotOffered(OptionKind.EXTEND, "too_often", facts={"times": 2})
    assert not_offered_words(often, "en") == "It can be chosen 2 times, and has been."
    cooling = NotOffered(OptionKind.EXTEND, "cooling_off", facts={"until": "2026-03-05"})
    assert "2026年3月5日" in not_offered_words(cooling, "zh-CN")
