from datetime import UTC, datetime, timedelta

import pytest

from app.domain.devices import KnownDevice, push_block, seen_since, state_of
from app.domain.reasons import Reason

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
JUST = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("unseen", "state"),
    [
        (timedelta(days=-300), "active"),  # a clock that was set back, or a sandbox
        (timedelta(0), "active"),
        (timedelta(days=30), "active"),
        (timedelta(days=30) + JUST, "rested"),
        (timedelta(days=270), "rested"),
        (timedelta(days=270) + JUST, "gone"),
    ],
)
def test_a_device_that_was_not_seen_for_a_month_rests_and_after_nine_it_is_gone(unseen: timedelta, state: str) -> None:
    assert state_of("active", NOW - unseen, NOW) == state
    assert (NOW - unseen >= seen_since(NOW)) == (state == "active")


@pytest.mark.parametrize("state", ["suspect", "invalid", None])
def test_what_cannot_be_pushed_to_anyway_keeps_its_reason(state: str | None) -> None:
    assert state_of(state, NOW - timedelta(days=400), NOW) == state


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ([], Reason.NO_ENDPOINT),
        ([None], Reason.NO_ENDPOINT),
        (["active"], None),
        (["rested", "active"], None),
        (["rested"], Reason.ENDPOINT_SUSPECT),
        (["rested", "invalid"], Reason.ENDPOINT_SUSPECT),
        (["suspect", "suspect"], Reason.ENDPOINT_SUSPECT),
        (["suspect", "invalid"], Reason.ENDPOINT_INVALID),
        (["gone"], Reason.ENDPOINT_INVALID),
        (["invalid", None], Reason.ENDPOINT_INVALID),
    ],
)
def test_why_nothing_can_be_pushed(states: list[str | None], reason: Reason | None) -> None:
    assert push_block([KnownDevice(None, True, state) for state in states], refused=False) is reason


def test_a_device_that_shows_nothing_is_no_device_to_push_to() -> None:
    silent, shows = KnownDevice(None, False, "active"), KnownDevice(None, True, "active")

    assert push_block([silent], refused=False) is Reason.PUSH_PERMISSION_OFF
    assert push_block([silent, shows], refused=False) is None
    assert push_block([silent, KnownDevice(None, True, "rested")], refused=False) is Reason.PUSH_PERMISSION_OFF
    assert push_block([shows], refused=True) is Reason.CONSENT_WITHDRAWN
