"""Loans that may be reported to a register: long overdue, with a notice that came and a consent, in China."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from app.domain.consents import ConsentValues
from app.persistence.ids import new_id
from app.persistence.models.restricted_register import RegisterReportRow
from app.persistence.unit_of_work import unit_of_work
from app.services.consents import record_consents
from app.services.desk_payments import DeskStaff
from app.services.register_contents import report_place, sealed_line
from app.services.restricted_register import ReportOutcome, decide_reports, report
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.credit import delivered

REGISTER, BASIS = "cn-nifa", "separate-consent"


def cn_lender(now: datetime, code: str = "cnp", **changes: Any) -> str:
    """A bank in China: the cap on private lending is not for it."""
    given = {"jurisdiction": "CN", "zone": "Asia/Shanghai", "licence_kind": "bank"}
    return build_lender(now=now, code=code, **{**given, **changes})


def late_loan(now: datetime, *, lender_id: str | None = None, days: int = 120, **more: Any) -> Built:
    """A loan whose first instalment is so many days overdue."""
    due = [now.date() - timedelta(days=days), now.date() + timedelta(days=30)]
    given = {"country": "CN", "name": "Li Wei", "national_id": "110101199003077715", **more}
    return build_loan(
        now=now, due=due, lender_id=lender_id or cn_lender(now), recorded_at=now - timedelta(days=400), **given
    )


def agree(loan: Built, *, now: datetime, given: bool = True) -> None:
    """Have the borrower consent separately that data is handed over, or take that back."""
    values = ConsentValues("data_sharing", "any", given, "separate")
    with unit_of_work() as work:
        record_consents(work, loan.borrower_id, [values], by="operator:test", now=now)


def reportable(now: datetime, **more: Any) -> Built:
    """A loan with nothing in the way of a report."""
    loan = late_loan(now, **more)
    agree(loan, now=now - timedelta(days=90))
    delivered(loan, now - timedelta(days=30))
    return loan


def ask(loans: Sequence[Built], *, now: datetime, by: str = "staff:Ann", **more: Any) -> dict[str, ReportOutcome]:
    """Ask for a report of each."""
    given = {"register": REGISTER, "basis": BASIS, "lender_id": loans[0].lender_id, **more}
    with unit_of_work() as work:
        return dict(report(work, [loan.loan_id for loan in loans], by=by, now=now, **given))


def second(loan: Built, name: str = "Ben", role: str = "compliance") -> DeskStaff:
    """Who decides."""
    return DeskStaff(f"staff:{name}", role, loan.lender_id)


def approve(loan: Built, report_id: str, *, now: datetime) -> ReportOutcome:
    """Approve a report as somebody else."""
    with unit_of_work() as work:
        return decide_reports(work, [report_id], approve=True, staff=second(loan), now=now)[report_id]


def a_standing_report(loan: Built, *, now: datetime) -> str:
    """A report that stands, whatever its gates would say; return its id."""
    report_id = new_id()
    with unit_of_work() as work:
        sealed, digest = sealed_line(work.vault, report_place(report_id), {"loan_no": loan.loan_no, "overdue": "100.00"})
        work.session.add(
            RegisterReportRow(
                id=report_id, borrower_id=loan.borrower_id, loan_id=loan.loan_id, lender_id=loan.lender_id,
                register=REGISTER, basis=BASIS, state="standing", fields=["loan_no", "overdue"], content_sealed=sealed,
                content_sha256=digest, notice_kind="register_notice", notice_delivered_at=now - timedelta(days=30),
                asked_by="staff:Ann", asked_at=now, decided_by="staff:Ben", decided_at=now, reported_at=now, version=1,
            )
        )  # fmt: skip
    return report_id
