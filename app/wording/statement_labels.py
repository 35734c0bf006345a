"""The words of a statement, in the languages that documents are written in."""

from collections.abc import Mapping
from typing import NamedTuple


class Labels(NamedTuple):
    """All words of one language. In braces stands what is put in."""

    title: str
    borrower: str
    loan: str
    product: str
    period: str
    until: str
    currency: str
    as_of: str
    end_of: str
    known: str
    now_known: str
    issued_on: str
    zone: str
    licence: str
    licence_no: str
    regulator: str
    complaints: str
    date: str
    entry: str
    amount: str
    principal: str
    interest: str
    fees: str
    penalties: str
    ahead: str
    unapplied: str
    outstanding: str
    opening: str
    closing: str
    summary: str
    kind: str
    number_of: str
    all_movements: str
    note: str
    note_ahead: str
    note_unapplied: str
    instalment: str
    plan: str
    undoes: str
    undone: str
    known_since: str
    stopped: str
    stopped_from: str
    stopped_scopes: Mapping[str, str]
    not_owed: str
    nothing: str
    kinds: Mapping[str, str]
    licences: Mapping[str, str]


EN = Labels(
    title="Statement of account",
    borrower="Borrower",
    loan="Loan number",
    product="Product",
    period="Period",
    until="{first} to {last}",
    currency="Currency",
    as_of="Balances as of",
    end_of="end of {last}",
    known="As known",
    now_known="on the day of issue",
    issued_on="Issued on",
    zone="Time zone of dates",
    licence="Licence",
    licence_no="No. {number}",
    regulator="Regulator",
    complaints="Complaints",
    date="Date",
    entry="Entry",
    amount="Amount",
    principal="Principal",
    interest="Interest",
    fees="Fees",
    penalties="Penalties",
    ahead="Paid ahead",
    unapplied="Unapplied",
    outstanding="Outstanding",
    opening="Opening balance",
    closing="Closing balance",
    summary="Totals by kind of entry",
    kind="Kind",
    number_of="Number",
    all_movements="All movements",
    note="Amounts are in {currency}. Columns from principal on show changes: a minus lowers what is owed. Opening balance "
    "and all movements make the closing balance. Outstanding is the principal balance plus interest, fees and penalties "
    "due by then and unpaid; principal is owed from the start, so an instalment that falls due does not change it.",
    note_ahead="Paid ahead is interest, fees and penalties paid before they were due.",
    note_unapplied="Unapplied is money paid beyond what the plan asks for.",
    instalment="Instalment {row_no} due",
    plan="Payment plan changed (version {version})",
    undoes="{kind} of {on} taken back",
    undone="taken back on {on}",
    known_since="known since {on}",
    stopped="{what} stopped by law from {first} to {last}: {why}",
    stopped_from="{what} stopped by law from {first} on: {why}",
    stopped_scopes={"interest": "Interest", "interest_and_charges": "Interest and charges for lateness"},
    not_owed="{amount} of its interest is not owed because of that",
    nothing="Nothing happened in this period.",
    kinds={
        "instalment_due": "Instalments due",
        "paid_out": "Paid out",
        "charge_due": "Charges due",
        "late_charges": "Late charges",
        "interest_stopped": "Interest stopped",
        "plan_changed": "Plan changes",
        "repayment": "Repayment",
        "waiver": "Waiver",
        "prepayment": "Prepayment",
        "source_adjustment": "Adjustment",
        "reversal": "Reversal",
        "refund": "Refund",
        "charge": "Charge",
        "charge_off": "Charge-off",
        "disbursement": "Disbursement",
    },
    licences={
        "bank": "bank",
        "consumer_finance": "consumer finance company",
        "microloan": "microloan company",
        "private_lender": "private lender",
    },
)

ZH_CN = Labels(
    title="贷款对账单",
    borrower="借款人",
    loan="借款编号",
    product="产品",
    period="对账期间",
    until="{first}至{last}",
    currency="币种",
    as_of="余额截至",
    end_of="{last}日终",
    known="入账截至",
    now_known="出具当日",
    issued_on="出具日期",
    zone="日期所用时区",
    licence="机构类型",
    licence_no="许可证号：{number}",
    regulator="监管机构",
    complaints="投诉渠道",
    date="日期",
    entry="摘要",
    amount="金额",
    principal="本金",
    interest="利息",
    fees="费用",
    penalties="罚息",
    ahead="提前支付",
    unapplied="未核销",
    outstanding="欠款余额",
    opening="期初余额",
    closing="期末余额",
    summary="按类别汇总",
    kind="类别",
    number_of="笔数",
    all_movements="本期变动合计",
    note="金额单位：{currency}。自“本金”起各栏为变动额，负数表示欠款减少。期初余额加本期变动合计等于期末余额。"
    "欠款余额为本金余额加截至当日已到期未付的利息、费用和罚息；本金自放款起即为欠款，分期到期不改变本金余额。",
    note_ahead="“提前支付”为到期前已支付的利息、费用和罚息。",
    note_unapplied="“未核销”为超出还款计划的已付款项。",
    instalment="第{row_no}期到期",
    plan="还款计划变更（第{version}版）",
    undoes="冲正{on}的{kind}",
    undone="已于{on}冲正",
    known_since="{on}入账",
    stopped="自{first}至{last}依法停止计收{what}：{why}",
    stopped_from="自{first}起依法停止计收{what}：{why}",
    stopped_scopes={"interest": "利息", "interest_and_charges": "利息和逾期费用"},
    not_owed="其中利息{amount}因此无需支付",
    nothing="本期间内无交易。",
    kinds={
        "instalment_due": "分期到期",
        "paid_out": "放款",
        "charge_due": "费用到期",
        "late_charges": "逾期费用",
        "interest_stopped": "停止计息",
        "plan_changed": "还款计划变更",
        "repayment": "还款",
        "waiver": "减免",
        "prepayment": "提前还款",
        "source_adjustment": "余额调整",
        "reversal": "冲正",
        "refund": "退款",
        "charge": "费用计收",
        "charge_off": "核销",
        "disbursement": "放款",
    },
    licences={
        "bank": "银行",
        "consumer_finance": "消费金融公司",
        "microloan": "小额贷款公司",
        "private_lender": "民间借贷出借人",
    },
)

_LABELS = {"en": EN, "zh-CN": ZH_CN}


def labels(locale: str) -> Labels:
    """Return the words of a locale, the English ones for a locale that documents are not written in."""
    return _LABELS.get(locale, EN)
