"""The words of letters that no template holds, in the languages that documents are written in."""

from typing import NamedTuple


class Words(NamedTuple):
    """All words of one language. In braces stands what is put in."""

    date: str
    reference: str
    loan: str
    contact: str
    phone: str
    email: str
    web: str
    page: str
    enclosed: str
    ledger: str
    ledger_columns: tuple[str, ...]
    rows: str
    row_columns: tuple[str, ...]
    total: str
    ways_to_pay: str
    licence: str
    regulator: str
    complaints: str
    joiner: str
    colon: str
    facts: str
    creditor: str
    for_itself: str
    for_creditor: str
    contract: str
    contract_value: str
    as_of: str
    at: str
    pay_by: str
    day_end: str
    rates: str
    interest_rate: str
    late_rate: str
    cap: str
    cap_kept: str
    language: str
    language_name: str
    check: str
    proof: str
    proof_slot: str
    ledger_of: str
    ledger_of_columns: tuple[str, ...]
    dispute_until: str
    itemisation_of: str
    itemisation_columns: tuple[str, ...]
    since_payment: str
    since_lent: str
    owed_then: str
    interest_since: str
    fees_since: str
    penalties_since: str
    paid_since: str
    credited_since: str
    owed_now: str


EN = Words(
    date="Date",
    reference="Our reference",
    loan="Loan",
    contact="You can reach us",
    phone="Phone",
    email="E-mail",
    web="Web",
    page="Page {number} of {total}",
    enclosed="Enclosed",
    ledger="Due before {on} and not paid, in {currency}",
    ledger_columns=("Loan", "Principal", "Interest", "Fees", "Charges for late payment", "In all"),
    rows="Instalments due before {on} that are open, in {currency}",
    row_columns=("Loan", "Instalment", "Due on", "Open"),
    total="Total",
    ways_to_pay="How to pay",
    licence="Licence",
    regulator="Regulator",
    complaints="Complaints",
    joiner=", ",
    colon=": ",
    facts="About this letter",
    creditor="Sender",
    for_itself="{lender} writes in its own name",
    for_creditor="{lender} writes for the creditor, whose money it collects",
    contract="Contract",
    contract_value="no. {number} of {on}",
    as_of="Amounts as of",
    at="{on}, {time} ({zone})",
    pay_by="Please pay or answer by",
    day_end="{on}, end of that day ({zone})",
    rates="Rates",
    interest_rate="interest {rate} a year",
    late_rate="for lateness {rate} a year of the sum that is late, for the days in the table",
    cap="Highest rate that the law allows",
    cap_kept="{rate} a year; what is asked for here keeps it",
    language="Language of this letter",
    language_name="English",
    check="Check number of what it says",
    proof="Proof of delivery",
    proof_slot="Number of the post ____________________   Delivered on ______________   Signature ____________________",
    ledger_of="Loan {loan}: what is asked for, in {currency}, as of {as_of}",
    ledger_of_columns=("No.", "Due on", "Days late", "Principal", "Interest", "Fees", "Late charges", "In all"),
    dispute_until="You can dispute this debt until",
    itemisation_of="Loan {loan}: how the debt came to be what it is, in {currency}, from {on} on ({named})",
    itemisation_columns=("", "Amount"),
    since_payment="the day of the last payment",
    since_lent="the day on which the money was lent",
    owed_then="Owed on {on}",
    interest_since="Interest that fell due since",
    fees_since="Fees charged since",
    penalties_since="Charges for late payment since",
    paid_since="Paid since",
    credited_since="Credited since",
    owed_now="Amount of the debt now",
)
ZH_CN = Words(
    date="日期",
    reference="编号",
    loan="贷款",
    contact="联系方式",
    phone="电话",
    email="电子邮箱",
    web="网址",
    page="第 {number} 页，共 {total} 页",
    enclosed="附件",
    ledger="{on}前到期未还款项（{currency}）",
    ledger_columns=("贷款", "本金", "利息", "费用", "逾期费用", "合计"),
    rows="{on}前到期未还各期（{currency}）",
    row_columns=("贷款", "期数", "到期日", "未还"),
    total="合计",
    ways_to_pay="还款方式",
    licence="牌照",
    regulator="监管机构",
    complaints="投诉",
    joiner="，",
    colon="：",
    facts="关于本信",
    creditor="发函人",
    for_itself="{lender}以自己的名义发函",
    for_creditor="{lender}受债权人委托发函催收",
    contract="合同",
    contract_value="{number}，签订于{on}",
    as_of="金额截至",
    at="{on} {time}（{zone}）",
    pay_by="请在此日期前还款或答复",
    day_end="{on}当日24时（{zone}）",
    rates="利率",
    interest_rate="年利率{rate}",
    late_rate="逾期年利率{rate}，以逾期金额为基数，按表中天数计算",
    cap="法律允许的最高利率",
    cap_kept="年利率{rate}；本信所列金额未超过该上限",
    language="本信语言",
    language_name="简体中文",
    check="内容校验码",
    proof="送达凭证",
    proof_slot="邮件编号 ____________________   送达日期 ______________   签收 ____________________",
    ledger_of="贷款 {loan}：所列款项明细（{currency}），截至{as_of}",
    ledger_of_columns=("期数", "到期日", "逾期天数", "本金", "利息", "费用", "逾期费用", "合计"),
    dispute_until="您可在此日期前对本债务提出异议",
    itemisation_of="贷款 {loan}：债务金额构成（{currency}），自{on}（{named}）起",
    itemisation_columns=("", "金额"),
    since_payment="最后一次还款日",
    since_lent="放款日",
    owed_then="{on}所欠金额",
    interest_since="此后到期的利息",
    fees_since="此后收取的费用",
    penalties_since="此后的逾期费用",
    paid_since="此后还款",
    credited_since="此后减免或退还",
    owed_now="现欠金额",
)
_BY_LOCALE = {"en": EN, "zh-CN": ZH_CN}


def words_in(locale: str) -> Words:
    """Return the words of a locale that documents are written in; English for another."""
    return _BY_LOCALE.get(locale, EN)
