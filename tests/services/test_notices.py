"""A notice is in the inbox at once, rings once within the hours of contact, and is withheld where nobody may be told."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.domain.consents import ConsentValues
from app.domain.contact_hours import Hours
from app.domain.hold_terms import HoldValues
from app.domain.inbox import category_of
from app.domain.notices import notice_place
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.reminders import ContactRow
from app.persistence.queries.inbox import CATEGORY
from app.persistence.unit_of_work import peeking, reading, reading_one_state, unit_of_work
from app.services.consents import record_consents
from app.services.contact_history import page_contact_history
from app.services.explanations import explain
from app.services.holds import Teller, put_hold
from app.services.inbox import InboxItem, open_items, page_inbox
from app.services.links import open_link
from app.services.notices import NoticeUnwrittenError, raise_unwritten, tell_borrower, withdraw_notice
from app.services.preferences import set_contact_hours
from tests.builders.book import Built, build_lender, build_loan, give_phone
from tests.builders.inbox import recount
from tests.conftest import START
from tests.fakes.channels import FakeChannel

pytestmark = pytest.mark.both
SAYS = {"count": 1, "amount": {"USD": 10_000}, "due_on": START.date(), "loan": "L1", "lender": "Acme"}
TEMPLATE = "restructure_offer"
NIGHT = datetime.combine(START.date(), time(22, 30), START.tzinfo)


class Told:
    """A borrower with a loan far from due and a phone, and an engine that pushes to it."""

    def __init__(self, *, now: datetime = START) -> None:
        self.now = now
        clock.use(lambda: self.now)
        lender_id = build_lender(now=START, zone="UTC")
        self.built: Built = build_loan(now=START, due=[START.date() + timedelta(days=300)], lender_id=lender_id, zone="UTC")
        give_phone(self.built, now=START)
        self.channel = FakeChannel("push")
        self.engine = Engine(Dispatcher({"push": self.channel}))  # type: ignore[dict-item]
        self.engine.drain()

    def tell(self, **more: Any) -> None:
        given = {"loan_id": self.built.loan_id, **more}
        with unit_of_work() as work:
            tell_borrower(work, self.built.borrower_id, given.pop("template", TEMPLATE), SAYS, now=self.now, **given)

    def hold(self, kind: str) -> None:
        with unit_of_work() as work:
            put_hold(work, self.built.borrower_id, HoldValues(kind, self.now), teller=Teller("staff:x"), now=self.now)

    def inbox(self) -> list[InboxItem]:
        with peeking() as reads, reading() as session:
            page = page_inbox(reads, self.built.borrower_id, limit=50, now=self.now)
            assert page.state == recount(self.built.borrower_id)[0]
            return open_items(session, self.built.borrower_id, page.rows)

    def at(self, at: datetime) -> list[str]:
        self.now = at
        self.engine.drain()
        return [message.kind for message in self.channel.sent]


def rows(model: Any) -> list[Any]:
    with reading() as session:
        return list(session.scalars(select(model).order_by(model.id)))


def test_news_are_in_the_inbox_at_once_and_ring_neutrally_without_any_contact(app: Flask) -> None:
    told = Told()

    told.tell(subject_id=None)

    assert told.at(START) == ["notice"]
    assert told.channel.sent[0].title == "You have a message"
    assert "Acme" not in told.channel.sent[0].body
    assert [item.deep_link for item in told.inbox()] == [f"duecourse://loans/{told.built.loan_id}"]
    assert rows(ContactRow) == []


def test_an_answer_to_what_was_just_done_rings_nobody(app: Flask) -> None:
    told = Told()

    told.tell(also_push=False)

    assert (told.at(START), len(told.inbox())) == ([], 1)


def test_at_night_the_inbox_has_it_and_the_phone_waits_for_the_morning_of_policy_and_wish(app: Flask) -> None:
    told = Told(now=NIGHT)
    with unit_of_work() as work:
        set_contact_hours(work, told.built.borrower_id, Hours(time(11), None), now=NIGHT)

    told.tell()

    assert len(told.inbox()) == 1
    assert told.at(NIGHT + timedelta(hours=12)) == []  # half past ten
    assert told.at(NIGHT + timedelta(hours=12, minutes=30)) == ["notice"]


def test_what_was_read_meanwhile_does_not_ring(app: Flask) -> None:
    told = Told(now=NIGHT)
    told.tell()
    with unit_of_work() as work:
        inbox = work.session.scalars(select(MessageRow).where(MessageRow.channel == "in_app")).one()
        inbox.seen_at = NIGHT

    assert told.at(NIGHT + timedelta(hours=14)) == []
    assert [row.state for row in rows(MessageRow) if row.channel == "push"] == ["cancelled"]


@pytest.mark.parametrize(
    ("kind", "news", "answers"),
    [("deceased", 0, 0), ("cease_contact", 0, 1), ("represented", 0, 1), ("hardship", 1, 1), ("dispute", 1, 1)],
)
def test_a_hold_says_what_may_still_be_told(app: Flask, kind: str, news: int, answers: int) -> None:
    told = Told()
    told.hold(kind)

    told.tell()
    assert len(told.inbox()) == news
    told.tell(also_push=False)
    assert len(told.inbox()) == news + answers
    assert [row.withheld_reason is None for row in rows(NoticeRow)] == [bool(news), bool(answers)]
    assert len(told.at(START)) == news


def test_a_hold_put_at_night_keeps_the_push_of_the_evening_from_leaving(app: Flask) -> None:
    told = Told(now=NIGHT)
    told.tell()
    told.hold("cease_contact")

    assert told.at(NIGHT + timedelta(hours=14)) == []


def test_who_wants_no_pushes_gets_none(app: Flask) -> None:
    told = Told()
    with unit_of_work() as work:
        record_consents(work, told.built.borrower_id, [ConsentValues("contact", "push", False)], by="borrower", now=START)

    told.tell()

    assert (told.at(START), len(told.inbox())) == ([], 1)


def test_the_same_event_is_told_once_and_again_only_after_it_was_taken_back(app: Flask) -> None:
    told = Told()
    told.tell(key="promise:1:broken")
    told.tell(key="promise:1:broken")
    assert (told.at(START), len(told.inbox())) == (["notice"], 1)

    with unit_of_work() as work:
        assert withdraw_notice(work, told.built.borrower_id, "promise:1:broken", now=START)
        assert not withdraw_notice(work, told.built.borrower_id, "promise:1:broken", now=START)
    assert told.inbox() == []
    told.engine.drain()
    assert [(each.purpose, each.withdraws) for each in told.channel.handed[1:]] == [
        ("withdraw", told.channel.handed[0].message_id)
    ]

    told.tell(key="promise:1:broken")
    assert len(told.inbox()) == 1


def test_a_push_that_waits_is_taken_back_with_its_notice(app: Flask) -> None:
    told = Told(now=NIGHT)
    told.tell(key="k")
    with unit_of_work() as work:
        withdraw_notice(work, told.built.borrower_id, "k", now=NIGHT)

    assert told.at(NIGHT + timedelta(hours=14)) == []
    assert told.inbox() == []


def test_a_notice_without_words_fails_a_test_and_never_the_act_in_production(app: Flask) -> None:
    told = Told()
    with pytest.raises(NoticeUnwrittenError, match="promise_nothing"):
        told.tell(template="promise_nothing")
    raise_unwritten(False)
    try:
        told.tell(template="promise_nothing")
    finally:
        raise_unwritten(True)

    assert [(row.template, row.withheld_reason) for row in rows(NoticeRow)] == [("promise_nothing", "RENDER_ERROR")]
    assert told.inbox() == []


def test_history_and_explanation_show_a_notice_as_what_it_is(app: Flask) -> None:
    told = Told()
    told.tell(key="a")
    told.at(START)
    told.now = START + timedelta(minutes=1)
    told.hold("cease_contact")
    told.tell(key="b")
    told.at(told.now)

    with peeking() as reads:
        (shown,) = page_contact_history(reads, told.built.borrower_id, before=None, limit=10, now=told.now, locale="en")
    assert (shown.purpose, shown.purpose_text, shown.category) == ("servicing", "About how your loan runs", TEMPLATE)
    assert [each.channel for each in shown.channels] == ["in_app", "push"]
    with reading_one_state() as session:
        explained = explain(session, told.built.borrower_id, START.date(), now=told.now)
        others = explain(session, told.built.borrower_id, START.date(), now=told.now, lender_id=new_id())
    assert [(each.template, each.loan_no, each.status, each.reason) for each in explained.notices] == [
        (TEMPLATE, told.built.loan_no, "told", None),
        (TEMPLATE, told.built.loan_no, "withheld", "NO_CONTACT_REQUEST"),
    ]
    assert others.notices == []
    assert not explained.was_contacted


def test_the_push_opens_what_the_notice_is_about_and_counts_as_read(app: Flask) -> None:
    told = Told()
    subject_id = new_id()
    told.tell(subject_id=subject_id)
    told.at(START)
    link = told.channel.sent[0].data["deep_link"]

    opened = open_link(vault(), told.built.borrower_id, link.rpartition("/")[2], now=START)

    (item,) = told.inbox()
    assert (opened.deep_link, opened.message_id) == (item.deep_link, item.id)
    assert item.read_at == START


@pytest.mark.parametrize(
    ("template", "message_class", "category"),
    [
        ("promise_kept", "servicing", "agreements"), ("plan_offered", "servicing", "agreements"),
        ("dispute_received", "servicing", "requests"), ("payment_succeeded", "servicing", "payments"),
        ("promise_kept", "reminder", "due_soon"), ("planned_work", "servicing", "account"),
        ("due_soon", "servicing", "due_soon"),
    ],
)  # fmt: skip
def test_the_category_is_told_alike_by_rows_and_by_the_database(
    app: Flask, template: str, message_class: str, category: str
) -> None:
    told = Told()
    told.tell(also_push=False)
    with unit_of_work() as work:
        row = work.session.scalars(select(MessageRow)).one()
        row.template, row.message_class = template, message_class

    assert category_of(template, message_class) == category
    with reading() as session:
        assert session.scalar(select(CATEGORY)) == category


def test_a_notice_opens_its_own_subject() -> None:
    assert notice_place("promise_kept", loan_id="L", subject_id="P") == "duecourse://loans/L/promises/P"
    assert notice_place("hardship_received", loan_id=None, subject_id="H") == "duecourse://hardship-requests/H"
    assert notice_place("other_thing", loan_id="L", subject_id="X") == "duecourse://loans/L"
    assert notice_place("other_thing", loan_id=None, subject_id=None) == "duecourse://inbox"
