"""The catalogue of reasons is whole: every code, every audience, every language, and its page."""

import re

import pytest

from app.domain.reasons import DELIVERY_REASONS, OWNERS, Outcome, Reason
from app.wording.reason_words import LOCALES, PLACEHOLDERS, entries, fill, owner_words, write_page
from tests.house.reasons_page import PAGE

HAN = re.compile(r"[\u4e00-\u9fff]")


def test_every_code_is_in_the_catalogue_and_no_other() -> None:
    codes = {(entry.kind, entry.code) for entry in entries()}

    assert codes == (
        {("outcome", each.value) for each in Outcome}
        | {("reason", each.value) for each in Reason}
        | {("delivery", code) for code in DELIVERY_REASONS if code not in Reason.__members__}
    )


def test_every_code_is_said_to_everyone_in_every_language() -> None:
    for entry in entries():
        assert set(entry.sentences) == {(who, locale) for who in ("staff", "borrower") for locale in LOCALES}, entry.code
        assert entry.meaning.endswith("."), entry.code
        assert entry.to_do.endswith("."), entry.code
        for (_, locale), text in entry.sentences.items():
            assert text.strip() == text, entry.code
            assert (HAN.search(text) is not None) is (locale == "zh-CN"), (entry.code, locale)


def test_sentences_name_only_facts_that_exist_and_can_do_without_all_of_them() -> None:
    for entry in entries():
        for (_, locale), text in entry.sentences.items():
            assert set(re.findall(r"\{(\w+)\}", text)) <= PLACEHOLDERS, entry.code
            bare = fill(text, {}, locale)
            full = fill(text, dict.fromkeys(PLACEHOLDERS, "x"), locale)
            for said in (bare, full):
                assert not re.search(r"[\[\]{}]|  | [,.;]|\(\)|（）", said), (entry.code, said)


def test_every_owner_has_words() -> None:
    for owner in {*OWNERS.values(), *DELIVERY_REASONS.values()}:
        assert all(owner_words(owner, locale) for locale in LOCALES)


@pytest.mark.parametrize("word", ["debt collector", "overdue", "refuse", "fail to", "default"])
def test_borrowers_are_spoken_to_kindly(word: str) -> None:
    harsh = [e.code for e in entries() if word in e.sentences["borrower", "en"].lower()]

    assert harsh == []


def test_the_page_is_true() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(), "run: python -m tests.house.reasons_page"
