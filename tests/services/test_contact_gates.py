"""The gate before contacts that people make, over a stored book: what it answers, and who gets past it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask

from app.domain.contact_gates import LAW, PERSON, POLICY, Block, ContactAnswer, ContactAsked
from app.domain.decided import Stop
from app.domain.errors import (
    ConsentMissingError,
    ContactCapReachedError,
    ContactRefusedError,
    ForbiddenError,
    LawRefusedError,
    NotFoundError,
    QuietHoursError,
    ValidationError,
)
from app.domain.holds import HOLD_REASONS
from app.domain.reasons import Reason
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.contact_gates import ask_contact, require_contact
from app.services.policies import activate_document
from app.wording.gate_words import block_sentence
from tests.builders.book import Built, build_lender, build_loan, give_phone, pay
from tests.builders.cases import default_document

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
pytestmark = pytest.mark.both


def book(country: str = "GB", zone: str = "Europe/London") -> Built:
    with unit_of_work() as work:
        activate_document(work, default_document() | {"version": 2}, author="test", now=START)
    lender = build_lender(now=START, jurisdiction=country, zone=zone)
    built = build_loan(now=START, due=[DUE], lender_id=lender, country=country, zone=zone, phone="+447700900123")
    give_phone(built, now=START, zone=zone)
    return built


def ask(built: Built, channel: str = "push", now: datetime = NOON, locale: str = "en", **asked: object) -> ContactAnswer:
    with reading() as session:
        question = ContactAsked(channel, **asked)  # type: ignore[arg-type]
        return ask_contact(session, built.borrower_id, question, lender_id=built.lender_id, now=now, locale=locale)


def test_an_answer_says_what_is_in_the_way_until_when_and_what_is_left(app: Flask) -> None:
    built = book()

    by_day, by_night = ask(built), ask(built, now=NOON.replace(hour=23))

    assert (by_day.may_happen, by_day.message_class, by_day.takes_place) == (True, "collection", True)
    assert by_day.closes_at == NOON.replace(hour=21)
    assert next((room.cap, room.left) for room in by_day.room if room.layer == POLICY) == ("caps.borrower.P1D", 1)
    law = by_night.blocks[0]
    assert (law.layer, law.reason, law.rule) == (LAW, "LEGAL_QUIET_HOURS", "UK-CONTACT-TIMES")
    assert by_night.opens_at is not None
    assert ask(built, now=by_night.opens_at).may_happen
    assert "CONC" in law.sentence
    assert "不得联系" in ask(built, now=NOON.replace(hour=23), locale="zh-CN").blocks[0].sentence


def test_money_that_is_in_is_asked_for_by_nobody(app: Flask) -> None:
    built = book()
    pay(built, 10_000, now=NOON)

    answer = ask(built, now=NOON + timedelta(minutes=1))

    assert [block.reason for block in answer.blocks] == ["PAID"]
    with pytest.raises(ContactRefusedError):
        require_contact(answer, role="admin", override_reason="They must hear it from us")
    assert ask(built, now=NOON + timedelta(minutes=1), message_class="servicing").may_happen


def test_another_lender_s_borrower_and_an_unknown_loan_are_not_there(app: Flask) -> None:
    built = book()
    other = build_lender(now=START, code="other")

    for lender_id, loans in ((other, ()), (built.lender_id, ("nowhere",))):
        asked = ContactAsked("push", loan_ids=loans)
        with reading() as session, pytest.raises(NotFoundError):
            ask_contact(session, built.borrower_id, asked, lender_id=lender_id, now=NOON)


def test_free_text_is_read_by_the_check_of_words_and_by_the_law(app: Flask) -> None:
    built = book()

    threat = ask(built, "in_app", message_class="servicing", text="Pay today or we tell your family and your employer.")
    price = ask(built, "sms", message_class="servicing", text="You have 10.00 USD open, call us.")

    assert "CONTENT_LINT" in {block.reason for block in threat.blocks}
    assert threat.message_class == "collection", "what asks for money is no servicing"
    assert "CONTENT_LINT" in {block.reason for block in price.blocks}
    assert not price.may_be_overridden


def blocked(layer: str, reason: Reason) -> ContactAnswer:
    return ContactAnswer((Block(layer, reason.value, None, "It is so."),))


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (Reason.QUIET_HOURS, QuietHoursError),
        (Reason.CAP_PERSON, ContactCapReachedError),
        (Reason.OPTED_OUT, ConsentMissingError),
        (Reason.HOLD_DISPUTE, ContactRefusedError),
    ],
)
def test_each_kind_of_refusal_has_its_problem(reason: Reason, error: type[Exception]) -> None:
    with pytest.raises(error) as refused:
        require_contact(blocked(PERSON, reason), role="admin", override_reason="A reason long enough")

    assert [each.detail for each in refused.value.errors] == ["It is so."]  # type: ignore[attr-defined]


def test_the_law_and_the_person_s_own_are_overridden_by_nobody() -> None:
    for role in ("agent", "supervisor", "compliance", "admin"):
        with pytest.raises(LawRefusedError):
            require_contact(blocked(LAW, Reason.LEGAL_QUIET_HOURS), role=role, override_reason="A reason long enough")
        for reason in HOLD_REASONS.values():
            with pytest.raises((ContactRefusedError, QuietHoursError)):
                require_contact(blocked(PERSON, reason), role=role, override_reason="A reason long enough")


def test_the_policy_is_set_aside_by_who_may_with_a_reason() -> None:
    full = blocked(POLICY, Reason.CAP_PERSON)

    assert require_contact(full, role="supervisor", override_reason="Asked to be told at once")
    with pytest.raises(ContactCapReachedError):
        require_contact(full, role="supervisor")
    with pytest.raises(ForbiddenError):
        require_contact(full, role="agent", override_reason="Asked to be told at once")
    with pytest.raises(ValidationError):
        require_contact(full, role="supervisor", override_reason="   .      ")
    both = ContactAnswer((*blocked(LAW, Reason.LEGAL_BLOCK).blocks, *full.blocks))
    with pytest.raises(LawRefusedError):
        require_contact(both, role="admin", override_reason="Asked to be told at once")
    assert not require_contact(ContactAnswer(()), role="agent")


def test_every_reason_can_be_said_in_both_languages() -> None:
    for reason in Reason:
        for locale in ("en", "zh-CN"):
            assert block_sentence(Stop(reason, "some.rule", NOON, {"channel": "sms"}), None, locale, "UTC")
