"""What disclosures say to people, in their language: why a cap is what it is, what is missing, which paragraph says so.

English is what the domain says itself; other languages have a sentence for each of its codes. In braces stands what is
put in.
"""

from collections.abc import Mapping
from datetime import date

from app.domain.caps import CN_EARLIER_SOURCE, CN_SCOPE_SOURCE, CN_SOURCE, Cap
from app.wording.amounts import written_date

_PROVISIONS = "《最高人民法院关于审理民间借贷案件适用法律若干问题的规定》（2020年第二次修正）"

_REASONS: Mapping[str, Mapping[str, str]] = {
    "zh-CN": {
        "four-times-lpr": "为合同签订时有效的一年期贷款市场报价利率（LPR，{fixed_on}发布）的四倍。",
        "licensed-lender": "持牌机构不适用民间借贷利率上限的规定。",
        "no-rule-on-record": "本系统未收录该司法辖区（{jurisdiction}）的利率上限规定。",
        "licence-kind-unclear": "根据登记的机构类型（{licence_kind}），无法判断是否适用民间借贷的规定。",
        "signing-date-missing": "合同签订日期未记录。",
        "signed-before-rule": "{from_on}之前签订的合同，适用的上限取决于案件受理时间，该时间未记录。",
        "scope-unsettled": "该类机构是否视为持牌机构，仅对{from_on}及以后签订的合同有明确规定。",
        "fixing-missing": "报价利率表中没有合同签订时适用的报价。",
        "fixing-stale": "合同签订时可查到的最新报价为{fixed_on}发布，时间过久，不能作为依据。",
    }
}
_SAME_DAY: Mapping[str, str] = {"zh-CN": "合同签订当日恰逢新报价发布，全天适用新报价。"}
_MISSING: Mapping[str, Mapping[str, str]] = {
    "zh-CN": {
        "disbursement-date-missing": "放款日期未记录。",
        "principal-missing": "贷款金额未记录。",
        "plan-missing": "该笔贷款没有还款计划。",
        "plan-incomplete": "还款计划未完整记录。",
        "plan-differs": "还款计划中的本金与贷款金额不一致。",
        "fees-unreadable": "放款时收取的费用未以最小货币单位的整数记录。",
        "no-rate": "按记录的放款和还款计划无法计算年化利率。",
    }
}
_PARAGRAPHS: Mapping[str, Mapping[str, str]] = {
    "zh-CN": {
        CN_SOURCE: f"{_PROVISIONS}第二十五条、第二十八条、第二十九条",
        CN_SCOPE_SOURCE: f"{_PROVISIONS}第一条；最高人民法院关于新民间借贷司法解释适用范围问题的批复（2021年1月1日起施行）",
        CN_EARLIER_SOURCE: f"{_PROVISIONS}第三十一条",
    }
}


def cap_reason(cap: Cap, locale: str) -> str:
    """Return why a cap is what it is, or what is missing; in English for a locale that has no words for it."""
    reason = _REASONS.get(locale, {}).get(cap.code)
    if reason is None:
        return cap.reason
    facts = {name: written_date(each, locale) if isinstance(each, date) else each for name, each in cap.facts.items()}
    return reason.format(**facts) + (_SAME_DAY[locale] if cap.is_of_fixing_day else "")


def missing_detail(code: str, detail: str, locale: str) -> str:
    """Return why figures are not given; `detail` says it in English."""
    return _MISSING.get(locale, {}).get(code, detail)


def paragraph(source: str | None, locale: str) -> str | None:
    """Return the paragraph of law as it is cited in the language; as it is where the language has no words for it."""
    return None if source is None else _PARAGRAPHS.get(locale, {}).get(source, source)
