"""STOP counts at once and for everyone the phone may belong to; what is queued on the channel does not leave."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import BorrowerValues
from app.domain.errors import ValidationError
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.borrowers import ConsentRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import unit_of_work
from app.services.borrowers import put_borrower
from app.services.consents import consents_of
from app.services.opt_outs import ReceivedText, receive_text
from app.services.policies import ensure_default_policy
from app.services.reminders import sweep
from tests.builders.access import a_borrower
from tests.builders.book import build_loan, give_phone
from tests.conftest import START

PHONE = "+8613812345678"


def receive(text: str, channel: str = "sms", **whose: Any) -> ReceivedText:
    with unit_of_work() as work:
        return receive_text(work, channel=channel, text=text, now=START, **whose)


def stands(borrower_id: str) -> dict[tuple[str, str], bool]:
    db.session().rollback()
    return {pair: consent.given for pair, consent in consents_of(db.session(), borrower_id).items()}


def test_stop_from_a_phone_is_the_stop_of_everyone_it_may_belong_to(app: Flask) -> None:
    one, _ = a_borrower(phone=PHONE)
    other, _ = a_borrower(phone=PHONE)
    third, _ = a_borrower()

    first = receive("Stop!", phone=PHONE)
    again = receive("STOP", phone=PHONE)

    assert (first.meaning, set(first.changed)) == ("stop", {one, other})
    assert (again.meaning, again.changed) == ("stop", ())
    assert [stands(each) for each in (one, other, third)] == [{("contact", "sms"): False}] * 2 + [{}]
    rows = db.session().scalars(select(ConsentRow)).all()
    assert [(row.origin, row.form, row.evidence) for row in rows] == [("text", "electronic", {"word": "stop"})] * 2
    assert {row.action for row in db.session().scalars(select(AuditRow))} == {"consent.withdrawn"}


def test_start_takes_back_the_stop_and_nothing_else(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE, consents={"push": False})
    assert receive("START", phone=PHONE).changed == ()
    receive("STOP", phone=PHONE)

    back = receive("恢复", phone=PHONE)

    assert back.changed == (borrower_id,)
    assert stands(borrower_id) == {("contact", "sms"): True, ("contact", "push"): False}


def test_what_only_sounds_like_a_stop_makes_one_task_a_day_and_keeps_no_text(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)

    for text in ("don't stop", "please don't text me any more"):
        assert receive(text, phone=PHONE).meaning == "unclear"

    (task,) = db.session().scalars(select(TaskRow))
    assert (task.kind, task.queue, task.facts) == ("review_by_person", "opt_outs", {"channel": "sms"})
    assert stands(borrower_id) == {}


def test_a_stop_from_nobody_we_know_changes_nothing(app: Flask) -> None:
    assert receive("STOP", phone=PHONE) == ReceivedText("stop", ())
    with pytest.raises(ValidationError, match="borrower or the phone"):
        receive("STOP")
    with pytest.raises(ValidationError, match="sms"):
        receive("STOP", channel="pigeon", phone=PHONE)


def test_what_is_queued_on_the_channel_is_cancelled_with_the_answer(app: Flask) -> None:
    loan = build_loan(now=START - timedelta(days=9), due=[START.date() + timedelta(days=1)], zone="UTC")
    give_phone(loan, now=START - timedelta(days=9))
    ensure_default_policy(now=START - timedelta(days=9))
    at = START + timedelta(hours=1)
    assert sweep(now=at) == 1
    queued = select(MessageRow.state).where(MessageRow.channel == "push").order_by(MessageRow.id)
    assert list(db.session().scalars(queued)) == ["queued"]

    db.session().rollback()
    with unit_of_work() as work:
        receive_text(work, channel="push", text="退订", now=at, borrower_id=loan.borrower_id)

    assert "queued" not in list(db.session().scalars(queued))


def test_a_file_does_not_undo_a_stop_yet_its_own_word_may_change(app: Flask) -> None:
    borrower_id, _ = a_borrower(borrower_no="B1", phone=PHONE, consents={"sms": True, "voice": False})
    receive("STOP", phone=PHONE)

    with unit_of_work() as work:
        values = BorrowerValues("B1", name="Li Wei", phone=PHONE, consents={"sms": True, "voice": True})
        result = put_borrower(work, values, now=START, origin="ingest")

    assert result.conflicts == ("opt-out-kept",)
    assert stands(borrower_id) == {("contact", "sms"): False, ("contact", "voice"): True}


def test_the_commands_stop_give_withdraw_and_list(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower(borrower_no="B1")
    run = sqlite_book.test_cli_runner().invoke

    stopped = run(args=["consent", "stop", "B1", "--channel", "sms", "--by", "Eve", "--evidence", "letter 7"])
    assert stopped.output == "B1 is not contacted by sms any more.\n"
    assert "stopped before" in run(args=["consent", "stop", "B1", "--channel", "sms", "--by", "Eve"]).output
    given = ["--purpose", "automated_call", "--channel", "voice", "--form", "written", "--evidence", "form 9", "--by", "Eve"]
    assert run(args=["consent", "give", "B1", *given]).output == "automated_call by voice is given.\n"
    assert [line.split("\t")[:4] for line in run(args=["consent", "list", "B1"]).output.splitlines()] == [
        ["automated_call", "voice", "given", "written"],
        ["contact", "sms", "refused", "-"],
    ]
    withdrawn = ["--purpose", "automated_call", "--channel", "any", "--by", "Eve"]
    assert run(args=["consent", "withdraw", "B1", *withdrawn]).output == "automated_call by any is refused.\n"
    assert stands(borrower_id) == {("contact", "sms"): False, ("automated_call", "any"): False}
    for args, said in (
        (["stop", "B0", "--channel", "sms", "--by", "Eve"], "no borrower B0"),
        (["stop", "B1", "--channel", "fax", "--by", "Eve"], "push, sms, voice"),
        (["withdraw", "B1", "--channel", "sms", "--purpose", "fun", "--by", "Eve"], "contact_by_text"),
    ):
        refused = run(args=["consent", *args])
        assert (refused.exit_code, said in refused.output) == (1, True), refused.output
