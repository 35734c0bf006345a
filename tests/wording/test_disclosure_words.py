"""Disclosures are in the language of the borrower: why a cap is so, why figures are missing, which paragraph says it."""

import re
from datetime import date
from decimal import Decimal

import pytest

from app.api.borrower.disclosure_forms import MISSING_CODES
from app.domain.caps import (
    CN_EARLIER_SOURCE,
    CN_SCOPE_SOURCE,
    CN_SOURCE,
    CODES,
    LOCAL_FINANCIAL_ORGANISATIONS,
    Cap,
    Fixing,
    cap_for,
)
from app.wording.disclosure_words import cap_reason, missing_detail, paragraph

SIGNED = date(2026, 5, 18)
FIXED = Fixing(date(2026, 4, 20), Decimal("0.03"), Decimal("0.035"))


def every_cap() -> dict[str, Cap]:
    caps = [
        cap_for("US", "bank", SIGNED, []),
        cap_for("CN", "bank", SIGNED, []),
        cap_for("CN", "unstated", SIGNED, []),
        cap_for("CN", "private_lender", None, []),
        cap_for("CN", "pawn", date(2020, 12, 31), []),
        cap_for("CN", "private_lender", date(2020, 8, 19), []),
        cap_for("CN", "private_lender", SIGNED, []),
        cap_for("CN", "private_lender", date(2026, 7, 1), [FIXED]),
        cap_for("CN", "private_lender", SIGNED, [FIXED]),
    ]
    return {cap.code: cap for cap in caps}


def test_every_reason_of_a_cap_is_said_in_chinese() -> None:
    caps = every_cap()

    assert caps.keys() == set(CODES)
    for cap in caps.values():
        said = cap_reason(cap, "zh-CN")
        assert said.endswith("。"), cap.code
        assert not re.search("[{}]", said), said
        assert cap_reason(cap, "en") == cap.reason


def test_what_a_reason_names_stands_in_it_in_chinese_too() -> None:
    caps = every_cap()

    assert "2026年4月20日" in cap_reason(caps["four-times-lpr"], "zh-CN")
    assert "2026年4月20日" in cap_reason(caps["fixing-stale"], "zh-CN")
    assert "2020年8月20日" in cap_reason(caps["signed-before-rule"], "zh-CN")
    assert "2021年1月1日" in cap_reason(caps["scope-unsettled"], "zh-CN")
    assert "US" in cap_reason(caps["no-rule-on-record"], "zh-CN")
    same_day = cap_for("CN", "private_lender", FIXED.fixed_on, [FIXED])
    assert cap_reason(same_day, "zh-CN") != cap_reason(caps["four-times-lpr"], "zh-CN")


def test_every_paragraph_and_every_missing_figure_is_said_in_chinese() -> None:
    for source in (CN_SOURCE, CN_SCOPE_SOURCE, CN_EARLIER_SOURCE):
        assert "最高人民法院" in paragraph(source, "zh-CN")
        assert paragraph(source, "en") == source
    for code in MISSING_CODES:
        assert missing_detail(code, "English.", "zh-CN").endswith("。")
        assert missing_detail(code, "English.", "en") == "English."


@pytest.mark.parametrize("kind", sorted(LOCAL_FINANCIAL_ORGANISATIONS))
def test_a_licensed_lender_is_outside_in_both_languages(kind: str) -> None:
    assert cap_reason(cap_for("CN", kind, SIGNED, []), "zh-CN") == "持牌机构不适用民间借贷利率上限的规定。"
