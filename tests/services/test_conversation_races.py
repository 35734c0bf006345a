"""Several at once on one conversation: one thread, one assignment, one answer."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import clock
from app.domain.errors import DomainError, StaleVersionError
from app.persistence.ids import new_id
from app.persistence.models.audit import AuditRow
from app.persistence.models.conversations import ConversationMessageRow, ConversationRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import Work, in_unit_of_work, reading, unit_of_work
from app.services import desk_conversations
from app.services.conversations import Word, add_word
from app.services.desk_conversations import Actor
from app.services.desk_replies import NewReply, reply
from tests.builders.book import Built, build_loan
from tests.builders.desk import a_seat
from tests.builders.parallel import meet

pytestmark = pytest.mark.both
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture
def built(app: Flask) -> Iterator[Built]:
    clock.use(lambda: MONDAY)
    yield build_loan(now=MONDAY, due=[date(2026, 3, 20)], country="GB", zone="Europe/London", phone="+447700900123")
    clock.use(clock.system_now)


def say(built: Built, text: str = "Hello", key: str | None = None) -> str:
    def act(work: Work) -> str:
        word = Word(key or f"test:{new_id()}", "in_app", text, at=MONDAY)
        return add_word(work, built.borrower_id, word, now=MONDAY).conversation_id

    return in_unit_of_work(act)


def count(column: object) -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(column)) or 0  # type: ignore[arg-type]


def test_words_that_come_at_once_are_one_thread_given_to_one_person(app: Flask, built: Built) -> None:
    for name in ("One", "Two", "Three"):
        a_seat(app, built.lender_id, name=name, now=MONDAY)

    threads = meet(app, 4, lambda n: say(built, f"word {n}"))

    assert len(set(threads)) == 1
    with reading() as session:
        (row,) = session.scalars(select(ConversationRow))
        given = session.scalars(select(AuditRow).where(AuditRow.action == "conversation.assigned")).all()
        tasks = session.scalars(select(TaskRow).where(TaskRow.kind == "answer_conversation")).all()
        assert (row.assignee, row.unread, len(given), len(tasks)) == ("staff:One", 4, 1, 1)


def test_the_same_word_told_at_once_is_written_once(app: Flask, built: Built) -> None:
    say(built)

    assert len(set(meet(app, 4, lambda _: say(built, "Twice", "test:same")))) == 1
    assert count(ConversationMessageRow) == 2


def test_of_several_who_take_the_same_version_one_has_it(app: Flask, built: Built) -> None:
    conversation_id = say(built)
    with reading() as session:
        version = session.get_one(ConversationRow, conversation_id).version

    def take(n: int) -> str:
        who = Actor(f"staff:Agent {n}", built.lender_id, "agent")
        try:
            return str(
                in_unit_of_work(
                    lambda work: (
                        desk_conversations.assign(work, who, conversation_id, "me", version=version, now=MONDAY).assignee
                    )
                )
            )
        except StaleVersionError:
            return "stale"

    done = meet(app, 4, take)

    assert done.count("stale") == 3
    with reading() as session:
        assert session.get_one(ConversationRow, conversation_id).assignee == next(each for each in done if each != "stale")


def test_the_same_answer_sent_at_once_is_given_once_and_two_of_one_version_do_not_cross(app: Flask, built: Built) -> None:
    conversation_id, message_id = say(built), new_id()
    who = Actor("staff:Ann", built.lender_id, "agent")

    def same(_: int) -> str:
        new = NewReply(message_id, "Friday is fine.")
        return in_unit_of_work(lambda work: reply(work, who, conversation_id, new, now=MONDAY).word_id)

    assert len(set(meet(app, 4, same))) == 1
    with reading() as session:
        version = session.get_one(ConversationRow, conversation_id).version

    def other(n: int) -> bool:
        new = NewReply(new_id(), f"Answer {n}.", version=version)
        try:
            in_unit_of_work(lambda work: reply(work, who, conversation_id, new, now=MONDAY).word_id)
        except DomainError:
            return False
        return True

    assert meet(app, 4, other).count(True) == 1
    assert count(ConversationMessageRow) == 3


def test_a_word_and_a_resolution_at_once_leave_no_word_behind_a_closed_door(app: Flask, built: Built) -> None:
    conversation_id = say(built)
    with unit_of_work() as work:
        version = work.session.get_one(ConversationRow, conversation_id).version

    def act(n: int) -> None:
        who = Actor("staff:Ann", built.lender_id, "agent")
        if n:
            say(built, "Wait!")
            return
        try:
            in_unit_of_work(
                lambda work: desk_conversations.set_status(
                    work, who, conversation_id, "resolved", until=None, version=version, now=MONDAY
                )
            )
        except StaleVersionError:
            pass

    meet(app, 2, act)

    with reading() as session:
        assert session.get_one(ConversationRow, conversation_id).status == "open"
