"""What is refused to borrowers, and to staff about their accounts, is said in Chinese too, and says what to do."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from app.domain.errors import FieldError, PlanNotEligibleError, refused_at
from app.domain.metro2_refusals import DETAILS as METRO2_DETAILS
from app.domain.pboc_checks import DETAILS as PBOC_DETAILS
from app.wording.refusal_words import refusal_words, refused_in_words
from tests.wording.refusals import NOT_YET, refusals_by_module

_APP = Path(__file__).resolve().parents[2] / "app"
_WORDS = _APP / "content" / "refusals"
_ASKED = (
    "domain/promise_terms", "domain/payment_intents", "domain/disputes", "domain/hardship", "domain/contact_requests",
    "domain/option_limits", "services/plan_requests", "services/arrangements", "services/disputes", "services/hardship",
    "services/contact_requests", "services/payment_pages", "services/payment_intents", "services/attachments",
    "services/promises", "services/conversations", "services/conversation_openings",
    "api/borrower/payment_intents", "api/borrower/attachments", "web/idempotency",
    "domain/passwords", "domain/staff", "services/staff", "services/staff_sign_in", "services/staff_invitations",
    "services/staff_profiles", "services/staff_sessions", "services/staff_proofs",
)  # fmt: skip
_OF_STAFF = re.compile(
    r"outcome is|partly upheld|^upheld is|answer it|supervisor|looked at already|declined has no|No scanner|scanner is"
    r"|where the borrower lives|This reference is recorded|reason is empty|^channel is not|idempotency key was used"
    r"|There is no|No such|flask staff invite"
)
"""Said at the desk and to the core alone, or what the general words of the problem say as well."""
_IN_PIECES = {
    "12; cancel one that is open, or name it in `replaces`.": "At most 3 promises of a loan are open at once, so 1 more "
    "can be made now; cancel one that is open, or name it in `replaces`.",
    "That is more than is owed and not promised yet; promise 12.": "That is more than is owed and not promised yet; "
    "promise nothing more: all of it is promised.",
    "12the loan is in 12, the promise in 12.": "Part 1: the loan is in GBP, the promise in EUR.",
    "12 takes 12.": "catch_up takes rows alone.",
}
"""Sentences that are put together before they are said: as they are in the end."""
_LISTED = re.compile(r"^(kind|ground|change|lasts|place|to) is not one of|^attachments are more")
"""The door's form refuses these first, as `Must be one of`."""


def _refusals() -> Iterator[str]:
    for name in _ASKED:
        for node in ast.walk(ast.parse((_APP / f"{name}.py").read_text(encoding="utf-8"))):
            called = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if called.endswith("Error") or called in ("refused_at", "_wrong"):
                assert isinstance(node, ast.Call)
                for said in node.args:
                    parts = said.values if isinstance(said, ast.JoinedStr) else [said]
                    text = "".join(str(part.value) if isinstance(part, ast.Constant) else "12" for part in parts)
                    if " " in text and not _OF_STAFF.search(text) and not _LISTED.search(text):
                        yield _IN_PIECES.get(text, text)


@pytest.mark.parametrize("sentence", sorted(set(_refusals())))
def test_every_refusal_of_a_borrower_has_chinese_words(sentence: str) -> None:
    assert _is_said(sentence)


@pytest.mark.parametrize("sentence", sorted({*METRO2_DETAILS.values(), *PBOC_DETAILS.values()}))
def test_why_an_account_stays_out_of_a_credit_file_has_chinese_words(sentence: str) -> None:
    assert _is_said(sentence)


def test_every_module_that_refuses_does_so_in_chinese_too_but_those_still_to_come() -> None:
    silent = {
        module: missing for module, said in refusals_by_module().items() if (missing := sorted(filter(_is_unsaid, said)))
    }

    assert {module: missing for module, missing in silent.items() if module not in NOT_YET} == {}
    assert set(NOT_YET) - set(silent) == set(), "these say everything in Chinese now: take them off the list"


@pytest.mark.parametrize("name", ["zh-CN.yaml", "zh-CN-arrears.yaml"])
def test_no_refusal_has_two_sets_of_words_in_one_file(name: str) -> None:
    document = yaml.compose((_WORDS / name).read_text(encoding="utf-8"))
    assert document is not None
    said = Counter(key.value for key, _ in document.value)

    assert [sentence for sentence, times in said.items() if times > 1] == []


def _is_unsaid(sentence: str) -> bool:
    return not _is_said(sentence)


def _is_said(sentence: str) -> bool:
    said = refusal_words(sentence, "zh-CN")
    return said is not None and re.search(r"[\u4e00-\u9fff]", said) is not None and "{" not in said


def test_what_differs_each_time_is_carried_over() -> None:
    english = "2026-11-20 is past; promise a day from 2026-11-26 to 2027-01-27."

    assert refusal_words(english, "zh-CN") == "2026-11-20 已过，请选择 2026-11-26 至 2027-01-27 之间的日期。"
    assert refusal_words(english, "en") == english
    assert refusal_words("Nobody has said this before.", "zh-CN") is None


def test_a_field_without_words_of_the_language_keeps_its_english_ones() -> None:
    detail, fields = refused_in_words(refused_at("/amount", "Nobody has said this before."), "zh-CN")

    assert (detail, [field.detail for field in fields]) == (None, ["Nobody has said this before."])


@pytest.mark.parametrize(
    ("locale", "detail", "field"),
    [
        (
            "en",
            "Spread what is past due over the next instalments: It is offered for at most 12 instalments.",
            "It is offered for at most 12 instalments. (CONC 7)",
        ),
        ("zh-CN", "将逾期款项分摊至后续各期：最多可选 12 期。", "最多可选 12 期。 (CONC 7)"),
    ],
)
def test_an_option_that_is_not_offered_is_refused_in_the_words_of_the_list(locale: str, detail: str, field: str) -> None:
    facts = {"kind": "catch_up", "reason": "too_many_rows", "rule": "CONC 7", "rows": 12}
    error = PlanNotEligibleError("catch_up: too_many_rows.", facts, (FieldError("/kind", "too_many_rows", "."),))

    said, fields = refused_in_words(error, locale)

    assert (said, [each.detail for each in fields]) == (detail, [field])
