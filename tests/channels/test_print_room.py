import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from app.channels.base import Asked, DeliveryResult, Outcome, Outgoing, Queryable
from app.channels.callbacks import ForgedError, MalformedError
from app.channels.letters.print_room import PrintRoom, build
from app.channels.letters.print_room_callbacks import parser
from app.domain.deliveries import Told
from tests.builders.callbacks import a_post
from tests.builders.outgoing import NOW
from tests.builders.patience import PATIENT
from tests.builders.printed import a_document, a_printed
from tests.fakes.sftp_server import PASSWORD, USER, SftpServer, running_sftp
from tests.fakes.stand_in import CALLBACK_SECRET

SECONDS = int(NOW.timestamp())


@dataclass
class Room:
    """A print room's channel, and the folders that it sees on its own side."""

    channel: PrintRoom
    outbox: Path
    returns: Path


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("out", "returns"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def sftp(folders: Path) -> Iterator[SftpServer]:
    with running_sftp(folders) as server:
        yield server


def entry_of(sftp: SftpServer, **changes: Any) -> dict[str, Any]:
    base = f"sftp://{USER}@127.0.0.1:{sftp.port}"
    given = {"url": f"{base}/out", "returns": f"{base}/returns", "password": PASSWORD, "total_seconds": PATIENT}
    return {**given, "host_key_sha256": sftp.host_key_sha256, **changes}


@pytest.fixture(params=["folder", "sftp"])
def room(request: pytest.FixtureRequest, folders: Path) -> Iterator[Room]:
    entry: dict[str, Any] = {"folder": str(folders / "out"), "returns": str(folders / "returns")}
    if request.param == "sftp":
        entry = entry_of(request.getfixturevalue("sftp"))
    channel = build(entry, threads=1)
    assert isinstance(channel, PrintRoom)
    yield Room(channel, folders / "out", folders / "returns")
    channel.close()


def sent(channel: PrintRoom, outgoing: Outgoing) -> DeliveryResult:
    [result] = channel.send([outgoing], now=NOW)
    return result


def asked(outgoing: Outgoing) -> Asked:
    return Asked(outgoing.message_id, outgoing.target, NOW)


def test_a_letter_is_dropped_whole_with_its_manifest(room: Room) -> None:
    letter = a_printed(document=a_document(inserts=("FCA-1",)))

    result = sent(room.channel, letter)

    assert letter.document is not None
    assert (result.outcome, result.provider_reference, result.units) == (Outcome.ACCEPTED, letter.message_id, 1)
    assert sorted(os.listdir(room.outbox)) == [f"{letter.message_id}.json", f"{letter.message_id}.pdf"]
    pdf = (room.outbox / f"{letter.message_id}.pdf").read_bytes()
    manifest = json.loads((room.outbox / f"{letter.message_id}.json").read_bytes())
    assert pdf == letter.document.pdf
    assert manifest["sha256"] == hashlib.sha256(pdf).hexdigest()
    assert (manifest["pages"], manifest["inserts"], manifest["country"]) == (1, ["FCA-1"], "US")
    assert "Roe" not in json.dumps(manifest)


def test_the_same_letter_again_is_the_same_file_and_a_success(room: Room) -> None:
    letter = a_printed()

    first = sent(room.channel, letter)
    written = [each.stat().st_mtime_ns for each in sorted(room.outbox.iterdir())]
    second = sent(room.channel, letter)

    assert written == [each.stat().st_mtime_ns for each in sorted(room.outbox.iterdir())]
    assert (first.outcome, second.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
    assert len(os.listdir(room.outbox)) == 2


def test_a_pdf_that_was_left_over_is_no_order_and_is_replaced(room: Room) -> None:
    letter = a_printed()
    (room.outbox / f"{letter.message_id}.pdf").write_bytes(b"half of an older one")

    result = sent(room.channel, letter)

    assert letter.document is not None
    assert result.outcome is Outcome.ACCEPTED
    assert (room.outbox / f"{letter.message_id}.pdf").read_bytes() == letter.document.pdf


def test_a_letter_is_taken_back_while_it_lies_there_and_not_after(room: Room) -> None:
    waiting, fetched = a_printed(), a_printed()
    room.channel.send([waiting, fetched], now=NOW)
    for name in (f"{fetched.message_id}.json", f"{fetched.message_id}.pdf"):
        (room.outbox / name).unlink()

    results = room.channel.send(
        [a_printed(purpose="withdraw", withdraws=each.message_id) for each in (waiting, fetched)], now=NOW
    )

    assert [(result.outcome, result.error_code) for result in results] == [
        (Outcome.ACCEPTED, None),
        (Outcome.REFUSED, "too_late"),
    ]
    assert os.listdir(room.outbox) == []


def test_whether_a_letter_was_dropped_can_be_asked(room: Room) -> None:
    dropped, other = a_printed(), a_printed()
    sent(room.channel, dropped)

    found = room.channel.find([asked(dropped), asked(other)], now=NOW + timedelta(hours=1))

    assert isinstance(room.channel, Queryable)
    assert found[0] is not None
    assert (found[0].told, found[0].message_id) == (Told.ACCEPTED, dropped.message_id)
    assert found[1] is None


def test_what_the_print_room_tells_is_read_and_laid_aside(room: Room) -> None:
    (room.returns / "march.csv").write_text(
        "message_id,status,at,reason\nm1,printed,2026-03-02T08:00:00+00:00,\nm2,returned,2026-03-02T09:00:00+00:00,moved\n"
    )
    (room.returns / "torn.csv").write_bytes(b"message_id,status\nm1,eaten\n")

    told = room.channel.returns()
    for name, callback, _ in told:
        room.channel.settle(name, was_read=callback is not None)

    (name, callback, content), (torn, nothing, _) = told
    assert callback is not None
    assert (name, torn, nothing) == ("march.csv", "torn.csv", None)
    assert content.startswith(b"message_id")
    assert [(report.message_id, report.told, report.verdict) for report in callback.reports] == [
        ("m1", Told.ACCEPTED, "keep"),
        ("m2", Told.FAILED, "invalid"),
    ]
    assert callback.is_signed
    assert room.channel.returns() == []
    assert (room.returns / "done" / "march.csv").exists()
    assert (room.returns / "unread" / "torn.csv").exists()


@pytest.mark.parametrize(("changes", "code"), [({"expires_at": NOW}, "expired"), ({"document": None}, "bad_message")])
def test_what_cannot_be_printed_is_refused(room: Room, changes: dict[str, Any], code: str) -> None:
    result = sent(room.channel, replace(a_printed(), **changes))

    assert (result.outcome, result.error_code) == (Outcome.REFUSED, code)
    assert os.listdir(room.outbox) == []


def test_a_folder_that_is_gone_is_tried_again(folders: Path) -> None:
    channel = build({"folder": str(folders / "out")}, threads=1)
    (folders / "out").rmdir()

    assert channel.send([a_printed()], now=NOW)[0].outcome is Outcome.RETRY


# -- SFTP only ---------------------------------------------------------------------------------------------------------


def over_sftp(sftp: SftpServer, **changes: Any) -> PrintRoom:
    channel = build(entry_of(sftp, **changes), threads=1)
    assert isinstance(channel, PrintRoom)
    return channel


def test_a_connection_that_breaks_before_the_order_is_there_leaves_it_uncertain(sftp: SftpServer, folders: Path) -> None:
    channel, letter = over_sftp(sftp), a_printed()
    sftp.before_rename = 1

    result = sent(channel, letter)

    assert result.outcome is Outcome.UNCERTAIN
    assert f"{letter.message_id}.json" not in os.listdir(folders / "out")
    soon, later = (channel.find([asked(letter)], now=NOW + timedelta(minutes=minutes))[0] for minutes in (1, 11))
    channel.close()
    assert soon is None
    assert later is not None
    assert (later.told, later.error_code) == (Told.FAILED, "not_taken")


def test_a_connection_that_breaks_after_the_order_is_there_is_a_success(sftp: SftpServer, folders: Path) -> None:
    channel, letter = over_sftp(sftp), a_printed()
    sftp.after_rename = 1

    result = sent(channel, letter)
    channel.close()

    assert result.outcome is Outcome.ACCEPTED
    assert f"{letter.message_id}.json" in os.listdir(folders / "out")


def test_a_server_that_is_full_or_slow_is_tried_again_and_prints_nothing(sftp: SftpServer, folders: Path) -> None:
    full, slow = over_sftp(sftp), over_sftp(sftp, total_seconds=0.4)
    sftp.is_full = True
    first = sent(full, a_printed())
    sftp.is_full, sftp.slow_seconds = False, 1.5
    second = sent(slow, a_printed())
    full.close()
    slow.close()

    assert (first.outcome, second.outcome) == (Outcome.RETRY, Outcome.RETRY)
    assert not [name for name in os.listdir(folders / "out") if name.endswith(".json")]


def test_after_one_letter_that_a_slow_server_did_not_take_the_others_are_not_tried(sftp: SftpServer, folders: Path) -> None:
    channel = over_sftp(sftp, total_seconds=2)
    channel.send([], now=NOW)  # it answers
    sftp.slow_seconds = 6

    began = monotonic()
    results = channel.send([a_printed() for _ in range(6)], now=NOW)
    lasted = monotonic() - began
    channel.close()

    assert {result.outcome for result in results} == {Outcome.RETRY}
    assert lasted < 11  # six of two seconds each are twelve


@pytest.mark.parametrize("changes", [{"password": "wrong"}, {"host_key_sha256": "A" * 43}])
def test_a_server_that_refuses_us_or_is_another_is_told_apart(
    sftp: SftpServer, folders: Path, changes: dict[str, str]
) -> None:
    channel = over_sftp(sftp, **changes)

    result = sent(channel, a_printed())
    channel.close()

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "credential_refused")
    assert result.pause_provider_seconds
    assert os.listdir(folders / "out") == []


def test_a_server_that_is_not_there_is_tried_again(sftp: SftpServer) -> None:
    channel = over_sftp(sftp, url=f"sftp://{USER}@127.0.0.1:9/out", returns=None)

    result = sent(channel, a_printed())
    channel.close()

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "connect_failed")


@pytest.mark.parametrize("lacking", ["host_key_sha256", "password"])
def test_a_server_whose_key_or_password_is_not_set_is_no_channel(sftp: SftpServer, lacking: str) -> None:
    with pytest.raises(KeyError):
        over_sftp(sftp, **{lacking: None})


def test_a_password_has_no_place_in_the_url(sftp: SftpServer) -> None:
    with pytest.raises(ValueError, match="without a password"):
        over_sftp(sftp, url="sftp://me:secret@127.0.0.1/out")


# -- posts -------------------------------------------------------------------------------------------------------------


def signed(body: bytes, *, key: str = "k", at_seconds: int = SECONDS) -> dict[str, str]:
    mac = hmac.new(key.encode(), f"{at_seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Duecourse-Timestamp": str(at_seconds), "Duecourse-Signature": mac, "Content-Type": "application/json"}


BODY = b'[{"message_id": "m1", "status": "posted", "at": "2026-03-02T08:00:00+00:00"}]'


def test_a_signed_post_is_believed() -> None:
    callback = parser({"callback_key": "k"}).read(a_post(BODY, headers=signed(BODY), now_seconds=SECONDS))

    [report] = callback.reports
    assert (report.message_id, report.told, callback.is_signed) == ("m1", Told.SENT, True)


def test_the_same_line_twice_has_the_same_key_and_another_has_another() -> None:
    other = BODY.replace(b"posted", b"delivered")
    keys = [
        parser({"callback_key": "k"}).read(a_post(each, headers=signed(each), now_seconds=SECONDS)).reports[0].event_key
        for each in (BODY, BODY, other)
    ]

    assert keys[0] == keys[1] != keys[2]


def test_a_post_to_the_unguessable_address_is_trusted_for_delivery_alone() -> None:
    body = b"message_id,status\nm1,returned\n"
    callback = parser({"callback_secret": CALLBACK_SECRET}).read(a_post(body, headers={"Content-Type": "text/csv"}))

    assert not callback.is_signed
    assert callback.reports[0].told is Told.FAILED


@pytest.mark.parametrize("changes", [
    {"headers": {}},
    {"headers": signed(BODY, key="other")},
    {"headers": signed(BODY, at_seconds=SECONDS - 400)},
])  # fmt: skip
def test_forged_and_late_posts_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ForgedError):
        parser({"callback_key": "k"}).read(a_post(BODY, now_seconds=SECONDS, **changes))


def test_a_wrong_word_in_the_address_is_refused() -> None:
    with pytest.raises(ForgedError):
        parser({"callback_secret": CALLBACK_SECRET}).read(a_post(BODY, path_secret="guess"))


@pytest.mark.parametrize("body", [b"[1]", b"{", b'[{"message_id": "m1", "status": "eaten"}]', b'[{"status": "posted"}]'])
def test_what_cannot_be_read_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        parser({"callback_key": "k"}).read(a_post(body, headers=signed(body), now_seconds=SECONDS))
