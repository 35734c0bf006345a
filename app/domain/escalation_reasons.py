"""What becomes of a step of an escalation, and why: stable codes. Their words are in content/escalations/words.yaml."""

from enum import StrEnum

from app.domain.holds import HOLD_REASONS


class Outcome(StrEnum):
    """What became of a step."""

    WAITING = "waiting"
    """Its time has not come."""
    STOPPED = "stopped"
    """Its time has come, and something stands in the way."""
    NEEDS_APPROVAL = "needs_approval"
    READY = "ready"
    """Nothing stands in the way: whoever decided hands it over now."""
    DECLINED = "declined"
    HANDED_OVER = "handed_over"
    """Its notice is on its way."""
    DELIVERED = "delivered"
    """Its notice arrived, as a receipt proves."""
    RETURNED = "returned"
    """Its notice came back, as often as the policy has it served."""
    DONE = "done"
    """It happened: reported, referred."""
    NOT_APPLICABLE = "not_applicable"
    ENDED = "ended"
    """The escalation ended before it happened."""


HAPPENED = frozenset({Outcome.DELIVERED, Outcome.DONE})
"""Outcomes that the next step may count its days from."""


class Why(StrEnum):
    """Why a step is where it is."""

    ON_SCHEDULE = "ON_SCHEDULE"
    NOT_LATE_ENOUGH = "NOT_LATE_ENOUGH"
    EARLIER_STEP_OUTSTANDING = "EARLIER_STEP_OUTSTANDING"
    NOTICE_NOT_DELIVERED = "NOTICE_NOT_DELIVERED"
    NOTICE_TOO_RECENT = "NOTICE_TOO_RECENT"
    NOTICE_RETURNED = "NOTICE_RETURNED"
    NOTICE_NOT_SENT = "NOTICE_NOT_SENT"
    BEFORE_HOURS = "BEFORE_HOURS"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    NO_COLLATERAL = "NO_COLLATERAL"
    EARLIER_STEP_NOT_APPLICABLE = "EARLIER_STEP_NOT_APPLICABLE"
    HOLD = "HOLD"
    OPEN_DISPUTE = "OPEN_DISPUTE"
    FORBEARANCE_NOT_CONSIDERED = "FORBEARANCE_NOT_CONSIDERED"
    CAP_UNKNOWN = "CAP_UNKNOWN"
    LAW = "LAW"
    LAW_NOT_ASKED = "LAW_NOT_ASKED"
    REPORT_GATE = "REPORT_GATE"
    NOT_SET_UP = "NOT_SET_UP"
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    NEEDS_SECOND_APPROVAL = "NEEDS_SECOND_APPROVAL"
    APPROVAL_LAPSED = "APPROVAL_LAPSED"
    APPROVED = "APPROVED"
    ASKED_FOR = "ASKED_FOR"
    DECLINED = "DECLINED"
    RESUMED = "RESUMED"
    BEGUN = "BEGUN"
    AWAITS_DELIVERY = "AWAITS_DELIVERY"
    NO_POLICY = "NO_POLICY"
    NOT_IN_POLICY = "NOT_IN_POLICY"


class Ends(StrEnum):
    """Why an escalation ended, or never began."""

    CURED = "CURED"
    LOAN_OVER = "LOAN_OVER"
    REPLANNED = "REPLANNED"
    ARRANGED = "ARRANGED"
    STOPPED_BY_PERSON = "STOPPED_BY_PERSON"


STOP_REASONS = ("agreed_with_borrower", "vulnerable_person", "amount_in_doubt", "wrong_person", "business_decision")
"""Why a person stops an escalation, or declines a step."""

HOLD_WHY = {kind: reason.value for kind, reason in HOLD_REASONS.items()}
"""Kind of hold -> the code it gives a step: the same as a reminder's."""

GATE_CODES = (
    "NO_NOTICE_DELIVERED", "NOTICE_TOO_RECENT", "NO_CONSENT", "OPEN_DISPUTE", "HOLD", "FORBEARANCE_NOT_CONSIDERED",
    "CAP_UNKNOWN", "LAW", "LENDER_NOT_ENABLED", "NO_LOAN", "NOT_IN_ARREARS", "NOTICE_TOO_OLD", "OVER_CAP", "LEFT_OUT",
    "NO_PLEDGE", "NOTHING_TO_RECOVER",
)  # fmt: skip
"""Codes that the gates of reports give (credit_gates, registers), and whoever takes referrals (collateral)."""


def all_codes() -> tuple[str, ...]:
    """Return every code that a step or an escalation may have from here, each once."""
    return tuple(dict.fromkeys((*Why, *Ends, *HOLD_WHY.values(), *GATE_CODES)))
