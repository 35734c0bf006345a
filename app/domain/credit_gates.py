"""What stands in the way of reporting a loan to a credit bureau: the first gate that is not satisfied, by a stable code.

Days and prerequisites of law are asked of the law packs; what is here is of the house, and only narrows: a notice of this
run of arrears was delivered, a day at least went by, nobody disputes it, nobody waits for an answer about another plan.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.domain.disputes import UNDER_INVESTIGATION
from app.domain.law.judgements import Judgement
from app.domain.times import business_date

POSITIVE, NEGATIVE, DEFAULT = "positive", "negative", "default"
KINDS = (POSITIVE, NEGATIVE, DEFAULT)
"""The law packs' words (`credit_record_kind`)."""

MARKED, WITHHELD = "marked", "withheld"

LENDER_NOT_ENABLED = "LENDER_NOT_ENABLED"
HOLD = "HOLD"
OPEN_DISPUTE = "OPEN_DISPUTE"
NO_CONSENT = "NO_CONSENT"
NO_NOTICE_DELIVERED = "NO_NOTICE_DELIVERED"
NOTICE_TOO_RECENT = "NOTICE_TOO_RECENT"
FORBEARANCE_NOT_CONSIDERED = "FORBEARANCE_NOT_CONSIDERED"
CAP_UNKNOWN = "CAP_UNKNOWN"
LAW = "LAW"
GATE_REASONS = (
    LENDER_NOT_ENABLED, HOLD, OPEN_DISPUTE, NO_CONSENT, NO_NOTICE_DELIVERED, NOTICE_TOO_RECENT,
    FORBEARANCE_NOT_CONSIDERED, CAP_UNKNOWN, LAW,
)  # fmt: skip

NOTICES: Mapping[str, tuple[str, ...]] = {
    POSITIVE: (),
    NEGATIVE: ("negative_info_notice", "default_registration_notice"),
    DEFAULT: ("default_registration_notice", "negative_info_notice"),
}
"""Kind of record -> notices of which the house wants one delivered before, the fitting one first; a law may want more."""

_MISSING_NOTICES = frozenset({"negative_info_notice", "default_registration_notice", "debt_notice"})
_MISSING: Mapping[str, str] = {"credit_reporting": NO_CONSENT, "dispute_annotation": OPEN_DISPUTE}
"""What a rule says is missing -> the code."""

FORBIDDING_HOLDS = frozenset(
    {"deceased", "identity_theft", "insolvent", "breathing_space", "mental_health_crisis", "litigation", "payment_in_flight"}
)
"""Holds under which nothing negative is told of a person until somebody has looked, or the money has come."""
HELP_ASKED = frozenset({"plan_pending", "hardship", "debt_adviser"})
"""Holds that say that somebody waits for an answer about another plan."""
IDENTITY_THEFT = "identity_theft"


@dataclass(frozen=True, slots=True)
class BureauRules:
    """What a lender and a second person set of a bureau. Of several bureaus the strictest counts (`strictest`)."""

    while_disputed: str = WITHHELD
    lead_days: int = 1
    """Whole days after the day of delivery. The note of CN-CRED-PRENOTICE: the text has none, one at least is chosen."""


@dataclass(frozen=True, slots=True)
class DeliveredNotice:
    """A notice that a receipt proves to have come. `message_id` None: told by the core."""

    kind: str
    delivered_at: datetime
    message_id: str | None = None
    answer_by: date | None = None
    """The last day that it leaves to pay or to object; nothing is reported before that is over."""


@dataclass(frozen=True, slots=True)
class ReportGate:
    """Whether a loan may be reported now; else the first reason why not, with the rule of law where one decided."""

    loan_id: str
    is_open_to_report: bool
    reason: str | None = None
    rule: str | None = None
    notice_message_id: str | None = None
    mark: str | None = None
    """That the report carries: XB while a dispute is open, XC or XH after it."""


@dataclass(frozen=True, slots=True)
class GateQuestion:
    """All that is known of one loan when it is asked whether it may be reported."""

    loan_id: str
    kind: str
    zone: str
    rules: BureauRules | None
    """None: the lender is enabled at no bureau."""
    judgement: Judgement
    notices: Sequence[DeliveredNotice] = ()
    holds: Collection[str] = frozenset()
    """Kinds that stand."""
    mark: str | None = None
    help_open: bool = False
    """A request for another plan or for help waits for an answer."""
    forbearance_missing: bool = False
    """The law of the loan looks for it, and it was not considered."""
    cap_unknown: bool = False
    late_since: date | None = None
    """The oldest due date with something unpaid; None: nothing is, and no notice is of a run of arrears that goes on."""
    is_reported: bool = False
    """The run of arrears that goes on is reported already: its notice was given when that began."""
    reported_notice_id: str | None = None
    """That notice, where it is one that we served: should it turn out to have come back, no earlier one stands in for it."""


def strictest(rules: Sequence[BureauRules]) -> BureauRules | None:
    """Return what every one of a lender's bureaus is content with; None where there is none."""
    if not rules:
        return None
    disputed = WITHHELD if any(each.while_disputed == WITHHELD for each in rules) else MARKED
    return BureauRules(disputed, max(each.lead_days for each in rules))


def decide_gate(asked: GateQuestion, now: datetime) -> ReportGate:
    """Return whether the loan may be reported at `now`, with the notice that lets a negative report pass."""
    is_negative = asked.kind != POSITIVE
    notice = _notice(asked) if is_negative else None
    stop = _stop_of_house(asked, notice, now) if is_negative else _stop_of_positive(asked)
    rule = None
    if stop is None:
        stop, rule = stop_of_law(asked.judgement)
    message_id = None if notice is None else notice.message_id
    return ReportGate(asked.loan_id, stop is None, stop, rule, message_id, asked.mark)


def _stop_of_positive(asked: GateQuestion) -> str | None:
    if asked.rules is None:
        return LENDER_NOT_ENABLED
    return HOLD if IDENTITY_THEFT in asked.holds else None


def _stop_of_house(asked: GateQuestion, notice: DeliveredNotice | None, now: datetime) -> str | None:
    if asked.rules is None:
        return LENDER_NOT_ENABLED
    if not FORBIDDING_HOLDS.isdisjoint(asked.holds):
        return HOLD
    if asked.mark == UNDER_INVESTIGATION and asked.rules.while_disputed == WITHHELD:
        return OPEN_DISPUTE
    if asked.help_open or asked.forbearance_missing or not HELP_ASKED.isdisjoint(asked.holds):
        return FORBEARANCE_NOT_CONSIDERED
    if asked.cap_unknown:
        return CAP_UNKNOWN
    if notice is None:
        return NO_NOTICE_DELIVERED
    return NOTICE_TOO_RECENT if business_date(now, asked.zone) < reportable_on(notice, asked) else None


def reportable_on(notice: DeliveredNotice, asked: GateQuestion) -> date:
    """Return the first day of the loan's zone on which the house lets it be reported after this notice."""
    lead_days = 1 if asked.rules is None else asked.rules.lead_days
    first = business_date(notice.delivered_at, asked.zone) + timedelta(days=lead_days)
    return max([first, *(each.answer_by + timedelta(days=1) for each in _leaving_days(notice, asked) if each.answer_by)])


def _leaving_days(notice: DeliveredNotice, asked: GateQuestion) -> list[DeliveredNotice]:
    """Return the notices whose days to answer are waited for: a second letter is not broken by resting on the first."""
    if asked.is_reported:
        return [notice]
    kinds = NOTICES[asked.kind]
    return [notice, *(each for each in asked.notices if each.kind in kinds and _is_of_this_run(each, asked))]


def _notice(asked: GateQuestion) -> DeliveredNotice | None:
    """Return the first notice of this run of arrears, of the kind that fits best."""
    for kind in NOTICES[asked.kind]:
        found = [each for each in asked.notices if each.kind == kind and _is_of_this_run(each, asked)]
        if found:
            return min(found, key=lambda each: each.delivered_at)
    return None


def _is_of_this_run(notice: DeliveredNotice, asked: GateQuestion) -> bool:
    """Return whether it came once the loan was late as it is now: one about arrears that were paid does not count again."""
    if asked.is_reported and asked.reported_notice_id in (None, notice.message_id):
        return True
    return asked.late_since is not None and business_date(notice.delivered_at, asked.zone) > asked.late_since


def stop_of_law(judgement: Judgement) -> tuple[str | None, str | None]:
    """Return the code of what the law has against furnishing, and the rule's id; None: it has nothing."""
    if judgement.may_proceed or judgement.deciding is None:
        return None, None
    rule, result = judgement.deciding
    if result.allowed_on is not None and not result.missing:
        return NOTICE_TOO_RECENT, rule.id  # what is waited for after is a notice, in every rule on this act
    for missing in result.missing:
        if missing in _MISSING_NOTICES:
            return NO_NOTICE_DELIVERED, rule.id
        if missing in _MISSING:
            return _MISSING[missing], rule.id
    return LAW, rule.id
