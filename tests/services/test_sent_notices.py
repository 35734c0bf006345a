"""Which messages count as a notice of law that was sent: not one that reached nobody, nor what only announces it."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import app as package
from app.domain.deliveries import Callback, DeliveryReport, Told
from app.persistence.ids import new_id
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import DecisionRow, PolicyRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import duties
from app.services.callback_posts import take_callback
from app.services.law_facts import load_loan_laws
from app.services.policies import activate_document
from app.services.policy_files import read_document
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.sent import a_contact, a_sent
from tests.conftest import START

pytestmark = pytest.mark.both
UK_POLICY = Path(package.__file__ or "").parent / "content" / "policies" / "consumer-uk.yaml"
DUE = [date(2026, 1, 25), date(2026, 2, 25), date(2026, 4, 25)]


def a_british_loan() -> Built:
    """A loan in arrears since 2026-02-26, under the policy that sends the notice of sums in arrears as a letter."""
    lender = build_lender(now=START, zone="Europe/London", role="first_party", role_reason="own book")
    loan = build_loan(now=START, due=DUE, lender_id=lender, product_kind="instalment", zone="Europe/London")
    with unit_of_work() as work:
        activate_document(work, read_document(UK_POLICY.read_text("utf-8")), author="test", now=START)
    return loan


def a_notice(loan: Built, channel: str = "letter", **changes: Any) -> str:
    """Write one message of the step that is the notice, handed over at START; return its id."""
    contact_id = a_contact(loan.borrower_id, now=START)
    with unit_of_work() as work:
        work.session.add(
            DecisionRow(
                id=new_id(), borrower_id=loan.borrower_id, loan_id=loan.loan_id, subject_kind="instalment",
                subject_id=f"{loan.loan_id}/1", row_no=1, anchor_no=1, step_key="d+15-notice",
                policy_id=work.session.scalars(select(PolicyRow.id)).one(), occurs_at=START, local_date=START.date(),
                outcome="SENT", reason="ON_SCHEDULE", contact_id=contact_id, decided_at=START, event_count=1,
            )
        )  # fmt: skip
    given = {"template": "statutory_arrears_notice", "message_class": "statutory", "reference": f"ref-{channel}"}
    return a_sent(loan.borrower_id, now=START, channel=channel, contact_id=contact_id, **{**given, **changes})


def notices(loan: Built) -> list[tuple[str, str, bool]]:
    """Kind, channel and whether it came back, as the law is told."""
    with reading() as session:
        (law,) = load_loan_laws(session, [loan.borrower_id], START)
        return [(each["kind"], each["channel"], each["returned_at"] is not None) for each in law.facts["notices"]]


def duty_states() -> list[str]:
    with reading() as session:
        rows = session.scalars(select(TaskRow).where(TaskRow.queue == "duties").order_by(TaskRow.id))
        return [row.state for row in rows if row.facts["missing"] == ["notice_of_sums_in_arrears"]]


def bounce(channel: str = "letter") -> None:
    report = DeliveryReport("failed", Told.FAILED, reference=f"ref-{channel}", error_code="bad_address")
    take_callback(Callback("paper", reports=[report], is_signed=True), b"post", now=START + timedelta(hours=1))


def test_a_notice_that_left_is_a_notice_that_was_sent(app: Flask) -> None:
    loan = a_british_loan()

    a_notice(loan)

    assert notices(loan) == [("notice_of_sums_in_arrears", "letter", False)]


def test_a_notice_that_bounced_was_not_sent_and_its_duty_is_open_again(app: Flask) -> None:
    loan = a_british_loan()
    duties.look_at_due(now=START)
    a_notice(loan)
    duties.look_at_due(now=START + timedelta(minutes=1))
    assert duty_states() == ["done"]

    bounce()
    duties.look_at_due(now=START + timedelta(hours=2))

    assert notices(loan) == []
    assert duty_states() == ["open"]


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired"])
def test_what_never_left_was_not_sent_though_it_was_tried(sqlite_book: Flask, state: str) -> None:
    loan = a_british_loan()

    a_notice(loan, state=state, sent_at=START)

    assert notices(loan) == []


def test_a_letter_that_came_back_was_sent_and_says_that_it_came_back(app: Flask) -> None:
    loan = a_british_loan()
    message_id = a_notice(loan)
    with unit_of_work() as work:
        work.session.get_one(MessageRow, message_id).state = "failed"
        work.session.add(
            LetterRow(
                id=new_id(), borrower_id=loan.borrower_id, message_id=message_id, jurisdiction="UK",
                template="statutory_arrears_notice", locale="en", pages=1, sha256="0" * 64, pdf_sealed=b"", state="returned",
                created_at=START, changed_at=START,
            )
        )  # fmt: skip

    assert notices(loan) == [("notice_of_sums_in_arrears", "letter", True)]


def test_what_announces_a_notice_elsewhere_is_not_the_notice(sqlite_book: Flask) -> None:
    loan = a_british_loan()

    a_notice(loan, "in_app", state="delivered", sent_at=START)

    assert notices(loan) == []
