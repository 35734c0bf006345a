"""What was handed over, hour by hour: counted beside the sending, the same however often, of the right lender."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import Flask

from app.persistence.unit_of_work import unit_of_work
from app.services.channel_switches import limit_channel, stop_channel
from app.services.delivery_figures import channel_states, count_hours, recent_providers, spend_of
from app.services.rehearsals.channel_figures import load_figures
from app.web.reads import end_reads, reads
from tests.builders.book import build_lender, build_loan
from tests.builders.sent import a_sent
from tests.conftest import START


def read(app: Flask, act: Any) -> Any:
    with app.test_request_context():
        found = act(reads())
        end_reads()
    return found


def spent(app: Flask, lender_id: str, **changes: Any) -> list[Any]:
    given = {"first_on": START.date() - timedelta(days=3), "last_on": START.date(), "zone": "UTC", "figures": load_figures()}
    found: list[Any] = read(app, lambda each: spend_of(each, lender_id, **{**given, **changes}))
    return found


def test_hours_are_counted_anew_as_a_whole_with_price_and_lender(app: Flask) -> None:
    built = build_loan(now=START, due=[START.date()])
    other = build_loan(now=START, due=[START.date()], lender_id=build_lender(now=START, code="other"))
    for at in (START, START - timedelta(hours=1), START - timedelta(hours=2)):
        a_sent(built.borrower_id, now=at, reference=f"r{at:%H}")
    a_sent(other.borrower_id, now=START, reference="other")

    first = count_hours(now=START, turn=2)
    again = count_hours(now=START, turn=2)

    assert (first, again) == (4, 4)
    [line] = spent(app, built.lender_id)
    assert (line.day, line.channel, line.attempts, line.accepted, line.units) == (START.date(), "sms", 3, 3, 3)
    assert (line.currency, line.price, line.cost) == ("USD", Decimal("0.0083"), Decimal("0.0249"))


def test_days_are_those_of_the_zone_and_what_has_no_price_costs_nothing_that_is_known(app: Flask) -> None:
    built = build_loan(now=START, due=[START.date()])
    late = START.replace(hour=23)
    a_sent(built.borrower_id, now=late, channel="push", reference="r")
    count_hours(now=late, turn=0)

    [line] = spent(app, built.lender_id, zone="Asia/Shanghai", last_on=START.date() + timedelta(days=1))

    assert (line.day, line.cost) == (START.date() + timedelta(days=1), None)


def test_providers_are_judged_by_what_they_answered_within_the_hour(app: Flask) -> None:
    built = build_loan(now=START, due=[START.date()])
    a_sent(built.borrower_id, now=START - timedelta(hours=2), provider="old")
    a_sent(built.borrower_id, now=START, provider="good", reference="r")
    a_sent(built.borrower_id, now=START, provider="bad", state="uncertain")
    a_sent(built.borrower_id, now=START - timedelta(minutes=30), provider="good", reference="s")

    found = {each.provider: each for each in read(app, lambda each: recent_providers(each, now=START))}

    assert set(found) == {"good", "bad"}
    assert (found["good"].attempts, found["good"].failure_percent, found["good"].late_receipts) == (2, 0, 1)
    assert (found["bad"].uncertain, found["bad"].failure_percent) == (1, 100)


def test_channels_show_their_switch_and_how_far_a_limit_is_used(app: Flask) -> None:
    with unit_of_work() as work:
        limit_channel(work, "sms", 500, reason="budget", by="staff:Ann", now=START)
        stop_channel(work, "push", reason="doubles", by="staff:Ann", now=START)
        found = {each.channel: each for each in channel_states(work.session, now=START)}

    assert (found["sms"].is_on, found["sms"].daily_messages, found["sms"].sent_today) == (True, 500, 0)
    assert (found["push"].is_on, found["push"].reason) == (False, "doubles")
    assert found["voice"].is_on
