"""Messages of which nobody knows whether they left: a person says what became of one, and it is never sent again."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.errors import ConflictError, NotFoundError, ValidationError
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.messages import DeliveryAttemptRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.uncertain_messages import look_at, settle_by_hand
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.sent import a_contact, a_sent, message
from tests.conftest import START

LATER = START + timedelta(hours=1)


def settle(built: Built, message_id: str, outcome: str = "delivered", **changes: Any) -> Any:
    given = {"reason": "seen in the provider's console", "by": "staff:Ann", "now": LATER, **changes}
    with unit_of_work() as work:
        return settle_by_hand(work, given.pop("lender_id", built.lender_id), message_id, outcome=outcome, **given)


def an_uncertain(channel: str = "sms") -> tuple[Built, str]:
    built = build_loan(now=START, due=[START.date()])
    contact_id = a_contact(built.borrower_id, now=START)
    return built, a_sent(built.borrower_id, now=START, state="uncertain", channel=channel, contact_id=contact_id)


@pytest.mark.parametrize("channel", ["sms", "push", "letter", "email"])
def test_one_that_arrived_is_delivered_and_stands_in_no_lane(app: Flask, channel: str) -> None:
    built, message_id = an_uncertain(channel)

    settle(built, message_id)

    row = message(message_id)
    assert (row.state, row.state_reason, row.lane, row.delivered_at) == ("delivered", None, None, LATER)


def test_one_that_did_not_arrive_wakes_its_borrower_and_is_not_tried_again(app: Flask) -> None:
    built, message_id = an_uncertain()
    version = case_version(built)

    settle(built, message_id, "not_delivered")

    row = message(message_id)
    assert (row.state, row.state_reason, row.lane, row.attempts) == ("failed", "NO_RECEIPT", None, 1)
    assert case_version(built) > version
    with reading() as session:
        assert session.query(DeliveryAttemptRow).count() == 1


def case_version(built: Built) -> int:
    with reading() as session:
        return session.scalars(select(AgendaRow.case_version).where(AgendaRow.borrower_id == built.borrower_id)).one()


def test_a_person_s_word_is_kept_as_a_receipt_that_nobody_signed(app: Flask) -> None:
    built, message_id = an_uncertain()

    settle(built, message_id)

    with reading() as session:
        told = session.scalars(select(DeliveryReceiptRow)).one()
        assert (told.message_id, told.told, told.raw_code, told.is_signed) == (message_id, "delivered", "by_hand", False)
        shown, tries, receipts = look_at(session, built.lender_id, message_id)
    assert (shown.state, len(tries), len(receipts)) == ("delivered", 1, 1)


def test_saying_the_same_twice_changes_nothing_and_the_contrary_is_refused(app: Flask) -> None:
    built, message_id = an_uncertain()

    first, again = settle(built, message_id), settle(built, message_id)

    assert first == again
    with pytest.raises(ConflictError):
        settle(built, message_id, "not_delivered")


def test_what_is_another_lender_s_known_or_without_a_reason_is_refused(app: Flask) -> None:
    built, message_id = an_uncertain()
    sent = a_sent(built.borrower_id, now=START)

    with pytest.raises(NotFoundError):
        settle(built, message_id, lender_id=build_lender(now=START, code="other"))
    with pytest.raises(ConflictError):
        settle(built, sent)
    with pytest.raises(ValidationError):
        settle(built, message_id, reason=" ")
    assert message(message_id).state == "uncertain"
