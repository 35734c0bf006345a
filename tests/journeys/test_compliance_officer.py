"""What a compliance officer tries: refused when it is written down, or stopped when it would happen, with its paragraph."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from app import clock
from app.domain.consents import ConsentValues
from app.domain.contact_hours import Hours
from app.domain.errors import QuietHoursError
from app.domain.hold_terms import HoldValues
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import db
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.consents import record_consents
from app.services.holds import Teller, put_hold
from app.services.opt_outs import receive_text
from app.services.policies import activate_document, ensure_default_policy
from app.services.preferences import set_contact_hours
from tests.builders.book import Built, build_lender, build_loan, give_phone
from tests.builders.policies import a_document, with_step
from tests.fakes.channels import FakeChannel

CALL = {"task": "call", "queue": "early", "sla": "PT8H"}
DAY = {"per": "borrower", "window": "P1D", "max": 1}
DUE = date(2026, 3, 8)
EARLIER = datetime(2026, 2, 20, tzinfo=UTC)
PLACES = {
    "US": ("America/Chicago", "+13125550123"), "GB": ("Europe/London", "+442071838750"),
    "CN": ("Asia/Shanghai", "+8613812345678"), "IN": ("Asia/Kolkata", "+919876543210"),
    "BR": ("America/Sao_Paulo", "+551132345678"),
}  # fmt: skip


def run(app: Flask, *arguments: str) -> Result:
    db.session.remove()
    return app.test_cli_runner().invoke(args=list(arguments))


@pytest.fixture
def check(sqlite_book: Flask, tmp_path: Path) -> Callable[..., Result]:
    """`flask policy check` of a document against the law of a jurisdiction."""

    def check(document: dict[str, Any], jurisdiction: str) -> Result:
        path = tmp_path / "policy.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return run(sqlite_book, "policy", "check", str(path), "--jurisdiction", jurisdiction)

    return check


# -- refused when it is written down -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("jurisdiction", "paragraph"),
    [("CN", "GB/T 45251-2025 cl. 5.3"), ("US", "12 CFR 1006.6(b)(1)"), ("UK", "CONC"), ("IN", "IN-HOURS"),
     ("EU", "EU-HOURS"), ("DEFAULT", "DEF-HOURS")],
)  # fmt: skip
def test_a_call_at_23_is_refused_in_every_jurisdiction(
    check: Callable[..., Result], jurisdiction: str, paragraph: str
) -> None:
    result = check(with_step(ladder=None, at="23:00", action=CALL), jurisdiction)

    assert result.exit_code == 1
    assert "makes a call task at 23:00; contact is allowed from" in result.output
    assert paragraph in result.output


@pytest.mark.parametrize("jurisdiction", ["CN", "US", "UK", "IN", "EU", "DEFAULT"])
def test_a_cap_of_ten_contacts_a_day_is_refused(check: Callable[..., Result], jurisdiction: str) -> None:
    result = check(a_document(caps=[{**DAY, "max": 10}]), jurisdiction)

    assert result.exit_code == 1
    assert "/caps/0/max: There are never more than 3 contacts a day." in result.output


@pytest.mark.parametrize(("jurisdiction", "rule"), [("CN", "CN-TRANQUIL"), ("EU", "EU-NO-HARASS"), ("DEFAULT", "DEF-CAP")])
def test_a_cap_of_three_a_day_is_refused_where_the_law_has_a_lower_one(
    check: Callable[..., Result], jurisdiction: str, rule: str
) -> None:
    result = check(a_document(caps=[{**DAY, "max": 3}]), jurisdiction)

    assert result.exit_code == 1
    assert "/caps/0/max" in result.output
    assert rule in result.output


def test_ten_calls_a_week_are_refused_under_regulation_f(check: Callable[..., Result]) -> None:
    week = {"per": "loan", "channel": "voice", "window": "P7D", "max": 10}
    voice = with_step(ladder=[{"channel": "voice"}]) | {"caps": [DAY, week]}

    result = check(voice, "US")

    assert result.exit_code == 1
    assert "US-REGF-7IN7; 12 CFR 1006.14(b)(2)" in result.output


def test_texts_where_there_is_no_law_pack_are_refused(check: Callable[..., Result]) -> None:
    result = check(with_step(ladder=[{"channel": "sms"}], expires_after="PT5H"), "DEFAULT")

    assert result.exit_code == 1
    assert "DEF-CHANNELS" in result.output
    assert "recalled" in result.output


@pytest.mark.parametrize("jurisdiction", ["CN", "US", "UK", "IN", "EU", "DEFAULT"])
def test_quiet_hours_wider_than_the_law_are_refused(check: Callable[..., Result], jurisdiction: str) -> None:
    night = with_step(at="10:00", expires_after="PT20H", ladder=[{"channel": "push"}])

    result = check(night | {"quiet_hours": {"start": "23:30", "end": "05:00"}}, jurisdiction)

    assert result.exit_code == 1
    assert "/quiet_hours" in result.output


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("push", {"title": "You owe us", "body": "Your debt of {{ amount }} is overdue. Pay now."}),
        ("push", {"title": "Overdue", "body": "Last warning before we tell your employer."}),
        ("sms", {"title": "", "body": "{{ lender }}: you are a defaulter. Pay {{ amount }} today or be arrested."}),
    ],
)
def test_shame_on_the_lock_screen_is_refused(sqlite_book: Flask, tmp_path: Path, channel: str, text: dict[str, str]) -> None:
    content = Path(__file__).parents[2] / "app" / "content" / "messages"
    for path in content.glob("*.yaml"):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document["templates"]["overdue_early"][channel] |= text
        document.pop("shared", None)
        (tmp_path / path.name).write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")

    result = run(sqlite_book, "template", "check", "--folder", str(tmp_path))

    assert result.exit_code == 1
    assert f"overdue_early/{channel}/en" in result.output


def test_a_borrower_s_preferences_cannot_widen_the_hours(sqlite_book: Flask) -> None:
    ensure_default_policy(now=EARLIER)
    one = _borrower("GB")

    with pytest.raises(QuietHoursError), unit_of_work() as work:
        set_contact_hours(work, one.borrower_id, Hours(time(5), time(23)), now=EARLIER)


# -- stopped when it would happen --------------------------------------------------------------------------------------


def _in_force(**changes: Any) -> None:
    """The officer's policy is in force: whatever went wrong before, what decides has the law beside it."""
    step = {"key": "d+3", "offset_days": 3, "at": "10:00", "template": "overdue_early", "ladder": [{"channel": "sms"}]}
    steps = [{key: value for key, value in {**step, **changes}.items() if value is not None}]
    document = a_document(steps=steps, quiet_hours={"start": "00:00", "end": "00:00"}, not_after_margin="PT0M")
    with unit_of_work() as work:
        activate_document(work, document, author="officer", now=EARLIER)


def _borrower(country: str, number: str = "B-1") -> Built:
    zone, phone = PLACES[country]
    lender_id = build_lender(now=EARLIER, jurisdiction=country, zone=zone)
    one = build_loan(now=EARLIER, due=[DUE], borrower_no=number, lender_id=lender_id, zone=zone, phone=phone)
    give_phone(one, now=EARLIER)
    return one


def _may_text(one: Built) -> None:
    with unit_of_work() as work:
        told = [ConsentValues(purpose, "sms", True, "written") for purpose in ("contact_by_text", "automated_call")]
        record_consents(work, one.borrower_id, told, by="staff:officer", now=EARLIER)


def _play(app: Flask, hours: int = 48) -> tuple[FakeChannel, FakeChannel]:
    """Let an engine work through the day of the step and the one after; return what went to SMS and push."""
    sms, push = FakeChannel("sms"), FakeChannel("push")
    engine = Engine(Dispatcher({"sms": sms, "push": push}, owner="officer"))
    for hour in range(hours):
        at = datetime(2026, 3, 10, 12, tzinfo=UTC) + timedelta(hours=hour)
        clock.use(lambda at=at: at)
        engine.drain()
    return sms, push


def _why(app: Flask, number: str = "B-1") -> str:
    result = run(app, "why", number, "--on", "2026-03-11")
    assert result.exit_code == 0, result.output
    return result.output


def test_nothing_is_texted_after_stop_and_the_paragraph_is_named(sqlite_book: Flask) -> None:
    _in_force()
    one = _borrower("US")
    _may_text(one)
    with unit_of_work() as work:
        receive_text(work, channel="sms", text="STOP", borrower_id=one.borrower_id, now=EARLIER)

    sms, _ = _play(sqlite_book)

    assert sms.sent == []
    assert "the borrower has opted out of this channel, sms" in _why(sqlite_book)
    assert "12 CFR 1006.6(d)(5)" in _why(sqlite_book) or "47 CFR 64.1200" in _why(sqlite_book)


@pytest.mark.parametrize(
    ("country", "kind", "said", "paragraph"),
    [
        ("GB", "dispute", "the borrower disputes it", "FCA CONC 7.14.1R-7.14.3"),
        ("US", "represented", "the borrower is represented", "12 CFR 1006.6(b)(2)"),
        ("US", "cease_contact", "has asked not to be contacted", "12 CFR 1006.6(c)(1)-(2)"),
        ("GB", "breathing_space", "breathing space", "SI 2020/1311"),
    ],
)
@pytest.mark.parametrize("action", [False, True], ids=["message", "call"])
def test_nobody_protected_is_contacted_and_the_paragraph_is_named(
    sqlite_book: Flask, country: str, kind: str, said: str, paragraph: str, action: bool
) -> None:
    _in_force(**({"ladder": None, "template": None, "action": CALL} if action else {"ladder": [{"channel": "push"}]}))
    one = _borrower(country)
    with unit_of_work() as work:
        put_hold(work, one.borrower_id, HoldValues(kind, form="written"), teller=Teller("staff:officer"), now=EARLIER)

    sms, push = _play(sqlite_book)

    assert (sms.sent, push.sent) == ([], [])
    told = _why(sqlite_book)
    assert said in told
    assert paragraph in told
    assert "TASK_CREATED" not in told


def test_a_text_where_there_is_no_law_pack_is_stopped(sqlite_book: Flask) -> None:
    _in_force()
    _borrower("BR")

    sms, _ = _play(sqlite_book)

    assert sms.sent == []
    assert "rule DEF-" in _why(sqlite_book)


def test_a_text_without_the_consent_that_the_law_asks_for_is_stopped(sqlite_book: Flask) -> None:
    _in_force()
    _borrower("US")

    sms, _ = _play(sqlite_book)

    assert sms.sent == []
    assert "there is no consent for this channel, sms (12 CFR 1006.6(d)(5))" in _why(sqlite_book)


@pytest.mark.parametrize(("country", "rule"), [("GB", "UK-CONTACT-TIMES"), ("CN", "CN-QUIET"), ("IN", "IN-HOURS")])
def test_a_step_at_23_that_slipped_through_waits_for_the_law_s_hours(sqlite_book: Flask, country: str, rule: str) -> None:
    _in_force(at="23:00", expires_after="PT20H", ladder=[{"channel": "push"}])
    _borrower(country)

    _, push = _play(sqlite_book)

    with reading() as session:
        (sent_at,) = session.scalars(select(MessageRow.sent_at).where(MessageRow.channel == "push"))
    assert len(push.sent) == 1
    assert time(8) <= sent_at.astimezone(ZoneInfo(PLACES[country][0])).time() < time(10)
    result = run(sqlite_book, "why", "B-1", "--on", "2026-03-11", "--json")
    assert rule in result.output
    assert "LEGAL_QUIET_HOURS" in result.output


def test_a_policy_with_three_contacts_a_day_sends_what_the_law_leaves(sqlite_book: Flask) -> None:
    """House cap of the careful pack where no law is known: one contact a day whatever the policy says."""
    with unit_of_work() as work:
        steps = [
            {"key": f"d+3-{hour}", "offset_days": 3, "at": f"{hour}:00", "template": "overdue_early",
             "expires_after": "PT50M", "ladder": [{"channel": "push"}]}
            for hour in range(10, 19)
        ]  # fmt: skip
        document = a_document(steps=steps, caps=[{**DAY, "max": 3}])
        activate_document(work, document, author="officer", now=EARLIER)
    _borrower("BR")

    _, push = _play(sqlite_book)

    assert len(push.sent) == 1
    assert "DEF-CAP" in _why(sqlite_book)
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(MessageRow).where(MessageRow.channel == "push")) == 1
