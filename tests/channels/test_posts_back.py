"""The stand-in's posts as they really arrive: over HTTP, at the address it was given, read by the parser."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import pytest

from app.channels.aliyun.sms import build as build_aliyun
from app.channels.callbacks import Callback, parser_of
from app.channels.twilio.sms import build as build_twilio
from app.channels.twilio.voice import build as build_voice
from app.domain.callback_words import callback_word
from app.domain.deliveries import Told
from app.sandbox.stand_in import twilio
from app.sandbox.stand_in.client import StandInClient, running
from tests.builders.callbacks import a_post
from tests.builders.outgoing import NOW, a_text
from tests.builders.patience import PATIENT
from tests.channels.telephony import a_template_text, a_twilio_entry, an_aliyun_entry
from tests.fakes.stand_in import CALLBACK_SECRET


class Door:
    """A server that reads what is posted to /v1/callbacks/<provider>[/<secret>] and answers as the parser says."""

    def __init__(self) -> None:
        self.read: Queue[Callback] = Queue()
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                provider, _, secret = self.path.partition("?")[0].removeprefix("/v1/callbacks/").partition("/")
                parser = parser_of(
                    provider, {"auth_token": twilio.AUTH_TOKEN, "callback_secret": callback_word(CALLBACK_SECRET, provider)}
                )
                assert parser is not None
                callback = parser.read(
                    a_post(body, url=door.url + self.path, headers=dict(self.headers.items()), path_secret=secret)
                )
                door.read.put(callback)
                self.send_response(callback.answer.status)
                self.send_header("Content-Type", callback.answer.content_type)
                self.end_headers()
                self.wfile.write(callback.answer.body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    made = Door()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def posting(door: Door) -> Iterator[StandInClient]:
    with running(posts_back=True, callback_base=door.url, callback_secret=CALLBACK_SECRET) as client:
        yield client


def test_receipts_and_a_stop_by_twilio_arrive_signed(posting: StandInClient, door: Door) -> None:
    channel = build_twilio(a_twilio_entry(posting), threads=1)
    message = a_text("+447405550103", status_url=f"{door.url}/v1/callbacks/twilio")

    channel.send([message], now=NOW)
    channel.close()

    callbacks = [door.read.get(timeout=PATIENT) for _ in range(3)]  # each by a thread of its own, in any order
    assert sorted(report.told for each in callbacks for report in each.reports) == sorted([Told.SENT, Told.DELIVERED])
    assert {report.message_id for each in callbacks for report in each.reports} == {message.message_id}
    assert [inbound.text for each in callbacks for inbound in each.inbound] == ["STOP"]
    assert all(each.is_signed for each in callbacks)


def test_a_key_pressed_in_a_call_by_twilio_arrives_signed(posting: StandInClient, door: Door) -> None:
    channel = build_voice(a_twilio_entry(posting), threads=1)

    channel.send([a_text("+447405550115", status_url=f"{door.url}/v1/callbacks/twilio", locale="zh-CN")], now=NOW)
    channel.close()

    callbacks = [door.read.get(timeout=PATIENT) for _ in range(2)]
    assert [inbound.text for each in callbacks for inbound in each.inbound] == ["1"]
    assert any("回电" in each.answer.body.decode() for each in callbacks)


def test_a_receipt_by_alibaba_cloud_arrives_at_the_secret_address(posting: StandInClient, door: Door) -> None:
    channel, message = build_aliyun(an_aliyun_entry(posting), threads=1), a_template_text("+8613855550112")

    channel.send([message], now=NOW)
    channel.close()

    callbacks = [door.read.get(timeout=PATIENT) for _ in range(2)]
    assert [report.message_id for each in callbacks for report in each.reports] == [message.message_id]
    assert [inbound.address for each in callbacks for inbound in each.inbound] == ["+8613855550112"]
