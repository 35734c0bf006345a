"""Words that a reader of messages looks for: threats, shame, pressure, debt, amounts; and signs of what it has.

Each list names the content marker of the law packs' vocabulary that a hit stands for, so that what is found here is judged
by the law as well. Source: SAFETY.md; content rules of the packs; what shaming and threatening messages have said.
"""

import re
from collections.abc import Mapping
from re import Pattern


def _any(*patterns: str) -> Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


HARMFUL: Mapping[str, Pattern[str]] = {
    "threat_of_violence": _any(
        r"\b(hurt|harm|beat|break) (you|your)\b", r"\bor else\b", r"\byou( and your family)? will regret\b",
        r"\b(send|sending) (men|people|someone|our (men|people))\b",
        r"\bwe know where you live\b", r"\byour family'?s? safety\b",
        "暴力", "打断", "上门泼", "弄死", "收拾你", "不客气", "小心[你您]的?(家人|孩子|父母)", "派人(上门|去)", "后果自负",
    ),
    "threat_of_arrest": _any(
        r"\barrest(ed|s)?\b", r"\bjail(ed)?\b", r"\bprison\b", r"\bpolice\b", r"\bcriminal\b", r"\bimprison",
        "拘留", "坐牢", "逮捕", "刑事", "立案", "警方", "公安", "报警", "抓[你您捕]", "判刑",
    ),
    "threat_to_workplace": _any(
        r"\byour (boss|employer|workplace|manager|colleagues?|co-?workers?|hr( department)?)\b",
        "(通知|联系|告知|告诉|通报).{0,8}(单位|公司|老板|领导|同事|雇主)",
        "[你您]的?(单位|公司|老板|领导|同事).{0,8}(通知|告知|知道)",
    ),
    "exposure_to_contacts": _any(
        r"\b(tell|inform|contact|notify|call|message|write to|show)\b.{0,30}"
        r"\b(family|friends?|neighbou?rs?|contacts|relatives|parents|everyone)\b",
        r"\b(post|publish|share)\b.{0,30}\b(photo|name|details|online|social media|facebook|internet)\b",
        r"\b(name and shame|wall of shame|phone ?book|contact list)\b",
        "通讯录", "(通知|联系|告知|告诉|发给).{0,8}(家人|亲友|好友|朋友|邻居|父母|亲戚|联系人)",
        "曝光", "公布.{0,6}(姓名|照片|信息)", "朋友圈",
    ),
    "insult": _any(
        r"\b(deadbeat|thief|liar|scum|crook|cheat(er)?|fraudster|parasite|shameless|coward)\b", r"\bshame on you\b",
        r"\b(be|feel|should be) ashamed\b", "老赖", "无赖", "骗子", "不要脸", "可耻", "丢人", "人渣", "无耻", "赖账",
    ),
    "false_authority": _any(
        r"\b(bailiffs?|sheriff|warrant|court order|summons)\b", r"\bon behalf of the (court|police|government|state)\b",
        r"\b(government|federal|ministry) (agency|department|officer|official|order)\b",
        "公检法", "法院传票", "传票", "协查", "司法机关", "国家机关", "公安机关", "执法(人员|部门)", "红头文件",
    ),
    "final_notice": _any(
        r"\b(final|last) (notice|warning|demand|chance|reminder|opportunity|call)\b",
        "最后(通牒|通知|警告|期限|机会|一次(机会|提醒|通知))", "逾期不候",
    ),
    "misleading_reason": _any(
        r"\b(package|parcel|prize|lottery|winner|gift card)\b", "包裹", "快递", "中奖", "红包", "奖品",
    ),
    "premium_number": _any(
        r"(?<!\d)(?:\+?44\s?|0)(?:9\d|87|84)[\d\s-]{7,}", r"(?<!\d)1?[\s.-]?900[\s.-]\d{3}[\s.-]?\d{4}", "声讯台",
        r"(?<!\d)16[08]\d{5}(?!\d)",
    ),
}  # fmt: skip
"""Marker -> words that are never said, on any channel, at any stage."""
HARM_IN_WORDS: Mapping[str, str] = {
    "threat_of_violence": "a threat of violence", "threat_of_arrest": "a threat of arrest",
    "threat_to_workplace": "a threat to tell the workplace", "exposure_to_contacts": "a threat to tell others",
    "insult": "an insult", "false_authority": "an authority that we are not", "final_notice": "a last notice",
    "misleading_reason": "a reason that is not true", "premium_number": "a number that costs extra",
}  # fmt: skip
"""Marker of HARMFUL -> what it is, for who wrote it."""

LEGAL = _any(
    r"\b(sue|suing|lawsuit|legal (action|proceedings|steps)|litigat\w+|court|solicitors?|attorneys?|lawyers?)\b",
    r"\b(repossess\w*|garnish\w*|seize|seizure|enforcement)\b",
    "起诉", "诉讼", "法院", "律师函", "强制执行", "查封", "冻结", "仲裁",
)  # fmt: skip
"""Marker legal_threat: said by a person, and only where the case is before a court."""

PRESSURE = _any(
    r"\b(immediately|at once|urgent(ly)?|act now|right now|within \d+ hours?|must pay|demand|failure to|blacklist\w*)\b",
    "立即|马上|务必|否则|紧急|限期|必须还|黑名单|失信",
)  # fmt: skip
"""Pressure instead of help; no marker of law."""

DEBT = _any(
    r"\b(debts?|overdue|arrears|loans?|ow(e|es|ed|ing)|repay\w*|pay(ments?|ing)?|instal?lments?|due|defaults?|delinquen\w*)\b",
    r"\b(collect(ion|or|ors|ing)?|lender|borrow\w*|credit|balance|unpaid|outstanding|late|missed|money)\b",
    "欠|逾期|贷款|还款|债|催收|借款|分期|到期|未还|额度|账单|征信|本金|利息|借贷|贷",
)  # fmt: skip
"""Marker debt_words_on_lock_screen, where a lock screen shows it."""

AMOUNT = _any(r"[$€£¥￥₹]\s?\d", r"\b(USD|CNY|RMB|EUR|GBP|INR)\b", r"\d[\d,]*\.\d{2}\b", r"\d\s*(元|块)")
"""Marker amount_on_lock_screen, where a lock screen shows it."""

LATENESS = _any(
    r"\b(overdue|arrears|late|missed|unpaid|has been open|not reached us|has not been paid)\b", "逾期|拖欠|未还|未收到|欠款"
)
"""Nobody is called late before they are."""

DEMAND = _any(
    r"\b(re)?pay\b", r"\bowe[sd]?\b", r"\b(is|are|falls?|now) due\b", r"\bclear (the|your)\b", "还款|还清|欠|逾期|催收|付款"
)
"""What begins from us and says such a thing asks for money, whatever it is called."""

SIGNS: Mapping[str, Pattern[str]] = {
    "opt_out_method": _any(r"\bstop\b", r"\bunsubscribe\b", "退订|拒收"),
    "contact_route": _any(
        r"\b(write|talk|speak|reach|reply|answer|call) (to )?(us|here|it here|to a person|in the app)\b", r"\bto reach us\b",
        r"\bcall us\b", r"\breply to this e-mail\b", r"\bhelp\b", "联系我们|留言|回电|来信|工作人员|帮助|答复|回复",
    ),
    "debt_advice_signpost": _any(
        r"\bfree,? (and )?independent (debt )?advi[cs]e", r"\badvice: in app\b", r"\bindependent debt advisers?\b",
        "免费的?(独立)?(债务)?咨询", "独立债务咨询",
    ),
    "amount": _any(r"\d"),
    "due_date": _any(r"\d", "今天", r"\btoday\b"),
    "account_ref": _any(r"\bloan [\w-]*\d", r"贷款 ?[\w-]*\d"),
    "dispute_statement": _any(r"\bdisagree\b", r"\bdispute\b", "异议"),
    "arrears_information_sheet": _any(r"\binformation sheet\b", "说明"),
    "law_statement": _any(r"\bthe law\b", "法律"),
}  # fmt: skip
"""Marker -> how a text that states it must read; without one of these nobody would find it there."""
