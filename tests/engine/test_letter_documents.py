"""Letters are set before they are claimed, with nothing held; what was set under older facts does not leave."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app import clock
from app.channels.base import DeliveryResult, Outcome
from app.domain.book import BorrowerValues
from app.engine.dispatch import Dispatcher
from app.engine.outgoing import Surroundings
from app.persistence.db import session
from app.persistence.models.audit import AuditRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.queries.decisions import mark_standing
from app.persistence.unit_of_work import unit_of_work
from app.services import letter_setting
from app.services.borrowers import put_borrowers
from app.services.channel_switches import limit_channel, start_channel, stop_channel
from app.services.letter_documents import SetLetter, set_letters
from app.services.letters import make_letter
from app.wording.letter_texts import use_letterheads
from tests.builders.book import Built
from tests.builders.letters import waiting_letter, write_letterhead
from tests.conftest import START
from tests.fakes.channels import FakeChannel

pytestmark = pytest.mark.both
SetClock = Callable[[datetime], None]


@pytest.fixture(autouse=True)
def letterheads(app: Flask, tmp_path: Path) -> Iterator[None]:
    write_letterhead(tmp_path)
    use_letterheads(tmp_path)
    yield
    use_letterheads(None)


class Setter:
    """Sets letters as the product does; `then` is what happens before they are claimed."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.asked: list[str] = []
        self.then = then

    def __call__(self, message_ids: Sequence[str], *, now: datetime) -> Mapping[str, SetLetter]:
        self.asked += message_ids
        letters = set_letters(message_ids, now=now)
        self.then()
        self.then = lambda: None
        return letters


def dispatcher(printer: FakeChannel, setter: Any = set_letters, owner: str = "tester") -> Dispatcher:
    return Dispatcher({"letter": printer}, owner=owner, surroundings=Surroundings(set_letters=setter))


def dispatch(printer: FakeChannel, setter: Any = set_letters) -> None:
    dispatcher(printer, setter).run_once(now=clock.now(), lane="letter")


def message(message_id: str) -> MessageRow:
    session().expire_all()
    return session().get_one(MessageRow, message_id)


def letter(message_id: str) -> LetterRow:
    session().expire_all()
    return session().scalars(select(LetterRow).where(LetterRow.message_id == message_id)).one()


def remade() -> int:
    session().expire_all()
    return len(session().scalars(select(AuditRow).where(AuditRow.action == "letter.remade")).all())


def move_house(built: Built, *lines: str) -> None:
    """The borrower tells of another address."""
    given = BorrowerValues(built.borrower_no, "Jane Roe", country="GB", locale="en", address_lines=lines)
    with unit_of_work() as work:
        put_borrowers(work, [given], now=clock.now(), origin="test")


def decide_again(message_id: str, built: Built) -> None:
    """The engine has looked again, and the message stands."""
    with unit_of_work() as work:
        agenda = work.session.get_one(AgendaRow, built.borrower_id)
        contact_id = work.session.get_one(MessageRow, message_id).contact_id
        mark_standing(
            work.session,
            [
                {
                    "b_contact_id": contact_id, "b_version": agenda.case_version, "b_epoch": agenda.rules_epoch,
                    "b_not_after": START + timedelta(days=3),
                }
            ],
        )  # fmt: skip


def test_nothing_is_held_while_letters_are_set(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in for a one-time code is written in the middle of it: no unit of work is open, on no connection."""
    ids = [waiting_letter(now=START)[0] for _ in range(3)]
    set_one, written = letter_setting.letter_pdf, []

    def set_while_another_writes(content: Any) -> Any:
        assert not session().in_transaction()
        with unit_of_work() as work:
            written.append(work.session.execute(update(AgendaRow).values(inbox_state=AgendaRow.inbox_state + 1)))
        return set_one(content)

    monkeypatch.setattr(letter_setting, "letter_pdf", set_while_another_writes)
    printer = FakeChannel("letter")

    dispatch(printer)

    assert len(written) == 3
    assert {one.message_id for one in printer.sent} == set(ids)
    for one in printer.sent:
        assert one.document is not None
        assert one.document.sha256 == letter(one.message_id).sha256


def test_a_letter_that_is_decided_again_while_it_is_set_is_set_anew(app: Flask, set_clock: SetClock) -> None:
    message_id, built = waiting_letter(now=START)
    printer = FakeChannel("letter")

    def meanwhile() -> None:
        move_house(built, "9 New Street", "York")
        decide_again(message_id, built)

    set_clock(START)
    dispatch(printer, Setter(meanwhile))
    assert (message(message_id).state, message(message_id).attempts, printer.sent) == ("queued", 0, [])
    assert session().scalars(select(LetterRow)).all() == []

    set_clock(START + timedelta(seconds=2))
    dispatch(printer)
    [sent] = printer.sent
    assert sent.document is not None
    assert sent.document.recipient == ("Jane Roe", "9 New Street", "York")


def test_a_letter_whose_facts_change_while_it_is_set_waits_to_be_decided_again(app: Flask) -> None:
    message_id, built = waiting_letter(now=START)
    printer = FakeChannel("letter")

    dispatch(printer, Setter(lambda: move_house(built, "9 New Street", "York")))

    assert (message(message_id).state, printer.sent) == ("stale", [])


def test_why_a_letter_could_not_be_made_is_not_believed_when_it_was_decided_again(app: Flask, set_clock: SetClock) -> None:
    message_id, built = waiting_letter(now=START, address_lines=("नेहा", "York"))
    printer = FakeChannel("letter")

    def meanwhile() -> None:
        move_house(built, "9 New Street", "York")
        decide_again(message_id, built)

    set_clock(START)
    dispatch(printer, Setter(meanwhile))
    assert message(message_id).state == "queued"

    set_clock(START + timedelta(seconds=2))
    dispatch(printer)
    assert message(message_id).state == "sent"


def test_a_letter_that_changed_between_claim_and_wire_is_kept_back_and_leaves_as_it_is_decided_again(
    app: Flask, set_clock: SetClock
) -> None:
    message_id, built = waiting_letter(now=START)
    printer = FakeChannel("letter")
    kept_back = dispatcher(printer)
    kept_back.routes.await_room = lambda _channel, _count: move_house(built, "9 New Street", "York")  # type: ignore[method-assign]

    set_clock(START)
    kept_back.run_once(now=START, lane="letter")
    assert (message(message_id).state, letter(message_id).state, printer.sent) == ("stale", "made", [])
    before = letter(message_id).sha256

    decide_again(message_id, built)
    dispatch(printer)
    [sent] = printer.sent
    assert sent.document is not None
    assert sent.document.recipient == ("Jane Roe", "9 New Street", "York")
    assert sent.document.sha256 == letter(message_id).sha256 != before
    assert remade() == 1


def test_a_letter_that_was_made_in_a_batch_and_is_still_true_leaves_as_it_was_made(app: Flask) -> None:
    message_id, _ = waiting_letter(now=START)
    with unit_of_work() as work:
        made = make_letter(work, message_id, now=START).id
    printer = FakeChannel("letter")

    dispatch(printer)

    [sent] = printer.sent
    assert sent.document is not None
    assert (letter(message_id).id, letter(message_id).sha256, remade()) == (made, sent.document.sha256, 0)


def test_a_letter_that_a_batch_makes_while_it_is_set_is_made_once(app: Flask) -> None:
    message_id, _ = waiting_letter(now=START)
    printer = FakeChannel("letter")

    def meanwhile() -> None:
        with unit_of_work() as work:
            make_letter(work, message_id, now=START)

    dispatch(printer, Setter(meanwhile))

    assert len(printer.sent) == 1
    assert letter(message_id).state == "handed_over"


def test_another_document_that_was_stored_meanwhile_is_set_against_the_facts_first(app: Flask, set_clock: SetClock) -> None:
    """A letterhead is no fact of a case: no version tells that it changed."""
    message_id, _ = waiting_letter(now=START)
    printer = FakeChannel("letter")

    def meanwhile() -> None:
        with unit_of_work() as work:
            make_letter(work, message_id, now=START)
            work.session.execute(update(LetterRow).values(sha256="0" * 64))

    set_clock(START)
    dispatch(printer, Setter(meanwhile))
    assert (message(message_id).state, printer.sent) == ("queued", [])


def test_a_letter_that_cannot_be_opened_holds_up_no_other(app: Flask) -> None:
    broken, _ = waiting_letter(now=START)
    well, _ = waiting_letter(now=START)
    with unit_of_work() as work:
        work.session.execute(update(MessageRow).where(MessageRow.id == broken).values(text_sealed=b"no such key"))
    printer = FakeChannel("letter")

    dispatch(printer)

    assert (message(broken).state, message(broken).state_reason) == ("failed", "RENDER_ERROR")
    assert [one.message_id for one in printer.sent] == [well]


def test_while_letters_are_stopped_none_is_set_and_no_more_than_the_day_allows(app: Flask, set_clock: SetClock) -> None:
    for _ in range(3):
        waiting_letter(now=START)
    setter, printer = Setter(), FakeChannel("letter")
    set_clock(START)
    with unit_of_work() as work:
        stop_channel(work, "letter", reason="the printer moves", by="Ann", now=START)
    dispatch(printer, setter)
    assert (setter.asked, printer.sent) == ([], [])

    with unit_of_work() as work:
        work.session.execute(update(MessageRow).values(next_attempt_at=START))
        limit_channel(work, "letter", 2, reason="money", by="Ann", now=START)
    start_letters()
    dispatch(printer, setter)
    assert len(setter.asked) == len(printer.sent) == 2
    set_clock(START + timedelta(minutes=2))
    dispatch(printer, setter)
    assert len(setter.asked) == len(printer.sent) == 2


def start_letters() -> None:
    with unit_of_work() as work:
        start_channel(work, "letter", reason="it has moved", by="Ann", now=START)


def test_while_the_printer_is_paused_nothing_is_set(app: Flask, set_clock: SetClock) -> None:
    waiting_letter(now=START)
    refused = DeliveryResult(Outcome.RETRY, error_code="credential_refused", pause_provider_seconds=300.0)
    printer, setter = FakeChannel("letter", answer=lambda _message: refused), Setter()
    engine = dispatcher(printer, setter)
    set_clock(START)
    engine.run_once(now=START, lane="letter")
    waiting_letter(now=START)

    engine.run_once(now=START, lane="letter")

    assert len(setter.asked) == 1


def test_what_another_engine_takes_meanwhile_leaves_once(app: Flask) -> None:
    ids = [waiting_letter(now=START)[0] for _ in range(2)]
    printer = FakeChannel("letter")
    other = dispatcher(printer, owner="other")

    dispatch(printer, Setter(lambda: other.run_once(now=START, lane="letter")))

    assert sorted(one.message_id for one in printer.sent) == sorted(ids)
