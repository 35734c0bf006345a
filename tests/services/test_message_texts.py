"""A message whose text cannot be made, or may not leave, is kept with its reason and never sent; the next rung goes."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.persistence.models.lenders import LenderRow
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.message_texts import written_message
from app.services.policies import activate_document
from app.services.reminders import sweep
from app.services.rule_parts import use_channels
from tests.builders.book import build_lender, build_loan, give_phone
from tests.builders.cases import default_document

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _email_is_in_use() -> Iterator[None]:
    use_channels(["email"])
    yield
    use_channels(())


def _messages() -> list[tuple[str, str, str | None]]:
    with reading() as session:
        rows = session.execute(select(MessageRow.channel, MessageRow.state, MessageRow.state_reason).order_by(MessageRow.id))
        return [tuple(row) for row in rows]


def _a_policy_by_email_then_push() -> None:
    document: dict[str, Any] = default_document() | {"version": 2}
    ladder = [{"channel": "email"}, {"channel": "push", "after": "PT1H", "unless": "seen"}]
    document["defaults"] = {**document["defaults"], "ladder": ladder}
    document["steps"] = [{"key": "d-7", "offset_days": -7, "template": "due_soon"}]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)


def test_a_text_that_cannot_be_made_does_not_leave_and_does_not_stop_the_others(sqlite_book: Flask) -> None:
    _a_policy_by_email_then_push()
    lends: dict[str, Any] = {"jurisdiction": "GB", "zone": "Europe/London", "role": "first_party", "role_reason": "test"}
    lender, well = build_lender(now=START, **lends), build_lender(now=START, code="well", **lends)
    given: dict[str, Any] = {"due": [date(2026, 3, 10)], "country": "GB", "zone": "Europe/London"}
    built = build_loan(now=START, lender_id=lender, email="ann@example.org", **given)
    other = build_loan(now=START, lender_id=well, email="bob@example.org", **given)
    for each in (built, other):
        give_phone(each, now=START)
    with unit_of_work() as work:
        work.session.execute(update(LenderRow).where(LenderRow.id == lender).values(name=""))  # an e-mail names the lender

    sweep(now=STEP)
    first = _messages()
    sweep(now=STEP)

    assert sorted(first, key=str) == [("email", "failed", "RENDER_ERROR"), ("email", "queued", None)]
    assert sorted(_messages(), key=str)[-1] == ("push", "queued", None), "the next rung goes at once"


def test_what_cannot_be_written_is_a_fault_and_no_exception() -> None:
    assert written_message("due_soon", "email", "en", {}).fault == "RENDER_ERROR"
    assert written_message("no_such", "email", "en", {}).fault == "RENDER_ERROR"
    assert written_message("due_soon", "push", "en", {}).fault is None


LINK = "https://m.house.example/v1/o/" + "Aa0-_" * 7
VALUES = {"count": 1, "amount": "$1.00", "due_on": "Mar 2", "loan": "L1", "lender": "Acme"}


@pytest.mark.parametrize(
    ("template", "channel", "locale", "link", "carries"),
    [
        ("overdue_early", "sms", "en", LINK, True),
        ("overdue_early", "email", "en", LINK, True),
        ("overdue_early", "email", "zh-CN", LINK, True),
        ("overdue_early", "sms", "zh-CN", LINK, False),  # no room in one message
        ("overdue_early", "sms", "en", LINK + "x" * 20, False),  # nor with so long an address
        ("due_today", "sms", "en", LINK, False),  # its text has no place for one
        ("overdue_early", "sms", "en", None, False),
    ],
)
def test_a_text_carries_a_link_where_it_has_a_place_and_room_and_else_goes_without(
    template: str, channel: str, locale: str, link: str | None, carries: bool
) -> None:
    plain = written_message(template, channel, locale, VALUES)

    said = written_message(template, channel, locale, VALUES, pay_url=link)

    assert said.fault is None
    assert (link is not None and link in said.body) is carries
    assert carries or said == plain
