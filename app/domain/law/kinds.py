"""The kinds of test by name: one evaluator each, which a pack drives by its parameters."""

from collections.abc import Callable, Mapping

from app.domain.law.arrears import arrears_notice, last_payments_missed, notice_failure
from app.domain.law.attempt_caps import cap
from app.domain.law.deadlines import deadline
from app.domain.law.loan_figures import cooling_off, days_past_due, interest_days, principal, time_bar
from app.domain.law.message_content import content_forbidden, content_required, sum_equals
from app.domain.law.params import Params, Test
from app.domain.law.rate_tests import irr, rate_cap, rate_split
from app.domain.law.retentions import retention
from app.domain.law.tables import table
from app.domain.law.validation import assumed_receipt, disputed_amount
from app.domain.law.waits import wait
from app.domain.law.windows import window

KINDS: Mapping[str, Callable[[Params], Test]] = {
    "table": table,
    "window": window,
    "cap": cap,
    "wait": wait,
    "deadline": deadline,
    "retention": retention,
    "content_required": content_required,
    "content_forbidden": content_forbidden,
    "sum_equals": sum_equals,
    "disputed_amount": disputed_amount,
    "assumed_receipt": assumed_receipt,
    "arrears_notice": arrears_notice,
    "last_payments_missed": last_payments_missed,
    "notice_failure": notice_failure,
    "time_bar": time_bar,
    "rate_cap": rate_cap,
    "rate_split": rate_split,
    "irr": irr,
    "principal": principal,
    "interest_days": interest_days,
    "cooling_off": cooling_off,
    "days_past_due": days_past_due,
}
"""By the vocabulary's names in `tests`."""
