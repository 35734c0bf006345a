"""A letter that a policy leaves to a person: from the engine to the task, the approval, and the printer."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.errors import ConflictError, LawRefusedError
from app.domain.letters import LetterRefusedError
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.engine.outgoing import Surroundings
from app.persistence.db import session
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import DecisionEventRow, DecisionRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import unit_of_work
from app.services.agenda import touch
from app.services.letter_approvals import Approved, approve, preview_task
from app.services.letter_documents import set_letters
from app.services.policies import activate_document
from app.services.rule_parts import use_channels
from app.wording.letter_texts import use_letterheads
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.cases import default_document
from tests.builders.letters import write_letterhead
from tests.fakes.channels import FakeChannel

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
LETTER_AT = datetime(2026, 3, 25, 10, 0, tzinfo=UTC)
SetClock = Callable[[datetime], None]


@pytest.fixture
def letterheads(tmp_path: Path) -> Iterator[Path]:
    write_letterhead(tmp_path)
    use_letterheads(tmp_path)
    use_channels(("letter",))
    yield tmp_path
    use_letterheads(None)
    use_channels(())


@pytest.fixture
def built(app: Flask, set_clock: SetClock, letterheads: Path) -> Built:
    """A loan fifteen days late, and the letter about it in the queue of people."""
    document = default_document() | {"version": 2}
    action = {"task": "letter", "queue": "letters", "sla": "P3D", "needs_approval": True}
    step = {"key": "d+15-letter", "offset_days": 15, "template": "letter_arrears", "action": action, "expires_after": "P3D"}
    document["steps"] = [step]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    lender = build_lender(now=START, jurisdiction="GB", zone="Europe/London", role="first_party", role_reason="test")
    made = build_loan(
        now=START, due=[DUE], lender_id=lender, country="GB", zone="Europe/London", name="Jane Roe", locale="en",
        address_lines=("2 Low Road", "Leeds", "LS1 4AP"),
    )  # fmt: skip
    set_clock(LETTER_AT)
    engine().drain()
    return made


def engine(*channels: FakeChannel) -> Engine:
    surroundings = Surroundings(set_letters=set_letters)
    return Engine(Dispatcher({each.name: each for each in channels}, owner="tester", surroundings=surroundings))


def the_task() -> TaskRow:
    session().expire_all()
    return session().scalars(select(TaskRow)).one()


def looked_at() -> bytes:
    with unit_of_work() as work:
        pdf = preview_task(work, the_task().id, now=LETTER_AT)
        work.session.rollback()
    return pdf


def approved(now: datetime = LETTER_AT) -> Approved:
    with unit_of_work() as work:
        return approve(work, the_task().id, by="staff:Eve", now=now)


def test_an_approved_letter_is_made_queued_and_sent(built: Built) -> None:
    printer = FakeChannel("letter")

    made = approved()
    engine(printer).dispatch("letter")  # without another look: it was decided under what stands

    [sent] = printer.sent
    assert sent.document is not None
    assert (sent.message_id, sent.document.pages) == (made.message_id, 3)
    assert sent.document.recipient == ("Jane Roe", "2 Low Road", "Leeds", "LS1 4AP")
    assert session().get_one(MessageRow, made.message_id).state == "sent"
    task = the_task()
    assert (task.state, task.state_reason, task.closed_by) == ("done", "letter_approved", "staff:Eve")


def test_the_decision_says_that_it_was_sent_and_who_approved_it(built: Built) -> None:
    approved()

    decision = session().scalars(select(DecisionRow)).one()
    events = session().scalars(select(DecisionEventRow).order_by(DecisionEventRow.seq)).all()
    assert (decision.outcome, decision.event_count) == ("SENT", 2)
    assert [event.outcome for event in events] == ["NEEDS_APPROVAL", "SENT"]
    assert events[-1].facts["approved_by"] == "staff:Eve"


def test_approving_twice_sends_one_letter(built: Built) -> None:
    first, second = approved(), approved()

    assert first == second
    assert len(session().scalars(select(LetterRow)).all()) == 1


def test_a_preview_shows_the_letter_and_leaves_no_trace(built: Built) -> None:
    pdf = looked_at()

    assert pdf.startswith(b"%PDF")
    assert session().scalars(select(MessageRow).where(MessageRow.channel == "letter")).all() == []
    assert the_task().state == "open"


def test_what_was_paid_is_not_written_about(built: Built) -> None:
    pay(built, 10_000, now=LETTER_AT)

    with pytest.raises(ConflictError):
        approved()

    assert session().scalars(select(LetterRow)).all() == []


def test_what_has_changed_is_decided_first(built: Built) -> None:
    with unit_of_work() as work:
        touch(work, [built.borrower_id], now=LETTER_AT)

    with pytest.raises(ConflictError, match="decided again"):
        approved()
    engine().drain()

    assert approved().pages == 3


def test_a_payment_after_the_approval_keeps_the_letter_back(built: Built, set_clock: SetClock) -> None:
    printer = FakeChannel("letter")
    made = approved()

    pay(built, 10_000, now=LETTER_AT)
    engine(printer).drain()

    assert printer.sent == []
    assert (session().get_one(MessageRow, made.message_id).state, session().scalars(select(LetterRow)).one().state) == (
        "cancelled",
        "made",
    )


def test_a_part_payment_after_the_approval_changes_what_the_letter_says(built: Built) -> None:
    printer = FakeChannel("letter")
    made = approved()
    before = session().scalars(select(LetterRow)).one().sha256

    pay(built, 4_000, now=LETTER_AT)
    engine(printer).drain()

    [sent] = printer.sent
    assert sent.message_id == made.message_id
    assert sent.document is not None
    assert sent.document.sha256 != before


def test_a_letter_that_cannot_be_made_leaves_the_task_open(built: Built) -> None:
    use_letterheads(None)

    with pytest.raises(LetterRefusedError):
        approved()

    assert the_task().state == "open"


def test_without_a_printer_nothing_is_approved(built: Built) -> None:
    use_channels(())

    with pytest.raises(ConflictError, match="no printer"):
        approved()


def test_a_letter_whose_time_has_passed_is_not_written(built: Built) -> None:
    with pytest.raises(ConflictError, match="time has passed"):
        approved(LETTER_AT + timedelta(days=4))


def test_the_law_is_asked_once_more(built: Built) -> None:
    from app.domain.hold_terms import HoldValues
    from app.services.holds import Teller, put_hold

    with unit_of_work() as work:
        put_hold(work, built.borrower_id, HoldValues("dispute"), teller=Teller("staff:Eve", None, "agent"), now=LETTER_AT)

    with pytest.raises((ConflictError, LawRefusedError)):
        approved()
