"""A search understands what is typed, finds people of the lender alone, and follows no common word without end."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.domain.errors import RateLimitedError, ValidationError
from app.persistence.db import vault
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.queries import borrower_search as queries
from app.persistence.unit_of_work import unit_of_work
from app.persistence.vault import Vault
from app.services import borrower_search
from app.services.borrower_hits import MOST_HITS, SearchAnswer
from app.services.borrower_search import Searcher, search
from app.services.search_words import read_words
from app.services.transfer_references import make_reference
from tests.builders.book import build_lender, build_loan, pay
from tests.conftest import START

DUE = [START.date()]


def build(lender_id: str, number: int, **person: Any) -> Any:
    return build_loan(now=START, due=DUE, borrower_no=f"B{number}", loan_no=f"L{number}", lender_id=lender_id, **person)


@pytest.fixture
def lender(app: Flask) -> str:
    return build_lender(now=START, jurisdiction="CN")


def found(lender_id: str, text: str, **more: Any) -> list[str]:
    return [hit.borrower_no for hit in asked(lender_id, text, **more).hits]


def asked(lender_id: str, text: str, **more: Any) -> SearchAnswer:
    return search(text, searcher=Searcher("staff:Ann", lender_id), now=START, **more)


@pytest.mark.parametrize(
    "text",
    [
        "+8613800001234", "138 0000 1234", "138-0000-1234", "13800001234", "0086 138 0000 1234", "8613800001234",
        "+86 (138) 0000 1234",
    ],
)  # fmt: skip
def test_a_phone_is_found_in_any_writing(lender: str, text: str) -> None:
    build(lender, 1, phone="+8613800001234")
    build(lender, 2, phone="+8613800001235")

    assert found(lender, text) == ["B1"]


def test_every_kind_of_word_finds_its_borrower(lender: str) -> None:
    loan = build(lender, 1, phone="+8613800001234", email="Li.Wei@Example.com", name="José Li")
    build(lender, 2, phone="+8613800005678", email="ann@example.com", name="Ann Ray")
    pay(loan, 100, now=START, reference="TT 2026-77")
    with unit_of_work() as work:
        number = make_reference(work, loan.borrower_id, loan.loan_id, now=START)
        work.session.execute(update(LedgerEntryRow).values(bank_reference="BANK-9"))

    texts = {
        "1234": "phone_last4", "li.wei@EXAMPLE.com": "email", "L1": "loan_no", "l1": "loan_no", "B1": "borrower_no",
        "jose": "name", "LI josé": "name", "TT 2026-77": "payment_reference", "BANK-9": "payment_reference",
        number: "transfer_reference",
    }  # fmt: skip
    for text, kind in texts.items():
        answer = asked(lender, text)
        assert [hit.borrower_no for hit in answer.hits] == ["B1"], text
        assert kind in answer.hits[0].matched_by, text
        assert found(lender, text, kind=kind) == ["B1"], text


def test_all_words_of_a_name_must_match(lender: str) -> None:
    build(lender, 1, name="Li Wei")
    build(lender, 2, name="Li Fang")

    assert found(lender, "li") == ["B1", "B2"]
    assert found(lender, "fang li") == ["B2"]
    assert found(lender, "li wei fang") == []


def test_a_han_name_is_found_whole_and_by_its_first_two_characters(lender: str) -> None:
    build(lender, 1, name="王小明")
    build(lender, 2, name="王小芳")
    build(lender, 3, name="王大明")

    assert found(lender, "王小明") == found(lender, "王 小明") == ["B1"]
    assert found(lender, "王小") == ["B1", "B2"]
    with pytest.raises(ValidationError):
        asked(lender, "王")


def test_a_list_hides_of_a_name_what_was_not_known_to_who_asks(lender: str) -> None:
    build(lender, 1, name="Li Wei", phone="+8613800001234")
    build(lender, 2, name="王小明", phone="+8613800005678")

    names = {
        text: asked(lender, text).hits[0].name_shown for text in ("+8613800001234", "1234", "wei", "li wei", "王小", "B2")
    }

    assert names == {
        "+8613800001234": "Li Wei", "1234": "L• W••", "wei": "L• Wei", "li wei": "Li Wei", "王小": "王小•", "B2": "王小明",
    }  # fmt: skip


def test_who_owes_this_lender_nothing_is_not_found(lender: str) -> None:
    other = build_lender(now=START, code="other", jurisdiction="CN")
    build(other, 9, name="Li Wei", phone="+8613800001234", email="li@example.com")

    assert [found(lender, text) for text in ("+8613800001234", "1234", "li wei", "li@example.com", "B9", "L9")] == [[]] * 6
    assert found(other, "1234") == ["B9"]


def test_more_than_a_list_holds_asks_for_another_word(lender: str) -> None:
    for number in range(MOST_HITS + 2):
        build(lender, number, name="Li Wei")

    answer = asked(lender, "wei")

    assert (len(answer.hits), answer.has_more) == (MOST_HITS, True)


def test_a_common_word_is_followed_no_further_than_agreed(lender: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        build(lender, number, name="Li Wei" if number < 11 else "Li Zoe")
    for module in (queries, borrower_search):
        monkeypatch.setattr(module, "MOST_CANDIDATES", 5)
    queries._counting.cache_clear()
    queries._finding.cache_clear()
    try:
        rare = asked(lender, "li zoe")
        common = asked(lender, "li wei")
    finally:
        queries._counting.cache_clear()
        queries._finding.cache_clear()

    assert ([hit.borrower_no for hit in rare.hits], rare.has_more) == (["B11"], False)
    assert (len(common.hits), common.has_more) == (5, True)


def test_people_are_found_under_the_old_key_of_a_rotation(lender: str) -> None:
    build(lender, 1, phone="+8613800001234")
    ring = vault()
    rotated = Vault({"t2": bytes(range(2, 34)), **ring.master_keys})

    words = read_words(rotated, "+8613800001234", None, region=None)

    old = read_words(ring, "+8613800001234", None, region=None)
    assert set(old.any_of[0].values) < set(words.any_of[0].values)


@pytest.mark.parametrize(
    ("text", "kind"), [("", None), ("!!!", None), ("12", "phone"), ("abc", "email"), ("12345", "phone_last4"), ("1", "who")]
)
def test_what_can_be_nothing_is_refused(lender: str, text: str, kind: str | None) -> None:
    with pytest.raises(ValidationError):
        asked(lender, text, kind=kind)


def test_a_search_beyond_the_limit_answers_nothing(lender: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrower_search, "SEARCHES", replace(borrower_search.SEARCHES, most=1))
    build(lender, 1)

    assert found(lender, "B1") == ["B1"]
    with pytest.raises(RateLimitedError):
        asked(lender, "B1")


def test_the_worst_loan_comes_first(lender: str) -> None:
    build(lender, 1, name="Li Wei")
    build_loan(now=START, due=[START.date().replace(day=1)], borrower_no="B2", loan_no="L2", lender_id=lender, name="Li Wei")

    assert [(hit.borrower_no, hit.worst_days_past_due) for hit in asked(lender, "li wei").hits] == [("B2", 1), ("B1", 0)]
