"""Reasons are said strictly: nothing unknown, nothing missing, no empty place."""

from datetime import UTC, date, datetime

import pytest

from app.domain.reasons import Outcome, Reason
from app.wording.reason_words import fill, outcome_words, reason_words

UNTIL = datetime(2026, 3, 10, 0, 0, tzinfo=UTC)


def test_a_known_fact_is_told_on_the_wall_of_the_reader() -> None:
    said = reason_words(Reason.QUIET_HOURS, {"until": UNTIL}, "en", zone="Asia/Shanghai")

    assert said == "Quiet hours where the borrower is until Mar 10, 2026 08:00"


def test_what_is_not_known_leaves_no_gap() -> None:
    assert reason_words("QUIET_HOURS", {}, "zh-Hans-CN") == "借款人所在地处于免打扰时段"


def test_borrowers_are_told_in_their_own_words() -> None:
    assert reason_words(Reason.PAID, {"on": date(2026, 3, 9)}, "en", to="borrower") == (
        "you have paid; thank you for your payment of Mar 9, 2026"
    )
    assert outcome_words(Outcome.DEFERRED, {}, "zh-CN", to="borrower") == "我们会晚些再联系您"


def test_without_a_zone_an_instant_says_that_it_is_utc() -> None:
    assert reason_words(Reason.NOT_DUE_YET, {"until": UNTIL}, "en").endswith("Mar 10, 2026 00:00 UTC")


def test_an_unknown_code_is_an_error() -> None:
    with pytest.raises(KeyError):
        reason_words("NO_SUCH_CODE", {}, "en")


def test_a_fact_the_sentence_must_have_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill("until {until}", {}, "en")


def test_a_code_of_deliveries_is_said_as_well() -> None:
    assert reason_words("KILL_SWITCH", {}, "en") == "An operator has stopped the channel"
