"""How it is said that there is no decision about a step, to staff."""

from collections.abc import Mapping

from app.domain.explanations import Absence
from app.wording.reason_words import fill

_WORDS: Mapping[str, Mapping[Absence, str]] = {
    "en": {
        Absence.BORROWER_NOT_KNOWN: "The borrower is known only since {on}, after this step",
        Absence.LOAN_NOT_KNOWN: "The loan is known only since {on}, after this step",
        Absence.NOT_WATCHED: "This plan is watched only since {on}, after this step",
        Absence.PLAN_REPLACED: "A new plan had replaced this due date on {on}, before this step",
        Absence.PROMISE_OVER: "The promise was kept, taken back or over on {on}, before this step",
        Absence.LOAN_OVER: "The loan was over on {on}, before this step[ ({kind})]",
        Absence.LOAN_WAS_OVER: "The lender's core had the loan as over until {until}",
        Absence.PAID_BEFORE: "Paid on {on}, before this step",
        Absence.POLICY_NOT_IN_FORCE: "The policy with this step is in force only since {on}, after this step",
        Absence.NOT_LOOKED_AT: "The step is reached and not decided yet[; the borrower is looked at {until}]",
        Absence.UNEXPLAINED: "There should be a decision and there is none: a defect; `flask engine check` looks for more",
        Absence.NO_LOAN: "The borrower has no loan",
        Absence.NO_PLAN: "The loan has no plan, so nothing falls due",
        Absence.NO_POLICY: "No policy is active, so nobody is reminded",
        Absence.NOTHING_NEAR: "No step of the policy falls near this day for this loan",
    },
    "zh-CN": {
        Absence.BORROWER_NOT_KNOWN: "该借款人自{on}起才录入，晚于该步骤",
        Absence.LOAN_NOT_KNOWN: "该贷款自{on}起才录入，晚于该步骤",
        Absence.NOT_WATCHED: "该还款计划自{on}起才开始跟踪，晚于该步骤",
        Absence.PLAN_REPLACED: "{on}已有新的还款计划取代该到期日，早于该步骤",
        Absence.PROMISE_OVER: "该承诺已于{on}履行、撤回或到期，早于该步骤",
        Absence.LOAN_OVER: "该贷款已于{on}结束，早于该步骤[（{kind}）]",
        Absence.LOAN_WAS_OVER: "在{until}之前，核心系统将该贷款记为已结束",
        Absence.PAID_BEFORE: "已于{on}还清，早于该步骤",
        Absence.POLICY_NOT_IN_FORCE: "含该步骤的策略自{on}起才生效，晚于该步骤",
        Absence.NOT_LOOKED_AT: "已到该步骤的时间，尚未作出决定[，将于{until}处理]",
        Absence.UNEXPLAINED: "应有决定却没有：请告知运维人员，可用 `flask engine check` 查看",
        Absence.NO_LOAN: "该借款人没有贷款",
        Absence.NO_PLAN: "该贷款没有还款计划，因此没有到期款项",
        Absence.NO_POLICY: "没有生效的策略，因此不会提醒任何人",
        Absence.NOTHING_NEAR: "该贷款在这一天前后没有任何步骤",
    },
}


def absence_words(code: Absence, facts: Mapping[str, object], locale: str, zone: str | None = None) -> str:
    """Return why there is no decision. Raises KeyError for a fact that the sentence must have."""
    words = _WORDS["zh-CN" if locale.lower().startswith("zh") else "en"]
    return fill(words[code], facts, locale, zone)
