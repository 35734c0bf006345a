"""The last day of each duty by the law's own count, where the borrower is; a minute later it was missed."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.duties import Duty, duties_of
from app.services.law_packs import get_pack, references, vocabulary

LA, LONDON, SHANGHAI = "America/Los_Angeles", "Europe/London", "Asia/Shanghai"
MINUTE = timedelta(minutes=1)


def at(zone: str, day: str, time: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


VALIDATION: Mapping[str, Any] = {
    "lender_role": "third_party_collector", "events": [{"kind": "initial_communication", "on": date(2026, 3, 6)}],
}  # fmt: skip
NEGATIVE: Mapping[str, Any] = {"events": [{"kind": "negative_info_furnished", "on": date(2026, 1, 31)}]}
OBJECTION: Mapping[str, Any] = {
    "requests": [{"kind": "credit_objection", "received_at": at(SHANGHAI, "2026-03-01", "23:30")}],
}  # fmt: skip
FIRST: Mapping[str, Any] = {
    "position": {"arrears_conditions_met_on": date(2026, 3, 20), "overdue_minor": 100_00},
    "lender_role": "first_party", "product_kind": "instalment",
}  # fmt: skip
REPEAT: Mapping[str, Any] = {
    "position": {"overdue_minor": 100_00}, "lender_role": "first_party", "product_kind": "instalment",
    "notices": [{"kind": "notice_of_sums_in_arrears", "sent_at": at(LONDON, "2026-08-31", "10:00")}],
}  # fmt: skip
LAST_DAYS = [
    ("US", LA, "US-REGF-VALID-5D", VALIDATION, "2026-03-11"),  # five days after it, over the clocks' change of 8 March
    ("US", LA, "US-FCRA-NEG-NOTICE", NEGATIVE, "2026-03-02"),  # thirty days after 31 January
    ("CN", SHANGHAI, "CN-CRED-OBJECTION", OBJECTION, "2026-03-21"),  # twenty days, the day of receipt not counted
    ("UK", LONDON, "UK-NOSIA", FIRST, "2026-04-02"),  # fourteen days that begin with that day, over Easter's clocks
    ("UK", LONDON, "UK-NOSIA-REPEAT", REPEAT, "2027-02-28"),  # six months after the last of August
]
"""Law, zone, rule, facts, last day in time. Sources: 12 CFR 1006.34(a)(1); 15 USC 1681s-2(a)(7); Credit Reporting
Regulation art. 25; CCA 1974 s86B(2)(a) and (b)."""
DONE = {
    "US-REGF-VALID-5D": ("notices", "validation_notice", "sent_at"),
    "US-FCRA-NEG-NOTICE": ("notices", "negative_info_notice", "sent_at"),
    "UK-NOSIA": ("notices", "notice_of_sums_in_arrears", "sent_at"),
}


def asked(law: str, zone: str, rule: str, facts: Mapping[str, Any], now: datetime) -> list[Duty]:
    whole = {"zones": [{"name": zone, "source": "borrower"}], "public_holidays": (), "stage": "overdue", **facts}
    found = duties_of(get_pack(law), whole, now, vocabulary(), references())
    return [duty for duty in found if rule in (duty.rule, *duty.also) and duty.kind == "duty"]


@pytest.mark.parametrize(("law", "zone", "rule", "facts", "last"), LAST_DAYS)
def test_a_duty_is_in_time_until_its_last_day_is_over_where_the_borrower_is(
    law: str, zone: str, rule: str, facts: Mapping[str, Any], last: str
) -> None:
    end = at(zone, last, "23:59") + MINUTE

    (before,) = asked(law, zone, rule, facts, end - MINUTE)
    (after,) = asked(law, zone, rule, facts, end)

    assert (before.due_on, before.breach) == (date.fromisoformat(last), False)
    assert after.breach


@pytest.mark.parametrize(("law", "zone", "rule", "facts", "last"), [each for each in LAST_DAYS if each[2] in DONE])
def test_what_was_done_in_the_last_minute_there_was_in_time_and_a_minute_later_was_not(
    law: str, zone: str, rule: str, facts: Mapping[str, Any], last: str
) -> None:
    name, kind, field = DONE[rule]
    end = at(zone, last, "23:59") + MINUTE
    now = end + timedelta(days=3)

    in_time = asked(law, zone, rule, {**facts, name: [{"kind": kind, field: end - MINUTE}]}, now)
    late = asked(law, zone, rule, {**facts, name: [{"kind": kind, field: end}]}, now)

    assert [duty for duty in in_time if duty.breach] == []
    assert [duty.breach for duty in late] == [True]
