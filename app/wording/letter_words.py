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
)
_BY_LOCALE = {"en": EN, "zh-CN": ZH_CN}


def words_in(locale: str) -> Words:
    """Return the words of a locale that documents are written in; English for another."""
    return _BY_LOCALE.get(locale, EN)
