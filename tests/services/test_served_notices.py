"""Notices are served once, asked about before they leave, taken back with the reason, and delivered only by proof."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from app.domain.deliveries import DeliveryReport, Told
from app.domain.errors import NotFoundError, ValidationError
from app.domain.hold_terms import HoldValues
from app.persistence.db import db
from app.persistence.ids import new_id
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.served_notices import ServedNoticeRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.holds import Teller, put_hold
from app.services.law_facts import load_loan_laws
from app.services.letters import apply_event, make_letter
from app.services.policies import activate_document
from app.services.reminders import sweep
from app.services.rule_parts import use_channels
from app.services.served_notices import take_back_notices
from app.wording.letter_texts import use_letterheads
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.cases import default_document
from tests.builders.letters import write_letterhead
from tests.builders.sent import a_sent
from tests.builders.served import a_notice, serve, served_on

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 24, 4, 0, tzinfo=UTC)
SOON = NOON + timedelta(minutes=5)
DAY = timedelta(days=1)
pytestmark = pytest.mark.both
PERSON: dict[str, Any] = {
    "country": "CN", "zone": "Asia/Shanghai", "name": "王小明", "locale": "zh-CN",
    "address_lines": ("上海市浦东新区世纪大道1号", "200120"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def printer(app: Flask, tmp_path: Path) -> Iterator[None]:
    write_letterhead(tmp_path)
    use_letterheads(tmp_path)
    use_channels(["letter"])
    yield
    use_channels([])
    use_letterheads(None)


def book(loans: int = 1, **borrower: Any) -> list[Built]:
    document = default_document() | {"version": 2}
    document["steps"] = [step for step in document["steps"] if step["offset_days"] < 0]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    lender = build_lender(now=START, jurisdiction="CN", zone="Asia/Shanghai", licence_kind="consumer_finance")
    given = {**PERSON, **borrower}
    return [build_loan(now=START, due=[date(2026, 3, 10)], lender_id=lender, **given) for _ in range(loans)]


def decide(now: datetime = SOON) -> None:
    while sweep(now=now):
        pass


def states() -> list[tuple[str, str | None]]:
    with reading() as session:
        rows = session.execute(select(MessageRow.state, MessageRow.state_reason).order_by(MessageRow.id))
        return [(row.state, row.state_reason) for row in rows]


def told(message_id: str, word: str, at: datetime, *, is_signed: bool = True) -> None:
    """What the print room says of a letter."""
    kind = {"delivered": Told.DELIVERED, "returned": Told.FAILED, "posted": Told.SENT}[word]
    with unit_of_work() as work:
        row = work.session.get_one(MessageRow, message_id)
        row.sent_at = row.sent_at or at
        report = DeliveryReport(f"{message_id}/{word}", kind, message_id=message_id, at=at, raw_code=word)
        apply_event(work, report, now=at, provider="print_room", is_signed=is_signed)


def made(message_id: str) -> None:
    with unit_of_work() as work:
        make_letter(work, message_id, now=SOON)


def test_a_notice_is_written_once_and_leaves_when_the_engine_has_asked_about_it(app: Flask) -> None:
    (loan,) = book()

    first, again = serve(a_notice(loan), now=NOON), serve(a_notice(loan), now=SOON)
    waiting = states()
    decide()

    assert first == again
    assert waiting == [("stale", None)]
    assert states() == [("queued", None)]
    with reading() as session:
        record = session.scalars(select(ManualContactRow)).one()
    assert (record.kind, record.by, record.message_class) == ("notice", "policy:arrears", "statutory")


def test_what_was_paid_before_it_leaves_is_not_told_of(app: Flask) -> None:
    (loan,) = book()
    serve(a_notice(loan), now=NOON)
    decide()

    pay(loan, 10_000, now=SOON + timedelta(minutes=1))

    assert states() == [("cancelled", "PAID")]


def test_a_hold_keeps_a_notice_back_and_says_so(app: Flask) -> None:
    (loan,) = book()
    serve(a_notice(loan), now=NOON)
    with unit_of_work() as work:
        values = HoldValues("deceased")
        put_hold(work, loan.borrower_id, values, teller=Teller("core", "core"), now=NOON)

    decide()

    assert [state for state, _ in states()] == ["cancelled"]


def test_a_notice_of_a_loan_that_is_somebody_elses_is_refused(app: Flask) -> None:
    one, other = book(2)
    crossed = Built(other.lender_id, other.borrower_id, other.borrower_no, one.loan_id, one.loan_no)

    with pytest.raises(NotFoundError):
        serve(a_notice(one), a_notice(crossed, key="x"), now=NOON)

    assert states() == []


def test_nothing_is_served_on_a_channel_that_proves_nothing(app: Flask) -> None:
    (loan,) = book()

    with pytest.raises(ValidationError):
        serve(a_notice(loan, channel="push"), now=NOON)


def test_delivered_is_only_what_the_post_says_and_what_came_back_is_none(app: Flask) -> None:
    (loan,) = book()
    (message_id,) = serve(a_notice(loan), now=NOON)
    decide()
    made(message_id)
    told(message_id, "posted", NOON + DAY)
    on_its_way = served_on(loan)[0]
    told(message_id, "delivered", NOON + 3 * DAY)
    arrived = served_on(loan)[0]
    told(message_id, "returned", NOON + 5 * DAY)
    back = served_on(loan)[0]

    assert on_its_way.answer_by == date(2026, 4, 7)
    assert (on_its_way.sent_at, on_its_way.delivered_at, on_its_way.proof) == (NOON + DAY, None, None)
    assert (arrived.delivered_at, arrived.proof) == (NOON + 3 * DAY, "receipt")
    assert (back.delivered_at, back.returned_at, back.proof) == (None, NOON + 5 * DAY, None)
    assert arrived.document_sha256 is not None


def test_the_law_is_told_of_it_by_its_own_word(app: Flask) -> None:
    (loan,) = book()
    (message_id,) = serve(a_notice(loan), now=NOON)
    decide()
    made(message_id)
    told(message_id, "posted", NOON + DAY)
    told(message_id, "delivered", NOON + 2 * DAY)

    with reading() as session:
        (law,) = load_loan_laws(session, [loan.borrower_id], NOON + 3 * DAY)

    assert law.facts["notices"] == [
        {"kind": "debt_notice", "channel": "letter", "sent_at": NOON + DAY, "delivered_at": NOON + 2 * DAY,
         "returned_at": None}
    ]  # fmt: skip


def test_many_are_served_in_as_many_statements_as_one(app: Flask) -> None:
    loans = book(21)

    one = statements(lambda: serve(a_notice(loans[0]), now=NOON))
    twenty = statements(lambda: serve(*[a_notice(each) for each in loans[1:]], now=NOON))

    assert twenty == one


def statements(act: Any) -> int:
    count = 0

    def counted(*_: Any) -> None:
        nonlocal count
        count += 1

    event.listen(db.engine, "before_cursor_execute", counted)
    try:
        act()
    finally:
        event.remove(db.engine, "before_cursor_execute", counted)
    return count


def test_what_has_not_left_can_be_taken_back_and_what_is_posted_cannot(app: Flask) -> None:
    one, other = book(2)
    (waits,), (posted,) = serve(a_notice(one), now=NOON), serve(a_notice(other), now=NOON)
    decide()
    made(posted)
    with unit_of_work() as work:
        work.session.get_one(MessageRow, posted).state = "sent"
    told(posted, "posted", NOON + DAY)

    with unit_of_work() as work:
        taken = take_back_notices(work, [waits, posted], reason="PLAN_AGREED", now=NOON + DAY)

    assert taken == 1
    assert states() == [("cancelled", "PLAN_AGREED"), ("sent", None)]


def test_a_word_that_may_be_anybodys_proves_nothing(app: Flask) -> None:
    (loan,) = book()
    (message_id,) = serve(a_notice(loan), now=NOON)
    decide()
    made(message_id)
    told(message_id, "posted", NOON + DAY)

    told(message_id, "delivered", NOON + 2 * DAY, is_signed=False)
    forged = served_on(loan)[0]
    told(message_id, "delivered", NOON + 3 * DAY)
    proven = served_on(loan)[0]

    assert (forged.delivered_at, proven.delivered_at) == (None, NOON + 3 * DAY)


@pytest.mark.parametrize(("is_signed", "proof"), [(True, "receipt"), (False, None)])
def test_a_text_message_is_delivered_by_a_receipt_that_is_surely_the_providers(
    app: Flask, is_signed: bool, proof: str | None
) -> None:
    (loan,) = book()
    message_id = a_sent(loan.borrower_id, now=NOON, state="delivered", delivered_at=NOON, sent_at=NOON)
    with unit_of_work() as work:
        work.session.add(
            ServedNoticeRow(
                id=new_id(), borrower_id=loan.borrower_id, loan_id=loan.loan_id, kind="debt_notice", key="k", channel="sms",
                message_id=message_id, said_sha256="0" * 64, by="test", created_at=NOON,
            )
        )  # fmt: skip
        work.session.add(
            DeliveryReceiptRow(
                id=new_id(), provider="sms", event_key="1", kind="report", received_at=SOON, told="delivered",
                message_id=message_id, borrower_id=loan.borrower_id, is_signed=is_signed, outcome="applied",
            )
        )  # fmt: skip

    (notice,) = served_on(loan)

    assert (notice.proof, notice.delivered_at) == (proof, SOON if is_signed else None)
    assert notice.document_sha256 == "0" * 64


def test_what_is_known_and_what_is_wished_twice_is_written_once_beside_what_is_new(app: Flask) -> None:
    one, other = book(2)
    (known,) = serve(a_notice(one), now=NOON)

    first, second, third = serve(a_notice(one), a_notice(other), a_notice(other), now=SOON)

    assert (first, second) == (known, third)
    assert len(states()) == 2
