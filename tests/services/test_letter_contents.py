"""What the study asks of each kind of letter by jurisdiction: where it stands in ours, or by which name it is refused."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.domain.letters import LetterRefusedError
from app.services.letter_setting import set_letter
from app.wording.catalogue import render
from app.wording.letter_kinds import KINDS, kinds_of, letter_kind
from app.wording.letter_texts import letter_law, read_letterhead
from tests.builders.letters import write_letterhead
from tests.services.test_letter_kinds import JURISDICTIONS, LOAN, head, letter_law_words, parts, said

__all__ = ["head", "letter_law_words"]
REFUSED = "refused:"
"""Of what we do not have: the part for which the letter is refused until the lender supplies it."""


class Wanted(NamedTuple):
    """One content that a letter must have, with words that it stands by, or by which name it is refused."""

    jurisdiction: str
    kind: str
    what: str
    stands_as: str


TABLE = [
    Wanted("CN", "arrears_notice", "overdue amount by component", "Late charges"),
    Wanted("CN", "arrears_notice", "days", "Days late"),
    Wanted("CN", "arrears_notice", "pay-by", "Please pay or answer by"),
    Wanted("CN", "arrears_notice", "consequence, stated truthfully", "Nothing else follows from this letter by itself."),
    Wanted("CN", "arrears_notice", "extension", "(Civil Code, art. 678)"),
    Wanted("CN", "repayment_letter", "creditor and authority", "writes for the creditor, whose money it collects"),
    Wanted("CN", "repayment_letter", "contract number and date", "no. HT-2025-9 of Sep 10, 2025"),
    Wanted("CN", "repayment_letter", "rates and days", "for lateness 18.00% a year"),
    Wanted("CN", "repayment_letter", "cap", "Highest rate that the law allows: 15.40% a year"),
    Wanted("CN", "repayment_letter", "reasonable period", "(Civil Code, art. 675)"),
    Wanted("CN", "repayment_letter", "objection", "say what you think is wrong"),
    Wanted("CN", "pre_report_notice", "that it will be reported", "tells that person beforehand. This letter does so."),
    Wanted("CN", "pre_report_notice", "to whom", "To: Bureau One."),
    Wanted(
        "CN", "pre_report_notice", "which account and sum", "the account of contract HT-2025-9, the sum that the table shows"
    ),
    Wanted("CN", "pre_report_notice", "when", "When: not before"),
    Wanted("CN", "pre_report_notice", "objection answered in 20 days", "answered in writing within 20 days"),
    Wanted("CN", "pre_report_notice", "two free reports", "free of charge twice a year"),
    Wanted("CN", "pre_report_notice", "five years", "kept for 5 years"),
    Wanted("CN", "register_notice", "to whom", "To: The Register."),
    Wanted("CN", "register_notice", "never public", "may not be made public"),
    Wanted("US", "arrears_notice", "from a debt collector", "This is from a debt collector."),
    Wanted("US", "arrears_notice", "nothing overshadows", "(12 CFR 1006.38(b))"),
    Wanted("US", "validation_notice", "whose debt it is", "refused:current_creditor"),
    Wanted("US", "repayment_letter", "itemised", "The table itemises the sum"),
    Wanted("US", "repayment_letter", "nothing overshadows", "(12 CFR 1006.38(b))"),
    Wanted("US", "pre_report_notice", "from a debt collector", "This is from a debt collector."),
    Wanted("US", "pre_report_notice", "what is reported", "what you dispute is marked as disputed"),
    *(Wanted("US", kind, "from a debt collector", "This is from a debt collector.") for kind in KINDS),
    *(Wanted("US", kind, "nothing overshadows", "shortens or changes the time") for kind in KINDS),
    Wanted("UK", "arrears_notice", "prescribed form", "refused:notice_text"),
    Wanted("UK", "arrears_notice", "sums and dates of what was missed", "Jan 10, 2026"),
    Wanted("UK", "default_notice", "prescribed form", "refused:notice_text"),
    Wanted("UK", "default_notice", "breach", "They have not been paid."),
    Wanted("UK", "default_notice", "remedy, and more than 14 days", "which is more than 14 days after this notice"),
    Wanted("UK", "default_notice", "consequences", "we may use the rights that your contract gives us"),
    Wanted("UK", "pre_report_notice", "intention", "we intend to register the account"),
    Wanted("UK", "pre_report_notice", "effect", "can make borrowing harder for some years"),
    Wanted("UK", "pre_report_notice", "how to avoid it", "You avoid it by paying"),
    Wanted("IN", "arrears_notice", "grievance officer", "Our grievance officer: 12378"),
    Wanted("IN", "arrears_notice", "penal charge base", "not of the whole loan"),
    Wanted("IN", "repayment_letter", "grievance officer", "Our grievance officer: 12378"),
    Wanted("IN", "pre_report_notice", "what its rules ask, which were not read", "refused:notice_text"),
    Wanted("EU", "arrears_notice", "debt advice", "(Directive (EU) 2023/2225, art. 36)"),
    Wanted("EU", "repayment_letter", "forbearance first", "(Directive (EU) 2023/2225, art. 35(1))"),
    Wanted("EU", "repayment_letter", "amounts broken down", "Late charges"),
    Wanted("EU", "repayment_letter", "complaints authority", "Authority: The Regulator."),
    Wanted("EU", "pre_report_notice", "what the bureau's country asks, which was not read", "refused:notice_text"),
]
"""contact-law §5, row by row."""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A lender that supplied its sheets, and no words of its own."""
    given = read_letterhead(write_letterhead(tmp_path))
    keys = ("debt_advice", "arrears_information_sheet", "default_information_sheet")
    object.__setattr__(given, "sheets", dict.fromkeys(keys, given.sheets["debt_advice"]))
    monkeypatch.setattr("app.services.letter_setting.letterhead_of", lambda _: given)
    return given


@pytest.mark.parametrize("wanted", TABLE, ids=lambda each: f"{each.jurisdiction}-{each.kind}-{each.what}"[:70])
def test_what_the_study_asks_for_stands_in_the_letter_or_is_refused_by_name(wanted: Wanted, head: Any, bare: Any) -> None:
    rule = letter_kind(wanted.jurisdiction, wanted.kind)
    if not wanted.stands_as.startswith(REFUSED):
        assert wanted.stands_as in said(rule, head)
        return
    of = parts(rule)
    notice = rule.served_as if rule.served_as in letter_law(wanted.jurisdiction).notices else None
    with pytest.raises(LetterRefusedError) as refusal:
        set_letter(_as_notice(of, notice))
    assert refusal.value.what == wanted.stands_as.removeprefix(REFUSED)


def _as_notice(of: Any, notice: str | None) -> Any:
    object.__setattr__(of, "notice", notice)
    return of


def test_the_models_own_words_are_in_the_notice_before_reporting_in_the_united_states() -> None:
    rule = letter_law("US").notice("negative_info_notice")

    assert rule.words == "official"
    assert rule.text["en"] == (
        "We may report information about your account to credit bureaus. Late payments, missed payments, or other defaults "
        "on your account may be reflected in your credit report.",
    )
    assert "zh-CN" not in rule.text, "the model is not paraphrased: in another language it is refused by name"


@pytest.mark.parametrize("jurisdiction", JURISDICTIONS)
def test_every_kind_has_an_answer_in_every_jurisdiction(jurisdiction: str) -> None:
    assert set(KINDS) <= set(kinds_of(jurisdiction))


@pytest.mark.parametrize("jurisdiction", JURISDICTIONS)
def test_every_kind_says_in_its_own_text_whom_it_is_about_and_where_help_is(jurisdiction: str) -> None:
    values = {"count": 1, "amount": "$1.00", "due_on": "1 Mar 2026", "loan": "L1", "lender": "Acme"}
    for kind in kinds_of(jurisdiction).values():
        for locale in ("en", "zh-CN"):
            text = render(kind.template, "letter", locale, values)  # type: ignore[arg-type]
            assert "L1" in text.title + text.body


def test_a_grievance_officer_that_is_not_recorded_is_no_empty_word(head: Any) -> None:
    with pytest.raises(LetterRefusedError) as refusal:
        said(letter_kind("IN", "repayment_letter"), head, complaints_contact=None)

    assert refusal.value.what == "complaints"


def test_a_complaints_authority_that_is_not_recorded_is_no_empty_word(head: Any) -> None:
    with pytest.raises(LetterRefusedError) as refusal:
        said(letter_kind("EU", "repayment_letter"), head, regulator=None)

    assert refusal.value.what == "regulator"
    assert LOAN["regulator"]
