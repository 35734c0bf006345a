"""Rows of a bulletin's figures about reports: to credit bureaus, and to registers under a legal basis."""

from typing import Any

from sqlalchemy import exists, literal, select, union_all
from sqlalchemy.orm import aliased
from sqlalchemy.sql import Select

from app.domain.bulletins import AsKnown
from app.persistence.models.credit_reports import (
    CreditCorrectionRow,
    CreditEnrolmentRow,
    CreditOmissionRow,
    CreditReportRow,
    CreditSnapshotRow,
)
from app.persistence.models.restricted_register import RegisterReportEventRow, RegisterReportRow
from app.persistence.queries.bulletin_cases import within
from app.persistence.queries.bulletin_columns import Registry, figure_rows, numbered

_AGAINST = ("negative", "default")


def _furnished(known: AsKnown) -> Select[Any]:
    report, snapshot, omitted = CreditReportRow, CreditSnapshotRow, CreditOmissionRow
    left_out = exists().where(omitted.snapshot_id == report.snapshot_id, omitted.loan_id == report.loan_id)
    return (
        figure_rows(
            numbered(report.snapshot_id, report.loan_id), report.borrower_id, report.kind, lender_id=snapshot.lender_id,
            loan_id=report.loan_id, at=snapshot.submitted_at,
        )
        .select_from(report)
        .join(snapshot, snapshot.id == report.snapshot_id)
        .where(within(snapshot.submitted_at, known), report.reason.is_(None), ~left_out)
    )  # fmt: skip


def _people_furnished(known: AsKnown) -> Select[Any]:
    return _furnished(known).where(CreditReportRow.kind.in_(_AGAINST))


def _enrolled(known: AsKnown) -> Select[Any]:
    row = CreditEnrolmentRow
    return figure_rows(
        row.id, row.borrower_id, row.kind, lender_id=row.lender_id, loan_id=row.loan_id, at=row.started_at
    ).where(within(row.started_at, known))


def _people_enrolled(known: AsKnown) -> Select[Any]:
    return _enrolled(known).where(CreditEnrolmentRow.kind.in_(_AGAINST))


def _corrected(known: AsKnown) -> Select[Any]:
    row = CreditCorrectionRow
    return figure_rows(
        row.id, row.borrower_id, row.kind, lender_id=row.lender_id, loan_id=row.loan_id, at=row.filed_at
    ).where(within(row.filed_at, known))


def _registered(*kinds: str) -> Any:
    """Return the query of what registers were to be told in the period, of these kinds.

    A report that was taken off before any file told of it is none: the register never hears of it.
    """

    def rows(known: AsKnown) -> Select[Any]:
        event, report = RegisterReportEventRow, RegisterReportRow
        came, went = aliased(event), aliased(event)
        never_heard = exists().where(
            came.report_id == event.report_id, came.kind == "reported", came.file_id.is_(None),
            went.report_id == event.report_id, went.kind == "removed", went.at <= known.known_at,
        )  # fmt: skip
        return (
            figure_rows(
                event.id, event.borrower_id, event.register, event.kind, lender_id=event.lender_id,
                loan_id=report.loan_id, at=event.at,
            )
            .select_from(event)
            .join(report, report.id == event.report_id)
            .where(within(event.at, known), event.kind.in_(kinds), ~never_heard)
        )  # fmt: skip

    return rows


def _people_registered(known: AsKnown) -> Select[Any]:
    rows: Select[Any] = _registered("reported")(known)
    return rows


def _people_reported(known: AsKnown) -> Select[Any]:
    """Return everybody against whom a report began, at a bureau or a register: one row for each report."""
    both = union_all(
        _people_enrolled(known).add_columns(literal("credit").label("way")),
        _people_registered(known).add_columns(literal("register").label("way")),
    ).subquery()
    row = both.c
    return select(
        row.row_id, row.thing_id, row.at, row.on_day, row.lender_id, row.borrower_id, row.person_id, row.loan_id,
        row.way.label("d0"), literal(None).label("d1"), row.currency, row.amount,
    )  # fmt: skip


REPORT_ROWS: Registry = {
    "people_reported": _people_reported,
    "credit_reports_begun": _enrolled,
    "credit_people_furnished": _people_furnished,
    "credit_accounts_furnished": _furnished,
    "credit_corrections": _corrected,
    "register_entries": _registered("reported", "corrected", "removed"),
}
