"""The platform of the sample book, on which all that comes after reminders is to be seen."""

from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.persistence.db import db
from app.persistence.models.bulletins import BulletinRow
from app.persistence.models.collateral import CollateralThingRow
from app.persistence.models.credit_reports import CreditBureauRow, CreditReportRow, CreditSnapshotRow
from app.persistence.models.escalations import EscalationStepRow
from app.persistence.models.funding import PassThroughEntryRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.models.restricted_register import RegisterReportRow
from app.persistence.models.tasks import TaskRow
from app.persistence.queries.moments import find_moments
from app.persistence.unit_of_work import reading, unit_of_work
from app.sandbox.sample_arrears import put_sample_arrears
from app.sandbox.sample_platform import OVER_CAP, STORIES, WRITTEN_TO
from app.services.duties import QUEUE
from tests.conftest import START


def steps() -> dict[str, dict[str, str]]:
    """Loan -> step -> outcome."""
    found: dict[str, dict[str, str]] = {}
    statement = select(LoanRow.loan_no, EscalationStepRow.step_key, EscalationStepRow.outcome)
    with reading() as session:
        for loan_no, key, outcome in session.execute(statement.join(LoanRow, LoanRow.id == EscalationStepRow.loan_id)):
            found.setdefault(loan_no, {})[key] = outcome
    return found


def test_every_part_of_arrears_is_to_be_seen_from_the_start(sqlite_book: Flask) -> None:
    assert put_sample_arrears(now=START) == len(STORIES)

    found = steps()
    assert all(found[story.loan_no]["arrears_notice"] == "delivered" for story in WRITTEN_TO)
    assert found["HYLETTER01"]["repayment_letter"] == "needs_approval"
    assert found["HYWARNED01"]["pre_report_notice"] == "delivered"
    assert found["HYVEHICLE01"] | {"report": "needs_approval", "referral": "needs_approval"} == found["HYVEHICLE01"]
    with reading() as session:
        assert session.scalar(select(CollateralThingRow.state)) == "in_custody"
        assert session.scalar(select(func.count(PassThroughEntryRow.funder_id.distinct()))) == 3
        assert session.scalar(select(CreditBureauRow.state)) == "enabled"
        assert session.scalar(select(CreditSnapshotRow.state)) == "approved"
        assert session.scalar(select(func.count()).where(CreditReportRow.reason.is_(None))) == 1
        assert session.scalar(select(RegisterReportRow.state)) == "waiting"
        assert session.scalar(select(BulletinRow.state)) == "published"
        assert sorted(session.scalars(select(TaskRow.breach).where(TaskRow.queue == QUEUE))) == [False, True]
        assert session.scalar(select(LoanRow.over_cap_minor).where(LoanRow.loan_no == OVER_CAP.loan_no)) > 0
        assert set(session.scalars(select(LetterRow.state))) == {"delivered"}


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 3, 31, 15, 59, tzinfo=UTC),  # the last minute of a month in Shanghai
        datetime(2026, 5, 1, 0, 0, tzinfo=UTC),
        datetime(2026, 11, 26, 17, 0, tzinfo=UTC),
    ],
)
def test_it_can_be_put_on_any_day(sqlite_book: Flask, now: datetime) -> None:
    put_sample_arrears(now=now)

    assert steps()["HYVEHICLE01"]["referral"] == "needs_approval"


def test_without_a_policy_in_force_escalations_move_no_clock(sqlite_book: Flask) -> None:
    put_sample_arrears(now=START)
    with unit_of_work() as work:
        work.session.query(AgendaRow).update({"escalations_at": START})
        before = find_moments(work.session).escalation_at
        work.session.execute(db.text("UPDATE escalation_policies SET status = 'retired'"))
        after = find_moments(work.session).escalation_at

    assert (before, after) == (START, None)
