"""What disclosures say to people, in their language: why a cap is what it is, what is missing, which paragraph says so.

English is what the domain says itself; other languages have a sentence for each of its codes. In braces stands what is
put in.
"""

from collections.abc import Mapping
from datetime import date

from app.domain.all_in import Item
from app.domain.caps import CN_EARLIER_SOURCE, CN_SCOPE_SOURCE, CN_SOURCE, Cap
from app.domain.licences import FLAGS, RATE_RULES
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


def rate_rule_words(code: str, locale: str) -> str:
    """Return the rule on rates that governs a lender, by its code in `domain.licences.RATE_RULES`."""
    return _RATE_RULES.get(locale, {}).get(code) or RATE_RULES[code][0]


def flag_words(code: str, locale: str) -> str:
    """Return what a flag says: of a licence (`licence-expired`), or of a loan (`over-cap`)."""
    words = _FLAGS.get(locale, {}).get(code)
    if words is not None:
        return words
    return FLAGS[code.removeprefix("licence-")] if code.startswith("licence-") else _LOAN_FLAGS[code]


def item_name(name: str, locale: str) -> str:
    """Return what an item of the all-in statement is called; a lender's own names stay as they are."""
    return _ITEMS.get(locale, _ITEMS["en"]).get(name, name)


def standard_words(item: Item, locale: str) -> str:
    """Return by what an item of the all-in statement is worked out."""
    words = _STANDARDS.get(locale, _STANDARDS["en"])
    facts = {**item.facts, "base": words.get(item.facts.get("base", ""), "")}
    said = words[item.standard].format_map(_Blank(facts))
    for name in ("share", "most"):
        if name in item.facts and f"with-{name}" in words and item.standard.endswith("when-late"):
            said += words[f"with-{name}"].format_map(_Blank(facts))
    return said


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


_RATE_RULES: Mapping[str, Mapping[str, str]] = {
    "zh-CN": {
        "four-times-lpr": "利息、逾期利息和各项费用合计不得超过合同签订时一年期LPR的四倍。",
        "licensed-lender": "不适用民间借贷利率上限的规定。法院是否调减年利率24%以上部分，系凭记忆记录，未经核实。",
        "kind-unclear": "根据登记的机构类型，无法判断是否适用民间借贷的规定。",
        "no-rule-on-record": "本系统未收录该司法辖区的利率规定。",
    }
}
_LOAN_FLAGS: Mapping[str, str] = {
    "cap-unknown": "A cap of law may apply and its figure is not known.",
    "over-cap": "The loan asks more than its cap allows; what is above it is not collected.",
    "interest-stopped": "A law has stopped interest on the loan.",
    "figures-missing": "The cost of the loan cannot be worked out.",
}
_FLAGS: Mapping[str, Mapping[str, str]] = {
    "zh-CN": {
        "licence-kind-unstated": "机构类型未记录。",
        "licence-number-missing": "许可证号未记录。",
        "licence-regulator-missing": "监管机构未记录。",
        "licence-complaints-missing": "投诉渠道未记录。",
        "licence-role-missing": "机构角色（放款、担保、平台、催收）未记录。",
        "licence-validity-missing": "许可证生效日期未记录。",
        "licence-not-yet-valid": "许可证尚未生效。",
        "licence-expired": "许可证已过有效期。",
        "cap-unknown": "可能适用利率上限，但上限数值未知。",
        "over-cap": "该笔贷款的收费超过法定上限，超出部分不再收取。",
        "interest-stopped": "依法已停止计息。",
        "figures-missing": "无法计算该笔贷款的成本。",
    }
}
_ITEMS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "interest": "Interest",
        "fees_upfront": "Fees at the start",
        "fees": "Fees in the instalments",
        "overdue_interest": "Overdue interest",
        "late_fee": "Late fee",
    },
    "zh-CN": {
        "interest": "利息",
        "fees_upfront": "放款时费用",
        "fees": "分期费用",
        "overdue_interest": "逾期利息",
        "late_fee": "逾期费用",
    },
}
_STANDARDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "as-planned": "as the plan has it",
        "rate-on-balance": "{rate} % a year of the outstanding principal",
        "kept-back": "kept back from what is paid out",
        "fixed": "a fixed amount",
        "share-of-principal": "{share} % of the principal",
        "share-of-instalment-principal": "{share} % of the instalment's principal",
        "share-of-instalment": "{share} % of the instalment",
        "partner": "as the partner asks",
        "rate-when-late": "{rate} % a year of the overdue {base}, after {days} days",
        "fee-when-late": "once for each instalment that is more than {days} days late",
        "with-share": ", {share} % of the overdue {base}",
        "with-most": "; all late charges together at most {most} % a year of the overdue principal",
        "principal": "principal",
        "principal_and_interest": "principal and interest",
    },
    "zh-CN": {
        "as-planned": "按还款计划",
        "rate-on-balance": "按剩余本金年利率{rate}%",
        "kept-back": "放款时扣收",
        "fixed": "固定金额",
        "share-of-principal": "本金的{share}%",
        "share-of-instalment-principal": "每期本金的{share}%",
        "share-of-instalment": "每期应还款的{share}%",
        "partner": "按合作机构的收费标准",
        "rate-when-late": "逾期{days}天后，按逾期{base}年利率{rate}%",
        "fee-when-late": "每期逾期超过{days}天收取一次",
        "with-share": "，为逾期{base}的{share}%",
        "with-most": "；各项逾期费用合计不超过逾期本金年利率{most}%",
        "principal": "本金",
        "principal_and_interest": "本金和利息",
    },
}
