"""Letters from the outbox to a printer and back: over HTTP to Lob's stand-in, by files to a print room."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from structlog.testing import capture_logs

from app import clock
from app.channels.base import Channel
from app.channels.letters import lob, print_room
from app.channels.letters.lob_callbacks import parser
from app.channels.routed import Routed
from app.engine.dispatch import Dispatcher
from app.engine.outgoing import Surroundings
from app.engine.print_returns import take_returns
from app.engine.untold import ask_about_untold
from app.persistence.db import session
from app.persistence.models.devices import EndpointRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.unit_of_work import unit_of_work
from app.sandbox.stand_in.client import StandInClient
from app.sandbox.stand_in.lob import API_KEY, WEBHOOK_SECRET
from app.services.callback_posts import take_callback
from app.services.letter_documents import set_letters
from app.services.letter_withdrawals import withdraw_unposted
from app.wording.letter_texts import use_letterheads
from tests.builders.book import pay
from tests.builders.callbacks import a_post
from tests.builders.letters import waiting_letter, write_letterhead
from tests.conftest import START
from tests.fakes.stand_in import stand_in, stand_in_process

__all__ = ["stand_in", "stand_in_process"]

US = {"name": "Jane Roe", "address_lines": ("2 Low Road", "Springfield, IL 62701"), "country": "US"}


@pytest.fixture
def letterheads(tmp_path: Path) -> Iterator[Path]:
    heads = tmp_path / "heads"
    heads.mkdir()
    write_letterhead(heads, country="US", address=["1 High Street", "New York, NY 10001"])
    use_letterheads(heads)
    yield heads
    use_letterheads(None)


@pytest.fixture
def to_lob(stand_in: StandInClient) -> Iterator[Channel]:
    channel = lob.build({"url": stand_in.url, "api_key": API_KEY, "cancel_minutes": 30, "total_seconds": 1}, threads=2)
    yield channel
    channel.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Channel]:
    for name in ("out", "returns"):
        (tmp_path / name).mkdir()
    channel = print_room.build({"folder": str(tmp_path / "out"), "returns": str(tmp_path / "returns")}, threads=1)
    yield channel
    channel.close()


def dispatch(channel: Channel, lane: str = "letter") -> None:
    surroundings = Surroundings(set_letters=set_letters)
    Dispatcher({"letter": channel}, owner="test", surroundings=surroundings).run_once(now=clock.now(), lane=lane)
    session().expire_all()


def message(message_id: str) -> MessageRow:
    session().expire_all()
    return session().get_one(MessageRow, message_id)


def letter(message_id: str) -> LetterRow:
    session().expire_all()
    return session().query(LetterRow).filter_by(message_id=message_id).one()


def hear(stand_in: StandInClient, *, only: int | None = None) -> None:
    for item in stand_in.callbacks()[:only]:
        body = item["body"].encode()
        seconds = int(item["headers"]["Lob-Signature-Timestamp"])
        request = a_post(body, headers=item["headers"], now_seconds=seconds)
        take_callback(parser({"webhook_secret": WEBHOOK_SECRET}).read(request), body, now=clock.now())


def test_a_letter_is_made_sent_and_followed_to_the_door(
    app: Flask, letterheads: Path, to_lob: Channel, stand_in: StandInClient
) -> None:
    message_id, _ = waiting_letter(now=START, **US)

    dispatch(to_lob)

    [item] = stand_in.received()
    assert message(message_id).state == "sent"
    assert letter(message_id).state == "handed_over"
    assert item["content"]["sha256"] == letter(message_id).sha256
    attempt = session().query(DeliveryAttemptRow).one()
    assert (attempt.provider, attempt.units, attempt.provider_reference) == ("lob", 3, item["content"]["id"])
    hear(stand_in)
    assert (message(message_id).state, letter(message_id).state) == ("delivered", "delivered")


def test_a_letter_that_comes_back_makes_its_address_unusable(
    app: Flask, letterheads: Path, to_lob: Channel, stand_in: StandInClient
) -> None:
    message_id, built = waiting_letter(now=START, **{**US, "name": "Returned Roe"})
    dispatch(to_lob)

    hear(stand_in)
    hear(stand_in)

    assert (message(message_id).state, letter(message_id).state) == ("failed", "returned")
    [endpoint] = session().query(EndpointRow).filter_by(borrower_id=built.borrower_id)
    assert (endpoint.channel, endpoint.state, endpoint.reason) == ("letter", "invalid", "letter_returned")


def test_a_letter_of_which_no_post_came_is_asked_about_a_week_after_it_was_handed_over(
    app: Flask, letterheads: Path, to_lob: Channel, stand_in: StandInClient, set_clock: Any
) -> None:
    set_clock(START)
    message_id, _ = waiting_letter(now=START, **US)
    dispatch(to_lob)

    assert ask_about_untold({"letter": to_lob}, now=START + timedelta(days=6, hours=23)) == 0
    assert ask_about_untold({"letter": to_lob}, now=START + timedelta(days=7)) == 1

    assert (message(message_id).state, letter(message_id).state) == ("sent", "handed_over")
    assert message(message_id).next_attempt_at == START + timedelta(days=10)


def test_a_letter_that_cannot_be_made_ends_with_its_reason_and_holds_up_no_other(
    app: Flask, letterheads: Path, to_lob: Channel, stand_in: StandInClient
) -> None:
    refused, _ = waiting_letter(now=START, **{**US, "address_lines": ("नेहा", "Springfield, IL 62701")})
    well, _ = waiting_letter(now=START, **US)
    write_letterhead(letterheads, lender="other")

    dispatch(to_lob)

    assert (message(refused).state, message(refused).state_reason) == ("failed", "ENDPOINT_INVALID")
    assert message(well).state == "sent"
    assert len(stand_in.received()) == 1


def test_a_letter_whose_answer_never_came_is_not_sent_again(
    app: Flask, letterheads: Path, to_lob: Channel, stand_in: StandInClient
) -> None:
    message_id, _ = waiting_letter(now=START, **{**US, "name": "Timeout Roe"})

    dispatch(to_lob)
    dispatch(to_lob)

    assert message(message_id).state == "uncertain"
    assert len(stand_in.received()) == 1


def test_a_letter_that_was_turned_away_leaves_later_as_the_same_letter(
    app: Flask, letterheads: Path, to_lob: Channel, stand_in: StandInClient, set_clock: Any
) -> None:
    message_id, _ = waiting_letter(now=START, **{**US, "name": "Unavailable Roe"})
    dispatch(to_lob)
    assert message(message_id).state == "queued"

    set_clock(START + timedelta(minutes=10))
    dispatch(to_lob)

    assert message(message_id).state == "sent"
    assert len(stand_in.received()) == 1


def test_a_letter_is_taken_back_before_it_is_printed(
    app: Flask, letterheads: Path, to_lob: Channel, stand_in: StandInClient
) -> None:
    message_id, _ = waiting_letter(now=START, **US)
    dispatch(to_lob)
    contact_id = message(message_id).contact_id

    with unit_of_work() as work:
        assert withdraw_unposted(work, [contact_id or ""], now=START) == 1
    with unit_of_work() as work:
        assert withdraw_unposted(work, [contact_id or ""], now=START) == 0
    dispatch(to_lob, lane="withdrawal")

    assert letter(message_id).state == "cancelled"
    assert message(message_id).withdrawn_at == START


def test_a_letter_about_what_is_paid_by_now_is_taken_back_in_the_commit_of_the_payment(
    app: Flask, letterheads: Path, to_lob: Channel, stand_in: StandInClient
) -> None:
    message_id, built = waiting_letter(now=START, **US)
    dispatch(to_lob)

    pay(built, 10_000, now=START)

    withdrawal = session().query(MessageRow).filter_by(withdraws_id=message_id).one()
    assert (withdrawal.channel, withdrawal.state) == ("letter", "queued")


def test_a_letter_on_its_way_is_not_asked_back(
    app: Flask, letterheads: Path, to_lob: Channel, stand_in: StandInClient
) -> None:
    message_id, _ = waiting_letter(now=START, **US)
    dispatch(to_lob)
    hear(stand_in, only=2)  # rendered, mailed

    assert (message(message_id).state, letter(message_id).state) == ("sent", "in_transit")
    with unit_of_work() as work:
        assert withdraw_unposted(work, [message(message_id).contact_id or ""], now=START) == 0


def test_a_print_room_is_given_files_and_tells_in_files(
    app: Flask, letterheads: Path, room: Channel, tmp_path: Path
) -> None:
    message_id, built = waiting_letter(now=START, **US)
    dispatch(room)
    assert (tmp_path / "out" / f"{message_id}.json").exists()
    (tmp_path / "returns" / "1.csv").write_text(f"message_id,status,at\n{message_id},printed,\n{message_id},posted,\n")

    assert take_returns(room, owner="one") == 1
    assert (message(message_id).state, letter(message_id).state) == ("sent", "in_transit")
    (tmp_path / "returns" / "2.csv").write_text(f"message_id,status,at\n{message_id},returned,\n")
    (tmp_path / "returns" / "3.csv").write_text("what?")
    assert take_returns(room, owner="one") == 2

    assert letter(message_id).state == "returned"
    assert session().query(EndpointRow).filter_by(borrower_id=built.borrower_id).one().state == "invalid"
    assert take_returns(room, owner="one") == 0
    assert (tmp_path / "returns" / "unread" / "3.csv").exists()


def test_the_name_of_a_file_that_cannot_be_read_is_not_logged(
    app: Flask, letterheads: Path, room: Channel, tmp_path: Path
) -> None:
    (tmp_path / "returns" / "returned Lin Wei.csv").write_text("what?")

    with capture_logs() as logged:
        assert take_returns(room, owner="one") == 1

    assert [(line["event"], line["bytes"]) for line in logged] == [("a print room's file cannot be read", 5)]
    assert "Lin Wei" not in str(logged)


@pytest.mark.parametrize("room_is_first", [True, False])
def test_a_print_room_beside_another_printer_tells_in_files_too_and_gives_its_letters_back(
    app: Flask, letterheads: Path, room: Channel, to_lob: Channel, tmp_path: Path, room_is_first: bool
) -> None:
    message_id, _ = waiting_letter(now=START, **US)
    dispatch(room)
    both = Routed([room, to_lob] if room_is_first else [to_lob, room])
    (tmp_path / "returns" / "1.csv").write_text(f"message_id,status,at\n{message_id},accepted,\n")

    assert take_returns(both, owner="one") == 1
    with unit_of_work() as work:
        assert withdraw_unposted(work, [message(message_id).contact_id or ""], now=START) == 1
    dispatch(both, lane="withdrawal")

    assert list((tmp_path / "out").iterdir()) == []
    assert letter(message_id).state == "cancelled"


def test_a_letter_is_asked_back_again_of_the_printer_that_did_not_answer(
    app: Flask, letterheads: Path, room: Channel, to_lob: Channel, stand_in: StandInClient
) -> None:
    message_id, _ = waiting_letter(now=START, **US)
    dispatch(to_lob)
    with unit_of_work() as work:
        withdraw_unposted(work, [message(message_id).contact_id or ""], now=START)
    stand_in.program({"on": "lob_letters", "act": "answer", "status": 503, "body": {}})

    dispatch(Routed([to_lob, room]), lane="withdrawal")

    withdrawal = session().query(MessageRow).filter_by(withdraws_id=message_id).one()
    assert (withdrawal.state, letter(message_id).state) == ("queued", "handed_over")


def test_only_one_engine_reads_a_print_rooms_files(app: Flask, letterheads: Path, room: Channel, tmp_path: Path) -> None:
    (tmp_path / "returns" / "1.csv").write_text("message_id,status,at\nm1,printed,\n")

    assert take_returns(room, owner="one") == 1
    (tmp_path / "returns" / "2.csv").write_text("message_id,status,at\nm2,printed,\n")
    assert take_returns(room, owner="another") == 0


def test_what_a_print_room_without_files_tells_is_nothing(app: Flask, to_lob: Channel) -> None:
    assert take_returns(to_lob, owner="one") == 0
    assert take_returns(None, owner="one") == 0
