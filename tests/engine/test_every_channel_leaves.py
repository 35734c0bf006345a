"""Each channel's messages go to the borrower's address there, and what a provider says against an address is kept."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.channels.base import DeliveryResult, EndpointVerdict, Outcome, ProviderTemplate
from app.domain.book import BorrowerValues
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.engine.outgoing import Surroundings
from app.engine.surroundings import status_urls
from app.persistence.ids import new_id
from app.persistence.models.deliveries import ProviderTemplateRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.messages import DeliveryAttemptRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.borrowers import put_borrower
from tests.builders.book import Built, build_loan, give_phone
from tests.builders.messages import NOW, bind_openid, queue_message, state_of
from tests.fakes.channels import FakeChannel

pytestmark = pytest.mark.both
PHONE, EMAIL, OPENID = "+442071838750", "ann@example.org", "o-ann"
LINES = ("1 High Street", "London N1 1AA")
ADDRESSES = {
    "sms": ("phone", PHONE), "voice": ("phone", PHONE), "email": ("email", EMAIL), "wechat": ("openid", OPENID),
    "letter": ("post", "1 High Street\nLondon N1 1AA"),
}  # fmt: skip


@pytest.fixture
def ann(app: Flask) -> Built:
    built = build_loan(now=NOW, due=[date(2026, 3, 10)], borrower_no="B1", phone=PHONE, email=EMAIL, address_lines=LINES)
    bind_openid(built.borrower_id, OPENID)
    return built


@pytest.fixture
def channels() -> dict[str, FakeChannel]:
    return {name: FakeChannel(name=name, provider=f"{name}-provider") for name in (*ADDRESSES, "push")}


def drained(channels: dict[str, FakeChannel], **given: object) -> None:
    Engine(Dispatcher(channels, owner="tester", **given)).dispatch_all()  # type: ignore[arg-type]


@pytest.mark.parametrize("channel", ADDRESSES)
def test_a_message_goes_to_the_borrowers_address_on_its_channel(
    ann: Built, channels: dict[str, FakeChannel], channel: str
) -> None:
    message_id = queue_message(ann.borrower_id, channel)

    drained(channels)

    (sent,) = channels[channel].sent
    assert (sent.target.address_kind, sent.target.address) == ADDRESSES[channel]
    assert (sent.message_id, sent.title, sent.body) == (message_id, "A title", "A text.")
    assert state_of(message_id) == ("sent", None)


@pytest.mark.parametrize("channel", ADDRESSES)
def test_a_borrower_without_an_address_is_told_apart_from_a_refusal(
    app: Flask, channels: dict[str, FakeChannel], channel: str
) -> None:
    nobody = build_loan(now=NOW, due=[date(2026, 3, 10)])
    message_id = queue_message(nobody.borrower_id, channel)

    drained(channels)

    assert state_of(message_id) == ("failed", "NO_ENDPOINT")


def test_two_openids_of_one_borrower_get_one_message(ann: Built, channels: dict[str, FakeChannel]) -> None:
    bind_openid(ann.borrower_id, "o-newer", now=NOW + timedelta(seconds=1))
    queue_message(ann.borrower_id, "wechat")

    drained(channels)

    assert [message.target.address for message in channels["wechat"].sent] == ["o-newer"]


VERDICTS = {
    EndpointVerdict.INVALID: "invalid", EndpointVerdict.SUSPECT: "suspect", EndpointVerdict.OPTED_OUT: "opted_out",
    EndpointVerdict.BLOCKED: "blocked",
}  # fmt: skip


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("channel", ADDRESSES)
def test_what_a_provider_says_against_an_address_is_kept_and_wakes_the_borrower(
    ann: Built, channels: dict[str, FakeChannel], channel: str, verdict: EndpointVerdict
) -> None:
    before = _version(ann)
    queue_message(ann.borrower_id, channel)
    channels[channel].answer = lambda _message: DeliveryResult(Outcome.REFUSED, error_code="bad_address", verdict=verdict)

    drained(channels)

    with reading() as session:
        rows = session.execute(
            select(EndpointRow.state, EndpointRow.reason, EndpointRow.address_kind).where(EndpointRow.channel == channel)
        )
        assert [tuple(row) for row in rows] == [(VERDICTS[verdict], "bad_address", ADDRESSES[channel][0])]
    assert _version(ann) == before + 1


def test_a_new_address_is_written_to_again(ann: Built, channels: dict[str, FakeChannel]) -> None:
    for channel in ("sms", "voice", "email", "letter"):
        queue_message(ann.borrower_id, channel)
        channels[channel].answer = lambda _message: DeliveryResult(Outcome.REFUSED, verdict=EndpointVerdict.INVALID)
        drained(channels)

    values = BorrowerValues("B1", phone="+442071838751", email=EMAIL, address_lines=("2 High Street",))
    with unit_of_work() as work:
        put_borrower(work, values, now=NOW, origin="test")

    with reading() as session:
        states = {row.channel: row.state for row in session.execute(select(EndpointRow.channel, EndpointRow.state))}
    assert states == {"sms": "replaced", "voice": "replaced", "email": "invalid", "letter": "replaced", "wechat": "active"}


def test_a_registered_wording_is_filled_in_with_what_the_text_was_made_from(
    ann: Built, channels: dict[str, FakeChannel]
) -> None:
    _register("twilio", "HX1", {"1": "amount", "2": "due_on"})
    _register("aliyun", "SMS_1", {"money": "amount"}, locale="en-GB")
    _register("aliyun", "SMS_OLD", {"money": "amount"}, template="overdue")
    _register("tencent", "7", {}, state="submitted")
    _register("elks", "8", {}, template_version=2)
    queue_message(ann.borrower_id, "sms")

    drained(channels)

    assert channels["sms"].sent[0].provider_templates == {
        "twilio": ProviderTemplate("HX1", {"1": "$100.00", "2": "10 March 2026"}),
        "aliyun": ProviderTemplate("SMS_1", {"money": "$100.00"}),
    }


def test_a_wording_that_asks_for_what_the_text_has_not_holds_up_nobody_else(
    ann: Built, channels: dict[str, FakeChannel]
) -> None:
    _register("twilio", "HX1", {"1": "officer"})
    broken = queue_message(ann.borrower_id, "sms")
    other = build_loan(now=NOW, due=[date(2026, 3, 10)], phone="+442071838752")
    whole = queue_message(other.borrower_id, "sms", template="overdue")

    drained(channels)

    assert state_of(broken) == ("failed", "RENDER_ERROR")
    assert state_of(whole) == ("sent", None)


def test_a_message_says_where_its_receipts_go_and_a_mail_how_to_unsubscribe(
    ann: Built, channels: dict[str, FakeChannel]
) -> None:
    queue_message(ann.borrower_id, "email")
    surroundings = Surroundings(
        status_url=status_urls("https://api.lender.example"),
        unsubscribe_url=lambda _work, message: f"https://api.lender.example/u/{message.borrower_id}",
    )

    drained(channels, surroundings=surroundings)

    (sent,) = channels["email"].sent
    assert sent.status_url == "https://api.lender.example/v1/callbacks/email-provider"
    assert sent.unsubscribe_url == f"https://api.lender.example/u/{ann.borrower_id}"


def test_an_attempt_says_which_provider_took_it_and_how_many_parts_were_paid(
    ann: Built, channels: dict[str, FakeChannel]
) -> None:
    queue_message(ann.borrower_id, "sms")
    taken = DeliveryResult(Outcome.ACCEPTED, provider_reference="SM1", provider="second", units=3)
    channels["sms"].answer = lambda _message: taken

    drained(channels)

    with reading() as session:
        (row,) = session.scalars(select(DeliveryAttemptRow)).all()
        assert (row.provider, row.units, row.provider_reference) == ("second", 3, "SM1")


def test_a_slow_channel_holds_up_no_other(ann: Built, channels: dict[str, FakeChannel]) -> None:
    for _ in range(3):
        queue_message(ann.borrower_id, "letter")
    give_phone(ann, now=NOW)
    pushed = queue_message(ann.borrower_id, "push")
    dispatcher = Dispatcher(channels, owner="tester", claim_batch=1)

    dispatcher.run_once(now=NOW, lane="push")

    assert state_of(pushed) == ("sent", None)
    assert channels["letter"].sent == []


def _register(provider: str, code: str, fields: dict[str, str], **changes: object) -> None:
    row = ProviderTemplateRow(
        id=new_id(), channel="sms", provider=provider, template="due_soon", locale="en", template_version=1, code=code,
        fields=fields, is_one_time=False, state="approved", by="test", changed_at=NOW,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(row, name, value)
    with unit_of_work() as work:
        work.session.add(row)


def _version(built: Built) -> int:
    with reading() as session:
        row = session.get(AgendaRow, built.borrower_id)
        assert row is not None
        return row.case_version
