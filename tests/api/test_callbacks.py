"""Posts of providers: proven or refused, stored once, applied in any order, answered with the provider's own body."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import generate_latest
from sqlalchemy import select, update

from app import clock, logs
from app.channels import callbacks as parsers
from app.channels.callbacks import CallbackRequest
from app.domain.callback_words import callback_word
from app.domain.deliveries import Callback
from app.persistence.db import db
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.messages import DeliveryAttemptRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.queries.delivery_receipts import find_waiting
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import callback_posts, delivery_receipts
from app.services.callback_posts import apply_waiting, tidy_waiting
from app.services.consents import consents_of
from app.web import request_context
from app.web.rate_limit import ReadLimit
from tests.builders.access import a_borrower, fresh_client
from tests.builders.sent import a_contact, a_sent, another_try, message
from tests.conftest import START
from tests.fakes.callbacks import ANSWER, NAME, PaperParser, signature

pytestmark = pytest.mark.both
SECRET = "an-unguessable-word-of-this-installation"
WORD = callback_word(SECRET, NAME)
PUBLIC = "https://api.lender.example"
PHONE = "+8613987650001"
_keys = count(1)


@pytest.fixture(autouse=True)
def _paper(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(parsers._PARSERS, NAME, "tests.fakes.callbacks")
    settings = app.config["SETTINGS"]
    providers = {"sms": ({"provider": NAME, "url": "https://paper.example"},)}
    app.config["SETTINGS"] = replace(settings, providers=providers, callback_secret=SECRET, public_url=PUBLIC)
    yield
    app.config["SETTINGS"] = settings


def report(told: str, **changes: Any) -> dict[str, Any]:
    return {"event_key": f"e{next(_keys)}", "told": told, **changes}


def post(client: FlaskClient, *reports: dict[str, Any], signed: bool = True, **told: Any) -> Any:
    body = json.dumps({"reports": reports, **told}).encode()
    path = f"/v1/callbacks/{NAME}"
    if not signed:
        return client.post(f"{path}/{WORD}", data=body, content_type="application/x-whatever")
    headers = {"Paper-Signature": signature(body, PUBLIC + path)}
    return client.post(path, data=body, headers=headers, content_type="application/json")


def stored() -> list[tuple[str, str]]:
    with reading() as session:
        rows = session.execute(select(DeliveryReceiptRow.told, DeliveryReceiptRow.outcome).order_by(DeliveryReceiptRow.id))
        return [tuple(row) for row in rows]


def state(message_id: str) -> tuple[str, str | None]:
    row = message(message_id)
    return row.state, row.state_reason


def endpoints() -> list[tuple[str, str, str | None]]:
    with reading() as session:
        return [tuple(row) for row in session.execute(select(EndpointRow.channel, EndpointRow.state, EndpointRow.reason))]


def case_version(borrower_id: str) -> int:
    with reading() as session:
        return session.scalars(select(AgendaRow.case_version).where(AgendaRow.borrower_id == borrower_id)).one()


# -- proven or refused -------------------------------------------------------------------------------------------------


def test_the_provider_is_answered_its_own_body(client: FlaskClient) -> None:
    answer = post(client)

    assert (answer.status_code, answer.data) == (200, ANSWER)
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_provider_that_checks_the_address_is_echoed(client: FlaskClient) -> None:
    assert client.get(f"/v1/callbacks/{NAME}?echo=58384782&nonce=1").data == b"58384782"


def test_a_forged_post_changes_nothing(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    sent = a_sent(borrower_id, now=START, reference="r1")
    body = json.dumps({"reports": [report("failed", reference="r1")]}).encode()

    wrong = client.post(f"/v1/callbacks/{NAME}", data=body, headers={"Paper-Signature": "0" * 64})
    unsigned = client.post(f"/v1/callbacks/{NAME}", data=body)
    guessed = client.post(f"/v1/callbacks/{NAME}/guess", data=body)

    assert [(each.status_code, each.json["code"]) for each in (wrong, unsigned, guessed)] == [(403, "forbidden")] * 3
    assert state(sent) == ("sent", None)
    assert stored() == []


def test_what_cannot_be_read_is_a_problem_without_what_was_posted(client: FlaskClient) -> None:
    answer = client.post(f"/v1/callbacks/{NAME}/{WORD}", data=b"{not json " + PHONE.encode())

    assert (answer.status_code, answer.json["code"]) == (400, "bad-request")
    assert PHONE not in answer.text


@pytest.mark.parametrize("path", ["nobody", f"nobody/{WORD}", "twilio"])
def test_a_provider_that_is_not_configured_does_not_exist(client: FlaskClient, path: str) -> None:
    assert client.post(f"/v1/callbacks/{path}", data=b"{}").status_code == 404


def test_a_body_beyond_the_limit_is_refused(client: FlaskClient) -> None:
    assert client.post(f"/v1/callbacks/{NAME}/{WORD}", data=b"x" * (1024 * 1024 + 1)).status_code == 413


def test_posts_without_end_are_slowed_down(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.extensions, "duecourse.callback_limit", ReadLimit(per_second=0.001, burst=2))

    answers = [post(client).status_code for _ in range(3)]

    assert answers == [200, 200, 429]


# -- once, in any order ------------------------------------------------------------------------------------------------


def test_a_receipt_moves_its_message_on(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    sent = a_sent(borrower_id, now=START, reference="r1")
    at = START - timedelta(minutes=1)

    post(client, report("delivered", reference="r1", at=at.isoformat(), units=2))

    assert (message(sent).state, message(sent).delivered_at, message(sent).version) == ("delivered", at, 2)
    assert stored() == [("delivered", "applied")]
    with reading() as session:
        assert session.scalars(select(DeliveryAttemptRow.units)).one() == 2


def test_the_same_receipt_again_is_one_receipt(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    sent = a_sent(borrower_id, now=START, reference="r1")
    told = report("delivered", reference="r1")

    answers = [post(client, told), post(client, told), post(client, told, told)]

    assert {each.status_code for each in answers} == {200}
    assert stored() == [("delivered", "applied")]
    assert message(sent).version == 2


def test_reordered_receipts_end_at_the_furthest(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    sent = a_sent(borrower_id, now=START, reference="r1", state="uncertain")

    for told in ("delivered", "sent", "accepted", "failed"):
        post(client, report(told, reference="r1"))

    assert state(sent) == ("delivered", None)
    assert stored() == [("delivered", "applied"), ("sent", "no_change"), ("accepted", "no_change"), ("failed", "no_change")]


def test_an_array_of_a_hundred_is_taken_at_once(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    ids = [a_sent(borrower_id, now=START, reference=f"r{n}") for n in range(100)]

    post(client, *(report("delivered" if n % 2 else "failed", reference=f"r{n}") for n in range(100)))

    assert [state(each)[0] for each in ids] == ["failed", "delivered"] * 50
    assert {outcome for _, outcome in stored()} == {"applied"}


def test_a_receipt_before_our_own_commit_waits_for_it(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    sent = a_sent(borrower_id, now=START, state="sending")

    post(client, report("delivered", reference="r1"))
    assert (stored(), apply_waiting(now=START)) == ([("delivered", "unmatched")], 0)
    with unit_of_work() as work:
        work.session.execute(update(DeliveryAttemptRow).values(provider_reference="r1", outcome="accepted"))

    assert apply_waiting(now=START + timedelta(seconds=2)) == 1
    assert state(sent) == ("delivered", None)
    assert stored() == [("delivered", "applied")]


def test_what_a_receipt_said_besides_is_kept_until_it_is_applied(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    a_sent(borrower_id, now=START, state="sending")

    post(client, report("failed", reference="r1", verdict="invalid", error_code="bad_address"))
    with unit_of_work() as work:
        work.session.execute(update(DeliveryAttemptRow).values(provider_reference="r1", outcome="accepted"))
    apply_waiting(now=START + timedelta(seconds=2))

    assert endpoints() == [("sms", "invalid", "bad_address")]


def test_a_receipt_may_name_our_own_id(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    sent = a_sent(borrower_id, now=START, state="sending")

    post(client, report("delivered", message_id=sent), report("delivered", message_id="no id of ours"))

    assert state(sent) == ("delivered", None)
    assert stored() == [("delivered", "applied"), ("delivered", "unmatched")]


def test_our_own_id_told_by_a_provider_that_never_had_the_message_is_ignored(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    sent = a_sent(borrower_id, now=START, reference="r1", provider="another")

    post(client, report("failed", message_id=sent), report("failed", reference="r1"))

    assert state(sent) == ("sent", None)
    assert stored() == [("failed", "ignored"), ("failed", "unmatched")]
    with reading() as session:
        assert find_waiting(session, since=START - timedelta(days=1), limit=9) == {}


def test_a_receipt_three_days_late_still_says_when_it_arrived(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    sent = a_sent(borrower_id, now=START - timedelta(hours=72), reference="r1")
    at = START - timedelta(hours=71)

    post(client, report("delivered", reference="r1", at=at.isoformat()))

    assert (message(sent).state, message(sent).delivered_at) == ("delivered", at)


def test_an_unknown_code_fails_the_message_all_the_same(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    sent = a_sent(borrower_id, now=START, reference="r1")

    post(client, report("failed", reference="r1", raw_code="X" * 300 + "\x00", error_code="never heard of"))

    assert state(sent) == ("failed", "PROVIDER_REJECTED")
    assert stored() == [("failed", "applied")]


def test_keys_of_any_length_and_kind_are_told_apart(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    a_sent(borrower_id, now=START, reference="r1")
    keys = ["k" * 300, "k" * 301, "null\x00", "null", "k" * 300]

    post(client, *(report("sent", reference="r1", event_key=key) for key in keys))

    assert len(stored()) == 4


def test_the_failure_of_a_try_that_was_followed_by_another_is_no_news(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    sent = a_sent(borrower_id, now=START, reference="r1")
    another_try(borrower_id, sent, now=START + timedelta(seconds=1), reference="r2")

    post(client, report("failed", reference="r1"))
    assert state(sent) == ("sent", None)
    post(client, report("failed", reference="r2"))

    assert state(sent) == ("failed", "PROVIDER_REJECTED")


def test_what_cannot_be_applied_is_kept_and_answered(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    borrower_id, _ = a_borrower()
    sent = a_sent(borrower_id, now=START, reference="r1")

    def broken(*_args: object, **_named: object) -> None:
        raise RuntimeError("as it happens")

    with monkeypatch.context() as patched:
        patched.setattr(callback_posts, "apply_reports", broken)
        assert post(client, report("delivered", reference="r1")).status_code == 200
        assert stored() == [("delivered", "unmatched")]

    assert apply_waiting(now=START) == 1
    assert state(sent) == ("delivered", None)


def test_what_never_can_be_applied_is_put_aside_and_holds_up_no_other(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    borrower_id, _ = a_borrower()
    bad, good = (a_sent(borrower_id, now=START, reference=each) for each in ("bad", "good"))
    apply = delivery_receipts._apply

    def broken(work: Any, told: Any, now: Any) -> str:
        if told.message.id == bad:
            raise RuntimeError("as it happens")
        return apply(work, told, now)

    monkeypatch.setattr(delivery_receipts, "_apply", broken)
    post(client, report("delivered", reference="bad"), report("delivered", reference="good"))
    apply_waiting(now=START)

    assert (state(bad)[0], state(good)[0]) == ("sent", "delivered")
    assert sorted(stored()) == [("delivered", "applied"), ("delivered", "broken")]


def test_receipts_of_no_message_of_ours_are_ended(client: FlaskClient) -> None:
    post(client, report("delivered", reference="not ours"))

    assert tidy_waiting(now=START + timedelta(hours=95)) == 0
    assert tidy_waiting(now=START + timedelta(hours=97)) == 1
    assert stored() == [("delivered", "ignored")]


@pytest.mark.parametrize("n", range(3))
def test_the_same_receipts_at_the_same_instant_count_once(app: Flask, client: FlaskClient, n: int) -> None:
    borrower_id, _ = a_borrower()
    ids = [a_sent(borrower_id, now=START, reference=f"r{each}") for each in range(8)]
    told = [report("failed", reference=f"r{each}", verdict="suspect", error_code="unreachable") for each in range(8)]
    start = Barrier(4)

    def at_once(turn: int) -> int:
        start.wait()
        return int(post(fresh_client(app), *(told if turn % 2 else reversed(told))).status_code)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(at_once, range(4))) == [200] * 4
    while apply_waiting(now=START):
        pass

    assert [message(each).version for each in ids] == [2] * 8
    assert len(stored()) == 8
    assert len(endpoints()) == 1


# -- what it says of addresses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ["invalid", "suspect", "blocked"])
@pytest.mark.parametrize("channel", ["sms", "voice"])
def test_a_signed_verdict_rests_the_phone_on_that_channel(client: FlaskClient, verdict: str, channel: str) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    a_sent(borrower_id, now=START, reference="r1", channel=channel)

    post(client, report("failed", reference="r1", verdict=verdict, error_code="bad_address"))

    assert endpoints() == [(channel, verdict, "bad_address")]


def test_an_unsigned_receipt_is_trusted_for_delivery_alone(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    sent = a_sent(borrower_id, now=START, reference="r1")

    post(client, report("failed", reference="r1", verdict="opted_out", error_code="opted_out"), signed=False)

    assert state(sent) == ("failed", "OPTED_OUT")
    assert endpoints() == []
    with reading() as session:
        assert consents_of(session, borrower_id) == {}


def test_who_opted_out_with_the_provider_has_opted_out_here(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    a_sent(borrower_id, now=START, reference="r1")

    post(client, report("failed", reference="r1", verdict="opted_out", error_code="opted_out"))

    assert endpoints() == [("sms", "opted_out", "opted_out")]
    with reading() as session:
        assert {pair: each.given for pair, each in consents_of(session, borrower_id).items()} == {("contact", "sms"): False}


def test_a_phone_that_was_changed_meanwhile_is_not_blamed(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(phone=PHONE, now=START)
    a_sent(borrower_id, now=START - timedelta(hours=2), reference="r1")

    post(client, report("failed", reference="r1", verdict="invalid", error_code="bad_address"))

    assert endpoints() == []


def test_what_arrived_after_all_clears_the_phone_but_no_word_of_its_owner(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    a_sent(borrower_id, now=START, reference="r1")
    a_sent(borrower_id, now=START, reference="r2", channel="voice")
    post(client, report("failed", reference="r1", verdict="invalid"), report("failed", reference="r2", verdict="blocked"))

    post(client, report("delivered", reference="r1"), report("delivered", reference="r2"))

    assert sorted(endpoints()) == [("sms", "active", None), ("voice", "blocked", "PROVIDER_REJECTED")]


def test_a_code_to_a_phone_says_nothing_of_the_borrowers_address(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    sent = a_sent(borrower_id, now=START, reference="r1", challenge_id="01981e6a-7c1e-7000-8000-3f1c2a5b9d10")

    post(client, report("failed", reference="r1", verdict="invalid"))

    assert (state(sent)[0], endpoints()) == ("failed", [])


# -- what is decided anew ----------------------------------------------------------------------------------------------


def test_a_lost_message_has_its_borrower_decided_again(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    a_sent(borrower_id, now=START, reference="r1", contact_id=a_contact(borrower_id, now=START))
    before = case_version(borrower_id)

    post(client, report("failed", reference="r1"))

    assert case_version(borrower_id) == before + 1


@pytest.mark.parametrize(("waits", "raised"), [(True, 1), (False, 0)])
def test_a_delivery_matters_only_while_another_message_of_its_contact_waits(
    client: FlaskClient, waits: bool, raised: int
) -> None:
    borrower_id, _ = a_borrower()
    contact_id = a_contact(borrower_id, now=START)
    a_sent(borrower_id, now=START, reference="r1", contact_id=contact_id)
    a_sent(borrower_id, now=START, state="queued" if waits else "cancelled", contact_id=contact_id, rung_no=1)
    before = case_version(borrower_id)

    post(client, report("delivered", reference="r1"))

    assert case_version(borrower_id) == before + raised


# -- nothing personal --------------------------------------------------------------------------------------------------


def test_nothing_of_a_post_is_in_a_log_a_metric_or_a_problem(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "canary words that only the borrower may read"
    borrower_id, _ = a_borrower(phone=PHONE)
    a_sent(borrower_id, now=START, reference="r1")
    written = io.StringIO()
    logs.configure("DEBUG", written)
    monkeypatch.setattr(request_context, "_log", logs.logger())
    inbound = {"event_key": "i1", "channel": "sms", "address_kind": "phone", "address": PHONE, "text": words}
    try:
        said = [
            post(client, report("failed", reference="r1", verdict="invalid"), inbound=[inbound]).text,
            post(client, inbound=[{**inbound, "event_key": "i2"}], signed=False).text,
            client.post(f"/v1/callbacks/{NAME}/{WORD}x", data=words).text,
            client.post(f"/v1/callbacks/{NAME}/{WORD}", data=words + PHONE).text,
            client.get(f"/v1/callbacks/{NAME}/{WORD}/more?phone={PHONE}").text,
        ]
        with monkeypatch.context() as patched:
            patched.setattr(callback_posts, "apply_inbound", lambda *_a, **_n: 1 / 0)
            said.append(post(client, inbound=[{**inbound, "event_key": "i3"}]).text)
    finally:
        logs.configure("INFO")
    text = written.getvalue() + generate_latest().decode() + "".join(said)

    assert "receipt cannot be applied" in text
    assert "/v1/callbacks/<number:provider>/<secret>" in text
    for hidden in (PHONE, PHONE[1:], words, SECRET, WORD):
        assert hidden not in text


def test_what_is_stored_is_sealed(client: FlaskClient) -> None:
    a_borrower(phone=PHONE)
    inbound = {"event_key": "i1", "channel": "sms", "address_kind": "phone", "address": PHONE, "text": "hello there"}
    post(client, report("sent", reference="x"), inbound=[inbound])

    with reading() as session:
        rows = session.execute(select(DeliveryReceiptRow.__table__)).all()
    assert len(rows) == 2
    for row in rows:
        assert PHONE.encode() not in repr(row).encode()
        assert b"hello there" not in bytes(row.raw_sealed)
    assert clock.now() == START
    assert db.engine


def test_a_post_that_breaks_its_parser_is_malformed_and_changes_nothing(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_parser: PaperParser, _request: CallbackRequest) -> Callback:
        raise OverflowError("+8613987650001")

    monkeypatch.setattr(PaperParser, "read", read)

    answer = post(client, report("delivered", reference="r"))

    assert answer.status_code == 400
    assert b"8613987650001" not in answer.data
    assert stored() == []


def test_figures_that_cannot_be_do_not_keep_a_receipt_from_being_applied(app: Flask, client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    message_id = a_sent(borrower_id, now=START, channel="voice", reference="r1")

    call = {"outcome": "answered", "seconds": 10**30}
    assert post(client, report("delivered", reference="r1", units=10**30, call=call)).status_code == 200

    assert message(message_id).state == "delivered"
