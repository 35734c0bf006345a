"""What the doors of borrowers at the desk answer, as the document of the API shows it."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from app.api.value_forms import plain
from app.domain.money import Money
from app.domain.position_views import Difference
from app.domain.splits import Split
from app.services import borrower_page_parts as parts
from app.services.borrower_hits import BorrowerHit, SearchAnswer
from app.services.desk_loans import DeskLoan, Learnt, PastDay, PositionThen
from app.services.desk_upcoming import DeskUpcoming
from app.services.schedules import ScheduleRow
from app.services.upcoming import UpcomingStep

_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
_DUE = Split(1000_00, 45_00)

FOUND: Any = plain(
    SearchAnswer(
        hits=[
            BorrowerHit(
                borrower_id=_ID, borrower_no="B-1001", matched_by=["phone"], name_shown="Li Wei",
                phone_masked="+86 ••• ••34", email_masked="l•••@e•••.com", locale="zh-CN", flags=[], loans=2, active_loans=1,
                loan_nos=["CN-1001", "CN-0907"], worst_days_past_due=3, holds=["dispute"], open_disputes=1,
            )
        ],
        kinds=["phone", "loan_no", "borrower_no", "payment_reference"],
        has_more=False,
    )
)  # fmt: skip
_LOAN = parts.LoanOnPage(
    loan_id=_ID, loan_no="CN-1001", product=None, status="active", currency="CNY", zone="Asia/Shanghai",
    as_of=date(2026, 11, 23), outstanding=Money(7123_45, "CNY"), principal_outstanding=Money(7078_45, "CNY"), due=_DUE,
    overdue=_DUE, unapplied=Money(0, "CNY"), days_past_due=3, bucket="1-29", next_due_on=date(2026, 12, 20),
    next_due=Money(_DUE.total, "CNY"), disputed=None, is_of_core=False, autopay=False, maturity_on=None, marks=[],
)  # fmt: skip
PAGE: Any = plain(
    parts.BorrowerPage(
        borrower_id=_ID,
        borrower_no="B-1001",
        as_of=_AT,
        identity=parts.Identity(
            name="Li Wei", phone_masked="+86 ••• ••34", email_masked="l•••@e•••.com", address_masked="•••, Shanghai",
            national_id_masked="•••• 1234", country="CN", locale="zh-CN", officer=None, flags=[], known_since=_AT,
        ),
        places=[
            parts.Place(
                "Asia/Shanghai", "profile", _AT.astimezone(timezone(timedelta(hours=8))), date(2026, 11, 23), time(17)
            )
        ],
        loans=[_LOAN],
        payments=[
            parts.PaymentOnPage(
                id=_ID, loan_no="CN-1001", kind="repayment", amount=Money(_DUE.total, "CNY"),
                effective_on=date(2026, 10, 20), recorded_at=_AT, reference="P-1", channel="bank", reverses_id=None,
                is_reversed=False, splits=[parts.PaymentSplit(5, _DUE, 0)],
            )
        ],
        decisions=[
            parts.DecisionOnPage(
                _ID, "CN-1001", "d+3", date(2026, 11, 23), _AT, "SUPPRESSED", "DISPUTE_HOLD",
                "Not sent: the debt is disputed",
            )
        ],
    )
)  # fmt: skip
_ROW = ScheduleRow(6, date(2026, 11, 20), _DUE, _DUE, "overdue", None, 3, "1-29")
_THEN = PositionThen("CNY", 7123_45, 7078_45, _DUE, _DUE, 0, 3, "1-29", date(2026, 12, 20), 1)
_NOW = PositionThen("CNY", 6078_45, 6078_45, Split(), Split(), 0, 0, "current", date(2026, 12, 20), 1)
LOAN: Any = plain(
    DeskLoan(
        loan=_LOAN,
        plan_version=1,
        currency="CNY",
        rows=[_ROW],
        past=PastDay(
            as_of=date(2026, 11, 23),
            known_at=_AT,
            then=_THEN,
            now=_NOW,
            differences=[Difference("days_past_due", "3", "0")],
            learnt=[Learnt(_ID, "repayment", Money(_DUE.total, "CNY"), date(2026, 11, 20), _AT + timedelta(days=2), None)],
            plan_changed=False,
        ),
        rows_then=[_ROW],
    )
)
UPCOMING: Any = plain(
    DeskUpcoming(
        [
            UpcomingStep(
                loan_id=_ID, loan_no="CN-1001", row_no=7, due_on=date(2026, 12, 20),
                at=datetime(2026, 12, 17, 2, tzinfo=UTC), local_date=date(2026, 12, 17), timezone="Asia/Shanghai",
                purpose="reminder", status="planned", channels=["in_app", "push"], may_follow=[], reason=None,
                text="Planned for Dec 17, 2026 10:00, in the app and as a notification.",
            )
        ]
    )
)  # fmt: skip
